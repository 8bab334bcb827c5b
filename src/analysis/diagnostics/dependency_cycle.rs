//! `dependency-cycle`: dependencies that form a circle.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// Dependencies that form a circle.
pub static CODE: Code = Code {
    id: "dependency-cycle",
    severity: Severity::Error,
    class: Class::Cycle,
    summary: "dependencies that form a circle",
    explanation: r#"Each of these waits for the next and the last for the first; none could start. The path is shown with the place of every step.

    ws-1-a -> ws-2-b -> ws-1-a

Remove one of the dependencies. If two pieces of work need each other, they are one workstream."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "two workstreams",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    depends-on "ws-2"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-b" {
    files-scope "src/b.py"
    depends-on "ws-1"
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
        expect: &["dependency-cycle"],
    },
    Case {
        name: "three tasks",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "a" { depends-on "b" }
task "b" { depends-on "c" }
task "c" { depends-on "a" }
"#,
        )],
        expect: &["dependency-cycle"],
    },
    Case {
        name: "a chain",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "a" { depends-on "b" }
task "b" { depends-on "c" }
task "c" { run "true" }
"#,
        )],
        expect: &[],
    },
];
