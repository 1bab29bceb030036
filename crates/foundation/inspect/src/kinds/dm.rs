//! DigitalMicrograph images (DM3, DM4): size, type, calibration, statistics.
use serde_json::{Value, json};
use thon_images::dm::DmFile;

use super::tiff::type_name;
use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;
use crate::statistics::{self, Pixels};

/// Describes a DM file by its main image.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let failed = |error| input.image_error(error);
    let file = DmFile::from_source(input.source()?).map_err(failed)?;
    let image = file.image().map_err(failed)?;
    let [sections, rows, columns] = image.shape();
    let facts = &mut description.facts;
    facts.set("version", file.version());
    facts.set("images", file.images().len());
    facts.set("dimensions", json!([columns, rows, sections]));
    facts.set("sections", sections);
    facts.set("sample_type", type_name(image.sample_kind));
    facts.set_some("pixel_size", image.pixel_size());
    let scales: Vec<Value> = image
        .calibrations
        .iter()
        .map(|axis| json!({ "scale": axis.scale, "units": axis.units }))
        .collect();
    facts.set("calibration", scales);
    let spacing = image
        .pixel_size()
        .map_or("unknown pixel size".to_owned(), |size| {
            format!("{} Å/px", short(size))
        });
    description.summary = format!(
        "DM{} image, {columns} × {rows} × {sections}, {}, {spacing}",
        file.version(),
        type_name(image.sample_kind)
    );
    if image.pixel_size().is_none() {
        description.doubt("the image has no calibrated pixel size");
    }
    if image.sample_kind.is_complex() {
        description.doubt("complex samples: no statistics");
        return Ok(());
    }
    let read = |section, _, _| file.read_section(&image, section);
    let whole = Pixels {
        sections,
        rows: 1,
        columns: rows * columns,
        read: &read,
    };
    statistics::add(&whole, description).map_err(failed)?;
    Ok(())
}
