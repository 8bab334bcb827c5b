//! What an edit changes, as a record behind the rest of the file: a row with its marks, a folder, the index, answers.
//!
//! Writing a megabyte in the place of another costs the file system milliseconds, a record some microseconds. Two lints may add to
//! one file at a time, in any order: a record that names a row names all of its marks, so that no mark is taken for another state
//! of its file.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::store::lint::LintMemory;
use crate::store::lint::tree::{Bytes, Row, Tree, read_stat, stat_bytes};
use crate::system::Stat;

/// Bytes before a record: how long it is, and its checksum.
const HEAD_BYTES: usize = 4 + 32;

/// What changed; what it is now, the memory says.
#[derive(Debug, Default)]
pub struct Patch {
    /// Rows with another stat, content or mark.
    pub rows: BTreeSet<usize>,
    /// Folders with another stat.
    pub folders: BTreeSet<usize>,
    /// The index has another stat.
    pub index: bool,
    /// What was said.
    pub answers: Vec<(Digest, Vec<u8>)>,
}

impl Patch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.folders.is_empty() && !self.index && self.answers.is_empty()
    }
}

#[derive(Serialize, Deserialize)]
struct Layout<'b> {
    /// Place, row, a mark for each column.
    #[serde(borrow)]
    rows: Vec<(usize, Bytes<'b>, Bytes<'b>)>,
    /// Place and stat; no bytes where it has none.
    #[serde(borrow)]
    folders: Vec<(usize, Bytes<'b>)>,
    #[serde(borrow)]
    index: Option<Bytes<'b>>,
    #[serde(borrow)]
    answers: Vec<(Bytes<'b>, Bytes<'b>)>,
}

/// A record of what changed; `None`: there is no such row.
pub(super) fn record(patch: &Patch, base: Digest, memory: &LintMemory) -> Option<Vec<u8>> {
    let nothing = Tree::default();
    let tree = memory.tree.as_ref().unwrap_or(&nothing);
    let stat = |stat: Option<Stat>| stat.map(|stat| stat_bytes(&stat).to_vec()).unwrap_or_default();
    let row = |place: &usize| {
        let marks = memory.columns.iter().map(|column| column.marks.get(*place).copied());
        Some((*place, tree.rows.get(*place)?.bytes(), marks.collect::<Option<Vec<u8>>>()?))
    };
    let rows: Vec<(usize, [u8; Row::BYTES], Vec<u8>)> = patch.rows.iter().map(row).collect::<Option<_>>()?;
    let folder = |place: &usize| Some((*place, stat(tree.folders.get(*place)?.stat)));
    let folders: Vec<(usize, Vec<u8>)> = patch.folders.iter().map(folder).collect::<Option<_>>()?;
    let index = stat(tree.index.as_ref().and_then(|index| index.stat));
    let layout = Layout {
        rows: rows.iter().map(|(place, row, marks)| (*place, Bytes(row), Bytes(marks))).collect(),
        folders: folders.iter().map(|(place, stat)| (*place, Bytes(stat))).collect(),
        index: patch.index.then_some(Bytes(&index)),
        answers: patch.answers.iter().map(|(key, answer)| (Bytes(&key.0), Bytes(answer))).collect(),
    };
    let body = postcard::to_stdvec(&layout).ok()?;
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend_from_slice(&u32::try_from(body.len()).ok()?.to_le_bytes());
    bytes.extend_from_slice(&checksum(base, &body).0);
    bytes.extend_from_slice(&body);
    Some(bytes)
}

/// Takes over what was added, as far as it is whole; whether all of it is.
pub(super) fn apply(mut journal: &[u8], base: Digest, memory: &mut LintMemory) -> bool {
    while !journal.is_empty() {
        let Some((body, rest)) = next(journal, base) else { return false };
        let Ok(layout) = postcard::from_bytes::<Layout<'_>>(body) else { return false };
        if take(&layout, memory).is_none() {
            // Half of a record is no state that anybody saw.
            *memory = LintMemory::default();
            return false;
        }
        journal = rest;
    }
    true
}

fn next(journal: &[u8], base: Digest) -> Option<(&[u8], &[u8])> {
    let (head, rest) = journal.split_at_checked(HEAD_BYTES)?;
    let length = u32::from_le_bytes(head[..4].try_into().ok()?) as usize;
    let (body, rest) = rest.split_at_checked(length)?;
    (checksum(base, body).0 == head[4..]).then_some((body, rest))
}

fn take(layout: &Layout<'_>, memory: &mut LintMemory) -> Option<()> {
    for (key, answer) in &layout.answers {
        memory.answers.insert(key.digest()?, answer.0.to_vec());
    }
    if layout.rows.is_empty() && layout.folders.is_empty() && layout.index.is_none() {
        return Some(());
    }
    let tree = memory.tree.as_mut()?;
    for (place, row, marks) in &layout.rows {
        *tree.rows.get_mut(*place)? = Row::read(row.0)?;
        if marks.0.len() != memory.columns.len() {
            return None;
        }
        for (column, mark) in memory.columns.iter_mut().zip(marks.0) {
            *column.marks.get_mut(*place)? = *mark;
        }
    }
    for (place, stat) in &layout.folders {
        tree.folders.get_mut(*place)?.stat = read_stat(stat.0);
    }
    if let Some(stat) = layout.index {
        tree.index.as_mut()?.stat = read_stat(stat.0);
    }
    Some(())
}

/// A record counts behind the file that it was written for alone.
fn checksum(base: Digest, body: &[u8]) -> Digest {
    Digest::of_fields([&base.0, body])
}
