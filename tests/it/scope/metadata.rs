//! What all worktrees share: hooks, settings, refs. One build a case, so that a report can be laid at one door.
//!
//! Whatever is planted is never run: not by this build, not by later ones, not when a recorded edit is applied.

use serde_json::Value;

use crate::scope::lab::{Case, TEST, project_with, result, strays_in_refs};
use crate::support::{Project, workstream};

/// Where the main checkout is, and a command that would be seen to have run.
const PRELUDE: &str = "G=\"$(git rev-parse --path-format=absolute --git-common-dir)\"; M=\"$(dirname \"$G\")\"; \
                       RUN=\"touch $HOME/ran\"; echo 1 >> src/a.txt\n";

/// Applied later, in the presence of what was planted; its file is under every planted attribute.
const AFTER: &str = "workstream \"ws-after\" {\n    tool \"replay\"\n    files-scope \"after.txt\"\n    tasks { - \"x\" }\n    \
                     acceptance-tests { shell \"grep -q after after.txt\" }\n}\n";
const PATCH: &str =
    "diff --git a/after.txt b/after.txt\n--- a/after.txt\n+++ b/after.txt\n@@ -1 +1 @@\n-moved\n+after\n";

fn build(shell: &'static str) -> (Project, i32, Value, String) {
    let script: &'static str = Box::leak(format!("{PRELUDE}{shell}").into_boxed_str());
    let project = project_with(&[case(script)], AFTER);
    project.write("after.txt", "before\n");
    project.write("recordings/ws-after.patch", PATCH);
    // A test that calls git itself would run what was planted, as a person would; that is not ours.
    project.write("Pipelinefile.kdl", project.read("Pipelinefile.kdl").replace(TEST, "true ws-t"));
    project.commit("after");
    let ran = project.pl(&["build", "--json", "ws-t"]);
    (project, ran.code, ran.json(), ran.stderr)
}

const fn case(shell: &'static str) -> Case {
    result("ws-t", shell, &["M src/a.txt"])
}

/// Nothing that was planted ran, in this build, in looking, in a later build, in a recorded edit that needs a merge.
#[track_caller]
fn nothing_ran(project: &Project) {
    let looks: [&[&str]; 5] =
        [&["check"], &["build", "ws-t"], &["log"], &["build", "--force", "ws-t"], &["build", "ws-after"]];
    for look in looks {
        let ran = project.pl(look);
        assert!([0, 1, 3].contains(&ran.code), "{look:?}\n{}", ran.output());
        assert!(!ran.output().contains("panicked"), "{}", ran.output());
    }
    let ran = project.around().join("home/ran");
    assert!(!ran.exists(), "something planted was run");
    let _ = project
        .command("git")
        .current_dir(project.around())
        .args(["config", "-f", "project/.git/config", "--unset-all", "core.worktree"])
        .output();
    assert_eq!(strays_in_refs(project, ["ws-t", "ws-after"].into_iter()), Vec::<String>::new());
}

/// The edit fails, names what was planted and who ran, and has no result.
#[track_caller]
fn fails(paths: &[&str], shell: &'static str) -> Project {
    let (project, code, summary, output) = build(shell);
    let one = workstream(&summary, "ws-t");
    assert_eq!((code, one["status"].as_str()), (1, Some("failed")), "{summary:#}\n{output}");
    let failure =
        &one["steps"].as_array().expect("steps").iter().find(|step| step["kind"] == "edit").expect("edit")["failure"];
    for path in paths {
        let findings = failure["findings"].as_array().expect("findings");
        let named = findings.iter().find(|finding| finding["path"] == *path);
        let message = named.and_then(|finding| finding["message"].as_str()).unwrap_or_default();
        assert!(message.contains("while ws-t ran"), "{path}: {failure:#}");
    }
    assert_eq!(project.git(&["-c", "core.bare=false", "for-each-ref", "refs/pl/ws", "refs/heads/ws"]), "");
    project
}

/// The edit is good, and a warning names the path and who ran.
#[track_caller]
fn warns(paths: &[&str], shell: &'static str) -> Project {
    let (project, code, summary, output) = build(shell);
    assert_eq!((code, workstream(&summary, "ws-t")["status"].as_str()), (0, Some("done")), "{summary:#}\n{output}");
    let text = format!("{summary}{output}");
    for path in paths {
        let line = text.lines().find(|line| line.contains(&format!("ws-t: {path} was ")));
        assert!(line.is_some_and(|line| line.contains("while ws-t ran")), "{path} is not in\n{text}");
    }
    project
}

#[test]
fn hooks() {
    let project = fails(
        &["hooks/pre-commit", "hooks/post-checkout", "hooks/reference-transaction", "hooks/post-index-change"],
        "for h in pre-commit post-checkout reference-transaction post-index-change post-merge pre-auto-gc post-applypatch; \
         do printf '#!/bin/sh\\n%s\\n' \"$RUN\" > \"$G/hooks/$h\"; chmod +x \"$G/hooks/$h\"; done",
    );
    nothing_ran(&project);
}

