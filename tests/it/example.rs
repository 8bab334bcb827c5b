//! The bundled example: ws-15 and all that it depends on, made by recorded edits and verified by real tests.

use std::path::Path;

use crate::support::{Project, steps_run, workstream};

/// The checkout's own Pipelinefile, workstreams, recordings and seed, in a project without this crate's sources.
fn example() -> Project {
    let project = Project::new(&[]);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["workstreams", "recordings", "tests/fixtures/legacy"] {
        copy(&here.join(folder), &project.path(folder));
    }
    std::fs::copy(here.join("Pipelinefile.kdl"), project.path("Pipelinefile.kdl")).expect("the Pipelinefile");
    project
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file");
        }
    }
}

#[test]
fn ws_15_is_made_verified_and_made_only_once() {
    let project = example();
    let proxies: Vec<(String, String)> = std::env::vars().filter(|(name, _)| passed(name)).collect();
    let proxies: Vec<(&str, &str)> = proxies.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let first = project.pl_with(&["build", "--json", "ws-15"], &proxies).expect(0).json();
    assert_eq!(workstream(&first, "ws-15-refactor-core-state")["status"], "done");
    assert_eq!(first["workstreams"].as_array().map(Vec::len), Some(8));
    assert!(steps_run(&first).contains(&"ws-15-refactor-core-state/test.2".to_owned()));
    let again = project.pl_with(&["build", "--json", "ws-15"], &proxies).expect(0).started_nothing().json();
    assert_eq!((again["steps_run"].as_u64(), again["run_id"].is_null()), (Some(0), true));
}

/// One case of tests/fixtures/faulty in the place of a good recording.
struct Faulty {
    case: &'static str,
    id: &'static str,
    /// Built, so that something depends on it.
    target: &'static str,
    /// Blocked by it.
    blocked: &'static str,
    /// What is said, besides exit code 1.
    says: &'static [&'static str],
}

const FAULTY: [Faulty; 6] = [
    Faulty {
        case: "stray-file",
        id: "ws-15-refactor-core-state",
        target: "ws-16",
        blocked: "ws-16-refactor-core-orchestration",
        says: &["left its scope: REFACTOR_NOTES.md", "scope_violation"],
    },
    Faulty {
        case: "deleted-module",
        id: "ws-15-refactor-core-state",
        target: "ws-16",
        blocked: "ws-16-refactor-core-orchestration",
        says: &["/test.2 failed", "ModuleNotFoundError", "reproduce: cd "],
    },
    Faulty {
        case: "circular-import",
        id: "ws-15-refactor-core-state",
        target: "ws-16",
        blocked: "ws-16-refactor-core-orchestration",
        says: &["/test.1 failed", "partially initialized module", "reproduce: cd "],
    },
    Faulty {
        case: "syntax-error",
        id: "ws-15-refactor-core-state",
        target: "ws-16",
        blocked: "ws-16-refactor-core-orchestration",
        says: &["core/state/db.py", "SyntaxError", "reproduce: cd "],
    },
    Faulty {
        case: "does-not-apply",
        id: "ws-01-hardcoded-path-index",
        target: "ws-02",
        blocked: "ws-02-section-mapping",
        says: &["/edit.1 failed", "does not apply", "scripts/paths_index_cli.py"],
    },
    Faulty {
        case: "touches-sibling",
        id: "ws-06-refactor-aim-section",
        target: "ws-06",
        blocked: "",
        says: &["left its scope: src/pipeline/tools.py", "scope_violation"],
    },
];

#[test]
fn edits_that_go_wrong_are_told_and_block_only_what_needs_them() {
    let project = example();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let proxies: Vec<(String, String)> = std::env::vars().filter(|(name, _)| passed(name)).collect();
    let proxies: Vec<(&str, &str)> = proxies.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for faulty in &FAULTY {
        let recordings = project.path("recordings");
        std::fs::remove_dir_all(&recordings).expect("recordings");
        copy(&here.join("recordings"), &recordings);
        let _ = std::fs::remove_dir_all(recordings.join(faulty.id));
        copy(&here.join("tests/fixtures/faulty").join(faulty.case), &recordings);
        let told = project.pl_with(&["build", faulty.target], &proxies).expect(1);
        for text in faulty.says {
            assert!(told.output().contains(text), "{}: {text:?} is not in\n{}", faulty.case, told.output());
        }
        let summary = project.pl_with(&["build", "--json", faulty.target], &proxies).expect(1).json();
        assert_eq!(workstream(&summary, faulty.id)["status"], "failed", "{}", faulty.case);
        if !faulty.blocked.is_empty() {
            assert_eq!(workstream(&summary, faulty.blocked)["status"], "blocked", "{}", faulty.case);
        }
        let repository = project.path(".pl/example/legacy").display().to_string();
        let results = ["-C", &repository, "log", "--format=", "--name-only", "--glob=refs/pl/ws", "--not", "main"];
        let paths = project.git(&results);
        let strays = ["REFACTOR_NOTES.md", "src/pipeline/tools.py"];
        assert!(!paths.lines().any(|path| strays.contains(&path)), "{}: {paths}", faulty.case);
    }
}

/// What the Python setup lets through, so that packages can be had where this machine needs a proxy or an index.
fn passed(name: &str) -> bool {
    name.starts_with("PIP_")
        || name.starts_with("SSL_CERT_")
        || name.ends_with("_PROXY")
        || name == "REQUESTS_CA_BUNDLE"
}
