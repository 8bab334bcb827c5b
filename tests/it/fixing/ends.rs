//! Loops that end red: why, what is kept, and that the same red state asks nobody.

use serde_json::Value;

use crate::fixing::lab::{Lab, asked, settled};
use crate::support::{Project, step, workstream};

/// Builds to a red end that is remembered: the next build verifies once more, the one after starts nothing.
#[track_caller]
fn red(project: &Project, calls: &[&str], says: &str) -> Value {
    red_with(project, calls, says, 1)
}

#[track_caller]
fn red_with(project: &Project, calls: &[&str], says: &str, code: i32) -> Value {
    let ran = project.pl(&["build", "--json", "ws-1"]).expect(code).says(says);
    assert_eq!(asked(project), calls);
    project.pl(&["build", "ws-1"]).expect(code).says(says);
    assert_eq!(asked(project), calls, "the same red state was asked for again");
    settled(project, code);
    ran.json()
}

#[test]
fn a_tree_that_comes_back_stops_the_loop() {
    let lab = Lab {
        edit: "echo A > a.txt",
        test: "grep -q good a.txt",
        fixers: &[("first", "if [ $n = 1 ]; then echo B > a.txt; else echo A > a.txt; fi")],
        ..Lab::default()
    };
    let project = lab.project();
    let built = red(&project, &["coder", "first", "first"], "fixes go in circles");
    let failure = &step(&built, "ws-1/result")["failure"];
    assert_eq!((&failure["class"], &failure["output"]), (&"quarantined".into(), &"attempts 1 and 3 are equal".into()));
    assert_eq!(workstream(&built, "ws-1")["class"], "agent");
}

#[test]
fn a_change_that_is_made_again_stops_the_loop_whatever_else_moved() {
    let line =
        "case $n in 1) echo bad Y > a.txt;; 2) echo bad X > a.txt; echo $n > b.txt;; *) echo bad Y > a.txt;; esac";
    let limits = "max-fixes 9; max-attempts 9; max-error-repeats 9";
    let lab = Lab { edit: "echo bad X > a.txt", fixers: &[("first", line)], breaker: limits, ..Lab::default() };
    let wide = |lab: Lab<'_>| {
        let project = lab.project();
        let text = project.read("Pipelinefile.kdl");
        project.write("Pipelinefile.kdl", text.replace("files-scope \"a.txt\"", "files-scope \"a.txt\" \"b.txt\""));
        project
    };
    let project = wide(lab);
    red(&project, &["coder", "first", "first", "first"], "the same change was made again");
    project.pl(&["show", "ws-1"]).expect(0).says("attempts 2 and 4 are equal");
    // Twice is allowed where the limit is three.
    let three = format!("{limits}; oscillation-threshold 3; oscillation-window 9");
    let project = wide(Lab { breaker: &three, ..lab });
    project.pl(&["build", "ws-1"]).expect(1).says("9 attempts were made");
}

#[test]
fn a_limit_names_what_was_seen_and_is_overridden_where_it_is_said_nearer() {
    let limits = Lab { fixers: &[("first", "echo bad $n > a.txt")], breaker: "max-attempts 3", ..Lab::default() };
    let project = limits.project();
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", format!("defaults {{ breaker {{ max-attempts 2; max-fixes 9 }} }}\n{text}"));
    red(&project, &["coder", "first", "first"], "3 attempts were made, as many as `max-attempts` allows");
    project.pl(&["show", "ws-1"]).expect(0).says("rules were red after each");
    let lab = Lab { breaker: "max-fixes 9; max-attempts 9; max-error-repeats 1", test: "cat a.txt; false", ..limits };
    let lab = Lab { edit: "echo x > a.txt", fixers: &[("first", "echo $n > a.txt")], ..lab };
    let project = lab.project();
    project.pl(&["build", "ws-1"]).expect(1).says("the same error came back 2 times; `max-error-repeats` allows 1");
    project.pl(&["show", "ws-1"]).expect(0).says("test.1: `cat a.txt; false` ended with exit code 1");
}

