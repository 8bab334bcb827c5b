//! The example of docs/rules.md does what the page says, and the library is used by name.
//!
//! Knows no checker but grep.

use crate::support::{Project, Ran};

fn example() -> String {
    let page = include_str!("../../../docs/rules.md");
    let (_, rest) = page.split_once("```kdl\n").expect("an example");
    rest.split_once("```").expect("its end").0.to_owned()
}

fn project(line: &str) -> Project {
    let project = Project::new(&[(
        "Pipelinefile.kdl",
        &format!(
            "tool \"put\" {{ can \"edit\"; shell \"printf 'a = 1\\n{line}\\n' > a.py\" }}\n\
             workstream \"ws-1-a\" {{ files-scope \"a.py\"; tasks {{ - \"Write a.py\" }}; tool \"put\"\n\
             acceptance-tests {{ run \"test\" \"-f\" \"a.py\" }} }}\n"
        ),
    )]);
    project.write("a.py", "a = 0\n");
    project.commit("a file");
    project.write("rules/left-over.kdl", example());
    project
}

#[test]
fn the_rule_in_ten_lines_works() {
    assert_eq!(example().trim_end().lines().count(), 10, "it says ten lines");
    let bad = project("b = 2  # XXX: why");
    let ran = bad.pl(&["build", "ws-1"]);
    assert_ne!(ran.code, 0, "{}", ran.output());
    ran.says("a.py:2: warning XXX b = 2  # XXX: why (left-over)");
    project("b = 2").pl(&["build", "ws-1"]).expect(0);
}

#[test]
fn a_rule_is_looked_over_where_use_names_it() {
    let there = ("a.txt", "good\n");
    let edit = "tool \"put\" { can \"edit\"; shell \"printf 'a  ' > a.txt\" }\n\
                workstream \"ws-1-a\" { files-scope \"a.txt\"; tasks { - \"Write a.txt\" }; tool \"put\"\n\
                acceptance-tests { run \"test\" \"-f\" \"a.txt\" } }\n";
    Project::new(&[("Pipelinefile.kdl", edit), there]).pl(&["build", "ws-1"]).expect(0);
    let used = Project::new(&[("Pipelinefile.kdl", &format!("use \"whitespace\"\n{edit}")), there]);
    let ran = used.pl(&["build", "ws-1"]);
    assert_ne!(ran.code, 0, "{}", ran.output());
    ran.says("a.txt:1:2: warning trailing-whitespace").says("a.txt:1: warning missing-newline");
    let unknown = Project::new(&[("Pipelinefile.kdl", &format!("use \"whitespaces\"\n{edit}")), there]);
    unknown.pl(&["check", "ws-1"]).expect(2).says("unknown-rule").says("no rule `whitespaces`");
}

#[test]
fn findings_are_written_for_other_programs() {
    let bad = project("b = 2  # XXX: why");
    bad.pl(&["build", "ws-1"]);
    let shown = |format: &str| bad.pl(&["show", "--findings", "--format", format]).expect(0).stdout;
    assert!(shown("github").starts_with("::warning title=left-over XXX,file=a.py,line=2::"), "{}", shown("github"));
    let sarif: serde_json::Value = serde_json::from_str(&shown("sarif")).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "XXX");
    let gitlab: serde_json::Value = serde_json::from_str(&shown("gitlab")).expect("JSON");
    assert_eq!(gitlab[0]["location"]["path"], "a.py");
    assert!(shown("junit").contains("<testsuite name=\"left-over\" tests=\"1\" failures=\"1\">"));
    assert!(shown("markdown").contains("| `a.py:2` | warning | left-over XXX | b = 2  # XXX: why |"));
    assert!(shown("json").contains("\"signature\": \""));
    bad.pl(&["show", "--findings", "--rule", "ruff"]).expect(0).says("no findings");
    bad.pl(&["show", "--findings", "--rule", "other"]).expect(2).says("no rule `other`");
    bad.pl(&["show", "--findings", "--rule", "left-over"]).expect(0).says("a.py:2");
}

#[test]
fn files_that_are_judged_one_by_one_are_looked_over_once() {
    let names = ["a", "b", "c"];
    let rule = example().replace("reads \"files\"", "each-file; reads \"files\"");
    let files: Vec<(String, String)> = names.iter().map(|name| (format!("{name}.py"), "x = 0\n".to_owned())).collect();
    let mut all: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let definitions = |c: &str| {
        format!(
            "tool \"put\" {{ can \"edit\"; shell \"for f in a b; do echo 'x = 1' > $f.py; done; echo '{c}' > c.py\" }}\n\
             workstream \"ws-1-a\" {{ files-scope \"*.py\"; tasks {{ - \"Write\" }}; tool \"put\"\n\
             acceptance-tests {{ run \"test\" \"-f\" \"a.py\" }} }}\n"
        )
    };
    let first = definitions("x = 1");
    all.push(("Pipelinefile.kdl", &first));
    let project = Project::new(&all);
    project.write("rules/left-over.kdl", rule);
    let looked_over = |ran: &Ran| -> Vec<String> {
        let all = ran.started.iter().filter(|argv| argv.first().is_some_and(|word| word == "grep"));
        all.flat_map(|argv| argv.iter().filter(|word| word.ends_with(".py")).cloned()).collect()
    };
    assert_eq!(looked_over(&project.pl(&["build", "ws-1"]).expect(0)), ["a.py", "b.py", "c.py"]);
    project.write("Pipelinefile.kdl", definitions("x = 2  # XXX"));
    let red = project.pl(&["build", "ws-1"]);
    red.says("c.py:1: warning XXX");
    // What has findings is looked at once more, and only that.
    assert_eq!(looked_over(&project.pl(&["build", "ws-1"])), ["c.py"]);
    project.write("Pipelinefile.kdl", definitions("x = 3"));
    assert_eq!(looked_over(&project.pl(&["build", "ws-1"]).expect(0)), ["c.py"]);
}
