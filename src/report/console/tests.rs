//! A made-up build, told to a console that writes into memory.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{Console, Options, Verbosity};
use crate::base::failure::Failure;
use crate::event::Event;
use crate::report::Style;
use crate::report::text::width::visible_width;
use crate::summary::{ScopeSummary, StepStatus, StepSummary, WorkstreamSummary};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.0.lock().expect("no panic"))).expect("text")
    }
}

fn started(step: &str, tool: Option<&str>) -> Event {
    Event::StepStarted { step: step.into(), reason: "never ran".into(), tool: tool.map(str::to_owned) }
}

fn ended(step: &str, status: StepStatus, duration_ms: u64) -> Event {
    Event::StepEnded { step: step.into(), status, duration_ms, detail: None, failure: None, record: None }
}

fn moved(to: &str) -> Event {
    Event::WorkstreamMoved { workstream: "ws-1-first".into(), from: "x".into(), to: to.into() }
}

fn step(name: &str, kind: &str) -> StepSummary {
    StepSummary {
        name: format!("ws-1-first/{name}"),
        kind: kind.into(),
        status: StepStatus::Done,
        verdict: "stale".into(),
        reason: None,
        attempts: 1,
        duration_ms: 5,
        findings: Vec::new(),
        failure: None,
    }
}

fn workstream(status: &str) -> Event {
    Event::WorkstreamEnded(WorkstreamSummary {
        id: "ws-1-first".into(),
        status: status.into(),
        reason: (status == "failed").then(|| "test.1: exit code 1".into()),
        class: None,
        commit: Some("0123456789".into()),
        branch: (status == "done").then(|| "ws/A/ws-1-first".into()),
        worktree: None,
        steps: vec![step("edit.1", "edit"), step("edit.2", "edit"), step("test.1", "test")],
        scope: ScopeSummary::default(),
        duration_ms: 1900,
    })
}

fn events() -> Vec<Event> {
    vec![
        Event::RunStarted { run_id: "r1".into(), steps: 6, workstreams: 1, tasks: 2, longest_name: 12 },
        Event::Note { level: "info".into(), message: "made .pl/example from tests/fixtures/legacy".into() },
        ended("fmt", StepStatus::Fresh, 0),
        started("test", Some("cargo")),
        moved("editing"),
        started("ws-1-first/edit.1", Some("replay (recorded)")),
        ended("ws-1-first/edit.1", StepStatus::Done, 10),
        ended("test", StepStatus::Done, 1234),
        workstream("done"),
        Event::RunEnded { status: "completed".into() },
    ]
}

fn console(live: bool, verbosity: Verbosity, width: usize) -> (Console, Written, Arc<AtomicU64>) {
    let (written, time) = (Written::default(), Arc::new(AtomicU64::new(0)));
    let now = Arc::clone(&time);
    let options = Options {
        verbosity,
        live,
        ci_groups: false,
        size: Box::new(move || (width, 10)),
        clock: Box::new(move || now.load(Ordering::Relaxed)),
        out: Box::new(written.clone()),
    };
    let style = Style { color: false, unicode: true, width: if live { width } else { Style::UNBOUNDED } };
    (Console::new(style, options), written, time)
}

fn told(verbosity: Verbosity) -> String {
    let (mut console, written, _) = console(false, verbosity, 80);
    events().iter().for_each(|event| console.handle(event));
    written.take()
}

#[test]
fn calm_lines_tell_each_thing_once() {
    let expected = "\
made .pl/example from tests/fixtures/legacy
test          done     1.2s
ws-1-first    done     2× replay (recorded), 1 check  1.9s
";
    assert_eq!(told(Verbosity::Normal), expected);
    assert_eq!(told(Verbosity::Quiet), "");
}

#[test]
fn verbose_tells_every_step_with_its_reason() {
    let text = told(Verbosity::Verbose);
    assert!(text.contains("fmt           fresh\n"), "{text}");
    assert!(text.contains("ws-1-first/edit.1  starts   never ran; asks replay (recorded)\n"), "{text}");
}

