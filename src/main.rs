//! The `pl` program.

fn main() {}
