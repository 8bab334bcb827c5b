//! Snapshots against `git add -A && git write-tree`.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::{Snapshot, snapshot, snapshot_folder};
use crate::git::anomaly::Anomaly;
use crate::git::folder::below;
use crate::git::object::{CommitId, TreeId};
use crate::git::repository::Repository;
use crate::git::scratch::{Random, Scratch, git_in, write};
use crate::git::stats::Stats;
use crate::git::worktree::reset::{Keep, reset};
use crate::git::worktree::{Created, create};

const ALL: Keep<'_> = &|_| false;

struct Fixture {
    scratch: Scratch,
    repository: Repository,
    head: CommitId,
    tree: TreeId,
    created: Created,
}

impl Fixture {
    fn new(files: &[(&str, &str)]) -> Self {
        let scratch = Scratch::new(files);
        let repository = scratch.repository();
        let head = repository.resolve("HEAD").unwrap();
        let tree = repository.tree_of(head).unwrap();
        let created = create(&repository, &scratch.beside("state/w"), "w", head, "x").unwrap();
        Self { scratch, repository, head, tree, created }
    }

    fn take(&self, stats: &Stats) -> Snapshot {
        snapshot(&self.repository, &self.created.worktree, self.tree, self.head, stats, ALL).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        write(&self.created.worktree.dir.join(path), text);
    }

    /// What git makes of the worktree, with an index of its own.
    fn by_git(&self) -> TreeId {
        let dir = &self.created.worktree.dir;
        let index = self.scratch.beside("other-index");
        drop(std::fs::remove_file(&index));
        let git = |arguments: &[&str]| {
            let mut command = crate::git::scratch::git_command(dir, arguments);
            let output = command.env("GIT_INDEX_FILE", &index).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        git(&["add", "-A", "-f", "."]);
        TreeId::from_hex(git(&["write-tree"]).trim()).unwrap()
    }
}

#[test]
fn random_edits_agree_with_git() {
    let fixture = Fixture::new(&[("a", "1"), ("b/c", "2"), ("b/d/e", "3"), (".gitignore", "*.o\n")]);
    let dir = fixture.created.worktree.dir.clone();
    let mut stats = fixture.created.stats.clone();
    for seed in 0..40 {
        let mut random = Random(seed);
        for _ in 0..4 {
            let names = ["a", "b/c", "b/d/e", "b/d", "b", "x y\nz", "q/r.o", "q"];
            let path = dir.join(names[random.below(8) as usize]);
            match random.below(5) {
                0 => drop(crate::git::folder::remove(&path)),
                1 => drop(symlink("a", &path)),
                2 => drop(std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))),
                _ => {
                    drop(std::fs::create_dir_all(path.parent().unwrap()));
                    drop(std::fs::write(&path, format!("{}", random.below(3))));
                }
            }
        }
        write(&below(&dir, b"\xfe\n/\xff"), "bytes");
        let taken = fixture.take(&stats);
        assert_eq!(taken.tree, fixture.by_git(), "seed {seed}");
        assert_eq!(taken.anomalies, [], "seed {seed}");
        assert_eq!(fixture.repository.diff(fixture.tree, taken.tree).unwrap(), taken.delta, "seed {seed}");
        assert!(fixture.repository.is_whole(taken.tree, fixture.tree).unwrap());
        stats = taken.stats;
        if seed % 5 == 0 {
            stats = reset(&fixture.repository, &fixture.created.worktree, fixture.head, &stats, ALL).unwrap().stats;
            assert_eq!(fixture.take(&stats).tree, fixture.tree, "seed {seed}");
        }
    }
}

#[test]
fn a_change_of_same_size_and_time_is_seen() {
    let fixture = Fixture::new(&[("a", "1")]);
    let path = fixture.created.worktree.dir.join("a");
    let times = std::fs::metadata(&path).unwrap().modified().unwrap();
    let stats = fixture.take(&fixture.created.stats).stats;
    std::fs::write(&path, "2").unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(times).unwrap();
    assert_eq!(fixture.take(&stats).delta.changes.len(), 1);
}

