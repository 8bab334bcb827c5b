//! Programs of rules that print what is no report, or end as none should: always the tool's failure, never clean, and nobody is asked
//! to mend the candidate for it.

use crate::fixing::lab::{Lab, asked};
use crate::support::{step, workstream};

/// A rule `bad` with this line of shell and this way to read it; the build's class, and a part of what is said.
#[track_caller]
fn odd(line: &str, parse: &str, class: &str, says: &str) {
    let project = Lab { fixers: &[("first", "echo good > a.txt")], ..Lab::default() }.project();
    let rules = project.read("rules/lab.kdl");
    let (tools, _) = rules.split_once("rule ").expect("a rule");
    let rule = format!("rule \"bad\" {{ files \"**/*.txt\"; shell ##\"{line}\"##; parse {parse} }}\n");
    project.write("rules/lab.kdl", format!("{tools}{rule}"));
    let built = project.build(&["ws-1"], 1);
    let failure = &step(&built, "ws-1/bad")["failure"];
    assert_eq!(failure["class"], class, "{line}: {failure:#}");
    assert!(failure["message"].as_str().is_some_and(|message| message.contains(says)), "{line}: {failure:#}");
    assert_eq!(workstream(&built, "ws-1")["class"], class);
    assert_eq!(asked(&project), ["coder"], "{line}");
    assert!(!project.path(".pl/quarantine").exists());
}

#[test]
fn what_is_no_report_is_the_tool_s_failure() {
    let pattern = r##""regex" { pattern #"^(?P<path>[^:]+):(?P<line>\d+):(?P<message>.*)$"# }"##;
    let junit = r#""junit" { stream "out" }"#;
    let json = r#""json" { each "$[*]"; path "a" }"#;
    let bomb =
        r#"echo '<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY c "&b;&b;">]><testsuites>&c;</testsuites>' > {out}; exit 1"#;
    let cut = "echo '<testsuites><testsuite><testcase name=\"b\"><failure>' > {out}; exit 1";
    for (line, parse, class, says) in [
        (
            "head -c 40000000 /dev/zero | tr '\\0' 'a'; exit 1",
            pattern,
            "infrastructure",
            "it printed more than is kept",
        ),
        ("yes 'a.txt:1:bad' | head -n 3000000; exit 1", pattern, "infrastructure", "it printed more than is kept"),
        ("kill -SEGV $$", pattern, "crash", "was ended by signal 11"),
        (cut, junit, "infrastructure", "its report is no XML"),
        (bomb, junit, "infrastructure", "XML with DTD detected"),
        ("exit 1", junit, "infrastructure", "it wrote no report"),
        (": > {out}; exit 0", junit, "infrastructure", "it printed nothing"),
        ("head -c 200000 /dev/zero | tr '\\0' '['; exit 1", json, "infrastructure", "its output is no JSON"),
        ("echo 'a.txt is bad'; exit 1", pattern, "infrastructure", "none could be read"),
    ] {
        odd(line, parse, class, says);
    }
}

#[test]
fn a_path_out_of_the_tree_is_told_and_not_read() {
    let sarif = r#"{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[{"ruleId":"A","message":{"text":"m"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"../secret"},"region":{"startLine":1}}}]}]}]}"#;
    let project = Lab::default().project();
    let rules = project.read("rules/lab.kdl");
    let (tools, _) = rules.split_once("rule ").expect("a rule");
    let line = format!("grep -q bad a.txt || exit 0; echo hidden > ../secret; echo '{sarif}'; exit 1");
    let rule =
        format!("rule \"bad\" {{ files \"**/*.txt\"; shell ##\"{line}\"##; parse \"sarif\" {{ blank \"clean\" }} }}\n");
    project.write("rules/lab.kdl", format!("{tools}{rule}"));
    let ran = project.pl(&["build", "ws-1"]).expect(1).says("../secret:1: ").says("bad found 1 fault");
    assert!(!ran.output().contains("│ hidden"), "{}", ran.output());
}
