//! Runs the program of a plug-in: an argument vector in a directory of its own, with what it says kept.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use thon_contract::{Context, JobError};

use super::manifest::{Manifest, Program};

/// Variables that programs of the field need and that change no result.
const KEPT: [&str; 6] = ["PATH", "HOME", "USER", "LANG", "TMPDIR", "LD_LIBRARY_PATH"];
const LOOK: Duration = Duration::from_millis(20);
/// How much of what a program said is told again.
const TOLD: usize = 1500;

/// The programs that a plug-in needs beside its own.
pub(super) fn others(program: &Program) -> impl Iterator<Item = &str> {
    let around = program.before.iter().chain(&program.after);
    let around = around.filter_map(|words| words.first().map(String::as_str));
    program.uses.iter().map(String::as_str).chain(around)
}

/// Where the program lies.
pub(super) fn find(program: &Program) -> Option<PathBuf> {
    find_name(&program.name)
}

/// Where a program of this name lies.
pub(super) fn find_name(name: &str) -> Option<PathBuf> {
    let name = Path::new(name);
    if name.components().count() > 1 {
        return name.is_file().then(|| name.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// The version that the program says it has; nothing when it says none.
pub(super) fn version(program: &Program, path: &Path) -> Option<String> {
    if program.version_arguments.is_empty() {
        return None;
    }
    let output = Command::new(path)
        .args(&program.version_arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let (_, after) = text.split_once(&program.version_after)?;
    let digits = after
        .trim_start()
        .split(|c: char| !(c.is_ascii_digit() || c == '.'));
    let found = digits.into_iter().next()?.trim_end_matches('.');
    (!found.is_empty()).then(|| found.to_owned())
}

/// Whether a version will do.
pub(super) fn is_enough(found: &str, least: &str) -> bool {
    let numbers = |text: &str| -> Vec<u64> {
        text.split('.')
            .map(|part| part.parse().unwrap_or(0))
            .collect()
    };
    numbers(found) >= numbers(least)
}

/// Its arguments for these parameters.
pub(super) fn arguments(
    manifest: &Manifest,
    params: &Value,
    filled: &dyn Fn(&str) -> bool,
    threads: usize,
) -> Vec<String> {
    let mut words = Vec::new();
    for argument in &manifest.arguments {
        let chosen = |name: &String| match &params[name] {
            Value::Null => filled(name),
            Value::Bool(yes) => *yes,
            Value::String(text) => !text.is_empty(),
            Value::Number(number) => number.as_f64() != Some(0.0),
            _ => true,
        };
        let wanted = argument.when.as_ref().is_none_or(chosen);
        if !wanted || argument.unless.as_ref().is_some_and(chosen) {
            continue;
        }
        let fill = |word: &String| filled_in(word, params, threads);
        words.extend(argument.words.iter().map(fill));
    }
    words
}

/// A text with its placeholders filled in; `{name:3}` writes a whole number with three digits.
pub(super) fn filled_in(word: &str, params: &Value, threads: usize) -> String {
    let mut text = word.replace("{threads}", &threads.to_string());
    for (name, value) in params.as_object().into_iter().flatten() {
        let value = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text = text.replace(&format!("{{{name}}}"), &value);
        for digits in 2..7 {
            let padded = format!("{value:0>digits$}");
            text = text.replace(&format!("{{{name}:{digits}}}"), &padded);
        }
    }
    text
}

/// Runs a program beside that of the plug-in, named by the first of the words.
pub(super) fn run_other(
    manifest: &Manifest,
    words: &[String],
    directory: &Path,
    log: &Path,
    context: &Context,
) -> Result<(), JobError> {
    let Some((name, words)) = words.split_first() else {
        return Ok(());
    };
    let program = Program {
        name: name.clone(),
        answers: Vec::new(),
        ..manifest.program.clone()
    };
    let path = find_name(name).ok_or_else(|| JobError::Data {
        message: format!("the program {name} is not installed"),
        hint: "install it, or put its directory on the PATH".into(),
    })?;
    start(&program, &path, words, &[], directory, log, context)
}

/// Runs the program in `directory`; what it says goes to the file `log`.
pub(super) fn run(
    manifest: &Manifest,
    path: &Path,
    words: &[String],
    answers: &[String],
    directory: &Path,
    log: &Path,
    context: &Context,
) -> Result<(), JobError> {
    let program = &manifest.program;
    start(program, path, words, answers, directory, log, context)
}

fn start(
    program: &Program,
    path: &Path,
    words: &[String],
    answers: &[String],
    directory: &Path,
    log: &Path,
    context: &Context,
) -> Result<(), JobError> {
    let failed = |e: std::io::Error| JobError::file(path, e);
    let mut appended = OpenOptions::new();
    let opened = appended.create(true).append(true).open(log);
    let output = opened.map_err(|e| JobError::file(log, e))?;
    let before = output.metadata().map_err(failed)?.len();
    let errors = output.try_clone().map_err(failed)?;
    let threads = rayon_threads();
    let mut command = Command::new(path);
    command.env_clear();
    for name in KEPT {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    for (name, value) in &program.environment {
        command.env(name, filled_in(value, &Value::Null, threads));
    }
    let mut child = command
        .args(words)
        .current_dir(directory)
        .stdin(if answers.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(output)
        .stderr(errors)
        // A group of its own, so that what it starts ends with it.
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    if let Some(mut asked) = child.stdin.take() {
        // A program that does not want all answers is not wrong for that.
        let _ = asked.write_all((answers.join("\n") + "\n").as_bytes());
    }
    let group = i32::try_from(child.id()).ok();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if thon_compute::check(context.progress()).is_err() {
            if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let _ = child.wait();
            return Err(JobError::Cancelled);
        }
        std::thread::sleep(LOOK);
    };
    let said = fs::read(log).map_err(|e| JobError::file(log, e))?;
    let own = said.get(before as usize..).unwrap_or_default();
    let said = String::from_utf8_lossy(own);
    let tail: String = {
        let start = said.len().saturating_sub(TOLD);
        let start = (start..=said.len()).find(|at| said.is_char_boundary(*at));
        said[start.unwrap_or(0)..].trim().to_owned()
    };
    let name = &program.name;
    if !status.success() {
        return Err(JobError::data(format!(
            "{name} ended with {status}:\n{tail}"
        )));
    }
    let mut bad = program.fails_when_it_says.iter();
    if let Some(words) = bad.find(|words| said.contains(words.as_str())) {
        let message = format!("{name} says \"{words}\", with exit code 0:\n{tail}");
        return Err(JobError::data(message));
    }
    Ok(())
}

/// Threads that this process may use.
pub(super) fn rayon_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
