//! Verification of a candidate: setups, lints side by side, then the tests in order on exactly that tree.
//!
//! Only this counts, never a tool's word. What lints and tests write is removed after and reported.

mod lints;
mod on_base;
mod sequence;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::analysis::pipeline::Workstream;
use crate::base::failure::Failure;
use crate::exec::ExecError;
use crate::exec::place::Place;
use crate::exec::session::{Ending, Session};
use crate::exec::setup::{Inputs, SetUp, ensure};
use crate::git::delta::Delta;
use crate::git::object::{CommitId, TreeId};
use crate::graph::StepKind;
use crate::observe::fixing::Red;
use crate::observe::look::Look;
use crate::observe::workstream::{Candidate, Prepared};
use crate::plan::{Freshness, Reason, Verdict};
use crate::summary::StepStatus;

/// What verification came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// All green.
    Green,
    /// Outcomes that fail the workstream.
    Red(Vec<Red>),
    /// No outcome: a tool broke, a program is missing.
    NoOutcome(Failure),
    /// Ctrl-C.
    Interrupted,
}

/// A candidate under verification.
pub struct Verification<'a, 'b> {
    /// The session.
    pub session: &'a Session<'a>,
    /// The workstream.
    pub workstream: &'a Workstream,
    /// base(W).
    pub base: TreeId,
    /// The candidate.
    pub tree: TreeId,
    /// What it changed since base(W).
    pub delta: Arc<Delta>,
    /// A commit whose tree is base(W).
    pub parent: CommitId,
    /// Its worktree.
    pub place: &'b mut Place<'a>,
    /// Which steps are wanted.
    pub wanted: &'b (dyn Fn(&StepKind) -> bool + Sync),
    /// A test of the sequence wrote something that a later one may build on.
    pub dirtied: bool,
    /// `--again`: a red outcome is looked at once more.
    pub again: bool,
    /// Tests that broke on the base; red, where they come to an outcome here.
    pub broke_on_base: BTreeMap<u32, Failure>,
}

impl Verification<'_, '_> {
    /// Verifies; every step is reported.
    pub fn run(&mut self) -> Result<Verified, ExecError> {
        let mut prepared = Prepared::default();
        let verified = self.set_up(&mut prepared)?;
        if verified != Verified::Green {
            return Ok(verified);
        }
        let verified = self.lint(&prepared)?;
        if verified != Verified::Green {
            return Ok(verified);
        }
        self.test(&prepared)
    }

    fn set_up(&mut self, prepared: &mut Prepared) -> Result<Verified, ExecError> {
        for name in &self.workstream.setups {
            let kind = StepKind::Setup(self.workstream.id.clone(), name.clone());
            let wanted = self.session.world.setup(name);
            let mut begun = None;
            let made = ensure(self.session, &kind, wanted, Inputs::Tree(self.tree), |verdict| {
                let reason = crate::preview::words(verdict).1.unwrap_or_default();
                begun = Some((verdict.clone(), self.session.begin(&kind, &reason, None)));
            })?;
            let verdict = begun.as_ref().map_or(Verdict::Fresh(Freshness::Recorded), |(verdict, _)| verdict.clone());
            let ran = |status| match &begun {
                Some((verdict, at)) => Ending::ran(status, verdict, *at),
                None => Ending::without_running(status, &verdict),
            };
            match made {
                SetUp::Ready(look, made) => {
                    prepared.add(wanted, &look);
                    self.session.end(&kind, ran(if made { StepStatus::Done } else { StepStatus::Fresh }));
                }
                SetUp::Failed(failure) => {
                    self.session.end(&kind, ran(StepStatus::Failed).failure(failure.clone()));
                    return Ok(Verified::NoOutcome(failure));
                }
                SetUp::Interrupted => {
                    self.session.end(&kind, ran(StepStatus::Interrupted));
                    return Ok(Verified::Interrupted);
                }
            }
        }
        Ok(Verified::Green)
    }

    fn candidate<'c>(&'c self, prepared: &'c Prepared) -> Candidate<'c> {
        Candidate { workstream: self.workstream, base: self.base, tree: self.tree, delta: &self.delta, prepared }
    }

    /// With `--again` a red record does not stand.
    fn look_again(&self, look: &mut Look) {
        if self.again && look.verdict == Verdict::Fresh(Freshness::RecordedRed) {
            look.verdict = Verdict::Stale(Reason::Forced);
        }
    }
}

fn worse(left: Verified, right: Verified) -> Verified {
    let rank = |verified: &Verified| match verified {
        Verified::Green => 0,
        Verified::NoOutcome(_) => 1,
        Verified::Red(_) => 2,
        Verified::Interrupted => 3,
    };
    match (left, right) {
        (Verified::Red(mut left), Verified::Red(right)) => {
            left.extend(right);
            left.sort_by_key(|red| red.kind.name());
            Verified::Red(left)
        }
        (left, right) if rank(&right) > rank(&left) => right,
        (left, _) => left,
    }
}
