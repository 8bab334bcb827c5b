//! Programs that fail, that are not there, and that are real.

use std::io::Write;

use super::{handed, lab, make_executable, rule, words};
use crate::support::Project;

const SINGLE: &str = "reads \"files\"; each-file";

#[test]
fn a_crash_is_never_clean_and_never_known() {
    let project = lab(SINGLE);
    project.write("b.txt", "crash\n");
    for _ in 0..2 {
        let failed = words(&project, &[]).expect(1).says("failed words").says("exit code 9 means neither clean");
        assert_eq!(handed(&failed).len(), 1);
        assert!(!failed.output().contains("clean: "), "{}", failed.output());
    }
    project.write("b.txt", "mumble\n");
    words(&project, &[]).expect(1).says("failed words");
    let json = words(&project, &["--json"]).expect(1).json();
    assert_eq!((&json["ok"], &json["rules"][0]["status"]), (&false.into(), &"failed".into()));
    project.write("b.txt", "good\n");
    words(&project, &[]).expect(0);
}

#[test]
fn a_missing_program_fails_or_is_noted() {
    let project = lab(SINGLE);
    let absent =
        |missing: &str| rule("words", &format!("{SINGLE}; missing \"{missing}\"")).replace("./check", "no-such-check");
    project.write("rules/words.kdl", absent("fail"));
    words(&project, &[]).expect(3).says("failed words: no-such-check is not installed").started_nothing();
    project.write("rules/words.kdl", absent("skip"));
    words(&project, &[]).expect(0).says("note: words was skipped: no-such-check is not installed").started_nothing();
    project.pl(&["lint", "--rule", "wrods"]).expect(2).says("did you mean `words`?");
}

#[test]
fn findings_are_told_in_other_forms() {
    let project = lab(SINGLE);
    project.write("a.txt", "good\nbad\n");
    let json = words(&project, &["--json"]).expect(1).json();
    assert_eq!((&json["findings"][0]["path"], &json["findings"][0]["line"]), (&"a.txt".into(), &2.into()));
    words(&project, &["--format", "github"]).expect(1).says("::warning title=words,file=a.txt,line=2::bad");
    project.write("Pipelinefile.kdl", "fail-on severity=\"error\"\n");
    words(&project, &[]).expect(0).says("a.txt:2: warning bad (words)");
}

#[test]
fn checks_without_a_program_and_rules_in_use() {
    let project = Project::new(&[
        ("Pipelinefile.kdl", "use \"whitespace\" \"conflict-markers\"\n"),
        ("a.py", "x = 1 \n"),
        ("b.py", "x = 1\n"),
        ("c.json", "{}\n"),
    ]);
    let first = project.pl(&["lint", "-v"]).expect(1).says("a.py:1:6: warning").says("whitespace");
    // Rules that are always looked over are, too: one starts a Python, and JSON needs no program.
    assert!(first.started.iter().all(|argv| argv[0] == "python3"), "{:?}", first.started);
    project.pl(&["lint"]).expect(1).started_nothing();
    project.write("a.py", "x = (1\n");
    let second = project.pl(&["lint"]).expect(1).says("a.py:1:5: error");
    assert_eq!(second.started.len(), 1);
    assert_eq!(second.started[0].last().map(String::as_str), Some("a.py"));
    project.write("a.py", "x = 1\n");
    project.pl(&["lint"]).expect(0).says("clean: ");
}

#[test]
fn a_folder_without_definitions_can_be_looked_over() {
    let project = Project::new(&[("a.json", "{]\n")]);
    std::fs::remove_file(project.path("Pipelinefile.kdl")).expect("gone");
    project.pl(&["lint"]).expect(1).says("a.json:1:2: error");
    project.pl(&["lint", "--rule", "whitespace"]).expect(0).started_nothing();
}

