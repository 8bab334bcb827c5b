//! Real databases in real folders.

mod planning;

use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::attempt::{AttemptStatus, Filter, NewAttempt, NewError, NewEvent};
use super::opening::Warning;
use super::record::{NewRecord, Outcome};
use super::run::RunId;
use super::state::{RunState, WorkstreamState, allowed};
use super::work::Kept;
use super::{Store, StoreError};
use crate::base::digest::Digest;
use crate::fingerprint::{Fingerprint, Key};
use crate::system::file_hash::HashCache;
use crate::system::{OsSystem, System};

/// The environment variable that makes a test the writer that is killed.
const WRITER_VARIABLE: &str = "PL_TEST_STORE_WRITER";

fn open(dir: &Path) -> Store {
    let (store, warnings) = Store::open(dir).expect("a store");
    assert_eq!(warnings, []);
    store
}

fn fingerprint(text: &str) -> Fingerprint {
    let mut fingerprint = Fingerprint::of("task");
    fingerprint.text("input", text);
    fingerprint
}

fn new<'a>(step: &'a str, fingerprint: &'a Fingerprint) -> NewRecord<'a> {
    NewRecord {
        key: fingerprint.key(),
        step,
        kind: "task",
        outcome: Outcome::Green,
        body: json!({"tree": "abc"}),
        fingerprint,
        request: None,
        run_id: None,
        duration_ms: 7,
    }
}

#[test]
fn a_record_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let (one, two) = (fingerprint("one"), fingerprint("two"));
    let request = Digest::of(b"request");
    let run = store.begin_run("pl build", &Value::Null).expect("a run");
    let asked = NewRecord { request: Some(request), run_id: Some(&run), ..new("ws-1/edit.1", &one) };
    let before = store.generation().expect("a number");
    let first = store.record(&asked).expect("written");
    assert!(store.generation().expect("a number") > before);
    let second = store.record(&NewRecord { outcome: Outcome::Red, ..asked.clone() }).expect("written");
    store.record(&new("ws-1/edit.1", &two)).expect("written");

    let found = store.find(one.key()).expect("read").expect("found");
    assert_eq!((found.seq, found.outcome, found.duration_ms), (second, Outcome::Red, 7));
    assert_eq!((found.body.clone(), found.run_id.clone()), (json!({"tree": "abc"}), Some(run)));
    assert_eq!(store.fingerprint(&found).expect("read"), Some(one.clone()));
    assert!(found.created_at.ends_with('Z') && found.created_at.len() == 24, "{}", found.created_at);
    assert_eq!(store.find(fingerprint("three").key()).expect("read"), None);
    let latest = store.latest("ws-1/edit.1").expect("read").expect("found");
    assert_eq!(latest.key, two.key());
    let answers: Vec<u64> = store.by_request(request).expect("read").iter().map(|record| record.seq).collect();
    assert_eq!(answers, [second, first]);
    let many = store.find_all(&[one.key(), two.key(), fingerprint("three").key()]).expect("read");
    assert_eq!((many.len(), &many[&one.key()]), (2, &found));
}

#[test]
fn a_row_that_cannot_be_read_is_a_miss() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let print = fingerprint("one");
    for change in ["body_json = '{'", "outcome = 'blue'", "parts = 'text'", "key = x'00'"] {
        store.record(&new("a", &print)).expect("written");
        assert!(store.find(print.key()).expect("read").is_some());
        store.with(|c| c.execute(&format!("UPDATE records SET {change}"), [])).expect("changed");
        assert_eq!(store.find(print.key()).expect("read"), None, "{change}");
        assert_eq!(store.latest("a").expect("read"), None, "{change}");
        assert_eq!(store.all_records().expect("read"), [], "{change}");
    }
}

#[test]
fn forgetting_takes_a_step_and_what_is_below_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let steps = ["ws-1", "ws-1/edit.1", "ws-1/test.1", "ws-10/edit.1", "ws-1-x/edit.1"];
    let prints: Vec<_> = steps.iter().map(|step| fingerprint(step)).collect();
    for (step, print) in steps.iter().zip(&prints) {
        store.record(&new(step, print)).expect("written");
    }
    assert_eq!(store.forget("ws-1/").expect("forgotten"), 3);
    let left: Vec<_> = store.all_records().expect("read").into_iter().map(|record| record.step).collect();
    assert_eq!(left, ["ws-10/edit.1", "ws-1-x/edit.1"]);
}

