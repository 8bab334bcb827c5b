//! Worktrees against the git program: made, taken from the pool, looked at after an edit, and the fence around a tool.
//!
//! `cargo bench --bench worktrees [-- FILES ROUNDS]` prints a table in Markdown. Rounds are interleaved, so that a load of
//! the machine falls on all alike; numbers are ratios of medians to `git worktree add`, of time and of processor time (all
//! threads; less disturbed by other load, and blind to what runs side by side). `PL_BENCH_DIR` names another place
//! than the build folder: one in memory shows what is ours, one on the disk what people wait for. Knows no command line.

#![expect(clippy::disallowed_methods, reason = "makes a repository of its own and runs git in it")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use pl::git::fence::{Fence, Memory};
use pl::git::object::CommitId;
use pl::git::repository::Repository;
use pl::git::snapshot::snapshot;
use pl::git::stats::Stats;
use pl::git::worktree::pool::Pool;
use pl::git::worktree::{Created, create, remove};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const FILES: usize = 20_000;
const ROUNDS: usize = 11;
/// Files that differ between the two commits.
const AWAY: usize = 20;
/// Files that the edit changes whose snapshot is taken.
const EDITED: usize = 42;
const FILES_A_FOLDER: usize = 20;
const FOLDERS_A_PACKAGE: usize = 20;

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let files = numbers.first().copied().unwrap_or(FILES);
    let rounds = numbers.get(1).copied().unwrap_or(ROUNDS);
    let lab = Lab::new(files);
    let mut series: Vec<Series> = Vec::new();
    for round in 0..=rounds {
        let times = lab.round();
        // The first one warms the caches.
        if round == 0 {
            series = times.iter().map(|(name, _)| Series { name, times: Vec::new() }).collect();
            continue;
        }
        series.iter_mut().zip(times).for_each(|(one, (_, took))| one.times.push(took));
    }
    let (unit, unit_cpu) = (series[0].median(|took| took.wall_ms), series[0].median(|took| took.cpu_ms));
    println!("{files} files, {AWAY} apart, {rounds} rounds, {}\n", lab.git(&lab.dir(), &["--version"]).trim());
    println!("| what | time | median ms | least | most | processor time | median ms |\n|---|---|---|---|---|---|---|");
    for one in &series {
        let sorted = one.sorted(|took| took.wall_ms);
        let (median, median_cpu) = (one.median(|took| took.wall_ms), one.median(|took| took.cpu_ms));
        let (ratio, ratio_cpu) = (median / unit, median_cpu / unit_cpu);
        let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
        println!(
            "| {} | {ratio:.3} | {median:.1} | {least:.1} | {most:.1} | {ratio_cpu:.3} | {median_cpu:.1} |",
            one.name
        );
    }
}

/// What something took.
#[derive(Clone, Copy)]
struct Took {
    wall_ms: f64,
    cpu_ms: f64,
}

struct Series {
    name: &'static str,
    times: Vec<Took>,
}

impl Series {
    fn sorted(&self, which: fn(&Took) -> f64) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.times.iter().map(which).collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    fn median(&self, which: fn(&Took) -> f64) -> f64 {
        self.sorted(which)[self.times.len() / 2]
    }
}

/// A repository with two commits on the disk that builds use.
struct Lab {
    folder: PathBuf,
    repository: Repository,
    first: CommitId,
    second: CommitId,
}

