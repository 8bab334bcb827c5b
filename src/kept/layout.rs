//! Where what stands in the file: a header, then parts one after the other, hot ones first; all numbers little-endian.
//!
//! Rows are read in place, a field at a time. Knows no file system.
//!
//! The header: magic, format, what the plan is about, a checksum of the hot parts with the header itself, one of the cold
//! parts, and the length of each part.

use std::ops::Range;

use crate::base::digest::Digest;
use crate::system::{Kind, Stat};

/// The first bytes of every plan.
const MAGIC: [u8; 8] = *b"pl-plan\n";

/// Changes with the meaning of any byte.
const FORMAT: u32 = 3;

/// Bytes of the header.
pub const HEADER_BYTES: usize = 208;
const ABOUT_AT: usize = 16;
const HOT_AT: usize = 48;
const COLD_AT: usize = 80;
const LENGTHS_AT: usize = 112;

/// The parts in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// [`FolderRow`]s, sorted by path.
    Folders,
    /// [`FileRow`]s, by folder.
    Files,
    /// Paths of folders and names of files, each ended by a zero byte.
    Names,
    /// [`super::Others`] as JSON.
    Others,
    /// The writer's text on the whole.
    Summary,
    /// A digest a file: its state. The first cold part.
    States,
    /// A digest a folder: its listing.
    Listings,
    /// The writer's text on each step.
    Detail,
    /// Pairs: a file, and a step that looked at it.
    Readers,
    /// The steps' definitions, one after the other.
    Definitions,
    /// A row a step: its key, the end of its definition, whether it has outputs.
    Steps,
    /// Pairs: a step, and one that waits for it.
    Followers,
}

impl Part {
    /// It is read only where something moved.
    pub fn is_cold(self) -> bool {
        self as usize >= FIRST_COLD
    }
}

/// How many there are.
pub const PARTS: usize = 12;
const FIRST_COLD: usize = Part::States as usize;

/// The header, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// What the plan is about: program, project, options.
    pub about: Digest,
    /// Checksum of header and hot parts.
    pub hot: Digest,
    /// Checksum of the cold parts.
    pub cold: Digest,
    /// Bytes of each part.
    pub lengths: [u64; PARTS],
}

impl Header {
    /// Reads a header; `None` where it is none of ours.
    pub fn read(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let known = bytes[..8] == MAGIC && u32_at(bytes, 8) == FORMAT;
        let digest = |at: usize| Digest(bytes[at..at + 32].try_into().expect("BUG: 32 bytes are 32 bytes"));
        let lengths = std::array::from_fn(|part| u64_at(bytes, LENGTHS_AT + 8 * part));
        let header = Self { about: digest(ABOUT_AT), hot: digest(HOT_AT), cold: digest(COLD_AT), lengths };
        (known && header.bytes() == *bytes).then_some(header)
    }

