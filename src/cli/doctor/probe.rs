//! Finds programs and asks their versions, all at once, each within a few seconds.
//!
//! The one place of `cli` that starts processes.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Needed;
use crate::report::text::width::one_line;
use crate::system::program::identify;

/// Time that a program has to tell its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// Time between two looks at whether it has ended.
const POLL: Duration = Duration::from_millis(10);

/// Bytes of a version that are read.
const VERSION_BYTES_MAX: u64 = 4096;

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
    let search = std::env::var_os("PATH").unwrap_or_default();
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
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot be started: {error}"))?;
    let out = reader(child.stdout.take());
    let err = reader(child.stderr.take());
    let ended = wait(&mut child).ok_or_else(|| format!("does not end within {} s", VERSION_TIMEOUT.as_secs()))?;
    let text = [out, err].map(|thread| thread.join().unwrap_or_default()).concat();
    let line = one_line(text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default());
    match ended {
        true => Ok(line),
        false if line.is_empty() => Err("fails when it is asked for its version".to_owned()),
        false => Err(line),
    }
}

fn reader(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What could be read until then is what there is.
            drop(stream.take(VERSION_BYTES_MAX).read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Whether it ended well; `None` where it had to be killed.
fn wait(child: &mut Child) -> Option<bool> {
    let until = Instant::now() + VERSION_TIMEOUT;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) => std::thread::sleep(POLL),
            Err(_) => break,
        }
    }
    drop(child.kill());
    drop(child.wait());
    None
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
