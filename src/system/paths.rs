//! Many paths in few folders, each with what is known of it, in as little memory as they take.
//!
//! A map of the standard library holds each path as an allocation of its own and has room for half as many rows again. Here the
//! text of a folder is held once, names stand one after the other, rows lie in one list. Rows are never taken out one by one.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::HashTable;

/// Rows by path.
#[derive(Debug, Clone)]
pub struct PathMap<T> {
    folders: Vec<Arc<[u8]>>,
    folder_numbers: HashMap<Arc<[u8]>, u32>,
    /// The names of all rows, one after the other.
    names: Vec<u8>,
    rows: Vec<Row<T>>,
    index: HashTable<u32>,
    hasher: RandomState,
}

#[derive(Debug, Clone)]
struct Row<T> {
    folder: u32,
    /// Where its name ends; it begins where that of the row before ends.
    end: u32,
    value: T,
}

impl<T> Default for PathMap<T> {
    fn default() -> Self {
        Self {
            folders: Vec::new(),
            folder_numbers: HashMap::new(),
            names: Vec::new(),
            rows: Vec::new(),
            index: HashTable::new(),
            hasher: RandomState::new(),
        }
    }
}

impl<T> PathMap<T> {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What is known of a path.
    pub fn get(&self, path: &Path) -> Option<&T> {
        self.find(path).map(|place| &self.rows[place].value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, path: &Path) -> Option<&mut T> {
        self.find(path).map(|place| &mut self.rows[place].value)
    }

    /// Puts a row in the place of the one that is there, if any.
    pub fn insert(&mut self, path: &Path, value: T) {
        match self.get_mut(path) {
            Some(known) => *known = value,
            None => self.push(path, value),
        }
    }

    /// All rows, in the order in which their paths came.
    pub fn iter(&self) -> impl Iterator<Item = (PathBuf, &T)> {
        (0..self.rows.len()).map(|place| (self.path(place), &self.rows[place].value))
    }

    /// The places of the rows, sorted by folder and name as bytes; a path without a folder stands in the folder "".
    pub fn sorted(&self) -> Vec<u32> {
        let mut places: Vec<u32> = (0..).take(self.rows.len()).collect();
        places.sort_unstable_by_key(|place| self.parts(*place as usize));
        places
    }

    /// A row's path.
    pub fn path(&self, place: usize) -> PathBuf {
        let (folder, name) = self.parts(place);
        PathBuf::from(OsStr::from_bytes(&[folder, name].concat()))
    }

    /// A row.
    pub fn value(&self, place: usize) -> &T {
        &self.rows[place].value
    }

    fn push(&mut self, path: &Path, value: T) {
        let (folder, name) = split(path);
        let folder = match self.folder_numbers.get(folder) {
            Some(number) => *number,
            None => {
                let number = number(self.folders.len());
                let text: Arc<[u8]> = folder.into();
                self.folders.push(Arc::clone(&text));
                self.folder_numbers.insert(text, number);
                number
            }
        };
        let hash = self.hasher.hash_one((folder, name));
        let place = number(self.rows.len());
        self.names.extend_from_slice(name);
        self.rows.push(Row { folder, end: number(self.names.len()), value });
        let Self { rows, names, hasher, .. } = self;
        let hash_of = |place: &u32| {
            let place = *place as usize;
            hasher.hash_one((rows[place].folder, name_of(rows, names, place)))
        };
        self.index.insert_unique(hash, place, hash_of);
    }

    fn find(&self, path: &Path) -> Option<usize> {
        let (folder, name) = split(path);
        let folder = *self.folder_numbers.get(folder)?;
        let is_it = |place: &u32| {
            let place = *place as usize;
            self.rows[place].folder == folder && name_of(&self.rows, &self.names, place) == name
        };
        self.index.find(self.hasher.hash_one((folder, name)), is_it).map(|place| *place as usize)
    }

    /// Folder, with the `/` at its end, and name.
    fn parts(&self, place: usize) -> (&[u8], &[u8]) {
        (&self.folders[self.rows[place].folder as usize], name_of(&self.rows, &self.names, place))
    }
}

fn name_of<'n, T>(rows: &[Row<T>], names: &'n [u8], place: usize) -> &'n [u8] {
    let begin = place.checked_sub(1).map_or(0, |before| rows[before].end);
    &names[begin as usize..rows[place].end as usize]
}

/// The folder of a path, with the `/` at its end, and the rest.
fn split(path: &Path) -> (&[u8], &[u8]) {
    let bytes = path.as_os_str().as_bytes();
    bytes.split_at(bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1))
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("BUG: four billion paths, or 4 GiB of their names, do not come up")
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::PathMap;

    #[test]
    fn rows_come_back_under_their_paths() {
        let mut map = PathMap::default();
        let paths = ["/", "a", "/a", "a/", "b/c", "bc", "b/cd", "//a", "b/é", ""];
        for (number, path) in paths.iter().enumerate() {
            assert_eq!(map.get(Path::new(path)), None);
            map.insert(Path::new(path), number);
        }
        map.insert(Path::new("a"), 77);
        *map.get_mut(Path::new("bc")).expect("it is there") += 100;
        let expected = [0, 77, 2, 3, 4, 105, 6, 7, 8, 9];
        let all: Vec<(PathBuf, usize)> = map.iter().map(|(path, number)| (path, *number)).collect();
        assert_eq!(all.iter().map(|(_, number)| *number).collect::<Vec<_>>(), expected);
        assert!(all.iter().map(|(path, _)| path.as_os_str()).eq(paths.iter().map(Path::new).map(Path::as_os_str)));
        assert_eq!((map.len(), map.is_empty()), (paths.len(), false));
        let sorted: Vec<PathBuf> = map.sorted().into_iter().map(|place| map.path(place as usize)).collect();
        let as_text: Vec<&str> = sorted.iter().filter_map(|path| path.to_str()).collect();
        assert_eq!(as_text, ["", "a", "bc", "/", "/a", "//a", "a/", "b/c", "b/cd", "b/é"]);
    }

    #[test]
    fn many_rows_are_found() {
        let mut map = PathMap::default();
        let path = |number: u32| PathBuf::from(format!("/root/d{}/f{number}", number % 7));
        for number in 0..5_000 {
            map.insert(&path(number), number);
        }
        assert!((0..5_000).all(|number| map.get(&path(number)) == Some(&number)));
        assert_eq!(map.get(Path::new("/root/d1/f0")), None);
    }
}
