//! Reading definition files from where they may lie, each once, in an order that does not depend on the machine.
//!
//! Does not resolve what they say.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::analysis::diagnostics::{misplaced_include, missing_folder, missing_include, too_many, unreadable_file};
use crate::analysis::names::nearest;
use crate::analysis::scope::entry::read as read_entry;
use crate::base::diagnostic::{Diagnostic, Label};
use crate::base::path::{Pattern, compile_glob};
use crate::base::span::{FileId, Source, Span};
use crate::project::{DefinitionFile, PIPELINEFILE, Reading, WORKSTREAM_FOLDER_VARIABLE, shipped};
use crate::syntax::definition::Text;
use crate::syntax::{FileKind, Parsed, parse};
use crate::system::allocator::give_back_at_once;
use crate::system::{Kind, System};

/// Entries that the patterns of `include` may pass on their way.
const INCLUDE_ENTRIES_MAX: usize = 100_000;

/// Folders that no `include` looks into.
const NEVER_ENTERED: [&str; 3] = [".git", ".pl", ".worktrees"];

/// Definitions of so many bytes are much: some twenty thousand tasks.
const MUCH_BYTES: usize = 4 * 1024 * 1024;

/// From so many files on they are read and parsed by several threads.
const PARALLEL_FILES_MIN: usize = 16;

/// A file that is to be read.
struct Wanted {
    path: PathBuf,
    kind: FileKind,
    /// The place that asked for it.
    by: Option<Span>,
}

/// A file that is there.
struct Found {
    shown: String,
    kind: FileKind,
    text: Arc<str>,
    /// Why it could not be read.
    fault: Option<String>,
    shipped: bool,
}

/// Reads files in an order that does not depend on the machine.
pub struct Reader<'s> {
    system: &'s dyn System,
    reading: Reading,
    /// Files that were read, with the place that asked for them.
    seen: HashMap<PathBuf, Option<Span>>,
    includes: VecDeque<Text>,
    workstream_folder: PathBuf,
}

impl<'s> Reader<'s> {
    /// A reader of a project's folder.
    pub fn new(system: &'s dyn System, root: &Path) -> Self {
        Self {
            system,
            reading: Reading { root: root.to_owned(), ..Reading::default() },
            seen: HashMap::new(),
            includes: VecDeque::new(),
            workstream_folder: root.join("workstreams"),
        }
    }

    /// What the binary carries.
    pub fn shipped(&mut self) {
        self.carried(shipped::FILES, |_| true);
    }

    /// What the binary carries of the optional rules that files use.
    pub fn used(&mut self) {
        let files = self.reading.files.iter();
        let used: Vec<String> =
            files.flat_map(|file| &file.definitions.used_rules).map(|rule| rule.value.to_string()).collect();
        if !used.is_empty() {
            self.carried(shipped::LIBRARY, |text| used.iter().any(|rule| shipped::declares(text, rule)));
        }
    }

    fn carried(&mut self, files: &[(&str, &str)], wanted: impl Fn(&str) -> bool) {
        let found = files.iter().filter(|(_, text)| wanted(text)).map(|(path, text)| Found {
            shown: (*path).to_owned(),
            kind: FileKind::Rules,
            text: Arc::from(*text),
            fault: None,
            shipped: true,
        });
        self.take(found.collect());
    }

    /// The project's own file, which may be absent.
    pub fn pipelinefile(&mut self) {
        let path = self.reading.root.join(PIPELINEFILE);
        self.file(&path, FileKind::Pipelinefile, None);
    }

    /// `rules/*.kdl`.
    pub fn rules(&mut self) {
        let folder = self.reading.root.join("rules");
        let paths = self.folder(&folder, &["kdl"], false).into_iter();
        self.files(paths.map(|path| Wanted { path, kind: FileKind::Rules, by: None }).collect());
    }

    /// `workstreams/*.{json,kdl}`, or of the folder that the environment names.
    pub fn workstreams(&mut self) {
        let variable = self.system.variable(WORKSTREAM_FOLDER_VARIABLE).filter(|folder| !folder.is_empty());
        let asked = variable.is_some();
        if let Some(folder) = &variable {
            self.workstream_folder = self.reading.root.join(folder);
        }
        self.reading.definition_paths.variables.push((WORKSTREAM_FOLDER_VARIABLE.to_owned(), variable));
        let folder = self.workstream_folder.clone();
        let wanted = |path: PathBuf| {
            let json = path.extension().is_some_and(|extension| extension == "json");
            Wanted { path, kind: if json { FileKind::Bundle } else { FileKind::Workstreams }, by: None }
        };
        let paths = self.folder(&folder, &["json", "kdl"], asked);
        self.files(paths.into_iter().map(wanted).collect());
    }

