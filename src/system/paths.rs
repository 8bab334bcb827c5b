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

/// Rows by path. Paths that are equal as paths (`a/b`, `a//b`) are one.
#[derive(Debug, Clone)]
pub struct PathMap<T> {
    folders: Vec<Arc<Path>>,
    folder_numbers: HashMap<Arc<Path>, u32>,
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

    /// The place of a path's row: the number of rows that came before it.
    pub fn place(&self, path: &Path) -> Option<u32> {
        let (folder, name) = split(path);
        let folder = *self.folder_numbers.get(folder)?;
        let is_it = |place: &u32| {
            let place = *place as usize;
            self.rows[place].folder == folder && name_of(&self.rows, &self.names, place) == name
        };
        self.index.find(self.hasher.hash_one((folder, name)), is_it).copied()
    }

    /// What is known of a path.
    pub fn get(&self, path: &Path) -> Option<&T> {
        self.place(path).map(|place| self.value(place))
    }

    /// Puts a row in the place of the one that is there, if any; gives its place.
    pub fn insert(&mut self, path: &Path, value: T) -> u32 {
        match self.place(path) {
            Some(place) => {
                *self.value_mut(place) = value;
                place
            }
            None => self.push(path, value),
        }
    }

    /// All rows, in the order in which their paths came.
    pub fn iter(&self) -> impl Iterator<Item = (PathBuf, &T)> {
        self.places().map(|place| (self.path(place), self.value(place)))
    }

    /// The places of all rows.
    pub fn places(&self) -> std::ops::Range<u32> {
        0..number(self.rows.len())
    }

    /// A row.
    pub fn value(&self, place: u32) -> &T {
        &self.rows[place as usize].value
    }

    /// A row, to be changed.
    pub fn value_mut(&mut self, place: u32) -> &mut T {
        &mut self.rows[place as usize].value
    }

    /// A row's path.
    pub fn path(&self, place: u32) -> PathBuf {
        let name = self.name(place);
        let folder = &self.folders[self.folder(place) as usize];
        if name.is_empty() { folder.to_path_buf() } else { folder.join(OsStr::from_bytes(name)) }
    }

    /// The number of a row's folder.
    pub fn folder(&self, place: u32) -> u32 {
        self.rows[place as usize].folder
    }

    /// A row's name in its folder; empty: it is what the folder's path says.
    pub fn name(&self, place: u32) -> &[u8] {
        name_of(&self.rows, &self.names, place as usize)
    }

    /// All folders, by number.
    pub fn folders(&self) -> &[Arc<Path>] {
        &self.folders
    }

    fn push(&mut self, path: &Path, value: T) -> u32 {
        let (folder, name) = split(path);
        let folder = match self.folder_numbers.get(folder) {
            Some(number) => *number,
            None => {
                let number = number(self.folders.len());
                let text: Arc<Path> = folder.into();
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
        place
    }
}

fn name_of<'n, T>(rows: &[Row<T>], names: &'n [u8], place: usize) -> &'n [u8] {
    let begin = place.checked_sub(1).map_or(0, |before| rows[before].end);
    &names[begin as usize..rows[place].end as usize]
}

/// Folder and name; a path without a name (`/`, `a/..`) stands as a folder alone.
fn split(path: &Path) -> (&Path, &[u8]) {
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => (folder, name.as_bytes()),
        _ => (path, b""),
    }
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
        let paths = ["/", "a", "/a", "b/c", "bc", "b/cd", "a/..", "..", "b/\u{e9}", ""];
        for (number, path) in paths.iter().enumerate() {
            assert_eq!(map.get(Path::new(path)), None, "{path}");
            assert_eq!(map.insert(Path::new(path), number) as usize, number);
        }
        assert_eq!(map.insert(Path::new("a/"), 77), 1, "it is the same path");
        assert_eq!(map.get(Path::new("b//./c")), Some(&3));
        *map.value_mut(4) += 100;
        assert!(map.iter().map(|(path, _)| path).eq(paths.iter().map(PathBuf::from)));
        assert!(map.iter().map(|(_, number)| *number).eq([0, 77, 2, 3, 104, 5, 6, 7, 8, 9]));
        assert_eq!((map.len(), map.is_empty(), map.places()), (10, false, 0..10));
        assert_eq!((map.name(5), map.name(0), map.folder(3)), (&b"cd"[..], &b""[..], map.folder(8)));
    }

    #[test]
    fn many_rows_are_found() {
        let mut map = PathMap::default();
        let path = |number: u32| PathBuf::from(format!("/top/d{}/f{number}", number % 7));
        for number in 0..5_000 {
            map.insert(&path(number), number);
        }
        assert!((0..5_000).all(|number| map.get(&path(number)) == Some(&number)));
        assert_eq!(map.get(Path::new("/top/d1/f0")), None);
        assert_eq!(map.folders().len(), 7);
    }
}
