//! Tasks and the setups that they need: make-like steps in the project's own folder.
//!
//! What was made is verified, kept as blobs and restored from them; what moved its own inputs is not recorded.

use std::path::{Path, PathBuf};

use crate::analysis::pipeline::{Command, Task};
use crate::base::digest::Digest;
use crate::base::failure::Failure;
use crate::base::name::{SetupName, TaskName};
use crate::exec::ExecError;
use crate::exec::command::{Launch, Properties, Ran, launch_until, with_withheld};
use crate::exec::fence::Beside;
use crate::exec::found;
use crate::exec::schedule::Ended;
use crate::exec::session::{Ending, Made, Session};
use crate::exec::setup::{Inputs, SetUp, ensure};
use crate::exec::touch;
use crate::graph::{StepId, StepKind};
use crate::observe::look::Look;
use crate::observe::record::{OutputFile, TaskBody};
use crate::observe::{ObserveError, body, found as inputs_found, task as observe};
use crate::plan::{Freshness, Reason, Verdict};
use crate::preview::task::{look_at, project_inputs, upstream};
use crate::store::blob::Restored;
use crate::store::record::Outcome;
use crate::summary::StepStatus;
use crate::system::inputs::Input;

/// Wall time of a task that says none.
const TASK_TIMEOUT_MS: u64 = 60 * 60 * 1000;

/// Brings one task up to date.
pub fn run(session: &Session<'_>, step: StepId, name: &TaskName) -> Ended {
    let kind = StepKind::Task(name.clone());
    match bring_up(session, step, &kind, session.world.task(name)) {
        Ok(ended) => ended,
        Err(error) => {
            let failure =
                Failure { class: "infrastructure".to_owned(), message: error.to_string(), ..Failure::default() };
            session.end(
                &kind,
                Ending::without_running(StepStatus::Failed, &Verdict::Stale(Reason::NeverRan)).failure(failure),
            );
            Ended::Bad
        }
    }
}

fn bring_up(session: &Session<'_>, step: StepId, kind: &StepKind, task: &Task) -> Result<Ended, ExecError> {
    let above = upstream(session.world, step, &session.task_keys(step));
    let Some(command) = &task.command else {
        session.settle_task(step, observe::group(&above).key());
        session.end(kind, Ending::fresh(&Verdict::Fresh(Freshness::Nothing)));
        return Ok(Ended::Good);
    };
    let plan = session.planned(step);
    let (mut look, inputs) = look_at(session.world, session.records(), task, session.hashes, &above, plan)?;
    if session.asked.force.contains(&step) {
        look.verdict = Verdict::Stale(Reason::Forced);
    } else if !observe::is_memoized(task) {
        look.verdict = Verdict::Stale(Reason::AlwaysRuns);
    }
    session.settle_task(step, look.key);
    if matches!(look.verdict, Verdict::Fresh(_)) {
        session.end(kind, Ending::fresh(&look.verdict));
        return Ok(Ended::Good);
    }
    if matches!(look.verdict, Verdict::Stale(Reason::Lost(_))) && restore(session, task, &look)? {
        session.end(kind, Ending::without_running(StepStatus::Done, &look.verdict).detail("restored"));
        return Ok(Ended::Good);
    }
    execute(session, step, kind, task, command, &look, &inputs)
}

fn execute(
    session: &Session<'_>,
    step: StepId,
    kind: &StepKind,
    task: &Task,
    command: &Command,
    look: &Look,
    inputs: &[Input],
) -> Result<Ended, ExecError> {
    let begun = session.begin(kind, &look.reason().to_string(), None);
    let root = &session.world.root;
    let dir = if task.dir().is_empty() { root.clone() } else { root.join(task.dir()) };
    let properties = Properties { arguments: session.world.arguments.to_vec(), ..Properties::default() };
    make_folders(session, task);
    let begun_ns = found::begin(session, task)?;
    let beside = Beside::begin(session, task.name.as_str());
    let entered = touch::enter(session, step, task, inputs);
    let ran = launch_until(
        session,
        Launch {
            argv: properties.argv(command),
            dir: &dir,
            environment: &task.environment,
            bins: &bins(session, task)?,
            own: &[],
            secrets: &[],
            pool: task.pool(),
            jobserver: task.jobserver,
            timeout_ms: task.timeout_ms.unwrap_or(TASK_TIMEOUT_MS),
            idle_ms: None,
            kind,
            log: session.log(kind, 1),
        },
        &entered.cancel,
    );
    drop((beside, entered));
    if ran.cancelled() {
        let mut ending = Ending::ran(StepStatus::Interrupted, &look.verdict, begun);
        if !session.cancel.is_cancelled() {
            ending = ending.detail("its inputs changed");
        }
        session.end(kind, ending);
        return Ok(Ended::Bad);
    }
    let made = match made(session, step, task, command, &ran) {
        Ok((outputs, found)) => MadeNow { outputs, found, begun_ns },
        Err(failure) => {
            session.end(kind, Ending::ran(StepStatus::Failed, &look.verdict, begun).failure(*failure));
            return Ok(Ended::Bad);
        }
    };
    if observe::is_memoized(task) {
        remember(session, step, kind, task, look, inputs, made, &ran)?;
    }
    session.end(kind, Ending::ran(StepStatus::Done, &look.verdict, begun));
    Ok(Ended::Good)
}

