//! Who plans reads, and leaves every byte and time as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{fingerprint, new, open};
use crate::store::Store;
use crate::store::lock::try_build_lock;
use crate::store::opening::log_bytes;
use crate::system::{OsSystem, Stat, System};

/// Every file below a folder with its content and times; under root SQLite gives a log that it opens to its owner again, which
/// moves its ctime.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, Stat)> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        files.insert(folder.clone(), (Vec::new(), OsSystem.lstat(&folder).expect("stat")));
        for (name, _) in OsSystem.list(&folder).expect("a listing") {
            let path = folder.join(name);
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = OsSystem.read(&path).expect("content");
                let stat = OsSystem.lstat(&path).expect("stat");
                let ctime_ns = if path.to_string_lossy().ends_with("-wal") { 0 } else { stat.ctime_ns };
                files.insert(path.clone(), (content, Stat { ctime_ns, ..stat }));
            }
        }
    }
    files
}

pub fn names(folder: &Path) -> Vec<String> {
    let listed = OsSystem.list(folder).expect("a listing");
    listed.into_iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn planning_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("a ?#%/.pl");
    assert!(Store::open_for_planning(&dir).expect("no error").is_none());
    assert!(!dir.exists());
    let print = fingerprint("one");
    let read_alone = |expected: usize| {
        let before = snapshot(&dir);
        let planning = Store::open_for_planning(&dir).expect("no error").expect("a store");
        assert!(planning.find(print.key()).expect("read").is_some());
        assert_eq!(planning.all_records().expect("read").len(), expected);
        assert!(planning.record(&new("a", &print)).is_err());
        planning.close().expect("closed");
        assert_eq!(snapshot(&dir), before);
    };
    let store = open(&dir);
    store.record(&new("a", &print)).expect("written");
    assert!(names(&dir).contains(&"state.db-wal".to_owned()));
    read_alone(1);
    store.record(&new("a", &print)).expect("written");
    store.close().expect("closed");
    assert_eq!(names(&dir), [".gitignore", "state.db"]);
    read_alone(2);
}

#[test]
fn a_short_log_is_left_and_read_where_it_lies() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join(".pl");
    open(&dir).close().expect("closed");
    let print = fingerprint("one");
    let build = |is_at_rest: bool| {
        let (store, warnings) = Store::open_known(&dir, &dir.join("state.db"), is_at_rest).expect("a store");
        assert_eq!(warnings, []);
        store.expect_few_changes().expect("patience");
        store
    };
    for count in 1..=3 {
        let store = build(count > 1);
        store.record(&new("a", &print)).expect("written");
        assert_eq!(store.all_records().expect("read").len(), count);
        store.settle().expect("settled");
        let settled = snapshot(&dir);
        assert_eq!(store.all_records().expect("read").len(), count);
        drop(store);
        let rows_of = |mut all: BTreeMap<PathBuf, (Vec<u8>, Stat)>| {
            // Where readers stand is told there, too.
            all.remove(&dir.join("state.db-shm"));
            all
        };
        assert_eq!(rows_of(snapshot(&dir)), rows_of(settled), "nothing is written after that");
        let settled = snapshot(&dir);
        let planning = Store::open_for_planning(&dir).expect("no error").expect("a store");
        assert!(planning.copy.is_none());
        assert_eq!(planning.all_records().expect("read").len(), count);
        assert!(planning.record(&new("a", &print)).is_err());
        drop(planning);
        assert_eq!(snapshot(&dir), settled, "planning leaves no trace");
    }
    // While a living process says that it builds, a log is none that was left.
    let lock = try_build_lock(&dir, "pl build").expect("free");
    let planning = Store::open_for_planning(&dir).expect("no error").expect("a store");
    assert!(planning.copy.is_some());
    assert_eq!(planning.all_records().expect("read").len(), 3);
    drop((planning, lock));
    // The build that makes it long moves it.
    let store = build(true);
    (0..100_u8).for_each(|byte| store.keep_bytes_soon(&[byte; 16 * 1024]).expect("kept"));
    store.record(&new("a", &print)).expect("written");
    store.settle().expect("settled");
    assert_eq!(log_bytes(&dir.join("state.db")), 0);
    drop(store);
    assert_eq!(open(&dir).all_records().expect("read").len(), 4);
}