#[test]
fn settings_that_run_something() {
    let project = fails(
        &[
            "config core.hookspath",
            "config core.fsmonitor",
            "config alias.status",
            "config core.pager",
            "config core.sshcommand",
        ],
        "mkdir \"$TMPDIR/h\"; printf '#!/bin/sh\\n%s\\n' \"$RUN\" > \"$TMPDIR/h/post-checkout\"; chmod +x \"$TMPDIR/h/post-checkout\"\n\
         git config core.hooksPath \"$TMPDIR/h\"; git config core.fsmonitor \"$RUN; false\"; git config alias.status \"!$RUN\"\n\
         git config core.pager \"$RUN\"; git config core.sshCommand \"$RUN\"",
    );
    nothing_ran(&project);
}

#[test]
fn an_fsmonitor_alone_is_not_asked_by_a_recorded_edit() {
    let project = fails(&["config core.fsmonitor"], "git config core.fsmonitor \"$RUN; false\"");
    project.pl(&["build", "ws-after"]);
    project.pl(&["check", "ws-t"]);
    assert!(!project.around().join("home/ran").exists(), "something planted was run");
}

#[test]
fn drivers_and_attributes() {
    let project = fails(
        &[
            "config filter.x.clean",
            "config filter.x.smudge",
            "config diff.x.textconv",
            "config merge.x.driver",
            "info/attributes",
        ],
        "for k in filter.x.clean filter.x.smudge filter.x.process diff.external diff.x.textconv diff.x.command merge.x.driver; \
         do git config $k \"$RUN\"; done; echo '* filter=x diff=x merge=x' > src/.gitattributes; mkdir -p \"$G/info\"; \
         cp src/.gitattributes \"$G/info/attributes\"",
    );
    let ran = project.pl(&["build", "ws-after"]);
    assert!(!project.around().join("home/ran").exists(), "something planted was run\n{}", ran.output());
}

#[test]
fn settings_that_lead_elsewhere() {
    nothing_ran(&fails(
        &["config include.path"],
        "printf '[alias]\\n\\tst = !%s\\n' \"$RUN\" > \"$TMPDIR/c\"; git config include.path \"$TMPDIR/c\"",
    ));
    nothing_ran(&fails(
        &["config core.worktree"],
        "mkdir \"$TMPDIR/w\"; git config -f \"$G/config\" core.worktree \"$TMPDIR/w\"",
    ));
    nothing_ran(&fails(
        &["objects/info/alternates"],
        "mkdir -p \"$TMPDIR/o\"; echo \"$TMPDIR/o\" > \"$G/objects/info/alternates\"",
    ));
    nothing_ran(&fails(&["config extensions.worktreeconfig"], "git sparse-checkout set ws-t/src"));
}

#[test]
fn settings_that_break_the_repository_are_told() {
    let cases: [(&str, &str); 3] = [
        ("config", "echo '[[[' >> \"$G/config\""),
        ("config core.bare", "git config -f \"$G/config\" core.bare true"),
        ("config core.repositoryformatversion", "git config -f \"$G/config\" core.repositoryformatversion 99"),
    ];
    for (path, shell) in cases {
        let script: &'static str =
            Box::leak(format!("{PRELUDE}cp \"$G/config\" \"$HOME/config\"; {shell}").into_boxed_str());
        let project = project_with(&[case(script)], "");
        let ran = project.pl(&["build", "ws-t"]).expect(1).says(path).says("while ws-t ran");
        assert!(!ran.output().contains("panicked"), "{}", ran.output());
        let next = project.pl(&["build", "ws-t"]);
        assert!([1, 3].contains(&next.code) && next.output().contains("error"), "{}", next.output());
        std::fs::copy(project.around().join("home/config"), project.path(".git/config")).expect("config");
        project.pl(&["build", "ws-t"]).expect(1).started_nothing();
    }
}

#[test]
fn settings_and_refs_that_people_change_every_day_are_warnings() {
    warns(
        &["config branch.beside.remote", "config user.name"],
        "git config branch.beside.remote origin; git config user.name x",
    );
    warns(&["info/exclude"], "echo stray >> \"$G/info/exclude\"; echo stray > \"$G/info/sparse-checkout\"");
    warns(&["ref refs/heads/mine", "ref refs/tags/t"], "git branch mine; git tag t");
    warns(&["ref refs/stash"], "git stash -q; git stash apply -q; git update-index -q --refresh");
    warns(&["worktree extra"], "git worktree add -q --detach \"$M/../extra\" main");
    warns(&["ref refs/heads/beside"], "git branch -D -q beside");
}

