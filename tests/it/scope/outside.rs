//! What lies beside the worktree: the main checkout, other worktrees, `pl`'s own store, processes that outlive the tool.

use crate::scope::lab::{Case, project, project_with, result, stray, strays_in_refs};
use crate::support::{Project, workstream};

const MAIN: &str =
    "M=\"$(dirname \"$(git rev-parse --path-format=absolute --git-common-dir)\")\"; echo 1 >> src/a.txt\n";

fn one(shell: &str, more: &str) -> Project {
    let script: &'static str = Box::leak(format!("{MAIN}{shell}").into_boxed_str());
    project_with(&[result("ws-t", script, &["M src/a.txt"])], more)
}

/// The edit is good, the difference is told with who ran, and is not in the result.
#[track_caller]
fn warned(path: &str, shell: &str) -> Project {
    let project = one(shell, "");
    project.pl(&["build", "*"]).expect(0).says(&format!("ws-t: {path} was ")).says("while ws-t ran");
    assert_eq!(project.result_changes("ws-t"), ["M ws-t/src/a.txt"]);
    project
}

#[test]
fn the_main_checkout() {
    warned("stray.txt", "echo stray > \"$M/stray.txt\"");
    warned("ws-t/out/x.txt", "echo stray >> \"$M/ws-t/out/x.txt\"");
    warned("README.md", "rm \"$M/README.md\"");
    warned("README.md", "chmod +x \"$M/README.md\"");
    warned("ws-t/src/b.txt", "mv \"$M/ws-t/src/b.txt\" \"$M/ws-t/src/z.txt\"");
    warned("index", "GIT_DIR=\"$M/.git\" GIT_WORK_TREE=\"$M\" git update-index --assume-unchanged README.md");
    warned("HEAD", "echo 'ref: refs/heads/beside' > \"$M/.git/HEAD\"");
    warned("recordings/x.patch", "mkdir \"$M/recordings\"; echo x > \"$M/recordings/x.patch\"");
}

#[test]
fn with_strict_it_fails() {
    let project = one("echo stray > \"$M/stray.txt\"", "strict");
    project.pl(&["build", "*"]).expect(1).says("reached beyond its worktree: stray.txt").says("while ws-t ran");
    assert_eq!(project.git(&["for-each-ref", "refs/pl/ws", "refs/heads/ws"]), "");
}

#[test]
fn definitions_that_a_tool_changes_count_from_the_next_build_on() {
    let project = one(
        "sed -i 's/true/true/; s/ws-t\\/made.txt/ws-t\\/out\\/x.txt/' \"$M/Pipelinefile.kdl\"; echo stray >> out/x.txt",
        "",
    );
    let summary = project.build(&["*"], 1);
    assert_eq!(workstream(&summary, "ws-t")["scope"]["out_of_scope"][0], "ws-t/out/x.txt");
    assert!(summary.to_string().contains("Pipelinefile.kdl"), "{summary:#}");
    assert_eq!(project.git(&["for-each-ref", "refs/pl/ws"]), "");
}

#[test]
fn a_kept_worktree_of_another() {
    let left = stray("ws-left", "echo stray > out/z", &["out/z"]);
    let write = "echo 1 >> src/a.txt; echo stray >> \"$PL_WORKTREE/../ws-left/ws-left/src/a.txt\"";
    let project = project(&[left, result("ws-right", write, &["M src/a.txt"])]);
    project.pl(&["build", "ws-left"]).expect(1);
    project.pl(&["build", "ws-right"]).expect(0).says("ws-right: ws-left/src/a.txt was ").says("while ws-right ran");
    assert_eq!(project.result_changes("ws-right"), ["M ws-right/src/a.txt"]);
}

