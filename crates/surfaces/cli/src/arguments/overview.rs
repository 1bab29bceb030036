//! The first page: what there is, in groups.

use std::fmt::Write as _;

use clap::Command;

/// The groups of commands in the order in which a newcomer meets them.
pub(super) const GROUPS: [(&str, &[&str]); 4] = [
    ("Start", &["demo", "new", "serve", "jobs", "help"]),
    (
        "Work",
        &[
            "run", "start", "work", "watch", "curate", "branch", "pipeline", "export", "cancel",
        ],
    ),
    (
        "Look",
        &[
            "ls", "show", "set", "log", "history", "explain", "report", "inspect",
        ],
    ),
    (
        "Upkeep",
        &["disk", "clean", "project", "doctor", "completions"],
    ),
];

/// The page shown by `thon`, `thon --help` and `thon help`.
pub(super) fn overview(root: &Command) -> String {
    let about = root
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut text = format!("{about}.\n\nUsage: thon COMMAND …\n");
    for (group, names) in GROUPS {
        let _ = writeln!(text, "\n{group}");
        for name in names {
            let Some(command) = root.find_subcommand(name) else {
                continue;
            };
            let about = command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default();
            let _ = writeln!(text, "  {name:12} {about}");
        }
    }
    text.push_str("\nEverywhere\n");
    for arg in root.get_arguments().filter(|arg| arg.is_global_set()) {
        let short = arg.get_short().map_or(String::new(), |c| format!("-{c}, "));
        let value = arg
            .get_value_names()
            .filter(|_| arg.get_action().takes_values())
            .map_or(String::new(), |names| format!(" {}", names[0]));
        let name = format!("{short}--{}{value}", arg.get_id());
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "  {name:16} {help}");
    }
    text.push_str(
        "\nEnvironment\n  \
           NO_COLOR         No colours when set\n  \
           THON_LOG         What to log to the screen: error, warn, info, debug [default: warn]\n",
    );
    text.push_str(
        "\nFirst steps\n  \
           thon inspect FILE…            what is this file?\n  \
           thon new my-project           make a project, then work inside it\n  \
           thon help JOB                 the manual page of a job\n  \
           thon help exit-codes          what the exit code means\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_on_the_first_page_once() {
        let application = crate::Application {
            version: "0",
            catalogue: thon_engine::Catalogue::new(&[]),
            demo: None,
            serve: Some(|_| Ok(())),
            pipelines: &[],
        };
        let root = crate::arguments::command(&application, &[]);
        root.clone().debug_assert();
        for command in root.get_subcommands() {
            let listed = GROUPS
                .iter()
                .flat_map(|(_, names)| names.iter())
                .filter(|name| **name == command.get_name());
            // Commands that the program calls itself by are hidden.
            let times = usize::from(!command.is_hide_set());
            assert_eq!(listed.count(), times, "{}", command.get_name());
        }
    }
}
