//! `test-cannot-fail`: an acceptance test that always passes.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An acceptance test that always passes.
pub static CODE: Code = Code {
    id: "test-cannot-fail",
    severity: Severity::Warning,
    class: Class::Config,
    summary: "an acceptance test that always passes",
    explanation: r#"The exit code of this test says nothing: it ends in something that succeeds whatever came before (`| wc -l`, `|| true`, `; true`), or only prints.

    shell "pytest | tail -3"                       // tail's exit code, not pytest's

Let the program whose verdict counts come last, or put `set -o pipefail` (with bash) in front."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "or true",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
    acceptance-tests { shell "pytest -q || true" }
}
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &["test-cannot-fail"],
    },
    Case {
        name: "counted",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
    acceptance-tests { shell "grep -r TODO . | wc -l" }
}
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &["test-cannot-fail"],
    },
    Case {
        name: "printed",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "echo" "fine" }
}
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &["test-cannot-fail"],
    },
    Case {
        name: "a real one",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tasks { - "Tidy it" }
    acceptance-tests { shell "test -f src/a.py && echo ok" }
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
