//! Contents by digest: `blobs/aa/…`, each written once, looked over whenever it is read.
//!
//! A blob that is missing, or is not what its name says, is a miss. Whether a file is executable is the record's
//! business. Does not know which blobs are still needed.

use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;
use tempfile::NamedTempFile;

use super::{Result, StoreError};
use crate::base::digest::Digest;

/// Bytes moved at once.
const COPY_BYTES: usize = 64 * 1024;

/// Blobs up to this number are put on disk one by one; more of them with one request for the file system.
const FILES_SYNCED_ALONE_MAX: usize = 64;

/// What restoring came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// It was there already; not a byte was written.
    Identical,
    /// It was written.
    Written,
    /// There is no such blob, or not any more.
    Missing,
}

/// The blobs of one project.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: PathBuf,
    writable: bool,
    /// Blobs that were written and perhaps are not on disk yet.
    unsettled: Arc<Mutex<BTreeSet<Digest>>>,
}

impl Blobs {
    pub(super) fn new(dir: &Path, writable: bool) -> Self {
        Self { folder: dir.join("blobs"), writable, unsettled: Arc::default() }
    }

    /// Where a blob lies, if it does.
    pub fn path(&self, digest: Digest) -> PathBuf {
        let hex = digest.hex();
        self.folder.join(&hex[..2]).join(&hex[2..])
    }

    /// Whether a blob is there and whole.
    pub fn verify(&self, digest: Digest) -> bool {
        matches!(self.copy(digest, &mut io::sink()), Ok(true))
    }

    /// Keeps bytes.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        if !self.is_stored(digest, bytes.len() as u64) {
            let (mut file, _) = self.temporary()?;
            file.write_all(bytes).map_err(|source| self.error("write", source))?;
            self.publish(file, digest)?;
            self.settle(&[digest])?;
        }
        Ok(digest)
    }

    /// Keeps files; they are on disk at the latest after [`Blobs::settle_all`].
    pub fn put_files_soon(&self, paths: &[PathBuf]) -> Result<()> {
        let digests: Vec<Option<Digest>> = paths.par_iter().map(|path| self.take_in(path)).collect::<Result<_>>()?;
        self.lock().extend(digests.into_iter().flatten());
        Ok(())
    }

    /// Sees to it that all blobs are on disk: a few one by one, many with one request for the file system.
    pub fn settle_all(&self) -> Result<()> {
        let digests: Vec<Digest> = std::mem::take(&mut *self.lock()).into_iter().collect();
        if digests.is_empty() {
            return Ok(());
        }
        if cfg!(target_os = "linux") && digests.len() > FILES_SYNCED_ALONE_MAX {
            let sync = File::open(&self.folder).and_then(|folder| sync_file_system(&folder));
            return sync.map_err(|source| self.error("write", source));
        }
        let sync = |digest: &Digest| match File::open(self.path(*digest)) {
            // Who cleans up meanwhile takes what nobody needs.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            file => file.and_then(|file| file.sync_all()),
        };
        digests.par_iter().try_for_each(sync).map_err(|source| self.error("write", source))?;
        self.settle(&digests)
    }

    /// A blob's bytes.
    pub fn get(&self, digest: Digest) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        Ok(self.copy(digest, &mut bytes)?.then_some(bytes))
    }

    /// Makes a file what a blob says, unless it is that already; its folder is made, what is in its place is replaced.
    pub fn restore(&self, digest: Digest, target: &Path, executable: bool) -> Result<Restored> {
        let size = std::fs::metadata(self.path(digest)).map(|metadata| metadata.len()).ok();
        replace(digest, size, target, executable, |file| self.copy(digest, file))
    }

    /// Every blob that is there, for cleaning up.
    pub fn list(&self) -> Vec<Digest> {
        let below = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut digests: Vec<Digest> = below(&self.folder)
            .flat_map(|outer| below(&outer.path()).map(move |inner| (outer.file_name(), inner.file_name())))
            .filter_map(|(outer, inner)| Digest::from_hex(&format!("{}{}", outer.to_str()?, inner.to_str()?)))
            .collect();
        digests.sort();
        digests
    }

    /// Removes a blob; one that is gone is no error.
    pub fn remove(&self, digest: Digest) -> Result<()> {
        let path = self.path(digest);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => Err(file_error("remove", &path, source)),
            _ => Ok(()),
        }
    }

    /// Removes what a process that died was writing.
    pub(super) fn remove_leftovers(&self) {
        let _ = std::fs::remove_dir_all(self.incoming());
    }

    fn incoming(&self) -> PathBuf {
        self.folder.join("incoming")
    }

    fn temporary(&self) -> Result<(NamedTempFile, PathBuf)> {
        let folder = self.incoming();
        let made = std::fs::create_dir_all(&folder).and_then(|()| NamedTempFile::new_in(&folder));
        made.map(|file| (file, folder)).map_err(|source| self.error("write", source))
    }

    /// Copies a file in; `None` where it is there already.
    fn take_in(&self, path: &Path) -> Result<Option<Digest>> {
        let mut source = File::open(path).map_err(|source| file_error("read", path, source))?;
        let (mut file, _) = self.temporary()?;
        let copied = pour(&mut source, file.as_file_mut()).map_err(|source| file_error("copy", path, source));
        let (digest, size) = copied?;
        if self.is_stored(digest, size) {
            return Ok(None);
        }
        self.prepare(&file, digest)?;
        let target = self.path(digest);
        file.persist(&target).map_err(|error| file_error("write", &target, error.error))?;
        Ok(Some(digest))
    }

    /// A blob of another size was cut off and is written anew.
    fn is_stored(&self, digest: Digest, size: u64) -> bool {
        std::fs::metadata(self.path(digest)).is_ok_and(|metadata| metadata.is_file() && metadata.len() == size)
    }

    fn publish(&self, file: NamedTempFile, digest: Digest) -> Result<()> {
        self.prepare(&file, digest)?;
        let path = self.path(digest);
        let publish = || -> io::Result<()> {
            file.as_file().sync_all()?;
            file.persist(&path).map(drop).map_err(|error| error.error)
        };
        publish().map_err(|source| file_error("write", &path, source))
    }

    /// Its folder and its mode.
    fn prepare(&self, file: &NamedTempFile, digest: Digest) -> Result<()> {
        let path = self.path(digest);
        let folder = path.parent().expect("BUG: a blob lies in a folder");
        let prepared = std::fs::create_dir_all(folder)
            .and_then(|()| file.as_file().set_permissions(Permissions::from_mode(0o444)));
        prepared.map_err(|source| file_error("write", &path, source))
    }

    /// Makes the names of blobs as durable as their contents.
    fn settle(&self, digests: &[Digest]) -> Result<()> {
        let mut folders: Vec<u8> = digests.iter().map(|digest| digest.0[0]).collect();
        folders.sort_unstable();
        folders.dedup();
        let mut paths: Vec<PathBuf> = folders.iter().map(|byte| self.folder.join(format!("{byte:02x}"))).collect();
        paths.push(self.folder.clone());
        let sync = |path: &PathBuf| File::open(path).and_then(|folder| folder.sync_all());
        paths.par_iter().try_for_each(sync).map_err(|source| self.error("write", source))
    }

    /// Copies a blob out; `false` where it is missing, or is not what its name says. Such a one is removed.
    fn copy(&self, digest: Digest, target: &mut impl Write) -> Result<bool> {
        let path = self.path(digest);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(source) => return Err(file_error("read", &path, source)),
        };
        let (found, _) = pour(&mut file, target).map_err(|source| file_error("copy", &path, source))?;
        if found == digest {
            return Ok(true);
        }
        if self.writable {
            self.remove(digest)?;
        }
        Ok(false)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Digest>> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, action: &'static str, source: io::Error) -> StoreError {
        file_error(action, &self.folder, source)
    }
}

