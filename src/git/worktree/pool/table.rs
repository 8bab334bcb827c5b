//! How an idle worktree was left, as bytes: written when a process ends, believed by the next on the same boot.
//!
//! After a crash of the machine files may hold what was never written to them, under times that look right; so a table
//! names the boot it was written in, and none is believed from another. Damage is seen by a digest. Knows no pool.

use crate::base::digest::Digest;
use crate::git::object::{BlobId, TreeId};
use crate::git::stats::{FileStat, Row, Stats};

/// Begins a table; another layout gets another number.
const MAGIC: &[u8; 16] = b"pl worktree 2\n\0\0";
/// Changes with each start of the machine.
const BOOT_FILE: &str = "/proc/sys/kernel/random/boot_id";
const ID_BYTES: usize = 20;
/// Enough of a table for [`tree`].
pub(super) const HEAD_BYTES: u64 = 256;
const DIGEST_BYTES: usize = 32;

/// How an idle worktree was left.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// What it holds.
    pub(super) tree: TreeId,
    /// Its own folder.
    pub(super) root: FileStat,
    /// All below it, folders and gitlinks (which are folders) too; what cannot be told from what others did then is not `own`.
    pub(super) stats: Stats,
}

/// The table of a worktree.
pub(super) fn encode(left: &Left) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(boot().unwrap_or_default());
    bytes.extend(left.tree.0.as_slice());
    put_stat(&mut bytes, &left.root);
    for row in left.stats.rows() {
        bytes.extend((row.path.len() as u64).to_le_bytes());
        bytes.extend(row.path);
        put_stat(&mut bytes, &row.stat);
        bytes.push(u8::from(row.own) | u8::from(row.id.is_some()) << 1);
        if let Some(id) = row.id {
            bytes.extend(id.0.as_slice());
        }
    }
    let digest = Digest::of(&bytes);
    bytes.extend(digest.0);
    bytes
}

fn put_stat(bytes: &mut Vec<u8>, stat: &FileStat) {
    let FileStat { size, mtime, ctime, inode, device, mode, links, user, group } = *stat;
    let times = [mtime.0, mtime.1, ctime.0, ctime.1].map(i64::cast_unsigned);
    let narrow = [u64::from(mode) << 32 | u64::from(user), u64::from(group)];
    for word in [size, inode, device, links].into_iter().chain(times).chain(narrow) {
        bytes.extend(word.to_le_bytes());
    }
}

/// The tree that a table names, without looking at the rest; `None` where it is of another boot or kind.
pub(super) fn tree(bytes: &[u8]) -> Option<TreeId> {
    Reader::begin(bytes)?.id().map(TreeId)
}

/// A whole table of this boot.
pub(super) fn decode(bytes: &[u8]) -> Option<Left> {
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST_BYTES)?)?;
    let (is_whole, left) = rayon::join(|| Digest::of(body).0 == digest, || read(body));
    left.filter(|_| is_whole)
}

fn read(body: &[u8]) -> Option<Left> {
    let mut reader = Reader::begin(body)?;
    let tree = TreeId(reader.id()?);
    let root = reader.stat()?;
    let mut stats = Stats::default();
    while !reader.rest.is_empty() {
        let length = usize::try_from(reader.word()?).ok()?;
        let path = reader.take(length)?;
        let stat = reader.stat()?;
        let flags = *reader.take(1)?.first()?;
        let id = if flags & 2 == 0 { None } else { Some(BlobId(reader.id()?)) };
        stats.push(Row { path, stat, id, own: flags & 1 != 0 });
    }
    Some(Left { tree, root, stats })
}

/// This start of the machine; `None` where it has no name.
fn boot() -> Option<[u8; DIGEST_BYTES]> {
    std::fs::read(BOOT_FILE).ok().map(|bytes| Digest::of(&bytes).0)
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn begin(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&boot()?)?;
        Some(Self { rest })
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn word(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn id(&mut self) -> Option<gix::ObjectId> {
        self.take(ID_BYTES)?.try_into().ok()
    }

    fn stat(&mut self) -> Option<FileStat> {
        let mut words = [0; 10];
        for word in &mut words {
            *word = self.word()?;
        }
        let [size, inode, device, links, mtime, mtime_ns, ctime, ctime_ns, mode_user, group] = words;
        let time = |seconds: u64, nanoseconds: u64| (seconds.cast_signed(), nanoseconds.cast_signed());
        let low = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or_default();
        Some(FileStat {
            size,
            mtime: time(mtime, mtime_ns),
            ctime: time(ctime, ctime_ns),
            inode,
            device,
            mode: low(mode_user >> 32),
            links,
            user: low(mode_user),
            group: low(group),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Left, decode, encode, tree};
    use crate::git::object::{BlobId, TreeId};
    use crate::git::stats::{FileStat, Row, Stats};

    fn left() -> Left {
        let dir = tempfile::tempdir().unwrap();
        let stat = FileStat::of(&dir.path().symlink_metadata().unwrap());
        let id = gix::ObjectId::empty_tree(gix::hash::Kind::Sha1);
        let row = |path: &'static str, id, own| Row { path: path.as_bytes(), stat, id, own };
        let rows = [row("a", Some(BlobId(id)), true), row("b", None, true), row("b/c\nd", Some(BlobId(id)), false)];
        Left { tree: TreeId(id), root: stat, stats: Stats::of(rows) }
    }

    #[test]
    fn a_table_says_what_was_written() {
        let left = left();
        let bytes = encode(&left);
        assert_eq!((tree(&bytes), decode(&bytes)), (Some(left.tree), Some(left)));
    }

    #[test]
    fn damage_is_seen_and_another_boot_too() {
        let bytes = encode(&left());
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), None, "cut to {length} bytes");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(decode(&changed), None, "byte {place}");
        }
        let mut body = bytes[..bytes.len() - super::DIGEST_BYTES].to_vec();
        body[super::MAGIC.len()] ^= 1;
        let digest = super::Digest::of(&body);
        body.extend(digest.0);
        assert_eq!((tree(&body), decode(&body)), (None, None));
    }
}
