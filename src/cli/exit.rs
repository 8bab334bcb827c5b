//! How a command ends: kinds to exit codes, prefixes and hints. No other file knows a number.
//!
//! 0 done or right · 1 a step failed · 2 definitions or arguments are wrong · 3 something needed is missing, waits for
//! a person, or a budget stopped it · 4 work to do · 101 a bug in `pl` · 130 interrupted.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use crate::base::diagnostic::Diagnostic;
use crate::base::span::Sources;
use crate::cli::terminal::Terminal;
use crate::report::{Tone, diagnostics};
use crate::summary::BuildSummary;

/// How a command that did its work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is done or right.
    Done,
    /// A step failed.
    StepFailed,
    /// Definitions are wrong; they were reported.
    Wrong,
    /// Something is missing, or waits for a person.
    Waiting,
    /// There is work to do, and the caller asked to be told by the code.
    WorkToDo,
    /// Ctrl-C or a signal.
    Interrupted,
}

/// Why a command could not do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Definitions are wrong; the diagnostics say so.
    Definitions,
    /// Arguments are wrong.
    Usage,
    /// A step failed.
    StepFailed,
    /// Something needed is missing: a program, a repository, permission.
    Missing,
    /// A budget or a limit stopped it.
    Budget,
    /// Ctrl-C or a signal.
    Interrupted,
    /// Whoever read the output has gone.
    ClosedPipe,
    /// `pl` is wrong.
    Bug,
}

/// A command that could not do its work.
#[derive(Debug)]
pub struct Failed {
    /// Which kind.
    pub kind: Kind,
    /// One sentence, without a period; may be empty where diagnostics say it.
    pub message: String,
    /// What to type or change, one imperative each.
    pub hints: Vec<String>,
    /// About definitions.
    pub diagnostics: Vec<Diagnostic>,
    /// Their texts.
    pub sources: Sources,
}

impl Failed {
    /// A failure of a kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let (hints, diagnostics) = (Vec::new(), Vec::new());
        Self { kind, message: message.into(), hints, diagnostics, sources: Sources::default() }
    }

    /// Wrong arguments.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something that is not there.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Kind::Missing, message)
    }

    /// Wrong definitions.
    pub fn definitions(diagnostics: Vec<Diagnostic>, sources: Sources) -> Self {
        Self { diagnostics, sources, ..Self::new(Kind::Definitions, "") }
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<std::io::Error> for Failed {
    /// For what is written to standard output.
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::new(Kind::ClosedPipe, ""),
            _ => Self::missing(format!("writing failed: {error}")),
        }
    }
}

/// How a build ended.
pub fn outcome_of(summary: &BuildSummary) -> Outcome {
    let any = |word: &str| summary.workstreams.iter().any(|workstream| workstream.status == word);
    let task = |status| summary.tasks.iter().any(|task| task.status == status);
    use crate::summary::StepStatus::{Failed, Waiting};
    match summary.status.as_str() {
        "completed" => Outcome::Done,
        "interrupted" => Outcome::Interrupted,
        _ if !task(Failed) && stopped_by_budget(summary) => Outcome::Waiting,
        _ if any("failed") || task(Failed) => Outcome::StepFailed,
        _ if any("waiting") || task(Waiting) => Outcome::Waiting,
        _ => Outcome::StepFailed,
    }
}

/// Whether nothing failed but for a budget that was used up.
fn stopped_by_budget(summary: &BuildSummary) -> bool {
    let mut failed = summary.workstreams.iter().filter(|workstream| workstream.status == "failed").peekable();
    failed.peek().is_some() && failed.all(|workstream| workstream.class.as_deref() == Some("budget"))
}

/// Tells a failure and gives the code.
pub fn code(result: Result<Outcome, Failed>, terminal: &Terminal) -> ExitCode {
    match result {
        Ok(outcome) => ExitCode::from(number_of(outcome)),
        Err(failed) => {
            tell(&failed, terminal);
            ExitCode::from(number(failed.kind))
        }
    }
}

