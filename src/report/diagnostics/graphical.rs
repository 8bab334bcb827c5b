//! A diagnostic drawn by miette.
//!
//! miette draws one text a diagnostic: places in further files are drawn as related ones.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode, SourceSpan, ThemeCharacters,
    ThemeStyles,
};

use crate::base::diagnostic::{Diagnostic, Label, Severity};
use crate::base::span::{FileId, Sources};
use crate::report::Style;

/// One diagnostic, at most `columns` wide.
pub(super) fn render(diagnostic: &Diagnostic, sources: &Sources, style: &Style, columns: usize) -> String {
    let characters = if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() };
    let styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_width(columns)
        .with_context_lines(1)
        .tab_width(4)
        .with_links(false);
    let mut text = String::new();
    let drawn = Drawn::of(diagnostic, sources);
    match handler.render_report(&mut text, &drawn) {
        Ok(()) => text.lines().map(|line| format!("{}\n", line.trim_end())).collect(),
        Err(fmt::Error) => super::plain::render(diagnostic, sources, style),
    }
}

/// What miette wants to know, for the places in one file.
#[derive(Debug)]
struct Drawn {
    message: String,
    code: Option<&'static str>,
    severity: miette::Severity,
    help: Option<String>,
    text: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    related: Vec<Drawn>,
}

impl Drawn {
    fn of(diagnostic: &Diagnostic, sources: &Sources) -> Self {
        let severity = match diagnostic.code.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        };
        let home = diagnostic.labels.first().map(|label| label.span.file);
        let (here, elsewhere): (Vec<&Label>, Vec<&Label>) =
            diagnostic.labels.iter().partition(|label| Some(label.span.file) == home);
        let related = elsewhere.iter().map(|label| Self::related(label, sources)).collect();
        Self {
            message: diagnostic.message.clone(),
            code: Some(diagnostic.code.id),
            severity,
            help: diagnostic.help.clone(),
            text: home.and_then(|file| text_of(file, sources)),
            labels: here.iter().enumerate().map(|(at, label)| labeled(label, sources, at == 0, true)).collect(),
            related,
        }
    }

    fn related(label: &Label, sources: &Sources) -> Self {
        Self {
            message: if label.text.is_empty() { "see also".to_owned() } else { label.text.clone() },
            code: None,
            severity: miette::Severity::Advice,
            help: None,
            text: text_of(label.span.file, sources),
            labels: vec![labeled(label, sources, true, false)],
            related: Vec::new(),
        }
    }
}

/// A span kept inside its text, on borders of characters.
fn labeled(label: &Label, sources: &Sources, primary: bool, with_text: bool) -> LabeledSpan {
    let text = sources.get(label.span.file).map_or("", |source| source.text.as_ref());
    let start = text.floor_char_boundary((label.span.start as usize).min(text.len()));
    let end = text.floor_char_boundary((label.span.end as usize).clamp(start, text.len()));
    let said = (with_text && !label.text.is_empty()).then(|| label.text.clone());
    let span = SourceSpan::new(start.into(), end - start);
    if primary { LabeledSpan::new_primary_with_span(said, span) } else { LabeledSpan::new_with_span(said, span) }
}

fn text_of(file: FileId, sources: &Sources) -> Option<NamedSource<String>> {
    let source = sources.get(file)?;
    Some(NamedSource::new(source.path.as_ref(), source.text.to_string()))
}

impl fmt::Display for Drawn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Drawn {}

impl miette::Diagnostic for Drawn {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.as_ref().map(|text| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        (!self.labels.is_empty()).then(|| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = _>>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        let related = self.related.iter().map(|related| related as &dyn miette::Diagnostic);
        (!self.related.is_empty()).then(|| Box::new(related) as Box<dyn Iterator<Item = _>>)
    }
}
