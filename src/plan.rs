//! Verdicts: whether a step must run, and why. Pure.
//!
//! One function, [`judge`], asked by `check` for the preview and by `exec` when a step becomes ready, so that the
//! two cannot disagree. Knows no disk and no processes: what was observed comes in, a verdict goes out.

use serde::{Deserialize, Serialize};

use crate::fingerprint::{Difference, Fingerprint};

/// Whether a step must run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A record holds; nothing runs.
    Fresh(Freshness),
    /// It must run.
    Stale(Reason),
    /// It may have to run: something above it must run first, or only running can tell.
    Unsettled(Reason),
}

/// Why nothing runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// A record under its key.
    Recorded,
    /// Its workstream has landed in the base.
    Landed,
    /// Nothing that it looks at was touched.
    NotDue,
    /// A group, a base: nothing to run.
    Nothing,
    /// Recorded as red; running again would tell the same.
    RecordedRed,
}

/// Why a step must, or may have to, run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// No record of any earlier run.
    NeverRan,
    /// A part of its key changed since its last record; the sentence names it.
    Changed(String),
    /// A step above it must run.
    Upstream(String),
    /// It has no inputs.
    AlwaysRuns,
    /// Asked for by `--force` or `--again`.
    Forced,
    /// What the record points to is gone: `blob evicted`, `output missing`, `output differs`.
    Lost(String),
    /// A program's identity moved; only asking its version can tell.
    Program(String),
    /// It failed, and its kept candidate is verified once more.
    RedAgain,
    /// Red, then green on the same tree: no outcome that could be recorded.
    Flaky,
    /// A step above it failed.
    Blocked(String),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NeverRan => formatter.write_str("never ran"),
            Self::Changed(sentence) | Self::Lost(sentence) => formatter.write_str(sentence),
            Self::Upstream(step) => write!(formatter, "upstream {step}"),
            Self::AlwaysRuns => formatter.write_str("has no inputs, always runs"),
            Self::Forced => formatter.write_str("asked for"),
            Self::Program(name) => write!(formatter, "{name} may have changed"),
            Self::RedAgain => formatter.write_str("failed before, its candidate is verified again"),
            Self::Flaky => formatter.write_str("flaky the last time: red, then green, which is never a record"),
            Self::Blocked(step) => write!(formatter, "blocked by {step}"),
        }
    }
}

/// What is known of a step when it is judged.
#[derive(Debug)]
pub struct Observed<'a> {
    /// What it observes now.
    pub fingerprint: &'a Fingerprint,
    /// Whether a record lies under its key, and which.
    pub record: Found,
    /// The fingerprint of its newest record under another key.
    pub last: Option<&'a Fingerprint>,
}

/// What lies under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// No record.
    Nothing,
    /// A record whose outcome was green and whose proof is whole.
    Green,
    /// A record whose outcome was red.
    Red,
    /// A record whose proof is gone; the sentence says what.
    Lost(String),
}

/// Judges one step whose upstream steps are all settled.
pub fn judge(observed: &Observed<'_>) -> Verdict {
    match &observed.record {
        Found::Green => Verdict::Fresh(Freshness::Recorded),
        Found::Red => Verdict::Fresh(Freshness::RecordedRed),
        Found::Lost(what) => Verdict::Stale(Reason::Lost(what.clone())),
        Found::Nothing => {
            Verdict::Stale(observed.last.map_or(Reason::NeverRan, |last| why(last, observed.fingerprint)))
        }
    }
}

/// The one sentence that names what changed between two fingerprints.
pub fn why(last: &Fingerprint, now: &Fingerprint) -> Reason {
    let differences = last.differences(now);
    match differences.as_slice() {
        [] => Reason::Lost("its record is gone".to_owned()),
        [one] => Reason::Changed(one.to_string()),
        [first, rest @ ..] => Reason::Changed(format!("{} (and {} more)", most_telling(first, rest), rest.len())),
    }
}

/// Inputs and texts tell a person more than a digest of a whole tree.
fn most_telling<'a>(first: &'a Difference, rest: &'a [Difference]) -> &'a Difference {
    let tells = |difference: &&Difference| !matches!(difference, Difference::Changed { name, .. } if name == "tree");
    std::iter::once(first).chain(rest).find(tells).unwrap_or(first)
}
