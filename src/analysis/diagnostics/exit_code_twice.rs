//! `exit-code-twice`: an exit code that means two things.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An exit code that means two things.
pub static CODE: Code = Code {
    id: "exit-code-twice",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "an exit code that means two things",
    explanation: r#"One exit code is listed as `clean` and as `findings`. Every code not listed means that the program itself failed.

    exit { clean 0; findings 1 }"#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "zero twice",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look"; parse "exit-code"; exit { clean 0; findings 0 1 } }
"#,
        )],
        expect: &["exit-code-twice"],
    },
    Case {
        name: "once each",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look"; parse "exit-code"; exit { clean 0; findings 1 2 } }
"#,
        )],
        expect: &[],
    },
];
