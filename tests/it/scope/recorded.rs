//! Recorded edits that leave their scope.

use crate::support::{Project, workstream};

/// A project whose one workstream may touch `src/` and is done by this recording.
fn replayed(patch: &str) -> Project {
    Project::new(&[
        ("src/a.txt", "a\n"),
        ("out.txt", "out\n"),
        (
            "workstreams/a.kdl",
            "workstream \"ws-a\" {\n    files-scope \"src/\"\n    tool \"replay\"\n    tasks \"change\"\n    acceptance-tests { shell \"true\" }\n}\n",
        ),
        ("recordings/ws-a.patch", patch),
    ])
}

#[track_caller]
fn refused(patch: &str) {
    let project = replayed(patch);
    let summary = project.build(&["ws-a"], 1);
    assert_eq!(workstream(&summary, "ws-a")["status"], "failed");
    assert_eq!(project.git(&["for-each-ref", "refs/pl/ws", "refs/heads/ws"]), "");
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    assert!(!project.around().join("escaped").exists() && !project.state().join("worktrees/escaped").exists());
}

const GOOD: &str = "diff --git a/src/a.txt b/src/a.txt\n--- a/src/a.txt\n+++ b/src/a.txt\n@@ -1 +1 @@\n-a\n+b\n";

#[test]
fn a_good_one_is_done() {
    let project = replayed(GOOD);
    project.pl(&["build", "ws-a"]).expect(0);
    assert_eq!(project.result("ws-a", "src/a.txt"), "b");
}

#[test]
fn one_that_touches_another_file() {
    refused(&format!("{GOOD}diff --git a/out.txt b/out.txt\n--- a/out.txt\n+++ b/out.txt\n@@ -1 +1 @@\n-out\n+in\n"));
}

#[test]
fn one_that_climbs() {
    refused(
        "diff --git a/../escaped b/../escaped\nnew file mode 100644\n--- /dev/null\n+++ b/../escaped\n@@ -0,0 +1 @@\n+x\n",
    );
}

#[test]
fn one_into_the_metadata() {
    refused(
        "diff --git a/.git/config b/.git/config\nnew file mode 100644\n--- /dev/null\n+++ b/.git/config\n@@ -0,0 +1 @@\n+x\n",
    );
}

#[test]
fn one_through_its_own_link() {
    refused(
        "diff --git a/src/l b/src/l\nnew file mode 120000\n--- /dev/null\n+++ b/src/l\n@@ -0,0 +1 @@\n+../..\n\\ No newline at end of file\ndiff --git a/src/l/escaped b/src/l/escaped\nnew file mode 100644\n--- /dev/null\n+++ b/src/l/escaped\n@@ -0,0 +1 @@\n+x\n",
    );
}

#[test]
fn one_that_renames_out() {
    refused("diff --git a/src/a.txt b/moved.txt\nsimilarity index 100%\nrename from src/a.txt\nrename to moved.txt\n");
}

#[test]
fn one_with_an_absolute_path() {
    refused("--- /tmp/escaped\n+++ /tmp/escaped\n@@ -0,0 +1 @@\n+x\n");
}

#[test]
fn attributes_of_the_tree_have_no_say_in_how_it_is_applied() {
    let project = replayed(GOOD);
    project.write(".gitattributes", "* text eol=crlf ident filter=none\n");
    project.write("src/b.txt", "$Id$\n");
    project.commit("attributes");
    project.pl(&["build", "ws-a"]).expect(0);
    let output =
        project.command("git").args(["cat-file", "-p", &format!("{}:src/a.txt", project.result_ref("ws-a"))]).output();
    assert_eq!(output.expect("git").stdout, b"b\n");
}
