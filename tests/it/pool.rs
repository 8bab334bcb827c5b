//! Worktrees that serve one workstream after another: what one leaves is not in the next, and a person's is nobody else's.
//!
//! A folder's inode and the time of its birth tell whether two workstreams had the same one.

use std::path::PathBuf;

use crate::incremental::lab::{Ws, lab, pipeline};
use crate::robustness::Gated;
use crate::running::{Running, until};
use crate::support::{Project, workstream};

/// Says under `name` which folder it runs in, and what is there that is not the tree's.
fn say(name: &str) -> String {
    format!(
        "stat -c '%i %w' . > \"$HOME/{name}\"; {{ git status --porcelain --ignored --untracked-files=all; git ls-files -v | grep -v '^H '; \
         find . -path ./.git -prune -o -type f -links +1 -print -o -perm /7000 -print -o -type d -empty -print \
         -o -type d ! -perm 755 -print -o -type f ! -perm 644 -print; git config --get-regexp 'sparse|planted'; }} > \"$HOME/{name}-left\" || true"
    )
}

fn said(project: &Project, name: &str) -> String {
    std::fs::read_to_string(project.around().join("home").join(name)).unwrap_or_default().trim().to_owned()
}

/// What a tool leaves that is no violation, and what tests leave, of which nobody is asked.
const BY_TOOL: &str = "mkdir -p out/deep; echo planted > out/deep/x.log; chmod 555 out/deep; echo 1 >> a.txt";
const BY_TEST: &str = "git update-index --assume-unchanged b.txt; git update-index --skip-worktree dir/c.txt; \
    git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub; \
    touch -r b.txt ../stamp; echo forged > b.txt; touch -r ../stamp b.txt; rm ../stamp; \
    chmod 4777 run.sh; rm d.txt; ln \"$HOME/precious\" d.txt; ln dir/c.txt \"$HOME/linked\"; \
    mkdir -p left/behind empty/deep; echo planted > left/behind/untracked; chmod 000 left/behind; \
    mkdir out; echo planted > out/y.log; git init -q nested; echo planted > nested/f; git init -q other; \
    rm -r more; ln -s \"$HOME\" more; rm e.txt; mkdir e.txt; echo planted > e.txt/f; mkfifo pipe; \
    chmod 777 dir; mkdir \"$(git rev-parse --git-dir)/info\"; echo /a.txt > \"$(git rev-parse --git-dir)/info/sparse-checkout\"; \
    rm .git; mkdir -p .git/info .git/hooks; echo '*' > .git/info/exclude; echo false > .git/hooks/pre-commit";

fn leaving(test: &str) -> Project {
    let (first, second) = (format!("{}; {BY_TOOL}", say("one")), format!("{}; echo 2 >> z.txt", say("two")));
    let clean = "test -z \"$(git status --porcelain --ignored --untracked-files=all)\"";
    let all = [
        Ws { id: "ws-1", scope: &["a.txt"], instructions: &[&first], tests: &[test], ..Ws::default() },
        Ws {
            id: "ws-2",
            scope: &["z.txt"],
            instructions: &[&second],
            tests: &[clean, "grep -q 2 z.txt"],
            ..Ws::default()
        },
    ];
    let files = [
        ("a.txt", "0\n"),
        ("b.txt", "0\n"),
        ("dir/c.txt", "0\n"),
        ("d.txt", "0\n"),
        ("e.txt", "0\n"),
        ("more/f.txt", "0\n"),
        ("more/g.txt", "0\n"),
        ("run.sh", "0\n"),
        ("z.txt", "0\n"),
        (".gitignore", "*.log\n"),
    ];
    let project = lab(&pipeline("edit", "", &all), &files);
    std::fs::write(project.around().join("home/precious"), "precious\n").expect("a file");
    project
}

fn slots(project: &Project) -> Vec<PathBuf> {
    let listing = std::fs::read_dir(project.state().join("pool")).into_iter().flatten().flatten();
    listing.map(|entry| entry.path()).collect()
}

#[test]
fn what_one_leaves_is_not_in_the_next() {
    for at_once in [false, true] {
        let project = leaving(BY_TEST);
        if at_once {
            project.pl(&["build", "-j1", "*"]).expect(0);
        } else {
            project.pl(&["build", "-j1", "ws-1"]).expect(0);
            let waiting = slots(&project);
            assert_eq!(waiting.len(), 1);
            let left = ["out", "left", "nested", "other", "empty", "pipe", ".git"];
            assert!(left.iter().all(|name| waiting[0].join("tree").join(name).symlink_metadata().is_err()));
            assert_eq!(project.git(&["worktree", "list"]).lines().count(), 1);
            project.pl(&["build", "-j1", "ws-2"]).expect(0);
        }
        assert_eq!(said(&project, "one-left"), "", "the first one is as it is made");
        assert_eq!(said(&project, "two-left"), "", "{at_once}");
        let precious = std::fs::read_to_string(project.around().join("home/precious")).expect("a file");
        assert_eq!(precious, "precious\n");
        assert_eq!(project.result_changes("ws-1"), ["M a.txt"]);
        assert_eq!(project.result_changes("ws-2"), ["M z.txt"]);
    }
}

