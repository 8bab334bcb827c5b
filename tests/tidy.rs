//! Whether the code keeps the house's rules: who may import whom, who may use which crate, how long things get.
//!
//! Reads text, knows no syntax tree: rustfmt makes indentation a fact, and that is enough. A fault is `file:line: what is
//! wrong; what to do`. The tables below are the rules; a new edge in them is a change of the architecture and gets a commit
//! of its own, together with docs/architecture.md.

#![expect(clippy::disallowed_methods, reason = "reads the source files themselves")]

use std::fmt;
use std::path::{Path, PathBuf};

/// Who may import whom: a room, and the rooms above it that it may name. In the order of src/lib.rs.
const ROOMS: &[(&str, &str)] = &[
    ("base", ""),
    ("system", "base"),
    ("syntax", "base"),
    ("analysis", "base syntax"),
    ("graph", "base analysis"),
    ("query", "base syntax analysis graph"),
    ("project", "base system syntax analysis"),
    ("git", "base"),
    ("fingerprint", "base"),
    ("store", "base system fingerprint"),
    ("plan", "fingerprint"),
    ("process", ""),
    ("verify", "base analysis"),
    ("summary", "base"),
    ("event", "base summary"),
    ("observe", "base system analysis graph git fingerprint store plan verify"),
    ("preview", "base system analysis graph git fingerprint plan summary observe"),
    ("kept", "base system"),
    ("exec", "base system analysis graph git fingerprint store plan process verify summary event observe preview"),
    ("report", "base summary event"),
    (
        "cli",
        "base system analysis graph project git fingerprint store plan process summary event observe preview kept exec report",
    ),
];

/// Crates that one room alone knows, so that another could take their place.
const CRATES: &[(&str, &str)] = &[
    ("kdl", "syntax"),
    ("jsonc_parser", "syntax"),
    ("salsa", "query"),
    ("gix", "git"),
    ("rusqlite", "store"),
    ("saphyr_parser", "verify"),
    ("signal_hook", "process"),
    ("miette", "report"),
    ("anstream", "report"),
    ("clap", "cli"),
    ("clap_complete", "cli"),
];

/// Who may name `std::fs`, `std::process` and `std::env`: a room or a file, and why.
const DOORS: &[(&str, &str)] = &[
    ("src/system", "the door itself"),
    ("src/git", "repositories, worktrees and their metadata"),
    ("src/store", "the database, blobs and locks"),
    ("src/kept", "the kept plan: one file, read without a detour"),
    ("src/process", "starts and ends programs"),
    ("src/exec", "makes the places that steps run in"),
    ("src/cli", "arguments, the terminal, and the files that a person asks for"),
];

/// Sets an option of the allocator; beside `process` the only place with `unsafe`.
const ALLOCATOR: &str = "src/system/allocator.rs";

/// Words that do not stand in the code, and what to do instead.
const WORDS: &[(&str, &str)] = &[
    (concat!("dbg", "!("), "remove it"),
    (concat!("todo", "!("), "write it, or leave it out and say so in docs/design.md"),
    (concat!("unimplemented", "!("), "write it, or leave it out and say so in docs/design.md"),
    (concat!("FIX", "ME"), "mend it, or say in a sentence why it is as it is"),
    (concat!("#[ig", "nore"), "mend the test or remove it"),
    (concat!("/ho", "me/r"), "name no machine's folders"),
];

/// Texts that would tie the repository to one machine or one network.
const MACHINE: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("index-", "url"),
    concat!("replace-", "with"),
];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const ARCHITECTURE_LINES_MAX: usize = 250;
const FILE_BYTES_MAX: u64 = 2_000_000;

struct Fault {
    file: String,
    line: usize,
    text: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// A Rust file; `code` is its lines with comments blanked, and modules of tests too where they stand inside it.
struct Source {
    path: String,
    lines: Vec<String>,
    code: Vec<String>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let code = without_tests(&lines).into_iter().map(|line| without_comment(&line)).collect();
        Self { path: path.to_owned(), lines, code }
    }

