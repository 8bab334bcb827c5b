//! `pl show --findings`: what the rules said of the newest candidates, or in a run, and what became of it.
//!
//! What was judged last is told by the events of the runs, never by the newest record of a step: where another workstream's
//! record answered, a step has none of its own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::analysis::names::suggest;
use crate::base::finding::Finding;
use crate::cli::engine::looking::targets::RESET_NOTES;
use crate::cli::engine::looking::{everything, find_run};
use crate::cli::engine::open::{Opened, Purpose, open, remembered, store_failed};
use crate::cli::engine::{FindingsRequest, Project};
use crate::cli::exit::Failed;
use crate::fingerprint::Key;
use crate::graph::StepKind;
use crate::observe::record::LintBody;
use crate::project::carried_rules;
use crate::report::history::{FindingRow, Show};
use crate::store::life::{FindingState, Life, Moment, lives, name};
use crate::store::run::RunRow;
use crate::store::story::What;
use crate::store::{Store, StoreError};

/// Runs among which one with a near name is sought.
const RUNS_SOUGHT_MAX: u32 = 1000;

/// Whose findings are wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// The workstream.
    pub workstream: String,
    /// One of its steps; without one, all.
    pub step: Option<String>,
}

impl Wanted {
    fn holds(&self, step: &str) -> bool {
        self.step.as_ref().is_none_or(|wanted| wanted == step)
    }
}

/// What a step came to.
struct Judged<'s> {
    step: &'s str,
    failing: &'s [Finding],
    record: Option<Key>,
}

/// Looks up what is asked for.
pub fn show(project: &Project, request: FindingsRequest) -> Result<Show, Failed> {
    let mut found = match &request.run {
        Some(run) => of_run(project, run, request.target.as_deref())?,
        None => of_candidates(project, request.target)?,
    };
    if let Some(tool) = &request.tool {
        if !found.tools().any(|known| known == tool) {
            is_rule(project, tool)?;
        }
        found.rows.retain(|row| row.finding.tool == *tool);
        found.gone.retain(|row| row.finding.tool == *tool);
    }
    let Found { rows, gone, .. } = found;
    Ok(Show::Findings { findings: rows, gone })
}

/// Whether there is such a rule, as far as definitions can be read.
fn is_rule(project: &Project, tool: &str) -> Result<(), Failed> {
    let Ok(opened) = open(project, &[], Purpose::Planning) else { return Ok(()) };
    let carried = carried_rules();
    let rules = opened.world.pipeline.rules.iter().chain(&carried);
    let known: BTreeSet<&str> = rules.map(|rule| rule.name.as_str()).collect();
    if known.contains(tool) {
        return Ok(());
    }
    let nearest = suggest(tool, &known.into_iter().collect::<Vec<_>>(), "docs/rules.md lists the rules");
    Err(Failed::usage(format!("no rule `{tool}`")).hint(nearest))
}

/// What was found, newest first.
#[derive(Default)]
struct Found {
    rows: Vec<FindingRow>,
    gone: Vec<FindingRow>,
    /// Places among all runs, by the id of a run that saw something first.
    runs: BTreeMap<String, u64>,
}

impl Found {
    fn tools(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().chain(&self.gone).map(|row| row.finding.tool.as_str())
    }

