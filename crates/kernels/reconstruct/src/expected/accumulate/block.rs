//! Where the samples of a block fall, and what they add there: loops that the compiler turns into vectors.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function with target features loses them"
)]

use std::f32::consts::PI;

use glam::DMat3;
use thon_signal::fft::Complex32;

use super::record::{Record, Slabs};
use super::{Insertion, Unit};
use crate::expected::WeightedPlacement;

/// Adding and subtracting this rounds a small f32 to a whole number (half to even).
const ROUND: f32 = 12_582_912.0;

/// One rotation with its shifts, ready for samples.
pub(super) struct Placed {
    /// Data frame → elements of the half space.
    matrix: [[f32; 3]; 3],
    /// Turns of phase per cycle along (x, y, z), and probability over the quantum of the products, of each shift.
    turns: Vec<([f32; 3], f32)>,
    /// Σ probability over the quantum of the weights.
    weight: f32,
    /// Of the half space.
    extent: f32,
    width: u32,
    height: u32,
}

impl Placed {
    pub(super) fn new(insertion: &Insertion, placements: &[WeightedPlacement]) -> Self {
        let inverse = placements[0].rotation.conjugate();
        let matrix = DMat3::from_quat(inverse) * insertion.padding as f64;
        let row = |i: usize| matrix.row(i).to_array().map(|v| v as f32);
        let turns = placements
            .iter()
            .map(|placement| {
                let turns = placement.shift / insertion.box_size as f64;
                let scale = f64::from(placement.weight) / insertion.quanta.products;
                (turns.to_array().map(|v| v as f32), scale as f32)
            })
            .collect();
        let total: f64 = placements.iter().map(|p| f64::from(p.weight)).sum();
        Self {
            matrix: [row(0), row(1), row(2)],
            turns,
            weight: (total / insertion.quanta.weights) as f32,
            extent: insertion.space.extent as f32,
            width: insertion.space.width() as u32,
            height: insertion.space.height() as u32,
        }
    }

    /// Position (x ≥ 0, y and z from the first element on), −1 where it was mirrored or 1, and whether it lies inside.
    #[inline(always)]
    fn place(&self, [x, y, z]: [f32; 3]) -> ([f32; 3], f32, bool) {
        let [mx, my, mz] = self.matrix;
        let px = mx[0] * x + mx[1] * y + mx[2] * z;
        let py = my[0] * x + my[1] * y + my[2] * z;
        let pz = mz[0] * x + mz[1] * y + mz[2] * z;
        let inside = px * px + py * py + pz * pz < self.extent * self.extent;
        let sign = if px < 0.0 { -1.0 } else { 1.0 };
        let place = [px * sign, py * sign + self.extent, pz * sign + self.extent];
        (place, sign, inside)
    }
}

/// A number of each sample of a block.
type Lanes<T> = [T; Block::LENGTH];

/// The samples of one block.
pub(super) struct Block {
    /// q = (x, y, z).
    q: [Lanes<f32>; 3],
    /// The cell along z; beyond all cells for samples outside.
    z: Lanes<u32>,
    /// First neighbour within its plane.
    within: Lanes<u32>,
    /// Fractions of the cell along x, y, z.
    fractions: [Lanes<f32>; 3],
    /// Real and imaginary part and weight, in quanta.
    values: [Lanes<f32>; 3],
    cosines: Lanes<f32>,
    sines: Lanes<f32>,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            q: [[0.0; Self::LENGTH]; 3],
            z: [0; Self::LENGTH],
            within: [0; Self::LENGTH],
            fractions: [[0.0; Self::LENGTH]; 3],
            values: [[0.0; Self::LENGTH]; 3],
            cosines: [0.0; Self::LENGTH],
            sines: [0.0; Self::LENGTH],
        }
    }
}

impl Block {
    /// Samples of a block at most. (What lies behind those that were taken is of no concern: whole blocks are computed.)
    pub(super) const LENGTH: usize = 256;

