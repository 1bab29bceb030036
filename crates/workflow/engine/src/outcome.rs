//! From finished units to the result of a job.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thon_contract::{AnyJob, ItemRecord, SlotRecord, UnitOutputs};
use thon_project::{Digest, ManifestDraft, UnitRecord};

use crate::plan::Plan;

/// Puts the outputs of all units together, slot by slot, items sorted by name.
pub(crate) fn draft(
    job: &dyn AnyJob,
    plan: &Plan,
    done: Vec<(String, UnitRecord)>,
    failures: Vec<(String, String)>,
) -> ManifestDraft {
    let mut outputs: BTreeMap<String, SlotRecord> = job
        .outputs()
        .into_iter()
        .map(|slot| {
            (
                slot.name,
                SlotRecord {
                    kind: slot.kind,
                    items: Vec::new(),
                },
            )
        })
        .collect();
    for (_, record) in &done {
        let written: UnitOutputs =
            serde_json::from_value(record.result["outputs"].clone()).unwrap_or_default();
        for (slot, items) in written {
            let published = items
                .items
                .into_iter()
                .map(|item| publish_item(item, record));
            outputs.entry(slot).or_default().items.extend(published);
        }
    }
    for slot in outputs.values_mut() {
        slot.items.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let unmatched = plan
        .rejected
        .iter()
        .map(|r| (r.name.clone(), r.reason.clone()));
    let rejected: Vec<thon_project::Rejection> = unmatched
        .chain(failures)
        .map(|(item, reason)| thon_project::Rejection { item, reason })
        .collect();
    ManifestDraft {
        outputs: serde_json::to_value(outputs).expect("slots are plain data"),
        items_in: (done.len() + rejected.len()) as u64,
        items_out: done.len() as u64,
        units: done,
        rejected,
        performance: Value::Null,
    }
}

/// Paths relative to the project, and a digest over files and outside contents.
fn publish_item(item: ItemRecord, record: &UnitRecord) -> ItemRecord {
    let directory = Path::new(record.directory.as_str());
    let digest_of = |file: &PathBuf| {
        let found = record
            .files
            .iter()
            .find(|f| Path::new(f.path.as_str()) == file);
        json!([file, found.map(|f| f.digest.to_string())])
    };
    let files: Vec<Value> = item.files.iter().map(digest_of).collect();
    let identity = json!({ "files": files, "external": external(&item.name, record) });
    ItemRecord {
        files: item.files.iter().map(|file| directory.join(file)).collect(),
        digest: Digest::of_value(&identity).to_string(),
        name: item.name,
    }
}

/// The outside contents that an item depends on: those it was made from where the job says so, all of them otherwise.
fn external(item: &str, record: &UnitRecord) -> Value {
    let all = &record.identity.inputs["external"];
    let Some(own) = record.result["sources"][item].as_array() else {
        return all.clone();
    };
    let entries = all.as_array().into_iter().flatten();
    let found: Vec<&Value> = entries.filter(|entry| own.contains(&entry[0])).collect();
    // A file that the key does not know would be a change that nobody notices.
    if found.len() == own.len() {
        json!(found)
    } else {
        all.clone()
    }
}
