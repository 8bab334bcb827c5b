//! Files and folders: added, changed, deleted, renamed, swapped, named strangely, hidden.

use crate::scope::lab::{Case, Expect, check, main_checkout, project, result, stray};

#[test]
fn what_is_added_changed_deleted_or_renamed_out_of_scope() {
    check(&[
        stray("ws-new-file", "echo 1 >> src/a.txt; echo stray > out/new.txt", &["out/new.txt"]),
        stray("ws-new-folder", "mkdir -p other/deep; echo stray > other/deep/z", &["other/deep/z"]),
        stray("ws-change", "echo 1 >> src/a.txt; echo stray >> out/x.txt", &["out/x.txt"]),
        stray("ws-delete", "rm out/x.txt", &["out/x.txt"]),
        stray("ws-rename-out", "mv src/a.txt out/a.txt", &["out/a.txt"]),
        stray("ws-rename-in", "mv out/x.txt src/x.txt", &["out/x.txt"]),
        stray("ws-mode-only", "chmod +x out/x.txt", &["out/x.txt"]),
        stray("ws-above", "echo stray > ../stray.txt; echo stray >> ../README.md", &["/stray.txt", "/README.md"]),
        stray("ws-tracked-ignored", "echo 2 > out/tracked.log", &["out/tracked.log"]),
        stray("ws-tracked-ignored-gone", "rm out/tracked.log; echo 1 >> src/a.txt", &["out/tracked.log"]),
        stray(
            "ws-forged-times",
            "touch -r out/x.txt ../../k; echo 'x = 2' > out/x.txt; touch -r ../../k out/x.txt",
            &["out/x.txt"],
        ),
        result(
            "ws-restored",
            "cp -p out/x.txt \"$TMPDIR/k\"; echo 1 > out/x.txt; cp -p \"$TMPDIR/k\" out/x.txt; echo 1 >> src/a.txt",
            &["M src/a.txt"],
        ),
        result("ws-rename-inside", "mv src/a.txt src/z.txt", &["D src/a.txt", "A src/z.txt"]),
        result("ws-mode-inside", "chmod +x src/a.txt", &["M src/a.txt"]),
    ]);
}

#[test]
fn files_create_lets_files_be_added_and_no_more() {
    const HERE: &[(&str, &str)] = &[("new/old.txt", "old = 1\n"), ("made.txt", "made = 1\n")];
    let with_files = |case: Case| Case { files: HERE, ..case };
    check(&[
        with_files(stray("ws-create-changes", "echo 1 >> made.txt", &["made.txt"])),
        with_files(stray("ws-create-deletes", "rm new/old.txt; echo 1 >> src/a.txt", &["new/old.txt"])),
        with_files(stray("ws-create-renames", "mv new/old.txt new/other.txt", &["new/old.txt"])),
        with_files(stray("ws-create-chmods", "chmod +x made.txt", &["made.txt"])),
        with_files(result("ws-create-adds", "echo 1 > new/more.txt", &["A new/more.txt"])),
        stray(
            "ws-create-beside",
            "mkdir new; echo 1 > new.txt; echo 1 > new/a; echo 1 > made.txt.orig",
            &["new.txt", "made.txt.orig"],
        ),
    ]);
}

#[test]
fn names_that_look_like_others() {
    check(&[
        stray("ws-case-of-folder", "mkdir SRC; echo stray > SRC/a.txt", &["SRC/a.txt"]),
        stray("ws-case-of-file", "echo stray > Made.txt", &["Made.txt"]),
        stray("ws-blank-at-end", "mkdir 'src '; echo stray > 'src /a.txt'", &["src /a.txt"]),
        stray("ws-dot-at-end", "mkdir src.; echo stray > src./a.txt", &["src./a.txt"]),
        stray("ws-backslash", "echo stray > 'src\\a.txt'", &["src\\a.txt"]),
        stray("ws-newline", "echo stray > 'out/a\nb'", &["out/a\nb"]),
        stray("ws-no-text", "echo 1 >> src/a.txt; echo stray > \"$(printf 'src/\\377.txt')\"", &["src/\\xff.txt"]),
        stray("ws-no-text-out", "echo stray > \"$(printf 'out/\\377.txt')\"", &["out/\\xff.txt"]),
        stray("ws-dots", "echo stray > src/../out/z.txt", &["out/z.txt"]),
        stray("ws-dash", "echo stray > ./--help", &["--help"]),
        stray("ws-long", "echo stray > out/$(printf 'n%.0s' $(seq 200))", &[]),
        stray("ws-dot-git-case", "mkdir .GIT; echo stray > .GIT/config; echo 1 >> src/a.txt", &[]),
        result("ws-names-inside", "echo 1 > 'src/ a'; echo 1 > 'src/--x'", &["A src/ a", "A src/--x"]),
    ]);
}