#[test]
fn what_is_agreed_is_not_told_again() {
    let project = lab(SINGLE);
    project.write("a.txt", "bad\n");
    project.write("Pipelinefile.kdl", "use \"whitespace\"\n");
    project.pl(&["lint", "--write-baseline"]).expect(0).says("wrote lint-baseline.json; it excuses 1");
    project.pl(&["lint"]).expect(0).says("1 left out that lint-baseline.json has");
    project.write("a.txt", "good\nbad\n");
    project.pl(&["lint"]).expect(0);
    project.write("a.txt", "good\nbad\nbad and new\n");
    let new = project.pl(&["lint"]).expect(1).says("a.txt:3: ");
    assert!(!new.output().contains("a.txt:2"), "{}", new.output());
    project.write("b.txt", "crash\n");
    project.pl(&["lint", "--write-baseline"]).expect(3).says("no baseline was written: words");
    project.write("b.txt", "good\n");
    project.write("lint-baseline.json", "{");
    project.pl(&["lint"]).expect(3).says("cannot read lint-baseline.json");
}

/// A program that is on PATH, or that `tests/checkers/install` put somewhere.
fn real(name: &str) -> Option<std::path::PathBuf> {
    let ours = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/checkers");
    let installed = std::env::var_os("PL_CHECKERS_DIR").map_or(ours, std::path::PathBuf::from).join(".pl/tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain([installed]).map(|folder| folder.join(name)).find(|path| path.exists())
}

/// Says that a scenario did not run, past the harness, which keeps what a test that passes prints; a failure where programs
/// are required.
fn skipped(scenario: &str, program: &str) {
    let _ = writeln!(std::io::stderr(), "\nlint skipped: {scenario} ({program} is not installed)");
    let required = std::env::var("PL_CHECKERS").is_ok_and(|word| word == "required");
    assert!(!required, "{scenario} was skipped: {program} is not installed; tests/checkers/install");
}

#[test]
fn real_programs_are_handed_what_moved() {
    let mut found = Vec::new();
    for name in ["ruff", "codespell"] {
        match real(name) {
            Some(program) => found.push((name, program)),
            None => return skipped("real_programs_are_handed_what_moved", name),
        }
    }
    let project = Project::new(&[
        ("Pipelinefile.kdl", "use \"ruff\" \"codespell\"\n"),
        ("a.py", "import os\n"),
        ("b.py", "x = 1  # teh\n"),
        ("c.py", "x = 1\n"),
    ]);
    for (name, program) in found {
        project.write(&format!(".pl/tools/bin/{name}"), format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display()));
        make_executable(&project, &format!(".pl/tools/bin/{name}"));
    }
    project.pl(&["lint"]).expect(1).says("a.py:1:8: ").says("F401").says("b.py:1: warning teh");
    project.pl(&["lint"]).expect(1).started_nothing();
    project.write("c.py", "y = 1\n");
    let third = project.pl(&["lint"]).expect(1).says("F401");
    assert!(third.started.iter().all(|argv| argv.last().is_some_and(|file| file == "c.py")), "{:?}", third.started);
    assert_eq!(third.started.len(), 3);
    project.pl(&["lint", "--fix"]).expect(0).says("mended a.py").says("mended b.py");
    assert_eq!((project.read("a.py"), project.read("b.py")), (String::new(), "x = 1  # the\n".to_owned()));
}

#[test]
fn a_missing_program_is_installed_where_the_rule_says_so() {
    if real("npm").is_none() {
        return skipped("a_missing_program_is_installed_where_the_rule_says_so", "npm");
    }
    let project = lab(SINGLE);
    project
        .write("checker/package.json", r#"{"name": "my-check", "version": "1.0.0", "bin": {"my-check": "my-check"}}"#);
    project.write("checker/my-check", super::CHECK);
    let package = project.path("checker").display().to_string();
    let how = format!("{SINGLE}; missing \"install\"; install \"npm\" \"{package}\"");
    project.write("rules/words.kdl", rule("words", &how).replace("./check", "my-check"));
    project.write("b.txt", "bad\n");
    words(&project, &[]).expect(1).says("note: installed my-check for words").says("b.txt:1: ");
    let second = words(&project, &[]).expect(1).started_nothing();
    assert!(!second.output().contains("installed"), "{}", second.output());
    // What cannot be had is a failure, not a rule that was left out.
    let _ = std::fs::remove_dir_all(project.path(".pl"));
    project.write("checker/package.json", r#"{"name": "my-check", "version": "1.0.0"}"#);
    let failed = words(&project, &[]).expect(3).says("failed words: my-check is not installed");
    assert!(!failed.output().contains("clean: "), "{}", failed.output());
}