#[test]
fn the_base_branch_is_moved_while_its_tool_runs() {
    let project = warns(
        &["ref refs/heads/main"],
        "git update-ref refs/heads/main $(git commit-tree -p main -m x \"$(git rev-parse main:)\")",
    );
    project.pl(&["check"]).expect(0);
    let again = project.pl(&["build", "ws-after"]);
    assert!([0, 1].contains(&again.code), "{}", again.output());
}

#[test]
fn a_branch_that_is_switched_to() {
    fails(&[], "git checkout -q -b mine").pl(&["build", "ws-t"]).expect(1).says("left its scope: HEAD");
}

#[test]
fn refs_of_ours_are_nobodys_to_change() {
    let own = "ref=\"$(git for-each-ref --format='%(refname)' refs/pl/ws | head -1)\"";
    let first = result("ws-first", "echo 1 >> src/a.txt", &["M src/a.txt"]);
    for (name, how) in [("moved", "git update-ref \"$ref\" HEAD~1"), ("deleted", "git update-ref -d \"$ref\"")] {
        let script: &'static str = Box::leak(format!("echo 1 >> src/a.txt; {own}; {how}").into_boxed_str());
        let project = project_with(&[first, case(script)], "");
        project.pl(&["build", "ws-first"]).expect(0);
        let result = project.git(&["rev-parse", &project.result_ref("ws-first")]);
        project
            .pl(&["build", "ws-t"])
            .expect(1)
            .says("reached beyond its worktree: ref refs/pl/ws/")
            .says("while ws-t ran");
        // It is made again, from records.
        project.pl(&["build", "ws-first"]).expect(0).started_nothing();
        assert_eq!(project.git(&["rev-parse", &project.result_ref("ws-first")]), result, "{name}");
    }
}

#[test]
fn of_two_that_ran_at_once_both_are_named() {
    let wait = "touch \"$HOME/$(basename \"$PWD\")\"; while ! [ -e \"$HOME/ws-t\" ] || ! [ -e \"$HOME/ws-u\" ]; do sleep 0.01; done";
    let one: &'static str = Box::leak(format!("{PRELUDE}{wait}; echo x > \"$G/hooks/pre-push\"").into_boxed_str());
    let two: &'static str = Box::leak(
        format!("{PRELUDE}{wait}; while ! [ -e \"$G/hooks/pre-push\" ]; do sleep 0.01; done").into_boxed_str(),
    );
    let project = project_with(&[case(one), result("ws-u", two, &[])], "");
    project.pl(&["build", "-j2", "*"]).expect(1).says("hooks/pre-push").says("while ws-t, ws-u ran");
}

#[test]
fn what_setups_lints_and_tests_plant_fails_them() {
    let clean = result("ws-t", "echo 1 >> src/a.txt", &["M src/a.txt"]);
    let plain = project_with(&[clean], "");
    let definitions = plain.read("Pipelinefile.kdl");
    let hook = plain.path(".git/hooks/pre-push").display().to_string();
    let setup = format!("setup \"kit\" {{ shell ##\"echo x > {hook}\"##; inputs \"README.md\" }}\n{definitions}");
    let lint = format!(
        "rule \"plant\" {{\n    files \"**/*.txt\" in=\"changed\"\n    shell ##\"echo x > {hook}\"##\n    \
         exit {{ clean 0; findings 1 }}\n    parse \"regex\" {{ pattern #\"^(?P<path>.+?): (?P<message>.*)$\"# }}\n}}\n{definitions}"
    );
    let test = definitions.replace(TEST, &format!("echo x > {hook}; true ws-t"));
    for (step, text) in [("setup.kit", setup), ("plant", lint), ("test.1", test)] {
        plain.write("Pipelinefile.kdl", &text);
        plain.commit(step);
        let ran = plain.pl(&["build", "--json", "ws-t"]).expect(1);
        let summary = ran.json();
        let all = workstream(&summary, "ws-t")["steps"].as_array().expect("steps").clone();
        let failed = all.iter().find(|one| one["status"] == "failed").unwrap_or_else(|| panic!("{step}: {summary:#}"));
        let findings = failed["failure"]["findings"].to_string();
        assert!(
            findings.contains("hooks/pre-push") && findings.contains(&format!("while ws-t/{step} ran")),
            "{summary:#}"
        );
        assert_eq!(plain.git(&["for-each-ref", "refs/pl/ws", "refs/heads/ws"]), "");
        std::fs::remove_file(&hook).expect("the hook");
    }
    // What is no danger is told, and fails nothing.
    let told = definitions.replace(TEST, &format!("git -C {} branch -f mine HEAD; true ws-t", plain.root().display()));
    plain.write("Pipelinefile.kdl", told);
    plain.commit("told");
    plain.pl(&["build", "ws-t"]).expect(0).says("ref refs/heads/mine was added").says("while ws-t/test.1 ran");
}
