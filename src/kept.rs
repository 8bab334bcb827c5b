//! The kept plan: one flat file that says how everything was that the last good build looked at.
//!
//! Opened, held against the machine, and that is all of a build with nothing to do. Knows files, links, folders, variables
//! and programs; not what a step, a record or a verdict is: what is to be said where all is as it was lies in two texts that
//! only their writer can read. A plan that cannot be used is as good as none; nothing here is an error.

#![expect(clippy::disallowed_methods, reason = "the kept plan is a file of its own, read without a detour")]

pub mod layout;
pub mod looking;
pub mod merging;
pub mod steps;
mod sheet;
mod streaming;
pub mod writing;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::system::Stat;

use self::layout::{HEADER_BYTES, Header, Part};
use self::steps::Cold;

/// What is looked at besides files and folders: seldom many, so a text will do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Others {
    links: Vec<LinkSeen>,
    /// Name or pattern, and the digest of what it gave.
    variables: Vec<(String, String)>,
    programs: Vec<ProgramSeen>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LinkSeen {
    path: PathBuf,
    /// Digests of both stats; `None`: not to be trusted.
    stats: Option<String>,
    state: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ProgramSeen {
    word: String,
    search: String,
    dir: PathBuf,
    identity: Option<String>,
}

/// A plan, read and found whole; its cold part is still on disk.
#[derive(Debug)]
pub struct Kept {
    root: PathBuf,
    file: File,
    header: Header,
    hot: Vec<u8>,
}

impl Kept {
    /// Reads the plan of the project at `root`; `None` where it is missing, damaged, or about something else.
    pub fn open(path: &Path, root: &Path, about: Digest) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let mut bytes = [0_u8; HEADER_BYTES];
        file.read_exact(&mut bytes).ok()?;
        let header = Header::read(&bytes).filter(|header| header.about == about)?;
        if file.metadata().ok()?.len() != header.file_bytes()? {
            return None;
        }
        let hot = read_exactly(&mut file, header.hot_bytes())?;
        (header.hot_checksum(&hot) == header.hot).then(|| Self { root: root.to_owned(), file, header, hot })
    }

    /// What the writer says of the whole.
    pub fn summary(&self) -> &[u8] {
        self.part(Part::Summary)
    }

    /// What the writer says of each step; read from disk, `None` where that is damaged.
    pub fn detail(&self) -> Option<Vec<u8>> {
        Some(self.cold()?.part(Part::Detail).to_vec())
    }

    /// Whether a path leads to this very file: nobody put another in its place, or took it away.
    pub fn is_at(&self, path: &Path) -> bool {
        let own = self.stat();
        own.is_some() && own == std::fs::metadata(path).map(|metadata| Stat::of(&metadata)).ok()
    }

    /// The stat of the file that was read.
    pub fn stat(&self) -> Option<Stat> {
        self.file.metadata().map(|metadata| Stat::of(&metadata)).ok()
    }

    fn part(&self, part: Part) -> &[u8] {
        &self.hot[self.header.range_in_hot(part)]
    }

    /// The parts that only a look at something that moved needs, read from disk; `None` where they are damaged.
    pub fn cold(&self) -> Option<Cold> {
        let mut file = &self.file;
        let start = HEADER_BYTES as u64 + self.header.hot_bytes();
        file.seek(SeekFrom::Start(start)).ok()?;
        let bytes = read_exactly(&mut file, self.header.cold_bytes())?;
        (Digest::of(&bytes) == self.header.cold).then(|| Cold { bytes, header: self.header.clone() })
    }
}

fn read_exactly(file: &mut impl Read, count: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(count).ok()?);
    let read = file.take(count).read_to_end(&mut bytes).ok()?;
    (read as u64 == count).then_some(bytes)
}

/// One digest of all that a stat says.
fn stat_digest(stats: [Option<Stat>; 2]) -> String {
    Digest::of(format!("{stats:?}").as_bytes()).hex()
}

#[cfg(test)]
mod tests;
