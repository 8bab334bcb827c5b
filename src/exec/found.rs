//! What a task's depfile says after it ran: read, held against the graph, made part of what is recorded.
//!
//! An old depfile is removed before the task starts, so that one that is there was written by this run.

use std::collections::HashSet;

use crate::analysis::pipeline::Task;
use crate::base::failure::Failure;
use crate::exec::ExecError;
use crate::exec::command::Ran;
use crate::exec::session::Session;
use crate::graph::{StepId, StepKind};
use crate::observe::depfile::prerequisites;
use crate::observe::found::inside;
use crate::system::file_hash::file_system_now;

/// A larger depfile is no depfile.
const DEPFILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Before a task with a depfile starts: the file system's time.
pub fn begin(session: &Session<'_>, task: &Task) -> Result<Option<i64>, ExecError> {
    let Some(depfile) = task.depfile() else { return Ok(None) };
    let path = session.world.root.join(depfile.as_str());
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(ExecError::writing(&path)(error)),
        Ok(()) | Err(_) => {}
    }
    let folder = session.folder();
    file_system_now(folder).map(Some).map_err(ExecError::writing(folder))
}

/// The files inside the project that the task says it read, sorted; a failure where that cannot be told, or where one
/// of them is made by a task that it does not wait for.
pub fn read(session: &Session<'_>, step: StepId, task: &Task, ran: &Ran) -> Result<Vec<String>, Box<Failure>> {
    let Some(depfile) = task.depfile() else { return Ok(Vec::new()) };
    let shown = depfile.as_str();
    let fault = |message: String, help: &str| Box::new(ran.failure("task", message, Some(help.to_owned())));
    let path = session.world.root.join(shown);
    let text = match std::fs::metadata(&path).map(|metadata| metadata.len()) {
        Ok(length) if length > DEPFILE_BYTES_MAX => Err("it is too large".to_owned()),
        Ok(_) => std::fs::read_to_string(&path).map_err(|error| error.to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("{} ended well, but its depfile {shown} is missing", task.name);
            return Err(fault(message, "let the command write it (`cc -MMD -MF`), or remove `depfile`"));
        }
        Err(error) => Err(error.to_string()),
    };
    let named = text.and_then(|text| prerequisites(&text).map_err(|error| error.to_string())).map_err(|error| {
        let message = format!("{} ended well, but its depfile {shown} cannot be read: {error}", task.name);
        fault(message, "it must be of make's format: `target: file file`")
    })?;
    let mut found: Vec<String> = named.iter().filter_map(|path| inside(session.world, task, path)).collect();
    found.sort_unstable();
    found.dedup();
    match unordered(session, step, &found) {
        None => Ok(found),
        Some((path, maker)) => Err(fault(
            format!("{} read {path}, which task `{maker}` makes, and does not wait for it", task.name),
            &format!("add `depends-on \"{maker}\"`, or `inputs \"{path}\"`"),
        )),
    }
}

/// The first file that is made by a task which a step does not wait for.
fn unordered(session: &Session<'_>, step: StepId, found: &[String]) -> Option<(String, String)> {
    let world = session.world;
    let mut above: Option<HashSet<StepId>> = None;
    for path in found {
        let Some(maker) = world.maker(path) else { continue };
        let Some(place) = world.graph.find(&StepKind::Task(maker.name.clone())) else { continue };
        let above = above.get_or_insert_with(|| {
            let mut above = HashSet::new();
            let mut open = vec![step];
            while let Some(step) = open.pop() {
                let needs = world.graph.step(step).depends_on.iter();
                open.extend(needs.filter(|need| above.insert(**need)));
            }
            above
        });
        if !above.contains(&place) {
            return Some((path.clone(), maker.name.to_string()));
        }
    }
    None
}

/// The first found file that was written since the task began, so that what it read may be another content. A file of
/// another task, which ended before, may be as new as the beginning.
pub fn moved(session: &Session<'_>, begun_ns: i64, found: &[String]) -> Option<String> {
    let world = session.world;
    let newer = |path: &&String| {
        let Ok(stat) = world.system.stat(&world.root.join(path)) else { return true };
        stat.ctime_ns > begun_ns || (stat.ctime_ns == begun_ns && world.maker(path).is_none())
    };
    found.iter().find(newer).map(|path| format!("input {path}"))
}
