//! What happened before: the tables of `pl show` and the lines of `pl log`.
//!
//! Rows come in filled and in order; nothing is looked up and no clock is read (`now` comes in).

use jiff::Timestamp;
use serde::Serialize;

use crate::base::finding::Finding;
use crate::report::console::failure::finding_line;
use crate::report::text::short::short_commit;
use crate::report::text::table::{Cell, Table};
use crate::report::text::time::{ago, clock, duration};
use crate::report::{Style, Tone, count, tone_of};

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

/// A finding and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FindingRow {
    /// The step that found it.
    pub step: String,
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
    /// What it may touch, as written.
    pub scope: Vec<String>,
    /// The result commit.
    pub commit: Option<String>,
    /// The courtesy branch.
    pub branch: Option<String>,
    /// Its worktree, while it exists.
    pub worktree: Option<String>,
    /// Paths of its result: `M src/a.py`.
    pub changes: Vec<String>,
    /// Newest first.
    pub attempts: Vec<AttemptRow>,
    /// Of its newest candidate.
    pub findings: Vec<FindingRow>,
}

/// A task whole: `pl show test`.
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
        /// By path and line.
        findings: Vec<FindingRow>,
    },
    /// One run.
    Run(RunShow),
    /// One workstream.
    Workstream(WorkstreamShow),
    /// One task.
    Task(TaskShow),
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

/// `pl show` as text.
pub fn show(show: &Show, now: Timestamp, style: &Style) -> String {
    match show {
        Show::Targets { targets } => targets_table(targets, now, style),
        Show::Runs { runs } => runs_table(runs, now, style),
        Show::Findings { findings } => findings_lines(findings, style),
        Show::Run(run) => run_page(run, now, style),
        Show::Workstream(workstream) => workstream_page(workstream, now, style),
        Show::Task(task) => task_page(task, now, style),
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
        let dim = style.paint(Tone::Dim, &format!("{}  {time}  {}", clock(&attempt.started), attempt.run_id));
        text.push_str(&format!("{heading}  {status}  {dim}\n{}", output));
        text.push_str(if output.is_empty() || output.ends_with('\n') { "" } else { "\n" });
    }
    text
}

fn status(word: &str) -> Cell {
    Cell::toned(tone_of(word), word)
}

fn targets_table(targets: &[TargetRow], now: Timestamp, style: &Style) -> String {
    let mut table = Table::new(&["target", "kind", "state", "last run", "about"]).shrinks(4);
    for target in targets {
        table.row(vec![
            Cell::toned(Tone::Strong, &target.name),
            Cell::toned(Tone::Dim, &target.kind),
            status(&target.state),
            Cell::new(target.last_run.as_ref().map(|moment| ago(moment, now)).unwrap_or_default()),
            Cell::toned(Tone::Dim, target.about.clone().unwrap_or_default()),
        ]);
    }
    if table.is_empty() {
        "nothing is defined; pl init writes a Pipelinefile.kdl\n".to_owned()
    } else {
        table.render(style)
    }
}

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

fn findings_lines(findings: &[FindingRow], style: &Style) -> String {
    if findings.is_empty() {
        return "no findings\n".to_owned();
    }
    let mut text = String::new();
    for row in findings {
        let step = style.paint(Tone::Dim, &row.step);
        text.push_str(&format!("{}  {step}\n", finding_line(&row.finding, style)));
    }
    text.push_str(&format!("{}\n", count(findings.len(), "finding")));
    text
}

fn attempts_table(attempts: &[AttemptRow], now: Timestamp, style: &Style) -> String {
    let mut table = Table::new(&["step", "try", "status", "when", "took", "tool", "reason"]).shrinks(6).indent(2);
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

fn section(heading: &str, body: &str, style: &Style) -> String {
    if body.is_empty() { String::new() } else { format!("\n{}\n{body}", style.paint(Tone::Strong, heading)) }
}

fn findings_section(findings: &[FindingRow], style: &Style) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let lines: String = findings_lines(findings, style).lines().map(|line| format!("  {line}\n")).collect();
    section("findings", &lines, style)
}

