//! What was remembered is damaged, gone, from the future, or cannot be written: said, and built anew from what is left.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;

use crate::robustness::Gated;
use crate::running::walk;
use crate::support::{Project, Ran};

/// Somebody without rights.
const NOBODY: u32 = 65_534;

#[test]
fn a_damaged_database_is_moved_aside_or_begun_anew() {
    let gated = Gated::new();
    gated.project.build(&["*"], 0);
    let expected = gated.refs();
    let database = gated.project.path(".pl/state.db");
    let whole = std::fs::read(&database).expect("a database");
    let mut holed = whole.clone();
    holed[4096..12288].fill(0x5a);
    let cases: [(&str, &[u8]); 6] = [
        ("nothing", b""),
        ("garbage", b"this is no database\n"),
        ("its first page", &whole[..4096]),
        ("its first half", &whole[..whole.len() / 2]),
        ("a torn page", &whole[..whole.len() - 1000]),
        ("pages of something else", &holed),
    ];
    for (what, bytes) in cases {
        std::fs::write(&database, bytes).expect("damaged");
        let looked = gated.project.pl(&["check", "*"]).started_nothing();
        assert!([0, 3].contains(&looked.code), "{what}\n{}", looked.output());
        assert_eq!(std::fs::read(&database).expect("a database"), bytes, "{what}: planning touched it");
        // The first build may meet the damage as late as at its last row; the second stands on a database that is whole.
        let first = gated.project.pl(&["build", "*"]);
        assert!([0, 3].contains(&first.code), "{what}\n{}", first.output());
        assert!(first.code == 0 || first.output().contains("damaged"), "{what}\n{}", first.output());
        gated.project.pl(&["build", "*"]).expect(0);
        assert_eq!(gated.refs(), expected, "{what}");
        gated.is_tidy();
    }
}

#[test]
fn a_newer_database_is_refused_with_a_hint_and_left_alone() {
    let gated = Gated::new();
    gated.project.build(&["make"], 0);
    let path = gated.project.path(".pl/state.db");
    let database = rusqlite::Connection::open(&path).expect("a database");
    let newer = "UPDATE meta SET value = '9999' WHERE key = 'schema_version'";
    assert_eq!(database.execute(newer, []).expect("a version"), 1);
    database.close().expect("closed");
    let before = std::fs::read(&path).expect("a database");
    gated.project.write("in", "2\n");
    for arguments in [["build", "make"], ["check", "make"]] {
        gated.project.pl(&arguments).expect(3).says("9999").says("install the pl that wrote it");
    }
    assert_eq!(std::fs::read(&path).expect("a database"), before);
}

#[test]
fn a_missing_blob_is_a_miss() {
    let gated = Gated::new();
    gated.project.build(&["*"], 0);
    gated.project.lose_contents();
    gated.project.pl(&["build", "*"]).expect(0).started_nothing();
    std::fs::remove_file(gated.project.path("out")).expect("removed");
    gated.project.pl(&["build", "*"]).expect(0);
    assert_eq!((gated.project.read("out"), gated.passed("task")), ("1\n".to_owned(), 2));
    gated.is_tidy();
}

/// Every loose object that only results need is cut short, one after the other.
#[test]
fn damaged_objects_of_results_are_reported_and_made_again() {
    let gated = Gated::new();
    let objects = gated.project.path(".git/objects");
    let before = walk(&objects);
    gated.project.build(&["*"], 0);
    let expected = gated.refs();
    let made: Vec<_> = walk(&objects).into_keys().filter(|path| path.is_file() && !before.contains_key(path)).collect();
    assert!(!made.is_empty());
    for object in made {
        let whole = std::fs::read(&object).expect("an object");
        std::fs::set_permissions(&object, std::fs::Permissions::from_mode(0o644)).expect("a mode");
        for damaged in [&whole[..whole.len() / 2], b"garbage", b""] {
            std::fs::write(&object, damaged).expect("damaged");
            let ran = gated.project.pl(&["build", "*"]);
            assert_ne!(ran.code, 101, "{}\n{}", object.display(), ran.output());
            assert!(ran.code == 0 || ran.output().len() > 40, "{}\n{}", object.display(), ran.output());
        }
        std::fs::remove_file(&object).expect("removed");
        gated.project.pl(&["build", "*"]).expect(0);
        assert_eq!(gated.refs(), expected, "{}", object.display());
    }
}

