//! Where the samples of a block fall, and what they add there: loops that the compiler turns into vectors.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function with target features loses them"
)]

use std::f32::consts::PI;

use glam::DMat3;
use thon_signal::fft::Complex32;

use super::Insertion;
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

/// The samples of one block.
pub(super) struct Block {
    /// z of the cell, from the first plane; the number of planes for samples outside.
    pub(super) z: [u32; Self::LENGTH],
    /// First neighbour within its plane.
    pub(super) within: [u32; Self::LENGTH],
    /// Fractions of the cell along x, y and z.
    pub(super) x: [f32; Self::LENGTH],
    pub(super) y: [f32; Self::LENGTH],
    pub(super) up: [f32; Self::LENGTH],
    /// Values in quanta.
    pub(super) re: [f32; Self::LENGTH],
    pub(super) im: [f32; Self::LENGTH],
    pub(super) weight: [f32; Self::LENGTH],
    cosines: [f32; Self::LENGTH],
    sines: [f32; Self::LENGTH],
}

impl Default for Block {
    fn default() -> Self {
        Self {
            z: [0; Self::LENGTH],
            within: [0; Self::LENGTH],
            x: [0.0; Self::LENGTH],
            y: [0.0; Self::LENGTH],
            up: [0.0; Self::LENGTH],
            re: [0.0; Self::LENGTH],
            im: [0.0; Self::LENGTH],
            weight: [0.0; Self::LENGTH],
            cosines: [0.0; Self::LENGTH],
            sines: [0.0; Self::LENGTH],
        }
    }
}

impl Block {
    /// Samples of a block at most.
    pub(super) const LENGTH: usize = 256;

    /// Fills in `z` alone.
    #[inline(always)]
    pub(super) fn planes(&mut self, placed: &Placed, positions: &[[f32; 3]]) {
        let last = placed.height as i32 - 2;
        for (position, plane) in positions.iter().zip(&mut self.z) {
            let (place, _, inside) = placed.place(*position);
            let z = (place[2] as i32).clamp(0, last) as u32;
            *plane = if inside { z } else { placed.height };
        }
    }

    /// Fills the block with samples, [`Block::LENGTH`] at most.
    #[inline(always)]
    pub(super) fn fill(
        &mut self,
        placed: &Placed,
        positions: &[[f32; 3]],
        products: &[Complex32],
        weights: &[f32],
    ) {
        let length = positions.len().min(Self::LENGTH);
        let (products, weights) = (&products[..length], &weights[..length]);
        self.add_phases(placed, &positions[..length]);
        let (last_x, last) = (placed.extent as i32 - 1, placed.height as i32 - 2);
        for i in 0..length {
            let ([px, py, pz], sign, inside) = placed.place(positions[i]);
            let ix = (px as i32).min(last_x);
            let iy = (py as i32).clamp(0, last);
            let iz = (pz as i32).clamp(0, last);
            self.x[i] = px - ix as f32;
            self.y[i] = py - iy as f32;
            self.up[i] = pz - iz as f32;
            self.within[i] = iy as u32 * placed.width + ix as u32;
            self.z[i] = if inside { iz as u32 } else { placed.height };
            let (re, im) = (products[i].re, products[i].im);
            let (cosine, sine) = (self.cosines[i], self.sines[i]);
            self.re[i] = re * cosine - im * sine;
            self.im[i] = (re * sine + im * cosine) * sign;
            self.weight[i] = weights[i] * placed.weight;
        }
    }

    /// Σ w·e^(2πi q·t/n) over the shifts, in quanta.
    #[inline(always)]
    fn add_phases(&mut self, placed: &Placed, positions: &[[f32; 3]]) {
        let (cosines, sines) = (&mut self.cosines[..], &mut self.sines[..]);
        let (cosines, sines) = (
            &mut cosines[..positions.len()],
            &mut sines[..positions.len()],
        );
        cosines.fill(0.0);
        sines.fill(0.0);
        for (turns, scale) in &placed.turns {
            for (i, [x, y, z]) in positions.iter().enumerate() {
                let [cosine, sine] = turn(x * turns[0] + y * turns[1] + z * turns[2]);
                cosines[i] += cosine * scale;
                sines[i] += sine * scale;
            }
        }
    }
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