/// Makes a file what a content says, as [`Blobs::restore`] does.
pub(super) fn put_in_place(bytes: &[u8], digest: Digest, target: &Path, executable: bool) -> Result<Restored> {
    let size = Some(bytes.len() as u64);
    replace(digest, size, target, executable, |file| {
        file.write_all(bytes).map(|()| true).map_err(|source| file_error("write", target, source))
    })
}

/// Puts a file in the place of another, unless that is identical; `write` says whether there was anything to write.
fn replace(
    digest: Digest,
    size: Option<u64>,
    target: &Path,
    executable: bool,
    write: impl FnOnce(&mut File) -> Result<bool>,
) -> Result<Restored> {
    let mode = if executable { 0o755 } else { 0o644 };
    if is_identical(digest, size, target) {
        set_executable(target, executable).map_err(|source| file_error("change", target, source))?;
        return Ok(Restored::Identical);
    }
    if size.is_none() {
        return Ok(Restored::Missing);
    }
    let folder = target.parent().unwrap_or(Path::new("."));
    let temporary = || -> io::Result<NamedTempFile> {
        std::fs::create_dir_all(folder)?;
        tempfile::Builder::new().prefix(".pl-").tempfile_in(folder)
    };
    let mut file = temporary().map_err(|source| file_error("write", target, source))?;
    if !write(file.as_file_mut())? {
        return Ok(Restored::Missing);
    }
    let publish = || -> io::Result<()> {
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.persist(target).map(drop).map_err(|error| error.error)
    };
    publish().map_err(|source| file_error("write", target, source))?;
    Ok(Restored::Written)
}

