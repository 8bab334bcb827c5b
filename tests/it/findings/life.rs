//! What became of a finding, from run to run.

use serde_json::Value;

use super::{lab, rule};
use crate::support::Project;

/// `state path:line message` of what `pl show --findings` tells, and of what is gone.
fn told(project: &Project, arguments: &[&str]) -> (Vec<String>, Vec<String>) {
    let all: Vec<&str> = ["show", "--findings", "--json"].into_iter().chain(arguments.iter().copied()).collect();
    let shown = project.pl(&all).expect(0).started_nothing().json();
    let row = |row: &Value| {
        let word = |name: &str| row[name].as_str().unwrap_or("-").to_owned();
        format!("{} {}:{} {}", word("state"), word("path"), row["line"], word("message"))
    };
    let rows = |name: &str| shown[name].as_array().into_iter().flatten().map(row).collect();
    (rows("findings"), rows("gone"))
}

#[track_caller]
fn check(project: &Project, findings: &[&str], gone: &[&str]) {
    let (found, left) = told(project, &[]);
    assert_eq!(found, findings);
    assert_eq!(left, gone, "gone");
}

/// The project of `lab`, with tools that fix; `$n` is how often one was asked.
fn mended(rules: &str, edit: &str, fixers: &[(&str, &str)]) -> Project {
    let mut tools = String::new();
    for (name, line) in fixers {
        tools += &format!(
            "tool \"{name}\" {{ kind \"ai\"; can \"fix\"; shell ##\"echo x >> \"$HOME/{name}\"; n=$(grep -c x \"$HOME/{name}\"); {line}\"## }}\n"
        );
    }
    let names: Vec<String> = fixers.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    lab(&format!("{rules}{tools}route \"fix\" {}\n", names.join(" ")), edit)
}

/// The edit as definitions have it from now on: it is asked anew.
fn edit_anew(project: &Project, edit: &str) {
    let text = project.read("rules/lab.kdl");
    let (before, after) = text.split_once("can \"edit\"; shell ##\"").expect("the editor");
    let (_, after) = after.split_once("\"##").expect("its end");
    project.write("rules/lab.kdl", format!("{before}can \"edit\"; shell ##\"{edit}\"##{after}"));
    let text = project.read("Pipelinefile.kdl").replace("Write a.txt", "Write a.txt once more:");
    project.write("Pipelinefile.kdl", text);
}

#[test]
fn from_new_to_verified_by_a_person() {
    let project = lab(&rule("words", ""), "printf 'bad\\ntoo bad\\n' > a.txt");
    project.build(&["ws-1"], 1);
    check(&project, &["new a.txt:1 no bad", "new a.txt:2 no bad"], &[]);
    project.build(&["ws-1"], 1);
    check(&project, &["new a.txt:1 no bad", "new a.txt:2 no bad"], &[]);
    std::fs::write(project.worktree("ws-1").join("a.txt"), "good\n").expect("a repair");
    project.build(&["ws-1"], 0);
    check(&project, &[], &["verified a.txt:2 no bad"]);
    project.pl(&["show", "--findings"]).expect(0).says("no findings; gone: 1 verified");
}

#[test]
fn who_was_asked_and_what_came_back() {
    let mechanical = rule("words", "fix { shell \"true\" }");
    let project = mended(&mechanical, "echo bad > a.txt", &[("first", "echo still bad $n > a.txt")]);
    project.build(&["ws-1"], 1);
    check(&project, &["quarantined a.txt:1 no bad"], &[]);
    project
        .pl(&["show", "--findings"])
        .expect(0)
        .says("(words) quarantined ws-1/words")
        .says("1 finding: 1 quarantined");
    std::fs::write(project.worktree("ws-1").join("a.txt"), "good\n").expect("a repair");
    project.build(&["ws-1"], 0);
    check(&project, &[], &["verified a.txt:1 no bad"]);
    edit_anew(&project, "(echo x; echo bad) > a.txt");
    let text = project.read("rules/lab.kdl").replace("echo still bad $n > a.txt", "exit 7");
    project.write("rules/lab.kdl", text);
    project.build(&["ws-1"], 1);
    // It was asked about, though the tool broke.
    check(&project, &["analyzed a.txt:2 no bad"], &[]);
}

#[test]
fn what_was_verified_and_comes_back_is_regressed() {
    let project = mended(&rule("words", ""), "echo bad > a.txt", &[("first", "echo good > a.txt")]);
    let first = project.build(&["ws-1"], 0)["run_id"].as_str().expect("a run").to_owned();
    check(&project, &[], &["verified a.txt:1 no bad"]);
    let text =
        project.read("rules/lab.kdl").replace("route \"fix\" \"first\"\n", "").replace("can \"fix\"", "can \"review\"");
    project.write("rules/lab.kdl", text);
    edit_anew(&project, "(echo x; echo very bad) > a.txt");
    project.build(&["ws-1"], 1);
    check(&project, &["regressed a.txt:2 no bad"], &[]);
    // What a run found is told with what became of it.
    let found = told(&project, &["--run", &first]).0;
    assert_eq!(found, ["regressed a.txt:1 no bad"]);
    project.pl(&["reset", "ws-1"]).expect(0);
    check(&project, &[], &[]);
}

#[test]
fn a_rule_s_own_fix_is_asked_about_its_own_findings() {
    let rules = rule("words", "fix { shell \"sed -i 's/^bad/good/' a.txt\" }")
        + &rule("length", "").replace("\"bad\"", "\"long\"").replace("no bad", "no long");
    let project = lab(&rules, "printf 'bad\\nlong\\n' > a.txt");
    project.build(&["ws-1"], 1);
    check(&project, &["quarantined a.txt:2 no long"], &["fixed a.txt:1 no bad"]);
    let text = project.read("rules/lab.kdl").replace("fix {", "fix { shell \"false; exit 9\" }; fix {");
    project.write("rules/lab.kdl", text);
    project.build(&["--again", "ws-1"], 1);
    let found = told(&project, &["ws-1/length"]).0;
    assert!(found == ["new a.txt:2 no long"] || found == ["quarantined a.txt:2 no long"], "{found:?}");
}

#[test]
fn what_the_base_has_and_what_the_policy_lets_pass_is_suppressed() {
    let project = lab(&rule("words", ""), "(cat a.txt; echo good) > b; mv b a.txt");
    project.write("a.txt", "an old bad line\n");
    project.commit("an old project");
    project.build(&["ws-1"], 0);
    check(&project, &["suppressed a.txt:1 no bad"], &[]);
    edit_anew(&project, "(echo a bad line; cat a.txt) > b; mv b a.txt");
    project.build(&["ws-1"], 1);
    // What is new comes before what was there.
    check(&project, &["new a.txt:1 no bad", "suppressed a.txt:2 no bad"], &[]);
    project.write("Pipelinefile.kdl", format!("fail-on severity=\"error\"\n{}", project.read("Pipelinefile.kdl")));
    project.build(&["ws-1"], 0);
    check(&project, &["suppressed a.txt:1 no bad", "suppressed a.txt:2 no bad"], &["verified a.txt:1 no bad"]);
}
