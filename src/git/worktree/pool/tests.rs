//! Worktrees that become others, against the git program: what is planted in one, or while it waits, is in none after it.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::check::check;
use super::{Pool, empty};
use crate::git::delta::{Change, Delta};
use crate::git::object::{Blob, BlobId, CommitId, Mode, TreeId};
use crate::git::repository::{CommitParts, Repository};
use crate::git::scratch::{Scratch, git_in, write};
use crate::git::stats::{clock, settled_clock};
use crate::git::worktree::{Created, create, list, sweep};

struct Fixture {
    scratch: Scratch,
    repository: Repository,
    pool: Pool,
    first: CommitId,
    second: CommitId,
}

impl Fixture {
    /// Two commits: files added, changed, deleted, made executable, and one that takes a folder's place.
    fn new() -> Self {
        let files = [("a", "1\n"), ("b/c", "2\n"), ("b/d/e", "3\n"), ("x", "4\n"), ("z/y/x", "5\n"), ("run", "6\n")];
        let scratch = Scratch::new(&files);
        let dir = scratch.dir();
        write(&dir.join(".gitignore"), "ignored/\n*.log\n");
        symlink("b/c", dir.join("link")).unwrap();
        scratch.git(&["add", "-A"]);
        scratch.git(&["commit", "-q", "-m", "second"]);
        let repository = scratch.repository();
        let first = repository.resolve("HEAD").unwrap();
        write(&dir.join("a"), "one\n");
        std::fs::remove_dir_all(dir.join("z")).unwrap();
        write(&dir.join("z"), "a file now\n");
        std::fs::remove_file(dir.join("x")).unwrap();
        write(&dir.join("x/deep/er"), "7\n");
        std::fs::set_permissions(dir.join("run"), std::fs::Permissions::from_mode(0o755)).unwrap();
        scratch.git(&["add", "-A"]);
        scratch.git(&["commit", "-q", "-m", "third"]);
        let second = repository.resolve("HEAD").unwrap();
        let pool = Pool::new(&scratch.beside("state/pool"), 2);
        Self { scratch, repository, pool, first, second }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.scratch.beside(&format!("state/worktrees/{name}"))
    }

    fn tree(&self, commit: CommitId) -> TreeId {
        self.repository.tree_of(commit).unwrap()
    }

    fn create(&self, name: &str, commit: CommitId) -> Created {
        create(&self.repository, &self.place(name), name, commit, "in use").unwrap()
    }

    fn take(&self, name: &str, commit: CommitId) -> Option<Created> {
        self.pool.take(&self.repository, &self.place(name), name, commit, "in use").unwrap()
    }

    fn give(&self, created: &Created, commit: CommitId) {
        self.pool.give(&self.repository, &created.worktree, self.tree(commit), &created.stats).unwrap();
        assert!(!created.worktree.dir.exists());
    }

    /// A worktree made, used and given back.
    fn waiting(&self) -> PathBuf {
        let created = self.create("w1", self.first);
        self.give(&created, self.first);
        self.scratch.beside("state/pool/1/tree")
    }

    fn assert_exact(&self, dir: &Path, commit: CommitId) {
        let status = git_in(dir, &["status", "--porcelain", "--ignored", "--untracked-files=all"]);
        assert_eq!(status, "");
        git_in(dir, &["update-index", "-q", "--really-refresh"]);
        git_in(dir, &["diff-index", "--exit-code", "HEAD"]);
        assert_eq!(git_in(dir, &["rev-parse", "HEAD"]).trim(), commit.hex());
        assert_eq!(git_in(dir, &["write-tree"]).trim(), self.tree(commit).hex());
        let flagged = git_in(dir, &["ls-files", "-v"]);
        assert!(flagged.lines().all(|line| line.starts_with("H ")), "{flagged}");
        let fresh = create(&self.repository, &self.place("compare"), "compare", commit, "x").unwrap().worktree;
        assert_eq!(look(dir), look(&fresh.dir));
        super::remove(&self.repository, &fresh).unwrap();
    }

    fn worktrees(&self) -> usize {
        self.scratch.git(&["worktree", "list"]).lines().count() - 1
    }
}

