//! Bundles: one workstream as a JSON object, by the older schema.
//!
//! Nothing is substituted in their strings. Paths and references stay as they were written.

use jsonc_parser::ast::{Object, ObjectProp, Value};

use super::range_span;
use super::reader::{Reader, short};
use crate::base::span::Span;
use crate::syntax::definition::{BreakerDefinition, CommandDefinition, TestDefinition, Text, WorkstreamDefinition};
use crate::syntax::diagnostics as codes;
use crate::syntax::kdl::empty_workstream;
use crate::syntax::workstream_id;

/// Fields that every bundle has.
const REQUIRED: [&str; 7] = ["id", "openspec_change", "ccpm_issue", "gate", "files_scope", "tasks", "tool"];
/// All fields of a bundle.
const FIELDS: [&str; 12] = [
    "id",
    "openspec_change",
    "ccpm_issue",
    "gate",
    "files_scope",
    "files_create",
    "tasks",
    "acceptance_tests",
    "depends_on",
    "tool",
    "circuit_breaker",
    "metadata",
];
/// Fields of `circuit_breaker`.
const BREAKER_FIELDS: [&str; 3] = ["max_attempts", "max_error_repeats", "oscillation_threshold"];

impl Reader<'_> {
    /// Whether an object is meant as a bundle.
    pub(super) fn is_bundle(&self, object: &Object<'_>) -> bool {
        let has = |name: &str| object.properties.iter().any(|property| property.name.as_str() == name);
        has("files_scope") || has("openspec_change") || has("ccpm_issue") || (has("id") && has("gate"))
    }

    /// A bundle among the files of `include`.
    pub(super) fn misplaced_bundle(&mut self, object: &Object<'_>) {
        let message = "this is a workstream's bundle, and `include` takes task files".to_owned();
        let help = "Move it to workstreams/, where bundles are always read".to_owned();
        let span = self.head(object);
        self.report(&codes::misplaced_file::CODE, span, "", message, help);
    }

    /// A workstream; `None` where it has no usable id. `index` counts the file's bundles from 0.
    pub(super) fn bundle(&mut self, object: &Object<'_>, index: usize) -> Option<WorkstreamDefinition> {
        let id = object.properties.iter().find(|property| property.name.as_str() == "id");
        let subject = match id.map(|property| &property.value) {
            Some(Value::StringLit(literal)) => short(&literal.value),
            _ => String::new(),
        };
        let owner = match subject.as_str() {
            "" => format!("bundle {}", index + 1),
            id => format!("bundle {id}"),
        };
        self.missing(&owner, &subject, object, &REQUIRED);
        let mut workstream = empty_workstream(self.head(object), range_span(self.file, object));
        let mut seen = [false; FIELDS.len()];
        let mut id = None;
        for property in &object.properties {
            let key = property.name.as_str();
            let Some(place) = FIELDS.iter().position(|field| *field == key) else {
                let otherwise = "; what only people read belongs under `metadata`";
                self.unknown(&owner, &subject, property, &FIELDS, otherwise);
                continue;
            };
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            if key == "id" {
                id = self.id(&subject, &property.value);
            } else {
                self.bundle_field(key, &subject, property, &mut workstream);
            }
        }
        workstream.id = id?;
        Some(workstream)
    }

    fn id(&mut self, subject: &str, value: &Value<'_>) -> Option<Text> {
        let id = self.full_text("id", subject, value)?;
        if let Some(fault) = workstream_id::fault(&id) {
            self.say(fault);
        }
        Some(id)
    }

    fn bundle_field(
        &mut self,
        key: &str,
        subject: &str,
        property: &ObjectProp<'_>,
        workstream: &mut WorkstreamDefinition,
    ) {
        let value = &property.value;
        match key {
            "openspec_change" => workstream.change = self.full_text(key, subject, value),
            "ccpm_issue" => workstream.issue = self.issue(key, subject, value),
            "gate" => workstream.gate = self.count(key, subject, value, 1),
            "files_scope" => workstream.files_scope = self.texts(key, subject, value, 1),
            "files_create" => workstream.files_create = self.texts(key, subject, value, 0),
            "tasks" => workstream.instructions = self.texts(key, subject, value, 0),
            "acceptance_tests" => {
                let texts = self.texts(key, subject, value, 0);
                workstream.acceptance_tests = texts.into_iter().map(shell_test).collect();
            }
            "depends_on" => workstream.depends_on = self.texts(key, subject, value, 0),
            "tool" => workstream.tool = self.full_text(key, subject, value),
            "circuit_breaker" => workstream.breaker = self.breaker(subject, value),
            _ => workstream.metadata = self.metadata(key, subject, value),
        }
    }

    /// A string, or a whole number as its digits.
    fn issue(&mut self, key: &str, subject: &str, value: &Value<'_>) -> Option<Text> {
        let Value::NumberLit(literal) = value else {
            if matches!(value, Value::StringLit(_)) {
                return self.full_text(key, subject, value);
            }
            let help = "Write the issue's number, 0 or more, or a string".to_owned();
            self.wrong_type(key, subject, value, "a whole number or a string", help);
            return None;
        };
        let span = range_span(self.file, literal);
        if literal.value.contains(['.', 'e', 'E']) {
            let message = format!("`{key}` must be a whole number or a string, not {}", short(literal.value));
            let help = "Write it without point or exponent, or in quotes".to_owned();
            self.report(&codes::wrong_type::CODE, span, subject, message, help);
            return None;
        }
        if literal.value.parse::<i64>().is_ok_and(|number| number >= 0) {
            return Some(Text::new(literal.value.into(), span));
        }
        let message = format!("`{key}` is out of range: {}", short(literal.value));
        let help = format!("Write a number from 0 to {}, or a string", i64::MAX);
        self.report(&codes::out_of_range::CODE, span, subject, message, help);
        None
    }

    fn breaker(&mut self, subject: &str, value: &Value<'_>) -> BreakerDefinition {
        let mut breaker = BreakerDefinition::default();
        let Value::Object(object) = value else {
            let help =
                "Write `{\"max_attempts\": 5, \"max_error_repeats\": 2, \"oscillation_threshold\": 2}`".to_owned();
            self.wrong_type("circuit_breaker", subject, value, "an object", help);
            return breaker;
        };
        for property in &object.properties {
            match property.name.as_str() {
                key @ "max_attempts" => breaker.max_attempts = self.count(key, subject, &property.value, 1),
                key @ "max_error_repeats" => breaker.max_error_repeats = self.count(key, subject, &property.value, 0),
                key @ "oscillation_threshold" => {
                    breaker.oscillation_threshold = self.count(key, subject, &property.value, 0);
                }
                _ => self.unknown("circuit_breaker", subject, property, &BREAKER_FIELDS, ""),
            }
        }
        breaker
    }

    fn metadata(&mut self, key: &str, subject: &str, value: &Value<'_>) -> Option<String> {
        let Value::Object(object) = value else {
            let help = "Write `{\"owner\": \"…\"}`, or leave it out".to_owned();
            self.wrong_type(key, subject, value, "an object", help);
            return None;
        };
        self.text.get(object.range.start..object.range.end).map(str::to_owned)
    }
}

/// A text of `acceptance_tests`.
pub(super) fn shell_test(text: Text) -> TestDefinition {
    let span: Span = text.span;
    TestDefinition {
        command: CommandDefinition::Shell(text),
        substituted: false,
        inputs: Vec::new(),
        timeout: None,
        prove: None,
        flaky: None,
        span,
    }
}
