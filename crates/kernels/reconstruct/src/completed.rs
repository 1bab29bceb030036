//! From values over half of a padded Fourier space to a map: Friedel mates, shells, inverse transform, gridding correction.

use rayon::prelude::*;
use thon_signal::fft::{Complex32, Fft3, half_length, signed_index};

use crate::half_space::{GriddingResponse, HalfSpace};

/// The map `[n, n, n]` of a half space: inverse transform, cropped to the box and corrected for the interpolation. Elements
/// at the extent or beyond count as 0.
pub(crate) fn real_space(
    space: HalfSpace,
    n: usize,
    padding: usize,
    data: &[Complex32],
) -> Vec<f32> {
    let padded = n * padding;
    let half = half_length(padded);
    let limit = (space.extent * space.extent) as isize;
    let mut spectrum = vec![Complex32::default(); padded * padded * half];
    spectrum
        .par_chunks_mut(half)
        .enumerate()
        .for_each(|(row, values)| {
            let z = signed_index(row / padded, padded);
            let y = signed_index(row % padded, padded);
            for (x, value) in values.iter_mut().enumerate() {
                if (x * x) as isize + y * y + z * z >= limit {
                    break;
                }
                *value = data[space.index(x, y, z)];
            }
        });
    let mut field = vec![0.0; padded.pow(3)];
    Fft3::plan([padded; 3]).inverse_into(&mut spectrum, &mut field);
    drop(spectrum);
    let response = GriddingResponse::new(n, padding);
    let wrap = |i: usize| (i + padded - n / 2) % padded;
    let mut map = vec![0.0; n * n * n];
    map.par_chunks_mut(n * n)
        .enumerate()
        .for_each(|(z, plane)| {
            for (i, value) in plane.iter_mut().enumerate() {
                let (y, x) = (i / n, i % n);
                *value =
                    field[(wrap(z) * padded + wrap(y)) * padded + wrap(x)] / response.at([z, y, x]);
            }
        });
    map
}

/// The shell (rounded radius) of element `i` of plane `z`.
pub(crate) fn shell(space: HalfSpace, z: usize, i: usize) -> usize {
    let extent = space.extent as f64;
    let (x, y) = (
        (i % space.width()) as f64,
        (i / space.width()) as f64 - extent,
    );
    (x * x + y * y + (z as f64 - extent).powi(2)).sqrt().round() as usize
}

/// Mean weight of every shell.
pub(crate) fn radial_mean(space: HalfSpace, weight: &[f32]) -> Vec<f64> {
    let mut sums = vec![(0.0, 0_u64); 2 * space.height()];
    for (z, plane) in weight.chunks(space.plane()).enumerate() {
        for (i, value) in plane.iter().enumerate() {
            let (sum, count) = &mut sums[shell(space, z, i)];
            *sum += f64::from(*value);
            *count += 1;
        }
    }
    sums.into_iter()
        .map(|(sum, count)| sum / count.max(1) as f64)
        .collect()
}

/// Elements with x = 0 got only the share of samples from x ≥ 0: adds that of their Friedel mates.
pub(crate) fn complete_origin_plane(space: HalfSpace, data: &mut [Complex32], weight: &mut [f32]) {
    let extent = space.extent as isize;
    for z in -extent..=extent {
        for y in -extent..=extent {
            if z < 0 || (z == 0 && y < 0) {
                continue;
            }
            let (here, mate) = (space.index(0, y, z), space.index(0, -y, -z));
            let value = data[here] + data[mate].conj();
            let total = weight[here] + weight[mate];
            (data[here], data[mate]) = (value, value.conj());
            (weight[here], weight[mate]) = (total, total);
        }
    }
}