    /// The header as it stands in the file.
    pub fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[ABOUT_AT..HOT_AT].copy_from_slice(&self.about.0);
        bytes[HOT_AT..COLD_AT].copy_from_slice(&self.hot.0);
        bytes[COLD_AT..LENGTHS_AT].copy_from_slice(&self.cold.0);
        for (place, length) in self.lengths.iter().enumerate() {
            let at = LENGTHS_AT + 8 * place;
            bytes[at..at + 8].copy_from_slice(&length.to_le_bytes());
        }
        bytes
    }

    /// The checksum that the hot parts should have; all of the header but the checksum itself goes in.
    pub fn hot_checksum(&self, hot: &[u8]) -> Digest {
        Digest(*self.hot_hasher().update(hot).finalize().as_bytes())
    }

    /// The same before it is told of the hot parts.
    pub fn hot_hasher(&self) -> blake3::Hasher {
        let bytes = self.bytes();
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[..HOT_AT]).update(&bytes[COLD_AT..]);
        hasher
    }

    /// Bytes of the hot parts.
    pub fn hot_bytes(&self) -> u64 {
        self.lengths[..FIRST_COLD].iter().fold(0, |sum, length| sum.saturating_add(*length))
    }

    /// Bytes of the cold parts.
    pub fn cold_bytes(&self) -> u64 {
        self.lengths[FIRST_COLD..].iter().fold(0, |sum, length| sum.saturating_add(*length))
    }

    /// Bytes of the whole file.
    pub fn file_bytes(&self) -> Option<u64> {
        (HEADER_BYTES as u64).checked_add(self.hot_bytes())?.checked_add(self.cold_bytes())
    }

    /// Where a hot part is among the hot ones.
    pub fn range_in_hot(&self, part: Part) -> Range<usize> {
        self.range(0, part)
    }

    /// Where a cold part is among the cold ones.
    pub fn range_in_cold(&self, part: Part) -> Range<usize> {
        self.range(FIRST_COLD, part)
    }

    fn range(&self, first: usize, part: Part) -> Range<usize> {
        let sum = |to: usize| self.lengths[first..to].iter().map(|length| *length as usize).sum::<usize>();
        sum(part as usize)..sum(part as usize + 1)
    }
}

/// In place of a ctime: to be looked at whatever its stat says.
pub const UNKNOWN: i64 = i64::MIN;

/// In place of a ctime: only the kind counts, and stands where the inode would.
pub const KIND_ONLY: i64 = i64::MIN + 1;

/// In place of a folder's ctime: nobody listed it.
pub const NOT_LISTED: i64 = i64::MIN + 1;

/// What a path was, as far as its row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileRow {
    /// Nanoseconds, or [`UNKNOWN`], or [`KIND_ONLY`].
    pub ctime_ns: i64,
    /// Bytes.
    pub size: u64,
    /// Inode, or the kind: see `kind_number`.
    pub inode: u64,
    /// Mixed from mtime, mode and kind; the ctime vouches for all of them, so this is a second pair of eyes.
    pub mix: u32,
    /// Where its name begins.
    pub name: u32,
}

impl FileRow {
    /// Bytes of a row.
    pub const BYTES: usize = 32;

    /// The row of a path that was looked at.
    pub fn of(stat: &Stat, name: u32) -> Self {
        Self { ctime_ns: stat.ctime_ns, size: stat.size, inode: stat.inode, mix: mix(stat), name }
    }

    /// The row of something of which only the kind counts; `None`: that nothing is there.
    pub fn of_kind(kind: Option<Kind>, name: u32) -> Self {
        Self { ctime_ns: KIND_ONLY, size: 0, inode: kind_number(kind), mix: 0, name }
    }

    /// Reads a row.
    pub fn read(rows: &[u8], place: usize) -> Self {
        let at = place * Self::BYTES;
        Self {
            ctime_ns: u64_at(rows, at).cast_signed(),
            size: u64_at(rows, at + 8),
            inode: u64_at(rows, at + 16),
            mix: u32_at(rows, at + 24),
            name: u32_at(rows, at + 28),
        }
    }

    /// The row as it stands in the file.
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&self.ctime_ns.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.size.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.inode.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.mix.to_le_bytes());
        bytes[28..].copy_from_slice(&self.name.to_le_bytes());
        bytes
    }

    /// Whether a path is as it was; `None`: nothing is there.
    pub fn holds(&self, now: Option<&Stat>) -> bool {
        match self.ctime_ns {
            UNKNOWN => false,
            KIND_ONLY => self.inode == kind_number(now.map(|stat| stat.kind)),
            _ => now.is_some_and(|stat| *self == Self::of(stat, self.name)),
        }
    }
}

fn kind_number(kind: Option<Kind>) -> u64 {
    kind.map_or(0, |kind| kind as u64 + 1)
}