    /// Slabs of positions, [`Block::LENGTH`] at most.
    #[inline(always)]
    pub(super) fn slabs(
        &mut self,
        placed: &Placed,
        slabs: Slabs,
        positions: &[[f32; 3]],
    ) -> &[u32] {
        let [xs, ys, zs] = &mut self.q;
        for (((x, y), z), q) in xs.iter_mut().zip(ys).zip(zs).zip(positions) {
            [*x, *y, *z] = *q;
        }
        let last = ROUND + placed.height as f32 - 2.0;
        for i in 0..Self::LENGTH {
            let q = [self.q[0][i], self.q[1][i], self.q[2][i]];
            let ([_, _, z], _, inside) = placed.place(q);
            self.z[i] = slabs.of(cell(z, last).0, inside);
        }
        &self.z[..positions.len()]
    }

    /// Takes samples `first` …, [`Block::LENGTH`] at most.
    #[inline(always)]
    pub(super) fn take(&mut self, unit: &Unit<'_>, range: std::ops::Range<usize>) {
        let contribution = unit.contribution;
        let [xs, ys, zs] = &mut self.q;
        let positions = &contribution.positions[range.clone()];
        for (((x, y), z), q) in xs.iter_mut().zip(ys).zip(zs).zip(positions) {
            [*x, *y, *z] = *q;
        }
        self.take_values(
            &contribution.products[range.clone()],
            &contribution.weights[range],
        );
    }

    /// Takes listed samples of a unit, [`Block::LENGTH`] at most.
    #[inline(always)]
    pub(super) fn take_listed(&mut self, unit: &Unit<'_>, list: &[u16]) {
        let range = unit.range.clone();
        let positions = &unit.contribution.positions[range.clone()];
        let products = &unit.contribution.products[range.clone()][..positions.len()];
        let weights = &unit.contribution.weights[range][..positions.len()];
        let [xs, ys, zs] = &mut self.q;
        let [re, im, weight] = &mut self.values;
        for (i, sample) in list.iter().enumerate().take(Self::LENGTH) {
            let sample = usize::from(*sample);
            [xs[i], ys[i], zs[i]] = positions[sample];
            (re[i], im[i]) = (products[sample].re, products[sample].im);
            weight[i] = weights[sample];
        }
    }

    /// Where the samples fall, and what they add there.
    #[inline(always)]
    pub(super) fn compute(&mut self, placed: &Placed) {
        self.add_phases(placed);
        let last_x = ROUND + placed.extent - 1.0;
        let last = ROUND + placed.height as f32 - 2.0;
        for i in 0..Self::LENGTH {
            let q = [self.q[0][i], self.q[1][i], self.q[2][i]];
            let ([x, y, z], sign, inside) = placed.place(q);
            let ((ix, x), (iy, y), (iz, z)) = (cell(x, last_x), cell(y, last), cell(z, last));
            self.fractions[0][i] = x;
            self.fractions[1][i] = y;
            self.fractions[2][i] = z;
            self.within[i] = iy.wrapping_mul(placed.width).wrapping_add(ix);
            self.z[i] = if inside { iz } else { u32::MAX };
            let (re, im) = (self.values[0][i], self.values[1][i]);
            let (cosine, sine) = (self.cosines[i], self.sines[i]);
            self.values[0][i] = re * cosine - im * sine;
            self.values[1][i] = (re * sine + im * cosine) * sign;
            self.values[2][i] *= placed.weight;
        }
    }

    /// The first `count` samples as records in the slab of planes from `first` on, those outside left out; their number.
    #[inline(always)]
    pub(super) fn records(
        &self,
        placed: &Placed,
        first: u32,
        count: usize,
        records: &mut [Record; Self::LENGTH],
    ) -> usize {
        let plane = placed.width.wrapping_mul(placed.height);
        let ([x, y, z], [re, im, weight]) = (&self.fractions, &self.values);
        let mut kept = 0;
        for i in 0..count.min(Self::LENGTH) {
            let along_z = self.z[i].wrapping_sub(first);
            records[kept] = Record {
                lower: self.within[i].wrapping_add(along_z.wrapping_mul(plane)),
                fraction: [x[i], y[i], z[i]],
                value: [re[i], im[i], weight[i], 0.0],
            };
            kept += usize::from(self.z[i] != u32::MAX);
        }
        kept
    }

