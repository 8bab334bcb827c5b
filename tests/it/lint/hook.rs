//! The hook, in a real commit.

use super::lab;
use crate::support::Project;

const SINGLE: &str = "reads \"files\"; each-file";

/// Commits what is staged; whether git did, and what was said.
fn commit(project: &Project) -> (bool, String) {
    let output = project.command("git").args(["commit", "-q", "-m", "x"]).output().expect("git");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_commit_is_looked_over() {
    let project = lab(SINGLE);
    project.pl(&["lint", "--install-hook"]).expect(0).says("hooks/pre-commit");
    project.write("a.txt", "bad\n");
    project.git(&["add", "a.txt"]);
    let (done, said) = commit(&project);
    assert!(!done && said.contains("a.txt:1: warning bad (words)"), "{said}");
    project.write("a.txt", "better\n");
    // What is not committed is nobody's business.
    project.write("b.txt", "bad\n");
    let (done, said) = commit(&project);
    assert!(!done && said.contains("staged in part") && said.contains("a.txt"), "{said}");
    project.git(&["add", "a.txt"]);
    let (done, said) = commit(&project);
    assert!(done, "{said}");
    // A name with blanks, and a file that goes.
    project.write("with blanks.txt", "bad\n");
    project.git(&["rm", "-q", "a.txt"]);
    project.git(&["add", "with blanks.txt"]);
    let (done, said) = commit(&project);
    assert!(!done && said.contains("with blanks.txt:1: "), "{said}");
    project.git(&["reset", "-q", "with blanks.txt"]);
    let (done, said) = commit(&project);
    assert!(done, "{said}");
}

#[test]
fn somebody_elses_hook_stays() {
    let project = lab(SINGLE);
    project.write(".git/hooks/pre-commit", "#!/bin/sh\nexit 0\n");
    project.pl(&["lint", "--install-hook"]).expect(2).says("pl did not write it");
    assert_eq!(project.read(".git/hooks/pre-commit"), "#!/bin/sh\nexit 0\n");
    project.pl(&["lint", "--install-hook", "--force"]).expect(0);
    project.pl(&["lint", "--install-hook"]).expect(0);
    assert!(project.read(".git/hooks/pre-commit").contains("lint"));
    // Where git does not look, none is written.
    project.git(&["config", "core.hooksPath", "elsewhere"]);
    project.pl(&["lint", "--install-hook"]).expect(2).says("git looks for hooks in elsewhere");
}
