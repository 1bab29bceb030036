//! The commands about the disk and about whole projects.

use clap::{Arg, ArgAction, Command};

/// `thon disk`.
pub(super) fn disk() -> Command {
    Command::new("disk").about("Tell what each job takes on the disk, and what can be made again")
}

/// `thon clean`.
pub(super) fn clean() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    Command::new("clean")
        .about("Clean away results that can be made again, or bring them back")
        .long_about(
            "Clean away results that can be made again, or bring them back. Only results that the same work would make \
             again from what is there, byte for byte, are cleaned; all others are refused with the reason. The files go \
             into the trash of the project, and leave the disk when that is emptied. A job that needs what was cleaned \
             makes it again first.",
        )
        .arg(
            Arg::new("JOB")
                .num_args(0..)
                .help("Numbers of jobs, as `thon disk` shows them; with --undo the number of a trash"),
        )
        .arg(flag("undo", "Bring back what the last cleaning moved away").conflicts_with("empty"))
        .arg(flag("empty", "Empty the trash for good").conflicts_with("JOB"))
}

/// `thon project adopt` and `thon project export`.
pub(super) fn foreign_projects() -> Vec<Command> {
    let program = || {
        Arg::new("program")
            .long("program")
            .value_name("NAME")
            .default_value("relion")
            .help("The program whose project it is")
    };
    vec![
        Command::new("adopt")
            .about("Record the jobs of another program's project in this one, as a graph")
            .arg(super::path("DIR", "Directory of that project").required(true))
            .arg(program()),
        Command::new("export")
            .about("Write finished jobs, and all they came from, as another program's project")
            .arg(super::path("DIR", "Directory to write to, new or empty").required(true))
            .arg(
                Arg::new("job")
                    .long("job")
                    .value_name("JOB")
                    .action(ArgAction::Append)
                    .help("Only this job and what it came from [default: all]"),
            )
            .arg(program()),
    ]
}
