//! `bad-output`: an output that cannot be declared.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An output that cannot be declared.
pub static CODE: Code = Code {
    id: "bad-output",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "an output that cannot be declared",
    explanation: r#"An output is one file, or one folder with a trailing `/`. A pattern cannot be checked to have been made, and `.pl/` belongs to `pl`. A task without a command makes nothing. A `depfile` is one file, of a task with a command and with `inputs`, to which it adds.

    outputs "dist/*.js"                            // "dist/""#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a pattern",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { run "t"; outputs "dist/*.js" }
"#,
        )],
        expect: &["bad-output"],
    },
    Case {
        name: "a group",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { outputs "dist/" }
"#,
        )],
        expect: &["bad-output"],
    },
    Case {
        name: "depfiles",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "a" { run "t"; inputs "a"; depfile "d/" }
task "b" { run "t"; inputs "a"; depfile "*.d" }
task "c" { run "t"; depfile "c.d" }
task "d" { inputs "a"; depfile "d.d" }
task "e" { run "t"; inputs "a"; depfile ".pl/d" }
"#,
        )],
        expect: &["bad-output", "bad-output", "bad-output", "bad-output", "bad-output"],
    },
    Case {
        name: "a depfile",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "a" { run "t"; inputs "a"; outputs "b"; depfile "{out}.d" }
"#,
        )],
        expect: &[],
    },
    Case {
        name: "a depfile named after no output",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "a" { run "t"; inputs "a"; depfile "{out}.d" }
"#,
        )],
        expect: &["misplaced-property"],
    },
    Case {
        name: "a folder",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { run "t"; outputs "dist/" }
"#,
        )],
        expect: &[],
    },
];
