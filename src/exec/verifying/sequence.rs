//! The acceptance tests of a candidate: one sequence in order, on exactly that tree, with a home and a temporary folder of its own.
//!
//! Those whose records hold are not run, unless a later one builds on what they wrote.

use crate::analysis::pipeline::{AcceptanceTest, Command};
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
use crate::observe::record::{TestBody, shown};
use crate::observe::workstream::{Prepared, TestLook, test};
use crate::plan::{Freshness, Verdict};
use crate::store::record::Outcome;
use crate::store::state::WorkstreamState;
use crate::summary::StepStatus;

/// Wall time of a test that says none.
const TEST_TIMEOUT_MS: u64 = 10 * 60 * 1000;

impl Verification<'_, '_> {
    /// The tests in order. Those whose records hold are not run, unless a later one builds on what they wrote.
    pub(super) fn test(&mut self, prepared: &Prepared) -> Result<Verified, ExecError> {
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
        let failure = failure.unwrap_or_default();
        let red = Red { kind: kind.clone(), failure: failure.clone() };
        let failure = Failure { help: Some(AGAIN.to_owned()), ..failure };
        self.session.end(kind, Ending::without_running(StepStatus::Failed, &look.look.verdict).failure(failure));
        Verified::Red(vec![red])
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
                return Ok(Err(Verified::NoOutcome(failure)));
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
        let red = Red { kind: kind.clone(), failure: failure.clone() };
        if times_red > 1 {
            failure.message = format!("{} again", failure.message);
            failure.help = Some(AGAIN.to_owned());
        }
        self.session.end(kind, ending.failure(with_withheld(failure, &ran)));
        Ok(Verified::Red(vec![red]))
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
