//! Setups: made once a key, in an empty folder that holds only their inputs; the output is read-only and shared.
//!
//! Two workstreams that need the same one wait for each other instead of making it twice.

use std::path::{Path, PathBuf};

use crate::analysis::pipeline::Setup;
use crate::base::failure::Failure;
use crate::exec::ExecError;
use crate::exec::command::{Launch, Properties, Ran, launch, with_withheld};
use crate::exec::fence::{Reach, Watch};
use crate::exec::session::{Made, Session};
use crate::git::object::{Mode, TreeId};
use crate::graph::StepKind;
use crate::observe::record::SetupBody;
use crate::observe::verification::matching;
use crate::observe::workstream::{SetupLook, setup, setup_with};
use crate::plan::Verdict;
use crate::store::record::Outcome;

/// Wall time of a setup that says none.
const SETUP_TIMEOUT_MS: u64 = 15 * 60 * 1000;

/// What a setup came to.
#[derive(Debug)]
pub enum SetUp {
    /// Its output is there; `true`: it was made now.
    Ready(Box<SetupLook>, bool),
    /// It could not be made.
    Failed(Failure),
    /// Ctrl-C.
    Interrupted,
}

/// Where a setup's inputs come from.
pub enum Inputs<'a> {
    /// A workstream's tree.
    Tree(TreeId),
    /// The project's own folder.
    Project(&'a [(String, String)]),
}

/// Makes sure that a setup is there; `begin` is told before a program starts.
pub fn ensure(
    session: &Session<'_>,
    kind: &StepKind,
    wanted: &Setup,
    inputs: Inputs<'_>,
    begin: impl FnOnce(&Verdict) + Send,
) -> Result<SetUp, ExecError> {
    let step = kind.name();
    let look = || match &inputs {
        Inputs::Tree(tree) => setup(session.world, session.records(), wanted, *tree, &step),
        Inputs::Project(known) => setup_with(session.world, session.records(), wanted, known, &step),
    };
    let first = look()?;
    if matches!(first.look.verdict, Verdict::Fresh(_)) {
        return Ok(SetUp::Ready(Box::new(first), false));
    }
    session.alone(first.look.key, || {
        let second = look()?;
        if matches!(second.look.verdict, Verdict::Fresh(_)) {
            return Ok(SetUp::Ready(Box::new(second), false));
        }
        begin(&second.look.verdict);
        make(session, kind, wanted, &inputs, second)
    })
}

fn make(
    session: &Session<'_>,
    kind: &StepKind,
    wanted: &Setup,
    inputs: &Inputs<'_>,
    look: SetupLook,
) -> Result<SetUp, ExecError> {
    let output = look.output.clone();
    remove_folder(&output).map_err(ExecError::writing(&output))?;
    std::fs::create_dir_all(&output).map_err(ExecError::writing(&output))?;
    let scratch = session.world.state.join("scratch").join(format!("setup-{}", look.look.key.0.short()));
    remove_folder(&scratch).map_err(ExecError::writing(&scratch))?;
    let dir = scratch.join("inputs");
    std::fs::create_dir_all(&dir).map_err(ExecError::writing(&dir))?;
    place_inputs(session, wanted, inputs, &dir)?;
    let temporary = scratch.join("tmp");
    std::fs::create_dir_all(&temporary).map_err(ExecError::writing(&temporary))?;
    let properties = Properties { out: Some(output.clone()), ..Properties::default() };
    // A project without a repository has none to be guarded.
    let guarded = session.world.located.is_some();
    let watch = guarded.then(|| Watch::begin(session, &kind.name(), Reach::Books)).transpose()?;
    let ran = launch(
        session,
        Launch {
            argv: properties.argv(&wanted.command),
            dir: &dir,
            environment: &wanted.environment,
            bins: &[],
            own: &[("TMPDIR", &temporary)],
            secrets: &[],
            pool: None,
            jobserver: None,
            timeout_ms: wanted.timeout_ms.unwrap_or(SETUP_TIMEOUT_MS),
            idle_ms: None,
            kind,
            log: session.log(kind, 1),
        },
    );
    let tampered = watch.map(|watch| watch.end_of_step(session)).transpose()?.flatten();
    let _ = std::fs::remove_dir_all(&scratch);
    if let Some(failure) = tampered {
        remove_folder(&output).map_err(ExecError::writing(&output))?;
        return Ok(SetUp::Failed(failure));
    }
    if ran.exit() != Some(0) {
        remove_folder(&output).map_err(ExecError::writing(&output))?;
        return Ok(if ran.cancelled() { SetUp::Interrupted } else { SetUp::Failed(failure(wanted, &ran)) });
    }
    if !wanted.per_worktree {
        set_read_only(&output, true);
    }
    let body = SetupBody { output: output.display().to_string() };
    session.record(kind, &look.look, Made::new(Outcome::Green, &body, ran.duration_ms()))?;
    Ok(SetUp::Ready(Box::new(look), true))
}

fn failure(wanted: &Setup, ran: &Ran) -> Failure {
    let shell = matches!(wanted.command, crate::analysis::pipeline::Command::Shell(_));
    let failure = ran.no_outcome(shell).unwrap_or_else(|| {
        let message = format!("setup {} ended with exit code {}", wanted.name, ran.exit().unwrap_or(-1));
        ran.failure("environment", message, None)
    });
    with_withheld(failure, ran)
}

fn place_inputs(session: &Session<'_>, wanted: &Setup, inputs: &Inputs<'_>, dir: &Path) -> Result<(), ExecError> {
    match inputs {
        Inputs::Tree(tree) => {
            let repository = &session.world.located().repository;
            for entry in matching(repository, *tree, &wanted.inputs)? {
                let Ok(path) = String::from_utf8(entry.path) else { continue };
                if matches!(entry.blob.mode, Mode::File | Mode::Executable) {
                    write(&dir.join(path), &repository.blob(entry.blob.id)?)?;
                }
            }
        }
        Inputs::Project(known) => {
            for (path, _) in *known {
                let from = session.world.root.join(path);
                if from.is_file() {
                    let bytes = std::fs::read(&from).map_err(ExecError::writing(&from))?;
                    write(&dir.join(path), &bytes)?;
                }
            }
        }
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ExecError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(ExecError::writing(folder))?;
    }
    std::fs::write(path, bytes).map_err(ExecError::writing(path))
}

/// Removes a folder that may be read-only.
pub fn remove_folder(folder: &Path) -> std::io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    set_read_only(folder, false);
    std::fs::remove_dir_all(folder)
}

/// Takes or gives the owner's right to write, for all below a folder; links are left alone.
fn set_read_only(folder: &Path, read_only: bool) {
    use std::os::unix::fs::PermissionsExt;
    let mut open: Vec<PathBuf> = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        if metadata.is_symlink() {
            continue;
        }
        let mode = metadata.permissions().mode();
        let mode = if read_only { mode & !0o222 } else { mode | 0o200 };
        if !read_only {
            let _ = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        }
        if metadata.is_dir() {
            open.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
        if read_only {
            let _ = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
        }
    }
}
