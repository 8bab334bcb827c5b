//! `instruction-outside-scope`: an instruction that names a path outside the scope.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An instruction that names a path outside the scope.
pub static CODE: Code = Code {
    id: "instruction-outside-scope",
    severity: Severity::Warning,
    class: Class::Config,
    summary: "an instruction that names a path outside the scope",
    explanation: r#"What is to be done mentions a file that the workstream may not touch. A tool that follows the instruction fails its scope; one that keeps to its scope leaves the work undone.

Add the path to `files_scope` (or `files_create`, or `context` if it is only to be read), or leave it out of the text."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "another file",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tasks { - "Move the parser to src/b.py" }
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
        expect: &["instruction-outside-scope"],
    },
    Case {
        name: "its own file",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tasks { - "Move the parser in src/a.py, and/or tidy v1.2" }
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
