//! Programs that say too much, say no text, close their output, leave others behind, or never end.

use serde_json::Value;

use crate::incremental::lab::{Ws, lab, pipeline, raw};
use crate::running::left_running;
use crate::support::{Project, step};

fn task(script: &str, more: &str) -> Project {
    Project::new(&[("Pipelinefile.kdl", &format!("task \"t\" {{ shell {}; {more} }}\n", raw(script)))])
}

fn failed(project: &Project) -> Value {
    step(&project.build(&["t"], 1), "t")["failure"].clone()
}

/// All logs of a project.
fn logs(project: &Project) -> Vec<u8> {
    let files = crate::running::walk(&project.path(".pl/logs"));
    files.into_values().flat_map(|(.., content)| content).collect()
}

#[test]
fn a_hundred_megabytes_of_output_are_kept_and_not_shown() {
    let project = task("yes 0123456789012345678901234567890123456789012345678 | head -c 100000000; exit 1", "");
    let ran = project.pl(&["build", "t"]).expect(1);
    assert!(ran.output().len() < 100_000, "{} bytes were shown", ran.output().len());
    assert_eq!(logs(&project).len(), 100_000_000);
}

#[test]
fn one_line_of_ten_megabytes_is_cut() {
    let project = task("head -c 10000000 /dev/zero | tr '\\0' x; exit 1", "");
    let ran = project.pl(&["build", "t"]).expect(1);
    assert!(ran.output().len() < 100_000, "{} bytes were shown", ran.output().len());
    failed(&project);
}

#[test]
fn binary_output_is_shown_as_text_without_control() {
    let project = task("printf 'a\\000b\\033[2Jc\\377\\376d\\r\\n'; exit 1", "");
    let ran = project.pl(&["build", "t"]).expect(1).says("a").says("d");
    assert!(!ran.output().contains(['\0', '\u{1b}']), "{:?}", ran.output());
    assert!(logs(&project).contains(&0xff));
    failed(&project);
}

#[test]
fn a_program_may_close_its_output() {
    task("exec >&- 2>&-; exit 0", "").build(&["t"], 0);
    let failure = failed(&task("exec >&- 2>&-; exit 7", ""));
    assert!(failure["message"].as_str().is_some_and(|text| text.contains('7')), "{failure:#}");
}

#[test]
fn what_is_left_in_the_background_ends_with_its_step() {
    let project = task("sleep 1000 & setsid sleep 1000 & exit 0", "");
    project.build(&["t"], 0);
    assert_eq!(left_running(&project), Vec::<String>::new());
}

#[test]
fn what_takes_too_long_is_ended_and_says_so() {
    let project = task("sleep 30", "timeout \"1s\"");
    let failure = failed(&project);
    assert_eq!(failure["class"], "timeout", "{failure:#}");
    assert_eq!(left_running(&project), Vec::<String>::new());
    // No outcome: it is tried again.
    assert_eq!(failed(&project)["class"], "timeout");
}

#[test]
fn an_edit_and_a_test_that_take_too_long_are_ended() {
    let slow = |instruction, test| {
        let instructions = [instruction];
        let tests = [test];
        let ws = Ws { id: "ws-1-a", scope: &["a"], instructions: &instructions, tests: &tests, ..Ws::default() };
        let text = pipeline("edit", "", &[ws]).replace("tool \"edit\" }", "tool \"edit\"; timeout \"1s\" }");
        lab(&text, &[("a", "1\n")])
    };
    let project = slow("sleep 30; echo 2 >> a", "true");
    assert_eq!(step(&project.build(&["*"], 1), "ws-1-a/edit.1")["failure"]["class"], "timeout");
    let project = slow("echo 2 >> a", "sleep 30");
    assert_eq!(step(&project.build(&["*"], 1), "ws-1-a/test.1")["failure"]["class"], "timeout");
    assert_eq!(left_running(&project), Vec::<String>::new());
}
