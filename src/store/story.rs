//! What happened to a workstream's findings in all runs, in order, read from the events.
//!
//! Knows no rule; whether a step's answer counts is told by how it ended.

use rusqlite::{Row, params};

use super::run::RunId;
use super::{Result, Store, unsigned};
use crate::base::digest::Digest;
use crate::base::failure::Failure;
use crate::base::finding::Finding;
use crate::fingerprint::Key;

/// Runs of a workstream that are looked back on.
const RUNS_MAX: u32 = 1_000;

/// What the name of a fixer ends with, behind the rule's, that is a rule's own command: ` (mechanical)`, ` (mechanical 2)`.
const MECHANICAL: &str = " (mechanical";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The run.
    pub run: RunId,
    /// Its place among all runs.
    pub run_number: u64,
    /// When.
    pub at: String,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A step came to an answer.
    Judged {
        /// The step.
        step: String,
        /// What fails.
        failing: Vec<Finding>,
        /// The key of the record that holds all that was found.
        record: Option<Key>,
    },
    /// A step was left out: nothing is known of it any more.
    Unknown {
        /// The step.
        step: String,
    },
    /// Somebody was asked to mend what is red; a rule's own command only what that rule found.
    Asked {
        /// The rule, if it was its own command.
        rule: Option<String>,
    },
    /// The workstream was accepted.
    Accepted,
    /// Its fix loop was given up.
    GivenUp,
}

impl Store {
    /// What happened to a workstream after a moment, oldest first.
    pub fn story(&self, ws: &str, after: &str) -> Result<Vec<Happening>> {
        let sql = "SELECT e.run_id, r.rowid, e.timestamp, e.event_type, e.step_name,
                json_extract(e.payload_json, '$.status'), json_extract(e.payload_json, '$.failure'),
                json_extract(e.payload_json, '$.record'), json_extract(e.payload_json, '$.tool'),
                json_extract(e.payload_json, '$.detail'), json_extract(e.payload_json, '$.commit')
            FROM (SELECT run_id, ws_id FROM workstreams WHERE ws_id = ?1 ORDER BY rowid DESC LIMIT ?2) w
            JOIN events e ON e.run_id = w.run_id AND e.ws_id = w.ws_id
            JOIN runs r ON r.run_id = w.run_id
            WHERE e.event_type IN ('step-started', 'step-ended', 'workstream-ended') AND e.timestamp > ?3
            ORDER BY e.id";
        self.with(|connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![ws, RUNS_MAX, after], event)?;
            let told: Vec<Event> = rows.collect::<rusqlite::Result<_>>()?;
            Ok(told.into_iter().filter_map(happening).collect())
        })
    }
}

/// A row of the question above.
struct Event {
    run: RunId,
    run_number: u64,
    at: String,
    name: String,
    step: Option<String>,
    status: Option<String>,
    failure: Option<Failure>,
    record: Option<String>,
    tool: Option<String>,
    detail: Option<String>,
    commit: Option<String>,
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let failure: Option<String> = row.get(6)?;
    Ok(Event {
        run: RunId(row.get(0)?),
        run_number: unsigned(row.get(1)?),
        at: row.get(2)?,
        name: row.get(3)?,
        step: row.get(4)?,
        status: row.get(5)?,
        failure: failure.and_then(|text| serde_json::from_str(&text).ok()),
        record: row.get(7)?,
        tool: row.get(8)?,
        detail: row.get(9)?,
        commit: row.get(10)?,
    })
}

fn happening(event: Event) -> Option<Happening> {
    let Event { run, run_number, at, .. } = &event;
    let (run, run_number, at) = (run.clone(), *run_number, at.clone());
    what(event).map(|what| Happening { run, run_number, at, what })
}

fn what(event: Event) -> Option<What> {
    let status = event.status.as_deref().unwrap_or_default();
    let part = event.step.as_deref().and_then(|step| step.split_once('/')).map_or("", |(_, part)| part);
    let is_fix = part.starts_with("fix.");
    match event.name.as_str() {
        "step-started" => is_fix.then(|| asked(event.tool)),
        "workstream-ended" => {
            let is_accepted = match status {
                "done" => event.commit.is_some(),
                status => matches!(status, "fresh" | "landed"),
            };
            is_accepted.then_some(What::Accepted)
        }
        // One that a record answered was asked in an earlier build.
        _ if is_fix => (status == "fresh").then(|| asked(event.detail)),
        _ => {
            let class = event.failure.as_ref().map_or("", |failure| failure.class.as_str());
            let step = event.step.clone()?;
            match (status, part, class) {
                ("failed", "result", "quarantined") => Some(What::GivenUp),
                ("skipped", ..) => Some(What::Unknown { step }),
                ("fresh" | "done", ..) | ("failed", _, "agent" | "red-base") => Some(What::Judged {
                    step,
                    failing: event.failure.map(|failure| failure.findings).unwrap_or_default(),
                    record: event.record.and_then(|key| Digest::from_hex(&key)).map(Key),
                }),
                _ => None,
            }
        }
    }
}

fn asked(by: Option<String>) -> What {
    What::Asked { rule: by.as_deref().and_then(|by| by.split_once(MECHANICAL)).map(|(rule, _)| rule.to_owned()) }
}
