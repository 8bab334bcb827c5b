//! KDL files as a whole: the language's examples, spans, and texts that nobody wrote.

use kdl::KdlDocument;
use proptest::prelude::{ProptestConfig, Strategy, any, prop, proptest};

use super::{blank_comments, node, plain, scan};
use crate::base::span::FileId;
use crate::syntax::definition::CommandDefinition;
use crate::syntax::{DIAGNOSTICS_MAX, FileKind, Parsed, parse};

/// The Pipelinefile of docs/design.md.
const PIPELINEFILE: &str = r####"default "ci"                         // what plain `pl build` builds; without it: every task, no workstream
repository "../legacy" {             // what workstreams change; default: the repository around
    base "main"
    seed "tests/fixtures/legacy"     // made from this folder the first time a build needs it
}
override { tool "replay" }           // precedence: command line, override, the workstream's own, defaults
defaults { tool "edit"; timeout "10m"; breaker { max-attempts 5; max-error-repeats 2; oscillation-threshold 2 } }
let { python "3.12" }                // {python}; --set python=3.13
env { PYTHONHASHSEED "0"; pass "CARGO_*" "CI" }
pools { ai 2 }
setup "python" {
    run "python3" "-m" "venv" "{out}"
    inputs "requirements.txt"
    bin "{out}/bin"                  // in front of PATH
}
task "test" {
    about "unit tests"
    depends-on "fmt"
    dir "crates/a"
    run "cargo" "test" "--" "{args}"
    inputs "src/**/*.rs" "Cargo.toml" "Cargo.lock"
}
task "docs" { run "cargo" "doc" "--no-deps"; inputs "src/**/*.rs" "Cargo.lock"; outputs "target/doc/" store=#false }
task "fmt" { run "cargo" "fmt" "--check" }
task "ci" { depends-on "fmt" "test" "docs" }         // no `run`: a group
workstream "ws-20-move-config" {                     // KDL asks for no more than this; JSON has the older schema
    depends-on "ws-15"
    files-scope "src/config.py"
    files-create "src/settings.py"
    tasks { - "Move Config into src/settings.py"; - "Leave a re-exporting shim" }
    acceptance-tests { run "python" "-m" "pytest" "-q" "tests/test_config.py"; shell #"python -c 'import settings; print("ok")'"# }
}
allow-overlap "ws-a" "ws-b" reason="they agree"
gates "ordered"
keep "target/"
include "gen/*.json" "more.kdl"
"####;

/// The rules of docs/design.md.
const RULES: &str = r####"rule "ruff" {
    files "**/*.py" in="scope"                       // scope | changed | all
    run "ruff" "check" "--output-format=json" "{files}"
    exit { clean 0; findings 1 }                     // anything else: the tool failed
    parse "json" { each "$[*]"; path "filename"; line "location.row"; code "code"; message "message" }
    category "style"; severity "warning"
    fix { run "ruff" "check" "--fix" "{files}" }
    inputs "pyproject.toml" "ruff.toml"              // looked for from each file's folder up to the root, present or absent
    reads "tree"                                     // default: the whole tree is in the key; "files": only those named (the author asserts it)
    version { run "ruff" "--version" }
}
tool "aider" {
    kind "ai"; can "edit" "fix"; pool "ai"; timeout "30m"
    run "aider" "--yes-always" "--no-auto-commits" "--message-file" "{prompt}" "{scope-files}"
    version { run "aider" "--version" }
    secrets "OPENAI_API_KEY"                         // passed, never stored; masked wherever output is kept
}
route "edit" "claude" "aider" "manual"               // a capability: who is asked, in order
"####;

const KDL_KINDS: [FileKind; 4] = [FileKind::Pipelinefile, FileKind::Rules, FileKind::Workstreams, FileKind::Include];

fn pipelinefile(text: &str) -> Parsed {
    parse(FileKind::Pipelinefile, FileId(0), text)
}

/// What stands at every diagnostic's first place.
fn places(text: &str) -> Vec<(&'static str, String)> {
    let parsed = pipelinefile(text);
    let place =
        |label: &crate::base::diagnostic::Label| text[label.span.start as usize..label.span.end as usize].to_owned();
    parsed.diagnostics.iter().map(|found| (found.code.id, place(&found.labels[0]))).collect()
}

#[test]
fn the_design_reads_without_a_word() {
    let parsed = pipelinefile(PIPELINEFILE);
    assert_eq!(parsed.diagnostics, []);
    let definitions = parsed.definitions;
    assert_eq!(definitions.tasks.len(), 4);
    let docs = &definitions.tasks[1];
    assert!(!docs.outputs[0].store);
    assert_eq!(docs.outputs[0].path.value, "target/doc/");
    assert_eq!(definitions.defaults.breaker.max_attempts.as_ref().map(|number| number.value), Some(5));
    assert_eq!(definitions.environment.pass.len(), 2);
    assert_eq!(definitions.pools[0].1.value, 2);
    assert_eq!(definitions.includes.len(), 2);
    let workstream = &definitions.workstreams[0];
    assert_eq!(workstream.instructions.len(), 2);
    assert_eq!(workstream.acceptance_tests.len(), 2);
    let CommandDefinition::Shell(shell) = &workstream.acceptance_tests[1].command else { panic!("a shell test") };
    assert_eq!(shell.value, r#"python -c 'import settings; print("ok")'"#);
    assert_eq!(
        &PIPELINEFILE[workstream.id.span.start as usize..workstream.id.span.end as usize],
        "\"ws-20-move-config\""
    );
    let whole = &PIPELINEFILE[workstream.span.start as usize..workstream.span.end as usize];
    assert!(whole.starts_with("workstream \"ws-20") && whole.ends_with("}"), "{whole}");
}

#[test]
fn the_rules_of_the_design_read_without_a_word() {
    let parsed = parse(FileKind::Rules, FileId(3), RULES);
    assert_eq!(parsed.diagnostics, []);
    let rule = &parsed.definitions.rules[0];
    let parser = rule.parsers.first().expect("a parser");
    assert_eq!(parser.fields["line"].value, "location.row");
    assert_eq!((rule.exit_clean[0].value, rule.exit_findings[0].value), (0, 1));
    assert_eq!(rule.looks_in.as_ref().map(|text| text.value.as_str()), Some("scope"));
    assert!(rule.fix.len() == 1 && rule.version.is_some());
    assert_eq!(parsed.definitions.tools[0].can.len(), 2);
    assert_eq!(parsed.definitions.routes[0].tools.len(), 3);
    assert_eq!(rule.name.span.file, FileId(3));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "reads what the program is built with")]
fn rules_that_come_along_are_plain() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    for path in std::fs::read_dir(folder).expect("rules").map(|entry| entry.expect("an entry").path()) {
        let text = std::fs::read_to_string(&path).expect("a text");
        let scanned = scan::scan(&text);
        let blanked = blank_comments(&text, &scanned);
        for chunk in &scanned.chunks {
            let plain = plain::nodes(&blanked, chunk.start, chunk.end, FileId(0));
            assert!(plain.is_some(), "{}: {}", path.display(), &text[chunk.start..chunk.end]);
        }
        agrees_with_the_crate(&text);
    }
}

