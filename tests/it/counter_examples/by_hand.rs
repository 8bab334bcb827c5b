//! The `manual` tool: a person is waited for, and what they did is the edit.

use crate::incremental::lab::{Ws, all_fresh, build, commit_file, lab, pipeline};
use crate::support::{Project, step, steps_run, workstream};

fn waiting() -> Project {
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        instructions: &["by hand", "and more"],
        tests: &["grep -q hand a.txt"],
        ..Ws::default()
    };
    let two = Ws {
        id: "ws-2",
        depends_on: &["ws-1"],
        scope: &["b.txt"],
        instructions: &["cat a.txt >> b.txt"],
        tests: &["test -s b.txt"],
        more: "tool \"edit\"",
        ..Ws::default()
    };
    let files = [("a.txt", "1\n2\n3\n4\n"), ("b.txt", ""), ("other.txt", "0\n")];
    let project = lab(&pipeline("manual", "", &[one, two]), &files);
    let waits = project.pl(&["build", "--json", "*"]).expect(3).started_nothing();
    let summary = waits.json();
    assert_eq!(workstream(&summary, "ws-1")["status"], "waiting");
    let shown = workstream(&summary, "ws-1")["worktree"].as_str().expect("a worktree").to_owned();
    assert_eq!(std::path::Path::new(&shown), project.worktree("ws-1"));
    assert!(waits.stderr.contains(&shown), "the worktree is not shown:\n{}", waits.stderr);
    assert_eq!(steps_run(&summary).iter().filter(|step| step.starts_with("ws-2")).count(), 0);
    project
}

fn write(project: &Project, text: &str) {
    std::fs::write(project.worktree("ws-1").join("a.txt"), text).expect("a file");
}

#[test]
fn waited_for_done_and_fresh() {
    let project = waiting();
    project.pl(&["build", "*"]).expect(3).started_nothing();
    write(&project, "1\n2\n3\n4\nhand\n");
    let summary = build(&project, 0);
    assert_eq!(workstream(&summary, "ws-1")["status"], "done");
    assert_eq!(workstream(&summary, "ws-2")["status"], "done");
    assert_eq!(project.result("ws-1", "a.txt"), "1\n2\n3\n4\nhand");
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
    assert!(!project.worktree("ws-1").exists());
    all_fresh(&project);
}

#[test]
fn a_person_may_commit_in_the_worktree() {
    let project = waiting();
    write(&project, "hand\n");
    let git = |arguments: &[&str]| {
        let status = project.command("git").current_dir(project.worktree("ws-1")).args(arguments).status();
        assert!(status.expect("git").success(), "git {arguments:?}");
    };
    git(&["commit", "-q", "-a", "-m", "mine"]);
    let done = project.pl(&["build", "*"]).expect(0);
    assert!(!done.stderr.contains("left out"), "{}", done.stderr);
    assert_eq!(project.result("ws-1", "a.txt"), "hand");
    assert_eq!(project.git(&["log", "-1", "--format=%s", &project.result_ref("ws-1")]), "ws-1: workstream");
    all_fresh(&project);
}

#[test]
fn the_base_moved_meanwhile() {
    for (path, text, result) in
        [("other.txt", "moved\n", "1\n2\n3\n4\nhand"), ("a.txt", "one\n2\n3\n4\n", "one\n2\n3\n4\nhand")]
    {
        let project = waiting();
        write(&project, "1\n2\n3\n4\nhand\n");
        commit_file(&project, path, text);
        build(&project, 0);
        assert_eq!(project.result("ws-1", "a.txt"), result);
        assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
        all_fresh(&project);
    }
}

#[test]
fn the_base_moved_after() {
    let project = waiting();
    write(&project, "1\n2\n3\n4\nhand\n");
    build(&project, 0);
    commit_file(&project, "a.txt", "one\n2\n3\n4\n");
    build(&project, 0);
    assert_eq!(project.result("ws-1", "a.txt"), "one\n2\n3\n4\nhand");
    all_fresh(&project);
}

#[test]
fn a_conflict_with_the_base_waits_again_and_loses_nothing() {
    let project = waiting();
    write(&project, "1\n2\n3\nfour by hand\n");
    commit_file(&project, "a.txt", "1\n2\n3\nIV\n");
    project.pl(&["build", "*"]).expect(3).says("conflicts with the new base in a.txt");
    let kept = project.git(&["for-each-ref", "--format=%(refname)", "refs/pl/*/kept"]);
    let all = project.git(&["rev-list", &kept]);
    let holds = |commit: &&str| {
        let shown = project.command("git").args(["show", &format!("{commit}:a.txt")]).output().expect("git");
        String::from_utf8_lossy(&shown.stdout).contains("four by hand")
    };
    assert_eq!(all.lines().filter(holds).count(), 1, "what was done by hand hangs on no ref");
    write(&project, "1\n2\n3\nIV by hand\n");
    build(&project, 0);
    assert_eq!(project.result("ws-1", "a.txt"), "1\n2\n3\nIV by hand");
    all_fresh(&project);
}

#[test]
fn red_it_is_edited_further() {
    let project = waiting();
    write(&project, "not yet\n");
    assert_eq!(step(&build(&project, 1), "ws-1/test.1")["status"], "failed");
    assert_eq!(std::fs::read_to_string(project.worktree("ws-1").join("a.txt")).expect("a.txt"), "not yet\n");
    write(&project, "not yet\nhand\n");
    build(&project, 0);
    assert_eq!(project.result("ws-1", "a.txt"), "not yet\nhand");
    all_fresh(&project);
}

#[test]
fn a_second_half_that_is_red_is_not_taken_back() {
    let project = waiting();
    for text in ["first\n", "first\nsecond\n"] {
        write(&project, text);
        for _ in 0..3 {
            build(&project, 1);
            assert_eq!(std::fs::read_to_string(project.worktree("ws-1").join("a.txt")).expect("a.txt"), text);
        }
    }
    write(&project, "first\nsecond\nhand\n");
    build(&project, 0);
    assert_eq!(project.result("ws-1", "a.txt"), "first\nsecond\nhand");
    all_fresh(&project);
}
