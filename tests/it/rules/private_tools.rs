//! Programs that rules lack: left out, failed, or installed into `.pl/tools`; what the doctor says of them.
//!
//! The packages lie in the project, so that no registry is asked. Needs npm.

use crate::support::Project;

fn has_npm() -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join("npm").exists())
}

/// A project with a rule whose program is a package in its folder: it finds fault with files that hold `bad`.
fn lab(missing: &str) -> Project {
    let project = Project::new(&[
        (
            "Pipelinefile.kdl",
            "tool \"put\" { can \"edit\"; shell \"echo bad > a.txt\" }\n\
             workstream \"ws-1-a\" { files-scope \"a.txt\"; tasks { - \"Write a.txt\" }; tool \"put\"\n\
             acceptance-tests { run \"test\" \"-f\" \"a.txt\" } }\n",
        ),
        ("a.txt", "good\n"),
        (
            "checker/package.json",
            "{\"name\": \"find-bad\", \"version\": \"1.2.3\", \"bin\": {\"find-bad\": \"find-bad\"}}",
        ),
        (
            "checker/find-bad",
            "#!/bin/sh\n[ \"$1\" = --version ] && { echo find-bad 1.2.3; exit; }\ngrep -nH bad \"$@\" || exit 0\nexit 1\n",
        ),
    ]);
    let package = project.path("checker");
    project.write(
        "rules/find-bad.kdl",
        format!(
            "rule \"find-bad\" {{\n    files \"**/*.txt\" in=\"changed\"\n    run \"find-bad\" \"{{files}}\"\n    \
             parse \"regex\" {{ pattern #\"^(?P<path>.+?):(?P<line>\\d+):(?P<message>.*)$\"#; ignore \"^$\" }}\n    \
             missing \"{missing}\"\n    version {{ run \"find-bad\" \"--version\" }}\n    install \"npm\" \"{}\"\n}}\n",
            package.display()
        ),
    );
    project
}

#[test]
fn a_missing_program_skips_or_fails_as_the_rule_says() {
    lab("skip").pl(&["build", "ws-1"]).expect(0).says("find-bad was skipped: find-bad is not installed");
    let failed = lab("fail").pl(&["build", "ws-1"]);
    assert_ne!(failed.code, 0, "{}", failed.output());
    failed.says("`find-bad` is not installed");
}

#[test]
fn the_doctor_says_how_to_get_it_and_gets_it() {
    if !has_npm() {
        return;
    }
    let project = lab("skip");
    project.pl(&["doctor"]).expect(0).says("get it: pl doctor --install find-bad");
    project.pl(&["doctor", "--install", "find-bd"]).expect(3).says("did you mean `find-bad`?");
    project.pl(&["doctor", "--install"]).expect(0).says("installed find-bad").says("find-bad 1.2.3");
    // Nothing is missing any more.
    let again = project.pl(&["doctor", "--install"]).expect(0);
    assert!(!again.output().contains("installed"), "{}", again.output());
    // A build that was good without it looks it over now that it is there.
    project.pl(&["build", "ws-1"]).says("a.txt:1: error bad (find-bad)");
}

#[test]
fn a_build_that_skipped_a_rule_is_judged_again_when_its_program_is_there() {
    if !has_npm() {
        return;
    }
    let project = lab("skip");
    project.pl(&["build", "ws-1"]).expect(0);
    project.pl(&["build", "ws-1"]).expect(0).started_nothing();
    project.pl(&["doctor", "--install", "find-bad"]).expect(0);
    let after = project.pl(&["build", "ws-1"]);
    assert_ne!(after.code, 0, "{}", after.output());
    after.says("a.txt:1: error bad (find-bad)");
}

#[test]
fn a_rule_may_have_its_program_installed_when_it_is_needed() {
    if !has_npm() {
        return;
    }
    let project = lab("install");
    project.pl(&["check", "ws-1"]).started_nothing();
    project.pl(&["build", "ws-1"]).says("installing find-bad for find-bad").says("a.txt:1: error bad (find-bad)");
    assert!(project.path(".pl/tools/bin/find-bad").exists());
    // What cannot be had is a failure, not a lint that was left out.
    let project = lab("install");
    project.write("checker/package.json", "{\"name\": \"find-bad\", \"version\": \"1.2.3\"}");
    let failed = project.pl(&["build", "ws-1"]);
    assert_ne!(failed.code, 0, "{}", failed.output());
    failed.says("`find-bad` could not be installed");
}
