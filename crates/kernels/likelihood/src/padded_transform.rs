//! The transform of a box in the middle of one twice as large, without transforming the emptiness around it.
//!
//! Axis by axis, x, z, y: only rows that hold something are transformed, and only those that are wanted: half the work of a
//! whole transform and a third of its memory. Unnormalised, phases from the centre voxel ⌊n/2⌋.

use num_complex::Complex32;
use rayon::prelude::*;
use thon_compute::columns::with_buffer;
use thon_signal::fft::{ComplexFft1, Fft1};

use crate::reference::PADDING;

/// The transform of `map` `[n, n, n]` over `response[z]·response[y]·response[x]`, padded [`PADDING`] times: half of it around the
/// origin, `[z, y, x]` with x from 0 and y, z from −`extent` to `extent` in steps of the padded box, 0 beyond n along each
/// axis and beyond `extent` from the origin.
pub(crate) fn padded_transform(
    map: &[f32],
    n: usize,
    response: &[f32],
    extent: usize,
) -> Vec<Complex32> {
    let shape = Shape { n, extent };
    let along_x = shape.rows(map, response);
    let along_z = shape.columns(&along_x);
    drop(along_x);
    let (width, height) = (extent + 1, 2 * extent + 1);
    let mut values = vec![Complex32::default(); width * height * height];
    values
        .par_chunks_mut(width * height)
        .enumerate()
        .for_each(|(z, plane)| shape.plane(&along_z, z, plane));
    values
}

struct Shape {
    n: usize,
    extent: usize,
}

impl Shape {
    fn padded(&self) -> usize {
        PADDING * self.n
    }

    /// Where a voxel lies along a padded axis, the centre at 0.
    fn wrap(&self, i: usize) -> usize {
        (i + self.padded() - self.n / 2) % self.padded()
    }

    /// Where frequency `k` − n lies along a padded axis.
    fn frequency(&self, k: usize) -> usize {
        (k + self.padded() - self.n) % self.padded()
    }

    /// `[z, y, kx]` of all voxels' rows, kx from 0 to n.
    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    fn rows(&self, map: &[f32], response: &[f32]) -> Vec<Complex32> {
        let (n, width) = (self.n, self.n + 1);
        let fft = Fft1::plan(self.padded());
        let mut out = vec![Complex32::default(); n * n * width];
        out.par_chunks_mut(n * width)
            .zip(map.par_chunks(n * n))
            .enumerate()
            .for_each(|(z, (spectra, plane))| {
                with_buffer(self.padded(), |row: &mut [f32]| {
                    row.fill(0.0);
                    let lines = plane.chunks_exact(n).zip(spectra.chunks_exact_mut(width));
                    for (y, (values, spectrum)) in lines.enumerate() {
                        let envelope = response[z] * response[y];
                        for (x, value) in values.iter().enumerate() {
                            row[self.wrap(x)] = value / (envelope * response[x]);
                        }
                        fft.forward_into(row, spectrum);
                    }
                });
            });
        out
    }

    /// `[y, kz, kx]` from `[z, y, kx]`, kz from −n to n.
    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    fn columns(&self, rows: &[Complex32]) -> Vec<Complex32> {
        let (n, width, padded) = (self.n, self.n + 1, self.padded());
        let fft = ComplexFft1::plan(padded);
        let mut out = vec![Complex32::default(); n * (2 * n + 1) * width];
        out.par_chunks_mut((2 * n + 1) * width)
            .enumerate()
            .for_each(|(y, plane)| {
                with_buffer(width * padded, |lines: &mut [Complex32]| {
                    lines.fill(Complex32::default());
                    for z in 0..n {
                        let row = &rows[(z * n + y) * width..][..width];
                        for (value, line) in row.iter().zip(lines.chunks_exact_mut(padded)) {
                            line[self.wrap(z)] = *value;
                        }
                    }
                    fft.forward_in_place(lines);
                    for (k, row) in plane.chunks_exact_mut(width).enumerate() {
                        let from = self.frequency(k);
                        for (value, line) in row.iter_mut().zip(lines.chunks_exact(padded)) {
                            *value = line[from];
                        }
                    }
                });
            });
        out
    }

    /// The plane of kz = z − extent from `[y, kz, kx]`.
    fn plane(&self, columns: &[Complex32], z: usize, plane: &mut [Complex32]) {
        let (n, width, padded) = (self.n, self.n + 1, self.padded());
        let off = z.abs_diff(self.extent);
        if off > n {
            return;
        }
        let kz = z + n - self.extent;
        // Only what lies within the extent.
        let room = self.extent.pow(2) - off.pow(2);
        let reach = (0..width).take_while(|x| x * x <= room).count();
        let fft = ComplexFft1::plan(padded);
        with_buffer(reach * padded, |lines: &mut [Complex32]| {
            lines.fill(Complex32::default());
            for y in 0..n {
                let row = &columns[(y * (2 * n + 1) + kz) * width..][..reach];
                for (value, line) in row.iter().zip(lines.chunks_exact_mut(padded)) {
                    line[self.wrap(y)] = *value;
                }
            }
            fft.forward_in_place(lines);
            for k in 0..=2 * n {
                let from = self.frequency(k);
                let row = &mut plane[(k + self.extent - n) * (self.extent + 1)..][..reach];
                for (value, line) in row.iter_mut().zip(lines.chunks_exact(padded)) {
                    *value = line[from];
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use thon_signal::fft::Fft3;

    #[test]
    fn it_is_the_whole_transform_within_the_extent() {
        for n in [8, 9, 16] {
            let (padded, extent) = (2 * n, n + 3);
            let map: Vec<f32> = (0..n * n * n)
                .map(|i| ((i * i % 977) as f32).cos())
                .collect();
            let response: Vec<f32> = (0..n).map(|i| 1.0 - 0.02 * i as f32).collect();
            let mut field = Array3::<f32>::zeros((padded, padded, padded));
            let wrap = |i: usize| (i + padded - n / 2) % padded;
            for (i, value) in map.iter().enumerate() {
                let [x, y, z] = [i % n, i / n % n, i / n / n];
                let envelope = response[x] * response[y] * response[z];
                field[[wrap(z), wrap(y), wrap(x)]] = value / envelope;
            }
            let whole = Fft3::plan([padded; 3]).forward(&field);
            let found = padded_transform(&map, n, &response, extent);
            let (width, height) = (extent + 1, 2 * extent + 1);
            let mut compared = 0;
            for (i, value) in found.iter().enumerate() {
                let [x, y, z] = [i % width, i / width % height, i / width / height];
                let [y, z] = [y, z].map(|k| k as isize - extent as isize);
                let reach = x.max(y.unsigned_abs()).max(z.unsigned_abs());
                if reach > n || (x * x) as isize + y * y + z * z > (extent * extent) as isize {
                    continue;
                }
                let [wy, wz] = [y, z].map(|k| k.rem_euclid(padded as isize) as usize);
                let expected = whole[[wz, wy, x]];
                assert!(
                    (expected - value).norm() < 1e-3,
                    "{n}: {expected} {value} at {x} {y} {z}"
                );
                compared += 1;
            }
            assert!(compared > 2 * n * n * n);
        }
    }
}
