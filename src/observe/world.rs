//! What is fixed for the length of a run: the pipeline, the repository with its refs resolved once, the environment.
//!
//! Knows no step's state.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::analysis::pipeline::{Environment, Pipeline, Rule, Setup, Task, Tool, Workstream};
use crate::base::digest::Digest;
use crate::base::index::PlaceIndex;
use crate::base::name::{RuleName, SetupName, TaskName, ToolName, WorkstreamId};
use crate::git::object::{CommitId, TreeId};
use crate::git::repository::Repository;
use crate::graph::{Graph, StepId, StepKind};
use crate::observe::memory::Memory;
use crate::system::profile::Profile;
use crate::system::sight::Sights;
use crate::system::{System, environment};

/// The repository that workstreams change, its base resolved once.
#[derive(Clone)]
pub struct Located {
    /// The repository.
    pub repository: Repository,
    /// The base commit.
    pub commit: CommitId,
    /// Its tree.
    pub tree: TreeId,
    /// What the base is called: a branch or a revision.
    pub base: String,
    /// It does not exist yet: planned from its seed, in memory.
    pub unmade: bool,
}

/// Everything that a run looks at and nothing that it changes.
#[derive(Clone)]
pub struct World {
    /// The project's root.
    pub root: PathBuf,
    /// Names this project in refs and state folders.
    pub project: String,
    /// Where worktrees, setups and scratch folders are.
    pub state: PathBuf,
    /// What can be built.
    pub pipeline: Arc<Pipeline>,
    /// Its steps.
    pub graph: Arc<Graph>,
    /// Workstreams whose edit is asked once for all instructions.
    pub whole: Arc<BTreeSet<WorkstreamId>>,
    /// What workstreams change; `None` where the project has no workstream or no repository.
    pub located: Option<Located>,
    /// Files, environment and clock.
    pub system: Arc<dyn System + Send + Sync>,
    /// Takes note of what steps look at, where somebody wants to know.
    pub sights: Arc<Sights>,
    /// Takes note of where time goes.
    pub profile: Profile,
    /// `-- ARGS`.
    pub arguments: Arc<Vec<String>>,
    /// Places by name.
    pub places: Arc<Places>,
    /// What is the same for many steps.
    pub memory: Arc<Memory>,
}

/// Who asks for something by name has it from the pipeline.
const NOT_THERE: &str = "BUG: a name that is not in the pipeline";

/// From names to places in the pipeline's lists.
#[derive(Debug, Default)]
pub struct Places {
    workstreams: PlaceIndex,
    tasks: PlaceIndex,
    setups: PlaceIndex,
    rules: PlaceIndex,
    tools: PlaceIndex,
    makers: OnceLock<Makers>,
}

/// From paths to the tasks that make them; outputs are a task's place and their own among its outputs.
#[derive(Debug, Default)]
struct Makers {
    files: Vec<(u32, u32)>,
    by_path: PlaceIndex,
    folders: Vec<(u32, u32)>,
}

impl Makers {
    fn of(tasks: &[Task]) -> Self {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        for (place, task) in (0..).zip(tasks) {
            for (number, output) in (0..).zip(&task.outputs) {
                if output.folder { &mut folders } else { &mut files }.push((place, number));
            }
        }
        Self { by_path: PlaceIndex::of(&files, |output| path(tasks, *output)), files, folders }
    }

    /// The place of the task whose output a path is, or lies in.
    fn find(&self, tasks: &[Task], wanted: &str) -> Option<usize> {
        let below = |folder: &str| wanted.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let folder = || self.folders.iter().find(|folder| below(path(tasks, **folder)));
        let file = self.by_path.find(wanted, |place| path(tasks, self.files[place])).map(|place| &self.files[place]);
        file.or_else(folder).map(|(place, _)| *place as usize)
    }
}

fn path(tasks: &[Task], (place, number): (u32, u32)) -> &str {
    tasks[place as usize].outputs[number as usize].path.as_str()
}

impl Places {
    /// Indexes a pipeline.
    pub fn of(pipeline: &Pipeline) -> Self {
        Self {
            workstreams: PlaceIndex::of(&pipeline.workstreams, |workstream| &workstream.id),
            tasks: PlaceIndex::of(&pipeline.tasks, |task| &task.name),
            setups: PlaceIndex::of(&pipeline.setups, |setup| &setup.name),
            rules: PlaceIndex::of(&pipeline.rules, |rule| &rule.name),
            tools: PlaceIndex::of(&pipeline.tools, |tool| &tool.name),
            makers: OnceLock::new(),
        }
    }
}

impl World {
    /// A workstream of the graph.
    pub fn workstream(&self, id: &WorkstreamId) -> &Workstream {
        &self.pipeline.workstreams[self.workstream_place(id)]
    }

    /// Its place in the pipeline.
    pub fn workstream_place(&self, id: &WorkstreamId) -> usize {
        let workstreams = &self.pipeline.workstreams;
        self.places.workstreams.find(id, |place| &workstreams[place].id).expect(NOT_THERE)
    }

    /// A task of the graph.
    pub fn task(&self, name: &TaskName) -> &Task {
        let tasks = &self.pipeline.tasks;
        &tasks[self.places.tasks.find(name, |place| &tasks[place].name).expect(NOT_THERE)]
    }