#[test]
fn the_same_folder_serves_two() {
    let project = leaving("git init -q nested; echo planted > untracked; echo planted > x.log; chmod +x b.txt");
    project.pl(&["build", "-j1", "ws-1"]).expect(0);
    project.pl(&["build", "-j1", "ws-2"]).expect(0);
    assert_eq!((said(&project, "one"), said(&project, "two-left")), (said(&project, "two"), String::new()));
    assert!(!said(&project, "one").is_empty());
    assert_eq!(slots(&project).len(), 1);
    // It is found where a person looks for it while it is in use.
    let link = std::fs::read_link(project.path(".worktrees/ws-2"));
    assert!(link.is_err(), "the link outlived its use");
}

#[test]
fn two_at_once_have_one_each() {
    let meet = |mine: &str, other: &str| {
        format!(
            "touch \"$HOME/at-{mine}\"; while ! [ -e \"$HOME/at-{other}\" ]; do sleep 0.01; done; {}; echo 1 >> {mine}.txt",
            say(mine)
        )
    };
    let lines = [meet("a", "b"), meet("b", "a"), meet("c", "d"), meet("d", "c")];
    let (l, names) = (&lines, ["a.txt", "b.txt", "c.txt", "d.txt"]);
    let ws = |id, place: usize, depends_on| Ws {
        id,
        scope: &names[place..=place],
        instructions: &[],
        tests: &["true b.txt"],
        depends_on,
        more: Box::leak(
            format!("tasks {{ - {} }}", crate::incremental::lab::raw(&format!("sh: {}", l[place]))).into_boxed_str(),
        ),
        ..Ws::default()
    };
    let after: &[&str] = &["ws-1", "ws-2"];
    let all = [ws("ws-1", 0, &[]), ws("ws-2", 1, &[]), ws("ws-3", 2, after), ws("ws-4", 3, after)];
    let text = pipeline("edit", "", &all).replace("    tasks {\n    }\n", "");
    let project = lab(&text, &names.map(|name| (name, "0\n")));
    project.pl(&["build", "-j2", "*"]).expect(0);
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| said(&project, name));
    assert!(a != b && c != d, "{a} {b} {c} {d}");
    let mut pairs = [[&a, &b], [&c, &d]];
    pairs.iter_mut().for_each(|pair| pair.sort());
    assert_eq!(pairs[0], pairs[1], "the second pair has the folders of the first");
}

