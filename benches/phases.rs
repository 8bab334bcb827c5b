//! What each phase costs: parse, compile, judge, hash, schedule. `cargo bench --bench phases [FILTER]`
//!
//! Sizes are arguments of the benchmarks; time per item is linear where a phase is. Against other tools: benches/compare.

#![expect(clippy::disallowed_methods, reason = "makes the files that are read")]
#![allow(missing_docs, reason = "a benchmark is its name")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

use pl::analysis::{Overrides, analyse};
use pl::base::span::FileId;
use pl::cli::engine::{Project, planning};
use pl::exec::schedule::{self, Ended, Jobs};
use pl::graph::build::build;
use pl::syntax::definition::Definitions;
use pl::syntax::{FileKind, parse};
use pl::system::file_hash::hash_file;
use pl::system::profile::Profile;

fn main() {
    divan::main();
}

/// Tasks that copy, each with two inputs; every tenth hangs on the one before it.
fn task_file(tasks: usize) -> String {
    let mut text = String::from("{\"tasks\": [\n");
    for number in 0..tasks {
        let comma = if number == 0 { "" } else { ",\n" };
        let other = if number % 10 == 0 { "src/common.h".to_owned() } else { format!("out/{:06}.o", number - 1) };
        let _ = write!(
            text,
            "{comma}{{\"name\": \"s{number:06}\", \"run\": [\"cp\", \"-f\", \"src/{number:06}.c\", \"out/{number:06}.o\"], \
             \"inputs\": [\"src/{number:06}.c\", \"{other}\"], \"outputs\": [\"out/{number:06}.o\"]}}"
        );
    }
    text.push_str("\n]}\n");
    text
}

fn kdl_file(tasks: usize) -> String {
    let mut text = String::new();
    for number in 0..tasks {
        let _ = writeln!(
            text,
            "task \"s{number:06}\" {{\n    run \"cp\" \"-f\" \"src/{number:06}.c\" \"out/{number:06}.o\"\n    \
             inputs \"src/{number:06}.c\" \"src/common.h\"\n    outputs \"out/{number:06}.o\"\n}}"
        );
    }
    text
}

fn bundle(number: usize) -> String {
    format!(
        "{{\"id\": \"ws-{number:04}-part\", \"openspec_change\": \"parts\", \"ccpm_issue\": {number}, \"gate\": 1,\n \
         \"files_scope\": [\"src/part{number:04}/\"], \"files_create\": [\"src/part{number:04}/new.py\"],\n \
         \"tasks\": [\"Move the part\", \"Leave a shim\"], \"acceptance_tests\": [\"python -m pytest -q tests/part{number:04}\"],\n \
         \"depends_on\": [], \"tool\": \"aider\"}}"
    )
}

fn bundles(number: usize) -> Vec<Arc<Definitions>> {
    (0..number).map(|number| definitions(FileKind::Bundle, &bundle(number))).collect()
}

fn definitions(kind: FileKind, text: &str) -> Arc<Definitions> {
    Arc::new(parse(kind, FileId(0), text).definitions)
}

#[divan::bench(args = [1_000, 10_000])]
fn parse_json(bencher: Bencher, tasks: usize) {
    let text = task_file(tasks);
    bencher.counter(ItemsCount::new(tasks)).bench_local(|| parse(FileKind::TaskFile, FileId(0), black_box(&text)));
}

#[divan::bench(args = [1_000, 10_000], sample_count = 10)]
fn parse_kdl(bencher: Bencher, tasks: usize) {
    let text = kdl_file(tasks);
    bencher.counter(ItemsCount::new(tasks)).bench_local(|| parse(FileKind::Include, FileId(0), black_box(&text)));
}

#[divan::bench(args = [1_000])]
fn parse_bundles(bencher: Bencher, number: usize) {
    let texts: Vec<String> = (0..number).map(bundle).collect();
    bencher.counter(ItemsCount::new(number)).bench_local(|| {
        texts.iter().map(|text| parse(FileKind::Bundle, FileId(0), black_box(text))).collect::<Vec<_>>()
    });
}

#[divan::bench(args = [1_000, 10_000])]
fn compile_tasks(bencher: Bencher, tasks: usize) {
    let definitions = [definitions(FileKind::TaskFile, &task_file(tasks))];
    bencher.counter(ItemsCount::new(tasks)).bench_local(|| compile(black_box(&definitions)));
}

#[divan::bench(args = [1_000])]
fn compile_bundles(bencher: Bencher, number: usize) {
    let definitions = bundles(number);
    bencher.counter(ItemsCount::new(number)).bench_local(|| compile(black_box(&definitions)));
}

fn compile(definitions: &[Arc<Definitions>]) -> usize {
    let analysis = analyse(definitions, None, &Overrides::default());
    build(&analysis.pipeline, &[].into()).map_or(0, |graph| graph.len())
}

/// All that `pl check` does in a project of its own: definitions read, inputs looked at and hashed, verdicts.
#[divan::bench(args = [1_000], sample_count = 10)]
fn judge(bencher: Bencher, tasks: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "Pipelinefile.kdl", "include \"tasks.json\"\n");
    write(folder.path(), "tasks.json", &task_file(tasks));
    write(folder.path(), "src/common.h", "int common;\n");
    sources(folder.path(), tasks);
    let project =
        Project { directory: folder.path().to_owned(), set: Vec::new(), tool: None, profile: Profile::default() };
    bencher
        .counter(ItemsCount::new(tasks))
        .bench_local(|| planning::plan(&project, &[], false).expect("a plan").report.would_run);
}

#[divan::bench(args = [1_000])]
fn hash(bencher: Bencher, files: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = sources(folder.path(), files);
    bencher
        .counter(ItemsCount::new(files))
        .bench_local(|| paths.iter().map(|path| hash_file(path).expect("a digest")).collect::<Vec<_>>());
}

fn sources(folder: &Path, number: usize) -> Vec<PathBuf> {
    let text = "int a_line_of_source(int argument) { return argument; }\n".repeat(80);
    (0..number).map(|number| write(folder, &format!("src/{number:06}.c"), &text)).collect()
}

fn write(folder: &Path, path: &str, text: &str) -> PathBuf {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(&path, text).expect("a file");
    path
}

struct Nothing;

impl Jobs for Nothing {
    fn run(&self, _: usize) -> Ended {
        Ended::Good
    }
    fn blocked(&self, _: usize, _: usize) {}
    fn dropped(&self, _: usize) {}
    fn stopped(&self) -> bool {
        false
    }
}

#[divan::bench(args = ["wide", "chain", "three"])]
fn schedule(bencher: Bencher, shape: &str) {
    let jobs = 10_000;
    let needs: Vec<Vec<usize>> = (0..jobs)
        .map(|job: usize| match shape {
            "wide" => Vec::new(),
            "chain" => job.checked_sub(1).into_iter().collect(),
            _ => (1..=3).filter_map(|back| job.checked_sub(back * 100)).collect(),
        })
        .collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("a pool");
    bencher.counter(ItemsCount::new(jobs)).bench_local(|| schedule::run(&Nothing, &needs, &[], &pool, false));
}