impl Lab {
    fn new(files: usize) -> Self {
        let around = std::env::var_os("PL_BENCH_DIR").map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from);
        let folder = around.join(format!("worktrees-{}", std::process::id()));
        let dir = folder.join("main");
        std::fs::create_dir_all(&dir).expect("a folder");
        git(&dir, &["init", "-q", "-b", "main"]);
        let paths: Vec<PathBuf> = (0..files).map(path).collect();
        for (number, path) in paths.iter().enumerate() {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            let lines = 10 + number * 7919 % 110;
            let text: String = (0..lines).map(|line| format!("line {line} of {}\n", number * 31 + line * 17)).collect();
            std::fs::write(path, text).expect("a file");
        }
        commit(&dir, "first");
        for path in paths.iter().step_by(files / AWAY) {
            std::fs::write(dir.join(path), "changed\n").expect("a file");
        }
        commit(&dir, "second");
        git(&dir, &["repack", "-adq"]);
        let repository = Repository::open(&dir).expect("a repository");
        let (first, second) =
            (repository.resolve("HEAD~1").expect("first"), repository.resolve("HEAD").expect("second"));
        Self { folder, repository, first, second }
    }

    fn dir(&self) -> PathBuf {
        self.folder.join("main")
    }

    fn git(&self, dir: &Path, arguments: &[&str]) -> String {
        git(dir, arguments)
    }

    /// Everything once, with the time it took.
    fn round(&self) -> Vec<(&'static str, Took)> {
        let by_git = self.folder.join("by-git");
        let place = by_git.display().to_string();
        let (_, add) =
            timed(|| self.git(&self.dir(), &["worktree", "add", "-q", "--detach", &place, &self.first.hex()]));
        let (_, checkout) = timed(|| self.git(&by_git, &["checkout", "-q", "-f", "--detach", &self.second.hex()]));
        self.edit(&by_git);
        let (_, write_tree) = timed(|| {
            self.git(&by_git, &["add", "-A"]);
            self.git(&by_git, &["write-tree"])
        });
        self.git(&self.dir(), &["worktree", "remove", "--force", &place]);
        settle();

        let pool = Pool::new(&self.folder.join("pool"), 1);
        let (created, made) = timed(|| self.create("made"));
        let tree = self.repository.tree_of(self.first).expect("a tree");
        let (_, given) = timed(|| pool.give(&self.repository, &created.worktree, tree, &created.stats).expect("given"));
        pool.persist().expect("a table");
        let next = Pool::new(&self.folder.join("pool"), 1);
        let place = self.folder.join("taken");
        let take = || next.take(&self.repository, &place, "taken", self.second, "bench").expect("taken").expect("one");
        let (taken, took) = timed(take);
        assert_eq!(self.git(&place, &["status", "--porcelain", "--ignored"]), "");
        self.edit(&place);
        let since = self.repository.tree_of(self.second).expect("a tree");
        let look = |stats: &Stats| {
            snapshot(&self.repository, &taken.worktree, since, self.second, stats, &|_| false)
                .expect("a snapshot")
                .delta
        };
        let (delta, looked) = timed(|| look(&taken.stats));
        assert_eq!(delta.changes.len(), EDITED);
        let (_, whole) = timed(|| look(&Stats::default()));
        let memory = Memory::default();
        let fence = || Fence::look(&self.repository, &memory, &[self.dir()], &[]).expect("a look");
        let (_, first_fenced) = timed(fence);
        let (before, fenced) = timed(fence);
        assert!(before.differences(&fence()).is_empty());
        let (_, removed) = timed(|| remove(&self.repository, &taken.worktree).expect("removed"));
        settle();
        vec![
            ("`git worktree add`", add),
            ("`pl`: the first worktree", made),
            ("`pl`: from the pool", took),
            ("`git checkout -f`, the same way", checkout),
            ("`pl`: back to the pool", given),
            ("`pl`: removed instead", removed),
            ("`pl`: snapshot after an edit of 42 files", looked),
            ("`pl`: the same, every file read", whole),
            ("`git add -A`, `git write-tree`, the same edit", write_tree),
            ("`pl`: the first look of the fence at the main checkout", first_fenced),
            ("`pl`: each further look", fenced),
        ]
    }

    fn create(&self, name: &str) -> Created {
        create(&self.repository, &self.folder.join(name), name, self.first, "bench").expect("a worktree")
    }

    fn edit(&self, dir: &Path) {
        for number in 0..EDITED {
            std::fs::write(dir.join(path(number * 97)), format!("edited {number}\n")).expect("a file");
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn path(number: usize) -> PathBuf {
    let folder = number / FILES_A_FOLDER;
    let package = folder / FOLDERS_A_PACKAGE;
    PathBuf::from(format!("package{package:03}/module{:02}/file{number:06}.py", folder % FOLDERS_A_PACKAGE))
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (begun, cpu_ms) = (Instant::now(), cpu_ms());
    let result = work();
    (result, Took { wall_ms: begun.elapsed().as_secs_f64() * 1000.0, cpu_ms: self::cpu_ms() - cpu_ms })
}

/// Processor time of all threads of ours and of the children that ended, as Linux tells it: see proc(5).
fn cpu_ms() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok());
    let own_ns: f64 = stats.filter_map(|text| text.split(' ').next()?.parse::<f64>().ok()).sum();
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold blanks: the 13th and 14th field are user and system time of children.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let children: f64 = fields.skip(13).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    own_ns / 1e6 + children * 1000.0 / TICKS_A_SECOND
}

/// What was removed is off the disk's mind before the next is timed.
fn settle() {
    let _ = Command::new("sync").status();
}

fn commit(dir: &Path, message: &str) {
    git(dir, &["add", "-A"]);
    git(dir, &["-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "-q", "-m", message]);
}

fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("git");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
