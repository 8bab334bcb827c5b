//! A fingerprint held against the records: the verdict with its reason.
//!
//! The one place where `plan::judge` is asked; the preview and the run both come here.

use crate::base::digest::Digest;
use crate::fingerprint::{Fingerprint, Key};
use crate::git::object::TreeId;
use crate::git::repository::Repository;
use crate::observe::ObserveError;
use crate::observe::edit::display;
use crate::plan::{Found, Observed, Reason, Verdict, judge};
use crate::store::Store;
use crate::store::record::{Outcome, Record};
use crate::store::work::Kept;

/// The records as they can be read: none at all in a project that was never built.
#[derive(Clone, Copy)]
pub struct Records<'a>(pub Option<&'a Store>);

impl Records<'_> {
    /// The record under a key.
    pub fn find(&self, key: Key) -> Result<Option<Record>, ObserveError> {
        self.0.map_or(Ok(None), |store| store.find(key).map_err(ObserveError::from))
    }

    /// The newest record of a step.
    pub fn latest(&self, step: &str) -> Result<Option<Record>, ObserveError> {
        self.0.map_or(Ok(None), |store| store.latest(step).map_err(ObserveError::from))
    }

    /// The number of the newest record; 0 where there is none.
    pub fn newest(&self) -> Result<u64, ObserveError> {
        self.0.map_or(Ok(0), |store| store.newest_record().map_err(ObserveError::from))
    }

    /// The newest records of a step.
    pub fn of_step(&self, step: &str, limit: u32) -> Result<Vec<Record>, ObserveError> {
        self.0.map_or(Ok(Vec::new()), |store| store.records_of(step, limit).map_err(ObserveError::from))
    }

    /// What a record's key was made of.
    pub fn fingerprint(&self, record: &Record) -> Result<Option<Fingerprint>, ObserveError> {
        self.0.map_or(Ok(None), |store| store.fingerprint(record).map_err(ObserveError::from))
    }

    /// Records that answered the same request, newest first.
    pub fn by_request(&self, request: Digest) -> Result<Vec<Record>, ObserveError> {
        self.0.map_or(Ok(Vec::new()), |store| store.by_request(request).map_err(ObserveError::from))
    }

    /// What is kept of a workstream that was not accepted, or waits.
    pub fn kept(&self, ws: &str) -> Result<Option<Kept>, ObserveError> {
        self.0.map_or(Ok(None), |store| store.kept(ws).map_err(ObserveError::from))
    }

    /// Whether a step was flaky the last time, under this key.
    pub fn was_flaky(&self, step: &str, key: Key) -> Result<bool, ObserveError> {
        let Some(store) = self.0 else { return Ok(false) };
        let note = store.note(FLAKY_NOTES, step)?;
        Ok(note.as_ref().and_then(serde_json::Value::as_str) == Some(key.0.hex().as_str()))
    }

    /// The version text that a program with this identity printed.
    pub fn program_version(&self, identity: Digest) -> Result<Option<String>, ObserveError> {
        self.0.map_or(Ok(None), |store| store.program_version(identity).map_err(ObserveError::from))
    }
}

/// Under which tests that were red, then green are noted, with the key that they had.
pub const FLAKY_NOTES: &str = "flaky";

/// A step held against the records.
#[derive(Debug, Clone)]
pub struct Look {
    /// What it observes.
    pub fingerprint: Fingerprint,
    /// The key.
    pub key: Key,
    /// Whether it must run.
    pub verdict: Verdict,
    /// The record under its key, if its proof is whole.
    pub record: Option<Record>,
    /// What it observed when it was last recorded under another key.
    pub last: Option<Fingerprint>,
}

impl Look {
    /// A step for which there can be no record.
    pub fn of_nothing(fingerprint: Fingerprint, verdict: Verdict) -> Self {
        Self { key: fingerprint.key(), fingerprint, verdict, record: None, last: None }
    }

    /// Why it must run; `never ran` stands in where it need not.
    pub fn reason(&self) -> Reason {
        match &self.verdict {
            Verdict::Stale(reason) | Verdict::Unsettled(reason) => reason.clone(),
            Verdict::Fresh(_) => Reason::NeverRan,
        }
    }
}

/// Looks a step up; `proof` says what a record points to that is gone.
pub fn look(
    records: Records<'_>,
    step: &str,
    fingerprint: Fingerprint,
    proof: impl FnOnce(&Record) -> Result<Option<String>, ObserveError>,
) -> Result<Look, ObserveError> {
    let key = fingerprint.key();
    let mut record = records.find(key)?;
    let found = match &record {
        None => Found::Nothing,
        Some(known) => match proof(known)? {
            Some(lost) => Found::Lost(lost),
            None if known.outcome == Outcome::Red => Found::Red,
            None => Found::Green,
        },
    };
    if matches!(found, Found::Lost(_)) {
        record = None;
    }
    let last = match &record {
        Some(_) => None,
        None => records
            .latest(step)?
            .filter(|last| last.key != key)
            .map(|last| records.fingerprint(&last))
            .transpose()?
            .flatten(),
    };
    let verdict = judge(&Observed { fingerprint: &fingerprint, record: found, last: last.as_ref() });
    Ok(Look { fingerprint, key, verdict, record, last })
}

/// Says which paths differ where a reason can only say that a whole tree does.
pub fn tell_tree(repository: &Repository, look: &mut Look) {
    let tree = |fingerprint: &Fingerprint| {
        let part = fingerprint.parts.iter().find(|part| part.name == "tree")?;
        TreeId::from_hex(&part.digest)
    };
    let Verdict::Stale(Reason::Changed(sentence)) = &look.verdict else { return };
    if !sentence.starts_with("tree changed") {
        return;
    }
    let Some((old, new)) = look.last.as_ref().and_then(tree).zip(tree(&look.fingerprint)) else { return };
    let Ok(delta) = repository.diff(old, new) else { return };
    let Some(first) = delta.changes.first() else { return };
    let more = match delta.changes.len() - 1 {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    look.verdict = Verdict::Stale(Reason::Changed(format!("input {} changed{more}", display(&first.path))));
}