    /// All that files include, in order; included files may include further ones.
    pub fn includes(&mut self) {
        while let Some(text) = self.includes.pop_front() {
            let mut found = Vec::new();
            let Some(entry) = read_entry(&text, None, &mut found) else {
                self.reading.diagnostics.append(&mut found);
                continue;
            };
            match &entry.pattern {
                Pattern::File(path) => {
                    let path = self.reading.root.join(&path.0);
                    self.include_file(&path, &text);
                }
                Pattern::Folder(folder) => {
                    let message = format!("`{}/` is a folder", folder.0);
                    let help = format!("write `{}/*.kdl` or `{}/*.json`", folder.0, folder.0);
                    self.say(Diagnostic::new(&misplaced_include::CODE, text.span, message).help(help));
                }
                Pattern::Glob(glob) => self.include_glob(glob, &text),
            }
        }
    }

    /// What was read.
    pub fn finish(self) -> Reading {
        self.reading
    }

    fn say(&mut self, diagnostic: Diagnostic) {
        self.reading.diagnostics.push(diagnostic);
    }

    /// Why a file cannot be included: its place, its ending, or that it was read already.
    fn misplaced(&self, path: &Path) -> Option<(String, Option<Span>)> {
        let parent = path.parent();
        let always = [self.reading.root.join("rules"), self.workstream_folder.clone()];
        if path == self.reading.root.join(PIPELINEFILE) || always.iter().any(|folder| parent == Some(folder)) {
            return Some(("is read anyway".to_owned(), None));
        }
        if let Some(earlier) = self.seen.get(path) {
            return Some(("is included twice".to_owned(), *earlier));
        }
        kind_of(path).is_none().then(|| ("is neither .kdl nor .json".to_owned(), None))
    }

