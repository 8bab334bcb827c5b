//! Notes of many paths put in order, and rows made of them one at a time.
//!
//! The notes of a build are what takes most of its memory; here nothing is made of each of them but its row.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::base::digest::Digest;
use crate::system::Stat;
use crate::system::file_hash::HashCache;
use crate::system::sight::{NOBODY, Noted, Notes, state_of};

use super::Others;
use super::layout::{FileRow, FolderRow, NOT_LISTED, UNKNOWN};
use super::writing::{UNFINISHED, below, glanced, is_link, link_seen, row_of, split};

/// A folder whose entries were listed.
pub(super) struct Listed {
    /// As it stands in the plan.
    pub path: Vec<u8>,
    pub stat: Stat,
    pub digest: Digest,
}

/// All paths that get a row, in the order of their rows.
pub(super) struct Sheet<'a> {
    notes: &'a Notes,
    /// Folders by number, as they stand in the plan.
    folders: Vec<Vec<u8>>,
    /// Folder and name of those that stand elsewhere in the plan than among the notes: the root itself, and what has no name.
    odd: HashMap<u32, (Vec<u8>, Vec<u8>)>,
    /// Places among the notes.
    order: Vec<u32>,
    /// The place of the row that leads to unfinished steps.
    unfinished: Option<u32>,
}

impl<'a> Sheet<'a> {
    /// Completes the notes; links go to the others.
    pub(super) fn of(
        root: &Path,
        notes: &'a mut Notes,
        others: &mut Others,
        has_unfinished: bool,
    ) -> Result<Self, String> {
        let unfinished = has_unfinished.then(|| {
            let nothing = Noted { itself: None, content: Some(Digest([0; 32])), trusted: false, looked: true };
            notes.paths.insert(&root.join(UNFINISHED), nothing)
        });
        let hashes = HashCache::new(HashMap::new());
        let mut order = Vec::with_capacity(notes.paths.len());
        for place in notes.paths.places() {
            let mut noted = *notes.paths.value(place);
            if !noted.looked {
                continue;
            }
            if noted.content.is_none() {
                noted.content = Some(glanced(&notes.paths.path(place), &notes.seen(place), &hashes)?);
                *notes.paths.value_mut(place) = noted;
            }
            if is_link(noted.itself) {
                others.links.extend(link_seen(notes.paths.path(place), &notes.seen(place)));
            } else {
                order.push(place);
            }
        }
        let notes: &Notes = notes;
        let folders = notes.paths.folders().iter();
        let folders = folders.map(|folder| below(root, folder.to_path_buf()).as_os_str().as_bytes().to_vec()).collect();
        let nameless = notes.paths.places().filter(|place| notes.paths.name(*place).is_empty());
        let odd = nameless.chain(notes.paths.place(root));
        let odd = odd.map(|place| (place, split(&below(root, notes.paths.path(place))))).collect();
        let mut sheet = Self { notes, folders, odd, order: Vec::new(), unfinished };
        order.sort_unstable_by(|left, right| sheet.key(*left).cmp(&sheet.key(*right)));
        sheet.order = order;
        Ok(sheet)
    }

    /// Folder and name.
    fn key(&self, place: u32) -> (&[u8], &[u8]) {
        match self.odd.get(&place).filter(|_| !self.odd.is_empty()) {
            Some((folder, name)) => (folder, name),
            None => (&self.folders[self.notes.paths.folder(place) as usize], self.notes.paths.name(place)),
        }
    }

    fn row(&self, place: u32) -> (FileRow, Option<u64>) {
        if self.unfinished == Some(place) {
            return (FileRow { ctime_ns: UNKNOWN, size: 0, inode: 0, mix: 0, name: 0 }, None);
        }
        let noted = self.notes.paths.value(place);
        row_of(noted.itself, noted.trusted)
    }

    /// Writes the part of states.
    pub(super) fn write_states(&self, out: &mut impl Write) -> io::Result<()> {
        self.order.iter().try_for_each(|place| {
            let Noted { itself, content, .. } = self.notes.paths.value(*place);
            let content = content.as_ref().unwrap_or(&Digest([0; 32]));
            let is_unfinished = self.unfinished == Some(*place);
            out.write_all(&if is_unfinished { *content } else { state_of(*itself, content) }.0)
        })
    }

