//! Watches the engine: one progress bar on a terminal, plain lines elsewhere.

mod bar;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget};
use thon_contract::Note;
use thon_engine::{Event, Observer};
use thon_project::JobNumber;

use crate::exit::Failure;
use crate::interrupt::Interrupt;
use crate::terminal::{Terminal, Tone};
use crate::text;

/// Parts of the bar that one item takes.
const PARTS: u64 = 1000;
/// Values that are told at the end of a run.
const MEASURED: usize = 24;

/// Tells a person how far the engine is.
pub(crate) struct Watcher {
    terminal: Terminal,
    interrupt: Interrupt,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    /// Position and name of the pipeline's step.
    step: Option<(usize, usize, String)>,
    /// Whether that step had to be run.
    step_started: bool,
    label: String,
    began: Option<Instant>,
    units: usize,
    ended: usize,
    cached: usize,
    failed: usize,
    rejected: usize,
    /// Item, name and value of what units found.
    measured: Vec<(String, String, f64)>,
    running: BTreeMap<String, f64>,
    told_to_stop: bool,
}

impl Watcher {
    pub(crate) fn new(terminal: &Terminal, interrupt: Interrupt) -> Self {
        Self {
            terminal: terminal.clone(),
            interrupt,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line above the bar.
    fn say(&self, state: &State, line: &str) {
        match &state.bar {
            Some(bar) => bar.suspend(|| self.terminal.note(line)),
            None => self.terminal.note(line),
        }
    }

    /// Tells that a step was found done.
    fn settle(&self, state: &mut State) {
        if let (Some((number, of, name)), false) = (state.step.take(), state.step_started) {
            self.say(state, &format!("[{number}/{of}] {name}: was done"));
        }
    }

    /// Tells that the last step was found done, if so.
    pub(crate) fn settled(&self) {
        self.settle(&mut self.state());
    }

    fn report(&self, state: &State, text: String) {
        let failure = Failure::usage(text);
        match &state.bar {
            Some(bar) => bar.suspend(|| self.terminal.report(&failure)),
            None => self.terminal.report(&failure),
        }
    }

    fn started(&self, job: Option<JobNumber>, operation: &str, units: usize) {
        let mut state = self.state();
        let number = job.map(|job| format!("{job} ")).unwrap_or_default();
        let own = format!("{number}{operation}");
        // In a pipeline the bar has room for the step only.
        let (label, short) = match &state.step {
            Some((i, of, name)) => (
                format!("[{i}/{of}] {name}: {own}"),
                format!("[{i}/{of}] {name}"),
            ),
            None => (own.clone(), own),
        };
        let (step, told_to_stop) = (state.step.take(), state.told_to_stop);
        *state = State {
            step,
            label,
            units,
            told_to_stop,
            began: Some(Instant::now()),
            step_started: true,
            ..State::default()
        };
        if self.terminal.bars {
            let bar = ProgressBar::with_draw_target(
                Some(units as u64 * PARTS),
                ProgressDrawTarget::stderr(),
            );
            bar.set_style(bar::style(self.terminal.paint_err().0));
            bar.set_prefix(short);
            bar.enable_steady_tick(Duration::from_millis(100));
            state.bar = Some(bar);
        } else {
            let items = text::count(units as u64, "item");
            self.say(&state, &format!("{}: {items}", state.label));
        }
    }

    fn done(&self, items: u64) {
        let mut state = self.state();
        state.clear();
        let time = state
            .began
            .map_or(0.0, |began| began.elapsed().as_secs_f64());
        let mut words = vec![text::count(items, "item")];
        if state.cached > 0 {
            words.push(format!("{} from cache", state.cached));
        }
        if state.failed > 0 {
            words.push(format!("{} failed", state.failed));
        }
        if state.rejected > 0 {
            words.push(format!("{} rejected", state.rejected));
        }
        words.push(text::duration(time));
        let mark = self.terminal.paint_err().tone(Tone::Good, "done");
        self.say(
            &state,
            &format!("{}: {mark}, {}", state.label, words.join(", ")),
        );
    }

    /// Tells what a run without a project found; in a project `thon show` does.
    fn measured(&self) {
        let mut state = self.state();
        let found = std::mem::take(&mut state.measured);
        for (item, name, value) in found.iter().take(MEASURED) {
            let item = if item.is_empty() {
                String::new()
            } else {
                format!("{item}: ")
            };
            self.say(&state, &format!("  {item}{name}: {}", text::number(*value)));
        }
        if found.len() > MEASURED {
            self.say(&state, &format!("  … {} more", found.len() - MEASURED));
        }
    }

    fn note(&self, state: &mut State, item: &str, notes: &[Note]) {
        for note in notes {
            match note {
                Note::Warning { text } => self.report(state, format!("warning: {item}: {text}")),
                Note::Rejected(_) => state.rejected += 1,
                Note::Metric { name, value } => {
                    let item = if state.units > 1 { item } else { "" };
                    let measured = (item.to_owned(), name.clone(), *value);
                    state.measured.push(measured);
                }
            }
        }
    }
}

impl State {
    fn advance(&self) {
        if let Some(bar) = &self.bar {
            let running: f64 = self.running.values().sum();
            bar.set_position(self.ended as u64 * PARTS + (running * PARTS as f64) as u64);
        }
    }

    fn refresh(&self) {
        self.advance();
        let Some(bar) = &self.bar else { return };
        let names: Vec<&str> = self.running.keys().map(String::as_str).collect();
        let count = if self.units == 1 {
            String::new()
        } else {
            format!("{}/{} ", self.ended, self.units)
        };
        // The only unit of a job that is not mapped is called `all`: no news.
        let names = if self.units == 1 {
            String::new()
        } else {
            names.join(" ")
        };
        bar.set_message(format!("{count}{names}"));
    }

    fn end(&mut self, item: &str) {
        self.running.remove(item);
        self.ended += 1;
        self.refresh();
    }

    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.state().clear();
    }
}

impl Observer for Watcher {
    fn tell(&self, event: Event<'_>) {
        match event {
            Event::Step { name, number, of } => {
                let mut state = self.state();
                self.settle(&mut state);
                state.step = Some((number, of, name.to_owned()));
                state.step_started = false;
            }
            Event::Started {
                job,
                operation,
                units,
            } => self.started(job, operation, units),
            Event::Cached { item } => {
                let mut state = self.state();
                state.cached += 1;
                state.end(item);
            }
            Event::Running { item } => {
                let mut state = self.state();
                state.running.insert(item.to_owned(), 0.0);
                state.refresh();
            }
            Event::Progress { item, done, total } => {
                let mut state = self.state();
                if let Some(part) = state.running.get_mut(item) {
                    *part = (done as f64 / total.max(1) as f64).min(1.0);
                    state.advance();
                }
            }
            Event::Reading { item, reading } => {
                let state = self.state();
                // The only unit of a job that is not mapped is called `all`: no news.
                let of = if state.units == 1 {
                    String::new()
                } else {
                    format!("{item}, ")
                };
                self.say(&state, &format!("{of}{}", thon_engine::said(reading)));
            }
            Event::Finished { item, notes } => {
                let mut state = self.state();
                self.note(&mut state, item, notes);
                state.end(item);
            }
            Event::Failed { item, reason } => {
                let mut state = self.state();
                state.failed += 1;
                self.say(
                    &state,
                    &format!(
                        "{item} failed: {}",
                        reason.lines().next().unwrap_or_default()
                    ),
                );
                state.end(item);
            }
            Event::Warning { finding } => self.report(&self.state(), finding.to_string()),
            Event::Done { job, items, .. } => {
                self.done(items);
                if job.is_none() {
                    self.measured();
                }
            }
        }
    }

    fn stop(&self) -> bool {
        let asked = self.interrupt.asked();
        let mut state = self.state();
        if asked && !state.told_to_stop {
            state.told_to_stop = true;
            self.say(&state, "stopping; once more to end at once");
        }
        asked
    }
}
