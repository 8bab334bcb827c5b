//! One folder a kind, looked at and written.

use std::fs;

use super::{FILE, look, write};
use crate::cli::exit::Kind;

fn check(files: &[(&str, &str)], kinds: &[&str], lines: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("written");
    }
    let template = look::at(folder.path());
    assert_eq!(template.kinds, kinds);
    write(folder.path(), &template).expect("written");
    let text = fs::read_to_string(folder.path().join(FILE)).expect("a file");
    text.parse::<kdl::KdlDocument>().unwrap_or_else(|error| panic!("{error:?}\n{text}"));
    for line in lines {
        assert!(text.lines().any(|written| written.trim() == *line), "{line} is missing in\n{text}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), files.len() + 1, "one file is added");
}

#[test]
fn cargo() {
    let lines = [r#"run "cargo" "test""#, r#"inputs "**/*.rs" "**/Cargo.toml" "Cargo.lock""#, r#"default "ci""#];
    check(&[("Cargo.toml", ""), ("Cargo.lock", "")], &["cargo"], &lines);
}

#[test]
fn npm() {
    let package = r#"{"scripts": {"test": "jest", "lint": "eslint ."}}"#;
    let lines = [r#"run "npm" "run" "lint""#, r#"task "ci" { depends-on "lint" "test" }"#];
    check(&[("package.json", package)], &["npm"], &lines);
    check(&[("package.json", "no json"), ("pnpm-lock.yaml", "")], &["pnpm"], &[r#"run "pnpm" "test""#]);
}

#[test]
fn python() {
    let lines = [r#"run "python3" "-m" "pytest" "-q""#, r#"run "ruff" "check" ".""#];
    check(&[("pyproject.toml", "[tool.ruff]\n[tool.pytest.ini_options]\n")], &["python"], &lines);
    check(&[("requirements.txt", "flask\n")], &["python"], &[r#"run "python3" "-m" "unittest""#]);
}

#[test]
fn go_and_make() {
    let makefile = "test: all\n\tgo test\nlint:\n\tgo vet\n";
    let lines = [
        r##"shell #"test -z "$(gofmt -l .)""#"##,
        r#"task "make-lint" {"#,
        r#"run "make" "test""#,
        r#"task "ci" { depends-on "fmt" "lint" "test" "make-lint" "make-test" }"#,
    ];
    check(&[("go.mod", ""), ("Makefile", makefile)], &["go", "make"], &lines);
    check(&[("Makefile", "all:\n\ttrue\n")], &["make"], &[r#"run "make""#]);
}

#[test]
fn anything_else() {
    check(&[("README", "")], &[], &[r#"task "hello" {"#, r#"default "hello""#]);
}

#[test]
fn what_is_there_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(FILE), "mine").expect("written");
    let failed = write(folder.path(), &look::at(folder.path())).expect_err("refused");
    assert_eq!(failed.kind, Kind::Usage);
    assert!(!failed.hints.is_empty());
    assert_eq!(fs::read_to_string(folder.path().join(FILE)).expect("a file"), "mine");
}
