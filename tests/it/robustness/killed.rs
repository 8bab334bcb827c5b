//! Killed at any moment, a build leaves nothing that the next one does not put right, and loses nothing that was done.

use crate::robustness::{Gated, newest_run};
use crate::running::{Running, until};

/// What must have been done before the kill, and so is not done again.
struct Cut<'a> {
    /// The gate at which `pl` is killed.
    gate: &'a str,
    /// Gates of edits that were over by then.
    done: &'a [&'a str],
}

const EDITS: [&str; 4] = ["one-edit1", "one-edit2", "two-edit1", "two-edit2"];

const CUTS: [Cut<'static>; 9] = [
    Cut { gate: "setup", done: &[] },
    Cut { gate: "one-edit1", done: &[] },
    Cut { gate: "one-edit2", done: &["one-edit1"] },
    Cut { gate: "lint", done: &["one-edit1", "one-edit2"] },
    Cut { gate: "one-test1", done: &["one-edit1", "one-edit2"] },
    Cut { gate: "one-test2", done: &["one-edit1", "one-edit2"] },
    Cut { gate: "two-edit1", done: &["one-edit1", "one-edit2"] },
    Cut { gate: "two-test2", done: &EDITS },
    Cut { gate: "task", done: &[] },
];

#[test]
fn a_build_that_is_killed_is_finished_by_the_next() {
    let gated = Gated::new();
    let expected = gated.undisturbed();
    for Cut { gate, done } in CUTS {
        gated.hold(gate);
        let running = Running::start(&gated.project, "killed", &["build", "*"]);
        gated.reached(gate);
        running.kill();
        gated.open(gate);
        let second = gated.project.pl(&["build", "*"]).expect(0);
        assert!(second.output().contains("counts as interrupted"), "{gate}\n{}", second.output());
        assert_eq!(gated.refs(), expected, "{gate}");
        for edit in EDITS {
            let times = gated.passed(edit);
            let at_most = if done.contains(&edit) { 1 } else { 2 };
            assert!((1..=at_most).contains(&times), "killed at {gate}: {edit} was asked {times} times");
        }
        assert_eq!(newest_run(&gated.project), "completed");
        gated.is_tidy();
        gated.forget();
    }
}

/// Moments that no step sees, told by what lies there: each is looked for while the build runs, and is a moment to die.
#[test]
fn a_build_that_is_killed_between_steps_is_finished_by_the_next() {
    let gated = Gated::new();
    let expected = gated.undisturbed();
    let around = gated.project.around();
    let here = |path: &str| gated.project.path(path);
    let deep = |name: &str| {
        let all = std::fs::read_dir(around.join("state")).into_iter().flatten().flatten();
        all.map(|entry| entry.path().join(name)).any(|path| path.exists())
    };
    let moments: [(&str, &dyn Fn() -> bool); 8] = [
        (".pl is there", &|| here(".pl").exists()),
        ("the lock is there", &|| here(".pl/build.lock").exists()),
        ("the database is there", &|| here(".pl/state.db").exists()),
        ("the log is there", &|| here(".pl/state.db-wal").exists()),
        ("the administration of a worktree is there", &|| here(".git/worktrees").exists()),
        ("a worktree is there", &|| deep("worktrees/ws-1-one/.git")),
        ("a file of a worktree is there", &|| deep("worktrees/ws-1-one/in")),
        ("a result is there", &|| here(".git/refs/pl/ws").exists()),
    ];
    for (moment, is_there) in moments {
        let mut running = Running::start(&gated.project, "killed", &["build", "*"]);
        until(moment, || is_there() || running.has_ended());
        running.kill();
        gated.project.pl(&["build", "*"]).expect(0);
        assert_eq!(gated.refs(), expected, "{moment}");
        assert!(EDITS.iter().all(|edit| (1..=2).contains(&gated.passed(edit))), "{moment}");
        gated.is_tidy();
        gated.forget();
    }
}
