//! `thon help-unit`: a further process of a unit, started by the one that does it.

use std::io::Read as _;

use clap::ArgMatches;
use thon_engine::help_unit;

use crate::Session;
use crate::exit::{Exit, Outcome};

/// Helps until the leader is done; when the leader is gone its end of our standard input is closed, and we end too.
pub(super) fn help(session: &Session, matches: &ArgMatches) -> Outcome {
    std::thread::spawn(|| {
        let mut nothing = Vec::new();
        let _ = std::io::stdin().read_to_end(&mut nothing);
        std::process::exit(0);
    });
    let directory = super::path(matches, "DIR");
    let number = matches.get_one::<u64>("NUMBER").expect("clap requires it");
    let catalogue = &session.application.catalogue;
    help_unit(catalogue, directory, *number as usize)?;
    Ok(Exit::Ok)
}
