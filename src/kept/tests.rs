//! A plan against a machine that moves under it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Kept;
use super::looking::Mended;
use super::writing::{Plan, refresh, write};
use crate::base::digest::Digest;
use crate::system::System;
use crate::system::file_hash::file_system_now;
use crate::system::sight::{Notes, Sights, Watching};

struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    fn new(files: &[&str]) -> Self {
        let lab = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::create_dir(lab.path(".pl")).expect("a folder");
        for path in files {
            lab.write(path, "one");
        }
        lab
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        std::fs::write(path, text).expect("a file");
    }

    /// The file system's "now", later than all that was written.
    fn mark(&self) -> i64 {
        let folder = self.path(".pl");
        let before = file_system_now(&folder).expect("now");
        loop {
            let now = file_system_now(&folder).expect("now");
            if now > before {
                return now;
            }
        }
    }

    /// Notes of reading files and listing folders.
    fn look(&self, files: &[&str], folders: &[&str]) -> Notes {
        let sights = Arc::new(Sights::default());
        sights.begin(Some(self.mark()));
        let system = Watching::new(&sights);
        for path in files {
            let _ = system.read(&self.path(path));
        }
        for path in folders {
            let _ = system.list(&self.path(path));
        }
        sights.end().expect("notes")
    }

    fn plan(&self) -> PathBuf {
        self.path(".pl/plan")
    }

    fn keep(&self, files: &[&str], folders: &[&str]) {
        self.write_plan(self.look(files, folders)).expect("a plan");
    }

    fn write_plan(&self, notes: Notes) -> Result<(), String> {
        let summary = b"summary".to_vec();
        write(
            &self.plan(),
            Plan {
                about: about("this"),
                root: self.folder.path(),
                notes,
                summary,
                detail: &|out| out.write_all(b"detail"),
                steps: None,
                unfinished: Vec::new(),
            },
        )
    }

    fn open(&self) -> Option<Kept> {
        Kept::open(&self.plan(), self.folder.path(), about("this"))
    }

    /// Whether all is as it was; what was mended on the way is written down.
    fn holds(&self) -> bool {
        let kept = self.open().expect("a plan");
        let Some(moved) = kept.look() else { return false };
        if moved.is_empty() {
            return true;
        }
        let mended: Option<Mended> = kept.look_again(&moved, self.mark());
        mended.is_some_and(|mended| refresh(&self.plan(), &kept, &mended).is_some())
    }

    /// Whether the first look alone says that all is as it was.
    fn holds_at_once(&self) -> bool {
        self.open().and_then(|kept| kept.look()).is_some_and(|moved| moved.is_empty())
    }
}

