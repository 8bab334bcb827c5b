//! The rules and tools that the binary carries; the same files lie in the repository's own `rules/`.
//!
//! Data like any other: nothing about a particular linter or agent is compiled in elsewhere. build.rs lists the files, by name:
//! `FILES` are read always, `LIBRARY` holds optional rules, read where `use` names one of them.

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));

/// Whether a file declares a rule, as the files of `rules/` are written.
pub fn declares(text: &str, rule: &str) -> bool {
    text.lines().filter_map(|line| line.strip_prefix("rule \"")).any(|rest| rest.starts_with(&format!("{rule}\"")))
}
