//! A plan after some of its steps were done again: rows of what those looked at are replaced, all others stay.
//!
//! A row says how something was when the steps that looked at it were judged last, so rows of steps that were not judged again
//! stay true, whatever happened meanwhile. Who looked at something for which there is no row makes no plan; the next build
//! judges everything and writes one.

use std::collections::HashSet;
use std::path::Path;

use crate::system::sight::{Lookers, Notes};
use crate::system::{OsSystem, environment};

use super::layout::{FileRow, FolderRow, KIND_ONLY, Part, UNKNOWN, find_file, find_folder};
use super::looking::{Mended, digest_at, listing};
use super::steps::{Cold, NOBODY, StepSeen, StepTables};
use super::writing::{NewFile, Rows, UNFINISHED, below, replace, split};
use super::{Kept, LinkSeen, Others};

/// What was done again.
#[derive(Debug)]
pub struct Again<'a> {
    /// What the first looks put in the place of rows that had moved.
    pub mended: &'a Mended,
    /// What the steps looked at; lookers are places among `places`.
    pub notes: Notes,
    /// The steps that were judged again, by their places in the plan.
    pub places: &'a [u32],
    /// Steps that are not as they were, by place, in order.
    pub steps: Vec<(u32, StepSeen)>,
    /// Places of steps that run in any case.
    pub unfinished: Vec<u32>,
    /// The writer's text on the whole.
    pub summary: Vec<u8>,
}

/// Writes a plan with what was done again. Errors: why there is none; nothing is lost but time.
pub fn merge(path: &Path, kept: &Kept, cold: &Cold, again: Again<'_>) -> Result<(), String> {
    let Again { mended, notes, places, steps, unfinished, summary } = again;
    if let Some(why) = notes.spoiled {
        return Err(why);
    }
    let mut merged = Merged {
        kept,
        cold,
        folders: kept.part(Part::Folders).to_vec(),
        files: kept.part(Part::Files).to_vec(),
        states: cold.part(Part::States).to_vec(),
        others: match &mended.others {
            Some(others) => others.clone(),
            None => serde_json::from_slice(kept.part(Part::Others)).map_err(|error| error.to_string())?,
        },
    };
    for (place, row) in &mended.files {
        merged.file(*place, row);
    }
    for (place, row) in &mended.folders {
        merged.folder(*place as usize, row);
    }
    let mut rows = Rows::new(&kept.root);
    let looked = (0..).zip(notes.lookers()).filter(|(place, _)| notes.paths.value(*place).looked);
    for (place, lookers) in looked {
        rows.path(notes.paths.path(place), notes.seen(place), lookers)?;
    }
    for file in std::mem::take(&mut rows.files) {
        merged.new_file(file, places)?;
    }
    merged.finished(places, &unfinished)?;
    merged.new_links(rows.links)?;
    for (path, (stat, trusted)) in notes.folders {
        let known = listing(&path).filter(|(now, _)| *now == stat && trusted);
        let (_, digest) = known.ok_or_else(|| format!("{} changed while it was looked at", path.display()))?;
        let name = below(&kept.root, path);
        let place =
            find_folder(&merged.folders, kept.part(Part::Names), &bytes(&name)).filter(|(_, row)| row.is_listed());
        let (place, row) = place.ok_or_else(|| unknown(&name))?;
        if digest != digest_at(cold.part(Part::Listings), place) {
            return Err(format!("{} has other entries", name.display()));
        }
        merged.folder(place, &row.seen_again(&stat, true));
    }
    merged.knows_the_rest(&notes.variables, &notes.programs)?;
    let others = serde_json::to_vec(&merged.others).map_err(|error| error.to_string())?;
    let tables = StepTables::with(cold, &steps);
    let part = |part| cold.part(part);
    let (names, listings, detail, readers) =
        (kept.part(Part::Names), part(Part::Listings), part(Part::Detail), part(Part::Readers));
    let hot: [&[u8]; 5] = [&merged.folders, &merged.files, names, &others, &summary];
    let cold: [&[u8]; 7] =
        [&merged.states, listings, detail, readers, &tables.definitions, &tables.steps, part(Part::Followers)];
    replace(path, kept.header.about, &hot, &cold).map_err(|error| error.to_string())
}

struct Merged<'a> {
    kept: &'a Kept,
    cold: &'a Cold,
    folders: Vec<u8>,
    files: Vec<u8>,
    states: Vec<u8>,
    others: Others,
}

