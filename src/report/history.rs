//! What happened before: the tables of `pl show` and the lines of `pl log`.
//!
//! Rows come in filled and in order; nothing is looked up and no clock is read (`now` comes in).

mod fixes;
mod found;
mod pages;
pub mod stats;

use jiff::Timestamp;
use serde::Serialize;

use self::stats::StatsRow;
use crate::base::failure::Failure;
use crate::base::finding::Finding;
use crate::report::text::table::{Cell, Table};
use crate::report::text::time::{ago, clock, duration};
use crate::report::{Style, Tone, count, tone_of};
use crate::summary::LoopHistory;
use crate::summary::attempt::AttemptReport;

/// A target and its state; a row of `pl show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TargetRow {
    /// Workstream, task or setup, as it is typed.
    pub name: String,
    /// `workstream task setup group`.
    pub kind: String,
    /// `done failed waiting …`; `never` where it never ran.
    pub state: String,
    /// One line: its title, or why it is in its state.
    pub about: Option<String>,
    /// When it last ran, ISO-8601.
    pub last_run: Option<String>,
}

/// One run; a row of `pl show --runs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RunRow {
    /// Its id.
    pub run_id: String,
    /// `running completed partial failed interrupted abandoned`.
    pub status: String,
    /// When it began, ISO-8601.
    pub started: String,
    /// Wall time.
    pub duration_ms: u64,
    /// What was asked for.
    pub targets: Vec<String>,
    /// Steps for which something ran.
    pub steps_run: usize,
    /// Steps for which a record held.
    pub steps_fresh: usize,
    /// Steps that failed.
    pub steps_failed: usize,
}

/// One try of one step; a row below a run or a workstream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct AttemptRow {
    /// The run.
    pub run_id: String,
    /// The step.
    pub step: String,
    /// From 1, within the run.
    pub attempt: u32,
    /// `done failed …`.
    pub status: String,
    /// The tool or program.
    pub tool: Option<String>,
    /// Why it ran, or what went wrong.
    pub reason: Option<String>,
    /// When it began, ISO-8601.
    pub started: String,
    /// Wall time.
    pub duration_ms: u64,
    /// Where its whole output is.
    pub log: Option<String>,
}

/// A finding, where it comes from and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FindingRow {
    /// The step that found it.
    pub step: String,
    /// `new analyzed fixed verified suppressed quarantined regressed` (docs/state-machine.md), where runs tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The run that saw its signature first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_run: Option<String>,
    /// When that was, ISO-8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<String>,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// A workstream whole: `pl show ws-15`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct WorkstreamShow {
    /// Its id.
    pub id: String,
    /// One line for people.
    pub title: Option<String>,
    /// `done failed waiting …`; `never` where it never ran.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// Workstreams that it waits for.
    pub depends_on: Vec<String>,
    /// The tool or capability that is asked, as written.
    pub tool: String,
    /// What it may touch, as written.
    pub scope: Vec<String>,
    /// What it may add besides, as written.
    pub create: Vec<String>,
    /// The result commit.
    pub commit: Option<String>,
    /// The courtesy branch, if it names the commit.
    pub branch: Option<String>,
    /// Its worktree, while it exists.
    pub worktree: Option<String>,
    /// Paths of its result, of its kept candidate where it has none: `M src/a.py`.
    pub changes: Vec<String>,
    /// Newest first.
    pub attempts: Vec<AttemptRow>,
    /// Whose fault it is that it is not done: the class of the failure.
    pub class: Option<String>,
    /// What was done about red lints and tests, where something was.
    pub fix_loop: Option<LoopHistory>,
    /// Of its newest candidate.
    pub findings: Vec<FindingRow>,
    /// What went wrong, where its newest run ended badly.
    pub failure: Option<FailureRow>,
}

/// A failed step and what went wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FailureRow {
    /// The step.
    pub step: String,
    /// What went wrong.
    #[serde(flatten)]
    pub failure: Failure,
}

/// What a tool is told: `pl show ws-15 --prompt`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PromptRow {
    /// The edit.
    pub step: String,
    /// The tool or capability, as written.
    pub tool: String,
    /// The text.
    pub prompt: String,
}

