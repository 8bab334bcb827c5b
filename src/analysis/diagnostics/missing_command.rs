//! `missing-command`: nothing to run.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// Nothing to run.
pub static CODE: Code = Code {
    id: "missing-command",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "nothing to run",
    explanation: r#"A setup, a rule and a tool of kind `exec` or `ai` need a `run` (argv) or a `shell` (text). Only tasks may do without: they are groups.

    tool "mine" { kind "exec"; run "mine" "{prompt}" }

Add the command, or give the tool the kind `manual` or `replay`."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a tool",
        files: &[(
            "rules/t.kdl",
            r#"tool "mine" { kind "exec" }
"#,
        )],
        expect: &["missing-command"],
    },
    Case {
        name: "a rule",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; parse "exit-code" }
"#,
        )],
        expect: &["missing-command"],
    },
    Case {
        name: "a person",
        files: &[(
            "rules/t.kdl",
            r#"tool "mine" { kind "manual" }
"#,
        )],
        expect: &[],
    },
];
