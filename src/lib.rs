//! `pl`: make for development workstreams.
//!
//! Texts become definitions (`syntax`), definitions a pipeline (`analysis`), the pipeline a graph of steps (`graph`);
//! what a step observes (`observe`) makes a key (`fingerprint`), what is remembered under it (`store`) gives a verdict
//! (`plan`), and what must run is run and recorded (`exec`). See docs/architecture.md.

pub mod base;
pub mod system;
pub mod syntax;
pub mod analysis;
pub mod graph;
pub mod query;
pub mod project;
pub mod git;
pub mod fingerprint;
pub mod store;
pub mod plan;
pub mod process;
pub mod verify;
pub mod summary;
pub mod event;
pub mod observe;
pub mod preview;
pub mod kept;
pub mod exec;
pub mod report;
pub mod cli;