    fn room(&self) -> Option<&str> {
        let inner = self.path.strip_prefix("src/")?;
        Some(inner.split('/').next()?.trim_end_matches(".rs"))
    }

    /// A file that holds nothing but a module of tests.
    fn is_tests(&self) -> bool {
        !self.path.starts_with("src/") || self.path.ends_with("/tests.rs")
    }

    fn fault(&self, index: usize, text: impl Into<String>) -> Fault {
        Fault { file: self.path.clone(), line: index + 1, text: text.into() }
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The lines with each `#[cfg(test)]` item blanked: to the first line at its indentation that closes it.
fn without_tests(lines: &[String]) -> Vec<String> {
    let mut kept = Vec::with_capacity(lines.len());
    let mut inside: Option<usize> = None;
    for line in lines {
        if inside.is_none() && line.trim() == "#[cfg(test)]" {
            inside = Some(indentation(line));
        }
        kept.push(if inside.is_some() { String::new() } else { line.clone() });
        let closes = line.trim_end().ends_with(['}', ';']) && inside == Some(indentation(line));
        if closes {
            inside = None;
        }
    }
    kept
}

fn without_comment(line: &str) -> String {
    let end = line.find("// ").into_iter().chain(line.find("///")).chain(line.find("//!")).min();
    line[..end.unwrap_or(line.len())].to_owned()
}

/// The words that follow `prefix` in a line, where no word or path ends right before it.
fn words_after<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(prefix).filter_map(move |(at, _)| {
        let before = line[..at].chars().next_back();
        let joined = before.is_some_and(|char| char.is_alphanumeric() || char == '_' || char == ':');
        let rest = &line[at + prefix.len()..];
        let end = rest.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(rest.len());
        (!joined).then(|| &rest[..end])
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the repository, as paths below its root; what is made while building is left out.
fn files() -> Vec<PathBuf> {
    let mut open = vec![root().to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let inner = path.strip_prefix(root()).expect("below the root").to_owned();
            let made = [".git", ".pl", ".worktrees", "target"].iter().any(|name| inner == Path::new(name));
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() && !made && entry.file_name() != "__pycache__" {
                open.push(path);
            } else if kind.is_file() && !made {
                files.push(inner);
            }
        }
    }
    files.sort();
    files
}

fn slashed(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").replace('\\', "/")
}

/// The Rust files of the crate and of its tests.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    for path in files() {
        let name = slashed(&path);
        let ours = name.starts_with("src/") || (name.starts_with("tests/") && !name.starts_with("tests/fixtures/"));
        if ours && name.ends_with(".rs") {
            let text = std::fs::read_to_string(root().join(&path)).expect("a text");
            sources.push(Source::new(&name, &text));
        }
    }
    assert!(sources.len() > 50, "BUG: only {} sources were found", sources.len());
    sources
}

#[track_caller]
fn report(faults: &[Fault]) {
    let lines: Vec<String> = faults.iter().map(Fault::to_string).collect();
    assert!(faults.is_empty(), "{} faults\n{}\n", faults.len(), lines.join("\n"));
}

fn knows(allowed: &str, name: &str) -> bool {
    allowed.split_whitespace().any(|other| other == name)
}

fn imports_of(source: &Source) -> Vec<Fault> {
    let Some(room) = source.room() else { return Vec::new() };
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else { return Vec::new() };
    let mut faults = Vec::new();
    for (index, line) in source.code.iter().enumerate() {
        for name in words_after(line, "crate::") {
            let known = ROOMS.iter().any(|(other, _)| *other == name);
            if name.is_empty() {
                faults.push(source.fault(index, "several rooms in one `use crate::{…}`; write one `use` for each"));
            } else if known && name != room && !knows(allowed, name) {
                let what =
                    format!("`{room}` does not know `{name}`; let its caller pass what it needs, or move the item up");
                faults.push(source.fault(index, what));
            }
        }
    }
    faults
}

#[test]
fn rooms_import_only_what_stands_above_them() {
    let mut faults = Vec::new();
    for (index, (room, allowed)) in ROOMS.iter().enumerate() {
        for name in allowed.split_whitespace() {
            let above = ROOMS[..index].iter().any(|(other, _)| *other == name);
            assert!(above, "ROOMS: the row `{room}` names `{name}`, which does not stand above it");
        }
    }
    for source in sources().iter().filter(|source| !source.is_tests()) {
        faults.extend(imports_of(source));
    }
    report(&faults);
}

#[test]
fn the_table_is_the_order_of_the_library() {
    let text = std::fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs");
    let declared: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let table: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    assert_eq!(declared, table, "src/lib.rs and ROOMS in tests/tidy.rs name the same rooms in the same order");
}

#[test]
fn the_architecture_has_a_paragraph_for_each_room() {
    let text = std::fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md");
    let told = |room: &str| text.lines().any(|line| line.starts_with("**") && line.contains(&format!("**{room}**")));
    let missing: Vec<&str> = ROOMS.iter().map(|(room, _)| *room).filter(|room| !told(room)).collect();
    assert!(missing.is_empty(), "docs/architecture.md: say what {missing:?} is for and must not know");
    let lines = text.lines().count();
    assert!(
        lines <= ARCHITECTURE_LINES_MAX,
        "docs/architecture.md: {lines} lines; {ARCHITECTURE_LINES_MAX} are the most"
    );
}

#[test]
fn no_row_allows_what_nobody_uses() {
    let sources = sources();
    let mut unused = Vec::new();
    for (room, allowed) in ROOMS {
        let own: Vec<&Source> = sources.iter().filter(|source| source.room() == Some(*room)).collect();
        for name in allowed.split_whitespace() {
            let used = own
                .iter()
                .any(|source| source.code.iter().any(|line| words_after(line, "crate::").any(|found| found == name)));
            if !used {
                unused.push(format!("`{room}` does not use `{name}`"));
            }
        }
    }
    assert!(unused.is_empty(), "take out of ROOMS in tests/tidy.rs: {}", unused.join(", "));
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !source.is_tests()) {
        let Some(room) = source.room() else { continue };
        for (index, line) in source.code.iter().enumerate() {
            for (name, home) in CRATES.iter().filter(|(_, home)| *home != room) {
                let path = format!("{name}::");
                if words_after(line, &path).next().is_some() {
                    faults
                        .push(source.fault(index, format!("`{name}` is known to `{home}` alone; ask `{home}` for it")));
                }
            }
            let may = room == "process" || source.path.ends_with(ALLOCATOR);
            if line.contains("unsafe ") && !may {
                let fault = format!("`unsafe` stands in `process` and {ALLOCATOR} alone; rustix has safe calls");
                faults.push(source.fault(index, fault));
            }
        }
    }
    report(&faults);
}

