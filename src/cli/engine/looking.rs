//! `pl show`: what is remembered, next to what is defined. Nothing is written, nothing is started.
//!
//! Runs are shown even while definitions are wrong.

mod attempts;
mod findings;
mod pages;
mod rows;
mod targets;

use std::collections::BTreeSet;

use crate::cli::engine::open::{Opened, Purpose, open, remembered, store_failed};
use crate::cli::engine::{Project, ShowRequest};
use crate::cli::exit::Failed;
use crate::graph::{StepId, StepKind};
use crate::observe::prompt;
use crate::report::history::stats::{StepEnding, stats};
use crate::report::history::{PromptRow, RunShow, Show};
use crate::store::attempt::Filter;
use crate::store::run::RunId;
use crate::store::{Store, StoreError};

pub use self::pages::fix_loop;
pub use self::rows::{attempt_rows, find_run};
pub use self::targets::RESET_NOTES;

/// Runs that `--runs` lists.
const RUNS_MAX: u32 = 20;

/// Looks up what happened.
pub fn show(project: &Project, request: ShowRequest) -> Result<Show, Failed> {
    match request {
        ShowRequest::Runs => runs(project),
        ShowRequest::Targets => {
            let opened = open(project, &[], Purpose::Planning)?;
            let all = everything(&opened);
            targets::table(&opened, &all)
        }
        ShowRequest::Findings(request) => findings::show(project, request),
        ShowRequest::Prompt(target) => prompts(project, &target),
        ShowRequest::Attempt(target, number) => attempts::show(project, &target, number),
        ShowRequest::Stats(target) => costs(project, target),
        ShowRequest::Subject(subject) => match run_page(project, &subject)? {
            Some(page) => Ok(page),
            None => target_page(project, &subject),
        },
    }
}

/// The last step of everything that can be built.
fn everything(opened: &Opened) -> Vec<StepId> {
    let graph = &opened.world.graph;
    let ends = |step: &StepId| matches!(graph.step(*step).kind, StepKind::Task(_) | StepKind::Result(_));
    graph.ids().filter(ends).collect()
}

fn runs(project: &Project) -> Result<Show, Failed> {
    let Some(store) = remembered(project)? else { return Ok(Show::Runs { runs: Vec::new() }) };
    let rows = store.runs(RUNS_MAX).map_err(store_failed)?;
    let runs =
        rows.iter().map(|row| rows::run(&store, row)).collect::<Result<_, StoreError>>().map_err(store_failed)?;
    Ok(Show::Runs { runs })
}

/// The page of a run, if the subject is one.
fn run_page(project: &Project, subject: &str) -> Result<Option<Show>, Failed> {
    let Some(store) = remembered(project)? else { return Ok(None) };
    let Some(run) = find_run(&store, subject)? else { return Ok(None) };
    let page = || -> Result<RunShow, StoreError> {
        let attempts = store.attempts(&Filter { run: Some(&run.run_id), ..Filter::default() })?;
        let findings = attempts.iter().flat_map(rows::findings_of).collect();
        Ok(RunShow { run: rows::run(&store, &run)?, attempts: attempt_rows(&store, &attempts)?, findings })
    };
    page().map(|page| Some(Show::Run(page))).map_err(store_failed)
}

fn target_page(project: &Project, subject: &str) -> Result<Show, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    let wanted = match opened.wanted(&[subject.to_owned()]) {
        Ok(wanted) => wanted,
        Err(failed) if subject.starts_with("run-") => {
            return Err(Failed { hints: vec!["pl show --runs lists the newest".to_owned()], ..failed });
        }
        Err(failed) => return Err(failed),
    };
    match wanted.as_slice() {
        [one] => pages::page(&opened, *one),
        many => match pages::setup_name(&opened, many) {
            Some(name) => pages::setup(&opened, &name),
            None if many.iter().all(|step| targets::is_target(&opened, *step)) => targets::table(&opened, many),
            None => pages::page(&opened, many[0]),
        },
    }
}

/// What steps cost, over all runs.
fn costs(project: &Project, target: Option<String>) -> Result<Show, Failed> {
    let wanted = match target {
        None => None,
        Some(target) => {
            let opened = open(project, &[], Purpose::Planning)?;
            let wanted = opened.wanted(&[target])?;
            let name = |step: &StepId| opened.world.graph.step(*step).kind.name();
            Some(opened.closure(&wanted).iter().map(name).collect::<BTreeSet<_>>())
        }
    };
    let Some(store) = remembered(project)? else { return Ok(Show::Stats { steps: Vec::new() }) };
    let endings = store.endings().map_err(store_failed)?.into_iter();
    let endings = endings.filter(|(step, ..)| wanted.as_ref().is_none_or(|wanted| wanted.contains(step)));
    let endings = endings.map(|(step, status, duration_ms)| StepEnding { step, status, duration_ms });
    let peaks = store.peaks().map_err(store_failed)?;
    Ok(Show::Stats { steps: stats(endings, &peaks) })
}

fn prompts(project: &Project, target: &str) -> Result<Show, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    let world = &opened.world;
    let mut prompts = Vec::new();
    for step in opened.wanted(&[target.to_owned()])? {
        let kind = &world.graph.step(step).kind;
        let Some(id) = kind.workstream() else {
            return Err(Failed::usage(format!("{} has no prompt: nobody is asked for a task", kind.name()))
                .hint("name a workstream, or one of its edits: pl show ws-15/edit.1 --prompt"));
        };
        let workstream = world.workstream(id);
        let numbers = match kind {
            StepKind::Edit(_, number) => *number..=*number,
            _ => 1..=world.edits(workstream),
        };
        prompts.extend(numbers.map(|number| PromptRow {
            step: StepKind::Edit(id.clone(), number).name(),
            tool: workstream.asked_tool.clone(),
            prompt: prompt::edit(workstream, number, world.whole.contains(id)),
        }));
    }
    Ok(Show::Prompt { prompts })
}

/// The newest run, if there is one.
pub fn newest_run(store: &Store) -> Result<Option<RunId>, StoreError> {
    Ok(store.runs(1)?.into_iter().next().map(|run| run.run_id))
}
