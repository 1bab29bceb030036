//! EER movies: camera size, frames, coding, electrons of the first frames.
use serde_json::json;
use thon_images::eer::{EerFile, SuperResolution};

use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;

/// Frames rendered to count electrons.
const FRAMES_COUNTED: usize = 4;

/// Describes an EER movie.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let failed = |error| input.image_error(error);
    let movie = EerFile::from_source(input.source()?).map_err(failed)?;
    let [rows, columns] = movie.camera_shape();
    let frames = movie.frame_count();
    let facts = &mut description.facts;
    facts.set("dimensions", json!([columns, rows, frames]));
    facts.set("sections", frames);
    if let Some(coding) = movie.coding_of(0) {
        let bits = json!({ "run": coding.rle_bits, "x": coding.horizontal_bits, "y": coding.vertical_bits });
        facts.set("coding_bits", bits);
    }
    facts.set("has_metadata", movie.metadata().is_some());
    description.summary = format!("EER movie, {columns} × {rows}, {frames} frames");
    if !movie.skipped().is_empty() {
        let first = &movie.skipped()[0];
        description.doubt(format!(
            "{} frames cannot be used; the first, number {}: {}",
            movie.skipped().len(),
            first.directory,
            first.reason
        ));
    }
    if frames == 0 {
        return Err(
            input.damaged("no frame of the movie can be used\n  hint: is the file cut off?")
        );
    }
    let counted = frames.min(FRAMES_COUNTED);
    let sum = movie
        .render(0..counted, SuperResolution::X1)
        .map_err(failed)?;
    let usable = sum.frames.max(1) as f64;
    let rate = sum.electrons as f64 / usable / (rows as f64 * columns as f64);
    description.facts.set("electrons_per_pixel_and_frame", rate);
    description.summary = format!(
        "{}, {} electrons per pixel and frame",
        description.summary,
        short(rate)
    );
    if sum.electrons == 0 {
        description.doubt(format!("no electron in the first {counted} frames"));
    }
    Ok(())
}
