//! `later-gate`: a dependency on a later gate.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A dependency on a later gate.
pub static CODE: Code = Code {
    id: "later-gate",
    severity: Severity::Error,
    class: Class::Dependency,
    summary: "a dependency on a later gate",
    explanation: r#"Gates are phases: what belongs to gate 1 is done before gate 2 begins, so nothing in gate 1 can wait for something in gate 2.

    workstream "ws-1-a" { gate 1; depends-on "ws-2" }  // ws-2 has gate 2

Raise this workstream's gate, lower the other's, or remove the dependency."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "gate 1 on gate 2",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    gate 1; depends-on "ws-2"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-b" {
    files-scope "src/b.py"
    gate 2
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
        expect: &["later-gate"],
    },
    Case {
        name: "gate 2 on gate 1",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    gate 1
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-b" {
    files-scope "src/b.py"
    gate 2; depends-on "ws-1"
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
