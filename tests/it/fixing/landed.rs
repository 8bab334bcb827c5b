//! The rules that serve most, each against its real program: an edit that it finds fault with, a loop that mends it, a result that is
//! merged as a person does it, and a build that has nothing left to do.
//!
//! Where the rule can mend, it alone does. Where it cannot, the tool is asked with the findings; its first try is no better.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Project, step, steps_run, workstream};

/// A rule, and a file in which it finds something.
#[derive(Debug, Clone, Copy)]
struct Case {
    rule: &'static str,
    /// The workstream's file, and its text on the base.
    file: (&'static str, &'static str),
    /// Files beside it.
    others: &'static [(&'static str, &'static str)],
    /// What the tool makes of the file; then, where it is asked again, what it makes of it each time.
    tries: &'static [&'static str],
    /// The text that lands.
    good: &'static str,
    /// The finding, as it stands in the prompt; empty where the rule mends it by itself.
    told: &'static str,
    /// The acceptance test.
    test: &'static str,
}

/// Everything that a case needs is there, or it is said what is not.
fn path_of(case: Case) -> Option<String> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/checkers");
    let checkers = std::env::var_os("PL_CHECKERS_DIR").map_or(ours, PathBuf::from).join(".pl/tools/bin");
    let own = std::env::var_os("PATH").unwrap_or_default();
    let is_there = match case.rule {
        "cargo-clippy" => std::env::split_paths(&own).any(|folder| folder.join("cargo-clippy").exists()),
        rule => checkers.join(rule).exists(),
    };
    if !is_there {
        let required = std::env::var("PL_CHECKERS").is_ok_and(|word| word == "required");
        assert!(!required, "{} is not there; tests/checkers/install", case.rule);
        // Said past the harness, which keeps what a test that passes prints.
        let _ = writeln!(std::io::stderr(), "\nnothing was landed with {}: it is not there", case.rule);
        return None;
    }
    let folders = std::iter::once(checkers).chain(std::env::split_paths(&own));
    Some(std::env::join_paths(folders).expect("a PATH").into_string().expect("UTF-8"))
}

fn project(case: Case) -> Project {
    let (path, before) = case.file;
    let Case { rule, test, .. } = case;
    let text = format!(
        "use \"{rule}\"\nenv {{ PYTHONDONTWRITEBYTECODE \"1\"; pass \"RUSTUP_HOME\" \"CARGO_HOME\" }}\n\
         tool \"agent\" {{ kind \"ai\"; can \"edit\" \"fix\"; shell ##\"echo x >> \"$HOME/asked\"; n=$(wc -l < \"$HOME/asked\"); \
         cp \"$PL_PROMPT\" \"$HOME/prompt.$((n))\"; cp \"$HOME/try.$((n))\" {path}\"## }}\n\
         workstream \"ws-1\" {{\n    tool \"agent\"\n    files-scope \"{path}\"\n    tasks {{ - \"Write {path}\" }}\n    \
         acceptance-tests {{ shell ##\"{test}\"## }}\n}}\n"
    );
    let mut files = vec![("Pipelinefile.kdl", text.as_str()), (path, before), (".gitignore", "target/\n")];
    files.extend(case.others);
    let project = Project::new(&files);
    for (place, text) in case.tries.iter().enumerate() {
        std::fs::write(project.around().join(format!("home/try.{}", place + 1)), text).expect("a try");
    }
    project
}

