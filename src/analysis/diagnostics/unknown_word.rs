//! `unknown-word`: a word that is not among those that are known here.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A word that is not among those that are known here.
pub static CODE: Code = Code {
    id: "unknown-word",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a word that is not among those that are known here",
    explanation: r#"Some fields take one of a few words, for instance `in="scope" | "changed" | "all"`, `severity "error" | "warning" | "info"`,
`kind "ai" | "exec" | "manual" | "replay"`, `gates "ordered"`. The help names them all."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a kind",
        files: &[(
            "rules/t.kdl",
            r#"tool "mine" { kind "robot"; run "mine" }
"#,
        )],
        expect: &["unknown-word"],
    },
    Case {
        name: "where a rule looks",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py" in="scoop"; run "look"; parse "exit-code" }
"#,
        )],
        expect: &["unknown-word"],
    },
    Case {
        name: "known words",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"gates "ordered"
"#,
            ),
            (
                "rules/r.kdl",
                r#"rule "look" { files "**/*.py" in="all"; run "look"; parse "exit-code"; severity "info"; reads "files"; missing "skip" }
"#,
            ),
        ],
        expect: &[],
    },
];
