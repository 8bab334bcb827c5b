//! Loops that end green: what mended the candidate, and that nobody is asked for it again.

use crate::fixing::lab::{Lab, asked, prompt, settled};
use crate::running::{Running, until};
use crate::support::{step, steps_run, workstream};

#[test]
fn a_mechanical_fix_suffices() {
    let fixer = ("first", "echo never > a.txt");
    let lab = Lab { mechanical: Some("sed -i s/bad/good/ {files}"), fixers: &[fixer], ..Lab::default() };
    let project = lab.project();
    let built = project.build(&["ws-1"], 0);
    assert_eq!(steps_run(&built), ["ws-1/edit.1", "ws-1/bad", "ws-1/test.1", "ws-1/fix.1"]);
    assert_eq!(step(&built, "ws-1/bad")["status"], "done");
    assert_eq!(asked(&project), ["coder"]);
    assert_eq!(project.result("ws-1", "a.txt"), "good");
    settled(&project, 0);
    // The same red tree again: the fix is remembered by tree and rule.
    project.pl(&["reset", "ws-1/edit.1"]).expect(0);
    let again = project.build(&["ws-1"], 0);
    assert_eq!(step(&again, "ws-1/fix.1")["status"], "fresh");
    assert_eq!(asked(&project), ["coder", "coder"]);
}

#[test]
fn only_the_part_in_scope_of_a_mechanical_fix_is_taken() {
    let lab = Lab { mechanical: Some("sed -i s/bad/good/ {files}; echo good > b.txt"), ..Lab::default() };
    let project = lab.project();
    project.pl(&["build", "ws-1"]).expect(0).says("b.txt is left out");
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
}

#[test]
fn mechanical_fixes_run_in_the_order_of_declaration() {
    let more = r##"
rule "a-later" { files "a.txt"; shell "! grep -q bad a.txt"; parse "exit-code"; fix { shell "echo later > a.txt" } }
"##;
    let project = Lab { mechanical: Some("echo first > a.txt"), ..Lab::default() }.project();
    let rules = project.read("rules/lab.kdl");
    project.write("rules/lab.kdl", format!("{rules}{more}"));
    project.commit("two rules");
    project.build(&["ws-1"], 0);
    assert_eq!(project.result("ws-1", "a.txt"), "first");
    // `use` says another order.
    project.write("Pipelinefile.kdl", format!("use \"a-later\" \"bad\"\n{}", project.read("Pipelinefile.kdl")));
    project.pl(&["reset", "ws-1"]).expect(0);
    project.build(&["ws-1"], 0);
    assert_eq!(project.result("ws-1", "a.txt"), "later");
}

#[test]
fn the_tool_fixes_at_the_second_try() {
    let line = r#"if [ $n = 1 ]; then echo still bad > a.txt; else echo good > a.txt; fi"#;
    let project = Lab { fixers: &[("first", line)], ..Lab::default() }.project();
    let built = project.pl(&["build", "--json", "ws-1"]).expect(0).json();
    assert_eq!(asked(&project), ["coder", "first", "first"]);
    assert_eq!((&workstream(&built, "ws-1")["status"], &built["plan_matched"]), (&"done".into(), &true.into()));
    let told = prompt(&project, "first");
    assert!(told.contains("- Write a.txt") && told.contains("a.txt:1: still bad"), "{told}");
    assert_eq!(project.result("ws-1", "a.txt"), "good");
    settled(&project, 0);
}

#[test]
fn a_failing_test_is_in_the_prompt_and_is_fixed() {
    let lab = Lab {
        edit: "echo x > a.txt",
        test: "echo I want good; grep -q good a.txt",
        fixers: &[("first", "echo good > a.txt")],
        ..Lab::default()
    };
    let project = lab.project();
    let built = project.build(&["ws-1"], 0);
    let ran = ["ws-1/edit.1", "ws-1/bad", "ws-1/test.1", "ws-1/fix.1"];
    assert_eq!(steps_run(&built), ran);
    assert!(prompt(&project, "first").contains("I want good"));
    settled(&project, 0);
}

#[test]
fn what_was_mended_outlives_a_base_that_moves_elsewhere() {
    let project = Lab { fixers: &[("first", "echo good > a.txt")], ..Lab::default() }.project();
    project.build(&["ws-1"], 0);
    project.write("b.txt", "moved\n");
    project.commit("elsewhere");
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder", "first"]);
    assert_eq!(project.result("ws-1", "b.txt"), "moved");
    settled(&project, 0);
    // The attempts are shown until the edit is asked anew.
    assert_eq!(project.pl(&["show", "--json", "ws-1"]).json()["fix_loop"]["attempts"][1]["findings_after"], 0);
    let text = project.read("Pipelinefile.kdl").replace("Write a.txt", "Write a.txt again");
    project.write("Pipelinefile.kdl", text);
    let rules = project.read("rules/lab.kdl").replace("echo bad > a.txt", "echo fine > a.txt");
    project.write("rules/lab.kdl", rules);
    project.build(&["ws-1"], 0);
    assert!(project.pl(&["show", "--json", "ws-1"]).json()["fix_loop"].is_null());
}

