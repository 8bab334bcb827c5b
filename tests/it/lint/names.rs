//! Names that are odd, links, and what belongs to another repository.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::{handed, lab, words};

const SINGLE: &str = "reads \"files\"; each-file";

#[test]
fn blanks_dashes_and_ends_of_lines_in_names() {
    let project = lab(SINGLE);
    for name in ["with blanks.txt", "-n.txt", "--help.txt", "a\nb.txt", "\"quoted\".txt", "ä.txt", "{files}.txt"] {
        project.write(name, "good\n");
    }
    let first = words(&project, &[]).expect(0);
    let mut all = handed(&first).concat();
    all.sort();
    let expected = [
        "\"quoted\".txt",
        "./--help.txt",
        "./-n.txt",
        "a\nb.txt",
        "a.txt",
        "b.txt",
        "sub/c.txt",
        "with blanks.txt",
        "{files}.txt",
        "ä.txt",
    ];
    assert_eq!(all, expected);
    words(&project, &[]).expect(0).started_nothing();
    for (name, said) in [("with blanks.txt", "with blanks.txt:1: "), ("-n.txt", "-n.txt:1: "), ("ä.txt", "ä.txt:1: ")]
    {
        project.write(name, "bad\n");
        words(&project, &[]).expect(1).says(said);
        words(&project, &[]).expect(1).says(said).started_nothing();
        project.write(name, "good\n");
    }
    // What the program says of it cannot be read line by line: a failure, and never clean.
    project.write("a\nb.txt", "bad\n");
    let failed = words(&project, &[]).expect(1);
    assert!(!failed.output().contains("clean: "), "{}", failed.output());
    words(&project, &[]).expect(1);
}

#[test]
fn a_name_that_no_rule_can_hold_is_told() {
    let project = lab(SINGLE);
    std::fs::write(project.root().join(OsStr::from_bytes(b"\xff.txt")), "bad\n").expect("a file");
    words(&project, &[]).expect(0);
    project.commit("bytes");
    words(&project, &[]).expect(0).says("1 tracked file with a name that is no UTF-8").says("was not looked over");
}

#[test]
fn links_are_not_followed() {
    let project = lab(SINGLE);
    let outside = project.around().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::fs::write(outside.join("x.txt"), "bad\n").expect("a file");
    symlink(outside.join("x.txt"), project.path("out.txt")).expect("a link");
    symlink(&outside, project.path("folder.txt")).expect("a link");
    symlink("nowhere", project.path("dangling.txt")).expect("a link");
    symlink("a.txt", project.path("inner.txt")).expect("a link");
    symlink("loop.txt", project.path("loop.txt")).expect("a link");
    let first = words(&project, &[]).expect(0);
    assert_eq!(handed(&first), [["a.txt", "b.txt", "sub/c.txt"]]);
    project.commit("links");
    words(&project, &[]).expect(0).started_nothing();
    project.write("a.txt", "bad\n");
    words(&project, &[]).expect(1).says("a.txt:1: ");
}

#[test]
fn what_lies_in_a_module_belongs_to_another_repository() {
    let project = lab(SINGLE);
    project.write("module/d.txt", "bad\n");
    assert_eq!(handed(&words(&project, &[]).expect(1)).concat().len(), 4);
    let module = project.path("module").display().to_string();
    project.git(&["-C", &module, "init", "-q", "-b", "main"]);
    project.git(&["-C", &module, "add", "-A"]);
    project.git(&["-C", &module, "commit", "-q", "-m", "module"]);
    let head = project.git(&["-C", &module, "rev-parse", "HEAD"]);
    project.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},module")]);
    words(&project, &[]).expect(0).says("0 judged, 3 known");
    project.git(&["commit", "-q", "-m", "module"]);
    words(&project, &[]).expect(0).started_nothing();
}

#[test]
fn what_git_has_in_its_index_counts() {
    let project = lab(SINGLE);
    project.write("ignored.txt", "bad\n");
    words(&project, &[]).expect(0);
    project.git(&["add", "-f", "ignored.txt"]);
    words(&project, &[]).expect(1).says("ignored.txt:1: ");
    project.git(&["rm", "-q", "--cached", "ignored.txt"]);
    words(&project, &[]).expect(0).started_nothing();
}

#[test]
fn a_merge_that_was_not_ended() {
    let project = lab(SINGLE);
    for (branch, text) in [("one", "one\n"), ("other", "other\n")] {
        project.git(&["checkout", "-q", "-b", branch, "main"]);
        project.write("a.txt", text);
        project.commit(branch);
    }
    let merge = project.command("git").args(["merge", "-q", "one"]).output().expect("git");
    assert!(!merge.status.success());
    let ran = project.pl(&["lint", "--rule", "words", "--rule", "conflict-markers"]).expect(1);
    ran.says("a.txt:1:1: ").says("conflict-marker");
    project.write("a.txt", "both\n");
    project.pl(&["lint", "--rule", "words", "--rule", "conflict-markers"]).expect(0);
}

#[test]
fn a_rule_that_the_project_skips_is_asked_only_by_name() {
    let project = lab(SINGLE);
    project.write("a.txt", "bad\n");
    project.write("sub/c.py", "def (:\n");
    let all = project.pl(&["lint"]).expect(1).says("a.txt:1: warning bad (words)");
    assert!(all.output().contains("sub/c.py:1"), "{}", all.output());
    project.write("Pipelinefile.kdl", "skip-rules \"python-syntax\" \"words\"\n");
    let none = project.pl(&["lint"]).expect(0).started_nothing();
    assert!(!none.output().contains("sub/c.py"), "{}", none.output());
    words(&project, &[]).expect(1).says("a.txt:1: warning bad (words)");
    // A name that nobody has would leave nothing out.
    project.write("Pipelinefile.kdl", "skip-rules \"wordz\"\n");
    project.pl(&["lint"]).expect(2).says("no rule `wordz`").says("did you mean `words`?");
    project.write("Pipelinefile.kdl", "use \"codespell\"\nskip-rules \"codespell\"\n");
    project.pl(&["lint"]).expect(2).says("rule `codespell` is used and skipped").says("keep one of them");
}
