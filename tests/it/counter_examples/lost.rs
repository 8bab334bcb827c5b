//! A row is a hint, the object is the proof: what is gone or damaged is reported and done again, never believed.

use std::path::{Path, PathBuf};

use crate::incremental::lab::{Ws, all_fresh, asked, build, lab, pipeline};
use crate::support::Project;

fn built() -> Project {
    let one = Ws {
        id: "ws-1",
        scope: &["a.txt"],
        instructions: &["echo unique words of the edit >> a.txt"],
        tests: &["grep -q unique a.txt"],
        ..Ws::default()
    };
    let project = lab(&pipeline("edit", "", &[one]), &[("a.txt", "0\n")]);
    build(&project, 0);
    asked(&project);
    project
}

fn object(project: &Project, revision: &str) -> PathBuf {
    let id = project.git(&["rev-parse", revision]);
    project.path(".git/objects").join(&id[..2]).join(&id[2..])
}

fn drop_refs(project: &Project) {
    let all = project.git(&["for-each-ref", "--format=%(refname)", "refs/pl", "refs/heads/ws"]);
    for name in all.lines() {
        project.git(&["update-ref", "-d", name]);
    }
}

fn overwrite(path: &Path, bytes: &[u8]) {
    let mut permissions = path.metadata().expect("an object").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    std::fs::set_permissions(path, permissions).expect("mode");
    std::fs::write(path, bytes).expect("an object");
}

#[test]
fn collected_objects_are_reported_and_made_again() {
    let project = built();
    let before = project.git(&["rev-parse", &project.result_ref("ws-1")]);
    drop_refs(&project);
    project.git(&["reflog", "expire", "--all", "--expire=now"]);
    project.git(&["gc", "-q", "--prune=now"]);
    let status = project.command("git").args(["cat-file", "-e", &before]).stderr(std::process::Stdio::null()).status();
    assert!(!status.expect("git").success(), "the result was not collected: this proves nothing");
    project.pl(&["check", "*"]).expect(0).says("blob evicted");
    build(&project, 0);
    assert_eq!(asked(&project), ["ws-1"]);
    assert_eq!(project.git(&["rev-parse", &project.result_ref("ws-1")]), before);
    all_fresh(&project);
}

#[test]
fn what_is_kept_outlives_a_collection() {
    let project = built();
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", text.replace("unique words", "other unique words"));
    build(&project, 0);
    asked(&project);
    project.git(&["reflog", "expire", "--all", "--expire=now"]);
    project.git(&["gc", "-q", "--prune=now"]);
    project.write("Pipelinefile.kdl", text);
    project.pl(&["build", "*"]).expect(0).started_nothing();
    assert!(asked(&project).is_empty());
    all_fresh(&project);
}

#[test]
fn a_missing_blob_is_reported_and_made_again() {
    let project = built();
    let blob = object(&project, &format!("{}:a.txt", project.result_ref("ws-1")));
    std::fs::remove_file(&blob).expect("the blob");
    project.pl(&["check", "*"]).expect(0).says("blob evicted");
    build(&project, 0);
    assert_eq!(asked(&project), ["ws-1"]);
    assert_eq!(project.result("ws-1", "a.txt"), "0\nunique words of the edit");
    all_fresh(&project);
}

#[test]
fn a_damaged_blob_is_named_and_never_believed() {
    let project = built();
    let blob = object(&project, &format!("{}:a.txt", project.result_ref("ws-1")));
    overwrite(&blob, b"damaged");
    // The test changed: the candidate must be checked out, and cannot be, where no worktree has the file already.
    std::fs::remove_dir_all(project.state().join("pool")).expect("the pool");
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", text.replace("grep -q unique", "grep -q words"));
    let refused = project.pl(&["build", "*"]).expect(1).says("cannot read blob");
    assert_eq!(refused.started.len(), 1, "the test on the base: {:?}", refused.started);
    std::fs::remove_file(&blob).expect("the blob");
    build(&project, 0);
    assert_eq!(asked(&project), ["ws-1"]);
    assert_eq!(project.result("ws-1", "a.txt"), "0\nunique words of the edit");
    all_fresh(&project);
}

#[test]
fn a_state_that_is_gone_is_made_again_with_the_same_result() {
    let project = built();
    let before = project.git(&["rev-parse", &project.result_ref("ws-1")]);
    std::fs::remove_dir_all(project.path(".pl")).expect(".pl");
    build(&project, 0);
    assert_eq!(asked(&project), ["ws-1"]);
    assert_eq!(project.git(&["rev-parse", &project.result_ref("ws-1")]), before);
    all_fresh(&project);
}

#[test]
fn a_worktree_folder_that_is_gone_is_nothing() {
    let project = built();
    std::fs::remove_dir_all(project.state()).expect("the state");
    all_fresh(&project);
}
