//! `thon curate` and what it can do.

use clap::{Arg, Command, value_parser};

fn of_curation(name: &'static str, about: &'static str) -> Command {
    Command::new(name).about(about).arg(
        Arg::new("CURATION")
            .help("Its number, as `thon curate list` shows it")
            .required(true)
            .value_parser(value_parser!(u32).range(1..)),
    )
}

fn of_particles(name: &'static str, about: &'static str) -> Command {
    of_curation(name, about).arg(
        Arg::new("PARTICLE")
            .help("Numbers of particles: rows of the set from 0, then the points that were added")
            .required(true)
            .num_args(1..)
            .value_parser(value_parser!(u32)),
    )
}

fn at() -> Arg {
    Arg::new("at")
        .long("at")
        .value_name("X,Y,Z")
        .required(true)
        .allow_hyphen_values(true)
        .help("Where, in Å in the specimen")
}

fn output(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name("JOB.SLOT").help(help)
}

/// `thon curate`.
pub(super) fn curate() -> Command {
    Command::new("curate")
        .about("Pick particles by hand, and accept or reject picks; the page does the same")
        .long_about(
            "Pick particles by hand, and accept or reject picks, as the page does over a tomogram. Every edit is stored \
             before it is acknowledged and can be taken back. `thon curate seal` makes a file of what was decided; a job makes a \
             particle set of it.",
        )
        .subcommand_required(true)
        .subcommand(
            Command::new("start")
                .about("Begin a curation")
                .arg(output("tomograms", "The tomograms in which is looked"))
                .arg(output("particles", "The picks to curate [default: none, points are added]")),
        )
        .subcommand(Command::new("list").about("List the curations"))
        .subcommand(of_curation("show", "Tell what was decided"))
        .subcommand(
            of_curation("add", "Add a point")
                .arg(
                    Arg::new("series")
                        .long("series")
                        .value_name("NAME")
                        .required(true)
                        .help("Its tilt series"),
                )
                .arg(at())
                .arg(
                    Arg::new("class")
                        .long("class")
                        .value_name("N")
                        .value_parser(value_parser!(u32).range(1..))
                        .help("The group it belongs to"),
                ),
        )
        .subcommand(of_particles("move", "Move a particle").arg(at()))
        .subcommand(of_particles("accept", "Accept particles"))
        .subcommand(of_particles("reject", "Reject particles"))
        .subcommand(of_particles("reopen", "Take back what was decided of particles"))
        .subcommand(of_curation("undo", "Take back the last edit"))
        .subcommand(of_curation("redo", "Make the edit hold again that was taken back"))
        .subcommand(of_curation("seal", "Write what was decided into a file that a job takes"))
}
