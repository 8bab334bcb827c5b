//! What can go wrong between `pl` and a git repository, as one enum.
//!
//! Does not know who asked; hints and exit codes are the caller's.

use std::path::{Path, PathBuf};

/// A failure of the git room; sentences without a period, the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// No repository was found.
    #[error("no git repository at {dir} or above it")]
    NoRepository {
        /// Where the search began.
        dir: PathBuf,
        /// What the library said.
        source: Box<gix::Error>,
    },
    /// The repository uses something that `pl` cannot read.
    #[error("the repository {dir} uses {what}, which pl cannot read")]
    Unsupported {
        /// The repository's common folder.
        dir: PathBuf,
        /// The extension.
        what: String,
    },
    /// A name that means no commit.
    #[error("`{revision}` names no commit")]
    UnknownRevision {
        /// As it was written.
        revision: String,
        /// What the library said.
        source: Box<gix::Error>,
    },
    /// An object is missing or damaged, or could not be written.
    #[error("cannot {doing}")]
    Object {
        /// What was tried: `read tree 1234`.
        doing: String,
        /// What the library said.
        source: Box<gix::Error>,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// `read`, `write`, `remove`, …
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A path that no tree or worktree may hold.
    #[error("`{path}` cannot be a path in a git tree")]
    InvalidPath {
        /// The path, with other bytes replaced.
        path: String,
    },
    /// A ref's name that git refuses.
    #[error("`{name}` is not a valid name of a ref")]
    InvalidReference {
        /// The name.
        name: String,
    },
    /// A ref does not have the value that was expected; nothing was changed.
    #[error("{name} moved: expected {expected}, found {found}")]
    ReferenceMoved {
        /// The full name.
        name: String,
        /// The commit, `nothing` or `anything`.
        expected: String,
        /// The commit, `nothing` or another ref's name.
        found: String,
    },
    /// Another ref's name is in the way (`a` and `a/b` cannot both exist); nothing was changed.
    #[error("{name} cannot exist beside {by}")]
    ReferenceBlocked {
        /// The full name.
        name: String,
        /// The ref that is in the way.
        by: String,
    },
    /// Something stands where a worktree or a repository is to be made.
    #[error("{path} already exists and was not made by pl")]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// A complete worktree of this name exists; it can be reset, not created.
    #[error("the worktree {name} already exists")]
    WorktreeExists {
        /// Its name.
        name: String,
    },
    /// A worktree's metadata is gone.
    #[error("{name} is not a worktree made by pl")]
    NoWorktree {
        /// Its name.
        name: String,
    },
    /// Another process keeps the repository's metadata locked.
    #[error("another pl has held {path} for {seconds} seconds")]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Only objects can be written there.
    #[error("refs and worktrees of {dir} cannot be changed: it was opened in memory")]
    InMemory {
        /// The repository's common folder.
        dir: PathBuf,
    },
    /// A limit was reached.
    #[error("{path} holds more than {limit} {what}")]
    TooMany {
        /// The folder or file.
        path: PathBuf,
        /// What was counted: `files`, `bytes`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A file changes while it is read; a process is still at work there.
    #[error("{path} keeps changing while it is read")]
    Moving {
        /// The file.
        path: PathBuf,
    },
}

impl GitError {
    /// Wraps what the library said about an object.
    pub(super) fn object<E>(doing: impl Into<String>) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let doing = doing.into();
        move |error| Self::Object { doing, source: Box::new(gix::Error::from_error(error)) }
    }

    /// Wraps what the system said about a file.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { doing, path, source }
    }

    /// A path that cannot be in a tree.
    pub(super) fn invalid_path(path: &[u8]) -> Self {
        Self::InvalidPath { path: String::from_utf8_lossy(path).into_owned() }
    }
}
