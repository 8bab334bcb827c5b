//! Opening the database: making it, migrating it, reading it without a trace, and moving it aside where it is damaged.
//!
//! Does not know what the rows mean.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::run::RunId;
use super::schema::{self, SchemaError};
use super::{PLAN_NAME, Result, StoreError, is_damage};

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that are kept prepared.
const STATEMENTS_MAX: usize = 64;

/// Pages in the log before a commit moves them into the database, which waits for the disk; a build ends with it anyway.
const CHECKPOINT_PAGES: u32 = 16_384;

/// Pages that are kept in memory, in KiB (SQLite takes those as a negative number): keys are digests, so that looking up a few
/// thousand of them goes all over the indexes, which are some megabytes at ten thousand steps; the default, 2 MB, would read each
/// page again and again. The pages of all rows, which are many times that, are read and written once, and need not be kept.
const CACHE_KIB: i64 = -8 * 1024;

/// SQLite's way to files that takes no locks.
const WITHOUT_LOCKS: &std::ffi::CStr = c"unix-none";

/// Tries to copy a database that somebody is writing to.
const COPIES_MAX: usize = 20;

/// Something that opening found and put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The database could not be read; it was moved aside, and what could be read of it was taken over.
    Damaged {
        /// Where it is now.
        moved_to: PathBuf,
        /// Rows taken over.
        rows_saved: usize,
        /// What SQLite said.
        reason: String,
    },
    /// Runs whose process has died.
    Interrupted(Vec<RunId>),
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged { moved_to, rows_saved, reason } => write!(
                formatter,
                "the database was damaged ({reason}); it is kept as {}, {rows_saved} rows of it could be read",
                moved_to.display()
            ),
            Self::Interrupted(runs) => {
                let runs: Vec<_> = runs.iter().map(RunId::as_str).collect();
                write!(formatter, "did not end by itself and counts as interrupted: {}", runs.join(" "))
            }
        }
    }
}

/// The file whose presence says that a query met damage.
pub(super) fn suspect_mark(database: &Path) -> PathBuf {
    beside(database, ".suspect")
}

/// Opens for reading and writing; a damaged database is moved aside and a new one begun. A log that lies there makes it be looked
/// over, unless it is known to be one that a build left on purpose.
pub(super) fn for_building(dir: &Path, database: &Path, is_at_rest: bool) -> Result<(Connection, Vec<Warning>)> {
    prepare_folders(dir, database)?;
    let suspect = suspect_mark(database);
    let unclean = suspect.exists() || !is_at_rest && log_bytes(database) > 0;
    let damage = match connect(database, unclean) {
        Ok(connection) => {
            if suspect.exists() {
                let _ = std::fs::remove_file(&suspect);
            }
            return Ok((connection, Vec::new()));
        }
        Err(SchemaError::Store(error)) => return Err(error),
        Err(SchemaError::Sqlite(error)) if is_damage(&error) => error,
        Err(SchemaError::Sqlite(error)) => return Err(StoreError::Sqlite(error)),
    };
    let moved_to = move_aside(database)?;
    let _ = std::fs::remove_file(&suspect);
    let connection = connect(database, false).map_err(|error| plain(database, error))?;
    let rows_saved = save_rows(&connection, &moved_to);
    let warning = Warning::Damaged { moved_to, rows_saved, reason: damage.to_string() };
    Ok((connection, vec![warning]))
}

/// Opens for reading alone, in place where that leaves no trace, else a copy in a temporary folder. `is_live`: somebody may be
/// writing, so a log is none that was left.
pub(super) fn for_planning(
    database: &Path,
    is_live: impl FnOnce() -> bool,
) -> Result<Option<(Connection, Option<tempfile::TempDir>)>> {
    let has_log = log_bytes(database) > 0;
    if !database.exists() || size(database) == 0 && !has_log {
        return Ok(None);
    }
    if !has_log || !is_live() {
        let opened = if has_log { with_log(database) } else { without_log(database) };
        let connection = opened.map_err(|error| plain(database, error.into()))?;
        keep_statements(&connection).map_err(StoreError::Sqlite)?;
        let found = schema::version(&connection, database).map_err(|error| plain(database, error))?;
        if found == schema::newest() {
            connection.pragma_update(None, "cache_size", CACHE_KIB).map_err(StoreError::Sqlite)?;
            return Ok(Some((connection, None)));
        }
    }
    let copy = tempfile::tempdir().map_err(|source| file_error("make a folder for a copy of", database, source))?;
    let copied = copy.path().join(super::DATABASE_NAME);
    copy_at_rest(database, &copied)?;
    let connection = connect(&copied, false).map_err(|error| plain(database, error))?;
    connection.pragma_update(None, "query_only", true).map_err(StoreError::Sqlite)?;
    Ok(Some((connection, Some(copy))))
}

fn without_log(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(immutable_uri(database), flags)
}

/// Reads a database with the log that lies beside it, and leaves both as they are: without locks, and with the log's index in
/// memory. What others append to the log meanwhile is not seen.
fn with_log(database: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags_and_vfs(database, flags, WITHOUT_LOCKS)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update_and_check(None, "locking_mode", "EXCLUSIVE", |_| Ok(()))?;
    Ok(connection)
}

