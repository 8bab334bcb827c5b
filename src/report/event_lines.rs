//! Events as JSON lines: `{ts, run_id, ws_id, step, level, event, message, …}`.
//!
//! The names are listed in docs/events.md and keep their meaning; the clock comes in.

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::event::Event;
use crate::report::text::short::split_step;
use crate::report::text::time::duration;
use crate::summary::StepStatus;

/// A writer of event lines.
pub struct EventLines {
    out: Box<dyn Write + Send>,
    /// The moment as ISO-8601 with `Z`.
    clock: Box<dyn Fn() -> String + Send>,
    run_id: Option<String>,
    closed: bool,
}

impl EventLines {
    /// Writes to `out`, each line flushed; `clock` gives the moment as ISO-8601 with `Z`.
    pub fn new(out: Box<dyn Write + Send>, clock: Box<dyn Fn() -> String + Send>) -> Self {
        Self { out, clock, run_id: None, closed: false }
    }

    /// Writes one event; after an error nothing more is written.
    pub fn write(&mut self, event: &Event) {
        if let Event::RunStarted { run_id, .. } = event {
            self.run_id = Some(run_id.clone());
        }
        if self.closed {
            return;
        }
        let line = format!("{}\n", line(event, self.run_id.as_deref(), &(self.clock)()));
        let written = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
        self.closed = written.is_err();
    }
}

/// One event as an object: what every line has, then the event's own fields.
pub fn line(event: &Event, run_id: Option<&str>, moment: &str) -> Value {
    let (workstream, step) = subjects(event);
    let mut object = Map::new();
    object.insert("ts".to_owned(), json!(moment));
    object.insert("run_id".to_owned(), json!(run_id));
    object.insert("ws_id".to_owned(), json!(workstream));
    object.insert("step".to_owned(), json!(step));
    object.insert("level".to_owned(), json!(level(event)));
    object.insert("event".to_owned(), json!(name(event)));
    object.insert("message".to_owned(), json!(message(event)));
    if let Ok(Value::Object(own)) = serde_json::to_value(event) {
        for (key, value) in own {
            if value != Value::Null {
                object.entry(key).or_insert(value);
            }
        }
    }
    Value::Object(object)
}

/// The event's name in lines and in docs/events.md.
pub fn name(event: &Event) -> &'static str {
    match event {
        Event::RunStarted { .. } => "run-started",
        Event::Note { .. } => "note",
        Event::StepStarted { .. } => "step-started",
        Event::StepEnded { .. } => "step-ended",
        Event::WorkstreamMoved { .. } => "workstream-moved",
        Event::WorkstreamEnded(_) => "workstream-ended",
        Event::RunEnded { .. } => "run-ended",
    }
}

fn subjects(event: &Event) -> (Option<&str>, Option<&str>) {
    match event {
        Event::StepStarted { step, .. } | Event::StepEnded { step, .. } => (split_step(step).0, Some(step)),
        Event::WorkstreamMoved { workstream, .. } => (Some(workstream), None),
        Event::WorkstreamEnded(summary) => (Some(&summary.id), None),
        Event::RunStarted { .. } | Event::Note { .. } | Event::RunEnded { .. } => (None, None),
    }
}

/// `debug info warning error`.
fn level(event: &Event) -> &str {
    match event {
        Event::Note { level, .. } => level,
        Event::StepEnded { status: StepStatus::Failed, .. } => "error",
        Event::StepEnded { status: StepStatus::Blocked | StepStatus::Waiting | StepStatus::Interrupted, .. } => {
            "warning"
        }
        Event::WorkstreamEnded(summary) if summary.status == "failed" => "error",
        Event::RunEnded { status } if status == "failed" => "error",
        Event::WorkstreamMoved { .. } => "debug",
        _ => "info",
    }
}