#[test]
fn large_fingerprints_share_what_did_not_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let large = |changed: usize| {
        let mut fingerprint = Fingerprint::of("task");
        for number in 0..3000 {
            let content = if number == changed { "new" } else { "old" };
            fingerprint.digest(format!("input src/{number}"), Digest::of(content.as_bytes()).hex());
        }
        fingerprint
    };
    let pieces = || store.with(|c| c.query_row("SELECT count(*) FROM parts", [], |row| row.get::<_, i64>(0)));
    store.record(&new("a", &large(3000))).expect("written");
    let before = pieces().expect("a count");
    assert!(before >= 3000 / 256, "{before}");
    store.record(&new("a", &large(1500))).expect("written");
    assert_eq!(pieces().expect("a count"), before + 1);
    let newest = store.latest("a").expect("read").expect("found");
    assert_eq!(store.fingerprint(&newest).expect("read"), Some(large(1500)));
    assert_eq!(store.prune(1).expect("pruned"), 1);
    assert_eq!(pieces().expect("a count"), before);
    assert_eq!(store.fingerprint(&newest).expect("read"), Some(large(1500)));
}

#[test]
fn a_newer_database_is_refused_with_a_hint() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    store
        .with(|connection| connection.execute("UPDATE meta SET value = '7' WHERE key = 'schema_version'", []))
        .expect("changed");
    store.close().expect("closed");
    let errors = [
        Store::open(folder.path()).expect_err("refused"),
        Store::open_for_planning(folder.path()).expect_err("refused"),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Newer { found: 7, .. }), "{error}");
        assert!(error.hint().is_some());
    }
    assert_eq!(planning::names(folder.path()), [".gitignore", "state.db"]);
}

fn damaged(warnings: &[Warning]) -> usize {
    match warnings {
        [Warning::Damaged { rows_saved, moved_to, .. }] if moved_to.exists() => *rows_saved,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_is_no_database_is_moved_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("state.db"), "no database at all, but long enough to be one".repeat(40))
        .expect("written");
    assert!(matches!(Store::open_for_planning(folder.path()), Err(StoreError::Damaged { .. })));
    let (store, warnings) = Store::open(folder.path()).expect("a new one");
    assert_eq!(damaged(&warnings), 0);
    store.record(&new("a", &fingerprint("one"))).expect("written");
}

#[test]
fn what_can_be_read_of_a_damaged_database_is_taken_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let prints: Vec<_> = (0..2000).map(|number| fingerprint(&format!("{number}"))).collect();
    for print in &prints {
        store.record(&new("a", print)).expect("written");
    }
    let id = store.id().expect("an id");
    store.close().expect("closed");
    let database = folder.path().join("state.db");
    let size = std::fs::metadata(&database).expect("stat").len();
    let mut file = std::fs::File::options().write(true).open(&database).expect("open");
    file.seek(SeekFrom::Start(size / 2 / 4096 * 4096)).expect("seek");
    file.write_all(&[0xA5; 3 * 4096]).expect("spoiled");
    drop(file);

    let store = open(folder.path());
    let met = store.all_records().and_then(|_| store.prune(1));
    assert!(matches!(met, Err(StoreError::Damaged { .. })), "{met:?}");
    drop(store);
    let (store, warnings) = Store::open(folder.path()).expect("a new one");
    assert!(damaged(&warnings) > 0);
    let left = prints.iter().filter(|print| store.find(print.key()).expect("read").is_some()).count();
    assert!((1000..2001).contains(&left), "{left} of 2000");
    assert_ne!(store.id().expect("an id"), id);
    store.close().expect("closed");
    open(folder.path());
}

#[test]
fn every_pair_of_states_is_moved_or_refused_and_recorded() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let run = store.begin_run("pl build", &Value::Null).expect("a run");
    store.add_workstream(&run, "ws-1", &Value::Null).expect("added");
    let mut refused = 0;
    for (from, to) in
        WorkstreamState::ALL.iter().flat_map(|from| WorkstreamState::ALL.iter().map(move |to| (*from, *to)))
    {
        store.with(|connection| connection.execute("UPDATE workstreams SET status = ?1", [from])).expect("put");
        let moved = store.move_workstream(&run, "ws-1", to, Some("why"));
        let row = store.workstreams(&run).expect("rows").remove(0);
        if allowed(from, to) {
            assert_eq!(moved.expect("moved"), from);
            assert_eq!((row.status, row.reason.as_deref()), (to, Some("why")));
        } else {
            refused += 1;
            assert!(matches!(moved, Err(StoreError::IllegalMove { .. })), "{from} to {to}");
            assert_eq!(row.status, from);
        }
    }
    let events = store.events(&Filter { run: Some(&run), ws: Some("ws-1"), ..Filter::default() }, 1000).expect("read");
    assert_eq!(events.len(), refused);
    assert!(events.iter().all(|event| event.name == "illegal_transition"));
    assert!(matches!(
        store.move_workstream(&run, "ws-2", WorkstreamState::Ready, None),
        Err(StoreError::NotFound { what: "workstream", .. })
    ));
}

