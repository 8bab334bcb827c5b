//! A project whose tools do what instructions say and count how often they are asked.
//!
//! An instruction `sh: …` is a line of shell, done in the worktree. Every asking adds a line to `asked` in the home.

use serde_json::Value;

use crate::support::{Project, Ran, steps_run};

/// `edit` looks at the whole tree and is redone; `agent` looks at its scope and is carried.
pub const TOOLS: &str = r##"
tool "edit" {
    kind "exec"; can "edit"
    shell #"echo {workstream} >> "$HOME/asked"; sed -n 's/^- sh: //p' "$PL_PROMPT" > "$TMPDIR/do"; sh "$TMPDIR/do""#
}
tool "agent" {
    kind "ai"; can "edit"
    shell #"echo {workstream} >> "$HOME/asked"; sed -n 's/^- sh: //p' "$PL_PROMPT" > "$TMPDIR/do"; sh "$TMPDIR/do""#
}
"##;

/// A workstream as it is written down.
#[derive(Debug, Clone, Default)]
pub struct Ws<'a> {
    /// Its id.
    pub id: &'a str,
    /// What it waits for.
    pub depends_on: &'a [&'a str],
    /// `files-scope`.
    pub scope: &'a [&'a str],
    /// `files-create`.
    pub create: &'a [&'a str],
    /// Instructions, without `sh: `.
    pub instructions: &'a [&'a str],
    /// Acceptance tests, each a line of shell.
    pub tests: &'a [&'a str],
    /// Further nodes, as they are.
    pub more: &'a str,
}

impl Ws<'_> {
    /// As KDL.
    pub fn kdl(&self) -> String {
        let list = |name: &str, words: &[&str]| match words {
            [] => String::new(),
            words => format!("    {name} {}\n", words.iter().map(|word| raw(word)).collect::<Vec<_>>().join(" ")),
        };
        let instructions: String =
            self.instructions.iter().map(|line| format!("        - {}\n", raw(&format!("sh: {line}")))).collect();
        let tests: String = self.tests.iter().map(|line| format!("        shell {}\n", raw(line))).collect();
        format!(
            "workstream \"{}\" {{\n{}{}{}    tasks {{\n{instructions}    }}\n    acceptance-tests {{\n{tests}    }}\n    {}\n}}\n",
            self.id,
            list("depends-on", self.depends_on),
            list("files-scope", self.scope),
            list("files-create", self.create),
            self.more,
        )
    }
}

/// A raw KDL string.
pub fn raw(text: &str) -> String {
    format!("##\"{text}\"##")
}

/// A Pipelinefile of workstreams that `tool` edits, with further nodes in front.
pub fn pipeline(tool: &str, nodes: &str, workstreams: &[Ws<'_>]) -> String {
    let all: String = workstreams.iter().map(Ws::kdl).collect();
    format!("defaults {{ tool \"{tool}\" }}\n{nodes}\n{all}")
}

/// A committed project with the tools, these definitions and these files.
pub fn lab(pipeline: &str, files: &[(&str, &str)]) -> Project {
    let definitions = [("rules/lab.kdl", TOOLS), ("Pipelinefile.kdl", pipeline)];
    let all: Vec<(&str, &str)> = definitions.into_iter().chain(files.iter().copied()).collect();
    Project::new(&all)
}

/// Who was asked since the last look, in order.
pub fn asked(project: &Project) -> Vec<String> {
    let path = project.around().join("home/asked");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(&path);
    text.lines().map(str::to_owned).collect()
}

/// Writes a file and commits that file alone: definitions that moved meanwhile stay as they are.
pub fn commit_file(project: &Project, path: &str, text: &str) {
    project.write(path, text);
    project.git(&["add", "--", path]);
    project.git(&["commit", "-q", "-m", path, "--", path]);
}

/// Builds everything there is; the summary.
#[track_caller]
pub fn build(project: &Project, code: i32) -> Value {
    project.build(&["*"], code)
}

/// Builds everything; the names of what ran.
#[track_caller]
pub fn ran(project: &Project) -> Vec<String> {
    steps_run(&build(project, 0))
}

/// Asserts that a build of everything starts nothing, asks nobody and makes no run.
#[track_caller]
pub fn all_fresh(project: &Project) -> Ran {
    asked(project);
    let ran = project.pl(&["build", "--json", "*"]).expect(0).started_nothing();
    let summary = ran.json();
    assert!(summary["run_id"].is_null(), "{summary:#}");
    assert_eq!(summary["steps_run"], 0, "{summary:#}");
    assert_eq!(asked(project), Vec::<String>::new());
    ran
}
