//! What is judged again, and what is known.

use super::{handed, lab, make_executable, rule, words};

const SINGLE: &str = "reads \"files\"; each-file";

#[test]
fn a_second_run_starts_nothing_and_an_edit_hands_over_one_file() {
    let project = lab(SINGLE);
    let first = words(&project, &[]).expect(0).says("clean: ");
    assert_eq!(handed(&first), [["a.txt", "b.txt", "sub/c.txt"]]);
    words(&project, &[]).expect(0).started_nothing();
    project.write("b.txt", "good\nbad\n");
    let second = words(&project, &[]).expect(1).says("b.txt:2: warning bad (words)");
    assert_eq!(handed(&second), [["b.txt"]]);
    // What was found is known, too, and stands.
    words(&project, &[]).expect(1).says("b.txt:2: warning bad (words)").started_nothing();
    // So is what was there before.
    project.write("b.txt", "good\n");
    words(&project, &[]).expect(0).started_nothing();
    let forced = words(&project, &["--force"]).expect(0);
    assert_eq!(handed(&forced), [["a.txt", "b.txt", "sub/c.txt"]]);
}

#[test]
fn configuration_rule_and_program_count() {
    let project = lab(SINGLE);
    project.write("sub/c.txt", "poor\n");
    words(&project, &[]).expect(0);
    // Configuration that appears in a folder is that of what lies below it.
    project.write("sub/strict.cfg", "");
    let below = words(&project, &[]).expect(0);
    assert_eq!(handed(&below), [["sub/c.txt"]]);
    project.write("strict.cfg", "");
    let all = words(&project, &[]).expect(1).says("sub/c.txt:1: warning poor (words)");
    assert_eq!(handed(&all), [["a.txt", "b.txt", "sub/c.txt"]]);
    words(&project, &[]).expect(1).started_nothing();
    std::fs::remove_file(project.path("strict.cfg")).expect("gone");
    words(&project, &[]).expect(0).started_nothing();
    // Another rule of the same name is another question.
    project.write("rules/words.kdl", rule("words", &format!("{SINGLE}; category \"style\"")));
    assert_eq!(handed(&words(&project, &[]).expect(0)).len(), 1);
    // And so is another program.
    let text = project.read("check").replace("words='bad'", "words='good'");
    project.write("check", text);
    make_executable(&project, "check");
    words(&project, &[]).expect(1).says("a.txt:1: warning good (words)");
}

#[test]
fn a_rule_that_may_look_for_names_runs_again_when_one_comes() {
    let project = lab("reads \"files\"");
    words(&project, &[]).expect(0);
    project.write("a.txt", "still good\n");
    assert_eq!(handed(&words(&project, &[]).expect(0)), [["a.txt"]]);
    project.write("new.txt", "good\n");
    assert_eq!(handed(&words(&project, &[]).expect(0)), [["a.txt", "b.txt", "new.txt", "sub/c.txt"]]);
    project.write("other.py", "x = 2\n");
    words(&project, &[]).expect(0).started_nothing();
}

#[test]
fn a_rule_that_reads_the_tree_runs_again_when_anything_moved() {
    let project = lab("");
    words(&project, &[]).expect(0);
    words(&project, &[]).expect(0).started_nothing();
    project.write("sub/c.py", "x = 2\n");
    assert_eq!(handed(&words(&project, &[]).expect(0)), [["a.txt", "b.txt", "sub/c.txt"]]);
    project.write("a.txt", "bad\n");
    words(&project, &[]).expect(1);
    words(&project, &[]).expect(1).says("a.txt:1: ").started_nothing();
}

#[test]
fn files_are_what_git_would_show_and_what_is_named() {
    let project = lab(SINGLE);
    project.write("ignored.txt", "bad\n");
    project.write("untracked.txt", "good\n");
    let all = words(&project, &[]).expect(0);
    assert_eq!(handed(&all), [["a.txt", "b.txt", "sub/c.txt", "untracked.txt"]]);
    words(&project, &["ignored.txt"]).expect(1).says("ignored.txt:1: ");
    // What is tracked is looked at, whatever is said to be ignored.
    project.git(&["add", "-f", "ignored.txt"]);
    project.commit("tracked");
    words(&project, &[]).expect(1).says("ignored.txt:1: ");
    words(&project, &["sub"]).expect(0).started_nothing();
    words(&project, &["nowhere.txt"]).expect(2).says("nowhere.txt is not there");
    words(&project, &[".."]).expect(2).says("does not lie in");
}

#[test]
fn since_takes_what_differs() {
    let project = lab(SINGLE);
    project.write("a.txt", "bad\n");
    project.commit("old fault");
    project.write("b.txt", "better\n");
    project.write("new.txt", "good\n");
    let since = words(&project, &["--since", "HEAD"]).expect(0);
    assert_eq!(handed(&since), [["b.txt", "new.txt"]]);
    words(&project, &["--since", "HEAD~1"]).expect(1).says("a.txt:1: ");
    words(&project, &["--since", "HEAD", "sub"]).expect(0).started_nothing();
    words(&project, &["--since", "nowhere"]).expect(2).says("`nowhere` cannot be found");
}

#[test]
fn what_moves_while_it_is_judged_is_not_known() {
    let project = lab(SINGLE);
    // The checker reads, and then somebody saves.
    let text = project.read("check").replace("exit 0\n", "{ [ -f save ] && echo bad > a.txt; exit 0; }\n");
    project.write("check", text);
    make_executable(&project, "check");
    project.write("save", "");
    words(&project, &[]).expect(0);
    std::fs::remove_file(project.path("save")).expect("gone");
    let next = words(&project, &[]).expect(1).says("a.txt:1: warning bad");
    assert_eq!(handed(&next), [["a.txt"]]);
}

#[test]
fn damaged_knowledge_is_forgotten() {
    let project = lab(SINGLE);
    words(&project, &[]).expect(0);
    let mut bytes = std::fs::read(project.path(".pl/lint")).expect("what is known");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    project.write(".pl/lint", &bytes);
    assert_eq!(handed(&words(&project, &[]).expect(0)).len(), 1);
    words(&project, &[]).expect(0).started_nothing();
}
