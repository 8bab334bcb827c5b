//! Looking ahead changes nothing and starts nothing, whatever the project's state; and what was planned is what runs.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use crate::incremental::lab::{Ws, asked, build, lab, pipeline, raw};
use crate::running::{Entry, Running, assert_untouched, until, walk};
use crate::support::{Project, Ran, steps_run};

/// Every command that only looks.
const LOOKS: [&[&str]; 8] = [
    &["check", "*"],
    &["check", "--json", "*"],
    &["check", "--force", "ws-1-a"],
    &["graph", "*"],
    &["graph", "--dot", "*"],
    &["explain", "ws-1-a/test.1"],
    &["show"],
    &["build", "-n", "*"],
];

const NODES: &str = r#"
setup "kit" { shell "echo kit > {out}/kit"; inputs "a" }
task "copy" { shell "cat in > out"; inputs "in"; outputs "out" }
task "use" { run "cat" "out"; inputs "out" }
task "always" { run "true" }
"#;

const FILES: [(&str, &str); 3] = [("in", "1\n"), ("a", "1\n"), ("b", "1\n")];

/// A workstream, and one that needs it.
pub fn two() -> [Ws<'static>; 2] {
    let first =
        Ws { id: "ws-1-a", scope: &["a"], instructions: &["echo 2 >> a"], tests: &["grep -q 2 a"], ..Ws::default() };
    let second = Ws {
        id: "ws-2-b",
        depends_on: &["ws-1-a"],
        scope: &["b"],
        instructions: &["cat a > b"],
        tests: &["grep -q 2 b"],
        ..Ws::default()
    };
    [first, second]
}

fn project() -> Project {
    lab(&pipeline("edit", NODES, &two()), &FILES)
}

/// Everything that planning could touch: project, repository, home, state; not what the test itself writes.
fn everything(project: &Project) -> BTreeMap<PathBuf, Entry> {
    let folders = ["project", "home", "state"].map(|name| walk(&project.around().join(name)));
    folders.into_iter().flatten().collect()
}

/// Runs every look; nothing moves and nothing starts.
#[track_caller]
fn look(project: &Project, state: &str) {
    for arguments in LOOKS {
        let before = everything(project);
        let ran = project.pl(arguments);
        assert!([0, 3].contains(&ran.code), "{state}: {arguments:?} ended with {}\n{}", ran.code, ran.output());
        let ran = ran.started_nothing();
        assert_untouched(&format!("{state}: {arguments:?}"), &before, &everything(project));
        drop(ran);
    }
}

fn verdicts(ran: &Ran) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let steps = ran.json()["steps"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|step| (text(&step["name"]), (text(&step["verdict"]), text(&step["reason"])))).collect()
}

#[test]
fn nothing_is_made_before_the_first_build() {
    let project = project();
    look(&project, "before any build");
    assert!(!project.path(".pl").exists());
}

#[test]
fn a_seed_is_read_where_its_repository_is_not_made() {
    let seed = format!("repository \".pl/example\" {{ base \"main\"; seed \"seed\" }}\n{NODES}");
    let project = lab(&pipeline("edit", &seed, &two()), &[("in", "1\n"), ("seed/a", "1\n"), ("seed/b", "1\n")]);
    look(&project, "a seed");
    assert!(!project.path(".pl").exists());
    build(&project, 0);
    look(&project, "a seeded repository");
}

#[test]
fn nothing_moves_after_a_build() {
    let project = project();
    build(&project, 0);
    look(&project, "after a build");
    project.write("in", "2\n");
    look(&project, "after a change");
    // Removed records, kept objects.
    std::fs::remove_dir_all(project.path(".pl")).expect("removed");
    look(&project, "without .pl");
    assert!(!project.path(".pl").exists());
}

#[test]
fn nothing_moves_while_a_build_runs_or_after_it_was_killed() {
    let project = project();
    let around = project.around();
    let here = around.display();
    let hold = format!("touch {here}/at; while [ -e {here}/hold ]; do sleep 0.01; done; echo 3 >> a");
    let mut workstreams = two();
    let instructions = ["echo 2 >> a", hold.as_str()];
    workstreams[0].instructions = &instructions;
    project.write("Pipelinefile.kdl", pipeline("edit", NODES, &workstreams));
    std::fs::write(around.join("hold"), "").expect("a file");
    let running = Running::start(&project, "held", &["build", "*"]);
    until("the tool is asked", || around.join("at").exists());
    // The tasks beside it come to their end and are written before anybody looks.
    until("the tasks end", || project.path("out").exists() && is_quiet(&project));
    look(&project, "while a build runs");
    running.kill();
    // What a tool started outlives a killed build until the next one begins; this one ends by itself.
    std::fs::remove_file(around.join("hold")).expect("released");
    until("its programs end", || crate::running::left_running(&project).is_empty());
    let log = project.path(".pl/state.db-wal");
    assert!(std::fs::metadata(&log).expect("a log").len() > 0);
    look(&project, "a log lies there");
    build(&project, 0);
}

