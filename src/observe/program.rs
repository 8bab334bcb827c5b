//! Program identity: which file a command would start, and whether it is still the one that was asked for its version.
//!
//! Starts nothing; asking for a version is `exec`'s work.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::analysis::pipeline::Environment;
use crate::base::digest::Digest;
use crate::observe::world::World;
use crate::system::program;
use crate::system::sight::Sought;

/// The PATH that a step sees: folders of setups in front of its own.
pub fn search_path(world: &World, environment: &Environment, bins: &[PathBuf]) -> OsString {
    world.sights.variable("PATH");
    let environment = world.environment_of(environment);
    let own = environment.variables.get("PATH").map(String::as_str).unwrap_or_default();
    let folders = bins.iter().cloned().chain(std::env::split_paths(own));
    std::env::join_paths(folders).unwrap_or_else(|_| own.into())
}

/// The identity of the program that a step would start; `None`: it is missing.
pub fn identity(world: &World, word: &str, environment: &Environment, dir: &Path, bins: &[PathBuf]) -> Option<Digest> {
    let search = search_path(world, environment, bins);
    // Only a relative name leads elsewhere from another folder.
    let is_relative = word.contains('/') || std::env::split_paths(&search).any(|folder| folder.is_relative());
    let dir = if is_relative { dir } else { &world.root };
    let sought = Sought { word: word.to_owned(), search, dir: dir.to_owned() };
    let look = || program::identify(word, &sought.search, dir).map(|identity| identity.digest());
    let identity = world.memory.program(&sought, look);
    world.sights.program(&sought, identity);
    identity
}

/// The same as text for a key: `missing` where there is none.
pub fn digest(world: &World, word: &str, environment: &Environment, dir: &Path, bins: &[PathBuf]) -> String {
    identity(world, word, environment, dir, bins).map_or_else(|| "missing".to_owned(), |identity| identity.hex())
}