#[test]
fn what_is_plain_is_read_without_the_crate() {
    let plainly = |text: &str| {
        let scanned = scan::scan(text);
        let blanked = blank_comments(text, &scanned);
        let read = |chunk: &super::Chunk| plain::nodes(&blanked, chunk.start, chunk.end, FileId(0)).is_some();
        (scanned.chunks.iter().filter(|chunk| read(chunk)).count(), scanned.chunks.len())
    };
    assert_eq!(plainly(PIPELINEFILE), (17, 17));
    for text in [
        "a",
        "a b 1 \"c d\"",
        "a {}",
        "a { b; c 1 }",
        "a {\r\n  b \"ä\"\u{a0}\"\"\u{2028}}",
        "task \"t\" { run \"cp\" \"{out}/a b\"; inputs \"a\" /* b */ \"c\" // d\n}",
        "- \"a\"",
        "\"a b\" c",
        "a b=c d=\"e\" \"f\"=1 g=#true #false",
        r####"a #"b"# ##"c"#"## #""# #""f"# d=#"\d"#"####,
        "a #\"\"\"\n  b\n\n   \\c \"d\"\n  \"\"\"# e",
        "a \\\n b \\ \n  \"c\" d=1",
        "a #\"\"\"\n\"\"\"# b=#\"\"\"\n \n\t \n \"\"\"#",
    ] {
        assert_eq!(plainly(text), (1, 1), "{text:?}");
        agrees_with_the_crate(text);
    }
    for text in [
        "a b =c",
        "a b= c",
        "a 1=2",
        "a #null",
        "a #truer",
        "a b=c=d",
        "a #\"b\"##",
        "a #\"b\"#c",
        "a #\"b\"#=1",
        "a #\"\"\"\n  b\n c\n  \"\"\"#",
        "a #\"\"\"\n b\n c \"\"\"#",
        "a #\"\"\"\r\n b\r\n \"\"\"#",
        "a \"\\n\"",
        "a 1.5",
        "a \"\"\"\nb\n\"\"\"",
        "a \\\n",
        "a\\\n b",
        "a \\\n { b }",
        "a{ b }",
    ] {
        assert_eq!(plainly(text), (0, 1), "{text:?}");
        agrees_with_the_crate(text);
    }
    let many: String = (0..1000).map(|at| format!("task \"t{at}\" {{ run \"true\"; inputs in=1 \"a\" }}\n")).collect();
    let parsed = pipelinefile(&many);
    assert_eq!((parsed.definitions.tasks.len(), parsed.definitions.tasks[999].name.value.as_str()), (1000, "t999"));
    assert_eq!(parsed.diagnostics.len(), DIAGNOSTICS_MAX + 1);
    assert!(parsed.diagnostics.is_sorted_by_key(|found| found.labels[0].span.start));
}

