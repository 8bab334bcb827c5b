//! `unused-allow-overlap`: an `allow-overlap` that nothing needs.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An `allow-overlap` that nothing needs.
pub static CODE: Code = Code {
    id: "unused-allow-overlap",
    severity: Severity::Warning,
    class: Class::Overlap,
    summary: "an `allow-overlap` that nothing needs",
    explanation: "These two workstreams cannot touch a common path, or are ordered anyway. Remove the exception, so that it does not hide a later overlap.",
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "no overlap",
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
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
allow-overlap "ws-1" "ws-2"
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
        expect: &["unused-allow-overlap"],
    },
    Case {
        name: "needed",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-b" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
allow-overlap "ws-1" "ws-2"
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &[],
    },
];
