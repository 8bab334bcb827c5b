//! Make-like tasks: early cutoff, restored outputs, inputs that move, globs, arguments.

use crate::support::{Project, Ran, steps_run};

fn project(pipeline: &str, files: &[(&str, &str)]) -> Project {
    let all: Vec<(&str, &str)> = [("Pipelinefile.kdl", pipeline)].into_iter().chain(files.iter().copied()).collect();
    Project::new(&all)
}

fn ran(project: &Project) -> Vec<String> {
    steps_run(&project.build(&[], 0))
}

#[track_caller]
fn fresh(project: &Project) -> Ran {
    let ran = project.pl(&["build", "--json"]).expect(0).started_nothing();
    assert!(ran.json()["run_id"].is_null());
    ran
}

/// `a.txt` without its comments is `mid.txt`; `mid.txt` twice is `end.txt`.
const TWO: &str = r##"
task "mid" { shell "grep -v '^#' a.txt > mid.txt"; inputs "a.txt"; outputs "mid.txt" }
task "end" { shell "cat mid.txt mid.txt > end.txt"; inputs "mid.txt"; outputs "end.txt" }
"##;

#[test]
fn an_output_that_comes_out_the_same_stops_the_wave() {
    let project = project(TWO, &[("a.txt", "one\n")]);
    assert_eq!(ran(&project), ["mid", "end"]);
    fresh(&project);
    project.write("a.txt", "# words\none\n");
    assert_eq!(ran(&project), ["mid"]);
    fresh(&project);
}

#[test]
fn folders_of_outputs_are_there_before_the_command() {
    let text = r#"
task "copy" { run "cp" "a.txt" "out/deep/b.txt"; inputs "a.txt"; outputs "out/deep/b.txt" }
task "list" { shell "ls -A out > made/list"; inputs "out/deep/b.txt"; outputs "made/list" }
task "folder" { run "mkdir" "made/own"; inputs "a.txt"; outputs "made/own/" }
"#;
    let project = project(text, &[("a.txt", "one\n")]);
    assert_eq!(steps_run(&project.build(&["-j1"], 0)).len(), 3);
    assert_eq!((project.read("out/deep/b.txt"), project.read("made/list")), ("one\n".to_owned(), "deep\n".to_owned()));
    fresh(&project);
    std::fs::remove_dir_all(project.path("out")).expect("out");
    project.write("a.txt", "two\n");
    std::fs::remove_dir(project.path("made/own")).expect("made/own");
    let mut again = ran(&project);
    again.sort();
    assert_eq!(again, ["copy", "folder", "list"]);
    fresh(&project);
}

#[test]
fn lost_and_tampered_outputs_are_restored_without_running() {
    let project = project(TWO, &[("a.txt", "one\n")]);
    ran(&project);
    std::fs::remove_file(project.path("mid.txt")).expect("mid.txt");
    project.write("end.txt", "tampered\n");
    let restored = project.pl(&["build", "--json"]).expect(0).started_nothing();
    assert_eq!(restored.json()["steps_run"], 0);
    assert_eq!((project.read("mid.txt"), project.read("end.txt")), ("one\n".to_owned(), "one\none\n".to_owned()));
    fresh(&project);
}

