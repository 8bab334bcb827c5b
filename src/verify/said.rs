//! One finding as a program told it, and what the rule makes of it: bases, words, categories.
//!
//! Knows no form of output.

use regex::Regex;

use crate::analysis::pipeline::Rule;
use crate::analysis::pipeline::parser::Parser;
use crate::base::finding::{Finding, FindingSeverity};
use crate::verify::Output;

/// A finding in the program's own numbers and words.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Said {
    pub path: Option<String>,
    pub line: Option<String>,
    pub column: Option<String>,
    pub end_line: Option<String>,
    pub end_column: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub severity: Option<String>,
    pub help_url: Option<String>,
    pub fixable: bool,
    /// Set by forms that know it.
    pub category: Option<&'static str>,
}

impl Said {
    /// Reads each field that the parser names through `value`.
    pub fn of(parser: &Parser, value: impl Fn(&str) -> Option<String>) -> Self {
        let mut said = Self::default();
        for (field, path) in &parser.fields {
            let found = value(path).filter(|text| !text.trim().is_empty());
            match field.as_str() {
                "path" => said.path = found,
                "line" => said.line = found,
                "column" => said.column = found,
                "end-line" => said.end_line = found,
                "end-column" => said.end_column = found,
                "code" => said.code = found,
                "message" => said.message = found,
                "severity" => said.severity = found,
                "help-url" => said.help_url = found,
                "fixable" => said.fixable = found.is_some_and(|word| !matches!(word.as_str(), "false" | "null" | "[]")),
                _ => {}
            }
        }
        said
    }

    /// The finding that it is.
    pub fn finding(self, rule: &Rule, parser: &Parser, output: Output<'_>) -> Finding {
        let line = number(self.line.as_deref(), parser.line_base);
        let path = self.path.map(|path| relative(&path, output.roots));
        let mut column = number(self.column.as_deref(), parser.column_base);
        let mut end_column = number(self.end_column.as_deref(), parser.column_base);
        let end_line = number(self.end_line.as_deref(), parser.line_base).or(end_column.and(line));
        if parser.column_bytes
            && let (Some(path), Some(line)) = (&path, line)
        {
            let text = (output.text)(path);
            column = column.map(|column| characters(text.as_deref(), line, column));
            end_column = end_column.map(|column| characters(text.as_deref(), end_line.unwrap_or(line), column));
        }
        // A column without a line, or an end without a beginning, is nothing to point at.
        let column = column.filter(|_| line.is_some());
        let end_column = end_column.filter(|_| column.is_some());
        let end_line = end_line.filter(|end| line.is_some_and(|line| *end >= line));
        let code = self.code.map(|code| code.trim().to_owned());
        let category = self.category.unwrap_or_else(|| category(rule, code.as_deref()));
        // A folder of the run says nothing to anybody else, and would make another finding of the same fault.
        let inner = |text: String| {
            output.roots.iter().fold(text.trim().to_owned(), |text, root| text.replace(&format!("{root}/"), ""))
        };
        let message = self.message.map(inner).or_else(|| code.clone()).unwrap_or_default();
        Finding {
            tool: rule.name.to_string(),
            category: category.to_owned(),
            severity: self.severity.map_or(rule.severity, |word| severity(rule, &word)),
            code,
            path,
            line,
            column,
            end_line,
            end_column,
            message,
            signature: String::new(),
            help_url: self.help_url,
            fixable: self.fixable,
            source: None,
            source_column: None,
        }
    }
}

/// A number counted from `base` (`=7`: from 1 anyway), as one counted from 1; what a program says of no place is 0 or less.
fn number(text: Option<&str>, base: u32) -> Option<u32> {
    let text = text?.trim();
    let (text, base) = text.strip_prefix('=').map_or((text, base), |sure| (sure, 1));
    let number: i64 = text.parse().ok()?;
    u32::try_from(number.saturating_add(1 - i64::from(base))).ok().filter(|number| *number > 0)
}

/// The column, from 1, of the character at a byte of a line, from 1; where the text is not known they are taken for equal.
fn characters(text: Option<&[u8]>, line: u32, byte: u32) -> u32 {
    let line = text.and_then(|text| text.split(|&byte| byte == b'\n').nth(line as usize - 1));
    let before = line.and_then(|line| line.get(..byte as usize - 1));
    before.map_or(byte, |before| String::from_utf8_lossy(before).chars().count() as u32 + 1)
}

/// A path below one of the names of the root; another stays as it is.
pub fn relative(path: &str, roots: &[String]) -> String {
    let path = path.trim();
    let path = path.strip_prefix("file://").map_or_else(|| path.to_owned(), unescaped);
    let below = |root: &String| path.strip_prefix(root.as_str())?.strip_prefix('/');
    let inner = roots.iter().find_map(below).unwrap_or(&path);
    let mut inner = inner;
    while let Some(rest) = inner.strip_prefix("./") {
        inner = rest;
    }
    inner.to_owned()
}

/// A path of a URI without its escapes (RFC 3986, section 2.1).
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = escaped.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn category<'r>(rule: &'r Rule, code: Option<&str>) -> &'r str {
    let fits = |pattern: &str| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(code.unwrap_or_default()));
    rule.categories.iter().find(|(pattern, _)| fits(pattern)).map_or(&rule.category, |(_, category)| category)
}

/// What a program's word means: what the rule says, else what such words mean to all.
fn severity(rule: &Rule, word: &str) -> FindingSeverity {
    let word = word.trim().to_lowercase();
    if let Some(severity) = rule.severities.get(&word) {
        return *severity;
    }
    match word.as_str() {
        "error" | "fatal" | "high" | "critical" => FindingSeverity::Error,
        "warning" | "warn" | "medium" | "moderate" => FindingSeverity::Warning,
        "info" | "information" | "note" | "style" | "hint" | "low" => FindingSeverity::Info,
        _ => rule.severity,
    }
}

#[cfg(test)]
mod tests {
    use super::{characters, number, relative};

    #[test]
    fn places_are_counted_from_one() {
        assert_eq!((number(Some("0"), 0), number(Some("0"), 1), number(Some("7"), 1)), (Some(1), None, Some(7)));
        assert_eq!(
            (number(Some("-1"), 0), number(Some("9223372036854775807"), 0), number(None, 1)),
            (None, None, None)
        );
        assert_eq!(characters(Some("a\näöü b".as_bytes()), 2, 8), 5);
        assert_eq!((characters(None, 2, 8), characters(Some(b"a"), 9, 8)), (8, 8));
    }

    #[test]
    fn paths_are_below_the_root() {
        let roots = ["/w".to_owned(), "/private/w".to_owned()];
        for (path, expected) in [
            ("/w/a.py", "a.py"),
            ("/private/w/a b.py", "a b.py"),
            ("./././a.py", "a.py"),
            ("file:///w/a%20b.py", "a b.py"),
            ("/wide/a.py", "/wide/a.py"),
            ("a/w/b.py", "a/w/b.py"),
        ] {
            assert_eq!(relative(path, &roots), expected, "{path}");
        }
    }
}
