//! Runs, and where each workstream stands in one.
//!
//! A row is moved by the table in `state` alone; a move that the table does not have is refused and recorded.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attempt::{Level, NewEvent, json, write_event};
use super::owner::Owner;
use super::schema::unique;
use super::state::{RunState, WorkstreamState, allowed};
use super::{Result, Store, StoreError, now};

/// Tries to find an id that no other run of the same second has.
const ID_TRIES_MAX: usize = 1000;

/// `run-20261121T122100Z-3f9c`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub String);

impl RunId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunRow {
    /// Its id.
    pub run_id: RunId,
    /// Where it stands.
    pub status: RunState,
    /// When it began.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Its process.
    pub owner: Owner,
    /// As it was given.
    pub metadata: Value,
}

/// A workstream in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkstreamRow {
    /// The run.
    pub run_id: RunId,
    /// The workstream.
    pub ws_id: String,
    /// Where it stands.
    pub status: WorkstreamState,
    /// Why it waits, failed, is blocked.
    pub reason: Option<String>,
    /// When it was taken up.
    pub created_at: String,
    /// When it last moved.
    pub updated_at: String,
    /// As it was given.
    pub metadata: Value,
}

impl Store {
    /// Begins a run of this process. `metadata`: targets, options, what is to be shown later.
    pub fn begin_run(&self, command: &str, metadata: &Value) -> Result<RunId> {
        let owner = serde_json::to_string(&Owner::current(command)).expect("BUG: an owner is text and numbers");
        self.transaction(|connection| {
            let sql = "INSERT OR IGNORE INTO runs VALUES (?1, 'running', ?2, ?2, ?3, ?4)";
            let mut insert = connection.prepare_cached(sql)?;
            for _ in 0..ID_TRIES_MAX {
                let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
                let id = format!("run-{time}-{}", &unique()[..4]);
                if insert.execute(params![id, now(), owner, metadata.to_string()])? == 1 {
                    return Ok(RunId(id));
                }
            }
            panic!("BUG: {ID_TRIES_MAX} ids of one second are taken");
        })
    }

    /// Ends a run.
    pub fn end_run(&self, run: &RunId, to: RunState) -> Result<()> {
        let from = self.run(run)?.status;
        if !from.next().contains(&to) {
            let payload = json!({"from": from.as_str(), "to": to.as_str()});
            self.event(&NewEvent {
                run: Some(run),
                level: Level::Error,
                ..NewEvent::new("illegal_transition", &payload)
            })?;
            return Err(StoreError::IllegalEnd { run: run.0.clone(), from, to });
        }
        self.with(|connection| {
            let sql = "UPDATE runs SET status = ?2, updated_at = ?3 WHERE run_id = ?1";
            connection.prepare_cached(sql)?.execute(params![run.as_str(), to, now()]).map(drop)
        })
    }

    /// A run.
    pub fn run(&self, run: &RunId) -> Result<RunRow> {
        let sql = "SELECT * FROM runs WHERE run_id = ?1";
        let row = self.with(|connection| connection.prepare_cached(sql)?.query_row([run.as_str()], run_row).optional());
        row?.ok_or_else(|| StoreError::NotFound { what: "run", id: run.0.clone() })
    }

