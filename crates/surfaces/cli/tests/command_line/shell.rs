//! Runs a command line within the test and catches what it writes.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use thon_cli::{Exit, Terminal, run_with};

use crate::toy::application;

/// What a command answered.
pub struct Answer {
    pub exit: Exit,
    pub out: String,
    pub err: String,
}

impl Answer {
    /// The one JSON document on the output.
    pub fn json(&self) -> Value {
        assert_eq!(self.exit, Exit::Ok, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// The output of a command that must succeed.
    pub fn ok(self) -> String {
        assert_eq!(self.exit, Exit::Ok, "{}", self.err);
        self.out
    }

    /// The messages of a command that must end with this code.
    pub fn refused(self, exit: Exit) -> String {
        assert_eq!(self.exit, exit, "{}{}", self.out, self.err);
        assert!(self.out.is_empty(), "{}", self.out);
        self.err
    }
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Runs `thon` with these arguments.
pub fn thon<S: AsRef<str>>(arguments: &[S]) -> Answer {
    let (out, err) = (Memory::default(), Memory::default());
    let terminal = Terminal::captured(
        Arc::new(Mutex::new(out.clone())),
        Arc::new(Mutex::new(err.clone())),
    );
    let argv = std::iter::once("thon").chain(arguments.iter().map(AsRef::as_ref));
    let exit = run_with(application(), argv.map(Into::into), &terminal);
    Answer {
        exit,
        out: out.text(),
        err: err.text(),
    }
}

/// Runs a line of words in a project.
pub fn within(project: &Path, line: &str) -> Answer {
    let mut arguments = vec!["--project".to_owned(), text(project)];
    arguments.extend(line.split_whitespace().map(str::to_owned));
    thon(&arguments)
}

/// Runs a line of words.
pub fn line(line: &str) -> Answer {
    thon(&line.split_whitespace().collect::<Vec<_>>())
}

/// A path as an argument.
pub fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A project in a temporary directory.
pub fn project() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    thon(&["new", &text(directory.path())]).ok();
    directory
}
