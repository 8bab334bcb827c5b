//! The list of edits: how it is written, and the files that an edit leaves.
//!
//! Starts nothing; what is found it only compares.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is wrong with an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Syntax,
    Type,
    Style,
    Tests,
    Secrets,
    Circular,
    Deleted,
    Clean,
}

pub const KINDS: [Kind; 8] =
    [Kind::Syntax, Kind::Type, Kind::Style, Kind::Tests, Kind::Secrets, Kind::Circular, Kind::Deleted, Kind::Clean];

impl Kind {
    /// The name of its file, and how the ids of its edits begin.
    pub fn name(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Type => "type",
            Self::Style => "style",
            Self::Tests => "tests",
            Self::Secrets => "secrets",
            Self::Circular => "circular",
            Self::Deleted => "deleted",
            Self::Clean => "clean",
        }
    }

    /// Rules beside the quick ones.
    pub fn rules(self) -> &'static [&'static str] {
        match self {
            Self::Style => &[],
            Self::Syntax | Self::Secrets => &["bandit", "detect-secrets"],
            Self::Type => &["mypy"],
            Self::Tests => &["pytest"],
            Self::Circular | Self::Deleted => &["mypy", "pytest"],
            Self::Clean => &["bandit", "detect-secrets", "mypy", "pytest"],
        }
    }

    /// What one of its findings must say: any of these.
    fn told_by(self) -> &'static [&'static str] {
        match self {
            Self::Syntax => &[" syntax "],
            Self::Type => &[" type "],
            Self::Style => &[" style ", " formatting ", " path "],
            Self::Tests => &[" test_failure "],
            Self::Secrets => &["detect-secrets ", "bandit "],
            Self::Circular => &["circular import", "partially initialized module"],
            Self::Deleted => &["No module named", "cannot import name", "has no attribute"],
            Self::Clean => &[],
        }
    }
}

/// An edit of the example.
#[derive(Debug)]
pub struct Edit {
    /// `type-03`.
    pub id: String,
    pub kind: Kind,
    /// What is done.
    pub about: String,
    /// The paths that it touches, and what they hold afterwards; nothing where the file is gone.
    pub after: BTreeMap<String, Option<String>>,
    /// Further rules that judge it.
    pub with: Vec<String>,
    /// What must be found, sorted: `RULE PATH:LINE:COLUMN SEVERITY CATEGORY CODE MESSAGE`.
    pub finds: Vec<String>,
}

impl Edit {
    /// Asserts that what must be found is a fault of its kind.
    pub fn promises(&self) {
        let told = self.kind.told_by();
        if told.is_empty() {
            assert!(self.finds.is_empty(), "{} is clean, and promises {:?}", self.id, self.finds);
            return;
        }
        let fits = |line: &String| told.iter().any(|word| line.contains(word));
        assert!(self.finds.iter().any(fits), "{} promises no fault of its kind: {:?}", self.id, self.finds);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The example as it is before.
pub fn seed() -> PathBuf {
    root().join("tests/fixtures/legacy")
}

fn file(kind: Kind) -> PathBuf {
    root().join("tests/fixtures/seeded").join(format!("{}.edits", kind.name()))
}

/// All edits.
pub fn all() -> Vec<Edit> {
    KINDS.into_iter().flat_map(of).collect()
}

fn of(kind: Kind) -> Vec<Edit> {
    let text = std::fs::read_to_string(file(kind)).expect("a list of edits");
    let mut edits = Vec::new();
    let mut reader: Option<Reader> = None;
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}.edits:{}", kind.name(), number + 1);
        if let Some(head) = line.strip_prefix("== ") {
            edits.extend(reader.take().map(Reader::end));
            let (id, about) = head.split_once(": ").unwrap_or_else(|| panic!("{place}: no `id: what is done`"));
            assert!(id.starts_with(&format!("{}-", kind.name())), "{place}: the id begins with its kind");
            let (after, with, finds) = (BTreeMap::new(), Vec::new(), Vec::new());
            let (id, about) = (id.to_owned(), about.to_owned());
            reader = Some(Reader::new(Edit { id, kind, about, after, with, finds }));
        } else if let Some(reader) = &mut reader {
            reader.line(line, &place);
        }
    }
    edits.extend(reader.map(Reader::end));
    edits
}

/// Reads one edit, line by line.
struct Reader {
    edit: Edit,
    /// The file that is being changed.
    path: String,
    removed: Vec<String>,
    added: Vec<String>,
    place: String,
}

