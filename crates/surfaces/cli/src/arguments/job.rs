//! From a job's declaration to its flags.

use std::fmt::Write as _;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Arg, ArgAction, Command, value_parser};
use thon_contract::schema::{Field, FieldType, fields};
use thon_contract::{AnyJob, InputSlot};

use crate::text;

/// Flags that every job has; a parameter of the same name gets the prefix `parameter-`.
const RESERVED: [&str; 13] = [
    "help",
    "version",
    "project",
    "json",
    "quiet",
    "threads",
    "memory",
    "input",
    "output",
    "title",
    "params",
    "accept-partial",
    "processes",
];

/// The flag of a parameter, without dashes.
pub(crate) fn flag_of(field: &Field) -> String {
    let flag = field.flag();
    if RESERVED.contains(&flag.as_str()) {
        format!("parameter-{flag}")
    } else {
        flag
    }
}

/// `thon run JOB`.
pub(crate) fn job_command(job: &'static dyn AnyJob) -> Command {
    let declared = fields(&job.params_schema(), &job.default_params());
    let mut command = Command::new(job.id())
        .about(job.summary())
        .long_about(job.description())
        .after_help(format!("`thon help {}` shows the manual page.", job.id()))
        .next_help_heading("Inputs and outputs");
    let slots: Vec<String> = job
        .inputs()
        .iter()
        .map(|slot| {
            let optional = if slot.required { "" } else { ", optional" };
            format!("{} ({}{optional})", slot.name, slot.kind)
        })
        .collect();
    if !slots.is_empty() {
        let help = format!(
            "Fill an input from a job's output or from files; inputs: {}",
            slots.join(", ")
        );
        command = command.arg(input().help(help));
        command = command.args(job.inputs().iter().filter_map(|slot| slot_flag(job, slot)));
    }
    command = command
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("DIR")
                .value_parser(value_parser!(std::path::PathBuf))
                .help("Run on plain files, without a project, and write the results here"),
        )
        .arg(
            Arg::new("title")
                .long("title")
                .value_name("TEXT")
                .conflicts_with("output")
                .help("Title for `thon ls` [default: what the job does]"),
        )
        .arg(params_file())
        .arg(accept_partial())
        .arg(later().conflicts_with("output"))
        .arg(on());
    if job.shares() {
        command = command.arg(processes());
    }
    for field in &declared {
        command = command.arg(parameter(field));
    }
    command
}

/// The flag of an input slot; none where another flag has its name.
pub(crate) fn flag_of_slot(job: &dyn AnyJob, slot: &InputSlot) -> Option<String> {
    let flag = slot.name.replace('_', "-");
    let declared = fields(&job.params_schema(), &job.default_params());
    let taken =
        RESERVED.contains(&flag.as_str()) || declared.iter().any(|field| flag_of(field) == flag);
    (!taken).then_some(flag)
}

/// Name of the argument of an input slot.
pub(crate) fn slot_argument(slot: &InputSlot) -> String {
    format!("slot:{}", slot.name)
}

/// `--SLOT`, the same as `--input SLOT=`.
fn slot_flag(job: &dyn AnyJob, slot: &InputSlot) -> Option<Arg> {
    let help = slot.doc.lines().next().unwrap_or_default().to_owned();
    let flag = flag_of_slot(job, slot)?;
    Some(
        Arg::new(slot_argument(slot))
            .long(flag)
            .value_name("JOB.SLOT|FILE,…")
            .action(ArgAction::Append)
            .help(help.trim_end_matches('.').to_owned()),
    )
}

/// `--input`.
pub(crate) fn input() -> Arg {
    Arg::new("input")
        .long("input")
        .value_name("SLOT=JOB.SLOT|FILE,…")
        .action(ArgAction::Append)
        .help("Fill an input from a job's output or from files")
}

/// `--params`.
pub(crate) fn params_file() -> Arg {
    Arg::new("params")
        .long("params")
        .value_name("FILE.toml")
        .value_parser(value_parser!(std::path::PathBuf))
        .help("Read parameters from a TOML file; flags go before it")
}

/// `--accept-partial`.
pub(crate) fn accept_partial() -> Arg {
    Arg::new("accept-partial")
        .long("accept-partial")
        .action(ArgAction::SetTrue)
        .help("Finish although some items failed; they are listed with their reasons")
}

/// `--later`.
pub(crate) fn later() -> Arg {
    Arg::new("later")
        .long("later")
        .action(ArgAction::SetTrue)
        .help("Only put it into the queue; inputs may be outputs of jobs that are not done yet")
}

/// `--on EXECUTOR`.
pub(crate) fn on() -> Arg {
    Arg::new("on")
        .long("on")
        .value_name("EXECUTOR")
        .requires("later")
        .help("With --later: where to run [default: the first executor, or this machine]")
}

