//! The `limg` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    limg::cli::main()
}