#[test]
fn a_persons_is_nobody_elses() {
    let (second, third) = (format!("{}; echo 1 >> b.txt", say("two")), format!("{}; echo 1 >> c.txt", say("three")));
    let all = [
        Ws {
            id: "ws-1",
            scope: &["a.txt"],
            instructions: &["x"],
            tests: &["true a.txt"],
            more: "tool \"manual\"",
            ..Ws::default()
        },
        Ws { id: "ws-2", scope: &["b.txt"], instructions: &[&second], tests: &["true b.txt"], ..Ws::default() },
        Ws { id: "ws-3", scope: &["c.txt"], instructions: &[&third], tests: &["false"], ..Ws::default() },
    ];
    let project = lab(&pipeline("edit", "", &all), &[("a.txt", "0\n"), ("b.txt", "0\n"), ("c.txt", "0\n")]);
    project.pl(&["build", "ws-1"]).expect(3);
    let folder = |id: &str| {
        let mut stat = project.command("stat");
        let output = stat.args(["-c", "%i %w"]).arg(project.worktree(id)).output().expect("stat");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let persons = folder("ws-1");
    std::fs::write(project.worktree("ws-1").join("note"), "mine\n").expect("a file");
    project.pl(&["build", "ws-2"]).expect(0);
    assert_ne!(said(&project, "two"), persons);
    // One that failed is kept, too: it had the folder that waited, and keeps it.
    project.pl(&["build", "ws-3"]).expect(1);
    assert_eq!((folder("ws-3"), slots(&project).len()), (said(&project, "two"), 0));
    assert_eq!(std::fs::read_to_string(project.worktree("ws-1").join("note")).expect("a file"), "mine\n");
    std::fs::write(project.worktree("ws-1").join("a.txt"), "1\n").expect("a file");
    std::fs::remove_file(project.worktree("ws-1").join("note")).expect("removed");
    project.pl(&["build", "ws-1"]).expect(0);
    assert!(!project.worktree("ws-1").exists() && slots(&project).is_empty(), "it was a person's, and goes");
}

#[test]
fn as_many_wait_as_run_and_cleaning_removes_them() {
    let lines: Vec<String> = (0..6)
        .map(|number| format!("echo 1 >> f{number}; mkdir -p big; head -c 100000 /dev/zero > big/x.log"))
        .collect();
    let names: Vec<String> = (0..6).map(|number| format!("f{number}")).collect();
    let ids: Vec<String> = (0..6).map(|number| format!("ws-{number}")).collect();
    let scopes: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let instructions: Vec<[&str; 1]> = lines.iter().map(|line| [line.as_str()]).collect();
    let tests: [&str; 1] = ["echo f0 > left-by-test; true f0"];
    let all: Vec<Ws<'_>> = (0..6)
        .map(|n| Ws { id: &ids[n], scope: &scopes[n], instructions: &instructions[n], tests: &tests, ..Ws::default() })
        .collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "0\n")).collect();
    files.push((".gitignore", "*.log\n"));
    let project = lab(&pipeline("edit", "", &all), &files);
    project.pl(&["build", "-j2", "*"]).expect(0);
    let waiting = slots(&project);
    assert!((1..=2).contains(&waiting.len()), "{waiting:?}");
    for slot in &waiting {
        let mut there: Vec<_> =
            std::fs::read_dir(slot.join("tree")).expect("a tree").flatten().map(|entry| entry.file_name()).collect();
        there.sort();
        assert!(!there.iter().any(|name| name == "big" || name == "left-by-test"), "{there:?}");
    }
    project.pl(&["clean", "--dry-run"]).expect(0).says("waiting for a workstream");
    assert_eq!(slots(&project).len(), waiting.len());
    project.pl(&["clean"]).expect(0).says("waiting for a workstream");
    assert_eq!(slots(&project).len(), 0);
    project.pl(&["build", "*"]).expect(0).started_nothing();
}

/// Moments of a worktree's way into the pool and out of it: each is a moment to die.
#[test]
fn killed_while_one_is_moved_the_next_build_puts_it_right() {
    let gated = Gated::new();
    let expected = gated.undisturbed();
    let deep = |name: &str| {
        let all = std::fs::read_dir(gated.project.around().join("state")).into_iter().flatten().flatten();
        all.map(|entry| entry.path().join(name)).any(|path| path.exists())
    };
    let moments: [(&str, &dyn Fn() -> bool); 5] = [
        ("a place in the pool is made", &|| deep("pool/1")),
        ("it is there", &|| deep("pool/1/tree")),
        ("it is on its way out", &|| deep("pool/1/tree/.git") || (deep("pool/1") && deep("worktrees/ws-2-two"))),
        ("it is out", &|| deep("worktrees/ws-2-two/.git")),
        ("its table is written", &|| deep("pool/1/table")),
    ];
    for (moment, is_there) in moments {
        let mut running = Running::start(&gated.project, "killed", &["build", "-j1", "*"]);
        until(moment, || is_there() || running.has_ended());
        running.kill();
        gated.project.pl(&["build", "*"]).expect(0);
        assert_eq!(gated.refs(), expected, "{moment}");
        // Where all was done before the kill, it takes a build that runs something to put the rest away.
        gated.project.pl(&["build", "--force", "make"]).expect(0);
        gated.is_tidy();
        for slot in slots(&gated.project) {
            assert!(slot.join("tree").exists() && slot.join("table").exists(), "{moment}: {}", slot.display());
        }
        gated.forget();
    }
}

#[test]
fn what_is_done_to_one_that_waits_is_undone() {
    let project = leaving("true");
    project.pl(&["build", "-j1", "ws-1"]).expect(0);
    let tree = slots(&project)[0].join("tree");
    let times = tree.join("b.txt").metadata().and_then(|metadata| metadata.modified()).expect("a time");
    std::fs::write(tree.join("b.txt"), "9\n").expect("a file");
    let file = std::fs::File::options().write(true).open(tree.join("b.txt")).expect("a file");
    file.set_modified(times).expect("a time");
    std::fs::write(tree.join("dir/new"), "planted\n").expect("a file");
    let summary = project.build(&["-j1", "ws-2"], 0);
    assert_eq!(workstream(&summary, "ws-2")["status"], "done");
    assert_eq!(
        (said(&project, "two-left"), project.result_changes("ws-2")),
        (String::new(), vec!["M z.txt".to_owned()])
    );
}
