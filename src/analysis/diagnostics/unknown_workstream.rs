//! `unknown-workstream`: a workstream that nobody defines.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A workstream that nobody defines.
pub static CODE: Code = Code {
    id: "unknown-workstream",
    severity: Severity::Error,
    class: Class::Dependency,
    summary: "a workstream that nobody defines",
    explanation: r#"A `depends-on` (or `allow-overlap`) names a workstream that is not among the definitions.

    workstream "ws-2-b" { depends-on "ws-9" }      // there is no ws-9-…

Names are resolved exactly, else by a prefix that ends at a `-`: `ws-15` finds `ws-15-refactor`, `ws-1` does not.
Correct the name, or add the bundle it means to `workstreams/`."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a dependency that is not there",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    depends-on "ws-9"
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
        expect: &["unknown-workstream"],
    },
    Case {
        name: "a prefix must end at a dash",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-15-a" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
workstream "ws-2-b" {
    files-scope "src/b.py"
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
        ],
        expect: &["unknown-workstream"],
    },
    Case {
        name: "a prefix that ends at a dash",
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
        ],
        expect: &[],
    },
];
