//! What is wrong with definitions, as plain data.
//!
//! Does not know how it is drawn (that is `report`) nor when it arises (that is `syntax` and `analysis`).

use crate::base::span::Span;

/// How grave a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing can be built.
    Error,
    /// Worth a look; the build goes on.
    Warning,
    /// What was normalised or assumed.
    Note,
}

/// The older validator's classes, which `--json` still reports as `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Syntax, unknown or missing fields, wrong kinds of values.
    Schema,
    /// A dependency that cannot be resolved.
    Dependency,
    /// Dependencies that form a cycle.
    Cycle,
    /// Two unordered workstreams that can touch one path.
    Overlap,
    /// The project's set-up: files, folders, tools.
    Config,
    /// Anything else.
    Unexpected,
}

impl Class {
    /// The word that `--json` uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Dependency => "dependency",
            Self::Cycle => "cycle",
            Self::Overlap => "overlap",
            Self::Config => "config",
            Self::Unexpected => "unexpected",
        }
    }
}

/// A documented kind of diagnostic; one constant a code, in `analysis::diagnostics`.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Code {
    /// Kebab-case, stable: `unknown-tool`.
    pub id: &'static str,
    /// How grave it is.
    pub severity: Severity,
    /// The older class.
    pub class: Class,
    /// One line: what it says.
    pub summary: &'static str,
    /// Markdown: why it is refused and what to do.
    pub explanation: &'static str,
}

/// A good or a bad case of a code: the files it takes and the codes it must give.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// A few words.
    pub name: &'static str,
    /// Paths and texts; in `analysis` those below `tree/` are the base commit's tree.
    pub files: &'static [(&'static str, &'static str)],
    /// Ids of the codes, in order (in `analysis`: as a set); empty for a good case.
    pub expect: &'static [&'static str],
}

/// A place with a few words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What about it; may be empty.
    pub text: String,
}

/// One thing that is wrong; the first label is the primary one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind.
    pub code: &'static Code,
    /// This case in one sentence, without a period.
    pub message: String,
    /// The places.
    pub labels: Vec<Label>,
    /// What to do, as an imperative.
    pub help: Option<String>,
    /// The workstream, task or rule it is about.
    pub subject: Option<String>,
}

impl Diagnostic {
    /// A diagnostic at one place.
    pub fn new(code: &'static Code, span: Span, message: impl Into<String>) -> Self {
        let labels = vec![Label { span, text: String::new() }];
        Self { code, message: message.into(), labels, help: None, subject: None }
    }

    /// Says something at the primary place.
    pub fn say(mut self, text: impl Into<String>) -> Self {
        if let Some(label) = self.labels.first_mut() {
            label.text = text.into();
        }
        self
    }

    /// Adds a further place.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Names what it is about.
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Whether nothing can be built.
    pub fn is_error(&self) -> bool {
        self.code.severity == Severity::Error
    }
}
