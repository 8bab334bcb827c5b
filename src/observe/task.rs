//! What a task observes: argv, environment, program, inputs, and the tasks above it.
//!
//! Tasks run in the project's own folder; their inputs are files there. Writes nothing.

use std::path::Path;

use crate::analysis::pipeline::template::Property;
use crate::analysis::pipeline::{Command, Output, Task};
use crate::base::digest::Digest;
use crate::base::path::Pattern;
use crate::fingerprint::{Fingerprint, Key};
use crate::observe::program;
use crate::observe::record::OutputFile;
use crate::observe::world::World;
use crate::system::file_hash::HashCache;
use crate::system::inputs::{self, Input, InputsError, glance};
use crate::system::{Kind, OsSystem, Stat, System};

/// More inputs than this are one part of the key instead of a part each.
const INPUT_PARTS_MAX: usize = 512;

/// The inputs of a task as they are now; its own outputs are left out unless it works in place.
pub fn inputs(world: &World, task: &Task, hashes: &HashCache) -> Result<Vec<Input>, InputsError> {
    let mut left_out: Vec<Pattern> =
        if task.in_place { Vec::new() } else { task.outputs.iter().map(pattern).collect() };
    left_out.extend(task.depfile().cloned().map(Pattern::File));
    inputs::evaluate(&world.root, &task.inputs, &left_out, hashes, &world.sights).map(|inputs| inputs.entries)
}

fn pattern(output: &Output) -> Pattern {
    if output.folder { Pattern::Folder(output.path.clone()) } else { Pattern::File(output.path.clone()) }
}

/// What a task observes; `upstream` are the keys of tasks without outputs that it waits for.
pub fn fingerprint(world: &World, task: &Task, inputs: &[Input], upstream: &[(String, Key)]) -> Fingerprint {
    let mut fingerprint = Fingerprint::of("task");
    if let Some(command) = &task.command {
        fingerprint.text("command", &command.text());
        let word = first_word(command);
        let program = program::digest(world, &word, &task.environment, &world.root.join(task.dir()), &[]);
        fingerprint.digest(format!("program {word}"), program);
        if command.uses(Property::Args) {
            fingerprint.text("args", &world.arguments.join("\n"));
        }
    }
    fingerprint.text("dir", task.dir());
    for (name, value) in &world.environment_of(&task.environment).keyed {
        fingerprint.text(format!("env {name}"), value.as_deref().unwrap_or("(absent)"));
    }
    for (name, key) in upstream {
        fingerprint.digest(format!("upstream {name}"), key.0.hex());
    }
    let outputs: Vec<String> =
        task.outputs.iter().map(|output| format!("{} {}", output.path.as_str(), output.store)).collect();
    fingerprint.text("outputs", &outputs.join("\n"));
    if let Some(depfile) = task.depfile() {
        fingerprint.text("depfile", depfile.as_str());
    }
    add_inputs(&mut fingerprint, "inputs", inputs);
    fingerprint
}

/// What a group observes: the tasks above it.
pub fn group(upstream: &[(String, Key)]) -> Fingerprint {
    let mut fingerprint = Fingerprint::of("group");
    for (name, key) in upstream {
        fingerprint.digest(format!("upstream {name}"), key.0.hex());
    }
    fingerprint
}

/// Adds a part for each input, or one for all, called `together`.
pub fn add_inputs(fingerprint: &mut Fingerprint, together: &str, inputs: &[Input]) {
    if inputs.len() > INPUT_PARTS_MAX {
        let all =
            inputs.iter().map(|input| format!("{} {}", input.path, input.state().hex())).collect::<Vec<_>>().join("\n");
        fingerprint.digest(together, Digest::of(all.as_bytes()).hex());
        return;
    }
    for input in inputs {
        fingerprint.digest(format!("input {}", input.path), input.state().hex());
    }
}

/// What lies where a task's outputs should be, sorted; a missing literal output is an error sentence.
pub fn outputs(world: &World, task: &Task, hashes: &HashCache) -> Result<Vec<OutputFile>, String> {
    let mut files = Vec::new();
    for output in &task.outputs {
        let path = world.root.join(output.path.as_str());
        let stat = OsSystem.lstat(&path).map_err(|_| format!("output {} is missing", output.path.as_str()))?;
        match (stat.kind, output.folder) {
            (Kind::Folder, true) => {
                // That it is a folder itself, and no link to one.
                world.sights.path(&path, glance(&path));
                list_folder(world, output, &path, hashes, &mut files)?;
            }
            (Kind::Folder, false) => {
                return Err(format!("output {} is a folder; write it with a trailing /", output.path.as_str()));
            }
            (_, true) => return Err(format!("output {}/ is no folder", output.path.as_str())),
            _ => files.push(output_file(world, output.path.as_str(), &path, &stat, hashes, output.store)?),
        }
    }
    files.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(files)
}

fn list_folder(
    world: &World,
    output: &Output,
    root: &Path,
    hashes: &HashCache,
    files: &mut Vec<OutputFile>,
) -> Result<(), String> {
    let mut open = vec![(root.to_path_buf(), output.path.0.to_string())];
    while let Some((folder, prefix)) = open.pop() {
        let entries =
            world.system.list(&folder).map_err(|error| format!("output {prefix}/ cannot be listed: {error}"))?;
        for (name, kind) in entries {
            let path = folder.join(&name);
            let shown = format!("{prefix}/{}", name.to_string_lossy());
            match kind {
                Kind::Folder => open.push((path, shown)),
                _ => {
                    let stat =
                        OsSystem.lstat(&path).map_err(|error| format!("output {shown} cannot be read: {error}"))?;
                    files.push(output_file(world, &shown, &path, &stat, hashes, output.store)?);
                }
            }
        }
    }
    Ok(())
}

fn output_file(
    world: &World,
    shown: &str,
    path: &Path,
    stat: &Stat,
    hashes: &HashCache,
    stored: bool,
) -> Result<OutputFile, String> {
    let sentence = |error: std::io::Error| format!("output {shown} cannot be read: {error}");
    let (kind, digest) = match stat.kind {
        Kind::Link => {
            let target = OsSystem.read_link(path).map_err(sentence)?;
            if world.sights.is_on() {
                world.sights.path(path, inputs::observe(path, hashes).map_err(sentence)?.seen());
            }
            ("link", Digest::of(target.as_os_str().as_encoded_bytes()))
        }
        Kind::File => {
            let digest = hashes.digest(path, stat).map_err(sentence)?;
            world.sights.path(path, inputs::file_seen(stat, &digest));
            (if stat.is_executable() { "executable" } else { "file" }, digest)
        }
        Kind::Folder | Kind::Other => return Err(format!("output {shown} is neither a file nor a link")),
    };
    Ok(OutputFile { path: shown.to_owned(), kind: kind.to_owned(), digest: digest.hex(), stored })
}

/// Whether a task is memoized at all: it runs something and says what it reads.
pub fn is_memoized(task: &Task) -> bool {
    task.command.is_some() && !task.inputs.is_empty()
}

/// The first word of a command, for messages.
pub fn first_word(command: &Command) -> String {
    match command {
        Command::Argv(argv) => {
            argv.first().map(crate::analysis::pipeline::template::Template::text).unwrap_or_default()
        }
        Command::Shell(_) => "sh".to_owned(),
    }
}
