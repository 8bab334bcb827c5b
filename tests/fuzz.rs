//! Texts that nobody would write, given to everything that reads text: nothing panics, nothing takes for ever, every
//! span lies in its text, and two patterns that share a path are known to meet.
//!
//! ```text
//! cargo test --release --test fuzz                                      a moment each, as in every test run
//! PL_FUZZ_SECONDS=600 cargo test --release --test fuzz -- --nocapture   ten minutes each
//! PL_FUZZ_SEED=7 cargo test --release --test fuzz kdl -- --nocapture    one group from a seed that was printed
//! PL_FUZZ_INPUT=FILE cargo test --release --test fuzz kdl               one input once more
//! ```
//!
//! Inputs are good files of this repository and the cases of all diagnostics, changed at random. One that goes wrong is
//! written to the target's `tmp` folder, whose path is printed.

#![expect(clippy::disallowed_methods, reason = "reads the files that it changes, and writes one that went wrong")]

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use pl::analysis::Overrides;
use pl::analysis::diagnostics as resolved;
use pl::analysis::listing::Listing;
use pl::analysis::pipeline::{Check, Rule};
use pl::analysis::scope::entry::normalise;
use pl::analysis::scope::intersect::Shape;
use pl::base::duration::parse_duration_ms;
use pl::base::path::{Pattern, compile_glob};
use pl::base::span::FileId;
use pl::git::patch::read::read_patch;
use pl::project::{carried_rules, load};
use pl::report::Style;
use pl::report::diagnostics::{Form, render};
use pl::syntax::diagnostics as written;
use pl::syntax::{FileKind, parse};
use pl::system::memory::MemorySystem;
use pl::verify::check;
use pl::verify::signature::signature;

/// Longer than this for one small input is a hang.
const INPUT_SECONDS_MAX: u64 = 20;
/// Bytes that an input may grow to.
const INPUT_BYTES_MAX: usize = 64 * 1024;
/// From this time on every input is written before it is tried, so that what kills the process is known, too.
const LONG: Duration = Duration::from_secs(5);

/// Random numbers that a seed repeats: xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % end
    }

    fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// What the languages are made of.
const WORDS: [&str; 48] = [
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "#\"",
    "\"#",
    "\"\"\"",
    "\\",
    "\\u{1F980}",
    "\\u{110000}",
    "//",
    "/*",
    "*/",
    "/-",
    ";",
    "\n",
    "\r\n",
    "\t",
    "\u{feff}",
    "\u{0}",
    "é",
    "🦀",
    "=",
    "#true",
    "#null",
    "null",
    "1e999",
    "-0",
    "0x",
    "**",
    "*",
    "?",
    "[!a-z]",
    "{a,b}",
    "{{",
    "}}",
    "{files}",
    "..",
    "/",
    "task",
    "run",
    "shell",
    "workstream \"ws-1-a\" {",
    "@@ -1,2 +3 @@",
    "--- a/x\n+++ b/x\n",
];

/// One change of an input.
fn mutate(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let to = (at + random.below(40)).min(bytes.len());
    match random.below(9) {
        0 if at < bytes.len() => bytes[at] = random.next().to_le_bytes()[0],
        1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        2 => drop(bytes.drain(at..to)),
        3 => {
            let copy = bytes[at..to].to_vec();
            let place = random.below(bytes.len() + 1);
            drop(bytes.splice(place..place, copy));
        }
        4 => {
            let other = &corpus[random.below(corpus.len())];
            let from = random.below(other.len() + 1);
            let end = (from + random.below(200)).min(other.len());
            drop(bytes.splice(at..to, other[from..end].iter().copied()));
        }
        5 => bytes.truncate(at),
        6 => {
            let word = random.pick(&WORDS).repeat([1, 1, 1, 2, 60, 3_000][random.below(6)]);
            drop(bytes.splice(at..at, word.into_bytes()));
        }
        _ => {
            let word = random.pick(&WORDS);
            drop(bytes.splice(at..at, word.bytes()));
        }
    }
    bytes.truncate(INPUT_BYTES_MAX);
}

fn environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

