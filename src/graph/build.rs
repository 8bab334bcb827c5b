//! From a pipeline to its graph of steps.
//!
//! Needs a pipeline without errors (names resolved, no cycles); a cycle that slips through is answered, not looped on.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::analysis::pipeline::{Pipeline, Task, Workstream};
use crate::analysis::scope::intersect::Shape;
use crate::base::name::WorkstreamId;
use crate::base::path::{Pattern, PatternSet, RepoPath};
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
    files: Made<'a>,
    folders: Made<'a>,
}

/// Outputs by path, with the task that makes each.
#[derive(Default)]
struct Made<'a> {
    exact: HashMap<&'a str, usize>,
    sorted: Vec<(&'a str, usize)>,
}

impl<'a> Made<'a> {
    fn of(outputs: impl Iterator<Item = (&'a str, usize)>) -> Self {
        let mut sorted: Vec<(&str, usize)> = outputs.collect();
        let exact = sorted.iter().copied().collect();
        sorted.sort_unstable();
        Self { exact, sorted }
    }

    /// Those whose paths begin with a text.
    fn beginning(&self, text: &str) -> impl Iterator<Item = (&'a str, usize)> {
        let from = self.sorted.partition_point(|(path, _)| *path < text);
        self.sorted[from..].iter().copied().take_while(move |(path, _)| path.starts_with(text))
    }
}

fn makers(pipeline: &Pipeline) -> Makers<'_> {
    let outputs = |folder: bool| {
        let all = pipeline.tasks.iter().enumerate();
        let all = all.flat_map(|(place, task)| task.outputs.iter().map(move |output| (output, place)));
        let wanted = all.filter(move |(output, _)| output.folder == folder);
        wanted.map(|(output, place)| (output.path.as_str(), place))
    };
    Makers {
        tasks: pipeline.tasks.iter().enumerate().map(|(place, task)| (task.name.as_str(), place)).collect(),
        files: Made::of(outputs(false)),
        folders: Made::of(outputs(true)),
    }
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
    match input {
        // A file that is written may be a folder, too.
        Pattern::File(path) | Pattern::Folder(path) => {
            let (path, below) = (path.as_str(), format!("{}/", path.as_str()));
            found.extend(makers.files.exact.get(path).copied());
            found.extend(makers.files.beginning(&below).map(|(_, place)| place));
            found.extend(around(path, &makers.folders));
            found.extend(makers.folders.beginning(&below).map(|(_, place)| place));
        }
        Pattern::Glob(_) => {
            let prefix = input.literal_prefix();
            let set = PatternSet::new([input]);
            let files = makers.files.beginning(prefix).filter(|(path, _)| set.matches(path.as_bytes()));
            found.extend(files.map(|(_, place)| place));
            found.extend(around(prefix, &makers.folders));
            let shape = Shape::of(input);
            let meets = |folder: &str| shape.meets(&Shape::of(&Pattern::Folder(RepoPath(folder.to_owned()))));
            let folders = makers.folders.beginning(prefix).filter(|(path, _)| meets(path));
            found.extend(folders.map(|(_, place)| place));
        }
    }
}

/// The folders that a path is, or lies in.
fn around<'m>(path: &'m str, folders: &'m Made<'_>) -> impl Iterator<Item = usize> + 'm {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let ends = ends.filter(|_| !folders.exact.is_empty());
    ends.filter_map(|end| folders.exact.get(&path[..end]).copied())
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

#[cfg(test)]
mod tests {
    use super::{Made, Makers, makers_of};
    use crate::base::path::{Pattern, RepoPath, is_glob};
    use std::collections::HashMap;

    #[test]
    fn an_input_waits_for_whatever_makes_a_part_of_it() {
        let outputs = ["gen/a.h", "gen/deep/b.h", "gen-2/c.h", "out/", "out2/sub/", "z"];
        let made = |folder: bool| {
            let all = outputs.iter().enumerate().filter(|(_, path)| path.ends_with('/') == folder);
            Made::of(all.map(|(place, path)| (path.trim_end_matches('/'), place)))
        };
        let makers = Makers { tasks: HashMap::new(), files: made(false), folders: made(true) };
        let check = |input: &str, expect: &[&str]| {
            let literal = || RepoPath(input.trim_end_matches('/').to_owned());
            let pattern = match input {
                _ if is_glob(input) => Pattern::Glob(input.to_owned()),
                _ if input.ends_with('/') => Pattern::Folder(literal()),
                _ => Pattern::File(literal()),
            };
            let mut found = Vec::new();
            makers_of(&pattern, &makers, &mut found);
            found.sort_unstable();
            found.dedup();
            assert_eq!(found.iter().map(|place| outputs[*place]).collect::<Vec<_>>(), expect, "{input}");
        };
        check("gen/a.h", &["gen/a.h"]);
        check("gen/", &["gen/a.h", "gen/deep/b.h"]);
        check("gen", &["gen/a.h", "gen/deep/b.h"]);
        check("gen/*.h", &["gen/a.h"]);
        check("gen*/*.h", &["gen/a.h", "gen-2/c.h"]);
        check("**/*.h", &["gen/a.h", "gen/deep/b.h", "gen-2/c.h", "out/", "out2/sub/"]);
        check("out/x/y", &["out/"]);
        check("out", &["out/"]);
        check("out/**/*.o", &["out/"]);
        check("out2/**/*.o", &["out2/sub/"]);
        check("out2/s*/a.o", &["out2/sub/"]);
        check("out2/t*/a.o", &[]);
        check("out2", &["out2/sub/"]);
        check("out2/sub/a.o", &["out2/sub/"]);
        check("ou", &[]);
        check("zz", &[]);
    }
}
