//! From a pipeline to its graph of steps.
//!
//! Needs a pipeline without errors (names resolved, no cycles); a cycle that slips through is answered, not looped on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::analysis::pipeline::{Pipeline, Task, Workstream};
use crate::base::name::{TaskName, WorkstreamId};
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
    for task in &pipeline.tasks {
        let needs = task_needs(task, &makers);
        draft.add(StepKind::Task(task.name.clone()), needs);
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

/// Which task makes an output.
struct Makers<'a> {
    files: BTreeMap<&'a str, &'a TaskName>,
    folders: Vec<(&'a str, &'a TaskName)>,
}

fn makers(pipeline: &Pipeline) -> Makers<'_> {
    let mut makers = Makers { files: BTreeMap::new(), folders: Vec::new() };
    for task in &pipeline.tasks {
        for output in &task.outputs {
            if output.folder {
                makers.folders.push((output.path.as_str(), &task.name));
            } else {
                makers.files.insert(output.path.as_str(), &task.name);
            }
        }
    }
    makers
}

fn task_needs(task: &Task, makers: &Makers<'_>) -> Vec<StepKind> {
    let named = task.depends_on.iter().cloned();
    let made = task.inputs.iter().flat_map(|input| makers_of(input, makers));
    let mut needs: BTreeSet<TaskName> = named.chain(made).collect();
    needs.remove(&task.name);
    let setups = task.setups.iter().map(|setup| StepKind::ProjectSetup(setup.clone()));
    needs.into_iter().map(StepKind::Task).chain(setups).collect()
}

/// The tasks whose declared outputs an input names: an output that matches is an implied dependency.
fn makers_of(input: &Pattern, makers: &Makers<'_>) -> Vec<TaskName> {
    let prefix = input.literal_prefix();
    let inside = |folder: &str| below(folder, prefix) || below(prefix, folder);
    let mut found: Vec<TaskName> =
        makers.folders.iter().filter(|(folder, _)| inside(folder)).map(|(_, name)| (*name).clone()).collect();
    match input {
        Pattern::File(path) => found.extend(makers.files.get(path.as_str()).map(|name| (*name).clone())),
        Pattern::Folder(_) | Pattern::Glob(_) => {
            let set = PatternSet::new([input]);
            let candidates = makers.files.range(prefix..).take_while(|(path, _)| path.starts_with(prefix));
            found.extend(candidates.filter(|(path, _)| set.matches(path.as_bytes())).map(|(_, name)| (*name).clone()));
        }
    }
    found
}

fn below(folder: &str, path: &str) -> bool {
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Steps by name before their order is known.
#[derive(Default)]
struct Draft {
    kinds: Vec<StepKind>,
    index: HashMap<StepKind, usize>,
    needs: Vec<Vec<StepKind>>,
}

impl Draft {
    fn add(&mut self, kind: StepKind, needs: impl IntoIterator<Item = StepKind>) {
        if self.index.contains_key(&kind) {
            return;
        }
        self.index.insert(kind.clone(), self.kinds.len());
        self.kinds.push(kind);
        self.needs.push(needs.into_iter().collect());
    }

    /// Numbers the steps so that dependencies come first.
    fn finish(self) -> Result<Graph, Vec<String>> {
        let needs: Vec<Vec<usize>> = self
            .needs
            .iter()
            .map(|kinds| kinds.iter().filter_map(|kind| self.index.get(kind).copied()).collect())
            .collect();
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
