//! Quotas and hangs: neither is an attempt of the tool, each has a budget of its own, and both are told by their class.

use serde_json::Value;

use crate::fixing::lab::{Lab, asked, settled};
use crate::support::{Project, step, workstream};

/// The lab with further fields of the tool `first`.
fn lab(first: &str, line: &str, others: &[(&str, &str)], breaker: &str) -> Project {
    let fixers: Vec<(&str, &str)> = [("first", line)].into_iter().chain(others.iter().copied()).collect();
    let project = Lab { fixers: &fixers, breaker, ..Lab::default() }.project();
    let rules = project.read("rules/lab.kdl");
    project.write("rules/lab.kdl", rules.replace("tool \"first\" { ", &format!("tool \"first\" {{ {first}; ")));
    project.commit("the first tool says more");
    project
}

const GOOD: (&str, &str) = ("second", "echo good > a.txt");

/// Says nothing for ever: nobody writes into the pipe that its child reads.
const SILENT: &str = r#"mkfifo "$HOME/pipe" || true; cat "$HOME/pipe" & echo $! > "$HOME/child"; wait"#;

fn class(built: &Value) -> &str {
    workstream(built, "ws-1")["class"].as_str().unwrap_or_default()
}

#[test]
fn a_tool_without_quota_is_passed_over_for_the_next() {
    let project = lab("quota { exit 75 }", "exit 75", &[GOOD], "max-fixes 1");
    project.pl(&["build", "ws-1"]).expect(0).says("(quota): first has used up its quota: exit code 75");
    assert_eq!(asked(&project), ["coder", "first", "second"]);
    settled(&project, 0);
}

#[test]
fn a_quota_uses_up_no_try_and_is_no_record() {
    let line = r#"if [ -e "$HOME/used-up" ]; then echo "Error 429: Rate limit reached"; else echo bad $n > a.txt; fi"#;
    let project = lab(r##"quota { says #"(?i)\brate.limit\b"# }"##, line, &[], "max-fixes 2");
    let used_up = project.around().join("home/used-up");
    std::fs::write(&used_up, "").expect("a mark");
    // It leaves 0 and did nothing: that it says so is told, and not that it did nothing.
    let built = project.build(&["ws-1"], 1);
    assert_eq!(class(&built), "quota");
    let failure = &step(&built, "ws-1/fix.1")["failure"];
    assert_eq!(failure["message"], "first has used up its quota: Error 429: Rate limit reached");
    project.pl(&["show", "ws-1"]).expect(0).says("class     quota");
    assert_eq!(project.pl(&["show", "--json", "ws-1"]).json()["class"], "quota");
    project.build(&["ws-1"], 1);
    assert_eq!(asked(&project), ["coder", "first", "first"]);
    std::fs::remove_file(&used_up).expect("the mark");
    // Both tries are still there.
    let built = project.build(&["ws-1"], 1);
    assert_eq!(class(&built), "agent");
    assert_eq!(asked(&project), ["coder", "first", "first", "first", "first"]);
    project.build(&["ws-1"], 1);
    settled(&project, 1);
}

#[test]
fn an_edit_is_asked_of_the_next_tool_and_never_of_a_person_instead() {
    let tool = |name: &str, how: &str, line: &str| {
        format!(
            "tool \"{name}\" {{ kind \"ai\"; can \"edit\"; {how}; shell ##\"echo {name} >> \"$HOME/asked\"; {line}\"## }}\n"
        )
    };
    let line = r#"[ -e "$HOME/back" ] || exit 75; echo good > a.txt"#;
    let (one, two) = (tool("one", "quota { exit 75 }", line), tool("two", "quota { exit 75 }", line));
    let file = "workstream \"ws-1\" { tool \"edit\"; files-scope \"a.txt\"; tasks { - \"Write a.txt\" }; \
                acceptance-tests { shell \"test -e a.txt\" } }\n";
    let rules = format!("{one}{two}route \"edit\" \"one\" \"two\" \"manual\"\n");
    let project = Project::new(&[("rules/lab.kdl", &rules), ("Pipelinefile.kdl", file), ("a.txt", "0\n")]);
    let ran = project.pl(&["build", "--json", "ws-1"]).expect(1);
    assert_eq!((class(&ran.json()), asked(&project)), ("quota", vec!["one".to_owned(), "two".to_owned()]));
    ran.says("one has used up its quota: exit code 75 (quota); two is asked");
    let rules = rules.replacen("exit 75 }; shell ##\"echo two", "exit 75 }; shell ##\": > $HOME/back; echo two", 1);
    project.write("rules/lab.kdl", rules);
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["one", "two", "one", "two"]);
    assert_eq!(project.result("ws-1", "a.txt"), "good");
    // Who answered is in no key.
    project.pl(&["build", "ws-1"]).expect(0).started_nothing();
}

