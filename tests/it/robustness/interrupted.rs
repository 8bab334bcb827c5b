//! Ctrl-C and other builds: all that runs is ended, the run says that it was interrupted, and the next one goes on.

use rustix::process::Signal;

use crate::robustness::{Gated, newest_run};
use crate::running::{Running, left_running, until};
use crate::support::Project;

/// Holds a gate, interrupts there, and lets the next build end the work.
fn interrupt_at(gated: &Gated, gate: &str, signal: Signal) {
    gated.hold(gate);
    let running = Running::start(&gated.project, "interrupted", &["build", "--json", "*"]);
    gated.reached(gate);
    running.signal(signal);
    let ran = running.end().expect(130);
    assert_eq!(ran.json()["status"], "interrupted", "{}", ran.output());
    assert_eq!(left_running(&gated.project), Vec::<String>::new(), "{gate}");
    assert_eq!(newest_run(&gated.project), "interrupted");
    gated.open(gate);
    gated.project.pl(&["build", "*"]).expect(0);
    assert_eq!(newest_run(&gated.project), "completed");
    gated.is_tidy();
}

#[test]
fn an_interrupted_build_ends_everything_and_is_gone_on_with() {
    let gated = Gated::new();
    let expected = gated.undisturbed();
    for signal in [Signal::INT, Signal::TERM] {
        for gate in ["one-edit2", "one-test1", "task", "setup"] {
            interrupt_at(&gated, gate, signal);
            assert_eq!(gated.refs(), expected, "{gate}");
            assert!((1..=2).contains(&gated.passed("one-edit1")), "{gate}");
            gated.forget();
        }
    }
}

/// A task with children and grandchildren, one of them in a session of its own, that do not listen to TERM.
fn deaf() -> Project {
    let project = Project::new(&[]);
    let here = project.around().display().to_string();
    let script = format!(
        "trap 'echo told >> {here}/told' TERM; (trap '' TERM; sleep 1000 & sleep 1000) & \
         setsid sh -c \\\"trap '' TERM; sleep 1000\\\" & : > {here}/at; while :; do sleep 0.01; done"
    );
    project.write("Pipelinefile.kdl", format!("task \"deaf\" {{ shell \"{script}\" }}\n"));
    project
}

#[test]
fn who_does_not_listen_is_killed_by_the_second_signal() {
    let project = deaf();
    let around = project.around();
    let mut running = Running::start(&project, "deaf", &["build"]);
    until("it runs", || around.join("at").exists());
    running.signal(Signal::INT);
    until("it was told", || around.join("told").exists());
    until("it ends", || {
        running.signal(Signal::INT);
        running.has_ended()
    });
    running.end().expect(130);
    assert_eq!(left_running(&project), Vec::<String>::new());
    assert_eq!(newest_run(&project), "interrupted");
}

#[test]
fn the_second_build_waits_says_for_whom_and_finds_all_done() {
    let gated = Gated::new();
    gated.hold("one-edit1");
    let first = Running::start(&gated.project, "first", &["build", "*"]);
    gated.reached("one-edit1");
    let second = Running::start(&gated.project, "second", &["build", "*"]);
    until("the second waits", || second.said().contains("waiting for `pl build"));
    gated.open("one-edit1");
    first.end().expect(0);
    second.end().expect(0).says("(process ").started_nothing();
    assert_eq!(gated.passed("one-edit1"), 1);
    gated.is_tidy();
}

#[test]
fn a_waiting_build_reads_definitions_that_moved_meanwhile() {
    let gated = Gated::new();
    gated.hold("task");
    let first = Running::start(&gated.project, "first", &["build", "make"]);
    gated.reached("task");
    let second = Running::start(&gated.project, "second", &["build", "use"]);
    until("the second waits", || second.said().contains("waiting for"));
    let before = gated.project.read("Pipelinefile.kdl");
    let more = "task \"aaa\" { shell \"echo aaa > aaa\"; outputs \"aaa\"; inputs \"in\" }\n";
    let use_it = "inputs \"out\" \"aaa\" }";
    gated.project.write("Pipelinefile.kdl", format!("{more}{}", before.replace("inputs \"out\" }", use_it)));
    gated.open("task");
    first.end().expect(0);
    second.end().expect(0);
    assert_eq!(gated.project.read("aaa"), "aaa\n");
    let away = Running::start(&gated.project, "third", &["build", "use"]).end();
    away.expect(0).started_nothing();
}

#[test]
fn a_waiting_build_can_be_interrupted() {
    let gated = Gated::new();
    gated.hold("task");
    let first = Running::start(&gated.project, "first", &["build", "make"]);
    gated.reached("task");
    let second = Running::start(&gated.project, "second", &["build", "make"]);
    until("the second waits", || second.said().contains("waiting for"));
    second.signal(Signal::INT);
    second.end().expect(130);
    gated.open("task");
    first.end().expect(0);
}