#[test]
fn failures_are_told_even_quietly() {
    let (mut console, written, _) = console(false, Verbosity::Quiet, 80);
    let failure = Failure {
        class: "agent".into(),
        message: "exit code 1".into(),
        help: None,
        reproduce: None,
        log: None,
        output: "boom\n".into(),
        findings: Vec::new(),
    };
    let step = "ws-1-first/test.1".to_owned();
    let failed = Event::StepEnded {
        step,
        status: StepStatus::Failed,
        duration_ms: 3,
        detail: None,
        failure: Some(failure),
        record: None,
    };
    console.handle(&failed);
    console.handle(&workstream("failed"));
    assert_eq!(written.take(), "\nws-1-first/test.1 failed (agent): exit code 1\n  │ boom\n\n");
}

#[test]
fn the_live_view_leaves_only_lines_behind() {
    let (mut console, written, time) = console(true, Verbosity::Normal, 60);
    let mut screen = Screen::default();
    for event in events() {
        console.handle(&event);
        time.fetch_add(110, Ordering::Relaxed);
        console.tick();
        screen.play(&written.take());
        if matches!(&event, Event::StepStarted { step, .. } if step.starts_with("ws-1")) {
            assert!(screen.text().contains("ws-1-first  editing   edit.1 replay (recorded)"), "{}", screen.text());
            assert!(screen.text().ends_with("1/6 steps · 2 running · 0.6s\n"), "{}", screen.text());
        }
    }
    console.finish();
    screen.play(&written.take());
    let expected = "\
made .pl/example from tests/fixtures/legacy
test          done     1.2s
ws-1-first    done     2× replay (recorded), 1 check
";
    assert_eq!(screen.text().replace("  1.9s", ""), expected);
}

#[test]
fn frames_fit_any_terminal() {
    for columns in [1, 7, 20, 33, 80, 300] {
        let (mut console, written, time) = console(true, Verbosity::Normal, columns);
        console.handle(&events()[0]);
        for number in 0..40 {
            console.handle(&started(&format!("ws-{number}-日本語のながいなまえ/edit.1"), Some("replay (recorded)")));
        }
        time.store(3_000_000, Ordering::Relaxed);
        console.tick();
        let frame = written.take();
        let lines: Vec<&str> = frame.lines().collect();
        assert!(lines.len() <= 10, "{} rows", lines.len());
        assert!(lines.iter().all(|line| visible_width(line) <= columns.max(1)), "{columns}: {frame}");
    }
}

#[test]
fn no_more_than_ten_frames_a_second() {
    let (mut console, written, time) = console(true, Verbosity::Normal, 80);
    console.handle(&events()[0]);
    let mut frames = 0;
    for _ in 0..1000 {
        time.fetch_add(1, Ordering::Relaxed);
        console.tick();
        frames += usize::from(!written.take().is_empty());
    }
    assert!((9..=11).contains(&frames), "{frames}");
}

/// A terminal that knows what the live view uses: `\n`, `\r`, up, clear to the end of line and screen.
#[derive(Default)]
struct Screen {
    lines: Vec<String>,
    row: usize,
}

impl Screen {
    fn play(&mut self, bytes: &str) {
        for piece in bytes.split_inclusive('\n') {
            let mut rest = piece.trim_end_matches('\n').replace('\r', "");
            if let Some((rows, after)) = rest.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('A')) {
                self.row -= rows.parse::<usize>().expect("rows");
                rest = after.to_owned();
            }
            if rest.starts_with("\u{1b}[J") {
                self.lines.truncate(self.row);
            }
            if piece.ends_with('\n') {
                self.lines.resize(self.lines.len().max(self.row + 1), String::new());
                self.lines[self.row] = rest.replace("\u{1b}[J", "").replace("\u{1b}[K", "");
                self.row += 1;
            }
        }
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}
