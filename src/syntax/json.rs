//! JSON files: bundles of workstreams/ and task files of `include`, read strictly (RFC 8259, no comments).
//!
//! The only user of `jsonc_parser`, whose tree knows places; what is right is read without it. Knows neither other files nor whether a name exists.

mod bundle;
mod plain;
mod reader;
mod table;
mod task_file;

use jsonc_parser::ast::{Object, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use self::reader::Reader;
use super::Parsed;
use super::definition::Definitions;
use super::diagnostics as codes;
use crate::base::diagnostic::Diagnostic;
use crate::base::span::{FileId, Span};

/// Nothing beyond RFC 8259.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads workstreams/*.json.
pub(super) fn parse_bundles(file: FileId, text: &str) -> Parsed {
    match plain::bundles(file, text) {
        Some(workstreams) => {
            Parsed { definitions: Definitions { workstreams, ..Definitions::default() }, ..Parsed::default() }
        }
        None => bundles_of_tree(file, text),
    }
}

fn bundles_of_tree(file: FileId, text: &str) -> Parsed {
    read(file, text, |reader, root, definitions| {
        for (index, object) in bundles(reader, root).into_iter().enumerate() {
            if reader.is_task_file(object) {
                let message = "this is a task file, and workstreams/ holds bundles";
                let diagnostic = Diagnostic::new(&codes::misplaced_file::CODE, reader.head(object), message)
                    .help("Move it elsewhere and name it in Pipelinefile.kdl: `include \"gen/*.json\"`");
                reader.say(diagnostic);
            } else {
                definitions.workstreams.extend(reader.bundle(object, index));
            }
        }
    })
}

/// Reads a JSON file of `include`.
pub(super) fn parse_task_file(file: FileId, text: &str) -> Parsed {
    match table::tasks(file, text) {
        Some(task_table) => {
            Parsed { definitions: Definitions { task_table, ..Definitions::default() }, ..Parsed::default() }
        }
        None => tasks_of_tree(file, text),
    }
}

fn tasks_of_tree(file: FileId, text: &str) -> Parsed {
    read(file, text, |reader, root, definitions| match root {
        Value::Object(object) if reader.is_bundle(object) => reader.misplaced_bundle(object),
        Value::Array(array)
            if array.elements.first().and_then(Value::as_object).is_some_and(|object| reader.is_bundle(object)) =>
        {
            if let Some(object) = array.elements.first().and_then(Value::as_object) {
                reader.misplaced_bundle(object);
            }
        }
        Value::Object(object) => definitions.tasks.extend(reader.task_file(object)),
        other => {
            let message = format!("top-level JSON must be an object, not {}", reader::kind_word(other));
            let diagnostic = Diagnostic::new(&codes::top_level_shape::CODE, reader.head_of(other), message)
                .help("Write `{\"tasks\": [{\"name\": \"…\", \"run\": [\"…\"]}]}`");
            reader.say(diagnostic);
        }
    })
}

/// The objects of a bundle file; whatever else stands at its top is reported.
fn bundles<'v, 't>(reader: &mut Reader<'_>, root: &'v Value<'t>) -> Vec<&'v Object<'t>> {
    match root {
        Value::Object(object) => vec![object],
        Value::Array(array) => {
            let mut objects = Vec::with_capacity(array.elements.len());
            for element in &array.elements {
                match element {
                    Value::Object(object) => objects.push(object),
                    other => {
                        let message =
                            format!("a top-level array must contain objects only, not {}", reader::kind_word(other));
                        let diagnostic = Diagnostic::new(&codes::top_level_shape::CODE, reader.head_of(other), message)
                            .help("Remove it, or write a bundle: `{\"id\": \"ws-…\", …}`");
                        reader.say(diagnostic);
                    }
                }
            }
            objects
        }
        other => {
            let message = format!("top-level JSON must be an object or an array, not {}", reader::kind_word(other));
            let diagnostic = Diagnostic::new(&codes::top_level_shape::CODE, reader.head_of(other), message)
                .help("Write one bundle, `{\"id\": \"ws-…\", …}`, or an array of bundles");
            reader.say(diagnostic);
            Vec::new()
        }
    }
}

fn read(file: FileId, text: &str, lower: impl FnOnce(&mut Reader<'_>, &Value<'_>, &mut Definitions)) -> Parsed {
    let mut parsed = Parsed::default();
    let root = match parse_to_ast(text, &CollectOptions::default(), &STRICT) {
        Ok(result) => result.value,
        Err(error) => {
            parsed.diagnostics.push(syntax_error(&error, file, text));
            return parsed;
        }
    };
    // The tree's parser lets a few things pass (`01`, control characters); this one knows the letter of the law.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let at = offset(text, error.line(), error.column());
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or("").to_owned();
        let diagnostic =
            Diagnostic::new(&codes::syntax_error::CODE, place(file, text, at, at), format!("invalid JSON: {words}"))
                .help("Correct it here; the file must be strict JSON");
        parsed.diagnostics.push(diagnostic);
        return parsed;
    }
    let Some(root) = root else {
        let diagnostic =
            Diagnostic::new(&codes::syntax_error::CODE, place(file, text, 0, 0), "invalid JSON: the file is empty")
                .help("Write a JSON value, or remove the file");
        parsed.diagnostics.push(diagnostic);
        return parsed;
    };
    let mut reader = Reader { file, text, diagnostics: Vec::new() };
    reader.duplicate_keys(&root);
    lower(&mut reader, &root, &mut parsed.definitions);
    parsed.diagnostics = reader.diagnostics;
    parsed
}

