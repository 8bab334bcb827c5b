//! What looking over KDL text finds: nodes to parse, places to leave out, and what is wrong.
//!
//! Knows nothing of how it is found or said.

/// How deep children may be nested: the parser recurses.
pub(super) const NESTING_MAX: usize = 32;

/// What is wrong at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A bare word that has to be quoted; the text says why.
    BareWord(&'static str),
    /// `true`, `false`, `null` without `#`.
    BareKeyword,
    /// `{out}` without quotes.
    BareBraces,
    /// `"\d"`.
    BadEscape,
    /// `src/**/*.rs`: a comment begins inside a word.
    CommentSwallows,
    /// `run "a" //b`.
    CommentInArgv,
    /// `--features=` or `--features={x}`.
    PropertyWithoutValue,
    /// `(type)value`.
    Annotation,
    /// Children deeper than [`NESTING_MAX`].
    TooDeep,
    /// Anything else; the text says what, then what to do.
    Syntax(&'static str, &'static str),
}

/// Something wrong, by byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Problem {
    /// Whether the node around it cannot be parsed.
    pub(super) fn is_fatal(self) -> bool {
        !matches!(self.kind, Kind::CommentSwallows | Kind::CommentInArgv)
    }
}

/// One top-level node with what is around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) problems: Vec<Problem>,
}

/// The whole text, looked over.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) chunks: Vec<Chunk>,
    /// Byte ranges of comments and of blocks behind `/-`, in order, none inside another.
    pub(super) comments: Vec<(usize, usize)>,
}
