//! `unknown-setup`: a setup that nobody defines.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A setup that nobody defines.
pub static CODE: Code = Code {
    id: "unknown-setup",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a setup that nobody defines",
    explanation: r#"A workstream's `setups`, or a task's `depends-on "setup:NAME"`, names a setup that is not defined.

    setup "python" { run "python3" "-m" "venv" "{out}" }
    task "test" { depends-on "setup:pyton" }       // did you mean "python"?

Correct the name, or define the setup."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a misspelt setup",
        files: &[(
            "Pipelinefile.kdl",
            r#"setup "python" { run "python3" "-m" "venv" "{out}" }
task "t" { depends-on "setup:pyton"; run "true" }
"#,
        )],
        expect: &["unknown-setup"],
    },
    Case {
        name: "a known setup",
        files: &[(
            "Pipelinefile.kdl",
            r#"setup "python" { run "python3" "-m" "venv" "{out}" }
task "t" { depends-on "setup:python"; run "true" }
"#,
        )],
        expect: &[],
    },
];
