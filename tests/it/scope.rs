//! Ways out of a scope: each is found and put back, or shown to be without effect.
//!
//! Tools are shell text in the project's `rules/`; everything else is the real program on a real repository. After
//! every build no result and nothing kept holds a byte out of scope, and the main checkout is as it was.

mod files;
mod lab;
mod links;
mod metadata;
mod outside;
mod people;
mod recorded;
mod worktree;
