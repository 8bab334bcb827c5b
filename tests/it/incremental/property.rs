//! Random edits to definitions and base: after each, an incremental build comes to what a clean one comes to.
//!
//! `PL_PROPERTY_CASES` raises the number of cases; a failing case prints its edits, shrunk.

use std::path::Path;

use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use crate::incremental::lab::{TOOLS, Ws, asked, commit_file, pipeline};
use crate::support::Project;

/// Cases where the environment says nothing.
const CASES: u32 = 6;

/// One change of the world.
#[derive(Debug, Clone)]
enum Edit {
    /// Another first instruction of a workstream, by number.
    Instruct(usize, u8),
    /// Another acceptance test; some are red.
    Test(usize, u8),
    /// Its tests in the other order.
    Turn(usize),
    /// Its scope with or without a further folder.
    Widen(usize),
    /// A file of the base gets other lines: in one scope, or in none.
    Base(u8, u8),
    /// The newest commit of the base is taken back.
    Revert,
    /// What the tasks read.
    Input(u8),
    /// Nothing: a null build.
    Nothing,
}

fn edit() -> impl Strategy<Value = Edit> {
    let ws = 0..WORKSTREAMS.len();
    prop_oneof![
        3 => (ws.clone(), 0..3_u8).prop_map(|(ws, to)| Edit::Instruct(ws, to)),
        3 => (ws.clone(), 0..3_u8).prop_map(|(ws, to)| Edit::Test(ws, to)),
        1 => ws.clone().prop_map(Edit::Turn),
        1 => ws.prop_map(Edit::Widen),
        4 => (any::<u8>(), 0..3_u8).prop_map(|(file, to)| Edit::Base(file, to)),
        2 => Just(Edit::Revert),
        1 => (0..3_u8).prop_map(Edit::Input),
        1 => Just(Edit::Nothing),
    ]
}

/// Each has a file of its own; the last waits for the two in the middle.
const WORKSTREAMS: [(&str, &[&str]); 4] =
    [("ws-a", &[]), ("ws-b", &["ws-a"]), ("ws-c", &["ws-a"]), ("ws-d", &["ws-b", "ws-c"])];

/// Files of the base that edits of the base change: of each scope, and of none.
const BASE_FILES: [&str; 5] = ["a/x.txt", "b/x.txt", "c/x.txt", "d/x.txt", "free.txt"];

/// The definitions as they are now.
#[derive(Debug, Clone, Default)]
struct Definitions {
    instruct: [u8; 4],
    test: [u8; 4],
    turned: [bool; 4],
    wide: [bool; 4],
    commits: usize,
}

impl Definitions {
    fn text(&self, tool: &str) -> String {
        let mut all = String::new();
        for (at, (id, depends_on)) in WORKSTREAMS.iter().enumerate() {
            let folder = &id[3..];
            let (file, extra) = (format!("{folder}/"), format!("extra-{folder}/"));
            // What is written depends on all that the tool sees.
            let first =
                format!("cat */x.txt free.txt | wc -c >> {file}x.txt; echo {} >> {file}x.txt", self.instruct[at]);
            let second = format!("wc -l < {file}x.txt > {file}y.txt");
            let red = format!("! grep -q {} {file}y.txt", self.test[at] + 3);
            let mut tests = [format!("test -s {file}y.txt"), red];
            if self.turned[at] {
                tests.reverse();
            }
            let scope: &[&str] = if self.wide[at] { &[&file, &extra] } else { &[&file] };
            let ws = Ws {
                id,
                depends_on,
                scope,
                instructions: &[&first, &second],
                tests: &[&tests[0], &tests[1]],
                ..Ws::default()
            };
            all.push_str(&ws.kdl());
        }
        let tasks = "task \"mid\" { shell \"sort in.txt > mid.out\"; inputs \"in.txt\"; outputs \"mid.out\" }\n\
                     task \"end\" { shell \"cat mid.out mid.out > end.out\"; inputs \"mid.out\"; outputs \"end.out\" }\n";
        format!("{}{tasks}{all}", pipeline(tool, "", &[]))
    }
}

fn project(tool: &str) -> (Project, Definitions) {
    let definitions = Definitions::default();
    let extra = ["extra-a/k", "extra-b/k", "extra-c/k", "extra-d/k"];
    let files: Vec<(&str, &str)> = BASE_FILES.iter().chain(&extra).map(|path| (*path, "1\n2\n3\n")).collect();
    let project = Project::new(&files);
    // Definitions lie beside the tree: a commit of the base is a commit of the base alone.
    let exclude = "rules/\nPipelinefile.kdl\n*.out\nin.txt\n.pl/\n.worktrees/\n";
    std::fs::write(project.path(".git/info/exclude"), exclude).expect("exclude");
    project.git(&["rm", "-q", "--cached", "Pipelinefile.kdl"]);
    project.git(&["commit", "-q", "--amend", "-m", "base"]);
    project.write("rules/lab.kdl", TOOLS);
    project.write("in.txt", "1\n");
    project.write("Pipelinefile.kdl", definitions.text(tool));
    (project, definitions)
}

