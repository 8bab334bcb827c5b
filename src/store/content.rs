//! What steps made, kept by digest: small contents in the database, together with the rows that name them; others as blobs.
//!
//! A file of a few kilobytes costs an inode, two folders' entries and a flush as a blob, and a row as a row. Who keeps or asks
//! for a content need not know where it lies. Does not know which contents are still needed.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, params};

use super::blob::{self, Restored};
use super::{Result, Store};
use crate::base::digest::Digest;

/// Contents up to this size lie in the database.
const SMALL_BYTES_MAX: u64 = 16 * 1024;

impl Store {
    /// Keeps the contents of files, soon: on disk at the latest when the store is closed, and a small one never later than the
    /// rows that are written after it.
    pub fn keep_files_soon(&self, paths: &[PathBuf]) -> Result<()> {
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for path in paths {
            match read_small(path).map_err(|source| blob::file_error("read", path, source))? {
                Some(bytes) => small.push(bytes),
                None => large.push(path.clone()),
            }
        }
        self.keep_small(&small)?;
        if large.is_empty() { Ok(()) } else { self.blobs.put_files_soon(&large) }
    }

    /// Keeps bytes, as [`Store::keep_files_soon`] does.
    pub fn keep_bytes_soon(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() as u64 <= SMALL_BYTES_MAX {
            return self.keep_small(&[bytes.to_vec()]);
        }
        self.blobs.put(bytes).map(drop)
    }

    fn keep_small(&self, contents: &[Vec<u8>]) -> Result<()> {
        if contents.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = contents.iter().map(|bytes| (Digest::of(bytes), bytes)).collect();
        self.soon(|connection| {
            let sql = "INSERT INTO contents(digest, bytes) VALUES (?1, ?2) ON CONFLICT(digest) DO NOTHING";
            let mut insert = connection.prepare_cached(sql)?;
            rows.iter().try_for_each(|(digest, bytes)| insert.execute(params![digest.0, bytes]).map(drop))
        })
    }

    /// The bytes of a content that is there and whole.
    pub fn content(&self, digest: Digest) -> Result<Option<Vec<u8>>> {
        match self.small(digest)? {
            Some(bytes) => Ok(Some(bytes)),
            None => self.blobs.get(digest),
        }
    }

    /// Whether a content is there and whole.
    pub fn is_whole(&self, digest: Digest) -> Result<bool> {
        Ok(self.small(digest)?.is_some() || self.blobs.verify(digest))
    }

    /// Makes a file what a content says, unless it is that already; its folder is made, what is in its place is replaced.
    pub fn restore(&self, digest: Digest, target: &Path, executable: bool) -> Result<Restored> {
        match self.small(digest)? {
            Some(bytes) => blob::put_in_place(&bytes, digest, target, executable),
            None => self.blobs.restore(digest, target, executable),
        }
    }

    /// All contents with their sizes in bytes, for cleaning up.
    pub fn contents(&self) -> Result<Vec<(Digest, u64)>> {
        let mut all: Vec<(Digest, u64)> = self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT digest, length(bytes) FROM contents")?;
            let row = |row: &rusqlite::Row<'_>| Ok((Digest(row.get(0)?), super::unsigned(row.get(1)?)));
            statement.query_map([], row)?.collect()
        })?;
        let size = |digest: Digest| std::fs::metadata(self.blobs.path(digest)).map_or(0, |metadata| metadata.len());
        all.extend(self.blobs.list().into_iter().map(|digest| (digest, size(digest))));
        all.sort_unstable();
        all.dedup_by_key(|(digest, _)| *digest);
        Ok(all)
    }

    /// Forgets a content; one that is gone is no error.
    pub fn remove_content(&self, digest: Digest) -> Result<()> {
        self.soon(|connection| {
            connection.prepare_cached("DELETE FROM contents WHERE digest = ?1")?.execute([digest.0]).map(drop)
        })?;
        self.blobs.remove(digest)
    }

    /// A small content; one that is not what its name says counts as missing, and is forgotten.
    fn small(&self, digest: Digest) -> Result<Option<Vec<u8>>> {
        let found: Option<Vec<u8>> = self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT bytes FROM contents WHERE digest = ?1")?;
            statement.query_row([digest.0], |row| row.get(0)).optional()
        })?;
        match found {
            Some(bytes) if Digest::of(&bytes) != digest => {
                if self.writable {
                    self.remove_content(digest)?;
                }
                Ok(None)
            }
            found => Ok(found),
        }
    }
}

/// A file's bytes, unless it is large.
fn read_small(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    // Room for all that may come, or it is read in many small pieces.
    let mut bytes = Vec::with_capacity(SMALL_BYTES_MAX as usize + 1);
    // One byte more than may be: who writes to it meanwhile may make it larger than it was.
    let read = file.take(SMALL_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok((read as u64 <= SMALL_BYTES_MAX).then_some(bytes))
}

#[cfg(test)]
mod tests {
    use super::{Restored, SMALL_BYTES_MAX, Store};
    use crate::base::digest::Digest;

    #[test]
    fn small_and_large_contents_come_back_alike() {
        let folder = tempfile::tempdir().expect("a folder");
        let sizes = [0, 1, SMALL_BYTES_MAX as usize, SMALL_BYTES_MAX as usize + 1, 300_000];
        let contents = sizes.map(|size| vec![7_u8; size]);
        let paths: Vec<_> = (0..sizes.len()).map(|place| folder.path().join(format!("f{place}"))).collect();
        for (path, bytes) in paths.iter().zip(&contents) {
            std::fs::write(path, bytes).expect("a file");
        }
        let dir = folder.path().join("state");
        let (store, _) = Store::open(&dir).expect("a store");
        store.keep_files_soon(&paths).expect("kept");
        store.keep_bytes_soon(b"a link's target").expect("kept");
        store.close().expect("closed");
        let (store, _) = Store::open(&dir).expect("a store");
        for bytes in &contents {
            let digest = Digest::of(bytes);
            assert!(store.is_whole(digest).expect("an answer"));
            assert_eq!(store.content(digest).expect("an answer").as_ref(), Some(bytes));
            let target = folder.path().join("back/here");
            assert_eq!(store.restore(digest, &target, false).expect("restored"), Restored::Written);
            assert_eq!(store.restore(digest, &target, true).expect("restored"), Restored::Identical);
            assert_eq!(&std::fs::read(&target).expect("a file"), bytes);
        }
        assert_eq!(store.contents().expect("a list").len(), sizes.len() + 1);
        assert_eq!(store.blobs.list().len(), 2);
        for (digest, _) in store.contents().expect("a list") {
            store.remove_content(digest).expect("removed");
            assert_eq!(
                store.restore(digest, &folder.path().join("gone"), false).expect("an answer"),
                Restored::Missing
            );
        }
        assert!(store.contents().expect("a list").is_empty());
    }

    #[test]
    fn a_small_content_that_was_changed_is_a_miss() {
        let folder = tempfile::tempdir().expect("a folder");
        let (store, _) = Store::open(folder.path()).expect("a store");
        store.keep_bytes_soon(b"right").expect("kept");
        let digest = Digest::of(b"right");
        let spoil = "UPDATE contents SET bytes = x'00'";
        store.with(|connection| connection.execute(spoil, [])).expect("spoiled");
        assert!(!store.is_whole(digest).expect("an answer"));
        store.keep_bytes_soon(b"right").expect("kept");
        assert_eq!(store.content(digest).expect("an answer"), Some(b"right".to_vec()));
    }
}
