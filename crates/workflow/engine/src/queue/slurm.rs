//! Slurm as an executor, through `sbatch`, `squeue` and `scancel` alone: accounting may be off.
//!
//! An attempt is one batch job, named after its mark; an attempt in parts is an array, one task per part. The batch job is
//! the supervisor itself, so its end is written down in the attempt directory, and that is what is believed. A submission whose
//! answer was lost is found by its name. Slurm does not requeue: the queue does, in a new attempt. Several processes at a unit
//! are tasks of one allocation, which the worker starts by `srun`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::ask::{Answer, ask};
use super::configuration::ExecutorEntry;
use super::executor::{Executor, Mark, Submission};
use super::supervise::ATTEMPT_COMMAND;
use super::template::{Script, fill};
use crate::EngineError;
use crate::machine::{Capacity, Handle, LookupAnswer, POLL, QueueAnswer, SubmitAnswer, VISIBILITY};

/// How long one listing of the queue serves all questions.
const FRESH: Duration = Duration::from_secs(2);
/// Milliseconds between two looks at a job, where nothing else is said.
const LOOK: u64 = 5 * POLL;
/// Minutes asked for where nothing else is said.
const MINUTES: u32 = 24 * 60;
/// Seconds before the end of the time at which the worker is told to stop.
const WARNING: u32 = 120;
/// What `squeue` prints: number (of the whole array), name, state.
const FORMAT: &str = "%F|%j|%T";

/// A cluster under Slurm.
pub(super) struct Slurm {
    entry: ExecutorEntry,
    root: PathBuf,
    program: PathBuf,
    template: Option<String>,
    listing: Option<(Instant, Option<Vec<Line>>)>,
}

/// A line of the queue.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    number: Handle,
    name: String,
    state: String,
}

impl Slurm {
    /// # Errors
    /// Fields that would not be safe in a script, or a template that cannot be read.
    pub(super) fn new(
        entry: &ExecutorEntry,
        root: &Path,
        program: &Path,
    ) -> Result<Self, EngineError> {
        let wrong = |message: String| EngineError::Executors {
            path: root.join(super::configuration::FILE),
            message,
        };
        let plain = |text: &String| {
            let safe = |c: char| c.is_ascii_alphanumeric() || "_.:=,@/+-".contains(c);
            !text.is_empty() && text.chars().all(safe)
        };
        let given = [&entry.partition, &entry.account].into_iter().flatten();
        let all = given.chain(&entry.modules).chain(&entry.directives);
        for text in all {
            if !plain(text) {
                return Err(wrong(format!(
                    "executor {}: \"{text}\" may hold letters, digits and _.:=,@/+- alone",
                    entry.name
                )));
            }
        }
        let template = entry.template.as_ref().map(|path| {
            let path = root.join(path);
            std::fs::read_to_string(&path).map_err(|e| wrong(format!("{}: {e}", path.display())))
        });
        Ok(Self {
            entry: entry.clone(),
            root: std::path::absolute(root).map_err(|e| wrong(e.to_string()))?,
            program: program.to_owned(),
            template: template.transpose()?,
            listing: None,
        })
    }

    /// The options that hold whatever the script says.
    fn options(&self, submission: &Submission) -> Vec<String> {
        let cores = submission.need.cores.max(1);
        let megabytes = submission.need.memory.div_ceil(1 << 20);
        let mut options = vec![
            "--parsable".to_owned(),
            format!("--job-name={}", name_of(&submission.mark)),
            "--no-requeue".to_owned(),
            format!("--signal=B:USR1@{WARNING}"),
            format!(
                "--output={}",
                submission.directory.join("slurm-%a.txt").display()
            ),
        ];
        if submission.parts > 1 {
            options.push(format!("--array=0-{}", submission.parts - 1));
        }
        if submission.processes > 1 {
            // A lost node costs its pieces, not the allocation.
            options.push("--no-kill".into());
        }
        if self.template.is_none() {
            options.push(format!("--ntasks={}", submission.processes));
            options.push(format!("--cpus-per-task={cores}"));
            options.push(format!(
                "--mem-per-cpu={}M",
                megabytes.div_ceil(u64::from(cores))
            ));
            options.push(format!("--time={}", self.entry.minutes.unwrap_or(MINUTES)));
            let given = |flag: &str, value: &Option<String>| {
                value.as_ref().map(|value| format!("--{flag}={value}"))
            };
            options.extend(given("partition", &self.entry.partition));
            options.extend(given("account", &self.entry.account));
        }
        options.extend(self.entry.directives.iter().cloned());
        options
    }

    fn script(&self, submission: &Submission) -> Result<String, String> {
        let mark = &submission.mark;
        let threads = submission.need.cores.max(1);
        let mut command = format!(
            "{} --quiet --threads {threads} --project {} {ATTEMPT_COMMAND} {} {} {}",
            quoted(&self.program.display().to_string()),
            quoted(&self.root.display().to_string()),
            mark.job,
            mark.attempt,
            mark.token,
        );
        if submission.parts > 1 {
            command.push_str(" --part \"$SLURM_ARRAY_TASK_ID\"");
        }
        if submission.processes > 1 {
            command.insert_str(0, "env THON_LAUNCHER=srun ");
        }
        if let Some(template) = &self.template {
            let script = Script {
                command: &command,
                name: &name_of(mark),
                directory: &submission.directory,
                processes: submission.processes,
                cores: threads,
                memory: submission.need.memory,
                entry: &self.entry,
            };
            return fill(template, &script);
        }
        let mut text = String::from("#!/bin/bash\n");
        for module in &self.entry.modules {
            let _ = writeln!(text, "module load {module}");
        }
        let _ = writeln!(text, "exec {command}");
        Ok(text)
    }

