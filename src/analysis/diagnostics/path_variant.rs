//! `path-variant`: a path that differs from an existing one in case or Unicode form only.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A path that differs from an existing one in case or Unicode form only.
pub static CODE: Code = Code {
    id: "path-variant",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a path that differs from an existing one in case or Unicode form only",
    explanation: r#"Paths are compared byte by byte. This one does not exist, but one that looks alike does; on some systems both would be the same file.

    files-scope "src/Config.py"                    // the tree has src/config.py

Write the path as it is in the tree."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "another case",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/A.py"
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
        expect: &["path-variant"],
    },
    Case {
        name: "a folder in another case",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    files-create "Src/n.py"
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
        expect: &["path-variant"],
    },
    Case {
        name: "the same bytes",
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
