//! `--fix`.

use super::{handed, lab, words};

const FIX: &str = "reads \"files\"; each-file; fix { run \"sed\" \"-i\" \"s/bad/good/\" \"{files}\" }";

#[test]
fn what_can_be_mended_is_mended_and_judged_again() {
    let project = lab(FIX);
    project.write("b.txt", "bad\n");
    words(&project, &[]).expect(1);
    let fixed = words(&project, &["--fix"]).expect(0).says("mended b.txt").says("clean: ");
    assert_eq!(handed(&fixed), [vec!["-i", "s/bad/good/", "b.txt"], vec!["b.txt"]]);
    assert_eq!(project.read("b.txt"), "good\n");
    words(&project, &["--fix"]).expect(0).started_nothing();
}

#[test]
fn what_cannot_be_mended_is_told() {
    let project = lab(&FIX.replace("sed", "no-such-sed"));
    project.write("b.txt", "bad\n");
    words(&project, &["--fix"]).expect(1).says("b.txt:1: ").says("the fix of words failed");
    let project = lab("reads \"files\"; each-file");
    project.write("b.txt", "bad\n");
    words(&project, &["--fix"]).expect(1).says("b.txt:1: ");
}

#[test]
fn only_what_was_asked_for_is_mended() {
    let project = lab(FIX);
    project.write("b.txt", "bad\n");
    project.write("sub/c.txt", "bad\n");
    words(&project, &["--fix", "sub"]).expect(0);
    assert_eq!((project.read("b.txt"), project.read("sub/c.txt")), ("bad\n".to_owned(), "good\n".to_owned()));
}
