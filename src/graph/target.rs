//! What people type after `pl build` to the steps that it names.
//!
//! Exact name, else a prefix that ends at a `-`, a glob, `gate:N`, `setup:NAME`, the path of a declared output,
//! or TARGET/PART. Knows no command line.

use crate::analysis::pipeline::Pipeline;
use crate::base::name::{SetupName, WorkstreamId};
use crate::base::path::{compile_glob, is_glob};
use crate::graph::{Graph, StepId, StepKind};

/// Why a target names nothing, or too much.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TargetError {
    /// One sentence.
    pub message: String,
    /// What to type instead.
    pub help: String,
}

/// The steps that a target names.
pub fn resolve(pipeline: &Pipeline, graph: &Graph, target: &str) -> Result<Vec<StepId>, TargetError> {
    let kinds = kinds(pipeline, graph, target)?;
    let ids: Vec<StepId> = kinds.iter().filter_map(|kind| graph.find(kind)).collect();
    match fixes(pipeline, target) {
        _ if !ids.is_empty() => Ok(ids),
        Some((id, _)) => Err(TargetError {
            message: format!("`{target}` comes about where something is red: nobody can ask for it"),
            help: format!(
                "`pl build {id}` goes on with its fixes, `pl show {id}` lists them; pl log and pl reset take {id}/fix.N"
            ),
        }),
        None => Err(unknown(pipeline, target)),
    }
}

/// `ws-15/fix.2`, or `ws-15/fix` for all: steps that are no targets, because nobody knows them before a build, but that records
/// and logs have.
pub fn fixes(pipeline: &Pipeline, target: &str) -> Option<(WorkstreamId, Option<u32>)> {
    let (owner, part) = target.split_once('/')?;
    let number = match part {
        "fix" => None,
        part => Some(part.strip_prefix("fix.")?.parse().ok().filter(|number| *number > 0)?),
    };
    Some((workstream(pipeline, owner).ok()?, number))
}

/// The steps of a plain `pl build`: the defaults, else every task and no workstream.
pub fn defaults(pipeline: &Pipeline, graph: &Graph) -> Result<Vec<StepId>, TargetError> {
    if pipeline.default.is_empty() {
        let tasks = pipeline.tasks.iter().map(|task| StepKind::Task(task.name.clone()));
        return Ok(tasks.filter_map(|kind| graph.find(&kind)).collect());
    }
    let mut all = Vec::new();
    for target in &pipeline.default {
        all.extend(resolve(pipeline, graph, target)?);
    }
    Ok(all)
}

fn kinds(pipeline: &Pipeline, graph: &Graph, target: &str) -> Result<Vec<StepKind>, TargetError> {
    if let Some(gate) = target.strip_prefix("gate:") {
        let number = gate.parse::<u32>().ok();
        let found = pipeline.workstreams.iter().filter(|workstream| Some(workstream.gate) == number);
        return Ok(found.map(|workstream| StepKind::Result(workstream.id.clone())).collect());
    }
    if let Some(name) = target.strip_prefix("setup:") {
        let name = SetupName::from(name);
        let found = graph.kinds().iter();
        return Ok(found.filter(|kind| is_setup(kind, &name)).cloned().collect());
    }
    let exact = StepKind::Task(target.into());
    if graph.find(&exact).is_some() {
        return Ok(vec![exact]);
    }
    if let Some(task) = pipeline.tasks.iter().find(|task| makes(task, target)) {
        return Ok(vec![StepKind::Task(task.name.clone())]);
    }
    if is_glob(target) {
        return globbed(pipeline, target);
    }
    if let Some((owner, part)) = target.split_once('/')
        && let Ok(id) = workstream(pipeline, owner)
    {
        return Ok(part_of(graph, &id, part));
    }
    workstream(pipeline, target).map(|id| vec![StepKind::Result(id)])
}

fn is_setup(kind: &StepKind, name: &SetupName) -> bool {
    matches!(kind, StepKind::ProjectSetup(setup) | StepKind::Setup(_, setup) if setup == name)
}

fn makes(task: &crate::analysis::pipeline::Task, target: &str) -> bool {
    task.outputs.iter().any(|output| output.path.as_str() == target.trim_end_matches('/'))
}

fn globbed(pipeline: &Pipeline, target: &str) -> Result<Vec<StepKind>, TargetError> {
    let glob = compile_glob(target).map_err(|reason| TargetError {
        message: format!("`{target}` is no glob: {reason}"),
        help: "put a name, a prefix or a glob such as 'ws-*'".to_owned(),
    })?;
    let tasks = pipeline.tasks.iter().filter(|task| glob.is_match(task.name.as_str()));
    let workstreams = pipeline.workstreams.iter().filter(|workstream| glob.is_match(workstream.id.as_str()));
    let results = workstreams.map(|workstream| StepKind::Result(workstream.id.clone()));
    Ok(tasks.map(|task| StepKind::Task(task.name.clone())).chain(results).collect())
}

/// A part of a workstream: `base edit.N test.N setup.NAME RULE result`, or a kind for all of its steps.
fn part_of(graph: &Graph, id: &WorkstreamId, part: &str) -> Vec<StepKind> {
    let number = |prefix: &str| part.strip_prefix(prefix).and_then(|text| text.parse::<u32>().ok());
    let kind = match part {
        "base" => StepKind::Base(id.clone()),
        "result" => StepKind::Result(id.clone()),
        _ => match (number("edit."), number("test."), part.strip_prefix("setup.")) {
            (Some(number), ..) => StepKind::Edit(id.clone(), number),
            (_, Some(number), _) => StepKind::Test(id.clone(), number),
            (.., Some(name)) => StepKind::Setup(id.clone(), name.into()),
            _ => StepKind::Lint(id.clone(), part.into()),
        },
    };
    if graph.find(&kind).is_some() {
        return vec![kind];
    }
    graph.kinds().iter().filter(|kind| kind.workstream() == Some(id) && kind.word() == part).cloned().collect()
}

