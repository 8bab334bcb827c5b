//! What a tool can do inside of its own worktree, and to the file system around it.

use serde_json::Value;

use super::Expect::{Either, Found, Harmless};
use super::{Case, judge, project};

const CASES: &[Case] = &[
    ("new-file", "echo x > stray.txt", Found("stray.txt")),
    ("new-file-in-new-folder", "mkdir -p fresh/deep; echo x > fresh/deep/@", Found("fresh/deep/@")),
    ("change", "echo x >> out/@.txt", Found("out/@.txt")),
    ("delete", "rm out/@.txt", Found("out/@.txt")),
    ("delete-folder", "rm -r out/@", Found("out/@/deep.txt")),
    ("rename-out", "mv in/@/b.txt out/@-b.txt", Found("out/@-b.txt")),
    ("rename-in", "mv out/@.txt in/@/c.txt", Found("out/@.txt")),
    ("mode", "chmod +x out/@.txt", Found("out/@.txt")),
    ("link-instead", "ln -sf deep.txt out/@.txt", Found("out/@.txt")),
    ("link-to-outside", "ln -s /etc/hostname in/@/link", Found("in/@/link")),
    ("link-upwards", "ln -s ../../../../elsewhere in/@/link", Found("in/@/link")),
    ("through-a-link", "ln -s ../../out/@.txt in/@/link; echo x > in/@/link", Found("out/@.txt")),
    ("through-a-folder-link", "ln -s ../../out/@ in/@/link; echo x > in/@/link/deep.txt", Found("out/@/deep.txt")),
    ("folder-becomes-link", "rm -r out/@; ln -s ../in/@ out/@", Found("out/@")),
    ("hard-link-in", "ln out/@.txt in/@/linked; echo x >> in/@/linked", Found("out/@.txt")),
    ("case-of-folder", "mkdir -p IN/@; echo x > IN/@/a.txt", Found("IN/@/a.txt")),
    ("case-of-file", "echo x > In/@ 2>/dev/null || { mkdir In; echo x > In/@; }", Found("In/@")),
    ("unicode", "mkdir -p \"$(printf 'i\\314\\210n')\"; echo x > \"$(printf 'i\\314\\210n')\"/@", Found("i\u{308}n/@")),
    ("trailing-blank", "mkdir -p 'in /@'; echo x > 'in /@/a.txt'", Found("in /@/a.txt")),
    ("newline", "printf x > \"$(printf 'stray\\n@')\"", Found("stray\n@")),
    ("not-utf-8", "printf x > \"$(printf 'in/@/\\377')\"", Found("in/@/\\xff")),
    ("prefix-of-scope", "mkdir in/@-more; echo x > in/@-more/a", Found("in/@-more/a")),
    ("create-is-fine", "mkdir -p new; echo x > new/@.txt", Harmless),
    ("create-elsewhere", "mkdir -p new; echo x > new/@.md", Found("new/@.md")),
    ("nested-repository", "git init -q nested; echo x > nested/f", Found("nested")),
    ("nested-in-scope", "git init -q in/@/nested; echo x > in/@/nested/f", Found("in/@/nested")),
    (
        "submodule",
        "git -c protocol.file.allow=always submodule add -q ./ in/@/sub >/dev/null 2>&1 || git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),in/@/sub",
        Found("in/@/sub"),
    ),
    ("ignored", "echo x > stray.ignored", Harmless),
    ("ignored-in-scope", "echo x > in/@/stray.ignored", Harmless),
    ("leftovers-of-python", "mkdir -p out/@/__pycache__; echo x > out/@/__pycache__/a.pyc", Harmless),
    (
        "planted-ignore",
        "echo stray.txt > in/@/.gitignore; printf '/stray-@\\n' >> .gitignore; echo x > stray-@",
        Found("stray-@"),
    ),
    ("attributes", "echo '* filter=evil' > .gitattributes", Found(".gitattributes")),
    ("commit", "git add -A; git -c user.name=t -c user.email=t@localhost commit -qm mine", Found("HEAD")),
    (
        "commit-stray",
        "echo x > stray-@; git add -A; git -c user.name=t -c user.email=t@localhost commit -qm mine",
        Found("stray-@"),
    ),
    ("switch", "git checkout -q -b mine-@", Found("HEAD")),
    (
        "reset-away",
        "git reset -q --soft $(git -c user.name=t -c user.email=t@localhost commit-tree -m x $(git write-tree) </dev/null)",
        Found("HEAD"),
    ),
    ("assume-unchanged", "git update-index --assume-unchanged out/@.txt; echo x > out/@.txt", Found("out/@.txt")),
    ("skip-worktree", "git update-index --skip-worktree out/@.txt; echo x > out/@.txt", Found("out/@.txt")),
    ("intent-to-add", "echo x > stray-@; git add -N stray-@", Found("stray-@")),
    ("index-of-garbage", "echo garbage > \"$(git rev-parse --git-path index)\"", Found("index")),
    ("dot-git-replaced", "echo 'gitdir: /nowhere' > .git", Found(".git")),
    ("dot-git-removed", "rm .git", Found(".git")),
    ("dot-git-a-folder", "rm .git; git init -q .", Found(".git")),
    ("fifo", "mkfifo in/@/pipe", Found("in/@/pipe")),
    ("unreadable-folder", "mkdir hidden-@; echo x > hidden-@/f; chmod 000 hidden-@", Found("hidden-@/f")),
    ("read-only-folder", "mkdir kept-@; echo x > kept-@/f; chmod 555 kept-@", Found("kept-@/f")),
    ("file-becomes-folder", "rm out/@.txt; mkdir out/@.txt; echo x > out/@.txt/f", Found("out/@.txt/f")),
    ("folder-becomes-file", "rm -r out/@; echo x > out/@", Found("out/@")),
    (
        "same-size-old-time",
        "touch -r out/@.txt /tmp/pl-@ 2>/dev/null || true; printf 'oot\\n' > out/@.txt; touch -d '2001-01-01' out/@.txt",
        Found("out/@.txt"),
    ),
    (
        "written-and-restored",
        "cp out/@.txt in/@/save; echo x > out/@.txt; cp in/@/save out/@.txt; rm in/@/save",
        Harmless,
    ),
    ("late-writer", "(setsid sh -c 'while :; do echo x > out/@.txt; done' >/dev/null 2>&1 &)", Either),
    ("dot-dot", "echo x > in/../stray-@", Found("stray-@")),
    ("sparse", "git sparse-checkout set in >/dev/null 2>&1 || true; rm -f out/@.txt", Found("out/@.txt")),
    ("many", "mkdir many-@; for i in 1 2 3 4 5 6 7 8 9; do echo x > many-@/$i; done", Found("many-@/1")),
];

#[test]
fn every_way_is_found_or_without_effect() {
    assert!(CASES.len() >= 45, "{}", CASES.len());
    let project = project(CASES);
    let head = project.git(&["rev-parse", "HEAD"]);
    let summary = project.build(&["ws-*"], 1);
    for case in CASES {
        judge(&project, &summary, case);
    }
    assert_eq!(project.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(project.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    // A second build asks nobody: what was found stays found, what was done stays done.
    let again = project.build(&["ws-*"], 1);
    for case in CASES.iter().filter(|(.., expect)| !matches!(expect, Either)) {
        judge(&project, &Value::Object(statuses(&again)), &(case.0, case.1, Either));
        let before = &crate::support::workstream(&summary, &format!("ws-{}", case.0))["status"];
        let after = &crate::support::workstream(&again, &format!("ws-{}", case.0))["status"];
        let same = if before == "done" { after == "fresh" } else { after == before };
        assert!(same, "{}: {before} became {after}", case.0);
    }
}

fn statuses(summary: &Value) -> serde_json::Map<String, Value> {
    summary.as_object().cloned().expect("an object")
}