/// Everything below a folder: name, mode, links, content.
fn look(dir: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let metadata = path.symlink_metadata().unwrap();
            let name = path.strip_prefix(dir).unwrap().display().to_string();
            let content = match metadata.is_file() && name != ".git" {
                true => std::fs::read(&path).unwrap().escape_ascii().to_string(),
                false => std::fs::read_link(&path).map(|target| target.display().to_string()).unwrap_or_default(),
            };
            let links = if metadata.is_dir() { 0 } else { metadata.nlink() };
            lines.push(format!("{name} {:o} {links} {content}", metadata.mode()));
            if metadata.is_dir() {
                open.push(path);
            }
        }
    }
    lines.sort();
    lines
}

/// What tells a file from one that was made later, though it may have its number.
fn inode(path: &Path) -> (u64, Option<std::time::SystemTime>) {
    let metadata = path.symlink_metadata().unwrap();
    (metadata.ino(), metadata.created().ok())
}

#[test]
fn what_waits_becomes_another_by_what_differs() {
    let fixture = Fixture::new();
    let created = fixture.create("w1", fixture.first);
    let (root, same, other) =
        (inode(&created.worktree.dir), inode(&fixture.place("w1/b/c")), inode(&fixture.place("w1/a")));
    fixture.give(&created, fixture.first);
    assert_eq!((fixture.worktrees(), list(&fixture.repository).unwrap().len()), (0, 0));
    let taken = fixture.take("w2", fixture.second).expect("the one that waits");
    let dir = &taken.worktree.dir;
    assert_eq!((inode(dir), inode(&dir.join("b/c"))), (root, same));
    assert_ne!(inode(&dir.join("a")), other);
    fixture.assert_exact(dir, fixture.second);
    assert_eq!((fixture.worktrees(), list(&fixture.repository).unwrap().len()), (1, 1));
    assert!(fixture.take("w3", fixture.second).is_none(), "two have one");
    fixture.give(&taken, fixture.second);
    let back = fixture.take("w1", fixture.first).expect("the one that waits");
    fixture.assert_exact(&back.worktree.dir, fixture.first);
}

#[test]
fn nothing_that_was_planted_is_in_the_next() {
    let fixture = Fixture::new();
    let created = fixture.create("w1", fixture.first);
    let dir = &created.worktree.dir;
    let outside = fixture.scratch.beside("outside");
    write(&outside.join("precious"), "precious\n");
    git_in(dir, &["update-index", "--assume-unchanged", "a"]);
    git_in(dir, &["update-index", "--skip-worktree", "b/c"]);
    let times = std::fs::metadata(dir.join("a")).unwrap().modified().unwrap();
    std::fs::write(dir.join("a"), "9\n").unwrap();
    std::fs::File::options().write(true).open(dir.join("a")).unwrap().set_modified(times).unwrap();
    std::fs::hard_link(dir.join("b/c"), outside.join("linked")).unwrap();
    std::fs::remove_file(dir.join("x")).unwrap();
    std::fs::hard_link(outside.join("precious"), dir.join("x")).unwrap();
    std::fs::set_permissions(dir.join("run"), std::fs::Permissions::from_mode(0o777)).unwrap();
    std::fs::remove_dir_all(dir.join("z")).unwrap();
    symlink(&outside, dir.join("z")).unwrap();
    std::fs::remove_file(dir.join("link")).unwrap();
    symlink("/etc", dir.join("link")).unwrap();
    for path in ["ignored/deep/f", "some.log", "untracked", "nested/.git/HEAD", "b/.git/config"] {
        write(&dir.join(path), "planted\n");
    }
    std::fs::create_dir_all(dir.join("empty/folders")).unwrap();
    std::fs::set_permissions(dir.join("ignored/deep"), std::fs::Permissions::from_mode(0o555)).unwrap();
    std::fs::set_permissions(dir.join("ignored"), std::fs::Permissions::from_mode(0o000)).unwrap();
    std::process::Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap();
    std::fs::remove_file(dir.join(".git")).unwrap();
    write(&dir.join(".git/info/exclude"), "*\n");
    write(&dir.join(".git/hooks/post-checkout"), "#!/bin/sh\nfalse\n");
    write(&fixture.repository.common_dir().join("worktrees/w1/info/sparse-checkout"), "/b\n");
    write(&fixture.repository.common_dir().join("worktrees/w1/config.worktree"), "[core]\n\tsparseCheckout = true\n");

    fixture.give(&created, fixture.first);
    let waiting = fixture.scratch.beside("state/pool/1/tree");
    assert!(!waiting.join("ignored").exists() && !waiting.join("untracked").exists(), "it waits clean");
    let taken = fixture.take("w2", fixture.second).expect("the one that waits");
    fixture.assert_exact(&taken.worktree.dir, fixture.second);
    assert_eq!(std::fs::read_to_string(outside.join("precious")).unwrap(), "precious\n");
    assert_eq!(std::fs::read_to_string(outside.join("linked")).unwrap(), "2\n");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 2);
}

