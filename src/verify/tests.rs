//! Output of each form, read; and what cannot be read, which is never clean.

use std::collections::BTreeMap;

use super::{Output, read};
use crate::analysis::pipeline::parser::{Elements, Form, Parser, Stream};
use crate::analysis::pipeline::{Check, Command, LooksIn, Missing, Rule};
use crate::base::finding::{Finding, FindingSeverity};

fn parser(form: Form, fields: &[(&str, &str)]) -> Parser {
    Parser {
        form,
        stream: Stream::Stdout,
        fields: fields.iter().map(|(field, path)| ((*field).to_owned(), (*path).to_owned())).collect(),
        line_base: 1,
        column_base: 1,
        column_bytes: false,
        blank_is_clean: false,
    }
}

fn rule(parser: Parser) -> Rule {
    Rule {
        name: "r".into(),
        about: None,
        files: Vec::new(),
        looks_in: LooksIn::All,
        command: Command::Argv(Box::default()),
        exit_clean: vec![0],
        exit_findings: vec![1],
        parsers: vec![parser],
        broken: vec!["^fatal: ".to_owned()],
        check: None,
        category: "style".to_owned(),
        categories: vec![("^E9".to_owned(), "syntax".to_owned())],
        severity: FindingSeverity::Warning,
        severities: BTreeMap::from([("refactor".to_owned(), FindingSeverity::Info)]),
        fix: Vec::new(),
        place: 0,
        inputs: Vec::new(),
        reads_files_only: false,
        missing: Missing::Fail,
        used: false,
        looked_over: true,
        each_file: false,
        hide_source: false,
        patience: Default::default(),
        version: None,
        install: Vec::new(),
        timeout_ms: None,
    }
}

fn elements(each: &str) -> Elements {
    Elements { each: each.to_owned(), only: Vec::new(), errors: None }
}

fn output<'a>(exit: i32, stdout: &'a str, roots: &'a [String]) -> Output<'a> {
    Output { exit, stdout: stdout.as_bytes(), stderr: b"", out: None, roots, text: &|_| None }
}

fn found(rule: &Rule, exit: i32, stdout: &str) -> Result<Vec<Finding>, String> {
    read(rule, output(exit, stdout, &["/w".to_owned()]))
}

/// `path:line:column-end_line:end_column severity category code message`, what is not there left out.
fn shown(finding: &Finding) -> String {
    let number = |number: Option<u32>| number.map(|number| format!(":{number}")).unwrap_or_default();
    let place = format!("{}{}{}", finding.path.as_deref().unwrap_or(""), number(finding.line), number(finding.column));
    let end = format!("-{}{}", finding.end_line.unwrap_or(0), number(finding.end_column)).replace("-0", "");
    let severity = format!("{:?}", finding.severity).to_lowercase();
    format!(
        "{place}{end} {severity} {} {} {}",
        finding.category,
        finding.code.as_deref().unwrap_or("?"),
        finding.message
    )
}

#[track_caller]
fn check(rule: &Rule, stdout: &str, expected: &[&str]) {
    let findings = found(rule, 1, stdout).unwrap();
    assert_eq!(findings.iter().map(shown).collect::<Vec<_>>(), expected);
    assert!(findings.iter().all(|finding| finding.signature.len() == 64));
}

fn json() -> Rule {
    let fields = [
        ("path", "^.filePath"),
        ("line", "location.row"),
        ("column", "location.column|col"),
        ("end-line", "end.0"),
        ("end-column", "spans[is_primary].to"),
        ("code", "X{id}"),
        ("message", "message"),
        ("severity", "level"),
    ];
    rule(parser(Form::Json(elements("$[*].messages[*]")), &fields))
}

#[test]
fn json_paths_are_followed() {
    let text = r#"[{"filePath": "/w/a.py", "messages": [
        {"location": {"row": 3}, "col": 2, "end": [4], "spans": [{"to": 9}, {"is_primary": true, "to": 7}],
         "message": "m", "level": "error", "id": 12},
        {"message": "n", "level": "refactor", "id": null}]}, {"filePath": "b", "messages": []}]"#;
    check(&json(), text, &["a.py:3:2-4:7 error style X12 m", "a.py info style X n"]);
}

