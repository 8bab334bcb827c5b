//! Verification of a candidate: setups, lints side by side, then the tests in order on exactly that tree.
//!
//! Only this counts, never a tool's word. What lints and tests write is removed after and reported.

mod on_base;
mod sequence;

use std::sync::{Arc, Mutex};

use crate::analysis::pipeline::Workstream;
use crate::base::failure::Failure;
use crate::base::name::RuleName;
use crate::exec::ExecError;
use crate::exec::linting::{self, Linted};
use crate::exec::place::Place;
use crate::exec::session::{Ending, Session, lock};
use crate::exec::setup::{Inputs, SetUp, ensure};
use crate::git::delta::Delta;
use crate::git::object::{CommitId, TreeId};
use crate::graph::StepKind;
use crate::observe::fixing::Red;
use crate::observe::look::Look;
use crate::observe::workstream::{Asked, Candidate, LintLook, Prepared, lint};
use crate::plan::{Freshness, Reason, Verdict};
use crate::store::state::WorkstreamState;
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
    pub wanted: &'b dyn Fn(&StepKind) -> bool,
    /// A test of the sequence wrote something that a later one may build on.
    pub dirtied: bool,
    /// `--again`: a red outcome is looked at once more.
    pub again: bool,
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

    /// All rules that are due, side by side; they share the worktree, which is made exact before the first.
    fn lint(&mut self, prepared: &Prepared) -> Result<Verified, ExecError> {
        let rules: Vec<&RuleName> =
            self.workstream.rules.iter().filter(|rule| (self.wanted)(&self.kind(rule))).collect();
        if rules.is_empty() {
            return Ok(Verified::Green);
        }
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
        let ended = Mutex::new(verified);
        let failed: Mutex<Option<ExecError>> = Mutex::new(None);
        let (session, dir) = (self.session, &self.place.dir);
        std::thread::scope(|scope| {
            for (rule, looked) in &due {
                let kind = self.kind(rule);
                let (ended, failed) = (&ended, &failed);
                scope.spawn(move || match run_lint(session, dir, &kind, rule, looked, prepared) {
                    Ok(one) => {
                        let mut all = lock(ended);
                        *all = worse(all.clone(), one);
                    }
                    Err(error) => *lock(failed) = Some(error),
                });
            }
        });
        match lock(&failed).take() {
            Some(error) => Err(error),
            None => Ok(lock(&ended).clone()),
        }
    }

    fn kind(&self, rule: &RuleName) -> StepKind {
        StepKind::Lint(self.workstream.id.clone(), rule.clone())
    }

    fn candidate<'c>(&'c self, prepared: &'c Prepared) -> Candidate<'c> {
        Candidate { workstream: self.workstream, base: self.base, tree: self.tree, delta: &self.delta, prepared }
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
                        let findings = looked.body.map(|body| body.findings).unwrap_or_default();
                        let failure = linting::failure(self.session.world.rule(rule), findings, None);
                        let red = Red { kind: kind.clone(), failure: failure.clone() };
                        self.session.end(
                            &kind,
                            Ending::without_running(StepStatus::Failed, &looked.look.verdict).failure(failure),
                        );
                        Due::No(Verified::Red(vec![red]))
                    }
                    Verdict::Fresh(_) => {
                        self.session.end(&kind, Ending::fresh(&looked.look.verdict));
                        Due::No(Verified::Green)
                    }
                    _ => Due::Yes(looked),
                }
            }),
        }
    }

    /// With `--again` a red record does not stand.
    fn look_again(&self, look: &mut Look) {
        if self.again && look.verdict == Verdict::Fresh(Freshness::RecordedRed) {
            look.verdict = Verdict::Stale(Reason::Forced);
        }
    }
}

/// Whether a rule's program must run.
enum Due {
    /// It need not; this is what it came to.
    No(Verified),
    /// It must.
    Yes(Box<crate::observe::workstream::Looked>),
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

fn run_lint(
    session: &Session<'_>,
    dir: &std::path::Path,
    kind: &StepKind,
    rule: &RuleName,
    looked: &crate::observe::workstream::Looked,
    prepared: &Prepared,
) -> Result<Verified, ExecError> {
    let verdict = &looked.look.verdict;
    let begun = session.begin(kind, &looked.look.reason().to_string(), None);
    let (status, failure, verified) =
        match linting::run(session, dir, kind, session.world.rule(rule), looked, prepared)? {
            Linted::Green(..) => (StepStatus::Done, None, Verified::Green),
            Linted::Red(failure, _) => {
                let red = Red { kind: kind.clone(), failure: failure.clone() };
                (StepStatus::Failed, Some(failure), Verified::Red(vec![red]))
            }
            Linted::NoOutcome(failure) => (StepStatus::Failed, Some(failure.clone()), Verified::NoOutcome(failure)),
            Linted::Interrupted => (StepStatus::Interrupted, None, Verified::Interrupted),
        };
    let mut ending = Ending::ran(status, verdict, begun);
    ending.failure = failure;
    session.end(kind, ending);
    Ok(verified)
}
