//! What else goes on meanwhile: Ctrl-C, another lint, files that go while they are judged.

use rustix::process::Signal;

use super::{CHECK, handed, lab, make_executable, words};
use crate::running::{Running, left_running, until};
use crate::support::Project;

const SINGLE: &str = "reads \"files\"; each-file";

/// The checker says that it runs, and waits for as long as there is a gate.
fn gated(how: &str) -> Project {
    let project = lab(how);
    let around = project.around().display().to_string();
    let wait = format!("#!/bin/sh\necho x >> '{around}/at'\nwhile [ -e '{around}/gate' ]; do sleep 0.01; done\n");
    project.write("check", CHECK.replace("#!/bin/sh\n", &wait));
    make_executable(&project, "check");
    std::fs::write(project.around().join("gate"), "").expect("a gate");
    project
}

fn open(project: &Project) {
    std::fs::remove_file(project.around().join("gate")).expect("a gate");
}

#[test]
fn who_is_interrupted_ends_what_runs_and_remembers_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let project = gated(SINGLE);
        let running = Running::start(&project, "lint", &["lint", "--rule", "words"]);
        until("it runs", || project.around().join("at").exists());
        running.signal(signal);
        let ran = running.end().expect(130);
        assert!(!ran.output().contains("clean"), "{}", ran.output());
        assert_eq!(left_running(&project), Vec::<String>::new());
        open(&project);
        assert_eq!(handed(&words(&project, &[]).expect(0)), [["a.txt", "b.txt", "sub/c.txt"]]);
    }
}

#[test]
fn two_at_once_do_not_wait_and_both_are_right() {
    let project = gated(SINGLE);
    project.write("b.txt", "bad\n");
    let first = Running::start(&project, "first", &["lint", "--rule", "words"]);
    let second = Running::start(&project, "second", &["lint", "--rule", "words"]);
    let count = || std::fs::read_to_string(project.around().join("at")).unwrap_or_default().lines().count();
    until("both run", || count() == 2);
    open(&project);
    first.end().expect(1).says("b.txt:1: ");
    second.end().expect(1).says("b.txt:1: ");
    words(&project, &[]).expect(1).says("b.txt:1: ").started_nothing();
}

/// Lints; when the checker runs, something is done to the tree.
fn meanwhile(project: &Project, done: impl Fn()) {
    let running = Running::start(project, "lint", &["lint", "--rule", "words"]);
    until("it runs", || project.around().join("at").exists());
    done();
    open(project);
    running.end().expect(0);
}

#[test]
fn what_went_while_it_was_judged_is_not_known_when_it_comes_again() {
    let project = gated(SINGLE);
    project.write("b.txt", "bad\n");
    let away = project.around().join("away");
    // The checker says nothing of what it does not find.
    meanwhile(&project, || std::fs::rename(project.path("b.txt"), &away).expect("gone"));
    std::fs::rename(&away, project.path("b.txt")).expect("back");
    let back = words(&project, &[]).expect(1).says("b.txt:1: ");
    assert_eq!(handed(&back), [["b.txt"]]);
}

#[test]
fn a_save_by_renaming_beside_what_is_judged_disturbs_nothing() {
    let project = gated("reads \"files\"");
    meanwhile(&project, || {
        project.write("sub/c.py.new", "x = 2\n");
        std::fs::rename(project.path("sub/c.py.new"), project.path("sub/c.py")).expect("renamed");
    });
    words(&project, &[]).expect(0).started_nothing();
}

#[test]
fn what_comes_while_it_is_judged_is_looked_at_by_the_next() {
    let project = gated("reads \"files\"");
    meanwhile(&project, || project.write("new.txt", "bad\n"));
    let next = words(&project, &[]).expect(1).says("new.txt:1: ");
    assert_eq!(handed(&next).concat().len(), 4);
}
