//! Labels of voxels from sheets, and sheets from labels.

use std::ops::Range;

use thon_compute::{Progress, check};
use thon_denoise::{RowSink, RowSource};
use thon_geometry::glam::Vec3;

use crate::SegmentError;
use crate::band::{Band, around, bands, reach};
use crate::ridge::{SheetPoint, ridge_points};
use crate::sheets::{Sheets, group};
use crate::vote::smooth_normals;

/// How far from a point along its sheet voxels take its label: half the diagonal of a voxel.
const BESIDE: f32 = 0.87;
/// Least strength of a ridge over that in the middle of a flat membrane: beside the middle of curved labels lie weak ridges across.
const STRENGTH: f64 = 0.25;

/// Writes the label of every voxel within half a `thickness` (voxels) of a sheet, 0 elsewhere. Where sheets overlap, the larger wins.
///
/// # Errors
/// [`SegmentError::Write`], [`SegmentError::Cancelled`].
pub fn paint(
    sheets: &Sheets,
    thickness: f64,
    [nz, ny, nx]: [usize; 3],
    memory: usize,
    sink: &mut dyn RowSink,
    progress: &dyn Progress,
) -> Result<(), SegmentError> {
    let rows = ((memory << 20) / 3 / (4 * nz * nx).max(1)).clamp(16, ny.max(16));
    let half = (0.5 * thickness) as f32;
    for rows in bands(ny, rows) {
        check(progress)?;
        let mut voxels = vec![0.0_f32; nz * rows.len() * nx];
        for (point, &label) in sheets.points.iter().zip(&sheets.labels) {
            stamp(point, half, [nz, nx], &rows, |at| {
                if voxels[at] == 0.0 {
                    voxels[at] = f32::from(label);
                }
            });
        }
        sink.write_rows(rows.start, &voxels)
            .map_err(|source| SegmentError::Write {
                first_row: rows.start,
                source,
            })?;
    }
    Ok(())
}

/// Calls `mark` with every voxel of some rows that a point covers.
fn stamp(
    point: &SheetPoint,
    half: f32,
    [nz, nx]: [usize; 2],
    rows: &Range<usize>,
    mut mark: impl FnMut(usize),
) {
    let extent = half * point.normal.abs() + Vec3::splat(BESIDE);
    let from = (point.position - extent).ceil().max(Vec3::ZERO);
    let to = point.position + extent;
    let below = |high: f32, end: usize| ((high.floor() + 1.0).max(0.0) as usize).min(end);
    for z in from.z as usize..below(to.z, nz) {
        for y in (from.y as usize).max(rows.start)..below(to.y, rows.end) {
            for x in from.x as usize..below(to.x, nx) {
                let d = Vec3::new(x as f32, y as f32, z as f32) - point.position;
                let along = d.dot(point.normal);
                if along.abs() <= half && d.length_squared() - along * along <= BESIDE * BESIDE {
                    mark((z * rows.len() + y - rows.start) * nx + x);
                }
            }
        }
    }
}

/// The sheets in the middle of what carries a label: voxels of `label`, or of any label but 0. `thickness` in voxels; sheets below
/// `least_area` voxel² are left out.
///
/// The labelled voxels are smoothed by half the thickness and their ridges taken; normals come from the votes of the neighbours.
///
/// # Errors
/// [`SegmentError::NoSurface`] where no voxel has the label; those of the source.
pub fn sheets_of_labels(
    source: &dyn RowSource,
    label: Option<u16>,
    thickness: f64,
    least_area: f64,
    memory: usize,
    progress: &dyn Progress,
) -> Result<Sheets, SegmentError> {
    SegmentError::check("thickness", thickness, 1.0..=100.0, "voxels")?;
    let [nz, ny, nx] = source.dims();
    let sigma = (0.5 * thickness).max(1.0);
    let rows = ((memory << 20) / 3 / (12 * nz * nx).max(1)).clamp(16, ny.max(16));
    // −∂² in the middle of a slab smoothed by σ: t/(√2π σ³) exp(−t²/8σ²).
    let flat = thickness / (std::f64::consts::TAU.sqrt() * sigma.powi(3))
        * (-thickness * thickness / (8.0 * sigma * sigma)).exp();
    let least = (STRENGTH * flat) as f32;
    let mut points = Vec::new();
    for rows in bands(ny, rows) {
        check(progress)?;
        let mut band = Band::read(source, around(&rows, reach(sigma), ny))?;
        for voxel in &mut band.voxels {
            let inside = label.map_or(*voxel >= 0.5, |l| (*voxel - f32::from(l)).abs() < 0.5);
            *voxel = f32::from(u8::from(inside));
        }
        if band.voxels.iter().all(|v| *v == 0.0) {
            continue;
        }
        band.smooth(sigma);
        let inside = |p: &SheetPoint| {
            let voxel = (p.position - band.offset()).round();
            p.strength >= least
                && band.at(voxel.z as usize, voxel.y as usize, voxel.x as usize) > 0.3
        };
        points.extend(ridge_points(&band, rows, 1.0).into_iter().filter(inside));
    }
    if points.is_empty() {
        return Err(SegmentError::NoSurface("no voxel carries the label"));
    }
    let sigma = (1.5 * thickness).clamp(2.5, 12.0) as f32;
    let sheets = smooth_normals(&points, sigma, progress)?;
    Ok(group(&sheets, 0.0, least_area))
}
