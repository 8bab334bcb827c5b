//! A workstream that failed: red without running again, asked anew on demand, repaired by a person and fresh after.

use crate::incremental::lab::{Ws, all_fresh, asked, build, commit_file, lab, pipeline, ran};
use crate::support::{Project, step, steps_run, workstream};

/// The tool writes `bad`, the test wants `good`.
fn bad<'a>() -> Ws<'a> {
    Ws {
        id: "ws-1",
        scope: &["a.txt", "b.txt"],
        instructions: &["echo bad >> a.txt"],
        tests: &["grep -q good a.txt"],
        ..Ws::default()
    }
}

fn failed(tool: &str) -> Project {
    let project = lab(&pipeline(tool, "", &[bad()]), &[("a.txt", "0\n"), ("b.txt", "0\n"), ("other.txt", "0\n")]);
    let summary = build(&project, 1);
    assert_eq!(workstream(&summary, "ws-1")["status"], "failed");
    assert_eq!(asked(&project), ["ws-1"]);
    project
}

fn by_hand(project: &Project, path: &str, text: &str) {
    let file = project.worktree("ws-1").join(path);
    assert!(file.exists(), "{} is not there", file.display());
    std::fs::write(file, text).expect("a file of the worktree");
}

#[test]
fn repaired_by_a_person_it_is_fresh() {
    for tool in ["edit", "agent"] {
        let project = failed(tool);
        by_hand(&project, "a.txt", "0\ngood\n");
        let repaired = project.pl(&["build", "--json", "*"]).expect(0);
        assert!(!repaired.stderr.contains("left out"), "{}", repaired.stderr);
        assert_eq!(steps_run(&repaired.json()), ["ws-1/test.1"]);
        assert!(asked(&project).is_empty());
        assert_eq!(project.result("ws-1", "a.txt"), "0\ngood");
        assert!(!project.worktree("ws-1").exists());
        all_fresh(&project);
    }
}

#[test]
fn repaired_it_outlives_a_base_that_moves_elsewhere() {
    let project = failed("agent");
    by_hand(&project, "a.txt", "0\ngood\n");
    ran(&project);
    commit_file(&project, "other.txt", "moved\n");
    assert_eq!(ran(&project), ["ws-1/test.1"]);
    assert!(asked(&project).is_empty());
    assert_eq!(project.result("ws-1", "a.txt"), "0\ngood");
    all_fresh(&project);
}

#[test]
fn red_it_is_verified_once_more_and_then_stays_red_without_running() {
    let project = failed("edit");
    let second = build(&project, 1);
    assert_eq!(steps_run(&second), ["ws-1/test.1"]);
    let third =
        project.pl(&["build", "--json", "*"]).expect(1).started_nothing().says("nothing changed since it failed");
    assert_eq!(third.json()["steps_run"], 0);
    assert_eq!(step(&third.json(), "ws-1/test.1")["status"], "failed");
    project.pl(&["build", "*"]).expect(1).started_nothing();
    assert!(asked(&project).is_empty());
}

#[test]
fn again_asks_again() {
    let project = failed("edit");
    build(&project, 1);
    build(&project, 1);
    let again = project.build(&["--again", "*"], 1);
    assert_eq!(steps_run(&again), ["ws-1/edit.1", "ws-1/test.1"]);
    assert_eq!(asked(&project), ["ws-1"]);
    // One that is good is not touched by it.
    let project =
        lab(&pipeline("edit", "", &[Ws { tests: &["true a.txt"], ..bad() }]), &[("a.txt", ""), ("b.txt", "")]);
    ran(&project);
    project.pl(&["build", "--again", "*"]).expect(0).started_nothing();
}

