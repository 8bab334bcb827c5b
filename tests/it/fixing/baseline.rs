//! What makes a rule red: new findings that the policy names; those of the base and those that only moved do not.

use crate::fixing::lab::{Lab, asked, settled};
use crate::support::{Project, step, steps_run};

/// A project whose `a.txt` has this text on the base.
fn lab(base: &str, edit: &str) -> Project {
    let project = Lab { edit, ..Lab::default() }.project();
    project.write("a.txt", base);
    project.commit("an old project");
    project
}

#[test]
fn findings_of_the_base_fail_nobody_wherever_they_moved_to() {
    let project = lab("x\nan old bad line\n", "(echo one; echo two; cat a.txt) > b; mv b a.txt");
    let built = project.build(&["ws-1"], 0);
    assert_eq!(step(&built, "ws-1/bad")["status"], "done");
    assert_eq!(project.result("ws-1", "a.txt"), "one\ntwo\nx\nan old bad line");
    settled(&project, 0);
}

#[test]
fn only_new_findings_are_told() {
    let project = lab("an old bad line\n", "echo a new bad line >> a.txt");
    let built = project.build(&["ws-1"], 1);
    let failure = &step(&built, "ws-1/bad")["failure"];
    assert_eq!(failure["message"], "bad found 1 fault, and 1 that the base has");
    assert_eq!(failure["findings"][0]["message"], "a new bad line");
    assert_eq!(failure["findings"].as_array().map(Vec::len), Some(1));
    project.build(&["ws-1"], 1);
    settled(&project, 1);
}

#[test]
fn one_old_finding_excuses_one() {
    let project = lab("the same bad line\n", "echo the same bad line >> a.txt");
    project.pl(&["build", "ws-1"]).expect(1).says("bad found 1 fault, and 1 that the base has");
}

#[test]
fn who_touches_a_line_owns_it() {
    let project = lab("an old bad line\n", "sed -i s/old/older/ a.txt");
    project.pl(&["build", "ws-1"]).expect(1).says("bad found 1 fault");
}

#[test]
fn old_findings_ask_nobody() {
    let lab = Lab { edit: "echo fine >> a.txt", fixers: &[("first", "echo never > a.txt")], ..Lab::default() };
    let project = lab.project();
    project.write("a.txt", "an old bad line\n");
    project.commit("an old project");
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder"]);
}

#[test]
fn a_policy_says_what_fails_and_is_in_no_key() {
    let project = lab("x\n", "echo a bad line > a.txt");
    project.build(&["ws-1"], 1);
    let text = project.read("Pipelinefile.kdl");
    let with = |policy: &str| project.write("Pipelinefile.kdl", format!("{policy}\n{text}"));
    with("fail-on category=\"security\"");
    assert_eq!(steps_run(&project.build(&["ws-1"], 0)), ["ws-1/test.1"], "the rule ran again for a policy");
    settled(&project, 0);
    with("fail-on category=\"security\"\nfail-on rule=\"bad\" severity=\"error\"");
    project.pl(&["build", "ws-1"]).expect(1).says("bad found 1 fault");
    with("fail-on severity=\"grave\"");
    project.pl(&["check", "ws-1"]).expect(2).says("unknown-word");
}

#[test]
fn an_old_finding_of_a_file_that_was_not_touched_is_the_base_s() {
    let project = lab("x\n", "echo see b.txt > a.txt");
    project.write("b.txt", "an old bad line\n");
    // As a program does that follows imports: it tells of files that it was not given.
    let rule = r##"
rule "follows" {
    files "a.txt" in="changed"
    shell "for file in {files}; do grep -Hnw bad $file $(sed -n 's/^see //p' $file); done | grep . && exit 1; exit 0"
    parse "regex" { pattern #"^(?P<path>[^:]+):(?P<line>\d+):(?P<message>.*)$"# }
}
"##;
    project.write("rules/follows.kdl", rule);
    project.commit("a file with an old fault, and a rule");
    let built = project.build(&["ws-1"], 0);
    assert_eq!(step(&built, "ws-1/follows")["status"], "done");
    settled(&project, 0);
}

#[test]
fn a_rule_over_all_files_looks_at_every_change() {
    let project = lab("x\n", "echo y > a.txt");
    project.write("c.py", "y\n");
    let rule = |name: &str, how: &str| {
        format!(
            "rule \"{name}\" {{ files \"**/*.py\" {how}; shell \"! grep -q $(cat a.txt) c.py\"; parse \"exit-code\" }}\n"
        )
    };
    let rules = [rule("tests", "in=\"all\""), rule("lone", "in=\"all\"; reads \"files\""), rule("scoped", "")];
    project.write("rules/all.kdl", rules.concat());
    project.commit("rules");
    let built = project.build(&["ws-1"], 1);
    assert_eq!(step(&built, "ws-1/tests")["status"], "failed");
    let ran = steps_run(&built);
    assert!(!ran.iter().any(|name| name.ends_with("/lone") || name.ends_with("/scoped")), "{ran:?}");
}