    /// The queue of this user; `None` when Slurm does not answer.
    fn listing(&mut self) -> Option<&[Line]> {
        let stale = |(when, _): &(Instant, _)| when.elapsed() > FRESH;
        if self.listing.as_ref().is_none_or(stale) {
            let asked = ask(
                &self.entry.tool("squeue"),
                &["-h", "--me", "-r", "-o", FORMAT],
                "",
            );
            let lines = match asked {
                Answer::Ok(text) => Some(text.lines().filter_map(line).collect()),
                Answer::Failed(_) | Answer::Silent => None,
            };
            self.listing = Some((Instant::now(), lines));
        }
        self.listing
            .as_ref()
            .and_then(|(_, lines)| lines.as_deref())
    }
}

/// The name by which Slurm knows an attempt.
fn name_of(mark: &Mark) -> String {
    format!("thon-{}", mark.token)
}

fn line(text: &str) -> Option<Line> {
    let mut fields = text.trim().split('|');
    let number = fields.next()?.parse().ok()?;
    let (name, state) = (fields.next()?.to_owned(), fields.next()?.to_owned());
    Some(Line {
        number,
        name,
        state,
    })
}

/// A word of a shell command.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// Whether an error of `sbatch` leaves open whether the job is in the queue.
fn leaves_open(message: &str) -> bool {
    let open = [
        "timed out",
        "Unable to contact",
        "Connection",
        "communication",
        "temporarily",
        "try again",
    ];
    open.iter().any(|words| message.contains(words))
}

impl Executor for Slurm {
    fn capacity(&self) -> Capacity {
        Capacity {
            cores: self.entry.cores.unwrap_or(u32::MAX),
            memory: u64::MAX,
            jobs: self.entry.jobs.unwrap_or(100),
            poll: self.entry.poll.unwrap_or(LOOK),
            visibility: self.entry.visibility.unwrap_or(VISIBILITY),
        }
    }

    fn submit(&mut self, submission: &Submission) -> SubmitAnswer {
        let script = match self.script(submission) {
            Ok(script) => script,
            Err(error) => return SubmitAnswer::Refused(error),
        };
        let options = self.options(submission);
        let words: Vec<&str> = options.iter().map(String::as_str).collect();
        self.listing = None;
        match ask(&self.entry.tool("sbatch"), &words, &script) {
            Answer::Ok(text) => {
                let number = text.trim().split(';').next().unwrap_or_default();
                // Said yes without a number: it is looked for by its name.
                number
                    .parse()
                    .map_or(SubmitAnswer::Silent, SubmitAnswer::Accepted)
            }
            Answer::Failed(message) if leaves_open(&message) => SubmitAnswer::Silent,
            Answer::Failed(message) => SubmitAnswer::Refused(message),
            Answer::Silent => SubmitAnswer::Silent,
        }
    }

    fn lookup(&mut self, mark: &Mark) -> LookupAnswer {
        let name = name_of(mark);
        let Some(lines) = self.listing() else {
            return LookupAnswer::Silent;
        };
        let found = lines.iter().find(|line| line.name == name);
        found.map_or(LookupAnswer::NotFound, |line| {
            LookupAnswer::Found(line.number)
        })
    }

    fn poll(&mut self, handle: Handle, mark: &Mark) -> QueueAnswer {
        let name = name_of(mark);
        let Some(lines) = self.listing() else {
            return QueueAnswer::Silent;
        };
        // Numbers are given out again after a while, names are not.
        let own = lines
            .iter()
            .filter(|l| l.number == handle && l.name == name);
        let states: Vec<&str> = own.map(|line| line.state.as_str()).collect();
        let any = |wanted: &[&str]| states.iter().any(|state| wanted.contains(state));
        if states.is_empty() {
            QueueAnswer::Absent
        } else if any(&[
            "RUNNING",
            "COMPLETING",
            "SUSPENDED",
            "STOPPED",
            "SIGNALING",
            "STAGE_OUT",
        ]) {
            QueueAnswer::Running
        } else if any(&[
            "PENDING",
            "CONFIGURING",
            "REQUEUED",
            "RESIZING",
            "RESV_DEL_HOLD",
        ]) {
            QueueAnswer::Pending
        } else {
            QueueAnswer::Ended(states.join(", "))
        }
    }

    fn stop(&mut self, handle: Handle) {
        self.listing = None;
        // Unheard or not, it is asked again for as long as the attempt is there.
        let _ = ask(&self.entry.tool("scancel"), &[&handle.to_string()], "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_the_shell_stay_one_word() {
        assert_eq!(quoted("a b'$(c)"), "'a b'\\''$(c)'");
    }

    #[test]
    fn lines_of_the_queue() {
        let read = line("17|thon-x|RUNNING").unwrap();
        assert_eq!((read.number, read.state.as_str()), (17, "RUNNING"));
        assert_eq!(line("slurm_load_jobs error"), None);
    }
}