#[test]
fn results_come_back_without_what_was_remembered() {
    let gated = Gated::new();
    gated.project.build(&["*"], 0);
    let expected = gated.refs();
    std::fs::remove_dir_all(gated.project.path(".pl")).expect("removed");
    gated.project.pl(&["build", "*"]).expect(0);
    assert_eq!(gated.refs(), expected);
    // Records are what an edit is known by: without them it is asked again, and gives the same result.
    assert_eq!(gated.passed("one-edit1"), 2);
    gated.is_tidy();
}

#[test]
fn folders_that_cannot_be_written_are_named() {
    let gated = Gated::new();
    let project = &gated.project;
    project.write(".pl", "");
    project.pl(&["build", "make"]).expect(3).says(".pl").says("hint").started_nothing();
    std::fs::remove_file(project.path(".pl")).expect("removed");
    let state = project.around().join("file");
    std::fs::write(&state, "").expect("a file");
    let state = state.display().to_string();
    project.pl_with(&["build", "*"], &[("PL_STATE_DIR", &state)]).expect(3).says(&state).started_nothing();
    project.build(&["*"], 0);
    gated.is_tidy();
}

fn give_away(folder: &Path, user: u32) {
    for path in walk(folder).into_keys().filter(|path| !path.is_symlink()) {
        chown(path, Some(user), Some(user)).expect("an owner");
    }
}

fn as_nobody(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.pl_command(arguments);
    let output = command.uid(NOBODY).gid(NOBODY).output().expect("pl");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        started: Vec::new(),
    }
}

/// Rights mean nothing to root, and nobody else can give files away; elsewhere the test above stands for this one.
#[test]
fn a_read_only_project_is_an_error_that_names_it() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let gated = Gated::new();
    let around = gated.project.around();
    give_away(&around, NOBODY);
    let set = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    set(&around, 0o755);
    if as_nobody(&gated.project, &["--version"]).code != 0 {
        return; // The program lies where nobody else may look.
    }
    let root = gated.project.root();
    set(&root, 0o555);
    let refused = as_nobody(&gated.project, &["build", "*"]).expect(3);
    refused.says(".pl").says("Permission denied").says("must be writable");
    assert!(!gated.project.path(".pl").exists());
    set(&root, 0o755);
    set(&around.join("state"), 0o555);
    as_nobody(&gated.project, &["build", "*"]).expect(3).says("Permission denied").says("state");
    set(&around.join("state"), 0o755);
    as_nobody(&gated.project, &["build", "*"]).expect(0);
}

/// No file may grow beyond a limit: every write that `pl` makes fails at some limit. The shell ignores the signal that
/// would come with it, so that writes fail as on a full disk.
#[test]
fn a_full_disk_is_an_error_and_no_record_without_its_proof() {
    let gated = Gated::new();
    let expected = gated.undisturbed();
    let pl = env!("CARGO_BIN_EXE_pl");
    for blocks in [0, 1, 2, 8, 64, 160, 200, 300] {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec '{pl}' build '*'");
        let output = gated.project.command("sh").args(["-c", &script]).output().expect("sh");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let code = output.status.code();
        assert!(code.is_some_and(|code| [0, 1, 3].contains(&code)), "{blocks} blocks: {:?}\n{said}", output.status);
        assert!(code == Some(0) || said.len() > 20, "{blocks} blocks: nothing is said\n{said}");
        gated.project.pl(&["build", "*"]).expect(0);
        assert_eq!(gated.refs(), expected, "{blocks} blocks\n{said}");
        gated.is_tidy();
        gated.forget();
    }
}
