//! What users of such tools ask for and do not get: one test a complaint, named after it, about what is visibly promised.

mod truth;
mod agents;
mod checks;
mod processes;
mod sharing;