fn apply(project: &Project, definitions: &mut Definitions, edit: &Edit, tool: &str) {
    match edit {
        Edit::Instruct(ws, to) => definitions.instruct[*ws] = *to,
        Edit::Test(ws, to) => definitions.test[*ws] = *to,
        Edit::Turn(ws) => definitions.turned[*ws] ^= true,
        Edit::Widen(ws) => definitions.wide[*ws] ^= true,
        Edit::Base(file, to) => {
            let path = BASE_FILES[usize::from(*file) % BASE_FILES.len()];
            let text = format!("{to}\n2\n3\n");
            if project.read(path) != text {
                commit_file(project, path, &text);
                definitions.commits += 1;
            }
        }
        Edit::Revert if definitions.commits > 0 => {
            project.git(&["reset", "-q", "--hard", "HEAD^"]);
            definitions.commits -= 1;
        }
        Edit::Input(to) => project.write("in.txt", format!("{to}\n0\n")),
        Edit::Revert | Edit::Nothing => {}
    }
    project.write("Pipelinefile.kdl", definitions.text(tool));
}

/// What a build came to: each workstream's status and tree, and what the tasks made.
fn outcome(project: &Project) -> Vec<String> {
    let ran = project.pl(&["build", "--json", "*"]);
    assert!(ran.code == 0 || ran.code == 1, "{}", ran.output());
    let summary = ran.json();
    let mut lines: Vec<String> = summary["workstreams"]
        .as_array()
        .expect("workstreams")
        .iter()
        .map(|one| {
            let id = one["id"].as_str().expect("an id");
            match one["status"].as_str().expect("a status") {
                "done" | "fresh" => {
                    let tree = project.git(&["rev-parse", &format!("{}^{{tree}}", project.result_ref(id))]);
                    let changes = project.result_changes(id).join(" ");
                    format!("{id} good {tree} {changes}")
                }
                status => format!("{id} {status}"),
            }
        })
        .collect();
    lines.sort();
    lines.push(format!("{}{}", project.read("mid.out"), project.read("end.out")));
    lines
}

/// The same files and history, and nothing that was ever built.
fn clean(project: &Project) -> Project {
    let clean = Project::new(&[]);
    std::fs::remove_dir_all(clean.root()).expect("the project");
    let status = std::process::Command::new("cp").arg("-a").args([project.root(), clean.root()]).status();
    assert!(status.expect("cp").success());
    for name in [".pl", ".worktrees", ".git/worktrees"] {
        let path = clean.path(name);
        assert!(!path.exists() || std::fs::remove_dir_all(Path::new(&path)).is_ok());
    }
    for name in ["mid.out", "end.out"] {
        let _ = std::fs::remove_file(clean.path(name));
    }
    let all = clean.git(&["for-each-ref", "--format=%(refname)", "refs/pl", "refs/heads/ws"]);
    for name in all.lines() {
        clean.git(&["update-ref", "-d", name]);
    }
    clean
}

fn runner() -> TestRunner {
    let cases = std::env::var("PL_PROPERTY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = Config { cases, max_shrink_iters: 12, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
}

#[test]
fn incremental_is_clean() {
    let run = runner().run(&proptest::collection::vec(edit(), 1..4), |edits| {
        let (project, mut definitions) = project("edit");
        outcome(&project);
        for edit in &edits {
            apply(&project, &mut definitions, edit, "edit");
            let (incremental, from_nothing) = (outcome(&project), outcome(&clean(&project)));
            assert_eq!(incremental, from_nothing, "after {edit:?} of {edits:?}");
        }
        // And the next build does nothing about what is good.
        asked(&project);
        outcome(&project);
        assert!(asked(&project).is_empty(), "a second build asked again after {edits:?}");
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
}

/// A line at the end of a file is asked for; bases change the first line, so that carrying is possible.
#[test]
fn what_is_carried_is_the_three_way_merge() {
    let run = runner().run(&proptest::collection::vec((0..2_usize, 0..4_u8), 1..5), |moves| {
        let one = Ws {
            id: "ws-1",
            scope: &["a.txt"],
            instructions: &["sed -i 's/^9$/nine/' a.txt"],
            tests: &["grep -q nine a.txt"],
            ..Ws::default()
        };
        let base = |first: u8, last: u8| format!("{first}\n2\n3\n4\n5\n6\n7\n8\n9\n{last}\n");
        let project = crate::incremental::lab::lab(
            &pipeline("agent", "", &[one]),
            &[("a.txt", &base(0, 0)), ("free.txt", "0\n")],
        );
        outcome_of_one(&project);
        assert_eq!(asked(&project), ["ws-1"]);
        let source = project.git(&["rev-parse", "main"]);
        let answer = project.git(&["rev-parse", &project.result_ref("ws-1")]);
        for (which, to) in moves {
            let text = if which == 0 { base(to, 0) } else { format!("{to}\n") };
            let path = ["a.txt", "free.txt"][which];
            if project.read(path) != text {
                commit_file(&project, path, &text);
            }
            let tree = outcome_of_one(&project);
            assert!(asked(&project).is_empty());
            let merged = project.git(&[
                "merge-tree",
                "--write-tree",
                "-X",
                "no-renames",
                "--merge-base",
                &source,
                "main",
                &answer,
            ]);
            assert_eq!(tree, merged);
            assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
        }
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{failure}"));
}

fn outcome_of_one(project: &Project) -> String {
    project.build(&["ws-1"], 0);
    project.git(&["rev-parse", &format!("{}^{{tree}}", project.result_ref("ws-1"))])
}
