//! The tree that is remembered: when it stands for the files, when they are listed anew, and that nobody can tell which it was.

use std::os::unix::fs::symlink;

use super::{handed, lab, make_executable, rule, words};
use crate::support::Project;

const SINGLE: &str = "reads \"files\"; each-file";

/// Lints; whether the files were listed anew.
fn lists(project: &Project) -> bool {
    let trace = project.around().join("profile");
    words(project, &["--profile", &trace.display().to_string()]);
    let text = std::fs::read_to_string(trace).expect("a trace");
    assert!(text.contains("look at words"), "BUG: the trace has other names now");
    text.contains("list all files")
}

#[test]
fn files_are_listed_where_something_else_may_be_there() {
    let project = lab(SINGLE);
    assert!(lists(&project));
    assert!(!lists(&project));
    project.write("a.txt", "an edit\n");
    assert!(!lists(&project));
    // Whoever saves by renaming touches the folder.
    project.write("sub/c.new", "another edit\n");
    std::fs::rename(project.path("sub/c.new"), project.path("sub/c.txt")).expect("renamed");
    assert!(!lists(&project));
    project.git(&["add", "-A"]);
    project.git(&["commit", "-q", "-m", "the same paths"]);
    assert!(!lists(&project));
    let moves: [(&str, &dyn Fn()); 6] = [
        ("a new file", &|| project.write("sub/new.txt", "new\n")),
        ("a file that goes", &|| std::fs::remove_file(project.path("sub/new.txt")).expect("gone")),
        ("a rule of what is ignored", &|| project.write(".gitignore", "ignored.txt\nother.txt\n")),
        ("a folder", &|| std::fs::create_dir(project.path("empty")).expect("a folder")),
        ("another kind", &|| {
            std::fs::remove_file(project.path("b.txt")).expect("gone");
            symlink("a.txt", project.path("b.txt")).expect("a link");
        }),
        ("git's own list of what is ignored", &|| project.write(".git/info/exclude", "sub/c.txt\n")),
    ];
    for (what, done) in moves {
        done();
        assert!(lists(&project), "{what}");
        assert!(!lists(&project), "after {what}");
    }
}

#[test]
fn an_edit_that_hides_its_time_is_seen() {
    let project = lab(SINGLE);
    words(&project, &[]).expect(0);
    let path = project.path("b.txt");
    let before = std::fs::metadata(&path).expect("a stat").modified().expect("a time");
    std::fs::write(&path, "bad!\n").expect("an edit");
    std::fs::File::options().write(true).open(&path).expect("a file").set_modified(before).expect("a time");
    words(&project, &[]).expect(1).says("b.txt:1: ");
}

#[test]
fn configuration_in_a_folder_that_is_not_listed_counts() {
    let project = lab(SINGLE);
    project.write(".gitignore", "out/\n");
    project.write("out/d.txt", "poor\n");
    project.git(&["add", "-f", "out/d.txt"]);
    words(&project, &[]).expect(0);
    words(&project, &[]).expect(0).started_nothing();
    project.write("out/strict.cfg", "");
    assert_eq!(handed(&words(&project, &[]).expect(0)), [["out/d.txt"]]);
    words(&project, &[]).expect(0).started_nothing();
    project.write("out/strict.cfg", "changed");
    assert_eq!(handed(&words(&project, &[]).expect(0)), [["out/d.txt"]]);
}

#[test]
fn what_is_named_once_is_not_asked_for_the_next_time() {
    let project = lab(SINGLE);
    project.write("ignored.txt", "bad\n");
    words(&project, &[]).expect(0);
    for _ in 0..2 {
        words(&project, &["ignored.txt"]).expect(1).says("ignored.txt:1: ");
        words(&project, &[]).expect(0).started_nothing();
    }
    project.write("b.txt", "bad\n");
    words(&project, &["ignored.txt"]).expect(1);
    words(&project, &[]).expect(1).says("b.txt:1: ");
}