fn number_of(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Done => 0,
        Outcome::StepFailed => 1,
        Outcome::Wrong => 2,
        Outcome::Waiting => 3,
        Outcome::WorkToDo => 4,
        Outcome::Interrupted => 130,
    }
}

fn number(kind: Kind) -> u8 {
    match kind {
        Kind::ClosedPipe => 0,
        Kind::StepFailed => 1,
        Kind::Definitions | Kind::Usage => 2,
        Kind::Missing | Kind::Budget => 3,
        Kind::Bug => 101,
        Kind::Interrupted => 130,
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Definitions => "definitions",
        Kind::Usage => "usage",
        Kind::StepFailed => "step-failed",
        Kind::Missing => "missing",
        Kind::Budget => "budget",
        Kind::Interrupted => "interrupted",
        Kind::ClosedPipe => "closed-pipe",
        Kind::Bug => "bug",
    }
}

/// Tells why something could not be done.
pub fn tell(failed: &Failed, terminal: &Terminal) {
    if failed.kind == Kind::ClosedPipe {
        return;
    }
    let style = &terminal.err.style;
    let mut text = diagnostics::render(&failed.diagnostics, &failed.sources, style, terminal.form());
    if !failed.message.is_empty() {
        text.push_str(&format!("{} {}\n", style.paint(Tone::Bad, "error:"), failed.message));
    }
    for hint in &failed.hints {
        text.push_str(&format!("{} {hint}\n", style.paint(Tone::Good, "hint:")));
    }
    terminal.tell(&text);
    if terminal.json {
        let errors = diagnostics::rows(&failed.diagnostics, &failed.sources);
        let error = json!({ "kind": word(failed.kind), "message": failed.message, "hints": failed.hints });
        // Nobody is left to be told that standard output is gone.
        drop(terminal.print_json(&json!({ "ok": false, "error": error, "errors": errors })));
    }
}

/// What clap has to say: help and versions on standard output, the rest as an error.
pub fn clap_error(error: &clap::Error, json: bool) -> ExitCode {
    let shown = error.print();
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if json && shown.is_ok() {
        let message = error.render().to_string();
        let message = message.trim_start_matches("error: ").trim_end();
        let object = json!({ "ok": false, "error": { "kind": word(Kind::Usage), "message": message, "hints": [] }, "errors": [] });
        drop(writeln!(std::io::stdout(), "{object}"));
    }
    ExitCode::from(number(Kind::Usage))
}

/// Any panic is a bug and says so.
pub fn on_panic_say_bug() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        drop(writeln!(std::io::stderr(), "error: this is a bug in pl"));
        default(panic);
        drop(writeln!(std::io::stderr(), "hint: report it with the command and the lines above"));
    }));
}

/// The code after a panic.
pub fn bug() -> ExitCode {
    ExitCode::from(number(Kind::Bug))
}

#[cfg(test)]
mod tests {
    use super::{Outcome, outcome_of};
    use crate::summary::{BuildSummary, ScopeSummary, WorkstreamSummary};

    fn check(status: &str, workstreams: &[&str], expected: Outcome) {
        let workstream = |status: &&str| WorkstreamSummary {
            id: "ws-1".into(),
            status: (*status).to_owned(),
            reason: None,
            class: None,
            commit: None,
            branch: None,
            worktree: None,
            steps: Vec::new(),
            scope: ScopeSummary::default(),
            duration_ms: 0,
        };
        let summary = BuildSummary {
            run_id: None,
            status: status.into(),
            workstreams: workstreams.iter().map(workstream).collect(),
            tasks: Vec::new(),
            steps_run: 0,
            steps_fresh: 0,
            duration_ms: 0,
            plan_matched: true,
            critical_path: Vec::new(),
        };
        assert_eq!(outcome_of(&summary), expected);
    }

    #[test]
    fn a_failure_outweighs_a_person() {
        check("completed", &["done", "fresh"], Outcome::Done);
        check("partial", &["done", "waiting", "blocked"], Outcome::Waiting);
        check("partial", &["done", "waiting", "failed"], Outcome::StepFailed);
        check("failed", &[], Outcome::StepFailed);
        check("interrupted", &["failed"], Outcome::Interrupted);
    }
}
