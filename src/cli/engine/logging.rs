//! `pl log`: what steps said, from the files that kept it; and the events of runs.
//!
//! Runs need no definitions, so their output can be read while those are wrong.

use std::path::Path;

use crate::cli::engine::Project;
use crate::cli::engine::looking::{attempt_rows, find_run, newest_run};
use crate::cli::engine::open::{Purpose, open, remembered, store_failed};
use crate::cli::exit::Failed;
use crate::event::Event;
use crate::graph::StepKind;
use crate::graph::target::fixes;
use crate::report::event_lines;
use crate::report::history::{LogEntry, LogShow};
use crate::store::attempt::{AttemptRow, Filter};
use crate::store::run::RunId;
use crate::store::{Store, StoreError};

/// Bytes of one output that are read.
const OUTPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Files that one attempt can have: an edit is applied plainly, then three-way.
const LOGS_AN_ATTEMPT_MAX: u32 = 16;

/// Output that was kept: of the newest run, of a run, of a step or a target.
pub fn log(project: &Project, subject: Option<&str>) -> Result<LogShow, Failed> {
    let Some(store) = remembered(project)? else { return Ok(LogShow { entries: Vec::new() }) };
    let attempts = match chosen(project, &store, subject)? {
        None => Vec::new(),
        Some(Chosen::Run(run)) => {
            store.attempts(&Filter { run: Some(&run), ..Filter::default() }).map_err(store_failed)?
        }
        Some(Chosen::Steps(kinds)) => newest_of(&store, &kinds).map_err(store_failed)?,
    };
    let rows = attempt_rows(&store, &attempts).map_err(store_failed)?;
    let entries = rows.into_iter().map(|attempt| {
        let output = attempt.log.as_deref().map(|log| output(Path::new(log))).unwrap_or_default();
        LogEntry { attempt, output }
    });
    Ok(LogShow { entries: entries.collect() })
}

/// Events as lines, as `pl build --events` wrote them: of the newest run, of a run, of a workstream.
pub fn events(project: &Project, subject: Option<&str>) -> Result<Vec<serde_json::Value>, Failed> {
    let Some(store) = remembered(project)? else { return Ok(Vec::new()) };
    let chosen = chosen(project, &store, subject)?;
    let (run, names) = match chosen {
        None => return Ok(Vec::new()),
        Some(Chosen::Run(run)) => (Some(run), Vec::new()),
        Some(Chosen::Steps(kinds)) => (None, kinds),
    };
    let rows = || -> Result<Vec<_>, StoreError> {
        let Some(run) = &run else {
            let mut rows = Vec::new();
            for kind in &names {
                let name = kind.name();
                let filter = match kind {
                    StepKind::Result(id) => Filter { ws: Some(id.as_str()), ..Filter::default() },
                    _ => Filter { step: Some(&name), ..Filter::default() },
                };
                rows.extend(store.events(&filter, u32::MAX)?);
            }
            rows.sort_by_key(|row| row.id);
            return Ok(rows);
        };
        store.events(&Filter { run: Some(run), ..Filter::default() }, u32::MAX)
    };
    let line = |row: crate::store::attempt::EventRow| {
        let event: Event = serde_json::from_value(row.payload).ok()?;
        Some(event_lines::line(&event, row.run_id.as_deref(), &row.timestamp))
    };
    Ok(rows().map_err(store_failed)?.into_iter().filter_map(line).collect())
}

/// What a subject names.
enum Chosen {
    Run(RunId),
    Steps(Vec<StepKind>),
}

fn chosen(project: &Project, store: &Store, subject: Option<&str>) -> Result<Option<Chosen>, Failed> {
    let Some(subject) = subject else { return Ok(newest_run(store).map_err(store_failed)?.map(Chosen::Run)) };
    if let Some(run) = find_run(store, subject)? {
        return Ok(Some(Chosen::Run(run.run_id)));
    }
    let opened = open(project, &[], Purpose::Planning)?;
    if let Some((id, Some(number))) = fixes(&opened.world.pipeline, subject) {
        return Ok(Some(Chosen::Steps(vec![StepKind::Fix(id, number)])));
    }
    let wanted = opened.wanted(&[subject.to_owned()])?;
    let kinds = wanted.iter().map(|step| opened.world.graph.step(*step).kind.clone());
    Ok(Some(Chosen::Steps(kinds.collect())))
}

/// The newest attempt of each step; of a workstream all attempts of the newest run in which something ran for it.
fn newest_of(store: &Store, kinds: &[StepKind]) -> Result<Vec<AttemptRow>, StoreError> {
    let mut found = Vec::new();
    for kind in kinds {
        if let StepKind::Result(id) = kind {
            let all = store.attempts(&Filter { ws: Some(id.as_str()), ..Filter::default() })?;
            let newest = all.last().map(|row| row.run_id.clone());
            found.extend(all.into_iter().filter(|row| Some(&row.run_id) == newest.as_ref()));
        } else {
            found.extend(store.step_history(&kind.name(), 1)?);
        }
    }
    found.sort_by_key(|row| row.id);
    Ok(found)
}

/// The whole output of an attempt: its first file, and those that later tries of it wrote beside.
fn output(log: &Path) -> String {
    let Some(stem) = log.to_str().and_then(|path| path.strip_suffix(".1.log")) else { return read(log) };
    let files = (1..=LOGS_AN_ATTEMPT_MAX).map(|number| format!("{stem}.{number}.log"));
    // A try that said nothing left no file.
    files.map(|path| read(Path::new(&path))).collect()
}

fn read(path: &Path) -> String {
    use std::io::Read;
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(path) {
        // What can be read is what is shown.
        drop(file.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