#[test]
fn a_rule_that_was_not_asked_for_hears_of_an_edit_later() {
    let project = lab(SINGLE);
    project.write("rules/others.kdl", rule("others", SINGLE));
    let others = |paths: &[&str]| {
        let all: Vec<&str> = ["lint", "--rule", "others"].into_iter().chain(paths.iter().copied()).collect();
        project.pl(&all)
    };
    words(&project, &[]).expect(0);
    // Of a part it is known what that part is.
    assert_eq!(handed(&others(&["sub"]).expect(0)), [["sub/c.txt"]]);
    project.write("b.txt", "bad\n");
    project.write("sub/c.txt", "bad\n");
    words(&project, &[]).expect(1);
    let both = others(&[]).expect(1).says("b.txt:1: ").says("sub/c.txt:1: ");
    assert_eq!(handed(&both), [["a.txt", "b.txt", "sub/c.txt"]]);
    others(&[]).expect(1).says("b.txt:1: ").says("sub/c.txt:1: ").started_nothing();
    words(&project, &[]).expect(1).says("b.txt:1: ").says("sub/c.txt:1: ").started_nothing();
}

/// How often the tree is disturbed.
const ROUNDS: usize = 40;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Does something to the tree; says what.
fn disturb(project: &Project, dice: &mut Dice) -> String {
    const PATHS: [&str; 7] = ["a.txt", "b.txt", "sub/c.txt", "sub/deep/d.txt", "out/e.txt", "ignored.txt", "sub/f.py"];
    let path = PATHS[dice.roll(PATHS.len() as u64) as usize];
    let full = project.path(path);
    let text = ["good\n", "bad\n", "poor\n", "crash\n"][dice.roll(10).min(3) as usize];
    let gone = || {
        let _ = std::fs::remove_file(&full);
    };
    match dice.roll(11) {
        0..=3 => project.write(path, text),
        4 => {
            project.write(&format!("{path}.new"), text);
            std::fs::rename(project.path(&format!("{path}.new")), &full).expect("renamed");
        }
        5 => gone(),
        6 => {
            gone();
            let _ = std::fs::create_dir_all(full.parent().expect("a folder")).map(|()| symlink("../b.txt", &full));
        }
        7 => {
            let rules = ["ignored.txt\n", "ignored.txt\nout/\n", "*.txt\n!a.txt\n", ""][dice.roll(4) as usize];
            project.write(["sub/.gitignore", ".gitignore"][dice.roll(2) as usize], rules);
        }
        8 => {
            let strict = project.path(["strict.cfg", "out/strict.cfg", "sub/strict.cfg"][dice.roll(3) as usize]);
            if std::fs::remove_file(&strict).is_err() {
                let _ = std::fs::write(&strict, "");
            }
        }
        9 => drop(project.command("git").args(["add", "-f", path]).output()),
        _ => drop(project.command("git").args(["rm", "-q", "--cached", path]).output()),
    }
    format!("{path} {text:?}")
}

#[test]
fn what_is_remembered_says_what_a_look_at_everything_says() {
    let project = lab(SINGLE);
    project.write("rules/names.kdl", rule("names", "reads \"files\""));
    project.write("rules/whole.kdl", rule("whole", ""));
    make_executable(&project, "check");
    let told = || {
        let rules = ["--rule", "words", "--rule", "names", "--rule", "whole", "--rule", "whitespace"];
        let all: Vec<&str> = ["lint", "--json"].into_iter().chain(rules).collect();
        let mut json = project.pl(&all).json();
        json["duration_ms"] = 0.into();
        for rule in json["rules"].as_array_mut().expect("rules") {
            rule["judged"] = 0.into();
        }
        json
    };
    let mut dice = Dice(7);
    let (known, aside) = (project.path(".pl/lint"), project.around().join("known"));
    let mut done = Vec::new();
    for _ in 0..ROUNDS {
        let remembered = told();
        std::fs::rename(&known, &aside).expect("what is known");
        let anew = told();
        std::fs::rename(&aside, &known).expect("what is known");
        assert_eq!(remembered, anew, "after {done:#?}");
        done.push(disturb(&project, &mut dice));
    }
}