/// What was derived from the records is gone before the first of them changes; and what a dead build began of it.
pub(super) fn remove_plans(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == PLAN_NAME || name.starts_with("plan-") && name.ends_with(".new") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn prepare_folders(dir: &Path, database: &Path) -> Result<()> {
    let parent = database.parent().unwrap_or(dir);
    for folder in [dir, parent] {
        std::fs::create_dir_all(folder).map_err(|source| file_error("make", folder, source))?;
    }
    let ignore = dir.join(".gitignore");
    if !ignore.exists() {
        std::fs::write(&ignore, "*\n").map_err(|source| file_error("write", &ignore, source))?;
    }
    Ok(())
}

fn connect(database: &Path, look_over: bool) -> std::result::Result<Connection, SchemaError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    keep_statements(&connection)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    if look_over {
        let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if said != "ok" {
            return Err(SchemaError::Sqlite(corrupt(said)));
        }
    }
    schema::migrate(&mut connection, database)?;
    Ok(connection)
}

/// Statements are prepared once: without the guarantee of one plan SQLite makes a new one for each value that is bound.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn corrupt(said: String) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(said))
}

/// Renames the database with what belongs to it, so that the three still fit together.
fn move_aside(database: &Path) -> Result<PathBuf> {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
    let target = beside(database, &format!(".damaged-{time}"));
    for suffix in ["", "-wal", "-shm"] {
        let (from, to) = (beside(database, suffix), beside(&target, suffix));
        match std::fs::rename(&from, &to) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(file_error("move aside", &from, source));
            }
            _ => {}
        }
    }
    Ok(target)
}

/// Takes over what can be read of a damaged database, from both ends of each table; gives how many rows.
fn save_rows(connection: &Connection, damaged: &Path) -> usize {
    let Ok(source) = Connection::open(damaged) else { return 0 };
    if !matches!(schema::version(&source, damaged), Ok(version) if version == schema::newest()) {
        return 0;
    }
    // Rows may refer to rows that are lost.
    let _ = connection.pragma_update(None, "foreign_keys", false);
    let mut saved = 0;
    for table in schema::TABLES {
        for order in ["ASC", "DESC"] {
            saved += save_table(connection, &source, table, order).unwrap_or(0);
        }
    }
    let _ = connection.pragma_update(None, "foreign_keys", true);
    saved
}

/// Row by row, because one statement would be undone as a whole by the first page that cannot be read.
fn save_table(connection: &Connection, source: &Connection, table: &str, order: &str) -> rusqlite::Result<usize> {
    let mut select = source.prepare(&format!("SELECT * FROM {table} NOT INDEXED ORDER BY rowid {order}"))?;
    let columns = select.column_count();
    let places = vec!["?"; columns].join(", ");
    let transaction = connection.unchecked_transaction()?;
    let mut insert = transaction.prepare(&format!("INSERT OR IGNORE INTO {table} VALUES ({places})"))?;
    let mut rows = select.query([])?;
    let mut saved = 0;
    while let Ok(Some(row)) = rows.next() {
        let values: rusqlite::Result<Vec<rusqlite::types::Value>> =
            (0..columns).map(|column| row.get(column)).collect();
        let Ok(values) = values else { break };
        saved += insert.execute(rusqlite::params_from_iter(values)).unwrap_or(0);
    }
    drop(insert);
    transaction.commit()?;
    Ok(saved)
}

/// Copies database and log; again, if either moved meanwhile.
fn copy_at_rest(database: &Path, copied: &Path) -> Result<()> {
    let sources = [database.to_owned(), beside(database, "-wal")];
    let look = || {
        sources.each_ref().map(|path| std::fs::metadata(path).and_then(|data| Ok((data.len(), data.modified()?))).ok())
    };
    for _ in 0..COPIES_MAX {
        let before = look();
        for (source, suffix) in sources.iter().zip(["", "-wal"]) {
            let target = beside(copied, suffix);
            match std::fs::copy(source, &target) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => drop(std::fs::remove_file(&target)),
                Err(error) => return Err(file_error("copy", source, error)),
                Ok(_) => {}
            }
        }
        if look() == before {
            break;
        }
    }
    Ok(())
}

/// `file:` with every byte that means something in a URI escaped.
fn immutable_uri(path: &Path) -> OsString {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1&mode=ro");
    uri.into()
}

fn plain(database: &Path, error: SchemaError) -> StoreError {
    match error {
        SchemaError::Store(error) => error,
        SchemaError::Sqlite(error) if is_damage(&error) => {
            StoreError::Damaged { path: database.to_owned(), reason: error.to_string() }
        }
        SchemaError::Sqlite(error) => StoreError::Sqlite(error),
    }
}

fn file_error(action: &'static str, path: &Path, source: std::io::Error) -> StoreError {
    StoreError::File { action, path: path.to_owned(), source }
}

/// Bytes of the log beside a database; 0 where none lies there.
pub(super) fn log_bytes(database: &Path) -> u64 {
    size(&beside(database, "-wal"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Bytes; 0 for a file that is not there.
fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}
