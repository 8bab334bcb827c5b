//! What an acceptance test's outcome is worth: held against the same test on the base, and against policy.
//!
//! Applied when judging, in no key: raising the demands runs nothing again.

use crate::analysis::pipeline::{AcceptanceTest, Prove};
use crate::base::failure::Failure;
use crate::base::path::PatternSet;
use crate::fingerprint::Fingerprint;
use crate::git::object::TreeId;
use crate::observe::edit::display;
use crate::observe::look::Records;
use crate::observe::record::{TestBody, shown};
use crate::observe::workstream::Candidate;
use crate::observe::world::World;
use crate::observe::{ObserveError, body, fixing, verification};
use crate::verify::likeness::are_alike;

/// What a test says of a change, by how it is on the base and with the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Red, then green.
    Proved,
    /// Green both times.
    Kept,
    /// Red both times.
    RedBase,
    /// Green, then red.
    Broken,
}

impl Proof {
    /// `proved kept red-base broken`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Kept => "kept",
            Self::RedBase => "red-base",
            Self::Broken => "broken",
        }
    }

    /// Of a test on the base and with the change.
    pub fn of(base: &TestBody, now: &TestBody) -> Self {
        match (base.failure.is_none(), now.failure.is_none()) {
            (false, true) => Self::Proved,
            (true, true) => Self::Kept,
            (false, false) => Self::RedBase,
            (true, false) => Self::Broken,
        }
    }
}

/// A test on base(W).
#[derive(Debug)]
pub struct BaseTest {
    /// What it observes there.
    pub fingerprint: Fingerprint,
    /// How it was, where that is known.
    pub body: Option<TestBody>,
}

/// Looks at test `number` on the base; `None` where the base's setups are not made.
pub fn on_base(
    world: &World,
    records: Records<'_>,
    candidate: Candidate<'_>,
    number: u32,
) -> Result<Option<BaseTest>, ObserveError> {
    let workstream = candidate.workstream;
    let Some(prepared) = fixing::prepared(world, records, workstream, candidate.base)? else { return Ok(None) };
    let fingerprint = verification::test(world, workstream, number, &prepared.keys, candidate.base)?;
    let body = records.find(fingerprint.key())?.as_ref().map(body).transpose()?;
    Ok(Some(BaseTest { fingerprint, body }))
}

/// Why a test fails, by its outcome, by how it is on the base, and by policy.
pub fn judged(
    world: &World,
    candidate: Candidate<'_>,
    test: &AcceptanceTest,
    now: &TestBody,
    base: Option<&TestBody>,
) -> Option<Failure> {
    let agent = |message: String, help: &str| Failure {
        class: "agent".to_owned(),
        message,
        help: Some(help.to_owned()),
        ..Failure::default()
    };
    if let Some(failure) = &now.failure {
        let same = base.is_some_and(|base| is_same_way(base, now)) && test.prove != Prove::RedFirst;
        return Some(if same { red_base(failure) } else { failure.clone() });
    }
    let strict = world.pipeline.strict;
    if let Some(message) = now.strict_failure(strict) {
        return Some(Failure { class: "agent".to_owned(), message, ..Failure::default() });
    }
    let edited = edited(candidate);
    if strict && !edited.is_empty() {
        let message = format!("test-edited: {}", shown(&edited));
        return Some(agent(message, "what `pins` names is the base's: take the change back, or narrow `pins`"));
    }
    let is_green = base.is_some_and(|base| base.failure.is_none());
    (test.prove == Prove::RedFirst && is_green).then(|| {
        let message = "it is green on the base, too: it proves nothing (`prove \"red-first\"`)".to_owned();
        agent(message, "let it demand what the change is to bring")
    })
}

/// The pinned paths that a candidate edited.
pub fn edited(candidate: Candidate<'_>) -> Vec<String> {
    if candidate.workstream.pins.is_empty() {
        return Vec::new();
    }
    let pins = PatternSet::new(&candidate.workstream.pins);
    let changes = candidate.delta.changes.iter().filter(|change| pins.matches(&change.path));
    changes.map(|change| display(&change.path)).collect()
}

/// Red with the same exit code, and the same that failed for the same reasons: the change did not move it.
fn is_same_way(base: &TestBody, now: &TestBody) -> bool {
    let (Some(before), Some(after)) = (&base.failure, &now.failure) else { return false };
    base.exit == now.exit && are_alike(&before.output, &after.output)
}

fn red_base(failure: &Failure) -> Failure {
    Failure {
        class: "red-base".to_owned(),
        message: format!("{}, as it does on the base", failure.message),
        help: Some("mend the base, or say `prove \"red-first\"` where the change is to make it green".to_owned()),
        ..failure.clone()
    }
}

/// Whether a candidate is its base: then a test is on the base already.
pub fn is_base(candidate: Candidate<'_>) -> bool {
    let tree: TreeId = candidate.tree;
    tree == candidate.base
}