/// Makes the folders that outputs lie in, as programs expect that only write a file. What cannot be made the program runs into.
fn make_folders(session: &Session<'_>, task: &Task) {
    let paths = task.outputs.iter().map(|output| output.path.as_str()).chain(task.depfile().map(|file| file.as_str()));
    for path in paths {
        if let Some(folder) = session.world.root.join(path).parent().filter(|folder| !folder.exists()) {
            let _ = std::fs::create_dir_all(folder);
        }
    }
}

fn failure(task: &Task, command: &Command, ran: &Ran) -> Option<Failure> {
    let shell = matches!(command, Command::Shell(_));
    let failure = ran.no_outcome(shell).or_else(|| {
        let code = ran.exit().filter(|code| *code != 0)?;
        Some(ran.failure("task", format!("{} ended with exit code {code}", task.name), None))
    })?;
    Some(with_withheld(failure, ran))
}

/// What a task that ended well left: its outputs, and what its depfile names.
fn made(
    session: &Session<'_>,
    step: StepId,
    task: &Task,
    command: &Command,
    ran: &Ran,
) -> Result<(Vec<OutputFile>, Vec<String>), Box<Failure>> {
    if let Some(failure) = failure(task, command, ran) {
        return Err(Box::new(failure));
    }
    let outputs = observe::outputs(session.world, task, session.hashes).map_err(|sentence| {
        let help = Some("`outputs` must name what the command really makes".to_owned());
        Box::new(ran.failure("task", format!("{} ended well, but {sentence}", task.name), help))
    })?;
    Ok((outputs, found::read(session, step, task, ran)?))
}

/// What a task made just now.
struct MadeNow {
    outputs: Vec<OutputFile>,
    /// What its depfile named.
    found: Vec<String>,
    /// When it began, where it has a depfile.
    begun_ns: Option<i64>,
}

/// Records what a task made, unless its inputs moved while it ran.
#[expect(clippy::too_many_arguments, reason = "what was seen before, and what came of it")]
fn remember(
    session: &Session<'_>,
    step: StepId,
    kind: &StepKind,
    task: &Task,
    look: &Look,
    inputs: &[Input],
    made: MadeNow,
    ran: &Ran,
) -> Result<(), ExecError> {
    let after = observe::inputs(session.world, task, session.hashes).map_err(ObserveError::from)?;
    let declared = (after.as_slice() != inputs && !task.in_place).then(|| moved(inputs, &after));
    let MadeNow { outputs, found, begun_ns } = made;
    let moved = declared.or_else(|| found::moved(session, begun_ns?, &found));
    if let Some(moved) = moved {
        session.note("warning", format!("{}: {moved} changed while it ran, so it is not recorded as done", task.name));
        return Ok(());
    }
    let mut look = look.clone();
    let mut request = None;
    if after.as_slice() != inputs || task.depfile().is_some() {
        let above = upstream(session.world, step, &session.task_keys(step));
        look.fingerprint = observe::fingerprint(session.world, task, &after, &above);
        if task.depfile().is_some() {
            request = Some(inputs_found::request(&look.fingerprint));
            let found = inputs_found::look(session.world, &found, &after, session.hashes);
            look.fingerprint = inputs_found::with(look.fingerprint, &found.map_err(ObserveError::from)?);
        }
        look.key = look.fingerprint.key();
        session.settle_task(step, look.key);
    }
    keep(session, &outputs)?;
    session.made(step, &outputs);
    let made = Made::new(Outcome::Green, &TaskBody { outputs, found }, ran.duration_ms());
    session.record(kind, &look, Made { request, ..made })
}

fn moved(before: &[Input], after: &[Input]) -> String {
    let differs = after
        .iter()
        .find(|input| !before.contains(input))
        .or_else(|| before.iter().find(|input| !after.contains(input)));
    differs.map_or_else(|| "an input".to_owned(), |input| format!("input {}", input.path))
}

