//! Rows of the store as rows for people: words, counts, what a dead process left said as what it is.

use std::collections::HashMap;

use crate::base::failure::Failure;
use crate::cli::engine::open::store_failed;
use crate::cli::exit::Failed;
use crate::report::history::{AttemptRow, FailureRow, FindingRow, RunRow};
use crate::store::attempt::{self, AttemptStatus};
use crate::store::run::{self, RunId};
use crate::store::state::RunState;
use crate::store::{Store, StoreError};

/// Runs among which one is sought by the end of its id.
const RUNS_SOUGHT_MAX: u32 = 1000;

/// Finds a run by its id, or by the four characters at its end.
pub fn find_run(store: &Store, subject: &str) -> Result<Option<run::RunRow>, Failed> {
    let ends = |row: &run::RunRow| row.run_id.as_str() == subject || ends_in(row.run_id.as_str(), subject);
    let rows = store.runs(RUNS_SOUGHT_MAX).map_err(store_failed)?;
    let found: Vec<run::RunRow> = rows.into_iter().filter(ends).collect();
    match found.len() {
        0 | 1 => Ok(found.into_iter().next()),
        many => Err(Failed::usage(format!("`{subject}` names {many} runs")).hint(format!(
            "say which: {}",
            found.iter().map(|row| row.run_id.as_str()).collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn ends_in(id: &str, subject: &str) -> bool {
    id.rsplit_once('-').is_some_and(|(_, end)| end == subject)
}

/// A run; one whose process died is interrupted, though nobody wrote that yet.
pub fn run(store: &Store, row: &run::RunRow) -> Result<RunRow, StoreError> {
    let counts = store.step_counts(&row.run_id)?;
    let of = |word: &str| counts.get(word).map_or(0, |count| usize::try_from(*count).unwrap_or(usize::MAX));
    let filter = attempt::Filter { run: Some(&row.run_id), ..attempt::Filter::default() };
    let mut steps: Vec<String> = store.attempts(&filter)?.into_iter().map(|attempt| attempt.step).collect();
    steps.sort_unstable();
    steps.dedup();
    let typed = shlex::split(&row.owner.command).unwrap_or_default();
    Ok(RunRow {
        run_id: row.run_id.0.clone(),
        status: run_word(row).to_owned(),
        started: row.created_at.clone(),
        duration_ms: between_ms(&row.created_at, &row.updated_at),
        targets: typed.into_iter().skip(2).collect(),
        steps_run: steps.len(),
        steps_fresh: of("fresh"),
        steps_failed: of("failed"),
    })
}

fn run_word(row: &run::RunRow) -> &'static str {
    if row.status == RunState::Running && !row.owner.is_alive() {
        return RunState::Interrupted.as_str();
    }
    row.status.as_str()
}

/// Whether a run goes on right now.
pub fn is_live(store: &Store, run: &RunId) -> bool {
    store.run(run).is_ok_and(|row| row.status == RunState::Running && row.owner.is_alive())
}

fn between_ms(from: &str, to: &str) -> u64 {
    let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let Some((from, to)) = moment(from).zip(moment(to)) else { return 0 };
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}

/// Attempts (oldest first) with their numbers within each run.
pub fn attempt_rows(store: &Store, attempts: &[attempt::AttemptRow]) -> Result<Vec<AttemptRow>, StoreError> {
    let mut numbers: HashMap<(&str, &str), u32> = HashMap::new();
    let mut live: HashMap<&RunId, bool> = HashMap::new();
    let mut rows = Vec::new();
    for attempt in attempts {
        let number = numbers.entry((attempt.run_id.as_str(), &attempt.step)).or_insert(0);
        *number += 1;
        let goes_on = attempt.status == AttemptStatus::Running
            && *live.entry(&attempt.run_id).or_insert_with(|| is_live(store, &attempt.run_id));
        let failure = failure(attempt).map(|row| row.failure.message);
        rows.push(AttemptRow {
            run_id: attempt.run_id.0.clone(),
            step: attempt.step.clone(),
            attempt: *number,
            status: word(attempt, goes_on).to_owned(),
            tool: attempt.tool.clone(),
            reason: failure.or_else(|| with_detail(attempt)),
            started: attempt.started_at.clone(),
            duration_ms: attempt.duration_ms.unwrap_or(0),
            log: attempt.log.clone(),
        });
    }
    Ok(rows)
}

/// Why it ran, and what was noted of it: `never ran; proved`.
fn with_detail(attempt: &attempt::AttemptRow) -> Option<String> {
    let detail = attempt.result["detail"].as_str();
    let detail = detail.filter(|detail| attempt.tool.as_deref() != Some(detail));
    let parts: Vec<&str> = attempt.reason.as_deref().into_iter().chain(detail).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// How an attempt ended. One that failed without a failure waits for a person.
pub fn word(attempt: &attempt::AttemptRow, goes_on: bool) -> &'static str {
    match attempt.status {
        AttemptStatus::Success => "done",
        AttemptStatus::Failed if attempt.result["failure"].is_null() => "waiting",
        AttemptStatus::Running if !goes_on => "interrupted",
        other => other.as_str(),
    }
}

/// What went wrong with an attempt.
pub fn failure(attempt: &attempt::AttemptRow) -> Option<FailureRow> {
    let failure: Failure = serde_json::from_value(attempt.result.get("failure")?.clone()).ok()?;
    (attempt.status == AttemptStatus::Failed).then(|| FailureRow { step: attempt.step.clone(), failure })
}

/// What an attempt found.
pub fn findings_of(attempt: &attempt::AttemptRow) -> Vec<FindingRow> {
    let findings = failure(attempt).map(|row| row.failure.findings).unwrap_or_default();
    findings
        .into_iter()
        .map(|finding| FindingRow { step: attempt.step.clone(), finding, ..FindingRow::default() })
        .collect()
}
