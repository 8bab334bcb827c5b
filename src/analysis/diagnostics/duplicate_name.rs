//! `duplicate-name`: one name for two things.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// One name for two things.
pub static CODE: Code = Code {
    id: "duplicate-name",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "one name for two things",
    explanation: r#"Two definitions of the same kind have one name, or a task and a workstream share one (both are targets of `pl build`).
A project's rule, tool or route may replace one that `pl` brings along; two of its own may not. It is the same where a rule
is named by `use` and by `skip-rules` of the project.

Rename or remove one of them."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "two tasks",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { run "true" }
task "t" { run "false" }
"#,
        )],
        expect: &["duplicate-name"],
    },
    Case {
        name: "two bundles",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"#,
            ),
            (
                "workstreams/more.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/b.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
            (
                "tree/src/b.py",
                r#"b = 1
"#,
            ),
        ],
        expect: &["duplicate-name"],
    },
    Case {
        name: "two variables",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"let { a "1" }
include "more.kdl"
"#,
            ),
            (
                "more.kdl",
                r#"let { a "2" }
"#,
            ),
        ],
        expect: &["duplicate-name"],
    },
    Case {
        name: "a rule that is used and skipped",
        files: &[(
            "Pipelinefile.kdl",
            r#"use "codespell"
skip-rules "codespell" "python-syntax"
task "t" { run "true" }
"#,
        )],
        expect: &["duplicate-name"],
    },
    Case {
        name: "a rule that always is, skipped",
        files: &[(
            "Pipelinefile.kdl",
            r#"use "codespell"
skip-rules "python-syntax"
task "t" { run "true" }
"#,
        )],
        expect: &[],
    },
    Case {
        name: "a shipped tool replaced",
        files: &[(
            "rules/t.kdl",
            r#"tool "aider" { kind "ai"; run "aider" "{prompt}" }
"#,
        )],
        expect: &[],
    },
];
