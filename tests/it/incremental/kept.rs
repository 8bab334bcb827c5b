//! The kept plan: what it answers is what would be found without it, whatever happens to files, to the plan, to the clock.
//!
//! Truth by comparison: each state of the world is judged with the plan that lies there and once more without it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::incremental::lab::{commit_file, lab, pipeline};
use crate::planning::two;
use crate::support::Project;

const PIPELINE: &str = r##"
include "gen/*.json"
setup "kit" { shell "mkdir -p {out} && cp kit.txt {out}/kit"; inputs "kit.txt" }
task "all" { shell "cat src/*.txt src/deep/*.txt > all.out"; inputs "src/**/*.txt"; outputs "all.out" }
task "twice" { shell "cat all.out all.out > twice.out"; inputs "all.out"; outputs "twice.out" }
task "folder" { shell "mkdir -p made && cp one.txt made/one && cp one.txt made/two"; inputs "one.txt"; outputs "made/" }
task "maybe" { shell "cat maybe.txt one.txt > maybe.out 2>/dev/null; true"; inputs "maybe.txt" "one.txt"; outputs "maybe.out" }
task "tool" { run "./tool.sh"; env { pass "KIND" "KIND_*" }; inputs "link.txt"; outputs "tool.out" }
task "seen" { depends-on "setup:kit"; shell "grep -c . twice.out"; inputs "twice.out" }
task "group" { depends-on "seen" "tool" "folder" "maybe" "generated" }
"##;

/// A task file.
pub const TASKS: &str = r#"{"tasks": [{"name": "generated", "run": ["cp", "one.txt", "gen.out"], "inputs": ["one.txt"], "outputs": ["gen.out"]}]}"#;

/// Tasks of all kinds.
pub fn project() -> Project {
    let files = [
        ("Pipelinefile.kdl", PIPELINE),
        ("gen/tasks.json", TASKS),
        ("kit.txt", "kit\n"),
        ("one.txt", "one\n"),
        ("src/a.txt", "a\n"),
        ("src/b.txt", "b\n"),
        ("src/deep/c.txt", "c\n"),
        ("tool.sh", "#!/bin/sh\ncat link.txt > tool.out; echo $KIND >> tool.out\n"),
        (".gitignore", "*.out\nmade/\nignored/\n.pl/\n"),
    ];
    let project = Project::new(&files);
    set_mode(&project.path("tool.sh"), 0o755);
    std::os::unix::fs::symlink("src/b.txt", project.path("link.txt")).expect("a link");
    project
}

/// The same without the setup.
pub fn tasks_alone() -> Project {
    let project = project();
    let text = project.read("Pipelinefile.kdl").replace("depends-on \"setup:kit\"; ", "");
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("setup")).collect();
    project.write("Pipelinefile.kdl", without.join("\n"));
    project
}

