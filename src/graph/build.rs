//! From a pipeline to its graph of steps.
//!
//! Needs a pipeline without errors (names resolved, no cycles); a cycle that slips through is answered, not looped on.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::analysis::pipeline::{Pipeline, Task, Workstream};
use crate::analysis::scope::intersect::Shape;
use crate::base::index::PlaceIndex;
use crate::base::lists::Lists;
use crate::base::name::WorkstreamId;
use crate::base::path::{Pattern, PatternSet, RepoPath};
use crate::graph::order::ordered_lists;
use crate::graph::{Graph, StepId, StepKind};

/// Builds the graph; `whole` names the workstreams whose edit is asked once for all instructions.
///
/// Errors: the names on a cycle.
pub fn build(pipeline: &Pipeline, whole: &BTreeSet<WorkstreamId>) -> Result<Graph, Vec<String>> {
    let mut draft = Draft::default();
    for setup in pipeline.tasks.iter().flat_map(Task::setups) {
        draft.add(StepKind::ProjectSetup(setup.clone()), []);
    }
    let makers = makers(pipeline);
    let first = draft.kinds.len();
    let mut needs = Vec::new();
    for (place, task) in pipeline.tasks.iter().enumerate() {
        needs.clear();
        task_needs(task, place, &makers, &mut needs);
        let setups = task.setups().iter().map(|setup| StepKind::ProjectSetup(setup.clone()));
        draft.push(StepKind::Task(task.name.clone()), needs.iter().map(|need| first + need), setups);
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
    tasks: &'a [Task],
    names: PlaceIndex,
    files: Made<'a>,
    folders: Made<'a>,
}

/// Outputs by path, with the task that makes each.
#[derive(Default)]
struct Made<'a> {
    sorted: Vec<(&'a str, usize)>,
    exact: PlaceIndex,
    /// Folders that outputs lie in.
    above: HashSet<&'a str>,
}

impl<'a> Made<'a> {
    fn of(outputs: impl Iterator<Item = (&'a str, usize)>) -> Self {
        let mut sorted: Vec<(&str, usize)> = outputs.collect();
        sorted.sort_unstable();
        let mut above = HashSet::new();
        for (path, _) in &sorted {
            let folders = path.rmatch_indices('/').map(|(end, _)| &path[..end]);
            // Those above one that is known are known, too.
            let _ = folders.take_while(|folder| above.insert(*folder)).count();
        }
        Self { exact: PlaceIndex::of(&sorted, |(path, _)| *path), sorted, above }
    }

    fn exact(&self, path: &str) -> Option<usize> {
        self.exact.find(path, |place| self.sorted[place].0).map(|place| self.sorted[place].1)
    }

    /// Those below a folder.
    fn below<'s>(&'s self, folder: &str) -> impl Iterator<Item = (&'a str, usize)> + use<'s, 'a> {
        let inside = self.above.contains(folder).then(|| format!("{folder}/"));
        inside.into_iter().flat_map(|inside| self.beginning(&inside))
    }

    /// Those whose paths begin with a text.
    fn beginning<'s>(&'s self, text: &str) -> impl Iterator<Item = (&'a str, usize)> + use<'s, 'a> {
        let tail = &self.sorted[self.sorted.partition_point(|(path, _)| *path < text)..];
        tail[..tail.partition_point(|(path, _)| path.starts_with(text))].iter().copied()
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
        tasks: &pipeline.tasks,
        names: PlaceIndex::of(&pipeline.tasks, |task| &task.name),
        files: Made::of(outputs(false)),
        folders: Made::of(outputs(true)),
    }
}

/// The tasks that one needs, each once.
fn task_needs(task: &Task, place: usize, makers: &Makers<'_>, needs: &mut Vec<usize>) {
    let named = |name| makers.names.find(name, |place| &makers.tasks[place].name);
    needs.extend(task.depends_on.iter().filter_map(named));
    for input in &task.inputs {
        makers_of(input, makers, needs);
    }
    needs.sort_unstable();
    needs.dedup();
    needs.retain(|need| *need != place);
}

/// The tasks whose declared outputs an input names: an output that matches is an implied dependency.
fn makers_of(input: &Pattern, makers: &Makers<'_>, found: &mut Vec<usize>) {
    match input {
        // A file that is written may be a folder, too.
        Pattern::File(path) | Pattern::Folder(path) => {
            let path = path.as_str();
            found.extend(makers.files.exact(path));
            found.extend(makers.files.below(path).map(|(_, place)| place));
            found.extend(around(path, &makers.folders));
            found.extend(makers.folders.below(path).map(|(_, place)| place));
        }
        Pattern::Glob(_) => {
            let prefix = input.literal_prefix();
            let set = PatternSet::new([input]);
            let files = makers.files.beginning(prefix).filter(|(path, _)| set.matches(path.as_bytes()));
            found.extend(files.map(|(_, place)| place));
            found.extend(around(prefix, &makers.folders));
            let shape = Shape::of(input);
            let meets = |folder: &str| shape.meets(&Shape::of(&Pattern::Folder(RepoPath(folder.into()))));
            let folders = makers.folders.beginning(prefix).filter(|(path, _)| meets(path));
            found.extend(folders.map(|(_, place)| place));
        }
    }
}

