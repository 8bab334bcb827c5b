//! The worktree's own git: commits, index, `.git`, nested repositories, the folder itself.

use crate::scope::lab::{check, result, stray};

#[test]
fn commits_and_head() {
    check(&[
        stray("ws-commit", "echo 1 >> src/a.txt; git commit -qam x", &["/HEAD"]),
        stray("ws-commit-out", "echo stray >> out/x.txt; git commit -qam x", &["/HEAD", "out/x.txt"]),
        stray("ws-amend", "echo 1 >> src/a.txt; git commit -q --amend -am x", &["/HEAD"]),
        stray("ws-reset-hard", "git reset -q --hard HEAD~1", &["/HEAD", "/README.md"]),
        stray("ws-detached", "git checkout -q --detach HEAD~1", &["/HEAD"]),
        stray("ws-beside", "git checkout -q beside; echo 1 >> src/a.txt", &["/HEAD"]),
        stray("ws-head-garbage", "echo garbage > \"$(git rev-parse --git-dir)/HEAD\"; echo 1 >> src/a.txt", &["/HEAD"]),
        result(
            "ws-committed-and-back",
            "echo 1 >> src/a.txt; git commit -qam x; git reset -q HEAD~1",
            &["M src/a.txt"],
        ),
        result("ws-staged", "echo 1 >> src/a.txt; git add src", &["M src/a.txt"]),
        result(
            "ws-merging",
            "echo 1 >> src/a.txt; git rev-parse HEAD > \"$(git rev-parse --git-dir)/MERGE_HEAD\"",
            &["M src/a.txt"],
        ),
    ]);
}

#[test]
fn the_index() {
    check(&[
        stray("ws-assumed", "echo stray >> out/x.txt; git update-index --assume-unchanged out/x.txt", &["out/x.txt"]),
        stray("ws-skipped", "echo stray >> out/x.txt; git update-index --skip-worktree out/x.txt", &["out/x.txt"]),
        stray("ws-intent", "echo stray > out/n.txt; git add -N out/n.txt", &["out/n.txt"]),
        stray("ws-assumed-alone", "echo 1 >> src/a.txt; git update-index --assume-unchanged out/x.txt", &["out/x.txt"]),
        stray("ws-garbage", "echo garbage > \"$(git rev-parse --git-dir)/index\"; echo 1 >> src/a.txt", &["/index"]),
        stray("ws-no-index", "rm \"$(git rev-parse --git-dir)/index\"; echo 1 >> src/a.txt", &["/index"]),
        stray(
            "ws-gitlink",
            "echo 1 >> src/a.txt; git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),ws-gitlink/src/sub",
            &["src/sub"],
        ),
        stray(
            "ws-modules",
            "printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = /x\\n' > ../.gitmodules",
            &["/.gitmodules"],
        ),
        result("ws-removed-from-index", "git rm -q --cached out/x.txt; echo 1 >> src/a.txt", &["M src/a.txt"]),
        result("ws-locked", ": > \"$(git rev-parse --git-dir)/index.lock\"; echo 1 >> src/a.txt", &["M src/a.txt"]),
    ]);
}

#[test]
fn nested_repositories() {
    check(&[
        stray("ws-nested", "git init -q src/sub; echo 1 > src/sub/f", &["src/sub"]),
        stray("ws-nested-out", "git init -q out/sub; echo 1 >> src/a.txt", &["out/sub"]),
        stray("ws-nested-over", "git init -q src/deep; echo 1 >> src/a.txt", &["src/deep"]),
        stray("ws-nested-file", "mkdir src/sub; echo 'gitdir: /x' > src/sub/.git; echo 1 >> src/a.txt", &["src/sub"]),
        stray("ws-nested-link", "mkdir src/sub; ln -s /etc src/sub/.git; echo 1 >> src/a.txt", &["src/sub"]),
    ]);
}

#[test]
fn the_folder_itself() {
    check(&[
        stray("ws-dot-git-other", "echo 'gitdir: /nowhere' > ../.git; echo 1 >> src/a.txt", &["/.git"]),
        stray("ws-dot-git-gone", "rm ../.git; echo 1 >> src/a.txt", &["/.git"]),
        stray("ws-dot-git-new", "rm ../.git; git init -q ..; echo 1 >> src/a.txt", &["/.git"]),
        stray("ws-dot-git-link", "mv ../.git ../../dot-git; ln -s ../dot-git ../.git; echo 1 >> src/a.txt", &["/.git"]),
        stray("ws-folder-gone", "cd /; rm -rf \"$PL_WORKTREE\"", &["/."]),
        stray("ws-folder-moved", "mv \"$PL_WORKTREE\" \"$TMPDIR/moved\"", &["/."]),
        stray("ws-folder-a-file", "cd /; rm -rf \"$PL_WORKTREE\"; echo 1 > \"$PL_WORKTREE\"", &["/."]),
        stray(
            "ws-folder-a-link",
            "cp -r \"$PL_WORKTREE\" \"$TMPDIR/m\"; rm -rf \"$PL_WORKTREE\"; ln -s \"$TMPDIR/m\" \"$PL_WORKTREE\"",
            &["/."],
        ),
        stray("ws-folder-closed", "echo stray > out/z; chmod 000 ..", &["out/z"]),
        stray("ws-emptied", "cd ..; find . -mindepth 1 -delete", &["/.git", "/README.md"]),
    ]);
}

#[test]
fn what_git_keeps_of_it() {
    check(&[
        stray("ws-admin-gone", "rm -rf \"$(git rev-parse --git-dir)\"; echo 1 >> src/a.txt", &["/.git"]),
        stray("ws-admin-mark-gone", "rm \"$(git rev-parse --git-dir)/pl-worktree\"; echo 1 >> src/a.txt", &["/.git"]),
        result(
            "ws-admin-links",
            "d=\"$(git rev-parse --git-dir)\"; echo /nowhere > \"$d/gitdir\"; echo /nowhere > \"$d/commondir\"; echo 1 >> src/a.txt",
            &["M src/a.txt"],
        ),
        result(
            "ws-admin-config",
            "printf '[core]\\n\\tfsmonitor = touch %s/ran\\n' \"$HOME\" > \"$(git rev-parse --git-dir)/config.worktree\"; echo 1 >> src/a.txt",
            &["M src/a.txt"],
        ),
    ]);
}