/// Nothing was written between two looks that have a whole program between them.
fn is_quiet(project: &Project) -> bool {
    let before = walk(&project.path(".pl"));
    project.git(&["status", "--short"]);
    project.git(&["status", "--short"]);
    before == walk(&project.path(".pl"))
}

#[test]
fn a_read_only_tree_can_be_looked_at() {
    let project = project();
    build(&project, 0);
    let modes: Vec<(PathBuf, u32)> = everything(&project)
        .into_iter()
        .filter(|(path, _)| !path.is_symlink())
        .map(|(path, (mode, ..))| (path, mode))
        .collect();
    let set = |path: &PathBuf, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode & 0o7777)).expect("a mode");
    };
    modes.iter().for_each(|(path, mode)| set(path, mode & !0o222));
    look(&project, "read-only");
    modes.iter().for_each(|(path, mode)| set(path, *mode));
}

#[test]
fn verdicts_name_one_root_cause() {
    let project = project();
    let first = verdicts(&project.pl(&["check", "--json", "*"]).expect(0));
    assert_eq!(first["ws-1-a/edit.1"].0, "stale", "{first:#?}");
    assert_eq!(first["ws-2-b/edit.1"].0, "unsettled", "{first:#?}");
    project.pl(&["check", "--fail-if-stale", "*"]).expect(4);
    let summary = build(&project, 0);
    assert_eq!(summary["plan_matched"], true, "{summary:#}");
    project.pl(&["check", "--fail-if-stale", "ws-2"]).expect(0);
    let fresh = verdicts(&project.pl(&["check", "--json", "ws-2", "copy", "use"]).expect(0));
    assert!(fresh.values().all(|(verdict, _)| verdict == "fresh"), "{fresh:#?}");
    project.write("in", "2\n");
    let stale = verdicts(&project.pl(&["check", "--json", "ws-2", "copy", "use"]).expect(0));
    assert_eq!(stale["copy"], ("stale".to_owned(), "input in changed".to_owned()), "{stale:#?}");
    assert_eq!(stale["use"].0, "unsettled", "{stale:#?}");
    let others = stale.iter().filter(|(name, _)| !["copy", "use"].contains(&name.as_str()));
    assert!(others.clone().all(|(_, (verdict, _))| verdict == "fresh"), "{stale:#?}");
    project.pl(&["check", "--fail-if-stale", "use"]).expect(4);
}

/// Every planned step ends in exactly one state, and what was planned fresh did not run.
#[track_caller]
fn planned_is_reported(project: &Project, code: i32) {
    let planned = verdicts(&project.pl(&["check", "--json", "*"]).expect(0));
    let summary = build(project, code);
    assert_eq!(summary["plan_matched"], true, "{summary:#}");
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let of_workstreams = list(&summary["workstreams"]).into_iter().flat_map(|one| list(&one["steps"]));
    let all: Vec<Value> = list(&summary["tasks"]).into_iter().chain(of_workstreams).collect();
    let mut ended: Vec<String> = all.iter().map(|step| step["name"].as_str().expect("a name").to_owned()).collect();
    ended.sort();
    assert_eq!(ended, planned.keys().cloned().collect::<Vec<_>>());
    for name in steps_run(&summary) {
        assert_ne!(planned[&name].0, "fresh", "{name} ran");
    }
}

#[test]
fn what_is_planned_is_what_is_reported() {
    let project = project();
    planned_is_reported(&project, 0);
    project.write("in", "2\n");
    planned_is_reported(&project, 0);
    let mut workstreams = two();
    workstreams[0].tests = &["grep -q 3 a"];
    project.write("Pipelinefile.kdl", pipeline("edit", NODES, &workstreams));
    planned_is_reported(&project, 1);
    planned_is_reported(&project, 1);
    workstreams[0].instructions = &["echo 2 >> a; echo 3 >> a"];
    project.write("Pipelinefile.kdl", pipeline("edit", NODES, &workstreams));
    planned_is_reported(&project, 0);
    planned_is_reported(&project, 0);
}

#[test]
fn a_failing_task_leaves_each_step_in_one_state() {
    let nodes =
        format!("task \"bad\" {{ run \"false\" }}\ntask \"after\" {{ depends-on \"bad\"; shell {} }}", raw("true"));
    let project = lab(&pipeline("edit", &nodes, &two()), &FILES);
    planned_is_reported(&project, 1);
    assert!(!asked(&project).is_empty());
}