/// A task, a setup or a step of a workstream, whole: `pl show test`, `pl show ws-15/test.2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TaskShow {
    /// Its name.
    pub name: String,
    /// One line for people.
    pub about: Option<String>,
    /// What it runs.
    pub command: Option<String>,
    /// `done failed …`; `never` where it never ran.
    pub state: String,
    /// Newest first.
    pub attempts: Vec<AttemptRow>,
    /// What went wrong, where the newest attempt ended badly.
    pub failure: Option<FailureRow>,
}

/// One run whole: `pl show RUN`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RunShow {
    /// The run.
    pub run: RunRow,
    /// In order of beginning.
    pub attempts: Vec<AttemptRow>,
    /// All findings.
    pub findings: Vec<FindingRow>,
}

/// What `pl show` shows; with `--json` this object.
#[expect(clippy::large_enum_variant, reason = "one is made a command")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "show", rename_all = "kebab-case")]
pub enum Show {
    /// Every target.
    Targets {
        /// In order of definition.
        targets: Vec<TargetRow>,
    },
    /// `--runs`.
    Runs {
        /// Newest first.
        runs: Vec<RunRow>,
    },
    /// `--findings`.
    Findings {
        /// Newest first: those of the newest run, by path and line, then what was known before.
        findings: Vec<FindingRow>,
        /// What was found earlier and is gone: fixed, or verified.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        gone: Vec<FindingRow>,
    },
    /// One run.
    Run(RunShow),
    /// One workstream.
    Workstream(WorkstreamShow),
    /// `--attempt`.
    Attempt(AttemptReport),
    /// One task.
    Task(TaskShow),
    /// One step of a workstream, or a setup.
    Step(TaskShow),
    /// `--stats`.
    Stats {
        /// Those that cost most first.
        steps: Vec<StatsRow>,
    },
    /// `--prompt`.
    Prompt {
        /// In order of asking.
        prompts: Vec<PromptRow>,
    },
}

/// What `pl log` shows: a step's output as it was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LogShow {
    /// In order of beginning.
    pub entries: Vec<LogEntry>,
}

/// One output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LogEntry {
    /// Which try.
    #[serde(flatten)]
    pub attempt: AttemptRow,
    /// The whole output.
    pub output: String,
}

/// `pl show` as text; `every` shows whole lists.
pub fn show(show: &Show, now: Timestamp, every: bool, style: &Style) -> String {
    match show {
        Show::Targets { targets } => targets_table(targets, now, style),
        Show::Runs { runs } => runs_table(runs, now, style),
        Show::Findings { findings, gone } => found::list(findings, gone, every, style),
        Show::Run(run) => pages::run(run, now, style),
        Show::Workstream(workstream) => pages::workstream(workstream, now, style),
        Show::Attempt(report) => fixes::attempt(report, every, style),
        Show::Task(task) | Show::Step(task) => pages::task(task, now, style),
        Show::Prompt { prompts } => pages::prompts(prompts, style),
        Show::Stats { steps } => stats::table(steps, style),
    }
}

/// `pl log` as text: a heading a step, then its output as it came.
pub fn log(log: &LogShow, style: &Style) -> String {
    if log.entries.is_empty() {
        return "nothing was logged\n".to_owned();
    }
    let mut text = String::new();
    for LogEntry { attempt, output } in &log.entries {
        let heading = style.paint(Tone::Strong, &attempt.step);
        let status = style.paint(tone_of(&attempt.status), &attempt.status);
        let time = duration(attempt.duration_ms);
        let dim = style.paint(Tone::Dim, &format!("{time}  {}  {}", clock(&attempt.started), attempt.run_id));
        text.push_str(&format!("{heading}  {status}  {dim}\n{}", output));
        text.push_str(if output.is_empty() || output.ends_with('\n') { "" } else { "\n" });
    }
    text
}

fn status(word: &str) -> Cell {
    Cell::toned(tone_of(word), word)
}

