//! `unknown-target`: a default target that does not exist.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A default target that does not exist.
pub static CODE: Code = Code {
    id: "unknown-target",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a default target that does not exist",
    explanation: "`default` names what a plain `pl build` builds: tasks, workstreams (exactly or by a prefix that ends at a `-`), globs, `gate:N`, `setup:NAME`, or a declared output. This is none of them.",
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a misspelt task",
        files: &[(
            "Pipelinefile.kdl",
            r#"default "cii"
task "ci" { run "true" }
"#,
        )],
        expect: &["unknown-target"],
    },
    Case {
        name: "a task",
        files: &[(
            "Pipelinefile.kdl",
            r#"default "ci"
task "ci" { run "true" }
"#,
        )],
        expect: &[],
    },
];
