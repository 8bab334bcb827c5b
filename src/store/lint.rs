//! What `pl lint` knows of files it judged before: one flat file below `.pl`, read and written whole.
//!
//! Beside the database, so that a lint neither waits for a build nor holds one up. A hint like any other: what cannot be read
//! is forgotten, and of two lints at a time the later one's knowledge stays. Does not know what a finding is.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::hash::{BuildHasherDefault, Hasher};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use super::{Result, StoreError};
use crate::base::digest::Digest;
use crate::system::{Kind, Stat};

/// The file's name below `.pl`.
const NAME: &str = "lint";

/// Another number is another layout.
const LAYOUT: u32 = 2;

/// Answers beyond this many are dropped, but for those of the newest lint.
const ANSWERS_MAX: usize = 400_000;

/// Bytes of the checksum at the file's beginning.
const CHECKSUM_BYTES: usize = 32;

/// Digests of files by path and stat.
pub type Stats = HashMap<PathBuf, (Stat, Digest)>;

/// What was said, by key.
pub type Answers = HashMap<Digest, Vec<u8>, BuildHasherDefault<FirstBytes>>;

/// A digest is as even as any hash of it would be.
#[derive(Debug, Default)]
pub struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        // Of a digest come its length and then its bytes.
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What is known.
#[derive(Debug, Default)]
pub struct LintMemory {
    /// Digests of files.
    pub stats: Stats,
    /// What was said; nothing is as good an answer as any.
    pub answers: Answers,
}

#[derive(Serialize, Deserialize)]
struct Layout<'b> {
    layout: u32,
    #[serde(borrow)]
    stats: Vec<StatRow<'b>>,
    #[serde(borrow)]
    answers: Vec<(Bytes<'b>, Bytes<'b>)>,
}

/// Bytes that are taken over as a whole; one by one they take longer than all else.
#[derive(Deserialize)]
struct Bytes<'b>(&'b [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl Bytes<'_> {
    fn digest(&self) -> Option<Digest> {
        self.0.try_into().ok().map(Digest)
    }
}

#[derive(Serialize, Deserialize)]
struct StatRow<'b> {
    #[serde(borrow)]
    path: Bytes<'b>,
    size: u64,
    mtime_ns: i64,
    ctime_ns: i64,
    inode: u64,
    device: u64,
    mode: u32,
    #[serde(borrow)]
    digest: Bytes<'b>,
}

impl LintMemory {
    /// Reads what is known; what is not whole is nothing.
    pub fn read(dir: &Path) -> Self {
        std::fs::read(dir.join(NAME)).ok().and_then(|bytes| Self::decode(&bytes)).unwrap_or_default()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (checksum, body) = bytes.split_at_checked(CHECKSUM_BYTES)?;
        if Digest::of(body).0 != checksum {
            return None;
        }
        let layout: Layout<'_> =
            postcard::from_bytes(body).ok().filter(|layout: &Layout<'_>| layout.layout == LAYOUT)?;
        let stats = layout.stats.into_iter().map(|row| {
            let StatRow { path, size, mtime_ns, ctime_ns, inode, device, mode, digest } = row;
            let stat = Stat { kind: Kind::File, size, mtime_ns, ctime_ns, inode, device, mode };
            Some((PathBuf::from(OsStr::from_bytes(path.0)), (stat, digest.digest()?)))
        });
        let answers = layout.answers.into_iter().map(|(key, answer)| Some((key.digest()?, answer.0.to_vec())));
        // Taking it apart leaves two halves that know nothing of each other.
        let (stats, answers) = rayon::join(|| stats.collect::<Option<_>>(), || answers.collect::<Option<_>>());
        Some(Self { stats: stats?, answers: answers? })
    }

    /// Writes it in the place of what was there. `used` are the keys of the newest lint, which stay where there are too many.
    pub fn write(mut self, dir: &Path, used: &[Digest]) -> Result<()> {
        if self.answers.len() > ANSWERS_MAX {
            let used: HashSet<&Digest> = used.iter().collect();
            self.answers.retain(|key, _| used.contains(key));
        }
        fn row<'b>((path, (stat, digest)): (&'b PathBuf, &'b (Stat, Digest))) -> StatRow<'b> {
            StatRow {
                path: Bytes(path.as_os_str().as_bytes()),
                size: stat.size,
                mtime_ns: stat.mtime_ns,
                ctime_ns: stat.ctime_ns,
                inode: stat.inode,
                device: stat.device,
                mode: stat.mode,
                digest: Bytes(&digest.0),
            }
        }
        let answers = self.answers.iter().map(|(key, answer)| (Bytes(&key.0), Bytes(answer)));
        let layout = Layout { layout: LAYOUT, stats: self.stats.iter().map(row).collect(), answers: answers.collect() };
        let path = dir.join(NAME);
        let failed = |source| StoreError::File { action: "write", path: path.clone(), source };
        let body = postcard::to_stdvec(&layout).map_err(|error| failed(std::io::Error::other(error)))?;
        let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
        file.write_all(&Digest::of(&body).0).and_then(|()| file.write_all(&body)).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{LintMemory, NAME};
    use crate::base::digest::Digest;
    use crate::system::Stat;

    #[test]
    fn what_is_damaged_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        let stat = Stat::of(&std::fs::symlink_metadata(std::env::current_exe().expect("a file")).expect("a stat"));
        let key = Digest::of(b"key");
        let mut memory = LintMemory::read(dir);
        assert!(memory.stats.is_empty() && memory.answers.is_empty());
        memory.stats.insert("a".into(), (stat, key));
        memory.answers.insert(key, b"said".to_vec());
        memory.write(dir, &[]).expect("written");
        let again = LintMemory::read(dir);
        assert_eq!(
            (again.stats.get("a".as_ref() as &std::path::Path), again.answers.get(&key)),
            (Some(&(stat, key)), Some(&b"said".to_vec()))
        );
        let mut bytes = std::fs::read(dir.join(NAME)).expect("bytes");
        for at in [0, 40, bytes.len() - 1] {
            bytes[at] ^= 1;
            std::fs::write(dir.join(NAME), &bytes).expect("written");
            assert!(LintMemory::read(dir).answers.is_empty());
            bytes[at] ^= 1;
        }
        std::fs::write(dir.join(NAME), &bytes[..bytes.len() - 1]).expect("written");
        assert!(LintMemory::read(dir).answers.is_empty());
    }
}
