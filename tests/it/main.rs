//! Scenarios: the real program in real repositories, with real processes. One file a subject.
//!
//! One binary, because linking is what takes the time.

#![expect(clippy::disallowed_methods, reason = "scenarios write the files that they are about")]

mod support;
mod running;

mod example;
mod incremental;
mod counter_examples;
mod scope;
mod planning;
mod pool;
mod profile;
mod robustness;
mod lint;
mod rules;
mod faults;
mod scale;
mod users_ask;
mod findings;
mod fixing;
mod looking;
mod jobserver;
mod memory;
mod vouching;
mod watching;
