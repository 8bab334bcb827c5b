//! `bad-path`: a path that leads out, or nowhere.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A path that leads out, or nowhere.
pub static CODE: Code = Code {
    id: "bad-path",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a path that leads out, or nowhere",
    explanation: r#"Paths are relative to the repository's root (for tasks: the project's), with `/` between the parts. Absolute paths, drive letters, `..`,
empty parts (`a//b`), `~/` and anything in `.git` are refused: a scope must say exactly what it may touch.

    files-scope "../other/a.py"

Write the path from the root. All of the repository is `"**"`."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "above the root",
        files: &[(
            "Pipelinefile.kdl",
            r#"workstream "ws-1-a" {
    files-scope "../a.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"#,
        )],
        expect: &["bad-path"],
    },
    Case {
        name: "absolute",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { run "true"; outputs "/tmp/out" }
"#,
        )],
        expect: &["bad-path"],
    },
    Case {
        name: "a drive",
        files: &[(
            "Pipelinefile.kdl",
            r##"workstream "ws-1-a" {
    files-scope #"C:\work\a.py"#
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"##,
        )],
        expect: &["bad-path"],
    },
    Case {
        name: "an empty part",
        files: &[(
            "Pipelinefile.kdl",
            r#"workstream "ws-1-a" {
    files-scope "src//a.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"#,
        )],
        expect: &["bad-path"],
    },
    Case {
        name: "the repository itself",
        files: &[(
            "Pipelinefile.kdl",
            r#"workstream "ws-1-a" {
    files-scope ".git/config"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"#,
        )],
        expect: &["bad-path"],
    },
    Case {
        name: "relative",
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
