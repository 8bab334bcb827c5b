//! `unknown-task`: a task that nobody defines.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A task that nobody defines.
pub static CODE: Code = Code {
    id: "unknown-task",
    severity: Severity::Error,
    class: Class::Dependency,
    summary: "a task that nobody defines",
    explanation: r#"A task's `depends-on` names a task or setup that is not defined.

    task "ci" { depends-on "tset" }                // did you mean "test"?

Correct the name. Setups are written `setup:NAME`. A task cannot wait for a workstream: name both on the command line, or in `default`."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a misspelt task",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "test" { run "true" }
task "ci" { depends-on "tset" }
"#,
        )],
        expect: &["unknown-task"],
    },
    Case {
        name: "a setup that is not there",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "ci" { depends-on "setup:python" }
"#,
        )],
        expect: &["unknown-setup"],
    },
    Case {
        name: "tasks and setups",
        files: &[(
            "Pipelinefile.kdl",
            r#"setup "python" { run "python3" "-m" "venv" "{out}" }
task "test" { depends-on "setup:python"; run "true" }
task "ci" { depends-on "test" }
"#,
        )],
        expect: &[],
    },
];
