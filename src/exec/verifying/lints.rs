//! The rules of a candidate: those that are due run side by side; where one would fail, its base is looked over, too.
//!
//! What fails is judged: the policy and what the base has are in no key.

use std::sync::Mutex;
use std::time::Instant;

use crate::analysis::pipeline::Rule;
use crate::base::failure::Failure;
use crate::base::finding::Finding;
use crate::base::name::RuleName;
use crate::exec::ExecError;
use crate::exec::command::Ran;
use crate::exec::linting::{self, Batches, Linted, Over};
use crate::exec::session::{Ending, lock};
use crate::exec::verifying::{Verification, Verified, worse};
use crate::graph::StepKind;
use crate::observe::baseline::{self, BaseLint, Judged};
use crate::observe::fixing::Red;
use crate::observe::workstream::{Asked, LintLook, Looked, Prepared, lint};
use crate::plan::{Freshness, Reason, Verdict};
use crate::store::state::WorkstreamState;
use crate::summary::StepStatus;

/// Whether a rule's program must run.
enum Due {
    /// It need not; this is what it came to.
    No(Verified),
    /// It must.
    Yes(Box<crate::observe::workstream::Looked>),
}

/// A rule that ran.
struct Run {
    rule: RuleName,
    looked: Box<Looked>,
    begun: Instant,
    ended: Batches,
}

impl Verification<'_, '_> {
    /// All rules that are due, side by side; they share the worktree, which is made exact before the first.
    pub(super) fn lint(&mut self, prepared: &Prepared) -> Result<Verified, ExecError> {
        let rules: Vec<&RuleName> =
            self.workstream.rules.iter().filter(|rule| (self.wanted)(&self.kind(rule))).collect();
        let mut due = Vec::new();
        let mut verified = Verified::Green;
        for rule in rules {
            match self.look_at(rule, prepared)? {
                Due::No(ended) => verified = worse(verified, ended),
                Due::Yes(looked) => due.push((rule.clone(), looked)),
            }
        }
        if due.is_empty() {
            return Ok(verified);
        }
        self.session.move_to(&self.workstream.id, WorkstreamState::StaticCheck)?;
        self.place.make_exact(self.tree, self.parent)?;
        let runs = self.run_side_by_side(due, prepared)?;
        for run in runs {
            verified = worse(verified, self.end_lint(run, prepared)?);
        }
        Ok(verified)
    }

