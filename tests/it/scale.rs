//! Size: thousands of steps, in one line, in one fan, in both; long and strange names; large folders.
//!
//! Prints what it took. Nothing is asserted about time but that it ends ([`HANG`]).

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::incremental::lab::raw;
use crate::support::{Project, Ran};

/// Longer than any of these takes on a slow machine.
const HANG: Duration = Duration::from_secs(400);

/// Runs `pl` and says how long it took.
#[track_caller]
fn timed(what: &str, project: &Project, arguments: &[&str]) -> Ran {
    let begun = Instant::now();
    let ran = project.pl(arguments);
    let took = begun.elapsed();
    println!("{what}: pl {} took {} ms", arguments.join(" "), took.as_millis());
    assert!(took < HANG, "{what}: {took:?}");
    ran
}

/// Checks, builds, builds again: the last starts nothing.
#[track_caller]
fn three_times(what: &str, project: &Project, targets: &[&str]) -> Value {
    let with = |words: &[&'static str]| words.iter().copied().chain(targets.iter().copied()).collect::<Vec<_>>();
    timed(what, project, &with(&["check", "--json"])).expect(0).started_nothing();
    let summary = timed(what, project, &with(&["build", "--json"])).expect(0).json();
    timed(what, project, &with(&["check", "--fail-if-stale", "--json"])).expect(0).started_nothing();
    let again = timed(what, project, &with(&["build", "--json"])).expect(0).started_nothing().json();
    assert!(again["run_id"].is_null(), "{what}: a null build made a run");
    summary
}

fn tasks(all: &[Value]) -> Project {
    let text = json!({ "tasks": all }).to_string();
    Project::new(&[("Pipelinefile.kdl", "include \"gen/tasks.json\"\n"), ("gen/tasks.json", &text), ("in", "1\n")])
}

fn bundle(number: usize, needs: &[usize]) -> Value {
    let needs: Vec<String> = needs.iter().map(|need| format!("ws-{need}-link")).collect();
    json!({
        "id": format!("ws-{number}-link"), "openspec_change": "chain", "ccpm_issue": number, "gate": 1,
        "files_scope": [], "files_create": [format!("made/{number}.txt")],
        "tasks": [format!("sh: make {number}")], "acceptance_tests": [], "depends_on": needs, "tool": "make",
    })
}

/// Workstreams, each of which makes one file.
fn workstreams(all: &[Value]) -> Project {
    let make = r##"
tool "make" {
    kind "exec"; can "edit"; observes "scope"
    run "sh" "-c" #"n=${1#ws-}; mkdir -p made; echo "$1" > "made/${n%-link}.txt""# "make" "{workstream}"
}
"##;
    let text = Value::from(all.to_vec()).to_string();
    Project::new(&[("rules/make.kdl", make), ("workstreams/all.json", &text)])
}

#[test]
fn three_thousand_workstreams_in_one_chain() {
    const LENGTH: usize = 3_000;
    let one = |number: usize| bundle(number, &[number - 1][..usize::from(number > 1)]);
    let all: Vec<Value> = (1..=LENGTH).map(one).collect();
    let project = workstreams(&all);
    let summary = three_times("chain of 3,000 workstreams", &project, &["*"]);
    assert_eq!(summary["workstreams"].as_array().map(Vec::len), Some(LENGTH));
    let last = project.result_ref(&format!("ws-{LENGTH}-link"));
    assert_eq!(project.git(&["ls-tree", "--name-only", &format!("{last}:made")]).lines().count(), LENGTH);
}

#[test]
fn a_diamond_three_hundred_wide() {
    const WIDTH: usize = 300;
    let first = bundle(1, &[]);
    let middle = (2..WIDTH + 2).map(|number| bundle(number, &[1]));
    let last = bundle(WIDTH + 2, &(2..WIDTH + 2).collect::<Vec<_>>());
    let all: Vec<Value> = [first].into_iter().chain(middle).chain([last]).collect();
    let project = workstreams(&all);
    three_times("diamond of 300", &project, &["*"]);
    let last = project.result_ref(&format!("ws-{}-link", WIDTH + 2));
    assert_eq!(project.git(&["ls-tree", "--name-only", &format!("{last}:made")]).lines().count(), WIDTH + 2);
}

#[test]
fn ten_thousand_tasks_in_one_fan() {
    let all: Vec<Value> =
        (0..10_000).map(|number| json!({ "name": format!("t{number}"), "run": ["true"], "inputs": ["in"] })).collect();
    let summary = three_times("fan of 10,000 tasks", &tasks(&all), &["*"]);
    assert_eq!(summary["steps_run"], 10_000);
}

#[test]
fn two_thousand_tasks_in_one_chain() {
    let one = |number: usize| {
        let source = if number == 0 { "in".to_owned() } else { format!("out/{}", number - 1) };
        let target = format!("out/{number}");
        json!({ "name": format!("t{number}"), "run": ["cp", source, target], "inputs": [source], "outputs": [target] })
    };
    let all: Vec<Value> = (0..2_000).map(one).collect();
    let project = tasks(&all);
    three_times("chain of 2,000 tasks", &project, &["t1999"]);
    assert_eq!(project.read("out/1999"), "1\n");
    project.write("in", "2\n");
    let summary = timed("chain of 2,000 tasks", &project, &["build", "--json", "t1999"]).expect(0).json();
    assert_eq!(summary["steps_run"], 2_000);
}

#[test]
fn a_folder_of_five_thousand_files() {
    let script = "mkdir -p out; i=0; while [ $i -lt 5000 ]; do echo $i > out/$i; i=$((i+1)); done";
    let text = format!(
        "task \"many\" {{ shell {}; inputs \"in\"; outputs \"out/\" }}\ntask \"use\" {{ run \"ls\" \"out\"; inputs \"out/**\" }}\n",
        raw(script)
    );
    let project = Project::new(&[("Pipelinefile.kdl", &text), ("in", "1\n")]);
    three_times("folder of 5,000 files", &project, &["use"]);
    std::fs::remove_file(project.path("out/77")).expect("removed");
    let restored = timed("one of 5,000 is gone", &project, &["build", "--json", "use"]).expect(0);
    assert_eq!((project.read("out/77"), restored.started.len()), ("77\n".to_owned(), 0), "{}", restored.output());
}

/// Names that shells, lists and terminals take for something else.
fn strange_names() -> Vec<String> {
    let long = "n".repeat(200);
    [
        "with space",
        "quote'and\"quote",
        "new\nline",
        "tab\tand\\back",
        "umlaut-äöü",
        "emoji-🦀",
        "-dash",
        "#hash",
        "$HOME",
        "a;b&c|d",
        "%s",
        "{brace",
        "é-nfc",
        "e\u{301}-nfd",
        long.as_str(),
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn strange_names_of_files_go_through_whole() {
    let copy = r#"for f in src/*; do cp "$f" out/; done"#;
    let text = format!(
        "task \"copy\" {{ shell {}; inputs \"src/**\"; outputs \"out/\" }}\n\
         task \"{}\" {{ run \"ls\" \"out\"; inputs \"out/**\" }}\n\
         tool \"add\" {{ kind \"exec\"; can \"edit\"; run \"sh\" \"-c\" {} }}\n\
         workstream \"ws-1-a\" {{\n    files-scope \"src/\"\n    files-create \"src/**\"\n    tool \"add\"\n    tasks {{ - \"Add\" }}\n    \
         acceptance-tests {{ shell \"test -f src/a\" }}\n}}\n",
        raw(&format!("mkdir -p out; {copy}")),
        "t".repeat(200),
        raw(r#"for f in src/*; do echo more >> "$f"; cp "$f" "$f+"; done; touch src/a"#),
    );
    let project = Project::new(&[("Pipelinefile.kdl", &text)]);
    for name in strange_names() {
        project.write(&format!("src/{name}"), &name);
    }
    project.commit("names");
    three_times("strange names", &project, &["*"]);
    for name in strange_names() {
        assert_eq!(project.read(&format!("out/{name}")), name);
        assert_eq!(project.result("ws-1-a", &format!("src/{name}+")), format!("{name}more"), "{name:?}");
    }
    let patch = project.pl(&["diff", "ws-1-a"]);
    if patch.code == 0 {
        // What `diff` writes is a recording: replayed, it gives the same tree.
        let tree = project.git(&["rev-parse", &format!("{}^{{tree}}", project.result_ref("ws-1-a"))]);
        project.write("recordings/ws-1-a.patch", &patch.stdout);
        let replayed = project.pl(&["build", "--json", "--tool", "replay", "ws-1-a"]).expect(0);
        let replayed_tree = project.git(&["rev-parse", &format!("{}^{{tree}}", project.result_ref("ws-1-a"))]);
        assert_eq!(replayed_tree, tree, "{}", replayed.output());
    }
}