#[test]
fn what_was_done_while_it_waited_is_undone_too() {
    let fixture = Fixture::new();
    let waiting = fixture.waiting();
    write(&waiting.join("b/new"), "planted\n");
    let times = std::fs::metadata(waiting.join("a")).unwrap().modified().unwrap();
    std::fs::write(waiting.join("a"), "9\n").unwrap();
    std::fs::File::options().write(true).open(waiting.join("a")).unwrap().set_modified(times).unwrap();
    std::fs::set_permissions(waiting.join("run"), std::fs::Permissions::from_mode(0o606)).unwrap();
    let taken = fixture.take("w2", fixture.first).expect("the one that waits");
    fixture.assert_exact(&taken.worktree.dir, fixture.first);
}

type Deed = fn(&Path);

/// What can be done to a folder with `a`, `b/c`, `b/d/e`, `run` and `link` in it.
const DEEDS: [(&str, Deed); 13] = [
    ("nothing", |_| {}),
    ("another content of the same size and time", |dir| {
        let times = std::fs::metadata(dir.join("b/c")).unwrap().modified().unwrap();
        std::fs::write(dir.join("b/c"), "9\n").unwrap();
        std::fs::File::options().write(true).open(dir.join("b/c")).unwrap().set_modified(times).unwrap();
    }),
    ("a file more, and the folder's time put back", |dir| {
        let times = std::fs::metadata(dir.join("b/d")).unwrap().modified().unwrap();
        write(&dir.join("b/d/.hidden"), "planted\n");
        std::fs::File::open(dir.join("b/d")).unwrap().set_modified(times).unwrap();
    }),
    ("a file less", |dir| std::fs::remove_file(dir.join("b/d/e")).unwrap()),
    ("a file less and another more", |dir| std::fs::rename(dir.join("b/d/e"), dir.join("b/d/f")).unwrap()),
    ("two that changed places", |dir| {
        std::fs::rename(dir.join("a"), dir.join("b/x")).unwrap();
        std::fs::rename(dir.join("b/c"), dir.join("a")).unwrap();
        std::fs::rename(dir.join("b/x"), dir.join("b/c")).unwrap();
    }),
    ("a folder in a file's place", |dir| {
        std::fs::remove_file(dir.join("b/c")).unwrap();
        write(&dir.join("b/c/x"), "planted\n");
    }),
    ("a link to a folder in its own place", |dir| {
        std::fs::rename(dir.join("b/d"), dir.join("../moved")).unwrap();
        symlink(dir.join("../moved"), dir.join("b/d")).unwrap();
    }),
    ("a link to a folder beside it", |dir| {
        std::fs::rename(dir.join("b"), dir.join("b2")).unwrap();
        symlink("b2", dir.join("b")).unwrap();
    }),
    ("a second name elsewhere", |dir| std::fs::hard_link(dir.join("b/c"), dir.join("../linked")).unwrap()),
    ("another mode", |dir| {
        std::fs::set_permissions(dir.join("run"), std::fs::Permissions::from_mode(0o606)).unwrap();
    }),
    ("a folder that lets others write", |dir| {
        std::fs::set_permissions(dir.join("b/d"), std::fs::Permissions::from_mode(0o777)).unwrap();
    }),
    ("an empty folder in an empty folder", |dir| std::fs::create_dir_all(dir.join("b/d/x/y")).unwrap()),
];

