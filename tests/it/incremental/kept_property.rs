//! Random changes of files, definitions, environment and of the plan itself: what a plan answers is what the records answer.

use std::time::SystemTime;

use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use crate::incremental::kept::{TASKS, agree, build, plan, project, set_mode, tasks_alone};
use crate::support::Project;

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
    incremental_is_clean(project);
}

/// A plan of tasks alone leads from what moved to the steps that are judged again.
#[test]
fn incremental_is_clean_where_only_a_cone_is_judged() {
    incremental_is_clean(tasks_alone);
}

fn incremental_is_clean(project: fn() -> Project) {
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
