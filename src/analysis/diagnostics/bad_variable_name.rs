//! `bad-variable-name`: a variable that could never be used.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A variable that could never be used.
pub static CODE: Code = Code {
    id: "bad-variable-name",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a variable that could never be used",
    explanation: r#"A variable's name is a lower-case letter followed by lower-case letters, digits or `-`, and not the name of a property
(`files scope-files prompt out worktree workstream args`), because properties are looked up first.

    let { out "build" }                            // {out} is a setup's folder

Give it another name."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a property's name",
        files: &[(
            "Pipelinefile.kdl",
            r#"let { out "build" }
"#,
        )],
        expect: &["bad-variable-name"],
    },
    Case {
        name: "a capital letter",
        files: &[(
            "Pipelinefile.kdl",
            r#"let { Python "3.12" }
"#,
        )],
        expect: &["bad-variable-name"],
    },
    Case {
        name: "an identifier",
        files: &[(
            "Pipelinefile.kdl",
            r#"let { python-3 "3.12" }
"#,
        )],
        expect: &[],
    },
];