fn mix(stat: &Stat) -> u32 {
    let rest = (u64::from(stat.mode) << 3 | stat.kind as u64).rotate_left(40);
    let mixed = (stat.mtime_ns.cast_unsigned() ^ rest).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

/// A folder: of files that are looked at, or listed, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderRow {
    /// Where its path begins: below the root, or absolute.
    pub name: u32,
    /// Its first file.
    pub first: u32,
    /// How many files.
    pub count: u32,
    /// Nanoseconds.
    pub mtime_ns: i64,
    /// Nanoseconds, or [`UNKNOWN`], or [`NOT_LISTED`].
    pub ctime_ns: i64,
    /// Inode.
    pub inode: u64,
    /// The device of its files, and its own where it was listed.
    pub device: u64,
}

impl FolderRow {
    /// Bytes of a row.
    pub const BYTES: usize = 48;

    /// Reads a row.
    pub fn read(rows: &[u8], place: usize) -> Self {
        let at = place * Self::BYTES;
        Self {
            name: u32_at(rows, at),
            first: u32_at(rows, at + 4),
            count: u32_at(rows, at + 8),
            mtime_ns: u64_at(rows, at + 16).cast_signed(),
            ctime_ns: u64_at(rows, at + 24).cast_signed(),
            inode: u64_at(rows, at + 32),
            device: u64_at(rows, at + 40),
        }
    }

    /// The row as it stands in the file.
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.name.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.first.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.mtime_ns.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.ctime_ns.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.inode.to_le_bytes());
        bytes[40..].copy_from_slice(&self.device.to_le_bytes());
        bytes
    }

    /// The row of the same folder with the same entries and another stat.
    pub fn seen_again(&self, stat: &Stat, is_old: bool) -> Self {
        let trusted = is_old && (self.count == 0 || stat.device == self.device);
        let ctime_ns = if trusted { stat.ctime_ns } else { UNKNOWN };
        let device = if self.count == 0 { stat.device } else { self.device };
        Self { ctime_ns, mtime_ns: stat.mtime_ns, inode: stat.inode, device, ..*self }
    }

    /// Whether its entries were listed.
    pub fn is_listed(&self) -> bool {
        self.ctime_ns != NOT_LISTED
    }

    /// Whether its list of entries is as it was.
    pub fn holds(&self, now: Option<&Stat>) -> bool {
        let same = |now: &Stat| {
            (now.mtime_ns, now.ctime_ns, now.inode, now.device)
                == (self.mtime_ns, self.ctime_ns, self.inode, self.device)
        };
        !self.is_listed() || (self.ctime_ns != UNKNOWN && now.is_some_and(same))
    }
}

/// The text that begins at a place among the names, without its end.
pub fn name_at(names: &[u8], at: u32) -> &[u8] {
    let rest = names.get(at as usize..).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    &rest[..end]
}

/// The row of a folder, by its path, and its place.
pub fn find_folder(folders: &[u8], names: &[u8], path: &[u8]) -> Option<(usize, FolderRow)> {
    let row = |place| FolderRow::read(folders, place);
    let count = folders.len() / FolderRow::BYTES;
    let place = partition(0, count, |place| name_at(names, row(place).name) < path);
    (place < count && name_at(names, row(place).name) == path).then(|| (place, row(place)))
}

/// The place of a file in a folder, by its name.
pub fn find_file(files: &[u8], names: &[u8], folder: &FolderRow, name: &[u8]) -> Option<u32> {
    let known = |place| name_at(names, FileRow::read(files, place).name);
    let (first, end) = (folder.first as usize, (folder.first + folder.count) as usize);
    let place = partition(first, end, |place| known(place) < name);
    (place < end && known(place) == name).then(|| u32::try_from(place).ok()).flatten()
}

/// The first place from which on `before` is false.
fn partition(mut low: usize, mut high: usize, before: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = low.midpoint(high);
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("BUG: four bytes are four bytes"))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("BUG: eight bytes are eight bytes"))
}