/// Tries inputs for as long as was asked.
fn fuzz(group: &str, corpus: &[Vec<u8>], attempt: fn(&[u8])) {
    if let Some(file) = environment::<PathBuf>("PL_FUZZ_INPUT") {
        return attempt(&std::fs::read(file).expect("an input"));
    }
    let time = Duration::from_secs(environment("PL_FUZZ_SECONDS").unwrap_or(1));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_nanos();
    let seed: u64 = environment("PL_FUZZ_SEED").unwrap_or((now & 0xffff_ffff) as u64 | 1);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{group}-{seed}"));
    println!("fuzz {group}: seed {seed}, {} files, {} s", corpus.len(), time.as_secs());
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let (begun, mut tried) = (Instant::now(), 0_u64);
    while begun.elapsed() < time {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        for _ in 0..random.below(7) {
            mutate(&mut bytes, corpus, &mut random);
        }
        if time > LONG {
            std::fs::write(&file, &bytes).expect("an input");
        }
        let since = Instant::now();
        let ended = catch_unwind(AssertUnwindSafe(|| attempt(&bytes)));
        let took = since.elapsed();
        if ended.is_err() || took.as_secs() > INPUT_SECONDS_MAX {
            std::fs::write(&file, &bytes).expect("an input");
            panic!("fuzz {group}: seed {seed}, input {} ({} ms)", file.display(), took.as_millis());
        }
        tried += 1;
    }
    let _ = std::fs::remove_file(&file);
    println!("fuzz {group}: {tried} inputs, nothing found");
}

/// Good files of the repository and files of all cases, those whose path ends so.
fn corpus(ends: &[&str]) -> Vec<Vec<u8>> {
    let fits = |path: &str| ends.iter().any(|end| path.ends_with(end));
    let cases = written::ALL.iter().chain(resolved::ALL).flat_map(|(_, cases)| cases.iter());
    let files = cases.flat_map(|case| case.files.iter()).filter(|(path, _)| fits(path) && !path.starts_with("tree/"));
    let mut all: Vec<Vec<u8>> = files.map(|(_, text)| text.as_bytes().to_vec()).collect();
    let mut open = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR"))];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() && !name.starts_with('.') && !["target", "src", "schema", "docs"].contains(&name.as_str())
            {
                open.push(path);
            } else if fits(&name) {
                all.extend(std::fs::read(path).ok().filter(|bytes| bytes.len() < INPUT_BYTES_MAX));
            }
        }
    }
    all.sort();
    all.dedup();
    all
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Reads a text as `kind`; every place that is named is in it.
fn read(kind: FileKind, bytes: &[u8]) {
    let text = text(bytes);
    let parsed = parse(kind, FileId(0), &text);
    for label in parsed.diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels) {
        let (start, end) = (label.span.start as usize, label.span.end as usize);
        assert!(start <= end && text.get(start..end).is_some(), "{:?} is not in the text", label.span);
    }
    assert_eq!(parse(kind, FileId(0), &text), parsed, "read twice, it is not the same");
}

/// Reads and resolves a project of one text, and shows what is wrong with it.
fn resolve(path: &str, bytes: &[u8]) {
    let system = MemorySystem::default()
        .with_file("/project/Pipelinefile.kdl", "include \"gen/t.json\"\nlet { python \"3\" }\n")
        .with_file("/project/gen/t.json", "{\"tasks\": []}")
        .with_file(Path::new("/project").join(path), text(bytes));
    let listing = Listing::new(["src/a.py", "src/b.py", "docs/é.md"].map(str::to_owned).to_vec());
    let project = load(&system, Path::new("/project"), Some(&listing), &Overrides::default());
    for form in [Form::Graphical, Form::Plain] {
        render(&project.diagnostics, &project.sources, &Style::PLAIN, form);
    }
}

fn kdl(bytes: &[u8]) {
    for kind in [FileKind::Pipelinefile, FileKind::Rules, FileKind::Workstreams, FileKind::Include] {
        read(kind, bytes);
    }
}

