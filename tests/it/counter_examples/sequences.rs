//! Acceptance tests are a sequence: a later one may build on what an earlier one wrote, and only then is that one run.

use crate::incremental::lab::{Ws, all_fresh, build, lab, pipeline, ran};
use crate::support::{Project, step, steps_run};

fn project(nodes: &str, tests: &[&str]) -> Project {
    let one = Ws { id: "ws-1", scope: &["a.txt"], instructions: &["echo a >> a.txt"], tests, ..Ws::default() };
    lab(&pipeline("edit", nodes, &[one]), &[("a.txt", "0\n")])
}

fn change(project: &Project, from: &str, to: &str) {
    let text = project.read("Pipelinefile.kdl");
    assert!(text.contains(from), "{from} is not there");
    project.write("Pipelinefile.kdl", text.replace(from, to));
}

#[test]
fn a_test_that_builds_on_another_finds_what_that_one_wrote() {
    let log = "echo run >> ../../../../home/first";
    let first = format!("{log}; echo made > made.txt");
    let project = project("", &[&first, "grep -q made made.txt"]);
    let count = || std::fs::read_to_string(project.around().join("home/first")).unwrap_or_default().lines().count();
    let summary = build(&project, 0);
    assert_eq!(steps_run(&summary), ["ws-1/edit.1", "ws-1/test.1", "ws-1/test.2"]);
    assert_eq!(count(), 2, "once on the base, once on the candidate");
    all_fresh(&project);
    change(&project, "grep -q made made.txt", "grep -q ^made made.txt");
    assert_eq!(ran(&project), ["ws-1/test.2"]);
    assert_eq!(count(), 4, "what the changed test builds on was not made");
    all_fresh(&project);
}

#[test]
fn one_that_wrote_nothing_is_not_run_for_a_later_one() {
    let project = project("", &["echo run >> ../../../../home/first", "true a.txt"]);
    let count = || std::fs::read_to_string(project.around().join("home/first")).unwrap_or_default().lines().count();
    build(&project, 0);
    assert_eq!(count(), 2, "once on the base, once on the candidate");
    change(&project, "true a.txt", "true a.txt again");
    assert_eq!(ran(&project), ["ws-1/test.2"]);
    assert_eq!(count(), 2);
}

#[test]
fn what_a_test_leaves_in_its_home_counts() {
    let project = project("", &["echo 1 > \"$HOME/state\"", "grep -q 1 \"$HOME/state\""]);
    build(&project, 0);
    change(&project, "grep -q 1 ", "grep -q '^1' ");
    assert_eq!(ran(&project), ["ws-1/test.2"]);
}

#[test]
fn what_a_test_writes_is_reported_and_in_no_result() {
    let project = project("", &["echo dirt > dirt.txt; echo more >> a.txt"]);
    project.pl(&["build", "*"]).expect(0).says("test-dirtied: a.txt, dirt.txt");
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
    assert_eq!(project.result("ws-1", "a.txt"), "0\na");
    all_fresh(&project);
}

#[test]
fn strict_fails_a_test_that_writes() {
    let project = project("strict #true", &["echo dirt > dirt.txt"]);
    let summary = build(&project, 1);
    assert_eq!(step(&summary, "ws-1/test.1")["status"], "failed");
    let message = step(&summary, "ws-1/test.1")["failure"]["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("dirt.txt"), "{message}");
}

#[test]
fn strict_is_not_forgotten_by_what_was_green_without_it() {
    let project = project("", &["echo dirt > dirt.txt"]);
    build(&project, 0);
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", format!("strict #true\n{text}"));
    project.pl(&["build", "*"]).expect(1).started_nothing().says("it wrote into the tree: dirt.txt");
    project.write("Pipelinefile.kdl", text);
    project.pl(&["build", "*"]).expect(0).started_nothing();
}

#[test]
fn a_sequence_starts_from_the_candidate_each_time() {
    // Red, and what it left behind would turn it green the second time.
    let project = project("", &["test -e left.txt || { echo left > left.txt; false; }"]);
    build(&project, 1);
    build(&project, 1);
    project.pl(&["build", "*"]).expect(1).started_nothing();
}
