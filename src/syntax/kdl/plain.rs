//! Nodes of the plainest letters, read without the `kdl` crate: names, quoted strings without escapes, raw strings, whole
//! numbers, flags.
//!
//! That is nearly all of every file, and all of a generated one; the crate takes some 50 µs a node. Whatever holds
//! anything else gives `None` and is given to the crate, which alone says what is wrong. `tests.rs` holds the two together.

use super::letters::{Word, is_disallowed, is_newline, is_space, is_word, word_kind};
use super::node::{Kind, Node, Value};
use crate::base::span::{FileId, Span};
use crate::syntax::definition::Text;

/// Digits of a whole number that is read here.
const DIGITS_MAX: usize = 18;

/// The nodes of one piece of `text`, whose nesting is known to be bounded; comments are blanked.
pub(super) fn nodes(text: &str, start: usize, end: usize, file: FileId) -> Option<Vec<Node>> {
    let mut plain = Plain { text: text.get(..end)?, at: start, file };
    let nodes = plain.nodes()?;
    (plain.at == end).then_some(nodes)
}

struct Plain<'t> {
    text: &'t str,
    at: usize,
    file: FileId,
}

impl<'t> Plain<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, of: fn(char) -> bool) -> bool {
        let before = self.at;
        self.at += self.rest().find(|letter| !of(letter)).unwrap_or(self.rest().len());
        self.at > before
    }

    /// What stands between entries; a line goes on behind a `\` only where an entry follows.
    fn space(&mut self) -> Option<bool> {
        let spaced = self.skip(is_space);
        if !spaced || !self.rest().starts_with('\\') {
            return Some(spaced);
        }
        self.at += 1;
        self.skip(is_space);
        self.at += self.rest().strip_prefix('\n').map(|_| 1)?;
        self.skip(is_space);
        let is_entry = self.peek().is_some_and(|letter| is_word(letter) || matches!(letter, '"' | '#'));
        is_entry.then_some(true)
    }

    fn span(&self, start: usize) -> Span {
        Span::new(self.file, start, self.at - start)
    }

    /// Nodes up to a `}` or the end.
    fn nodes(&mut self) -> Option<Vec<Node>> {
        let mut nodes = Vec::new();
        loop {
            self.skip(|letter| is_space(letter) || is_newline(letter));
            if matches!(self.peek(), None | Some('}')) {
                return Some(nodes);
            }
            nodes.push(self.node()?);
        }
    }

    /// A node with what ends it.
    fn node(&mut self) -> Option<Node> {
        let start = self.at;
        let (name, _) = self.text()?;
        let name = Text::new(name.into(), self.span(start));
        let mut node =
            Node { name, arguments: Vec::new(), properties: Vec::new(), children: None, span: self.span(start) };
        loop {
            let spaced = self.space()?;
            match self.peek() {
                Some('{') if spaced && node.children.is_none() => {
                    self.at += 1;
                    let children = self.nodes()?;
                    self.at += self.rest().strip_prefix('}').map(|_| 1)?;
                    node.children = Some(children);
                    node.span = self.span(start);
                }
                None | Some('}') => return Some(node),
                Some(';') => {
                    self.at += 1;
                    return Some(node);
                }
                Some(letter) if is_newline(letter) => {
                    self.at += letter.len_utf8();
                    return Some(node);
                }
                Some(_) if spaced && node.children.is_none() => {
                    self.entry(&mut node)?;
                    node.span = self.span(start);
                }
                Some(_) => return None,
            }
        }
    }

    /// An argument, or a property without spaces around its `=`.
    fn entry(&mut self, node: &mut Node) -> Option<()> {
        let start = self.at;
        let argument = self.value()?;
        if !self.rest().starts_with('=') {
            node.arguments.push(argument);
            return Some(());
        }
        let Kind::Text(key) = argument.kind else { return None };
        if argument.source.starts_with('#') {
            return None;
        }
        let key = Text::new(key.into(), self.span(start));
        self.at += 1;
        node.properties.push((key, self.value()?));
        Some(())
    }

    fn value(&mut self) -> Option<Value> {
        let start = self.at;
        for (written, flag) in [("#true", true), ("#false", false)] {
            if self.rest().starts_with(written) {
                self.at += written.len();
                return Some(Value { kind: Kind::Bool(flag), source: written.to_owned(), span: self.span(start) });
            }
        }
        let kind = match self.peek() {
            Some('#') => Kind::Text(self.raw()?),
            _ => {
                let (text, number) = self.text_or_number()?;
                number.unwrap_or_else(|| Kind::Text(text.to_owned()))
            }
        };
        Some(Value { kind, source: self.text[start..self.at].to_owned(), span: self.span(start) })
    }

    /// A raw text: `#"…"#` on one line, or between `#"""` and `"""#` on lines of its own.
    fn raw(&mut self) -> Option<String> {
        let rest = self.rest();
        let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
        let (quotes, lines) = match rest[hashes..].starts_with("\"\"\"") {
            true => ("\"\"\"", true),
            false => ("\"", false),
        };
        let inside = rest[hashes..].strip_prefix(quotes)?;
        let end = inside.find(&format!("{quotes}{}", &rest[..hashes]))?;
        let inside = &inside[..end];
        let text = if lines { dedented(inside)? } else { inside.to_owned() };
        let is_odd = |letter| is_disallowed(letter) || (is_newline(letter) && !(lines && letter == '\n'));
        if inside.contains(is_odd) {
            return None;
        }
        self.at += 2 * (hashes + quotes.len()) + end;
        Some(text)
    }

    /// A name: a text that is no number.
    fn text(&mut self) -> Option<(&'t str, Option<Kind>)> {
        self.text_or_number().filter(|(_, number)| number.is_none())
    }

    /// A quoted text or a bare word; a number comes with what it is.
    fn text_or_number(&mut self) -> Option<(&'t str, Option<Kind>)> {
        let rest = self.rest();
        if let Some(inside) = rest.strip_prefix('"') {
            let end =
                inside.find(|letter| matches!(letter, '"' | '\\') || is_newline(letter) || is_disallowed(letter))?;
            if !inside[end..].starts_with('"') {
                return None;
            }
            self.at += end + 2;
            return Some((&inside[..end], None));
        }
        let word = &rest[..rest.find(|letter| !is_word(letter)).unwrap_or(rest.len())];
        self.at += word.len();
        match word_kind(word) {
            Word::Text if !word.is_empty() => Some((word, None)),
            Word::Number if word.len() <= DIGITS_MAX && word.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some((word, Some(Kind::Integer(word.parse().ok()?))))
            }
            _ => None,
        }
    }
}

/// Lines between three quotes and three quotes, without what stands in front of the last three; lines of spaces are empty.
fn dedented(inside: &str) -> Option<String> {
    let lines = inside.strip_prefix('\n')?;
    let Some((lines, indent)) = lines.rsplit_once('\n') else {
        return lines.chars().all(is_space).then(String::new);
    };
    let is_blank = |line: &str| line.chars().all(is_space);
    let one = |line| if is_blank(line) { Some("") } else { str::strip_prefix(line, indent) };
    let lines: Vec<&str> = lines.split('\n').map(one).collect::<Option<_>>()?;
    is_blank(indent).then(|| lines.join("\n"))
}
