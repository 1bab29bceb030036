//! EM files: volumes, masks and motive lists.
use serde_json::json;
use thon_images::em::EmFile;

use super::tiff::type_name;
use crate::description::Description;
use crate::error::InspectError;
use crate::input::Input;
use crate::statistics::{self, Pixels};

/// Columns of a motive list of TOM and AV3.
const MOTIVE_LIST_COLUMNS: usize = 20;

/// Describes an EM file.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let failed = |error| input.image_error(error);
    let file = EmFile::from_source(input.source()?).map_err(failed)?;
    let header = file.header();
    let [sections, rows, columns] = file.shape();
    let motive_list = columns == MOTIVE_LIST_COLUMNS && sections == 1;
    let content = if motive_list { "motive list" } else { "volume" };
    let facts = &mut description.facts;
    facts.set("content", content);
    facts.set("dimensions", json!([columns, rows, sections]));
    facts.set("sections", sections);
    facts.set("sample_type", type_name(header.sample_kind));
    facts.set("byte_order", json!(header.byte_order));
    let comment = header.comment.trim();
    if !comment.is_empty() {
        facts.set("comment", comment);
    }
    description.summary = if motive_list {
        format!("EM motive list, {rows} particles")
    } else {
        format!(
            "EM volume, {columns} × {rows} × {sections}, {}",
            type_name(header.sample_kind)
        )
    };
    let promised = header.file_bytes().unwrap_or(u64::MAX);
    if input.len() > promised {
        description.doubt(format!(
            "{} bytes follow the last sample",
            input.len() - promised
        ));
    }
    if header.sample_kind.is_complex() {
        description.doubt("complex samples: no statistics");
        return Ok(());
    }
    let read = |_, _, _| file.read_all();
    let whole = Pixels {
        sections: 1,
        rows: 1,
        columns: sections * rows * columns,
        read: &read,
    };
    statistics::add(&whole, description).map_err(failed)?;
    Ok(())
}
