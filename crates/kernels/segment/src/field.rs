//! The saliency of a sheet at every voxel: votes of points, gathered band by band. Gaps between points close.
//!
//! Each task owns four rows of all sections and goes through the points that reach them in their order, so the sums do not depend on
//! the number of threads.

use std::ops::Range;

use rayon::prelude::*;
use thon_geometry::glam::Vec3;

use crate::band::Band;
use crate::ridge::SheetPoint;
use crate::symmetric::Symmetric;
use crate::vote::{REACH, add, fall_off, sheet_of};

/// Rows of a task.
const ROWS: usize = 4;

/// Points by row, ready to vote.
pub(crate) struct Voters {
    dims: [usize; 3],
    sigma: f32,
    points: Vec<SheetPoint>,
    /// Where the points of each row begin; one more at the end.
    starts: Vec<usize>,
}

impl Voters {
    /// Sorts points by the row they lie in. σ in voxels; `dims` of the volume.
    pub(crate) fn new(mut points: Vec<SheetPoint>, sigma: f32, dims: [usize; 3]) -> Self {
        let row = |p: &SheetPoint| (p.position.y.round().max(0.0) as usize).min(dims[1] - 1);
        points.sort_by_key(row);
        let mut starts = vec![0; dims[1] + 1];
        for p in &points {
            starts[row(p) + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        Self {
            dims,
            sigma,
            points,
            starts,
        }
    }

    /// Bytes that a row of a band takes, with the tensors of the tasks at work.
    pub(crate) fn bytes_per_row([nz, _, nx]: [usize; 3]) -> usize {
        nz * nx * 4
    }

    /// Bytes of the tensors of one task.
    pub(crate) fn bytes_per_task([nz, _, nx]: [usize; 3]) -> usize {
        ROWS * nz * nx * 24
    }

    /// The saliency of rows `rows`.
    pub(crate) fn saliency(&self, rows: Range<usize>) -> Band {
        let [nz, _, nx] = self.dims;
        let dims = [nz, rows.len(), nx];
        let tasks: Vec<Vec<f32>> = (0..rows.len().div_ceil(ROWS))
            .into_par_iter()
            .map(|task| {
                let first = rows.start + task * ROWS;
                self.task(first..(first + ROWS).min(rows.end))
            })
            .collect();
        let mut voxels = vec![0.0; dims.iter().product()];
        for (task, part) in tasks.iter().enumerate() {
            let height = part.len() / (nz * nx);
            for z in 0..nz {
                let to = (z * rows.len() + task * ROWS) * nx;
                voxels[to..to + height * nx]
                    .copy_from_slice(&part[z * height * nx..][..height * nx]);
            }
        }
        Band {
            dims,
            first: rows.start,
            voxels,
        }
    }

    fn task(&self, rows: Range<usize>) -> Vec<f32> {
        let [nz, ny, nx] = self.dims;
        let mut tensors = vec![[0.0_f32; 6]; nz * rows.len() * nx];
        let reach = (REACH * self.sigma).ceil() as usize + 1;
        let (from, to) = (rows.start.saturating_sub(reach), (rows.end + reach).min(ny));
        for point in &self.points[self.starts[from]..self.starts[to]] {
            self.cast(point, &rows, &mut tensors);
        }
        tensors
            .iter()
            .map(|t| {
                if t[0] + t[1] + t[2] > 0.0 {
                    sheet_of(t).0
                } else {
                    0.0
                }
            })
            .collect()
    }

    /// Adds the votes of one point to the voxels of some rows.
    fn cast(&self, voter: &SheetPoint, rows: &Range<usize>, tensors: &mut [Symmetric]) {
        let [nz, _, nx] = self.dims;
        let reach = REACH * self.sigma;
        let p = voter.position;
        for y in rows.clone() {
            let dy = y as f32 - p.y;
            for z in span(p.z, reach, 0..nz) {
                let dz = z as f32 - p.z;
                let rest = reach * reach - dy * dy - dz * dz;
                if rest < 0.0 {
                    continue;
                }
                let columns = span(p.x, rest.sqrt(), 0..nx);
                let line = (z * rows.len() + y - rows.start) * nx;
                let first = Vec3::new(columns.start as f32 - p.x, dy, dz);
                self.cast_line(voter, first, &mut tensors[line..][columns]);
            }
        }
    }

    /// Adds the votes of one point to voxels along x, the first of them at `first` from it.
    fn cast_line(&self, voter: &SheetPoint, first: Vec3, tensors: &mut [Symmetric]) {
        let decay = -0.5 / (self.sigma * self.sigma);
        for (x, tensor) in tensors.iter_mut().enumerate() {
            let d = first + Vec3::X * x as f32;
            let r2 = d.length_squared().max(1e-6);
            let along = voter.normal.dot(d);
            let squared = along * along / r2;
            // Beyond 60° from the sheet a vote is under half a percent.
            if squared <= 0.75 {
                let weight = voter.strength * (decay * r2).exp() * fall_off(squared);
                add(tensor, voter.normal - d * (2.0 * along / r2), weight);
            }
        }
    }
}

/// Integers within `reach` of a place and inside a range.
fn span(place: f32, reach: f32, inside: Range<usize>) -> Range<usize> {
    let from = (place - reach).ceil().max(inside.start as f32) as usize;
    let to = ((place + reach).floor() + 1.0).clamp(0.0, inside.end as f32) as usize;
    from..to.max(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ridge::ridge_points;
    use crate::testing::sphere_points;

    #[test]
    fn a_hole_in_a_sphere_closes() {
        let centre = Vec3::new(32.0, 33.0, 31.0);
        // A cap of 4 voxels radius is missing.
        let pole = centre + Vec3::X * 20.0;
        let points: Vec<_> = sphere_points(centre, 20.0, 4000, 0.3)
            .into_iter()
            .filter(|p| p.position.distance(pole) > 4.0)
            .collect();
        let voters = Voters::new(points, 5.0, [64, 64, 64]);
        let band = voters.saliency(0..64);
        let found = ridge_points(&band, 0..64, 1.0);
        let strongest = found.iter().map(|p| p.strength).fold(0.0, f32::max);
        let strong: Vec<_> = found
            .iter()
            .filter(|p| p.strength > 0.2 * strongest)
            .collect();
        for p in &strong {
            let off = (p.position.distance(centre) - 20.0).abs();
            assert!(off < 0.4, "{off}");
        }
        assert!(strong.iter().any(|p| p.position.distance(pole) < 1.0));
        let area: f64 = strong.iter().map(|p| p.area()).sum();
        let sphere = 4.0 * std::f64::consts::PI * 400.0;
        assert!((area / sphere - 1.0).abs() < 0.05, "{}", area / sphere);
        // A band alone says the same as the whole.
        let part = voters.saliency(20..27);
        for z in 0..64 {
            for row in 0..7 {
                for x in 0..64 {
                    assert_eq!(part.at(z, row, x), band.at(z, 20 + row, x));
                }
            }
        }
    }
}
