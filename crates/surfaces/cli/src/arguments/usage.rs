//! What to say about arguments that make no sense, in our words.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use thon_contract::schema::nearest;

use crate::terminal::Terminal;
use crate::{Application, Exit, Failure};

/// Shows help that was asked for, or says what is wrong with the arguments.
pub(crate) fn usage(
    application: &Application,
    terminal: &Terminal,
    argv: &[OsString],
    error: &Error,
) -> Exit {
    let rendered = || {
        let styled = error.render();
        if terminal.paint().0 {
            styled.ansi().to_string()
        } else {
            styled.to_string()
        }
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            terminal.print(&rendered());
            Exit::Ok
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            terminal.print(&rendered());
            Exit::Usage
        }
        _ => {
            terminal.report(&failure(application, argv, error));
            Exit::Usage
        }
    }
}

fn failure(application: &Application, argv: &[OsString], error: &Error) -> Failure {
    let context = |kind: ContextKind| error.get(kind).map(ToString::to_string);
    let argument = context(ContextKind::InvalidArg).unwrap_or_default();
    // Required arguments come with their line breaks.
    let argument = argument.split_whitespace().collect::<Vec<_>>().join(" ");
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let failure = Failure::usage(format!("there is no flag `{argument}` here"));
            match context(ContextKind::SuggestedArg) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(manual(application, argv)),
            }
        }
        ErrorKind::InvalidSubcommand => {
            let name = context(ContextKind::InvalidSubcommand).unwrap_or_default();
            unknown_command(application, argv, &name)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => invalid_value(error, &argument),
        ErrorKind::MissingRequiredArgument => {
            Failure::usage(format!("missing: {argument}")).hint(manual(application, argv))
        }
        ErrorKind::MissingSubcommand => {
            Failure::usage("a command is missing").hint(manual(application, argv))
        }
        ErrorKind::ArgumentConflict => {
            let other = context(ContextKind::PriorArg).unwrap_or_default();
            Failure::usage(format!("`{argument}` cannot be used with `{other}`"))
        }
        _ => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            Failure::usage(first.trim_start_matches("error: ").to_owned())
                .hint(manual(application, argv))
        }
    }
}

fn invalid_value(error: &Error, argument: &str) -> Failure {
    let context = |kind: ContextKind| error.get(kind).map(ToString::to_string);
    let value = context(ContextKind::InvalidValue).unwrap_or_default();
    let flag = argument.split(' ').next().unwrap_or_default();
    if value.is_empty() {
        return Failure::usage(format!("`{flag}` needs a value"))
            .hint(format!("write `{argument}`"));
    }
    let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue) else {
        let why = std::error::Error::source(error).map_or(String::new(), |e| format!(": {e}"));
        return Failure::usage(format!("`{flag}` cannot be \"{value}\"{why}"));
    };
    let failure = Failure::usage(format!(
        "{flag}: expected one of {}, found \"{value}\"",
        valid.join(", ")
    ));
    match context(ContextKind::SuggestedValue) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure,
    }
}

fn unknown_command(application: &Application, argv: &[OsString], name: &str) -> Failure {
    let words: Vec<&str> = argv.iter().filter_map(|word| word.to_str()).collect();
    if words.contains(&"run") && name != "run" {
        return unknown_job(application, name);
    }
    let root = super::command(application, &[]);
    let names: Vec<&str> = match words
        .contains(&"project")
        .then(|| root.find_subcommand("project"))
    {
        Some(Some(project)) => project
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect(),
        _ => root
            .get_subcommands()
            .map(clap::Command::get_name)
            .collect(),
    };
    let failure = Failure::usage(format!("there is no command `{name}`"));
    match nearest(name, names.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None if application.catalogue.jobs().any(|job| job.id() == name) => {
            failure.hint(format!("it is a job: `thon run {name}`"))
        }
        None => failure.hint("`thon help` lists the commands"),
    }
}

/// No such job: the nearest names, or those that share a word.
pub(crate) fn unknown_job(application: &Application, name: &str) -> Failure {
    let failure = Failure::usage(format!("there is no job `{name}`"));
    let ids: Vec<&str> = application
        .catalogue
        .jobs()
        .map(thon_contract::AnyJob::id)
        .collect();
    if let Some(near) = nearest(name, ids.iter().copied()) {
        return failure.hint(format!("did you mean `{near}`?"));
    }
    let words: Vec<&str> = name
        .split(['.', '-', '_'])
        .filter(|word| word.len() > 2)
        .collect();
    let shares = |id: &str| id.split(['.', '-', '_']).any(|word| words.contains(&word));
    let near: Vec<&str> = ids.into_iter().filter(|id| shares(id)).take(5).collect();
    match near.as_slice() {
        [] => failure.hint("`thon jobs` lists all jobs"),
        [one] => failure.hint(format!("did you mean `{one}`?")),
        several => failure.hint(format!("did you mean one of {}?", several.join(", "))),
    }
}

/// Where to read more about the command that was meant.
fn manual(application: &Application, argv: &[OsString]) -> String {
    let words: Vec<&str> = argv.iter().filter_map(|word| word.to_str()).collect();
    let job = application
        .catalogue
        .jobs()
        .find(|job| words.contains(&job.id()));
    if let Some(job) = job {
        return format!("`thon run {} --help` lists its flags", job.id());
    }
    let root = super::command(application, &[]);
    let command = words
        .iter()
        .skip(1)
        .find(|word| root.find_subcommand(word).is_some());
    command.map_or("`thon help` lists the commands".into(), |name| {
        format!("`thon {name} --help` says how it is used")
    })
}
