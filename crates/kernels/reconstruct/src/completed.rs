//! From values over half of a padded Fourier space to a map: Friedel mates, shells, inverse transform, gridding correction.

use rayon::prelude::*;
use thon_compute::columns::with_buffer;
use thon_signal::fft::{Complex32, ComplexFft1, Fft1, half_length};

use crate::half_space::{GriddingResponse, HalfSpace};

/// The map `[n, n, n]` of a half space: inverse transform, cropped to the box and corrected for the interpolation. Elements
/// at the extent or beyond count as 0.
///
/// Axis by axis, z first, with nothing transformed that is zero before or cropped after: half the work of a whole transform.
pub(crate) fn real_space(
    space: HalfSpace,
    n: usize,
    padding: usize,
    data: &[Complex32],
) -> Vec<f32> {
    let (padded, width, height) = (n * padding, space.width(), space.height());
    let complex = ComplexFft1::plan(padded);
    let wrap = |i: usize| (i + padded - n / 2) % padded;
    let wrapped = |i: usize| (i + padded - space.extent) % padded;
    // Elements of a row (by y² + z²) within the extent.
    let within = |square: usize| {
        let room = space.extent.pow(2).saturating_sub(square);
        (0..width).take_while(|x| x * x < room).count()
    };
    let off = |i: usize| i.abs_diff(space.extent);
    // [y, z of the map, x].
    let mut along_z = vec![Complex32::default(); height * n * width];
    along_z
        .par_chunks_mut(n * width)
        .enumerate()
        .for_each(|(y, out)| {
            let columns = within(off(y).pow(2));
            with_buffer(columns * padded, |lines: &mut [Complex32]| {
                lines.fill(Complex32::default());
                for z in 0..height {
                    let count = within(off(y).pow(2) + off(z).pow(2));
                    let row = &data[(z * height + y) * width..][..count];
                    for (value, line) in row.iter().zip(lines.chunks_exact_mut(padded)) {
                        line[wrapped(z)] = *value;
                    }
                }
                complex.inverse_in_place(lines);
                for (z, row) in out.chunks_exact_mut(width).enumerate() {
                    let lines = lines.chunks_exact(padded);
                    row.iter_mut()
                        .zip(lines)
                        .for_each(|(to, line)| *to = line[wrap(z)]);
                }
            });
        });
    let response = GriddingResponse::new(n, padding);
    let mut map = vec![0.0; n * n * n];
    map.par_chunks_mut(n * n)
        .enumerate()
        .for_each(|(z, plane)| {
            let row_of = |y: usize| &along_z[(y * n + z) * width..][..width];
            plane_of_map([n, padded], width, height, &wrapped, row_of, plane);
            for (i, value) in plane.iter_mut().enumerate() {
                *value /= response.at([z, i / n, i % n]);
            }
        });
    map
}

/// One plane of a map from its rows `row_of(y)` along x that are not transformed yet.
#[expect(
    clippy::excessive_nesting,
    reason = "loops over the axes of an array, one in another"
)]
fn plane_of_map<'a>(
    [n, padded]: [usize; 2],
    width: usize,
    height: usize,
    wrapped: &impl Fn(usize) -> usize,
    row_of: impl Fn(usize) -> &'a [Complex32],
    plane: &mut [f32],
) {
    let (complex, real) = (ComplexFft1::plan(padded), Fft1::plan(padded));
    let half = half_length(padded);
    let kept = width.min(half);
    let wrap = |i: usize| (i + padded - n / 2) % padded;
    with_buffer(width * padded, |lines: &mut [Complex32]| {
        lines.fill(Complex32::default());
        for y in 0..height {
            for (value, line) in row_of(y).iter().zip(lines.chunks_exact_mut(padded)) {
                line[wrapped(y)] += value;
            }
        }
        complex.inverse_in_place(lines);
        with_buffer(half, |spectrum: &mut [Complex32]| {
            with_buffer(padded, |row: &mut [f32]| {
                for (y, out) in plane.chunks_exact_mut(n).enumerate() {
                    spectrum.fill(Complex32::default());
                    for (x, value) in spectrum[..kept].iter_mut().enumerate() {
                        *value = lines[x * padded + wrap(y)];
                    }
                    // A real field has real means.
                    spectrum[0].im = 0.0;
                    if padded.is_multiple_of(2) {
                        spectrum[half - 1].im = 0.0;
                    }
                    real.inverse_into(spectrum, row);
                    for (x, value) in out.iter_mut().enumerate() {
                        *value = row[wrap(x)];
                    }
                }
            });
        });
    });
}

/// The shell of every element, by the square of its distance: rounded radius over a padding.
pub(crate) struct Shells {
    space: HalfSpace,
    by_square: Vec<u16>,
}

impl Shells {
    pub(crate) fn new(space: HalfSpace, padding: usize) -> Self {
        let shell = |square: usize| ((square as f64).sqrt() / padding as f64).round() as u16;
        Self {
            space,
            by_square: (0..=3 * space.extent.pow(2)).map(shell).collect(),
        }
    }

    /// Number of shells.
    pub(crate) fn count(&self) -> usize {
        self.by_square.last().map_or(0, |last| usize::from(*last)) + 1
    }

    /// Shells of a row along x, `row` counted in y, then z.
    pub(crate) fn of_row(&self, row: usize) -> impl Iterator<Item = u16> + '_ {
        let off = |i: usize| i.abs_diff(self.space.extent);
        let height = self.space.height();
        let square = off(row / height).pow(2) + off(row % height).pow(2);
        (0..self.space.width()).map(move |x| self.by_square[square + x * x])
    }
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
    let shells = Shells::new(space, 1);
    let mut sums = vec![(0.0, 0_u64); 2 * space.height()];
    for (row, weights) in weight.chunks(space.width()).enumerate() {
        for (value, shell) in weights.iter().zip(shells.of_row(row)) {
            let (sum, count) = &mut sums[usize::from(shell)];
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
