//! What a run leaves in the store besides its events: records, errors, tools that were asked.
//!
//! Notices when one key gives two results. Decides nothing.

use serde_json::{Value, json};

use crate::base::name::WorkstreamId;
use crate::exec::ExecError;
use crate::exec::session::{Ending, Made, Session};
use crate::fingerprint::{Fingerprint, Key};
use crate::graph::StepKind;
use crate::observe::look::Look;
use crate::observe::record::OutputFile;
use crate::store::StoreError;
use crate::store::attempt::NewError;
use crate::store::record::{NewRecord, Outcome, Record};
use crate::store::work::ToolInvocation;
use crate::summary::StepStatus;
use crate::verify::signature::signature;

impl Session<'_> {
    /// Remembers what a step came to.
    pub fn record(&self, kind: &StepKind, look: &Look, made: Made) -> Result<(), ExecError> {
        debug_assert_eq!(look.key, look.fingerprint.key());
        let step = self.world.graph.find(kind);
        let is_new = step.and_then(|step| self.planned(step)?.without_record(look.key)).is_some();
        let before = if is_new { None } else { self.store.find(look.key)? };
        self.record_over(before, (&kind.name(), kind.word()), (look.key, &look.fingerprint), made)
    }

    /// Remembers something that is no step of the graph.
    pub fn record_as(&self, step: &str, kind: &str, fingerprint: &Fingerprint, made: Made) -> Result<(), ExecError> {
        let key = fingerprint.key();
        self.record_over(self.store.find(key)?, (step, kind), (key, fingerprint), made)
    }

    fn record_over(
        &self,
        before: Option<Record>,
        (step, kind): (&str, &str),
        (key, fingerprint): (Key, &Fingerprint),
        made: Made,
    ) -> Result<(), ExecError> {
        if let Some(sentence) = before.and_then(|before| contradicts(&before, kind, &made)) {
            self.note(
                "warning",
                format!("{step} is nondeterministic: {sentence}, and nothing that it observes changed"),
            );
        }
        let record = NewRecord {
            key,
            step,
            kind,
            outcome: made.outcome,
            body: made.body,
            fingerprint,
            request: made.request,
            run_id: Some(&self.run_id),
            duration_ms: made.duration_ms,
        };
        // What a tool was asked for is there before anything goes on; a task can be run again.
        if kind == "task" {
            self.store.record_soon(&record)?
        } else {
            self.store.record(&record)?
        };
        Ok(())
    }

    /// Counts what went wrong by its signature, so that repeats can be told.
    pub fn count_errors(&self, kind: &StepKind, ending: &Ending) {
        let Some(failure) = ending.failure.as_ref().filter(|_| ending.status == StepStatus::Failed) else { return };
        let step = kind.name();
        let count = |code: &str, message: &str, context: Value| -> Result<u64, StoreError> {
            self.store.error(&NewError {
                run: &self.run_id,
                ws: kind.workstream().map(WorkstreamId::as_str),
                step: Some(&step),
                code: Some(code),
                signature: &signature(code, message),
                message,
                context,
            })
        };
        let mut counted = count(&failure.class, &failure.message, json!({ "log": failure.log })).map(drop);
        for finding in &failure.findings {
            let code = finding.code.as_deref().unwrap_or(&finding.tool);
            let context = serde_json::to_value(finding).unwrap_or(Value::Null);
            counted = counted.and(count(code, &finding.message, context).map(drop));
        }
        if let Err(error) = counted {
            self.note("warning", format!("{step}: its errors could not be counted: {error}"));
        }
    }

    /// Writes that a tool was asked, and how that ended.
    pub fn tool_was_asked(
        &self,
        kind: &StepKind,
        tool: &str,
        outcome: &str,
        duration_ms: u64,
        usage: Value,
    ) -> Result<(), ExecError> {
        self.store.tool_invoked(&ToolInvocation {
            run_id: Some(self.run_id.0.clone()),
            ws_id: kind.workstream().map(ToString::to_string),
            step: kind.name(),
            tool: tool.to_owned(),
            version: None,
            argv: Vec::new(),
            outcome: outcome.to_owned(),
            started_at: String::new(),
            duration_ms,
            usage,
        })?;
        Ok(())
    }
}

/// What a new result says against the one that lies under the same key.
fn contradicts(before: &Record, kind: &str, made: &Made) -> Option<String> {
    let word = |outcome| if outcome == Outcome::Green { "green" } else { "red" };
    match kind {
        "lint" | "test" if before.outcome != made.outcome => {
            Some(format!("it was {} and is {}", word(before.outcome), word(made.outcome)))
        }
        "task" if before.body["outputs"] != made.body["outputs"] => {
            Some(format!("it made other outputs than before ({})", moved(&before.body, &made.body)))
        }
        _ => None,
    }
}

/// Outputs that are named where they moved; the rest is counted.
const MOVED_MAX: usize = 3;

/// Which outputs of a task are not what they were: `b.txt`, `a.txt is new`.
fn moved(before: &Value, now: &Value) -> String {
    let files =
        |body: &Value| -> Vec<OutputFile> { serde_json::from_value(body["outputs"].clone()).unwrap_or_default() };
    let (before, now) = (files(before), files(now));
    let other = |file: &OutputFile| before.iter().find(|other| other.path == file.path);
    let differs = now.iter().filter_map(|file| match other(file) {
        None => Some(format!("{} is new", file.path)),
        Some(other) if other.kind != file.kind => {
            Some(format!("{} was {} and is {}", file.path, other.kind, file.kind))
        }
        Some(other) => (other != file).then(|| file.path.clone()),
    });
    let gone = before.iter().filter(|file| !now.iter().any(|other| other.path == file.path));
    let all: Vec<String> = differs.chain(gone.map(|file| format!("{} is gone", file.path))).collect();
    let more = all.len().saturating_sub(MOVED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", all[..all.len().min(MOVED_MAX)].join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::moved;

    #[test]
    fn what_moved_is_named() {
        let file = |path: &str, kind: &str, digest: &str| json!({ "path": path, "kind": kind, "digest": digest, "stored": true });
        let body = |files: &[Value]| json!({ "outputs": files });
        let before = body(&[file("a", "file", "1"), file("b", "file", "1"), file("c", "file", "1")]);
        let check = |files: &[Value], expect: &str| assert_eq!(moved(&before, &body(files)), expect);
        check(&[file("a", "file", "1"), file("b", "file", "2"), file("c", "file", "1")], "b");
        check(&[file("a", "executable", "1"), file("b", "file", "1")], "a was file and is executable, c is gone");
        let new = ["a", "b", "c", "d", "e"].map(|path| file(path, "file", "7"));
        check(&new, "a, b, c and 2 more");
        check(&[file("d", "file", "1")], "d is new, a is gone, b is gone and 1 more");
    }
}
