//! From a pipeline to its graph of steps.
//!
//! Needs a pipeline without errors (names resolved, no cycles); a cycle that slips through is answered, not looped on.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::analysis::pipeline::{Pipeline, Task, Workstream};
use crate::base::name::WorkstreamId;
use crate::base::path::{Pattern, PatternSet};
use crate::graph::order::ordered;
use crate::graph::{Graph, Step, StepId, StepKind};

/// Builds the graph; `whole` names the workstreams whose edit is asked once for all instructions.
///
/// Errors: the names on a cycle.
pub fn build(pipeline: &Pipeline, whole: &BTreeSet<WorkstreamId>) -> Result<Graph, Vec<String>> {
    let mut draft = Draft::default();
    for setup in pipeline.tasks.iter().flat_map(|task| &task.setups) {
        draft.add(StepKind::ProjectSetup(setup.clone()), []);
    }
    let makers = makers(pipeline);
    let first = draft.kinds.len();
    for (place, task) in pipeline.tasks.iter().enumerate() {
        let made = task_needs(task, place, &makers).into_iter().map(|need| Need::Place(first + need));
        let setups = task.setups.iter().map(|setup| Need::Kind(StepKind::ProjectSetup(setup.clone())));
        draft.push(StepKind::Task(task.name.clone()), made.chain(setups).collect());
    }
    let previous_gates = previous_gates(pipeline);
    for workstream in &pipeline.workstreams {
        let waits = previous_gates.get(&workstream.gate).cloned().unwrap_or_default();
        add_workstream(&mut draft, workstream, whole.contains(&workstream.id), waits);
    }
    draft.finish()
}

/// How many edit steps a workstream has.
pub fn edits(workstream: &Workstream, whole: bool) -> u32 {
    if whole || workstream.instructions.is_empty() {
        1
    } else {
        u32::try_from(workstream.instructions.len()).unwrap_or(u32::MAX)
    }
}

fn add_workstream(draft: &mut Draft, workstream: &Workstream, whole: bool, waits: Vec<StepKind>) {
    let id = &workstream.id;
    let results = workstream.depends_on.iter().map(|needed| StepKind::Result(needed.clone()));
    draft.add(StepKind::Base(id.clone()), results.chain(waits));
    let mut last = StepKind::Base(id.clone());
    for number in 1..=edits(workstream, whole) {
        let edit = StepKind::Edit(id.clone(), number);
        draft.add(edit.clone(), [last]);
        last = edit;
    }
    let setups: Vec<_> = workstream.setups.iter().map(|name| StepKind::Setup(id.clone(), name.clone())).collect();
    for setup in &setups {
        draft.add(setup.clone(), [last.clone()]);
    }
    let prepared = if setups.is_empty() { vec![last] } else { setups };
    let lints: Vec<_> = workstream.rules.iter().map(|rule| StepKind::Lint(id.clone(), rule.clone())).collect();
    for lint in &lints {
        draft.add(lint.clone(), prepared.clone());
    }
    let mut before = if lints.is_empty() { prepared } else { lints };
    for number in 1..=u32::try_from(workstream.tests.len()).unwrap_or(u32::MAX) {
        let test = StepKind::Test(id.clone(), number);
        draft.add(test.clone(), before);
        before = vec![test];
    }
    draft.add(StepKind::Result(id.clone()), before);
}

/// With `gates "ordered"`: for each gate the results of the nearest lower one that has workstreams.
fn previous_gates(pipeline: &Pipeline) -> BTreeMap<u32, Vec<StepKind>> {
    let mut by_gate: BTreeMap<u32, Vec<StepKind>> = BTreeMap::new();
    if !pipeline.gates_ordered {
        return by_gate;
    }
    for workstream in &pipeline.workstreams {
        by_gate.entry(workstream.gate).or_default().push(StepKind::Result(workstream.id.clone()));
    }
    let lower = by_gate.values().cloned();
    by_gate.keys().skip(1).copied().zip(lower).collect()
}

