//! Programs that fail, that are not there, and that are real.

use super::{handed, lab, rule, words};
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
    // Rules that are always looked over are, too: two that start a Python.
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
