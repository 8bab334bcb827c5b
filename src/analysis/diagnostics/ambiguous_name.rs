//! `ambiguous-name`: a prefix that fits several names.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A prefix that fits several names.
pub static CODE: Code = Code {
    id: "ambiguous-name",
    severity: Severity::Error,
    class: Class::Dependency,
    summary: "a prefix that fits several names",
    explanation: r#"A name that is not written in full is resolved by a prefix that ends at a `-`. Here several names begin so.

    depends-on "ws-15"                             // ws-15-parser or ws-15-printer?

Write more of the name."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "two candidates",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-1-b" {
    files-scope "src/b.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-c" {
    files-scope "src/c.py"
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
            ("tree/src/c.py", ""),
        ],
        expect: &["ambiguous-name"],
    },
    Case {
        name: "exact beats prefix",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-1-b" {
    files-scope "src/b.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-c" {
    files-scope "src/c.py"
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
            ("tree/src/c.py", ""),
        ],
        expect: &[],
    },
];
