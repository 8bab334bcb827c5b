//! The fix loop of a red candidate: who mends it, what came of that, and how it ends red.
//!
//! Who is next is said by `verify::breaker`; what was recorded is not asked for again.

use std::collections::BTreeSet;

use crate::base::failure::Failure;
use crate::base::name::{RuleName, ToolName};
use crate::exec::ExecError;
use crate::exec::command::{HANG, QUOTA};
use crate::exec::editing::{self, Ground};
use crate::exec::fixing::{self, Fixed};
use crate::exec::session::{Ending, Made};
use crate::exec::workstream::edits::Candidate;
use crate::exec::workstream::{End, Machine};
use crate::git::object::{CommitId, TreeId};
use crate::graph::StepKind;
use crate::observe::base::Start;
use crate::observe::fixing::{self as observe, FixRequest, Progress, Red};
use crate::observe::record::FixBody;
use crate::plan::{Freshness, Reason, Verdict};
use crate::store::record::Outcome;
use crate::store::state::WorkstreamState;
use crate::summary::StepStatus;
use crate::verify::breaker::{Cause, Fixer, Next, Stop};

/// The class of a workstream that time or cost stopped.
const BUDGET: &str = "budget";

/// A fix loop in this run.
#[derive(Debug, Default)]
pub(super) struct Loop {
    /// What happened, what was recorded in earlier runs included.
    pub(super) progress: Progress,
    /// Who broke in this run, or had nothing to look at.
    broken: BTreeSet<Fixer>,
    /// Who hung once: that is a budget of its own.
    hung: BTreeSet<Fixer>,
    /// Who broke last, and why.
    broke: Option<(Fixer, Failure)>,
}

impl Loop {
    /// Whether it was a command of a rule that is red now that broke: it is none of the tools that can be asked.
    fn could_have_fixed(&self, reds: &[Red]) -> bool {
        let Some((Fixer::Mechanical { rule, .. }, _)) = &self.broke else { return false };
        reds.iter().any(|red| matches!(&red.kind, StepKind::Lint(_, name) if name.as_str() == rule))
    }
}

/// What became of a red candidate.
pub(super) enum Mended {
    /// Another tree, to be verified.
    Tree(TreeId),
    /// It ends here.
    End(End),
}

/// Somebody who is to fix, with what is asked.
struct Turn<'t> {
    kind: StepKind,
    fixer: &'t Fixer,
    asked: FixRequest,
    ground: Ground<'t>,
}

impl Machine<'_, '_> {
    /// Goes where the recorded fixes of a candidate lead; they are reported as fresh.
    pub(super) fn walk(&self, start: &Start, candidate: &mut Candidate) -> Result<Loop, ExecError> {
        if self.again || candidate.repair.is_some() || !self.is_result_wanted() {
            return Ok(Loop::default());
        }
        let (world, records) = (self.session.world, self.session.records());
        let walked = observe::walk(world, records, self.workstream, start.tree, candidate.tree)?;
        for number in 1..=walked.progress.fixes.len() {
            self.fix_is_fresh(&self.fix_kind(number), &walked.progress.fixes[number - 1]);
        }
        candidate.tree = walked.tree;
        Ok(Loop { progress: walked.progress, ..Loop::default() })
    }

    pub(super) fn is_result_wanted(&self) -> bool {
        (self.wanted)(&StepKind::Result(self.workstream.id.clone()))
    }

    fn fix_kind(&self, number: usize) -> StepKind {
        StepKind::Fix(self.workstream.id.clone(), u32::try_from(number).unwrap_or(u32::MAX))
    }

    fn fix_is_fresh(&self, kind: &StepKind, fix: &FixBody) {
        let ending = Ending::fresh(&Verdict::Fresh(Freshness::Recorded));
        self.session.end(kind, ending.detail(fix.by.to_string()));
    }

