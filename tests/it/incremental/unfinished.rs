//! A build that failed leaves a plan, too: the next one judges what is left to do and what moved, and nothing else.

use serde_json::Value;

use crate::incremental::kept::agree_on;
use crate::support::{Project, steps_run};

const PIPELINE: &str = r#"
task "a" { shell "grep -q good a.txt && cp a.txt a.out"; inputs "a.txt"; outputs "a.out" }
task "b" { shell "cat a.out b.txt > b.out"; inputs "a.out" "b.txt"; outputs "b.out" }
task "c" { run "cp" "c.txt" "c.out"; inputs "c.txt"; outputs "c.out" }
task "d" { shell "cat c.out > d.out"; inputs "c.out"; outputs "d.out" }
"#;

fn project(a: &str, pipeline: &str) -> Project {
    Project::new(&[
        ("Pipelinefile.kdl", pipeline),
        ("a.txt", a),
        ("b.txt", "b\n"),
        ("c.txt", "c\n"),
        (".gitignore", "*.out\n"),
    ])
}

/// Builds; the summary, and whether definitions were read.
#[track_caller]
fn built(project: &Project, code: i32) -> (Value, bool) {
    let trace = project.around().join("trace.json");
    let trace = trace.to_str().expect("a path");
    let summary = project.pl(&["build", "--json", "--profile", trace]).expect(code).json();
    let text = std::fs::read_to_string(trace).expect("a trace");
    agree_on(project, &[&[], &["b"], &["d"]], &[], "a build");
    (summary, text.contains("read definitions"))
}

fn status<'a>(summary: &'a Value, name: &str) -> &'a str {
    let tasks = summary["tasks"].as_array().into_iter().flatten();
    tasks.filter(|task| task["name"] == name).find_map(|task| task["status"].as_str()).unwrap_or("nothing")
}

#[track_caller]
fn is(summary: &Value, all: [(&str, &str); 4]) {
    for (name, expected) in all {
        assert_eq!(status(summary, name), expected, "{name}\n{summary:#}");
    }
}

#[test]
fn what_failed_at_first_is_all_that_is_judged_then() {
    let project = project("bad\n", PIPELINE);
    is(&built(&project, 1).0, [("a", "failed"), ("b", "blocked"), ("c", "done"), ("d", "done")]);
    for _ in 0..2 {
        let (summary, reads) = built(&project, 1);
        is(&summary, [("a", "failed"), ("b", "blocked"), ("c", "fresh"), ("d", "fresh")]);
        assert!(!reads, "{summary}");
        assert_eq!((&summary["steps_fresh"], &summary["status"]), (&2.into(), &"failed".into()), "{summary}");
    }
    // What moves meanwhile is done beside it.
    project.write("c.txt", "C\n");
    let (summary, reads) = built(&project, 1);
    is(&summary, [("a", "failed"), ("b", "blocked"), ("c", "done"), ("d", "done")]);
    assert!(!reads);
    assert_eq!(project.read("d.out"), "C\n");
    project.write("a.txt", "good\n");
    let (summary, reads) = built(&project, 0);
    is(&summary, [("a", "done"), ("b", "done"), ("c", "fresh"), ("d", "fresh")]);
    assert!(!reads);
    assert_eq!(project.read("b.out"), "good\nb\n");
    assert!(built(&project, 0).0["run_id"].is_null());
    let (summary, reads) = built(&project, 0);
    assert!(summary["run_id"].is_null() && !reads, "{summary}");
}

#[test]
fn an_edit_that_fails_leaves_the_plan_of_before() {
    let project = project("good\n", PIPELINE);
    built(&project, 0);
    assert!(!built(&project, 0).1);
    project.write("a.txt", "bad\n");
    for _ in 0..3 {
        let (summary, reads) = built(&project, 1);
        is(&summary, [("a", "failed"), ("b", "blocked"), ("c", "fresh"), ("d", "fresh")]);
        assert!(!reads, "{summary}");
    }
    // Back to what was good: nothing is left to do, and nothing is done.
    project.write("a.txt", "good\n");
    let (summary, reads) = built(&project, 0);
    assert!(steps_run(&summary).is_empty() && !reads, "{summary}");
    assert_eq!(project.read("b.out"), "good\nb\n");
    project.write("a.txt", "bad again\n");
    assert!(!built(&project, 1).1);
    project.write("a.txt", "good again\n");
    let (summary, reads) = built(&project, 0);
    is(&summary, [("a", "done"), ("b", "done"), ("c", "fresh"), ("d", "fresh")]);
    assert!(!reads);
    // A definition that fails is read again, until it is mended.
    project.write("Pipelinefile.kdl", PIPELINE.replace("cp a.txt a.out", "false"));
    assert!(built(&project, 1).1);
    assert!(built(&project, 1).1);
    project.write("Pipelinefile.kdl", PIPELINE);
    assert!(steps_run(&built(&project, 0).0).is_empty());
}

#[test]
fn what_runs_each_time_is_all_that_is_judged() {
    let always = format!("{PIPELINE}\ntask \"date\" {{ shell \"echo run >> runs.out\" }}\n");
    let project = project("good\n", &always);
    built(&project, 0);
    for round in 2..5 {
        let (summary, reads) = built(&project, 0);
        assert_eq!(steps_run(&summary), ["date"], "{summary}");
        assert!(!reads, "round {round}");
        assert_eq!(project.read("runs.out").lines().count(), round);
    }
    project.write("c.txt", "C\n");
    let (summary, reads) = built(&project, 0);
    assert_eq!((steps_run(&summary).len(), reads), (3, false), "{summary}");
    assert_eq!(steps_run(&built(&project, 0).0), ["date"]);
}
