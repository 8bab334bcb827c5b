//! What landed adds nothing to any base, whatever the base does to it later.

use crate::incremental::lab::{Ws, all_fresh, asked, build, commit_file, lab, pipeline, ran};
use crate::support::{Project, steps_run, workstream};

fn two<'a>(tests: &'a [&'a str]) -> [Ws<'a>; 2] {
    let one = Ws { id: "ws-1", scope: &["a.txt"], instructions: &["echo one >> a.txt"], tests, ..Ws::default() };
    let two = Ws {
        id: "ws-2",
        depends_on: &["ws-1"],
        scope: &["b.txt"],
        instructions: &["cat a.txt >> b.txt"],
        tests: &["test -s b.txt"],
        ..Ws::default()
    };
    [one, two]
}

/// Only `ws-1` is built.
fn first_built() -> Project {
    let project = lab(&pipeline("edit", "", &two(&["test -s a.txt"])), &[("a.txt", "0\n"), ("b.txt", "0\n")]);
    project.build(&["ws-1"], 0);
    asked(&project);
    project
}

fn merge(project: &Project, arguments: &[&str]) {
    let all: Vec<&str> = ["merge", "-q"].into_iter().chain(arguments.iter().copied()).chain(["ws/ws-1"]).collect();
    project.git(&all);
}

#[test]
fn a_later_fix_of_what_landed_is_not_undone() {
    let project = first_built();
    merge(&project, &["--no-ff", "-m", "land"]);
    commit_file(&project, "a.txt", "0\nfixed\n");
    let summary = build(&project, 0);
    assert_eq!(workstream(&summary, "ws-1")["status"], "landed");
    assert_eq!(steps_run(&summary), ["ws-2/edit.1", "ws-2/test.1"]);
    assert_eq!(asked(&project), ["ws-2"]);
    assert_eq!(project.result("ws-2", "a.txt"), "0\nfixed");
    assert_eq!(project.result("ws-2", "b.txt"), "0\n0\nfixed");
    assert_eq!(project.result_changes("ws-2"), ["M b.txt"]);
    assert_eq!(
        project.git(&["rev-parse", &format!("{}^", project.result_ref("ws-2"))]),
        project.git(&["rev-parse", "main"])
    );
    all_fresh(&project);
    commit_file(&project, "c.txt", "");
    assert_eq!(workstream(&build(&project, 0), "ws-1")["status"], "landed");
    assert_eq!(asked(&project), ["ws-2"]);
}

#[test]
fn landed_by_fast_forward() {
    let project = first_built();
    merge(&project, &["--ff-only"]);
    let summary = build(&project, 0);
    assert_eq!(workstream(&summary, "ws-1")["status"], "landed");
    assert_eq!(asked(&project), ["ws-2"]);
    assert_eq!(project.result("ws-2", "a.txt"), "0\none");
    assert_eq!(project.result_changes("ws-2"), ["M b.txt"]);
    all_fresh(&project);
}

#[test]
fn landed_after_its_dependent_was_built() {
    let project = first_built();
    build(&project, 0);
    asked(&project);
    merge(&project, &["--ff-only"]);
    // The base of ws-2 is the same tree as before: nothing runs, its parent is the same commit.
    let summary = project.pl(&["build", "--json", "*"]).expect(0).started_nothing().json();
    assert_eq!(workstream(&summary, "ws-1")["status"], "landed");
    assert!(asked(&project).is_empty());
    project.git(&["merge", "-q", "--ff-only", "ws/ws-2"]);
    commit_file(&project, "a.txt", "0\nfixed\n");
    let summary = project.pl(&["build", "--json", "*"]).expect(0).started_nothing().json();
    assert_eq!(workstream(&summary, "ws-1")["status"], "landed");
    assert_eq!(workstream(&summary, "ws-2")["status"], "landed");
    assert!(asked(&project).is_empty());
    all_fresh(&project);
}

#[test]
fn a_revert_does_not_take_the_landing_back() {
    let project = first_built();
    merge(&project, &["--no-ff", "-m", "land"]);
    project.git(&["revert", "-m", "1", "--no-edit", "HEAD"]);
    assert_eq!(project.read("a.txt"), "0\n");
    let summary = build(&project, 0);
    assert_eq!(workstream(&summary, "ws-1")["status"], "landed");
    assert_eq!(asked(&project), ["ws-2"]);
    assert_eq!(project.result("ws-2", "a.txt"), "0");
    all_fresh(&project);
}

#[test]
fn landed_it_is_done_again_when_its_definition_means_something_else() {
    let project = first_built();
    merge(&project, &["--ff-only"]);
    let [mut one, two] = two(&["test -s a.txt"]);
    one.instructions = &["echo two >> a.txt"];
    project.write("Pipelinefile.kdl", pipeline("edit", "", &[one, two]));
    build(&project, 0);
    assert_eq!(asked(&project), ["ws-1", "ws-2"]);
    assert_eq!(project.result("ws-1", "a.txt"), "0\none\ntwo");
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
    all_fresh(&project);
}

#[test]
fn an_older_result_that_lands_has_landed() {
    // The branch was pushed, the base moved, the workstream was built anew; then the pushed commit is merged.
    let project = first_built();
    let pushed = project.git(&["rev-parse", "ws/ws-1"]);
    commit_file(&project, "c.txt", "");
    project.build(&["ws-1"], 0);
    asked(&project);
    assert_ne!(project.git(&["rev-parse", "ws/ws-1"]), pushed);
    project.git(&["merge", "-q", "--no-ff", "-m", "land", &pushed]);
    let summary = build(&project, 0);
    assert_eq!(workstream(&summary, "ws-1")["status"], "landed");
    assert_eq!(asked(&project), ["ws-2"]);
    assert_eq!(project.result("ws-2", "a.txt"), "0\none");
    all_fresh(&project);
}

#[test]
fn a_base_that_has_the_edit_needs_no_commit() {
    // Squashed into the base by hand: the carried delta is empty.
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        instructions: &["echo one >> a.txt"],
        tests: &["grep -q one a.txt"],
        ..Ws::default()
    };
    let two = Ws {
        id: "ws-2",
        depends_on: &["ws-1"],
        scope: &["b.txt"],
        instructions: &["cat a.txt >> b.txt"],
        tests: &["test -s b.txt"],
        ..Ws::default()
    };
    let project = lab(&pipeline("agent", "", &[one, two]), &[("a.txt", "0\n"), ("b.txt", "0\n")]);
    ran(&project);
    asked(&project);
    commit_file(&project, "a.txt", "0\none\n");
    build(&project, 0);
    assert!(asked(&project).is_empty());
    let main = project.git(&["rev-parse", "main"]);
    assert_eq!(project.git(&["rev-parse", &format!("{}^", project.result_ref("ws-2"))]), main);
    assert_eq!(project.result_changes("ws-2"), ["M b.txt"]);
    all_fresh(&project);
}
