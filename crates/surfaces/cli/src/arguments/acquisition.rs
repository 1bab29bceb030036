//! The commands of a running acquisition.

use clap::{Arg, ArgAction, Command, value_parser};

use super::{job, path};

/// `thon watch`.
pub(super) fn watch() -> Command {
    Command::new("watch")
        .about("Process an acquisition while the microscope writes it")
        .long_about(
            "Process an acquisition while the microscope writes it. A tilt series is taken as soon as its metadata and \
             all the files that they name are there, whole, and have not changed for a while; each then goes through all \
             steps of the pipeline that take series one by one. When the set is closed (`thon set NAME --close`), the \
             pipeline is recorded over the whole set, finds that work done, and runs the steps that need all series. \
             The same command takes the set up again after whatever ended it. `thon set NAME` shows the table of quality.",
        )
        .arg(path("FOLDER", "Folder in which the metadata files of the series appear").required(true))
        .arg(path("PIPELINE", "Pipeline file with a variable for them, such as `mdocs`").required(true))
        .arg(
            Arg::new("var")
                .long("var")
                .value_name("NAME=VALUE")
                .action(ArgAction::Append)
                .help("Set a variable of the pipeline; `movies` is FOLDER unless set"),
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .help("Name of the set [default: that of the pipeline]"),
        )
        .arg(
            Arg::new("settle")
                .long("settle")
                .value_name("SECONDS")
                .value_parser(value_parser!(f64))
                .help("For how long files must not have changed [default: 60]"),
        )
        .arg(
            Arg::new("views")
                .long("views")
                .value_name("COUNT")
                .value_parser(value_parser!(u64))
                .help("Images of a finished series; one with fewer waits until the set is closed"),
        )
        .arg(
            Arg::new("sentinel")
                .long("sentinel")
                .value_name("SUFFIX")
                .help("A series is finished when a file named like its metadata with this suffix is there"),
        )
        .arg(
            Arg::new("close")
                .long("close")
                .action(ArgAction::SetTrue)
                .help("Close the set at once: nothing more will come"),
        )
        .arg(
            Arg::new("on")
                .long("on")
                .value_name("EXECUTOR")
                .help("Where to run [default: the first executor, or this machine]"),
        )
        .arg(job::processes())
}

/// `thon set`.
pub(super) fn set() -> Command {
    Command::new("set")
        .about("Show the quality of the series of an acquisition, or close its set")
        .arg(Arg::new("NAME").help("Name of the set; without one the sets are listed"))
        .arg(
            Arg::new("close")
                .long("close")
                .action(ArgAction::SetTrue)
                .help("Nothing more will come: the whole set goes through the steps that need all series"),
        )
}
