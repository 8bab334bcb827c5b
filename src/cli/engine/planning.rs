//! `pl check`, `pl explain STEP` and the names for completion: nothing is written, nothing is started.

use std::path::Path;

use crate::analysis::pipeline::Command;
use crate::base::diagnostic::{Class, Severity};
use crate::cli::engine::building::look_ahead;
use crate::cli::engine::open::{Opened, Purpose, open};
use crate::cli::engine::{Planned, Project};
use crate::cli::exit::{Failed, Kind};
use crate::fingerprint::Difference;
use crate::graph::{StepId, StepKind};
use crate::preview::workstream::tool_name;
use crate::preview::{Asked, Preview, StepPlan, planned};
use crate::report::diagnostics;
use crate::report::explain::{Explanation, Hop, PartDifference};
use crate::summary::{CheckReport, PlannedStep};

/// Says what would run. Definitions with errors are reported, not refused.
pub fn plan(project: &Project, targets: &[String], force: bool) -> Result<Planned, Failed> {
    let opened = match open(project, &[], Purpose::Planning) {
        Ok(opened) => opened,
        Err(failed) if failed.kind == Kind::Definitions => return Ok(wrong(failed)),
        Err(failed) => return Err(failed),
    };
    let wanted = opened.wanted(targets)?;
    let closure = opened.closure(&wanted);
    let asked = Asked { force: if force { wanted } else { Vec::new() }, again: false };
    let seen = look_ahead(&opened, &closure, &asked)?;
    let report = CheckReport {
        ok: true,
        bundles_checked: opened.world.pipeline.workstreams.len(),
        errors: diagnostics::rows(&opened.diagnostics, &opened.sources),
        steps: planned(&opened.world, &seen),
        would_run: seen.would_run(),
    };
    Ok(Planned { report, diagnostics: opened.diagnostics, sources: opened.sources })
}

fn wrong(failed: Failed) -> Planned {
    let rows = diagnostics::rows(&failed.diagnostics, &failed.sources);
    debug_assert!(failed.diagnostics.iter().any(|diagnostic| diagnostic.code.severity == Severity::Error));
    debug_assert!(rows.iter().all(|row| row.class != Class::Unexpected.word()));
    let report = CheckReport { ok: false, bundles_checked: 0, errors: rows, steps: Vec::new(), would_run: 0 };
    Planned { report, diagnostics: failed.diagnostics, sources: failed.sources }
}

/// Names that can be built.
pub fn target_names(directory: &Path) -> Vec<String> {
    let project = Project { directory: directory.to_path_buf(), set: Vec::new(), tool: None };
    let opened: Option<Opened> = open(&project, &[], Purpose::Planning).ok();
    opened.map(|opened| crate::graph::target::names(&opened.world.pipeline)).unwrap_or_default()
}

/// Explains one step's verdict, through the steps that it waits for.
pub fn explain(project: &Project, step: &str) -> Result<Explanation, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    let wanted = opened.wanted(&[step.to_owned()])?;
    let closure = opened.closure(&wanted);
    let seen = look_ahead(&opened, &closure, &Asked::default())?;
    let Some(target) = wanted.first() else { return Err(Failed::usage(format!("no step is called `{step}`"))) };
    let plans = planned(&opened.world, &seen);
    let name = opened.world.graph.step(*target).kind.name();
    let place = |name: &str| plans.iter().position(|plan| plan.name == name);
    let mut hops = Vec::new();
    let mut at = place(&name);
    while let Some(here) = at {
        hops.push(plans[here].clone());
        at = cause(&seen.steps[here], &seen, &opened).and_then(|name| place(&name));
        if hops.len() > plans.len() {
            break;
        }
    }
    let root = hops.last().and_then(|plan| place(&plan.name)).map(|place| &seen.steps[place]);
    let differences = root.map(differences).unwrap_or_default();
    let parts_equal = root
        .and_then(|plan| plan.fingerprint.as_ref())
        .map_or(0, |now| now.parts.len().saturating_sub(differences.len()));
    let verdict = hops.first().map_or_else(String::new, |plan| plan.verdict.clone());
    let reason = hops.first().and_then(|plan| plan.reason.clone());
    Ok(Explanation {
        step: name,
        verdict,
        reason,
        hops: hops.iter().map(hop).collect(),
        differences: differences.iter().map(part).collect(),
        parts_equal,
        last_record: None,
        command: command(&opened, *target),
        help: None,
    })
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

/// What a step runs, for people.
fn command(opened: &Opened, step: StepId) -> Option<String> {
    let world = &opened.world;
    match &world.graph.step(step).kind {
        StepKind::Task(name) => world.task(name).command.as_ref().map(Command::text),
        StepKind::ProjectSetup(name) | StepKind::Setup(_, name) => Some(world.setup(name).command.text()),
        StepKind::Lint(_, name) => Some(world.rule(name).command.text()),
        StepKind::Test(id, number) => {
            world.workstream(id).tests.get(*number as usize - 1).map(|test| test.command.text())
        }
        StepKind::Edit(id, _) => world.workstream(id).tools.first().map(|tool| tool_name(world, tool)),
        StepKind::Base(_) | StepKind::Result(_) => None,
    }
}

/// The step above that makes this one unsettled.
fn cause(plan: &StepPlan, seen: &Preview, opened: &Opened) -> Option<String> {
    use crate::plan::{Reason, Verdict};
    let (Verdict::Stale(reason) | Verdict::Unsettled(reason)) = &plan.verdict else { return None };
    match reason {
        Reason::Upstream(name) | Reason::Blocked(name) => {
            let known = seen
                .steps
                .iter()
                .any(|other| other.step != plan.step && opened.world.graph.step(other.step).kind.name() == *name);
            known.then(|| name.clone())
        }
        _ => None,
    }
}

fn differences(plan: &StepPlan) -> Vec<Difference> {
    match (&plan.last, &plan.fingerprint) {
        (Some(last), Some(now)) => last.differences(now),
        _ => Vec::new(),
    }
}
