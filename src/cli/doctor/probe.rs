//! Finds programs and asks their versions, all at once, each within a few seconds.
//!
//! What they say is kept in a folder of its own that goes again: a look at the doctor leaves no trace in the project.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::Needed;
use crate::process::cancel::Cancel;
use crate::process::{self, Ended, Request};
use crate::report::text::width::one_line;
use crate::system::program::identify;

/// Time that a program has to tell its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a version that are read.
const VERSION_BYTES_MAX: usize = 4096;

/// Whether a program is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Found; its version was told if it was asked.
    Found,
    /// Not on PATH.
    Missing,
    /// There, but it does not tell its version.
    Broken,
}

/// A program that was looked for.
#[derive(Debug, Clone, Serialize)]
pub struct Probed {
    /// `system tool rule task`.
    pub kind: String,
    /// What needs it.
    pub name: String,
    /// The program.
    pub program: String,
    /// Whether it is there.
    pub state: State,
    /// Where.
    pub path: Option<String>,
    /// Its version's first line.
    pub version: Option<String>,
    /// What is wrong with it.
    pub problem: Option<String>,
    /// How to get it.
    pub install: Option<String>,
    /// Missing, it makes the doctor fail.
    pub required: bool,
}

/// Probes all, in parallel; the answers are in the order of the questions.
pub(super) fn all(needed: &[Needed], directory: &Path) -> Vec<Probed> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = needed.iter().map(|needed| scope.spawn(|| probe(needed, directory))).collect();
        threads.into_iter().map(|thread| thread.join().expect("BUG: a probe panicked")).collect()
    })
}

fn probe(needed: &Needed, directory: &Path) -> Probed {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = needed.folder.iter().cloned().chain(std::env::split_paths(&path));
    let search = std::env::join_paths(folders).unwrap_or(path);
    let found = identify(&needed.program, &search, directory).map(|identity| identity.path);
    let mut probed = Probed {
        kind: needed.kind.clone(),
        name: needed.name.clone(),
        program: needed.program.clone(),
        state: if found.is_some() { State::Found } else { State::Missing },
        path: found.as_ref().map(|path| path.display().to_string()),
        version: None,
        problem: None,
        install: needed.install.clone(),
        required: needed.required,
    };
    if let (Some(path), false) = (found, needed.version.is_empty()) {
        match version(&path, &needed.version, directory) {
            Ok(version) => probed.version = Some(version),
            Err(problem) => (probed.state, probed.problem) = (State::Broken, Some(problem)),
        }
    }
    probed
}

/// The first line that a program prints, on either stream.
fn version(program: &Path, arguments: &[String], directory: &Path) -> Result<String, String> {
    let said = tempfile::tempdir().map_err(|error| format!("has no folder for its output: {error}"))?;
    let argv = std::iter::once(program.into()).chain(arguments.iter().map(Into::into)).collect();
    let request = Request {
        argv,
        file: None,
        dir: directory.to_owned(),
        environment: std::env::vars_os().collect(),
        timeout: Some(VERSION_TIMEOUT),
        idle: None,
        log: said.path().join("version.log"),
        limit: VERSION_BYTES_MAX,
        ends: None,
        marker: "doctor".to_owned(),
    };
    let finished = process::run(&request, &Cancel::new());
    let text = [&finished.stdout, &finished.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat();
    let line = one_line(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default());
    match finished.ended {
        Ended::Exited(0) => Ok(line),
        Ended::TimedOut => Err(format!("does not end within {} s", VERSION_TIMEOUT.as_secs())),
        Ended::NotStarted(failure) => Err(format!("cannot be started: {failure:?}")),
        _ if line.is_empty() => Err("fails when it is asked for its version".to_owned()),
        _ => Err(line),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{State, all};
    use crate::cli::doctor::Needed;

    #[test]
    fn found_broken_and_missing_are_three_things() {
        let need = |program: &str, version: &[&str]| Needed {
            kind: "system".into(),
            name: program.into(),
            program: program.into(),
            version: version.iter().map(|word| (*word).to_owned()).collect(),
            install: None,
            required: true,
            folder: None,
        };
        let needed = [
            need("sh", &["-c", "echo sh 1.0; echo more"]),
            need("sh", &["-c", "echo no >&2; exit 3"]),
            need("no-such", &[]),
        ];
        let probed = all(&needed, Path::new("/"));
        assert_eq!(
            probed.iter().map(|probed| probed.state).collect::<Vec<_>>(),
            [State::Found, State::Broken, State::Missing]
        );
        assert_eq!(probed[0].version.as_deref(), Some("sh 1.0"));
        assert_eq!(probed[1].problem.as_deref(), Some("no"));
    }
}
