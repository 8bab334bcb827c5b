//! `pl explain`: one step's verdict through the steps that it waits for, up to the root cause; and codes.
//!
//! Judges as `check` judges: nothing is written, nothing is started.

use std::collections::HashMap;

use crate::analysis::diagnostics;
use crate::analysis::pipeline::Command;
use crate::base::diagnostic::Code;
use crate::cli::engine::Project;
use crate::cli::engine::building::look_ahead;
use crate::cli::engine::open::{Opened, Purpose, open, store_failed};
use crate::cli::exit::Failed;
use crate::fingerprint::Difference;
use crate::graph::{StepId, StepKind};
use crate::plan::{Freshness, Reason, Verdict};
use crate::preview::workstream::tool_name;
use crate::preview::{Asked, Preview, StepPlan, planned};
use crate::report::explain::{Explanation, Hop, PartDifference};
use crate::summary::PlannedStep;

/// A code that a wrong name may have meant is at least this like it.
const LIKENESS_MIN: f64 = 0.85;

/// Every documented diagnostic.
pub fn codes() -> Vec<&'static Code> {
    diagnostics::every().collect()
}

/// Explains one step's verdict, through the steps that it waits for.
pub fn explain(project: &Project, step: &str) -> Result<Explanation, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    let wanted = opened.wanted(&[step.to_owned()]).map_err(|failed| or_a_code(failed, step))?;
    let closure = opened.closure(&wanted);
    let asked = Asked { parts: true, ..Asked::default() };
    let seen = look_ahead(&opened, &closure, &asked)?;
    let steps: Vec<PlannedStep> = planned(&opened.world, &seen);
    let places: HashMap<&str, usize> =
        steps.iter().enumerate().map(|(place, step)| (step.name.as_str(), place)).collect();
    let name = |step: &StepId| opened.world.graph.step(*step).kind.name();
    let of = |step: &StepId| places.get(name(step).as_str()).copied();
    // Of several (a setup that many make) the one that must run is the interesting one.
    let must_run = |place: &usize| !matches!(seen.steps[*place].verdict, Verdict::Fresh(_));
    let here = wanted.iter().filter_map(of).find(must_run).or_else(|| wanted.first().and_then(of));
    let Some(here) = here else { return Err(Failed::usage(format!("no step is called `{step}`"))) };
    let way = way(here, &seen, &places);
    let root = way.last().copied().unwrap_or(here);
    let differences = differences(&seen.steps[root]);
    let parts = seen.steps[root].parts.as_ref().map_or(0, |parts| parts.now.parts.len());
    let last =
        opened.records()?.map(|store| store.latest(&steps[here].name)).transpose().map_err(store_failed)?.flatten();
    Ok(Explanation {
        step: steps[here].name.clone(),
        verdict: steps[here].verdict.clone(),
        reason: steps[here].reason.clone().or_else(|| fresh_sentence(&seen.steps[here])),
        hops: way.iter().map(|place| hop(&steps[*place])).collect(),
        root: steps[root].name.clone(),
        differences: differences.iter().map(part).collect(),
        parts_equal: parts.saturating_sub(differences.len()),
        last_record: last.map(|record| record.created_at),
        command: command(&opened, seen.steps[here].step),
        help: help(&seen.steps[root], &steps[root]),
    })
}

/// Whoever mistyped a code is told so.
fn or_a_code(failed: Failed, typed: &str) -> Failed {
    let likeness = |code: &&Code| strsim::jaro_winkler(code.id, typed);
    let near = codes().into_iter().max_by(|left, right| likeness(left).total_cmp(&likeness(right)));
    match near.filter(|code| likeness(code) > LIKENESS_MIN) {
        Some(code) => failed.hint(format!("did you mean the diagnostic `{}`?", code.id)),
        None => failed,
    }
}

/// From a step up to its root cause.
fn way(from: usize, seen: &Preview, places: &HashMap<&str, usize>) -> Vec<usize> {
    let mut way = vec![from];
    while let Some(next) = cause(&seen.steps[way[way.len() - 1]]).and_then(|name| places.get(name).copied()) {
        if way.contains(&next) {
            break;
        }
        way.push(next);
    }
    way
}

/// The step above that makes this one unsettled.
fn cause(plan: &StepPlan) -> Option<&str> {
    match &plan.verdict {
        Verdict::Stale(Reason::Upstream(name) | Reason::Blocked(name))
        | Verdict::Unsettled(Reason::Upstream(name) | Reason::Blocked(name)) => Some(name),
        _ => None,
    }
}

/// Why a step that is fresh without a further word is so.
fn fresh_sentence(plan: &StepPlan) -> Option<String> {
    match plan.verdict {
        Verdict::Fresh(Freshness::Recorded) => Some("everything that it looks at is as it was".to_owned()),
        Verdict::Fresh(Freshness::Nothing) => Some("it has nothing to run".to_owned()),
        _ => None,
    }
}

fn hop(plan: &PlannedStep) -> Hop {
    Hop { step: plan.name.clone(), reason: plan.reason.clone().unwrap_or_else(|| plan.verdict.clone()) }
}

fn part(difference: &Difference) -> PartDifference {
    let (part, change, line, texts) = match difference.clone() {
        Difference::Changed { name, line, texts } => (name, "changed", line, texts),
        Difference::Added(name) => (name, "added", None, None),
        Difference::Removed(name) => (name, "removed", None, None),
    };
    let (before, after) = texts.unzip();
    PartDifference { part, change: change.to_owned(), line, before, after }
}

/// What can be done about the root cause, where that is not simply to build.
fn help(root: &StepPlan, step: &PlannedStep) -> Option<String> {
    let owner = step.workstream.as_deref().unwrap_or(&step.name);
    match &root.verdict {
        Verdict::Fresh(Freshness::RecordedRed) if step.workstream.is_some() => Some(format!(
            "pl show {owner} says what went wrong; mend it in its worktree, or ask again with pl build {owner} --again"
        )),
        Verdict::Fresh(Freshness::RecordedRed) => Some(format!("pl show {owner} says what went wrong")),
        Verdict::Stale(Reason::AlwaysRuns) => {
            Some(format!("name what `{owner}` reads in its `inputs`, and it runs only when that changed"))
        }
        Verdict::Stale(Reason::Program(name)) | Verdict::Unsettled(Reason::Program(name)) => {
            Some(format!("a build asks {name} for its version; nothing runs if that is the same"))
        }
        _ => None,
    }
}

/// What a step runs, for people.
pub fn command(opened: &Opened, step: StepId) -> Option<String> {
    let world = &opened.world;
    match &world.graph.step(step).kind {
        StepKind::Task(name) => world.task(name).command.as_ref().map(Command::text),
        StepKind::ProjectSetup(name) | StepKind::Setup(_, name) => Some(world.setup(name).command.text()),
        StepKind::Lint(_, name) => Some(world.rule(name).command.text()),
        StepKind::Test(id, number) => {
            world.workstream(id).tests.get(*number as usize - 1).map(|test| test.command.text())
        }
        StepKind::Edit(id, _) => world.workstream(id).tools.first().map(|tool| tool_name(world, tool)),
        StepKind::Base(_) | StepKind::Result(_) | StepKind::Fix(..) => None,
    }
}

fn differences(plan: &StepPlan) -> Vec<Difference> {
    let compared = plan.parts.as_ref().and_then(|parts| Some(parts.last.as_ref()?.differences(&parts.now)));
    compared.unwrap_or_default()
}
