//! Real programs, started, ended and looked for.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use super::cancel::Cancel;
use super::{Ended, Finished, OUTPUT_BYTES_MAX, Request, StartFailure, run, started, sweep_all};

fn request(folder: &Path, argv: &[&str]) -> Request {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Request {
        argv: argv.iter().map(OsString::from).collect(),
        file: None,
        dir: folder.to_owned(),
        environment: vec![("PATH".into(), path)],
        timeout: None,
        idle: None,
        log: folder.join("logs/log"),
        limit: OUTPUT_BYTES_MAX,
        ends: None,
        marker: "test".to_owned(),
    }
}

fn shell(folder: &Path, script: &str) -> Request {
    request(folder, &["sh", "-c", script])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn lines(finished: &Finished) -> Vec<String> {
    text(&finished.stdout).lines().map(str::to_owned).collect()
}

/// The environment variable that makes a test the `pl` that is killed.
const OWNER_VARIABLE: &str = "PL_TEST_PROCESS_OWNER";

/// Ended, or ended and not yet reaped by whoever has to.
fn is_gone(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

/// Strays come to the process, not to the thread: one test after the other, so that each counts its own.
fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[test]
fn output_is_kept_apart_and_together() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let before = started();
    let finished = run(&shell(folder.path(), "echo out; echo err >&2; cat; pwd >&2; exit 3"), &Cancel::new());
    assert_eq!(finished.ended, Ended::Exited(3));
    assert!(started() > before);
    let real = folder.path().canonicalize().expect("a path");
    assert_eq!(text(&finished.stdout), "out\n");
    assert_eq!(text(&finished.stderr), format!("err\n{}\n", real.display()));
    assert_eq!(finished.output_tail, std::fs::read(folder.path().join("logs/log")).expect("a log"));
    assert_eq!(finished.output_tail.len(), finished.stdout.len() + finished.stderr.len());
    assert!(!finished.truncated);
    assert_eq!((finished.left_behind, finished.log_error), (0, None));
}

#[test]
fn long_output_is_cut_in_memory_and_whole_in_the_log() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let limited = Request { limit: 100, ..shell(folder.path(), "yes | head -c 1000000; echo end") };
    let finished = run(&limited, &Cancel::new());
    assert!(finished.truncated);
    assert_eq!(finished.stdout.len(), 100);
    assert!(finished.stdout.ends_with(b"\nend\n"));
    assert_eq!(std::fs::metadata(&limited.log).expect("a log").len(), 1_000_004);
}

#[test]
fn the_environment_is_what_is_given_and_the_marker() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let mut request = request(folder.path(), &["env"]);
    request.environment.push(("A".into(), "1".into()));
    let finished = run(&request, &Cancel::new());
    let mut names: Vec<_> =
        lines(&finished).iter().map(|line| line.split('=').next().unwrap_or("").to_owned()).collect();
    names.sort();
    assert_eq!(names, ["A", "PATH", "PL_STEP"]);
}

#[test]
fn what_cannot_start_says_why() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    std::fs::write(root.join("text"), "").expect("a file");
    std::fs::write(root.join("script"), "#!/no/such/shell\n").expect("a file");
    std::os::unix::fs::symlink("/bin/sh", root.join("link")).expect("a link");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(root.join("script"), mode).expect("a mode");
    let failed = |argv: &[&str]| match run(&request(root, argv), &Cancel::new()).ended {
        Ended::NotStarted(failure) => failure,
        ended => panic!("{ended:?}"),
    };
    assert_eq!(failed(&["no-such-program"]), StartFailure::Missing);
    assert_eq!(failed(&["./no-such-program"]), StartFailure::Missing);
    assert_eq!(failed(&["./text"]), StartFailure::NotExecutable);
    assert!(matches!(failed(&["./script"]), StartFailure::Other(why) if why.contains("interpreter")));
    assert!(matches!(failed(&[]), StartFailure::Other(_)));
    let nowhere = Request { dir: root.join("nowhere"), ..request(root, &["true"]) };
    assert_eq!(run(&nowhere, &Cancel::new()).ended, Ended::NotStarted(StartFailure::NoFolder));
    assert_eq!(run(&request(root, &["./link", "-c", "exit 0"]), &Cancel::new()).ended, Ended::Exited(0));
}

#[test]
fn a_timeout_ends_the_whole_group() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let timeout = Some(Duration::from_millis(200));
    let request = Request { timeout, ..shell(folder.path(), "sleep 1000 & echo $!; echo $$; wait") };
    let finished = run(&request, &Cancel::new());
    assert_eq!(finished.ended, Ended::TimedOut);
    assert_eq!(lines(&finished).len(), 2);
    assert!(lines(&finished).iter().all(|pid| is_gone(pid)));
}

#[test]
fn who_is_silent_for_too_long_is_ended_whole() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let idle = Some(Duration::from_millis(500));
    let silent = "echo $$; mkfifo p; cat p & echo $!; wait";
    let finished = run(&Request { idle, ..shell(folder.path(), silent) }, &Cancel::new());
    assert_eq!(finished.ended, Ended::Idle);
    assert_eq!(lines(&finished).len(), 2);
    assert!(lines(&finished).iter().all(|pid| is_gone(pid)));
    let timeout = Some(Duration::from_millis(900));
    let talks = Request { idle, timeout, ..shell(folder.path(), "while :; do echo x; done") };
    assert_eq!(run(&talks, &Cancel::new()).ended, Ended::TimedOut);
}

