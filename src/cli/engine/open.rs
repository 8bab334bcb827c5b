//! A project opened for planning or for building: definitions, repository, graph, state folders.
//!
//! Planning opens nothing for writing: objects stay in memory, a repository that is not made yet is read from its seed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::analysis::Overrides;
use crate::analysis::listing::Listing;
use crate::analysis::pipeline::{Pipeline, RepositoryConfig};
use crate::base::diagnostic::Diagnostic;
use crate::base::span::Sources;
use crate::cli::engine::Project as Request;
use crate::cli::exit::Failed;
use crate::git::error::GitError;
use crate::git::repository::Repository;
use crate::git::seed;
use crate::graph::order::closure;
use crate::graph::target::{self, TargetError};
use crate::graph::{Graph, StepId, build};
use crate::observe::world::{Located, Places, World, project_id, state_dir};
use crate::observe::{ObserveError, recording};
use crate::project;
use crate::store::{Store, StoreError};
use crate::system::file_hash::file_system_now;
use crate::system::profile::Category;
use crate::system::sight::{Sights, Watching};
use crate::system::{OsSystem, System};

/// Where what is remembered of a project lies, below its root.
pub const FOLDER: &str = ".pl";

/// What a project is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Nothing is written.
    Planning,
    /// The repository may be made from its seed, objects are written.
    Building,
}

/// A project, opened.
pub struct Opened {
    /// Everything that is looked at.
    pub world: World,
    /// `.pl`.
    pub folder: PathBuf,
    /// Where the database is.
    pub database: PathBuf,
    /// Warnings and notes.
    pub diagnostics: Vec<Diagnostic>,
    /// Texts of all definitions.
    pub sources: Sources,
    /// The repository was made from its seed just now: a sentence.
    pub made: Option<String>,
    /// What reading the definitions looked at, where notes were asked for.
    pub read: Arc<Sights>,
}

/// Opens a project. Errors in definitions come back as a failure with all of them.
pub fn open(request: &Request, arguments: &[String], purpose: Purpose) -> Result<Opened, Failed> {
    open_noting(request, arguments, purpose, false)
}

/// The same; `noting` takes note of all that reading the definitions looks at.
pub fn open_noting(request: &Request, arguments: &[String], purpose: Purpose, noting: bool) -> Result<Opened, Failed> {
    let _span = request.profile.span(Category::Command, || "read definitions");
    let directory = request.directory.canonicalize().unwrap_or_else(|_| request.directory.clone());
    let root = project::find_root(&OsSystem, &directory);
    let read = Arc::new(Sights::default());
    if noting {
        // Where nothing was built yet there is no folder of ours; without a mark a build would have to read everything again.
        read.begin(file_system_now(&root.join(FOLDER)).or_else(|_| file_system_now(&root)).ok());
    }
    let system = Watching::new(&read);
    let project = project_id(&root);
    let state = state_dir(&project, |name| system.variable(name)).ok_or_else(no_state)?;
    refuse_own_worktree(&directory, &state)?;
    let reading = project::read(&system, &root);
    let has_workstreams = reading.files.iter().any(|file| !file.definitions.workstreams.is_empty());
    let (located, made) = if has_workstreams { locate(&root, &reading.repository, purpose)? } else { (None, None) };
    let listing = located.as_ref().map(listing).transpose().map_err(git_failed)?;
    let overrides = Overrides { tool: request.tool.clone(), variables: request.set.clone() };
    let resolved = reading.analyse(listing.as_ref(), &overrides);
    if resolved.has_errors() {
        return Err(Failed::definitions(resolved.diagnostics, resolved.sources));
    }
    let pipeline = Arc::new(resolved.pipeline);
    let whole: BTreeSet<_> = recording::whole(&system, &root, &pipeline);
    let graph = build::build(&pipeline, &whole)
        .map_err(|names| Failed::usage(format!("these steps wait for each other: {}", names.join(", "))))?;
    let folder = root.join(FOLDER);
    let database = database(&system, &root, &folder);
    let mut world = bare_world(request, root, state, pipeline, graph);
    world.whole = Arc::new(whole);
    world.located = located;
    world.arguments = Arc::new(arguments.to_vec());
    Ok(Opened { world, folder, database, diagnostics: resolved.diagnostics, sources: resolved.sources, made, read })
}

/// What a run looks at, without a repository.
pub fn bare_world(request: &Request, root: PathBuf, state: PathBuf, pipeline: Arc<Pipeline>, graph: Graph) -> World {
    let sights = Arc::new(Sights::default());
    World {
        project: project_id(&root),
        state,
        places: Arc::new(Places::of(&pipeline)),
        memory: Arc::default(),
        pipeline,
        graph: Arc::new(graph),
        whole: Arc::default(),
        located: None,
        system: Arc::new(Watching::new(&sights)),
        sights,
        profile: request.profile.clone(),
        arguments: Arc::default(),
        root,
    }
}

fn no_state() -> Failed {
    Failed::missing("there is no folder for worktrees: neither HOME nor XDG_STATE_HOME is set")
        .hint("set PL_STATE_DIR to a folder outside of every checkout")
}

/// A build inside of a worktree that a build made would build itself.
pub fn refuse_own_worktree(directory: &Path, state: &Path) -> Result<(), Failed> {
    let Some(all) = state.parent() else { return Ok(()) };
    let inside = directory.strip_prefix(all).is_ok_and(|rest| {
        rest.components().nth(1).is_some_and(|part| part.as_os_str() == "worktrees" || part.as_os_str() == "pool")
    });
    if inside {
        return Err(Failed::usage("this folder is a worktree that pl made").hint("run pl in the project itself"));
    }
    Ok(())
}

