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
const MOST_SAMPLES: u64 = 1 << 27;

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
    let rows_at_once = (BLOCK / pixels.columns).clamp(1, pixels.rows);
    let blocks_of_section = pixels.rows.div_ceil(rows_at_once);
    let sections = (MOST_SAMPLES / area).clamp(1, pixels.sections as u64) as usize;
    let most_blocks =
        (MOST_SAMPLES / (rows_at_once as u64 * pixels.columns as u64)).max(1) as usize;
    let blocks = blocks_of_section.min(most_blocks);
    let mut all = Statistics::default();
    for index in 0..sections {
        let section = index * pixels.sections / sections;
        for index in 0..blocks {
            let row = index * blocks_of_section / blocks * rows_at_once;
            let count = rows_at_once.min(pixels.rows - row);
            all.merge(&Statistics::of(&(pixels.read)(section, row, count)?));
        }
    }
    let numbers = json!({
        "min": all.min, "max": all.max, "mean": all.mean, "sd": all.rms(),
        "samples": all.count, "non_finite": all.non_finite,
    });
    description.facts.set("statistics", numbers);
    if sections < pixels.sections {
        description.facts.set("statistics_of_sections", sections);
        description.doubt(format!(
            "statistics are of {sections} of {} sections, evenly spaced",
            pixels.sections
        ));
    }
    if blocks < blocks_of_section {
        description.doubt(format!(
            "statistics are of {blocks} of {blocks_of_section} bands of rows, evenly spaced"
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
        description.doubt(format!("all {} samples are {}", all.count, short(all.min)));
    }
}
