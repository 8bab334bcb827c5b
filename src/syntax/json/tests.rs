//! JSON files as a whole: what is taken, where problems stand, and texts that nobody wrote.

use proptest::prelude::{ProptestConfig, Strategy, any, prop, proptest};

use super::{bundles_of_tree, plain, table, tasks_of_tree};
use crate::base::span::FileId;
use crate::syntax::definition::CommandDefinition;
use crate::syntax::{FileKind, Parsed, parse};

const BUNDLES: &str = r#"[
  {
    "id": "ws-15-refactor-core-state",
    "openspec_change": "refactor-core",
    "ccpm_issue": 42,
    "gate": 2,
    "files_scope": ["src/state.py", "src/ä.py"],
    "files_create": ["src/new.py"],
    "tasks": ["Move it", "Say \"why\""],
    "acceptance_tests": ["pytest -q {args}"],
    "depends_on": ["ws-1"],
    "tool": "aider",
    "circuit_breaker": {"max_attempts": 5, "max_error_repeats": 0, "oscillation_threshold": 2},
    "metadata": {"owner": "ann", "deep": [1, {"x": null}]}
  },
  {"id": "ws-16", "openspec_change": "c", "ccpm_issue": "TBD", "gate": 1, "files_scope": ["a"], "tasks": [], "tool": "edit"}
]
"#;

const TASKS: &str = r#"{"tasks": [
  {"name": "build", "run": ["cc", "-o", "{out}", ""], "inputs": ["a.c"], "outputs": ["a"], "depends_on": ["gen"],
   "depfile": "{out}.d", "env": {"CC": "gcc", "EMPTY": ""}, "dir": "x", "pool": "cc", "jobserver": false, "timeout": "10m"},
  {"name": "gen", "shell": "echo hello > a.c"},
  {"name": "all", "depends_on": ["build"]}
]}"#;

fn bundles(text: &str) -> Parsed {
    parse(FileKind::Bundle, FileId(0), text)
}

/// What stands at every diagnostic's first place.
fn places(kind: FileKind, text: &str) -> Vec<(&'static str, String)> {
    let parsed = parse(kind, FileId(0), text);
    parsed
        .diagnostics
        .iter()
        .map(|found| {
            let span = found.labels[0].span;
            (found.code.id, text[span.start as usize..span.end as usize].to_owned())
        })
        .collect()
}