#[test]
fn a_worktree_that_is_being_built() {
    let wait = "touch \"$HOME/ready-$(basename \"$PWD\")\"";
    let left: &'static str = Box::leak(
        format!("echo 1 >> src/a.txt; {wait}; while ! [ -e \"$HOME/written\" ]; do sleep 0.01; done").into_boxed_str(),
    );
    let right = "echo 1 >> src/a.txt; while ! [ -e \"$HOME/ready-ws-left\" ]; do sleep 0.01; done; \
                 echo stray > \"$PL_WORKTREE/../ws-left/ws-right-was-here\"; touch \"$HOME/written\"";
    let cases = [stray("ws-left", left, &["/ws-right-was-here"]), result("ws-right", right, &["M src/a.txt"])];
    let project = project(&cases);
    let summary = project.build(&["-j2", "*"], 1);
    assert_eq!(super::lab::judge(&project, &cases, &summary), Vec::<String>::new());
}

#[test]
fn what_pl_remembers() {
    for shell in [
        "for f in \"$M\"/.pl/*.db*; do echo garbage > \"$f\"; done",
        "rm -rf \"$M/.pl\"",
        "find \"$M/.pl\" -type f -name '*db*' -exec truncate -s 100 '{}' +",
        "rm -rf \"$M/.worktrees\"; ln -s /etc \"$M/.worktrees\"",
    ] {
        let project = one(&format!("[ -e \"$HOME/once\" ] || {{ touch \"$HOME/once\"; {shell}; }}"), "");
        project.pl(&["build", "*"]);
        assert_eq!(strays_in_refs(&project, ["ws-t"].into_iter()), Vec::<String>::new());
        let next = project.pl(&["build", "*"]);
        assert_eq!(next.code, 0, "{shell}\n{}", next.output());
        assert_eq!(project.result_changes("ws-t"), ["M ws-t/src/a.txt"], "{shell}");
        project.pl(&["build", "*"]).expect(0).started_nothing();
    }
}

#[test]
fn objects_that_are_deleted() {
    let project = one("echo 1 >> out/x.txt; rm -rf \"$M\"/.git/objects/*", "");
    let ran = project.pl(&["build", "*"]);
    assert!(ran.code == 1 && !ran.output().contains("panicked"), "{}", ran.output());
    let next = project.pl(&["build", "*"]);
    assert!([1, 3].contains(&next.code) && !next.output().contains("panicked"), "{}", next.output());
}

#[test]
fn a_process_that_stays_is_ended_before_anything_is_looked_at() {
    let late = |how: &str| {
        let script = format!("echo 1 >> src/a.txt; {how}");
        let shell: &'static str = Box::leak(script.into_boxed_str());
        shell
    };
    let write = "sleep 0.3; while :; do echo stray > \"$PL_WORKTREE/late\"; echo late >> \"$PL_WORKTREE/$C/src/b.txt\"; sleep 0.02; done";
    let cases: [Case; 3] = [
        result(
            "ws-group",
            late(&format!("C=ws-group; export C; sh -c '{write}' > /dev/null 2>&1 &")),
            &["M src/a.txt"],
        ),
        result(
            "ws-setsid",
            late(&format!("C=ws-setsid; export C; setsid sh -c '{write}' > /dev/null 2>&1 &")),
            &["M src/a.txt"],
        ),
        result(
            "ws-twice",
            late(&format!("C=ws-twice; export C; (setsid sh -c '({write}) &' > /dev/null 2>&1 &) &")),
            &["M src/a.txt"],
        ),
    ];
    super::lab::check(&cases);
}

#[test]
fn a_task_that_runs_meanwhile_writes_where_it_may() {
    let wait = |mine: &str, other: &str| {
        format!("touch \"$HOME/{mine}\"; while ! [ -e \"$HOME/{other}\" ]; do sleep 0.01; done")
    };
    let task = format!(
        "task \"gen\" {{ shell ##\"{}; echo x > made.txt; touch \"$HOME/written\"\"## }}\nstrict",
        wait("t", "w")
    );
    let project = one(&wait("w", "written"), &task);
    let ran = project.pl(&["build", "-j2", "gen", "ws-t"]).expect(0);
    assert!(!ran.output().contains("made.txt was"), "{}", ran.output());
}
