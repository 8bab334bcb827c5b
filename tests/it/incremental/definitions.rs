//! Definitions change: what they mean runs again, how they are written does not.

use crate::incremental::lab::{Ws, all_fresh, asked, build, lab, pipeline, ran};
use crate::support::{Project, steps_run};

/// Three edits of three files, three tests; `ws-2` builds on it.
fn chain<'a>(tool: &str, instructions: &'a [&'a str], tests: &'a [&'a str], nodes: &str) -> String {
    let one = Ws { id: "ws-1", scope: &["a.txt", "b.txt", "c.txt"], instructions, tests, ..Ws::default() };
    let two = Ws {
        id: "ws-2",
        depends_on: &["ws-1"],
        scope: &["d.txt"],
        instructions: &["echo d >> d.txt"],
        tests: &["test -s d.txt"],
        ..Ws::default()
    };
    pipeline(tool, nodes, &[one, two])
}

const INSTRUCTIONS: [&str; 3] = ["echo a >> a.txt", "echo b >> b.txt", "echo c >> c.txt"];
const TESTS: [&str; 3] = ["grep -q a a.txt", "grep -q b b.txt", "grep -q c c.txt"];
const FILES: [(&str, &str); 4] = [("a.txt", "0\n"), ("b.txt", "0\n"), ("c.txt", "0\n"), ("d.txt", "0\n")];

fn built(tool: &str, nodes: &str) -> Project {
    let project = lab(&chain(tool, &INSTRUCTIONS, &TESTS, nodes), &FILES);
    build(&project, 0);
    asked(&project);
    project
}

#[test]
fn a_changed_instruction_asks_for_that_edit_and_for_what_observes_it() {
    let project = built("edit", "");
    let changed = [INSTRUCTIONS[0], "echo B; echo b >> b.txt; echo bb >> b.txt", INSTRUCTIONS[2]];
    project.write("Pipelinefile.kdl", chain("edit", &changed, &TESTS, ""));
    let all: Vec<&str> =
        vec!["ws-1/edit.2", "ws-1/edit.3", "ws-1/test.1", "ws-1/test.2", "ws-1/test.3", "ws-2/edit.1", "ws-2/test.1"];
    assert_eq!(ran(&project), all);
    assert_eq!(asked(&project), ["ws-1", "ws-1", "ws-2"]);
    all_fresh(&project);
}

#[test]
fn a_later_edit_that_looks_elsewhere_is_not_asked_again() {
    // Tools that look at their scope: ws-2 cannot see what ws-1 changed.
    let project = built("agent", "");
    let changed = [INSTRUCTIONS[0], INSTRUCTIONS[1], "echo c >> c.txt; echo cc >> c.txt"];
    project.write("Pipelinefile.kdl", chain("agent", &changed, &TESTS, ""));
    let expected: Vec<&str> = vec!["ws-1/edit.3", "ws-1/test.1", "ws-1/test.2", "ws-1/test.3", "ws-2/test.1"];
    assert_eq!(ran(&project), expected);
    assert_eq!(asked(&project), ["ws-1"]);
    all_fresh(&project);
}

#[test]
fn an_edit_that_comes_out_the_same_stops_the_wave() {
    let project = built("edit", "");
    let changed = [INSTRUCTIONS[0], "echo  b  >> b.txt", INSTRUCTIONS[2]];
    project.write("Pipelinefile.kdl", chain("edit", &changed, &TESTS, ""));
    assert_eq!(ran(&project), ["ws-1/edit.2"]);
    assert_eq!(asked(&project), ["ws-1"]);
    all_fresh(&project);
}

#[test]
fn a_changed_test_runs_the_sequence_from_there() {
    let project = built("edit", "");
    project.write("Pipelinefile.kdl", chain("edit", &INSTRUCTIONS, &[TESTS[0], "grep -q '^b$' b.txt", TESTS[2]], ""));
    assert_eq!(ran(&project), ["ws-1/test.2", "ws-1/test.3"]);
    assert!(asked(&project).is_empty());
    all_fresh(&project);
    project.write("Pipelinefile.kdl", chain("edit", &INSTRUCTIONS, &TESTS, ""));
    all_fresh(&project);
}

#[test]
fn a_change_that_is_taken_back_is_a_hit() {
    let project = built("edit", "");
    let changed = ["echo A >> a.txt; echo a >> a.txt", INSTRUCTIONS[1], INSTRUCTIONS[2]];
    project.write("Pipelinefile.kdl", chain("edit", &changed, &TESTS, ""));
    build(&project, 0);
    asked(&project);
    project.write("Pipelinefile.kdl", chain("edit", &INSTRUCTIONS, &TESTS, ""));
    let back = project.pl(&["build", "--json", "*"]).expect(0).started_nothing().json();
    assert_eq!(back["steps_run"], 0);
    assert!(asked(&project).is_empty());
    assert_eq!(project.result("ws-1", "a.txt"), "0\na");
    all_fresh(&project);
}

#[test]
fn another_tool_and_back_is_a_hit() {
    let project = built("edit", "");
    project.write("Pipelinefile.kdl", chain("agent", &INSTRUCTIONS, &TESTS, ""));
    let summary = build(&project, 0);
    assert_eq!(asked(&project).len(), 4);
    assert!(!steps_run(&summary).iter().any(|step| step.contains("test")), "the trees are the same");
    project.write("Pipelinefile.kdl", chain("edit", &INSTRUCTIONS, &TESTS, ""));
    all_fresh(&project);
}

#[test]
fn comments_lines_and_white_space_are_nothing() {
    let project = built("edit", "");
    let text = chain("edit", &INSTRUCTIONS, &TESTS, "");
    let (first, second) = text.split_once("workstream \"ws-2\"").expect("two workstreams");
    project.write("Pipelinefile.kdl", format!("// words\n\n\nworkstream \"ws-2\"{second}\n/* more */\n{first}"));
    all_fresh(&project);
    let rules = project.read("rules/lab.kdl");
    project.write("rules/lab.kdl", format!("// words\n{}", rules.replace("    kind", "\n        kind")));
    all_fresh(&project);
}

#[test]
fn the_order_of_keys_and_sets_in_json_is_nothing() {
    let fields = [
        r#""id": "ws-3-j""#,
        r#""openspec_change": "c""#,
        r#""ccpm_issue": 7"#,
        r#""gate": 1"#,
        r#""files_scope": ["a.txt", "b.txt"]"#,
        r#""tasks": ["sh: echo j >> a.txt"]"#,
        r#""acceptance_tests": ["grep -q j a.txt"]"#,
        r#""tool": "edit""#,
        r#""metadata": {"who": "me"}"#,
    ];
    let bundle = |fields: &[&str]| format!("{{{}}}", fields.join(", "));
    let project = lab("", &[("a.txt", "0\n"), ("b.txt", "0\n"), ("workstreams/one.json", &bundle(&fields))]);
    build(&project, 0);
    asked(&project);
    let mut other: Vec<String> = fields.iter().rev().map(ToString::to_string).collect();
    other
        .iter_mut()
        .for_each(|field| *field = field.replace("[\"a.txt\", \"b.txt\"]", "[ \"b.txt\" ,\n \"./a.txt\" ]"));
    let other: Vec<&str> = other.iter().map(String::as_str).collect();
    project.write("workstreams/one.json", format!("\n{}\n", bundle(&other)));
    all_fresh(&project);
    let other =
        bundle(&fields).replace("\"me\"", "\"you\"").replace("\"gate\": 1", "\"gate\": 2").replace(": 7", ": \"8\"");
    project.write(
        "workstreams/one.json",
        other.replace("\"tool\": \"edit\"", r#""tool": "edit", "circuit_breaker": {"max_attempts": 9}"#),
    );
    all_fresh(&project);
}

#[test]
fn pools_timeouts_and_breakers_are_nothing() {
    let project = built("edit", "pools { few 1 }");
    let nodes = "pools { few 3 }\ndefaults { timeout \"7m\"; breaker { max-attempts 3 } }";
    let text = chain("edit", &INSTRUCTIONS, &TESTS, nodes).replacen("defaults { tool \"edit\" }\n", "", 1);
    project.write("Pipelinefile.kdl", text.replacen("timeout", "tool \"edit\"; timeout", 1));
    let rules = project.read("rules/lab.kdl");
    project.write("rules/lab.kdl", rules.replace("can \"edit\"", "can \"edit\" \"fix\"; pool \"few\"; timeout \"3m\""));
    all_fresh(&project);
}

#[test]
fn a_tool_that_was_upgraded_is_not_asked_again() {
    let wrapped = r##"
tool "wrapped" {
    kind "exec"; can "edit"; observes "scope"
    run "bin/wrapped" "{prompt}"
    version { run "bin/wrapped" "--version" }
}"##;
    let one = Ws { id: "ws-1", scope: &["a.txt"], instructions: &["-"], tests: &["grep -q w a.txt"], ..Ws::default() };
    let script = |text: &str| format!("#!/bin/sh\necho ws-1 >> \"$HOME/asked\"\necho {text} >> a.txt\n");
    let project = lab(&pipeline("wrapped", "", &[one]), &[("a.txt", "0\n"), ("rules/w.kdl", wrapped)]);
    project.write("bin/wrapped", script("w"));
    project.git(&["add", "-A"]);
    project.git(&["update-index", "--chmod=+x", "bin/wrapped"]);
    project.git(&["commit", "-q", "-m", "tool"]);
    assert_eq!(ran(&project), ["ws-1/edit.1", "ws-1/test.1"]);
    asked(&project);
    // Overnight: the same name, another program.
    project.write("bin/wrapped", script("ww"));
    project.git(&["add", "-A"]);
    project.git(&["update-index", "--chmod=+x", "bin/wrapped"]);
    project.git(&["commit", "-q", "-m", "upgrade"]);
    assert_eq!(ran(&project), ["ws-1/test.1"]);
    assert!(asked(&project).is_empty());
    assert_eq!(project.result("ws-1", "a.txt"), "0\nw");
}

#[test]
fn a_passed_variable_runs_what_sees_it() {
    let project = built("edit", "");
    let text = format!("env {{ pass \"FLAVOUR\" }}\n{}", chain("edit", &INSTRUCTIONS, &TESTS, ""));
    project.write("Pipelinefile.kdl", text);
    let build = |flavour| project.pl_with(&["build", "--json", "*"], &[("FLAVOUR", flavour), ("OTHER", flavour)]);
    build("sweet").expect(0);
    build("sweet").expect(0).started_nothing();
    asked(&project);
    let sour = steps_run(&build("sour").expect(0).json());
    assert!(sour.contains(&"ws-1/test.1".to_owned()), "{sour:?}");
    assert_eq!(asked(&project).len(), 4);
    build("sweet").expect(0).started_nothing();
    let other = [("FLAVOUR", "sweet"), ("OTHER", "x")];
    project.pl_with(&["build", "--json", "*"], &other).expect(0).started_nothing();
}

#[test]
fn a_program_that_moved_and_says_the_same_version_runs_nothing() {
    let rule = |program: &str| {
        format!(
            "rule \"look\" {{\n    files \"**/*.txt\" in=\"changed\"\n    run \"look\" \"{{files}}\"\n    \
             exit {{ clean 0; findings 1 }}\n    parse \"exit-code\"\n    version {{ run \"look\" \"--version\" }}\n    {program}\n}}\n"
        )
    };
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        instructions: &["echo a >> a.txt"],
        tests: &["true a.txt"],
        ..Ws::default()
    };
    let project = lab(&pipeline("edit", "", &[one]), &[("a.txt", "0\n"), ("rules/look.kdl", &rule(""))]);
    let bin = project.around().join("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("PATH"));
    let install = |version: &str, more: &str| {
        let text = format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo look {version}; fi\n{more}exit 0\n");
        let _ = std::fs::remove_file(bin.join("look"));
        std::fs::write(bin.join("look"), text).expect("a program");
        std::fs::set_permissions(bin.join("look"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("mode");
    };
    let build = || project.pl_with(&["build", "--json", "*"], &[("PATH", path.as_str())]).expect(0);
    install("1.0", "");
    assert!(steps_run(&build().json()).contains(&"ws-1/look".to_owned()));
    build().started_nothing();
    install("1.0", "# moved\n");
    let moved = build();
    assert_eq!(moved.started.len(), 1, "{:?}", moved.started);
    assert_eq!(moved.started[0], ["look", "--version"]);
    assert_eq!(steps_run(&moved.json()), Vec::<String>::new());
    build().started_nothing();
    install("2.0", "");
    assert_eq!(steps_run(&build().json()), ["ws-1/look"]);
}
