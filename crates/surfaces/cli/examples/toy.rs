//! The command line over three toy jobs, to look at it without waiting for real ones.

use std::process::ExitCode;

#[path = "../tests/command_line/toy.rs"]
mod toy;

fn main() -> ExitCode {
    thon_cli::run(toy::application(), std::env::args_os())
}
