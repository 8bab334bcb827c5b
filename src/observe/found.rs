//! Inputs that were found while a task ran: what its depfile named beyond what is declared.
//!
//! Which files those are is only known once the task ran, so they are looked up by what is declared: a record's request is
//! the key of the declared parts alone, its key that of the declared parts and the files that it found. A record fits
//! where its own files are now as they were then. Runs nothing and writes nothing.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use crate::analysis::pipeline::Task;
use crate::base::digest::Digest;
use crate::base::path::{Pattern, RepoPath};
use crate::fingerprint::Fingerprint;
use crate::observe::look::Records;
use crate::observe::record::TaskBody;
use crate::observe::task::add_inputs;
use crate::observe::world::World;
use crate::observe::{ObserveError, body};
use crate::system::file_hash::HashCache;
use crate::system::inputs::{self, Input, InputsError};

/// Records of the same declared parts that are tried, newest first.
const RECORDS_TRIED_MAX: usize = 16;

/// What a task's records are found by while it is not known which files it reads.
pub fn request(declared: &Fingerprint) -> Digest {
    declared.key().0
}

/// Adds the files that a record of the task found, as they are now: of the one that fits, else of the newest.
pub fn complete(
    world: &World,
    records: Records<'_>,
    task: &Task,
    declared: Fingerprint,
    inputs: &[Input],
    hashes: &HashCache,
) -> Result<Fingerprint, ObserveError> {
    if task.depfile().is_none() {
        return Ok(declared);
    }
    let mut newest = None;
    for record in records.by_request(request(&declared))?.iter().take(RECORDS_TRIED_MAX) {
        let found = look(world, &body::<TaskBody>(record)?.found, inputs, hashes)?;
        let complete = with(declared.clone(), &found);
        if complete.key() == record.key {
            return Ok(complete);
        }
        newest.get_or_insert(complete);
    }
    if let Some(newest) = newest {
        return Ok(newest);
    }
    let Some(last) = records.latest(task.name.as_str())? else { return Ok(declared) };
    let found = look(world, &body::<TaskBody>(&last)?.found, inputs, hashes)?;
    Ok(with(declared, &found))
}

/// The declared parts with what was found.
pub fn with(mut declared: Fingerprint, found: &[Input]) -> Fingerprint {
    add_inputs(&mut declared, "found inputs", found);
    declared
}

/// Found files as they are now, without those that are declared; one that is gone is absent.
pub fn look(
    world: &World,
    found: &[String],
    declared: &[Input],
    hashes: &HashCache,
) -> Result<Vec<Input>, InputsError> {
    let declared: HashSet<&str> = declared.iter().map(|input| input.path.as_str()).collect();
    let others = found.iter().filter(|path| !declared.contains(path.as_str()));
    let patterns: Vec<Pattern> = others.map(|path| Pattern::File(RepoPath(path.into()))).collect();
    inputs::evaluate(&world.root, &patterns, &[], hashes, &world.sights).map(|inputs| inputs.entries)
}

/// A path of a depfile relative to the project's root; `None` where it lies outside, or is what the task itself makes.
pub fn inside(world: &World, task: &Task, written: &str) -> Option<String> {
    let mut path = PathBuf::new();
    for part in world.root.join(task.dir()).join(Path::new(written)).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(path.pop()),
            other => path.push(other),
        }
    }
    let path = path.strip_prefix(&world.root).ok()?.to_str()?.to_owned();
    let own = world.maker(&path).is_some_and(|maker| maker.name == task.name)
        || task.depfile().is_some_and(|depfile| depfile.as_str() == path);
    (!path.is_empty() && !own).then_some(path)
}
