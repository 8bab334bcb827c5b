//! What `pl lint` knows: the tree as it was seen, what each rule thought of it, and answers by key; one flat file below `.pl`.
//!
//! Beside the database, so that a lint neither waits for a build nor holds one up. What an edit changes is put behind the rest
//! (`journal`), and the file is written whole where that grows. A hint like any other: what cannot be read is forgotten, and of two
//! lints at a time the later one's knowledge stays. Does not know what a finding is.

pub mod answers;
pub mod journal;
pub mod tree;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::{Result, StoreError};
use crate::base::digest::Digest;
use crate::system::Stat;

use self::answers::{Answers, Sealed};
use self::journal::Patch;
use self::tree::{Column, Tree};

/// The file's name below `.pl`.
const NAME: &str = "lint";

/// The first bytes of the file; changed with the meaning of any other.
const MAGIC: [u8; 8] = *b"pl-lint3";

/// Bytes before the tree: magic, how long the tree and the answers are, checksums of both.
const HEADER_BYTES: usize = 8 + 8 + 8 + 32 + 32;

/// Bytes behind the answers from which on the file is written whole.
const JOURNAL_BYTES_MAX: u64 = 256 * 1024;

/// What is known.
#[derive(Debug, Default)]
pub struct LintMemory {
    /// The tree as the newest lint saw it, where it saw one state of it.
    pub tree: Option<Tree>,
    /// What rules thought of the files of that tree, the newest first.
    pub columns: Vec<Column>,
    /// What was said, by key.
    pub answers: Answers,
    /// The file that it was read from.
    base: Option<Base>,
}

/// A file that can be added to.
#[derive(Debug)]
struct Base {
    inode: u64,
    device: u64,
    checksum: Digest,
    /// How much was put behind the rest.
    journal_bytes: u64,
}

impl LintMemory {
    /// Whether there is something to read.
    pub fn is_there(dir: &Path) -> bool {
        dir.join(NAME).try_exists().unwrap_or(false)
    }

    /// Reads what is known; what is not whole is nothing.
    pub fn read(dir: &Path) -> Self {
        Self::open(dir).unwrap_or_default()
    }

