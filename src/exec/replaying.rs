//! A recorded edit, applied with git: a repository of its own, so that nothing configured anywhere has a say.
//!
//! What comes out is held to the scope like any edit.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::analysis::pipeline::{Environment, Tool};
use crate::base::failure::Failure;
use crate::exec::ExecError;
use crate::exec::command::{Launch, Ran, launch};
use crate::exec::editing::{EDIT_TIMEOUT_MS, Edited, Good, Ground, settle};
use crate::exec::place::Place;
use crate::exec::session::Session;
use crate::graph::StepKind;
use crate::observe::recording;

/// Applies a recorded edit with git; one that does not fit as it stands is tried three-way.
pub fn replay(
    session: &Session<'_>,
    place: &mut Place<'_>,
    ground: Ground<'_>,
    tool: &Tool,
) -> Result<Edited, ExecError> {
    let workstream = ground.workstream;
    let whole = session.world.whole.contains(&workstream.id);
    let path = recording::path(&session.world.root, &tool.recordings, workstream, ground.number, whole);
    let Ok(patch) = session.world.system.read(&path) else {
        return Ok(Edited::NoOutcome(no_recording(session, &path)));
    };
    if patch.iter().all(u8::is_ascii_whitespace) {
        let name = tool.name.to_string();
        let good = Good { after: ground.tree, carried: false, tool: name, notes: Vec::new(), findings: Vec::new() };
        return Ok(Edited::Good(good));
    }
    place.make_exact(ground.tree, ground.parent)?;
    let home = place.scratch("edit-home")?;
    let kind = StepKind::Edit(workstream.id.clone(), ground.number);
    let plain = apply(session, place, &kind, &path, &home, false)?;
    let ran = if plain.exit() == Some(0) || plain.no_outcome(false).is_some() {
        plain
    } else {
        place.make_exact(ground.tree, ground.parent)?;
        apply(session, place, &kind, &path, &home, true)?
    };
    if ran.cancelled() {
        return Ok(Edited::Interrupted);
    }
    if let Some(failure) = ran.no_outcome(false) {
        return Ok(Edited::NoOutcome(failure));
    }
    if ran.exit() != Some(0) {
        place.make_exact(ground.tree, ground.parent)?;
        let shown = path.strip_prefix(&session.world.root).unwrap_or(&path).display().to_string();
        let help = format!(
            "record it anew: edit by hand with `pl build {} --tool manual`, then `pl diff {} --to {}`",
            workstream.id, workstream.id, tool.recordings
        );
        return Ok(Edited::Red(ran.failure("agent", format!("{shown} does not apply"), Some(help)), ground.tree));
    }
    settle(session, place, ground, tool, Some(&ran))
}

fn no_recording(session: &Session<'_>, path: &Path) -> Failure {
    let shown = path.strip_prefix(&session.world.root).unwrap_or(path).display();
    Failure {
        class: "environment".to_owned(),
        message: format!("there is no recorded edit at {shown}"),
        help: Some("record one with `pl diff WORKSTREAM --to recordings/`, or build with another `--tool`".to_owned()),
        ..Failure::default()
    }
}

/// Attributes that stand over those of the tree: bytes are applied to bytes.
const ATTRIBUTES: &str = "* -text !eol !ident !filter !working-tree-encoding !merge\n";

/// A repository with the objects and the index of the worktree, and with none of its settings, hooks and drivers.
fn own_repository(session: &Session<'_>, place: &Place<'_>) -> Result<PathBuf, ExecError> {
    let dir = place.scratch("edit-git")?;
    for folder in ["refs", "objects/info", "info"] {
        let folder = dir.join(folder);
        std::fs::create_dir_all(&folder).map_err(ExecError::writing(&folder))?;
    }
    let objects = session.world.located().repository.common_dir().join("objects");
    let alternates = [objects.as_os_str().as_bytes(), b"\n"].concat();
    let files: [(&str, &[u8]); 4] = [
        ("HEAD", b"ref: refs/heads/none\n"),
        ("config", b"[core]\n\trepositoryformatversion = 0\n"),
        ("objects/info/alternates", &alternates),
        ("info/attributes", ATTRIBUTES.as_bytes()),
    ];
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(ExecError::writing(&path))?;
    }
    let index = dir.join("index");
    std::fs::copy(place.index(), &index).map_err(ExecError::writing(&index))?;
    Ok(dir)
}

fn apply(
    session: &Session<'_>,
    place: &Place<'_>,
    kind: &StepKind,
    path: &Path,
    home: &Path,
    three_way: bool,
) -> Result<Ran, ExecError> {
    let git = own_repository(session, place)?;
    let mut argv: Vec<String> = ["git", "apply", "--whitespace=nowarn"].map(str::to_owned).into();
    if three_way {
        argv.push("--3way".to_owned());
    }
    argv.push(path.to_string_lossy().into_owned());
    let set = [("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_TERMINAL_PROMPT", "0")];
    let set = set.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let launched = Launch {
        argv,
        dir: &place.dir,
        environment: &Environment { set, pass: Vec::new() },
        bins: &[],
        own: &[("HOME", home), ("GIT_DIR", &git), ("GIT_WORK_TREE", &place.dir)],
        secrets: &[],
        pool: None,
        jobserver: None,
        timeout_ms: EDIT_TIMEOUT_MS,
        idle_ms: None,
        kind,
        log: session.log(kind, if three_way { 2 } else { 1 }),
    };
    Ok(launch(session, launched))
}
