//! `unknown-pool`: a pool that nobody declares.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A pool that nobody declares.
pub static CODE: Code = Code {
    id: "unknown-pool",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a pool that nobody declares",
    explanation: r#"A task or a tool takes a place in a pool that `pools` does not have.

    pools { db 1 }
    task "test" { pool "bd"; run "make" "test" }   // did you mean "db"?

Correct the name, or give the pool a size. The pool `ai` is always there, with 2 places unless `pools` says otherwise."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a misspelt pool",
        files: &[(
            "Pipelinefile.kdl",
            r#"pools { db 1 }
task "t" { run "true"; pool "bd" }
"#,
        )],
        expect: &["unknown-pool"],
    },
    Case {
        name: "a known pool",
        files: &[(
            "Pipelinefile.kdl",
            r#"pools { db 1 }
task "t" { run "true"; pool "db" }
"#,
        )],
        expect: &[],
    },
];
