//! The tree of commands: fixed ones here, one per job made from its declaration.

mod acquisition;
mod curation;
mod job;
mod overview;
mod queue;
mod space;
mod usage;

pub(crate) use job::{
    default_words, flag_of, flag_of_slot, range_words, slot_argument, value_name,
};
pub(crate) use usage::{unknown_job, usage};

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command, value_parser};

use crate::Application;

/// Heading of the flags that every command takes.
const EVERYWHERE: &str = "Everywhere";

/// The whole command line. `argv` is looked at only to know a pipeline file or job number after `run`.
pub(crate) fn command(application: &Application, argv: &[OsString]) -> Command {
    let root = Command::new("thon")
        .bin_name("thon")
        .version(application.version)
        .about("From tilt-series movies to a map, and back into the cell")
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100)
        .args(everywhere())
        .subcommands(start(application))
        .subcommand(run(application, argv))
        .subcommands(work())
        .subcommands(look())
        .subcommands(upkeep())
        .subcommand(help_unit())
        .subcommands(queue::of_the_program());
    let text = overview::overview(&root);
    root.override_help(text)
}

fn everywhere() -> Vec<Arg> {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .global(true)
            .help_heading(EVERYWHERE)
            .help(help)
    };
    vec![
        flag(
            "project",
            "Project directory [default: found by walking up from here]",
        )
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf)),
        flag("json", "Print one JSON document instead of tables").action(ArgAction::SetTrue),
        flag("quiet", "No progress, only results, warnings and errors")
            .short('q')
            .action(ArgAction::SetTrue),
        flag("threads", "Threads to compute with [default: all cores]")
            .value_name("N")
            .value_parser(value_parser!(u64).range(1..=4096)),
        flag(
            "memory",
            "Memory a job may use, such as `8G` [default: 8G, or 3/4 of the machine's]",
        )
        .value_name("SIZE")
        .value_parser(crate::text::parse_bytes),
        flag("help", "Print help; `--help` says more than `-h`")
            .short('h')
            .action(ArgAction::Help),
    ]
}

fn start(application: &Application) -> Vec<Command> {
    let mut commands = vec![
        Command::new("new")
            .about("Make a project in a new or empty directory")
            .arg(path("DIR", "The directory").required(true)),
        Command::new("jobs").about("List all jobs that can be run"),
        Command::new("help")
            .about(
                "Show this page, a command's, a job's manual, or a topic (exit-codes, pipelines, executors, plugins)",
            )
            .arg(
                Arg::new("TOPIC").help("A command, a job such as shown by `thon jobs`, or a topic"),
            ),
    ];
    if application.demo.is_some() {
        let demo = Command::new("demo")
            .about("Simulate data, process them to a map, and compare with the truth")
            .arg(
                path(
                    "output",
                    "Directory to work in; a demo that was interrupted goes on there",
                )
                .long("output")
                .value_name("DIR")
                .default_value("thon-demo"),
            );
        commands.insert(0, demo);
    }
    if application.serve.is_some() {
        commands.push(serve());
    }
    commands
}

/// `thon serve`.
fn serve() -> Command {
    Command::new("serve")
        .about("Open the project in a browser, on this machine or through an ssh tunnel")
        .arg(
            Arg::new("port")
                .long("port")
                .value_name("N")
                .value_parser(value_parser!(u64).range(0..=65535))
                .default_value("8470")
                .help("Port on this machine; 0 takes any free one"),
        )
        .arg(
            path(
                "files",
                "Directory whose files may be picked on the page, besides the project and the one around it",
            )
            .long("files")
            .value_name("DIR")
            .action(ArgAction::Append),
        )
        .arg(
            Arg::new("share")
                .long("share")
                .action(ArgAction::SetTrue)
                .help("Also print links for those who may only look, or only work"),
        )
}

/// What the program starts itself with when several processes share a unit.
fn help_unit() -> Command {
    Command::new(thon_engine::HELP_COMMAND)
        .about("Help another process of this program at a unit")
        .hide(true)
        .arg(path("DIR", "Directory of the team").required(true))
        .arg(
            Arg::new("NUMBER")
                .help("Which process this is")
                .value_parser(value_parser!(u64).range(1..))
                .required(true),
        )
}