/// Which task makes an output, and where tasks are, by name; tasks are their places.
struct Makers<'a> {
    tasks: HashMap<&'a str, usize>,
    files: HashMap<&'a str, usize>,
    /// The same by path, made when a pattern asks for it.
    sorted: OnceCell<Vec<(&'a str, usize)>>,
    folders: Vec<(&'a str, usize)>,
}

fn makers(pipeline: &Pipeline) -> Makers<'_> {
    let tasks = pipeline.tasks.iter().enumerate().map(|(place, task)| (task.name.as_str(), place)).collect();
    let mut makers = Makers { tasks, files: HashMap::new(), sorted: OnceCell::new(), folders: Vec::new() };
    for (place, task) in pipeline.tasks.iter().enumerate() {
        for output in &task.outputs {
            if output.folder {
                makers.folders.push((output.path.as_str(), place));
            } else {
                makers.files.insert(output.path.as_str(), place);
            }
        }
    }
    makers
}

/// The tasks that one needs, each once.
fn task_needs(task: &Task, place: usize, makers: &Makers<'_>) -> Vec<usize> {
    let mut needs: Vec<usize> =
        task.depends_on.iter().filter_map(|name| makers.tasks.get(name.as_str()).copied()).collect();
    for input in &task.inputs {
        makers_of(input, makers, &mut needs);
    }
    needs.sort_unstable();
    needs.dedup();
    needs.retain(|need| *need != place);
    needs
}

/// The tasks whose declared outputs an input names: an output that matches is an implied dependency.
fn makers_of(input: &Pattern, makers: &Makers<'_>, found: &mut Vec<usize>) {
    let prefix = input.literal_prefix();
    let inside = |folder: &str| below(folder, prefix) || below(prefix, folder);
    found.extend(makers.folders.iter().filter(|(folder, _)| inside(folder)).map(|(_, place)| *place));
    match input {
        Pattern::File(path) => found.extend(makers.files.get(path.as_str()).copied()),
        Pattern::Folder(_) | Pattern::Glob(_) => {
            let sorted = makers.sorted.get_or_init(|| {
                let mut sorted: Vec<_> = makers.files.iter().map(|(path, place)| (*path, *place)).collect();
                sorted.sort_unstable();
                sorted
            });
            let set = PatternSet::new([input]);
            let from = sorted.partition_point(|(path, _)| *path < prefix);
            let candidates = sorted[from..].iter().take_while(|(path, _)| path.starts_with(prefix));
            found.extend(candidates.filter(|(path, _)| set.matches(path.as_bytes())).map(|(_, place)| *place));
        }
    }
}

fn below(folder: &str, path: &str) -> bool {
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// What a step needs, before all places are known.
enum Need {
    Place(usize),
    Kind(StepKind),
}

/// Steps before their order is known.
#[derive(Default)]
struct Draft {
    kinds: Vec<StepKind>,
    /// Places of those that may be added again or needed by name.
    index: HashMap<StepKind, usize>,
    needs: Vec<Vec<Need>>,
}

impl Draft {
    fn add(&mut self, kind: StepKind, needs: impl IntoIterator<Item = StepKind>) {
        if self.index.contains_key(&kind) {
            return;
        }
        self.index.insert(kind.clone(), self.kinds.len());
        self.push(kind, needs.into_iter().map(Need::Kind).collect());
    }

    /// A step that is added once and needed by its place.
    fn push(&mut self, kind: StepKind, needs: Vec<Need>) {
        self.kinds.push(kind);
        self.needs.push(needs);
    }

    /// Numbers the steps so that dependencies come first.
    fn finish(self) -> Result<Graph, Vec<String>> {
        let place = |need: &Need| match need {
            Need::Place(place) => Some(*place),
            Need::Kind(kind) => self.index.get(kind).copied(),
        };
        let needs: Vec<Vec<usize>> = self.needs.iter().map(|needs| needs.iter().filter_map(place).collect()).collect();
        let order =
            ordered(&needs).map_err(|stuck| stuck.iter().map(|&place| self.kinds[place].name()).collect::<Vec<_>>())?;
        let mut place_of = vec![StepId(0); order.len()];
        for (position, &place) in order.iter().enumerate() {
            place_of[place] = StepId(u32::try_from(position).unwrap_or(u32::MAX));
        }
        let steps: Vec<Step> = order.iter().map(|&place| step(&self.kinds[place], &needs[place], &place_of)).collect();
        let index = self.kinds.into_iter().zip(place_of).collect();
        Ok(Graph { steps, index })
    }
}

fn step(kind: &StepKind, needs: &[usize], place_of: &[StepId]) -> Step {
    let mut depends_on: Vec<StepId> = needs.iter().map(|&need| place_of[need]).collect();
    depends_on.sort_unstable();
    depends_on.dedup();
    Step { kind: kind.clone(), depends_on }
}