#[test]
fn names_are_read_only_where_a_folder_moved() {
    let fixture = Fixture::new();
    let created = fixture.create("w1", fixture.first);
    settled_clock(&fixture.scratch.dir(), clock(&fixture.scratch.dir()).unwrap()).unwrap();
    fixture.give(&created, fixture.first);
    let slots = fixture.pool.slots();
    let slot = &slots.as_ref().unwrap().idle[0];
    let (dir, stats) = (slot.place.join("tree"), &slot.left.as_ref().unwrap().stats);
    let checked = |dir: &Path| {
        let checked = check(dir, stats)?;
        let wrong = checked.wrong.iter().map(|row| row.path.to_vec());
        Some(wrong.chain(checked.moved.iter().map(|(path, _)| path.to_vec())).collect::<Vec<_>>())
    };
    assert_eq!(checked(&dir), Some(Vec::new()));
    std::fs::set_permissions(dir.join("b/d"), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(dir.join("run"), "9\n").unwrap();
    assert_eq!(checked(&dir), Some(vec![b"run".to_vec(), b"b/d".to_vec()]));
    write(&dir.join("b/d/x"), "planted\n");
    assert_eq!(checked(&dir), None);
}

#[test]
fn each_deed_alone_is_undone() {
    for (what, deed) in DEEDS {
        for settled in [false, true] {
            let fixture = Fixture::new();
            let created = fixture.create("w1", fixture.first);
            let settle = || {
                let now = clock(&fixture.scratch.dir()).unwrap();
                settled_clock(&fixture.scratch.dir(), now).unwrap();
            };
            if settled {
                settle();
            }
            fixture.give(&created, fixture.first);
            let waiting = fixture.scratch.beside("state/pool/1/tree");
            if settled {
                settle();
            }
            deed(&waiting);
            // Its own folder moved where a name in it did: then it is thrown away.
            for commit in [fixture.second, fixture.first] {
                let Some(taken) = fixture.take("w2", commit) else { break };
                assert!(look(&taken.worktree.dir).iter().all(|line| !line.contains("planted")), "{what}");
                fixture.assert_exact(&taken.worktree.dir, commit);
                fixture.give(&taken, commit);
            }
        }
    }
}

#[test]
fn gitlinks_come_stay_and_go() {
    let fixture = Fixture::new();
    let tree = fixture.tree(fixture.first);
    let gitlink = |path: &str, commit: CommitId| {
        let blob = Blob { mode: Mode::Gitlink, id: BlobId(commit.0) };
        Change { path: path.into(), old: None, new: Some(blob) }
    };
    let commit = |changes: Vec<Change>| {
        let tree = fixture.repository.apply(tree, &Delta { changes }).unwrap();
        let parts = CommitParts { tree, parents: vec![fixture.first], message: "x\n".into(), time: 1 };
        fixture.repository.commit(&parts).unwrap()
    };
    let (one, two) = (commit(vec![gitlink("m/sub", fixture.first)]), commit(vec![gitlink("m/sub", fixture.second)]));
    let three = commit(vec![gitlink("b", fixture.first)]);
    let mut created = fixture.create("w0", fixture.first);
    let mut at = fixture.first;
    for (number, next) in [one, one, two, fixture.first, two, three, three, one].into_iter().enumerate() {
        fixture.give(&created, at);
        if number == 1 {
            write(&fixture.scratch.beside("state/pool/1/tree/m/sub/x"), "planted\n");
        }
        created = fixture.take(&format!("w{}", number + 1), next).expect("the one that waits");
        fixture.assert_exact(&created.worktree.dir, next);
        at = next;
    }
}

#[test]
fn folders_hand_nothing_down() {
    let fixture = Fixture::new();
    let set_mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o777, 0o2755, 0o1755, 0o555, 0o000] {
        let created = fixture.create("w1", fixture.first);
        set_mode(&fixture.place("w1/b/d"), mode);
        set_mode(&fixture.place("w1"), mode);
        fixture.give(&created, fixture.first);
        set_mode(&fixture.scratch.beside("state/pool/1/tree/b"), mode);
        let taken = fixture.take("w2", fixture.first).expect("the one that waits");
        fixture.assert_exact(&taken.worktree.dir, fixture.first);
        fixture.give(&taken, fixture.first);
        set_mode(&fixture.scratch.beside("state/pool/1/tree"), mode);
        assert!(fixture.take("w3", fixture.first).is_none(), "its own mode {mode:o} while it waited");
        assert!(!fixture.place("w3").exists());
    }
    let created = fixture.create("w1", fixture.first);
    let set = rustix::fs::setxattr(fixture.place("w1/b"), "user.x", b"1", rustix::fs::XattrFlags::empty());
    fixture.give(&created, fixture.first);
    assert_eq!(fixture.take("w2", fixture.first).is_none(), set.is_ok(), "an attribute");
}

