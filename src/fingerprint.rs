//! Named parts that a step observes, the key made of them, and what differs between two.
//!
//! Knows neither where the parts come from nor what is remembered under a key.

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;

/// The digest of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub Digest);

/// Texts up to this many bytes are kept with their part, so that a change can be shown.
pub const PART_TEXT_BYTES_MAX: usize = 16 * 1024;

/// One thing that a step observes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// `command`, `input src/a.py`, `env CI`, `tree`.
    pub name: String,
    /// 64 hex digits.
    pub digest: String,
    /// The text itself, where it is short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a step observes, part by part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// In the order in which they were added.
    pub parts: Vec<Part>,
}

/// What differs between two fingerprints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// A part has another digest; the line (from 1) where its text first differs, if both are known.
    Changed {
        /// The part.
        name: String,
        /// First line that differs.
        line: Option<usize>,
        /// Old and new text, where both are one short line.
        texts: Option<(String, String)>,
    },
    /// A part is new.
    Added(String),
    /// A part is gone.
    Removed(String),
}

impl Fingerprint {
    /// A fingerprint of a kind of step; the kind is its first part.
    pub fn of(kind: &str) -> Self {
        let mut fingerprint = Self::default();
        fingerprint.text("kind", kind);
        fingerprint
    }

    /// Adds a part by its text.
    pub fn text(&mut self, name: impl Into<String>, text: &str) {
        let kept = (text.len() <= PART_TEXT_BYTES_MAX).then(|| text.to_owned());
        self.parts.push(Part { name: name.into(), digest: Digest::of(text.as_bytes()).hex(), text: kept });
    }

    /// Adds a part by its digest or object id.
    pub fn digest(&mut self, name: impl Into<String>, digest: impl Into<String>) {
        self.parts.push(Part { name: name.into(), digest: digest.into(), text: None });
    }

    /// The key: a digest of names and digests, in order.
    pub fn key(&self) -> Key {
        Key(Digest::of_fields(self.parts.iter().flat_map(|part| [part.name.as_bytes(), part.digest.as_bytes()])))
    }

    /// What differs, in the order of `new`, then what is gone.
    pub fn differences(&self, new: &Self) -> Vec<Difference> {
        let old: std::collections::HashMap<&str, &Part> =
            self.parts.iter().map(|part| (part.name.as_str(), part)).collect();
        let mut differences = Vec::new();
        for part in &new.parts {
            match old.get(part.name.as_str()) {
                None => differences.push(Difference::Added(part.name.clone())),
                Some(before) if before.digest != part.digest => differences.push(changed(before, part)),
                Some(_) => {}
            }
        }
        let names: std::collections::HashSet<&str> = new.parts.iter().map(|part| part.name.as_str()).collect();
        let gone = self.parts.iter().filter(|part| !names.contains(part.name.as_str()));
        differences.extend(gone.map(|part| Difference::Removed(part.name.clone())));
        differences
    }
}

fn changed(before: &Part, after: &Part) -> Difference {
    let name = after.name.clone();
    let (Some(old), Some(new)) = (&before.text, &after.text) else {
        return Difference::Changed { name, line: None, texts: None };
    };
    let single = !old.contains('\n') && !new.contains('\n');
    let texts = (single && old.len() + new.len() < 120).then(|| (old.clone(), new.clone()));
    let same = old.lines().zip(new.lines()).take_while(|(left, right)| left == right).count();
    Difference::Changed { name, line: (!single).then_some(same + 1), texts }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed { name, texts: Some((old, new)), .. } => write!(formatter, "{name} changed: {old} -> {new}"),
            Self::Changed { name, line: Some(line), .. } => write!(formatter, "{name} changed at line {line}"),
            Self::Changed { name, .. } => write!(formatter, "{name} changed"),
            Self::Added(name) => write!(formatter, "{name} is new"),
            Self::Removed(name) => write!(formatter, "{name} is gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    fn with_prompt(prompt: &str) -> Fingerprint {
        let mut fingerprint = Fingerprint::of("edit");
        fingerprint.text("prompt", prompt);
        fingerprint
    }

    #[test]
    fn a_difference_names_the_line() {
        let old = with_prompt("one\ntwo\nthree");
        let new = with_prompt("one\ntwo\nfour");
        assert_ne!(old.key(), new.key());
        let said: Vec<_> = old.differences(&new).iter().map(ToString::to_string).collect();
        assert_eq!(said, ["prompt changed at line 3"]);
        assert!(old.differences(&old).is_empty());
    }
}
