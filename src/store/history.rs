//! What happened across runs: the newest attempts and rows, and what each run came to.
//!
//! For `show` and `log` alone; nothing here decides whether a step must run.

use std::collections::BTreeMap;

use rusqlite::params;
use serde_json::Value;

use super::attempt::{AttemptRow, EventRow, attempt_row, event_row};
use super::run::{RunId, WorkstreamRow, workstream_row};
use super::{Result, Store, unsigned};

impl Store {
    /// The newest attempt of every step, oldest first.
    pub fn newest_attempts(&self) -> Result<Vec<AttemptRow>> {
        let sql = "SELECT * FROM step_attempts WHERE id IN (SELECT max(id) FROM step_attempts GROUP BY step_name)
            ORDER BY id";
        self.with(|connection| connection.prepare_cached(sql)?.query_map([], attempt_row)?.collect())
    }

    /// The newest row of every workstream, by id.
    pub fn newest_workstreams(&self) -> Result<Vec<WorkstreamRow>> {
        let sql = "SELECT * FROM workstreams WHERE rowid IN (SELECT max(rowid) FROM workstreams GROUP BY ws_id)
            ORDER BY ws_id";
        self.with(|connection| connection.prepare_cached(sql)?.query_map([], workstream_row)?.collect())
    }

    /// The newest event of this name about a workstream in a run.
    pub fn newest_event(&self, run: &RunId, ws: &str, name: &str) -> Result<Option<EventRow>> {
        let sql = "SELECT * FROM events WHERE run_id = ?1 AND ws_id = ?2 AND event_type = ?3 ORDER BY id DESC LIMIT 1";
        self.with(|connection| {
            connection.prepare_cached(sql)?.query_map([run.as_str(), ws, name], event_row)?.next().transpose()
        })
    }

    /// How many steps of a run ended in each status.
    pub fn step_counts(&self, run: &RunId) -> Result<BTreeMap<String, u64>> {
        let sql = "SELECT json_extract(payload_json, '$.status') AS status, count(*) FROM events
            WHERE run_id = ?1 AND event_type = 'step-ended' GROUP BY status HAVING status IS NOT NULL";
        self.with(|connection| {
            let count = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, unsigned(row.get(1)?)));
            connection.prepare_cached(sql)?.query_map([run.as_str()], count)?.collect()
        })
    }

    /// How steps ended in all runs that are remembered: name, status, milliseconds.
    pub fn endings(&self) -> Result<Vec<(String, String, u64)>> {
        let sql =
            "SELECT step_name, json_extract(payload_json, '$.status'), json_extract(payload_json, '$.duration_ms')
            FROM events WHERE event_type = 'step-ended' AND step_name IS NOT NULL
            AND json_type(payload_json, '$.status') = 'text' AND json_type(payload_json, '$.duration_ms') = 'integer'";
        self.with(|connection| {
            let ending = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, unsigned(row.get(2)?)));
            connection.prepare_cached(sql)?.query_map([], ending)?.collect()
        })
    }

    /// All notes of a room, by name.
    pub fn notes(&self, scope: &str) -> Result<BTreeMap<String, Value>> {
        let sql = "SELECT name, value_json FROM notes WHERE scope = ?1";
        self.with(|connection| {
            let note = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, super::attempt::json(row, "value_json")?));
            connection.prepare_cached(sql)?.query_map(params![scope], note)?.collect()
        })
    }

    /// How many records a step has, with all steps below it: those that [`Store::forget`] would forget.
    pub fn recorded(&self, step: &str) -> Result<u64> {
        let (from, to) = (format!("{step}/"), format!("{step}0"));
        let sql = "SELECT count(*) FROM records WHERE step = ?1 OR (step >= ?2 AND step < ?3)";
        self.with(|connection| connection.prepare_cached(sql)?.query_row([step, &from, &to], |row| row.get(0)))
            .map(unsigned)
    }
}
