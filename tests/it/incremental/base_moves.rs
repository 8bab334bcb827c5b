//! The base moves: outside of every scope, inside of one, back again, and by words alone.

use crate::incremental::lab::{Ws, all_fresh, asked, commit_file, lab, pipeline, ran};
use crate::support::{Project, workstream};

const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

/// One workstream that changes the last line of `a.txt`; its test wants that and reads `limit.txt`.
fn ten(tool: &str) -> Project {
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        instructions: &["sed -i 's/^10$/ten/' a.txt"],
        tests: &["grep -q '^ten$' a.txt && test \"$(wc -l < a.txt)\" -le 10"],
        ..Ws::default()
    };
    lab(&pipeline(tool, "", &[one]), &[("a.txt", TEN), ("other.txt", "other\n")])
}

#[test]
fn nothing_changed() {
    let project = ten("edit");
    assert_eq!(ran(&project), ["ws-1/edit.1", "ws-1/test.1"]);
    assert_eq!(asked(&project), ["ws-1"]);
    let worktrees = project.state().join("worktrees");
    assert!(!project.worktree("ws-1").exists());
    let _ = std::fs::remove_dir(&worktrees);
    all_fresh(&project);
    assert!(!worktrees.exists(), "a null build made a worktree");
    assert!(!project.path(".worktrees/ws-1").exists());
}

#[test]
fn a_commit_outside_every_scope_is_verified_and_not_edited() {
    let project = ten("agent");
    ran(&project);
    asked(&project);
    commit_file(&project, "other.txt", "moved\n");
    assert_eq!(ran(&project), ["ws-1/test.1"]);
    assert!(asked(&project).is_empty());
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
    assert_eq!(project.result("ws-1", "other.txt"), "moved");
    all_fresh(&project);
}

#[test]
fn a_commit_inside_a_scope_carries_the_edit() {
    let project = ten("agent");
    ran(&project);
    asked(&project);
    commit_file(&project, "a.txt", &TEN.replacen("1\n", "one\n", 1));
    ran(&project);
    assert!(asked(&project).is_empty());
    assert_eq!(project.result("ws-1", "a.txt"), TEN.replacen("1\n", "one\n", 1).replace("10", "ten").trim());
    all_fresh(&project);
}

#[test]
fn a_carry_starts_from_the_edit_that_was_asked() {
    let project = ten("agent");
    ran(&project);
    asked(&project);
    for first in ["one\n", "uno\n", "eins\n"] {
        commit_file(&project, "a.txt", &TEN.replacen("1\n", first, 1));
        ran(&project);
        assert!(asked(&project).is_empty());
        assert_eq!(project.result("ws-1", "a.txt"), TEN.replacen("1\n", first, 1).replace("10", "ten").trim());
    }
}

#[test]
fn a_commit_that_conflicts_asks_again() {
    let project = ten("agent");
    ran(&project);
    asked(&project);
    commit_file(&project, "a.txt", &TEN.replace("9\n10\n", "nine\n10\n"));
    assert_eq!(ran(&project), ["ws-1/edit.1", "ws-1/test.1"]);
    assert_eq!(asked(&project), ["ws-1"]);
    assert!(project.result("ws-1", "a.txt").ends_with("nine\nten"));
    all_fresh(&project);
}

#[test]
fn a_carried_edit_that_is_red_asks_again() {
    // The carried edit leaves an eleventh line, the one asked anew drops it.
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        instructions: &["sed -i -e '/^0$/d' -e 's/^10$/ten/' a.txt"],
        tests: &["test \"$(wc -l < a.txt)\" -le 10"],
        ..Ws::default()
    };
    let project = lab(&pipeline("agent", "", &[one]), &[("a.txt", TEN)]);
    ran(&project);
    asked(&project);
    commit_file(&project, "a.txt", &format!("0\n{TEN}"));
    let summary = project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["ws-1"]);
    assert_eq!(workstream(&summary, "ws-1")["status"], "done");
    assert_eq!(project.result("ws-1", "a.txt"), TEN.replace("10", "ten").trim());
    all_fresh(&project);
}

