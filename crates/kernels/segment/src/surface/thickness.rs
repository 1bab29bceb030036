//! Thickness of labelled membranes: how far the labels reach from each vertex along its normal, to either side.
//!
//! Labels are 1 inside and 0 outside, read between voxels by their three neighbours; a side ends where they fall below ½.

use thon_compute::{Progress, check};
use thon_denoise::RowSource;
use thon_geometry::glam::Vec3;

use super::Surface;
use crate::SegmentError;
use crate::band::{Band, around, bands};

/// Step along the normal, voxels.
const STEP: f32 = 0.25;

/// Thickness in voxels at every vertex; not a number where the label does not end within `longest` voxels to either side, or is not
/// found. `label` as in [`crate::sheets_of_labels`].
///
/// # Errors
/// [`SegmentError`]: the source's, cancellation.
pub fn thickness_of_labels(
    surface: &Surface,
    source: &dyn RowSource,
    label: Option<u16>,
    longest: f64,
    memory: usize,
    progress: &dyn Progress,
) -> Result<Vec<f32>, SegmentError> {
    SegmentError::check("longest thickness", longest, 1.0..=200.0, "voxels")?;
    let [nz, ny, nx] = source.dims();
    let rows = ((memory << 20) / 2 / (4 * nz * nx).max(1)).clamp(16, ny.max(16));
    let mut thickness = vec![f32::NAN; surface.positions.len()];
    for rows in bands(ny, rows) {
        check(progress)?;
        let mine: Vec<usize> = (0..thickness.len())
            .filter(|&v| rows.contains(&(surface.positions[v].y.round().max(0.0) as usize)))
            .collect();
        if mine.is_empty() {
            continue;
        }
        let mut band = Band::read(source, around(&rows, longest.ceil() as usize + 2, ny))?;
        for voxel in &mut band.voxels {
            let inside = label.map_or(*voxel >= 0.5, |l| (*voxel - f32::from(l)).abs() < 0.5);
            *voxel = f32::from(u8::from(inside));
        }
        for vertex in mine {
            let (place, normal) = (surface.positions[vertex], surface.normals[vertex]);
            let side = |sign: f32| reach(&band, place, sign * normal, longest as f32);
            if let (Some(up), Some(down)) = (side(1.0), side(-1.0)) {
                thickness[vertex] = up + down;
            }
        }
    }
    Ok(thickness)
}

/// Distance to where the label ends.
fn reach(band: &Band, place: Vec3, direction: Vec3, longest: f32) -> Option<f32> {
    let mut before = inside(band, place);
    if before < 0.5 {
        return None;
    }
    let mut at = 0.0;
    while at < longest {
        let next = at + STEP;
        let value = inside(band, place + next * direction);
        if value < 0.5 {
            return Some(at + STEP * (before - 0.5) / (before - value));
        }
        (before, at) = (value, next);
    }
    None
}

/// The labels between voxels; none beyond the volume.
fn inside(band: &Band, place: Vec3) -> f32 {
    let place = place - band.offset();
    let low = place.floor();
    let part = place - low;
    let mut sum = 0.0;
    for corner in 0..8_u8 {
        let step = Vec3::new(
            f32::from(corner & 1),
            f32::from(corner >> 1 & 1),
            f32::from(corner >> 2),
        );
        let weights = part * step + (Vec3::ONE - part) * (Vec3::ONE - step);
        let at = low + step;
        let within = |v: f32, n: usize| v >= 0.0 && v < n as f32;
        let [nz, ny, nx] = band.dims;
        if within(at.x, nx) && within(at.y, ny) && within(at.z, nz) {
            let value = band.at(at.z as usize, at.y as usize, at.x as usize);
            sum += value * weights.x * weights.y * weights.z;
        }
    }
    sum
}
