//! What `pl watch` asks between builds: which folders to look after, and whether there is anything new to do.
//!
//! Events are hints. What counts is what steps observe: a build that went red is not run again until something that it
//! observes has moved, whatever was written meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::base::digest::Digest;
use crate::base::path::Pattern;
use crate::cli::engine::building::look_ahead;
use crate::cli::engine::kept::{self, Moved, Told};
use crate::cli::engine::open::{self, Opened, Purpose};
use crate::cli::engine::{BuildRequest, Project};
use crate::cli::exit::Failed;
use crate::plan::{Reason, Verdict};
use crate::preview::{Asked, Preview};
use crate::project::find_root;
use crate::system::{Kind, OsSystem, System};

/// Stands for all steps where definitions are wrong.
pub const WRONG: &str = "";

/// Folders that nothing is looked for in: what is ours, and git's (its refs are looked after by name).
const NEVER: [&str; 3] = [".git", ".pl", ".worktrees"];

/// What the targets observe now.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Nothing would run, and nothing is red.
    pub is_green: bool,
    /// Every step; of definitions that are wrong, what is said of them.
    steps: BTreeMap<String, Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// Nothing would run, or it would in any case.
    is_settled: bool,
    /// What it observes, where that can be known.
    key: Option<String>,
}

impl Seen {
    /// Whether a build of the one would do nothing that a build of the other did not.
    pub fn is_like(&self, other: &Self) -> bool {
        self.is_green == other.is_green && (self.is_green || self.steps == other.steps)
    }

    /// Whether something moved since `before`, seen after a build of it in which the `unfinished` steps did not come to a good
    /// end: a step that ended well and is stale, or one that now observes something else than it did.
    pub fn has_moved_since(&self, before: &Self, unfinished: &BTreeSet<String>) -> bool {
        self.steps.iter().filter(|(_, step)| !step.is_settled).any(|(name, step)| {
            let key = before.steps.get(name).map(|step| &step.key);
            let same = key.is_some_and(|key| key.is_none() || *key == step.key);
            !same || !unfinished.contains(name)
        })
    }
}

/// What there is to be done, as soon as that can be told.
#[derive(Debug)]
pub enum Sight {
    /// All of it was seen.
    Whole {
        /// What was seen.
        seen: Seen,
        /// All is as the plan says, definitions included; none was read.
        as_kept: bool,
    },
    /// After a green build files moved: what hangs on them is for the build to find out.
    Moved(Box<Moved>),
}

/// Judges the targets; nothing is written, nothing is started. Where one of `hints` has moved, that is told at once.
pub fn see(project: &Project, request: &BuildRequest, hints: &[PathBuf]) -> Result<Sight, Failed> {
    match kept::look_first_at(project, request, hints) {
        Some(Told::Fresh(_)) => {
            Ok(Sight::Whole { seen: Seen { is_green: true, steps: BTreeMap::new() }, as_kept: true })
        }
        Some(Told::Moved(moved)) => Ok(Sight::Moved(moved)),
        None => Ok(Sight::Whole { seen: see_all(project, request)?, as_kept: false }),
    }
}

/// The same without a plan.
pub fn see_all(project: &Project, request: &BuildRequest) -> Result<Seen, Failed> {
    let opened = open::open(project, &request.args, Purpose::Planning)?;
    let wanted = opened.wanted(&request.targets)?;
    let closure = opened.closure(&wanted);
    let seen = look_ahead(&opened, &closure, &Asked::default())?;
    Ok(Seen::of(&opened, &seen))
}

impl Seen {
    /// What a preview saw.
    pub fn of(opened: &Opened, seen: &Preview) -> Self {
        let unmade = opened.world.located.as_ref().is_some_and(|located| located.unmade);
        let steps = seen.steps.iter().map(|plan| {
            let key = plan.key.map(|key| key.0.hex());
            let is_settled = matches!(plan.verdict, Verdict::Fresh(_) | Verdict::Stale(Reason::AlwaysRuns));
            (opened.world.graph.step(plan.step).kind.name(), Step { is_settled, key })
        });
        Self { is_green: seen.is_green() && !unmade, steps: steps.collect() }
    }
}

