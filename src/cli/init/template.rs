//! The text of a first Pipelinefile.kdl.
//!
//! Knows the language's spelling; which tasks there are comes in.

/// A task to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    /// Its name.
    pub name: String,
    /// `run "cargo" "test"` or `shell "…"`.
    pub command: String,
    /// What is read; empty: it always runs.
    pub inputs: Vec<String>,
}

/// What the file will say.
#[derive(Debug, Default)]
pub(super) struct Template {
    /// Tools that were recognised.
    pub kinds: Vec<&'static str>,
    /// Tasks, each name once.
    pub tasks: Vec<Task>,
}

impl Task {
    /// A task that starts a program.
    pub(super) fn new(name: &str, argv: &[&str], inputs: &[&str]) -> Self {
        let words: Vec<String> = argv.iter().map(|word| quote(word)).collect();
        Self::with(name, format!("run {}", words.join(" ")), inputs)
    }

    /// A task that needs a shell.
    pub(super) fn shell(name: &str, text: &str, inputs: &[&str]) -> Self {
        Self::with(name, format!("shell {}", quote(text)), inputs)
    }

    fn with(name: &str, command: String, inputs: &[&str]) -> Self {
        Self { name: name.to_owned(), command, inputs: inputs.iter().map(|input| (*input).to_owned()).collect() }
    }
}

impl Template {
    /// Adds what one tool brings; where a name is taken, the tool's goes in front: `npm-test`.
    pub(super) fn add(&mut self, kind: &'static str, tasks: Vec<Task>) {
        self.kinds.push(kind);
        for mut task in tasks {
            if self.tasks.iter().any(|known| known.name == task.name) {
                task.name = format!("{kind}-{}", task.name);
            }
            self.tasks.push(task);
        }
    }

    /// The whole file.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(HEAD);
        if self.tasks.is_empty() {
            text.push_str(GENERIC);
        }
        if self.kinds.contains(&"cargo") {
            text.push_str(CARGO);
        }
        for task in &self.tasks {
            text.push_str(&format!("task {} {{\n    {}\n", quote(&task.name), task.command));
            if task.inputs.is_empty() {
                text.push_str("    // inputs \"src/**\"    without inputs it always runs\n");
            } else {
                let inputs: Vec<String> = task.inputs.iter().map(|input| quote(input)).collect();
                text.push_str(&format!("    inputs {}\n", inputs.join(" ")));
            }
            text.push_str("}\n\n");
        }
        if !self.tasks.is_empty() {
            let names: Vec<String> = self.tasks.iter().map(|task| quote(&task.name)).collect();
            text.push_str("// Without `run` it is a group.\n");
            text.push_str(&format!("task \"ci\" {{ depends-on {} }}\n\ndefault \"ci\"\n\n", names.join(" ")));
        }
        text.push_str(WORKSTREAM);
        text
    }
}

const HEAD: &str = "\
// What pl brings up to date here.
//   pl check         what would run, and why; nothing is touched
//   pl build         the default target
//
// A task runs when one of its inputs, its command or its environment changed since it was last green.
// argv stands after `run`, text for a shell after `shell`; strings are quoted.

";

const GENERIC: &str = "\
task \"hello\" {
    run \"echo\" \"hello from pl\"
    // inputs \"src/**\"    without inputs it always runs
}

default \"hello\"

";

const CARGO: &str = "\
// Steps see PATH, HOME and little more; what cargo listens to is let through, and counts as an input.
env { pass \"CARGO_HOME\" \"CARGO_BUILD_*\" \"CARGO_TARGET_*\" \"RUSTUP_*\" \"RUSTFLAGS\" }

";

const WORKSTREAM: &str = "\
// A workstream is a bounded change: which files it may touch, what is to be done, how it is accepted.
// `pl build ws-1` has it made in a worktree of its own; with tool \"manual\" by you.
//
// workstream \"ws-1-first-change\" {
//     tool \"manual\"
//     files-scope \"src/\"
//     tasks { - \"Say here what is to be done\" }
//     acceptance-tests { shell \"echo how it is accepted\" }
// }
";

/// A KDL string; raw where it holds quotes or backslashes.
fn quote(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("#\"{text}\"#") } else { format!("\"{text}\"") }
}
