//! What is remembered between two invocations: a database and a folder of blobs below `.pl`.
//!
//! A row is a hint and a blob the proof; nothing here decides whether a step must run. Rows are written only after what
//! they point to is on disk. Knows no definitions and starts no process.

#![expect(clippy::disallowed_methods, reason = "the database, blobs and locks lie behind this door")]

pub mod attempt;
mod batch;
pub mod blob;
pub mod content;
pub mod history;
pub mod life;
pub mod lint;
pub mod lock;
pub mod machine;
mod opening;
pub mod owner;
pub mod record;
pub mod run;
mod schema;
pub mod state;
pub mod story;
pub mod work;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension};

use self::batch::Batched;
use self::blob::Blobs;
use self::opening::Warning;
use self::state::{RunState, WorkstreamState};
use crate::system::profile::Profile;

/// The database's name below `.pl`.
pub const DATABASE_NAME: &str = "state.db";

/// The kept plan's name below `.pl`: gone before any record changes.
pub const PLAN_NAME: &str = "plan";

/// A log of so many bytes at most is left beside the database by a build of few changes. Who opens the database reads it, which costs
/// less than a millisecond; moving it costs two flushes.
const LOG_BYTES_LEFT_MAX: u64 = 1024 * 1024;

/// What can go wrong with what is remembered.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error("the database refused: {0}")]
    Sqlite(#[source] rusqlite::Error),
    /// What the database holds cannot be read; a build moves it aside.
    #[error("the database {} is damaged: {reason}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// SQLite's sentence.
        reason: String,
    },
    /// Written by a later `pl`.
    #[error("the database {} has schema {found}, this pl knows up to {known}", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema that is known here.
        known: u32,
    },
    /// A database of something else.
    #[error("{} is a database that pl did not make", .0.display())]
    Foreign(PathBuf),
    /// A file below `.pl`.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// `read`, `write`, ….
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A move that the table of states does not have.
    #[error("{workstream} cannot go from {from} to {to}")]
    IllegalMove {
        /// The workstream.
        workstream: String,
        /// Its state.
        from: WorkstreamState,
        /// The state asked for.
        to: WorkstreamState,
    },
    /// An end that the table of states does not have.
    #[error("{run} cannot go from {from} to {to}")]
    IllegalEnd {
        /// The run.
        run: String,
        /// Its state.
        from: RunState,
        /// The state asked for.
        to: RunState,
    },
    /// No such row.
    #[error("no {what} {id} is remembered")]
    NotFound {
        /// `run`, `workstream`, `attempt`.
        what: &'static str,
        /// Its id.
        id: String,
    },
}

impl StoreError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Newer { .. } => Some("install the pl that wrote it, or move the file away to begin anew".to_owned()),
            Self::Foreign(_) => Some("unset PIPELINE_DB_PATH, or give it the path of a new file".to_owned()),
            Self::Damaged { .. } => Some("pl build moves it aside and keeps what can be read".to_owned()),
            _ => None,
        }
    }
}

/// The answer of this room.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Takes the kept plan in `dir` (`.pl`) away.
pub fn records_will_change(dir: &Path) {
    opening::remove_plans(dir);
}

/// What is remembered of one project.
#[derive(Debug)]
pub struct Store {
    database: PathBuf,
    connection: Batched,
    blobs: Blobs,
    /// Damage that a query met; the next opening looks the database over.
    suspect: AtomicBool,
    /// The copy that is read instead, where reading in place would touch the original.
    copy: Option<tempfile::TempDir>,
    writable: bool,
}

impl Store {
    /// Opens the store below `dir` (`.pl`) for a build; makes what is missing and puts in order what a dead run left.
    pub fn open(dir: &Path) -> Result<(Self, Vec<Warning>)> {
        Self::open_at(dir, &dir.join(DATABASE_NAME))
    }

    /// As [`Store::open`], with the database elsewhere.
    pub fn open_at(dir: &Path, database: &Path) -> Result<(Self, Vec<Warning>)> {
        Self::open_known(dir, database, false)
    }

    /// The same; `is_at_rest`: a log that lies beside the database is known to be one that [`Store::settle`] left.
    pub fn open_known(dir: &Path, database: &Path, is_at_rest: bool) -> Result<(Self, Vec<Warning>)> {
        records_will_change(dir);
        Self::open_beside_plan(dir, database, is_at_rest)
    }

