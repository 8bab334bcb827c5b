//! Where the project lies: below its repository's root, in a linked worktree, before any commit, in a tree that cannot be written.

use std::process::Command;

use super::{CHECK, handed, lab, make_executable, rule, words};
use crate::support::{Project, Ran};

const SINGLE: &str = "reads \"files\"; each-file";

/// Runs a command of the project elsewhere; whether it succeeded, and what was said.
fn run_in(mut command: Command, folder: &std::path::Path) -> (bool, String) {
    let output = command.current_dir(folder).output().expect("a program");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn git(project: &Project, folder: &std::path::Path, arguments: &[&str]) -> (bool, String) {
    let mut command = project.command("git");
    command.args(arguments);
    run_in(command, folder)
}

#[test]
fn a_project_in_a_folder_of_the_repository() {
    let project = Project::new(&[
        ("outer.txt", "bad\n"),
        (".gitignore", "*.log.txt\n"),
        ("inner folder/Pipelinefile.kdl", ""),
        ("inner folder/check", CHECK),
        ("inner folder/a.txt", "good\n"),
        ("inner folder/kept.log.txt", "good\n"),
    ]);
    std::fs::remove_file(project.path("Pipelinefile.kdl")).expect("gone");
    project.write("inner folder/rules/words.kdl", rule("words", SINGLE));
    make_executable(&project, "inner folder/check");
    project.git(&["add", "-f", "inner folder/kept.log.txt"]);
    project.commit("inner");
    let inner = project.path("inner folder");
    let lint = |arguments: &[&str]| -> Ran {
        let all: Vec<&str> =
            ["-C", "inner folder", "lint", "--rule", "words"].into_iter().chain(arguments.iter().copied()).collect();
        project.pl(&all)
    };
    // A rule of the repository's .gitignore holds here, and what is tracked counts.
    project.write("inner folder/other.log.txt", "bad\n");
    assert_eq!(handed(&lint(&[]).expect(0)), [["a.txt", "kept.log.txt"]]);
    lint(&["--since", "HEAD"]).expect(0).started_nothing();
    project.write("inner folder/a.txt", "bad\n");
    lint(&["--since", "HEAD"]).expect(1).says("a.txt:1: ");
    // The hook looks over what lies in the project, and at nothing else.
    project.pl(&["-C", "inner folder", "lint", "--install-hook"]).expect(0);
    project.git(&["add", "inner folder/a.txt"]);
    let (done, said) = git(&project, &inner, &["commit", "-q", "-m", "x"]);
    assert!(!done && said.contains("a.txt:1: "), "{said}");
    project.git(&["reset", "-q"]);
    project.write("outer.txt", "still bad\n");
    project.git(&["add", "outer.txt"]);
    let (done, said) = git(&project, &project.root(), &["commit", "-q", "-m", "x"]);
    assert!(done, "{said}");
}

#[test]
fn the_hook_before_the_first_commit() {
    let project = lab(SINGLE);
    std::fs::remove_dir_all(project.path(".git")).expect("gone");
    project.git(&["init", "-q", "-b", "main"]);
    words(&project, &[]).expect(0);
    project.pl(&["lint", "--install-hook"]).expect(0);
    project.write("a.txt", "bad\n");
    project.git(&["add", "-A"]);
    let (done, said) = git(&project, &project.root(), &["commit", "-q", "-m", "first"]);
    assert!(!done && said.contains("a.txt:1: "), "{said}");
    project.write("a.txt", "good\n");
    project.git(&["add", "-A"]);
    let (done, said) = git(&project, &project.root(), &["commit", "-q", "-m", "first"]);
    assert!(done, "{said}");
    words(&project, &["--since", "HEAD"]).expect(0);
}

#[test]
fn a_worktree_that_a_person_made() {
    let project = lab(SINGLE);
    project.pl(&["lint", "--install-hook"]).expect(0);
    let linked = project.around().join("linked");
    project.git(&["worktree", "add", "-q", "-b", "topic", &linked.display().to_string()]);
    let lint = || {
        let mut command = project.pl_command(&["lint", "--rule", "words"]);
        command.env_remove("PL_TRACE_SPAWN");
        run_in(command, &linked)
    };
    let (clean, said) = lint();
    assert!(clean && said.contains("3 judged"), "{said}");
    std::fs::write(linked.join("a.txt"), "bad\n").expect("a file");
    let (clean, said) = lint();
    assert!(!clean && said.contains("a.txt:1: ") && said.contains("1 judged, 2 known"), "{said}");
    // Its index is its own, and the hook is everybody's.
    assert!(git(&project, &linked, &["add", "a.txt"]).0);
    let (done, said) = git(&project, &linked, &["commit", "-q", "-m", "x"]);
    assert!(!done && said.contains("a.txt:1: "), "{said}");
    std::fs::write(linked.join("a.txt"), "better\n").expect("a file");
    assert!(git(&project, &linked, &["add", "a.txt"]).0);
    let (done, said) = git(&project, &linked, &["commit", "-q", "-m", "x"]);
    assert!(done, "{said}");
    // The main checkout knows nothing of it.
    words(&project, &[]).expect(0).says("3 judged");
    let (_, status) = git(&project, &linked, &["status", "--porcelain"]);
    assert_eq!(status, "");
}

#[test]
fn what_cannot_be_remembered_is_looked_at_all_the_same() {
    let project = lab(SINGLE);
    // Whoever is root may write wherever the mode forbids it, but not into what is no folder.
    project.write(".pl", "");
    project.write("b.txt", "bad\n");
    for _ in 0..2 {
        let ran = words(&project, &[]).expect(1).says("b.txt:1: ").says("note: nothing is remembered: cannot write");
        assert_eq!(handed(&ran), [["a.txt", "b.txt", "sub/c.txt"]]);
    }
    project.write("b.txt", "good\n");
    words(&project, &[]).expect(0).says("nothing is remembered");
    assert_eq!(project.read(".pl"), "");
}