#[test]
fn it_waits_for_the_next_process_unless_its_table_is_damaged() {
    let fixture = Fixture::new();
    let next = |fixture: &mut Fixture| {
        fixture.pool.persist().unwrap();
        fixture.pool = Pool::new(&fixture.scratch.beside("state/pool"), 2);
    };
    let mut fixture = fixture;
    let waiting = fixture.waiting();
    let root = inode(&waiting);
    next(&mut fixture);
    let taken = fixture.take("w2", fixture.second).expect("the one that waits");
    assert_eq!(inode(&taken.worktree.dir), root);
    fixture.assert_exact(&taken.worktree.dir, fixture.second);
    fixture.give(&taken, fixture.second);
    next(&mut fixture);
    let table = fixture.scratch.beside("state/pool/1/table");
    let mut bytes = std::fs::read(&table).unwrap();
    let last = bytes.len() - 40;
    bytes[last] ^= 1;
    std::fs::write(&table, bytes).unwrap();
    assert!(fixture.take("w3", fixture.second).is_none());
    assert!(!waiting.exists());
    fixture.waiting();
    // No table was written: killed before.
    fixture.pool = Pool::new(&fixture.scratch.beside("state/pool"), 2);
    assert!(fixture.take("w3", fixture.second).is_none());
    assert!(!waiting.exists() && !fixture.place("w3").exists());
}

#[test]
fn no_more_wait_than_may() {
    let fixture = Fixture::new();
    let all: Vec<Created> = ["w1", "w2", "w3"].iter().map(|name| fixture.create(name, fixture.first)).collect();
    all.iter().for_each(|created| fixture.give(created, fixture.first));
    let dir = fixture.scratch.beside("state/pool");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 2);
    fixture.pool.persist().unwrap();
    let smaller = Pool::new(&dir, 1);
    assert!(smaller.take(&fixture.repository, &fixture.place("w4"), "w4", fixture.first, "x").unwrap().is_some());
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
    let fixture = Fixture::new();
    let dir = fixture.scratch.beside("state/pool");
    fixture.waiting();
    assert_eq!(empty(&dir).unwrap(), 1);
    assert!(!dir.exists());
    assert_eq!(empty(&dir).unwrap(), 0);
}

#[test]
fn killed_on_its_way_it_is_swept() {
    let fixture = Fixture::new();
    fixture.waiting();
    let taken = fixture.take("w2", fixture.second).expect("the one that waits");
    // On its way out: in its place, and not finished.
    let mark = fixture.repository.common_dir().join("worktrees/w2/pl-worktree");
    std::fs::write(&mark, "unfinished\n").unwrap();
    assert_eq!(sweep(&fixture.repository).unwrap().len(), 1);
    assert!(!taken.worktree.dir.exists());
    // On its way in: moved already, and still in git's books.
    let created = fixture.create("w2", fixture.first);
    std::fs::write(&mark, "unfinished\n").unwrap();
    std::fs::create_dir_all(fixture.scratch.beside("state/pool/1")).unwrap();
    std::fs::rename(&created.worktree.dir, fixture.scratch.beside("state/pool/1/tree")).unwrap();
    sweep(&fixture.repository).unwrap();
    assert_eq!(fixture.worktrees(), 0);
    let pool = Pool::new(&fixture.scratch.beside("state/pool"), 2);
    assert!(pool.take(&fixture.repository, &fixture.place("w3"), "w3", fixture.first, "x").unwrap().is_none());
    assert!(!fixture.scratch.beside("state/pool/1").exists());
    let anew = fixture.create("w3", fixture.first);
    fixture.assert_exact(&anew.worktree.dir, fixture.first);
}