    fn include_file(&mut self, path: &Path, text: &Text) {
        if let Some((why, earlier)) = self.misplaced(path) {
            let message = format!("`{}` {why}", text.value);
            let mut diagnostic = Diagnostic::new(&misplaced_include::CODE, text.span, message);
            diagnostic.labels.extend(earlier.map(|span| Label { span, text: "first here".to_owned() }));
            self.say(diagnostic.help("remove the include, or move the file"));
            return;
        }
        let Some(kind) = kind_of(path) else { return };
        if !self.file(path, kind, Some(text.span)) {
            let siblings = path.parent().map(|folder| self.system.list(folder).unwrap_or_default()).unwrap_or_default();
            let names: Vec<String> = siblings.into_iter().filter_map(|(name, _)| name.into_string().ok()).collect();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let help = match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => {
                    format!("did you mean `{}{near}`?", &text.value[..text.value.len().saturating_sub(name.len())])
                }
                None => "write the file, or remove the include".to_owned(),
            };
            let message = format!("`{}` does not exist", text.value);
            self.say(Diagnostic::new(&missing_include::CODE, text.span, message).help(help));
        }
    }

    fn include_glob(&mut self, glob: &str, text: &Text) {
        let Ok(matcher) = compile_glob(glob) else { return };
        let literal = Pattern::Glob(glob.into());
        let literal = literal.literal_prefix();
        let start = literal.rsplit_once('/').map_or("", |(folder, _)| folder);
        let depth = if glob.contains("**") || glob.contains('{') { usize::MAX } else { glob.matches('/').count() };
        let (mut found, mut waiting, mut passed) = (Vec::new(), vec![start.to_owned()], 0);
        while let Some(folder) = waiting.pop() {
            let place = if folder.is_empty() { self.reading.root.clone() } else { self.reading.root.join(&folder) };
            let entries = self.list(&place, false);
            passed += entries.len();
            if passed > INCLUDE_ENTRIES_MAX {
                let message = format!("`{}` passes more than {INCLUDE_ENTRIES_MAX} files", text.value);
                self.say(
                    Diagnostic::new(&too_many::CODE, text.span, message).help("name a folder in front of the pattern"),
                );
                break;
            }
            for (name, kind) in entries {
                let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                match kind {
                    Kind::Folder if !NEVER_ENTERED.contains(&name.as_str()) && path.matches('/').count() < depth => {
                        waiting.push(path);
                    }
                    Kind::File | Kind::Link if matcher.is_match(&path) && kind_of(Path::new(&path)).is_some() => {
                        found.push(path)
                    }
                    _ => {}
                }
            }
        }
        found.sort();
        let any = !found.is_empty();
        let paths = found.into_iter().map(|path| self.reading.root.join(path));
        let wanted = paths.filter(|path| self.misplaced(path).is_none()).filter_map(|path| {
            let kind = kind_of(&path)?;
            Some(Wanted { path, kind, by: Some(text.span) })
        });
        let wanted = wanted.collect();
        self.files(wanted);
        if !any {
            let message = format!("`{}` finds no .kdl or .json file", text.value);
            let help = "write the first file, or remove the include";
            self.say(Diagnostic::new(&missing_include::CODE, text.span, message).help(help));
        }
    }

    /// Reads one file; `false` if it is not there.
    fn file(&mut self, path: &Path, kind: FileKind, by: Option<Span>) -> bool {
        self.files(vec![Wanted { path: path.to_owned(), kind, by }]) == 1
    }

    /// Reads files, many of them with several threads; gives how many are there. What is kept and said is in their order.
    fn files(&mut self, wanted: Vec<Wanted>) -> usize {
        let system = self.system;
        let read = |one: &Wanted| system.read(&one.path);
        let contents: Vec<io::Result<Vec<u8>>> = match wanted.len() < PARALLEL_FILES_MIN {
            true => wanted.iter().map(read).collect(),
            false => wanted.par_iter().map(read).collect(),
        };
        if contents.iter().flatten().map(Vec::len).sum::<usize>() >= MUCH_BYTES {
            give_back_at_once();
        }
        let mut texts = Vec::with_capacity(wanted.len());
        for (one, content) in wanted.into_iter().zip(contents) {
            let shown = self.shown(&one.path);
            let (text, fault) = match content.map(String::from_utf8) {
                Ok(Ok(text)) => (Arc::from(text), None),
                Ok(Err(error)) => {
                    let at = error.utf8_error().valid_up_to();
                    (Arc::from(""), Some(format!("is not UTF-8 text (byte {at})")))
                }
                Err(error) if error.kind() == ErrorKind::NotFound && self.system.lstat(&one.path).is_err() => {
                    self.reading.definition_paths.absent.push(one.path);
                    continue;
                }
                Err(error) => (Arc::from(""), Some(format!("cannot be read: {error}"))),
            };
            self.seen.insert(one.path.clone(), one.by);
            self.reading.definition_paths.files.push(one.path);
            texts.push(Found { shown, kind: one.kind, text, fault, shipped: false });
        }
        let found = texts.len();
        self.take(texts);
        found
    }

    /// Keeps texts, parses them, and queues what they include.
    fn take(&mut self, found: Vec<Found>) {
        let first = self.reading.sources.0.len();
        let id = |place: usize| FileId(u32::try_from(first + place).unwrap_or(u32::MAX));
        let read = |(place, one): (usize, &Found)| parse(one.kind, id(place), &one.text);
        let parsed: Vec<Parsed> = match found.len() < PARALLEL_FILES_MIN {
            true => found.iter().enumerate().map(read).collect(),
            false => found.par_iter().enumerate().map(read).collect(),
        };
        for (place, (one, mut parsed)) in found.into_iter().zip(parsed).enumerate() {
            parsed.definitions.shipped = one.shipped;
            self.reading.diagnostics.append(&mut parsed.diagnostics);
            if let Some(fault) = one.fault {
                let message = format!("{} {fault}", one.shown);
                let help = "mend its permissions or encoding, or remove it";
                self.say(Diagnostic::new(&unreadable_file::CODE, Span::new(id(place), 0, 0), message).help(help));
            }
            self.reading.sources.0.push(Source { path: Arc::from(one.shown), text: one.text });
            self.includes.extend(parsed.definitions.includes.iter().cloned());
            let definitions = Arc::new(parsed.definitions);
            self.reading.files.push(DefinitionFile { kind: one.kind, shipped: one.shipped, definitions });
        }
    }

    /// The files of a folder with one of these endings, by name; hidden ones are left out.
    fn folder(&mut self, folder: &Path, endings: &[&str], must_exist: bool) -> Vec<PathBuf> {
        let entries = self.list(folder, must_exist);
        let wanted = entries.into_iter().filter(|(name, kind)| {
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            matches!(kind, Kind::File | Kind::Link) && !name.starts_with('.') && endings.contains(&ending)
        });
        wanted.map(|(name, _)| folder.join(name)).collect()
    }

    /// A folder's entries whose names are UTF-8; one that is absent has none.
    fn list(&mut self, folder: &Path, must_exist: bool) -> Vec<(String, Kind)> {
        match self.system.list(folder) {
            Ok(entries) => {
                self.reading.definition_paths.folders.push(folder.to_owned());
                entries.into_iter().filter_map(|(name, kind)| Some((name.into_string().ok()?, kind))).collect()
            }
            Err(error) => {
                self.reading.definition_paths.absent.push(folder.to_owned());
                let shown = self.shown(folder);
                let absent = error.kind() == ErrorKind::NotFound;
                if absent && must_exist {
                    self.say(nowhere(
                        format!("{WORKSTREAM_FOLDER_VARIABLE} names {shown}, which does not exist"),
                        "unset the variable, or make the folder",
                    ));
                } else if !absent {
                    self.say(nowhere(
                        format!("{shown} cannot be listed: {error}"),
                        "mend its permissions, or rename it",
                    ));
                }
                Vec::new()
            }
        }
    }

    /// A path as people know it.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.reading.root).unwrap_or(path).to_string_lossy().into_owned()
    }
}

/// Something wrong that no text stands for.
fn nowhere(message: String, help: &str) -> Diagnostic {
    Diagnostic { code: &missing_folder::CODE, message, labels: Vec::new(), help: Some(help.to_owned()), subject: None }
}

/// What an included file is read as.
fn kind_of(path: &Path) -> Option<FileKind> {
    match path.extension()?.to_str()? {
        "kdl" => Some(FileKind::Include),
        "json" => Some(FileKind::TaskFile),
        _ => None,
    }
}