fn targets_table(targets: &[TargetRow], now: Timestamp, style: &Style) -> String {
    let mut table = Table::new(&["target", "state", "last run", "about"]).shrinks(3);
    let is_workstream = |target: &TargetRow| target.kind == "workstream";
    for (place, target) in targets.iter().enumerate() {
        if place > 0 && is_workstream(target) && !is_workstream(&targets[place - 1]) {
            table.row(Vec::new());
        }
        table.row(vec![
            Cell::toned(Tone::Strong, &target.name),
            status(&target.state),
            Cell::new(target.last_run.as_ref().map(|moment| ago(moment, now)).unwrap_or_default()),
            Cell::toned(Tone::Dim, target.about.clone().unwrap_or_default()),
        ]);
    }
    if table.is_empty() {
        return "nothing is defined; pl init writes a Pipelinefile.kdl\n".to_owned();
    }
    table.render(style) + &targets_sum(targets, style)
}

/// `17 workstreams: 1 failed, 8 done, 8 never · 5 tasks: 5 never`.
fn targets_sum(targets: &[TargetRow], style: &Style) -> String {
    let of = |noun: &str, kinds: &[&str]| {
        let states: Vec<&str> = targets
            .iter()
            .filter(|target| kinds.contains(&target.kind.as_str()))
            .map(|target| target.state.as_str())
            .collect();
        let mut words: Vec<&str> = states.clone();
        words.sort_unstable_by_key(|word| (STATES.iter().position(|known| known == word), *word));
        words.dedup();
        let number = |word: &str| states.iter().filter(|state| **state == word).count();
        let said: Vec<String> = words.iter().map(|word| format!("{} {word}", number(word))).collect();
        (!states.is_empty()).then(|| format!("{}: {}", count(states.len(), noun), said.join(", ")))
    };
    let parts: Vec<String> =
        [of("task", &["task", "group"]), of("workstream", &["workstream"])].into_iter().flatten().collect();
    format!("\n{}\n", style.paint(Tone::Dim, &parts.join(&format!(" {} ", style.dot()))))
}

/// States in the order in which a reader wants to know of them.
const STATES: [&str; 9] =
    ["failed", "waiting", "blocked", "interrupted", "running", "stale", "done", "landed", "never"];

fn runs_table(runs: &[RunRow], now: Timestamp, style: &Style) -> String {
    let mut table = Table::new(&["run", "status", "when", "took", "ran", "fresh", "failed", "targets"]).shrinks(7);
    for run in runs {
        table.row(vec![
            Cell::toned(Tone::Strong, &run.run_id),
            status(&run.status),
            Cell::new(ago(&run.started, now)),
            Cell::new(duration(run.duration_ms)),
            Cell::new(run.steps_run.to_string()),
            Cell::new(run.steps_fresh.to_string()),
            Cell::toned(if run.steps_failed > 0 { Tone::Bad } else { Tone::Dim }, run.steps_failed.to_string()),
            Cell::toned(Tone::Dim, run.targets.join(" ")),
        ]);
    }
    if table.is_empty() { "nothing has run yet\n".to_owned() } else { table.render(style) }
}