fn run_page(show: &RunShow, now: Timestamp, style: &Style) -> String {
    let run = &show.run;
    let heading = style.paint(Tone::Strong, &run.run_id);
    let status = style.paint(tone_of(&run.status), &run.status);
    let (when, took) = (ago(&run.started, now), duration(run.duration_ms));
    let mut text = format!("{heading}  {status}  {when}, took {took}\n");
    let asked = if run.targets.is_empty() { "the default".to_owned() } else { run.targets.join(" ") };
    let ran = count(run.steps_run, "step");
    text.push_str(&format!("  asked for {asked}: {ran} ran, {} fresh, {} failed\n", run.steps_fresh, run.steps_failed));
    text.push_str(&section("steps", &attempts_table(&show.attempts, now, style), style));
    text + &findings_section(&show.findings, style)
}

fn workstream_page(show: &WorkstreamShow, now: Timestamp, style: &Style) -> String {
    let title = show.title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
    let state = style.paint(tone_of(&show.state), &show.state);
    let mut text = format!("{}  {state}{title}\n", style.paint(Tone::Strong, &show.id));
    let commit = show.commit.as_deref().map(|commit| short_commit(commit).to_owned());
    let fields = [
        ("why", show.reason.clone()),
        ("after", (!show.depends_on.is_empty()).then(|| show.depends_on.join(" "))),
        ("scope", (!show.scope.is_empty()).then(|| show.scope.join(" "))),
        ("commit", commit),
        ("branch", show.branch.clone()),
        ("worktree", show.worktree.clone()),
    ];
    let mut table = Table::new(&["", ""]).indent(2);
    for (name, value) in fields {
        if let Some(value) = value {
            table.row(vec![Cell::toned(Tone::Dim, name), Cell::new(value)]);
        }
    }
    // Whole values: people copy them.
    text.push_str(&table.render(&Style { width: Style::UNBOUNDED, ..*style }));
    let changes: String = show.changes.iter().map(|change| format!("  {change}\n")).collect();
    text.push_str(&section("changes", &changes, style));
    let prefix = format!("{}/", show.id);
    let short = |row: &AttemptRow| AttemptRow { step: row.step.replace(&prefix, ""), ..row.clone() };
    let attempts: Vec<AttemptRow> = show.attempts.iter().map(short).collect();
    if !attempts.is_empty() {
        text.push_str(&section("attempts", &attempts_table(&attempts, now, style), style));
    }
    text + &findings_section(&show.findings, style)
}

fn task_page(show: &TaskShow, now: Timestamp, style: &Style) -> String {
    let state = style.paint(tone_of(&show.state), &show.state);
    let about = show.about.as_ref().map(|about| format!("  {about}")).unwrap_or_default();
    let mut text = format!("{}  {state}{about}\n", style.paint(Tone::Strong, &show.name));
    text.push_str(&show.command.as_ref().map(|command| format!("  runs {command}\n")).unwrap_or_default());
    if !show.attempts.is_empty() {
        text.push_str(&section("attempts", &attempts_table(&show.attempts, now, style), style));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{AttemptRow, LogEntry, LogShow, Show, TargetRow, WorkstreamShow, log, show};
    use crate::report::Style;

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

    fn check(shown: &Show, expected: &str) {
        let now = "2026-11-03T10:15:02Z".parse().expect("a moment");
        assert_eq!(show(shown, now, &Style::PLAIN), expected);
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
        let targets = vec![row("ws-1-a", "workstream", "done", moment), row("test", "task", "never", None)];
        let expected = "\
TARGET  KIND        STATE  LAST RUN   ABOUT
ws-1-a  workstream  done   5 min ago
test    task        never
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
            scope: vec!["src/a.py".into()],
            commit: None,
            branch: None,
            worktree: Some(".worktrees/ws-1-a".into()),
            changes: vec!["M src/a.py".into()],
            attempts: vec![attempt()],
            findings: Vec::new(),
        };
        let expected = "\
ws-1-a  failed
  why       test.1: exit code 1
  after     ws-0-z
  scope     src/a.py
  worktree  .worktrees/ws-1-a

changes
  M src/a.py

attempts
  STEP    TRY  STATUS  WHEN       TOOK  TOOL  REASON
  test.1  1    failed  5 min ago  1.9s        exit code 1
";
        check(&Show::Workstream(workstream), expected);
    }

    #[test]
    fn a_log_is_what_was_said() {
        let entries = vec![LogEntry { attempt: attempt(), output: "F\nboom".into() }];
        let expected = "ws-1-a/test.1  failed  2026-11-03 10:10:02Z  1.9s  r1\nF\nboom\n";
        assert_eq!(log(&LogShow { entries }, &Style::PLAIN), expected);
    }
}