type Found = (Option<Located>, Option<String>);

/// Finds the repository that workstreams change, and resolves its base once.
fn locate(root: &Path, config: &RepositoryConfig, purpose: Purpose) -> Result<Found, Failed> {
    let dir = config.path.as_ref().map_or_else(|| root.to_path_buf(), |path| root.join(path));
    let mut made = None;
    if let Some(from) = config.seed.as_ref().filter(|_| !dir.exists()) {
        let from_dir = root.join(from);
        let branch = config.base.as_deref().unwrap_or("main");
        if purpose == Purpose::Planning {
            let (repository, tree, commit) = seed::seed_tree_in_memory(&from_dir).map_err(git_failed)?;
            let base = branch.to_owned();
            return Ok((Some(Located { repository, commit, tree, base, unmade: true }), None));
        }
        seed::seed(&dir, &from_dir, branch).map_err(git_failed)?;
        made = Some(format!("made {} from {from}", config.path.as_deref().unwrap_or(".")));
    }
    let repository = match purpose {
        Purpose::Planning => Repository::open_in_memory(&dir),
        Purpose::Building => Repository::open(&dir),
    };
    let repository = repository.map_err(|error| {
        let shown = config.path.as_deref().unwrap_or("this folder");
        Failed::missing(format!("workstreams change a git repository, and {shown} is none: {error}"))
            .hint("run `git init` and commit, or name one with `repository \"PATH\"` in the Pipelinefile")
    })?;
    let base = match &config.base {
        Some(base) => base.clone(),
        None => repository.head_name().map_err(git_failed)?.unwrap_or_else(|| "HEAD".to_owned()),
    };
    let commit = repository.resolve(&base).map_err(|error| {
        Failed::missing(format!("the base `{base}` cannot be found: {error}"))
            .hint("commit something first, or name a branch with `repository { base \"…\" }`")
    })?;
    let tree = repository.tree_of(commit).map_err(git_failed)?;
    Ok((Some(Located { repository, commit, tree, base, unmade: false }), made))
}

fn listing(located: &Located) -> Result<Listing, GitError> {
    let entries = located.repository.entries(located.tree)?;
    Ok(Listing::new(entries.iter().filter_map(|entry| String::from_utf8(entry.path.clone()).ok()).collect()))
}

impl Opened {
    /// The steps that targets name.
    pub fn wanted(&self, targets: &[String]) -> Result<Vec<StepId>, Failed> {
        let world = &self.world;
        if targets.is_empty() {
            return target::defaults(&world.pipeline, &world.graph).map_err(target_failed);
        }
        let mut wanted = Vec::new();
        let mut wrong: Vec<TargetError> = Vec::new();
        for name in targets {
            match target::resolve(&world.pipeline, &world.graph, name) {
                Ok(found) => wanted.extend(found),
                Err(error) => wrong.push(error),
            }
        }
        match wrong.into_iter().reduce(|all, one| TargetError {
            message: format!("{}; {}", all.message, one.message),
            help: format!("{}; {}", all.help, one.help),
        }) {
            Some(error) => Err(target_failed(error)),
            None => Ok(wanted),
        }
    }

    /// The wanted steps and all that they need, dependencies first.
    pub fn closure(&self, wanted: &[StepId]) -> Vec<StepId> {
        closure(&self.world.graph, wanted)
    }

    /// The records as planning reads them: not a byte is touched. A damaged database is as good as none.
    pub fn records(&self) -> Result<Option<Store>, Failed> {
        read_store(&self.folder, &self.database)
    }
}

fn read_store(folder: &Path, database: &Path) -> Result<Option<Store>, Failed> {
    match Store::open_for_planning_at(folder, database) {
        Ok(store) => Ok(store),
        Err(error @ StoreError::Newer { .. }) => Err(store_failed(error)),
        Err(_) => Ok(None),
    }
}

/// What is remembered of a project whose definitions need not be right: runs and what they said.
pub fn remembered(request: &Request) -> Result<Option<Store>, Failed> {
    let directory = request.directory.canonicalize().unwrap_or_else(|_| request.directory.clone());
    let root = project::find_root(&OsSystem, &directory);
    let folder = root.join(FOLDER);
    read_store(&folder, &database(&OsSystem, &root, &folder))
}

/// Where the database is.
pub fn database(system: &dyn System, root: &Path, folder: &Path) -> PathBuf {
    system.variable("PIPELINE_DB_PATH").map_or_else(|| folder.join("state.db"), |path| root.join(path))
}

fn target_failed(error: TargetError) -> Failed {
    Failed::usage(error.message).hint(error.help)
}

/// A failure of the repository.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub fn git_failed(error: GitError) -> Failed {
    Failed::missing(error.to_string())
}

/// A failure of the store.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub fn store_failed(error: StoreError) -> Failed {
    let failed = Failed::missing(error.to_string());
    match error.hint() {
        Some(hint) => failed.hint(hint),
        None => failed,
    }
}

/// Something could not be looked at.
pub fn observe_failed(error: ObserveError) -> Failed {
    match error {
        ObserveError::Store(error) => store_failed(error),
        other => Failed::missing(other.to_string()),
    }
}
