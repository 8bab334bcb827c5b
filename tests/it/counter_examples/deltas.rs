//! Deltas and what they are put onto: each once, path by path, no renames, exactly one workstream's own in its result.

use crate::incremental::lab::{Ws, all_fresh, asked, build, lab, pipeline, ran};
use crate::support::{Project, step, workstream};

const TEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";

fn ws<'a>(id: &'a str, depends_on: &'a [&'a str], scope: &'a [&'a str], instructions: &'a [&'a str]) -> Ws<'a> {
    Ws { id, depends_on, scope, instructions, tests: &["ls | grep -q txt"], ..Ws::default() }
}

fn diamond() -> Project {
    let all = [
        ws("ws-top", &[], &["top.txt"], &["echo top >> top.txt"]),
        ws("ws-left", &["ws-top"], &["left.txt"], &["echo left >> left.txt"]),
        ws("ws-right", &["ws-top"], &["right.txt"], &["echo right >> right.txt"]),
        ws("ws-bottom", &["ws-left", "ws-right"], &["bottom.txt"], &["cat top.txt left.txt right.txt >> bottom.txt"]),
    ];
    let files = [("top.txt", ""), ("left.txt", ""), ("right.txt", ""), ("bottom.txt", ""), ("x.txt", "")];
    lab(&pipeline("edit", "", &all), &files)
}

#[test]
fn a_diamond_holds_each_delta_once() {
    let project = diamond();
    build(&project, 0);
    assert_eq!(asked(&project).len(), 4);
    assert_eq!(project.result("ws-bottom", "bottom.txt"), "top\nleft\nright");
    for (id, path) in [("ws-top", "top"), ("ws-left", "left"), ("ws-right", "right"), ("ws-bottom", "bottom")] {
        assert_eq!(project.result_changes(id), [format!("M {path}.txt")], "{id}");
        let name = project.result_ref(id);
        assert_eq!(project.git(&["log", "--format=%s", "-1", &name]), format!("{id}: workstream"));
        assert_eq!(
            project.git(&["rev-list", "--count", "--no-merges", "--first-parent", &format!("{name}^..{name}")]),
            "1"
        );
    }
    let parents = project.git(&["log", "-1", "--format=%P", &format!("{}^", project.result_ref("ws-bottom"))]);
    assert_eq!(parents.split(' ').count(), 2, "a merge commit \"base of ws-bottom\"");
    all_fresh(&project);
}

#[test]
fn one_side_of_a_diamond_is_done_alone() {
    let project = diamond();
    build(&project, 0);
    asked(&project);
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", text.replace("echo left >>", "echo LEFT >>"));
    ran(&project);
    let mut who = asked(&project);
    who.sort();
    assert_eq!(who, ["ws-bottom", "ws-left"]);
    assert_eq!(project.result("ws-bottom", "bottom.txt"), "top\nLEFT\nright");
    all_fresh(&project);
}

#[test]
fn a_file_that_the_base_renamed_is_a_conflict() {
    let one = ws("ws-1", &[], &["src/"], &["for f in src/*.txt; do sed -i 's/^10$/ten/' $f; done"]);
    let project = lab(&pipeline("agent", "", &[one]), &[("src/a.txt", TEN), ("x.txt", "")]);
    build(&project, 0);
    asked(&project);
    project.git(&["mv", "src/a.txt", "src/b.txt"]);
    project.git(&["commit", "-q", "-m", "rename"]);
    build(&project, 0);
    assert_eq!(asked(&project), ["ws-1"], "the delta was guessed onto another path");
    assert_eq!(project.result_changes("ws-1"), ["M src/b.txt"]);
    all_fresh(&project);
}

#[test]
fn a_recorded_edit_of_a_file_that_the_base_renamed_fails() {
    let one = ws("ws-1", &[], &["src/"], &["recorded"]);
    let patch =
        "diff --git a/src/a.txt b/src/a.txt\n--- a/src/a.txt\n+++ b/src/a.txt\n@@ -8,3 +8,3 @@\n 8\n 9\n-10\n+ten\n";
    let files = [("src/a.txt", TEN), ("x.txt", ""), ("recordings/ws-1.patch", patch)];
    let project = lab(&pipeline("replay", "", &[one]), &files);
    build(&project, 0);
    project.git(&["mv", "src/a.txt", "src/b.txt"]);
    project.git(&["commit", "-q", "-m", "rename"]);
    project.pl(&["build", "*"]).expect(1).says("recordings/ws-1.patch does not apply");
}