/// Keeps the contents of outputs.
fn keep(session: &Session<'_>, outputs: &[OutputFile]) -> Result<(), ExecError> {
    let stored = outputs.iter().filter(|file| file.stored && file.kind != "link");
    let paths: Vec<PathBuf> = stored.map(|file| session.world.root.join(&file.path)).collect();
    session.store.keep_files_soon(&paths)?;
    for link in outputs.iter().filter(|file| file.stored && file.kind == "link") {
        if let Ok(target) = std::fs::read_link(session.world.root.join(&link.path)) {
            session.store.keep_bytes_soon(target.as_os_str().as_encoded_bytes())?;
        }
    }
    Ok(())
}

/// Puts recorded outputs back where they are missing or differ; `false` where some blob is not there.
fn restore(session: &Session<'_>, task: &Task, look: &Look) -> Result<bool, ExecError> {
    // What we write in the main checkout counts as a program does: a look from before is of no use after.
    let _counted = session.programs.enter();
    let Some(record) = session.records().find(look.key)? else { return Ok(false) };
    let made: TaskBody = body(&record)?;
    let digest = |file: &OutputFile| Digest::from_hex(&file.digest).filter(|_| file.stored);
    for file in &made.outputs {
        let Some(digest) = digest(file) else { return Ok(false) };
        if !session.store.is_whole(digest)? {
            return Ok(false);
        }
    }
    clear_strays(session, task, &made);
    for file in &made.outputs {
        let Some(digest) = digest(file) else { return Ok(false) };
        let path = session.world.root.join(&file.path);
        if file.kind == "link" {
            restore_link(session, &path, digest)?;
        } else if session.store.restore(digest, &path, file.kind == "executable")? == Restored::Missing {
            return Ok(false);
        }
    }
    let now = observe::outputs(session.world, task, session.hashes);
    Ok(now.is_ok_and(|now| now == made.outputs))
}

fn restore_link(session: &Session<'_>, path: &Path, digest: Digest) -> Result<(), ExecError> {
    let Some(target) = session.store.content(digest)? else { return Ok(()) };
    let target = PathBuf::from(String::from_utf8_lossy(&target).into_owned());
    if std::fs::read_link(path).is_ok_and(|there| there == target) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(ExecError::writing(folder))?;
    }
    let _ = std::fs::remove_file(path);
    std::os::unix::fs::symlink(target, path).map_err(ExecError::writing(path))
}

/// Files in an output folder that the record does not know.
fn clear_strays(session: &Session<'_>, task: &Task, made: &TaskBody) {
    let known: std::collections::HashSet<&str> = made.outputs.iter().map(|file| file.path.as_str()).collect();
    for file in observe::outputs(session.world, task, session.hashes).unwrap_or_default() {
        if !known.contains(file.path.as_str()) {
            let _ = std::fs::remove_file(session.world.root.join(&file.path));
        }
    }
}

/// Folders of the task's setups in front of PATH.
fn bins(session: &Session<'_>, task: &Task) -> Result<Vec<PathBuf>, ExecError> {
    let mut prepared = crate::observe::workstream::Prepared::default();
    for name in task.setups() {
        let setup = session.world.setup(name);
        let inputs = project_inputs(session.world, setup, session.hashes)?;
        let step = StepKind::ProjectSetup(name.clone()).name();
        let look = crate::observe::workstream::setup_with(session.world, session.records(), setup, &inputs, &step)?;
        prepared.add(setup, &look);
    }
    Ok(prepared.bins)
}

/// Brings a setup for tasks up to date.
pub fn run_setup(session: &Session<'_>, step: StepId, name: &SetupName) -> Ended {
    let kind = StepKind::ProjectSetup(name.clone());
    let setup = session.world.setup(name);
    let mut begun = None;
    let made = project_inputs(session.world, setup, session.hashes).map_err(ExecError::from).and_then(|inputs| {
        ensure(session, &kind, setup, Inputs::Project(&inputs), |verdict| {
            let reason = crate::preview::words(verdict).1.unwrap_or_default();
            begun = Some((verdict.clone(), session.begin(&kind, &reason, None)));
        })
    });
    let ran = |status| match &begun {
        Some((verdict, at)) => Ending::ran(status, verdict, *at),
        None => Ending::without_running(status, &Verdict::Fresh(Freshness::Recorded)),
    };
    match made {
        Ok(SetUp::Ready(look, made)) => {
            session.settle_task(step, look.look.key);
            session.end(&kind, ran(if made { StepStatus::Done } else { StepStatus::Fresh }));
            Ended::Good
        }
        Ok(SetUp::Failed(failure)) => {
            session.end(&kind, ran(StepStatus::Failed).failure(failure));
            Ended::Bad
        }
        Ok(SetUp::Interrupted) => {
            session.end(&kind, ran(StepStatus::Interrupted));
            Ended::Bad
        }
        Err(error) => {
            let failure =
                Failure { class: "infrastructure".to_owned(), message: error.to_string(), ..Failure::default() };
            session.end(&kind, ran(StepStatus::Failed).failure(failure));
            Ended::Bad
        }
    }
}
