//! The acceptance tests on base(W): what they say of a change is told by how they were without it.
//!
//! Memoized like any test, under the base's tree: workstreams that start from one tree share them.

use crate::analysis::pipeline::{Command, Prove};
use crate::exec::ExecError;
use crate::exec::place::Place;
use crate::exec::session::{Ending, Made};
use crate::exec::setup::{Inputs, SetUp, ensure};
use crate::exec::verifying::{Verification, Verified};
use crate::fingerprint::Key;
use crate::graph::StepKind;
use crate::observe::record::TestBody;
use crate::observe::testing;
use crate::observe::workstream::{Prepared, test};
use crate::plan::{Reason, Verdict};
use crate::summary::StepStatus;

impl<'a> Verification<'a, '_> {
    /// Runs those tests on the base whose outcome there is not known, where one of them is about to run on the candidate.
    pub(super) fn test_base(&mut self, prepared: &Prepared) -> Result<Option<Verified>, ExecError> {
        let (world, records) = (self.session.world, self.session.records());
        let candidate = self.candidate(prepared);
        if testing::is_base(candidate) {
            return Ok(None);
        }
        let mut wanted = Vec::new();
        for (number, declared) in (1..).zip(&self.workstream.tests) {
            let kind = StepKind::Test(self.workstream.id.clone(), number);
            if declared.prove == Prove::Off || !(self.wanted)(&kind) {
                continue;
            }
            if matches!(test(world, records, candidate, number)?.look.verdict, Verdict::Stale(_)) {
                wanted.push(number);
            }
        }
        if wanted.is_empty() {
            return Ok(None);
        }
        let prepared = match self.prepare_base()? {
            Ok(prepared) => prepared,
            Err(ended) => return Ok(ended),
        };
        let Some((key, _)) = self.unknown_on_base(&wanted, &prepared)? else { return Ok(None) };
        // Others that start from the same tree wait, and find the records.
        self.session.alone(key, || match self.unknown_on_base(&wanted, &prepared)? {
            Some((_, unknown)) => self.tests_on_base(&unknown, &prepared),
            None => Ok(None),
        })
    }

    /// Those of the wanted tests whose outcome on the base is not known, and the key of the first.
    fn unknown_on_base(&self, wanted: &[u32], prepared: &Prepared) -> Result<Option<(Key, Vec<u32>)>, ExecError> {
        let (mut key, mut unknown) = (None, Vec::new());
        for &number in wanted {
            let looked =
                testing::on_base(self.session.world, self.session.records(), self.candidate(prepared), number)?;
            let Some(base) = looked.filter(|base| base.body.is_none()) else { continue };
            key = key.or(Some(base.fingerprint.key()));
            unknown.push(number);
        }
        Ok(key.map(|key| (key, unknown)))
    }

    /// Runs tests on the base, from the first of these to the last.
    fn tests_on_base(&mut self, unknown: &[u32], prepared: &Prepared) -> Result<Option<Verified>, ExecError> {
        let (Some(&first), Some(&last)) = (unknown.first(), unknown.last()) else { return Ok(None) };
        // The same way as the candidate, but on another tree, and on to the end: each test says something for itself.
        let (tree, dirtied) =
            (std::mem::replace(&mut self.tree, self.base), std::mem::replace(&mut self.dirtied, false));
        let mut place = self.stand_on_base();
        let ended =
            self.earlier_on_base(first, prepared).and_then(|earlier| self.run_on_base(earlier, first, last, prepared));
        (self.tree, self.dirtied) = (tree, dirtied);
        self.leave_base(&mut place)?;
        ended
    }

    /// Puts a place of its own in place of the candidate's, which is what comes back.
    pub(super) fn stand_on_base(&mut self) -> Place<'a> {
        std::mem::replace(self.place, Place::for_base(self.session, self.workstream))
    }

    /// Puts the candidate's place back and gives the other one up.
    pub(super) fn leave_base(&mut self, place: &mut Place<'a>) -> Result<(), ExecError> {
        std::mem::swap(self.place, place);
        place.give_up(self.base, false)
    }

    /// The setups of the base; without them nothing is known of it.
    pub(super) fn prepare_base(&self) -> Result<Result<Prepared, Option<Verified>>, ExecError> {
        let mut prepared = Prepared::default();
        for name in &self.workstream.setups {
            let kind = StepKind::Setup(self.workstream.id.clone(), name.clone());
            let wanted = self.session.world.setup(name);
            match ensure(self.session, &kind, wanted, Inputs::Tree(self.base), |_| {})? {
                SetUp::Ready(look, _) => prepared.add(wanted, &look),
                SetUp::Failed(_) => return Ok(Err(None)),
                SetUp::Interrupted => return Ok(Err(Some(Verified::Interrupted))),
            }
        }
        Ok(Ok(prepared))
    }

    /// How many tests are to be run so that the first one stands where it would: none where they wrote nothing there.
    fn earlier_on_base(&self, first: u32, prepared: &Prepared) -> Result<u32, ExecError> {
        for number in 1..first {
            let looked =
                testing::on_base(self.session.world, self.session.records(), self.candidate(prepared), number)?;
            if looked.and_then(|base| base.body).is_none_or(|body| body.dirtied) {
                return Ok(first - 1);
            }
        }
        Ok(0)
    }

    fn run_on_base(
        &mut self,
        earlier: u32,
        first: u32,
        last: u32,
        prepared: &Prepared,
    ) -> Result<Option<Verified>, ExecError> {
        let sequence = match self.begin_sequence(earlier, prepared)? {
            Ok(sequence) => sequence,
            Err(ended) => return Ok(Some(ended)),
        };
        for number in first..=last {
            let kind = StepKind::Test(self.workstream.id.clone(), number);
            let declared = &self.workstream.tests[number as usize - 1];
            let (ran, tampered) = self.start(&kind, declared, &sequence, prepared, BASE)?;
            if ran.cancelled() {
                return Ok(Some(Verified::Interrupted));
            }
            // What reached beyond its worktree would not be seen a second time: on the candidate it finds it done.
            if let Some(failure) = tampered {
                let verdict = Verdict::Stale(Reason::NeverRan);
                let ending = Ending::without_running(StepStatus::Failed, &verdict).failure(failure.clone());
                self.session.end(&kind, ending);
                return Ok(Some(Verified::NoOutcome(failure)));
            }
            if let Some(failure) = ran.no_outcome(matches!(declared.command, Command::Shell(_))) {
                // Too little time tells nothing; what is not there, or crashes, may be what the change is about.
                if failure.class != "timeout" {
                    self.broke_on_base.insert(number, failure);
                }
                continue;
            }
            let body = self.outcome(declared, &sequence, &ran, None, 0)?;
            self.remember_on_base(number, &body, ran.duration_ms(), prepared)?;
        }
        Ok(None)
    }

    fn remember_on_base(
        &self,
        number: u32,
        body: &TestBody,
        duration_ms: u64,
        prepared: &Prepared,
    ) -> Result<(), ExecError> {
        let look = testing::on_base(self.session.world, self.session.records(), self.candidate(prepared), number)?;
        let Some(base) = look.filter(|base| base.body.is_none()) else { return Ok(()) };
        let step = format!("{}/base.test.{number}", self.workstream.id);
        let made = Made::new(body.outcome(), body, duration_ms);
        self.session.record_as(&step, "test", &base.fingerprint, made)
    }

    /// A test that broke on the base and came to an outcome on the candidate in the same run was red: the change brought what was
    /// missing. Without the second it could as well be the machine that lacks it.
    pub(super) fn broke_on_base(&mut self, number: u32, prepared: &Prepared) -> Result<(), ExecError> {
        let Some(failure) = self.broke_on_base.remove(&number) else { return Ok(()) };
        let body =
            TestBody { exit: BROKE, dirtied: true, dirtied_paths: Vec::new(), times_red: 1, failure: Some(failure) };
        self.remember_on_base(number, &body, 0, prepared)
    }
}

/// The exit code of a test that broke: none.
const BROKE: i32 = -1;

/// The number that logs of tests on the base have.
const BASE: u32 = 0;
