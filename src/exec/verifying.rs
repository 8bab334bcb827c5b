//! Verification of a candidate: setups, lints side by side, then the tests in order on exactly that tree.
//!
//! Only this counts, never a tool's word. What lints and tests write is removed after and reported.

use std::sync::{Arc, Mutex};

use crate::analysis::pipeline::{AcceptanceTest, Command, Workstream};
use crate::base::failure::Failure;
use crate::base::name::RuleName;
use crate::exec::ExecError;
use crate::exec::command::{Launch, Properties, Ran, launch, with_withheld};
use crate::exec::fence::{Reach, Watch};
use crate::exec::linting::{self, Linted};
use crate::exec::place::Place;
use crate::exec::session::{Ending, Made, Session, lock};
use crate::exec::setup::{Inputs, SetUp, ensure};
use crate::git::delta::Delta;
use crate::git::object::{CommitId, TreeId};
use crate::graph::StepKind;
use crate::observe::ObserveError;
use crate::observe::edit::display;
use crate::observe::ignored::IgnoreRules;
use crate::observe::look::Look;
use crate::observe::record::{TestBody, shown};
use crate::observe::workstream::{Candidate, LintLook, Prepared, TestLook, lint, test};
use crate::plan::{Freshness, Reason, Verdict};
use crate::store::record::Outcome;
use crate::store::state::WorkstreamState;
use crate::summary::StepStatus;

/// Wall time of a test that says none.
const TEST_TIMEOUT_MS: u64 = 10 * 60 * 1000;

/// What verification came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// All green.
    Green,
    /// An outcome that fails the workstream.
    Red(String),
    /// No outcome: a tool broke, a program is missing.
    NoOutcome(String),
    /// Ctrl-C.
    Interrupted,
}

