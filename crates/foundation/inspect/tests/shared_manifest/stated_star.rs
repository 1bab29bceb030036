//! STAR facts of the manifest: `STAR name: N labels, M rows; …; +K blocks`.
use serde_json::Value;

use crate::stated::{Comparison, after, before};

/// Compares every stated block in order.
pub(crate) fn compare(comparison: &mut Comparison<'_>, text: &str) {
    let blocks = comparison.fact("blocks").and_then(Value::as_array);
    let Some(blocks) = blocks else {
        comparison.check("STAR blocks", false, &"no blocks");
        return;
    };
    let stated: Vec<&str> = text["STAR ".len()..].split("; ").collect();
    let mut more = 0;
    for (index, one) in stated.iter().enumerate() {
        if let Some(count) = after(one, "+").filter(|_| one.starts_with('+')) {
            more = count as usize;
            continue;
        }
        let Some(block) = blocks.get(index) else {
            comparison.check("STAR blocks", false, &(one, blocks.len()));
            return;
        };
        let name = one.rsplit_once(": ").map_or("", |(name, _)| name);
        let name = if name == "(unnamed)" { "" } else { name };
        comparison.check("STAR name", block["name"] == name, &(one, block));
        let labels = before(one, " labels");
        comparison.check(
            "STAR labels",
            block["labels"].as_f64() == labels,
            &(one, block),
        );
        let rows = before(one, " rows");
        let agrees = match rows {
            Some(rows) => block["kind"] == "loop" && block["rows"].as_f64() == Some(rows),
            None => block["kind"] == "pairs",
        };
        comparison.check("STAR rows", agrees, &(one, block));
    }
    let listed = stated.len() - usize::from(more > 0) + more;
    comparison.check(
        "STAR blocks",
        blocks.len() == listed,
        &(listed, blocks.len()),
    );
}
