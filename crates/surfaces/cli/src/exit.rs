//! How the program ends: exit codes, and failures in words.

use thon_engine::EngineError;
use thon_project::ProjectError;

/// What the exit code of `thon` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Ok = 0,
    /// A job started and failed.
    Failed = 1,
    /// The request makes no sense, or a given file cannot be used.
    Usage = 2,
    /// There is no project, somebody else owns it, or it is damaged.
    Project = 3,
    /// Stopped because somebody asked for it.
    Cancelled = 4,
    /// The machine failed, or thon has an error in itself.
    Internal = 5,
}

impl Exit {
    /// All codes in order.
    pub const ALL: [Self; 6] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Project,
        Self::Cancelled,
        Self::Internal,
    ];

    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What it means, in one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "all went well",
            Self::Failed => "a job started and failed, or a check found something wrong",
            Self::Usage => {
                "wrong usage or bad input: an unknown name, a refused value, an unreadable file"
            }
            Self::Project => {
                "no project here, or the project is in use, damaged or of a newer format"
            }
            Self::Cancelled => "cancelled: by Ctrl-C, by SIGTERM or by `thon cancel`",
            Self::Internal => "the disk or the machine failed, or thon itself has an error",
        }
    }
}

/// Why a command did not succeed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Exit code.
    pub exit: Exit,
    /// What is wrong; further lines may start with `hint: `, `error: ` or `warning: `.
    pub text: String,
}

/// What a command answers.
pub type Outcome<T = Exit> = Result<T, Failure>;

impl Failure {
    /// A failure with its text.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
        }
    }

    /// Wrong usage or bad input.
    pub fn usage(text: impl Into<String>) -> Self {
        Self::new(Exit::Usage, text)
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl AsRef<str>) -> Self {
        self.text.push_str("\nhint: ");
        self.text.push_str(hint.as_ref());
        self
    }

    /// The system refused something.
    pub fn disk(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(
            Exit::Internal,
            format!("cannot {action} {}: {error}", path.display()),
        )
    }

    /// The message line by line: what starts each line, and the rest.
    pub(crate) fn lines(&self) -> Vec<(Label, String)> {
        let mut lines: Vec<(Label, String)> = Vec::new();
        for line in self.text.lines() {
            let trimmed = line.trim_start();
            let (label, rest) = if let Some(rest) = trimmed.strip_prefix("hint: ") {
                (Label::Hint, rest)
            } else if line.starts_with("error: ") {
                // Once, however many have told it on.
                (Label::Error, line.trim_start_matches("error: "))
            } else if let Some(rest) = line.strip_prefix("warning: ") {
                (Label::Warning, rest)
            } else if lines.is_empty() {
                (Label::Error, line)
            } else {
                (Label::More, line)
            };
            // What a job was refused for, told again by what came later.
            let rest = rest.replace(": error: ", ": ");
            match bracketed_hint(&rest) {
                Some((before, hint)) if label != Label::Hint => {
                    lines.push((label, before.to_owned()));
                    lines.push((Label::Hint, hint.to_owned()));
                }
                _ => lines.push((label, rest)),
            }
        }
        lines
    }
}

/// What a line of a message starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    Error,
    Warning,
    Hint,
    More,
}

/// `what (hint: what to do)`, apart.
fn bracketed_hint(line: &str) -> Option<(&str, &str)> {
    let (before, rest) = line.rsplit_once(" (hint: ")?;
    Some((before, rest.strip_suffix(')')?))
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        use ProjectError as E;
        let exit = match &error {
            E::NoSuchJob(_) | E::AlreadyDone(_) => Exit::Usage,
            E::Disk { .. }
            | E::ReadOnly
            | E::ItemsLost { .. }
            | E::NotPlain { .. }
            | E::Superseded(_)
            | E::Taken { .. }
            | E::BadPath { .. } => Exit::Internal,
            E::NotAProject { .. }
            | E::AlreadyAProject { .. }
            | E::NewerFormat { .. }
            | E::Owned { .. }
            | E::Damaged { .. }
            | E::NoResult { .. }
            | E::Index { .. } => Exit::Project,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        use EngineError as E;
        let exit = match &error {
            E::Project(_) => {
                let E::Project(error) = error else {
                    unreachable!("just matched")
                };
                return error.into();
            }
            E::UnknownJob { .. }
            | E::Refused(_)
            | E::Input { .. }
            | E::Executors { .. }
            | E::Plugin { .. }
            | E::Set { .. }
            | E::Curation { .. }
            | E::CurationMoved { .. }
            | E::Pipeline { .. } => Exit::Usage,
            E::Unit { .. } | E::Failed { .. } => Exit::Failed,
            E::Cancelled => Exit::Cancelled,
            E::File { source, .. } => match source.kind() {
                std::io::ErrorKind::NotFound | std::io::ErrorKind::AlreadyExists => Exit::Usage,
                _ => Exit::Internal,
            },
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_found_wherever_they_are_written() {
        let failure = Failure::usage("there is no job \"x\"\n  hint: did you mean `y`?");
        assert_eq!(
            failure.lines(),
            [
                (Label::Error, "there is no job \"x\"".to_owned()),
                (Label::Hint, "did you mean `y`?".to_owned())
            ]
        );
        let failure = Failure::from(ProjectError::NoSuchJob(thon_project::JobNumber(7)));
        assert_eq!(failure.lines()[1], (Label::Hint, "`thon ls`".to_owned()));
        let several = Failure::usage("error: error: a: wrong\nerror: b: wrong\nhint: neither");
        let labels: Vec<Label> = several.lines().iter().map(|line| line.0).collect();
        assert_eq!(labels, [Label::Error, Label::Error, Label::Hint]);
    }
}