#[test]
fn who_does_not_listen_is_killed() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let cancel = Cancel::new();
    let request = shell(folder.path(), "trap '' TERM; echo $$; while :; do sleep 1000; done");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&request, &cancel));
        let said = || std::fs::read_to_string(&request.log).unwrap_or_default().ends_with('\n');
        wait_until("it starts", said);
        cancel.kill();
        let finished = running.join().expect("no panic");
        assert_eq!(finished.ended, Ended::Cancelled);
        assert!(Duration::from_millis(finished.duration_ms) < super::GRACE);
        assert!(lines(&finished).iter().all(|pid| is_gone(pid)));
    });
    assert_eq!(run(&request, &cancel).ended, Ended::Cancelled);
}

#[test]
fn what_a_program_leaves_in_the_background_ends_with_it() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    let finished = run(&shell(folder.path(), "sleep 1000 & echo $!; exit 0"), &Cancel::new());
    assert_eq!(finished.ended, Ended::Exited(0));
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert_eq!(finished.left_behind, 1);
    assert!(lines(&finished).iter().all(|pid| is_gone(pid)));
}

#[test]
fn what_left_the_group_is_found() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let script = "setsid sh -c 'echo $$ >pid; sleep 1000 & echo $! >>pid; echo ok >go; wait' >/dev/null 2>&1 &
        while ! [ -e go ]; do sleep 0.01; done";
    let finished = run(&shell(folder.path(), script), &Cancel::new());
    assert_eq!(finished.ended, Ended::Exited(0));
    let left = std::fs::read_to_string(folder.path().join("pid")).expect("pids");
    assert_eq!(left.lines().count(), 2);
    assert!(left.lines().all(is_gone), "{left}");
    assert!(finished.left_behind >= 1);
}

#[test]
fn a_signal_that_was_not_ours_is_named() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(run(&shell(folder.path(), "kill -SEGV $$"), &Cancel::new()).ended, Ended::Signalled(11));
}

#[test]
fn what_is_left_after_kill_minus_nine_is_swept_at_the_next_start() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let marker = format!("swept-{}", std::process::id());
    // As long as another run is active, nobody takes an orphan without a marker of its own for a stray.
    let _active = super::orphan::Active::enter("another");
    let script = "setsid sleep 1000 >/dev/null 2>&1 & echo $! >pid; echo go; exec sleep 1000";
    let mut owner = std::process::Command::new("sh")
        .args(["-c", script])
        .current_dir(folder.path())
        .env(super::MARKER_VARIABLE, format!("{marker}:1.1"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("a process");
    let mut line = [0_u8; 3];
    std::io::Read::read_exact(owner.stdout.as_mut().expect("a pipe"), &mut line).expect("go");
    owner.kill().expect("killed");
    owner.wait().expect("reaped");
    let left = std::fs::read_to_string(folder.path().join("pid")).expect("a pid");
    assert!(!is_gone(left.trim()));
    // While it executes, nobody can read its environment.
    let of_process = |what: &str| std::fs::read(format!("/proc/{}/{what}", left.trim())).unwrap_or_default();
    let carries = || of_process("environ").windows(marker.len()).any(|bytes| bytes == marker.as_bytes());
    wait_until("it sleeps", || of_process("cmdline").starts_with(b"sleep") && carries());
    assert_eq!(sweep_all("no-such-project"), 0);
    assert_eq!(sweep_all(&marker), 1);
    wait_until("it is gone", || is_gone(left.trim()));
}

#[test]
fn a_program_dies_with_its_pl_and_was_traced() {
    let _turn = turn();
    if let Some(folder) = std::env::var_os(OWNER_VARIABLE) {
        run(&shell(Path::new(&folder), "echo $$; exec sleep 1000"), &Cancel::new());
    }
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let mut owner = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "process::tests::a_program_dies_with_its_pl_and_was_traced"])
        .env(OWNER_VARIABLE, folder.path())
        .env(super::TRACE_VARIABLE, &trace)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("an owner");
    let log = folder.path().join("logs/log");
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    wait_until("it starts", || said().ends_with('\n'));
    let pid = said().trim().to_owned();
    assert!(!is_gone(&pid));
    owner.kill().expect("killed");
    owner.wait().expect("reaped");
    wait_until("it dies", || is_gone(&pid));
    let traced = std::fs::read_to_string(trace).expect("a trace");
    assert_eq!(traced, "[\"sh\",\"-c\",\"echo $$; exec sleep 1000\"]\n");
}

#[test]
fn many_at_once_do_not_reap_one_another() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let folder = folder.path().join(worker.to_string());
                scope.spawn(move || {
                    std::fs::create_dir(&folder).expect("a folder");
                    let script = format!("setsid sleep 1000 >/dev/null 2>&1 & exit {worker}");
                    (0..20).all(|_| run(&shell(&folder, &script), &Cancel::new()).ended == Ended::Exited(worker))
                })
            })
            .collect();
        assert!(workers.into_iter().all(|worker| worker.join().expect("no panic")));
    });
}
