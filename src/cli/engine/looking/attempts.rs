//! `pl show WORKSTREAM --attempt N`: the report of one attempt.
//!
//! Those of a fix loop were noted while it ran; a workstream that was green at once has one attempt, with nothing wrong.

use crate::analysis::pipeline::Workstream;
use crate::cli::engine::Project;
use crate::cli::engine::open::{Opened, Purpose, git_failed, open, store_failed};
use crate::cli::exit::Failed;
use crate::exec::workstream::reports::{REPORT_NOTES, outputs};
use crate::git::object::TreeId;
use crate::graph::StepKind;
use crate::observe::record::ResultBody;
use crate::report::history::Show;
use crate::store::Store;
use crate::summary::LoopAttempt;
use crate::summary::attempt::AttemptReport;

/// Looks up an attempt.
pub fn show(project: &Project, target: &str, number: u32) -> Result<Show, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    let wanted = opened.wanted(&[target.to_owned()])?;
    let kind = wanted.first().map(|step| opened.world.graph.step(*step).kind);
    let Some(StepKind::Result(id)) = kind.filter(|_| wanted.len() == 1) else {
        return Err(Failed::usage(format!("`{target}` is no workstream")).hint("attempts are those of one workstream"));
    };
    let nothing = || Failed::usage(format!("{id} has no attempts yet")).hint(format!("pl build {id} makes the first"));
    let Some(store) = opened.records()? else { return Err(nothing()) };
    let note = store.note(REPORT_NOTES, id.as_str()).map_err(store_failed)?;
    let noted = note.and_then(|note| serde_json::from_value::<Vec<AttemptReport>>(note).ok()).unwrap_or_default();
    let mut reports = match noted.is_empty() {
        true => at_once(&opened, &store, opened.world.workstream(id))?.into_iter().collect(),
        false => noted,
    };
    match (number as usize).checked_sub(1).filter(|place| *place < reports.len()) {
        Some(place) => Ok(Show::Attempt(reports.swap_remove(place))),
        None if reports.is_empty() => Err(nothing()),
        None => {
            Err(Failed::usage(format!("{id} has attempts 1 to {}", reports.len()))
                .hint(format!("pl show {id} lists them")))
        }
    }
}

/// The one attempt of a workstream that was green at once.
fn at_once(opened: &Opened, store: &Store, workstream: &Workstream) -> Result<Option<AttemptReport>, Failed> {
    let id = workstream.id.as_str();
    let Some(record) = store.latest(&format!("{id}/result")).map_err(store_failed)? else { return Ok(None) };
    let run = record.run_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let Ok(body) = serde_json::from_value::<ResultBody>(record.body) else { return Ok(None) };
    let Some((base, tree)) = TreeId::from_hex(&body.base).zip(TreeId::from_hex(&body.tree)) else { return Ok(None) };
    let outputs = outputs(&opened.world.located().repository.diff(base, tree).map_err(git_failed)?);
    let mut duration_ms = 0;
    for number in 1..=opened.world.edits(workstream) {
        let step = StepKind::Edit(workstream.id.clone(), number).name();
        duration_ms += store.latest(&step).map_err(store_failed)?.map_or(0, |record| record.duration_ms);
    }
    let attempt = LoopAttempt {
        number: 1,
        step: format!("{id}/edit"),
        tool: workstream.asked_tool.clone(),
        outcome: "taken".to_owned(),
        duration_ms,
        files: outputs.iter().map(|output| output.path.clone()).collect(),
        findings_after: Some(0),
        tree: body.tree,
        ..LoopAttempt::default()
    };
    Ok(Some(AttemptReport::of(&run, id, attempt, outputs, Vec::new())))
}
