//! What came out of a job, for people and for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use thon_contract::SlotRecord;
use thon_project::Manifest;

use crate::Session;
use crate::table::{Cell, Table};
use crate::terminal::Tone;

/// The output slots of a manifest.
pub(super) fn slots(manifest: &Manifest) -> BTreeMap<String, SlotRecord> {
    serde_json::from_value(manifest.outputs.clone()).unwrap_or_default()
}

/// A result for programs.
pub(super) fn document(manifest: &Manifest) -> Value {
    json!({
        "job": manifest.job, "operation": manifest.operation, "state": "done",
        "items_in": manifest.items_in, "items_out": manifest.items_out,
        "rejected": manifest.rejected, "outputs": manifest.outputs,
    })
}

/// One line per slot: how to name it as an input of the next job, and what it holds.
pub(super) fn print(session: &Session, manifest: &Manifest) {
    let mut table = Table::new(&["output", "kind", "items"]).right(&[2]);
    for (name, slot) in slots(manifest) {
        table.row(vec![
            Cell::toned(format!("{}.{name}", manifest.job.0), Tone::Accent),
            slot.kind.into(),
            slot.items.len().to_string().into(),
        ]);
    }
    session.terminal.table(&table, 0);
    session
        .terminal
        .note(&format!("`thon show {}` lists the files", manifest.job.0));
}
