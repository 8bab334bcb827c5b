//! Which tools a folder's files speak of, and the tasks that fit.
//!
//! Looks at the folder itself, never below it, and starts nothing.

use std::fs;
use std::path::Path;

use super::template::{Task, Template};

/// What a folder's files speak of.
pub(super) fn at(directory: &Path) -> Template {
    let mut template = Template::default();
    let looks = [cargo, npm, python, go, make];
    for look in looks {
        if let Some((kind, tasks)) = look(directory) {
            template.add(kind, tasks);
        }
    }
    template
}

type Found = Option<(&'static str, Vec<Task>)>;

fn has(directory: &Path, name: &str) -> bool {
    directory.join(name).exists()
}

fn text(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_default()
}

fn cargo(directory: &Path) -> Found {
    if !has(directory, "Cargo.toml") {
        return None;
    }
    let mut inputs = vec!["**/*.rs", "**/Cargo.toml"];
    if has(directory, "Cargo.lock") {
        inputs.push("Cargo.lock");
    }
    let tasks = vec![
        Task::new("fmt", &["cargo", "fmt", "--all", "--check"], &["**/*.rs"]),
        Task::new("lint", &["cargo", "clippy", "--all-targets", "--", "-D", "warnings"], &inputs),
        Task::new("test", &["cargo", "test"], &inputs),
    ];
    Some(("cargo", tasks))
}

fn npm(directory: &Path) -> Found {
    if !has(directory, "package.json") {
        return None;
    }
    let package: serde_json::Value = serde_json::from_str(&text(directory, "package.json")).unwrap_or_default();
    let scripts = |name: &str| package["scripts"][name].is_string();
    let runner = match () {
        () if has(directory, "pnpm-lock.yaml") => "pnpm",
        () if has(directory, "yarn.lock") => "yarn",
        () => "npm",
    };
    // Without inputs they always run: which files a script reads is not to be seen from here.
    let known = [("fmt", "format:check"), ("fmt", "format"), ("lint", "lint"), ("test", "test"), ("build", "build")];
    let mut tasks: Vec<Task> = Vec::new();
    for (name, script) in known {
        if scripts(script) && tasks.iter().all(|task| task.name != name) {
            tasks.push(Task::new(name, &[runner, "run", script], &[]));
        }
    }
    if tasks.is_empty() {
        tasks.push(Task::new("test", &[runner, "test"], &[]));
    }
    Some((runner, tasks))
}

fn python(directory: &Path) -> Found {
    let markers = ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt"];
    let present: Vec<&str> = markers.into_iter().filter(|marker| has(directory, marker)).collect();
    if present.is_empty() {
        return None;
    }
    let words = markers.map(|marker| text(directory, marker)).concat();
    let mut inputs = vec!["**/*.py"];
    inputs.extend(&present);
    let mut tasks = Vec::new();
    if words.contains("ruff") {
        tasks.push(Task::new("fmt", &["ruff", "format", "--check", "."], &inputs));
        tasks.push(Task::new("lint", &["ruff", "check", "."], &inputs));
    } else if words.contains("black") {
        tasks.push(Task::new("fmt", &["black", "--check", "."], &inputs));
    }
    if words.contains("flake8") && !words.contains("ruff") {
        tasks.push(Task::new("lint", &["flake8", "."], &inputs));
    }
    let test: &[&str] = match words.contains("pytest") || has(directory, "conftest.py") || has(directory, "pytest.ini")
    {
        true => &["python3", "-m", "pytest", "-q"],
        false => &["python3", "-m", "unittest"],
    };
    tasks.push(Task::new("test", test, &inputs));
    Some(("python", tasks))
}

fn go(directory: &Path) -> Found {
    if !has(directory, "go.mod") {
        return None;
    }
    let mut inputs = vec!["**/*.go", "go.mod"];
    if has(directory, "go.sum") {
        inputs.push("go.sum");
    }
    let fmt = Task::shell("fmt", "test -z \"$(gofmt -l .)\"", &["**/*.go"]);
    let lint = Task::new("lint", &["go", "vet", "./..."], &inputs);
    Some(("go", vec![fmt, lint, Task::new("test", &["go", "test", "./..."], &inputs)]))
}

fn make(directory: &Path) -> Found {
    let file = ["GNUmakefile", "makefile", "Makefile"].into_iter().find(|name| has(directory, name))?;
    let rules = text(directory, file);
    let is_target =
        |name: &str| rules.lines().any(|line| line.split_once(':').is_some_and(|(left, _)| left.trim() == name));
    let known = [("fmt", "fmt"), ("fmt", "format"), ("lint", "lint"), ("test", "test"), ("test", "check")];
    let mut tasks: Vec<Task> = Vec::new();
    for (name, target) in known {
        if is_target(target) && tasks.iter().all(|task| task.name != name) {
            tasks.push(Task::new(name, &["make", target], &[]));
        }
    }
    if tasks.is_empty() {
        tasks.push(Task::new("make", &["make"], &[]));
    }
    Some(("make", tasks))
}
