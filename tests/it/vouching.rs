//! `pl watch` vouches for files, and `pl build` looks at the rest: sooner, and never at something that was.

use rustix::process::Signal;

use crate::running::{Running, until};
use crate::support::Project;

/// More than are looked at without asking.
const FILES: usize = 2_500;

const JOIN: &str = "task \"count\" { shell \"cat src/*/0 > joined; ls src/* | wc -l >> joined\"; inputs \"src/**\"; outputs \"joined\" }
task \"other\" { shell \"true\"; inputs \"src/*/1\" }
";

fn project() -> Project {
    let project = Project::new(&[("Pipelinefile.kdl", JOIN)]);
    for number in 0..FILES {
        project.write(&format!("src/{}/{}", number % 10, number / 10), format!("{number}\n"));
    }
    project.pl(&["build"]).expect(0);
    project
}

fn watch(project: &Project, name: &str, arguments: &[&str]) -> Running {
    let arguments: Vec<&str> = ["watch", "--debounce", "10ms"].iter().chain(arguments).copied().collect();
    let running = Running::start(project, name, &arguments);
    until("it waits", || running.said().contains("waiting for changes"));
    running
}

/// Builds; whether `pl watch` vouched for what it could.
fn build(project: &Project) -> bool {
    let trace = project.around().join("trace.json");
    project.pl(&["build", "--profile", &trace.display().to_string()]).expect(0);
    std::fs::read_to_string(trace).expect("a trace").contains("look at what pl watch does not see")
}

fn until_vouched(project: &Project) {
    until("pl watch vouches", || build(project));
}

fn end(running: Running) {
    running.signal(Signal::INT);
    running.end().expect(130);
}

#[test]
fn what_is_saved_a_moment_before_is_seen() {
    let project = project();
    assert!(!build(&project), "nobody watches");
    // It watches for another task, so that what is stale is this build's to do.
    let running = watch(&project, "watch", &["other"]);
    for round in 0..6 {
        until_vouched(&project);
        project.write("src/3/0", format!("round {round}\n"));
        assert!(!build(&project), "round {round}");
        assert!(project.read("joined").contains(&format!("round {round}\n")), "round {round}");
    }
    // A file more, in a new folder, and one less.
    until_vouched(&project);
    project.write("src/new/0", "new\n");
    build(&project);
    assert!(project.read("joined").contains("new\n"));
    until_vouched(&project);
    std::fs::remove_file(project.path("src/new/0")).expect("removed");
    build(&project);
    assert!(!project.read("joined").contains("new\n"));
    end(running);
    assert!(!build(&project), "nobody watches any more");
}

#[test]
fn another_folder_in_the_place_of_one_is_seen_and_so_is_what_is_written_there() {
    let project = project();
    let running = watch(&project, "watch", &["other"]);
    until_vouched(&project);
    std::fs::create_dir(project.path("next")).expect("a folder");
    project.write("next/0", "next\n");
    project.write("next/1", "same\n");
    std::fs::rename(project.path("src/3"), project.path("before")).expect("renamed");
    std::fs::rename(project.path("next"), project.path("src/3")).expect("renamed");
    build(&project);
    assert!(project.read("joined").contains("next\n"));
    until_vouched(&project);
    project.write("src/3/0", "later\n");
    build(&project);
    assert!(project.read("joined").contains("later\n"));
    end(running);
}

#[test]
fn a_file_with_another_name_is_looked_at_all_the_same() {
    let project = project();
    let elsewhere = project.around().join("elsewhere");
    std::fs::hard_link(project.path("src/3/0"), &elsewhere).expect("a link");
    build(&project);
    let running = watch(&project, "watch", &["other"]);
    until_vouched(&project);
    // Nobody is told of this.
    std::fs::write(&elsewhere, "by another name\n").expect("written");
    assert!(build(&project), "it still vouches for all other folders");
    assert!(project.read("joined").contains("by another name\n"));
    end(running);
}

#[test]
fn what_nobody_is_told_of_is_looked_at() {
    // Ignored by git, so that `pl watch` does not watch it.
    let task = "task \"read\" { shell \"cat ignored/*/x src/1/0 > joined\"; inputs \"ignored/*/x\" \"src/**\"; outputs \"joined\"; env { pass \"WISH\" } }
task \"other\" { shell \"true\"; inputs \"src/*/1\" }
";
    let project = project();
    project.write("Pipelinefile.kdl", task);
    project.write(".gitignore", "ignored\njoined\n");
    project.write("ignored/deep/x", "1\n");
    build(&project);
    let running = watch(&project, "watch", &["other"]);
    until_vouched(&project);
    project.write("ignored/deep/x", "2\n");
    build(&project);
    assert!(project.read("joined").starts_with("2\n"));
    until_vouched(&project);
    let again = project.pl_with(&["build"], &[("WISH", "another")]).expect(0);
    assert!(!again.stdout.contains("up to date"), "{}", again.output());
    end(running);
}

#[test]
fn who_does_not_answer_is_not_waited_for() {
    let project = project();
    let running = watch(&project, "watch", &["other"]);
    until_vouched(&project);
    running.signal(Signal::STOP);
    assert!(!build(&project));
    project.write("src/3/0", "meanwhile\n");
    build(&project);
    assert!(project.read("joined").contains("meanwhile\n"));
    running.signal(Signal::CONT);
    until_vouched(&project);
    // A second one leaves the answers to the first.
    let second = watch(&project, "second", &["other"]);
    until_vouched(&project);
    end(second);
    until_vouched(&project);
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, -1);
    assert!(!build(&project));
    // What a killed one left behind is in nobody's way.
    let third = watch(&project, "third", &["other"]);
    until_vouched(&project);
    end(third);
}
