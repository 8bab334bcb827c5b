//! The report of an attempt, in the fields that the older system's error report had.

use serde_json::Value;

use super::{lab, rule};
use crate::support::Project;

/// The older report's fields, and beside them the row of the attempt and what is red.
const FIELDS: [&str; 9] =
    ["ai_agent", "attempt", "attempt_number", "issues", "outputs", "red", "run_id", "summary", "workstream_id"];
const SUMMARY_FIELDS: [&str; 7] = [
    "has_hard_fail",
    "issues_by_category",
    "issues_by_tool",
    "style_only",
    "total_errors",
    "total_issues",
    "total_warnings",
];

fn report(project: &Project, number: &str) -> Value {
    let mut shown = project.pl(&["show", "ws-1", "--attempt", number, "--json"]).expect(0).started_nothing().json();
    assert_eq!(shown.as_object_mut().expect("an object").remove("show"), Some("attempt".into()));
    shown
}

#[track_caller]
fn has_fields(value: &Value, fields: &[&str]) {
    let names: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(names, fields);
}

#[test]
fn every_attempt_has_its_report_here_and_in_quarantine() {
    let rules = rule("words", "")
        + "tool \"first\" { kind \"ai\"; can \"fix\"; shell \"echo x >> $HOME/n; wc -l < $HOME/n > a.txt; echo bad >> a.txt\" }\n";
    let project = lab(&format!("{rules}route \"fix\" \"first\"\n"), "printf 'bad\\nso bad\\n' > a.txt");
    let built = project.build(&["ws-1"], 1);
    let first = report(&project, "1");
    has_fields(&first, &FIELDS);
    has_fields(&first["summary"], &SUMMARY_FIELDS);
    has_fields(&first["outputs"][0], &["input", "output", "path"]);
    assert_eq!((&first["attempt_number"], &first["ai_agent"]), (&1.into(), &"coder".into()));
    assert_eq!((&first["workstream_id"], &first["run_id"]), (&"ws-1".into(), &built["run_id"]));
    let summary = &first["summary"];
    assert_eq!((&summary["total_issues"], &summary["total_warnings"]), (&2.into(), &2.into()));
    assert_eq!((&summary["issues_by_tool"]["words"], &summary["issues_by_category"]["style"]), (&2.into(), &2.into()));
    assert_eq!((&summary["style_only"], &summary["has_hard_fail"]), (&true.into(), &false.into()));
    assert_eq!((&first["issues"][1]["source"], &first["issues"][1]["column"]), (&"so bad".into(), &4.into()));
    let blob = |value: &Value| project.git(&["cat-file", "-p", value.as_str().expect("a blob")]);
    assert_eq!(first["outputs"][0]["path"], "a.txt");
    assert_eq!(
        (blob(&first["outputs"][0]["input"]), blob(&first["outputs"][0]["output"])),
        ("0".into(), "bad\nso bad".into())
    );
    let second = report(&project, "2");
    assert_eq!((&second["ai_agent"], &second["summary"]["total_issues"]), (&"first".into(), &1.into()));
    assert_eq!(second["outputs"][0]["input"], first["outputs"][0]["output"]);
    // What lies in quarantine says the same.
    let folder = project.path(".pl/quarantine").join(built["run_id"].as_str().expect("a run")).join("ws-1/attempts");
    for number in ["1", "2", "3"] {
        let text = std::fs::read_to_string(folder.join(format!("{number}.json"))).expect("a report");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), report(&project, number));
    }
    let page = project.pl(&["show", "ws-1", "--attempt", "2"]).expect(0).stdout;
    for says in [
        "ws-1 attempt 2  first  taken",
        "  M a.txt\n",
        "\na.txt:2:1: warning no bad (words)\n    2 │ bad\n",
        "1 issue: 1 style (1 words)\n",
        "pl diff ws-1 2",
    ] {
        assert!(page.contains(says), "{says:?} is not in\n{page}");
    }
    project.pl(&["show", "ws-1", "--attempt", "9"]).expect(2).says("ws-1 has attempts 1 to 3");
    project.pl(&["reset", "ws-1"]).expect(0);
    project.pl(&["show", "ws-1", "--attempt", "1"]).expect(2).says("ws-1 has no attempts yet");
}

#[test]
fn what_was_green_at_once_has_one_attempt_and_a_red_test_is_an_issue() {
    let project = lab(&rule("words", ""), "echo good > a.txt");
    project.pl(&["show", "ws-1", "--attempt", "1"]).expect(2).says("has no attempts yet");
    let built = project.build(&["ws-1"], 0);
    let only = report(&project, "1");
    has_fields(&only, &FIELDS);
    assert_eq!((&only["run_id"], &only["issues"]), (&built["run_id"], &serde_json::json!([])));
    assert_eq!((&only["summary"]["style_only"], &only["outputs"][0]["path"]), (&true.into(), &"a.txt".into()));
    project.pl(&["show", "ws-1", "--attempt", "1"]).expect(0).says("0 issues").says("pl diff ws-1   what it changed");
    project.pl(&["show", "ws-1", "--attempt", "2"]).expect(2).says("ws-1 has attempts 1 to 1");
    let text = project.read("Pipelinefile.kdl").replace("test -e a.txt", "test -e b.txt");
    project.write("Pipelinefile.kdl", text);
    project.build(&["ws-1"], 1);
    let red = report(&project, "1");
    let summary = &red["summary"];
    assert_eq!((&summary["has_hard_fail"], &summary["issues_by_category"]["test_failure"]), (&true.into(), &1.into()));
    assert_eq!((&summary["issues_by_tool"]["test.1"], &red["red"][0]["step"]), (&1.into(), &"ws-1/test.1".into()));
}