/// `--processes`, of jobs that can share out their work.
pub(crate) fn processes() -> Arg {
    Arg::new("processes")
        .long("processes")
        .value_name("N")
        .value_parser(value_parser!(u64).range(1..=256))
        .help("Processes that share the work; results do not depend on it [default: 1]")
}

fn parameter(field: &Field) -> Arg {
    let heading = match field.path.split_last() {
        Some((_, groups)) if !groups.is_empty() => format!("Parameters: {}", groups.join(" ")),
        _ => "Parameters".to_owned(),
    };
    let arg = Arg::new(format!("parameter:{}", field.name()))
        .long(flag_of(field))
        .value_name(value_name(field).trim_end_matches(",…").to_owned())
        .help(help(field))
        .long_help(long_help(field))
        .help_heading(heading.replace('_', " "))
        .hide_short_help(field.expert)
        .hide_possible_values(true);
    match &field.kind {
        FieldType::Boolean => arg
            .num_args(0..=1)
            .default_missing_value("true")
            .value_parser(PossibleValuesParser::new([
                PossibleValue::new("true").alias("yes"),
                PossibleValue::new("false").alias("no"),
            ])),
        FieldType::Number | FieldType::Integer => arg.allow_negative_numbers(true),
        // `--mdocs data/*.mdoc` is expanded by the shell.
        FieldType::List(_) => arg.num_args(1..).allow_negative_numbers(true),
        FieldType::Json => arg.allow_hyphen_values(true),
        FieldType::Text if !field.choices.is_empty() => {
            let none = field.optional.then(|| PossibleValue::new("none"));
            let choices = field
                .choices
                .iter()
                .map(|choice| PossibleValue::new(choice.value.clone()).help(choice.doc.clone()));
            arg.value_parser(PossibleValuesParser::new(choices.chain(none)))
        }
        FieldType::Text => arg,
    }
}

/// Also the rest of the documentation, and what each choice means.
fn long_help(field: &Field) -> String {
    let mut text = help(field);
    if let Some((_, rest)) = field.doc.split_once("\n\n") {
        let _ = write!(text, "\n\n{rest}");
    }
    for choice in &field.choices {
        let _ = write!(
            text,
            "\n- {}: {}",
            choice.value,
            choice.doc.replace('\n', " ")
        );
    }
    text
}

/// What stands for the value: the unit, the choices or the type.
pub(crate) fn value_name(field: &Field) -> String {
    if !field.choices.is_empty() {
        let names: Vec<&str> = field.choices.iter().map(|c| c.value.as_str()).collect();
        let joined = names.join("|");
        return if joined.chars().count() <= 40 {
            joined
        } else {
            "CHOICE".into()
        };
    }
    let plain = |kind: &FieldType| match kind {
        FieldType::Number => "NUMBER",
        FieldType::Integer => "N",
        FieldType::Boolean => "true|false",
        FieldType::Text => "TEXT",
        FieldType::List(_) => "LIST",
        FieldType::Json => "JSON",
    };
    match (&field.unit, &field.kind) {
        (Some(unit), FieldType::List(_)) => format!("{unit},…"),
        (Some(unit), _) => unit.clone(),
        (None, FieldType::List(element)) => format!("{},…", plain(element)),
        (None, kind) => plain(kind).to_owned(),
    }
}

/// The default with its unit; empty when there is nothing to say.
pub(crate) fn default_words(field: &Field) -> String {
    let value = text::value(&field.default);
    match &field.unit {
        Some(unit) if !field.default.is_null() => format!("{value} {unit}"),
        _ => value,
    }
}

/// The allowed range in words; empty when there is none.
pub(crate) fn range_words(field: &Field) -> String {
    let unit = field
        .unit
        .as_ref()
        .map(|u| format!(" {u}"))
        .unwrap_or_default();
    match (field.minimum, field.maximum) {
        (Some(low), Some(high)) => format!("{low} to {high}{unit}"),
        // Unsigned integers state a lower bound of 0 that goes without saying.
        (Some(low), None) if low == 0.0 && field.kind == FieldType::Integer => String::new(),
        (Some(low), None) => format!("at least {low}{unit}"),
        (None, Some(high)) => format!("at most {high}{unit}"),
        (None, None) => String::new(),
    }
}

fn help(field: &Field) -> String {
    let first = field
        .doc
        .split("\n\n")
        .next()
        .unwrap_or_default()
        .replace('\n', " ");
    let mut help = first.trim_end_matches('.').to_owned();
    if !field.choices.is_empty() && value_name(field) == "CHOICE" {
        let names: Vec<&str> = field.choices.iter().map(|c| c.value.as_str()).collect();
        let _ = write!(help, " [{}]", names.join(", "));
    }
    let range = range_words(field);
    if !range.is_empty() {
        let _ = write!(help, " [{range}]");
    }
    let _ = write!(help, " [default: {}]", default_words(field));
    help
}
