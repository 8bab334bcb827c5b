//! A build of what hangs on what moved: nothing else is judged, and no definition is read where none moved.

use serde_json::Value;

use crate::incremental::kept::{agree_on, plan};
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
