//! The kept plan: what it answers is what would be found without it, whatever happens to files, to the plan, to the clock.
//!
//! Truth by comparison: each state of the world is judged with the plan that lies there and once more without it.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::incremental::lab::{Ws, commit_file, lab, pipeline};
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

const TASKS: &str = r#"{"tasks": [{"name": "generated", "run": ["cp", "one.txt", "gen.out"], "inputs": ["one.txt"], "outputs": ["gen.out"]}]}"#;

fn project() -> Project {
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

fn set_mode(path: &PathBuf, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

fn plan(project: &Project) -> PathBuf {
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

#[track_caller]
fn agree(project: &Project, environment: &[(&str, &str)], after: &str) {
    for targets in [&[][..], &["group"], &["twice", "tool"]] {
        let (with, without) = (judged(project, targets, environment), judged_without(project, targets, environment));
        assert_eq!(with, without, "{targets:?} after {after}");
    }
}

fn build(project: &Project, environment: &[(&str, &str)]) -> Value {
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

#[test]
fn a_plan_answers_as_the_records_do() {
    let project = project();
    let first = build(&project, &[]);
    assert_eq!(first["status"], "completed", "{first:#}");
    assert!(plan(&project).exists(), "a good build leaves a plan");
    let inode = settled(&project);
    let by_plan = project.pl(&["build", "--json"]).expect(0).started_nothing().json();
    assert_eq!(std::fs::metadata(plan(&project)).expect("a plan").ino(), inode, "nothing was written");
    std::fs::remove_file(plan(&project)).expect("removed");
    let by_records = project.pl(&["build", "--json"]).expect(0).started_nothing().json();
    let timeless = |mut summary: Value| {
        summary["duration_ms"] = Value::Null;
        summary
    };
    assert_eq!(timeless(by_plan), timeless(by_records));
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
    let first =
        Ws { id: "ws-1-a", scope: &["a"], instructions: &["echo 2 >> a"], tests: &["grep -q 2 a"], ..Ws::default() };
    let second = Ws {
        id: "ws-2-b",
        depends_on: &["ws-1-a"],
        scope: &["b"],
        instructions: &["cat a > b"],
        tests: &["grep -q 2 b"],
        ..Ws::default()
    };
    let nodes = "setup \"kit\" { shell \"echo kit > {out}/kit\"; inputs \"a\" }\ndefault \"ws-*\"\n";
    lab(&pipeline("edit", nodes, &[first, second]), &[("a", "1\n"), ("b", "1\n"), ("free", "1\n")])
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
    let inode = settled(&project);
    let by_plan = project.pl(&["build", "--json"]).expect(0).started_nothing().json();
    assert_eq!(std::fs::metadata(plan(&project)).expect("a plan").ino(), inode, "nothing was written");
    std::fs::remove_file(plan(&project)).expect("removed");
    let by_records = project.pl(&["build", "--json"]).expect(0).started_nothing().json();
    let timeless = |mut summary: Value| {
        summary["duration_ms"] = Value::Null;
        summary
    };
    assert_eq!(timeless(by_plan), timeless(by_records));
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

/// One change of the world.
#[derive(Debug, Clone)]
enum Change {
    Write(&'static str, u8),
    Remove(&'static str),
    Mode(&'static str, u32),
    /// The same size and the mtime it had.
    Disguise(&'static str, u8),
    Touch(&'static str),
    Link(&'static str),
    Ignore(bool),
    Define(u8),
    Variable(u8),
    Tool(u8),
    Cut(u16),
    Flip(u16, u8),
    Forget,
    Restore,
    Records,
    Nothing,
}

const FILES: [&str; 13] = [
    "src/a.txt",
    "src/b.txt",
    "src/deep/c.txt",
    "src/deep/new.txt",
    "src/skip/d.txt",
    "one.txt",
    "maybe.txt",
    "kit.txt",
    "all.out",
    "made/one",
    "made/stray",
    "twice.out",
    "workstreams/none.txt",
];

fn change() -> impl Strategy<Value = Change> {
    let file = || proptest::sample::select(FILES.to_vec());
    let there = || proptest::sample::select(vec!["src/a.txt", "one.txt", "kit.txt", "all.out", "tool.sh"]);
    prop_oneof![
        4 => (file(), 0..4_u8).prop_map(|(path, to)| Change::Write(path, to)),
        2 => file().prop_map(Change::Remove),
        1 => (there(), proptest::sample::select(vec![0o644, 0o755])).prop_map(|(path, mode)| Change::Mode(path, mode)),
        3 => (file(), 0..4_u8).prop_map(|(path, to)| Change::Disguise(path, to)),
        2 => there().prop_map(Change::Touch),
        1 => file().prop_map(Change::Link),
        1 => proptest::bool::ANY.prop_map(Change::Ignore),
        1 => (0..3_u8).prop_map(Change::Define),
        1 => (0..3_u8).prop_map(Change::Variable),
        1 => (0..3_u8).prop_map(Change::Tool),
        1 => (0..u16::MAX).prop_map(Change::Cut),
        2 => (0..u16::MAX, 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        1 => Just(Change::Forget),
        1 => Just(Change::Restore),
        1 => Just(Change::Records),
        2 => Just(Change::Nothing),
    ]
}

/// What changes with the changes besides files.
#[derive(Debug, Default)]
struct World {
    kind: u8,
    /// A plan of an earlier time.
    old: Option<Vec<u8>>,
}

fn apply(project: &Project, world: &mut World, change: &Change) {
    let text = |to: u8| format!("{to}\n");
    let plan = plan(project);
    match change {
        Change::Write(path, to) => project.write(path, text(*to)),
        Change::Remove(path) => drop(std::fs::remove_file(project.path(path))),
        Change::Mode(path, mode) if project.path(path).exists() => set_mode(&project.path(path), *mode),
        Change::Disguise(path, to) => {
            let Ok(mtime) = std::fs::metadata(project.path(path)).and_then(|metadata| metadata.modified()) else {
                return;
            };
            project.write(path, text(*to));
            let file = std::fs::File::options().write(true).open(project.path(path)).expect("open");
            file.set_modified(mtime).expect("mtime");
        }
        Change::Touch(path) => {
            if let Ok(file) = std::fs::File::options().write(true).open(project.path(path)) {
                file.set_modified(SystemTime::now()).expect("mtime");
            }
        }
        Change::Link(to) => {
            let _ = std::fs::remove_file(project.path("link.txt"));
            std::os::unix::fs::symlink(to, project.path("link.txt")).expect("a link");
        }
        Change::Ignore(skip) => {
            project.write(".gitignore", format!("*.out\nmade/\n.pl/\n{}", if *skip { "skip/\n" } else { "" }));
        }
        Change::Define(to) => {
            let env = format!("\"env\": {{\"N\": \"{to}\"}}, \"outputs\"");
            project.write("gen/tasks.json", TASKS.replace("\"outputs\"", &env));
        }
        Change::Variable(to) => world.kind = *to,
        Change::Tool(to) => {
            project.write("tool.sh", format!("#!/bin/sh\n# {to}\ncat link.txt > tool.out; echo $KIND >> tool.out\n"));
            set_mode(&project.path("tool.sh"), 0o755);
        }
        Change::Cut(at) => {
            if let Ok(bytes) = std::fs::read(&plan) {
                let length = usize::from(*at) * bytes.len() / usize::from(u16::MAX);
                std::fs::write(&plan, &bytes[..length]).expect("cut");
            }
        }
        Change::Flip(at, bit) => {
            if let Ok(mut bytes) = std::fs::read(&plan).filter_empty() {
                let place = usize::from(*at) * (bytes.len() - 1) / usize::from(u16::MAX);
                bytes[place] ^= 1 << bit;
                std::fs::write(&plan, bytes).expect("flipped");
            }
        }
        Change::Forget => drop(std::fs::remove_file(&plan)),
        Change::Restore => {
            let now = std::fs::read(&plan).ok();
            if let Some(old) = world.old.take() {
                std::fs::write(&plan, old).expect("an old plan");
            }
            world.old = now;
        }
        Change::Records => drop(std::fs::remove_file(project.path(".pl/state.db"))),
        Change::Mode(..) | Change::Nothing => {}
    }
}

trait FilterEmpty {
    fn filter_empty(self) -> Self;
}

impl FilterEmpty for std::io::Result<Vec<u8>> {
    fn filter_empty(self) -> Self {
        self.and_then(|bytes| if bytes.is_empty() { Err(std::io::ErrorKind::InvalidData.into()) } else { Ok(bytes) })
    }
}

/// Cases where the environment says nothing.
const CASES: u32 = 4;

#[test]
fn incremental_is_clean_with_a_plan() {
    let cases = std::env::var("PL_PROPERTY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, max_shrink_iters: 20, failure_persistence: None, ..Config::default() };
    let run =
        TestRunner::new(config).run(&proptest::collection::vec((change(), proptest::bool::ANY), 1..10), |changes| {
            let project = project();
            let mut world = World::default();
            build(&project, &[("KIND", "0")]);
            for (change, builds) in &changes {
                apply(&project, &mut world, change);
                let kind = world.kind.to_string();
                let environment = [("KIND", kind.as_str())];
                agree(&project, &environment, &format!("{change:?} of {changes:?}"));
                if *builds {
                    build(&project, &environment);
                    agree(&project, &environment, &format!("a build after {change:?} of {changes:?}"));
                }
            }
            Ok(())
        });
    run.unwrap_or_else(|failure| panic!("{failure}"));
}
