//! The loop: wants, ready, judge, run, record. Owns all state of a run and emits events.
//!
//! Never prints and knows no command line; `report` reads the events, `cli` maps the summary to an exit code.

#![expect(clippy::disallowed_methods, reason = "makes and removes the places that steps run in")]

pub mod schedule;
pub mod slots;
pub mod admission;
pub mod session;
pub mod remember;
pub mod run;
pub mod summing;
mod shell;
pub mod command;
pub mod tasks;
pub mod found;
pub mod setup;
pub mod workstream;
pub mod editing;
pub mod fixing;
pub mod replaying;
pub mod holding;
pub mod verifying;
pub mod linting;
pub mod working_copy;
pub mod installing;
pub mod finishing;
pub mod place;
pub mod fence;
pub mod touch;

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// Looking at something failed.
    #[error(transparent)]
    Observe(#[from] crate::observe::ObserveError),
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] crate::git::error::GitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// No threads could be had.
    #[error("cannot start worker threads: {0}")]
    Threads(String),
    /// A person left something in a worktree that git cannot hold; it must not go unseen.
    #[error("{what}, and would be lost from {dir}: move it away, then build again")]
    NotKept {
        /// A clause.
        what: String,
        /// The worktree.
        dir: String,
    },
    /// A file or folder of ours could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Which.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
}

impl ExecError {
    /// Turns an I/O error at a path into ours.
    pub fn writing(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |source| Self::Write { path, source }
    }
}