/// A workstream by its id, or by a prefix of it that ends at a `-`.
pub fn workstream(pipeline: &Pipeline, name: &str) -> Result<WorkstreamId, TargetError> {
    let ids = || pipeline.workstreams.iter().map(|workstream| &workstream.id);
    if let Some(id) = ids().find(|id| id.as_str() == name) {
        return Ok(id.clone());
    }
    let prefix = format!("{}-", name.trim_end_matches('-'));
    let found: Vec<&WorkstreamId> = ids().filter(|id| id.as_str().starts_with(&prefix)).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(unknown(pipeline, name)),
        many => Err(TargetError {
            message: format!("`{name}` names {} workstreams", many.len()),
            help: format!("say which: {}", listed(many.iter().map(|id| id.as_str()))),
        }),
    }
}

/// Names shown when a target is unknown.
const SUGGESTIONS_MAX: usize = 8;

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown = names.iter().take(SUGGESTIONS_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SUGGESTIONS_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Likeness from which on a name may be the one that is meant.
const LIKENESS_MIN: f64 = 0.75;

fn unknown(pipeline: &Pipeline, target: &str) -> TargetError {
    let tasks = pipeline.tasks.iter().map(|task| task.name.as_str());
    let all = || tasks.clone().chain(pipeline.workstreams.iter().map(|workstream| workstream.id.as_str()));
    let help = match nearest(target, all()) {
        Some(name) => format!("did you mean `{name}`? `pl show` lists all targets"),
        None if all().next().is_none() => "nothing is defined here yet: `pl init` begins a Pipelinefile.kdl".to_owned(),
        None => format!("there are: {}", listed(all())),
    };
    TargetError { message: format!("no target is called `{target}`"), help }
}

/// The likest name; of several the last.
fn nearest<'n>(target: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let letters = Letters::of(target);
    let mut best = (LIKENESS_MIN, None);
    for name in names {
        // Nearly all have too few letters in common for the long look.
        if letters.likeness_at_most(name) < best.0 {
            continue;
        }
        let likeness = strsim::jaro_winkler(name, target);
        if likeness > LIKENESS_MIN && likeness >= best.0 {
            best = (likeness, Some(name));
        }
    }
    best.1
}

/// How often each byte stands in a text.
struct Letters<'t> {
    text: &'t str,
    counts: [u8; 256],
}

impl<'t> Letters<'t> {
    fn of(text: &'t str) -> Self {
        let mut counts = [0_u8; 256];
        text.bytes().for_each(|byte| counts[usize::from(byte)] = counts[usize::from(byte)].saturating_add(1));
        Self { text, counts }
    }

    /// What `strsim::jaro_winkler` cannot exceed: all letters in common match, and none stands elsewhere.
    fn likeness_at_most(&self, name: &str) -> f64 {
        let length = self.text.len();
        if name.is_empty() || !(1..256).contains(&length) || !self.text.is_ascii() || !name.is_ascii() {
            return 1.0;
        }
        let mut left = self.counts;
        let common = name.bytes().filter(|byte| {
            let count = &mut left[usize::from(*byte)];
            let there = *count > 0;
            *count -= u8::from(there);
            there
        });
        let common: f64 = common.map(|_| 1.0).sum();
        if common == 0.0 {
            return 0.0;
        }
        let jaro = (common / name.len() as f64 + common / length as f64 + 1.0) / 3.0;
        let alike = name.bytes().zip(self.text.bytes()).take(4).take_while(|(left, right)| left == right);
        let alike: f64 = alike.map(|_| 1.0).sum();
        // A little more, for what rounding does.
        jaro + 0.1 * alike * (1.0 - jaro) + 1e-9
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop, proptest};

    use super::{LIKENESS_MIN, Letters, nearest};

    /// Looks at all.
    fn slowly<'n>(target: &str, names: &[&'n str]) -> Option<&'n str> {
        let all = names.iter().map(|name| (strsim::jaro_winkler(name, target), *name));
        let near = all.filter(|(likeness, _)| *likeness > LIKENESS_MIN);
        near.max_by(|left, right| left.0.total_cmp(&right.0)).map(|(_, name)| name)
    }

    #[test]
    fn the_likest_is_found() {
        let names = ["build", "built", "test", "rebuild", "ärger", ""];
        for (target, found) in
            [("biuld", Some("build")), ("tests", Some("test")), ("ärgern", Some("ärger")), ("x", None)]
        {
            assert_eq!((nearest(target, names.into_iter()), slowly(target, &names)), (found, found), "{target}");
        }
        assert!(Letters::of("no-such-target").likeness_at_most("s000123") < LIKENESS_MIN);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_short_look_loses_nothing(target in "[a-c0]{0,8}", names in prop::collection::vec("[a-c0ä]{0,8}", 0..8)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            assert_eq!(nearest(&target, names.iter().copied()), slowly(&target, &names));
            for name in &names {
                assert!(Letters::of(&target).likeness_at_most(name) >= strsim::jaro_winkler(name, &target), "{name}");
            }
        }
    }
}