#[test]
fn bundles_are_read() {
    let parsed = bundles(BUNDLES);
    assert_eq!(parsed.diagnostics, []);
    let [first, second] = parsed.definitions.workstreams.as_slice() else { panic!("two workstreams") };
    assert_eq!(first.issue.as_ref().map(|issue| issue.value.as_str()), Some("42"));
    assert_eq!(second.issue.as_ref().map(|issue| issue.value.as_str()), Some("TBD"));
    assert_eq!(first.metadata.as_deref(), Some(r#"{"owner": "ann", "deep": [1, {"x": null}]}"#));
    assert_eq!(first.instructions[1].value, "Say \"why\"");
    assert!(!first.acceptance_tests[0].substituted);
    assert!(
        matches!(&first.acceptance_tests[0].command, CommandDefinition::Shell(text) if text.value == "pytest -q {args}")
    );
    let scope = &first.files_scope[1];
    assert_eq!(&BUNDLES[scope.span.start as usize..scope.span.end as usize], "\"src/ä.py\"");
    assert_eq!(first.breaker.max_error_repeats.as_ref().map(|number| number.value), Some(0));
    assert_eq!(first.gate.as_ref().map(|number| number.value), Some(2));
}

#[test]
fn tasks_are_read() {
    let parsed = parse(FileKind::TaskFile, FileId(0), TASKS);
    assert_eq!(parsed.diagnostics, []);
    let tasks: Vec<_> = parsed.definitions.task_table.definitions().collect();
    assert_eq!(tasks.len(), 3);
    assert!(matches!(&tasks[0].command, Some(CommandDefinition::Run(argv)) if argv.len() == 4));
    assert_eq!(tasks[0].environment.set.len(), 2);
    assert!(tasks[2].command.is_none());
}

#[test]
fn problems_underline_the_key_or_the_value() {
    let text = r#"{"id": "WS_1", "openspec_change": 7, "ccpm_issue": 1.5, "gate": 0, "files_scop": [], "tasks": "x", "tool": ""}"#;
    assert_eq!(
        places(FileKind::Bundle, text),
        [
            ("missing-field", "\"WS_1\"".to_owned()),
            ("invalid-id", "\"WS_1\"".to_owned()),
            ("wrong-type", "7".to_owned()),
            ("wrong-type", "1.5".to_owned()),
            ("out-of-range", "0".to_owned()),
            ("unknown-field", "\"files_scop\"".to_owned()),
            ("wrong-type", "\"x\"".to_owned()),
            ("empty-value", "\"\"".to_owned()),
        ]
    );
    let parsed = bundles(text);
    assert_eq!(parsed.diagnostics[0].message, "bundle WS_1 lacks the required field(s) `files_scope`");
    assert_eq!(
        parsed.diagnostics[1].help.as_deref(),
        Some("Write `ws-1`: `ws-`, then lower-case letters, digits and `-`")
    );
    assert_eq!(parsed.diagnostics[5].help.as_deref(), Some("Did you mean `files_scope`?"));
    assert_eq!(parsed.diagnostics[2].subject.as_deref(), Some("WS_1"));
    assert_eq!(parsed.definitions.workstreams.len(), 1);
}

#[test]
fn json_is_strict() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "{]",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "[1 2]",
        "[[] []]",
        "[{} {}]",
        "{\"a\" 1}",
        "[01]",
        "[1.]",
        "[+1]",
        "[.5]",
        "[0x1]",
        "[NaN]",
        "[\"\\x41\"]",
        "[\"a\nb\"]",
        "[\"a\tb\"]",
        "[tru]",
        "[1] 2",
        "// x\n[]",
        "[/* x */]",
        "[\"\\ud800\"]",
        "\u{FEFF}[]",
        "nul",
        "\"",
        "{\"a\":}",
    ] {
        let found = places(FileKind::Bundle, text);
        assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["syntax-error"], "{text:?}");
    }
    let deep = "[".repeat(20_000);
    assert_eq!(bundles(&deep).diagnostics[0].code.id, "syntax-error");
    let deep = format!("{}{}", "[".repeat(400), "]".repeat(400));
    assert!(!bundles(&deep).diagnostics.is_empty());
}

/// A good file with some bytes cut out or put in.
fn mutated() -> impl Strategy<Value = String> {
    let base = prop::sample::select(vec![BUNDLES, TASKS]);
    let piece = prop::sample::select(vec![
        "",
        "{",
        "}",
        "\"",
        "[",
        "]",
        ",",
        ":",
        "\\",
        "null",
        "-1",
        "1e9",
        "\n",
        "ä",
        "\\u00e4",
        "\\ud83d",
        " ",
        "x",
        "\"x\",",
        "//",
        "\"id\":1,",
    ]);
    (base, prop::collection::vec((any::<prop::sample::Index>(), 0..8usize, piece), 1..4)).prop_map(|(base, changes)| {
        let mut text = base.to_owned();
        for (index, cut, piece) in changes {
            let mut start = index.index(text.len().max(1)).min(text.len());
            while !text.is_char_boundary(start) {
                start -= 1;
            }
            let mut end = (start + cut).min(text.len());
            while !text.is_char_boundary(end) {
                end += 1;
            }
            text.replace_range(start..end, piece);
        }
        text
    })
}

/// What is read without the tree is what is read with it, and nothing is wrong with it.
fn read_alike(text: &str) {
    if let Some(workstreams) = plain::bundles(FileId(0), text) {
        let tree = bundles_of_tree(FileId(0), text);
        assert_eq!((tree.definitions.workstreams, tree.diagnostics), (workstreams, Vec::new()), "{text:?}");
    }
    if let Some(tasks) = table::tasks(FileId(0), text) {
        let tree = tasks_of_tree(FileId(0), text);
        let tasks: Vec<_> = tasks.definitions().collect();
        assert_eq!((tree.definitions.tasks, tree.diagnostics), (tasks, Vec::new()), "{text:?}");
    }
}

