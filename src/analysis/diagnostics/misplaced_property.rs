//! `misplaced-property`: a property that this step does not have.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A property that this step does not have.
pub static CODE: Code = Code {
    id: "misplaced-property",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a property that this step does not have",
    explanation: r#"`{files} {scope-files} {prompt} {out} {worktree} {workstream} {args}` are known only where a step has them:

| in | properties |
|---|---|
| a rule's `run` and `fix` | `files` `worktree` `workstream` |
| a tool's `run` | `prompt` `scope-files` `files` `worktree` `workstream` |
| a setup's `run`, `bin` | `out` `worktree` |
| a task's `run`, `shell` | `args` |
| an acceptance test | `worktree` `workstream` |

Use one that is there, or a variable of another name."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "out in a task",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { run "make" "{out}" }
"#,
        )],
        expect: &["misplaced-property"],
    },
    Case {
        name: "args in a task",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { run "make" "{args}" }
"#,
        )],
        expect: &[],
    },
];
