//! Running the commands of a section, and under what circumstances they ran.
use std::process::Command;

use super::figures::figures_in;
use super::sections::Section;

/// Runs the commands and returns the figures in what they print.
pub(super) fn figures_of(section: &Section) -> Result<Vec<String>, String> {
    let mut figures = Vec::new();
    for command in section.commands {
        let mut words = command.line.split(' ');
        let program = words.next().unwrap_or_default();
        let output = Command::new(program)
            .args(words)
            .envs(command.environment.iter().copied())
            .output()
            .map_err(|error| format!("{}: {error}", command.line))?;
        let printed = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = |text: &str| {
                text.lines()
                    .rev()
                    .take(12)
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let mut lines = [last(&said), last(&printed)].concat();
            lines.reverse();
            return Err(format!(
                "{}: {}\n{}",
                command.line,
                output.status,
                lines.join("\n")
            ));
        }
        figures.extend(figures_in(&printed, section.figures));
    }
    if figures.is_empty() {
        return Err("the commands printed no figure; is the data there?".into());
    }
    Ok(figures)
}

/// The day and the kind of machine, in a line.
pub(super) fn circumstances() -> String {
    let day = Command::new("date").args(["-u", "+%F"]).output();
    let day = day.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or_else(
            || std::env::consts::ARCH.to_owned(),
            |(_, name)| name.to_owned(),
        );
    format!("{}, {cores} cores ({model})", day.unwrap_or_default())
}
