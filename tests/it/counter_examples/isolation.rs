//! What lies around a worktree or is ignored in it turns no test green.

use crate::incremental::lab::{Ws, all_fresh, asked, build, lab, pipeline, ran};
use crate::support::{step, workstream};

#[test]
fn an_ignored_file_of_the_edit_turns_no_test_green() {
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt", "gen/"],
        instructions: &["echo a >> a.txt; mkdir -p gen; echo made > gen/x"],
        tests: &["test -e gen/x"],
        ..Ws::default()
    };
    let files = [("a.txt", "0\n"), (".gitignore", "gen/x\n"), ("gen/keep", "")];
    let project = lab(&pipeline("edit", "", &[one]), &files);
    let summary = build(&project, 1);
    assert_eq!(step(&summary, "ws-1/test.1")["status"], "failed");
    assert_eq!(step(&summary, "ws-1/edit.1")["status"], "done");
}

#[test]
fn an_ignored_file_that_the_scope_names_is_in_the_result() {
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        create: &["gen/x"],
        instructions: &["mkdir -p gen; echo made > gen/x"],
        tests: &["test -e gen/x"],
        ..Ws::default()
    };
    let project = lab(&pipeline("edit", "", &[one]), &[("a.txt", "0\n"), (".gitignore", "gen/\n")]);
    ran(&project);
    assert_eq!(project.result_changes("ws-1"), ["A gen/x"]);
    all_fresh(&project);
}

#[test]
fn nothing_of_the_checkout_is_found_by_searching_upwards() {
    let search = "d=$PWD; while [ \"$d\" != / ]; do d=$(dirname \"$d\"); \
                  for n in node_modules .cargo Pipelinefile.kdl .git conftest.py; do \
                  if [ -e \"$d/$n\" ]; then echo \"$d/$n\"; exit 1; fi; done; done";
    let search_here = format!("{search}; echo a >> a.txt");
    let (instructions, tests) = ([search_here.as_str()], [search]);
    let one = Ws { id: "ws-1", scope: &["a.txt"], instructions: &instructions, tests: &tests, ..Ws::default() };
    let files = [("a.txt", "0\n"), (".gitignore", "node_modules/\n.cargo/\n"), ("conftest.py", "")];
    let project = lab(&pipeline("edit", "", &[one]), &files);
    project.write("node_modules/x/index.js", "");
    project.write(".cargo/config.toml", "");
    let summary = build(&project, 0);
    assert_eq!(workstream(&summary, "ws-1")["status"], "done");
    all_fresh(&project);
}

#[test]
fn what_an_edit_left_behind_is_gone_before_tests_run() {
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        instructions: &["echo a >> a.txt; mkdir -p __pycache__; echo stale > __pycache__/x.pyc"],
        tests: &["test ! -e __pycache__"],
        ..Ws::default()
    };
    let project = lab(&pipeline("edit", "", &[one]), &[("a.txt", "0\n"), (".gitignore", "__pycache__/\n")]);
    ran(&project);
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
}

#[test]
fn a_tool_hides_nothing_by_ignoring_it() {
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        instructions: &["echo a >> a.txt; echo '*' > .gitignore; echo stray > stray.txt"],
        tests: &["true a.txt"],
        ..Ws::default()
    };
    let project = lab(&pipeline("edit", "", &[one]), &[("a.txt", "0\n")]);
    project.pl(&["build", "*"]).expect(1).says("left its scope: .gitignore, stray.txt");
    assert_eq!(asked(&project), ["ws-1"]);
}
