//! The acceptance tests of a candidate: one sequence in order, on exactly that tree, with a home and a temporary folder of its own.
//!
//! Those whose records hold are not run, unless a later one builds on what they wrote.

use crate::analysis::pipeline::{AcceptanceTest, Command, Prove};
use crate::base::failure::Failure;
use crate::exec::ExecError;
use crate::exec::command::{Launch, Properties, Ran, launch, with_withheld};
use crate::exec::fence::{Reach, Watch};
use crate::exec::session::{Ending, Made};
use crate::exec::verifying::{Verification, Verified};
use crate::graph::StepKind;
use crate::observe::ObserveError;
use crate::observe::edit::display;
use crate::observe::fixing::Red;
use crate::observe::ignored::IgnoreRules;
use crate::observe::look::FLAKY_NOTES;
use crate::observe::record::{TestBody, shown};
use crate::observe::testing::{self, Proof};
use crate::observe::workstream::{Candidate, Prepared, TestLook, test};
use crate::plan::{Freshness, Verdict};
use crate::store::state::WorkstreamState;
use crate::summary::StepStatus;

/// Wall time of a test that says none.
const TEST_TIMEOUT_MS: u64 = 10 * 60 * 1000;

impl Verification<'_, '_> {
    /// The tests in order. Those whose records hold are not run, unless a later one builds on what they wrote.
    pub(super) fn test(&mut self, prepared: &Prepared) -> Result<Verified, ExecError> {
        let count = u32::try_from(self.workstream.tests.len()).unwrap_or(u32::MAX);
        let mut sequence: Option<Sequence> = None;
        if let Some(ended) = self.test_base(prepared)? {
            return Ok(ended);
        }
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
        let failure = look.failure.unwrap_or_default();
        let red = Red { kind: kind.clone(), failure: failure.clone() };
        let help = if failure.class == "red-base" { failure.help.clone() } else { Some(AGAIN.to_owned()) };
        let failure = Failure { help, ..failure };
        self.session.end(kind, Ending::without_running(StepStatus::Failed, &look.look.verdict).failure(failure));
        Verified::Red(vec![red])
    }

