//! Worktrees against the git program.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::{Created, create, list, remove, sweep};
use crate::git::error::GitError;
use crate::git::folder::below;
use crate::git::object::CommitId;
use crate::git::repository::Repository;
use crate::git::scratch::{Scratch, git_in, write};
use crate::git::stats::Stats;
use crate::git::worktree::admin::{State, admin_dir, set_state};
use crate::git::worktree::reset::reset;

/// A project with every kind of file, attributes that ask for filters, and hooks that must not run.
fn scratch() -> Scratch {
    let scratch = Scratch::new(&[("a", "1\n"), ("b/c", "2\n"), ("b/d/e f\ng", "3\n")]);
    let dir = scratch.dir();
    write(&dir.join(".gitattributes"), "*.crlf text eol=crlf\n*.ident ident\n*.lfs filter=lfs\n");
    write(&dir.join("x.crlf"), "one\ntwo\n");
    write(&dir.join("x.ident"), "$Id$\n");
    write(&dir.join("x.lfs"), "large\n");
    write(&below(&dir, b"n\xff\xfe"), "not utf-8\n");
    write(&dir.join("run"), "#!/bin/sh\n");
    std::fs::set_permissions(dir.join("run"), std::fs::Permissions::from_mode(0o755)).unwrap();
    symlink("b/c", dir.join("link")).unwrap();
    symlink("/nowhere/at all", dir.join("broken")).unwrap();
    write(&dir.join(".gitignore"), "ignored/\n");
    scratch.git(&["add", "-A"]);
    scratch.git(&["commit", "-q", "-m", "second"]);
    let head = scratch.git(&["rev-parse", "HEAD"]);
    scratch.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", head.trim())]);
    scratch.git(&["commit", "-q", "-m", "third"]);
    write(&dir.join(".git/hooks/post-checkout"), "#!/bin/sh\ntouch hook-ran\n");
    std::fs::set_permissions(dir.join(".git/hooks/post-checkout"), std::fs::Permissions::from_mode(0o755)).unwrap();
    scratch
}

fn made(scratch: &Scratch, repository: &Repository) -> (Created, CommitId) {
    let head = repository.resolve("HEAD").unwrap();
    let created = create(repository, &scratch.beside("state/w1"), "pl-w1", head, "in use by pl").unwrap();
    (created, head)
}

fn assert_exact(scratch: &Scratch, dir: &Path) {
    let status = git_in(dir, &["status", "--porcelain", "--ignored", "--untracked-files=all"]);
    assert_eq!(status, "");
    git_in(dir, &["update-index", "-q", "--really-refresh"]);
    git_in(dir, &["diff-index", "--exit-code", "HEAD"]);
    git_in(dir, &["fsck", "--no-dangling"]);
    assert_eq!(git_in(dir, &["rev-parse", "HEAD"]), scratch.git(&["rev-parse", "HEAD"]));
    assert_eq!(git_in(dir, &["write-tree"]), scratch.git(&["rev-parse", "HEAD^{tree}"]));
    assert_eq!(std::fs::read(dir.join("x.crlf")).unwrap(), b"one\ntwo\n");
    assert_eq!(std::fs::read(dir.join("x.ident")).unwrap(), b"$Id$\n");
    assert!(!dir.join("hook-ran").exists());
}