/// A candidate under verification.
pub struct Verification<'a, 'b> {
    /// The session.
    pub session: &'a Session<'a>,
    /// The workstream.
    pub workstream: &'a Workstream,
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
                    let message = failure.message.clone();
                    self.session.end(&kind, ran(StepStatus::Failed).failure(failure));
                    return Ok(Verified::NoOutcome(message));
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
        Candidate { workstream: self.workstream, tree: self.tree, delta: &self.delta, prepared }
    }

    fn look_at(&self, rule: &RuleName, prepared: &Prepared) -> Result<Due, ExecError> {
        let kind = self.kind(rule);
        let look = || lint(self.session.world, self.session.records(), self.candidate(prepared), rule);
        let mut first = look()?;
        if let LintLook::AskVersion(asked) = &first {
            if let Some(failure) = linting::ask_version(self.session, &kind, asked, prepared)? {
                let message = failure.message.clone();
                let verdict = Verdict::Unsettled(Reason::Program(asked.program.clone()));
                self.session.end(&kind, Ending::without_running(StepStatus::Failed, &verdict).failure(failure));
                return Ok(Due::No(Verified::NoOutcome(message)));
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
            LintLook::AskVersion(asked) => {
                Ok(Due::No(Verified::NoOutcome(format!("{} told no version", asked.program))))
            }
            LintLook::Looked(mut looked) => Ok({
                self.look_again(&mut looked.look);
                match looked.look.verdict {
                    Verdict::Fresh(Freshness::RecordedRed) => {
                        let findings = looked.body.map(|body| body.findings).unwrap_or_default();
                        let failure = linting::failure(self.session.world.rule(rule), findings, None);
                        let message = failure.message.clone();
                        self.session.end(
                            &kind,
                            Ending::without_running(StepStatus::Failed, &looked.look.verdict).failure(failure),
                        );
                        Due::No(Verified::Red(message))
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

    /// The tests in order. Those whose records hold are not run, unless a later one builds on what they wrote.
    fn test(&mut self, prepared: &Prepared) -> Result<Verified, ExecError> {
        let count = u32::try_from(self.workstream.tests.len()).unwrap_or(u32::MAX);
        let mut sequence: Option<Sequence> = None;
        for number in 1..=count {
            let kind = StepKind::Test(self.workstream.id.clone(), number);
            if !(self.wanted)(&kind) {
                continue;
            }
            let mut look = test(self.session.world, self.session.records(), self.candidate(prepared), number)?;
            self.look_again(&mut look.look);
            match &look.look.verdict {
                Verdict::Fresh(Freshness::RecordedRed) => return Ok(self.red_from_record(&kind, look)),
                Verdict::Fresh(_) => {
                    self.dirtied |= look.body.as_ref().is_some_and(|body| body.dirtied);
                    self.session.end(&kind, Ending::fresh(&look.look.verdict));
                    if let Some(sequence) = &mut sequence {
                        sequence.missed = true;
                    }
                    continue;
                }
                _ => {}
            }
            let ready = match sequence.take() {
                Some(known) if !known.missed => known,
                _ => match self.begin_sequence(if self.dirtied { number - 1 } else { 0 }, prepared)? {
                    Ok(ready) => ready,
                    Err(verified) => return Ok(verified),
                },
            };
            match self.run_test(&kind, number, look, &ready, prepared)? {
                Verified::Green => sequence = Some(ready),
                other => return Ok(other),
            }
        }
        Ok(Verified::Green)
    }

    fn red_from_record(&self, kind: &StepKind, look: TestLook) -> Verified {
        let strict = self.session.world.pipeline.strict;
        let failure = look.body.map(|body| {
            let message = body.strict_failure(strict).unwrap_or_default();
            body.failure.unwrap_or(Failure { class: "agent".to_owned(), message, ..Failure::default() })
        });
        let failure = Failure { help: Some(AGAIN.to_owned()), ..failure.unwrap_or_default() };
        let message = failure.message.clone();
        self.session.end(kind, Ending::without_running(StepStatus::Failed, &look.look.verdict).failure(failure));
        Verified::Red(message)
    }

    /// The candidate, an own home and temporary folder; the first `earlier` tests are run to stand where they left off.
    fn begin_sequence(&mut self, earlier: u32, prepared: &Prepared) -> Result<Result<Sequence, Verified>, ExecError> {
        self.session.move_to(&self.workstream.id, WorkstreamState::RuntimeTests)?;
        self.place.make_exact(self.tree, self.parent)?;
        let sequence =
            Sequence { home: self.place.scratch("home")?, temporary: self.place.scratch("tmp")?, missed: false };
        for number in 1..=earlier {
            let kind = StepKind::Test(self.workstream.id.clone(), number);
            let declared = &self.workstream.tests[number as usize - 1];
            let (ran, tampered) = self.start(&kind, declared, &sequence, prepared, 0)?;
            if ran.cancelled() {
                return Ok(Err(Verified::Interrupted));
            }
            if let Some(failure) = tampered {
                self.session.note("warning", format!("{} {}", kind.name(), failure.message));
                return Ok(Err(Verified::NoOutcome(failure.message)));
            }
        }
        Ok(Ok(sequence))
    }

    /// Runs a test; with the failure that it is where it reached into the repository's own files.
    fn start(
        &self,
        kind: &StepKind,
        test: &AcceptanceTest,
        sequence: &Sequence,
        prepared: &Prepared,
        attempt: u32,
    ) -> Result<(Ran, Option<Failure>), ExecError> {
        let properties = Properties {
            worktree: Some(self.place.dir.clone()),
            workstream: self.workstream.id.0.clone(),
            ..Properties::default()
        };
        let launched = Launch {
            argv: properties.argv(&test.command),
            dir: &self.place.dir,
            environment: &self.workstream.environment,
            bins: &prepared.bins,
            own: &[("HOME", &sequence.home), ("TMPDIR", &sequence.temporary)],
            secrets: &[],
            pool: None,
            jobserver: None,
            timeout_ms: test.timeout_ms.unwrap_or(TEST_TIMEOUT_MS),
            log: self.session.log(kind, attempt),
        };
        let watch = Watch::begin(self.session, &kind.name(), Reach::Books)?;
        let ran = launch(self.session, launched);
        Ok((ran, watch.end_of_step(self.session)?))
    }

    fn run_test(
        &mut self,
        kind: &StepKind,
        number: u32,
        look: TestLook,
        sequence: &Sequence,
        prepared: &Prepared,
    ) -> Result<Verified, ExecError> {
        let verdict = look.look.verdict.clone();
        let begun = self.session.begin(kind, &look.look.reason().to_string(), None);
        let declared = &self.workstream.tests[number as usize - 1];
        let (ran, tampered) = self.start(kind, declared, sequence, prepared, 1)?;
        if ran.cancelled() {
            self.session.end(kind, Ending::ran(StepStatus::Interrupted, &verdict, begun));
            return Ok(Verified::Interrupted);
        }
        let shell = matches!(declared.command, Command::Shell(_));
        if let Some(mut failure) = ran.no_outcome(shell) {
            failure.findings.extend(tampered.into_iter().flat_map(|tampered| tampered.findings));
            let message = failure.message.clone();
            self.session
                .end(kind, Ending::ran(StepStatus::Failed, &verdict, begun).failure(with_withheld(failure, &ran)));
            return Ok(Verified::NoOutcome(message));
        }
        let dirtied_paths = self.dirtied_paths()?;
        let dirtied = !dirtied_paths.is_empty() || sequence.is_written();
        self.dirtied |= dirtied;
        let exit = ran.exit().unwrap_or(-1);
        let failure = tampered.or_else(|| red(&declared.command, &ran, exit));
        let times_red = if failure.is_some() { look.body.as_ref().map_or(0, |body| body.times_red) + 1 } else { 0 };
        let outcome = if failure.is_some() { Outcome::Red } else { Outcome::Green };
        let detail = (!dirtied_paths.is_empty()).then(|| format!("test-dirtied: {}", shown(&dirtied_paths)));
        self.warn_of(kind, &dirtied_paths)?;
        let body = TestBody { exit, dirtied, dirtied_paths, times_red, failure: failure.clone() };
        self.session.record(kind, &look.look, Made::new(outcome, &body, ran.duration_ms()))?;
        // Whether a test may write is policy: judged, and in no record.
        let strict = || {
            let message = body.strict_failure(self.session.world.pipeline.strict)?;
            Some(ran.failure("agent", message, None))
        };
        let failure = failure.or_else(strict);
        let status = if failure.is_some() { StepStatus::Failed } else { StepStatus::Done };
        let mut ending = Ending::ran(status, &verdict, begun);
        ending.detail = detail;
        let Some(mut failure) = failure else {
            self.session.end(kind, ending);
            return Ok(Verified::Green);
        };
        if times_red > 1 {
            failure.message = format!("{} again", failure.message);
            failure.help = Some(AGAIN.to_owned());
        }
        let message = failure.message.clone();
        self.session.end(kind, ending.failure(with_withheld(failure, &ran)));
        Ok(Verified::Red(message))
    }

    /// Says what a test wrote into the tree; what the tree's own ignore rules name is no news.
    fn warn_of(&self, kind: &StepKind, dirtied: &[String]) -> Result<(), ExecError> {
        if dirtied.is_empty() {
            return Ok(());
        }
        let rules = IgnoreRules::of(&self.session.world.located().repository, self.tree).map_err(ObserveError::from)?;
        let news: Vec<String> = dirtied.iter().filter(|path| !rules.ignores(path.as_bytes())).cloned().collect();
        if !news.is_empty() {
            self.session.note("warning", format!("{} test-dirtied: {}", kind.name(), shown(&news)));
        }
        Ok(())
    }

    /// Paths of the worktree that differ from the candidate.
    fn dirtied_paths(&self) -> Result<Vec<String>, ExecError> {
        let snapshot = self.place.look(self.tree, self.parent)?;
        Ok(snapshot.delta.changes.iter().map(|change| display(&change.path)).collect())
    }
}

/// What a person can do about an outcome that stands.
const AGAIN: &str =
    "nothing changed since it failed; mend it in the worktree, change the workstream, or build with --again";

fn red(command: &Command, ran: &Ran, exit: i32) -> Option<Failure> {
    (exit != 0).then(|| {
        let message = format!("`{}` ended with exit code {exit}", one_line(&command.text()));
        ran.failure("agent", message, None)
    })
}

/// The first line of a text, cut to a readable length.
fn one_line(text: &str) -> String {
    const SHOWN_CHARACTERS: usize = 60;
    let first = text.lines().next().unwrap_or_default();
    match first.char_indices().nth(SHOWN_CHARACTERS) {
        Some((cut, _)) => format!("{}…", &first[..cut]),
        None => first.to_owned(),
    }
}

/// Whether a rule's program must run.
enum Due {
    /// It need not; this is what it came to.
    No(Verified),
    /// It must.
    Yes(Box<crate::observe::workstream::Looked>),
}

/// Home and temporary folder of one test sequence.
struct Sequence {
    home: std::path::PathBuf,
    temporary: std::path::PathBuf,
    /// A test in between was not run: what comes next does not stand where the sequence would.
    missed: bool,
}

impl Sequence {
    fn is_written(&self) -> bool {
        let holds =
            |folder: &std::path::Path| std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        holds(&self.home) || holds(&self.temporary)
    }
}

fn worse(left: Verified, right: Verified) -> Verified {
    let rank = |verified: &Verified| match verified {
        Verified::Green => 0,
        Verified::NoOutcome(_) => 1,
        Verified::Red(_) => 2,
        Verified::Interrupted => 3,
    };
    if rank(&right) > rank(&left) { right } else { left }
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
            Linted::Red(failure, _) => (StepStatus::Failed, Some(failure.clone()), Verified::Red(failure.message)),
            Linted::NoOutcome(failure) => {
                (StepStatus::Failed, Some(failure.clone()), Verified::NoOutcome(failure.message))
            }
            Linted::Interrupted => (StepStatus::Interrupted, None, Verified::Interrupted),
        };
    let mut ending = Ending::ran(status, verdict, begun);
    ending.failure = failure;
    session.end(kind, ending);
    Ok(verified)
}
