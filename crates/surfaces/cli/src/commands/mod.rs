//! What each command does.

mod attempt;
mod branch;
mod cancel;
mod completions;
mod curate;
mod demo;
mod disk;
pub(crate) mod doctor;
mod explain;
mod export;
mod help;
mod help_unit;
mod history;
mod inspect;
mod jobs;
mod log;
mod ls;
mod new;
mod outputs;
mod pipeline;
mod project;
mod report;
mod run;
mod serve;
mod show;
mod start;
mod watch;
mod work;

use clap::ArgMatches;

use crate::Session;
use crate::exit::{Failure, Outcome};

/// Runs the command that was asked for.
pub(crate) fn dispatch(session: &Session, matches: &ArgMatches) -> Outcome {
    let (name, matches) = matches.subcommand().expect("clap requires a command");
    match name {
        thon_engine::queue::ATTEMPT_COMMAND => attempt::supervise(session, matches),
        thon_engine::queue::WORKER_COMMAND => attempt::work(session, matches),
        "branch" => branch::branch(session, matches),
        "cancel" => cancel::cancel(session, matches),
        "completions" => Ok(completions::completions(session, matches)),
        "curate" => curate::curate(session, matches),
        "clean" => disk::clean(session, matches),
        "disk" => disk::disk(session),
        "demo" => demo::demo(session, matches),
        "doctor" => Ok(doctor::doctor(session)),
        "explain" => explain::explain(session, matches),
        "export" => export::export(session, matches),
        "help" => help::help(session, matches),
        thon_engine::HELP_COMMAND => help_unit::help(session, matches),
        "history" => history::history(session, matches),
        "inspect" => Ok(inspect::inspect(session, matches)),
        "jobs" => Ok(jobs::jobs(session)),
        "log" => log::log(session, matches),
        "ls" => ls::ls(session),
        "new" => new::new(session, matches),
        "pipeline" => pipeline::pipeline(session, matches),
        "report" => report::report(session, matches),
        "project" => project::project(session, matches),
        "run" => run::run(session, matches),
        "serve" => serve::serve(session, matches),
        "set" => watch::set(session, matches),
        "start" => start::start(session, matches),
        "watch" => watch::watch(session, matches),
        "work" => work::work(session, matches),
        "show" => show::show(session, matches),
        other => Err(Failure::usage(format!("there is no command `{other}`"))),
    }
}

/// A required text.
fn text<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches
        .get_one::<String>(name)
        .map(String::as_str)
        .expect("clap requires it")
}

/// A required path.
fn path<'a>(matches: &'a ArgMatches, name: &str) -> &'a std::path::Path {
    matches
        .get_one::<std::path::PathBuf>(name)
        .expect("clap requires it")
}
