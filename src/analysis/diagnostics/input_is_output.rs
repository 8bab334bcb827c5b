//! `input-is-output`: an output that is its own input.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An output that is its own input.
pub static CODE: Code = Code {
    id: "input-is-output",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "an output that is its own input",
    explanation: r#"A task reads what it writes: each run changes its own inputs, and it would never be up to date.

    task "fmt" { run "fmt" "a.rs"; inputs "a.rs"; outputs "a.rs" }

If that is meant (a formatter), say `in-place`; the task is then recorded under the state that it left. Otherwise remove the input."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "in place, unsaid",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "fmt" { run "fmt"; inputs "a.rs"; outputs "a.rs" }
"#,
        )],
        expect: &["input-is-output"],
    },
    Case {
        name: "in place, said",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "fmt" { run "fmt"; inputs "a.rs"; outputs "a.rs"; in-place }
"#,
        )],
        expect: &[],
    },
];