#[test]
fn an_error_that_comes_back_is_warned_of_and_stops_the_loop() {
    let breaker = "max-attempts 9; max-fixes 9; max-error-repeats 1";
    let lab = Lab {
        edit: "echo x > a.txt",
        test: "grep -q good a.txt",
        fixers: &[("first", "echo $n >> a.txt; echo some talk $n")],
        breaker,
        ..Lab::default()
    };
    let project = lab.project();
    let ran = project.pl(&["build", "ws-1"]).expect(1);
    ran.says("came back 1 times; once more, and the fix loop stops").says("the same error came back 2 times");
    assert_eq!(asked(&project), ["coder", "first", "first"]);
}

#[test]
fn attempts_of_a_bundle_are_a_limit() {
    let project = Lab { fixers: &[("first", "echo bad $n > a.txt")], ..Lab::default() }.project();
    let bundle = r#"{"id": "ws-2", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["b.txt"],
        "tasks": ["Write b.txt"], "acceptance_tests": ["grep -q good b.txt"], "tool": "coder",
        "circuit_breaker": {"max_attempts": 2}}"#;
    project.write("workstreams/ws-2.json", bundle);
    let rules = project.read("rules/lab.kdl").replace("echo bad > a.txt", "echo x > b.txt");
    project.write("rules/lab.kdl", rules.replace("echo bad $n > a.txt", "echo $n > b.txt"));
    project.commit("a bundle");
    project.pl(&["build", "ws-2"]).expect(1).says("2 attempts were made, as many as `max-attempts` allows");
    assert_eq!(asked(&project), ["coder", "first"]);
}

#[test]
fn limits_differ_by_what_is_red() {
    let lab = Lab {
        fixers: &[("first", "echo bad $n > a.txt")],
        breaker: "max-attempts 4; lint { max-attempts 2 }",
        ..Lab::default()
    };
    red(&lab.project(), &["coder", "first"], "2 attempts were made");
}

#[test]
fn time_and_cost_are_limits() {
    let cost = r#"echo '{"cost": 0.75}' > "$PL_USAGE"; echo bad $n > a.txt"#;
    let lab =
        Lab { fixers: &[("first", cost)], breaker: "max-fixes 9; max-attempts 9; max-cost \"1.50\"", ..Lab::default() };
    red_with(&lab.project(), &["coder", "first", "first"], "fixes used up `max-cost`", 3);
    let lab = Lab { fixers: &[("first", "echo bad $n > a.txt")], breaker: "max-time \"1ms\"", ..Lab::default() };
    red_with(&lab.project(), &["coder", "first"], "fixes used up `max-time`", 3);
}

#[test]
fn a_cost_that_is_not_told_is_said_once_and_counts_as_the_definition_says() {
    let limits = "max-fixes 3; max-attempts 9; max-cost \"1.00\"";
    let lab = Lab { fixers: &[("first", "echo bad $n > a.txt")], breaker: limits, ..Lab::default() };
    let project = lab.project();
    let ran = project.pl(&["build", "ws-1"]).expect(1);
    let ran = ran.says("first was asked as often").says("first tells no cost, so `max-cost` does not see it");
    assert_eq!(ran.output().matches("tells no cost").count(), 1, "{}", ran.output());
    project.pl(&["show", "ws-1"]).expect(0).says("not told");
    let project = lab.project();
    let rules = project.read("rules/lab.kdl").replace("can \"fix\";", "can \"fix\"; cost \"0.50\";");
    project.write("rules/lab.kdl", rules);
    let ran =
        project.pl(&["build", "ws-1"]).expect(3).says("fixes used up `max-cost`").says("1.00 of 1.00, in 2 fixes");
    assert!(!ran.output().contains("tells no cost"), "{}", ran.output());
    assert_eq!(asked(&project), ["coder", "first", "first"]);
    // What it tells counts, and nothing is something.
    let told = r#"echo '{"cost": 0}' > "$PL_USAGE"; echo bad $n > a.txt"#;
    let project = Lab { fixers: &[("first", told)], ..lab }.project();
    let rules = project.read("rules/lab.kdl").replace("can \"fix\";", "can \"fix\"; cost \"0.50\";");
    project.write("rules/lab.kdl", rules);
    project.pl(&["build", "ws-1"]).expect(1).says("first was asked as often");
    project.write("rules/lab.kdl", project.read("rules/lab.kdl").replace("\"0.50\"", "\"much\""));
    project.pl(&["check", "ws-1"]).expect(2).says("`much` is no cost");
}

