//! Cases that share a project: a folder each, a tool each, a workstream each, built side by side.
//!
//! The scope of case `x` is `x/src/`, what it may create `x/new/` and `x/made.txt`; its tool stands in `x/`.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Project, step, workstream};

/// What a case comes to.
#[derive(Debug, Clone, Copy)]
pub enum Expect {
    /// It fails, and these paths are named: below the case's folder, or, with a `/` in front, as they are.
    Stray(&'static [&'static str]),
    /// It is done, and this is all that its result changed (`M src/a.txt`, below the case's folder).
    Result(&'static [&'static str]),
}

/// One way.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Folder and workstream.
    pub name: &'static str,
    /// What the tool does, standing in the case's folder.
    pub shell: &'static str,
    /// Further files of the base.
    pub files: &'static [(&'static str, &'static str)],
    /// What is expected.
    pub expect: Expect,
}

/// A case that is found.
pub const fn stray(name: &'static str, shell: &'static str, paths: &'static [&'static str]) -> Case {
    Case { name, shell, files: &[], expect: Expect::Stray(paths) }
}

/// A case without effect, or with a good one.
pub const fn result(name: &'static str, shell: &'static str, changes: &'static [&'static str]) -> Case {
    Case { name, shell, files: &[], expect: Expect::Result(changes) }
}

/// What every case has in its folder.
const FILES: [(&str, &str); 6] = [
    ("src/a.txt", "a = 1\n"),
    ("src/b.txt", "b = 1\n"),
    ("src/deep/c.txt", "c = 1\n"),
    ("out/x.txt", "x = 1\n"),
    ("out/deep/y.txt", "y = 1\n"),
    ("out/tracked.log", "1\n"),
];

/// So that tools can commit.
const IDENTITY: &str = "export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t";

/// A tool of that name.
pub fn tool(name: &str, shell: &str) -> String {
    let lines: String = shell.lines().map(|line| format!("    {line}\n")).collect();
    format!("tool \"{name}\" {{\n    kind \"exec\"; can \"edit\"\n    shell ##\"\"\"\n{lines}    \"\"\"##\n}}\n")
}

/// A workstream with the scope of a case.
pub fn definition(name: &str, test: &str) -> String {
    format!(
        "workstream \"{name}\" {{\n    tool \"{name}\"\n    files-scope \"{name}/src/\"\n    files-create \"{name}/new/\" \
         \"{name}/made.txt\"\n    tasks {{ - \"do it\" }}\n    acceptance-tests {{ shell ##\"{test}\"## }}\n}}\n"
    )
}

/// A project of cases, with a commit before its base and a branch beside it.
pub fn project(cases: &[Case]) -> Project {
    project_with(cases, "")
}

/// The same with further lines of its Pipelinefile.
pub fn project_with(cases: &[Case], more: &str) -> Project {
    let project = Project::new(&[("README.md", "before\n"), (".gitignore", "*.log\n/.idea/\n")]);
    let mut definitions = format!("{more}\n");
    let mut tools = String::new();
    for case in cases {
        tools += &tool(case.name, &format!("{IDENTITY}\nset -e; cd {}\n{}", case.name, case.shell));
        definitions += &definition(case.name, TEST);
        for (path, text) in FILES.iter().chain(case.files) {
            project.write(&format!("{}/{path}", case.name), text);
        }
    }
    project.write("README.md", "base\n");
    project.write("rules/tools.kdl", tools);
    project.write("Pipelinefile.kdl", definitions);
    project.git(&["add", "-A", "-f"]);
    project.git(&["commit", "-q", "-m", "base"]);
    project.git(&["branch", "beside"]);
    project
}

/// A later step sees the candidate and nothing else: no stray, no ignored file, no flag, no planted repository.
pub const TEST: &str = "test -z \"$(git status --porcelain --ignored --untracked-files=all)\" && git diff --quiet HEAD";