impl Merged<'_> {
    fn file(&mut self, place: u32, row: &FileRow) {
        self.files[place as usize * FileRow::BYTES..][..FileRow::BYTES].copy_from_slice(&row.bytes());
    }

    fn folder(&mut self, place: usize, row: &FolderRow) {
        self.folders[place * FolderRow::BYTES..][..FolderRow::BYTES].copy_from_slice(&row.bytes());
    }

    /// Puts what was seen in the place of what was known of the same path.
    fn new_file(&mut self, file: NewFile, places: &[u32]) -> Result<(), String> {
        let (folder, name) = split(&file.path);
        let (_, row) =
            find_folder(&self.folders, self.kept.part(Part::Names), &folder).ok_or_else(|| unknown(&file.path))?;
        let place =
            find_file(&self.files, self.kept.part(Part::Names), &row, &name).ok_or_else(|| unknown(&file.path))?;
        let known: HashSet<u32> = self.cold.readers(place).collect();
        let Lookers { numbers, others } = file.lookers;
        let is_known = |number: &u32| places.get(*number as usize).is_some_and(|reader| known.contains(reader));
        if others && !known.contains(&NOBODY) || !numbers.iter().all(is_known) {
            return Err(format!("{} has new readers", file.path.display()));
        }
        // Who was not judged again saw what was there before.
        let judged = |reader: &u32| places.binary_search(reader).is_ok() || *reader == NOBODY && others;
        if file.state != digest_at(&self.states, place as usize) && !known.iter().all(judged) {
            return Err(format!("{} moved, and not all who look at it were judged again", file.path.display()));
        }
        let mut new = FileRow { name: FileRow::read(&self.files, place as usize).name, ..file.row };
        if file.device.is_some_and(|device| device != row.device) && new.ctime_ns != KIND_ONLY {
            new.ctime_ns = UNKNOWN;
        }
        self.file(place, &new);
        self.states[place as usize * 32..][..32].copy_from_slice(&file.state.0);
        Ok(())
    }

    /// Where no step is unfinished any more, nothing leads to those that were.
    fn finished(&mut self, places: &[u32], unfinished: &[u32]) -> Result<(), String> {
        let (folder, name) = split(Path::new(UNFINISHED));
        let names = self.kept.part(Part::Names);
        let row = find_folder(&self.folders, names, &folder);
        let known = row.and_then(|(_, row)| find_file(&self.files, names, &row, &name));
        let readers: HashSet<u32> = known.iter().flat_map(|place| self.cold.readers(*place)).collect();
        if !unfinished.iter().all(|step| readers.contains(step)) {
            return Err("a step is unfinished that was not".to_owned());
        }
        let judged = |reader: &u32| places.binary_search(reader).is_ok();
        if let Some(place) = known.filter(|_| unfinished.is_empty() && readers.iter().all(judged)) {
            let name = FileRow::read(&self.files, place as usize).name;
            self.file(place, &FileRow::of_kind(None, name));
        }
        Ok(())
    }

    fn new_links(&mut self, links: Vec<LinkSeen>) -> Result<(), String> {
        for link in links {
            let known = self.others.links.iter_mut().find(|known| known.path == link.path && known.state == link.state);
            match known {
                Some(known) => *known = link,
                None => return Err(unknown(&link.path)),
            }
        }
        Ok(())
    }

    /// Variables and programs are those that the plan names, and are what it says.
    fn knows_the_rest(
        &self,
        variables: &std::collections::BTreeSet<String>,
        programs: &std::collections::BTreeMap<crate::system::sight::Sought, Option<crate::base::digest::Digest>>,
    ) -> Result<(), String> {
        for pattern in variables {
            let digest = environment::digest(&OsSystem, pattern).hex();
            if !self.others.variables.iter().any(|known| *known == (pattern.clone(), digest.clone())) {
                return Err(format!("variable {pattern}"));
            }
        }
        for (sought, identity) in programs {
            let identity = identity.map(|identity| identity.hex());
            let is_known = self.others.programs.iter().any(|known| {
                known.word == sought.word
                    && sought.search == *known.search
                    && known.dir == sought.dir
                    && known.identity == identity
            });
            if !is_known {
                return Err(format!("program {}", sought.word));
            }
        }
        Ok(())
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

fn unknown(path: &Path) -> String {
    format!("{} was not looked at before", path.display())
}
