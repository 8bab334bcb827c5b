//! Which untracked paths the base tree's own `.gitignore` files name.
//!
//! Ignore rules come from the tree that the workstream started from, never from what a tool planted: so that a tool
//! cannot hide a file by ignoring it, and leftovers such as `__pycache__` do not fail a workstream.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::git::error::GitError;
use crate::git::object::{Mode, TreeId};
use crate::git::repository::Repository;

/// What an ignore file is called.
const NAME: &[u8] = b".gitignore";

/// The ignore files of one tree, the deepest folder first.
#[derive(Debug, Default)]
pub struct IgnoreRules {
    files: Vec<(Vec<u8>, Gitignore)>,
}

impl IgnoreRules {
    /// Reads every `.gitignore` of a tree; lines that do not parse are passed over, and links are not followed, as git
    /// does.
    pub fn of(repository: &Repository, tree: TreeId) -> Result<Self, GitError> {
        let mut files = Vec::new();
        for entry in repository.entries(tree)?.iter() {
            let Some(folder) = entry.path.strip_suffix(NAME) else { continue };
            let is_file = matches!(entry.blob.mode, Mode::File | Mode::Executable);
            if is_file && (folder.is_empty() || folder.ends_with(b"/")) {
                files.push((folder.to_vec(), repository.blob(entry.blob.id)?));
            }
        }
        Ok(Self::from_texts(files))
    }

    /// Folders (empty, or ending in `/`) with the text of their ignore file.
    fn from_texts(texts: Vec<(Vec<u8>, Vec<u8>)>) -> Self {
        let rules = |text: &[u8]| {
            let mut builder = GitignoreBuilder::new("/");
            for line in String::from_utf8_lossy(text).trim_start_matches('\u{feff}').lines() {
                let _ = builder.add_line(None, line);
            }
            builder.build().ok()
        };
        let mut files: Vec<_> = texts.into_iter().filter_map(|(folder, text)| Some((folder, rules(&text)?))).collect();
        files.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.len()));
        Self { files }
    }

    /// Whether a file, or a folder that it lies in, is ignored. As in git, nothing below an ignored folder is had back.
    pub fn ignores(&self, path: &[u8]) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        slashes
            .map(|(end, _)| (&path[..end], true))
            .chain([(path, false)])
            .any(|(part, is_folder)| self.names(part, is_folder))
    }

    /// What the deepest ignore file that names this very path says.
    fn names(&self, path: &[u8], is_folder: bool) -> bool {
        let said = self.files.iter().find_map(|(folder, rules)| {
            let inner = path.strip_prefix(folder.as_slice()).filter(|inner| !inner.is_empty())?;
            match rules.matched(Path::new(OsStr::from_bytes(inner)), is_folder) {
                ignore::Match::None => None,
                said => Some(said.is_ignore()),
            }
        });
        said.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::IgnoreRules;

    fn check(texts: &[(&str, &str)], ignored: &[&str], counted: &[&str]) {
        let texts = texts.iter().map(|(folder, text)| (folder.as_bytes().to_vec(), text.as_bytes().to_vec()));
        let rules = IgnoreRules::from_texts(texts.collect());
        for path in ignored {
            assert!(rules.ignores(path.as_bytes()), "{path} is not ignored");
        }
        for path in counted {
            assert!(!rules.ignores(path.as_bytes()), "{path} is ignored");
        }
    }

    #[test]
    fn files_folders_and_anchors() {
        let text = "*.log\n/build/\nnode_modules\n# note\n\n/a/b.txt\ndoc/*.html\n";
        let ignored = [
            "x.log",
            "a/x.log",
            "build/x",
            "build/deep/x",
            "node_modules",
            "a/node_modules/x",
            "a/b.txt",
            "doc/x.html",
        ];
        let counted = ["build", "a/build/x", "c/a/b.txt", "x.logs", "doc/a/x.html", "# note", "a/doc/x.html"];
        check(&[("", text)], &ignored, &counted);
    }

    #[test]
    fn the_deepest_file_decides_but_not_below_an_ignored_folder() {
        let texts = [("", "*.log\ngen/\n"), ("a/", "!keep.log\n/own\n"), ("gen/", "!x\n")];
        check(&texts, &["x.log", "a/x.log", "a/own", "gen/x", "gen/deep/x"], &["a/keep.log", "own", "b/own"]);
        check(&[("", "/*\n!/src/\n/src/*\n!/src/a\n")], &["x", "src/b"], &["src/a"]);
    }

    #[test]
    fn odd_lines_and_odd_names() {
        check(&[("", "\u{feff}*.a\r\n[\n*.b \n\\!c\n")], &["x.a", "x.b", "!c"], &["c"]);
        check(&[("x", "*\n")], &[], &["y", "z/y"]);
        let rules =
            IgnoreRules::from_texts(vec![(Vec::new(), b"*.pyc\n".to_vec()), (b"\xff/".to_vec(), b"z\n".to_vec())]);
        assert!(rules.ignores(b"a/\xff.pyc") && rules.ignores(b"\xff/z"));
        assert!(!rules.ignores(b"z") && !rules.ignores(b""));
    }

    #[test]
    fn case_counts() {
        check(&[("", "Build/\n")], &["Build/x"], &["build/x"]);
    }
}