/// `TOOL FILES BEFORE->AFTER` of each attempt.
fn attempts(shown: &Value) -> Vec<String> {
    let all = shown["fix_loop"]["attempts"].as_array().expect("attempts");
    let one = |attempt: &Value| {
        let files: Vec<&str> = attempt["files"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let count = |name: &str| attempt[name].as_u64().map_or("-".to_owned(), |count| count.to_string());
        let tool = attempt["tool"].as_str().expect("a tool");
        format!("{tool} {} {}->{}", files.join(" "), count("findings_before"), count("findings_after"))
    };
    all.iter().map(one).collect()
}

/// The loop, the result, the merge, and nothing after it.
fn mended_and_landed(case: Case) {
    let Some(path) = path_of(case) else { return };
    let project = project(case);
    let home = std::env::var("HOME").unwrap_or_default();
    // The toolchain's shims look for it in the home of whoever runs the tests.
    let (rustup, cargo) = (format!("{home}/.rustup"), format!("{home}/.cargo"));
    let environment = [
        ("PATH", path),
        ("RUSTUP_HOME", std::env::var("RUSTUP_HOME").unwrap_or(rustup)),
        ("CARGO_HOME", std::env::var("CARGO_HOME").unwrap_or(cargo)),
    ];
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let pl = |arguments: &[&str]| project.pl_with(arguments, &environment);

    let built = pl(&["build", "--json", "ws-1"]).expect(0).json();
    assert_eq!(workstream(&built, "ws-1")["status"], "done");
    assert_eq!(step(&built, &format!("ws-1/{}", case.rule))["status"], "done");
    let file = case.file.0;
    let mut expected = vec![format!("agent {file} -->1")];
    if case.told.is_empty() {
        expected.push(format!("{} (mechanical) {file} 1->0", case.rule));
    } else {
        let prompt = |number: usize| {
            std::fs::read_to_string(project.around().join(format!("home/prompt.{number}"))).expect("a prompt")
        };
        assert!(!prompt(1).contains(case.told), "{}", prompt(1));
        assert!(prompt(2).contains(case.told), "{:?} is not in\n{}", case.told, prompt(2));
        expected.extend([format!("agent {file} 1->1"), format!("agent {file} 1->0")]);
    }
    assert_eq!(attempts(&pl(&["show", "--json", "ws-1"]).json()), expected);
    let asked = std::fs::read_to_string(project.around().join("home/asked")).expect("who was asked");
    assert_eq!(asked.lines().count(), case.tries.len());
    assert_eq!(project.result_changes("ws-1"), [format!("M {file}")]);

    let branch = project.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/ws"]);
    project.git(&["merge", "-q", "--ff-only", &branch]);
    assert_eq!(project.read(file), case.good);
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    let again = pl(&["build", "--json", "ws-1"]).expect(0).started_nothing().json();
    assert_eq!(workstream(&again, "ws-1")["status"], "landed");
    assert!(steps_run(&again).is_empty() && again["run_id"].is_null(), "{again:#}");
    pl(&["build", "ws-1"]).expect(0).says("ws-1 is up to date").started_nothing();
    assert_eq!(pl(&["show", "--json", "ws-1"]).json()["state"], "landed");
}

#[test]
fn ruff() {
    mended_and_landed(Case {
        rule: "ruff",
        file: ("a.py", "X = 1\n"),
        others: &[],
        tries: &["import os\n\nX = 2\n"],
        good: "\nX = 2\n",
        told: "",
        test: "grep -q 'X = 2' a.py",
    });
}

#[test]
fn codespell() {
    mended_and_landed(Case {
        rule: "codespell",
        file: ("a.txt", "what we receive\n"),
        others: &[],
        tries: &["what we recieve now\n"],
        good: "what we receive now\n",
        told: "",
        test: "grep -q now a.txt",
    });
}

#[test]
fn prettier() {
    mended_and_landed(Case {
        rule: "prettier",
        file: ("a.js", "const a = 1;\n"),
        others: &[],
        tries: &["const a = [1,2]\n"],
        good: "const a = [1, 2];\n",
        told: "",
        test: "grep -q 2 a.js",
    });
}

#[test]
fn eslint() {
    mended_and_landed(Case {
        rule: "eslint",
        file: ("a.js", "console.log(1);\n"),
        others: &[(
            "eslint.config.mjs",
            "export default [{ files: [\"**/*.js\"], rules: { \"prefer-const\": \"error\" } }];\n",
        )],
        tries: &["let a = 2;\nconsole.log(a);\n"],
        good: "const a = 2;\nconsole.log(a);\n",
        told: "",
        test: "grep -q 2 a.js",
    });
}

#[test]
fn shellcheck() {
    mended_and_landed(Case {
        rule: "shellcheck",
        file: ("a.sh", "#!/bin/sh\necho \"$1\"\n"),
        others: &[],
        tries: &["#!/bin/sh\nls $1\n"],
        good: "#!/bin/sh\nls \"$1\"\n",
        told: "",
        test: "grep -q ls a.sh",
    });
}

#[test]
fn cargo_clippy() {
    mended_and_landed(Case {
        rule: "cargo-clippy",
        file: ("src/lib.rs", "pub fn one() -> u32 {\n    1\n}\n"),
        others: &[
            ("Cargo.toml", "[package]\nname = \"one\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
            ("Cargo.lock", "version = 4\n\n[[package]]\nname = \"one\"\nversion = \"0.1.0\"\n"),
        ],
        tries: &["pub fn one() -> u32 {\n    return 2;\n}\n"],
        good: "pub fn one() -> u32 {\n    2\n}\n",
        told: "",
        test: "grep -q 2 src/lib.rs",
    });
}

#[test]
fn mypy() {
    mended_and_landed(Case {
        rule: "mypy",
        file: ("a.py", "def one() -> int:\n    return 1\n"),
        others: &[],
        tries: &[
            "def one() -> int:\n    return \"2\"\n",
            "def one() -> int:\n    return None\n",
            "def one() -> int:\n    return 2\n",
        ],
        good: "def one() -> int:\n    return 2\n",
        told: "a.py:2:12: return-value Incompatible return value type (got \"str\", expected \"int\")",
        test: "grep -q return a.py",
    });
}

#[test]
fn pytest() {
    mended_and_landed(Case {
        rule: "pytest",
        file: ("a.py", "def one():\n    return 1\n"),
        others: &[("test_a.py", "from a import one\n\n\ndef test_one():\n    assert one() > 0\n")],
        tries: &["def one():\n    return 0\n", "def one():\n    return -2\n", "def one():\n    return 2\n"],
        good: "def one():\n    return 2\n",
        told: "test_a.py:5: test_a::test_one test_one: assert 0 > 0",
        test: "grep -q return a.py",
    });
}
