//! Whether two red tests are red in the same way: by the lines that speak of a failure, without what moves from run to run.
//!
//! A test is a command and its output has no form, so failed tests are known by the words of their lines (`FAILED a::b - why`,
//! `not ok 3 - b`, `ValueError: why`), with their reasons, whatever the order. Knows no program by name.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// Words of lines that tell what failed, or why.
static TELLING: LazyLock<Regex> = LazyLock::new(|| {
    let words = [
        r"(?i:\bnot ok\b)",
        r"(?i:\bfail(s|ed|ing|ures?)?\b)",
        r"(?i:\berrors?\b)",
        r"\w(Error|Exception|Failure)\b",
        r"(?i:\bpanick?(ed)?\b)",
        r"(?i:\bassert)",
        r"(?i:\b(un)?expected\b)",
        r"^E\s",
        "[✗✖✘×]",
    ];
    Regex::new(&words.join("|")).expect("BUG: a fixed pattern")
});

/// What moves from run to run, and what stands in its place. A small number is what a test found: it stays.
static MOVING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        ("\u{1b}\\[[0-9;]*[A-Za-z]", ""),
        (r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?)?(Z|[+-]\d\d:?\d\d)?", "T"),
        (r"\b\d\d?:\d\d(:\d\d([.,]\d+)?)?\b", "T"),
        (
            r"\b((Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(\d\d? )?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)( +\d{1,4})*\b",
            "T",
        ),
        (r"\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", "H"),
        (r"\b0x[0-9a-fA-F]+\b|\b[0-9a-f]{7,64}\b", "H"),
        // Of an absolute path its last part may say something, unless it is a temporary one.
        (r#"(/|[A-Za-z]:\\)[^\s:,;()'"`\]>]+"#, "P"),
        (r"\btmp\w+|\bpytest-\d+\b", "P"),
        // Seconds, with what stands before them: `1m 3.2s`.
        (r"\b(\d+(\.\d+)? ?(h|hours?|m|mins?|minutes?) ?)*\d+([.,]\d+)? ?(ns|us|µs|ms|s|secs?|seconds?)\b", "D"),
        (r"\b(line|column|pid|port|process|thread|seed)([ =:#]+)\d+", "$1 N"),
        (r"(:|\(|\[)\d+", "${1}N"),
        (r"\b(not )?ok \d+", "${1}ok N"),
        (
            r"\b\d+( |/|\\)(\d+|\w*(pass|fail|error|test|skip|ignor|warning|assert|measured|filtered|suite|item|subtest|ok)\w*)",
            "N $2",
        ),
        (r"\b\d+ of \d+\b", "N"),
        (r"\b\d{4,}\b", "N"),
        (r"^[-=_*.·•─═ ]+|[-=_*.·•─═ ]+$|[-=_*.·•─═]{4,}", ""),
        (r"\s+", " "),
    ];
    rules.iter().map(|(pattern, word)| (Regex::new(pattern).expect("BUG: a fixed pattern"), *word)).collect()
});

/// Whether two outputs tell of the same failure. One that says nothing is like no other.
pub fn are_alike(one: &str, other: &str) -> bool {
    let (one, other) = (Said::of(one), Said::of(other));
    if one.telling.is_empty() || other.telling.is_empty() {
        return !one.all.is_empty() && one.all == other.all;
    }
    one.telling == other.telling
}

/// The lines of an output, without what moves.
struct Said {
    all: BTreeSet<String>,
    telling: BTreeSet<String>,
}

impl Said {
    fn of(text: &str) -> Self {
        let plain = |line: &str| {
            MOVING
                .iter()
                .fold(line.trim().to_owned(), |line, (moving, word)| moving.replace_all(&line, *word).into_owned())
        };
        let all: BTreeSet<String> = text.lines().map(plain).filter(|line| !line.trim().is_empty()).collect();
        let telling = all.iter().filter(|line| TELLING.is_match(line)).cloned().collect();
        Self { all, telling }
    }
}

#[cfg(test)]
mod tests {
    use super::are_alike;

    #[test]
    fn what_moves_from_run_to_run_does_not_count() {
        for (one, other) in [
            ("no module", "no module\n"),
            ("b\na\n", "a\nb\n"),
            (
                "FAILED tests/a.py::b - Boom: x\nthree passed",
                "four passed\n\u{1b}[31mFAILED\u{1b}[0m tests/a.py::b - Boom: x",
            ),
            ("== 1 failed, 2 passed in 0.03s ==", "=== 1 failed, 3 passed in 1.20s ==="),
            ("Error: at 0x7fff12 in /tmp/a1/x", "Error: at 0x80aa12 in /tmp/b2/x"),
            ("Error: Sat, 21 Nov 2026 10:00:03", "Error: Sun, 22 Nov 2026 09:12:44"),
            ("Error: Sat Nov 21 10:00", "Error: Sun Nov 22 09:12"),
            ("Error: listening on port 45123", "Error: listening on port 3000"),
            (
                "Error: 2026-11-21T10:00:00Z id 3f2504e0-4f89-41d3-9a0c-0305e82c3301",
                "Error: 2026-11-22T11:00:00Z id 0f8fad5b-d9cb-469f-a165-70867728950e",
            ),
            ("thread 'a' (8499) panicked at src/lib.rs:10:9:", "thread 'a' (31) panicked at src/lib.rs:22:9:"),
            ("FAIL [   0.008s] (1/2) sums a", "FAIL [   1.108s] (2/2) sums a"),
            ("1..2\nok 1 - a\nnot ok 2 - b", "1..2\nnot ok 1 - b\nok 2 - a"),
            ("--- FAIL: TestA (0.00s)\nFAIL\tm\t1m0.5s", "--- FAIL: TestA (0.02s)\nFAIL\tm\t0.2s"),
            ("Error in tmpab12/x.py, line 7", "Error in tmpzz/x.py, line 12"),
        ] {
            assert!(are_alike(one, other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn another_test_another_reason_and_another_result_count() {
        for (one, other) in [
            ("", ""),
            ("FAILED a::b", "FAILED a::c"),
            ("FAILED a::b", "FAILED a::b\nFAILED a::c"),
            ("FAILED a::b - ImportError: no name", "FAILED a::b - AssertionError: no"),
            ("E  assert 0 == 3", "E  assert 2 == 3"),
            ("ModuleNotFoundError: No module named 'a'", "ModuleNotFoundError: No module named 'b'"),
            ("not ok 1 - a", "not ok 1 - b"),
            ("nothing there", "something there"),
            ("FAILED a::b", "nothing"),
        ] {
            assert!(!are_alike(one, other), "{one:?} {other:?}");
        }
    }
}
