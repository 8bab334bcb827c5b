//! A build of what hangs on what moved: nothing else is judged, and no definition is read where none moved.

use serde_json::Value;

use crate::incremental::kept::{agree_on, plan};
use crate::running::{Running, until};
use crate::support::{Project, steps_run};

const PIPELINE: &str = r#"
include "tasks.json"
task "a" { shell "grep -v '^#' a.txt > a.out"; inputs "a.txt"; outputs "a.out" }
task "b" { shell "cat a.out b.txt > b.out"; inputs "a.out" "b.txt"; outputs "b.out" }
task "c" { run "cp" "c.txt" "c.out"; inputs "c.txt"; outputs "c.out" }
task "seen" { shell "grep -q . c.out"; inputs "c.out" }
task "after" { shell "test -e b.out"; depends-on "seen"; inputs "b.out" }
task "all" { depends-on "b" "after" "json" }
"#;

const TASKS: &str = r#"{"tasks": [{"name": "json", "run": ["cp", "c.txt", "json.out"], "inputs": ["c.txt"], "outputs": ["json.out"]}]}"#;

fn project() -> Project {
    let project = Project::new(&[
        ("Pipelinefile.kdl", PIPELINE),
        ("tasks.json", TASKS),
        ("a.txt", "a\n"),
        ("b.txt", "b\n"),
        ("c.txt", "c\n"),
        (".gitignore", "*.out\n"),
    ]);
    assert_eq!(steps_run(&built(&project).0).len(), 6);
    project
}

/// Builds; the summary, and whether definitions were read.
fn built(project: &Project) -> (Value, bool) {
    let trace = project.around().join("trace.json");
    let trace = trace.to_str().expect("a path");
    let summary = project.pl(&["build", "--json", "--profile", trace]).expect(0).json();
    let text = std::fs::read_to_string(trace).expect("a trace");
    (summary, text.contains("read definitions"))
}

/// What ran; every step is told of, no definition is read, and the plan says what records say.
#[track_caller]
fn ran(project: &Project, reads: bool) -> Vec<String> {
    let (summary, has_read) = built(project);
    assert_eq!(summary["tasks"].as_array().map(Vec::len), Some(7), "{summary}");
    let bad = summary["tasks"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|task| !["fresh", "done"].contains(&task["status"].as_str().unwrap_or("")));
    assert_eq!(bad.count(), 0, "{summary}");
    assert_eq!(has_read, reads, "definitions");
    assert!(plan(project).exists());
    let (again, has_read) = built(project);
    assert!(again["run_id"].is_null() && !has_read, "{again}");
    agree_on(project, &[&[], &["after"], &["b", "json"]], &[], "a build of a cone");
    steps_run(&summary)
}

#[test]
fn an_edited_file_leads_to_what_hangs_on_it() {
    let project = project();
    project.write("b.txt", "B\n");
    assert_eq!(ran(&project, false), ["b", "after"]);
    assert_eq!(project.read("b.out"), "a\nB\n");
    project.write("a.txt", "# nothing\na\n");
    assert_eq!(ran(&project, false), ["a"]);
    // Without outputs of its own, what a step saw is what others see of it.
    project.write("c.txt", "C\n");
    assert_eq!(ran(&project, false), ["c", "seen", "after", "json"]);
    project.write("b.txt", "b\n");
    project.write("c.txt", "c\n");
    project.write("a.txt", "A\n");
    // c.txt is as it was at first: what was recorded then holds, and brings the outputs back.
    assert_eq!(ran(&project, false), ["a", "b", "after"]);
    assert_eq!((project.read("b.out"), project.read("json.out")), ("A\nb\n".to_owned(), "c\n".to_owned()));
}

#[test]
fn what_was_recorded_before_is_not_done_again() {
    let project = project();
    project.write("b.txt", "B\n");
    assert_eq!(ran(&project, false), ["b", "after"]);
    project.write("b.txt", "b\n");
    let (summary, reads) = built(&project);
    assert_eq!((steps_run(&summary), reads), (vec![], false));
    assert_eq!(project.read("b.out"), "a\nb\n");
    std::fs::remove_file(project.path("c.out")).expect("an output");
    project.write("json.out", "tampered");
    assert_eq!(ran(&project, false), Vec::<String>::new());
    assert_eq!((project.read("c.out"), project.read("json.out")), ("c\n".to_owned(), "c\n".to_owned()));
}

#[test]
fn an_edited_definition_leads_to_its_step() {
    let project = project();
    project.write("tasks.json", TASKS.replace("\"cp\",", "\"cp\", \"-f\","));
    assert_eq!(ran(&project, true), ["json"]);
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", text.replace("cat a.out b.txt", "cat b.txt a.out"));
    project.write("c.txt", "other\n");
    assert_eq!(ran(&project, true), ["b", "c", "seen", "after", "json"]);
    // What means the same runs nothing.
    project.write("Pipelinefile.kdl", format!("// told\n{}", project.read("Pipelinefile.kdl")));
    assert_eq!(ran(&project, true), Vec::<String>::new());
    // Another step, another order: everything is judged.
    project.write(
        "Pipelinefile.kdl",
        format!("{}\ntask \"new\" {{ run \"true\"; inputs \"c.txt\" }}", project.read("Pipelinefile.kdl")),
    );
    let (summary, reads) = built(&project);
    assert_eq!((steps_run(&summary), reads), (vec!["new".to_owned()], true));
}

