//! `--profile FILE`: the trace of a build, however it ends.

use rustix::process::Signal;
use serde_json::Value;

use crate::robustness::Gated;
use crate::running::Running;
use crate::support::{Project, steps_run};

fn events(project: &Project, file: &str) -> Vec<Value> {
    let trace: Value = serde_json::from_str(&project.read(file)).expect("JSON");
    trace["traceEvents"].as_array().expect("events").clone()
}

fn spans<'a>(events: &'a [Value], category: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["ph"] == "X" && event["cat"] == category).collect()
}

fn number(event: &Value, field: &str) -> f64 {
    event[field].as_f64().unwrap_or_else(|| panic!("no {field} in {event}"))
}

/// Spans of a thread lie beside each other or in each other.
#[track_caller]
fn assert_nested(events: &[Value]) {
    let mut all: Vec<(u64, f64, f64, &str)> = events
        .iter()
        .filter(|event| event["ph"] == "X")
        .map(|event| {
            let begin = number(event, "ts");
            let name = event["name"].as_str().expect("a name");
            (event["tid"].as_u64().expect("a thread"), begin, begin + number(event, "dur"), name)
        })
        .collect();
    all.sort_by(|left, right| (left.0, left.1, -left.2).partial_cmp(&(right.0, right.1, -right.2)).expect("numbers"));
    let mut open: Vec<(u64, f64, f64, &str)> = Vec::new();
    for span in all {
        open.retain(|outer| outer.0 == span.0 && outer.2 > span.1);
        // What is written as microseconds is rounded.
        let fits = open.iter().all(|outer| span.2 <= outer.2 + 0.002);
        assert!(fits, "{span:?} does not lie within {open:?}");
        open.push(span);
    }
}

#[test]
fn a_trace_has_every_step_that_ran_once_and_its_spans_nest() {
    let gated = Gated::new();
    let project = &gated.project;
    let summary = project.pl(&["build", "--json", "--profile", "trace.json", "*"]).expect(0).json();
    let events = events(project, "trace.json");
    assert_nested(&events);
    let mut traced: Vec<&str> =
        spans(&events, "step").iter().map(|span| span["name"].as_str().expect("a name")).collect();
    let mut ran = steps_run(&summary);
    // A result is made without a program.
    ran.retain(|name| traced.contains(&name.as_str()) || !name.ends_with("/result"));
    traced.sort_unstable();
    ran.sort_unstable();
    assert_eq!(traced, ran);
    let programs = spans(&events, "program");
    let mut own = std::collections::BTreeSet::new();
    for program in &programs {
        let ended = program["args"]["ended"].as_str().expect("how it ended");
        assert!(ended.starts_with("Exited("), "{program}");
        // A program says which step it is for, and runs within it; only what is run on the base, for comparison, and parts of
        // what a rule looks over, which other threads take, lie in none.
        let within = |outer: &Value| {
            outer["tid"] == program["tid"]
                && number(outer, "ts") <= number(program, "ts")
                && number(outer, "ts") + number(outer, "dur") + 0.002 >= number(program, "ts") + number(program, "dur")
        };
        let steps: Vec<&Value> = spans(&events, "step").into_iter().filter(|step| within(step)).collect();
        let step = program["args"]["step"].as_str().expect("a step");
        assert!(steps.len() <= 1, "{program} in {steps:?}");
        own.insert(step);
    }
    assert!(ran.iter().all(|step| own.contains(step.as_str())), "{ran:?}: {own:?}");
    for category in ["judge", "git", "database", "wait", "command"] {
        assert!(!spans(&events, category).is_empty(), "no span of {category}");
    }
    let whole = events.iter().find(|event| event["name"] == "pl build" && event["ph"] == "X").expect("the command");
    let longest = programs.iter().map(|program| number(program, "dur")).fold(0.0, f64::max);
    assert!(longest <= number(whole, "dur"), "{whole}");
    let running: Vec<i64> = events
        .iter()
        .filter(|event| event["ph"] == "C" && event["name"] == "running programs")
        .map(|event| event["args"]["now"].as_i64().expect("a number"))
        .collect();
    assert_eq!((running.len(), running.last(), running.iter().min()), (2 * programs.len(), Some(&0), Some(&0)));
    let threads: Vec<&str> = events
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .map(|event| event["args"]["name"].as_str().expect("a name"))
        .collect();
    assert!(threads.contains(&"main") && threads.iter().any(|name| name.starts_with("pl-worker-")), "{threads:?}");
}

#[test]
fn a_null_build_and_a_check_have_a_trace_too() {
    let project = Project::new(&[
        ("Pipelinefile.kdl", "task \"t\" { run \"cp\" \"in\" \"out\"; inputs \"in\"; outputs \"out\" }\n"),
        ("in", "x"),
    ]);
    project.pl(&["check", "--profile", "../check.json"]).expect(0).started_nothing();
    assert!(!project.path(".pl").exists());
    let check = events(&project, "../check.json");
    assert_eq!(spans(&check, "judge").len(), 1, "{check:?}");
    project.pl(&["build"]).expect(0);
    project.pl(&["build", "--profile", "null.json"]).expect(0).started_nothing();
    assert_eq!(spans(&events(&project, "null.json"), "step").len(), 0);
}

#[test]
fn a_failed_and_an_interrupted_build_leave_a_whole_trace() {
    let project = Project::new(&[("Pipelinefile.kdl", "task \"bad\" { run \"false\" }\n")]);
    project.write("trace.json", "what was there before");
    project.pl(&["build", "--profile", "trace.json"]).expect(1);
    let failed = events(&project, "trace.json");
    assert_eq!(spans(&failed, "step")[0]["args"]["status"], "failed");
    assert_eq!(spans(&failed, "program")[0]["args"]["ended"], "Exited(1)");

    let gated = Gated::new();
    gated.hold("task");
    let running = Running::start(&gated.project, "interrupted", &["build", "--profile", "trace.json", "make"]);
    gated.reached("task");
    running.signal(Signal::INT);
    running.end().expect(130);
    let interrupted = events(&gated.project, "trace.json");
    assert_nested(&interrupted);
    assert_eq!(spans(&interrupted, "step")[0]["args"]["status"], "interrupted");
    gated.open("task");
}

#[test]
fn a_trace_that_cannot_be_written_is_told_before_anything_runs() {
    let project = Project::new(&[("Pipelinefile.kdl", "task \"t\" { shell \"echo > ran\" }\n")]);
    for place in ["no/such/folder/trace.json", ".git", "/dev/null"] {
        let ran = project.pl(&["build", "--profile", place]);
        assert_ne!(ran.code, 0, "{place}");
        ran.says("cannot write").started_nothing();
        assert!(!project.path("ran").exists(), "{place}");
    }
}
