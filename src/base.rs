//! Words that everybody uses: paths, spans, digests, names, diagnostics.
//!
//! Imports nothing of the house and decides nothing: no files, no clocks, no policy.

pub mod diagnostic;
pub mod digest;
pub mod duration;
pub mod failure;
pub mod finding;
pub mod index;
pub mod lists;
pub mod name;
pub mod path;
pub mod size;
pub mod span;