/// Two that change one file, allowed to; a third waits for both.
fn overlapping(left: &str, right: &str) -> Project {
    let (left, right) = ([left], [right]);
    let all = [
        ws("ws-left", &[], &["a.txt"], &left),
        ws("ws-right", &[], &["a.txt"], &right),
        ws("ws-bottom", &["ws-left", "ws-right"], &["b.txt"], &["cp a.txt b.txt"]),
    ];
    let allow = "allow-overlap \"ws-left\" \"ws-right\" reason=\"far apart\"";
    lab(&pipeline("edit", allow, &all), &[("a.txt", TEN), ("b.txt", "")])
}

#[test]
fn an_allowed_overlap_is_merged_three_way() {
    let project = overlapping("sed -i 's/^1$/one/' a.txt", "sed -i 's/^10$/ten/' a.txt");
    build(&project, 0);
    let both = TEN.replace("10\n", "ten\n").replacen("1\n", "one\n", 1);
    assert_eq!(project.result("ws-bottom", "b.txt"), both.trim());
    for (id, path) in [("ws-left", "a"), ("ws-right", "a"), ("ws-bottom", "b")] {
        assert_eq!(project.result_changes(id), [format!("M {path}.txt")]);
    }
    all_fresh(&project);
}

#[test]
fn an_allowed_overlap_that_conflicts_names_the_path() {
    let project = overlapping("sed -i 's/^1$/one/' a.txt", "sed -i 's/^1$/uno/' a.txt");
    let ran = project.pl(&["build", "--json", "*"]).expect(1);
    let summary = ran.json();
    for (id, status) in [("ws-left", "done"), ("ws-right", "done"), ("ws-bottom", "failed")] {
        assert_eq!(workstream(&summary, id)["status"], status, "{id}");
    }
    assert!(workstream(&summary, "ws-bottom")["reason"].as_str().is_some_and(|reason| reason.contains("a.txt")));
    // Nothing runs again for it.
    asked(&project);
    project.pl(&["build", "*"]).expect(1).started_nothing();
    assert!(asked(&project).is_empty());
}

#[test]
fn an_edit_that_changes_nothing_fails() {
    let one = ws("ws-1", &[], &["a.txt"], &["true"]);
    let project = lab(&pipeline("edit", "", &[one]), &[("a.txt", "0\n")]);
    let summary = project.pl(&["build", "--json", "*"]).expect(1).says("edit changed nothing").json();
    assert_eq!(step(&summary, "ws-1/edit.1")["status"], "failed");
    asked(&project);
    project.pl(&["build", "*"]).expect(1).started_nothing().says("nothing changed since it failed");
    assert!(asked(&project).is_empty());
}

#[test]
fn an_empty_recording_is_an_edit_that_changes_nothing() {
    let one = ws("ws-1", &[], &["a.txt"], &["recorded"]);
    let two = ws("ws-2", &["ws-1"], &["b.txt"], &["recorded"]);
    let patch = "diff --git a/b.txt b/b.txt\n--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-0\n+1\n";
    let files = [("a.txt", "0\n"), ("b.txt", "0\n"), ("recordings/ws-1.patch", ""), ("recordings/ws-2.patch", patch)];
    let project = lab(&pipeline("replay", "", &[one, two]), &files);
    let summary = build(&project, 0);
    assert_eq!(workstream(&summary, "ws-1")["commit"].as_str(), Some(project.git(&["rev-parse", "main"]).as_str()));
    assert_eq!(project.result_changes("ws-2"), ["M b.txt"]);
    all_fresh(&project);
}

#[test]
fn results_do_not_depend_on_who_else_is_built() {
    let project = diamond();
    project.build(&["ws-bottom"], 0);
    let alone = project.git(&["rev-parse", &project.result_ref("ws-bottom")]);
    let other = Ws { create: &["other.txt"], ..ws("ws-another", &[], &["x.txt"], &["echo other > other.txt"]) };
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", format!("{text}{}", other.kdl()));
    project.git(&["update-ref", "-d", &project.result_ref("ws-bottom")]);
    asked(&project);
    build(&project, 0);
    assert_eq!(asked(&project), ["ws-another"]);
    assert_eq!(project.git(&["rev-parse", &project.result_ref("ws-bottom")]), alone);
    all_fresh(&project);
}
