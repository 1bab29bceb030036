//! Chores of the house: `cargo xtask tidy` reads the tree and says where it breaks the rules.
//!
//! Exit codes: 0 tidy, 1 at least one error, 2 the chore itself could not run.
use std::io::Write as _;
use std::process::ExitCode;

mod tidy;

const USAGE: &str = "usage: cargo xtask tidy [--quiet]\n\n  \
    tidy      check floors, lengths, headers, names, traces of machines, licences, duplicates\n  \
    --quiet   print errors only, no warnings\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    let quiet = match words.as_slice() {
        ["tidy"] => false,
        ["tidy", "--quiet" | "-q"] => true,
        _ => {
            let _ = out.write_all(USAGE.as_bytes());
            return ExitCode::from(2);
        }
    };
    match tidy::run(&mut out, quiet) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(out, "tidy could not run: {error}");
            ExitCode::from(2)
        }
    }
}
