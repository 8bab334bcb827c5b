//! Checks: tests that agents edit, tests that prove nothing, loops without an end, tries burnt by others' faults.

use crate::fixing::lab::{Lab, asked};
use crate::support::{step, workstream};

#[test]
fn an_edit_of_the_tests_needs_scope_and_is_shown() {
    let fixers = [("first", "echo true > check.sh")];
    let lab =
        Lab { edit: "echo x > a.txt", test: "sh check.sh", fixers: &fixers, more: "pins \"*.sh\"", ..Lab::default() };
    let project = lab.project();
    project.write("check.sh", "grep -q good a.txt\n");
    project.commit("a test");
    // Out of scope the test is the base's, whatever the agent does to it.
    let ran = project.pl(&["build", "--json", "ws-1"]).expect(1).says("left its scope: check.sh");
    assert_eq!(workstream(&ran.json(), "ws-1")["status"], "failed");
    // In scope it counts, and is shown.
    let text = project.read("Pipelinefile.kdl").replace("files-scope \"a.txt\"", "files-scope \"a.txt\" \"check.sh\"");
    project.write("Pipelinefile.kdl", &text);
    project.pl(&["build", "ws-1"]).expect(0).says("test-edited: check.sh");
    // Who is strict has it fail.
    project.write("Pipelinefile.kdl", format!("strict\n{text}"));
    project.pl(&["build", "ws-1"]).expect(1).says("test-edited: check.sh");
}

#[test]
fn a_test_that_passed_before_proves_nothing() {
    let lab = Lab { edit: "echo good > a.txt", test: "grep -q good a.txt", ..Lab::default() };
    lab.project().pl(&["build", "-v", "ws-1"]).expect(0).says("proved");
    let lab = Lab { test: "test -e a.txt", ..lab };
    let project = lab.project();
    project.pl(&["build", "-v", "ws-1"]).expect(0).says("kept");
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", format!("defaults {{ prove \"red-first\" }}\n{text}"));
    project.pl(&["build", "ws-1"]).expect(1).says("it proves nothing");
}

#[test]
fn a_fix_loop_ends_by_trees_and_findings_and_not_by_talk() {
    // Talk that is the same all the time stops nobody who gets on.
    let line = r#"echo working on it; if [ $n = 4 ]; then echo good > a.txt; else echo bad $n > a.txt; fi"#;
    let lab = Lab { fixers: &[("first", line)], breaker: "max-attempts 9; max-fixes 9", ..Lab::default() };
    let project = lab.project();
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project).len(), 5);
    // Talk that is new every time keeps nobody going who does not.
    let line = r#"echo "a new idea: $n"; if [ $((n % 2)) = 1 ]; then echo bad B > a.txt; else echo bad A > a.txt; fi"#;
    let lab = Lab {
        edit: "echo bad A > a.txt",
        fixers: &[("first", line)],
        breaker: "max-attempts 99; max-fixes 99",
        ..Lab::default()
    };
    let project = lab.project();
    project.pl(&["build", "ws-1"]).expect(1).says("fixes go in circles");
    assert_eq!(asked(&project).len(), 3);
}

#[test]
fn only_the_tool_s_own_fault_uses_up_its_tries() {
    // One try: a missing program, a crash and a red base leave it whole.
    let fixers = [("missing", "exec /does/not/exist"), ("first", "echo good > a.txt")];
    let lab = Lab { fixers: &fixers, breaker: "max-attempts 2; max-fixes 1", ..Lab::default() };
    let project = lab.project();
    let built = project.build(&["ws-1"], 0);
    assert_eq!(step(&built, "ws-1/fix.1")["status"], "failed");
    assert_eq!(asked(&project), ["coder", "missing", "first"]);
    let fixers = [("first", "if [ $n = 1 ]; then echo y > a.txt; elif [ $n = 2 ]; then echo good > a.txt; fi")];
    let test = "grep -q good a.txt && exit 0; grep -q y a.txt && echo nearly && exit 1; echo no module; exit 2";
    let lab =
        Lab { edit: "echo x > a.txt", test, fixers: &fixers, breaker: "max-attempts 2; max-fixes 1", ..Lab::default() };
    let project = lab.project();
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder", "first", "first"], "the red base used up the only try");
}