#[test]
fn doors_are_few() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !source.is_tests()) {
        let open = |door: &str| {
            let inner = source.path.strip_prefix(door);
            inner.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest == ".rs")
        };
        if DOORS.iter().any(|(door, _)| open(door)) {
            continue;
        }
        for (index, line) in source.code.iter().enumerate() {
            let harmless =
                ["std::process::ExitCode", "std::env::consts", "std::env::split_paths", "std::env::join_paths"]
                    .iter()
                    .any(|name| line.contains(name));
            let door =
                ["fs", "process", "env"].into_iter().find(|name| words_after(line, "std::").any(|word| word == *name));
            if let Some(door) = door.filter(|_| !harmless) {
                let what = format!(
                    "`std::{door}` is a door to the machine; ask `system`, or list the file in DOORS with a reason"
                );
                faults.push(source.fault(index, what));
            }
        }
    }
    report(&faults);
}

/// Index of the line that closes the function that begins at `begin`; none for a declaration and for one on a line.
fn end_of_function(lines: &[String], begin: usize) -> Option<usize> {
    let first = lines[begin].trim_end();
    if first.ends_with('}') || first.ends_with(';') {
        return None;
    }
    let depth = indentation(first);
    for (index, line) in lines.iter().enumerate().skip(begin + 1) {
        if line.is_empty() || indentation(line) != depth {
            continue;
        }
        if line.trim_start().starts_with('}') {
            return Some(index);
        }
        if line.trim_end().ends_with(';') {
            return None;
        }
    }
    None
}

fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let lead = |word: &str| word.starts_with("pub") || ["const", "async", "unsafe", "in", "extern"].contains(&word);
    words.by_ref().find(|word| !lead(word) && !word.ends_with(')')) == Some("fn")
}

#[test]
fn files_and_functions_are_short() {
    let mut faults = Vec::new();
    for source in &sources() {
        if source.lines.len() > FILE_LINES_MAX {
            let what = format!("{} lines; from {FILE_LINES_MAX} on it wants a folder", source.lines.len());
            faults.push(source.fault(FILE_LINES_MAX, what));
        }
        for begin in (0..source.lines.len()).filter(|index| begins_function(&source.lines[*index])) {
            let length = end_of_function(&source.lines, begin).map_or(1, |end| end - begin + 1);
            if length > FUNCTION_LINES_MAX {
                let what = format!("a function of {length} lines; {FUNCTION_LINES_MAX} are the most: name its parts");
                faults.push(source.fault(begin, what));
            }
        }
    }
    report(&faults);
}

#[test]
fn files_say_what_they_are_for() {
    let mut faults = Vec::new();
    for source in &sources() {
        if !source.lines.first().is_some_and(|line| line.starts_with("//! ")) {
            faults.push(source.fault(0, "open it with `//!`: what it is for, and what it does not know"));
        }
        if source.path.ends_with("/mod.rs") {
            faults.push(source.fault(0, "`x/mod.rs` is written `x.rs` beside the folder `x`"));
        }
    }
    report(&faults);
}

#[test]
fn no_word_stands_for_work_left_over() {
    let mut faults = Vec::new();
    for source in &sources() {
        for (index, line) in source.lines.iter().enumerate() {
            for (word, instead) in WORDS.iter().filter(|(word, _)| line.contains(word)) {
                faults.push(source.fault(index, format!("`{word}` does not stay: {instead}")));
            }
        }
    }
    report(&faults);
}

#[test]
fn nothing_names_a_machine_or_a_registry() {
    let mut faults = Vec::new();
    for path in files() {
        let name = slashed(&path);
        let file = root().join(&path);
        if std::fs::metadata(&file).is_ok_and(|metadata| metadata.len() > FILE_BYTES_MAX) {
            faults.push(Fault {
                file: name,
                line: 1,
                text: "too large to be kept in a repository of texts".to_owned(),
            });
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
        for (index, line) in text.lines().enumerate() {
            let fault = |text: String| Fault { file: name.clone(), line: index + 1, text };
            if let Some(word) = MACHINE.iter().find(|word| line.contains(**word)) {
                faults.push(fault(format!("`{word}` is true of one machine only; leave it to the environment")));
            }
            if line.starts_with("source = ") && name == "Cargo.lock" && !line.contains(CRATES_IO) {
                faults.push(fault(format!("a crate that is not from {CRATES_IO}")));
            }
        }
    }
    report(&faults);
}

#[test]
fn the_reader_of_sources_reads() {
    let text = "fn a() {\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n    use crate::cli;\n}\nuse crate::git::x; // crate::cli\n";
    let source = Source::new("src/plan.rs", text);
    assert_eq!(source.room(), Some("plan"));
    assert_eq!(end_of_function(&source.lines, 0), Some(2));
    assert_eq!(imports_of(&source).iter().map(|fault| fault.line).collect::<Vec<_>>(), [9]);
    assert!(begins_function("    pub(in crate::git) const unsafe fn x("));
    assert!(!begins_function("let fn_ = 1;"));
}