#[test]
fn problems_underline_what_was_written() {
    assert_eq!(places("/* ä */ task \"t\" { ruin \"x\" }\n"), [("unknown-field", "ruin".to_owned())]);
    assert_eq!(
        places("task \"ü\" {\n  run cargo test src/**/*.rs\n  inpts \"a\"\n}\ntask \"u\" { run ./x; dir 10m }\n"),
        [
            ("comment-swallows", "src/**/*.rs".to_owned()),
            ("unknown-field", "inpts".to_owned()),
            ("bare-word", "./x".to_owned()),
            ("bare-word", "10m".to_owned())
        ]
    );
    assert_eq!(
        places("task \"t\" { run cargo --features=a,b --x=\"y z\" {out} }\n"),
        [
            ("property-in-argv", "--features=a,b".to_owned()),
            ("property-in-argv", "--x=\"y z\"".to_owned()),
            ("bare-braces", "{out}".to_owned())
        ]
    );
    assert_eq!(places("setup \"s\" { run {out}/bin/x }\n"), [("bare-braces", "{out}/bin/x".to_owned())]);
    assert_eq!(places("let { a \"\\d\" }\n"), [("bad-escape", "\\d".to_owned())]);
    assert_eq!(places("let { a 1.10 }\n"), [("number-as-text", "1.10".to_owned())]);
}

#[test]
fn helps_say_what_to_type() {
    let help =
        |text: &str| pipelinefile(text).diagnostics.first().and_then(|found| found.help.clone()).unwrap_or_default();
    assert_eq!(help("task \"t\" { run ./x }\n"), "Write \"./x\"");
    assert_eq!(help("task \"t\" { run x {out} }\n"), "Put the whole argument in quotes: \"{out}\"");
    assert_eq!(help("task \"t\" { run x --f=a,b }\n"), "Put the whole argument in quotes: \"--f=a,b\"");
    assert_eq!(help("task \"t\" { run x --f=\"a\" }\n"), "Put the whole argument in quotes: \"--f=a\"");
    assert_eq!(help("task \"t\" { inpts \"a\" }\n"), "Did you mean `inputs`?");
    assert_eq!(help("task \"t\" pool=\"ai\" { run x }\n"), "Fields stand in braces: `task { pool \"ai\" }`");
}