#[test]
fn elements_are_chosen() {
    let mut chosen = elements("$.results.*[*]");
    chosen.only =
        vec![("type".to_owned(), vec!["a".to_owned(), "b".to_owned()]), ("gone".to_owned(), vec![String::new()])];
    chosen.errors = Some("$.errors?[*]".to_owned());
    let rule = rule(parser(Form::Json(chosen), &[("message", "m"), ("code", "=fixed")]));
    let text = r#"{"results": {"x": [{"type": "a", "m": "1"}, {"type": "c", "m": "2"}], "y": [{"type": "b", "m": "3", "gone": 1}]}}"#;
    check(&rule, text, &[" warning style fixed 1"]);
    let error =
        found(&rule, 0, r#"{"results": {}, "errors": [{"filename": "x.py", "reason": "syntax"}]}"#).unwrap_err();
    assert!(error.contains("x.py"), "{error}");
    assert_eq!(found(&rule, 0, r#"{"results": {}, "errors": []}"#).unwrap(), []);
}

#[test]
fn what_cannot_be_read_is_never_clean() {
    for (exit, text) in [(1, "no json"), (1, "[]"), (1, ""), (2, "[]"), (0, "{}"), (0, ""), (0, "[{}]")] {
        assert!(found(&json(), exit, text).is_err(), "{exit} {text}");
    }
    assert_eq!(found(&json(), 0, "[]").unwrap(), []);
    assert_eq!(found(&json(), 0, "\u{feff}\u{1b}[0m[]\n").unwrap(), []);
}

#[test]
fn a_document_a_line() {
    let mut parser =
        parser(Form::JsonLines(elements("$")), &[("path", "file"), ("line", "line"), ("column", "column")]);
    (parser.column_base, parser.column_bytes) = (0, true);
    let rule = rule(parser);
    let text = |path: &str| (path == "a.txt").then(|| "one\nä error\n".as_bytes().to_vec());
    let lines = b"{\"file\": \"./a.txt\", \"line\": 2, \"column\": 3}\n";
    let findings =
        read(&rule, Output { exit: 1, stdout: lines, stderr: b"", out: None, roots: &[], text: &text }).unwrap();
    assert_eq!(shown(&findings[0]), "a.txt:2:3 warning style ? ");
    assert_eq!(found(&rule, 0, "").unwrap(), []);
    assert!(found(&rule, 1, "{\"file\": \"a\"}\nTraceback\n").is_err());
}

fn pattern(pattern: &str, whole_text: bool, ignore: Option<&str>, fields: &[(&str, &str)]) -> Rule {
    let ignore = ignore.map(str::to_owned);
    rule(parser(Form::Regex { pattern: pattern.to_owned(), whole_text, ignore }, fields))
}

#[test]
fn a_pattern_reads_lines() {
    let fields = [("path", "{path}"), ("line", "{line}"), ("code", "{code}"), ("message", "{word} => {better}")];
    let text = "noise\n./a.py:7: E901 bad good\n";
    let reads = r"^(?P<path>[^:]+):(?P<line>\d+): (?P<code>\w+) (?P<word>\w+) (?P<better>\w+)$";
    check(&pattern(reads, false, None, &fields), text, &["a.py:7 warning syntax E901 bad => good"]);
    check(&pattern(reads, false, Some("^noise$"), &fields), text, &["a.py:7 warning syntax E901 bad => good"]);
    let strict = pattern(reads, false, Some("^other$"), &fields);
    assert!(found(&strict, 1, text).unwrap_err().contains("noise"));
    assert!(found(&strict, 0, "noise").is_err());
}

#[test]
fn a_pattern_reads_several_lines() {
    let reads = r"(?m)^error: (?P<message>.+)\n +--> (?P<path>.+):(?P<line>\d+):(?P<column>\d+)$";
    let fields = [("path", "{path}"), ("line", "{line}"), ("column", "{column}"), ("message", "{message}")];
    let rule = pattern(reads, true, Some("^ *[|]"), &fields);
    check(&rule, "error: bad\n  --> /w/a.toml:2:5\n   | x\n", &["a.toml:2:5 warning style ? bad"]);
    assert!(found(&rule, 1, "error: bad\n  --> /w/a.toml:2:5\nerror: worse\n").is_err());
}

#[test]
fn a_path_a_line() {
    let fields = [("code", "unformatted"), ("message", "is not formatted")];
    let rule = rule(parser(Form::Lines { ignore: Some("^Checking".to_owned()) }, &fields));
    check(
        &rule,
        "Checking…\n/w/a.js\n\nb c.js\n",
        &["a.js warning style unformatted is not formatted", "b c.js warning style unformatted is not formatted"],
    );
    assert!(found(&rule, 1, "Checking…\n").is_err());
}

#[test]
fn sarif() {
    let rule = rule(parser(Form::Sarif, &[]));
    let log = |invocation: &str, results: &str| {
        format!(
            r#"{{"version": "2.1.0", "runs": [{{"tool": {{"driver": {{"name": "t", "rules": [{{"id": "E9", "helpUri": "https://e.org/E9",
            "defaultConfiguration": {{"level": "note"}}}}]}}}}, "invocations": [{invocation}], "results": {results}}}]}}"#
        )
    };
    let place = r#""locations": [{"physicalLocation": {"artifactLocation": {"uri": "file:///w/a%20b.py"},
        "region": {"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 5}}}]"#;
    let results = format!(
        r#"[{{"ruleId": "E9", "message": {{"text": "m"}}, {place}}}, {{"ruleId": "X", "level": "error", "message": {{"text": "n"}}}},
        {{"ruleId": "X", "message": {{"text": "s"}}, "suppressions": [{{"kind": "inSource"}}]}}]"#
    );
    check(&rule, &log("", &results), &["a b.py:2:3-2:5 info syntax E9 m", " error style X n"]);
    assert_eq!(found(&rule, 1, &log("", &results)).unwrap()[0].help_url.as_deref(), Some("https://e.org/E9"));
    assert_eq!(found(&rule, 0, &log(r#"{"executionSuccessful": true}"#, "[]")).unwrap(), []);
    for (invocation, results) in [(r#"{"executionSuccessful": false}"#, "[]"), ("", "null")] {
        assert!(found(&rule, 0, &log(invocation, results)).is_err());
    }
    assert!(found(&rule, 0, r#"{"runs": []}"#).is_err());
}

#[test]
fn junit() {
    let mut parser = parser(
        Form::Junit {
            pattern: Some(r"(?m)^(?P<path>\S+\.py):(?P<line>\d+): |^E +(?P<message>\w+Error: .*)$".to_owned()),
        },
        &[],
    );
    parser.line_base = 0;
    let rule = rule(parser);
    let report = r#"<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="4">
        <testcase classname="test_a" name="test_good" file="test_a.py" line="0"/>
        <testcase classname="test_a" name="test_bad" file="test_a.py" line="2"><failure message="assert 1 == 2">def
test_a.py:5: AssertionError</failure></testcase>
        <testcase name="test_c"><error message="collection failure">test_c.py:1: in &lt;module&gt;
a.py:2: in &lt;module&gt;
E   ImportError: cannot import name 'b'</error></testcase>
        <testcase name="test_worse" file="test_b.py" line="6"><error>
            it broke</error></testcase></testsuite></testsuites>"#;
    check(
        &rule,
        report,
        &[
            "test_a.py:5 warning test_failure test_a::test_bad test_bad: assert 1 == 2",
            "a.py:2 warning test_failure test_c test_c: ImportError: cannot import name 'b'",
            "test_b.py:7 warning test_failure test_worse test_worse: it broke",
        ],
    );
    for bad in ["", "<testsuites/>", "<html/>", "<testsuites><testsuite"] {
        assert!(found(&rule, 0, bad).is_err(), "{bad}");
    }
}

#[test]
fn tap() {
    let rule = rule(parser(Form::Tap, &[]));
    let report = "TAP version 13
# Subtest: sums
    # Subtest: bad
    not ok 1 - bad
      ---
      location: '/w/a.test.js:2:1'
      error: |-
        Expected values to be strictly equal:

        1 !== 2
      ...
    1..1
not ok 1 - sums
  ---
  type: 'suite'
  ...
ok 2 - good # SKIP not today
not ok 3 - later # TODO write it
not ok 4
1..4
";
    check(
        &rule,
        report,
        &[
            "a.test.js:2:1 warning test_failure bad bad: Expected values to be strictly equal:\n1 !== 2",
            " warning test_failure a test a test failed",
        ],
    );
    assert_eq!(found(&rule, 0, "1..1\nok 1\n").unwrap(), []);
    for bad in ["", "ok 1\n", "1..0\n", "1..2\nok 1\n", "1..1\nok 1\nBail out! no more\n"] {
        assert!(found(&rule, 0, bad).is_err(), "{bad}");
    }
}

#[test]
fn the_exit_code_alone() {
    let rule = rule(parser(Form::ExitCode, &[]));
    check(&rule, " it is wrong\n", &[" warning style ? it is wrong"]);
    assert_eq!(found(&rule, 0, "fine").unwrap(), []);
    assert!(found(&rule, 2, "broke").is_err());
    assert!(found(&rule, 0, "fine\nfatal: it is not\n").unwrap_err().contains("it is not"));
}

#[test]
fn a_report_in_a_file() {
    let mut parser = parser(Form::Tap, &[]);
    parser.stream = Stream::Out;
    let rule = rule(parser);
    assert!(found(&rule, 0, "1..1\nok 1\n").unwrap_err().contains("no report"));
    let out = Output { out: Some(b"1..1\nok 1\n"), ..output(0, "", &[]) };
    assert_eq!(read(&rule, out).unwrap(), []);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]
    #[test]
    fn no_output_is_too_strange(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "ok 1", "not ok 2 - a # TODO", "1..2", "---", "  location: 'a:1:2'", "...", "\n", "    ", "{", "}", "[", "]", ":", ",",
                "\"a\"", "9223372036854775807", "-1", "<testsuites>", "<testcase file='a' line='0'>", "<failure>", "</", "\u{1b}[0m",
                "\u{1b}[", "a.py:1:2: E1 b", "\"runs\"", "\"results\"", "null", "\r", "ä", "file://%e4%f", "\u{0}",
            ]),
            0..24,
        ),
        exit in 0..2_i32,
    ) {
        let text = words.concat();
        let forms = [
            Form::ExitCode,
            Form::Json(elements("$[*].a?.*[*]")),
            Form::JsonLines(elements("$")),
            Form::Sarif,
            Form::Junit { pattern: Some("(?P<path>.):(?P<line>.)".to_owned()) },
            Form::Tap,
            Form::Regex { pattern: "(?P<path>.*?):(?P<line>.*)".to_owned(), whole_text: true, ignore: Some("^a".to_owned()) },
            Form::Lines { ignore: None },
        ];
        for form in forms {
            let mut parser = parser(form, &[("path", "^.a|{path}"), ("line", "b.0"), ("column", "c[d].e"), ("message", "{x}")]);
            (parser.line_base, parser.column_bytes) = (0, true);
            let findings = found(&rule(parser), exit, &text);
            // What is called findings by the program is never nothing.
            assert!(exit == 0 || findings.is_err() || findings.is_ok_and(|findings| !findings.is_empty()));
        }
    }

    #[test]
    fn no_file_is_too_strange(bytes in proptest::collection::vec(proptest::sample::select(b"<=>| \t\r\na\xff\0".to_vec()), 0..40)) {
        use super::check::{File, look};
        let file = File { path: String::from_utf8_lossy(&bytes).into_owned(), bytes };
        let others = [file.path.clone(), "A/b".to_owned()];
        for check in [Check::Paths, Check::ConflictMarkers, Check::Whitespace] {
            look(&rule(parser(Form::ExitCode, &[])), check, std::slice::from_ref(&file), &others);
        }
    }
}
