//! Text as a terminal sees it: widths, durations, tables, names made short.
//!
//! Knows nothing of steps or runs.

pub mod short;
pub mod table;
pub mod time;
pub mod width;