    /// Pairs: a file, by `places` (see [`Tables`]), and who looked at it.
    pub(super) fn readers(&self, places: &[u32], unfinished: Vec<u32>) -> Vec<(u32, u32)> {
        let looks = self.notes.looks.iter().copied();
        let added = unfinished.into_iter().filter_map(|step| Some((self.unfinished?, step)));
        let all = looks.chain(added).map(|(place, reader)| (places[place as usize], reader));
        all.filter(|(file, _)| *file != NO_ROW).collect()
    }
}

/// In place of a row's number.
const NO_ROW: u32 = NOBODY;

/// Rows, and the names that they lead to.
#[derive(Default)]
pub(super) struct Tables {
    pub folders: Vec<u8>,
    pub files: Vec<u8>,
    pub names: Vec<u8>,
    pub listings: Vec<u8>,
    /// From places among the notes to files.
    pub places: Vec<u32>,
}

impl Tables {
    /// Sorts files into folders.
    pub(super) fn of(sheet: &Sheet<'_>, mut listed: Vec<Listed>) -> Result<Self, String> {
        listed.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        let mut tables = Self { places: vec![NO_ROW; sheet.notes.paths.len()], ..Self::default() };
        tables.files.reserve_exact(sheet.order.len() * FileRow::BYTES);
        let (mut order, mut listed) = (sheet.order.as_slice(), listed.into_iter().peekable());
        loop {
            let of_file = order.first().map(|place| sheet.key(*place).0);
            let of_listing = listed.peek().map(|folder| folder.path.as_slice());
            let folder = match (of_file, of_listing) {
                (None, None) => return Ok(tables),
                (Some(folder), None) | (None, Some(folder)) => folder.to_vec(),
                (Some(left), Some(right)) => left.min(right).to_vec(),
            };
            let listing = listed.next_if(|one| one.path == folder);
            let inside = order.partition_point(|place| sheet.key(*place).0 <= folder.as_slice());
            tables.folder(&folder, listing.as_ref(), sheet, &order[..inside])?;
            order = &order[inside..];
        }
    }

    fn folder(&mut self, path: &[u8], listed: Option<&Listed>, sheet: &Sheet<'_>, files: &[u32]) -> Result<(), String> {
        let number = |count: usize| u32::try_from(count).map_err(|_| "more than a plan can hold".to_owned());
        let device = files.iter().find_map(|place| sheet.row(*place).1);
        let mut row = FolderRow {
            name: self.name(path)?,
            first: number(self.files.len() / FileRow::BYTES)?,
            count: number(files.len())?,
            mtime_ns: 0,
            ctime_ns: NOT_LISTED,
            inode: 0,
            device: device.or(listed.map(|listed| listed.stat.device)).unwrap_or(0),
        };
        let mut listing = Digest([0; 32]);
        if let Some(Listed { stat, digest, .. }) = listed {
            let at_home = stat.device == row.device;
            let ctime_ns = if at_home { stat.ctime_ns } else { UNKNOWN };
            row = FolderRow { mtime_ns: stat.mtime_ns, ctime_ns, inode: stat.inode, ..row };
            listing = *digest;
        }
        self.folders.extend_from_slice(&row.bytes());
        self.listings.extend_from_slice(&listing.0);
        for &place in files {
            let (row_of_file, device) = sheet.row(place);
            let mut row_of_file = FileRow { name: self.name(sheet.key(place).1)?, ..row_of_file };
            if device.is_some_and(|device| device != row.device) {
                row_of_file.ctime_ns = UNKNOWN;
            }
            self.places[place as usize] = number(self.files.len() / FileRow::BYTES)?;
            self.files.extend_from_slice(&row_of_file.bytes());
        }
        Ok(())
    }

    fn name(&mut self, name: &[u8]) -> Result<u32, String> {
        let at = u32::try_from(self.names.len()).map_err(|_| "more names than a plan can hold".to_owned())?;
        self.names.extend_from_slice(name);
        self.names.push(0);
        Ok(at)
    }
}
