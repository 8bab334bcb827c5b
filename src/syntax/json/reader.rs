//! Reads values off JSON objects and says what is wrong at the key or the value.
//!
//! Knows shapes, not meanings.

use std::collections::HashMap;

use jsonc_parser::ast::{Object, ObjectProp, Value};

use super::range_span;
use crate::base::diagnostic::{Code, Diagnostic};
use crate::base::span::{FileId, Span, Spanned};
use crate::syntax::definition::Text;
use crate::syntax::diagnostics as codes;
use crate::syntax::nearest::nearest;

/// Takes values and keeps what was wrong.
pub(super) struct Reader<'t> {
    pub(super) file: FileId,
    pub(super) text: &'t str,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    pub(super) fn say(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(super) fn report(&mut self, code: &'static Code, span: Span, subject: &str, message: String, help: String) {
        let mut diagnostic = Diagnostic::new(code, span, message).help(help);
        if !subject.is_empty() {
            diagnostic = diagnostic.about(subject);
        }
        self.say(diagnostic);
    }

    /// The opening brace of an object.
    pub(super) fn head(&self, object: &Object<'_>) -> Span {
        Span::new(self.file, object.range.start, 1)
    }

    /// The first letters of a value: a brace, or all of a plain value.
    pub(super) fn head_of(&self, value: &Value<'_>) -> Span {
        match value {
            Value::Object(object) => self.head(object),
            Value::Array(array) => Span::new(self.file, array.range.start, 1),
            plain => range_span(self.file, plain),
        }
    }

    pub(super) fn key_span(&self, property: &ObjectProp<'_>) -> Span {
        range_span(self.file, &property.name)
    }

    /// Keys that stand twice in any object. The crate bounds how deep values are nested.
    pub(super) fn duplicate_keys(&mut self, value: &Value<'_>) {
        match value {
            Value::Array(array) => array.elements.iter().for_each(|element| self.duplicate_keys(element)),
            Value::Object(object) => {
                let mut seen = HashMap::with_capacity(object.properties.len());
                for property in &object.properties {
                    let span = self.key_span(property);
                    if let Some(earlier) = seen.insert(property.name.as_str(), span) {
                        let message = format!("the key `{}` stands twice in one object", short(property.name.as_str()));
                        let diagnostic = Diagnostic::new(&codes::duplicate_key::CODE, span, message)
                            .say("again")
                            .label(earlier, "first here")
                            .help("Keep one of them; readers differ on which one counts");
                        self.say(diagnostic);
                    }
                    self.duplicate_keys(&property.value);
                }
            }
            _ => {}
        }
    }

    /// A property whose key no field has.
    pub(super) fn unknown(
        &mut self,
        owner: &str,
        subject: &str,
        property: &ObjectProp<'_>,
        fields: &[&'static str],
        otherwise: &str,
    ) {
        let key = short(property.name.as_str());
        let help = match nearest(&key, fields.iter().copied()) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => format!("Use one of: {}{otherwise}", fields.join(", ")),
        };
        let span = self.key_span(property);
        self.report(&codes::unknown_field::CODE, span, subject, format!("unknown field `{key}` in {owner}"), help);
    }

    /// Required keys that an object lacks.
    pub(super) fn missing(&mut self, owner: &str, subject: &str, object: &Object<'_>, required: &[&str]) {
        let lacks = |name: &&&str| !object.properties.iter().any(|property| property.name.as_str() == **name);
        let lacking: Vec<&str> = required.iter().filter(lacks).copied().collect();
        if lacking.is_empty() {
            return;
        }
        let id = object.properties.iter().find(|property| matches!(property.name.as_str(), "id" | "name"));
        let span = id.map_or(self.head(object), |property| range_span(self.file, &property.value));
        let message = format!("{owner} lacks the required field(s) {}", quoted_list(&lacking));
        let help = format!("Add {}", quoted_list(&lacking));
        self.report(&codes::missing_field::CODE, span, subject, message, help);
    }

    pub(super) fn wrong_type(&mut self, key: &str, subject: &str, value: &Value<'_>, wanted: &str, help: String) {
        let message = format!("`{key}` must be {wanted}, not {}", kind_word(value));
        let span = self.head_of(value);
        self.report(&codes::wrong_type::CODE, span, subject, message, help);
    }

    /// A text that says something.
    pub(super) fn full_text(&mut self, key: &str, subject: &str, value: &Value<'_>) -> Option<Text> {
        let Value::StringLit(literal) = value else {
            let help = match value {
                Value::NumberLit(number) => format!("Put it in quotes: \"{}\"", number.value),
                Value::BooleanLit(flag) => format!("Put it in quotes if it is a text: \"{}\"", flag.value),
                Value::Array(_) => "Write one string without the brackets".to_owned(),
                _ => "Write a string".to_owned(),
            };
            self.wrong_type(key, subject, value, "a string", help);
            return None;
        };
        let span = range_span(self.file, literal);
        if literal.value.trim().is_empty() {
            let help = "Write something between the quotes, or leave it out".to_owned();
            self.report(&codes::empty_value::CODE, span, subject, format!("`{key}` holds an empty string"), help);
            return None;
        }
        Some(Text::new(literal.value.as_ref().into(), span))
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &str, subject: &str, value: &Value<'_>) -> Option<bool> {
        let Value::BooleanLit(flag) = value else {
            self.wrong_type(key, subject, value, "true or false", "Write `true` or `false`".to_owned());
            return None;
        };
        Some(flag.value)
    }

    /// An array of texts, at least `least` of them.
    pub(super) fn texts(&mut self, key: &str, subject: &str, value: &Value<'_>, least: usize) -> Vec<Text> {
        let Value::Array(array) = value else {
            let help = match value {
                Value::StringLit(literal) => format!("Put it in brackets: [\"{}\"]", short(&literal.value)),
                _ => "Write an array of strings: [\"…\"]".to_owned(),
            };
            self.wrong_type(key, subject, value, "an array of strings", help);
            return Vec::new();
        };
        if array.elements.len() < least {
            let span = range_span(self.file, array);
            let message = format!("`{key}` is empty and must name at least {least}");
            self.report(&codes::empty_value::CODE, span, subject, message, format!("Add an entry to `{key}`"));
        }
        array.elements.iter().filter_map(|element| self.full_text(key, subject, element)).collect()
    }

    /// A whole number of at least `least`.
    pub(super) fn count(&mut self, key: &str, subject: &str, value: &Value<'_>, least: u32) -> Option<Spanned<u32>> {
        let Value::NumberLit(literal) = value else {
            let help = match value {
                Value::StringLit(text) if text.value.parse::<u32>().is_ok() => {
                    format!("Remove the quotes: {}", text.value)
                }
                _ => format!("Write a whole number, {least} or more"),
            };
            self.wrong_type(key, subject, value, "a whole number", help);
            return None;
        };
        let span = range_span(self.file, literal);
        let digits = literal.value.strip_prefix('-').unwrap_or(literal.value);
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("`{key}` must be a whole number, not {}", short(literal.value));
            let help = format!("Write it without point or exponent, {least} or more");
            self.report(&codes::wrong_type::CODE, span, subject, message, help);
            return None;
        }
        match literal.value.parse::<u32>() {
            Ok(number) if number >= least => Some(Spanned::new(number, span)),
            _ => {
                let message = format!("`{key}` is out of range: {}", short(literal.value));
                let help = format!("Write a whole number from {least} to {}", u32::MAX);
                self.report(&codes::out_of_range::CODE, span, subject, message, help);
                None
            }
        }
    }
}

/// `an object`, `a string`.
pub(super) fn kind_word(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "true or false",
        Value::Object(_) => "an object",
        Value::Array(_) => "an array",
        Value::NullKeyword(_) => "null",
    }
}

/// The start of a long text.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn quoted_list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
