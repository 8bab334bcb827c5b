//! A project in a folder of its own, with a home and a state folder of its own, and the program to run in it.
//!
//! Knows no scenario. Nothing of the machine's environment reaches the program but PATH.

#![allow(dead_code, reason = "each scenario uses what it needs")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Once};

use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use tempfile::TempDir;

/// Whoever runs the tests may ignore signals (in the background of a script, under `nohup`), and what is started inherits
/// that; a signal that is handled here has its default there.
fn hear_signals() {
    static HEARD: Once = Once::new();
    HEARD.call_once(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
        let ignored = u64::from_str_radix(ignored.trim(), 16).expect("the ignored signals");
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            if ignored & (1 << (signal - 1)) != 0 {
                signal_hook::flag::register(signal, Arc::default()).expect("a handler");
            }
        }
    });
}

/// A project.
pub struct Project {
    folder: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; -1 where a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The argv of every process that it started, in order.
    pub started: Vec<Vec<String>>,
}

impl Ran {
    /// Both streams.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The one JSON object on standard output.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}):\n{}", self.output()))
    }

    /// Asserts an exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}", self.output());
        self
    }

    /// Asserts that a text is in the output.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.output().contains(text), "{text:?} is not in\n{}", self.output());
        self
    }

    /// Asserts that no process was started.
    #[track_caller]
    pub fn started_nothing(self) -> Self {
        assert!(self.started.is_empty(), "{:?}\n{}", self.started, self.output());
        self
    }
}

impl Project {
    /// A git repository on branch `main` with a Pipelinefile and these files, committed.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let project = Self { folder };
        for name in ["project", "home", "state"] {
            std::fs::create_dir(project.folder.path().join(name)).expect("a folder");
        }
        project.git(&["init", "-q", "-b", "main"]);
        if !files.iter().any(|(path, _)| *path == "Pipelinefile.kdl") {
            project.write("Pipelinefile.kdl", "");
        }
        for (path, text) in files {
            project.write(path, text);
        }
        project.commit("base");
        project
    }

    /// The project's root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// The folder around project, home and state.
    pub fn around(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Nothing that a step made is remembered but its digest.
    pub fn lose_contents(&self) {
        let _ = std::fs::remove_dir_all(self.path(".pl/blobs"));
        self.change_database("DELETE FROM contents");
    }

    /// Every content that a step made is another one than its digest says.
    pub fn spoil_contents(&self, bytes: &str) {
        let mut open = vec![self.path(".pl/blobs")];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(&path).expect("a folder").flatten().map(|entry| entry.path()));
            } else if path.is_file() {
                std::fs::remove_file(&path).expect("a blob");
                std::fs::write(&path, bytes).expect("a blob");
            }
        }
        self.change_database(&format!("UPDATE contents SET bytes = CAST('{bytes}' AS BLOB)"));
    }

    fn change_database(&self, sql: &str) {
        let database = rusqlite::Connection::open(self.path(".pl/state.db")).expect("a database");
        database.execute(sql, []).expect("changed");
        database.close().expect("closed");
    }

    /// A file of the project.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// The state folder of this project (worktrees, setups), which is there after a build.
    pub fn state(&self) -> PathBuf {
        let state = self.folder.path().join("state");
        let mut entries = std::fs::read_dir(&state).expect("the state folder").flatten();
        entries.next().expect("a project's state").path()
    }

    /// The worktree of a workstream, whether it exists or not.
    pub fn worktree(&self, id: &str) -> PathBuf {
        self.state().join("worktrees").join(id)
    }

    /// Writes a file, with its folders.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A command with this project's environment and nothing of ours but PATH.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        hear_signals();
        let mut command = Command::new(program.as_ref());
        let around = self.folder.path();
        command
            .current_dir(self.root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", around.join("home"))
            .env("PL_STATE_DIR", around.join("state"))
            .env("LANG", "C.UTF-8")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "a")
            .env("GIT_AUTHOR_EMAIL", "a@localhost")
            .env("GIT_COMMITTER_NAME", "a")
            .env("GIT_COMMITTER_EMAIL", "a@localhost")
            .stdin(Stdio::null());
        command
    }

    /// Runs git; it must succeed. Its output, trimmed.
    #[track_caller]
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.command("git").args(arguments).output().expect("git");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        assert!(output.status.success(), "git {arguments:?}\n{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// The content of a path in a workstream's result.
    #[track_caller]
    pub fn result(&self, id: &str, path: &str) -> String {
        self.git(&["show", &format!("{}:{path}", self.result_ref(id))])
    }

    /// The ref of a workstream's result.
    #[track_caller]
    pub fn result_ref(&self, id: &str) -> String {
        let all = self.git(&["for-each-ref", "--format=%(refname)", "refs/pl/ws"]);
        let end = format!("/{id}");
        all.lines()
            .find(|name| name.ends_with(&end))
            .unwrap_or_else(|| panic!("no result of {id} in\n{all}"))
            .to_owned()
    }

    /// The paths that a workstream's result changed, `A path`, `M path`, `D path`.
    #[track_caller]
    pub fn result_changes(&self, id: &str) -> Vec<String> {
        let name = self.result_ref(id);
        let text = self.git(&["diff", "--no-renames", "--name-status", &format!("{name}^"), &name]);
        text.lines().map(|line| line.replace('\t', " ")).collect()
    }

    /// `pl` with these arguments, not started yet.
    pub fn pl_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_pl"));
        command.args(arguments);
        command
    }

    /// Runs `pl`.
    pub fn pl(&self, arguments: &[&str]) -> Ran {
        self.pl_with(arguments, &[])
    }

    /// Runs `pl` with further environment variables.
    pub fn pl_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let trace = self.folder.path().join("trace");
        let _ = std::fs::remove_file(&trace);
        let mut command = self.pl_command(arguments);
        command.env("PL_TRACE_SPAWN", &trace).envs(environment.iter().copied());
        let output = command.output().expect("pl");
        let lines = std::fs::read_to_string(&trace).unwrap_or_default();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            started: lines.lines().map(|line| serde_json::from_str(line).expect("an argv")).collect(),
        }
    }

    /// Builds with `--json`; the summary.
    #[track_caller]
    pub fn build(&self, targets: &[&str], code: i32) -> Value {
        let arguments: Vec<&str> = ["build", "--json"].into_iter().chain(targets.iter().copied()).collect();
        self.pl(&arguments).expect(code).json()
    }
}

/// The names of the steps for which something ran, in the summary's order.
pub fn steps_run(summary: &Value) -> Vec<String> {
    let steps = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let workstreams = steps(&summary["workstreams"]);
    let all = steps(&summary["tasks"]).into_iter().chain(workstreams.iter().flat_map(|one| steps(&one["steps"])));
    all.filter(|step| step["attempts"] != 0).map(|step| step["name"].as_str().expect("a name").to_owned()).collect()
}

/// A workstream of a summary.
#[track_caller]
pub fn workstream<'a>(summary: &'a Value, id: &str) -> &'a Value {
    let all = summary["workstreams"].as_array().expect("workstreams");
    all.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id} in {summary:#}"))
}

/// A step of a summary, by its name.
#[track_caller]
pub fn step<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let tasks = summary["tasks"].as_array().into_iter().flatten();
    let of_workstreams = summary["workstreams"].as_array().into_iter().flatten();
    let mut all = tasks.chain(of_workstreams.flat_map(|one| one["steps"].as_array().into_iter().flatten()));
    all.find(|step| step["name"] == name).unwrap_or_else(|| panic!("no {name} in {summary:#}"))
}
