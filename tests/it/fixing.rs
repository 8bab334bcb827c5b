//! The fix loop: who is asked, what is taken, when it ends, and what is left of it.
//!
//! The lab's tools are lines of shell. Each asking adds the tool's name to `asked` in the home, so that a script can do
//! something else every time.

mod baseline;
mod ends;
pub mod lab;
mod landed;
mod patience;
mod proof;
mod succeeds;