#[test]
fn a_decomposed_name_is_another_name() {
    let case = Case {
        name: "ws-decomposed",
        shell: "echo stray > \"$(printf 'src/cafe\\314\\201.txt')\"",
        files: &[("src/caf\u{e9}.txt", "1\n")],
        expect: Expect::Stray(&["src/cafe\u{301}.txt"]),
    };
    let project = project(&[case]);
    let text =
        project.read("Pipelinefile.kdl").replace("\"ws-decomposed/src/\"", "\"ws-decomposed/src/caf\u{e9}.txt\"");
    project.write("Pipelinefile.kdl", text);
    let before = main_checkout(&project);
    let summary = project.build(&["*"], 1);
    assert_eq!(super::lab::judge(&project, &[case], &summary), Vec::<String>::new());
    assert_eq!(before, main_checkout(&project));
}

#[test]
fn files_and_folders_that_take_each_others_place() {
    check(&[
        stray(
            "ws-folder-for-file",
            "rm out/x.txt; mkdir out/x.txt; echo stray > out/x.txt/in",
            &["out/x.txt", "out/x.txt/in"],
        ),
        stray("ws-file-for-folder", "rm -r out; echo stray > out", &["out", "out/x.txt", "out/deep/y.txt"]),
        stray("ws-file-for-scope", "rm -r src; echo stray > src", &["src"]),
        stray("ws-file-for-creatable", "echo stray > new", &["new"]),
        stray("ws-folder-for-creatable", "mkdir made.txt; echo stray > made.txt/in", &["made.txt/in"]),
        result("ws-empty-folders", "mkdir -p out/empty/deep; echo 1 >> src/a.txt", &["M src/a.txt"]),
        result("ws-scope-emptied", "rm -r src", &["D src/a.txt", "D src/b.txt", "D src/deep/c.txt"]),
        result("ws-swap-inside", "rm -r src/deep; echo 1 > src/deep", &["A src/deep", "D src/deep/c.txt"]),
    ]);
}

#[test]
fn special_closed_many_and_huge() {
    check(&[
        stray("ws-pipe", "mkfifo src/pipe; echo 1 >> src/a.txt", &["src/pipe"]),
        stray("ws-pipe-out", "mkfifo out/pipe", &["out/pipe"]),
        stray("ws-pipe-for-file", "rm src/a.txt; mkfifo src/a.txt", &["src/a.txt"]),
        stray(
            "ws-socket",
            "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"src/s\")'; echo 1 >> src/a.txt",
            &["src/s"],
        ),
        stray("ws-closed", "mkdir out/n; echo stray > out/n/f; chmod 000 out/n out", &["out/n/f"]),
        stray("ws-read-only", "echo stray > out/z; chmod 444 out/z; chmod 555 out", &["out/z"]),
        stray("ws-many", "mkdir out/many; cd out/many; for n in $(seq 400); do : > f$n; done", &["out/many/f400"]),
        stray("ws-huge", "head -c 3000000 /dev/zero > out/huge", &["out/huge"]),
        stray("ws-giant", "truncate -s 3G out/giant; echo 1 >> src/a.txt", &["out/giant"]),
        result("ws-closed-inside", "mkdir src/n; echo 1 > src/n/f; chmod 000 src/n/f src/n src", &["A src/n/f"]),
        result("ws-set-id-inside", "chmod u+s src/a.txt; echo 1 >> src/a.txt", &["M src/a.txt"]),
    ]);
}

#[test]
fn ignored_files_are_removed_and_hide_nothing() {
    let noted = result(
        "ws-ignored",
        "echo 1 >> src/a.txt; echo 1 > out/z.log; echo 1 > src/z.log; mkdir ../.idea; echo 1 > ../.idea/x",
        &["M src/a.txt"],
    );
    check(&[
        stray("ws-planted-ignore", "printf '*\\n' > src/.gitignore; echo stray > out/z.txt", &["out/z.txt"]),
        stray("ws-changed-ignore", "echo '*' >> ../.gitignore; echo stray > out/z.txt", &["/.gitignore", "out/z.txt"]),
        stray(
            "ws-ignore-beside",
            "echo '*' > out/.gitignore; echo stray > out/z.txt",
            &["out/.gitignore", "out/z.txt"],
        ),
        result(
            "ws-planted-ignore-inside",
            "printf '*\\n' > src/.gitignore; echo 1 > src/ok.txt",
            &["A src/.gitignore", "A src/ok.txt"],
        ),
        noted,
    ]);
    let project = project(&[noted]);
    project.pl(&["build", "*"]).expect(0).says("removed ignored files that it left: .idea/x and 2 more");
}
