//! `normalised-path`: a path that was tidied.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A path that was tidied.
pub static CODE: Code = Code {
    id: "normalised-path",
    severity: Severity::Note,
    class: Class::Schema,
    summary: "a path that was tidied",
    explanation: r#"`./a.py` is read as `a.py`, `src\a.py` as `src/a.py`. Nothing is wrong; written so, it says the same without being read."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a dot",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "./src/a.py"
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
        expect: &["normalised-path"],
    },
    Case {
        name: "a backslash",
        files: &[
            (
                "Pipelinefile.kdl",
                r##"workstream "ws-1-a" {
    files-scope #"src\a.py"#
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"##,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &["normalised-path"],
    },
    Case {
        name: "as it is kept",
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