#[test]
fn a_tool_that_crashes_alone_is_no_success_and_no_quarantine() {
    let project = Lab { fixers: &[("first", "exit 3")], ..Lab::default() }.project();
    let built = project.build(&["ws-1"], 1);
    let one = workstream(&built, "ws-1");
    assert_eq!((&one["status"], &one["class"]), (&"failed".into(), &"crash".into()));
    assert!(one["reason"].as_str().expect("a reason").contains("first broke"), "{one:#}");
    assert!(!project.path(".pl/quarantine").exists());
    project.build(&["ws-1"], 1);
    assert_eq!(asked(&project), ["coder", "first", "first"], "what broke is asked again");
}

#[test]
fn a_tool_that_changes_nothing_uses_up_its_tries() {
    let project = Lab { fixers: &[("first", "echo all done")], ..Lab::default() }.project();
    red(&project, &["coder", "first", "first"], "first was asked as often as `max-fixes` allows");
}

#[test]
fn taking_the_whole_change_back_is_no_fix() {
    let project = Lab { fixers: &[("first", "echo 0 > a.txt")], ..Lab::default() }.project();
    project.pl(&["build", "ws-1"]).expect(1).says("first took the whole change back");
    assert_eq!(asked(&project), ["coder", "first", "first"]);
}

#[test]
fn a_mechanical_fix_that_takes_the_whole_change_back_is_none() {
    let lab = Lab { mechanical: Some("echo 0 > a.txt"), ..Lab::default() };
    let project = lab.project();
    let ran = project.pl(&["build", "ws-1"]).expect(1).says("the fix of bad took the whole change back");
    ran.says("help: mend it in the worktree, or name a tool that can be asked to");
    assert!(!project.path(".git/refs/heads/ws").exists(), "there is a result");
    project.build(&["ws-1"], 1);
    settled(&project, 1);
    // The next one is asked, on what the edit made.
    let project = Lab { fixers: &[("first", "sed -i s/bad/good/ a.txt")], ..lab }.project();
    project.build(&["ws-1"], 0);
    assert_eq!(project.result("ws-1", "a.txt"), "good");
}

#[test]
fn a_mechanical_fix_that_makes_a_link_out_of_the_tree_leaves_what_was_there() {
    let line = "rm a.txt; ln -s /etc/passwd a.txt; ln -s / root";
    let lab = Lab { edit: "echo 1 > a.txt; echo bad >> a.txt", mechanical: Some(line), ..Lab::default() };
    let project = lab.project();
    project.pl(&["build", "ws-1"]).expect(1).says("a.txt, root is left out: out of scope").says("bad found 1 fault");
    assert_eq!(std::fs::read_to_string(project.worktree("ws-1").join("a.txt")).expect("a file"), "1\nbad\n");
    project.build(&["ws-1"], 1);
    settled(&project, 1);
}

#[test]
fn a_mechanical_fix_that_breaks_alone_is_no_fault_of_the_edit() {
    let project = Lab { mechanical: Some("exit 77"), ..Lab::default() }.project();
    let built = project.build(&["ws-1"], 1);
    let one = workstream(&built, "ws-1");
    assert_eq!((&one["status"], &one["class"]), (&"failed".into(), &"infrastructure".into()));
    assert!(one["reason"].as_str().expect("a reason").contains("what could have fixed it broke"), "{one:#}");
    assert!(!project.path(".pl/quarantine").exists());
    // It is tried again, because nothing was recorded of it.
    let rules = project.read("rules/lab.kdl").replace("exit 77", "echo good > a.txt");
    project.write("rules/lab.kdl", rules);
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder"]);
}

