//! What is known of the detector: gain references (MRC, TIFF, `.gain`) and defects (a list of rectangles, or a map).

use std::path::Path;

use thon_contract::JobError;
use thon_images::mrc::Mrc;
use thon_images::tiff::TiffStack;
use thon_images::{ImageKind, detect_file};
use thon_motion::{DefectArea, DefectMap, GainKind, GainReference, MotionError};

/// Reads one image, `[ny, nx]`.
fn read_image(path: &Path) -> Result<([usize; 2], Vec<f32>), JobError> {
    let failed = |e: thon_images::ImageError| JobError::file(path, e);
    match detect_file(path).map_err(failed)? {
        Some(ImageKind::Mrc | ImageKind::CompressedMrc) => {
            let file = Mrc::open(path).map_err(failed)?;
            let [_, ny, nx] = file.shape();
            Ok(([ny, nx], file.read_section(0).map_err(failed)?))
        }
        Some(ImageKind::Tiff) => {
            let file = TiffStack::open(path).map_err(failed)?;
            let page = file.page(0).map_err(failed)?;
            let size = [page.height, page.width];
            Ok((size, file.read_page(0).map_err(failed)?))
        }
        _ => Err(JobError::file(path, "is no MRC or TIFF image")),
    }
}

/// Reads a gain reference.
pub(super) fn read_gain(path: &Path, kind: GainKind) -> Result<GainReference, JobError> {
    let (size, values) = read_image(path)?;
    Ok(GainReference { size, values, kind })
}

/// The reference for pixels half as large: each of its values four times.
pub(super) fn doubled(gain: &GainReference) -> GainReference {
    let [ny, nx] = gain.size;
    let mut values = Vec::with_capacity(4 * gain.values.len());
    for row in gain.values.chunks_exact(nx.max(1)) {
        let start = values.len();
        values.extend(row.iter().flat_map(|value| [*value; 2]));
        values.extend_from_within(start..);
    }
    GainReference {
        size: [2 * ny, 2 * nx],
        values,
        kind: gain.kind,
    }
}

/// Reads the defects of a detector of `size`: text of four numbers a line (x, y, width, height; MotionCor2), or a map in which
/// bad pixels are not zero.
pub(super) fn read_defects(path: &Path, size: [usize; 2]) -> Result<DefectMap, JobError> {
    let mut map = DefectMap::none(size);
    let kind = detect_file(path).map_err(|e| JobError::file(path, e))?;
    if matches!(
        kind,
        Some(ImageKind::Mrc | ImageKind::CompressedMrc | ImageKind::Tiff)
    ) {
        let (found, values) = read_image(path)?;
        if found != size {
            let message = format!(
                "the defect map has {} × {} pixels, the movie {} × {}",
                found[0], found[1], size[0], size[1]
            );
            return Err(JobError::file(path, message));
        }
        map.add_map(&values);
        return Ok(map);
    }
    let text = std::fs::read_to_string(path).map_err(|e| JobError::file(path, e))?;
    let areas = read_areas(&text).map_err(|e| JobError::file(path, e))?;
    map.add_areas(&areas)
        .map_err(|e: MotionError| JobError::file(path, e))?;
    Ok(map)
}

/// Lines of x, y, width, height; empty lines and those that begin with `#` are passed over.
fn read_areas(text: &str) -> Result<Vec<DefectArea>, String> {
    let mut areas = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let numbers: Vec<usize> = line
            .split_whitespace()
            .map_while(|word| word.parse().ok())
            .collect();
        let [x, y, width, height] = numbers[..] else {
            let number = number + 1;
            return Err(format!(
                "line {number}: expected four whole numbers (x, y, width, height), found {line:?}"
            ));
        };
        areas.push(DefectArea {
            x,
            y,
            width,
            height,
        });
    }
    Ok(areas)
}