    /// Has a red candidate mended, or ends the workstream.
    pub(super) fn mend(
        &mut self,
        start: &Start,
        parent: CommitId,
        candidate: &Candidate,
        reds: &[Red],
        ours: &mut Loop,
    ) -> Result<Mended, ExecError> {
        let tree = candidate.tree;
        ours.progress.red(tree, reds);
        self.tell_attempts(start, candidate, &ours.progress, false)?;
        loop {
            let fixer = match ours.progress.next(self.session.world, self.workstream, &ours.broken) {
                Next::Stop(stop) => return self.stopped(start, parent, candidate, ours, stop).map(Mended::End),
                Next::Fix(fixer, warning) => {
                    if let Some(warning) = warning {
                        self.session.note("warning", format!("{}: {warning}", self.workstream.id));
                    }
                    fixer
                }
            };
            let (world, records) = (self.session.world, self.session.records());
            let observed = observe::Ground { base: start.tree, tree };
            let asked = observe::request(world, records, self.workstream, observed, &ours.progress, &fixer)?;
            // Without files there is nothing to fix.
            let Some(asked) = asked else {
                ours.broken.insert(fixer);
                continue;
            };
            let kind = self.fix_kind(ours.progress.fixes.len() + 1);
            let number = u32::try_from(ours.progress.fixes.len() + 1).unwrap_or(u32::MAX);
            let ground = Ground { workstream: self.workstream, base: start.tree, tree, parent, number };
            let known = if self.again { None } else { observe::recorded(world, records, &asked, tree)? };
            let (fix, after) = match known {
                Some((fix, after)) => {
                    self.fix_is_fresh(&kind, &fix);
                    (fix, after)
                }
                None => match self.fix(Turn { kind, fixer: &fixer, asked, ground }, &ours.progress)? {
                    Ok(made) => made,
                    Err(Some(failure)) => {
                        self.broke(ours, fixer, failure);
                        continue;
                    }
                    Err(None) => {
                        self.keep(start, parent, candidate, "interrupted")?;
                        return Ok(Mended::End(End::Interrupted));
                    }
                },
            };
            ours.progress.fixed(&fix);
            self.tell_attempts(start, candidate, &ours.progress, false)?;
            if after != tree {
                self.session.next_round(&self.workstream.id);
                return Ok(Mended::Tree(after));
            }
            ours.progress.red(tree, reds);
        }
    }

    /// Somebody broke: who hung is asked once more, all others are passed over for the rest of this run.
    fn broke(&self, ours: &mut Loop, fixer: Fixer, failure: Failure) {
        if failure.class == HANG && ours.hung.insert(fixer.clone()) {
            let id = &self.workstream.id;
            self.session.note("warning", format!("{id}: {}; {fixer} is asked once more", failure.message));
            return;
        }
        ours.broken.insert(fixer.clone());
        ours.broke = Some((fixer, failure));
    }

    /// One fix, recorded. `Err`: it broke with a failure, or was interrupted.
    fn fix(
        &mut self,
        turn: Turn<'_>,
        progress: &Progress,
    ) -> Result<Result<(FixBody, TreeId), Option<Failure>>, ExecError> {
        let Turn { kind, fixer, asked, ground } = turn;
        let session = self.session;
        session.move_to(&self.workstream.id, WorkstreamState::Fixing)?;
        // From here on the worktree is the fixer's: if this build is killed, nothing that lies there is a person's.
        session.store.forget_kept(self.workstream.id.as_str())?;
        let why = progress.reds.last().and_then(|reds| reds.first());
        let why = why.map_or_else(String::new, |red| format!("{}: {}", red.kind.name(), red.failure.message));
        let verdict = Verdict::Stale(Reason::Changed(why.clone()));
        let begun = session.begin(&kind, &why, Some(fixer.to_string()));
        let place = &mut self.place;
        let fixed = match fixer {
            Fixer::Mechanical { rule, number } => {
                let rule = session.world.rule(&RuleName::from(rule.as_str()));
                let command = &rule.fix[*number as usize - 1];
                fixing::mechanical(session, place, ground, &kind, rule, command, &asked)?
            }
            Fixer::Tool(name) => {
                let tool = session.world.tool(&ToolName::from(name.as_str())).expect("BUG: a fixer that is no tool");
                fixing::ask(session, place, ground, &kind, tool, &progress.prompt(self.workstream))?
            }
        };
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let cost_micros = self.count_usage(&kind, fixer, &fixed, duration_ms)?;
        self.warn_of_cost(fixer, cost_micros);
        let ran = |status| Ending::ran(status, &verdict, begun);
        let (after, failure) = match fixed {
            Fixed::Tree(after) => (after, None),
            Fixed::Refused(failure) => (ground.tree, Some(failure)),
            Fixed::Broke(failure) => {
                self.place.rescue(ground.tree)?;
                session.end(&kind, ran(StepStatus::Failed).failure(failure.clone()));
                session.next_round(&self.workstream.id);
                return Ok(Err(Some(failure)));
            }
            Fixed::Interrupted => {
                self.place.rescue(ground.tree)?;
                session.end(&kind, ran(StepStatus::Interrupted));
                return Ok(Err(None));
            }
        };
        let fix = FixBody {
            before: ground.tree.hex(),
            after: after.hex(),
            by: fixer.clone(),
            delta: observe::delta_name(&session.world.located().repository, ground.tree, after)?,
            duration_ms,
            cost_micros: cost_micros.unwrap_or(0),
            cost_unknown: cost_micros.is_none(),
            failure,
        };
        session.keep(after);
        let outcome = if fix.failure.is_some() { Outcome::Red } else { Outcome::Green };
        session.record_as(&kind.name(), kind.word(), &asked.fingerprint, Made::new(outcome, &fix, duration_ms))?;
        let ending = match &fix.failure {
            Some(failure) => ran(StepStatus::Failed).failure(failure.clone()),
            None if after == ground.tree => ran(StepStatus::Done).detail(format!("{fixer} changed nothing")),
            None => ran(StepStatus::Done).detail(fixer.to_string()),
        };
        session.end(&kind, ending);
        Ok(Ok((fix, after)))
    }

