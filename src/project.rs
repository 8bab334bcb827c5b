//! Finding a project, reading its definition files, and making a pipeline of them.
//!
//! Two phases: [`read`] needs only files and says which repository is meant; [`Reading::analyse`] then takes the base
//! tree's listing. Everything wrong is a diagnostic, unreadable files included. Knows no git and no keys.

pub mod files;
pub mod shipped;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::analysis::listing::Listing;
use crate::analysis::pipeline::{Pipeline, RepositoryConfig, Rule};
use crate::analysis::{Overrides, analyse, repository_config};
use crate::base::diagnostic::Diagnostic;
use crate::base::span::{FileId, Sources};
use crate::syntax::definition::Definitions;
use crate::syntax::{FileKind, parse};
use crate::system::System;

/// The file that makes a folder a project.
pub const PIPELINEFILE: &str = "Pipelinefile.kdl";

/// Puts another folder in the place of `workstreams/`.
pub const WORKSTREAM_FOLDER_VARIABLE: &str = "PIPELINE_WORKSTREAM_DIR";

/// From so many tasks on what they were read from is dropped by another thread.
const PARALLEL_DROP_MIN: usize = 1000;

/// Where definitions were looked for, so that a kept plan can tell whether they still stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefinitionPaths {
    /// Files that were read, or could not be.
    pub files: Vec<PathBuf>,
    /// Places where a file or folder would count and is absent.
    pub absent: Vec<PathBuf>,
    /// Folders whose entries were listed.
    pub folders: Vec<PathBuf>,
    /// Environment variables that were asked, with their values.
    pub variables: Vec<(String, Option<String>)>,
}

/// One text as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionFile {
    /// What it is read as.
    pub kind: FileKind,
    /// It came with the binary.
    pub shipped: bool,
    /// What it defines; its spans' file is its index among the sources.
    pub definitions: Arc<Definitions>,
}

/// All definition files, read and not yet resolved.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// The project's folder.
    pub root: PathBuf,
    /// All texts.
    pub sources: Sources,
    /// One a source, in the same order.
    pub files: Vec<DefinitionFile>,
    /// What was wrong with files and their syntax.
    pub diagnostics: Vec<Diagnostic>,
    /// The repository that workstreams change.
    pub repository: RepositoryConfig,
    /// Where was looked.
    pub definition_paths: DefinitionPaths,
}

/// A project, resolved.
#[derive(Debug, Clone, Default)]
pub struct Project {
    /// The project's folder.
    pub root: PathBuf,
    /// All files; the texts of those of which something is said.
    pub sources: Sources,
    /// What can be built; whole only where no diagnostic is an error.
    pub pipeline: Pipeline,
    /// Everything that is wrong: files, syntax, then meaning.
    pub diagnostics: Vec<Diagnostic>,
    /// Where was looked.
    pub definition_paths: DefinitionPaths,
}

impl Project {
    /// Whether nothing can be built.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

/// The nearest folder upward with a Pipelinefile, else git's top level, else where we are.
pub fn find_root(system: &dyn System, start: &Path) -> PathBuf {
    let holding = |name: &str| start.ancestors().find(|folder| system.lstat(&folder.join(name)).is_ok());
    holding(PIPELINEFILE).or_else(|| holding(".git")).unwrap_or(start).to_owned()
}

/// Every rule that the binary carries, whether a project uses it or not.
pub fn carried_rules() -> Vec<Rule> {
    let texts = shipped::FILES.iter().chain(shipped::LIBRARY);
    let read = |(place, (_, text)): (usize, &(&str, &str))| {
        let mut parsed = parse(FileKind::Rules, FileId(u32::try_from(place).unwrap_or(u32::MAX)), text);
        parsed.definitions.shipped = true;
        Arc::new(parsed.definitions)
    };
    let definitions: Vec<Arc<Definitions>> = texts.enumerate().map(read).collect();
    analyse(&definitions, None, &Overrides::default()).pipeline.rules
}

/// Reads all definition files of a project.
pub fn read(system: &dyn System, root: &Path) -> Reading {
    let mut reader = files::Reader::new(system, root);
    reader.shipped();
    reader.pipelinefile();
    reader.used();
    reader.rules();
    reader.workstreams();
    reader.includes();
    let mut reading = reader.finish();
    let definitions: Vec<Arc<Definitions>> = reading.definitions();
    reading.repository = repository_config(&definitions);
    reading
}

impl Reading {
    /// Every file's definitions, shipped ones first.
    pub fn definitions(&self) -> Vec<Arc<Definitions>> {
        self.files.iter().map(|file| Arc::clone(&file.definitions)).collect()
    }

    /// Resolves what was read; without a listing nothing is said of paths that may not exist.
    pub fn analyse(self, listing: Option<&Listing>, overrides: &Overrides) -> Project {
        let analysis = analyse(&self.definitions(), listing, overrides);
        let mut diagnostics = self.diagnostics;
        diagnostics.extend(analysis.diagnostics);
        let mut sources = self.sources;
        let said = diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels).map(|label| label.span.file).collect();
        sources.keep(&said);
        if analysis.pipeline.tasks.len() >= PARALLEL_DROP_MIN {
            // Hundreds of thousands of small texts: nobody waits for them to be given back.
            rayon::spawn(move || drop(self.files));
        }
        Project {
            root: self.root,
            sources,
            pipeline: analysis.pipeline,
            diagnostics,
            definition_paths: self.definition_paths,
        }
    }
}

/// Reads and resolves in one go.
pub fn load(system: &dyn System, root: &Path, listing: Option<&Listing>, overrides: &Overrides) -> Project {
    read(system, root).analyse(listing, overrides)
}