fn message(event: &Event) -> String {
    match event {
        Event::RunStarted { steps, .. } => format!("run of {steps} steps"),
        Event::Note { message, .. } => message.clone(),
        Event::StepStarted { step, reason, .. } => format!("{step}: {reason}"),
        Event::StepEnded { step, failure: Some(failure), .. } => format!("{step}: {}", failure.message),
        Event::StepEnded { step, status, duration_ms, .. } => {
            format!("{step}: {} in {}", crate::report::console::lines::status_word(*status), duration(*duration_ms))
        }
        Event::WorkstreamMoved { workstream, from, to } => format!("{workstream}: {from} -> {to}"),
        Event::WorkstreamEnded(summary) => match &summary.reason {
            Some(reason) => format!("{}: {}, {reason}", summary.id, summary.status),
            None => format!("{}: {}", summary.id, summary.status),
        },
        Event::RunEnded { status } => format!("run {status}"),
    }
}

/// One event of each kind; a new kind fails to compile in [`name`] and then is missing here.
#[cfg(test)]
mod tests {
    use super::{EventLines, line, name};
    use crate::event::Event;
    use crate::summary::{ScopeSummary, StepStatus, WorkstreamSummary};

    fn one_of_each() -> Vec<Event> {
        let step = "ws-1/test.1".to_owned();
        let summary = WorkstreamSummary {
            id: "ws-1".into(),
            status: "failed".into(),
            reason: Some("red".into()),
            class: None,
            commit: None,
            branch: None,
            worktree: None,
            steps: Vec::new(),
            scope: ScopeSummary::default(),
            duration_ms: 0,
        };
        vec![
            Event::RunStarted { run_id: "r1".into(), steps: 2, workstreams: 1, tasks: 0, longest_name: 6 },
            Event::Note { level: "warning".into(), message: "m".into() },
            Event::StepStarted { step: step.clone(), reason: "never ran".into(), tool: None },
            Event::StepEnded {
                step,
                status: StepStatus::Done,
                duration_ms: 12,
                detail: None,
                failure: None,
                record: None,
            },
            Event::WorkstreamMoved { workstream: "ws-1".into(), from: "ready".into(), to: "started".into() },
            Event::WorkstreamEnded(summary),
            Event::RunEnded { status: "failed".into() },
        ]
    }

    #[test]
    fn every_line_has_the_common_fields() {
        for event in one_of_each() {
            let value = line(&event, Some("r1"), "2026-11-03T10:15:02Z");
            for key in ["ts", "run_id", "ws_id", "step", "level", "event", "message"] {
                assert!(value.get(key).is_some(), "{key} of {event:?}");
            }
            assert_eq!(value["event"], name(&event));
            let own = serde_json::to_value(&event).expect("an object");
            assert_eq!(own["event"], name(&event), "serde's name and ours differ");
        }
    }

    #[test]
    fn a_line_reads_well() {
        let value = line(&one_of_each()[3], Some("r1"), "t");
        assert_eq!(value["message"], "ws-1/test.1: done in 12ms");
        assert_eq!(value["ws_id"], "ws-1");
        assert_eq!(value["duration_ms"], 12);
    }

    #[test]
    fn every_event_is_documented() {
        let page = include_str!("../../docs/events.md");
        for event in one_of_each() {
            assert!(page.contains(&format!("`{}`", name(&event))), "docs/events.md does not list {}", name(&event));
        }
    }

    #[test]
    fn lines_know_their_run() {
        let (sender, receiver) = std::sync::mpsc::channel::<Vec<u8>>();
        struct Out(std::sync::mpsc::Sender<Vec<u8>>);
        impl std::io::Write for Out {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.send(bytes.to_vec()).map(|()| bytes.len()).map_err(std::io::Error::other)
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut lines = EventLines::new(Box::new(Out(sender)), Box::new(|| "t".to_owned()));
        one_of_each().iter().for_each(|event| lines.write(event));
        drop(lines);
        let all: Vec<u8> = receiver.into_iter().flatten().collect();
        let last = String::from_utf8(all).expect("text").lines().last().map(str::to_owned).expect("a line");
        assert!(last.contains("\"run_id\":\"r1\""), "{last}");
    }
}
