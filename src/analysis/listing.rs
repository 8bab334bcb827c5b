//! The paths of the base commit's tree, to be asked whether something exists.
//!
//! Knows no git: a list of paths comes in. Folders follow from the files.

use std::collections::HashMap;
use std::sync::OnceLock;

use unicode_normalization::UnicodeNormalization;

/// All files of a tree, sorted by bytes.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    paths: Vec<String>,
    folded: OnceLock<HashMap<String, String>>,
}

impl PartialEq for Listing {
    fn eq(&self, other: &Self) -> bool {
        self.paths == other.paths
    }
}

impl Eq for Listing {}

impl Listing {
    /// A listing of these files; order does not matter.
    pub fn new(mut paths: Vec<String>) -> Self {
        paths.sort_unstable();
        paths.dedup();
        Self { paths, folded: OnceLock::new() }
    }

    /// The files, sorted.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Whether it is a file.
    pub fn has_file(&self, path: &str) -> bool {
        self.paths.binary_search_by(|known| known.as_str().cmp(path)).is_ok()
    }

    /// Whether files lie below it.
    pub fn has_folder(&self, path: &str) -> bool {
        !self.below(path).is_empty()
    }

    /// Whether it is a file or a folder.
    pub fn has(&self, path: &str) -> bool {
        self.has_file(path) || self.has_folder(path)
    }

    /// The files below a folder.
    pub fn below(&self, folder: &str) -> &[String] {
        self.starting_with(&format!("{folder}/"))
    }

    /// The files whose paths begin with these characters.
    pub fn starting_with(&self, prefix: &str) -> &[String] {
        let start = self.paths.partition_point(|known| known.as_str() < prefix);
        let tail = &self.paths[start..];
        let length = tail.partition_point(|known| known.starts_with(prefix));
        &tail[..length]
    }

    /// The existing file or folder that differs in case or Unicode form only; `None` if the path exists as it is.
    pub fn variant(&self, path: &str) -> Option<&str> {
        if self.has(path) {
            return None;
        }
        let index = self.folded.get_or_init(|| self.fold_all());
        index.get(&fold(path)).map(String::as_str)
    }

    /// An existing file that was probably meant: in the same folder, or of the same name.
    pub fn nearest(&self, path: &str) -> Option<&str> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let siblings = if folder.is_empty() { self.paths.as_slice() } else { self.below(folder) };
        let close = siblings
            .iter()
            .take(SIBLINGS_MAX)
            .map(|sibling| (strsim::jaro_winkler(path, sibling), sibling))
            .filter(|(score, _)| *score > 0.9)
            .max_by(|left, right| left.0.total_cmp(&right.0));
        let named = || {
            let ending = format!("/{name}");
            self.paths.iter().take(SIBLINGS_MAX).find(|known| known.ends_with(&ending) || known.as_str() == name)
        };
        close.map(|(_, sibling)| sibling).or_else(named).map(String::as_str)
    }

    fn fold_all(&self) -> HashMap<String, String> {
        let mut index = HashMap::with_capacity(self.paths.len());
        let mut last_folder = "";
        for path in &self.paths {
            index.insert(fold(path), path.clone());
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            if folder != last_folder {
                for (end, _) in path.match_indices('/') {
                    index.entry(fold(&path[..end])).or_insert_with(|| path[..end].to_owned());
                }
                last_folder = folder;
            }
        }
        index
    }
}

/// How many paths are compared to find the one that was meant.
const SIBLINGS_MAX: usize = 2_000;

/// One form for all spellings that some file systems take for the same name.
fn fold(path: &str) -> String {
    path.nfc().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::Listing;

    #[test]
    fn folders_and_variants_follow_from_files() {
        let paths = ["src/a.py", "src/sub/B.py", "src-x", "caf\u{e9}/m.md"];
        let listing = Listing::new(paths.map(str::to_owned).to_vec());
        assert!(listing.has_file("src/a.py") && listing.has_folder("src") && listing.has_folder("src/sub"));
        assert!(!listing.has_folder("src-x") && !listing.has("sr"));
        assert_eq!(listing.variant("src/sub/b.py"), Some("src/sub/B.py"));
        assert_eq!(listing.variant("SRC"), Some("src"));
        assert_eq!(listing.variant("cafe\u{301}/m.md"), Some("caf\u{e9}/m.md"));
        assert_eq!(listing.variant("src/a.py"), None);
        assert_eq!(listing.nearest("src/aa.py"), Some("src/a.py"));
        assert_eq!(listing.below("src").len(), 2);
    }
}