/// Sets permission bits.
pub fn set_mode(path: &PathBuf, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

/// Where the plan lies.
pub fn plan(project: &Project) -> PathBuf {
    project.path(".pl/plan")
}

/// What `pl check` says, without what differs from look to look.
fn judged(project: &Project, targets: &[&str], environment: &[(&str, &str)]) -> Value {
    let arguments: Vec<&str> = ["check", "--json"].into_iter().chain(targets.iter().copied()).collect();
    let ran = project.pl_with(&arguments, environment).started_nothing();
    assert_eq!(ran.code, 0, "{}", ran.output());
    ran.json()
}

/// The same, with the plan put aside.
fn judged_without(project: &Project, targets: &[&str], environment: &[(&str, &str)]) -> Value {
    let (plan, aside) = (plan(project), project.around().join("aside"));
    let there = std::fs::rename(&plan, &aside).is_ok();
    let judged = judged(project, targets, environment);
    if there {
        std::fs::rename(&aside, &plan).expect("the plan");
    }
    judged
}

/// Whether the plan and the records say the same, of everything and of parts.
#[track_caller]
pub fn agree(project: &Project, environment: &[(&str, &str)], after: &str) {
    agree_on(project, &[&[], &["group"], &["twice", "tool"]], environment, after);
}

/// The same of some targets.
#[track_caller]
pub fn agree_on(project: &Project, all: &[&[&str]], environment: &[(&str, &str)], after: &str) {
    for targets in all {
        let (with, without) = (judged(project, targets, environment), judged_without(project, targets, environment));
        assert_eq!(with, without, "{targets:?} after {after}");
    }
}

/// Builds everything; the summary.
pub fn build(project: &Project, environment: &[(&str, &str)]) -> Value {
    let ran = project.pl_with(&["build", "--json"], environment);
    assert!([0, 1].contains(&ran.code), "{}", ran.output());
    ran.json()
}

/// Builds until a plan lies there that vouches for everything, then gives its inode: a plan that answered stays.
#[track_caller]
fn settled(project: &Project) -> u64 {
    let inode = || std::fs::metadata(plan(project)).ok().map(|metadata| metadata.ino());
    let mut before = None;
    for _ in 0..20 {
        build(project, &[]);
        let now = inode();
        if now.is_some() && now == before {
            return now.unwrap_or_default();
        }
        before = now;
    }
    panic!("no plan comes to rest");
}

/// A build that a plan answers writes nothing, and says what it says without the plan, which is gone then.
#[track_caller]
fn plan_says_what_records_say(project: &Project) {
    let inode = settled(project);
    let by_plan = project.pl(&["build", "--json"]).expect(0).started_nothing().json();
    assert_eq!(std::fs::metadata(plan(project)).expect("a plan").ino(), inode, "nothing was written");
    std::fs::remove_file(plan(project)).expect("removed");
    let by_records = project.pl(&["build", "--json"]).expect(0).started_nothing().json();
    let timeless = |mut summary: Value| {
        summary["duration_ms"] = Value::Null;
        summary
    };
    assert_eq!(timeless(by_plan), timeless(by_records));
}

#[test]
fn a_plan_answers_as_the_records_do() {
    let project = project();
    let first = build(&project, &[]);
    assert_eq!(first["status"], "completed", "{first:#}");
    assert!(plan(&project).exists(), "a good build leaves a plan");
    plan_says_what_records_say(&project);
    let told = |project: &Project| project.pl(&["build"]).expect(0).started_nothing().stdout;
    let (with, cut) = (told(&project), |text: &str| text.split(", ").next().unwrap_or_default().to_owned());
    std::fs::remove_file(plan(&project)).expect("removed");
    assert_eq!(cut(&with), cut(&told(&project)));
    settled(&project);
    for arguments in [&["check"][..], &["check", "-v"], &["check", "--fail-if-stale"], &["build", "-n"]] {
        let with = project.pl(arguments).expect(0).output();
        std::fs::rename(plan(&project), project.around().join("aside")).expect("aside");
        assert_eq!(with, project.pl(arguments).expect(0).output(), "{arguments:?}");
        std::fs::rename(project.around().join("aside"), plan(&project)).expect("back");
    }
}

#[test]
fn a_file_of_the_same_size_and_mtime_is_seen_in_the_same_tick() {
    let project = project();
    build(&project, &[]);
    for (at, text) in ["one\n", "two\n", "six\n", "ten\n"].iter().cycle().take(24).enumerate() {
        let path = project.path("one.txt");
        let mtime = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("mtime");
        std::fs::write(&path, text).expect("written");
        let file = std::fs::File::options().write(true).open(&path).expect("open");
        file.set_modified(mtime).expect("mtime");
        let summary = build(&project, &[]);
        assert_eq!(project.read("gen.out"), *text, "write {at}: {summary:#}");
        assert_eq!(project.read("made/two"), *text, "write {at}");
    }
}

#[test]
fn a_touched_file_starts_nothing_and_the_plan_learns_of_it() {
    let project = project();
    build(&project, &[]);
    let inode = settled(&project);
    let later = SystemTime::now() + Duration::from_secs(5);
    for path in ["src/a.txt", "gen/tasks.json", "Pipelinefile.kdl", "all.out", ".gitignore"] {
        let file = std::fs::File::options().write(true).open(project.path(path)).expect("open");
        file.set_modified(later).expect("mtime");
    }
    project.write("src/new.txt", "");
    std::fs::remove_file(project.path("src/new.txt")).expect("removed");
    let ran = project.pl(&["build", "--json"]).expect(0).started_nothing();
    assert!(ran.json()["run_id"].is_null());
    assert_ne!(settled(&project), inode, "what was looked at twice is written down");
}

#[test]
fn no_plan_of_something_else_is_believed() {
    let (one, other) = (project(), project());
    build(&one, &[]);
    settled(&one);
    other.write("one.txt", "other\n");
    build(&other, &[]);
    settled(&other);
    let (of_one, of_other) = (std::fs::read(plan(&one)).expect("a plan"), std::fs::read(plan(&other)).expect("a plan"));
    // One for the other.
    std::fs::write(plan(&one), &of_other).expect("swapped");
    one.write("src/a.txt", "changed\n");
    agree(&one, &[], "a swap");
    build(&one, &[]);
    assert!(one.read("all.out").starts_with("changed\n"));
    // An old one of its own, after a definition moved on.
    one.write("Pipelinefile.kdl", PIPELINE.replace("cat all.out all.out", "cat all.out"));
    build(&one, &[]);
    std::fs::write(plan(&one), &of_one).expect("an old one");
    agree(&one, &[], "an old plan");
    // Its own again, while the records are those of another time.
    settled(&other);
    let (database, before) = (other.path(".pl/state.db"), std::fs::read(other.path(".pl/state.db")).expect("records"));
    other.write("src/a.txt", "changed\n");
    build(&other, &[]);
    settled(&other);
    let kept = std::fs::read(plan(&other)).expect("a plan");
    std::fs::write(&database, before).expect("old records");
    std::fs::write(plan(&other), kept).expect("the plan");
    agree(&other, &[], "older records");
}

#[test]
fn a_part_of_a_plan_answers_for_targets_of_their_own() {
    for (project, parts) in [
        (
            project(),
            &[&["twice"][..], &["tool", "folder"], &["group"], &["seen", "seen"], &["setup:kit"], &["nothing"]][..],
        ),
        (
            workstreams(),
            &[&["ws-1"][..], &["ws-2-b"], &["ws-2", "ws-1-a"], &["ws"], &["ws-"], &["ws-2/edit.1"], &["gate:1"]],
        ),
    ] {
        build(&project, &[]);
        settled(&project);
        for targets in parts {
            let look = |command: &[&str]| {
                let arguments: Vec<&str> = command.iter().chain(*targets).copied().collect();
                let ran = project.pl(&arguments);
                let text = ran.output();
                (
                    ran.code,
                    text.lines()
                        .filter(|line| !line.contains("duration_ms") && !line.contains(" up to date ("))
                        .collect::<Vec<_>>()
                        .join("\n"),
                )
            };
            for command in [&["check"][..], &["check", "--json"], &["check", "-v"]] {
                let with = look(command);
                std::fs::rename(plan(&project), project.around().join("aside")).expect("aside");
                assert_eq!(with, look(command), "{command:?} {targets:?}");
                std::fs::rename(project.around().join("aside"), plan(&project)).expect("back");
            }
            let kept = std::fs::read(plan(&project)).expect("a plan");
            let with = look(&["build", "--json"]);
            std::fs::remove_file(plan(&project)).expect("removed");
            assert_eq!(with, look(&["build", "--json"]), "{targets:?}");
            std::fs::write(plan(&project), kept).expect("back");
        }
    }
}

#[test]
fn other_options_have_no_part_in_a_plan() {
    let project = Project::new(&[(
        "Pipelinefile.kdl",
        "let { word \"a\" }\ntask \"say\" { shell \"echo {word} > say.out\"; inputs \"in\"; outputs \"say.out\" }\n",
    )]);
    project.write("in", "");
    project.pl(&["build"]).expect(0);
    settled(&project);
    project.pl(&["build", "--set", "word=b"]).expect(0);
    assert_eq!(project.read("say.out"), "b\n");
    project.pl(&["build"]).expect(0);
    assert_eq!(project.read("say.out"), "a\n");
    settled(&project);
    project.pl(&["build", "--force", "say"]).expect(0);
    let forced = project.pl(&["build", "--json", "--force", "say"]).expect(0);
    assert_eq!(forced.json()["steps_run"], 1);
    project.pl(&["build", "nothing"]).expect(2);
}

fn workstreams() -> Project {
    let nodes = "setup \"kit\" { shell \"echo kit > {out}/kit\"; inputs \"a\" }\ndefault \"ws-*\"\n";
    lab(&pipeline("edit", nodes, &two()), &[("a", "1\n"), ("b", "1\n"), ("free", "1\n")])
}

/// What `pl check` and a build say after something moved under a plan that came to rest.
#[track_caller]
fn after(what: &str, change: impl FnOnce(&Project)) {
    let project = workstreams();
    build(&project, &[]);
    settled(&project);
    let commit = || project.git(&["rev-parse", &project.result_ref("ws-2-b")]);
    let before = commit();
    change(&project);
    let targets = &["*"][..];
    assert_eq!(judged(&project, targets, &[]), judged_without(&project, targets, &[]), "{what}");
    assert_eq!(judged(&project, &[], &[]), judged_without(&project, &[], &[]), "{what}");
    let _ = std::fs::remove_file(project.around().join("home/asked"));
    let built = build(&project, &[]);
    assert_eq!(built["status"], "completed", "{what}: {built:#}");
    if !what.starts_with("another base") {
        assert_eq!(commit(), before, "{what}");
    }
    settled(&project);
}

#[test]
fn workstreams_are_answered_by_refs_and_objects() {
    let project = workstreams();
    build(&project, &[]);
    plan_says_what_records_say(&project);
    after("nothing", |_| {});
    after("another base", |project| commit_file(project, "free", "2\n"));
    after("another base in a scope", |project| commit_file(project, "a", "3\n"));
    after("a lost result", |project| {
        project.git(&["update-ref", "-d", &project.result_ref("ws-2-b")]);
    });
    after("a result that names something else", |project| {
        project.git(&["update-ref", &project.result_ref("ws-1-a"), "main"]);
    });
    after("packed refs", |project| {
        project.git(&["pack-refs", "--all"]);
    });
    after("objects in packs", |project| {
        project.git(&["gc", "-q", "--prune=now"]);
    });
    after("a lost object", |project| {
        let id = project.git(&["rev-parse", &format!("{}:b", project.result_ref("ws-2-b"))]);
        let object = project.path(&format!(".git/objects/{}/{}", &id[..2], &id[2..]));
        std::fs::remove_file(object).expect("an object");
    });
    after("another branch", |project| {
        project.git(&["switch", "-q", "-c", "other"]);
    });
    after("a lost setup", |project| {
        std::fs::remove_dir_all(project.around().join("state")).expect("removed");
    });
}