#[test]
fn an_output_folder_is_restored_as_it_was() {
    let make =
        "mkdir -p out/deep && cp a.txt out/deep/a && cp a.txt out/run && chmod +x out/run && ln -sf run out/link";
    let text = format!("task \"make\" {{ shell \"{make}\"; inputs \"a.txt\"; outputs \"out/\" }}");
    let project = project(&text, &[("a.txt", "one\n")]);
    assert_eq!(ran(&project), ["make"]);
    fresh(&project);
    std::fs::remove_dir_all(project.path("out")).expect("out");
    project.write("out/stray", "stray\n");
    project.pl(&["build", "--json"]).expect(0).started_nothing();
    assert_eq!(project.read("out/deep/a"), "one\n");
    assert_eq!(std::fs::read_link(project.path("out/link")).expect("a link"), std::path::Path::new("run"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&project.path("out/run").metadata().expect("run").permissions());
    assert_ne!(mode & 0o100, 0);
    assert!(!project.path("out/stray").exists());
    fresh(&project);
}

#[test]
fn an_output_that_is_not_stored_is_made_again() {
    let text = TWO.replace("outputs \"mid.txt\"", "outputs \"mid.txt\" store=#false");
    let project = project(&text, &[("a.txt", "one\n")]);
    ran(&project);
    std::fs::remove_file(project.path("mid.txt")).expect("mid.txt");
    assert_eq!(ran(&project), ["mid"]);
    fresh(&project);
}

/// A content that lies in the database, and one that is a file of its own.
fn sizes() -> [String; 2] {
    ["one\n".to_owned(), "one\n".repeat(10_000)]
}

#[test]
fn a_content_that_is_gone_is_made_again() {
    for content in sizes() {
        content_is_gone(&content);
    }
}

fn content_is_gone(content: &str) {
    let project = project(TWO, &[("a.txt", content)]);
    ran(&project);
    project.lose_contents();
    fresh(&project);
    std::fs::remove_file(project.path("mid.txt")).expect("mid.txt");
    assert_eq!(ran(&project), ["mid"]);
    fresh(&project);
}

#[test]
fn a_content_that_was_corrupted_is_never_restored() {
    for content in sizes() {
        content_was_corrupted(&content);
    }
}

fn content_was_corrupted(content: &str) {
    let project = project(TWO, &[("a.txt", content)]);
    ran(&project);
    project.spoil_contents("two\n");
    std::fs::remove_file(project.path("mid.txt")).expect("mid.txt");
    assert_eq!(ran(&project), ["mid"]);
    assert_eq!(project.read("mid.txt"), content);
    fresh(&project);
}

#[test]
fn a_task_that_changes_its_own_input_is_not_recorded_and_says_so() {
    let text = "task \"fmt\" { shell \"echo more >> a.txt\"; inputs \"a.txt\" }";
    let project = project(text, &[("a.txt", "one\n")]);
    project.pl(&["build"]).expect(0).says("input a.txt changed while it ran, so it is not recorded");
    assert_eq!(ran(&project), ["fmt"]);
    assert_eq!(project.read("a.txt"), "one\nmore\nmore\n");
}

#[test]
fn a_new_file_that_a_task_adds_to_its_own_inputs_is_seen() {
    let text = "task \"gen\" { shell \"cp src/a.txt src/b.txt\"; inputs \"src/*.txt\" }";
    let project = project(text, &[("src/a.txt", "one\n")]);
    project.pl(&["build"]).expect(0).says("input src/b.txt changed while it ran");
    // Now that the file is there, the task leaves its inputs as they were.
    assert_eq!(ran(&project), ["gen"]);
    fresh(&project);
}

#[test]
fn an_input_that_is_edited_while_the_task_runs_is_not_taken_for_what_it_read() {
    // The task itself stands in for the person: it reads, and then the input is edited, mtime set back.
    let text = r##"task "read" {
        shell "cp a.txt out.txt; printf 'two\\n' > a.txt; touch -d @1000000000 a.txt"
        inputs "a.txt"
        outputs "out.txt"
    }"##;
    let project = project(text, &[("a.txt", "one\n")]);
    let touched = std::process::Command::new("touch").args(["-d", "@1000000000"]).arg(project.path("a.txt")).status();
    assert!(touched.expect("touch").success());
    project.pl(&["build"]).expect(0).says("not recorded");
    assert_eq!(project.read("out.txt"), "one\n");
    assert_eq!(ran(&project), ["read"]);
    assert_eq!(project.read("out.txt"), "two\n");
    fresh(&project);
}

#[test]
fn what_a_failed_task_left_is_not_taken_for_good() {
    let text = r##"
task "mid" { shell "cp a.txt mid.txt; ! grep -q bad a.txt"; inputs "a.txt"; outputs "mid.txt" }
task "end" { shell "cat mid.txt > end.txt"; inputs "mid.txt"; outputs "end.txt" }
"##;
    let project = project(text, &[("a.txt", "good\n")]);
    ran(&project);
    project.write("a.txt", "bad\n");
    let failed = project.build(&[], 1);
    assert_eq!(steps_run(&failed), ["mid"]);
    assert_eq!(project.read("end.txt"), "good\n");
    // What it left equals nothing that is known: it runs again and fails again.
    assert_eq!(steps_run(&project.build(&[], 1)), ["mid"]);
    // The good input is back: the good output is put back, nothing runs.
    project.write("a.txt", "good\n");
    project.pl(&["build", "--json"]).expect(0).started_nothing();
    assert_eq!(project.read("mid.txt"), "good\n");
    fresh(&project);
}

#[test]
fn there_and_back_is_a_hit() {
    let project = project(TWO, &[("a.txt", "A\n")]);
    ran(&project);
    project.write("a.txt", "B\n");
    assert_eq!(ran(&project), ["mid", "end"]);
    project.write("a.txt", "A\n");
    let back = project.pl(&["build", "--json"]).expect(0).started_nothing();
    assert_eq!(back.json()["steps_run"], 0);
    assert_eq!(project.read("end.txt"), "A\nA\n");
    fresh(&project);
}