    #[inline(always)]
    fn take_values(&mut self, products: &[Complex32], weights: &[f32]) {
        let [re, im, weight] = &mut self.values;
        for ((re, im), product) in re.iter_mut().zip(im).zip(products) {
            (*re, *im) = (product.re, product.im);
        }
        for (weight, value) in weight.iter_mut().zip(weights) {
            *weight = *value;
        }
    }

    /// Σ w·e^(2πi q·t/n) over the shifts, in quanta.
    #[inline(always)]
    fn add_phases(&mut self, placed: &Placed) {
        self.cosines.fill(0.0);
        self.sines.fill(0.0);
        for (turns, scale) in &placed.turns {
            for i in 0..Self::LENGTH {
                let q = [self.q[0][i], self.q[1][i], self.q[2][i]];
                let [cosine, sine] = turn(q[0] * turns[0] + q[1] * turns[1] + q[2] * turns[2]);
                self.cosines[i] += cosine * scale;
                self.sines[i] += sine * scale;
            }
        }
    }
}

/// The cell of a coordinate ≥ 0, at most `last` − [`ROUND`], and the fraction of it, 0 to 1.
#[inline(always)]
fn cell(coordinate: f32, last: f32) -> (u32, f32) {
    // A whole coordinate may fall to the end of a cell or the start of the next: the same place.
    let rounded = (coordinate - 0.5) + ROUND;
    let rounded = if rounded < last { rounded } else { last };
    let rounded = if rounded > ROUND { rounded } else { ROUND };
    let index = rounded.to_bits().wrapping_sub(ROUND.to_bits());
    (index, coordinate - (rounded - ROUND))
}

/// Cosine and sine of a number of turns, to 3e-7.
#[inline(always)]
fn turn(turns: f32) -> [f32; 2] {
    // To ±1/4 turn, with the sign of the half turn that was taken off; then Taylor series to x¹¹ and x¹².
    let halves = (2.0 * turns + ROUND) - ROUND;
    let odd = halves - 2.0 * ((0.5 * halves + ROUND) - ROUND);
    let sign = 1.0 - 2.0 * odd.abs();
    let x = (2.0 * turns - halves) * PI;
    let y = x * x;
    let sine = [
        -1.0 / 39_916_800.0,
        1.0 / 362_880.0,
        -1.0 / 5040.0,
        1.0 / 120.0,
        -1.0 / 6.0,
    ];
    let cosine = [
        1.0 / 479_001_600.0,
        -1.0 / 3_628_800.0,
        1.0 / 40_320.0,
        -1.0 / 720.0,
        1.0 / 24.0,
        -0.5,
    ];
    let series = |terms: &[f32]| 1.0 + y * terms.iter().fold(0.0, |sum, term| sum * y + term);
    [series(&cosine) * sign, x * series(&sine) * sign]
}

#[cfg(test)]
mod tests {
    use super::{ROUND, cell, turn};

    #[test]
    fn cells_hold_their_coordinates() {
        for i in 0..4096 {
            let coordinate = i as f32 / 32.0;
            let (index, fraction) = cell(coordinate, ROUND + 127.0);
            assert!((0.0..=1.0).contains(&fraction) && index <= 127);
            assert_eq!(index as f32 + fraction, coordinate);
        }
        assert_eq!(cell(f32::INFINITY, ROUND + 7.0).0, 7);
        assert_eq!(cell(f32::NAN, ROUND + 7.0).0, 7);
    }

    #[test]
    fn turns_are_cosine_and_sine() {
        for i in -4000..4000 {
            let turns = i as f32 * 0.00137;
            let angle = f64::from(turns) * std::f64::consts::TAU;
            let [cosine, sine] = turn(turns);
            assert!((f64::from(cosine) - angle.cos()).abs() < 3e-7);
            assert!((f64::from(sine) - angle.sin()).abs() < 3e-7);
        }
    }
}
