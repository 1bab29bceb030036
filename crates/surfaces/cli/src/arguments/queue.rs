//! The commands of the queue: those of people, and those by which the program starts itself.

use clap::{Arg, ArgAction, Command, value_parser};
use thon_engine::queue::{ATTEMPT_COMMAND, WORKER_COMMAND};

use super::job;

/// `thon start`.
pub(super) fn start() -> Command {
    Command::new("start")
        .about("Put recorded jobs into the queue")
        .long_about(
            "Put recorded jobs into the queue. They run as soon as their inputs are there and there is room, in \
             processes of their own that survive the terminal, while `thon work` or `thon serve` turns the queue. \
             Executors are described in `executors.toml` of the project (`thon help executors`).",
        )
        .arg(
            Arg::new("JOB")
                .required(true)
                .num_args(1..)
                .help("Numbers of jobs, as `thon ls` shows them"),
        )
        .arg(
            Arg::new("on")
                .long("on")
                .value_name("EXECUTOR")
                .help("Where to run [default: the first executor, or this machine]"),
        )
        .arg(job::processes())
}

/// `thon work`.
pub(super) fn work() -> Command {
    Command::new("work")
        .about("Turn the queue until nothing is left to do")
        .arg(
            Arg::new("forever")
                .long("forever")
                .action(ArgAction::SetTrue)
                .help("Go on when nothing is left, until Ctrl-C; running jobs go on without it"),
        )
}

/// `thon branch`.
pub(super) fn branch() -> Command {
    Command::new("branch")
        .about("Record a job again with changed parameters, and all that came from it")
        .long_about(
            "Record a job again with changed parameters, and all that came from it, old and new side by side. \
             What does not change is not computed again.",
        )
        .arg(super::job_number())
        .arg(
            Arg::new("set")
                .long("set")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .required(true)
                .help("A parameter and its new value, such as `options.low_pass=30`"),
        )
        .arg(
            Arg::new("alone")
                .long("alone")
                .action(ArgAction::SetTrue)
                .help("Only this job, not what came from it"),
        )
        .arg(job::later())
        .arg(job::on())
        .arg(job::processes())
}

/// `thon pipeline`.
pub(super) fn pipeline() -> Command {
    Command::new("pipeline")
        .about("Print some jobs and all they came from as a pipeline file")
        .arg(
            Arg::new("JOB")
                .required(true)
                .num_args(1..)
                .help("Numbers of jobs, as `thon ls` shows them"),
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .default_value("pipeline")
                .help("Name of the pipeline"),
        )
}

/// `thon report`.
pub(super) fn report() -> Command {
    Command::new("report")
        .about("Tell how a result came about: methods, references, parameters, counts")
        .arg(super::job_number())
        .arg(
            super::path(
                "output",
                "Write report.md, references.bib, pipeline.toml and provenance.json here",
            )
            .long("output")
            .value_name("DIR"),
        )
}

/// What the program starts itself with.
pub(super) fn of_the_program() -> Vec<Command> {
    let own = |name: &'static str, about: &'static str| {
        let number = |name: &'static str, help: &'static str| {
            Arg::new(name)
                .help(help)
                .required(true)
                .value_parser(value_parser!(u32).range(1..))
        };
        Command::new(name)
            .about(about)
            .hide(true)
            .arg(number("JOB", "The job"))
            .arg(number("ATTEMPT", "The attempt"))
            .arg(Arg::new("MARK").help("Its mark").required(true))
            .arg(
                Arg::new("part")
                    .long("part")
                    .value_parser(value_parser!(u32))
                    .help("Which part of it"),
            )
    };
    vec![
        own(ATTEMPT_COMMAND, "Supervise an attempt at a job"),
        own(WORKER_COMMAND, "Do an attempt at a job"),
    ]
}
