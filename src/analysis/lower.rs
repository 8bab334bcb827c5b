//! From definitions to the pipeline's own types, kind by kind.
//!
//! Knows no order between steps and no base tree beyond its listing.

pub mod parsers;
pub mod rules;
pub mod tasks;
pub mod template;
pub mod tools;
pub mod words;
pub mod workstreams;
