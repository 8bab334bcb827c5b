//! `create-folder`: a folder in `files_create` without its `/`.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A folder in `files_create` without its `/`.
pub static CODE: Code = Code {
    id: "create-folder",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a folder in `files_create` without its `/`",
    explanation: r#"In `files_create` a folder needs a trailing `/`, because nothing else tells it from a file that is not there yet.

    files-create "src/new/"                        // everything below src/new

Add the `/`."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "an existing folder",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    files-create "src"
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
        expect: &["create-folder"],
    },
    Case {
        name: "with its slash",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    files-create "docs/"
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
