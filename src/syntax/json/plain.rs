//! Bundles that are right, read in one pass: typed, each text borrowed with its place, without a tree in between.
//!
//! Whatever is not plainly right gives `None`, and the file is read again by way of the tree, which alone says what is
//! wrong. `tests.rs` holds the two together.

use std::collections::HashSet;
use std::fmt;

use ecow::EcoString;
use rayon::prelude::*;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::bundle::shell_test;
use crate::base::span::{FileId, Span, Spanned};
use crate::syntax::definition::{BreakerDefinition, Text, WorkstreamDefinition};
use crate::syntax::kdl::empty_workstream;
use crate::syntax::workstream_id;

/// From so many objects on they are read by several threads.
const PARALLEL_OBJECTS_MIN: usize = 512;

type Raw<'t> = &'t RawValue;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle<'t> {
    #[serde(borrow)]
    id: Raw<'t>,
    #[serde(borrow)]
    openspec_change: Raw<'t>,
    #[serde(borrow)]
    ccpm_issue: Raw<'t>,
    #[serde(borrow)]
    gate: Raw<'t>,
    #[serde(borrow)]
    files_scope: Vec<Raw<'t>>,
    #[serde(borrow, default)]
    files_create: Vec<Raw<'t>>,
    #[serde(borrow)]
    tasks: Vec<Raw<'t>>,
    #[serde(borrow, default)]
    acceptance_tests: Vec<Raw<'t>>,
    #[serde(borrow, default)]
    depends_on: Vec<Raw<'t>>,
    #[serde(borrow)]
    tool: Raw<'t>,
    #[serde(borrow, default, deserialize_with = "given")]
    circuit_breaker: Option<Breaker<'t>>,
    #[serde(borrow, default, deserialize_with = "given")]
    metadata: Option<Raw<'t>>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Breaker<'t> {
    #[serde(borrow, default, deserialize_with = "given")]
    max_attempts: Option<Raw<'t>>,
    #[serde(borrow, default, deserialize_with = "given")]
    max_error_repeats: Option<Raw<'t>>,
    #[serde(borrow, default, deserialize_with = "given")]
    oscillation_threshold: Option<Raw<'t>>,
}

/// A field that stands there is read as what it must be: `null` is not "absent".
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Any value in which no object has a key twice.
struct NoKeyTwice;