#[test]
fn a_repair_that_is_not_enough_is_built_upon() {
    let project = lab(
        &pipeline("edit", "", &[Ws { tests: &["grep -q good a.txt", "grep -q fine b.txt"], ..bad() }]),
        &[("a.txt", "0\n"), ("b.txt", "0\n")],
    );
    build(&project, 1);
    asked(&project);
    by_hand(&project, "a.txt", "0\ngood\n");
    let half = build(&project, 1);
    assert_eq!(steps_run(&half), ["ws-1/test.1", "ws-1/test.2"]);
    for _ in 0..3 {
        build(&project, 1);
        let left = std::fs::read_to_string(project.worktree("ws-1").join("a.txt")).expect("the repair");
        assert_eq!(left, "0\ngood\n", "a build took a person's repair back");
    }
    project.pl(&["build", "*"]).expect(1).started_nothing();
    by_hand(&project, "b.txt", "fine\n");
    assert_eq!(steps_run(&build(&project, 0)), ["ws-1/test.1", "ws-1/test.2"]);
    assert!(asked(&project).is_empty());
    assert_eq!((project.result("ws-1", "a.txt"), project.result("ws-1", "b.txt")), ("0\ngood".into(), "fine".into()));
    all_fresh(&project);
}

#[test]
fn a_repair_survives_a_base_that_moves() {
    let project = failed("edit");
    by_hand(&project, "a.txt", "0\ngood\n");
    commit_file(&project, "other.txt", "moved\n");
    assert_eq!(ran(&project), ["ws-1/test.1"]);
    assert!(asked(&project).is_empty());
    assert_eq!(project.result("ws-1", "a.txt"), "0\ngood");
    assert_eq!(project.result("ws-1", "other.txt"), "moved");
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
    all_fresh(&project);
}

#[test]
fn a_repair_that_was_looked_at_survives_a_base_that_moves() {
    let project = lab(
        &pipeline("edit", "", &[Ws { tests: &["grep -q good a.txt", "grep -q fine other.txt"], ..bad() }]),
        &[("a.txt", "0\n"), ("b.txt", "0\n"), ("other.txt", "0\n")],
    );
    build(&project, 1);
    by_hand(&project, "a.txt", "0\ngood\n");
    build(&project, 1);
    asked(&project);
    commit_file(&project, "other.txt", "fine\n");
    assert_eq!(ran(&project), ["ws-1/test.1", "ws-1/test.2"]);
    assert!(asked(&project).is_empty(), "the repair was thrown away and the tool asked");
    assert_eq!(project.result("ws-1", "a.txt"), "0\ngood");
    all_fresh(&project);
}

#[test]
fn what_a_person_did_out_of_scope_is_left_out_and_said() {
    let project = failed("edit");
    by_hand(&project, "a.txt", "0\ngood\n");
    by_hand(&project, "other.txt", "stray\n");
    project.pl(&["build", "*"]).expect(0).says("what was done by hand in other.txt is left out");
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
    all_fresh(&project);
}

#[test]
fn what_tests_left_in_the_kept_worktree_is_no_repair() {
    let project = failed("edit");
    build(&project, 1);
    commit_file(&project, ".gitignore", "*.pyc\n");
    build(&project, 1);
    build(&project, 1);
    asked(&project);
    std::fs::write(project.worktree("ws-1").join("x.pyc"), "left by a person who ran the tests").expect("a file");
    project.pl(&["build", "*"]).expect(1).started_nothing();
    assert!(asked(&project).is_empty());
}

#[test]
fn an_edit_that_failed_is_repaired_too() {
    let stray = Ws { instructions: &["echo stray >> other.txt"], ..bad() };
    let files = [("a.txt", "0\n"), ("b.txt", "0\n"), ("other.txt", "0\n")];
    let project = lab(&pipeline("edit", "", &[stray]), &files);
    project.pl(&["build", "*"]).expect(1).says("left its scope: other.txt");
    asked(&project);
    project.pl(&["build", "*"]).expect(1).started_nothing().says("nothing changed since it failed");
    by_hand(&project, "a.txt", "0\ngood\n");
    assert_eq!(ran(&project), ["ws-1/test.1"]);
    assert!(asked(&project).is_empty());
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
    all_fresh(&project);
}
