//! A tile made ready: its spectrum in the order the engine reads it, and the local deviation under the mask.
//!
//! ΣM(v − v̄)² = (v² ⋆ M) − (v ⋆ M)²/ΣM, from three transforms of the tile.

use ndarray::{Array3, s};
use rayon::prelude::*;
use rustfft::num_complex::Complex32;
use thon_signal::fft::{Fft3, frequency, half_length};

use super::engine::{Engine, PreparedTile};
use super::layout::Tile;
use super::template::Ball;

/// Local variance below this part of the tomogram's is no contrast.
const FLAT: f64 = 1e-6;

/// Cuts a tile out of a filtered tomogram of `variance`.
pub(super) fn prepare(
    volume: &Array3<f32>,
    tile: &Tile,
    engine: &Engine,
    ball: Ball,
    limit: f64,
    variance: f64,
) -> PreparedTile {
    let [lz, ly, lx] = tile.length;
    let plan = Fft3::plan(tile.length);
    let mut field = cut(volume, tile);
    let mut half = plan.forward(&field);
    // The tile in its own band, so that scores and deviations are of the same field.
    half.outer_iter_mut()
        .into_par_iter()
        .enumerate()
        .for_each(|(z, mut plane)| {
            for ((y, x), value) in plane.indexed_iter_mut() {
                let (fz, fy, fx) = (frequency(z, lz), frequency(y, ly), x as f64 / lx as f64);
                if fz * fz + fy * fy + fx * fx > limit * limit * (1.0 + 1e-12) {
                    *value = Complex32::default();
                }
            }
        });
    let spectrum = columns(&half, engine, tile.length);
    plan.inverse_into(
        half.as_slice_mut().expect("just made in standard layout"),
        field.as_slice_mut().expect("just made in standard layout"),
    );
    let inverse_deviation = deviations(&plan, field, tile, ball, variance);
    PreparedTile {
        tile: *tile,
        spectrum,
        inverse_deviation,
    }
}

/// The tile's data from voxel 0 on; zeros outside the tomogram.
fn cut(volume: &Array3<f32>, tile: &Tile) -> Array3<f32> {
    let (nz, ny, nx) = volume.dim();
    let dims = [nz, ny, nx];
    let mut field = Array3::<f32>::zeros(tile.length);
    // From `start` of the tomogram to `place` of the tile, `count` voxels.
    let [z, y, x] = [0, 1, 2].map(|axis| {
        let (origin, lead) = (tile.origin[axis], tile.lead[axis]);
        let start = origin.saturating_sub(lead);
        let place = lead - (origin - start);
        let count = if lead == 0 {
            tile.valid[axis]
        } else {
            (tile.length[axis] - place).min(dims[axis] - start)
        };
        (start..start + count, place..place + count)
    });
    field
        .slice_mut(s![z.1, y.1, x.1])
        .assign(&volume.slice(s![z.0, y.0, x.0]));
    field
}

/// Spectrum in the order `[column][kz]`, over the number of voxels.
fn columns(half: &Array3<Complex32>, engine: &Engine, [lz, ly, lx]: [usize; 3]) -> Vec<Complex32> {
    let scale = 1.0 / (lz * ly * lx) as f32;
    let band = &engine.band;
    let mut spectrum = vec![Complex32::default(); band.columns * lz];
    let places: Vec<[usize; 2]> = band
        .runs
        .iter()
        .flat_map(|run| (0..run.count).map(|rank| [band.ky(run, rank), run.kx]))
        .collect();
    spectrum
        .par_chunks_mut(lz)
        .zip(&places)
        .for_each(|(column, &[ky, kx])| {
            for (kz, value) in column.iter_mut().enumerate() {
                *value = scale
                    * if kx < half_length(lx) {
                        half[[kz, ky, kx]]
                    } else {
                        half[[(lz - kz) % lz, (ly - ky) % ly, lx - kx]].conj()
                    };
            }
        });
    spectrum
}

/// 1/√ΣM(v − v̄)² of the valid voxels.
fn deviations(plan: &Fft3, field: Array3<f32>, tile: &Tile, ball: Ball, variance: f64) -> Vec<f32> {
    let mask = ball.mask();
    let mask_sum: f64 = mask.iter().map(|m| f64::from(*m)).sum();
    let size = 2 * ball.reach() + 1;
    let mut placed = Array3::<f32>::zeros(tile.length);
    placed.slice_mut(s![..size, ..size, ..size]).assign(&mask);
    let mask = plan.forward(&placed);
    drop(placed);
    let smooth = |field: &Array3<f32>| {
        let mut spectrum = plan.forward(field);
        spectrum.zip_mut_with(&mask, |value, m| *value *= m);
        plan.inverse(&spectrum)
    };
    let sum = smooth(&field);
    let mut square = field;
    square.mapv_inplace(|v| v * v);
    let square = smooth(&square);
    let [z, y, x] = [0, 1, 2].map(|axis| {
        let first = tile.lead[axis] + ball.reach();
        first..first + tile.valid[axis]
    });
    let (sum, square) = (
        sum.slice(s![z.clone(), y.clone(), x.clone()]),
        square.slice(s![z, y, x]),
    );
    let least = FLAT * variance * mask_sum;
    let pairs = sum.iter().zip(&square);
    pairs
        .map(|(sum, square)| {
            let sum = f64::from(*sum);
            let value = f64::from(*square) - sum * sum / mask_sum;
            if value > least {
                value.sqrt().recip() as f32
            } else {
                0.0
            }
        })
        .collect()
}