/// Globs of the first line against those of the second, and the paths of the rest: what both match, they share.
fn patterns(bytes: &[u8]) {
    let text = text(bytes);
    let mut lines = text.lines();
    let pattern = |line: Option<&str>| {
        let line = line.unwrap_or_default();
        let _ = normalise(line);
        Some(Pattern::Glob(line.into())).zip(compile_glob(line).ok())
    };
    let (Some((left, left_matcher)), Some((right, right_matcher))) = (pattern(lines.next()), pattern(lines.next()))
    else {
        return;
    };
    let (left_shape, right_shape) = (Shape::of(&left), Shape::of(&right));
    let meets = left_shape.meets(&right_shape);
    assert_eq!(meets, right_shape.meets(&left_shape), "{left:?} {right:?}");
    for path in lines.filter(|path| normalise(path).is_ok_and(|_| !path.split('/').any(str::is_empty))) {
        let both = left_matcher.is_match(path) && right_matcher.is_match(path);
        assert!(!both || meets, "{left:?} and {right:?} both match {path:?}");
    }
}

fn durations(bytes: &[u8]) {
    let text = text(bytes);
    for line in text.lines() {
        let _ = parse_duration_ms(line);
        let once = signature("code", line);
        assert_eq!(signature("code", line), once);
    }
}

fn strings(all: &[&str]) -> Vec<Vec<u8>> {
    all.iter().map(|text| text.as_bytes().to_vec()).collect()
}

#[test]
fn kdl_files() {
    fuzz("kdl", &corpus(&[".kdl"]), kdl);
}

#[test]
fn json_bundles() {
    fuzz("bundles", &corpus(&[".json"]), |bytes| read(FileKind::Bundle, bytes));
}

#[test]
fn json_task_files() {
    fuzz("tasks", &corpus(&[".json"]), |bytes| read(FileKind::TaskFile, bytes));
}

#[test]
fn whole_projects_in_kdl() {
    fuzz("projects-kdl", &corpus(&[".kdl"]), |bytes| resolve("Pipelinefile.kdl", bytes));
}

#[test]
fn whole_projects_in_json() {
    fuzz("projects-json", &corpus(&[".json"]), |bytes| {
        resolve("workstreams/w.json", bytes);
        resolve("gen/t.json", bytes);
    });
}

#[test]
fn patches() {
    let corpus = corpus(&[".patch"]);
    fuzz("patches", &corpus, |bytes| drop(read_patch(bytes)));
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(carried_rules);

/// What is found lies in the file.
fn checks(bytes: &[u8]) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    for rule in RULES.iter() {
        let Some(kind @ (Check::Json | Check::Yaml)) = rule.check else { continue };
        let file = check::File { path: "a".to_owned(), bytes: bytes.to_vec() };
        for finding in check::look(rule, kind, &[file], &[]) {
            // YAML has further ends of lines, and may end behind the last one.
            let last = lines + 1 + bytes.iter().filter(|byte| **byte == b'\r').count();
            assert!(finding.line.is_some_and(|line| line >= 1 && line as usize <= last), "{finding:?}");
        }
    }
}

#[test]
fn json_and_yaml() {
    let mut corpus = corpus(&[".json", ".yaml", ".yml"]);
    corpus.extend(strings(&["a: &x {b: [1, \"c\"], ? d : e}\n<<: *x\n", "---\n- !foo |\n  text\n- >-\n  more\n...\n"]));
    fuzz("json-and-yaml", &corpus, checks);
}

#[test]
fn patterns_and_what_they_share() {
    let mut corpus =
        strings(&["src/**/*.py\nsrc/a/*.p?\nsrc/a/b.py\nsrc/a.py", "{a,b}/[!c]*\n**/x\nb/x\na/b/x", "*\n?\na\nb"]);
    corpus.extend(strings(&[
        "a/**\n**/b\na/b\na/c/b",
        "[a-c]*.{rs,py}\n*b?.py\nab1.py",
        "a{b,{c,d}}/**/*\nac/*/é\nac/x/é",
    ]));
    fuzz("patterns", &corpus, patterns);
}

#[test]
fn durations_and_signatures() {
    let mut lines = String::from("10m\n1h30m\n5s\n1.5h\n99999999999999999999d\n");
    let _ = writeln!(lines, "at 0x7fff /a/b.py:12: 'x' failed in 3.2 s on 2026-01-01T00:00:00Z");
    fuzz("durations", &strings(&[&lines, "1ms", "-1s", "m"]), durations);
}
