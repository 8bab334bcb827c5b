//! Patches in git's format: written from two trees, and read as far as to say which paths they touch.
//!
//! Does not apply them; git does, as a process elsewhere.

pub mod read;
pub mod write;
