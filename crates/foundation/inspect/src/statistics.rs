//! Statistics of pixels in blocks of rows, so that memory stays small whatever the image is.
use serde_json::json;
use thon_images::ImageError;
use thon_images::mrc::Statistics;

use crate::description::{Description, short};

/// Samples in one block: 64 MiB of `f32`.
const BLOCK: usize = 1 << 24;
/// Largest piece that is read at once where a reader cannot read less: 512 MiB of `f32`.
const LARGEST_PIECE: usize = 1 << 27;
/// Samples looked at before sections are skipped.
const MOST_SAMPLES: u64 = 1 << 28;

/// Where pixels come from: sections of rows of columns.
pub(crate) struct Pixels<'a> {
    /// Sections that are there.
    pub(crate) sections: usize,
    /// Rows and columns of a section.
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Reads rows `start..start + count` of a section.
    pub(crate) read: &'a dyn Fn(usize, usize, usize) -> Result<Vec<f32>, ImageError>,
}

/// Adds the statistics of all (or, when there are very many, of evenly spaced) sections.
pub(crate) fn add(
    pixels: &Pixels<'_>,
    description: &mut Description,
) -> Result<Option<Statistics>, ImageError> {
    let area = pixels.rows as u64 * pixels.columns as u64;
    if pixels.sections == 0 || area == 0 {
        return Ok(None);
    }
    if pixels.columns > LARGEST_PIECE {
        description.doubt("one section is too large to be read at once: no statistics");
        return Ok(None);
    }
    let wanted = (MOST_SAMPLES / area).clamp(1, pixels.sections as u64) as usize;
    let rows_at_once = (BLOCK / pixels.columns).clamp(1, pixels.rows);
    let mut all = Statistics::default();
    for index in 0..wanted {
        let section = index * pixels.sections / wanted;
        let mut row = 0;
        while row < pixels.rows {
            let count = rows_at_once.min(pixels.rows - row);
            all.merge(&Statistics::of(&(pixels.read)(section, row, count)?));
            row += count;
        }
    }
    let numbers = json!({
        "min": all.min, "max": all.max, "mean": all.mean, "sd": all.rms(),
        "samples": all.count, "non_finite": all.non_finite,
    });
    description.facts.set("statistics", numbers);
    if wanted < pixels.sections {
        description.facts.set("statistics_of_sections", wanted);
        description.doubt(format!(
            "statistics are of {wanted} of {} sections, evenly spaced",
            pixels.sections
        ));
    }
    doubts(&all, description);
    Ok(Some(all))
}

fn doubts(all: &Statistics, description: &mut Description) {
    if all.non_finite > 0 {
        description.doubt(format!("{} samples are not finite numbers", all.non_finite));
    }
    if all.count > 1 && all.min == all.max {
        description.doubt(format!("all samples are {}", short(all.min)));
    }
}
