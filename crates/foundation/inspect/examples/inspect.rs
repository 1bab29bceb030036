//! Prints what files are and hold: `cargo run -p thon-inspect --example inspect FILE…`.
#![expect(clippy::print_stdout, reason = "that is what it does")]

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut failed = false;
    for file in std::env::args().skip(1) {
        match thon_inspect::inspect(Path::new(&file)) {
            Ok(description) => println!("{description}"),
            Err(error) => {
                println!("error: {error}\n");
                failed = true;
            }
        }
    }
    if failed {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    }
}