#[test]
fn one_mistake_costs_one_node() {
    let parsed = pipelinefile(
        "task \"a\" { run \"x }\n}\n\ntask \"b\" { run \"y\" }\ntask \"c\" { run ./z }\ntask \"d\"  { run \"z\" }",
    );
    let names: Vec<&str> = parsed.definitions.tasks.iter().map(|task| task.name.value.as_str()).collect();
    assert_eq!(names, ["b", "d"]);
    assert_eq!(parsed.diagnostics.len(), 2);
}

#[test]
fn spelling_of_kdl_is_followed() {
    let text = "\u{FEFF}/-task \"off\" { run ./ok \n}\n";
    assert_eq!(places(text).len(), 1, "a trap is one even where it is slashdashed");
    let text = "task \"t\" \\ // goes on\n  {\r\n  run \"a\" /-\"b\" \\\n   \"c\" /* d */ #\"e\"#\r\n  inputs /-{ x }\n/- shell \"q\"\n}";
    assert_eq!(places(text), [("missing-value", "inputs".to_owned())]);
    let parsed = pipelinefile("task \"t\" {\n  shell \"\"\"\n    a \"b\"\n      c\n    \"\"\"\n}\n");
    assert_eq!(parsed.diagnostics, []);
    let Some(CommandDefinition::Shell(shell)) = &parsed.definitions.tasks[0].command else { panic!("a shell") };
    assert_eq!(shell.value, "a \"b\"\n  c");
}

#[test]
fn deep_and_long_texts_end() {
    for text in [
        "{".repeat(20_000),
        "}".repeat(20_000),
        "a{".repeat(20_000),
        "a ".to_owned() + &"/*".repeat(20_000),
        "a ".to_owned() + &"/-".repeat(20_000),
        "a ".to_owned() + &"/-".repeat(20_000) + "b",
        "a ".to_owned() + &"/- ".repeat(20_000) + "{\n}",
        "/-\n".repeat(20_000) + "a",
        format!("a /*{}*/\n", "*/"),
        format!("/*{}*/ pools {{ ai 2 }}\n", "*".repeat(50_000)),
        "a ".to_owned() + &"\"\"\"\n".repeat(5000),
        "a ".to_owned() + &"#".repeat(20_000),
        "a ".to_owned() + &"x{".repeat(20_000),
        "a /x".to_owned() + &"{".repeat(20_000),
        "a \"".to_owned() + &"\\u{".repeat(20_000),
        "a b".to_owned() + &"=c".repeat(20_000),
        "a (".repeat(10_000),
        "a;".repeat(20_000),
    ] {
        let parsed = pipelinefile(&text);
        assert!(parsed.diagnostics.len() <= crate::syntax::DIAGNOSTICS_MAX + 1);
    }
}

#[test]
fn as_deep_as_allowed_is_read() {
    let blocks = super::problem::NESTING_MAX - 2;
    let text = format!(
        "workstream \"ws-a\" {{ files-scope \"a\"; metadata {{ {} b 1 {} }} }}\n",
        "a { ".repeat(blocks),
        " }".repeat(blocks)
    );
    assert_eq!(places(&text), []);
}

/// The parser alone would need 2^30 steps here.
#[test]
fn nested_slashdash_ends() {
    for open in ["a /-{ ", "/-a { ", "a /-b /-{ ", "a /-b { "] {
        pipelinefile(&format!("{} b {}\n", open.repeat(30), " }".repeat(30)));
    }
}

