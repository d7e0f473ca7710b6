//! Starts one command.

use std::process::ExitCode;

fn main() -> ExitCode {
    crmsync::cli::main()
}
