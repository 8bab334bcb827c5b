//! Nodes in our own words, with the place of everything: what is left of the `kdl` crate after parsing.
//!
//! Knows no node's meaning.

use kdl::{KdlDocument, KdlEntry, KdlError, KdlNode, KdlValue};

use super::letters::{is_newline, is_space};
use crate::base::span::{FileId, Span};
use crate::syntax::definition::Text;

/// What kind of value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Quoted, raw or bare text.
    Text(String),
    /// A whole number.
    Integer(i128),
    /// Any other number.
    Float,
    /// `#true`, `#false`.
    Bool(bool),
    /// `#null`.
    Null,
}

/// An argument or a property's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) kind: Kind,
    /// As it stands in the file.
    pub(super) source: String,
    pub(super) span: Span,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) name: Text,
    pub(super) arguments: Vec<Value>,
    pub(super) properties: Vec<(Text, Value)>,
    pub(super) children: Option<Vec<Node>>,
    /// From the name's first byte to the last of its entries or children.
    pub(super) span: Span,
}

/// Parses one piece of `text`; the nodes' places are those in `text`.
pub(super) fn parse(text: &str, start: usize, end: usize, file: FileId) -> Result<Vec<Node>, KdlError> {
    let document = KdlDocument::parse_v2(&text[start..end])?;
    Ok(Converter { text, start, file }.document(&document))
}

struct Converter<'t> {
    text: &'t str,
    start: usize,
    file: FileId,
}

impl Converter<'_> {
    /// Recursion is bounded by `problem::NESTING_MAX`.
    fn document(&self, document: &KdlDocument) -> Vec<Node> {
        document.nodes().iter().map(|node| self.node(node)).collect()
    }

    fn span(&self, offset: usize, length: usize) -> Span {
        let start = (self.start + offset).min(self.text.len());
        let end = (start + length).min(self.text.len());
        let written = self.text.get(start..end).unwrap_or("");
        let trimmed = written.trim_end_matches(|letter| is_space(letter) || is_newline(letter));
        Span::new(self.file, start, trimmed.len())
    }

    fn node(&self, node: &KdlNode) -> Node {
        let (name, span) = (node.name(), node.span());
        let (arguments, properties): (Vec<_>, Vec<_>) = node.entries().iter().partition(|entry| entry.name().is_none());
        Node {
            name: Text::new(name.value().into(), self.span(name.span().offset(), name.span().len())),
            arguments: arguments.into_iter().map(|entry| self.value(entry)).collect(),
            properties: properties.into_iter().filter_map(|entry| self.property(entry)).collect(),
            children: node.children().map(|children| self.document(children)),
            span: self.span(span.offset(), span.len()),
        }
    }

    fn property(&self, entry: &KdlEntry) -> Option<(Text, Value)> {
        let name = entry.name()?;
        let key = Text::new(name.value().into(), self.span(name.span().offset(), name.span().len()));
        Some((key, self.value(entry)))
    }

    fn value(&self, entry: &KdlEntry) -> Value {
        let source = entry.format().map_or_else(String::new, |format| format.value_repr.clone());
        let kind = match entry.value() {
            KdlValue::String(text) => Kind::Text(text.clone()),
            KdlValue::Integer(number) => Kind::Integer(*number),
            KdlValue::Float(_) => Kind::Float,
            KdlValue::Bool(value) => Kind::Bool(*value),
            KdlValue::Null => Kind::Null,
        };
        let span = entry.span();
        let end = span.offset() + span.len();
        let span = match entry.name() {
            Some(_) => self.span(end.saturating_sub(source.len()), source.len()),
            None => self.span(span.offset(), span.len()),
        };
        Value { kind, source, span }
    }
}
