//! Size: thousands of steps, in one line, in one fan, in both; long and strange names; large folders.
//!
//! Prints what it took. Nothing is asserted about time but that it ends ([`HANG`]). A run of all tests takes a tenth of
//! each size; the whole of it is `PL_SCALE=full cargo test --test it scale -- --nocapture --test-threads 1`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::incremental::lab::raw;
use crate::support::{Project, Ran};

/// Longer than any of these takes on a slow machine.
const HANG: Duration = Duration::from_secs(400);

/// A size, or a tenth of it.
fn size(whole: usize) -> usize {
    if std::env::var("PL_SCALE").is_ok_and(|word| word == "full") { whole } else { whole / 10 }
}

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
    let with = |words: &[&'static str]| -> Vec<&str> { words.iter().copied().chain(targets.iter().copied()).collect() };
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

fn bundle(number: usize, scope: &str, needs: &[usize]) -> Value {
    let needs: Vec<String> = needs.iter().map(|need| format!("ws-{need}-link")).collect();
    json!({
        "id": format!("ws-{number}-link"), "openspec_change": "chain", "ccpm_issue": number, "gate": 1,
        "files_scope": [scope], "files_create": [scope], "tasks": [format!("Note it in {scope}")],
        "acceptance_tests": [], "depends_on": needs, "tool": "note",
    })
}

/// Workstreams, each of which notes its name in the files of its scope.
fn workstreams(all: &[Value]) -> Project {
    let note = r##"
tool "note" {
    kind "exec"; can "edit"; observes "scope"
    run "sh" "-c" #"n=${1#ws-}; if grep -q 'in made' "$PL_PROMPT"; then mkdir -p made; echo "$1" > "made/${n%-link}.txt"; else echo "$1" >> log.txt; fi"# "note" "{workstream}"
}
"##;
    let text = Value::from(all.to_vec()).to_string();
    Project::new(&[("rules/note.kdl", note), ("workstreams/all.json", &text), ("log.txt", "0\n")])
}

#[test]
fn three_thousand_workstreams_in_one_chain() {
    let length = size(3_000);
    let before: Vec<usize> = (1..=length).collect();
    let one = |number: usize| bundle(number, "*.txt", if number > 1 { &before[number - 2..number - 1] } else { &[] });
    let all: Vec<Value> = (1..=length).map(one).collect();
    let project = workstreams(&all);
    let summary = three_times("chain of 3,000 workstreams", &project, &["*"]);
    assert_eq!(summary["workstreams"].as_array().map(Vec::len), Some(length));
    let last = project.result_ref(&format!("ws-{length}-link"));
    assert_eq!(project.git(&["show", &format!("{last}:log.txt")]).lines().count(), length + 1);
}

#[test]
fn a_diamond_three_hundred_wide() {
    let width = size(300);
    let scope = |number: usize| format!("made/{number}.*");
    let first = bundle(1, &scope(1), &[]);
    let middle = (2..width + 2).map(|number| bundle(number, &scope(number), &[1]));
    let last = bundle(width + 2, &scope(width + 2), &(2..width + 2).collect::<Vec<_>>());
    let all: Vec<Value> = [first].into_iter().chain(middle).chain([last]).collect();
    let project = workstreams(&all);
    three_times("diamond of 300", &project, &["*"]);
    let last = project.result_ref(&format!("ws-{}-link", width + 2));
    assert_eq!(project.git(&["ls-tree", "--name-only", &format!("{last}:made")]).lines().count(), width + 2);
}

#[test]
fn ten_thousand_tasks_in_one_fan() {
    let all: Vec<Value> = (0..size(10_000))
        .map(|number| json!({ "name": format!("t{number}"), "run": ["true", number.to_string()], "inputs": ["in"] }))
        .collect();
    let summary = three_times("fan of 10,000 tasks", &tasks(&all), &["*"]);
    assert_eq!(summary["steps_run"], size(10_000));
}

#[test]
fn two_thousand_tasks_in_one_chain() {
    let one = |number: usize| {
        let source = if number == 0 { "in".to_owned() } else { format!("out-{}", number - 1) };
        let target = format!("out-{number}");
        json!({ "name": format!("t{number}"), "run": ["cp", source, target], "inputs": [source], "outputs": [target] })
    };
    let all: Vec<Value> = (0..size(2_000)).map(one).collect();
    let project = tasks(&all);
    let last = format!("t{}", size(2_000) - 1);
    three_times("chain of 2,000 tasks", &project, &[&last]);
    assert_eq!(project.read(&format!("out-{}", size(2_000) - 1)), "1\n");
    project.write("in", "2\n");
    let summary = timed("chain of 2,000 tasks", &project, &["build", "--json", &last]).expect(0).json();
    assert_eq!(summary["steps_run"], size(2_000));
}

#[test]
fn a_folder_of_five_thousand_files() {
    let script = format!("mkdir -p out; i=0; while [ $i -lt {} ]; do echo $i > out/$i; i=$((i+1)); done", size(5_000));
    let text = format!(
        "task \"many\" {{ shell {}; inputs \"in\"; outputs \"out/\" }}\ntask \"use\" {{ run \"ls\" \"out\"; inputs \"out/**\" }}\n",
        raw(&script)
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