#[test]
fn runs_have_ids_and_ends_of_their_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let runs: Vec<RunId> =
        (0..50).map(|number| store.begin_run("pl build", &json!({"number": number})).expect("a run")).collect();
    let listed: Vec<RunId> = store.runs(100).expect("rows").into_iter().map(|run| run.run_id).collect();
    assert_eq!(listed, runs.iter().rev().cloned().collect::<Vec<_>>());
    assert!(runs.iter().all(|run| run.as_str().len() == "run-20261121T122100Z-3f9c".len()), "{}", runs[0]);
    store.end_run(&runs[0], RunState::Partial).expect("ended");
    assert!(matches!(store.end_run(&runs[0], RunState::Completed), Err(StoreError::IllegalEnd { .. })));
    assert_eq!(store.run(&runs[0]).expect("a row").status, RunState::Partial);
    for run in &runs[..2] {
        store.add_workstream(run, "ws-1", &Value::Null).expect("the same workstream in another run");
    }
    assert_eq!(store.workstream_history("ws-1", 10).expect("rows").len(), 2);
}

#[test]
fn what_a_dead_run_left_is_interrupted_at_the_next_opening() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let [dead, alive] = [(); 2].map(|()| store.begin_run("pl build", &Value::Null).expect("a run"));
    store.add_workstream(&dead, "ws-1", &Value::Null).expect("added");
    store.add_workstream(&dead, "ws-2", &Value::Null).expect("added");
    for to in [WorkstreamState::Ready, WorkstreamState::Done] {
        store.move_workstream(&dead, "ws-2", to, None).expect("moved");
    }
    let attempt = NewAttempt { run: &dead, ws: Some("ws-1"), step: "ws-1/edit.1", reason: None, tool: None, log: None };
    store.begin_attempt(&attempt).expect("begun");
    let owner = "UPDATE runs SET owner_json = json_set(owner_json, '$.boot_id', 'before') WHERE run_id = ?1";
    store.with(|connection| connection.execute(owner, [dead.as_str()])).expect("changed");
    store.close().expect("closed");
    let (store, warnings) = Store::open(folder.path()).expect("a store");
    assert_eq!(warnings, [Warning::Interrupted(vec![dead.clone()])]);
    assert_eq!(store.run(&dead).expect("a row").status, RunState::Interrupted);
    assert_eq!(store.run(&alive).expect("a row").status, RunState::Running);
    let states: Vec<_> = store.workstreams(&dead).expect("rows").iter().map(|row| row.status).collect();
    assert_eq!(states, [WorkstreamState::Interrupted, WorkstreamState::Done]);
    let attempts = store.attempts(&Filter { run: Some(&dead), ..Filter::default() }).expect("rows");
    assert_eq!(attempts[0].status, AttemptStatus::Interrupted);
}

