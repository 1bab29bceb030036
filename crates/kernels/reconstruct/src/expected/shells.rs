//! Sums by shell: mean weights, the correlation of two half sets, and what they share at low resolution.

use rayon::prelude::*;
use thon_signal::fft::Complex32;

use super::ExpectedSums;
use crate::ReconstructError;
use crate::completed::{complete_origin_plane, shell};
use crate::half_space::HalfSpace;

impl ExpectedSums {
    /// Information per component of the box, by shell 0 … band: padding³ times the mean weight. Its inverse is the power
    /// E|noise|² of the noise in the transform of the map, where weights are even over a shell.
    pub fn shell_weights(&self) -> Vec<f64> {
        let (space, padding) = (self.space(), self.padding());
        // Half of the x = 0 plane was caught by each mate: counted half, it is in line with the rest.
        let mut sums = vec![(0_i128, 0_u64); self.band() + 1];
        for (z, plane) in self.elements.chunks(space.plane()).enumerate() {
            for (i, element) in plane.iter().enumerate() {
                let shell = self.shell_of_box(shell(space, z, i));
                if let Some((sum, halves)) = sums.get_mut(shell) {
                    *sum += i128::from(element[2]);
                    *halves += if i % space.width() == 0 { 1 } else { 2 };
                }
            }
        }
        let scale = padding.pow(3) as f64 * self.quanta().weights * 2.0;
        sums.into_iter()
            .map(|(sum, halves)| sum as f64 * scale / halves.max(1) as f64)
            .collect()
    }

    /// The shell of the box that a shell of the padded box belongs to.
    pub(super) fn shell_of_box(&self, padded: usize) -> usize {
        (padded + self.padding() / 2) / self.padding()
    }

    /// Data and weight of every element, with what Friedel mates caught of each other.
    pub(super) fn completed(&self) -> (Vec<Complex32>, Vec<f32>) {
        let quanta = self.quanta();
        let value = |sum: i64, quantum: f64| (sum as f64 * quantum) as f32;
        let (mut data, mut weight): (Vec<_>, Vec<_>) = self
            .elements
            .par_iter()
            .map(|[re, im, w, _]| {
                let re = value(*re, quanta.products);
                let im = value(*im, quanta.products);
                (Complex32::new(re, im), value(*w, quanta.weights))
            })
            .unzip();
        complete_origin_plane(self.space(), &mut data, &mut weight);
        (data, weight)
    }

    /// Fourier shell correlation of the unregularised maps of two half sets, by shell 0 … band, without going through the
    /// maps: sums are gathered onto the lattice of the box and divided there. The real-space boxes are softly bounded by
    /// this as by the square of a cosine.
    ///
    /// # Errors
    /// [`ReconstructError::DifferentSums`], [`ReconstructError::EmptySums`].
    pub fn correlation(&self, other: &Self) -> Result<Vec<f64>, ReconstructError> {
        self.check_kind(other)?;
        if self.placements() == 0 || other.placements() == 0 {
            return Err(ReconstructError::EmptySums);
        }
        let [ours, theirs] = [self, other].map(Self::on_lattice);
        let mut sums = vec![[0.0_f64; 3]; self.band() + 1];
        for ((shell, share, a), (_, _, b)) in ours.into_iter().zip(theirs) {
            let [a_re, a_im, b_re, b_im] = [a.re, a.im, b.re, b.im].map(f64::from);
            let [cross, first, second] = &mut sums[shell];
            *cross += share * (a_re * b_re + a_im * b_im);
            *first += share * (a_re * a_re + a_im * a_im);
            *second += share * (b_re * b_re + b_im * b_im);
        }
        let correlation = |[cross, a, b]: &[f64; 3]| {
            let power = (a * b).sqrt();
            if power > 0.0 { cross / power } else { 0.0 }
        };
        Ok(sums.iter().map(correlation).collect())
    }

    /// Unregularised values at the lattice points of the box within the band: shell, how much of a point it is (points with
    /// x = 0 come twice), value.
    fn on_lattice(&self) -> Vec<(usize, f64, Complex32)> {
        let (data, weight) = self.completed();
        let (space, padding) = (self.space(), self.padding() as isize);
        let reach = ((space.extent as isize - 1) / padding).min(self.band() as isize);
        let points = |z: isize| {
            let (data, weight) = (&data, &weight);
            let rows = (-reach..=reach).flat_map(move |y| (0..=reach).map(move |x| [x, y, z]));
            rows.filter_map(move |point| {
                let [x, y, z] = point.map(|c| c as f64);
                let radius = (x * x + y * y + z * z).sqrt();
                let shell = radius.round() as usize;
                let inside = radius * padding as f64 <= space.extent as f64;
                if !inside || shell > self.band() {
                    return None;
                }
                let (sum, total) = gather(space, padding, data, weight, point);
                let share = if point[0] == 0 { 0.5 } else { 1.0 };
                let value = if total > 0.0 {
                    sum / total
                } else {
                    Complex32::default()
                };
                Some((shell, share, value))
            })
        };
        let planes: Vec<Vec<_>> = (-reach..=reach)
            .into_par_iter()
            .map(|z| points(z).collect())
            .collect();
        planes.concat()
    }

    /// Gives both half sets the mean of their sums in the shells of the box below `shell`, where their orientations agree
    /// too well to be told apart; the correlation is 1 there from then on.
    ///
    /// # Errors
    /// [`ReconstructError::DifferentSums`].
    pub fn join_below(
        a: &mut Self,
        b: &mut Self,
        shell_of_box: usize,
    ) -> Result<(), ReconstructError> {
        a.check_kind(b)?;
        let space = a.space();
        let first = shell_of_box * a.padding();
        let planes = a.elements.par_chunks_mut(space.plane());
        planes
            .zip(b.elements.par_chunks_mut(space.plane()))
            .enumerate()
            .for_each(|(z, (a, b))| {
                for (i, (a, b)) in a.iter_mut().zip(b).enumerate() {
                    if shell(space, z, i) < first {
                        for (a, b) in a.iter_mut().zip(b) {
                            *a = (*a + *b) >> 1;
                            *b = *a;
                        }
                    }
                }
            });
        let filled = a.filled.max(b.filled);
        (a.filled, b.filled) = (filled, filled);
        Ok(())
    }
}

/// Data and weight around a lattice point of the box, weighted with the triangle that spread them.
fn gather(
    space: HalfSpace,
    padding: isize,
    data: &[Complex32],
    weight: &[f32],
    point: [isize; 3],
) -> (Complex32, f32) {
    let extent = space.extent as isize;
    let hat = |d: isize| 1.0 - d.abs() as f32 / padding as f32;
    let (mut sum, mut total) = (Complex32::default(), 0.0);
    let around = 1 - padding..padding;
    for dz in around.clone() {
        for dy in around.clone() {
            for dx in around.clone() {
                let [x, y, z] = point.map(|c| c * padding);
                let [mut x, mut y, mut z] = [x + dx, y + dy, z + dz];
                let mirrored = x < 0;
                if mirrored {
                    (x, y, z) = (-x, -y, -z);
                }
                if x > extent || y.abs() > extent || z.abs() > extent {
                    continue;
                }
                let element = space.index(x as usize, y, z);
                let share = hat(dx) * hat(dy) * hat(dz);
                let value = data[element] * share;
                sum += if mirrored { value.conj() } else { value };
                total += weight[element] * share;
            }
        }
    }
    (sum, total)
}