    /// The same for who may find that nothing is to be written; else [`records_will_change`] comes first.
    pub fn open_beside_plan(dir: &Path, database: &Path, is_at_rest: bool) -> Result<(Self, Vec<Warning>)> {
        let (connection, mut warnings) = opening::for_building(dir, database, is_at_rest)?;
        let store = Self {
            database: database.to_owned(),
            connection: Batched::new(connection),
            blobs: Blobs::new(dir, true),
            suspect: AtomicBool::new(false),
            copy: None,
            writable: true,
        };
        store.blobs.remove_leftovers();
        let interrupted = store.interrupt_dead_runs()?;
        if !interrupted.is_empty() {
            warnings.push(Warning::Interrupted(interrupted));
        }
        Ok((store, warnings))
    }

    /// Opens what is there for planning: no byte below `dir` changes. `None`: nothing is remembered yet.
    pub fn open_for_planning(dir: &Path) -> Result<Option<Self>> {
        Self::open_for_planning_at(dir, &dir.join(DATABASE_NAME))
    }

    /// As [`Store::open_for_planning`], with the database elsewhere.
    pub fn open_for_planning_at(dir: &Path, database: &Path) -> Result<Option<Self>> {
        // Nobody's lock tells of a database that lies elsewhere.
        let is_live = || database.parent() != Some(dir) || lock::is_building(dir);
        let Some((connection, copy)) = opening::for_planning(database, is_live)? else { return Ok(None) };
        Ok(Some(Self {
            database: database.to_owned(),
            connection: Batched::new(connection),
            blobs: Blobs::new(dir, false),
            suspect: AtomicBool::new(false),
            copy,
            writable: false,
        }))
    }

    /// Takes note of where the database's time goes, from now on.
    pub fn profile(&self, profile: &Profile) {
        self.connection.profile(profile);
    }

    /// Differs from every other database, a new one in this one's place included.
    pub fn id(&self) -> Result<String> {
        self.meta("id").map(Option::unwrap_or_default)
    }

    /// Grows with every change of a record, so that what was derived from them knows whether it still holds.
    pub fn generation(&self) -> Result<u64> {
        Ok(self.meta("generation")?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Few changes will be made, and all of them can be made again: each is committed soon, and they end with [`Store::settle`].
    pub fn expect_few_changes(&self) -> Result<()> {
        let leave = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        self.with(|connection| connection.set_db_config(leave, true).map(drop))?;
        self.connection.be_patient().map_err(|error| self.failed(error))
    }

    /// Ends the changes; what is there can still be asked for. A short log is left as it lies there, and not flushed; the build that
    /// makes it long moves it into the database.
    ///
    /// The log is flushed when it is begun, so that no part of an older one can ever be taken for its own; what a power cut leaves
    /// of what was written behind that has no checksum, and counts as not written.
    pub fn settle(&self) -> Result<()> {
        self.connection.commit().map_err(|error| self.failed(error))?;
        if opening::log_bytes(&self.database) <= LOG_BYTES_LEFT_MAX {
            return Ok(());
        }
        self.blobs.settle_all()?;
        self.with(checkpoint)
    }

    /// Ends a build: everything is in the one database file, nothing lies beside it.
    pub fn close(self) -> Result<()> {
        let Self { database, connection, suspect, copy, writable, blobs } = self;
        let settled = blobs.settle_all();
        let (connection, ended) = connection.end();
        let Some(connection) = connection else { return Ok(()) };
        connection.flush_prepared_statement_cache();
        let result = ended.and_then(|()| if writable { checkpoint(&connection) } else { Ok(()) });
        let result = result.and_then(|()| connection.close().map_err(|(_, error)| error));
        drop(copy);
        result.map_err(|error| translate(&database, &suspect, error)).and(settled)
    }

    fn meta(&self, name: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM meta WHERE key = ?1";
        self.with(|connection| connection.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional())
    }

    /// Runs queries, each for itself; what they change is committed on return.
    fn with<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.connection.now(query).map_err(|error| self.failed(error))
    }

    /// Runs several statements, of which all or none count; committed on return.
    fn transaction<T>(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.connection.together(change).map_err(|error| self.failed(error))
    }

    /// The same, committed soon: for what is only told, and for what is cheap to do again.
    fn soon<T>(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.connection.soon(change).map_err(|error| self.failed(error))
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        let error = translate(&self.database, &self.suspect, error);
        if self.writable && self.suspect.load(Ordering::Relaxed) {
            // Where even this cannot be written, the next opening learns it from its own first query.
            let _ = std::fs::write(opening::suspect_mark(&self.database), "");
        }
        error
    }
}

/// Moves the log into the database, both flushed.
fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

fn translate(database: &Path, suspect: &AtomicBool, error: rusqlite::Error) -> StoreError {
    if is_damage(&error) {
        suspect.store(true, Ordering::Relaxed);
        return StoreError::Damaged { path: database.to_owned(), reason: error.to_string() };
    }
    StoreError::Sqlite(error)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// The time as it is written: UTC, ISO 8601, milliseconds, `Z`.
fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// A count or a duration as SQLite has it.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