    /// The task whose declared output a path is, or lies in.
    pub fn maker(&self, path: &str) -> Option<&Task> {
        let tasks = &self.pipeline.tasks;
        let makers = self.places.makers.get_or_init(|| Makers::of(tasks));
        makers.find(tasks, path).map(|place| &tasks[place])
    }

    /// Whether who waits for a step observes its key; of a task with outputs, only those are observed.
    pub fn is_observed_by_key(&self, step: StepId) -> bool {
        match &self.graph.step(step).kind {
            StepKind::Task(name) => self.task(name).outputs.is_empty(),
            _ => true,
        }
    }

    /// A setup of the graph.
    pub fn setup(&self, name: &SetupName) -> &Setup {
        let setups = &self.pipeline.setups;
        &setups[self.places.setups.find(name, |place| &setups[place].name).expect(NOT_THERE)]
    }

    /// A rule of the graph.
    pub fn rule(&self, name: &RuleName) -> &Rule {
        let rules = &self.pipeline.rules;
        &rules[self.places.rules.find(name, |place| &rules[place].name).expect(NOT_THERE)]
    }

    /// A tool.
    pub fn tool(&self, name: &ToolName) -> Option<&Tool> {
        let tools = &self.pipeline.tools;
        self.places.tools.find(name, |place| &tools[place].name).map(|place| &tools[place])
    }

    /// The tool that a workstream asks first.
    pub fn first_tool(&self, workstream: &Workstream) -> Option<&Tool> {
        workstream.tools.first().and_then(|name| self.tool(name))
    }

    /// The repository. Only asked for steps of workstreams, which exist only where there is one.
    pub fn located(&self) -> &Located {
        self.located.as_ref().expect("BUG: a workstream's step without a repository")
    }

    /// The number of edit steps of a workstream.
    pub fn edits(&self, workstream: &Workstream) -> u32 {
        crate::graph::build::edits(workstream, self.whole.contains(&workstream.id))
    }

    /// What a step sees of our environment, and what of it is keyed.
    pub fn environment_of(&self, asked: &Environment) -> Arc<environment::Environment> {
        asked.pass.iter().for_each(|pattern| self.sights.variable(pattern));
        self.memory.environment(asked, || {
            let set = asked.set.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            environment::build(self.system.as_ref(), set, asked.pass.iter().map(String::as_str))
        })
    }

    /// The ref that holds a workstream's result.
    pub fn result_ref(&self, id: &WorkstreamId) -> String {
        format!("refs/pl/ws/{}/{id}", self.project)
    }

    /// The ref under which kept trees hang.
    pub fn kept_ref(&self) -> String {
        format!("refs/pl/{}/kept", self.project)
    }

    /// The courtesy branch `ws/<change>/<ws-id>`; characters that git refuses become `-`.
    pub fn branch(&self, workstream: &Workstream) -> String {
        match workstream.change.as_deref().map(ref_component).filter(|change| !change.is_empty()) {
            Some(change) => format!("ws/{change}/{}", workstream.id),
            None => format!("ws/{}", workstream.id),
        }
    }

    /// Where a workstream's worktree is while it exists.
    pub fn worktree(&self, id: &WorkstreamId) -> PathBuf {
        self.state.join("worktrees").join(id.as_str())
    }

    /// Where worktrees are that wait for another workstream.
    pub fn pool(&self) -> PathBuf {
        self.state.join("pool")
    }

    /// Where a workstream's prompts, homes and temporary folders are.
    pub fn scratch(&self, id: &WorkstreamId) -> PathBuf {
        self.state.join("scratch").join(id.as_str())
    }

    /// Where a setup's output is.
    pub fn setup_output(&self, name: &SetupName, key: &crate::fingerprint::Key) -> PathBuf {
        self.state.join("setups").join(format!("{name}-{}", key.0.short()))
    }
}

/// Letters, digits and `._-`; anything else becomes `-`; no leading or trailing dot, no `..`, no `.lock`.
pub fn ref_component(text: &str) -> String {
    let safe: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).collect();
    safe.replace("..", "-").trim_matches(|c| c == '.' || c == '-').trim_end_matches(".lock").to_owned()
}

/// Names a project: its folder's name and eight hex digits of its canonical path.
pub fn project_id(root: &Path) -> String {
    let name = root.file_name().map(|name| ref_component(&name.to_string_lossy())).unwrap_or_default();
    let digest = Digest::of(root.as_os_str().as_encoded_bytes()).short();
    format!("{}-{}", if name.is_empty() { "project" } else { &name }, &digest[..8])
}

/// Where worktrees and setups lie, outside every checkout: `PL_STATE_DIR`, else `XDG_STATE_HOME/pl/<project>`, else
/// `~/.local/state/pl/<project>`.
pub fn state_dir(project: &str, variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if let Some(own) = variable("PL_STATE_DIR").filter(|dir| !dir.is_empty()) {
        return Some(PathBuf::from(own).join(project));
    }
    let home = || variable("HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(".local/state"));
    let base =
        variable("XDG_STATE_HOME").filter(|dir| Path::new(dir).is_absolute()).map(PathBuf::from).or_else(home)?;
    Some(base.join("pl").join(project))
}
