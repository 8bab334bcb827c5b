//! What happened in a run: attempts of steps, errors, events, tools that were asked.
//!
//! Written for people and for `show` and `log`; nothing here decides whether a step must run.

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use serde_json::Value;

use super::run::RunId;
use super::{Result, Store, StoreError, now, signed, state, unsigned};

/// How an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptStatus {
    /// It runs.
    Running,
    /// It is good.
    Success,
    /// It is not.
    Failed,
    /// It was not needed.
    Skipped,
    /// The run ended before it did.
    Interrupted,
}

state::words!(AttemptStatus {
    Running = "running",
    Success = "success",
    Failed = "failed",
    Skipped = "skipped",
    Interrupted = "interrupted",
});

/// How loud an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Info,
    /// Worth a look.
    Warning,
    /// Wrong.
    Error,
}

state::words!(Level { Info = "info", Warning = "warning", Error = "error" });

/// An attempt to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewAttempt<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The workstream.
    pub ws: Option<&'a str>,
    /// The step's name.
    pub step: &'a str,
    /// Why it runs.
    pub reason: Option<&'a str>,
    /// Who was asked.
    pub tool: Option<&'a str>,
    /// Where its whole output is.
    pub log: Option<&'a str>,
}

/// An attempt's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct AttemptId(pub u64);

/// An attempt as it was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRow {
    /// Its number.
    pub id: AttemptId,
    /// The run.
    pub run_id: RunId,
    /// The workstream.
    pub ws_id: Option<String>,
    /// The step's name.
    pub step: String,
    /// How it stands.
    pub status: AttemptStatus,
    /// Why it ran.
    pub reason: Option<String>,
    /// Who was asked.
    pub tool: Option<String>,
    /// Where its whole output is.
    pub log: Option<String>,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    pub completed_at: Option<String>,
    /// Wall time.
    pub duration_ms: Option<u64>,
    /// As it was given.
    pub result: Value,
}

/// An error to be counted.
#[derive(Debug, Clone)]
pub struct NewError<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The workstream.
    pub ws: Option<&'a str>,
    /// The step's name.
    pub step: Option<&'a str>,
    /// The rule's or the tool's own code.
    pub code: Option<&'a str>,
    /// Equal for errors that are the same to a person.
    pub signature: &'a str,
    /// As it was last said.
    pub message: &'a str,
    /// File, line and the like.
    pub context: Value,
}

/// An error as it was counted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ErrorRow {
    /// The workstream.
    pub ws_id: Option<String>,
    /// The step's name.
    pub step: Option<String>,
    /// The rule's or the tool's own code.
    pub code: Option<String>,
    /// Equal for errors that are the same to a person.
    pub signature: String,
    /// As it was last said.
    pub message: String,
    /// As it was last given.
    pub context: Value,
    /// How often it was seen.
    pub count: u64,
    /// When first.
    pub first_seen_at: String,
    /// When last.
    pub last_seen_at: String,
}

/// An event to be written.
#[derive(Debug, Clone)]
pub struct NewEvent<'a> {
    /// The run.
    pub run: Option<&'a RunId>,
    /// The workstream.
    pub ws: Option<&'a str>,
    /// The step's name.
    pub step: Option<&'a str>,
    /// How loud.
    pub level: Level,
    /// `step_start`, `illegal_transition`, ….
    pub name: &'a str,
    /// What goes with it, as JSON.
    pub payload: String,
}

impl<'a> NewEvent<'a> {
    /// An event of no run, at level `info`; a payload that does not serialise would be a bug of its type.
    pub fn new(name: &'a str, payload: &impl Serialize) -> Self {
        let payload = serde_json::to_string(payload).unwrap_or_else(|_| "null".to_owned());
        Self { run: None, ws: None, step: None, level: Level::Info, name, payload }
    }
}

/// An event as it was written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EventRow {
    /// Grows with every event.
    pub id: u64,
    /// When.
    pub timestamp: String,
    /// The run.
    pub run_id: Option<String>,
    /// The workstream.
    pub ws_id: Option<String>,
    /// The step's name.
    pub step: Option<String>,
    /// How loud.
    pub level: Level,
    /// Its name.
    pub name: String,
    /// As it was given.
    pub payload: Value,
}

/// Which rows of a run are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Of this run alone.
    pub run: Option<&'a RunId>,
    /// Of this workstream alone.
    pub ws: Option<&'a str>,
    /// Of this step alone.
    pub step: Option<&'a str>,
    /// With a greater number than this.
    pub after: u64,
}

/// The order of parameters: run, workstream, step, number, limit.
const WANTED: &str = "(?1 IS NULL OR run_id = ?1) AND (?2 IS NULL OR ws_id = ?2)
    AND (?3 IS NULL OR step_name = ?3) AND id > ?4";

