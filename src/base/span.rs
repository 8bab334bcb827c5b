//! Places in the texts that people wrote: byte ranges in numbered files.
//!
//! Does not know what stands there; the texts are kept by [`Sources`] for whoever draws a diagnostic.

use std::collections::BTreeSet;
use std::sync::Arc;

/// A file among [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A half-open byte range in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `length` bytes at `start`.
    pub fn new(file: FileId, start: usize, length: usize) -> Self {
        let start = u32::try_from(start).unwrap_or(u32::MAX);
        let end = start.saturating_add(u32::try_from(length).unwrap_or(u32::MAX));
        Self { file, start, end }
    }
}

/// A value with the place where it was written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a value and its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

/// One text with the path that people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Relative to the project's root where it lies below it; `<built-in>/…` for what the binary carries.
    pub path: Arc<str>,
    /// The whole text, as long as something may be said of it.
    pub text: Arc<str>,
}

/// All texts that definitions were read from; a [`FileId`] is an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(pub Vec<Source>);

impl Sources {
    /// The source of a span.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.0.get(file.0 as usize)
    }

    /// Lets go of the texts of all files but these: a generated graph's are many megabytes.
    pub fn keep(&mut self, files: &BTreeSet<FileId>) {
        for (id, source) in (0..).map(FileId).zip(&mut self.0) {
            if !files.contains(&id) {
                source.text = Arc::default();
            }
        }
    }

    /// Line and column of a span's start, both from 1; columns count characters.
    pub fn position(&self, span: Span) -> Option<(usize, usize)> {
        let text = &self.get(span.file)?.text;
        let before = text.get(..(span.start as usize).min(text.len()))?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        Some((line, column))
    }
}
