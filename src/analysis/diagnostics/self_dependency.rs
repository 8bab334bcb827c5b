//! `self-dependency`: something that waits for itself.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// Something that waits for itself.
pub static CODE: Code = Code {
    id: "self-dependency",
    severity: Severity::Error,
    class: Class::Cycle,
    summary: "something that waits for itself",
    explanation: "A workstream or task lists itself in `depends-on`; it could never start. Remove the entry.",
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a workstream",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    depends-on "ws-1-a"
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
        ],
        expect: &["self-dependency"],
    },
    Case {
        name: "a task",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { depends-on "t"; run "true" }
"#,
        )],
        expect: &["self-dependency"],
    },
    Case {
        name: "another one",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
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
        expect: &[],
    },
];
