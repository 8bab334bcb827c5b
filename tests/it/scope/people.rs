//! What persons do in a kept worktree: what is out of scope is left out and told, and nothing of it is ever lost.

use crate::scope::lab::{definition, git_in};
use crate::support::Project;

fn waiting() -> Project {
    let definitions = definition("ws-t", "true").replace("tool \"ws-t\"", "tool \"manual\"");
    let project =
        Project::new(&[("Pipelinefile.kdl", definitions.as_str()), ("ws-t/src/a.txt", "a = 1\n"), ("out.txt", "x\n")]);
    project.pl(&["build", "ws-t"]).expect(3);
    project
}

/// Whether a text is somewhere in what hangs on refs.
fn is_kept(project: &Project, text: &str) -> bool {
    let commits = project.git(&["rev-list", "--glob=refs/pl"]);
    commits.lines().any(|commit| {
        project.command("git").args(["grep", "-q", text, commit]).output().is_ok_and(|output| output.status.success())
    })
}

#[test]
fn a_stray_file_is_left_out_and_kept() {
    let project = waiting();
    let dir = project.worktree("ws-t");
    std::fs::write(dir.join("ws-t/src/a.txt"), "a = 2\n").expect("a file");
    std::fs::write(dir.join("stray.txt"), "precious\n").expect("a file");
    std::fs::write(dir.join("out.txt"), "changed by hand\n").expect("a file");
    project.pl(&["build", "ws-t"]).expect(0).says("stray.txt").says("out.txt").says("left out");
    assert_eq!(project.result_changes("ws-t"), ["M ws-t/src/a.txt"]);
    assert!(is_kept(&project, "precious") && is_kept(&project, "changed by hand"));
}

#[test]
fn stray_files_alone_are_told_and_kept() {
    let project = waiting();
    std::fs::write(project.worktree("ws-t").join("stray.txt"), "precious\n").expect("a file");
    project.pl(&["build", "ws-t"]).expect(3).says("stray.txt").says("left out");
    assert!(is_kept(&project, "precious"));
}

#[test]
fn what_cannot_be_kept_stops_the_build_and_stays() {
    let project = waiting();
    let dir = project.worktree("ws-t");
    git_in(&project, &dir, &["init", "-q", "mine"]);
    std::fs::write(dir.join("mine/precious"), "precious\n").expect("a file");
    std::fs::write(dir.join("ws-t/src/a.txt"), "a = 2\n").expect("a file");
    project.pl(&["build", "ws-t"]).expect(1).says("mine").says("move it away");
    assert!(dir.join("mine/precious").exists());
    std::fs::rename(dir.join("mine"), project.around().join("mine")).expect("moved");
    project.pl(&["build", "ws-t"]).expect(0);
    assert_eq!(project.result_changes("ws-t"), ["M ws-t/src/a.txt"]);
}

#[test]
fn commits_of_a_person_are_theirs_and_what_they_hold_counts() {
    let project = waiting();
    let dir = project.worktree("ws-t");
    std::fs::write(dir.join("ws-t/src/a.txt"), "a = 3\n").expect("a file");
    git_in(&project, &dir, &["commit", "-qam", "mine"]);
    git_in(&project, &dir, &["checkout", "-q", "-b", "mine"]);
    project.pl(&["build", "ws-t"]).expect(0);
    assert_eq!(project.result("ws-t", "ws-t/src/a.txt"), "a = 3");
    assert_eq!(project.git(&["log", "-1", "--format=%s", "mine"]), "mine");
}