    /// Adds a workstream's: rows for what was judged, and what is gone where `judged` says how things are now.
    fn add(
        &mut self,
        store: &Store,
        wanted: &Wanted,
        judged: &[Judged<'_>],
        lives: &BTreeMap<String, Life>,
        is_now: bool,
    ) -> Result<(), StoreError> {
        self.runs.extend(lives.values().map(|life| (life.first_run.1.0.clone(), life.first_run.0)));
        let mut seen = HashSet::new();
        for one in judged.iter().filter(|one| wanted.holds(one.step)) {
            let failing: HashSet<&Finding> = one.failing.iter().collect();
            for finding in all_of(store, one, &failing)? {
                let fails = failing.contains(&finding);
                let life = lives.get(&name(&finding)).filter(|_| fails);
                let state = match life {
                    Some(life) => Some(life.state),
                    None => FindingState::first(if fails { Moment::Seen } else { Moment::Excused }),
                };
                let place = (one.step, name(&finding), finding.line, finding.column, finding.message.clone());
                if seen.insert(place) {
                    self.rows.push(row(one.step, finding, state, life));
                }
            }
        }
        if is_now {
            let gone = lives.values().filter(|life| life.state.is_gone() && wanted.holds(&life.step));
            self.gone.extend(gone.map(|life| row(&life.step, life.finding.clone(), Some(life.state), Some(life))));
        }
        Ok(())
    }

    /// The newest first; of equal age by place.
    fn sorted(mut self) -> Self {
        let age = |row: &FindingRow| {
            let number = row.first_run.as_ref().and_then(|run| self.runs.get(run)).copied().unwrap_or(0);
            let finding = &row.finding;
            let place = (finding.path.clone(), finding.line, finding.column, row.step.clone());
            (Reverse(number), place)
        };
        self.rows.sort_by_cached_key(age);
        self.gone.sort_by_cached_key(age);
        self
    }
}

fn row(step: &str, finding: Finding, state: Option<FindingState>, life: Option<&Life>) -> FindingRow {
    FindingRow {
        step: step.to_owned(),
        state: state.map(|state| state.as_str().to_owned()),
        first_run: life.map(|life| life.first_run.1.0.clone()),
        first_seen: life.map(|life| life.first_seen_at.clone()),
        finding,
    }
}

/// All that a step found: what its record holds, else what fails.
fn all_of(store: &Store, judged: &Judged<'_>, failing: &HashSet<&Finding>) -> Result<Vec<Finding>, StoreError> {
    let record = judged.record.map(|key| store.find(key)).transpose()?.flatten();
    let body = record.and_then(|record| serde_json::from_value::<LintBody>(record.body).ok());
    let mut all = body.map(|body| body.findings).unwrap_or_default();
    // What fails is told whatever became of the record.
    let held: HashSet<&Finding> = all.iter().collect();
    let missing: Vec<Finding> = failing.iter().filter(|finding| !held.contains(*finding)).copied().cloned().collect();
    all.extend(missing);
    Ok(all)
}

/// Findings of a workstream as it was judged last, newest first, and those that are gone.
pub fn newest(store: &Store, wanted: &Wanted) -> Result<(Vec<FindingRow>, Vec<FindingRow>), StoreError> {
    let mut found = Found::default();
    add_newest(store, wanted, &mut found)?;
    let Found { rows, gone, .. } = found.sorted();
    Ok((rows, gone))
}

fn add_newest(store: &Store, wanted: &Wanted, found: &mut Found) -> Result<(), StoreError> {
    let forgotten = store.note(RESET_NOTES, &wanted.workstream)?;
    let story = store.story(&wanted.workstream, forgotten.as_ref().and_then(|at| at.as_str()).unwrap_or_default())?;
    let mut newest: BTreeMap<&str, Judged<'_>> = BTreeMap::new();
    for happening in &story {
        match &happening.what {
            What::Judged { step, failing, record } => {
                newest.insert(step, Judged { step, failing, record: *record });
            }
            What::Unknown { step } => {
                newest.remove(step.as_str());
            }
            What::Asked { .. } | What::Accepted | What::GivenUp => {}
        }
    }
    let judged: Vec<Judged<'_>> = newest.into_values().collect();
    found.add(store, wanted, &judged, &lives(&story), true)
}

/// Findings of the newest candidates.
fn of_candidates(project: &Project, target: Option<String>) -> Result<Found, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    let steps = match target {
        Some(target) => opened.wanted(&[target])?,
        None => everything(&opened),
    };
    let wanted: BTreeSet<Wanted> = steps.into_iter().filter_map(|step| wanted(&opened, step)).collect();
    let Some(store) = opened.records()? else { return Ok(Found::default()) };
    let mut found = Found::default();
    for wanted in &wanted {
        add_newest(&store, wanted, &mut found).map_err(store_failed)?;
    }
    Ok(found.sorted())
}

fn wanted(opened: &Opened, step: crate::graph::StepId) -> Option<Wanted> {
    let kind = &opened.world.graph.step(step).kind;
    let step = if matches!(kind, StepKind::Result(_)) { None } else { Some(kind.name()) };
    kind.workstream().map(|id| Wanted { workstream: id.to_string(), step })
}

/// All that a run found. Definitions need not be right for it.
fn of_run(project: &Project, run: &str, target: Option<&str>) -> Result<Found, Failed> {
    let Some(store) = remembered(project)? else { return Err(no_run(run, &[])) };
    let row = match find_run(&store, run)? {
        Some(row) => row,
        None => return Err(no_run(run, &store.runs(RUNS_SOUGHT_MAX).map_err(store_failed)?)),
    };
    let ids: Vec<String> =
        store.workstreams(&row.run_id).map_err(store_failed)?.into_iter().map(|row| row.ws_id).collect();
    let wanted = match target {
        Some(target) => below(&ids, target, &row)?,
        None => ids.into_iter().map(|workstream| Wanted { workstream, step: None }).collect(),
    };
    let mut found = Found::default();
    for wanted in &wanted {
        let story = store.story(&wanted.workstream, "").map_err(store_failed)?;
        // The last that was said of a place comes first.
        let judged: Vec<Judged<'_>> = story
            .iter()
            .rev()
            .filter(|happening| happening.run == row.run_id)
            .filter_map(|happening| match &happening.what {
                What::Judged { step, failing, record } => Some(Judged { step, failing, record: *record }),
                _ => None,
            })
            .collect();
        found.add(&store, wanted, &judged, &lives(&story), false).map_err(store_failed)?;
    }
    Ok(found.sorted())
}

/// The workstreams of a run that a target names: one, those that its name begins, or one of their steps.
fn below(ids: &[String], target: &str, run: &RunRow) -> Result<Vec<Wanted>, Failed> {
    let (name, part) = target.split_once('/').map_or((target, None), |(name, part)| (name, Some(part)));
    let is_meant = |id: &&String| id.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let wanted: Vec<Wanted> = ids
        .iter()
        .filter(is_meant)
        .map(|id| Wanted { workstream: id.clone(), step: part.map(|part| format!("{id}/{part}")) })
        .collect();
    if wanted.is_empty() {
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        let nearest = suggest(name, &all, &format!("pl show {} tells what it built", run.run_id));
        return Err(Failed::usage(format!("`{target}` was not built in {}", run.run_id)).hint(nearest));
    }
    Ok(wanted)
}

fn no_run(run: &str, rows: &[RunRow]) -> Failed {
    let ids: Vec<&str> = rows.iter().map(|row| row.run_id.as_str()).collect();
    // People type the end of an id.
    let ends: Vec<&str> = ids.iter().filter_map(|id| id.rsplit_once('-').map(|(_, end)| end)).collect();
    let sought = if run.starts_with("run-") { &ids } else { &ends };
    Failed::usage(format!("no run `{run}`")).hint(suggest(run, sought, "pl show --runs lists the newest"))
}
