//! Where two half tomograms share structure: places on a coarse lattice, occupied or not.

use glam::DVec3;
use ndarray::Array3;
use thon_geometry::Grid;
use thon_signal::fft::Fft3;
use thon_signal::filter::{RadialFilter, apply_filters3, multiply_radial};

/// Standard deviations of the Gaussians whose difference is the band, Å: periods of some 300 to 1000 Å.
const BAND: [f64; 2] = [60.0, 200.0];
/// Standard deviation of the Gaussian over which products are averaged, Å.
const AVERAGED: f64 = 60.0;
/// Edge of a place, Å, at least.
const PLACE: f64 = 60.0;
/// Width of the rim that is not looked at, Å.
const RIM: f64 = 250.0;
/// Of the negative products this share lies above −threshold.
const QUIET: f64 = 0.99;

/// Places on a lattice over the tomogram.
pub(super) struct Places {
    /// x and y of each column of places, Å, in rows of `row`.
    pub columns: Vec<[f64; 2]>,
    /// Columns in a row along x.
    pub row: usize,
    /// Column and height (Å) of each occupied place.
    pub occupied: Vec<(u32, f64)>,
    /// Heights of the lowest and highest place of a column, Å.
    pub ends: [f64; 2],
    /// Edge of a place, Å.
    pub edge: f64,
}

impl Places {
    /// `None` when no product is negative: the halves are one and the same, or empty.
    pub(super) fn of(halves: [Array3<f32>; 2], grid: &Grid) -> Option<Self> {
        let voxel = grid.voxel_size.0;
        let [first, second] = halves.map(|half| band(half, voxel));
        let b_factor = 8.0 * (std::f64::consts::PI * AVERAGED).powi(2);
        let averaged = [RadialFilter::BFactor(b_factor)];
        let product = apply_filters3(&(&first * &second), voxel, &averaged);
        let mut power = first;
        power.zip_mut_with(&second, |a, b| *a = 0.5 * (*a * *a + b * b));
        drop(second);
        let product = shared(product, &apply_filters3(&power, voxel, &averaged));
        let step = (PLACE / voxel).ceil().max(1.0) as usize;
        let threshold = threshold(&product)?;
        let rim = grid.dims.map(|n| rim(n, voxel));
        let [nz, ny, nx] = [0, 1, 2].map(|axis| (grid.dims[axis] - 2 * rim[axis]) / step);
        // A place stands for the voxels about its middle one.
        let index = |axis: usize, i: usize| rim[axis] + i * step + step / 2;
        let at = |x: usize, y: usize, z: usize| {
            let index = [index(2, x), index(1, y), index(0, z)].map(|i| i as f64);
            grid.point_at_index(DVec3::from_array(index)).xyz
        };
        let mut occupied = Vec::new();
        for z in 0..nz {
            let height = at(0, 0, z).z;
            let textured = |column: &usize| {
                let voxel = [index(0, z), index(1, column / nx), index(2, column % nx)];
                product[voxel] > threshold
            };
            let here = (0..ny * nx).filter(textured);
            occupied.extend(here.map(|column| (column as u32, height)));
        }
        let columns = (0..ny).flat_map(|y| {
            (0..nx).map(move |x| {
                let p = at(x, y, 0);
                [p.x, p.y]
            })
        });
        Some(Self {
            columns: columns.collect(),
            row: nx,
            occupied,
            ends: [at(0, 0, 0).z, at(0, 0, nz.max(1) - 1).z],
            edge: step as f64 * voxel,
        })
    }

    /// Deviation that the size of a place leaves to slopes along x and y.
    pub(super) fn finest_slopes(&self) -> [f64; 2] {
        let rows = self.columns.len() / self.row.max(1);
        [self.row, rows].map(|count| 1.0 / (12.0_f64.sqrt() * count.max(1) as f64))
    }

    /// Places whose products hang together: the volume over which a Gaussian of √2 times [`AVERAGED`] correlates, in places.
    pub(super) fn per_independent(&self) -> f64 {
        let length = 2.0 * std::f64::consts::PI.sqrt() * AVERAGED * std::f64::consts::SQRT_2;
        (length / self.edge).powi(3).max(1.0)
    }
}

/// Voxels at each end of an axis that count for nothing: there filters mix one end of the tomogram with the other.
fn rim(length: usize, voxel: f64) -> usize {
    ((RIM / voxel).round() as usize).min(length / 8)
}

fn band(half: Array3<f32>, voxel: f64) -> Array3<f32> {
    let (nz, ny, nx) = half.dim();
    let plan = Fft3::plan([nz, ny, nx]);
    let mut spectrum = plan.forward(&half);
    drop(half);
    let gaussian = |k: f64, sigma: f64| (-2.0 * (std::f64::consts::PI * sigma * k).powi(2)).exp();
    multiply_radial(&mut spectrum, [nz, ny, nx], voxel, |k| {
        gaussian(k, BAND[0]) - gaussian(k, BAND[1])
    });
    plan.inverse(&spectrum)
}

/// The products over the power there, as much as it exceeds the middle of all: noise that is uneven over the tomogram does not count, and
/// faint ghosts of the slab in quiet surroundings count little.
fn shared(mut product: Array3<f32>, power: &Array3<f32>) -> Array3<f32> {
    let mut sorted: Vec<f32> = power.iter().copied().collect();
    let middle = sorted.len() / 2;
    let (_, least, _) = sorted.select_nth_unstable_by(middle, f32::total_cmp);
    let least = least.max(f32::MIN_POSITIVE);
    product.zip_mut_with(power, |value, power| *value /= power.max(0.0) + least);
    product
}

/// The absolute value that a share of [`QUIET`] of the negative products stays below.
fn threshold(product: &Array3<f32>) -> Option<f32> {
    let mut negative: Vec<f32> = product.iter().filter(|v| **v < 0.0).map(|v| -v).collect();
    let rank = ((negative.len() as f64 * QUIET) as usize).min(negative.len().checked_sub(1)?);
    let (_, threshold, _) = negative.select_nth_unstable_by(rank, f32::total_cmp);
    Some(*threshold)
}