/// What is said of definitions that are wrong counts as what they observe: said once, and again when it is something else.
pub fn see_failure(failed: &Failed) -> Seen {
    let text = format!("{:?} {:?}", failed.message, failed.diagnostics);
    let step = Step { is_settled: false, key: Some(Digest::of(text.as_bytes()).hex()) };
    Seen { is_green: false, steps: BTreeMap::from([(WRONG.to_owned(), step)]) }
}

/// Where things stand that may change what targets come to.
#[derive(Debug, Default)]
pub struct Places {
    /// Folders whose entries, and the files in them, are looked after.
    pub folders: HashSet<PathBuf>,
    /// What tasks make: written by builds themselves.
    outputs: Vec<(PathBuf, bool)>,
}

impl Places {
    /// The project's folders but those that git ignores, those that inputs name literally, and where git keeps refs.
    /// Definitions that are wrong leave the first alone.
    pub fn of(project: &Project) -> Self {
        let directory = project.directory.canonicalize().unwrap_or_else(|_| project.directory.clone());
        let root = find_root(&OsSystem, &directory);
        let mut places = Self::default();
        places.walk(&root, true);
        if let Ok(opened) = open::open(project, &[], Purpose::Planning) {
            places.add_inputs(&opened, &root);
            places.add_refs(&opened);
            let tasks = &opened.world.pipeline.tasks;
            let outputs = tasks.iter().flat_map(|task| &task.outputs);
            places.outputs = outputs.map(|output| (root.join(output.path.as_str()), output.folder)).collect();
        }
        places
    }

    /// Whether something moved that no build of ours writes.
    pub fn concern(&self, paths: &[PathBuf]) -> bool {
        let is_output = |path: &Path| {
            self.outputs.iter().any(|(output, folder)| path == output || (*folder && path.starts_with(output)))
        };
        paths.iter().any(|path| !self.folders.contains(path) && !is_output(path))
    }

    /// Those of the paths that are looked after as folders, and whether another is a folder now.
    pub fn folders_among(&self, paths: &[PathBuf]) -> (Vec<PathBuf>, bool) {
        let (known, others): (Vec<&PathBuf>, Vec<&PathBuf>) =
            paths.iter().partition(|path| self.folders.contains(*path));
        let new = others.into_iter().any(|path| OsSystem.lstat(path).is_ok_and(|stat| stat.kind == Kind::Folder));
        (known.into_iter().cloned().collect(), new)
    }

    fn walk(&mut self, top: &Path, ignores: bool) {
        let mut walk = WalkBuilder::new(top);
        walk.standard_filters(false).follow_links(false).git_ignore(ignores).git_exclude(ignores).ignore(false);
        walk.parents(ignores).require_git(false);
        walk.filter_entry(|entry| !NEVER.iter().any(|name| entry.file_name() == *name));
        let folders = walk.build().flatten().filter(|entry| entry.file_type().is_some_and(|kind| kind.is_dir()));
        self.folders.extend(folders.map(ignore::DirEntry::into_path));
    }

    fn add_inputs(&mut self, opened: &Opened, root: &Path) {
        let patterns = opened.world.pipeline.tasks.iter().flat_map(|task| &task.inputs);
        let tops: HashSet<(PathBuf, bool)> = patterns
            .map(|pattern| {
                let literal = pattern.literal_prefix();
                let folder = literal.rsplit_once('/').map_or("", |(folder, _)| folder);
                match pattern {
                    Pattern::File(_) => (root.join(folder), false),
                    Pattern::Folder(_) => (root.join(literal), true),
                    Pattern::Glob(_) => (root.join(folder), false),
                }
            })
            .collect();
        for (top, below) in tops {
            if below && !self.folders.contains(&top) {
                self.walk(&top, false);
            }
            self.folders.insert(top);
        }
    }

    fn add_refs(&mut self, opened: &Opened) {
        let Some(located) = &opened.world.located else { return };
        let git = located.repository.common_dir().to_path_buf();
        self.walk(&git.join("refs/heads"), false);
        self.folders.insert(git);
    }
}
