//! What happens in an attempt, written down in its `events.jsonl` for whoever looks later or from elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thon_contract::Reading;
use thon_project::Attempt;

use crate::{Event, Observer};

/// A line of progress is written at least this often while there is any, …
const PAUSE: Duration = Duration::from_secs(20);
/// … at most this often, …
const SHORTEST: Duration = Duration::from_millis(300);
/// … and in between whenever this share of an item was done.
const STEP: f64 = 0.01;

/// Passes events on and writes them down.
pub(crate) struct Recorder<'a> {
    observer: &'a dyn Observer,
    attempt: &'a Attempt,
    /// When, and how far, each item was last written about.
    progress: Mutex<BTreeMap<String, (Instant, f64)>>,
}

impl<'a> Recorder<'a> {
    pub(crate) fn new(observer: &'a dyn Observer, attempt: &'a Attempt) -> Self {
        Self {
            observer,
            attempt,
            progress: Mutex::default(),
        }
    }

    /// Whether this much progress is worth a line.
    fn worth(&self, item: &str, share: f64) -> bool {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let worth = progress.get(item).is_none_or(|(when, before)| {
            let passed = when.elapsed();
            passed > SHORTEST && (passed > PAUSE || (share - before).abs() >= STEP)
        });
        if worth {
            progress.insert(item.to_owned(), (Instant::now(), share));
        }
        worth
    }

    fn write(&self, kind: &str, details: &Value) {
        // Nothing depends on these lines; a disk that is full will be told of by what does.
        if let Err(error) = self.attempt.event(kind, details) {
            tracing::debug!("an event was not written down: {error}");
        }
    }
}

impl Observer for Recorder<'_> {
    fn tell(&self, event: Event<'_>) {
        match &event {
            Event::Started { units, .. } => self.write("started", &json!({ "units": units })),
            Event::Cached { item } => self.write("cached", &json!({ "item": item })),
            Event::Running { item } => self.write("running", &json!({ "item": item })),
            Event::Progress { item, done, total } => {
                let share = *done as f64 / (*total).max(1) as f64;
                if self.worth(item, share) {
                    let details = json!({ "item": item, "done": done, "total": total });
                    self.write("progress", &details);
                }
            }
            Event::Reading { item, reading } => {
                let details =
                    json!({ "item": item, "step": reading.step, "values": reading.values });
                self.write("reading", &details);
                // People who follow the log see it too; nothing depends on it either.
                let _ = self.attempt.log(&format!("{item}: {}", said(reading)));
            }
            Event::Finished { item, .. } => self.write("finished", &json!({ "item": item })),
            Event::Failed { item, reason } => {
                self.write("failed", &json!({ "item": item, "reason": reason }));
            }
            Event::Warning { finding } => self.write("warning", &json!({ "finding": finding })),
            Event::Done { items, .. } => self.write("done", &json!({ "items": items })),
            Event::Step { .. } => {}
        }
        self.observer.tell(event);
    }

    fn stop(&self) -> bool {
        self.observer.stop()
    }
}

/// A reading in words: `step 3: resolution (Å) 21.4, …`.
pub fn said(reading: &Reading) -> String {
    let value = |(name, value): &(String, f64)| format!("{name} {}", rounded(*value));
    let values: Vec<String> = reading.values.iter().map(value).collect();
    format!("step {}: {}", reading.step, values.join(", "))
}

/// Four digits.
fn rounded(value: f64) -> String {
    let size = if value == 0.0 {
        0
    } else {
        value.abs().log10().floor() as i32
    };
    let digits = (3 - size).clamp(0, 8) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_said_with_four_digits() {
        let values = [
            ("resolution (Å)", 21.437),
            ("jumps", 0.0),
            ("log-likelihood", -123_456.7),
            ("small", 0.00123),
        ];
        let values = values
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec();
        let text = said(&Reading { step: 3, values });
        assert_eq!(
            text,
            "step 3: resolution (Å) 21.44, jumps 0, log-likelihood -123457, small 0.00123"
        );
    }
}
