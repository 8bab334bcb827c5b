//! `overlapping-outputs`: two tasks that make one thing.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// Two tasks that make one thing.
pub static CODE: Code = Code {
    id: "overlapping-outputs",
    severity: Severity::Error,
    class: Class::Overlap,
    summary: "two tasks that make one thing",
    explanation: r#"Two tasks declare the same output, or one's output lies inside the other's. Whichever ran last would win, and neither record could be trusted.

    task "a" { run "make" "a"; outputs "dist/" }
    task "b" { run "make" "b"; outputs "dist/b.txt" }

Give each its own place, or make one task of them."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "equal",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "a" { run "a"; outputs "x" }
task "b" { run "b"; outputs "x" }
"#,
        )],
        expect: &["overlapping-outputs"],
    },
    Case {
        name: "nested",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "a" { run "a"; outputs "dist/" }
task "b" { run "b"; outputs "dist/b.txt" }
"#,
        )],
        expect: &["overlapping-outputs"],
    },
    Case {
        name: "apart",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "a" { run "a"; outputs "dist/a" }
task "b" { run "b"; outputs "dist/b" }
"#,
        )],
        expect: &[],
    },
];