    fn run_side_by_side(&self, due: Vec<(RuleName, Box<Looked>)>, prepared: &Prepared) -> Result<Vec<Run>, ExecError> {
        let runs: Mutex<Vec<Run>> = Mutex::default();
        let failed: Mutex<Option<ExecError>> = Mutex::new(None);
        let (session, dir) = (self.session, &self.place.dir);
        std::thread::scope(|scope| {
            for (rule, looked) in due {
                let kind = self.kind(&rule);
                let (runs, failed) = (&runs, &failed);
                scope.spawn(move || {
                    let begun = session.begin(&kind, &looked.look.reason().to_string(), None);
                    match linting::run(session, dir, &kind, session.world.rule(&rule), &looked, prepared) {
                        Ok(ended) => lock(runs).push(Run { rule, looked, begun, ended }),
                        Err(error) => *lock(failed) = Some(error),
                    }
                });
            }
        });
        match lock(&failed).take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut lock(&runs))),
        }
    }

    fn end_lint(&mut self, run: Run, prepared: &Prepared) -> Result<Verified, ExecError> {
        let Run { rule, looked, begun, ended } = run;
        let kind = self.kind(&rule);
        let verdict = &looked.look.verdict;
        let (status, failure, verified) = match ended {
            Ok((findings, _, last)) => match self.judge(&kind, &rule, &looked, prepared, findings, last.as_ref())? {
                Ok(None) => (StepStatus::Done, None, Verified::Green),
                Ok(Some(failure)) => {
                    let red = Red { kind: kind.clone(), failure: failure.clone() };
                    (StepStatus::Failed, Some(failure), Verified::Red(vec![red]))
                }
                Err(Linted::NoOutcome(failure)) => {
                    (StepStatus::Failed, Some((*failure).clone()), Verified::NoOutcome(*failure))
                }
                Err(Linted::Interrupted) => (StepStatus::Interrupted, None, Verified::Interrupted),
            },
            Err(Linted::NoOutcome(failure)) => {
                (StepStatus::Failed, Some((*failure).clone()), Verified::NoOutcome(*failure))
            }
            Err(Linted::Interrupted) => (StepStatus::Interrupted, None, Verified::Interrupted),
        };
        let mut ending = Ending::ran(status, verdict, begun).record(looked.look.key);
        ending.failure = failure;
        self.session.end(&kind, ending);
        Ok(verified)
    }

    /// The failure that findings are, if any; the base is looked over where that is not known.
    fn judge(
        &mut self,
        kind: &StepKind,
        rule: &RuleName,
        looked: &Looked,
        prepared: &Prepared,
        findings: Vec<Finding>,
        last: Option<&Ran>,
    ) -> Result<Result<Option<Failure>, Linted>, ExecError> {
        let (session, rule) = (self.session, self.session.world.rule(rule));
        let judge = |this: &Self| {
            let candidate = this.candidate(prepared);
            baseline::judged(session.world, session.records(), candidate, rule, &looked.files, &findings)
        };
        let mut judged = judge(self)?;
        if !judged.failing.is_empty() && !judged.is_open && judged.old == 0 {
            // The base's setups may not be made yet: nothing is known of it then.
            if self.prepare_base()?.is_ok() {
                judged = judge(self)?;
            }
        }
        if judged.is_open {
            if let Err(ended) = self.look_over_base(kind, looked, prepared, &judged.failing)? {
                return Ok(Err(ended));
            }
            judged = judge(self)?;
        }
        Ok(Ok((!judged.failing.is_empty()).then(|| linting::failure(rule, Judged { is_open: false, ..judged }, last))))
    }

    /// Runs a rule on the base, and remembers what it found there.
    fn look_over_base(
        &mut self,
        kind: &StepKind,
        looked: &Looked,
        prepared: &Prepared,
        failing: &[Finding],
    ) -> Result<Result<(), Linted>, ExecError> {
        let StepKind::Lint(_, name) = kind else { return Ok(Ok(())) };
        let (session, rule) = (self.session, self.session.world.rule(name));
        let on_base = |this: &Self| {
            baseline::on_base(session.world, session.records(), this.candidate(prepared), rule, &looked.files, failing)
        };
        let Some(base) = on_base(self)?.filter(|base| base.findings.is_none()) else { return Ok(Ok(())) };
        session.alone(base.fingerprint.key(), || match on_base(self)?.filter(|base| base.findings.is_none()) {
            Some(base) => self.run_over_base(kind, rule, &base),
            None => Ok(Ok(())),
        })
    }

    fn run_over_base(
        &mut self,
        kind: &StepKind,
        rule: &Rule,
        base: &BaseLint,
    ) -> Result<Result<(), Linted>, ExecError> {
        let session = self.session;
        let mut place = self.stand_on_base();
        let made_exact = self.place.make_exact(self.base, self.parent);
        let over = Over { files: &base.files, tree: self.base, prepared: &base.prepared, attempt: BASE_ATTEMPT };
        let ended = made_exact.and_then(|()| linting::look_over(session, &self.place.dir, kind, rule, over));
        self.leave_base(&mut place)?;
        match ended? {
            Ok((findings, duration_ms, _)) => {
                // What it did to the repository's own files is no finding of the base's: it would excuse itself.
                let (tampered, findings): (Vec<Finding>, Vec<Finding>) =
                    findings.into_iter().partition(|finding| finding.category == "scope_violation");
                if !tampered.is_empty() {
                    let tampered_base = crate::exec::holding::tampered(&tampered);
                    return Ok(Err(Linted::NoOutcome(Box::new(tampered_base))));
                }
                let step = format!("{}/base.{}", self.workstream.id, rule.name);
                session.record_as(&step, "lint", &base.fingerprint, linting::made(findings, 0, duration_ms))?;
                Ok(Ok(()))
            }
            // Nothing is known of the base then, and everything counts.
            Err(Linted::NoOutcome(_)) => Ok(Ok(())),
            Err(Linted::Interrupted) => Ok(Err(Linted::Interrupted)),
        }
    }

    fn kind(&self, rule: &RuleName) -> StepKind {
        StepKind::Lint(self.workstream.id.clone(), rule.clone())
    }

    fn look_at(&self, rule: &RuleName, prepared: &Prepared) -> Result<Due, ExecError> {
        let kind = self.kind(rule);
        let look = || lint(self.session.world, self.session.records(), self.candidate(prepared), rule);
        let mut first = look()?;
        if let LintLook::Install(program) = &first {
            if let Some(failure) = linting::install(self.session, self.session.world.rule(rule), program) {
                let verdict = Verdict::Unsettled(Reason::Program(program.clone()));
                let ending = Ending::without_running(StepStatus::Failed, &verdict).failure(failure.clone());
                self.session.end(&kind, ending);
                return Ok(Due::No(Verified::NoOutcome(failure)));
            }
            first = look()?;
        }
        if let LintLook::AskVersion(asked) = &first {
            if let Some(failure) = linting::ask_version(self.session, &kind, asked, prepared)? {
                let verdict = Verdict::Unsettled(Reason::Program(asked.program.clone()));
                let ending = Ending::without_running(StepStatus::Failed, &verdict).failure(failure.clone());
                self.session.end(&kind, ending);
                return Ok(Due::No(Verified::NoOutcome(failure)));
            }
            first = look()?;
        }
        match first {
            LintLook::NotDue => {
                self.session.end(
                    &kind,
                    Ending::fresh(&Verdict::Fresh(Freshness::NotDue)).detail("it looks at nothing that was changed"),
                );
                Ok(Due::No(Verified::Green))
            }
            LintLook::NoProgram(program) => {
                let ending = Ending::without_running(StepStatus::Skipped, &Verdict::Fresh(Freshness::Nothing));
                self.session.end(&kind, ending.detail(format!("{program} is not installed")));
                self.session.note("warning", format!("{rule} was skipped: {program} is not installed (`pl doctor`)"));
                Ok(Due::No(Verified::Green))
            }
            LintLook::AskVersion(Asked { program, .. }) | LintLook::Install(program) => {
                let message = format!("{program} told no version");
                let class = "infrastructure".to_owned();
                Ok(Due::No(Verified::NoOutcome(Failure { class, message, ..Failure::default() })))
            }
            LintLook::Looked(mut looked) => Ok({
                self.look_again(&mut looked.look);
                match looked.look.verdict {
                    Verdict::Fresh(Freshness::RecordedRed) => {
                        let failure = linting::failure(self.session.world.rule(rule), looked.judged, None);
                        let red = Red { kind: kind.clone(), failure: failure.clone() };
                        let ending = Ending::without_running(StepStatus::Failed, &looked.look.verdict);
                        self.session.end(&kind, ending.record(looked.look.key).failure(failure));
                        Due::No(Verified::Red(vec![red]))
                    }
                    Verdict::Fresh(_) => {
                        self.session.end(&kind, Ending::fresh(&looked.look.verdict).record(looked.look.key));
                        Due::No(Verified::Green)
                    }
                    _ => Due::Yes(looked),
                }
            }),
        }
    }
}

/// The number of the first log of a rule on the base.
const BASE_ATTEMPT: u32 = 1000;
