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

/// What the Python setup lets through, so that packages can be had where this machine needs a proxy or an index.
fn passed(name: &str) -> bool {
    name.starts_with("PIP_")
        || name.starts_with("SSL_CERT_")
        || name.ends_with("_PROXY")
        || name == "REQUESTS_CA_BUNDLE"
}