#[test]
fn what_is_right_is_read_without_a_tree() {
    assert_eq!(plain::bundles(FileId(0), BUNDLES).map(|found| found.len()), Some(2));
    assert_eq!(table::tasks(FileId(0), TASKS).map(|found| found.len()), Some(3));
    for text in [
        r#"{"tasks": [{"name": "a", "about": null}]}"#,
        r#"{"tasks": [{"name": "a", "run": null}]}"#,
        r#"{"tasks": [{"name": "a", "run": []}]}"#,
        r#"{"tasks": [{"name": "a", "name": "b"}]}"#,
        r#"{"tasks": [{"name": "a", "run": ["b"], "shell": "b"}]}"#,
        r#"{"tasks": [{"name": "a", "env": {"A": "1", "A": "2"}}]}"#,
        r#"{"tasks": [{"name": "a", "inputs": [" "]}]}"#,
        r#"{"tasks": [], "id": "ws-1"}"#,
        r#"{"tasks": [1]}"#,
    ] {
        assert!(table::tasks(FileId(0), text).is_none(), "{text}");
    }
    let bundle = r#"{"id": "ws-1", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a"], "tasks": [], "tool": "t", MORE}"#;
    for more in [
        r#""metadata": {"a": {"b": 1, "b": 2}}"#,
        r#""metadata": 1"#,
        r#""metadata": {"a": "\ud800"}"#,
        r#""gate": 1"#,
        r#""circuit_breaker": null"#,
        r#""circuit_breaker": {"max_attempts": 0}"#,
    ] {
        assert!(plain::bundles(FileId(0), &bundle.replace("MORE", more)).is_none(), "{more}");
    }
    let many: String =
        (0..2000).map(|at| format!(",\n {{\"name\": \"t{at}\", \"inputs\": [\"\\u00e4{at}\"]}}")).collect();
    let many = format!("{{\"tasks\": [{}]}}", &many[1..]);
    assert_eq!(table::tasks(FileId(0), &many).map(|found| found.len()), Some(2000));
    read_alike(&many);
}

#[test]
fn a_number_of_any_size_is_of_the_wrong_type_and_no_fault_of_form() {
    for number in ["1e942", "-1e942", "1.5e-942"] {
        let text = format!("{{\"tasks\": [{{\"name\": \"a\", \"run\": [\"true\"], \"timeout\": {number}}}]}}");
        sound(&text);
        sound(&text[..text.len() - 1]);
        let parsed = parse(FileKind::TaskFile, FileId(0), &text);
        assert_eq!(
            parsed.diagnostics.iter().map(|found| found.code.id).collect::<Vec<_>>(),
            ["wrong-type"],
            "{number}"
        );
    }
}

fn sound(text: &str) {
    read_alike(text);
    let valid = match serde_json::from_str::<serde_json::Value>(text) {
        // The form of JSON has no largest number; what is too large for a field, its own diagnostic says.
        Err(error) if error.to_string().starts_with("number out of range") => {
            serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        }
        value => value.is_ok(),
    };
    for kind in [FileKind::Bundle, FileKind::TaskFile] {
        let parsed = parse(kind, FileId(0), text);
        let refused = parsed.diagnostics.iter().any(|found| found.code.id == "syntax-error");
        assert_eq!(valid, !refused, "{text:?} {:?}", parsed.diagnostics);
        for diagnostic in parsed.diagnostics {
            assert!(diagnostic.help.is_some(), "{diagnostic:?}");
            for label in &diagnostic.labels {
                assert!(
                    text.get(label.span.start as usize..label.span.end as usize).is_some(),
                    "{text:?} {diagnostic:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_letters_never_panic(text in "\\PC{0,60}") {
        sound(&text);
    }

    #[test]
    fn json_letters_never_panic(text in "[\\[\\]{}\",:0-9a.e\\-\\\\ \ntrufalsn]{0,40}") {
        sound(&text);
    }

    #[test]
    fn mutated_files_never_panic(text in mutated()) {
        sound(&text);
    }
}
