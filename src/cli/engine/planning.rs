//! `pl check` and the names for completion: nothing is written, nothing is started.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::diagnostic::{Class, Severity};
use crate::cli::engine::building::look_ahead;
use crate::cli::engine::open::{Purpose, open};
use crate::cli::engine::{Planned, Project};
use crate::cli::exit::{Failed, Kind};
use crate::preview::{Asked, planned};
use crate::project;
use crate::report::diagnostics;
use crate::summary::CheckReport;
use crate::system::OsSystem;

/// Says what would run. Definitions with errors are reported, not refused.
pub fn plan(project: &Project, targets: &[String], force: bool) -> Result<Planned, Failed> {
    let opened = match open(project, &[], Purpose::Planning) {
        Ok(opened) => opened,
        Err(failed) if failed.kind == Kind::Definitions => return Ok(wrong(failed)),
        Err(failed) => return Err(failed),
    };
    let wanted = opened.wanted(targets)?;
    let closure = opened.closure(&wanted);
    let asked = Asked { force: if force { wanted } else { Vec::new() }, ..Asked::default() };
    let seen = look_ahead(&opened, &closure, &asked)?;
    let report = CheckReport {
        ok: true,
        bundles_checked: opened.world.pipeline.workstreams.len(),
        errors: diagnostics::rows(&opened.diagnostics, &opened.sources),
        steps: planned(&opened.world, &seen),
        would_run: seen.would_run(),
    };
    Ok(Planned { report, diagnostics: opened.diagnostics, sources: opened.sources })
}

fn wrong(failed: Failed) -> Planned {
    let rows = diagnostics::rows(&failed.diagnostics, &failed.sources);
    debug_assert!(failed.diagnostics.iter().any(|diagnostic| diagnostic.code.severity == Severity::Error));
    debug_assert!(rows.iter().all(|row| row.class != Class::Unexpected.word()));
    let report = CheckReport { ok: false, bundles_checked: 0, errors: rows, steps: Vec::new(), would_run: 0 };
    Planned { report, diagnostics: failed.diagnostics, sources: failed.sources }
}

/// Names that can be built, as they are written: also while something else in the definitions is wrong.
pub fn target_names(directory: &Path) -> Vec<String> {
    let directory = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    let reading = project::read(&OsSystem, &project::find_root(&OsSystem, &directory));
    let own = || reading.files.iter().filter(|file| !file.shipped).map(|file| &file.definitions);
    let tasks = own().flat_map(|file| file.defined_tasks().map(|task| task.name().0.to_owned()));
    let workstreams = own().flat_map(|file| file.workstreams.iter().map(|workstream| workstream.id.value.to_string()));
    let setups = own().flat_map(|file| file.setups.iter().map(|setup| format!("setup:{}", setup.name.value)));
    let mut seen = BTreeSet::new();
    tasks.chain(workstreams).chain(setups).filter(|name| seen.insert(name.clone())).collect()
}
