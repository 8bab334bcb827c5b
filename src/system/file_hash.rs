//! Digests of files, with a memory of what was hashed before.
//!
//! A remembered digest stands for a file as long as its stat is equal, and was only remembered where that cannot be
//! racy: the file's ctime lay before the mark (the file system's own "now", taken before the file was read), so any
//! later change gets another ctime. Does not know where the memory is kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::Stat;
use super::paths::PathMap;
use super::profile::{Category, Profile};
use super::sight::{Noted, Sights};
use crate::base::digest::Digest;

/// Bytes read from a file at once.
const READ_BYTES: usize = 64 * 1024;

/// Digests of files by path and stat.
#[derive(Debug)]
pub struct HashCache {
    known: HashMap<PathBuf, (Stat, Digest)>,
    learned: Mutex<PathMap<Noted>>,
    /// Where what was learned is now.
    handed_over: OnceLock<Arc<Sights>>,
    mark_ns: AtomicI64,
    hashed: AtomicU64,
    profile: Profile,
}

impl HashCache {
    /// Starts from what is known; without a mark ([`HashCache::mark`]) nothing new is learned.
    pub fn new(known: HashMap<PathBuf, (Stat, Digest)>) -> Self {
        Self {
            known,
            learned: Mutex::default(),
            handed_over: OnceLock::new(),
            mark_ns: AtomicI64::new(i64::MIN),
            hashed: AtomicU64::new(0),
            profile: Profile::default(),
        }
    }

    /// The same, with a note of every file that is read.
    pub fn profiled(self, profile: &Profile) -> Self {
        Self { profile: profile.clone(), ..self }
    }

    /// Sets "now" to what [`file_system_now`] said; files whose ctime is not older are not learned.
    pub fn mark(&self, now_ns: i64) {
        self.mark_ns.fetch_max(now_ns, Ordering::Relaxed);
    }

    /// The digest of a regular file whose stat was just taken.
    pub fn digest(&self, path: &Path, stat: &Stat) -> io::Result<Digest> {
        if let Some(digest) = self.remembered(path, stat) {
            return Ok(digest);
        }
        let mark_ns = self.mark_ns.load(Ordering::Relaxed);
        let digest = {
            let _span = self.profile.span(Category::Hash, || path.to_string_lossy());
            hash_file(path)?
        };
        self.hashed.fetch_add(1, Ordering::Relaxed);
        let after = Stat::of(&std::fs::metadata(path)?);
        if after == *stat && stat.is_older_than(mark_ns) {
            self.lock().insert(path, Noted::known(stat, digest));
        }
        Ok(digest)
    }

    /// Tells what was learned since the start, to be kept; nothing is learned meanwhile.
    pub fn each_learned<E>(&self, mut tell: impl FnMut(&Path, &Stat, &Digest) -> Result<(), E>) -> Result<(), E> {
        let learned = self.lock();
        let mut known = learned.iter().filter_map(|(path, known)| Some((path, known.itself?, known.content?)));
        known.try_for_each(|(path, stat, digest)| tell(&path, &stat, &digest))
    }

    /// Gives what was learned to notes that are begun with it, so that it is not held twice; `sights` is asked for it from now on.
    pub fn hand_over(&self, sights: &Arc<Sights>) -> PathMap<Noted> {
        self.handed_over.get_or_init(|| Arc::clone(sights));
        std::mem::take(&mut self.lock())
    }

    /// Whether anything was.
    pub fn has_learned(&self) -> bool {
        !self.lock().is_empty()
    }

    /// All that is known now, to start from again.
    pub fn into_known(self) -> HashMap<PathBuf, (Stat, Digest)> {
        let mut known = self.known;
        let learned = self.learned.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.extend(learned.iter().filter_map(|(path, known)| Some((path, (known.itself?, known.content?)))));
        known
    }