fn syntax_error(error: &ParseError, file: FileId, text: &str) -> Diagnostic {
    let range = error.range();
    let help = match error.kind() {
        ParseErrorKind::CommentsNotAllowed => "Remove the comment; JSON has none",
        ParseErrorKind::TrailingCommasNotAllowed => "Remove the last comma",
        ParseErrorKind::ExpectedComma => "Add a comma between the two values",
        ParseErrorKind::ExpectedStringObjectProperty | ParseErrorKind::UnexpectedWord => "Put it in double quotes",
        ParseErrorKind::SingleQuotedStringsNotAllowed => "Use double quotes",
        ParseErrorKind::ExpectedColonAfterObjectKey => "Write `\"key\": value`",
        ParseErrorKind::UnterminatedArray => "Add the `]` that closes it",
        ParseErrorKind::UnterminatedObject => "Add the `}` that closes it",
        ParseErrorKind::MultipleRootJsonValues => "Put several bundles in one array: `[…, …]`",
        ParseErrorKind::NestingDepthExceeded => "Nest less deeply",
        ParseErrorKind::String(_) => r#"Close the text with `"` on its line; double each backslash: `\\`"#,
        _ => "Correct it here; the file must be strict JSON",
    };
    let words = error.kind().to_string();
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase()).into_iter();
    let words: String = first.chain(letters).collect();
    Diagnostic::new(
        &codes::syntax_error::CODE,
        place(file, text, range.start, range.end),
        format!("invalid JSON: {words}"),
    )
    .help(help)
}

/// A span inside the text, at least a letter long where there is one.
fn place(file: FileId, text: &str, start: usize, end: usize) -> Span {
    let mut start = start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let first_line = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let mut end = end.min(first_line.max(start)).max(start);
    while !text.is_char_boundary(end) {
        end += 1;
    }
    if end == start {
        match text[start..].chars().next() {
            Some(letter) => end += letter.len_utf8(),
            None => start = text.char_indices().next_back().map_or(0, |(at, _)| at),
        }
    }
    Span::new(file, start, end - start)
}

/// The byte of a line and column, both from 1 as `serde_json` counts them.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len())
}

fn range_span(file: FileId, ranged: &impl Ranged) -> Span {
    let range = ranged.range();
    Span::new(file, range.start, range.end.saturating_sub(range.start))
}

#[cfg(test)]
mod tests;
