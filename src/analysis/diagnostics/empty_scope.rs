//! `empty-scope`: a pattern that matches nothing.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A pattern that matches nothing.
pub static CODE: Code = Code {
    id: "empty-scope",
    severity: Severity::Warning,
    class: Class::Config,
    summary: "a pattern that matches nothing",
    explanation: r#"No path of the base commit matches this pattern or lies in this folder. That is right where the workstream will add such files, and a misspelling elsewhere.

    files-scope "sorce/**/*.py""#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a glob",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py" "sorce/**"
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
        expect: &["empty-scope"],
    },
    Case {
        name: "a glob that matches",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/**"
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
