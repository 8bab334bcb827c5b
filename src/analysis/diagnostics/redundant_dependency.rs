//! `redundant-dependency`: a dependency that is there anyway.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A dependency that is there anyway.
pub static CODE: Code = Code {
    id: "redundant-dependency",
    severity: Severity::Warning,
    class: Class::Dependency,
    summary: "a dependency that is there anyway",
    explanation: r#"What is waited for is already waited for through another dependency, or is listed twice. Nothing breaks; the entry says nothing new.

    workstream "ws-3-c" { depends-on "ws-2" "ws-1" }   // ws-2 depends on ws-1

Remove it, so that the list says what matters."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "through another",
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
workstream "ws-3-c" {
    files-scope "src/c.py"
    depends-on "ws-1" "ws-2"
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
        expect: &["redundant-dependency"],
    },
    Case {
        name: "twice",
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
    depends-on "ws-1" "ws-1-a"
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
        expect: &["redundant-dependency"],
    },
    Case {
        name: "each once",
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
