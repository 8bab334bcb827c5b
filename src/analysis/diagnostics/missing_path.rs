//! `missing-path`: a scope that names a file which is not there.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A scope that names a file which is not there.
pub static CODE: Code = Code {
    id: "missing-path",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a scope that names a file which is not there",
    explanation: r#"A literal entry of `files_scope` must exist in the base commit, or be something that this workstream or one that it depends on may create.
Otherwise it is most often a misspelling, and a tool would be sent to a file that does not exist.

    files-scope "src/confg.py"                     // did you mean "src/config.py"?

Correct the path, or move it to `files_create` if the workstream is to make it."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a misspelt file",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/aa.py"
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
        expect: &["missing-path"],
    },
    Case {
        name: "made by one that is not waited for",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    files-create "src/n.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-b" {
    files-scope "src/n.py"
    gate 1
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
        expect: &["missing-path", "overlap"],
    },
    Case {
        name: "made by a dependency",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    files-create "src/n.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-b" {
    files-scope "src/n.py"
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
        ],
        expect: &[],
    },
];