    /// Runs, newest first.
    pub fn runs(&self, limit: u32) -> Result<Vec<RunRow>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM runs ORDER BY rowid DESC LIMIT ?1")?;
            statement.query_map([limit], run_row)?.collect()
        })
    }

    /// Takes a workstream up in a run, as `pending`.
    pub fn add_workstream(&self, run: &RunId, ws: &str, metadata: &Value) -> Result<()> {
        self.with(|connection| {
            let sql = "INSERT INTO workstreams VALUES (?1, ?2, ?3, NULL, ?4, ?4, ?5)";
            let row = params![run.as_str(), ws, WorkstreamState::Pending, now(), metadata.to_string()];
            connection.prepare_cached(sql)?.execute(row).map(drop)
        })
    }

    /// Moves a workstream; gives where it came from. The reason replaces the one of the state before.
    pub fn move_workstream(
        &self,
        run: &RunId,
        ws: &str,
        to: WorkstreamState,
        reason: Option<&str>,
    ) -> Result<WorkstreamState> {
        let moved = self.transaction(|connection| {
            let sql = "SELECT status FROM workstreams WHERE run_id = ?1 AND ws_id = ?2";
            let from: Option<WorkstreamState> =
                connection.prepare_cached(sql)?.query_row([run.as_str(), ws], |row| row.get(0)).optional()?;
            let Some(from) = from else { return Ok(None) };
            let legal = allowed(from, to);
            if legal {
                set_state(connection, run.as_str(), ws, to, reason)?;
            } else {
                let payload = json!({"from": from.as_str(), "to": to.as_str()});
                let event = NewEvent::new("illegal_transition", &payload);
                write_event(connection, &NewEvent { run: Some(run), ws: Some(ws), level: Level::Error, ..event })?;
            }
            Ok(Some((from, legal)))
        })?;
        match moved {
            None => Err(StoreError::NotFound { what: "workstream", id: format!("{ws} in {run}") }),
            Some((from, true)) => Ok(from),
            Some((from, false)) => Err(StoreError::IllegalMove { workstream: ws.to_owned(), from, to }),
        }
    }

    /// The workstreams of a run, in the order in which they were taken up.
    pub fn workstreams(&self, run: &RunId) -> Result<Vec<WorkstreamRow>> {
        self.with(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT * FROM workstreams WHERE run_id = ?1 ORDER BY rowid")?;
            statement.query_map([run.as_str()], workstream_row)?.collect()
        })
    }

    /// A workstream's rows in all runs, newest first.
    pub fn workstream_history(&self, ws: &str, limit: u32) -> Result<Vec<WorkstreamRow>> {
        self.with(|connection| {
            let sql = "SELECT * FROM workstreams WHERE ws_id = ?1 ORDER BY rowid DESC LIMIT ?2";
            connection.prepare_cached(sql)?.query_map(params![ws, limit], workstream_row)?.collect()
        })
    }

    /// Marks runs whose process has died, with what they left unfinished; gives their ids.
    pub(super) fn interrupt_dead_runs(&self) -> Result<Vec<RunId>> {
        let running: Vec<RunRow> = self.with(|connection| {
            let mut statement = connection.prepare("SELECT * FROM runs WHERE status = 'running' ORDER BY rowid")?;
            statement.query_map([], run_row)?.collect()
        })?;
        let dead: Vec<RunId> = running.into_iter().filter(|run| !run.owner.is_alive()).map(|run| run.run_id).collect();
        if !dead.is_empty() {
            self.transaction(|connection| dead.iter().try_for_each(|run| interrupt(connection, run)))?;
        }
        Ok(dead)
    }

    /// Marks a run as interrupted, with all that is unfinished in it.
    pub fn interrupt_run(&self, run: &RunId) -> Result<()> {
        self.transaction(|connection| interrupt(connection, run))
    }
}

fn interrupt(connection: &Connection, run: &RunId) -> rusqlite::Result<()> {
    let sql = "SELECT ws_id, status FROM workstreams WHERE run_id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let rows: Vec<(String, WorkstreamState)> =
        statement.query_map([run.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    for (ws, _) in rows.iter().filter(|(_, state)| state.is_unfinished()) {
        set_state(connection, run.as_str(), ws, WorkstreamState::Interrupted, Some("the run was interrupted"))?;
    }
    let attempts = "UPDATE step_attempts SET status = 'interrupted', completed_at = ?2
        WHERE run_id = ?1 AND status = 'running'";
    connection.execute(attempts, params![run.as_str(), now()])?;
    let runs = "UPDATE runs SET status = 'interrupted', updated_at = ?2 WHERE run_id = ?1 AND status = 'running'";
    connection.execute(runs, params![run.as_str(), now()])?;
    write_event(connection, &NewEvent { run: Some(run), ..NewEvent::new("run_interrupted", &json!({})) }).map(drop)
}

fn set_state(
    connection: &Connection,
    run: &str,
    ws: &str,
    to: WorkstreamState,
    reason: Option<&str>,
) -> rusqlite::Result<()> {
    let sql = "UPDATE workstreams SET status = ?3, reason = ?4, updated_at = ?5 WHERE run_id = ?1 AND ws_id = ?2";
    connection.prepare_cached(sql)?.execute(params![run, ws, to, reason, now()]).map(drop)
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    let owner: String = row.get("owner_json")?;
    // An owner that cannot be read lives no more.
    let nobody = Owner { pid: 0, boot_id: String::new(), start_ticks: 0, command: String::new(), since: String::new() };
    Ok(RunRow {
        run_id: RunId(row.get("run_id")?),
        status: row.get("status")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        owner: serde_json::from_str(&owner).unwrap_or(nobody),
        metadata: json(row, "metadata_json")?,
    })
}

pub(super) fn workstream_row(row: &Row<'_>) -> rusqlite::Result<WorkstreamRow> {
    Ok(WorkstreamRow {
        run_id: RunId(row.get("run_id")?),
        ws_id: row.get("ws_id")?,
        status: row.get("status")?,
        reason: row.get("reason")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
        metadata: json(row, "metadata_json")?,
    })
}
