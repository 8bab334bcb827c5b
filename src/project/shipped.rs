//! The rules and tools that the binary carries; the same files lie in the repository's own `rules/`.
//!
//! Data like any other: nothing about a particular linter or agent is compiled in elsewhere.

/// Name and text of each file, in the order in which they are read.
pub const FILES: [(&str, &str); 3] = [
    ("<built-in>/rules/json.kdl", include_str!("../../rules/json.kdl")),
    ("<built-in>/rules/python.kdl", include_str!("../../rules/python.kdl")),
    ("<built-in>/rules/tools.kdl", include_str!("../../rules/tools.kdl")),
];
