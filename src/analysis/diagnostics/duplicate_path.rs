//! `duplicate-path`: a path listed twice.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A path listed twice.
pub static CODE: Code = Code {
    id: "duplicate-path",
    severity: Severity::Warning,
    class: Class::Schema,
    summary: "a path listed twice",
    explanation: "The same entry stands twice in one workstream, in one list or in both. What is in `files_scope` may be created, too. Remove one.",
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "twice",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py" "./src/a.py"
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
        expect: &["duplicate-path", "normalised-path"],
    },
    Case {
        name: "in both lists",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    files-create "src/a.py"
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
        expect: &["duplicate-path", "create-existing"],
    },
    Case {
        name: "once",
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
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &[],
    },
];