#[test]
fn oddities_are_reported() {
    let fixture = Fixture::new(&[("a", "1"), ("b/c", "2"), ("d", "4")]);
    let dir = fixture.created.worktree.dir.clone();
    assert_eq!(fixture.take(&Stats::default()).anomalies, []);
    fixture.write("new/.git/HEAD", "x");
    fixture.write("new/content", "x");
    fixture.write("b/.git", "gitdir: /elsewhere");
    fixture.write(".GIT/config", "x");
    symlink("/etc/hostname", dir.join("out")).unwrap();
    symlink("../../nowhere", dir.join("b/broken")).unwrap();
    symlink("../a", dir.join("b/in")).unwrap();
    std::process::Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap();
    std::fs::hard_link(dir.join("a"), fixture.scratch.beside("outside")).unwrap();
    fixture.write("twin1", "x");
    std::fs::hard_link(dir.join("twin1"), dir.join("twin2")).unwrap();
    git_in(&dir, &["update-index", "--assume-unchanged", "d"]);
    git_in(&dir, &["checkout", "-q", "-b", "stray"]);
    write(&dir.join("d"), "5");
    let taken = fixture.take(&fixture.created.stats);
    let path = |text: &str| text.as_bytes().to_vec();
    let link = |from: &str, to: &str| Anomaly::LinkLeaves { path: path(from), target: path(to), known: false };
    let mut expected = vec![
        Anomaly::NestedRepository { path: path("") },
        Anomaly::NestedRepository { path: path("b") },
        Anomaly::NestedRepository { path: path("new") },
        Anomaly::HeadMoved { expected: fixture.head, found: "stray".into() },
        Anomaly::IndexFlag { path: path("d") },
        Anomaly::SpecialFile { path: path("pipe") },
        Anomaly::HardLinkLeaves { path: path("a") },
        link("out", "/etc/hostname"),
        link("b/broken", "../../nowhere"),
    ];
    expected.sort();
    assert_eq!(taken.anomalies, expected);
    let paths: Vec<_> = taken.delta.changes.iter().map(|change| String::from_utf8_lossy(&change.path)).collect();
    assert_eq!(paths, ["b/broken", "b/in", "d", "out", "twin1", "twin2"]);
    std::fs::write(dir.join(".git"), "x").unwrap();
    std::fs::write(fixture.repository.common_dir().join("worktrees/w/index"), "x").unwrap();
    let taken = fixture.take(&fixture.created.stats);
    assert!(taken.anomalies.contains(&Anomaly::DotGitChanged));
    assert!(taken.anomalies.contains(&Anomaly::IndexUnreadable));
}

#[test]
fn skipped_folders_stay_as_they_were() {
    let fixture = Fixture::new(&[("a", "1"), ("target/x", "2")]);
    fixture.write("target/y", "new");
    std::fs::remove_file(fixture.created.worktree.dir.join("target/x")).unwrap();
    let skip: Keep<'_> = &|path| path.starts_with(b"target/");
    let dir = &fixture.created.worktree.dir;
    let taken = snapshot_folder(&fixture.repository, dir, fixture.tree, &Stats::default(), skip).unwrap();
    assert_eq!(taken.tree, fixture.tree);
    assert_eq!(taken.anomalies, []);
}

#[test]
fn a_submodule_is_opaque() {
    let scratch = Scratch::new(&[("a", "1")]);
    let head = scratch.git(&["rev-parse", "HEAD"]);
    scratch.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", head.trim())]);
    scratch.git(&["commit", "-q", "-m", "sub"]);
    let repository = scratch.repository();
    let head = repository.resolve("HEAD").unwrap();
    let tree = repository.tree_of(head).unwrap();
    let created = create(&repository, &scratch.beside("w"), "w", head, "x").unwrap();
    let take = || snapshot(&repository, &created.worktree, tree, head, &created.stats, ALL).unwrap();
    assert_eq!((take().tree, take().anomalies), (tree, vec![]));
    write(&created.worktree.dir.join("sub/x"), "1");
    assert_eq!(take().anomalies, [Anomaly::GitlinkContent { path: b"sub".to_vec() }]);
    assert_eq!(take().tree, tree);
    std::fs::remove_dir_all(created.worktree.dir.join("sub")).unwrap();
    assert_eq!(take().delta.changes.len(), 1);
}
