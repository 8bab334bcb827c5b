//! `overlap`: two unordered workstreams that can touch one path.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// Two unordered workstreams that can touch one path.
pub static CODE: Code = Code {
    id: "overlap",
    severity: Severity::Error,
    class: Class::Overlap,
    summary: "two unordered workstreams that can touch one path",
    explanation: r#"The scopes of two workstreams can name a common path, and neither waits for the other. Run side by side, their results could not both be kept as they are.

    workstream "ws-1-a" { files-scope "src/" }
    workstream "ws-2-b" { files-scope "src/a.py" } // src/a.py is in both

Order them with `depends-on`, narrow a scope, or say that it is meant:

    allow-overlap "ws-1-a" "ws-2-b" reason="both add entries to one table"

Then their changes are merged three-way."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a file in a folder",
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
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &["overlap"],
    },
    Case {
        name: "two patterns",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/*.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-b" {
    files-scope "src/a*"
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
        expect: &["overlap"],
    },
    Case {
        name: "both create it",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    files-create "new/x.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-b" {
    files-scope "src/b.py"
    files-create "new/"
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
        expect: &["overlap"],
    },
    Case {
        name: "ordered",
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
    Case {
        name: "allowed",
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
allow-overlap "ws-1" "ws-2" reason="one table"
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