/// Builds all cases side by side, holds each to what is expected, and everything around to what it was.
#[track_caller]
pub fn check(cases: &[Case]) {
    let project = project(cases);
    let before = main_checkout(&project);
    let summary = build(&project, cases);
    let mut wrong = judge(&project, cases, &summary);
    wrong.extend(differences(&before, &main_checkout(&project)));
    wrong.extend(strays_in_refs(&project, cases.iter().map(|case| case.name)));
    wrong.extend(again(&project, cases, &summary));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// One build of all cases.
#[track_caller]
pub fn build(project: &Project, cases: &[Case]) -> Value {
    let fails = cases.iter().any(|case| matches!(case.expect, Expect::Stray(_)));
    project.build(&["*"], i32::from(fails))
}

/// The second build: nobody is asked again, and everything stands as it stood.
fn again(project: &Project, cases: &[Case], first: &Value) -> Vec<String> {
    let second = build(project, cases);
    let mut wrong = Vec::new();
    for case in cases {
        let (one, two) = (workstream(first, case.name), workstream(&second, case.name));
        let expected = if one["status"] == "failed" { "failed" } else { "fresh" };
        let asked = step(&second, &format!("{}/edit.1", case.name))["attempts"] != 0;
        if two["status"] != expected || asked {
            wrong.push(format!("{}: the second build says {} (asked: {asked})", case.name, two["status"]));
        }
    }
    wrong.extend(strays_in_refs(project, cases.iter().map(|case| case.name)));
    wrong
}

/// What is not as it was expected, a line each.
pub fn judge(project: &Project, cases: &[Case], summary: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    for case in cases {
        let one = workstream(summary, case.name);
        let found = match case.expect {
            Expect::Stray(paths) => judge_stray(project, case.name, paths, one),
            Expect::Result(changes) => judge_result(project, case.name, changes, one),
        };
        wrong.extend(found.into_iter().map(|text| format!("{}: {text}", case.name)));
    }
    wrong
}

fn judge_stray(project: &Project, name: &str, paths: &[&str], one: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let edit = one["steps"].as_array().into_iter().flatten().find(|step| step["kind"] == "edit");
    let failure = edit.map_or(Value::Null, |edit| edit["failure"].clone());
    if one["status"] != "failed" || failure.is_null() {
        return vec![format!("it is {} and its edit did not fail: {}", one["status"], one["reason"])];
    }
    let message = failure["message"].as_str().unwrap_or_default();
    for path in paths {
        let path = path.strip_prefix('/').map_or_else(|| format!("{name}/{path}"), str::to_owned);
        let findings: Vec<&Value> = failure["findings"].as_array().into_iter().flatten().collect();
        if !findings.iter().any(|finding| finding["category"] == "scope_violation" && finding["path"] == path.as_str())
        {
            wrong.push(format!("no finding names {path}: {message} {findings:?}"));
        }
        if !one["scope"]["out_of_scope"].as_array().is_some_and(|all| all.contains(&path.clone().into())) {
            wrong.push(format!("{path} is not in {}", one["scope"]["out_of_scope"]));
        }
    }
    if !message.starts_with("left its scope: ") || message.len() > 400 || failure["help"].is_null() {
        wrong.push(format!("not a useful message: {message:?} {}", failure["help"]));
    }
    if result_of(project, name).is_some() {
        wrong.push("it has a result".to_owned());
    }
    wrong.extend(kept_is_clean(project, name));
    wrong
}

/// The worktree that was kept: what is out of scope is as in the base, and nothing else lies there.
fn kept_is_clean(project: &Project, name: &str) -> Option<String> {
    let dir = project.worktree(name);
    let status = git_in(project, &dir, &["status", "--porcelain", "--ignored", "--untracked-files=all"]);
    if !status.is_empty() {
        return Some(format!("its worktree is not clean:\n{status}"));
    }
    let head = git_in(project, &dir, &["rev-parse", "HEAD"]);
    let outside: Vec<String> =
        changed(project, &head).into_iter().filter(|path| !in_scope(name, path.as_bytes())).collect();
    (!outside.is_empty()).then(|| format!("its worktree holds {outside:?}"))
}

fn judge_result(project: &Project, name: &str, changes: &[&str], one: &Value) -> Vec<String> {
    if one["status"] != "done" {
        return vec![format!("it is {}: {} {:#}", one["status"], one["reason"], one["steps"])];
    }
    let Some(_) = result_of(project, name) else { return vec!["it has no result".to_owned()] };
    let found: Vec<String> =
        project.result_changes(name).iter().map(|line| line.replacen(&format!("{name}/"), "", 1)).collect();
    if found == changes { Vec::new() } else { vec![format!("its result changed {found:?}")] }
}

fn result_of(project: &Project, name: &str) -> Option<String> {
    let all = project.git(&["for-each-ref", "--format=%(refname)", "refs/pl/ws"]);
    all.lines().find(|line| line.ends_with(&format!("/{name}"))).map(str::to_owned)
}

fn in_scope(name: &str, path: &[u8]) -> bool {
    let of_recording = name == "ws-after" && path == b"after.txt";
    let below = |folder: &str| path.starts_with(format!("{name}/{folder}").as_bytes());
    of_recording
        || (below("src/") || below("new/") || path == format!("{name}/made.txt").as_bytes())
            && std::str::from_utf8(path).is_ok()
}

/// Runs git in a folder, with this project's environment; its output, or what went wrong.
pub fn git_in(project: &Project, dir: &Path, arguments: &[&str]) -> String {
    let output = project.command("git").current_dir(dir).args(arguments).output().expect("git");
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() { text } else { format!("git failed: {}", String::from_utf8_lossy(&output.stderr)) }
}

fn changed(project: &Project, commit: &str) -> Vec<String> {
    let text = project.git(&["diff", "--no-renames", "--name-only", "-z", "main", commit]);
    text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

/// Trees that hang on a ref of ours and hold something that no scope allows.
pub fn strays_in_refs<'a>(project: &Project, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.collect();
    let commits = project.git(&["rev-list", "--glob=refs/pl", "--glob=refs/heads/ws", "--not", "main"]);
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for commit in commits.lines() {
        let tree = project.git(&["rev-parse", &format!("{commit}^{{tree}}")]);
        let is_empty = project.git(&["ls-tree", &tree]).is_empty();
        if is_empty || !seen.insert(tree) {
            continue;
        }
        let paths = changed(project, commit);
        let allowed = |path: &String| names.iter().any(|name| in_scope(name, path.as_bytes()));
        let outside: Vec<&String> = paths.iter().filter(|path| !allowed(path)).collect();
        if !outside.is_empty() {
            wrong.push(format!("{commit} hangs on a ref and holds {outside:?}"));
        }
    }
    wrong
}

/// The main checkout with its index, HEAD, refs, config and hooks, by name.
pub fn main_checkout(project: &Project) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    let root = project.root();
    let mut open = vec![root.clone()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(&root).expect("below").to_string_lossy().into_owned();
            let own =
                [".pl", ".worktrees", ".git/objects", ".git/worktrees", ".git/refs", ".git/logs", ".git/info/exclude"];
            if own.contains(&name.as_str()) || name.starts_with(".git/pl") {
                continue;
            }
            let metadata = path.symlink_metadata().expect("metadata");
            if metadata.is_dir() {
                open.push(path);
                continue;
            }
            let content = match std::fs::read_link(&path) {
                Ok(target) => format!("link {}", target.display()),
                Err(_) => std::fs::read(&path).unwrap_or_default().escape_ascii().to_string(),
            };
            seen.insert(name, format!("{:o} {content}", metadata.permissions().mode()));
        }
    }
    let refs = Command::new("git")
        .current_dir(&root)
        .args(["for-each-ref", "--format=%(refname) %(objectname)"])
        .output()
        .expect("git");
    for line in String::from_utf8_lossy(&refs.stdout).lines() {
        if !line.starts_with("refs/pl/") && !line.starts_with("refs/heads/ws/") {
            seen.insert(line.to_owned(), String::new());
        }
    }
    seen
}

/// What differs between two looks at the main checkout.
pub fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differing
        .map(|name| format!("main checkout: {name} was {:?}, is {:?}", before.get(name), after.get(name)))
        .collect()
}
