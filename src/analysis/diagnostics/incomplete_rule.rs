//! `incomplete-rule`: a rule that lacks something, or has something that nothing reads.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A rule that lacks something, or has something that nothing reads.
pub static CODE: Code = Code {
    id: "incomplete-rule",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a rule that lacks something, or has something that nothing reads",
    explanation: r#"A rule needs `files`, a command and a `parse`. `parse "json"` needs `each` and at least `path` or `message`; `parse "regex"` needs `pattern`; `exit-code` takes nothing.

    parse "json" { each "$[*]"; path "filename"; line "location.row"; message "message" }"#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "json without each",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look"; parse "json" { path "file" } }
"#,
        )],
        expect: &["incomplete-rule"],
    },
    Case {
        name: "no files",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { run "look"; parse "exit-code" }
"#,
        )],
        expect: &["incomplete-rule"],
    },
    Case {
        name: "complete",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look"; parse "json" { each "$.results[*]"; path "file"; line "pos.row"; message "text" } }
"#,
        )],
        expect: &[],
    },
];
