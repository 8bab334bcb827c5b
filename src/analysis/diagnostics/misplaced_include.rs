//! `misplaced-include`: an include of a file that is read anyway.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An include of a file that is read anyway.
pub static CODE: Code = Code {
    id: "misplaced-include",
    severity: Severity::Error,
    class: Class::Config,
    summary: "an include of a file that is read anyway",
    explanation: r#"`rules/*.kdl` and `workstreams/*.{json,kdl}` are always read, and a file is read once. Bundles come only from `workstreams/`, task files and further KDL from `include`.

    include "workstreams/ws-1.json"                // is read anyway

Remove the include, or move the file out of that folder."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a bundle included",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"include "workstreams/a.kdl"
"#,
            ),
            (
                "workstreams/a.kdl",
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
        expect: &["misplaced-include"],
    },
    Case {
        name: "twice",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"include "more.kdl" "more.kdl"
"#,
            ),
            (
                "more.kdl",
                r#"task "t" { run "true" }
"#,
            ),
        ],
        expect: &["misplaced-include"],
    },
    Case {
        name: "a task file included",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"include "gen/t.json"
"#,
            ),
            (
                "gen/t.json",
                r#"{"tasks": [{"name": "t", "run": ["true"]}]}
"#,
            ),
        ],
        expect: &[],
    },
];