    /// A limit that does not see what a tool costs would be believed: said once a run for each tool.
    fn warn_of_cost(&self, fixer: &Fixer, cost_micros: Option<u64>) {
        let limited = self.workstream.breakers.max_cost_micros.is_some();
        if limited && cost_micros.is_none() && self.session.is_news(&format!("cost of {fixer}")) {
            let message =
                format!("{fixer} tells no cost, so `max-cost` does not see it; say `cost` in tool \"{fixer}\"");
            self.session.note("warning", message);
        }
    }

    /// Writes that a tool was asked; what it says that it cost, in millionths, else what its definition says.
    fn count_usage(
        &self,
        kind: &StepKind,
        fixer: &Fixer,
        fixed: &Fixed,
        duration_ms: u64,
    ) -> Result<Option<u64>, ExecError> {
        let Fixer::Tool(name) = fixer else { return Ok(Some(0)) };
        let outcome = match fixed {
            Fixed::Tree(_) => "ok",
            Fixed::Refused(_) => "red",
            Fixed::Broke(failure) if [HANG, QUOTA].contains(&failure.class.as_str()) => &failure.class,
            Fixed::Broke(_) => "no-outcome",
            Fixed::Interrupted => "interrupted",
        };
        let usage = editing::usage(self.session, self.workstream);
        let told = usage["cost"].as_f64().filter(|cost| cost.is_finite() && *cost >= 0.0);
        self.session.tool_was_asked(kind, name, outcome, duration_ms, usage)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates; it is not negative")]
        let told = told.map(|cost| (cost * 1_000_000.0) as u64);
        let estimate = || self.session.world.tool(&ToolName::from(name.as_str())).and_then(|tool| tool.cost_micros);
        Ok(told.or_else(estimate))
    }

    /// The end of a loop that stays red: as it always was where there is nobody to ask, else quarantine or a tool that broke.
    fn stopped(
        &mut self,
        start: &Start,
        parent: CommitId,
        candidate: &Candidate,
        ours: &Loop,
        stop: Stop,
    ) -> Result<End, ExecError> {
        let reds = ours.progress.reds.last().cloned().unwrap_or_default();
        let stop = match stop.cause {
            Cause::Nobody if ours.could_have_fixed(&reds) => Stop {
                cause: Cause::Broken,
                message: "what could have fixed it broke, and nobody else is left to be asked".to_owned(),
                ..stop
            },
            _ => stop,
        };
        let red = reds.first().map(|red| red.failure.clone()).unwrap_or_default();
        if stop.cause == Cause::Nobody && ours.progress.fixes.is_empty() {
            self.keep(start, parent, candidate, "failed")?;
            self.class = Some(red.class);
            return Ok(End::Failed(red.message, self.scope()));
        }
        self.tell_attempts(start, candidate, &ours.progress, false)?;
        if stop.cause == Cause::RedBase {
            self.keep(start, parent, candidate, "failed")?;
            self.class = Some(red.class);
            return Ok(End::Failed(stop.message, self.scope()));
        }
        if stop.cause == Cause::Broken {
            let broke = ours.broke.clone().map(|(_, failure)| failure).unwrap_or_default();
            self.keep(start, parent, candidate, "failed")?;
            let reason = format!("{} ({}): {}", stop.message, broke.class, broke.message);
            self.class = Some(if broke.class.is_empty() { "infrastructure".to_owned() } else { broke.class });
            return Ok(End::Failed(reason, self.scope()));
        }
        let said = if stop.cause == Cause::Nobody { red.message.clone() } else { stop.message.clone() };
        let stop = Stop { message: said.clone(), ..stop };
        let folder = self.quarantine(start, candidate, &ours.progress, &stop)?;
        self.keep(start, parent, candidate, "failed")?;
        let is_budget = matches!(stop.cause, Cause::Time | Cause::Cost);
        self.class = Some(if is_budget { BUDGET.to_owned() } else { red.class.clone() });
        let result = StepKind::Result(self.workstream.id.clone());
        let failure = Failure {
            class: "quarantined".to_owned(),
            message: said.clone(),
            help: Some(stop.help.clone()),
            log: Some(folder.display().to_string()),
            output: stop.evidence.join("\n"),
            ..Failure::default()
        };
        let blocked = Verdict::Unsettled(Reason::Blocked(reds.first().map_or_else(String::new, |red| red.kind.name())));
        self.session.end(&result, Ending::without_running(StepStatus::Failed, &blocked).failure(failure));
        Ok(End::Failed(format!("quarantined: {said}"), self.scope()))
    }
}
