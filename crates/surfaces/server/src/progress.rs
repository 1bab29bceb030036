//! How far a running job is, from the events of its last attempt.

use std::collections::BTreeMap;

use serde_json::Value;
use thon_project::durable::EntryKind;
use thon_project::state::JobFacts;
use thon_project::{Project, layout, lines};

use crate::failure::Refusal;

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Live {
    /// Units there are.
    pub(crate) total: Option<u64>,
    /// Units that failed.
    pub(crate) failed: u64,
    /// Share of the work that is done.
    pub(crate) share: Option<f64>,
}

/// Reads the events of the last attempt, and of its parts where it was shared out as array tasks.
pub(crate) fn read(project: &Project, facts: &JobFacts) -> Result<Live, Refusal> {
    let Some((attempt, _)) = facts.last_attempt().filter(|_| facts.manifest.is_none()) else {
        return Ok(Live::default());
    };
    let directory = project
        .root()
        .join(layout::JOBS)
        .join(&facts.directory)
        .join(layout::attempt_directory(attempt.number));
    let durable = project.durable();
    let entries = durable.list(&directory)?;
    let parts = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Directory);
    let parts = parts.filter_map(|entry| layout::part_number(&entry.name));
    let parts = parts.map(|part| directory.join(layout::part_directory(part)));
    let mut all = Vec::new();
    for place in std::iter::once(directory.clone()).chain(parts) {
        let path = place.join(layout::EVENTS_FILE);
        all.push(lines::read::<Value>(durable, &path)?.records);
    }
    Ok(live(&all))
}

/// How far a job is by the events of an attempt and of its parts, each of which begins with its own number of units.
fn live(parts: &[Vec<Value>]) -> Live {
    let mut live = Live::default();
    let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
    for events in parts {
        let mut own = None;
        for event in events {
            let details = &event["details"];
            let item = details["item"].as_str().unwrap_or_default();
            match event["event"].as_str().unwrap_or_default() {
                "started" => own = details["units"].as_u64(),
                "cached" | "finished" => {
                    shares.insert(item, 1.0);
                }
                "failed" => {
                    live.failed += 1;
                    shares.insert(item, 1.0);
                }
                "progress" => {
                    let total = details["total"].as_f64().unwrap_or_default().max(1.0);
                    let share = details["done"].as_f64().unwrap_or_default() / total;
                    shares.insert(item, share.clamp(0.0, 1.0));
                }
                _ => {}
            }
        }
        live.total = match (live.total, own) {
            (Some(sum), Some(own)) => Some(sum.saturating_add(own)),
            (sum, own) => sum.or(own),
        };
    }
    live.share = live.total.filter(|total| *total > 0).map(|total| {
        // Summed in the order of the items, so that equal events give equal shares.
        shares.values().fold(0.0, |sum, share| sum + share) / total as f64
    });
    live
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shares_add_up_over_items() {
        let event = |kind: &str, details: Value| json!({ "event": kind, "details": details });
        let events = [
            event("started", json!({ "units": 4 })),
            event("cached", json!({ "item": "a" })),
            event("progress", json!({ "item": "b", "done": 1, "total": 2 })),
            event("failed", json!({ "item": "c", "reason": "x" })),
            event("something new", json!({})),
        ];
        let whole = live(&[events.to_vec()]);
        assert_eq!((whole.total, whole.failed), (Some(4), 1));
        assert_eq!(whole.share, Some(0.625));
        // The same as two parts, of two units each, beside an attempt that runs nothing itself.
        let part = |events: &[Value]| {
            let started = event("started", json!({ "units": 2 }));
            [&[started], events].concat()
        };
        let parts = [Vec::new(), part(&events[1..3]), part(&events[3..])];
        assert_eq!(live(&parts), whole);
    }
}
