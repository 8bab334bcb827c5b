//! What a tool can do to what workstreams share: the main checkout, the repository's metadata, other worktrees.
//!
//! One build a case, so that a report can be laid at one door.

use super::Expect::Either;
use super::{judge, project};
use crate::support::{Project, workstream};

/// Builds one case; the project, its output, and whether it says what was touched.
#[track_caller]
fn build(name: &'static str, script: &'static str) -> (Project, String) {
    let case = (name, script, Either);
    let project = project(&[case]);
    let root = project.root();
    let ran = project.pl_with(&["build", "--json", &format!("ws-{name}")], &[("MAIN", &root.to_string_lossy())]);
    let summary = ran.json();
    judge(&project, &summary, &case);
    (project, ran.output())
}

/// The tool knows where the main checkout is through the worktree's own `.git` file.
const MAIN: &str = "MAIN=$(dirname \"$(git rev-parse --path-format=absolute --git-common-dir)\")\n";

macro_rules! reported {
    ($($test:ident: $name:literal, $script:literal, $says:literal;)+) => {$(
        #[test]
        fn $test() {
            let script: &'static str = Box::leak(format!("{MAIN}{}", $script).into_boxed_str());
            let (_, output) = build($name, script);
            assert!(output.contains($says), "{:?} is not in\n{output}", $says);
        }
    )+};
}

reported! {
    a_new_file_in_the_main_checkout: "main-new", "echo x > \"$MAIN/stray.txt\"", "stray.txt";
    a_changed_file_in_the_main_checkout: "main-change", "echo x >> \"$MAIN/out/main-change.txt\"", "out/main-change.txt";
    a_deleted_file_in_the_main_checkout: "main-delete", "rm \"$MAIN/out/main-delete.txt\"", "out/main-delete.txt";
    a_planted_hook: "hook", "printf '#!/bin/sh\\necho x > \"%s/hooked\"\\n' \"$MAIN\" > \"$MAIN/.git/hooks/post-checkout\"; chmod +x \"$MAIN/.git/hooks/post-checkout\"", "hooks/post-checkout";
    a_planted_configuration: "config", "git config core.fsmonitor \"touch $MAIN/ran\"", "config";
    a_planted_filter: "filter", "git config filter.evil.clean \"touch $MAIN/ran\"; mkdir -p \"$MAIN/.git/info\"; echo '* filter=evil' > \"$MAIN/.git/info/attributes\"", "info/attributes";
    a_planted_exclude: "exclude", "echo stray.txt >> \"$MAIN/.git/info/exclude\"", "info/exclude";
    a_moved_branch: "branch", "git update-ref refs/heads/main $(git -c user.name=t -c user.email=t@localhost commit-tree -p main -m x $(git rev-parse main:) </dev/null)", "refs/heads/main";
    a_new_branch: "newbranch", "git branch mine", "refs/heads/mine";
    a_worktree_of_its_own: "worktree", "git worktree add -q --detach \"$MAIN/../extra\" main", "worktree";
}

#[test]
fn planted_commands_are_never_run_by_later_builds() {
    let script: &'static str = Box::leak(
        format!(
            "{MAIN}git config core.fsmonitor \"touch $MAIN/ran\"; git config core.hooksPath \"$MAIN/hooks\"; \
             git config filter.evil.clean \"touch $MAIN/ran\"; git config filter.evil.smudge \"touch $MAIN/ran\"; \
             mkdir -p \"$MAIN/hooks\"; printf '#!/bin/sh\\ntouch \"%s/ran\"\\n' \"$MAIN\" > \"$MAIN/hooks/post-checkout\"; \
             chmod +x \"$MAIN/hooks/post-checkout\"; echo '* filter=evil' > in/planted/.gitattributes"
        )
        .into_boxed_str(),
    );
    let (project, _) = build("planted", script);
    project.pl(&["build", "--force", "ws-planted"]);
    project.pl(&["check", "ws-planted"]).expect(0);
    assert!(!project.path("ran").exists(), "a planted command was run");
}

#[test]
fn a_kept_worktree_of_another_is_watched() {
    let cases = [("left", "echo x > stray.txt", Either), ("right", "echo x > ../ws-left/in/left/a.txt", Either)];
    let project = project(&cases);
    project.pl(&["build", "ws-left"]).expect(1);
    let ran = project.pl(&["build", "--json", "ws-right"]);
    assert!(ran.output().contains("in/left/a.txt"), "{}", ran.output());
}

#[test]
fn with_strict_a_write_to_the_main_checkout_fails_the_edit() {
    let script: &'static str = Box::leak(format!("{MAIN}echo x > \"$MAIN/stray.txt\"").into_boxed_str());
    let case = ("strict", script, Either);
    let project = project(&[case]);
    project.write("Pipelinefile.kdl", "strict #true\n");
    project.commit("strict");
    let summary = project.build(&["ws-strict"], 1);
    assert_eq!(workstream(&summary, "ws-strict")["status"], "failed");
    assert!(super::violations(workstream(&summary, "ws-strict")).contains(&"stray.txt".to_owned()), "{summary:#}");
}
