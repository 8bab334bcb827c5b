//! The tables, as a numbered list of forward migrations.
//!
//! A migration that was released is never edited; a change is a new one at the end.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::StoreError;
use crate::base::digest::Digest;

/// Migration number n (from 1) leads from schema n - 1 to schema n.
const MIGRATIONS: [&str; 3] = [INITIAL, CONTENTS, PEAKS];

/// Tables whose rows are saved from a damaged database, in an order in which what is referred to comes first.
pub(super) const TABLES: [&str; 15] = [
    "runs",
    "workstreams",
    "step_attempts",
    "errors",
    "events",
    "parts",
    "records",
    "tool_invocations",
    "programs",
    "stats",
    "landed",
    "kept",
    "notes",
    "contents",
    "peaks",
];

/// The newest schema.
pub(super) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).expect("BUG: a short list")
}

/// The schema that a database has; 0 for an empty one.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<u32, SchemaError> {
    let sql = "SELECT value FROM meta WHERE key = 'schema_version'";
    let asked: rusqlite::Result<Option<String>> = connection.query_row(sql, [], |row| row.get(0)).optional();
    let text = match asked {
        Ok(text) => text,
        Err(error) => {
            let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
            if count("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'meta'")? > 0 {
                return Err(error.into());
            }
            let tables = count("SELECT count(*) FROM sqlite_master")?;
            return if tables == 0 { Ok(0) } else { Err(StoreError::Foreign(path.to_owned()).into()) };
        }
    };
    let found = text.and_then(|text| text.parse().ok()).ok_or_else(|| StoreError::Foreign(path.to_owned()))?;
    let known = newest();
    if found > known { Err(StoreError::Newer { path: path.to_owned(), found, known }.into()) } else { Ok(found) }
}

/// Brings a database to the newest schema.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), SchemaError> {
    let found = version(connection, path)?;
    if found == newest() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been here between the question and the lock.
    let found = version(&transaction, path)?;
    for migration in MIGRATIONS.iter().skip(found as usize) {
        transaction.execute_batch(migration)?;
    }
    let id = Digest::of_fields([path.as_os_str().as_encoded_bytes(), unique().as_bytes()]).short();
    let set = "INSERT INTO meta(key, value) VALUES (?1, ?2)";
    transaction.execute(&format!("{set} ON CONFLICT(key) DO NOTHING"), params!["id", id])?;
    transaction.execute(&format!("{set} ON CONFLICT(key) DO NOTHING"), params!["generation", "0"])?;
    let version = newest().to_string();
    let replace = "ON CONFLICT(key) DO UPDATE SET value = excluded.value";
    transaction.execute(&format!("{set} {replace}"), params!["schema_version", version])?;
    transaction.commit()?;
    Ok(())
}

/// Text that no other call gets, in this process or another.
pub(super) fn unique() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = jiff::Timestamp::now().as_nanosecond();
    let seed = std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), count);
    Digest::of(format!("{now} {} {count} {seed}", std::process::id()).as_bytes()).hex()
}

/// SQLite's errors stay apart from ours until it is known whether they mean damage.
#[derive(Debug)]
pub(super) enum SchemaError {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for SchemaError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for SchemaError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Digests are 32 bytes; times are text; what ends in `_json` is JSON.
const INITIAL: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    owner_json TEXT NOT NULL,
    metadata_json TEXT NOT NULL
);
CREATE INDEX runs_by_status ON runs(status);

CREATE TABLE workstreams (
    run_id TEXT NOT NULL REFERENCES runs(run_id) ON DELETE CASCADE,
    ws_id TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    metadata_json TEXT NOT NULL,
    PRIMARY KEY (run_id, ws_id)
);
CREATE INDEX workstreams_by_id ON workstreams(ws_id, created_at);

CREATE TABLE step_attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs(run_id) ON DELETE CASCADE,
    ws_id TEXT,
    step_name TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT,
    tool TEXT,
    log TEXT,
    started_at TEXT NOT NULL,
    completed_at TEXT,
    duration_ms INTEGER,
    result_json TEXT
);
CREATE INDEX step_attempts_by_run ON step_attempts(run_id, ws_id, step_name);
CREATE INDEX step_attempts_by_step ON step_attempts(step_name, id);

CREATE TABLE errors (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT REFERENCES runs(run_id) ON DELETE SET NULL,
    ws_id TEXT,
    step_name TEXT,
    error_code TEXT,
    signature TEXT NOT NULL,
    message TEXT NOT NULL,
    context_json TEXT NOT NULL,
    count INTEGER NOT NULL DEFAULT 1,
    first_seen_at TEXT NOT NULL,
    last_seen_at TEXT NOT NULL
);
CREATE UNIQUE INDEX errors_once ON errors(ifnull(run_id, ''), ifnull(ws_id, ''), ifnull(step_name, ''), signature);

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp TEXT NOT NULL,
    run_id TEXT REFERENCES runs(run_id) ON DELETE SET NULL,
    ws_id TEXT,
    step_name TEXT,
    level TEXT NOT NULL,
    event_type TEXT NOT NULL,
    payload_json TEXT NOT NULL
);
CREATE INDEX events_by_run ON events(run_id, ws_id, event_type);

CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    parts_json TEXT NOT NULL
);

CREATE TABLE records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL,
    step TEXT NOT NULL,
    kind TEXT NOT NULL,
    outcome TEXT NOT NULL,
    body_json TEXT NOT NULL,
    parts BLOB NOT NULL,
    request BLOB,
    run_id TEXT,
    created_at TEXT NOT NULL,
    duration_ms INTEGER NOT NULL
);
CREATE INDEX records_by_key ON records(key, seq);
CREATE INDEX records_by_step ON records(step, seq);
CREATE INDEX records_by_request ON records(request, seq) WHERE request IS NOT NULL;

CREATE TABLE tool_invocations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT REFERENCES runs(run_id) ON DELETE SET NULL,
    ws_id TEXT,
    step_name TEXT NOT NULL,
    tool TEXT NOT NULL,
    version TEXT,
    argv_json TEXT NOT NULL,
    outcome TEXT NOT NULL,
    started_at TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    usage_json TEXT NOT NULL
);
CREATE INDEX tool_invocations_by_run ON tool_invocations(run_id, ws_id, step_name);

CREATE TABLE programs (identity BLOB PRIMARY KEY, program TEXT NOT NULL, version TEXT NOT NULL, created_at TEXT NOT NULL);

CREATE TABLE stats (
    path BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    device INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    digest BLOB NOT NULL
);

CREATE TABLE landed (
    ws_id TEXT PRIMARY KEY,
    commit_id TEXT NOT NULL,
    definition BLOB NOT NULL,
    adopted INTEGER NOT NULL,
    created_at TEXT NOT NULL
);

CREATE TABLE kept (
    ws_id TEXT PRIMARY KEY,
    worktree TEXT,
    candidate_tree TEXT NOT NULL,
    base_tree TEXT NOT NULL,
    reason TEXT NOT NULL,
    run_id TEXT,
    created_at TEXT NOT NULL,
    metadata_json TEXT NOT NULL
);

CREATE TABLE notes (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    value_json TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (scope, name)
);
";

/// Small contents, written in one go with the rows that name them.
const CONTENTS: &str = "
CREATE TABLE contents (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
);
";

/// What steps are known to need.
const PEAKS: &str = "
CREATE TABLE peaks (
    step TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    seen_at TEXT NOT NULL
);
";

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::{MIGRATIONS, SchemaError, TABLES, migrate, newest, version};
    use crate::store::StoreError;

    #[test]
    fn every_table_is_saved_from_damage() {
        let mut connection = Connection::open_in_memory().expect("a database");
        migrate(&mut connection, "x".as_ref()).expect("a schema");
        let mut statement = connection
            .prepare(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'meta'",
            )
            .expect("a query");
        let mut tables: Vec<String> =
            statement.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("names");
        tables.sort();
        let mut saved = TABLES.to_vec();
        saved.sort_unstable();
        assert_eq!(tables, saved);
    }

    #[test]
    fn older_databases_are_brought_up_and_keep_their_rows() {
        for old in 1..MIGRATIONS.len() {
            let mut connection = Connection::open_in_memory().expect("a database");
            MIGRATIONS[..old].iter().for_each(|migration| connection.execute_batch(migration).expect("a schema"));
            connection.execute("INSERT INTO meta VALUES ('schema_version', ?1)", [old.to_string()]).expect("a version");
            connection.execute("INSERT INTO notes VALUES ('s', 'n', '1', 'now')", []).expect("a row");
            migrate(&mut connection, "x".as_ref()).expect("a schema");
            assert_eq!(version(&connection, "x".as_ref()).expect("a version"), newest());
            let rows: u32 = connection.query_row("SELECT count(*) FROM notes", [], |row| row.get(0)).expect("a count");
            let peaks: u32 = connection.query_row("SELECT count(*) FROM peaks", [], |row| row.get(0)).expect("a count");
            assert_eq!((rows, peaks), (1, 0), "from {old}");
        }
    }

    #[test]
    fn newer_and_foreign_databases_are_refused() {
        let mut connection = Connection::open_in_memory().expect("a database");
        migrate(&mut connection, "x".as_ref()).expect("a schema");
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'", []).expect("99");
        let refused = migrate(&mut connection, "x".as_ref());
        assert!(matches!(refused, Err(SchemaError::Store(StoreError::Newer { found: 99, .. }))));
        let mut foreign = Connection::open_in_memory().expect("a database");
        foreign.execute("CREATE TABLE runs (a)", []).expect("a table");
        let refused = migrate(&mut foreign, "x".as_ref());
        assert!(matches!(refused, Err(SchemaError::Store(StoreError::Foreign(_)))));
    }
}