    /// The candidate, an own home and temporary folder; the first `earlier` tests are run to stand where they left off.
    pub(super) fn begin_sequence(
        &mut self,
        earlier: u32,
        prepared: &Prepared,
    ) -> Result<Result<Sequence, Verified>, ExecError> {
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
                return Ok(Err(Verified::NoOutcome(failure)));
            }
        }
        Ok(Ok(sequence))
    }

    /// Runs a test; with the failure that it is where it reached into the repository's own files.
    pub(super) fn start(
        &self,
        kind: &StepKind,
        test: &AcceptanceTest,
        sequence: &Sequence,
        prepared: &Prepared,
        attempt: u32,
    ) -> Result<(Ran, Option<Failure>), ExecError> {
        let properties = Properties {
            worktree: Some(self.place.dir.clone()),
            workstream: self.workstream.id.to_string(),
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
            idle_ms: None,
            kind,
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
            let failure = with_withheld(failure, &ran);
            self.session.end(kind, Ending::ran(StepStatus::Failed, &verdict, begun).failure(failure.clone()));
            return Ok(Verified::NoOutcome(failure));
        }
        let times_red = look.body.as_ref().map_or(0, |body| body.times_red);
        let body = self.outcome(declared, sequence, &ran, tampered, times_red)?;
        self.warn_of(kind, &body.dirtied_paths)?;
        let is_red = ran.exit().is_some_and(|code| code != 0);
        let flaky = is_red && times_red == 0 && self.is_green_now(kind, number, prepared)?;
        if flaky {
            self.session.store.set_note(FLAKY_NOTES, &kind.name(), &look.look.key.0.hex().into())?;
            return Ok(self.flaky(kind, declared, Ending::ran(StepStatus::Done, &verdict, begun), &ran));
        }
        self.session.record(kind, &look.look, Made::new(body.outcome(), &body, ran.duration_ms()))?;
        self.broke_on_base(number, prepared)?;
        let candidate = self.candidate(prepared);
        let base = testing::on_base(self.session.world, self.session.records(), candidate, number)?;
        let base = base.and_then(|base| base.body).filter(|_| declared.prove != Prove::Off);
        let failure = testing::judged(self.session.world, candidate, declared, &body, base.as_ref());
        let status = if failure.is_some() { StepStatus::Failed } else { StepStatus::Done };
        let mut ending = Ending::ran(status, &verdict, begun);
        ending.detail = self.detail(&body, base.as_ref(), candidate);
        if failure.is_none() && declared.prove == Prove::RedFirst && base.is_none() {
            let failure = unproved(declared, self.session.log(kind, 0));
            ending.status = StepStatus::Failed;
            self.session.end(kind, ending.failure(failure.clone()));
            return Ok(Verified::NoOutcome(failure));
        }
        let Some(failure) = failure else {
            self.session.end(kind, ending);
            return Ok(Verified::Green);
        };
        let red = Red { kind: kind.clone(), failure: failure.clone() };
        let mut failure = if failure.reproduce.is_some() { failure } else { with_process(failure, &ran) };
        if body.times_red > 1 {
            failure.message = format!("{} again", failure.message);
            failure.help = Some(AGAIN.to_owned());
        }
        self.session.end(kind, ending.failure(with_withheld(failure, &ran)));
        Ok(Verified::Red(vec![red]))
    }

    /// What a test that ran came to, with what it wrote.
    pub(super) fn outcome(
        &mut self,
        declared: &AcceptanceTest,
        sequence: &Sequence,
        ran: &Ran,
        tampered: Option<Failure>,
        times_red: u32,
    ) -> Result<TestBody, ExecError> {
        let dirtied_paths = self.dirtied_paths()?;
        let dirtied = !dirtied_paths.is_empty() || sequence.is_written();
        self.dirtied |= dirtied;
        let exit = ran.exit().unwrap_or(-1);
        let failure = tampered.or_else(|| red(&declared.command, ran, exit));
        let times_red = if failure.is_some() { times_red + 1 } else { 0 };
        Ok(TestBody { exit, dirtied, dirtied_paths, times_red, failure })
    }

    /// `proved`, what it wrote, which pinned paths were edited.
    fn detail(&self, now: &TestBody, base: Option<&TestBody>, candidate: Candidate<'_>) -> Option<String> {
        let edited = testing::edited(candidate);
        if !edited.is_empty() {
            self.session.note("warning", format!("{} test-edited: {}", self.workstream.id, shown(&edited)));
        }
        let proof = base.map(|base| Proof::of(base, now).word().to_owned());
        let wrote = (!now.dirtied_paths.is_empty()).then(|| format!("test-dirtied: {}", shown(&now.dirtied_paths)));
        let edited = (!edited.is_empty()).then(|| format!("test-edited: {}", shown(&edited)));
        let parts: Vec<String> = [proof, wrote, edited].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Runs a red test once more, from the beginning of its sequence.
    fn is_green_now(&mut self, kind: &StepKind, number: u32, prepared: &Prepared) -> Result<bool, ExecError> {
        let earlier = if self.dirtied { number - 1 } else { 0 };
        let Ok(sequence) = self.begin_sequence(earlier, prepared)? else { return Ok(false) };
        let declared = &self.workstream.tests[number as usize - 1];
        let (ran, tampered) = self.start(kind, declared, &sequence, prepared, 2)?;
        Ok(ran.exit() == Some(0) && tampered.is_none())
    }

    /// Red, then green: no outcome that could be recorded.
    fn flaky(&self, kind: &StepKind, declared: &AcceptanceTest, mut ending: Ending, ran: &Ran) -> Verified {
        if declared.flaky_allowed {
            self.session.note(
                "warning",
                format!("{} is flaky: red, then green; it is not recorded, and runs again", kind.name()),
            );
            self.session.end(kind, ending.detail("flaky: red, then green; not recorded"));
            return Verified::Green;
        }
        let message = format!("`{}` is flaky: red, then green on the same tree", one_line(&declared.command.text()));
        let help = "mend the test, or say `flaky \"allow\"` in it".to_owned();
        let failure = ran.failure("flaky", message, Some(help));
        ending.status = StepStatus::Failed;
        self.session.end(kind, ending.failure(failure.clone()));
        Verified::NoOutcome(failure)
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

/// It is green, and nobody knows how it is on the base.
fn unproved(declared: &AcceptanceTest, log: std::path::PathBuf) -> Failure {
    let command = one_line(&declared.command.text());
    Failure {
        class: "environment".to_owned(),
        message: format!("`{command}` came to no outcome on the base: it proves nothing (`prove \"red-first\"`)"),
        help: Some("give it or the setups of the base what they need to end, or demand no proof".to_owned()),
        log: log.exists().then(|| log.display().to_string()),
        ..Failure::default()
    }
}

/// Adds how to stand where a program stood to a failure that policy found.
fn with_process(failure: Failure, ran: &Ran) -> Failure {
    let process = ran.failure(&failure.class, failure.message.clone(), failure.help.clone());
    Failure { findings: failure.findings, ..process }
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

/// Home and temporary folder of one test sequence.
pub(super) struct Sequence {
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
