//! Findings of a run that is over, and which are the newest.

use serde_json::Value;

use super::{lab, rule};
use crate::support::Project;

fn run(project: &Project, code: i32) -> String {
    project.build(&["ws-1"], code)["run_id"].as_str().expect("a run").to_owned()
}

fn lines(shown: &Value) -> Vec<u64> {
    shown["findings"].as_array().expect("findings").iter().filter_map(|row| row["line"].as_u64()).collect()
}

fn edit(project: &Project, line: &str) {
    let text = project.read("rules/lab.kdl");
    let (before, _) = text.split_once("tool \"coder\"").expect("the editor");
    project.write(
        "rules/lab.kdl",
        format!("{before}tool \"coder\" {{ kind \"ai\"; can \"edit\"; shell ##\"{line}\"## }}\n"),
    );
    let text = project.read("Pipelinefile.kdl").replace("Write a.txt", "Write a.txt anew:");
    project.write("Pipelinefile.kdl", text);
}

#[test]
fn what_a_run_found_is_told_when_later_ones_found_something_else() {
    let project =
        lab(&(rule("words", "") + &rule("spelling", "").replace("bad", "teh")), "printf 'x\\nbad teh\\n' > a.txt");
    let first = run(&project, 1);
    edit(&project, "printf 'x\\ny\\nbad\\n' > a.txt");
    let second = run(&project, 1);
    let shown = |arguments: &[&str]| {
        let all: Vec<&str> = ["show", "--findings", "--json"].into_iter().chain(arguments.iter().copied()).collect();
        lines(&project.pl(&all).expect(0).started_nothing().json())
    };
    assert_eq!(shown(&[]), [3]);
    assert_eq!(shown(&["--run", &first]), [2, 2]);
    assert_eq!(shown(&["--run", &second, "ws-1"]), [3]);
    let end = first.rsplit_once('-').expect("an end").1;
    assert_eq!(shown(&["--run", end, "ws-1/spelling"]), [2]);
    assert_eq!(shown(&["--run", &first, "--tool", "words"]), [2]);
    assert_eq!(shown(&["--run", &second, "--rule", "spelling"]), [] as [u64; 0]);
    let text = project.pl(&["show", "--findings", "--run", &first]).expect(0);
    assert!(
        text.stdout.contains("a.txt:2:1: warning no bad (words)") && text.stdout.contains("    2 │ bad teh\n"),
        "{}",
        text.stdout
    );
    for (format, says) in [
        ("sarif", "\"startLine\": 2"),
        ("github", "file=a.txt,line=2"),
        ("gitlab", "\"begin\": 2"),
        ("junit", "no teh"),
        ("markdown", "`a.txt:2:5`"),
        ("json", "\"source\": \"bad teh\""),
        ("text", "2 findings"),
    ] {
        project.pl(&["show", "--findings", "--run", &first, "--format", format]).expect(0).says(says);
    }
    // Runs are shown even while definitions are wrong.
    project.write("Pipelinefile.kdl", "nonsense {\n");
    assert_eq!(shown(&["--run", &first]), [2, 2]);
}

#[test]
fn what_is_not_there_is_said_with_the_nearest() {
    let project = lab(&rule("words", ""), "echo bad > a.txt");
    project.pl(&["show", "--findings", "--run", "3f9c"]).expect(2).says("no run `3f9c`");
    let first = run(&project, 1);
    let mut near = first.clone();
    near.pop();
    let hint = format!("did you mean `{first}`?");
    project.pl(&["show", "--findings", "--run", &near]).expect(2).says(&format!("no run `{near}`")).says(&hint);
    project.pl(&["show", "--findings", "--run", &first, "ws-2"]).expect(2).says("was not built in").says("`ws-1`");
    project
        .pl(&["show", "--findings", "--tool", "word"])
        .expect(2)
        .says("no rule `word`")
        .says("did you mean `words`?");
    project.pl(&["show", "--findings", "--tool", "ruff"]).expect(0).says("no findings");
    project.pl(&["show", "--run", &first]).expect(2);
}

#[test]
fn findings_are_gone_where_another_record_made_the_rule_green() {
    let project = lab(&rule("words", "reads \"files\""), "echo good > a.txt");
    project.build(&["ws-1"], 0);
    edit(&project, "echo bad > a.txt");
    project.build(&["ws-1"], 1);
    project.pl(&["show", "--findings"]).expect(0).says("1 finding: 1 new");
    // The answer is that of the first candidate: the rule makes no record of its own.
    edit(&project, "echo good > a.txt");
    project.build(&["ws-1"], 0);
    let shown = project.pl(&["show", "--findings"]).expect(0).says("no findings; gone: 1 verified");
    assert!(!shown.stdout.contains("a.txt"), "{}", shown.stdout);
    assert_eq!(project.pl(&["show", "--json", "ws-1"]).expect(0).json()["findings"], serde_json::json!([]));
}

#[test]
fn findings_of_another_workstream_s_record_are_told_for_both() {
    let project = lab(&rule("words", "reads \"files\""), "echo bad > a.txt");
    let second = project.read("Pipelinefile.kdl").replace("ws-1", "ws-2").replace("Write a.txt", "Write it");
    let first = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", format!("allow-overlap \"ws-1\" \"ws-2\"\n{first}{second}"));
    project.build(&["ws-1"], 1);
    project.build(&["ws-2"], 1);
    let shown = project.pl(&["show", "--findings", "--json"]).expect(0).json();
    let steps: Vec<&str> =
        shown["findings"].as_array().expect("rows").iter().filter_map(|row| row["step"].as_str()).collect();
    assert_eq!(steps, ["ws-2/words", "ws-1/words"]);
}
