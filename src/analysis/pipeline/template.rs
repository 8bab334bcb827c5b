//! Texts with places that are filled when a step runs.
//!
//! Knows no step: who runs one says what stands in a place.

use ecow::EcoString;
use serde::{Deserialize, Serialize};

/// Begins a place, or a U+0000 that was written; no argument of a program can hold one.
const MARK: char = '\0';

/// A text with places to fill when the step runs; variables of `let` are already filled in.
///
/// Nearly all are plain words, so it is one text that needs no room of its own where it is short, or is a path that the task names
/// elsewhere: a place is U+0000 and the property's letter, a U+0000 that was written is two.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Template(EcoString);

/// A piece of a [`Template`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TemplatePart<'t> {
    /// Literal text.
    Text(&'t str),
    /// A property of the step.
    Property(Property),
}

/// What a step knows of itself when it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Property {
    /// The files that a rule looks over, an argument each.
    Files,
    /// The literal files of a scope, an argument each.
    ScopeFiles,
    /// A file that holds the prompt.
    Prompt,
    /// The folder that a setup makes, or `bin`'s; the file that a rule's program reports to.
    Out,
    /// The worktree's folder.
    Worktree,
    /// The workstream's id.
    Workstream,
    /// What stands after `--` on the command line, an argument each.
    Args,
}

impl Property {
    /// Every property.
    pub const ALL: [Self; 7] =
        [Self::Files, Self::ScopeFiles, Self::Prompt, Self::Out, Self::Worktree, Self::Workstream, Self::Args];

    /// The word between the braces.
    pub fn word(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::ScopeFiles => "scope-files",
            Self::Prompt => "prompt",
            Self::Out => "out",
            Self::Worktree => "worktree",
            Self::Workstream => "workstream",
            Self::Args => "args",
        }
    }

    /// What stands for it in a template.
    fn letter(self) -> char {
        match self {
            Self::Files => 'f',
            Self::ScopeFiles => 's',
            Self::Prompt => 'p',
            Self::Out => 'o',
            Self::Worktree => 't',
            Self::Workstream => 'w',
            Self::Args => 'a',
        }
    }
}

impl Template {
    /// A template without places.
    pub fn literal(text: impl Into<EcoString>) -> Self {
        let text = text.into();
        if !text.contains(MARK) {
            return Self(text);
        }
        let mut template = Self::default();
        template.push_text(&text);
        template
    }

    /// Adds literal text.
    pub fn push_text(&mut self, text: &str) {
        let mut pieces = text.split(MARK);
        self.0.extend(pieces.next());
        for piece in pieces {
            self.0.extend([MARK, MARK]);
            self.0.push_str(piece);
        }
    }

    /// Adds a place.
    pub fn push_property(&mut self, property: Property) {
        self.0.extend([MARK, property.letter()]);
    }

    /// Its pieces in order; what was written as one may come in several.
    pub fn parts(&self) -> impl Iterator<Item = TemplatePart<'_>> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            let Some(marked) = rest.strip_prefix(MARK) else {
                let (text, after) = rest.split_at(rest.find(MARK).unwrap_or(rest.len()));
                rest = after;
                return (!text.is_empty()).then_some(TemplatePart::Text(text));
            };
            let (letter, after) = marked.split_at_checked(1)?;
            rest = after;
            let property = Property::ALL.into_iter().find(|property| letter.starts_with(property.letter()));
            Some(property.map_or(TemplatePart::Text(letter), TemplatePart::Property))
        })
    }

    /// Whether it has a place for a property.
    pub fn uses(&self, property: Property) -> bool {
        self.parts().any(|part| part == TemplatePart::Property(property))
    }

    /// The text with `{name}` for every place: what is shown and keyed.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(self.0.len());
        for part in self.parts() {
            match part {
                TemplatePart::Text(literal) => text.push_str(literal),
                TemplatePart::Property(property) => {
                    text.push('{');
                    text.push_str(property.word());
                    text.push('}');
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Property, Template, TemplatePart};

    #[test]
    fn what_is_put_in_comes_out() {
        let mut template = Template::default();
        template.push_text("a\0{args}\0");
        Property::ALL.into_iter().for_each(|property| template.push_property(property));
        template.push_text("\0");
        template.push_text("a");
        assert_eq!(template.text(), "a\0{args}\0{files}{scope-files}{prompt}{out}{worktree}{workstream}{args}\0a");
        let places: Vec<Property> = template
            .parts()
            .filter_map(|part| match part {
                TemplatePart::Property(property) => Some(property),
                TemplatePart::Text(_) => None,
            })
            .collect();
        assert_eq!(places, Property::ALL);
        assert!(template.uses(Property::Args) && !Template::literal("\0a").uses(Property::Args));
        assert_eq!(Template::literal("\0a").parts().map(|part| part == TemplatePart::Text("\0")).next(), Some(true));
        assert_eq!(Template::default().parts().count(), 0);
    }
}