fn about(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn touch(path: &Path) {
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    std::fs::File::options().write(true).open(path).expect("open").set_modified(later).expect("mtime");
}

#[test]
fn what_is_as_it_was_holds() {
    let lab = Lab::new(&["a", "sub/b", "sub/deep/c"]);
    lab.keep(&["a", "sub/b", "absent", "nowhere/absent"], &["sub", "sub/deep"]);
    assert!(lab.holds_at_once());
    let kept = lab.open().expect("a plan");
    assert_eq!((kept.summary(), kept.detail().as_deref()), (b"summary".as_slice(), Some(b"detail".as_slice())));
}

#[test]
fn what_differs_does_not_hold() {
    type Change = (&'static str, fn(&Lab));
    let changes: [Change; 9] = [
        ("content", |lab| lab.write("a", "two")),
        ("size", |lab| lab.write("sub/b", "three")),
        ("gone", |lab| std::fs::remove_file(lab.path("a")).expect("removed")),
        ("appeared", |lab| lab.write("absent", "")),
        ("appeared in a new folder", |lab| lab.write("nowhere/absent", "")),
        ("one more in a folder", |lab| lab.write("sub/new", "")),
        ("another kind in a folder", |lab| {
            std::fs::remove_file(lab.path("sub/deep/c")).expect("removed");
            std::fs::create_dir(lab.path("sub/deep/c")).expect("a folder");
        }),
        ("mode", |lab| {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(lab.path("a"), mode).expect("a mode");
        }),
        ("the same size and mtime", |lab| {
            let mtime = std::fs::metadata(lab.path("a")).and_then(|metadata| metadata.modified()).expect("mtime");
            lab.write("a", "six");
            let file = std::fs::File::options().write(true).open(lab.path("a")).expect("open");
            file.set_modified(mtime).expect("mtime");
        }),
    ];
    for (what, change) in changes {
        let lab = Lab::new(&["a", "sub/b", "sub/deep/c"]);
        lab.keep(&["a", "sub/b", "absent", "nowhere/absent"], &["sub", "sub/deep"]);
        change(&lab);
        assert!(!lab.holds_at_once(), "{what}");
        assert!(!lab.holds(), "{what}");
    }
}

#[test]
fn what_moved_and_is_the_same_is_written_down() {
    let lab = Lab::new(&["a", "sub/b"]);
    std::os::unix::fs::symlink("sub/b", lab.path("link")).expect("a link");
    lab.keep(&["a", "sub/b", "link"], &["sub"]);
    touch(&lab.path("a"));
    touch(&lab.path("sub/b"));
    lab.write("sub/swap", "");
    std::fs::remove_file(lab.path("sub/swap")).expect("removed");
    assert!(!lab.holds_at_once());
    assert!(lab.holds());
    assert!(lab.holds_at_once());
    lab.write("sub/b", "two");
    assert!(!lab.holds());
}

#[test]
fn what_is_as_new_as_the_look_is_looked_at_again() {
    let lab = Lab::new(&["a"]);
    let sights = Arc::new(Sights::default());
    sights.begin(Some(lab.mark()));
    lab.write("a", "two");
    Watching::new(&sights).read(&lab.path("a")).expect("content");
    lab.write_plan(sights.end().expect("notes")).expect("a plan");
    assert!(!lab.holds_at_once(), "its stat is not to be trusted");
    assert!(lab.holds());
    assert!(lab.holds_at_once());
    // A folder that was listed when it was new makes no plan.
    sights.begin(Some(lab.mark()));
    lab.write("sub/b", "two");
    Watching::new(&sights).list(&lab.path("sub")).expect("a listing");
    lab.write_plan(sights.end().expect("notes")).expect_err("a folder as new as the look");
}

#[test]
fn what_changes_between_two_looks_makes_no_plan() {
    let lab = Lab::new(&["a"]);
    let mut notes = lab.look(&["a"], &[]);
    lab.write("a", "two");
    notes.absorb(lab.look(&["a"], &[]));
    assert!(lab.write_plan(notes).is_err());
    assert!(lab.open().is_none());
}

#[test]
fn no_damaged_plan_is_believed() {
    let lab = Lab::new(&["a", "sub/b"]);
    lab.keep(&["a", "sub/b", "absent"], &["sub"]);
    let whole = std::fs::read(lab.plan()).expect("a plan");
    for length in 0..whole.len() {
        std::fs::write(lab.plan(), &whole[..length]).expect("cut");
        assert!(lab.open().is_none(), "cut to {length}");
    }
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        std::fs::write(lab.plan(), bytes).expect("flipped");
        // Cold parts are only read, and found damaged, where they are asked for.
        assert!(lab.open().and_then(|kept| kept.detail()).is_none(), "flipped at {place}");
    }
    std::fs::write(lab.plan(), &whole).expect("whole");
    assert!(lab.holds_at_once());
    assert!(Kept::open(&lab.plan(), lab.folder.path(), about("that")).is_none());
}

#[test]
fn many_files_are_looked_at_by_two() {
    let names: Vec<String> =
        (0..7_000).map(|number| format!("{}/f{number}", if number < 6_500 { "a" } else { "b" })).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let lab = Lab::new(&names);
    lab.keep(&names, &["a", "b"]);
    assert!(lab.holds_at_once());
    for place in [0, 3_499, 3_500, 6_499, 6_500, 6_999] {
        let text = format!("changed {place}");
        lab.write(names[place], &text);
        assert!(!lab.holds(), "{place}");
        lab.write(names[place], "one");
        assert!(lab.holds(), "{place}");
    }
}