#[test]
fn a_tool_that_looks_at_the_tree_is_redone() {
    let project = ten("edit");
    ran(&project);
    asked(&project);
    commit_file(&project, "other.txt", "moved\n");
    assert_eq!(ran(&project), ["ws-1/edit.1", "ws-1/test.1"]);
    assert_eq!(asked(&project), ["ws-1"]);
    all_fresh(&project);
}

#[test]
fn a_recorded_edit_is_redone_inside_its_scope_and_only_there() {
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        instructions: &["recorded"],
        tests: &["grep -q '^ten$' a.txt"],
        ..Ws::default()
    };
    let patch = "diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -8,3 +8,3 @@\n 8\n 9\n-10\n+ten\n";
    let files = [("a.txt", TEN), ("other.txt", ""), ("recordings/ws-1.patch", patch)];
    let project = lab(&pipeline("replay", "", &[one]), &files);
    assert_eq!(ran(&project), ["ws-1/edit.1", "ws-1/test.1"]);
    commit_file(&project, "other.txt", "moved\n");
    assert_eq!(ran(&project), ["ws-1/test.1"]);
    commit_file(&project, "a.txt", &format!("0\n{TEN}"));
    assert_eq!(ran(&project), ["ws-1/edit.1", "ws-1/test.1"]);
    assert_eq!(project.result("ws-1", "a.txt"), format!("0\n{TEN}").replace("10", "ten").trim());
    all_fresh(&project);
}

#[test]
fn a_base_that_comes_back_is_a_hit() {
    let project = ten("edit");
    ran(&project);
    let first = project.git(&["rev-parse", &project.result_ref("ws-1")]);
    asked(&project);
    commit_file(&project, "a.txt", &TEN.replacen("1\n", "one\n", 1));
    ran(&project);
    asked(&project);
    project.git(&["reset", "-q", "--hard", "HEAD^"]);
    let back = project.pl(&["build", "--json", "*"]).expect(0).started_nothing();
    assert_eq!(back.json()["steps_run"], 0);
    assert!(asked(&project).is_empty());
    assert_eq!(project.git(&["rev-parse", &project.result_ref("ws-1")]), first);
    all_fresh(&project);
}

#[test]
fn a_base_that_is_reworded_runs_nothing() {
    let below = Ws {
        id: "ws-2",
        depends_on: &["ws-1"],
        scope: &["other.txt"],
        instructions: &["echo more >> other.txt"],
        tests: &["grep -q more other.txt"],
        ..Ws::default()
    };
    let project = ten("edit");
    let both = format!("{}{}", project.read("Pipelinefile.kdl"), below.kdl());
    project.write("Pipelinefile.kdl", both);
    project.commit("both");
    ran(&project);
    asked(&project);
    let before = project.git(&["rev-parse", &project.result_ref("ws-2")]);
    project.git(&["commit", "-q", "--amend", "-m", "other words"]);
    let reworded = project.pl(&["build", "--json", "*"]).expect(0).started_nothing();
    assert_eq!(reworded.json()["steps_run"], 0);
    assert!(asked(&project).is_empty());
    let after = project.result_ref("ws-2");
    assert_ne!(project.git(&["rev-parse", &after]), before);
    assert_eq!(project.git(&["log", "--format=%s", "-1", &format!("{after}^^")]), "other words");
    all_fresh(&project);
}

#[test]
fn lost_refs_are_derived_again() {
    let project = ten("edit");
    ran(&project);
    asked(&project);
    let name = project.result_ref("ws-1");
    let before = project.git(&["rev-parse", &name]);
    project.git(&["update-ref", "-d", &name]);
    project.git(&["update-ref", "-d", "refs/heads/ws/ws-1"]);
    let again = project.pl(&["build", "--json", "*"]).expect(0).started_nothing();
    assert_eq!(again.json()["steps_run"], 0);
    assert!(asked(&project).is_empty());
    assert_eq!(project.git(&["rev-parse", &name]), before);
    assert_eq!(project.git(&["rev-parse", "refs/heads/ws/ws-1"]), before);
    all_fresh(&project);
}
