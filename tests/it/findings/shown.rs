//! The line under a finding, in `pl lint`, in a build that fails, and in `pl show --findings`.

use super::{lab, rule};

#[test]
fn the_line_is_underlined_in_the_working_copy() {
    let project = lab(&rule("words", ""), "true");
    project.write("a.txt", "good\n\tvery bad\n");
    let expected = "a.txt:2:7: warning no bad (words)\n    2 │     very bad\n      │          ^^^\n\n1 finding: ";
    let lint = || project.pl(&["lint", "--rule", "words"]).expect(1);
    assert!(lint().stdout.starts_with(expected), "{}", lint().stdout);
    // What was judged before is told with the line that it had then; it is the line that is there.
    assert!(lint().started_nothing().stdout.starts_with(expected));
    project.write("a.txt", "good\nbetter\nvery bad\n");
    assert!(lint().stdout.starts_with("a.txt:3:6: warning no bad (words)\n    3 │ very bad\n"));
    let ascii = project.pl_with(&["lint", "--rule", "words"], &[("LANG", "C")]);
    assert!(ascii.stdout.starts_with("a.txt:3:6: warning no bad (words)\n    3 | very bad\n      |      ^^^\n"));
    let painted = project.pl(&["lint", "--rule", "words", "--color", "always"]);
    assert!(painted.stdout.contains("\u{1b}[33m^^^\u{1b}[0m") && !ascii.stdout.contains('\u{1b}'));
}

#[test]
fn the_line_is_the_candidate_s_whatever_moved_since() {
    let project = lab(&rule("words", ""), "printf 'a\\nso bad it is\\n' > a.txt");
    let expected = "\na.txt:2:4: warning no bad (words)\n    2 │ so bad it is\n      │    ^^^\n";
    assert!(project.pl(&["build", "ws-1"]).expect(1).stdout.contains(expected));
    project.write("a.txt", "x\ny\nz\n");
    std::fs::write(project.worktree("ws-1").join("a.txt"), "mended\n").expect("a repair");
    let shown = project.pl(&["show", "--findings", "ws-1"]).expect(0);
    assert!(
        shown.stdout.contains("no bad (words) new ws-1/words\n    2 │ so bad it is\n      │    ^^^\n"),
        "{}",
        shown.stdout
    );
    let page = project.pl(&["show", "ws-1"]).expect(0);
    assert!(page.stdout.contains(expected), "{}", page.stdout);
    let rows = project.pl(&["show", "--findings", "--json"]).expect(0).json();
    assert_eq!(rows["findings"][0]["source"], "so bad it is");
    let sarif = project.pl(&["show", "--findings", "--format", "sarif"]).expect(0).json();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["contextRegion"]["snippet"]["text"], "so bad it is");
}

#[test]
fn a_rule_that_finds_secrets_shows_no_line() {
    let project = lab(&rule("words", "hide-source"), "echo my bad secret > a.txt");
    let ran = project.pl(&["build", "ws-1"]).expect(1).says("a.txt:1:4: warning no bad (words)\n");
    project.write("a.txt", "my bad secret\n");
    let lint = project.pl(&["lint", "--rule", "words"]).expect(1);
    let shown = project.pl(&["show", "--findings", "--json"]).expect(0);
    for output in [ran.output(), lint.output(), shown.output()] {
        assert!(!output.contains("secret"), "{output}");
    }
}

#[test]
fn of_many_a_build_shows_the_first_and_how_to_see_all() {
    let project = lab(&rule("words", ""), "seq -f 'bad %g' 50 > a.txt");
    let built = project.pl(&["build", "ws-1"]).expect(1);
    assert_eq!(built.stdout.matches("\na.txt:").count(), 20);
    built.says("… and 30 more findings in 1 file; pl show -v --findings ws-1/words shows all");
    let lines =
        |arguments: &[&str]| project.pl(arguments).stdout.lines().filter(|line| line.starts_with("a.txt:")).count();
    assert_eq!([lines(&["show", "-v", "--findings", "ws-1/words"]), lines(&["show", "--findings"])], [50, 50]);
    let drawn = |arguments: &[&str]| project.pl(arguments).stdout.matches(" │ bad").count();
    assert_eq!([drawn(&["show", "-v", "--findings"]), drawn(&["show", "--findings"])], [50, 20]);
    project.write("a.txt", "bad\n".repeat(50));
    assert_eq!([lines(&["lint"]), drawn(&["lint"]), drawn(&["lint", "-v"])], [50, 20, 50]);
}

#[test]
fn what_two_rules_say_of_one_place_is_told_once() {
    let two = rule("words", "") + &rule("grammar", "") + rule("spelling", "").replace("style", "security").as_str();
    let project = lab(&two, "true");
    project.write("a.txt", "so bad\n");
    let lint = project.pl(&["lint", "--rule", "words", "--rule", "grammar", "--rule", "spelling"]).expect(1);
    let expected = "a.txt:1:4: warning no bad (grammar, words)\n    1 │ so bad\n      │    ^^^\n      also no bad (words)\n\
                    a.txt:1:4: warning no bad (spelling)\n";
    assert!(lint.stdout.starts_with(expected), "{}", lint.stdout);
    assert!(lint.stdout.contains("\n3 findings: "), "{}", lint.stdout);
}
