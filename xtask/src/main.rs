//! Chores of the house: `cargo xtask tidy` reads the tree and says where it breaks the rules, `cargo xtask validate`
//! measures the figures of docs/validation.md again.
//!
//! Exit codes: 0 tidy or valid, 1 at least one error or failure, 2 the chore itself could not run.
use std::io::Write as _;
use std::process::ExitCode;

mod tidy;
mod validate;

const USAGE: &str = "usage: cargo xtask tidy [--quiet]\n       cargo xtask validate [--only NAME]\n\n  \
    tidy      check floors, lengths, headers, names, traces of machines, licences, duplicates\n  \
    --quiet   print errors only, no warnings\n  \
    validate  run the slow physical validation, refresh the figures of docs/validation.md\n  \
    --only    one section of it\n";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut out = std::io::stdout().lock();
    let done = match words.as_slice() {
        ["tidy"] => tidy::run(&mut out, false).map_err(|error| error.to_string()),
        ["tidy", "--quiet" | "-q"] => tidy::run(&mut out, true).map_err(|error| error.to_string()),
        ["validate"] => validate::run(&mut out, None),
        ["validate", "--only", name] => validate::run(&mut out, Some(name)),
        _ => {
            let _ = out.write_all(USAGE.as_bytes());
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(out, "{} could not run: {error}", words[0]);
            ExitCode::from(2)
        }
    }
}