impl Reader {
    fn new(edit: Edit) -> Self {
        Self { edit, path: String::new(), removed: Vec::new(), added: Vec::new(), place: String::new() }
    }

    fn line(&mut self, line: &str, place: &str) {
        if let Some(removed) = line.strip_prefix('-') {
            if !self.added.is_empty() {
                self.apply();
            }
            self.removed.push(plain(removed));
        } else if let Some(added) = line.strip_prefix('+') {
            self.added.push(plain(added));
        } else {
            self.apply();
            self.word(line, place);
        }
        self.place = place.to_owned();
    }

    fn word(&mut self, line: &str, place: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" | "#" | "..." => {}
            "in" => self.path = plain(rest),
            "delete" => {
                assert!(self.now(rest).is_some(), "{place}: {rest} is not there");
                self.edit.after.insert(rest.to_owned(), None);
            }
            "move" => {
                let (from, to) = rest.split_once(" -> ").unwrap_or_else(|| panic!("{place}: `move A -> B`"));
                let text = self.now(from).unwrap_or_else(|| panic!("{place}: {from} is not there"));
                self.edit.after.insert(from.to_owned(), None);
                self.edit.after.insert(to.to_owned(), Some(text));
            }
            "with" => self.edit.with.extend(rest.split(' ').map(str::to_owned)),
            "!" => self.edit.finds.push(rest.to_owned()),
            _ => panic!("{place}: what is `{word}`?"),
        }
    }

    /// What a file holds by now.
    fn now(&self, path: &str) -> Option<String> {
        match self.edit.after.get(path) {
            Some(text) => text.clone(),
            None => std::fs::read_to_string(seed().join(path)).ok(),
        }
    }

    /// Puts the lines in the place of those that are taken out; without any, at the file's end.
    fn apply(&mut self) {
        let (removed, added) = (std::mem::take(&mut self.removed), std::mem::take(&mut self.added));
        if removed.is_empty() && added.is_empty() {
            return;
        }
        let text = self.now(&self.path);
        let joined = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let (old, new) = (joined(&removed), joined(&added));
        let changed = if removed.is_empty() {
            text.unwrap_or_default() + &new
        } else {
            let text = text.unwrap_or_else(|| panic!("{}: {} is not there", self.place, self.path));
            let whole = format!("\n{text}");
            let places = whole.matches(&format!("\n{old}")).count();
            assert_eq!(places, 1, "{}: the lines are in {} {places} times\n{old}", self.place, self.path);
            whole.replacen(&format!("\n{old}"), &format!("\n{new}"), 1)[1..].to_owned()
        };
        let ended = changed.strip_suffix("␄\n").map(str::to_owned);
        self.edit.after.insert(self.path.clone(), Some(ended.unwrap_or(changed)));
    }

    fn end(mut self) -> Edit {
        self.apply();
        assert!(!self.edit.after.is_empty(), "{} changes nothing", self.edit.id);
        self.edit.finds.sort();
        self.edit
    }
}

/// What would not outlive an editor stands as a picture: ␠ a blank, ␉ a tab, ␍ a carriage return; ⁀ ties what must not stand
/// here in one piece, and ␄ at a file's end leaves its line without an end.
fn plain(line: &str) -> String {
    line.replace('␠', " ").replace('␉', "\t").replace('␍', "\r").replace('⁀', "")
}

/// Writes anew what is found of these edits.
pub fn update<'e>(found: impl Iterator<Item = (&'e Edit, &'e Vec<String>)>) {
    let found: BTreeMap<&str, &Vec<String>> = found.map(|(edit, found)| (edit.id.as_str(), found)).collect();
    for kind in KINDS {
        let text = std::fs::read_to_string(file(kind)).expect("a list of edits");
        let mut written = String::new();
        for part in text.split_inclusive('\n').collect::<Vec<_>>().chunk_by(|_, line| !line.starts_with("== ")) {
            let id = part[0].strip_prefix("== ").and_then(|head| head.split(':').next());
            match id.and_then(|id| found.get(id)) {
                None => written.extend(part.iter().copied()),
                Some(found) => {
                    let kept: String = part.iter().filter(|line| !line.starts_with("! ")).copied().collect();
                    written.push_str(kept.trim_end_matches('\n'));
                    written.push('\n');
                    written.extend(found.iter().map(|line| format!("! {line}\n")));
                    written.push('\n');
                }
            }
        }
        std::fs::write(file(kind), format!("{}\n", written.trim_end())).expect("written");
    }
}