/// Pieces that a random text is made of: all that means something to KDL.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "task",
        "run",
        "\"t\"",
        "#\"r\"#",
        "##\"r\"#\"##",
        "\"\"\"\n  x\n  \"\"\"",
        "#\"\"\"\ny\n\"\"\"#",
        "1",
        "-2.5e3",
        "0x1F",
        "#true",
        "#null",
        "true",
        "10m",
        "./x",
        "a/b",
        "src/**/*.rs",
        "//c\n",
        "/* d */",
        "/*",
        "*/",
        "/-",
        "{",
        "}",
        ";",
        "\n",
        "\r\n",
        " ",
        " ",
        " ",
        "\t",
        "\\\n",
        "\\",
        "=",
        "b=1",
        "--f=x",
        "\"",
        "\"\"",
        "\"\"\"",
        "#",
        "[",
        "ä",
        "\u{85}",
        "\u{2028}",
        "\u{FEFF}",
        "\u{1}",
        "\"\\d\"",
        "#\"\\d\"#",
        "#\"",
        "\"#",
        "#\"\"\"\n a\n b\n \"\"\"#",
        "#\"\"\"\n",
        "\n \"\"\"#",
        "\"\\u{41}\"",
        "\"a\\\n  b\"",
        "-",
        "+",
        ".",
        ".5",
        "é=",
        "nan",
        "{out}",
        "$[*]",
        "\u{3000}",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A good file with some bytes cut out or put in.
fn mutated() -> impl Strategy<Value = String> {
    let base = prop::sample::select(vec![PIPELINEFILE, RULES]);
    let piece = prop::sample::select(vec![
        "", "{", "}", "\"", "/", "\\", "=", "\n", ";", "#", "/*", "//", "\"\"\"", "ä", "/-", "(",
    ]);
    (base, prop::collection::vec((any::<prop::sample::Index>(), 0..6usize, piece), 1..5)).prop_map(|(base, changes)| {
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

fn sound(text: &str) {
    for kind in KDL_KINDS {
        for diagnostic in parse(kind, FileId(0), text).diagnostics {
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

/// What the scan lets through, the parser takes; what the parser takes, the scan lets through; the nodes are the same.
fn agrees_with_the_crate(text: &str) {
    let whole = KdlDocument::parse_v2(text);
    let scanned = scan::scan(text);
    let blanked = blank_comments(text, &scanned);
    assert_eq!(blanked.len(), text.len());
    let clean = scanned.chunks.iter().all(|chunk| chunk.problems.iter().all(|problem| !problem.is_fatal()));
    let mut nodes = Vec::new();
    let mut parsed = clean;
    if clean {
        for chunk in &scanned.chunks {
            let read = node::parse(&blanked, chunk.start, chunk.end, FileId(0));
            if let Some(plain) = plain::nodes(&blanked, chunk.start, chunk.end, FileId(0)) {
                assert_eq!(read.as_ref().ok(), Some(&plain), "{:?}", &text[chunk.start..chunk.end]);
            }
            match read {
                Ok(found) => nodes.extend(found),
                Err(_) => parsed = false,
            }
        }
    }
    match whole {
        // The crate is more lenient than KDL behind slashdashed children, and stricter before a `;`.
        _ if text.contains("/-") => {}
        Ok(document) if !text.contains('(') => {
            assert!(parsed, "the crate takes {text:?}, the scan says {:?}", scanned.chunks);
            let expect: Vec<_> =
                document.nodes().iter().map(|node| (node.name().value().to_owned(), node.entries().len())).collect();
            let got: Vec<_> = nodes
                .iter()
                .map(|node| (node.name.value.to_string(), node.arguments.len() + node.properties.len()))
                .collect();
            assert_eq!(got, expect, "{text:?}");
        }
        Ok(_) => {}
        Err(error) => assert!(!parsed, "the crate refuses {text:?}: {error:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_letters_never_panic(text in "\\PC{0,60}") {
        sound(&text);
    }

    #[test]
    fn soups_never_panic(text in soup()) {
        sound(&text);
    }

    #[test]
    fn soups_read_as_the_crate_reads_them(text in soup()) {
        agrees_with_the_crate(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_read_as_the_crate_reads_them(text in mutated()) {
        sound(&text);
        agrees_with_the_crate(&text);
    }
}
