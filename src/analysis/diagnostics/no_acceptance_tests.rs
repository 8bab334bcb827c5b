//! `no-acceptance-tests`: a workstream that is accepted by rules alone.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A workstream that is accepted by rules alone.
pub static CODE: Code = Code {
    id: "no-acceptance-tests",
    severity: Severity::Note,
    class: Class::Config,
    summary: "a workstream that is accepted by rules alone",
    explanation: "Without `acceptance_tests` a result counts as right when it keeps to its scope and the rules find nothing. Add a command that fails before the change and passes after it.",
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "none",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
}
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &["no-acceptance-tests"],
    },
    Case {
        name: "one",
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
