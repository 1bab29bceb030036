//! The command line: schema to flags, progress bars, tables, messages.
//!
//! `app` hands in the catalogue; no job is named here. Flags, manual pages, tables and completions
//! all follow from what each job declares ([`thon_contract::AnyJob`]). Results go to the standard
//! output (as one JSON document with `--json`), everything else to the standard error.

mod arguments;
mod commands;
mod demo;
mod equivalent;
mod exit;
mod inputs;
mod interrupt;
mod manual;
mod parameters;
mod place;
mod progress;
mod serving;
mod table;
mod terminal;
mod text;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::ArgMatches;
use thon_engine::{Catalogue, Settings};

pub use demo::{Demo, DemoReport, DemoRow, Expected};
pub use equivalent::{run_words, shell_line};
pub use exit::{Exit, Failure};
pub use serving::{Links, Serve, ServeRequest};
pub use terminal::{Stream, Terminal};

use exit::Outcome;

/// What the program is made of.
#[derive(Clone, Copy)]
pub struct Application {
    /// Version of the program.
    pub version: &'static str,
    /// The jobs.
    pub catalogue: Catalogue,
    /// What `thon demo` shows, when there is a demonstration.
    pub demo: Option<&'static Demo>,
    /// What `thon serve` starts, when there is a server.
    pub serve: Option<Serve>,
    /// Pipelines that come with the program, which `thon help NAME` prints: name, what it does, and the TOML.
    pub pipelines: &'static [(&'static str, &'static str, &'static str)],
}

/// What every command is handed.
pub(crate) struct Session {
    pub(crate) application: Application,
    pub(crate) terminal: Terminal,
    pub(crate) settings: Settings,
    /// `--project`, when given.
    pub(crate) project: Option<std::path::PathBuf>,
}

/// Runs the program on the process' arguments and streams.
pub fn run(application: Application, argv: impl IntoIterator<Item = OsString>) -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("THON_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // A subscriber that is already there stays.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .try_init();
    let terminal = Terminal::standard();
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        run_with(application, argv, &terminal)
    }));
    let exit = ran.unwrap_or_else(|_| {
        let failure = Failure::new(Exit::Internal, "thon stopped because of an error in itself")
            .hint("what was finished is kept; please report the lines above");
        terminal.report(&failure);
        failure.exit
    });
    ExitCode::from(exit.code())
}

/// Runs the program on given arguments (the first is the program's name) and streams.
pub fn run_with(
    application: Application,
    argv: impl IntoIterator<Item = OsString>,
    terminal: &Terminal,
) -> Exit {
    let argv: Vec<OsString> = argv.into_iter().collect();
    let command = arguments::command(&application, &argv);
    let matches = match command.try_get_matches_from(&argv) {
        Ok(matches) => matches,
        Err(error) => return arguments::usage(&application, terminal, &argv, &error),
    };
    match begin(application, &matches, terminal.clone()) {
        Ok(exit) => exit,
        Err(failure) => {
            terminal.report(&failure);
            failure.exit
        }
    }
}

/// `--processes` of a job, 1 where there is no such flag.
pub(crate) fn processes(matches: &ArgMatches) -> usize {
    let given = matches.try_get_one::<u64>("processes").ok().flatten();
    given.map_or(1, |processes| *processes as usize)
}

/// Takes the flags that hold for all commands, and runs the command.
fn begin(application: Application, matches: &ArgMatches, mut terminal: Terminal) -> Outcome {
    terminal.json = matches.get_flag("json");
    terminal.quiet = matches.get_flag("quiet");
    terminal.bars &= !terminal.quiet;
    let given = matches
        .get_one::<u64>("threads")
        .map(|threads| *threads as usize);
    let asked = matches
        .subcommand_matches("run")
        .and_then(ArgMatches::subcommand);
    let processes = asked.map_or(1, |(_, matches)| processes(matches));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // Several processes share the cores.
    let threads = given.unwrap_or((cores / processes).max(1));
    let limited = given.is_some() || processes > 1;
    let session = Session {
        application,
        terminal,
        settings: Settings {
            memory: commands::doctor::memory_allowance(matches.get_one::<u64>("memory").copied()),
            accept_partial: false,
            processes: 1,
            threads,
        },
        project: matches.get_one::<std::path::PathBuf>("project").cloned(),
    };
    if !limited {
        return commands::dispatch(&session, matches);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| {
            Failure::new(
                Exit::Internal,
                format!("cannot start {threads} threads: {e}"),
            )
        })?;
    pool.install(|| commands::dispatch(&session, matches))
}
