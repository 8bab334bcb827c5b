//! One workstream, task, setup or step with all that is known of it.

use crate::analysis::pipeline::Workstream;
use crate::base::failure::Failure;
use crate::base::name::SetupName;
use crate::cli::engine::explaining::command;
use crate::cli::engine::looking::targets::{self, Past, Standing};
use crate::cli::engine::looking::{findings, rows};
use crate::cli::engine::open::{Opened, git_failed, store_failed};
use crate::cli::exit::Failed;
use crate::exec::workstream::quarantine::LOOP_NOTES;
use crate::git::delta::Delta;
use crate::git::object::TreeId;
use crate::graph::{StepId, StepKind};
use crate::observe::edit::display;
use crate::observe::record::ResultBody;
use crate::report::history::{AttemptRow, FailureRow, Show, TaskShow, WorkstreamShow};
use crate::store::attempt::Filter;
use crate::store::record::Outcome;
use crate::store::{Store, StoreError};
use crate::summary::LoopHistory;

/// Attempts that a page lists.
const ATTEMPTS_MAX: usize = 40;

/// The page of a step; a result's is its workstream's.
pub fn page(opened: &Opened, step: StepId) -> Result<Show, Failed> {
    let kind = &opened.world.graph.step(step).kind;
    match kind {
        StepKind::Result(id) => workstream(opened, step, opened.world.workstream(id)).map(Show::Workstream),
        StepKind::Task(name) => {
            let about = opened.world.task(name).about().map(str::to_owned);
            let mut page = steps(opened, &kind.name(), &[kind.name()], about, command(opened, step))?;
            if targets::is_step_done_again(opened, step, &page.state)? {
                "done".clone_into(&mut page.state);
                page.failure = None;
            }
            Ok(Show::Task(page))
        }
        StepKind::ProjectSetup(name) | StepKind::Setup(_, name) if kind.name().starts_with("setup:") => {
            setup(opened, name)
        }
        _ => steps(opened, &kind.name(), &[kind.name()], None, command(opened, step)).map(Show::Step),
    }
}

/// The setup that all of these steps make, if it is one.
pub fn setup_name(opened: &Opened, wanted: &[StepId]) -> Option<SetupName> {
    let name = |step: &StepId| match &opened.world.graph.step(*step).kind {
        StepKind::ProjectSetup(name) | StepKind::Setup(_, name) => Some(name.clone()),
        _ => None,
    };
    let first = wanted.first().and_then(name)?;
    wanted.iter().all(|step| name(step).as_ref() == Some(&first)).then_some(first)
}

/// The page of a setup, wherever it is made.
pub fn setup(opened: &Opened, name: &SetupName) -> Result<Show, Failed> {
    let graph = &opened.world.graph;
    let makes = |kind: &StepKind| matches!(kind, StepKind::ProjectSetup(own) | StepKind::Setup(_, own) if own == name);
    let all: Vec<String> = graph.kinds().iter().filter(|kind| makes(kind)).map(StepKind::name).collect();
    let command = opened.world.setup(name).command.text();
    steps(opened, &format!("setup:{name}"), &all, None, Some(command)).map(Show::Step)
}

/// The page of a step, or of several that are one to people.
fn steps(
    opened: &Opened,
    name: &str,
    steps: &[String],
    about: Option<String>,
    command: Option<String>,
) -> Result<TaskShow, Failed> {
    let mut page = TaskShow {
        name: name.to_owned(),
        about,
        command,
        state: "never".to_owned(),
        attempts: Vec::new(),
        failure: None,
    };
    let Some(store) = opened.records()? else { return Ok(page) };
    let fill = || -> Result<(String, Vec<AttemptRow>, Option<FailureRow>), StoreError> {
        let past = Past::of(&store)?;
        let newest = steps.iter().filter_map(|step| past.attempt(step)).max_by_key(|attempt| attempt.id);
        let state = match newest {
            Some(newest) => past.step(&store, &newest.step).state,
            None => recorded_state(&store, steps)?,
        };
        let mut attempts = Vec::new();
        for step in steps {
            attempts.extend(store.step_history(step, u32::try_from(ATTEMPTS_MAX).unwrap_or(u32::MAX))?);
        }
        attempts.sort_by_key(|attempt| attempt.id);
        let mut rows = rows::attempt_rows(&store, &attempts)?;
        rows.reverse();
        rows.truncate(ATTEMPTS_MAX);
        Ok((state, rows, newest.and_then(rows::failure)))
    };
    (page.state, page.attempts, page.failure) = fill().map_err(store_failed)?;
    Ok(page)
}

/// A step for which nothing is started stands as its record says.
fn recorded_state(store: &Store, steps: &[String]) -> Result<String, StoreError> {
    for step in steps {
        if let Some(record) = store.latest(step)? {
            return Ok(if record.outcome == Outcome::Green { "done" } else { "failed" }.to_owned());
        }
    }
    Ok("never".to_owned())
}

