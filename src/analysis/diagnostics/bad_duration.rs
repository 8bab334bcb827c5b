//! `bad-duration`: a length of time that cannot be read.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A length of time that cannot be read.
pub static CODE: Code = Code {
    id: "bad-duration",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a length of time that cannot be read",
    explanation: r#"A duration is a whole number with its unit: `"500ms"`, `"90s"`, `"10m"`, `"2h"`, in quotes, and more than nothing.

    defaults { timeout "ten minutes" }             // "10m""#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "words",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { run "true"; timeout "ten minutes" }
"#,
        )],
        expect: &["bad-duration"],
    },
    Case {
        name: "minutes",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { run "true"; timeout "10m" }
"#,
        )],
        expect: &[],
    },
];
