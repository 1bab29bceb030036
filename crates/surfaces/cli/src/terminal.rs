//! The two streams, colours, and how much to say.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

use clap::builder::styling::{AnsiColor, Style};

use crate::exit::{Failure, Label};
use crate::table::Table;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Warn,
    Accent,
}

/// Whether to colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint(pub(crate) bool);

impl Paint {
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Bold => Style::new().bold(),
            Tone::Dim => Style::new().dimmed(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Warn => AnsiColor::Yellow.on_default(),
            Tone::Accent => AnsiColor::Cyan.on_default(),
        };
        if self.0 && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// A stream shared among threads.
pub type Stream = Arc<Mutex<dyn Write + Send>>;

/// Where results and messages go.
#[derive(Clone)]
pub struct Terminal {
    out: Stream,
    err: Stream,
    paint_out: bool,
    paint_err: bool,
    /// Columns of the screen, 0 where there is none.
    pub(crate) width: usize,
    /// True when progress bars can be drawn.
    pub(crate) bars: bool,
    /// True when only results, warnings and errors are wanted.
    pub(crate) quiet: bool,
    /// True when one JSON document is wanted on the output.
    pub(crate) json: bool,
}

impl Terminal {
    /// The process' own streams.
    pub fn standard() -> Self {
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let (out, err) = (std::io::stdout(), std::io::stderr());
        let (out_screen, err_screen) = (out.is_terminal(), err.is_terminal());
        let columns = || rustix::termios::tcgetwinsize(&out).map_or(80, |size| size.ws_col.into());
        Self {
            paint_out: out_screen && colours,
            paint_err: err_screen && colours,
            width: if out_screen { columns() } else { 0 },
            bars: err_screen,
            out: Arc::new(Mutex::new(out)),
            err: Arc::new(Mutex::new(err)),
            quiet: false,
            json: false,
        }
    }

    /// Streams into memory, without colours or bars.
    pub fn captured(out: Stream, err: Stream) -> Self {
        Self {
            out,
            err,
            paint_out: false,
            paint_err: false,
            width: 0,
            bars: false,
            quiet: false,
            json: false,
        }
    }

    /// Colours on the output.
    pub(crate) fn paint(&self) -> Paint {
        Paint(self.paint_out)
    }

    /// Colours on the error stream.
    pub(crate) fn paint_err(&self) -> Paint {
        Paint(self.paint_err)
    }

    /// Columns to wrap running text at.
    pub(crate) fn measure(&self) -> usize {
        if self.width == 0 {
            100
        } else {
            self.width.clamp(40, 100)
        }
    }

    /// Writes to the output. A reader that went away (`| head`) is no error.
    pub(crate) fn print(&self, text: &str) {
        write(&self.out, text);
    }

    /// Writes a line to the output.
    pub(crate) fn line(&self, text: &str) {
        write(&self.out, &format!("{text}\n"));
    }

    /// Writes a table to the output.
    pub(crate) fn table(&self, table: &Table, indent: usize) {
        self.print(&table.render(indent, self.width, self.paint()));
    }

    /// Writes one JSON document to the output.
    pub(crate) fn json(&self, value: &serde_json::Value) {
        let text = serde_json::to_string_pretty(value).expect("values are plain data");
        self.line(&text);
    }

    /// Tells something that is no result.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            write(&self.err, &format!("{text}\n"));
        }
    }

    /// A warning.
    pub(crate) fn warn(&self, text: &str) {
        self.report(&Failure::usage(format!("warning: {text}")));
    }

    /// A failure, with its hints.
    pub(crate) fn report(&self, failure: &Failure) {
        write(&self.err, &self.reported(failure));
    }

    /// The lines of a failure.
    pub(crate) fn reported(&self, failure: &Failure) -> String {
        let paint = self.paint_err();
        let mut text = String::new();
        for (label, line) in failure.lines() {
            let head = match label {
                Label::Error => paint.tone(Tone::Bad, "error:"),
                Label::Warning => paint.tone(Tone::Warn, "warning:"),
                Label::Hint => paint.tone(Tone::Accent, "hint:"),
                Label::More => {
                    let _ = writeln!(text, "{line}");
                    continue;
                }
            };
            let _ = writeln!(text, "{head} {line}");
        }
        text
    }
}

fn write(stream: &Stream, text: &str) {
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    // Nothing sensible is left to do when the screen itself fails.
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
}
