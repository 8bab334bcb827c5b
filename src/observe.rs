//! What each step observes, as a fingerprint; and the trees that workstreams start from.
//!
//! Looks at git trees, project files and records; runs nothing and writes nothing. `check` and `exec` both ask here,
//! so that the preview and the run cannot disagree about what a key is made of.

pub mod world;
pub mod memory;
pub mod base;
pub mod record;
pub mod edit;
pub mod prompt;
pub mod recording;
pub mod scope;
pub mod ignored;
pub mod verification;
pub mod program;
pub mod task;
pub mod found;
pub mod depfile;
pub mod look;
pub mod workstream;
pub mod by_hand;
pub mod baseline;
pub mod fixing;
pub mod testing;

/// Why something could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] crate::git::error::GitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A record's body is not of its kind's shape.
    #[error("the record of {step} cannot be read: {source}")]
    Record {
        /// The step.
        step: String,
        /// What serde says.
        source: serde_json::Error,
    },
    /// An input could not be read.
    #[error(transparent)]
    Inputs(#[from] crate::system::inputs::InputsError),
    /// A start could not be had.
    #[error(transparent)]
    Start(#[from] crate::observe::base::StartError),
}

/// Reads a record's body.
pub fn body<T: serde::de::DeserializeOwned>(record: &crate::store::record::Record) -> Result<T, ObserveError> {
    serde_json::from_value(record.body.clone())
        .map_err(|source| ObserveError::Record { step: record.step.clone(), source })
}