#[test]
fn a_tool_that_hangs_is_ended_whole_and_asked_once_more() {
    let line = format!("if [ $n = 1 ]; then {SILENT}; else echo good > a.txt; fi");
    let project = lab("idle \"2s\"", &line, &[], "max-fixes 1");
    let ran = project.pl(&["build", "ws-1"]).expect(0);
    ran.says("(hang): `sh` said nothing for 2 s").says("first is asked once more");
    assert_eq!(asked(&project), ["coder", "first", "first"]);
    let child = std::fs::read_to_string(project.around().join("home/child")).expect("a child");
    assert!(!std::path::Path::new("/proc").join(child.trim()).exists(), "{child} is still there");
    settled(&project, 0);
}

#[test]
fn one_that_hangs_twice_is_passed_over_and_the_last_one_gives_its_class() {
    let project = lab("idle \"1s\"", SILENT, &[GOOD], "max-fixes 1");
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder", "first", "first", "second"]);
    let alone = lab("idle \"1s\"", SILENT, &[], "");
    let built = alone.build(&["ws-1"], 1);
    assert_eq!((class(&built), asked(&alone).len()), ("hang", 3));
    alone.pl(&["show", "ws-1"]).expect(0).says("class     hang").says("(hang)");
}

#[test]
fn who_talks_does_not_hang_but_runs_out_of_time() {
    let project = lab("idle \"900ms\"; timeout \"2s\"", "while :; do echo x; done", &[GOOD], "");
    project.pl(&["build", "ws-1"]).expect(0).says("(timeout): `sh` did not end within 2 s");
    assert_eq!(asked(&project), ["coder", "first", "second"]);
}

#[test]
fn a_rule_may_hang_and_use_up_a_quota_too() {
    let rule = |how: &str, line: &str| {
        format!("rule \"online\" {{ files \"**/*.txt\"; shell ##\"{line}\"##; parse \"exit-code\"; {how} }}\n")
    };
    let project = Lab { edit: "echo good > a.txt", ..Lab::default() }.project();
    let rules = project.read("rules/lab.kdl");
    let with = |how: &str, line: &str| project.write("rules/lab.kdl", format!("{rules}{}", rule(how, line)));
    with("quota { says \"too many requests\" }", "echo 'HTTP 429: too many requests'; exit 22");
    let built = project.build(&["ws-1"], 1);
    let failure = &step(&built, "ws-1/online")["failure"];
    assert_eq!((class(&built), &failure["class"]), ("quota", &"quota".into()));
    assert_eq!(failure["message"], "online has used up its quota: HTTP 429: too many requests");
    project.pl(&["lint", "--rule", "online"]).expect(1).says("failed online: online has used up its quota");
    // What it finds may speak of it.
    let found = "if grep -q good a.txt; then echo 'too many requests'; exit 1; fi";
    with("quota { says \"too many requests\" }", found);
    assert_eq!(class(&project.build(&["ws-1"], 1)), "agent");
    with("idle \"1s\"", SILENT);
    assert_eq!(class(&project.build(&["ws-1"], 1)), "hang");
    project.pl(&["lint", "--rule", "online"]).expect(1).says("said nothing for 1 s");
    with("quota { says \"(\" }", "true");
    project.pl(&["check"]).expect(2).says("`(` is not a regular expression");
}
