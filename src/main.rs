//! The `pl` program: arguments to `cli`, an exit code back.

use std::process::ExitCode;

fn main() -> ExitCode {
    pl::cli::run()
}