#[test]
fn a_worktree_is_clean_and_removed_whole() {
    let scratch = scratch();
    scratch.git(&["config", "filter.lfs.smudge", "false"]);
    scratch.git(&["config", "filter.lfs.required", "true"]);
    let repository = scratch.repository();
    let (created, head) = made(&scratch, &repository);
    scratch.git(&["config", "--remove-section", "filter.lfs"]);
    let worktree = created.worktree;
    assert_exact(&scratch, &worktree.dir);
    assert_eq!(created.stats.rows().count(), repository.entries(scratch.tree()).unwrap().len() - 1);
    assert!(scratch.git(&["worktree", "list", "--porcelain"]).contains("locked in use by pl"));
    assert_eq!(list(&repository).unwrap(), std::slice::from_ref(&worktree));
    let again = create(&repository, &worktree.dir, "pl-w1", head, "x").unwrap_err();
    assert!(matches!(again, GitError::WorktreeExists { .. }), "{again}");
    assert_eq!(Repository::open(&worktree.dir).unwrap().common_dir(), repository.common_dir());
    remove(&repository, &worktree).unwrap();
    remove(&repository, &worktree).unwrap();
    assert!(!worktree.dir.exists() && list(&repository).unwrap().is_empty());
    assert_eq!(scratch.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn killed_creations_are_swept_and_strangers_kept() {
    let scratch = scratch();
    let repository = scratch.repository();
    let (created, head) = made(&scratch, &repository);
    let dir = created.worktree.dir.clone();
    set_state(&repository, "pl-w1", State::Unfinished).unwrap();
    std::fs::remove_file(dir.join("a")).unwrap();
    std::fs::remove_file(admin_dir(&repository, "pl-w1").join("index")).unwrap();
    assert!(list(&repository).unwrap().is_empty());
    std::fs::create_dir(repository.common_dir().join("pl-making-pl-w1")).unwrap();
    let created = create(&repository, &dir, "pl-w1", head, "x").unwrap();
    assert_eq!(created.moved_aside, None);
    assert_exact(&scratch, &dir);

    std::fs::remove_dir_all(admin_dir(&repository, "pl-w1")).unwrap();
    write(&dir.join("work"), "kept");
    let created = create(&repository, &dir, "pl-w1", head, "x").unwrap();
    let aside = created.moved_aside.unwrap();
    assert_eq!(std::fs::read(aside.join("work")).unwrap(), b"kept");
    assert_exact(&scratch, &dir);

    set_state(&repository, "pl-w1", State::Unfinished).unwrap();
    assert_eq!(sweep(&repository).unwrap().len(), 1);
    assert!(!dir.exists());
    std::fs::create_dir_all(admin_dir(&repository, "other")).unwrap();
    assert!(matches!(create(&repository, &dir, "other", head, "x"), Err(GitError::Occupied { .. })));
    assert!(create(&repository, &dir, "../x", head, "x").is_err());
}

#[test]
fn reset_undoes_everything() {
    let scratch = scratch();
    let repository = scratch.repository();
    let (created, head) = made(&scratch, &repository);
    let worktree = created.worktree;
    let dir = &worktree.dir;
    let nothing: super::reset::Keep<'_> = &|_| false;
    assert!(reset(&repository, &worktree, head, &created.stats, nothing).unwrap().touched.is_empty());

    git_in(dir, &["update-index", "--assume-unchanged", "a"]);
    git_in(dir, &["update-index", "--skip-worktree", "b/c"]);
    git_in(dir, &["checkout", "-q", "-b", "stray"]);
    git_in(dir, &["commit", "-q", "--allow-empty", "-m", "stray"]);
    git_in(dir, &["rm", "-q", "--cached", "x.lfs"]);
    let times = std::fs::metadata(dir.join("a")).unwrap().modified().unwrap();
    write(&dir.join("a"), "9\n");
    std::fs::File::options().write(true).open(dir.join("a")).unwrap().set_modified(times).unwrap();
    std::fs::remove_dir_all(dir.join("b")).unwrap();
    symlink("/etc", dir.join("b")).unwrap();
    std::fs::remove_file(dir.join("link")).unwrap();
    write(&dir.join("link/deep/er"), "x");
    std::fs::hard_link(dir.join("x.lfs"), scratch.beside("outside")).unwrap();
    std::fs::set_permissions(dir.join("run"), std::fs::Permissions::from_mode(0o644)).unwrap();
    write(&dir.join("ignored/y"), "x");
    write(&dir.join("ignored/kept/z"), "x");
    write(&dir.join("nested/.git/HEAD"), "x");
    write(&dir.join("sub/content"), "x");
    std::fs::set_permissions(dir.join("ignored"), std::fs::Permissions::from_mode(0o555)).unwrap();
    std::process::Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap();
    std::fs::write(dir.join(std::ffi::OsStr::from_bytes(b"\xfe\xff")), "x").unwrap();
    write(&dir.join(".git"), "gitdir: /elsewhere\n");
    write(&admin_dir(&repository, "pl-w1").join("MERGE_HEAD"), "x");
    write(&admin_dir(&repository, "pl-w1").join("index.lock"), "x");

    let keep: super::reset::Keep<'_> = &|path| path.starts_with(b"ignored/kept/") || path.starts_with(b"link/");
    let done = reset(&repository, &worktree, head, &created.stats, keep).unwrap();
    assert!(dir.join("ignored/kept/z").exists() && !dir.join("ignored/y").exists());
    let touched: Vec<_> = done.touched.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    for path in ["a", "b", "b/c", "link", "link/deep/er", "run", "ignored/y", "pipe", "sub/content", "x.lfs"] {
        assert!(touched.contains(&path.to_owned()), "{path} in {touched:?}");
    }
    reset(&repository, &worktree, head, &done.stats, nothing).unwrap();
    assert_exact(&scratch, dir);
    assert_eq!(git_in(dir, &["ls-files", "-v"]).lines().filter(|line| !line.starts_with("H ")).count(), 0);
    let first = repository.parents(head).unwrap()[0];
    let done = reset(&repository, &worktree, first, &Stats::default(), nothing).unwrap();
    assert_eq!(done.touched, Vec::<Vec<u8>>::new());
    assert_eq!(git_in(dir, &["status", "--porcelain"]), "");
}

#[test]
fn threads_take_turns() {
    let scratch = scratch();
    let repository = scratch.repository();
    let head = repository.resolve("HEAD").unwrap();
    let each = |work: &(dyn Fn(usize) + Sync)| {
        std::thread::scope(|scope| (0..6).for_each(|number| drop(scope.spawn(move || work(number)))));
    };
    let place = |number: usize| (scratch.beside(&format!("w{number}")), format!("w{number}"));
    each(&|number| {
        let (dir, name) = place(number);
        create(&repository, &dir, &name, head, "x").unwrap();
    });
    // Only now: git's own fsck looks into every worktree, those that are being made too.
    for number in 0..6 {
        assert_exact(&scratch, &place(number).0);
    }
    each(&|number| {
        let (dir, name) = place(number);
        if number % 2 == 0 {
            remove(&repository, &super::Worktree { dir, name }).unwrap();
        }
    });
    assert_eq!(list(&repository).unwrap().len(), 3);
    let memory = Repository::open_in_memory(&scratch.dir()).unwrap();
    let refused = create(&memory, &scratch.beside("m"), "m", head, "x").unwrap_err();
    assert!(matches!(refused, GitError::InMemory { .. }), "{refused}");
}
