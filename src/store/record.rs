//! Records: what a step came to under a key.
//!
//! Several records may lie under one key; the newest counts. What the body means is known to those who write it.

use std::collections::HashMap;
use std::hash::Hash;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::run::RunId;
use super::{Result, Store, now, signed, state, unsigned};
use crate::base::digest::Digest;
use crate::fingerprint::{Fingerprint, Key, Part};

/// Parts that are kept together at most; fingerprints of the same step share all pieces without a change.
const PIECE_PARTS_MAX: usize = 256;

/// One part in so many ends a piece, by its name, so that the same names are cut alike.
const PIECE_ENDS_ONE_IN: u8 = 64;

/// What a step said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is good.
    Green,
    /// It is not, and that is an answer.
    Red,
}

state::words!(Outcome { Green = "green", Red = "red" });

/// A record to be written.
#[derive(Debug, Clone)]
pub struct NewRecord<'a> {
    /// The key.
    pub key: Key,
    /// The step's name.
    pub step: &'a str,
    /// The step's kind, or a finer word.
    pub kind: &'a str,
    /// Green or red.
    pub outcome: Outcome,
    /// What it came to: trees, digests of blobs, findings.
    pub body: Value,
    /// What the key was made of.
    pub fingerprint: &'a Fingerprint,
    /// What was asked, where asking costs: another key, by which the answer is found again.
    pub request: Option<Digest>,
    /// The run that made it.
    pub run_id: Option<&'a RunId>,
    /// Wall time.
    pub duration_ms: u64,
}

/// A record as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Grows with every record.
    pub seq: u64,
    /// The key.
    pub key: Key,
    /// The step's name.
    pub step: String,
    /// As it was given.
    pub kind: String,
    /// Green or red.
    pub outcome: Outcome,
    /// As it was given.
    pub body: Value,
    /// As it was given.
    pub request: Option<Digest>,
    /// The run that made it.
    pub run_id: Option<RunId>,
    /// When.
    pub created_at: String,
    /// Wall time.
    pub duration_ms: u64,
    pieces: Vec<Digest>,
}

const COLUMNS: &str = "seq, key, step, kind, outcome, body_json, parts, request, run_id, created_at, duration_ms";

impl Store {
    /// Writes a record; what it points to must be on disk. Gives its number.
    pub fn record(&self, record: &NewRecord<'_>) -> Result<u64> {
        self.transaction(|connection| write(connection, record))
    }

    /// The same for what is cheap to make again: it is there for everyone soon, and at once for this process.
    pub fn record_soon(&self, record: &NewRecord<'_>) -> Result<u64> {
        self.soon(|connection| write(connection, record))
    }

    /// The newest record under a key.
    pub fn find(&self, key: Key) -> Result<Option<Record>> {
        // Where a log lies beside a database that is not its own, an index can lead to the row of another key.
        Ok(self.with(|connection| newest(connection, "key", key.0.0))?.filter(|record| record.key == key))
    }

    /// The newest records under many keys, looked up in one go.
    pub fn find_all(&self, keys: &[Key]) -> Result<HashMap<Key, Record>> {
        self.with(|connection| {
            // One snapshot for all, unless changes that wait hold one already.
            let reading = if connection.is_autocommit() { Some(connection.unchecked_transaction()?) } else { None };
            let mut found = HashMap::new();
            for key in keys {
                if let Some(record) = newest(connection, "key", key.0.0)?.filter(|record| record.key == *key) {
                    found.insert(*key, record);
                }
            }
            drop(reading);
            Ok(found)
        })
    }

    /// The number of the newest record; 0 where there is none.
    pub fn newest_record(&self) -> Result<u64> {
        let sql = "SELECT coalesce(max(seq), 0) FROM records";
        self.with(|connection| connection.prepare_cached(sql)?.query_row([], |row| row.get(0))).map(unsigned)
    }

    /// The newest record of a step, whatever its key.
    pub fn latest(&self, step: &str) -> Result<Option<Record>> {
        self.with(|connection| newest(connection, "step", step))
    }

