//! `unknown-rule`: a rule that nobody declares.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A rule that nobody declares.
pub static CODE: Code = Code {
    id: "unknown-rule",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a rule that nobody declares",
    explanation: r#"`skip-rules` or `use` names a rule that does not exist, so that nothing would be left out, or looked at.

Correct the name; docs/rules.md lists those that `pl` brings along."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a rule that is not there",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    skip-rules "rufff"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &["unknown-rule"],
    },
    Case {
        name: "one that the whole project skips",
        files: &[(
            "Pipelinefile.kdl",
            r#"skip-rules "python-sintax"
task "a" { run "true" }
"#,
        )],
        expect: &["unknown-rule"],
    },
    Case {
        name: "one that is to be used",
        files: &[(
            "Pipelinefile.kdl",
            r#"use "rufff"
task "a" { run "true" }
"#,
        )],
        expect: &["unknown-rule"],
    },
    Case {
        name: "a known rule",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    skip-rules "look"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
            (
                "rules/r.kdl",
                r#"rule "look" { files "**/*.py"; run "look" "{files}"; parse "exit-code" }
"#,
            ),
        ],
        expect: &[],
    },
];
