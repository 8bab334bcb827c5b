//! Agents: what they touch, what is lost, what is done twice.

use crate::support::{Project, workstream};

/// One workstream, `ws-1-a`, whose scope is `a`, edited by a shell's text.
fn edited_by(text: &str) -> Project {
    let file = format!(
        r###"
tool "agent" {{ can "edit"; run "sh" "-c" ##"{text}"## }}
workstream "ws-1-a" {{
    tool "agent"
    files-scope "a"
    tasks {{ - "Write a" }}
    acceptance-tests {{ run "grep" "-q" "new" "a" }}
}}
"###
    );
    Project::new(&[("Pipelinefile.kdl", &file), ("a", "old\n"), ("b", "old\n")])
}

#[test]
fn a_touched_unrelated_file_fails_the_workstream() {
    let project = edited_by("echo new > a; echo new > b; echo new > c");
    let built = project.build(&["ws-1"], 1);
    let one = workstream(&built, "ws-1-a");
    assert_eq!((&one["status"], &one["scope"]["out_of_scope"]), (&"failed".into(), &serde_json::json!(["b", "c"])));
    project.pl(&["build", "--again", "ws-1"]).expect(1).says("left its scope: b, c").says("scope_violation");
    assert_eq!(project.git(&["for-each-ref", "refs/pl/ws", "refs/heads/ws"]), "");
}

#[test]
fn a_write_into_the_parent_checkout_is_told() {
    let project = edited_by("echo new > a");
    let there = project.path("b").display().to_string();
    let text = project.read("Pipelinefile.kdl").replace("echo new > a", &format!("echo new > a; echo x > {there}"));
    project.write("Pipelinefile.kdl", text);
    project.commit("the agent knows where we are");
    project.pl(&["build", "ws-1"]).expect(0).says("warning:").says("b");
    assert_eq!(project.result_changes("ws-1-a"), ["M a"]);
}

#[test]
fn git_add_sweeps_up_nothing_of_others() {
    let project = edited_by("echo new > a");
    project.write("b", "mine, not committed\n");
    project.write("notes", "mine, untracked\n");
    project.build(&["ws-1"], 0);
    assert_eq!(project.result_changes("ws-1-a"), ["M a"]);
    assert_eq!(project.read("b"), "mine, not committed\n");
}

#[test]
fn a_commit_of_the_tool_s_own_is_not_the_result() {
    let commit = "echo new > a; git add -A; git -c user.name=x -c user.email=x@localhost commit -qm mine";
    let project = edited_by(commit);
    project.pl(&["build", "ws-1"]);
    assert_eq!(project.git(&["log", "--format=%s", "main"]), "base");
    let authors = project.git(&["log", "--format=%an", "--all", "--author=x"]);
    assert!(project.git(&["for-each-ref", "refs/pl/ws"]).is_empty() || !authors.contains('x'), "{authors}");
}

#[test]
fn work_in_a_dirty_worktree_is_never_lost() {
    let project = edited_by("echo wrong > a");
    project.build(&["ws-1"], 1);
    let text = "an hour of thought\n";
    std::fs::write(project.worktree("ws-1-a").join("thoughts"), text).expect("a note");
    project.pl(&["build", "--again", "ws-1"]).expect(1);
    let file = project.around().join("text");
    std::fs::write(&file, text).expect("a file");
    let blob = project.git(&["hash-object", &file.display().to_string()]);
    let reachable = project.git(&["rev-list", "--objects", "--all"]).contains(&blob);
    assert!(reachable || project.worktree("ws-1-a").join("thoughts").exists());
}

#[test]
fn worktrees_made_side_by_side_do_not_race() {
    let mut file = r#"tool "agent" { can "edit"; run "sh" "-c" "echo new > $1" "sh" "{scope-files}" }
"#
    .to_owned();
    let paths: Vec<String> = (1..=8).map(|number| format!("f{number}")).collect();
    for (number, path) in paths.iter().enumerate() {
        file.push_str(&format!(
            "workstream \"ws-{number}-x\" {{ tool \"agent\"; files-scope \"{path}\"; tasks {{ - \"Write\" }}; \
             acceptance-tests {{ run \"grep\" \"-q\" \"new\" \"{path}\" }} }}\n"
        ));
    }
    let mut files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), "old\n")).collect();
    files.push(("Pipelinefile.kdl", &file));
    let project = Project::new(&files);
    project.build(&["-j", "8", "ws-*"], 0);
    assert!(!project.git(&["config", "--local", "--list"]).contains("branch."), "no upstream is set up");
}

#[test]
fn done_without_work_is_a_failure() {
    let project = edited_by("echo all done, every test is green");
    project.pl(&["build", "ws-1"]).expect(1).says("changed nothing");
}

#[test]
fn merged_work_is_not_done_again() {
    let project = edited_by("echo new > a");
    project.build(&["ws-1"], 0);
    let branch = project.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/ws"]);
    project.git(&["merge", "-q", "--no-ff", "-m", "land", &branch]);
    project.write("a", "new, and more by others\n");
    project.commit("others");
    project.pl(&["build", "ws-1"]).expect(0).started_nothing();
}

#[test]
fn an_overlap_is_an_error_before_anything_runs() {
    let project = edited_by("echo new > a");
    let more =
        r#"workstream "ws-2-b" { tool "agent"; files-scope "*"; tasks { - "All" }; acceptance-tests { run "true" } }"#;
    project.write("workstreams/ws-2.kdl", more);
    let told = project.pl(&["build", "ws-1"]).expect(2).started_nothing();
    told.says("ws-1-a").says("ws-2-b").says("depends-on");
}

#[test]
fn a_scope_path_that_does_not_exist_is_an_error() {
    let project = edited_by("echo new > a");
    let text = project.read("Pipelinefile.kdl").replace("files-scope \"a\"", "files-scope \"A.txt\"");
    project.write("Pipelinefile.kdl", text);
    project.pl(&["check"]).expect(2).says("`A.txt`").started_nothing();
}
