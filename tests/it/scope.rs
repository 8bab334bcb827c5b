//! Ways to write out of scope. Each is found, or provably without effect; and no result ever holds an out-of-scope byte.
//!
//! All cases of [`cases`] are workstreams of one project, built at once; those that tamper with what workstreams share
//! are built one by one in [`shared`].

mod cases;
mod shared;
mod recorded;

use serde_json::Value;

use crate::support::{Project, workstream};

/// What must come of a case.
#[derive(Debug, Clone, Copy)]
pub enum Expect {
    /// The workstream fails with a `scope_violation` at this path; `@` stands for the case's name.
    Found(&'static str),
    /// It is done, and what was written out of scope is nowhere.
    Harmless,
    /// It may end either way; only that nothing out of scope is in a result counts.
    Either,
}

/// One way: its name, what the tool does after an honest change, what must come of it.
pub type Case = (&'static str, &'static str, Expect);

/// A project with a workstream and an `exec` tool a case: scope `in/<name>/`, creatable `new/<name>.txt`.
pub fn project(cases: &[Case]) -> Project {
    let mut tools = String::new();
    let mut workstreams = String::new();
    let mut files: Vec<(String, String)> = Vec::new();
    for (name, script, _) in cases {
        let script = script.replace('@', name);
        tools.push_str(&format!(
            "tool \"t-{name}\" {{\n    kind \"exec\"\n    shell #\"\"\"\n        set -e\n        echo changed >> in/{name}/a.txt\n{}\n        \"\"\"#\n}}\n",
            script.lines().map(|line| format!("        {line}")).collect::<Vec<_>>().join("\n")
        ));
        workstreams.push_str(&format!(
            "workstream \"ws-{name}\" {{\n    files-scope \"in/{name}/\"\n    files-create \"new/{name}.txt\"\n    tool \"t-{name}\"\n    tasks \"change a.txt\"\n    acceptance-tests {{ shell \"grep -q changed in/{name}/a.txt\" }}\n}}\n"
        ));
        for (path, text) in
            [("in/@/a.txt", "a\n"), ("in/@/b.txt", "b\n"), ("out/@.txt", "out\n"), ("out/@/deep.txt", "deep\n")]
        {
            files.push((path.replace('@', name), text.to_owned()));
        }
    }
    files.push((".gitignore".to_owned(), "*.ignored\n__pycache__/\n".to_owned()));
    files.push(("rules/tools.kdl".to_owned(), tools));
    files.push(("workstreams/all.kdl".to_owned(), workstreams));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    Project::new(&files)
}

/// Holds one case of a build's summary to what must come of it.
#[track_caller]
pub fn judge(project: &Project, summary: &Value, (name, _, expect): &Case) {
    let id = format!("ws-{name}");
    let one = workstream(summary, &id);
    let paths: Vec<String> = violations(one);
    match expect {
        Expect::Found(path) => {
            let path = path.replace('@', name);
            assert_eq!(one["status"], "failed", "{name}: {one:#}");
            assert!(paths.contains(&path), "{name}: {path} is not among {paths:?}\n{one:#}");
        }
        Expect::Harmless => assert_eq!(one["status"], "done", "{name}: {one:#}"),
        Expect::Either => {}
    }
    for reference in results(project, &id) {
        let changes = project.git(&["diff", "--no-renames", "--name-only", "-z", "main", &reference]);
        for path in changes.split('\0').filter(|path| !path.is_empty()) {
            let inside = path.starts_with(&format!("in/{name}/")) || path == format!("new/{name}.txt");
            assert!(inside, "{name}: {reference} holds {path}");
        }
    }
}

/// The refs that name a workstream's result, the courtesy branch too.
fn results(project: &Project, id: &str) -> Vec<String> {
    let all = project.git(&["for-each-ref", "--format=%(refname)", "refs/pl/ws", "refs/heads/ws"]);
    all.lines().filter(|name| name.ends_with(&format!("/{id}"))).map(ToOwned::to_owned).collect()
}

/// Paths of the findings `scope_violation` of a workstream's steps.
pub fn violations(one: &Value) -> Vec<String> {
    let steps = one["steps"].as_array().into_iter().flatten();
    let findings = steps.flat_map(|step| step["findings"].as_array().into_iter().flatten());
    let own = findings.filter(|finding| finding["category"] == "scope_violation");
    own.filter_map(|finding| finding["path"].as_str().map(ToOwned::to_owned)).collect()
}