/// `size` of the content, where that is known.
fn is_identical(digest: Digest, size: Option<u64>, target: &Path) -> bool {
    let found = std::fs::symlink_metadata(target);
    let fits = found.is_ok_and(|metadata| metadata.is_file() && size.is_none_or(|size| metadata.len() == size));
    fits && crate::system::file_hash::hash_file(target).is_ok_and(|found| found == digest)
}

/// Puts all that was written on disk with one request; one for each of thousands of files takes seconds.
#[cfg(target_os = "linux")]
fn sync_file_system(folder: &File) -> io::Result<()> {
    rustix::fs::syncfs(folder).map_err(io::Error::from)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_folder: &File) -> io::Result<()> {
    Ok(())
}

/// Copies and digests in one go.
fn pour(source: &mut impl Read, target: &mut impl Write) -> io::Result<(Digest, u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = [0_u8; COPY_BYTES];
    let mut size = 0;
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok((Digest(*hasher.finalize().as_bytes()), size)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                target.write_all(&buffer[..count])?;
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Changes the executable bits alone, and only where the owner's is wrong.
fn set_executable(path: &Path, executable: bool) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    if (mode & 0o100 != 0) == executable {
        return Ok(());
    }
    let wanted = if executable { mode | 0o111 } else { mode & !0o111 };
    std::fs::set_permissions(path, Permissions::from_mode(wanted))
}

pub(super) fn file_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::File { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::{Blobs, Restored};
    use crate::base::digest::Digest;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let folder = tempfile::tempdir().expect("a folder");
        let blobs = Blobs::new(folder.path(), true);
        (folder, blobs)
    }

    #[test]
    fn what_was_kept_comes_back() {
        let (folder, blobs) = blobs();
        let file = folder.path().join("a");
        let content = vec![9_u8; 150_000];
        std::fs::write(&file, &content).expect("a file");
        blobs.put_files_soon(&[file.clone(), file]).expect("kept");
        blobs.settle_all().expect("on disk");
        let digests = [Digest::of(&content)];
        let small = blobs.put(b"small").expect("kept");
        assert_eq!(blobs.get(small).expect("read"), Some(b"small".to_vec()));
        assert_eq!(blobs.get(digests[0]).expect("read"), Some(content));
        assert_eq!(blobs.get(Digest::of(b"other")).expect("read"), None);
        let mut expected = vec![digests[0], small];
        expected.sort();
        assert_eq!(blobs.list(), expected);
        let left: Vec<_> = std::fs::read_dir(blobs.incoming()).expect("a folder").collect();
        assert!(left.is_empty());
    }

    #[test]
    fn a_changed_blob_is_a_miss_and_is_written_again() {
        let (_folder, blobs) = blobs();
        let digest = blobs.put(b"right").expect("kept");
        let path = blobs.path(digest);
        let spoil = |content: &str| {
            std::fs::remove_file(&path).expect("removed");
            std::fs::write(&path, content).expect("spoiled");
        };
        spoil("wrong");
        assert!(blobs.path(digest).is_file());
        assert!(!blobs.verify(digest));
        assert_eq!(blobs.put(b"right").expect("kept"), digest);
        assert!(blobs.verify(digest));
        spoil("cut");
        blobs.put(b"right").expect("kept");
        assert!(blobs.verify(digest));
        let reader = Blobs { writable: false, ..blobs.clone() };
        spoil("wrong");
        assert_eq!(reader.get(digest).expect("read"), None);
        assert!(path.exists());
    }

    #[test]
    fn identical_bytes_are_not_rewritten() {
        let (folder, blobs) = blobs();
        let digest = blobs.put(b"content").expect("kept");
        let target = folder.path().join("out/deep/file");
        let restore = |executable| blobs.restore(digest, &target, executable).expect("restored");
        let inode = || std::fs::symlink_metadata(&target).expect("stat").ino();
        let mode = || std::fs::symlink_metadata(&target).expect("stat").permissions().mode() & 0o777;
        assert_eq!(restore(false), Restored::Written);
        let first = inode();
        assert_eq!(restore(true), Restored::Identical);
        assert_eq!((inode(), mode()), (first, 0o755));
        std::fs::write(&target, "CONTENT").expect("changed");
        assert_eq!(restore(false), Restored::Written);
        assert_eq!((std::fs::read(&target).expect("read"), mode()), (b"content".to_vec(), 0o644));
        let elsewhere = folder.path().join("elsewhere");
        std::fs::rename(&target, &elsewhere).expect("moved");
        symlink(&elsewhere, &target).expect("a link");
        assert_eq!(restore(false), Restored::Written);
        assert!(std::fs::symlink_metadata(&target).expect("stat").is_file());
        blobs.remove(digest).expect("removed");
        assert_eq!(restore(false), Restored::Identical);
        std::fs::remove_file(&target).expect("removed");
        assert_eq!(restore(false), Restored::Missing);
        let left: Vec<PathBuf> =
            std::fs::read_dir(folder.path().join("out/deep")).expect("list").map(|e| e.expect("e").path()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
