//! The one connection, and the changes on it that wait to be committed together.
//!
//! A change is either committed when its call returns, or soon: within [`SOON`], or with the next change that is committed at
//! once, or when [`BATCH_MAX`] of them wait. All changes are committed in the order in which they were made, and queries see
//! those that wait. Does not know what the rows mean.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::system::profile::{Category, Profile};

/// A change that may wait waits no longer; a process that is killed loses at most what waits.
const SOON: Duration = Duration::from_millis(100);

/// Changes that wait at most.
const BATCH_MAX: usize = 500;

/// A connection whose small changes are committed many at once, by a thread that is begun with the first of them.
#[derive(Debug)]
pub(super) struct Batched {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// All changes may wait.
    patient: AtomicBool,
}

#[derive(Debug)]
struct Shared {
    books: Mutex<Books>,
    wake: Condvar,
}

#[derive(Debug)]
struct Books {
    connection: Option<Connection>,
    /// When the first of the changes that wait was made.
    since: Option<Instant>,
    waiting: usize,
    /// Why changes that waited were lost; told by the next call.
    lost: Option<rusqlite::Error>,
    profile: Profile,
}

impl Batched {
    pub(super) fn new(connection: Connection) -> Self {
        let books =
            Books { connection: Some(connection), since: None, waiting: 0, lost: None, profile: Profile::default() };
        let shared = Arc::new(Shared { books: Mutex::new(books), wake: Condvar::new() });
        Self { shared, writer: Mutex::new(None), patient: AtomicBool::new(false) }
    }

    /// From now on every change may wait, those too that ask to be committed on return: for a build that pays for nothing.
    pub(super) fn be_patient(&self) -> rusqlite::Result<()> {
        self.patient.store(true, Ordering::Relaxed);
        self.shared.lock().begin()
    }

    /// Commits what waits.
    pub(super) fn commit(&self) -> rusqlite::Result<()> {
        let mut books = self.shared.lock();
        books.tell_loss().and_then(|()| books.commit())
    }

    /// Takes note of commits from now on.
    pub(super) fn profile(&self, profile: &Profile) {
        self.shared.lock().profile = profile.clone();
    }

    /// Runs statements, each for itself. What they change, and all that waits, is committed on return.
    pub(super) fn now<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut books = self.shared.lock();
        books.tell_loss()?;
        let connection = books.connection();
        let before = connection.total_changes();
        let answer = query(connection)?;
        if connection.total_changes() != before && !self.patient.load(Ordering::Relaxed) {
            books.commit()?;
        }
        Ok(answer)
    }

    /// Runs several statements, of which all or none count; committed on return, with all that waits.
    pub(super) fn together<T>(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut books = self.shared.lock();
        books.tell_loss()?;
        books.begin()?;
        let answer = books.all_or_none(change);
        if self.patient.load(Ordering::Relaxed) {
            drop(books);
            self.shared.wake.notify_one();
        } else {
            books.commit()?;
        }
        answer
    }

    /// Runs several statements, of which all or none count; committed soon.
    pub(super) fn soon<T>(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut books = self.shared.lock();
        books.tell_loss()?;
        books.begin()?;
        let answer = books.all_or_none(change);
        books.waiting += 1;
        if books.waiting >= BATCH_MAX || !self.has_writer() {
            books.commit()?;
        } else if books.waiting == 1 {
            drop(books);
            self.shared.wake.notify_one();
        }
        answer
    }

    /// Commits what waits, and gives the connection back.
    pub(super) fn end(self) -> (Option<Connection>, rusqlite::Result<()>) {
        let mut books = self.shared.lock();
        let result = books.tell_loss().and_then(|()| books.commit());
        (books.connection.take(), result)
    }

    /// Begins the writer, where that was not done; without one nothing may wait.
    fn has_writer(&self) -> bool {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none() {
            let shared = Arc::clone(&self.shared);
            *writer = std::thread::Builder::new().name("pl-writer".to_owned()).spawn(move || shared.write()).ok();
        }
        writer.is_some()
    }
}