impl Store {
    /// Begins an attempt.
    pub fn begin_attempt(&self, attempt: &NewAttempt<'_>) -> Result<AttemptId> {
        let sql = "INSERT INTO step_attempts(run_id, ws_id, step_name, status, reason, tool, log, started_at)
            VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?6, ?7)";
        self.soon(|connection| {
            let NewAttempt { run, ws, step, reason, tool, log } = attempt;
            connection.prepare_cached(sql)?.execute(params![run.as_str(), ws, step, reason, tool, log, now()])?;
            Ok(AttemptId(unsigned(connection.last_insert_rowid())))
        })
    }

    /// Ends an attempt.
    pub fn end_attempt(&self, id: AttemptId, status: AttemptStatus, result: &Value, duration_ms: u64) -> Result<()> {
        let sql = "UPDATE step_attempts SET status = ?2, result_json = ?3, duration_ms = ?4, completed_at = ?5
            WHERE id = ?1";
        let row = params![signed(id.0), status, result.to_string(), signed(duration_ms), now()];
        match self.soon(|connection| connection.prepare_cached(sql)?.execute(row))? {
            0 => Err(StoreError::NotFound { what: "attempt", id: id.0.to_string() }),
            _ => Ok(()),
        }
    }

    /// Attempts, oldest first.
    pub fn attempts(&self, filter: &Filter<'_>) -> Result<Vec<AttemptRow>> {
        self.wanted("step_attempts", filter, "ASC", u32::MAX, attempt_row)
    }

    /// Attempts of a step in all runs, newest first: for durations.
    pub fn step_history(&self, step: &str, limit: u32) -> Result<Vec<AttemptRow>> {
        let sql = "SELECT * FROM step_attempts WHERE step_name = ?1 ORDER BY id DESC LIMIT ?2";
        self.with(|connection| connection.prepare_cached(sql)?.query_map(params![step, limit], attempt_row)?.collect())
    }

    /// Counts an error; gives how often its signature was seen in this run, workstream and step.
    pub fn error(&self, error: &NewError<'_>) -> Result<u64> {
        let sql = "INSERT INTO errors
            (run_id, ws_id, step_name, error_code, signature, message, context_json, first_seen_at, last_seen_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
            ON CONFLICT DO UPDATE SET count = count + 1, last_seen_at = excluded.last_seen_at,
                error_code = excluded.error_code, message = excluded.message, context_json = excluded.context_json
            RETURNING count";
        let NewError { run, ws, step, code, signature, message, context } = error;
        let row = params![run.as_str(), ws, step, code, signature, message, context.to_string(), now()];
        self.soon(|connection| connection.prepare_cached(sql)?.query_row(row, |row| row.get(0))).map(unsigned)
    }

    /// Errors, in the order in which they were first seen.
    pub fn errors(&self, filter: &Filter<'_>) -> Result<Vec<ErrorRow>> {
        self.wanted("errors", filter, "ASC", u32::MAX, error_row)
    }

    /// Writes an event; gives its number.
    pub fn event(&self, event: &NewEvent<'_>) -> Result<u64> {
        self.soon(|connection| write_event(connection, event))
    }

    /// Writes events in one go.
    pub fn events_at_once(&self, events: &[NewEvent<'_>]) -> Result<()> {
        self.soon(|connection| events.iter().try_for_each(|event| write_event(connection, event).map(drop)))
    }

    /// Events, oldest first; a follower passes the last number it has as `after`.
    pub fn events(&self, filter: &Filter<'_>, limit: u32) -> Result<Vec<EventRow>> {
        self.wanted("events", filter, "ASC", limit, event_row)
    }

    pub(super) fn wanted<T>(
        &self,
        table: &str,
        filter: &Filter<'_>,
        order: &str,
        limit: u32,
        row: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let sql = format!("SELECT * FROM {table} WHERE {WANTED} ORDER BY id {order} LIMIT ?5");
        let Filter { run, ws, step, after } = filter;
        let wanted = params![run.map(RunId::as_str), ws, step, signed(*after), limit];
        self.with(|connection| connection.prepare_cached(&sql)?.query_map(wanted, row)?.collect())
    }
}

pub(super) fn write_event(connection: &Connection, event: &NewEvent<'_>) -> rusqlite::Result<u64> {
    let sql = "INSERT INTO events(timestamp, run_id, ws_id, step_name, level, event_type, payload_json)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let NewEvent { run, ws, step, level, name, payload } = event;
    let row = params![now(), run.map(RunId::as_str), ws, step, level, name, payload];
    connection.prepare_cached(sql)?.execute(row)?;
    Ok(unsigned(connection.last_insert_rowid()))
}

/// A column of JSON; `null` where it is empty.
pub(super) fn json(row: &Row<'_>, column: &str) -> rusqlite::Result<Value> {
    let text: Option<String> = row.get(column)?;
    let Some(text) = text else { return Ok(Value::Null) };
    serde_json::from_str(&text).map_err(|error| {
        let place = row.as_ref().column_index(column).unwrap_or(0);
        rusqlite::Error::FromSqlConversionFailure(place, rusqlite::types::Type::Text, error.into())
    })
}

pub(super) fn attempt_row(row: &Row<'_>) -> rusqlite::Result<AttemptRow> {
    Ok(AttemptRow {
        id: AttemptId(unsigned(row.get("id")?)),
        run_id: RunId(row.get("run_id")?),
        ws_id: row.get("ws_id")?,
        step: row.get("step_name")?,
        status: row.get("status")?,
        reason: row.get("reason")?,
        tool: row.get("tool")?,
        log: row.get("log")?,
        started_at: row.get("started_at")?,
        completed_at: row.get("completed_at")?,
        duration_ms: row.get::<_, Option<i64>>("duration_ms")?.map(unsigned),
        result: json(row, "result_json")?,
    })
}

fn error_row(row: &Row<'_>) -> rusqlite::Result<ErrorRow> {
    Ok(ErrorRow {
        ws_id: row.get("ws_id")?,
        step: row.get("step_name")?,
        code: row.get("error_code")?,
        signature: row.get("signature")?,
        message: row.get("message")?,
        context: json(row, "context_json")?,
        count: unsigned(row.get("count")?),
        first_seen_at: row.get("first_seen_at")?,
        last_seen_at: row.get("last_seen_at")?,
    })
}

pub(super) fn event_row(row: &Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        id: unsigned(row.get("id")?),
        timestamp: row.get("timestamp")?,
        run_id: row.get("run_id")?,
        ws_id: row.get("ws_id")?,
        step: row.get("step_name")?,
        level: row.get("level")?,
        name: row.get("event_type")?,
        payload: json(row, "payload_json")?,
    })
}