/// The folders that a path is, or lies in.
fn around<'m>(path: &'m str, folders: &'m Made<'_>) -> impl Iterator<Item = usize> + 'm {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let ends = ends.filter(|_| !folders.sorted.is_empty());
    ends.filter_map(|end| folders.exact(&path[..end]))
}

/// Steps before their order is known.
#[derive(Default)]
struct Draft {
    kinds: Vec<StepKind>,
    /// Places of those that may be added again or needed by name.
    index: HashMap<StepKind, usize>,
    /// What each step needs, by place.
    needs: Lists<u32>,
    /// What steps need of which the place may not be known yet, in the steps' order.
    named: Vec<(usize, StepKind)>,
}

impl Draft {
    fn add(&mut self, kind: StepKind, needs: impl IntoIterator<Item = StepKind>) {
        if self.index.contains_key(&kind) {
            return;
        }
        self.index.insert(kind.clone(), self.kinds.len());
        self.push(kind, [], needs);
    }

    /// A step that is added once and needed by its place.
    fn push(
        &mut self,
        kind: StepKind,
        needs: impl IntoIterator<Item = usize>,
        named: impl IntoIterator<Item = StepKind>,
    ) {
        let place = self.kinds.len();
        self.kinds.push(kind);
        self.needs.push(needs.into_iter().map(number));
        self.named.extend(named.into_iter().map(|kind| (place, kind)));
    }

    /// Numbers the steps so that dependencies come first.
    fn finish(self) -> Result<Graph, Vec<String>> {
        let Self { kinds, index, needs, named } = self;
        let needs = if named.is_empty() { needs } else { placed(&needs, &named, &index) };
        drop(index);
        let order = ordered_lists(&needs)
            .map_err(|stuck| stuck.iter().map(|&place| kinds[place as usize].name()).collect::<Vec<_>>())?;
        let mut place_of = vec![StepId(0); order.len()];
        for (position, &place) in (0..).zip(&order) {
            place_of[place as usize] = StepId(position);
        }
        let mut sorted = Lists::with_capacity(order.len());
        let mut depends_on: Vec<StepId> = Vec::new();
        for &place in &order {
            depends_on.clear();
            depends_on.extend(needs.get(place as usize).iter().map(|&need| place_of[need as usize]));
            depends_on.sort_unstable();
            depends_on.dedup();
            sorted.push(depends_on.iter().copied());
        }
        let mut steps: Vec<(StepId, StepKind)> = place_of.into_iter().zip(kinds).collect();
        steps.sort_unstable_by_key(|(step, _)| *step);
        Ok(Graph::of(steps.into_iter().map(|(_, kind)| kind).collect(), sorted))
    }
}

/// What steps need, all by place.
fn placed(needs: &Lists<u32>, named: &[(usize, StepKind)], index: &HashMap<StepKind, usize>) -> Lists<u32> {
    let mut all = Lists::with_capacity(needs.len());
    let mut named = named.iter().peekable();
    for (place, list) in needs.iter().enumerate() {
        let own = std::iter::from_fn(|| named.next_if(|(step, _)| *step == place));
        let own = own.filter_map(|(_, kind)| index.get(kind).copied().map(number));
        all.push(list.iter().copied().chain(own));
    }
    all
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Made, Makers, makers_of};
    use crate::base::index::PlaceIndex;
    use crate::base::path::{Pattern, RepoPath, is_glob};

    #[test]
    fn an_input_waits_for_whatever_makes_a_part_of_it() {
        let outputs = ["gen/a.h", "gen/deep/b.h", "gen-2/c.h", "out/", "out2/sub/", "z"];
        let made = |folder: bool| {
            let all = outputs.iter().enumerate().filter(|(_, path)| path.ends_with('/') == folder);
            Made::of(all.map(|(place, path)| (path.trim_end_matches('/'), place)))
        };
        let makers = Makers { tasks: &[], names: PlaceIndex::default(), files: made(false), folders: made(true) };
        let check = |input: &str, expect: &[&str]| {
            let literal = || RepoPath(input.trim_end_matches('/').into());
            let pattern = match input {
                _ if is_glob(input) => Pattern::Glob(input.into()),
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