impl Drop for Batched {
    fn drop(&mut self) {
        {
            let mut books = self.shared.lock();
            // Nobody is left to be told.
            let _ = books.commit();
            books.connection = None;
        }
        self.shared.wake.notify_one();
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let _ = writer.map(JoinHandle::join);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The writer: commits what has waited long enough, until the connection is gone.
    fn write(&self) {
        let mut books = self.lock();
        while books.connection.is_some() {
            let Some(since) = books.since else {
                books = self.wake.wait(books).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = SOON.saturating_sub(since.elapsed());
            if left.is_zero() {
                if let Err(error) = books.commit() {
                    books.lost = Some(error);
                }
            } else {
                books = self.wake.wait_timeout(books, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

impl Books {
    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("BUG: the connection is there until the end")
    }

    fn tell_loss(&mut self) -> rusqlite::Result<()> {
        self.lost.take().map_or(Ok(()), Err)
    }

    fn begin(&mut self) -> rusqlite::Result<()> {
        if self.since.is_none() {
            self.connection().prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
            self.since = Some(Instant::now());
        }
        Ok(())
    }

    fn all_or_none<T>(&self, change: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let connection = self.connection();
        let run = |sql: &str| connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(drop);
        run("SAVEPOINT change")?;
        let answer = change(connection);
        if answer.is_err() {
            run("ROLLBACK TO change")?;
        }
        run("RELEASE change")?;
        answer
    }

    fn commit(&mut self) -> rusqlite::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if self.since.take().is_none() {
            return Ok(());
        }
        let Some(connection) = &self.connection else { return Ok(()) };
        let mut span = self.profile.span(Category::Database, || "commit");
        span.tell("changes that waited", || waiting.into());
        let committed = connection.prepare_cached("COMMIT").and_then(|mut statement| statement.execute([])).map(drop);
        if committed.is_err() && !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
        committed
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rusqlite::Connection;

    use super::Batched;

    fn count(connection: &Connection) -> u32 {
        connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("a count")
    }

    fn insert(connection: &Connection) -> rusqlite::Result<usize> {
        connection.execute("INSERT INTO t VALUES (1)", [])
    }

    #[test]
    fn what_waits_is_seen_here_and_soon_by_others() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("db");
        let connection = Connection::open(&path).expect("a database");
        connection.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").expect("a table");
        let other = Connection::open(&path).expect("a reader");
        let batched = Batched::new(connection);
        batched.soon(insert).expect("a change");
        assert_eq!(batched.now(|connection| Ok(count(connection))).expect("a count"), 1);
        let begun = Instant::now();
        while count(&other) < 1 {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is never committed");
            std::thread::yield_now();
        }
        // A change that must be there on return takes along what waits.
        batched.soon(insert).expect("a change");
        batched.now(insert).expect("a change");
        assert_eq!(count(&other), 3);
        batched.soon(insert).expect("a change");
        batched.together(insert).expect("a change");
        assert_eq!(count(&other), 5);
        batched.soon(insert).expect("a change");
        let (connection, result) = batched.end();
        result.expect("committed");
        assert_eq!((count(&other), count(&connection.expect("a connection"))), (6, 6));
    }

    #[test]
    fn what_fails_leaves_the_others() {
        let connection = Connection::open_in_memory().expect("a database");
        connection.execute_batch("CREATE TABLE t (a)").expect("a table");
        let batched = Batched::new(connection);
        batched.soon(insert).expect("a change");
        let half = |connection: &Connection| insert(connection).and_then(|_| connection.execute("nonsense", []));
        batched.soon(half).expect_err("nonsense");
        batched.together(half).expect_err("nonsense");
        batched.soon(insert).expect("a change");
        assert_eq!(batched.now(|connection| Ok(count(connection))).expect("a count"), 2);
    }
}