#[test]
fn a_fix_that_goes_out_of_scope_is_not_taken_and_the_tool_is_told() {
    let line = r#"echo good > a.txt; if [ $n = 1 ]; then echo stray > b.txt; fi"#;
    let project = Lab { fixers: &[("first", line)], ..Lab::default() }.project();
    project.pl(&["build", "ws-1"]).expect(0).says("left its scope: b.txt");
    assert_eq!(asked(&project), ["coder", "first", "first"]);
    assert!(prompt(&project, "first").contains("It was not taken: left its scope: b.txt"));
    assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
}

#[test]
fn a_fix_that_breaks_a_green_check_is_seen_and_mended() {
    let lab = Lab {
        edit: "echo x > a.txt",
        test: "grep -q good a.txt",
        fixers: &[("first", r#"if [ $n = 1 ]; then echo good bad > a.txt; else echo good > a.txt; fi"#)],
        ..Lab::default()
    };
    let project = lab.project();
    let built = project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder", "first", "first"]);
    assert!(prompt(&project, "first").contains("a.txt:1: good bad"));
    assert_eq!(step(&built, "ws-1/bad")["attempts"], 3);
    assert_eq!(project.result("ws-1", "a.txt"), "good");
}

#[test]
fn the_second_tool_of_the_chain_succeeds() {
    let first = r#"echo bad $n > a.txt"#;
    let project = Lab { fixers: &[("first", first), ("second", "echo good > a.txt")], ..Lab::default() }.project();
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder", "first", "first", "second"]);
    settled(&project, 0);
}

#[test]
fn a_tool_that_crashes_is_passed_over_and_nothing_is_recorded_of_it() {
    let project = Lab { fixers: &[("first", "exit 3"), ("second", "echo good > a.txt")], ..Lab::default() }.project();
    project.pl(&["build", "ws-1"]).expect(0).says("first ended with exit code 3");
    assert_eq!(asked(&project), ["coder", "first", "second"]);
    settled(&project, 0);
}

#[test]
fn killed_during_the_third_fix_it_goes_on_with_the_third() {
    let line = r#"if [ $n -lt 3 ]; then echo bad $n > a.txt; elif [ $n = 3 ]; then : > "$HOME/third"; sleep 600; else echo good > a.txt; fi"#;
    let lab = Lab { fixers: &[("first", line)], breaker: "max-attempts 9; max-fixes 9", ..Lab::default() };
    let project = lab.project();
    let running = Running::start(&project, "killed", &["build", "ws-1"]);
    let third = project.around().join("home/third");
    until("the third fix is asked for", || third.exists());
    running.kill();
    let built = project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder", "first", "first", "first", "first"]);
    for (name, status) in [("fix.1", "fresh"), ("fix.2", "fresh"), ("fix.3", "done"), ("edit.1", "fresh")] {
        assert_eq!(step(&built, &format!("ws-1/{name}"))["status"], status, "{name}");
    }
    assert_eq!(project.result("ws-1", "a.txt"), "good");
    settled(&project, 0);
}

#[test]
fn half_a_fix_that_was_killed_is_no_repair_by_a_person() {
    let line = r#"if [ $n = 1 ]; then echo bad $n > a.txt; elif [ $n = 2 ]; then echo half > a.txt; : > "$HOME/second"; sleep 600; else echo good > a.txt; fi"#;
    let lab = Lab { fixers: &[("first", line)], breaker: "max-fixes 1", ..Lab::default() };
    let project = lab.project();
    project.build(&["ws-1"], 1);
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", text.replace("max-fixes 1", "max-fixes 5"));
    let running = Running::start(&project, "killed", &["build", "ws-1"]);
    let second = project.around().join("home/second");
    until("the second fix is asked for", || second.exists());
    running.kill();
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder", "first", "first", "first"]);
    assert_eq!(project.result("ws-1", "a.txt"), "good");
}

#[test]
fn killed_while_the_base_is_tested_a_person_s_repair_is_still_there() {
    let project = Lab { edit: "echo x > a.txt", test: "grep -q good a.txt", ..Lab::default() }.project();
    project.build(&["ws-1"], 1);
    let file = project.worktree("ws-1").join("a.txt");
    std::fs::write(&file, "good\n").expect("a repair");
    let (at, hold) = (project.around().join("at"), project.around().join("hold"));
    std::fs::write(&hold, "").expect("a gate");
    let gate =
        format!(": > {}; while [ -e {} ]; do sleep 0.01; done; grep -q good a.txt", at.display(), hold.display());
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", text.replace("grep -q good a.txt", &gate));
    let running = Running::start(&project, "killed", &["build", "ws-1"]);
    until("the test is at its gate", || at.exists());
    running.kill();
    assert_eq!(std::fs::read_to_string(&file).expect("the repair"), "good\n");
    std::fs::remove_file(&hold).expect("the gate");
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder"]);
    assert_eq!(project.result("ws-1", "a.txt"), "good");
    assert_eq!(project.git(&["worktree", "list"]).lines().count(), 1);
}
