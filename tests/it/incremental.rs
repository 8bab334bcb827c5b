//! Nothing is done twice: what did not run after a change, told by what was started and by who was asked.

pub mod lab;
mod base_moves;
mod cone;
mod unfinished;
mod definitions;
mod depfile;
mod tasks;
mod kept;
mod kept_property;
mod property;