    /// How long steps took when they were last recorded, in milliseconds, under what is given beside their names.
    pub fn durations<T: Eq + Hash>(&self, steps: impl Iterator<Item = (T, String)>) -> Result<HashMap<T, u64>> {
        self.with(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT duration_ms FROM records WHERE step = ?1 ORDER BY seq DESC LIMIT 1")?;
            let mut found = HashMap::new();
            let is_empty: bool =
                connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM records)", [], |row| row.get(0))?;
            if is_empty {
                return Ok(found);
            }
            for (step, name) in steps {
                if let Some(duration_ms) = statement.query_row([name], |row| row.get(0)).optional()? {
                    found.insert(step, unsigned(duration_ms));
                }
            }
            Ok(found)
        })
    }

    /// Records that answered a request, newest first.
    pub fn by_request(&self, request: Digest) -> Result<Vec<Record>> {
        self.records("request = ?1", request.0, u32::MAX)
    }

    /// Records of a step, newest first.
    pub fn records_of(&self, step: &str, limit: u32) -> Result<Vec<Record>> {
        self.records("step = ?1", step, limit)
    }

    /// All records, oldest first: for moving a store, and for finding the blobs that are needed.
    pub fn all_records(&self) -> Result<Vec<Record>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM records ORDER BY seq"))?;
            statement.query_map([], from_row)?.filter_map(readable).collect()
        })
    }

    /// What a record's key was made of; `None` where a piece of it is lost.
    pub fn fingerprint(&self, record: &Record) -> Result<Option<Fingerprint>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT parts_json FROM parts WHERE digest = ?1")?;
            let mut parts: Vec<Part> = Vec::new();
            for piece in &record.pieces {
                let text: Option<String> = statement.query_row([piece.0], |row| row.get(0)).optional()?;
                let Some(Ok(piece)) = text.map(|text| serde_json::from_str::<Vec<Part>>(&text)) else {
                    return Ok(None);
                };
                parts.extend(piece);
            }
            Ok(Some(Fingerprint { parts }))
        })
    }

    /// Forgets the records of a step, and of all steps below it (`ws-15-x` means `ws-15-x/edit.1` as well).
    pub fn forget(&self, step: &str) -> Result<usize> {
        let step = step.trim_end_matches('/');
        // '0' is the character after '/'.
        let (from, to) = (format!("{step}/"), format!("{step}0"));
        self.transaction(|connection| {
            let sql = "DELETE FROM records WHERE step = ?1 OR (step >= ?2 AND step < ?3)";
            let count = connection.prepare_cached(sql)?.execute([step, &from, &to])?;
            grow(connection)?;
            Ok(count)
        })
    }

    /// Keeps the newest records of every step, and the pieces of fingerprints that they need; gives how many went.
    pub fn prune(&self, keep_per_step: u32) -> Result<usize> {
        let count = self.transaction(|connection| {
            let sql = "DELETE FROM records WHERE seq IN (SELECT seq FROM
                (SELECT seq, row_number() OVER (PARTITION BY step ORDER BY seq DESC) AS age FROM records)
                WHERE age > ?1)";
            let count = connection.execute(sql, [keep_per_step])?;
            grow(connection)?;
            Ok(count)
        })?;
        let needed: std::collections::HashSet<Digest> =
            self.all_records()?.into_iter().flat_map(|record| record.pieces).collect();
        self.transaction(|connection| {
            let mut statement = connection.prepare("SELECT digest FROM parts")?;
            let all: Vec<[u8; 32]> = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            let mut delete = connection.prepare("DELETE FROM parts WHERE digest = ?1")?;
            for digest in all.into_iter().filter(|digest| !needed.contains(&Digest(*digest))) {
                delete.execute([digest])?;
            }
            Ok(())
        })?;
        Ok(count)
    }

    fn records(&self, condition: &str, value: impl rusqlite::ToSql, limit: u32) -> Result<Vec<Record>> {
        let sql = format!("SELECT {COLUMNS} FROM records WHERE {condition} ORDER BY seq DESC LIMIT ?2");
        self.with(|connection| {
            connection.prepare_cached(&sql)?.query_map(params![value, limit], from_row)?.filter_map(readable).collect()
        })
    }
}

fn newest(connection: &Connection, column: &str, value: impl rusqlite::ToSql) -> rusqlite::Result<Option<Record>> {
    let sql = format!("SELECT {COLUMNS} FROM records WHERE {column} = ?1 ORDER BY seq DESC LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map([value], from_row)?.filter_map(readable).next().transpose()
}

/// A row that holds what no record holds was damaged: a miss, not an error.
fn readable(row: rusqlite::Result<Record>) -> Option<rusqlite::Result<Record>> {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    match row {
        Err(FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..)) => None,
        row => Some(row),
    }
}

fn write(connection: &Connection, record: &NewRecord<'_>) -> rusqlite::Result<u64> {
    let mut pieces = Vec::new();
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO parts(digest, parts_json) VALUES (?1, ?2)")?;
    for piece in cut(&record.fingerprint.parts) {
        let text = serde_json::to_string(piece).expect("BUG: parts are texts");
        let digest = Digest::of(text.as_bytes());
        insert.execute(params![digest.0, text])?;
        pieces.extend_from_slice(&digest.0);
    }
    let sql = "INSERT INTO records
        (key, step, kind, outcome, body_json, parts, request, run_id, created_at, duration_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    connection.prepare_cached(sql)?.execute(params![
        record.key.0.0,
        record.step,
        record.kind,
        record.outcome,
        record.body.to_string(),
        pieces,
        record.request.map(|digest| digest.0),
        record.run_id.map(RunId::as_str),
        now(),
        signed(record.duration_ms),
    ])?;
    let seq = connection.last_insert_rowid();
    grow(connection)?;
    Ok(unsigned(seq))
}

/// Says that what was derived from the records no longer holds.
fn grow(connection: &Connection) -> rusqlite::Result<()> {
    let sql = "UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE key = 'generation'";
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Cuts parts into pieces whose borders depend on nothing but the names around them.
fn cut(parts: &[Part]) -> impl Iterator<Item = &[Part]> {
    let ends = |part: &Part| Digest::of(part.name.as_bytes()).0[0].is_multiple_of(PIECE_ENDS_ONE_IN);
    parts.split_inclusive(ends).flat_map(|piece| piece.chunks(PIECE_PARTS_MAX))
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Record> {
    let pieces: Vec<u8> = row.get("parts")?;
    let (pieces, _) = pieces.as_chunks::<32>();
    Ok(Record {
        seq: unsigned(row.get("seq")?),
        key: Key(Digest(row.get("key")?)),
        step: row.get("step")?,
        kind: row.get("kind")?,
        outcome: row.get("outcome")?,
        body: super::attempt::json(row, "body_json")?,
        request: row.get::<_, Option<[u8; 32]>>("request")?.map(Digest),
        run_id: row.get::<_, Option<String>>("run_id")?.map(RunId),
        created_at: row.get("created_at")?,
        duration_ms: unsigned(row.get("duration_ms")?),
        pieces: pieces.iter().copied().map(Digest).collect(),
    })
}