#[test]
fn what_was_given_up_lies_in_quarantine_and_goes_on_after_a_reset() {
    let line = r#"if [ $n -gt 2 ]; then echo good > a.txt; else echo bad $n > a.txt; fi"#;
    let project = Lab { fixers: &[("first", line)], ..Lab::default() }.project();
    let built = red(&project, &["coder", "first", "first"], "first was asked as often");
    let folder = project.path(&format!(".pl/quarantine/{}/ws-1", built["run_id"].as_str().expect("a run")));
    let read =
        |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let report: Value = serde_json::from_str(&read("attempts/3.json")).expect("a report");
    assert_eq!((&report["attempt_number"], &report["ai_agent"]), (&3.into(), &"first".into()));
    assert_eq!(report["summary"]["total_issues"], 1);
    assert!(read("attempts/2.patch").contains("+bad 1"));
    assert!(read("candidate.patch").contains("+bad 2"));
    assert!(read("quarantine.json").contains("max-fixes"));
    assert_eq!(std::fs::read_to_string(project.worktree("ws-1").join("a.txt")).expect("the worktree"), "bad 2\n");
    let page = project.pl(&["show", "ws-1"]).expect(0);
    let page = page.says("ATTEMPT").says("1 → 1").says("stopped: first was asked as often").says("class     agent");
    page.says("taken; red: bad").says(&folder.display().to_string());
    let between = project.pl(&["diff", "ws-1", "2", "3"]).expect(0).stdout;
    assert!(between.contains("-bad 1") && between.contains("+bad 2"), "{between}");
    let first = project.pl(&["diff", "ws-1", "1"]).expect(0).stdout;
    assert!(first.contains("-0") && first.contains("+bad\n"), "{first}");
    project.pl(&["diff", "ws-1", "2", "7"]).expect(2).says("attempts 1 to 3");
    project.pl(&["reset", "ws-1"]).expect(0);
    assert!(project.pl(&["show", "--json", "ws-1"]).expect(0).json()["fix_loop"].is_null());
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder", "first", "first", "coder", "first"]);
    settled(&project, 0);
}

#[test]
fn a_fix_can_be_asked_for_anew_and_a_bundle_goes_when_nobody_is_in_it() {
    let line = r#"if [ $n = 3 ]; then echo good > a.txt; else echo bad $n > a.txt; fi"#;
    let project = Lab { fixers: &[("first", line)], ..Lab::default() }.project();
    let built = red(&project, &["coder", "first", "first"], "first was asked as often");
    let run = built["run_id"].as_str().expect("a run");
    let bundle = project.path(&format!(".pl/quarantine/{run}/ws-1"));
    // It is no target, and what can be done is said.
    for command in ["build", "check", "show"] {
        project.pl(&[command, "ws-1/fix.2"]).expect(2).says("pl log and pl reset take ws-1/fix.N");
    }
    project.pl(&["log", "ws-1/fix.2"]).expect(0).says("ws-1/fix.2");
    project.pl(&["clean"]).expect(0).says(&format!("quarantine {run}/ws-1: ws-1 is given up there"));
    assert!(bundle.join("quarantine.json").exists());
    project.pl(&["reset", "ws-1/fix.7"]).expect(0).says("ws-1/fix.7: nothing is recorded of it");
    project.pl(&["reset", "-n", "ws-1/fix"]).expect(0).says("ws-1/fix.1: 1 record").says("ws-1/fix.2: 1 record");
    project.pl(&["reset", "ws-1/fix.2"]).expect(0).says("ws-1/fix.2: 1 record");
    let built = project.build(&["ws-1"], 0);
    assert_eq!(step(&built, "ws-1/fix.1")["status"], "fresh");
    assert_eq!(asked(&project), ["coder", "first", "first", "first"]);
    assert_eq!(project.result("ws-1", "a.txt"), "good");
    settled(&project, 0);
    project.pl(&["clean", "-n"]).expect(0).says("1 bundle in quarantine of what was mended or reset since");
    assert!(bundle.exists());
    project.pl(&["clean", "ws-1"]).expect(0).says("1 bundle in quarantine");
    assert!(!bundle.exists() && !bundle.parent().expect("a run").exists());
    // What was accepted is no answer after a reset of what made it.
    project.pl(&["reset", "ws-1/fix"]).expect(0);
    project.build(&["ws-1"], 1);
    assert_eq!(asked(&project).len(), 6);
}

#[test]
fn a_person_mends_what_was_given_up() {
    let project = Lab { fixers: &[("first", "echo bad $n > a.txt")], ..Lab::default() }.project();
    red(&project, &["coder", "first", "first"], "first was asked as often");
    std::fs::write(project.worktree("ws-1").join("a.txt"), "good\n").expect("a file");
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project).len(), 3);
    assert_eq!(project.result("ws-1", "a.txt"), "good");
    settled(&project, 0);
}
