//! Filling `{variables}` into commands and environments; properties of a step stay as places.
//!
//! Looked up in the step's properties, the node's `let`, the Pipelinefile's; what is filled in is not looked at again.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::analysis::diagnostics::{bad_variable_name, misplaced_property, unknown_variable};
use crate::analysis::names::{list, suggest};
use crate::analysis::pipeline::template::{Property, Template};
use crate::analysis::pipeline::{Command, Environment};
use crate::base::diagnostic::Diagnostic;
use crate::base::span::Span;
use crate::syntax::definition::{CommandDefinition, EnvironmentDefinition, Text};

/// The Pipelinefile's variables and environment, which every node sees.
#[derive(Debug, Default)]
pub struct Globals<'a> {
    /// `let`, with `--set` over it.
    pub variables: HashMap<&'a str, &'a str>,
    /// `env`, variables filled in.
    pub environment: Arc<Environment>,
}

/// Where one node's variables are looked up.
#[derive(Debug)]
pub struct Lookup<'a> {
    globals: &'a Globals<'a>,
    own: HashMap<&'a str, &'a str>,
    subject: &'a str,
}

/// A piece of a text with variables.
enum Piece<'t> {
    Literal(&'t str),
    /// A name and the byte where its brace stands.
    Place(&'t str, usize),
}

impl<'a> Lookup<'a> {
    /// A node's own variables over the Pipelinefile's.
    pub fn new(
        globals: &'a Globals<'a>,
        own: &'a [(Text, Text)],
        subject: &'a str,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        for (name, _) in own {
            check_name(name, diagnostics);
        }
        let own = own.iter().map(|(name, value)| (name.value.as_str(), value.value.as_str())).collect();
        Self { globals, own, subject }
    }

    /// Fills a command in.
    pub fn command(
        &self,
        command: &CommandDefinition,
        properties: &[Property],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Command {
        match command {
            CommandDefinition::Run(argv) => {
                Command::Argv(argv.iter().map(|word| self.template(word, properties, diagnostics)).collect())
            }
            CommandDefinition::Shell(text) => Command::Shell(self.template(text, properties, diagnostics)),
        }
    }

    /// Fills one text in.
    pub fn template(&self, text: &Text, properties: &[Property], diagnostics: &mut Vec<Diagnostic>) -> Template {
        if !text.value.contains('{') {
            return Template::literal(text.value.clone());
        }
        let mut template = Template::default();
        for piece in pieces(&text.value) {
            let literal = match piece {
                Piece::Literal(literal) => literal,
                Piece::Place(name, at) => {
                    if let Some(property) = properties.iter().find(|property| property.word() == name) {
                        template.push_property(*property);
                        continue;
                    }
                    match self.value(name) {
                        Some(value) => value,
                        None => {
                            diagnostics.push(self.unknown(name, place(text, at, name.len() + 2), properties));
                            continue;
                        }
                    }
                }
            };
            template.push_text(literal);
        }
        template
    }

    /// Fills in a text in which no property can stand.
    pub fn plain(&self, text: &Text, diagnostics: &mut Vec<Diagnostic>) -> Text {
        match text.value.contains('{') {
            true => Text::new(self.template(text, &[], diagnostics).text().into(), text.span),
            false => text.clone(),
        }
    }

    /// Fills in several such texts.
    pub fn plains(&self, texts: &[Text], diagnostics: &mut Vec<Diagnostic>) -> Vec<Text> {
        texts.iter().map(|text| self.plain(text, diagnostics)).collect()
    }

    /// The same, shared where a node says nothing of it, as nearly all do.
    pub fn shared_environment(
        &self,
        own: &EnvironmentDefinition,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Arc<Environment> {
        if own.set.is_empty() && own.pass.is_empty() {
            return Arc::clone(&self.globals.environment);
        }
        Arc::new(self.environment(own, diagnostics))
    }

    /// The Pipelinefile's environment with a node's over it.
    pub fn environment(&self, own: &EnvironmentDefinition, diagnostics: &mut Vec<Diagnostic>) -> Environment {
        let mut environment = Environment::clone(&self.globals.environment);
        for (name, value) in &own.set {
            environment.set.insert(name.value.to_string(), self.plain(value, diagnostics).value.into());
        }
        environment.pass.extend(own.pass.iter().map(|name| name.value.to_string()));
        environment.pass = environment.pass.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        environment
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.own.get(name).or_else(|| self.globals.variables.get(name)).copied()
    }

    fn unknown(&self, name: &str, span: Span, properties: &[Property]) -> Diagnostic {
        if Property::ALL.iter().any(|property| property.word() == name) {
            let there: Vec<&str> = properties.iter().map(|property| property.word()).collect();
            let help = if there.is_empty() {
                "no property is known here; use a variable of `let`".to_owned()
            } else {
                format!("here {} can stand", list(&there))
            };
            return Diagnostic::new(&misplaced_property::CODE, span, format!("`{{{name}}}` is not known here"))
                .help(help)
                .about(self.subject);
        }
        let mut known: Vec<&str> = self.own.keys().chain(self.globals.variables.keys()).copied().collect();
        known.extend(properties.iter().map(|property| property.word()));
        known.sort_unstable();
        known.dedup();
        let otherwise = format!("add `let {{ {name} \"…\" }}`, or write `{{ {name} }}` where braces are meant");
        Diagnostic::new(&unknown_variable::CODE, span, format!("no variable `{name}`"))
            .help(suggest(name, &known, &otherwise))
            .about(self.subject)
    }
}

/// A text in which nothing is filled in.
pub fn literal(command: &CommandDefinition) -> Command {
    match command {
        CommandDefinition::Run(argv) => {
            Command::Argv(argv.iter().map(|word| Template::literal(word.value.clone())).collect())
        }
        CommandDefinition::Shell(text) => Command::Shell(Template::literal(text.value.clone())),
    }
}

/// Reads the Pipelinefile's variables and environment.
pub fn globals<'a>(
    variables: &[&'a (Text, Text)],
    set: &'a [(String, String)],
    environment: &EnvironmentDefinition,
    diagnostics: &mut Vec<Diagnostic>,
) -> Globals<'a> {
    let mut globals = Globals::default();
    for (name, value) in variables {
        check_name(name, diagnostics);
        globals.variables.insert(&name.value, &value.value);
    }
    for (name, value) in set {
        if globals.variables.insert(name, value).is_none() {
            globals.variables.remove(name.as_str());
            let known: Vec<&str> = variables.iter().map(|(name, _)| name.value.as_str()).collect();
            let help = suggest(name, &known, "add it to the Pipelinefile's `let`");
            let message = format!("--set {name}: no such variable");
            let labels = Vec::new();
            let code = &unknown_variable::CODE;
            diagnostics.push(Diagnostic { code, message, labels, help: Some(help), subject: None });
        }
    }
    let lookup = Lookup { globals: &globals, own: HashMap::new(), subject: "env" };
    let filled = lookup.environment(environment, diagnostics);
    globals.environment = Arc::new(filled);
    globals
}

fn check_name(name: &Text, diagnostics: &mut Vec<Diagnostic>) {
    let property = Property::ALL.iter().any(|property| property.word() == name.value);
    if is_identifier(&name.value) && !property {
        return;
    }
    let message = if property {
        format!("`{}` is a property of steps, looked up before any variable", name.value)
    } else {
        format!("`{{{}}}` would not be read as a variable", name.value)
    };
    let help = "name it with a lower-case letter, then lower-case letters, digits or `-`";
    diagnostics.push(Diagnostic::new(&bad_variable_name::CODE, name.span, message).help(help));
}

/// `[a-z][a-z0-9-]*`.
fn is_identifier(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-')
}

/// Cuts a text at its variables.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(open) = text[at..].find('{').map(|offset| at + offset) {
        let inside = &text[open + 1..];
        match inside.find('}').map(|end| &inside[..end]).filter(|name| is_identifier(name)) {
            Some(name) => {
                if open > from {
                    pieces.push(Piece::Literal(&text[from..open]));
                }
                pieces.push(Piece::Place(name, open));
                at = open + name.len() + 2;
                from = at;
            }
            None => at = open + 1,
        }
    }
    if from < text.len() {
        pieces.push(Piece::Literal(&text[from..]));
    }
    pieces
}

