//! Program identity: which file a command would start, and whether it is still the one that was asked for its version.
//!
//! Starts nothing; asking for a version is `exec`'s work.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::analysis::pipeline::Environment;
use crate::base::digest::Digest;
use crate::observe::memory::Program;
use crate::observe::world::World;
use crate::system::program;
use crate::system::sight::Sought;

/// The PATH that a step sees: folders of setups in front of its own.
pub fn search_path(world: &World, environment: &Environment, bins: &[PathBuf]) -> OsString {
    world.sights.variable("PATH");
    let environment = world.environment_of(environment);
    let own = environment.variables.get("PATH").map(String::as_str).unwrap_or_default();
    if bins.is_empty() {
        return own.into();
    }
    let folders = bins.iter().cloned().chain(std::env::split_paths(own));
    std::env::join_paths(folders).unwrap_or_else(|_| own.into())
}

/// The identity of the program that a step would start; `None`: it is missing.
pub fn identity(world: &World, word: &str, environment: &Environment, dir: &Path, bins: &[PathBuf]) -> Option<Digest> {
    let sought = sought(world, word, search_path(world, environment, bins), dir);
    let identity = found(world, &sought).map(|found| found.digest);
    world.sights.program(&sought, identity);
    identity
}

/// The same as text for a key: `missing` where there is none.
pub fn digest(world: &World, word: &str, environment: &Environment, dir: &Path, bins: &[PathBuf]) -> String {
    identity(world, word, environment, dir, bins).map_or_else(|| "missing".to_owned(), |identity| identity.hex())
}

/// What a name stands for in a step that sees this PATH and starts in this folder.
pub fn find(world: &World, word: &str, search: &OsStr, dir: &Path) -> Option<Arc<Program>> {
    found(world, &sought(world, word, search.to_owned(), dir))
}

fn sought(world: &World, word: &str, search: OsString, dir: &Path) -> Sought {
    // Only a relative name leads elsewhere from another folder.
    let mut folders = search.as_encoded_bytes().split(|byte| *byte == b':');
    let is_relative = word.contains('/') || folders.any(|folder| folder.first() != Some(&b'/'));
    let dir = if is_relative { dir } else { &world.root };
    Sought { word: word.to_owned(), search, dir: dir.to_owned() }
}

fn found(world: &World, sought: &Sought) -> Option<Arc<Program>> {
    let look = || program::identify(&sought.word, &sought.search, &sought.dir);
    world.memory.program(sought, &[&world.root, &world.state], look)
}
