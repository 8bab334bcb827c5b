//! The `pl` program: arguments to `cli`, an exit code back.

use std::process::ExitCode;

/// Definitions, graphs and records are many small texts.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    pl::cli::run()
}