fn workstream(opened: &Opened, step: StepId, workstream: &Workstream) -> Result<WorkstreamShow, Failed> {
    let world = &opened.world;
    let mut page = WorkstreamShow {
        id: workstream.id.to_string(),
        title: workstream.title.clone(),
        state: "never".to_owned(),
        reason: None,
        depends_on: workstream.depends_on.iter().map(ToString::to_string).collect(),
        tool: workstream.asked_tool.clone(),
        scope: workstream.files_scope.iter().map(crate::base::path::Pattern::text).collect(),
        create: workstream.files_create.iter().map(crate::base::path::Pattern::text).collect(),
        commit: None,
        branch: None,
        worktree: None,
        changes: Vec::new(),
        attempts: Vec::new(),
        findings: Vec::new(),
        failure: None,
        class: None,
        fix_loop: None,
    };
    let Some(store) = opened.records()? else { return Ok(page) };
    let past = Past::of(&store).map_err(store_failed)?;
    let standing = targets::workstream(opened, &store, &past, workstream)?;
    let is_done_again = targets::is_step_done_again(opened, step, &standing.state)?;
    let Standing { state, reason, .. } = standing;
    (page.state, page.reason) = if is_done_again { ("done".to_owned(), None) } else { (state, reason) };
    let dir = world.worktree(&workstream.id);
    page.worktree = dir.exists().then(|| dir.display().to_string());
    let id = workstream.id.as_str();
    let fill = || -> Result<(Vec<AttemptRow>, Option<FailureRow>), StoreError> {
        let mut attempts = store.attempts(&Filter { ws: Some(id), ..Filter::default() })?;
        attempts.drain(..attempts.len().saturating_sub(ATTEMPTS_MAX));
        let mut rows = rows::attempt_rows(&store, &attempts)?;
        rows.reverse();
        Ok((rows, newest_failure(&store, &past, id)?))
    };
    (page.attempts, page.failure) = fill().map_err(store_failed)?;
    page.fix_loop = fix_loop(&store, id).map_err(store_failed)?;
    if is_done_again {
        page.failure = None;
    } else {
        page.class = class(&store, &past, id).map_err(store_failed)?;
        let whole = findings::Wanted { workstream: workstream.id.to_string(), step: None };
        page.findings = findings::newest(&store, &whole).map_err(store_failed)?.0;
    }
    result_of(opened, &store, workstream, is_done_again, &mut page)?;
    Ok(page)
}

/// What a fix loop of a workstream did, where there was one.
pub fn fix_loop(store: &Store, id: &str) -> Result<Option<LoopHistory>, StoreError> {
    let history = store.note(LOOP_NOTES, id)?.and_then(|note| serde_json::from_value::<LoopHistory>(note).ok());
    Ok(history.filter(|history| history.attempts.len() > 1))
}

/// Whose fault it was when the workstream was last built.
fn class(store: &Store, past: &Past, id: &str) -> Result<Option<String>, StoreError> {
    let Some(row) = past.workstream(id) else { return Ok(None) };
    let event = store.newest_event(&row.run_id, id, "workstream-ended")?;
    Ok(event.and_then(|event| event.payload["class"].as_str().map(str::to_owned)))
}

/// What went wrong when the workstream was last built.
fn newest_failure(store: &Store, past: &Past, id: &str) -> Result<Option<FailureRow>, StoreError> {
    let Some(row) = past.workstream(id) else { return Ok(None) };
    let Some(event) = store.newest_event(&row.run_id, id, "workstream-ended")? else { return Ok(None) };
    let steps = event.payload["steps"].as_array().cloned().unwrap_or_default();
    Ok(steps.into_iter().find_map(|step| {
        let failure: Failure = serde_json::from_value(step.get("failure")?.clone()).ok()?;
        Some(FailureRow { step: step["name"].as_str().unwrap_or(id).to_owned(), failure })
    }))
}

/// The result commit with its branch, and the paths that it (or a kept candidate) changed.
fn result_of(
    opened: &Opened,
    store: &Store,
    workstream: &Workstream,
    is_done: bool,
    page: &mut WorkstreamShow,
) -> Result<(), Failed> {
    let world = &opened.world;
    let Some(located) = &world.located else { return Ok(()) };
    let id = workstream.id.as_str();
    let record = store.latest(&format!("{id}/result")).map_err(store_failed)?;
    let body: Option<ResultBody> = record.and_then(|record| serde_json::from_value(record.body).ok());
    if let Some(body) = &body {
        page.commit = Some(body.commit.clone());
        let branch = world.branch(workstream);
        let named = located.repository.reference(&format!("refs/heads/{branch}")).map_err(git_failed)?;
        page.branch =
            Some(branch).filter(|_| named.map(|commit| commit.hex()).as_deref() == Some(body.commit.as_str()));
    }
    let kept = store.kept(id).map_err(store_failed)?;
    let trees = match (&kept, &body) {
        (Some(kept), _) if !is_done => Some((kept.base_tree.clone(), kept.candidate_tree.clone())),
        (_, Some(body)) => Some((body.base.clone(), body.tree.clone())),
        _ => None,
    };
    let trees = trees.and_then(|(base, tree)| TreeId::from_hex(&base).zip(TreeId::from_hex(&tree)));
    if let Some(delta) = trees.and_then(|(base, tree)| located.repository.diff(base, tree).ok()) {
        page.changes = changes(&delta);
    }
    Ok(())
}

/// `M src/a.py`, sorted by path.
fn changes(delta: &Delta) -> Vec<String> {
    let line = |change: &crate::git::delta::Change| {
        let word = match (change.old, change.new) {
            (None, _) => "A",
            (_, None) => "D",
            _ => "M",
        };
        format!("{word} {}", display(&change.path))
    };
    delta.changes.iter().map(line).collect()
}