    fn open(dir: &Path) -> Option<Self> {
        let file = File::open(dir.join(NAME)).ok()?;
        let stat = Stat::of(&file.metadata().ok()?);
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0).ok()?;
        if header[..8] != MAGIC {
            return None;
        }
        let number = |at: usize| Some(u64::from_le_bytes(header[at..at + 8].try_into().ok()?));
        let digest = |at: usize| Some(Digest(header[at..at + 32].try_into().ok()?));
        let (tree_bytes, answers_bytes) = (number(8)?, number(16)?);
        let answers_at = (HEADER_BYTES as u64).checked_add(tree_bytes)?;
        let journal_at = answers_at.checked_add(answers_bytes).filter(|at| *at <= stat.size)?;
        let journal_bytes = stat.size - journal_at;
        let read = |at: u64, length: u64| {
            let mut bytes = vec![0; usize::try_from(length).ok()?];
            file.read_exact_at(&mut bytes, at).ok()?;
            Some(bytes)
        };
        let (body, checksum) = (read(HEADER_BYTES as u64, tree_bytes)?, digest(24)?);
        if Digest::of(&body) != checksum {
            return None;
        }
        let journal = read(journal_at, journal_bytes)?;
        let (tree, columns) = tree::decode(&body)?;
        let sealed = Sealed { file, at: answers_at, bytes: answers_bytes, checksum: digest(56)? };
        let mut memory = Self { tree, columns, answers: Answers::sealed(sealed), base: None };
        if journal::apply(&journal, checksum, &mut memory) {
            memory.base = Some(Base { inode: stat.inode, device: stat.device, checksum, journal_bytes });
        }
        Some(memory)
    }

    /// Puts what changed behind what was read; `false`: that cannot be done, and it must be written whole.
    pub fn add(&self, dir: &Path, patch: &Patch) -> bool {
        let Some(base) = &self.base else { return false };
        let Some(record) = journal::record(patch, base.checksum, self) else { return false };
        if base.journal_bytes + record.len() as u64 > JOURNAL_BYTES_MAX {
            return false;
        }
        let Ok(mut file) = File::options().append(true).open(dir.join(NAME)) else { return false };
        // Another lint may have put another file there; what was added to this one, it stands beside.
        let stat = file.metadata().map(|metadata| Stat::of(&metadata));
        stat.is_ok_and(|stat| (stat.inode, stat.device) == (base.inode, base.device)) && file.write_all(&record).is_ok()
    }

    /// Writes it in the place of what was there. `used` are the keys of the newest lint, which stay where there are too many
    /// answers; `None`: not all of them are known, and nothing is dropped.
    pub fn write(&self, dir: &Path, used: Option<&[Digest]>) -> Result<()> {
        let (body, answers) =
            rayon::join(|| tree::encode(self.tree.as_ref(), &self.columns), || self.answers.encode(used));
        let (first, second) = rayon::join(|| Digest::of(&body), || Digest::of(&answers));
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len() + answers.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&(answers.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&first.0);
        bytes.extend_from_slice(&second.0);
        bytes.extend_from_slice(&body);
        bytes.extend_from_slice(&answers);
        let path = dir.join(NAME);
        let failed = |source| StoreError::File { action: "write", path: path.clone(), source };
        let mut file = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
        file.write_all(&bytes).map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::journal::Patch;
    use super::tree::{CLEAN, Column, Folder, Index, OPEN, Other, Row, Tree};
    use super::{JOURNAL_BYTES_MAX, LintMemory, NAME};
    use crate::base::digest::Digest;
    use crate::system::Stat;

    fn memory() -> LintMemory {
        let stat = Stat::of(&std::fs::symlink_metadata(std::env::current_exe().expect("a file")).expect("a stat"));
        let digest = Digest::of(b"content");
        let mut tree = Tree::default();
        tree.push("a", stat, digest);
        tree.push("sub/b", Stat { kind: crate::system::Kind::Link, ..stat }, digest);
        tree.order = vec![1, 0];
        tree.folders = vec![
            Folder { path: "".into(), stat: Some(stat), listing: Some(digest), first: 0, count: 1 },
            Folder { path: "sub".into(), stat: None, listing: None, first: 1, count: 1 },
        ];
        tree.others = vec![Other { path: "/x".into(), itself: Some(stat), behind: None, trusted: true }];
        tree.index = Some(Index { path: "/i".into(), stat: None, tracked: digest });
        tree.nameless = 3;
        let column = Column {
            key: digest,
            names: Digest::of(b"names"),
            configuration: vec![("c.toml".into(), digest)],
            marks: vec![1, 2],
        };
        let mut memory = LintMemory { tree: Some(tree), columns: vec![column], ..LintMemory::default() };
        memory.answers.insert(Digest::of(b"key"), b"said".to_vec());
        memory.answers.insert(Digest::of(b"other"), Vec::new());
        memory
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!LintMemory::is_there(folder.path()));
        let memory = memory();
        memory.write(folder.path(), None).expect("written");
        assert!(LintMemory::is_there(folder.path()));
        let mut again = LintMemory::read(folder.path());
        assert_eq!((&again.tree, &again.columns), (&memory.tree, &memory.columns));
        let tree = again.tree.as_ref().expect("a tree");
        assert_eq!((tree.path(0), tree.path(1), tree.rows.len()), ("a", "sub/b", 2));
        again.answers.insert(Digest::of(b"third"), b"3".to_vec());
        again.write(folder.path(), Some(&[Digest::of(b"key")])).expect("written");
        let third = LintMemory::read(folder.path());
        let said = |key: &[u8]| third.answers.get(&Digest::of(key)).map(<[u8]>::to_vec);
        assert_eq!([said(b"key"), said(b"other")], [Some(b"said".to_vec()), Some(Vec::new())]);
        assert_eq!([said(b"third"), said(b"nobody's")], [Some(b"3".to_vec()), None]);
    }

    #[test]
    fn what_is_damaged_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        assert!(LintMemory::read(dir).tree.is_none());
        memory().write(dir, None).expect("written");
        let whole = std::fs::read(dir.join(NAME)).expect("bytes");
        let is_known = |bytes: &[u8]| {
            std::fs::write(dir.join(NAME), bytes).expect("written");
            let read = LintMemory::read(dir);
            let is_whole = read.answers.get(&Digest::of(b"key")).is_some();
            (read.tree.is_some(), is_whole)
        };
        assert_eq!(is_known(&whole), (true, true));
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert_ne!(is_known(&bytes), (true, true), "byte {at}");
            assert_ne!(is_known(&whole[..at]), (true, true), "{at} bytes");
        }
    }

    #[test]
    fn what_an_edit_changes_is_put_behind_the_rest() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path();
        let patch = Patch { rows: [1].into(), folders: [0].into(), index: true, answers: Vec::new() };
        assert!(!memory().add(dir, &patch));
        memory().write(dir, None).expect("written");
        let mut known = LintMemory::read(dir);
        let tree = known.tree.as_mut().expect("a tree");
        (tree.rows[0].stat.size, tree.rows[1].stat.size) = (77, 78);
        (tree.folders[0].stat, tree.index.as_mut().expect("an index").stat) = (None, Some(tree.rows[0].stat));
        known.columns[0].marks = vec![OPEN, CLEAN];
        assert!(known.add(dir, &patch));
        let said = Patch { answers: vec![(Digest::of(b"new"), b"it".to_vec())], ..Patch::default() };
        assert!(known.add(dir, &said));
        let again = LintMemory::read(dir);
        let (tree, before) = (again.tree.as_ref().expect("a tree"), known.tree.as_ref().expect("a tree"));
        // What the patch does not name stays as it was.
        assert_ne!(tree.rows[0], before.rows[0]);
        assert_eq!((tree.rows[1], &tree.folders[0], &tree.index), (before.rows[1], &before.folders[0], &before.index));
        assert_eq!(again.columns[0].marks, [CLEAN, CLEAN]);
        assert_eq!(again.answers.get(&Digest::of(b"new")), Some(b"it".as_slice()));
        assert_eq!(again.answers.get(&Digest::of(b"key")), Some(b"said".as_slice()));
        // Of what is damaged, all that stands before it counts, and nothing is added to it.
        let whole = std::fs::read(dir.join(NAME)).expect("bytes");
        std::fs::write(dir.join(NAME), &whole[..whole.len() - 1]).expect("written");
        let cut = LintMemory::read(dir);
        assert_eq!(cut.columns[0].marks, [CLEAN, CLEAN]);
        assert!(cut.answers.get(&Digest::of(b"new")).is_none() && !cut.add(dir, &said));
        // Nor to another file, nor without end.
        memory().write(dir, None).expect("written");
        assert!(!again.add(dir, &said));
        let last = LintMemory::read(dir);
        let long = vec![0; usize::try_from(JOURNAL_BYTES_MAX).expect("it fits")];
        assert!(!last.add(dir, &Patch { answers: vec![(Digest::of(b"long"), long)], ..Patch::default() }));
    }

    #[test]
    fn rows_are_no_larger_than_they_must_be() {
        let stat = memory().tree.expect("a tree").rows[0].stat;
        let row = Row { path: 7, stat, digest: Digest::of(b"x") };
        assert_eq!(Row::read(&row.bytes()), Some(row));
    }
}
