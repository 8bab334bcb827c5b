//! Paths and patterns of scopes: relative to a repository's root, `/`-separated, compared byte by byte.
//!
//! Does not know which files exist; reading (and normalising) what people wrote is `analysis`' work.

use ecow::EcoString;
use globset::{GlobBuilder, GlobMatcher};

/// A normalised path relative to a root: no empty part, no `.`, no `..`, no `.git`, no trailing `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct RepoPath(pub EcoString);

impl RepoPath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One entry of a scope, already normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Pattern {
    /// Exactly this file.
    File(RepoPath),
    /// Everything below this folder.
    Folder(RepoPath),
    /// A globset pattern; `**` crosses directories, `*` does not.
    Glob(EcoString),
}

impl Pattern {
    /// The entry as it is shown and keyed: `a.py`, `src/`, `**/*.py`.
    pub fn text(&self) -> String {
        match self {
            Self::File(path) => path.0.to_string(),
            Self::Folder(path) => format!("{}/", path.0),
            Self::Glob(glob) => glob.to_string(),
        }
    }

    /// The literal characters that every path it names begins with.
    pub fn literal_prefix(&self) -> &str {
        match self {
            Self::File(path) | Self::Folder(path) => &path.0,
            Self::Glob(glob) => {
                let end = glob.find(|one| one == '\\' || GLOB_CHARACTERS.contains(&one)).unwrap_or(glob.len());
                &glob[..end]
            }
        }
    }
}

impl Pattern {
    /// The file or the folder that every path it names is or lies in; empty for the root.
    fn place(&self) -> &str {
        let prefix = self.literal_prefix();
        match self {
            Self::File(_) | Self::Folder(_) => prefix,
            Self::Glob(_) => prefix.rsplit_once('/').map_or("", |(folder, _)| folder),
        }
    }
}

/// Characters that make an entry a glob.
pub const GLOB_CHARACTERS: [char; 4] = ['*', '?', '[', '{'];

/// Whether an entry is a glob.
pub fn is_glob(entry: &str) -> bool {
    entry.contains(GLOB_CHARACTERS)
}

/// Compiles a glob as scopes and inputs understand it; the error is globset's sentence.
pub fn compile_glob(glob: &str) -> Result<GlobMatcher, String> {
    GlobBuilder::new(glob)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| error.kind().to_string())
}

/// Several patterns, compiled to be asked often.
#[derive(Debug, Clone, Default)]
pub struct PatternSet {
    files: std::collections::HashSet<Vec<u8>>,
    folders: Vec<Vec<u8>>,
    globs: Vec<GlobMatcher>,
    places: Vec<Vec<u8>>,
}

impl PatternSet {
    /// Compiles patterns; globs that do not compile were refused by `analysis` and match nothing here.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a Pattern>) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            set.places.push(pattern.place().to_owned().into_bytes());
            match pattern {
                Pattern::File(path) => drop(set.files.insert(path.0.as_bytes().to_vec())),
                Pattern::Folder(path) => set.folders.push(format!("{}/", path.0).into_bytes()),
                Pattern::Glob(glob) => set.globs.extend(compile_glob(glob).ok()),
            }
        }
        set
    }

    /// Files and folders so that every path that is named is one of them or lies below one; an empty one is the root.
    pub fn places(&self) -> impl Iterator<Item = &[u8]> {
        self.places.iter().map(Vec::as_slice)
    }

    /// Whether a path (raw bytes, as git has it) is named; one that is not UTF-8 never is.
    pub fn matches(&self, path: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(path) else { return false };
        self.files.contains(path)
            || self.folders.iter().any(|folder| path.starts_with(folder))
            || self.globs.iter().any(|glob| glob.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, PatternSet, RepoPath};

    #[test]
    fn bytes_decide() {
        let patterns = [
            Pattern::File(RepoPath("a.py".into())),
            Pattern::Folder(RepoPath("src".into())),
            Pattern::Glob("docs/**/*.md".into()),
        ];
        let set = PatternSet::new(&patterns);
        for path in ["a.py", "src/x/y", "docs/a.md", "docs/b/c.md"] {
            assert!(set.matches(path.as_bytes()), "{path}");
        }
        for path in ["A.py", "srcx", "src", "docs/a.txt", "b/a.py"] {
            assert!(!set.matches(path.as_bytes()), "{path}");
        }
        assert!(!set.matches(b"src/\xff"));
        let places = |glob: &str| PatternSet::new(&[Pattern::Glob(glob.into())]).places().next().map(<[u8]>::to_vec);
        for (glob, place) in
            [("*", ""), ("**/a", ""), ("a/b*", "a"), ("a/b/**", "a/b"), ("a/{b,c}/d", "a"), ("a\\*b/*", "")]
        {
            assert_eq!(places(glob), Some(place.as_bytes().to_vec()), "{glob}");
        }
        assert_eq!(set.places().collect::<Vec<_>>(), [b"a.py".as_slice(), b"src", b"docs"]);
    }
}