#[test]
fn what_happened_is_told_by_run_workstream_and_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let run = store.begin_run("pl build", &Value::Null).expect("a run");
    let new = |ws| NewAttempt { run: &run, ws, step: "t", reason: Some("never ran"), tool: None, log: Some("logs/t") };
    let first = store.begin_attempt(&new(Some("ws-1"))).expect("begun");
    let second = store.begin_attempt(&new(None)).expect("begun");
    store.end_attempt(first, AttemptStatus::Failed, &json!({"exit": 1}), 12).expect("ended");
    let history = store.step_history("t", 10).expect("rows");
    assert_eq!(history.iter().map(|row| row.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!((history[1].duration_ms, &history[1].result), (Some(12), &json!({"exit": 1})));
    assert_eq!(store.attempts(&Filter { ws: Some("ws-1"), ..Filter::default() }).expect("rows"), history[1..]);

    let error = |ws, message| NewError {
        run: &run,
        ws,
        step: None,
        code: Some("E501"),
        signature: "too long",
        message,
        context: json!({"line": 1}),
    };
    assert_eq!(store.error(&error(None, "line 1 too long")).expect("counted"), 1);
    assert_eq!(store.error(&error(None, "line 2 too long")).expect("counted"), 2);
    assert_eq!(store.error(&error(Some("ws-1"), "line 3 too long")).expect("counted"), 1);
    let errors = store.errors(&Filter::default()).expect("rows");
    assert_eq!(errors.iter().map(|row| row.count).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(errors[0].message, "line 2 too long");

    let one = store.event(&NewEvent { run: Some(&run), ..NewEvent::new("one", &json!({})) }).expect("written");
    store.events_at_once(&[NewEvent::new("two", &json!({})), NewEvent::new("three", &json!([3]))]).expect("written");
    let after = store.events(&Filter { after: one, ..Filter::default() }, 10).expect("rows");
    assert_eq!(after.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["two", "three"]);
    assert_eq!(after[1].payload, json!([3]));
}

#[test]
fn small_memories_come_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let (identity, other) = (Digest::of(b"a"), Digest::of(b"b"));
    store.set_program_version(identity, "ruff", "ruff 1").expect("kept");
    assert_eq!(store.program_version(identity).expect("read").as_deref(), Some("ruff 1"));
    assert_eq!(store.program_version(other).expect("read"), None);
    assert_eq!(store.last_version("ruff").expect("read").as_deref(), Some("ruff 1"));

    let path = folder.path().join("a");
    let mut stat = None;
    for text in ["one", "another"] {
        std::fs::write(&path, text).expect("a file");
        let hashes = HashCache::new(std::collections::HashMap::new());
        hashes.mark(i64::MAX);
        let now = stat.insert(OsSystem.stat(&path).expect("stat"));
        hashes.digest(&path, now).expect("a digest");
        store.set_stats(&hashes).expect("kept");
    }
    let known = (stat.expect("stat"), Digest::of(b"another"));
    assert_eq!(store.stats().expect("read").into_iter().collect::<Vec<_>>(), [(path.clone(), known)]);
    store.forget_stats(&[path]).expect("forgotten");
    assert!(store.stats().expect("read").is_empty());

    store.set_landed("ws-1", "c0ffee", identity, true).expect("kept");
    let landed = store.landed().expect("read").remove(0);
    assert_eq!((landed.commit.as_str(), landed.definition, landed.adopted), ("c0ffee", identity, true));
    assert!(store.forget_landed("ws-1").expect("forgotten"));
    assert!(!store.forget_landed("ws-1").expect("nothing left"));

    let kept = Kept {
        ws_id: "ws-1".to_owned(),
        worktree: None,
        candidate_tree: "c".to_owned(),
        base_tree: "b".to_owned(),
        reason: "red".to_owned(),
        run_id: None,
        metadata: json!({"attempts": 3}),
    };
    store.keep(&kept).expect("kept");
    assert_eq!(store.kept("ws-1").expect("read"), Some(kept.clone()));
    assert_eq!(store.all_kept().expect("read"), [kept]);
    store.set_note("a", "b", &json!(1)).expect("kept");
    assert_eq!(store.note("a", "b").expect("read"), Some(json!(1)));
    store.set_note("a", "b", &Value::Null).expect("forgotten");
    assert_eq!(store.note("a", "b").expect("read"), None);
}

fn write_for_ever(dir: &Path) -> ! {
    let store = open(dir);
    for number in 0.. {
        store.record(&new("a", &fingerprint(&format!("{number}")))).expect("written");
        println!("\nwritten {number}");
    }
    unreachable!("BUG: it is killed")
}

#[test]
fn a_writer_that_is_killed_loses_nothing_that_it_acknowledged() {
    if let Some(dir) = std::env::var_os(WRITER_VARIABLE) {
        write_for_ever(Path::new(&dir));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let test = "store::tests::a_writer_that_is_killed_loses_nothing_that_it_acknowledged";
    let mut writer = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", test, "--nocapture"])
        .env(WRITER_VARIABLE, folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("a writer");
    let mut acknowledged = BufReader::new(writer.stdout.take().expect("a pipe"))
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("written ").map(str::to_owned));
    let mut numbers: Vec<String> = acknowledged.by_ref().take(300).collect();
    writer.kill().expect("killed");
    numbers.extend(acknowledged);
    writer.wait().expect("reaped");
    assert!(numbers.len() >= 300);
    // The last line may have been cut off.
    numbers.pop();
    let keys: Vec<Key> = numbers.iter().map(|number| fingerprint(number).key()).collect();
    let planning = Store::open_for_planning(folder.path()).expect("no error").expect("a store");
    assert_eq!(planning.find_all(&keys).expect("read").len(), keys.len());
    let store = open(folder.path());
    assert_eq!(store.find_all(&keys).expect("read").len(), keys.len());
}
