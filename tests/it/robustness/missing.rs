//! What a build needs is not there: said in words, with what to do, and nothing is half done.

use crate::incremental::lab::{Ws, lab, pipeline};
use crate::support::{Project, Ran, step, workstream};

const WS: Ws<'static> =
    Ws { id: "ws-1-a", scope: &["a"], instructions: &["echo 2 >> a"], tests: &["true"], ..WS_EMPTY };
const WS_EMPTY: Ws<'static> =
    Ws { id: "", depends_on: &[], scope: &[], create: &[], instructions: &[], tests: &[], more: "" };

fn one(nodes: &str) -> Project {
    lab(&pipeline("edit", nodes, &[WS]), &[("a", "1\n")])
}

#[test]
fn a_rule_without_its_program_is_skipped_where_it_says_so_and_reported_where_not() {
    let rule = |more: &str| {
        format!(
            "rule \"checker\" {{ files \"a\" in=\"changed\"; run \"no-such-checker\" \"{{files}}\"; exit {{ clean 0; findings 1 }}; \
             parse \"regex\" {{ pattern #\"^(?P<path>.+?): (?P<message>.*)$\"# }}; {more} }}"
        )
    };
    let summary = one(&rule("missing \"skip\"")).build(&["*"], 0);
    assert_eq!(step(&summary, "ws-1-a/checker")["status"], "skipped", "{summary:#}");
    let project = one(&rule("missing \"fail\""));
    let summary = project.build(&["*"], 1);
    let failure = &step(&summary, "ws-1-a/checker")["failure"];
    assert_eq!(failure["class"], "environment", "{summary:#}");
    assert!(failure["message"].as_str().is_some_and(|text| text.contains("no-such-checker")), "{summary:#}");
}

#[test]
fn a_missing_tool_and_a_missing_test_program_are_the_environments_fault() {
    let tool = "tool \"absent\" { kind \"exec\"; can \"edit\"; run \"no-such-tool\" }";
    let project = lab(&pipeline("absent", tool, &[WS]), &[("a", "1\n")]);
    let summary = project.build(&["*"], 1);
    assert_eq!(step(&summary, "ws-1-a/edit.1")["failure"]["class"], "environment", "{summary:#}");
    let again = project.build(&["*"], 1);
    assert_eq!(step(&again, "ws-1-a/edit.1")["failure"]["class"], "environment", "no outcome is remembered");

    let project = Project::new(&[("Pipelinefile.kdl", "task \"t\" { run \"no-such-program\" \"x\" }\n")]);
    let summary = project.build(&["t"], 1);
    assert_eq!(step(&summary, "t")["failure"]["class"], "environment", "{summary:#}");
}

/// As `Project`, with what is around it changed by hand.
fn refused(project: &Project, code: i32) -> Ran {
    let ran = project.pl(&["build", "*"]).expect(code).started_nothing().says("hint");
    project.pl(&["check", "*"]).expect(code).started_nothing();
    ran
}

#[test]
fn no_repository_no_commit_no_base() {
    let project = one("");
    std::fs::remove_dir_all(project.path(".git")).expect("removed");
    refused(&project, 3).says("git init");
    project.git(&["init", "-q", "-b", "main"]);
    refused(&project, 3).says("commit something first");
    project.commit("base");
    project.build(&["*"], 0);
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", format!("repository \".\" {{ base \"nowhere\" }}\n{text}"));
    refused(&project, 3).says("nowhere");
    std::fs::write(project.path(".git/HEAD"), "garbage\n").expect("damaged");
    project.pl(&["build", "*"]).expect(3);
}

#[test]
fn tasks_alone_need_no_repository() {
    let project = Project::new(&[
        ("Pipelinefile.kdl", "task \"t\" { shell \"echo 1 > out\"; outputs \"out\"; inputs \"in\" }\n"),
        ("in", ""),
    ]);
    std::fs::remove_dir_all(project.path(".git")).expect("removed");
    project.build(&["t"], 0);
    project.pl(&["build", "t"]).expect(0).started_nothing();
}

#[test]
fn a_detached_head_and_a_bare_repository_are_bases_like_others() {
    let project = one("");
    project.git(&["checkout", "-q", "--detach"]);
    project.build(&["*"], 0);
    assert_eq!(project.result_changes("ws-1-a"), ["M a"]);

    let project = one("repository \"../bare.git\" { base \"main\" }");
    project.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
    let summary = project.build(&["*"], 0);
    assert_eq!(workstream(&summary, "ws-1-a")["status"], "done", "{summary:#}");
    let bare = project.around().join("bare.git").display().to_string();
    assert!(project.git(&["--git-dir", &bare, "for-each-ref", "refs/pl/ws"]).ends_with("/ws-1-a"));
    project.pl(&["build", "*"]).expect(0).started_nothing();
}

#[test]
fn no_home() {
    let project = one("");
    let bare = |arguments: &[&str], set: &[(&str, &str)]| {
        let mut command = project.pl_command(arguments);
        let output = command.env_remove("HOME").env_remove("PL_STATE_DIR").envs(set.iter().copied()).output();
        let output = output.expect("pl");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = bare(&["build", "*"], &[]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("PL_STATE_DIR"), "{said}");
    let state = project.around().join("state").display().to_string();
    let home = project.around().join("home").display().to_string();
    // The lab's own tool writes to its home.
    let (code, said) = bare(&["build", "*"], &[("PL_STATE_DIR", &state), ("HOME", &home)]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_build_in_a_worktree_of_a_build_is_refused() {
    let mut ws = WS;
    ws.tests = &["false"];
    let project = lab(&pipeline("edit", "", &[ws]), &[("a", "1\n")]);
    project.build(&["*"], 1);
    let worktree = project.worktree("ws-1-a");
    assert!(worktree.is_dir(), "a failed workstream keeps its worktree");
    for folder in [worktree.clone(), project.path(".worktrees/ws-1-a")] {
        let output = project.pl_command(&["build", "*"]).current_dir(&folder).output().expect("pl");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("worktree"), "{said}");
    }
}