fn attempts_table(attempts: &[AttemptRow], now: Timestamp, style: &Style) -> String {
    let named = attempts.iter().any(|attempt| !attempt.step.is_empty());
    let mut table = Table::new(&[if named { "step" } else { "" }, "try", "status", "when", "took", "tool", "reason"])
        .shrinks(6)
        .indent(2);
    for attempt in attempts {
        table.row(vec![
            Cell::new(&attempt.step),
            Cell::new(attempt.attempt.to_string()),
            status(&attempt.status),
            Cell::new(ago(&attempt.started, now)),
            Cell::new(duration(attempt.duration_ms)),
            Cell::toned(Tone::Dim, attempt.tool.clone().unwrap_or_default()),
            Cell::toned(Tone::Dim, attempt.reason.clone().unwrap_or_default()),
        ]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use super::{AttemptRow, LogEntry, LogShow, Show, TargetRow, WorkstreamShow, log, show};
    use crate::report::Style;
    use crate::summary::{LoopAttempt, LoopEnd, LoopHistory};

    fn attempt() -> AttemptRow {
        AttemptRow {
            run_id: "r1".into(),
            step: "ws-1-a/test.1".into(),
            attempt: 1,
            status: "failed".into(),
            tool: None,
            reason: Some("exit code 1".into()),
            started: "2026-11-03T10:10:02Z".into(),
            duration_ms: 1900,
            log: None,
        }
    }

    fn fix_loop() -> LoopHistory {
        let attempt = |number, tool: &str, duration_ms, cost_micros, before, after, red: &str| LoopAttempt {
            number,
            tool: tool.into(),
            outcome: "taken".into(),
            duration_ms,
            cost_micros,
            cost_unknown: false,
            files: vec!["src/a.py".into()],
            findings_before: before,
            findings_after: Some(after),
            red: vec![red.into()],
            ..LoopAttempt::default()
        };
        LoopHistory {
            run_id: "r1".into(),
            attempts: vec![
                attempt(1, "coder", 2000, 0, None, 3, "ruff"),
                attempt(2, "agent", 5000, 250_000, Some(3), 1, "test.1"),
            ],
            end: Some(LoopEnd {
                cause: "oscillation".into(),
                message: "fixes go in circles".into(),
                evidence: vec!["attempts 1 and 3 are equal".into()],
                help: "mend it".into(),
                quarantine: ".pl/quarantine/r1/ws-1-a".into(),
            }),
        }
    }

    fn check(shown: &Show, expected: &str) {
        let now = "2026-11-03T10:15:02Z".parse().expect("a moment");
        assert_eq!(show(shown, now, false, &Style::PLAIN), expected);
    }

    #[test]
    fn targets_are_a_table() {
        let row = |name: &str, kind: &str, state: &str, last_run: Option<&str>| TargetRow {
            name: name.into(),
            kind: kind.into(),
            state: state.into(),
            about: None,
            last_run: last_run.map(str::to_owned),
        };
        let moment = Some("2026-11-03T10:10:02Z");
        let targets = vec![row("test", "task", "never", None), row("ws-1-a", "workstream", "done", moment)];
        let expected = "\
TARGET  STATE  LAST RUN   ABOUT
test    never

ws-1-a  done   5 min ago

1 task: 1 never · 1 workstream: 1 done
";
        check(&Show::Targets { targets }, expected);
        check(&Show::Runs { runs: Vec::new() }, "nothing has run yet\n");
    }

    #[test]
    fn a_workstream_is_a_page() {
        let workstream = WorkstreamShow {
            id: "ws-1-a".into(),
            title: None,
            state: "failed".into(),
            reason: Some("test.1: exit code 1".into()),
            depends_on: vec!["ws-0-z".into()],
            tool: "edit".into(),
            create: Vec::new(),
            failure: None,
            scope: vec!["src/a.py".into()],
            commit: None,
            branch: None,
            worktree: Some(".worktrees/ws-1-a".into()),
            changes: vec!["M src/a.py".into()],
            attempts: vec![attempt()],
            class: Some("agent".into()),
            fix_loop: Some(fix_loop()),
            findings: Vec::new(),
        };
        let expected = "\
ws-1-a  failed
  why       test.1: exit code 1
  class     agent
  after     ws-0-z
  scope     src/a.py
  tool      edit
  worktree  .worktrees/ws-1-a

changes
  M src/a.py

fix loop
  ATTEMPT  TOOL   TOOK  COST  FILES     FINDINGS  OUTCOME
  1        coder  2.0s        src/a.py  3         taken; red: ruff
  2        agent  5.0s  0.25  src/a.py  3 → 1     taken; red: test.1
  stopped: fixes go in circles
           attempts 1 and 3 are equal
           mend it
           .pl/quarantine/r1/ws-1-a
  pl diff ws-1-a 1 2   what came between two attempts

attempts
  STEP    TRY  STATUS  WHEN       TOOK  TOOL  REASON
  test.1  1    failed  5 min ago  1.9s        exit code 1
";
        check(&Show::Workstream(workstream), expected);
    }

    #[test]
    fn a_log_is_what_was_said() {
        let entries = vec![LogEntry { attempt: attempt(), output: "F\nboom".into() }];
        let expected = "ws-1-a/test.1  failed  1.9s  2026-11-03 10:10:02Z  r1\nF\nboom\n";
        assert_eq!(log(&LogShow { entries }, &Style::PLAIN), expected);
    }
}