#[test]
fn wrong_definitions_are_told_and_a_failure_is_tried_again() {
    let project = project();
    project.write("tasks.json", "{\"tasks\": [{]}");
    project.pl(&["build"]).expect(2).says("tasks.json");
    project.write("tasks.json", TASKS);
    assert!(built(&project).0["run_id"].is_null());
    std::fs::remove_file(project.path("c.txt")).expect("an input");
    project.pl(&["build"]).expect(1).says("cp");
    project.pl(&["build"]).expect(1).says("cp");
    project.write("c.txt", "c\n");
    project.pl(&["build"]).expect(0);
    assert_eq!(project.read("c.out"), "c\n");
    agree_on(&project, &[&[], &["after"]], &[], "a failure");
}

/// What is done to a log, by what it was after an earlier build and what it is now.
type Change<'a> = &'a dyn Fn(&[u8], &[u8]);

/// A build of few steps leaves its rows in the log: whatever becomes of that, the plan says no more than the records do.
#[test]
fn what_becomes_of_the_log_is_seen() {
    let project = project();
    let (log, database) = (project.path(".pl/state.db-wal"), project.path(".pl/state.db"));
    let edit = |text: &str| {
        project.write("b.txt", text);
        assert_eq!(ran(&project, false), ["b", "after"], "{text}");
        std::fs::read(&log).expect("a log")
    };
    let changes: [(&str, Change<'_>); 4] = [
        ("a power cut left an older one", &|older, _| std::fs::write(&log, older).expect("older")),
        ("a power cut left a part of it", &|_, log_now| {
            std::fs::write(&log, &log_now[..log_now.len() - 999]).expect("cut")
        }),
        ("it is gone", &|_, _| std::fs::remove_file(&log).expect("removed")),
        ("the database is gone", &|_, _| std::fs::remove_file(&database).expect("removed")),
    ];
    for (place, (what, change)) in changes.iter().enumerate() {
        // What was looked at within a tick of its change makes no plan; the next build with nothing to do does.
        assert!(built(&project).0["run_id"].is_null(), "{what}");
        let older = edit(&format!("{place}, first\n"));
        let now = edit(&format!("{place}, second\n"));
        assert!(now.len() > older.len() && now.starts_with(&older[..32]), "it was appended to");
        change(&older, &now);
        let aside = project.around().join("plan-of-before");
        std::fs::copy(plan(&project), &aside).expect("a copy");
        agree_on(&project, &[&[], &["after"]], &[], what);
        let (summary, _) = built(&project);
        assert_eq!(summary["status"], "completed", "{what}: {summary}");
        assert_eq!(project.read("b.out"), format!("a\n{place}, second\n"), "{what}");
        assert!(built(&project).0["run_id"].is_null(), "{what}");
        // The plan from before is about a database that is another one now.
        std::fs::copy(&aside, plan(&project)).expect("a copy");
        agree_on(&project, &[&[], &["after"]], &[], what);
        assert!(built(&project).0["run_id"].is_null(), "{what}");
    }
}

/// What a log of today makes of a database of yesterday may be damaged, or read; what is built is right in any case.
#[test]
fn a_database_from_a_backup_is_built_over() {
    let project = project();
    let database = project.path(".pl/state.db");
    let old = std::fs::read(&database).expect("a database");
    for text in ["1\n", "2\n", "1\n", "3\n"] {
        project.write("b.txt", text);
        project.pl(&["build"]).expect(0);
        std::fs::write(&database, &old).expect("replaced");
        project.pl(&["build"]).expect(0);
        assert_eq!(project.read("b.out"), format!("a\n{text}"));
    }
}

/// A build of few steps that is killed leaves no plan, and what it had written is no reason to believe it had ended.
#[test]
fn a_killed_build_of_few_steps_is_done_again() {
    let project = project();
    let (at, hold) = (project.around().join("at"), project.around().join("hold"));
    let slow = format!("touch {}; while [ -e {} ]; do sleep 0.01; done; cp c.txt c.out", at.display(), hold.display());
    let text = project.read("Pipelinefile.kdl").replace("run \"cp\" \"c.txt\" \"c.out\"", &format!("shell {slow:?}"));
    project.write("Pipelinefile.kdl", text);
    project.pl(&["build"]).expect(0);
    for text in ["1\n", "2\n"] {
        std::fs::remove_file(&at).expect("it ran");
        std::fs::write(&hold, "").expect("a file");
        project.write("c.txt", text);
        let running = Running::start(&project, "killed", &["build"]);
        until("the step runs", || at.exists());
        running.kill();
        std::fs::remove_file(&hold).expect("released");
        until("its programs end", || crate::running::left_running(&project).is_empty());
        assert!(!plan(&project).exists());
        agree_on(&project, &[&[], &["after"]], &[], "a killed build");
        let summary = project.pl(&["build", "--json"]).expect(0).json();
        assert!(steps_run(&summary).contains(&"c".to_owned()), "{summary}");
        assert_eq!(project.read("c.out"), text);
        assert!(built(&project).0["run_id"].is_null());
    }
}
