//! Links: what is written through them, where they lead, and further names of one file.

use crate::scope::lab::{check, result, stray};

#[test]
fn symbolic_links_and_what_is_written_through_them() {
    check(&[
        stray("ws-link-replaces", "ln -sf ../src/a.txt out/x.txt", &["out/x.txt"]),
        stray("ws-link-added-out", "ln -s x.txt out/l; echo 1 >> src/a.txt", &["out/l"]),
        stray("ws-link-absolute", "ln -s /etc/hostname src/l", &["src/l"]),
        stray("ws-link-up", "ln -s ../../../../nowhere src/l; echo 1 >> src/a.txt", &["src/l"]),
        stray("ws-link-outside-write", "ln -s \"$TMPDIR\" src/l; echo stray > src/l/z", &["src/l"]),
        stray("ws-link-to-itself-absolute", "ln -s \"$PL_WORKTREE/README.md\" src/l", &["src/l"]),
        stray("ws-link-folder-write", "ln -s ../out src/l; echo stray > src/l/z.txt", &["out/z.txt"]),
        stray("ws-link-file-write", "ln -s ../out/x.txt src/l; echo stray >> src/l", &["out/x.txt"]),
        stray("ws-link-dots-write", "ln -s ../out/deep src/l; echo stray > src/l/../z.txt", &["out/z.txt"]),
        stray(
            "ws-link-chain",
            "ln -s /etc \"$TMPDIR/k\"; ln -s \"$TMPDIR/k\" src/l; ln -s l src/m",
            &["src/l", "src/m"],
        ),
        stray("ws-link-for-scope", "rm -r src; ln -s out src", &["src"]),
        stray("ws-link-to-git", "ln -s ../../.git src/l; echo 1 >> src/a.txt", &["src/l"]),
        stray("ws-link-for-made", "ln -s /etc/hostname made.txt", &["made.txt"]),
        result("ws-link-inside", "ln -s ../out/x.txt src/l", &["A src/l"]),
        result("ws-link-folder-inside", "rm -r src/deep; ln -s ../out src/deep", &["A src/deep", "D src/deep/c.txt"]),
        result("ws-link-loop", "ln -s l src/m; ln -s m src/l", &["A src/l", "A src/m"]),
    ]);
}

#[test]
fn hard_links_and_what_is_written_through_them() {
    check(&[
        stray("ws-hard-write", "ln out/x.txt src/h; echo stray >> src/h", &["out/x.txt"]),
        stray("ws-hard-outside", "echo 1 > \"$TMPDIR/s\"; ln \"$TMPDIR/s\" src/h", &["src/h"]),
        stray(
            "ws-hard-replaced",
            "mv src/a.txt \"$TMPDIR/s\"; ln \"$TMPDIR/s\" src/a.txt; echo 1 >> src/a.txt",
            &["src/a.txt"],
        ),
        stray("ws-hard-out", "ln src/a.txt out/h", &["out/h"]),
        result("ws-hard-inside", "ln out/x.txt src/h", &["A src/h"]),
    ]);
}
