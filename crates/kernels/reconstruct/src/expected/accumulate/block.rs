//! Where the samples of a block fall, and what they add there.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function with target features loses them"
)]

use std::f32::consts::PI;
use std::ops::Range;

use glam::DMat3;

use super::Insertion;
use super::scatter::Slab;
use crate::expected::{Contribution, WeightedPlacement};

/// Adding and subtracting this rounds a small f32 to a whole number (half to even).
const ROUND: f32 = 12_582_912.0;

/// One rotation with its shifts, ready for samples.
pub(super) struct Placed {
    /// Data frame → elements of the half space.
    matrix: [[f32; 3]; 3],
    /// Turns of phase per cycle along (x, y, z), and probability, of each shift.
    turns: Vec<([f32; 3], f32)>,
    /// Σ probability over the quantum of the weights.
    weight: f32,
    extent: f32,
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
        }
    }
}

/// The samples of one block that fall into a slab.
pub(super) struct Block {
    /// Number of samples.
    pub(super) length: usize,
    /// First neighbour, counted from the slab's first element.
    pub(super) lower: [u32; Self::LENGTH],
    /// Fraction of the cell along x.
    pub(super) along_x: [f32; Self::LENGTH],
    /// Shares of the four rows of neighbours: (y, z), (y + 1, z), (y, z + 1), (y + 1, z + 1).
    pub(super) rows: [[f32; Self::LENGTH]; 4],
    /// Real and imaginary part and weight in quanta, and 0.
    pub(super) values: [[f32; 4]; Self::LENGTH],
}

impl Default for Block {
    fn default() -> Self {
        Self {
            length: 0,
            lower: [0; Self::LENGTH],
            along_x: [0.0; Self::LENGTH],
            rows: [[0.0; Self::LENGTH]; 4],
            values: [[0.0; 4]; Self::LENGTH],
        }
    }
}

impl Block {
    /// Samples of a block at most.
    pub(super) const LENGTH: usize = 256;

    /// Fills the block with those of the samples of `range` (at most [`Block::LENGTH`]) that fall into the slab.
    #[inline(always)]
    pub(super) fn fill(
        &mut self,
        slab: &Slab<'_>,
        placed: &Placed,
        contribution: &Contribution<'_>,
        range: Range<usize>,
    ) {
        let length = range.len().min(Self::LENGTH);
        let positions = &contribution.positions[range.clone()][..length];
        let products = &contribution.products[range.clone()][..length];
        let weights = &contribution.weights[range][..length];
        let mut phases = [[0.0_f32; Self::LENGTH]; 2];
        for (turns, scale) in &placed.turns {
            let [cosines, sines] = &mut phases;
            for i in 0..length {
                let [x, y, z] = positions[i];
                let [cosine, sine] = turn(x * turns[0] + y * turns[1] + z * turns[2]);
                cosines[i] += cosine * scale;
                sines[i] += sine * scale;
            }
        }
        let space = slab.space;
        let (extent, width) = (placed.extent, space.width() as i32);
        let (last_x, last) = (space.extent as i32 - 1, space.height() as i32 - 2);
        let plane = space.plane() as i32;
        let [mx, my, mz] = placed.matrix;
        let whole = slab.first == 0 && slab.end as i32 == last + 1;
        for i in 0..length {
            let [x, y, z] = positions[i];
            let px = mx[0] * x + mx[1] * y + mx[2] * z;
            let py = my[0] * x + my[1] * y + my[2] * z;
            let pz = mz[0] * x + mz[1] * y + mz[2] * z;
            let inside = px * px + py * py + pz * pz < extent * extent;
            let sign = if px < 0.0 { -1.0_f32 } else { 1.0 };
            let used = if inside { 1.0_f32 } else { 0.0 };
            let (px, py, pz) = (px * sign, py * sign + extent, pz * sign + extent);
            let ix = (px as i32).min(last_x);
            let iy = (py as i32).clamp(0, last);
            let iz = (pz as i32).clamp(0, last);
            let (fx, fy, fz) = (px - ix as f32, py - iy as f32, pz - iz as f32);
            let (gy, gz) = (1.0 - fy, 1.0 - fz);
            self.lower[i] = ((iz - slab.first as i32) * plane + iy * width + ix) as u32;
            self.along_x[i] = fx;
            self.rows[0][i] = gy * gz;
            self.rows[1][i] = fy * gz;
            self.rows[2][i] = gy * fz;
            self.rows[3][i] = fy * fz;
            let (re, im) = (products[i].re, products[i].im);
            let (cosine, sine) = (phases[0][i], phases[1][i]);
            self.values[i] = [
                (re * cosine - im * sine) * used,
                (re * sine + im * cosine) * (used * sign),
                weights[i] * (placed.weight * used),
                0.0,
            ];
        }
        self.length = length;
        if !whole {
            self.keep((slab.end - slab.first) as u32 * plane as u32);
        }
    }

    /// Keeps the samples with a first neighbour below `end`. (Those below the slab have wrapped around.)
    #[inline(always)]
    fn keep(&mut self, end: u32) {
        let mut kept = 0;
        for i in 0..self.length {
            self.lower[kept] = self.lower[i];
            self.along_x[kept] = self.along_x[i];
            for row in &mut self.rows {
                row[kept] = row[i];
            }
            self.values[kept] = self.values[i];
            kept += usize::from(self.lower[i] < end);
        }
        self.length = kept;
    }
}

/// Cosine and sine of a number of turns, to 2e-7.
#[inline(always)]
fn turn(turns: f32) -> [f32; 2] {
    // To ±1/4 turn, with the sign of the half turn that was taken off; then Taylor series to x⁹ and x¹⁰.
    let halves = (2.0 * turns + ROUND) - ROUND;
    let odd = halves - 2.0 * ((0.5 * halves + ROUND) - ROUND);
    let sign = 1.0 - 2.0 * odd.abs();
    let x = (2.0 * turns - halves) * PI;
    let y = x * x;
    let sine = x
        * (1.0
            + y * (-1.0 / 6.0
                + y * (1.0 / 120.0
                    + y * (-1.0 / 5040.0 + y * (1.0 / 362_880.0 - y * (1.0 / 39_916_800.0))))));
    let cosine = 1.0
        + y * (-0.5
            + y * (1.0 / 24.0
                + y * (-1.0 / 720.0
                    + y * (1.0 / 40_320.0
                        + y * (-1.0 / 3_628_800.0 + y * (1.0 / 479_001_600.0))))));
    [cosine * sign, sine * sign]
}

#[cfg(test)]
mod tests {
    use super::turn;

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