fn run(application: &Application, argv: &[OsString]) -> Command {
    let mut run = Command::new("run")
        .about("Run a job, a pipeline file, or a recorded job again")
        .long_about(
            "Run a job (`thon run JOB …`), a pipeline file (`thon run FILE.toml`), or take up a \
             recorded job that is not done (`thon run NUMBER`).",
        )
        .override_usage(
            "thon run JOB [FLAGS] [--input SLOT=JOB.SLOT|FILE,…]\n       \
             thon run FILE.toml [--var NAME=VALUE]\n       thon run NUMBER",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand_help_heading("Jobs")
        .subcommand_value_name("JOB|FILE.toml|NUMBER")
        .disable_help_subcommand(true);
    let target = run_target(application, argv);
    for job in application.catalogue.jobs() {
        run = run.subcommand(job::job_command(job));
    }
    match target {
        Some(Target::Pipeline(file)) => run.subcommand(pipeline(file)),
        Some(Target::Recorded(number)) => run.subcommand(
            Command::new(number)
                .about("Take up this recorded job")
                .hide(true)
                .arg(job::accept_partial())
                .arg(job::processes()),
        ),
        None => run,
    }
}

/// What `run` is asked to run when it is no job of the catalogue.
enum Target {
    Pipeline(String),
    Recorded(String),
}

fn run_target(application: &Application, argv: &[OsString]) -> Option<Target> {
    let words: Vec<&str> = argv
        .iter()
        .map(|word| word.to_str().unwrap_or(""))
        .collect();
    let after_run = words.iter().position(|word| *word == "run")? + 1;
    let is_job = |word: &str| application.catalogue.jobs().any(|job| job.id() == word);
    for word in words[after_run..]
        .iter()
        .filter(|word| !word.starts_with('-'))
    {
        if is_job(word) {
            return None;
        }
        if std::path::Path::new(word)
            .extension()
            .is_some_and(|e| e == "toml")
        {
            return Some(Target::Pipeline((*word).to_owned()));
        }
        if word.bytes().all(|byte| byte.is_ascii_digit()) && !word.is_empty() {
            return Some(Target::Recorded((*word).to_owned()));
        }
    }
    None
}

fn pipeline(file: String) -> Command {
    Command::new(file)
        .about("Run this pipeline")
        .hide(true)
        .arg(
            Arg::new("var")
                .long("var")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .help("Set a variable of the pipeline"),
        )
        .arg(job::accept_partial())
        .arg(job::processes())
        .arg(job::later())
        .arg(job::on())
}

fn work() -> Vec<Command> {
    vec![
        queue::start(),
        queue::work(),
        acquisition::watch(),
        curation::curate(),
        acquisition::set(),
        queue::branch(),
        queue::pipeline(),
        Command::new("export")
            .about("Write a job's output in another program's format")
            .arg(
                Arg::new("SOURCE")
                    .value_name("JOB.SLOT")
                    .required(true)
                    .help("An output of a job, such as `7.particles`"),
            )
            .arg(
                Arg::new("to")
                    .long("to")
                    .value_name("FORMAT")
                    .required(true)
                    .help("The format: what follows `export.` in `thon jobs`"),
            )
            .arg(path("DIR", "Directory to write to, new or empty").required(true))
            .arg(job::input())
            .arg(job::params_file()),
        Command::new("cancel")
            .about("Ask a running job to stop; what it finished is kept")
            .arg(job_number()),
    ]
}

fn look() -> Vec<Command> {
    vec![
        Command::new("ls").about("List the jobs of the project"),
        Command::new("show")
            .about("Show what a job was asked, what came out, and how to cite it")
            .arg(job_number()),
        Command::new("log")
            .about("Show the log of a job's last attempt")
            .arg(job_number())
            .arg(
                Arg::new("follow")
                    .long("follow")
                    .short('f')
                    .action(ArgAction::SetTrue)
                    .help("Wait for more until the job ends"),
            )
            .arg(
                Arg::new("part")
                    .long("part")
                    .value_name("N")
                    .value_parser(value_parser!(u32))
                    .help("Of this part, from 0, where items were shared out as array tasks"),
            ),
        Command::new("history")
            .about("Show what became of a job in the queue, and why")
            .arg(job_number()),
        Command::new("explain")
            .about("Say for each item of a job whether it would run again, and why")
            .arg(job_number()),
        queue::report(),
        Command::new("inspect")
            .about("Say what files of the field are and hold, with doubts")
            .arg(
                path("FILE", "Files of any kind")
                    .required(true)
                    .num_args(1..),
            ),
    ]
}

fn upkeep() -> Vec<Command> {
    vec![
        Command::new("project")
            .about("Check a project, make its index again, or exchange it with other programs")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .disable_help_subcommand(true)
            .subcommand(
                Command::new("rebuild").about("Make the index again from the job directories"),
            )
            .subcommands(space::foreign_projects())
            .subcommand(
                Command::new("verify")
                    .about("Compare every file with the manifests, byte by byte")
                    .arg(
                        Arg::new("sizes")
                            .long("sizes")
                            .action(ArgAction::SetTrue)
                            .help("Compare only the sizes, which is quick"),
                    ),
            ),
        space::disk(),
        space::clean(),
        Command::new("doctor").about("Look at the machine, the terminal and the project"),
        Command::new("completions")
            .about("Print a completion script for a shell")
            .arg(
                Arg::new("SHELL")
                    .required(true)
                    .value_parser(value_parser!(clap_complete::Shell))
                    .help("The shell"),
            ),
    ]
}

fn job_number() -> Arg {
    Arg::new("JOB")
        .required(true)
        .help("Number of a job, as `thon ls` shows it")
}

fn path(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .help(help)
        .value_parser(value_parser!(PathBuf))
        .value_hint(clap::ValueHint::AnyPath)
}