#[test]
fn patterns_see_files_that_come_and_go() {
    let text = "task \"list\" { shell \"ls src > list.txt\"; inputs \"src/**/*.txt\"; outputs \"list.txt\" }";
    let project = project(text, &[("src/a.txt", ""), ("src/other.md", "")]);
    ran(&project);
    project.write("src/other.md", "not an input");
    fresh(&project);
    project.write("src/b.txt", "");
    assert_eq!(ran(&project), ["list"]);
    std::fs::remove_file(project.path("src/a.txt")).expect("a.txt");
    assert_eq!(ran(&project), ["list"]);
    assert_eq!(project.read("list.txt"), "b.txt\nother.md\n");
    std::fs::rename(project.path("src/b.txt"), project.path("src/c.txt")).expect("rename");
    assert_eq!(ran(&project), ["list"]);
    fresh(&project);
}

#[test]
fn ignored_files_are_inputs_where_they_are_written_out() {
    let text = r##"
task "wild" { shell "true wild"; inputs "**/*.gen" }
task "named" { shell "true named"; inputs "gen/" }
"##;
    let files = [(".gitignore", "gen/\n"), ("a.gen", ""), ("gen/x.gen", "1\n")];
    let project = project(text, &files);
    assert_eq!(ran(&project).len(), 2);
    project.write("gen/x.gen", "2\n");
    assert_eq!(ran(&project), ["named"]);
    fresh(&project);
}

#[test]
fn an_input_that_was_absent_is_seen_when_it_comes() {
    let text = "task \"may\" { shell \"cat a.txt opt.txt 2>/dev/null > out.txt; true\"; inputs \"a.txt\" \"opt*.txt\"; outputs \"out.txt\" }";
    let project = project(text, &[("a.txt", "one\n")]);
    ran(&project);
    fresh(&project);
    project.write("opt.txt", "two\n");
    assert_eq!(ran(&project), ["may"]);
    assert_eq!(project.read("out.txt"), "one\ntwo\n");
}

#[test]
fn two_tasks_never_write_one_output() {
    for (left, right) in [("out.txt", "out.txt"), ("out/", "out/deep/a.txt")] {
        let text = format!(
            "task \"a\" {{ run \"true\"; outputs \"{left}\" }}\ntask \"b\" {{ run \"true\"; outputs \"{right}\" }}"
        );
        let project = project(&text, &[]);
        project.pl(&["build"]).expect(2).started_nothing().says("overlapping-outputs");
    }
}

#[test]
fn arguments_are_part_of_the_key() {
    let text = "task \"say\" { run \"sh\" \"-c\" \"echo \\\"$@\\\" > out.txt\" \"sh\" \"{args}\"; inputs \"a.txt\"; outputs \"out.txt\" }";
    let project = project(text, &[("a.txt", "")]);
    let build = |arguments: &[&str]| {
        let all: Vec<&str> = ["build", "--json", "say"].into_iter().chain(arguments.iter().copied()).collect();
        project.pl(&all).expect(0)
    };
    assert_eq!(steps_run(&build(&["--", "one", "two"]).json()), ["say"]);
    assert_eq!(project.read("out.txt"), "one two\n");
    build(&["--", "one", "two"]).started_nothing();
    assert_eq!(steps_run(&build(&["--", "one two"]).json()), ["say"]);
    assert_eq!(steps_run(&build(&[]).json()), ["say"]);
    assert_eq!(project.read("out.txt"), "\n");
    build(&["--", "one", "two"]).started_nothing();
    assert_eq!(project.read("out.txt"), "one two\n");
}

#[test]
fn what_a_task_verified_is_part_of_what_hangs_on_it() {
    let text = r##"
task "lint" { shell "true lint"; inputs "a.txt" }
task "pack" { depends-on "lint"; shell "cp b.txt out.txt"; inputs "b.txt"; outputs "out.txt" }
"##;
    let project = project(text, &[("a.txt", "1\n"), ("b.txt", "1\n")]);
    assert_eq!(ran(&project), ["lint", "pack"]);
    project.write("b.txt", "2\n");
    assert_eq!(ran(&project), ["pack"]);
    project.write("a.txt", "2\n");
    assert_eq!(ran(&project), ["lint", "pack"]);
    fresh(&project);
}

#[test]
fn one_that_works_in_place_is_recorded_under_the_state_it_left() {
    let text = "task \"fmt\" { shell \"sort -o a.txt a.txt\"; inputs \"a.txt\"; outputs \"a.txt\"; in-place #true }";
    let project = project(text, &[("a.txt", "2\n1\n")]);
    assert_eq!(ran(&project), ["fmt"]);
    assert_eq!(project.read("a.txt"), "1\n2\n");
    fresh(&project);
}
