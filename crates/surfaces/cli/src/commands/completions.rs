//! `thon completions SHELL`: a script with all commands, jobs and flags.

use clap::ArgMatches;
use clap_complete::Shell;

use crate::Session;
use crate::arguments;
use crate::exit::Exit;

pub(super) fn completions(session: &Session, matches: &ArgMatches) -> Exit {
    let shell = *matches.get_one::<Shell>("SHELL").expect("clap requires it");
    let mut command = arguments::command(&session.application, &[]);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "thon", &mut script);
    session.terminal.print(&String::from_utf8_lossy(&script));
    Exit::Ok
}