/// The place inside a text where its quotes can be told from its span; else all of it.
pub fn place(text: &Text, at: usize, length: usize) -> Span {
    let written = (text.span.end.saturating_sub(text.span.start)) as usize;
    // Bare words and plain quotes have no room for an escape; beyond that a byte of the value may be several of the text.
    let quote = match written.checked_sub(text.value.len()) {
        Some(0) => 0,
        Some(2) => 1,
        _ => return text.span,
    };
    Span::new(text.span.file, text.span.start as usize + quote + at, length)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Globals, Lookup};
    use crate::analysis::pipeline::template::Property;
    use crate::base::span::{FileId, Span};
    use crate::syntax::definition::Text;

    fn text(value: &str) -> Text {
        Text::new(value.into(), Span::new(FileId(0), 10, value.len() + 2))
    }

    #[test]
    fn only_identifiers_are_variables() {
        let globals =
            Globals { variables: HashMap::from([("python", "3.12"), ("x", "{python}")]), ..Globals::default() };
        let own = [(text("mode"), text("fast"))];
        let mut diagnostics = Vec::new();
        let lookup = Lookup::new(&globals, &own, "t", &mut diagnostics);
        let mut fill = |value: &str| lookup.template(&text(value), &[Property::Args], &mut diagnostics).text();
        assert_eq!(fill("py{python}-{mode}"), "py3.12-fast");
        assert_eq!(fill("{x}"), "{python}");
        assert_eq!(fill("{args}{}{ a }{A}{a,b}{{mode}}{"), "{args}{}{ a }{A}{a,b}{fast}{");
        assert_eq!(fill("a {nope} b"), "a  b");
        let place = diagnostics[0].labels[0].span;
        assert_eq!((place.start, place.end), (13, 19));
    }
}