    /// Files that were read.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    fn remembered(&self, path: &Path, stat: &Stat) -> Option<Digest> {
        let known = self.known.get(path).filter(|(known, _)| known == stat).map(|(_, digest)| *digest);
        let learned = || self.lock().get(path).and_then(|known| known.content_of(stat));
        known.or_else(learned).or_else(|| self.handed_over.get()?.content(path, stat))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, PathMap<Noted>> {
        self.learned.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The file system's idea of now: the mtime of a file just written in a folder, in nanoseconds since the epoch.
pub fn file_system_now(folder: &Path) -> io::Result<i64> {
    let mut file = tempfile::tempfile_in(folder)?;
    io::Write::write_all(&mut file, b"now")?;
    Ok(Stat::of(&file.metadata()?).mtime_ns)
}

/// How long the file system's clock is waited for to tick, in tries of a few microseconds each.
const TICK_TRIES_MAX: usize = 100_000;

/// The file system's "now" as soon as it is another one than at first: what was changed before the call can be told from
/// what is changed afterwards. Errors: the folder cannot be written, or its clock stands still.
pub fn file_system_tick(folder: &Path) -> io::Result<i64> {
    let mut file = tempfile::tempfile_in(folder)?;
    let mut now = || {
        io::Write::write_all(&mut file, b"now")?;
        io::Seek::rewind(&mut file)?;
        Ok::<_, io::Error>(Stat::of(&file.metadata()?).mtime_ns)
    };
    let first = now()?;
    for _ in 0..TICK_TRIES_MAX {
        let next = now()?;
        if next > first {
            return Ok(next);
        }
        std::thread::yield_now();
    }
    Err(io::Error::other("the file system's clock stands still"))
}

/// Digests a file's content.
pub fn hash_file(path: &Path) -> io::Result<Digest> {
    // Made once a thread: most files are far smaller, and to clear it for each would cost more than to read them.
    thread_local!(static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize(READ_BYTES, 0);
        hash_with(path, buffer)
    })
}

fn hash_with(path: &Path, buffer: &mut [u8]) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok(Digest(*hasher.finalize().as_bytes())),
            Ok(count) => drop(hasher.update(&buffer[..count])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;

    use super::{HashCache, file_system_now, hash_file};
    use crate::base::digest::Digest;
    use crate::system::Stat;

    fn stat(path: &Path) -> Stat {
        Stat::of(&std::fs::metadata(path).expect("stat"))
    }

    #[test]
    fn a_file_as_new_as_now_is_not_trusted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "one").expect("a");
        let cache = HashCache::new(HashMap::new());
        cache.mark(stat(&path).ctime_ns);
        cache.digest(&path, &stat(&path)).expect("a digest");
        assert!(!cache.has_learned());
        cache.mark(stat(&path).ctime_ns + 1);
        cache.digest(&path, &stat(&path)).expect("a digest");
        let mut learned = Vec::new();
        cache
            .each_learned(|path, stat, digest| {
                learned.push((path.to_owned(), *stat, *digest));
                Ok::<_, ()>(())
            })
            .expect("no error");
        assert_eq!(learned, [(path.clone(), stat(&path), Digest::of(b"one"))]);
        assert_eq!(cache.hashed(), 2);
        cache.digest(&path, &stat(&path)).expect("a digest");
        assert_eq!(cache.hashed(), 2);
    }

    #[test]
    fn an_mtime_set_back_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        std::fs::write(&path, "one").expect("a");
        let old = stat(&path);
        let cache = HashCache::new(HashMap::from([(path.clone(), (old, Digest::of(b"one")))]));
        assert_eq!(cache.digest(&path, &old).expect("a digest"), Digest::of(b"one"));
        assert_eq!(cache.hashed(), 0);
        // The clock that stamps files ticks every few milliseconds: write until it has moved.
        while stat(&path).ctime_ns == old.ctime_ns {
            std::fs::write(&path, "two").expect("a");
        }
        let file = std::fs::File::options().write(true).open(&path).expect("open");
        let mtime = std::time::UNIX_EPOCH + std::time::Duration::from_nanos(old.mtime_ns.unsigned_abs());
        file.set_modified(mtime).expect("mtime");
        assert_eq!(stat(&path).mtime_ns, old.mtime_ns);
        assert_eq!(cache.digest(&path, &stat(&path)).expect("a digest"), Digest::of(b"two"));
    }

    #[test]
    fn now_is_not_before_what_was_written_before() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a");
        let content = vec![7_u8; 200_000];
        std::fs::write(&path, &content).expect("a");
        assert!(file_system_now(folder.path()).expect("now") >= stat(&path).mtime_ns);
        assert_eq!(hash_file(&path).expect("digest"), Digest::of(&content));
        assert_eq!(std::fs::read_dir(folder.path()).expect("list").count(), 1);
    }
}
