//! The cases that sink other designs, one test each: what must not run, must not be lost, must not be believed.

mod repaired;
mod isolation;
mod landed;
mod deltas;
mod by_hand;
mod lost;
mod sequences;
