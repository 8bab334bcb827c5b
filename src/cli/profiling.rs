//! `--profile FILE`: a command whose time is taken down, however it ends.
//!
//! Knows neither what the command does nor the format of the file.

use std::path::PathBuf;

use crate::cli::engine::Project;
use crate::cli::exit::{Failed, Outcome};
use crate::system::profile::{Category, Profile};

/// Performs a command; with a file, what it did when is written there once it is over. A file that cannot be written is an
/// error before anything begins.
pub fn around(
    project: Project,
    file: Option<PathBuf>,
    command: &'static str,
    perform: impl FnOnce(Project) -> Result<Outcome, Failed>,
) -> Result<Outcome, Failed> {
    let Some(file) = file else { return perform(project) };
    let path = project.directory.join(file);
    let failed = |error: std::io::Error| {
        Failed::missing(format!("cannot write {}: {error}", path.display()))
            .hint("--profile wants the path of a file in a folder that exists")
    };
    Profile::check(&path).map_err(failed)?;
    let profile = Profile::begin();
    let performed = {
        let _span = profile.span(Category::Command, || command);
        perform(Project { profile: profile.clone(), ..project })
    };
    let written = profile.write(&path, command).map_err(failed);
    // What went wrong with the command itself is what is to be told.
    performed.and_then(|outcome| written.map(|()| outcome))
}