impl<'de> Deserialize<'de> for NoKeyTwice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = NoKeyTwice;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NoKeyTwice, A::Error> {
                let mut seen = HashSet::new();
                while let Some(key) = map.next_key::<String>()? {
                    map.next_value::<NoKeyTwice>()?;
                    if !seen.insert(key) {
                        return Err(A::Error::custom("twice"));
                    }
                }
                Ok(NoKeyTwice)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<NoKeyTwice, A::Error> {
                while seq.next_element::<NoKeyTwice>()?.is_some() {}
                Ok(NoKeyTwice)
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<NoKeyTwice, E> {
                Ok(NoKeyTwice)
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<NoKeyTwice, E> {
                Ok(NoKeyTwice)
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<NoKeyTwice, E> {
                Ok(NoKeyTwice)
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<NoKeyTwice, E> {
                Ok(NoKeyTwice)
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<NoKeyTwice, E> {
                Ok(NoKeyTwice)
            }
            fn visit_unit<E: Error>(self) -> Result<NoKeyTwice, E> {
                Ok(NoKeyTwice)
            }
        }
        deserializer.deserialize_any(Walk)
    }
}

/// The workstreams of a file of bundles in which nothing is wrong.
pub(super) fn bundles(file: FileId, text: &str) -> Option<Vec<WorkstreamDefinition>> {
    let places = Places { file, text };
    if text.trim_start().starts_with('[') {
        let objects: Vec<Raw<'_>> = serde_json::from_str(text).ok()?;
        return each(&objects, |object| places.bundle(object));
    }
    let object: Raw<'_> = serde_json::from_str(text).ok()?;
    Some(vec![places.bundle(object)?])
}

fn each<'t, T: Send>(objects: &[Raw<'t>], read: impl Fn(Raw<'t>) -> Option<T> + Sync) -> Option<Vec<T>> {
    if objects.len() < PARALLEL_OBJECTS_MIN {
        return objects.iter().map(|object| read(object)).collect();
    }
    objects.par_iter().map(|object| read(object)).collect()
}

/// Turns values into texts with their places.
#[derive(Clone, Copy)]
struct Places<'t> {
    file: FileId,
    text: &'t str,
}

impl<'t> Places<'t> {
    fn bundle(self, object: Raw<'t>) -> Option<WorkstreamDefinition> {
        let bundle: Bundle<'t> = serde_json::from_str(object.get()).ok()?;
        let span = self.span(object);
        let id = self.full(bundle.id)?;
        if workstream_id::fault(&id).is_some() || bundle.files_scope.is_empty() {
            return None;
        }
        let mut workstream = empty_workstream(span, span);
        workstream.id = id;
        workstream.change = Some(self.full(bundle.openspec_change)?);
        workstream.issue = Some(self.issue(bundle.ccpm_issue)?);
        workstream.gate = Some(self.count(bundle.gate, 1)?);
        workstream.files_scope = self.all(&bundle.files_scope)?;
        workstream.files_create = self.all(&bundle.files_create)?;
        workstream.instructions = self.all(&bundle.tasks)?;
        workstream.acceptance_tests = self.all(&bundle.acceptance_tests)?.into_iter().map(shell_test).collect();
        workstream.depends_on = self.all(&bundle.depends_on)?;
        workstream.tool = Some(self.full(bundle.tool)?);
        if let Some(breaker) = bundle.circuit_breaker {
            workstream.breaker = BreakerDefinition {
                max_attempts: self.maybe_count(breaker.max_attempts, 1)?,
                max_error_repeats: self.maybe_count(breaker.max_error_repeats, 0)?,
                oscillation_threshold: self.maybe_count(breaker.oscillation_threshold, 0)?,
                ..BreakerDefinition::default()
            };
        }
        if let Some(metadata) = bundle.metadata {
            serde_json::from_str::<NoKeyTwice>(metadata.get()).ok()?;
            workstream.metadata = Some(metadata.get().starts_with('{').then(|| metadata.get().to_owned())?);
        }
        Some(workstream)
    }

    fn offset(self, part: &str) -> usize {
        (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize)
    }

    fn span(self, value: Raw<'t>) -> Span {
        Span::new(self.file, self.offset(value.get()), value.get().len())
    }

    /// A text that may be empty.
    fn any(self, value: Raw<'t>) -> Option<Text> {
        let inside = value.get().strip_prefix('"')?.strip_suffix('"')?;
        let text =
            if inside.contains('\\') { serde_json::from_str(value.get()).ok()? } else { EcoString::from(inside) };
        Some(Text::new(text, self.span(value)))
    }

    /// A text that says something.
    fn full(self, value: Raw<'t>) -> Option<Text> {
        self.any(value).filter(|text| !text.value.trim().is_empty())
    }

    fn all(self, values: &[Raw<'t>]) -> Option<Vec<Text>> {
        values.iter().map(|value| self.full(value)).collect()
    }

    fn issue(self, value: Raw<'t>) -> Option<Text> {
        let written = value.get();
        if written.starts_with('"') {
            return self.full(value);
        }
        written.parse::<i64>().ok().filter(|number| *number >= 0)?;
        Some(Text::new(written.into(), self.span(value)))
    }

    fn count(self, value: Raw<'t>, least: u32) -> Option<Spanned<u32>> {
        let number = value.get().parse::<u32>().ok().filter(|number| *number >= least)?;
        Some(Spanned::new(number, self.span(value)))
    }

    fn maybe_count(self, value: Option<Raw<'t>>, least: u32) -> Option<Option<Spanned<u32>>> {
        value.map_or(Some(None), |value| self.count(value, least).map(Some))
    }
}
