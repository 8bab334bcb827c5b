//! `create-existing`: `files_create` names a file that exists.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// `files_create` names a file that exists.
pub static CODE: Code = Code {
    id: "create-existing",
    severity: Severity::Warning,
    class: Class::Config,
    summary: "`files_create` names a file that exists",
    explanation: r#"`files_create` lets a workstream add a path, not change it. This file is in the base commit already, so that the entry allows nothing.

    files-create "src/a.py"                        // exists: files-scope

Move it to `files_scope` if it is to be changed, or remove it."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "an existing file",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    files-create "src/b.py"
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
        expect: &["create-existing"],
    },
    Case {
        name: "a new file",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    files-create "src/n.py"
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
