//! What a test says of a change: how it was on the base, whether it can be believed, and whose fault a red one is.

use crate::fixing::lab::{Lab, asked, settled};
use crate::support::{Project, step, steps_run, workstream};

fn lab<'a>(edit: &'a str, test: &'a str) -> Lab<'a> {
    Lab { edit, test, ..Lab::default() }
}

/// The detail of `ws-1/test.1` in the lines that a verbose build prints.
#[track_caller]
fn told(project: &Project, code: i32, says: &str) {
    project.pl(&["build", "-v", "ws-1"]).expect(code).says(says);
}

#[test]
fn red_first_and_green_now_is_proved() {
    let project = lab("echo good > a.txt", "grep -q good a.txt").project();
    told(&project, 0, "proved");
    settled(&project, 0);
}

#[test]
fn green_both_times_is_kept_and_proves_nothing_where_that_is_demanded() {
    let project = lab("echo good > a.txt", "test -e a.txt").project();
    told(&project, 0, "kept");
    let text = project.read("Pipelinefile.kdl");
    let demanding = text.replace(r###"shell ##"test -e a.txt"##"###, r#"shell "test -e a.txt" { prove "red-first" }"#);
    assert_ne!(demanding, text);
    project.write("Pipelinefile.kdl", demanding);
    // Nothing runs for it: both outcomes are known.
    let ran =
        project.pl(&["build", "--json", "ws-1"]).expect(1).says("it is green on the base, too: it proves nothing");
    assert_eq!(steps_run(&ran.json()), [""; 0]);
    settled(&project, 1);
}

#[test]
fn green_first_and_red_now_is_broken() {
    let project = lab("echo x > a.txt", "grep -q 0 a.txt").project();
    told(&project, 1, "exit code 1");
    let built = project.build(&["ws-1"], 1);
    assert_eq!(workstream(&built, "ws-1")["class"], "agent");
}

#[test]
fn red_in_the_same_way_as_on_the_base_is_the_base_s_fault_and_uses_up_no_try() {
    let fixers = [("first", "echo $n > a.txt")];
    let project = Lab { fixers: &fixers, ..lab("echo x > a.txt", "echo no module; false") }.project();
    let built = project.build(&["ws-1"], 1);
    assert_eq!(workstream(&built, "ws-1")["class"], "red-base");
    assert_eq!(step(&built, "ws-1/test.1")["failure"]["class"], "red-base");
    assert_eq!(asked(&project), ["coder", "first"]);
    project.pl(&["show", "ws-1"]).expect(0).says("red-base");
    // Where the change is to make it green, it is the tool's own.
    let text = project.read("Pipelinefile.kdl").replace(r###"false"##"###, r###"false"## { prove "red-first" }"###);
    project.write("Pipelinefile.kdl", text);
    let built = project.build(&["ws-1"], 1);
    assert_eq!(workstream(&built, "ws-1")["class"], "agent");
    assert!(asked(&project).len() > 2);
}

#[test]
fn workstreams_that_start_from_one_tree_share_the_test_on_the_base() {
    let count = r#"echo run >> COUNT; grep -q good *.txt"#;
    let project = lab("echo good > a.txt", "true").project();
    let count = count.replace("COUNT", &project.around().join("count").display().to_string());
    let one = |id: &str, file: &str| {
        format!(
            "workstream \"{id}\" {{ tool \"coder\"; files-scope \"{file}\"; tasks {{ - \"x\" }}; acceptance-tests {{ shell ##\"{count}\"## }} }}\n"
        )
    };
    project.write("Pipelinefile.kdl", one("ws-1", "a.txt") + &one("ws-2", "b.txt"));
    let rules = project.read("rules/lab.kdl");
    project.write("rules/lab.kdl", rules.replace("echo good > a.txt", "echo good > {scope-files}"));
    project.commit("two");
    project.build(&["ws-1"], 0);
    project.build(&["ws-2"], 0);
    let runs = std::fs::read_to_string(project.around().join("count")).expect("runs").lines().count();
    assert_eq!(runs, 3, "once on the base, once on each candidate");
}

#[test]
fn what_the_change_brings_is_red_on_the_base() {
    let edit = "echo 1 > a.txt; mkdir bin; echo '#!/bin/sh' > bin/new; chmod +x bin/new";
    let project = lab(edit, "true").project();
    let demanding = |test: &str| format!("{test} {{ prove \"red-first\" }}");
    let tests =
        ["run \"bin/new\"", "shell \"bin/new && true\"", "run \"sh\" \"-c\" \"test -e bin/new || kill -SEGV $$\""];
    let tests = tests.map(demanding).join("; ");
    let text = project.read("Pipelinefile.kdl");
    let text =
        text.replace(r###"shell ##"true"##"###, &tests).replace("files-scope", "files-create \"bin/new\"; files-scope");
    project.write("Pipelinefile.kdl", text);
    let ran = project.pl(&["build", "-v", "ws-1"]).expect(0);
    assert_eq!(ran.output().matches("proved").count(), 3, "{}", ran.output());
    settled(&project, 0);
}

#[test]
fn a_program_that_the_machine_lacks_is_no_proof() {
    // The first build finds no `checker`, neither on the base nor here; it is installed afterwards.
    let project = lab("echo good > a.txt", "true").project();
    let text =
        project.read("Pipelinefile.kdl").replace(r###"shell ##"true"##"###, "run \"checker\" { prove \"red-first\" }");
    project.write("Pipelinefile.kdl", text);
    let bin = project.around().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("PATH"));
    let build = || project.pl_with(&["build", "ws-1"], &[("PATH", &path)]);
    build().says("`checker` is not installed");
    std::os::unix::fs::symlink("/bin/true", bin.join("checker")).expect("a link");
    build().expect(1).says("it is green on the base, too: it proves nothing");
}

#[test]
fn a_test_that_does_not_end_on_the_base_proves_nothing() {
    let project = lab("echo good > a.txt", "true").project();
    let text = project.read("Pipelinefile.kdl").replace(
        r###"shell ##"true"##"###,
        "shell \"grep -q good a.txt || sleep 600\" { timeout \"1s\"; prove \"red-first\" }",
    );
    project.write("Pipelinefile.kdl", &text);
    project.pl(&["build", "ws-1"]).expect(1).says("came to no outcome on the base: it proves nothing");
    project.write("Pipelinefile.kdl", text.replace("; prove \"red-first\"", ""));
    project.build(&["ws-1"], 0);
    settled(&project, 0);
}

#[test]
fn pinned_paths_that_go_move_or_come_are_told_and_out_of_scope_they_cannot() {
    let edit = |line: &'static str, scope: &str| {
        let project = Lab { more: "pins \"tests/**\"", ..lab(line, "true") }.project();
        project.write("tests/helper.sh", "a=1\n");
        project.write("tests/check.sh", ". tests/helper.sh\n");
        project.commit("tests");
        let text = project.read("Pipelinefile.kdl").replace("files-scope \"a.txt\"", scope);
        project.write("Pipelinefile.kdl", text);
        project
    };
    let wide = "files-scope \"a.txt\" \"tests/**\"";
    for (line, told) in [
        ("echo 1 > a.txt; mv tests/check.sh tests/other.sh", "test-edited: tests/check.sh, tests/other.sh"),
        ("echo 1 > a.txt; rm tests/check.sh", "test-edited: tests/check.sh"),
        ("echo 1 > a.txt; echo a=2 > tests/helper.sh", "test-edited: tests/helper.sh"),
        ("echo 1 > a.txt; chmod +x tests/helper.sh", "test-edited: tests/helper.sh"),
        ("echo 1 > a.txt; echo exit 0 > tests/sitecustomize.sh", "test-edited: tests/sitecustomize.sh"),
    ] {
        let project = edit(line, wide);
        project.pl(&["build", "ws-1"]).expect(0).says(told);
        // Known or not, whoever is strict has it fail.
        project.write("Pipelinefile.kdl", format!("strict\n{}", project.read("Pipelinefile.kdl")));
        project.pl(&["build", "ws-1"]).expect(1).says(told);
    }
    for line in ["mv tests/check.sh tests/other.sh", "rm tests/check.sh", "echo exit 0 > tests/new.sh", "rm -r tests"] {
        let project = edit(line, "files-scope \"a.txt\"");
        project.pl(&["build", "ws-1"]).expect(1).says("left its scope: tests/");
        assert_eq!(project.git(&["for-each-ref", "refs/heads/ws"]), "");
    }
}

/// Fails in the same way each time, with what moves from run to run: the time, the process, a folder, an address, the order.
const MOVING: &str = "d=$(mktemp -d); e=$(($$ % 2)); say() { echo ERROR: b at 0x7f$$ in $d/x.py:$$; }; [ $e = 0 ] && say; \
    echo FAILED a::test_a in 0.0$$s; [ $e = 1 ] && say; echo $$ passed, pid $$, $(date +%s.%N); false";

#[test]
fn what_moves_from_run_to_run_makes_no_other_failure() {
    let fixers = [("first", "echo $n > a.txt")];
    let project = Lab { fixers: &fixers, ..lab("echo x > a.txt", MOVING) }.project();
    let built = project.build(&["ws-1"], 1);
    assert_eq!(workstream(&built, "ws-1")["class"], "red-base");
    assert_eq!(asked(&project), ["coder", "first"]);
}

#[test]
fn another_reason_on_the_same_test_is_no_red_base() {
    let fixers = [("first", "echo 2 > a.txt"), ("second", "echo 3 > a.txt")];
    let test = "read n < a.txt; [ $n = 3 ] || { echo FAILED a::total - assert $n == 3; false; }";
    let project = Lab { fixers: &fixers, ..lab("echo 1 > a.txt", test) }.project();
    project.build(&["ws-1"], 0);
    assert_eq!(asked(&project), ["coder", "first", "first", "second"]);
}

/// Two workstreams, each with a file and a tool of its own, that start from one tree.
fn two(each: &str, test: &str) -> Project {
    let project = lab(each, "true").project();
    let one = |id: &str, file: &str| {
        format!(
            "workstream \"{id}\" {{ tool \"coder\"; files-scope \"{file}\"; tasks {{ - \"x\" }}; acceptance-tests {{ shell ##\"{test}\"## }} }}\n"
        )
    };
    project.write("Pipelinefile.kdl", one("ws-1", "a.txt") + &one("ws-2", "b.txt"));
    let rules = project.read("rules/lab.kdl");
    project.write("rules/lab.kdl", rules.replace("a.txt", "{scope-files}"));
    project.commit("two");
    project
}

#[test]
fn workstreams_that_reach_one_base_at_once_run_its_test_once() {
    let around = tempfile::tempdir().expect("a folder");
    let count = around.path().join("count").display().to_string();
    // Who is first on the base waits a moment for a second one.
    let on_base = format!(
        "echo run >> {count}; n=0; while [ $(wc -l < {count}) -lt 2 ] && [ $n -lt 40 ]; do n=$((n+1)); sleep 0.02; done; false"
    );
    let project = two("echo good > a.txt", &format!("grep -q good *.txt || {{ {on_base}; }}"));
    project.build(&["-j4", "ws-1", "ws-2"], 0);
    assert_eq!(std::fs::read_to_string(&count).expect("runs").lines().count(), 1);
}

#[test]
fn workstreams_that_reach_one_base_at_once_look_a_rule_over_it_once() {
    let around = tempfile::tempdir().expect("a folder");
    let count = around.path().join("count").display().to_string();
    let project = two("echo a new bad line >> a.txt", "true");
    let rule = format!(
        "rule \"all\" {{ files \"*.txt\" in=\"all\"; shell ##\"if grep -q new *.txt; then echo a.txt:1:bad; exit 1; fi; echo run >> {count}; n=0; \
         while [ $(wc -l < {count}) -lt 2 ] && [ $n -lt 40 ]; do n=$((n+1)); sleep 0.02; done\"##; \
         parse \"regex\" {{ pattern #\"^(?P<path>[^:]+):(?P<line>\\d+):(?P<message>.*)$\"# }} }}\n"
    );
    let rules = project.read("rules/lab.kdl");
    let (tools, _) = rules.split_once("rule ").expect("a rule");
    project.write("rules/lab.kdl", format!("{tools}{rule}"));
    project.build(&["--keep-going", "-j4", "ws-1", "ws-2"], 1);
    assert_eq!(std::fs::read_to_string(&count).expect("runs").lines().count(), 1);
}

#[test]
fn red_then_green_is_flaky_fails_and_is_no_record() {
    let flag = "if [ -e FLAG ]; then rm FLAG; false; fi";
    let project = lab("echo good > a.txt", "true").project();
    let flag_file = project.around().join("flag");
    let test = flag.replace("FLAG", &flag_file.display().to_string());
    let text = project
        .read("Pipelinefile.kdl")
        .replace(r###"shell ##"true"##"###, &format!("shell ##\"{test}\"## {{ prove \"off\" }}"));
    project.write("Pipelinefile.kdl", &text);
    std::fs::write(&flag_file, "").expect("a flag");
    let built = project.build(&["ws-1"], 1);
    assert_eq!(
        (&workstream(&built, "ws-1")["class"], &step(&built, "ws-1/test.1")["failure"]["class"]),
        (&"flaky".into(), &"flaky".into())
    );
    // Nothing was recorded: it runs again, and is green.
    let built = project.build(&["ws-1"], 0);
    assert_eq!(steps_run(&built)[0], "ws-1/test.1");
    // Where it is allowed it is no failure, and no record either.
    project.pl(&["reset", "ws-1"]).expect(0);
    project.write("Pipelinefile.kdl", text.replace("prove \"off\"", "prove \"off\"; flaky \"allow\""));
    std::fs::write(&flag_file, "").expect("a flag");
    project.pl(&["build", "ws-1"]).expect(0).says("is flaky: red, then green; it is not recorded, and runs again");
    // Why it runs again is told before it does.
    project.pl(&["check", "ws-1"]).expect(0).says("flaky the last time: red, then green, which is never a record");
    project.pl(&["show", "ws-1"]).expect(0).says("never ran; flaky: red, then green; not recorded");
    assert_eq!(steps_run(&project.build(&["ws-1"], 0)), ["ws-1/test.1"]);
    settled(&project, 0);
}

#[test]
fn a_flake_asks_nobody() {
    let project = Lab { fixers: &[("first", "echo y > a.txt")], ..lab("echo good > a.txt", "true") }.project();
    let flag = project.around().join("flag").display().to_string();
    let test = format!("if [ -e {flag} ]; then rm {flag}; false; fi");
    let text = project
        .read("Pipelinefile.kdl")
        .replace(r###"shell ##"true"##"###, &format!("shell ##\"{test}\"## {{ prove \"off\" }}"));
    project.write("Pipelinefile.kdl", &text);
    std::fs::write(&flag, "").expect("a flag");
    project.build(&["ws-1"], 1);
    assert_eq!(asked(&project), ["coder"]);
}

#[test]
fn a_pinned_test_that_was_edited_is_told_and_fails_where_that_is_strict() {
    let project = Lab { more: "pins \"a.*\"", ..lab("echo good > a.txt", "test -e a.txt") }.project();
    project.pl(&["build", "ws-1"]).expect(0).says("test-edited: a.txt");
    project.write("Pipelinefile.kdl", format!("strict\n{}", project.read("Pipelinefile.kdl")));
    project.pl(&["build", "ws-1"]).expect(1).says("test-edited: a.txt");
}
