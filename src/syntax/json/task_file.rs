//! Task files: `{"tasks": [{"name", "run": [argv] | "shell": "…", …}]}`, what generators write for `include`.
//!
//! As in KDL, `{name}` is substituted later. Paths and references stay as they were written.

use jsonc_parser::ast::{Object, Value};

use super::range_span;
use super::reader::{Reader, short};
use crate::base::diagnostic::Diagnostic;
use crate::base::span::Spanned;
use crate::syntax::definition::{CommandDefinition, OutputDefinition, TaskDefinition, Text};
use crate::syntax::diagnostics as codes;

/// Fields of a task.
const FIELDS: [&str; 13] = [
    "name",
    "about",
    "run",
    "shell",
    "inputs",
    "outputs",
    "depfile",
    "depends_on",
    "env",
    "dir",
    "pool",
    "jobserver",
    "timeout",
];

impl Reader<'_> {
    /// Whether an object is meant as a task file.
    pub(super) fn is_task_file(&self, object: &Object<'_>) -> bool {
        let tasks = object.properties.iter().find(|property| property.name.as_str() == "tasks");
        let holds_objects = match tasks.map(|property| &property.value) {
            Some(Value::Array(array)) => matches!(array.elements.first(), None | Some(Value::Object(_))),
            _ => false,
        };
        holds_objects
            && !self.is_bundle(object)
            && !object.properties.iter().any(|property| property.name.as_str() == "id")
    }

    /// The tasks of a file.
    pub(super) fn task_file(&mut self, object: &Object<'_>) -> Vec<TaskDefinition> {
        self.missing("this task file", "", object, &["tasks"]);
        let mut tasks = Vec::new();
        for property in &object.properties {
            if property.name.as_str() != "tasks" {
                self.unknown("this task file", "", property, &["tasks"], "");
                continue;
            }
            let Value::Array(array) = &property.value else {
                let help = "Write `\"tasks\": [{\"name\": \"…\", \"run\": [\"…\"]}]`".to_owned();
                self.wrong_type("tasks", "", &property.value, "an array of objects", help);
                continue;
            };
            for (index, element) in array.elements.iter().enumerate() {
                match element {
                    Value::Object(task) => tasks.extend(self.task(task, index)),
                    other => {
                        let help = "Write `{\"name\": \"…\", \"run\": [\"…\"]}`".to_owned();
                        self.wrong_type("tasks", "", other, "an array of objects", help);
                    }
                }
            }
        }
        tasks
    }

    fn task(&mut self, object: &Object<'_>, index: usize) -> Option<TaskDefinition> {
        let name = object.properties.iter().find(|property| property.name.as_str() == "name");
        let subject = match name.map(|property| &property.value) {
            Some(Value::StringLit(literal)) => short(&literal.value),
            _ => String::new(),
        };
        let owner = match subject.as_str() {
            "" => format!("task {}", index + 1),
            name => format!("task `{name}`"),
        };
        self.missing(&owner, &subject, object, &["name"]);
        let nameless = Text::new("".into(), self.head(object));
        let mut task = TaskDefinition::empty(nameless, range_span(self.file, object));
        let mut name = None;
        for property in &object.properties {
            let (key, value) = (property.name.as_str(), &property.value);
            match key {
                "name" => name = self.full_text(key, &subject, value),
                "about" => task.about = self.full_text(key, &subject, value),
                "run" | "shell" => {
                    let command = self.command(key, &subject, value);
                    if task.command.is_some() {
                        let message = format!("{owner} has both `run` and `shell`");
                        let span = self.key_span(property);
                        let diagnostic = Diagnostic::new(&codes::conflicting_fields::CODE, span, message)
                            .help("Keep one of them")
                            .about(&subject);
                        self.say(diagnostic);
                    } else {
                        task.command = command;
                    }
                }
                "inputs" => task.inputs = self.texts(key, &subject, value, 0),
                "outputs" => {
                    let paths = self.texts(key, &subject, value, 0);
                    task.outputs = paths.into_iter().map(|path| OutputDefinition { path, store: true }).collect();
                }
                "depfile" => task.depfile = self.full_text(key, &subject, value),
                "depends_on" => task.depends_on = self.texts(key, &subject, value, 0),
                "env" => task.environment.set = self.environment(&subject, value),
                "dir" => task.dir = self.full_text(key, &subject, value),
                "pool" => task.pool = self.full_text(key, &subject, value),
                "jobserver" => task.jobserver = self.flag(key, &subject, value),
                "timeout" => task.timeout = self.full_text(key, &subject, value),
                _ => self.unknown(&owner, &subject, property, &FIELDS, ""),
            }
        }
        task.name = name?;
        Some(task)
    }

    fn command(&mut self, key: &str, subject: &str, value: &Value<'_>) -> Option<CommandDefinition> {
        if key == "shell" {
            return self.full_text(key, subject, value).map(CommandDefinition::Shell);
        }
        let Value::Array(array) = value else {
            let help = match value {
                Value::StringLit(_) => "Write an array, one string an argument, or use `shell`".to_owned(),
                _ => "Write an array of strings: [\"program\", \"argument\"]".to_owned(),
            };
            self.wrong_type(key, subject, value, "an array of strings", help);
            return None;
        };
        let Some((program, arguments)) = array.elements.split_first() else {
            let span = range_span(self.file, array);
            let help = "Name the program and its arguments, or leave `run` out for a group".to_owned();
            self.report(&codes::empty_value::CODE, span, subject, "`run` is empty".to_owned(), help);
            return None;
        };
        let mut argv: Vec<Text> = self.full_text(key, subject, program).into_iter().collect();
        argv.extend(arguments.iter().filter_map(|argument| self.any_text(key, subject, argument)));
        (!argv.is_empty()).then_some(CommandDefinition::Run(argv))
    }

    /// A string that may be empty.
    fn any_text(&mut self, key: &str, subject: &str, value: &Value<'_>) -> Option<Text> {
        match value {
            Value::StringLit(literal) => {
                Some(Spanned::new(literal.value.as_ref().into(), range_span(self.file, literal)))
            }
            other => self.full_text(key, subject, other),
        }
    }

    fn environment(&mut self, subject: &str, value: &Value<'_>) -> Vec<(Text, Text)> {
        let Value::Object(object) = value else {
            self.wrong_type("env", subject, value, "an object", "Write `{\"NAME\": \"value\"}`".to_owned());
            return Vec::new();
        };
        let mut pairs = Vec::with_capacity(object.properties.len());
        for property in &object.properties {
            let name = Text::new(property.name.as_str().into(), self.key_span(property));
            pairs.extend(self.any_text("env", subject, &property.value).map(|value| (name, value)));
        }
        pairs
    }
}
