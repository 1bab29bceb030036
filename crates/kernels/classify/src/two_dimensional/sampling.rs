//! Grids of in-plane angles and shifts, fine and coarse, that fit a band and a particle.
//!
//! A turn by half a step moves the rim of the particle by a quarter of the period at the band: step = n / (2 b R)
//! for radius R pixels, band b; shifts step by n / (4 b) pixels. Coarse grids are every other point of the fine ones, so
//! that coarse templates are rows of the fine ones, and each coarse point stands for itself and its fine neighbours.

use std::f64::consts::{PI, TAU};

use num_complex::Complex32;

use super::HalfDisc;

/// The grids of one round.
#[derive(Clone, Debug)]
pub(crate) struct Sampling {
    /// Fine angles, an even number, evenly spaced, radians.
    pub angles: Vec<f64>,
    /// Fine shifts (x, y), pixels.
    pub shifts: Vec<[f64; 2]>,
    /// Indices of the coarse shifts among the fine ones.
    pub coarse: Vec<usize>,
    /// For each coarse shift the fine shifts that it stands for.
    pub children: Vec<Vec<usize>>,
    /// Step of the shifts, pixels.
    pub shift_step: f64,
}

/// Angles are never more than this apart, nor shifts than [`LARGEST_SHIFT_STEP`] pixels.
const LARGEST_ANGLE_STEP: f64 = 0.21;
const LARGEST_SHIFT_STEP: f64 = 2.0;

impl Sampling {
    /// Grids for a band; `displaced` in ±½ moves (angles, x, y) by fractions of a step.
    pub fn new(n: usize, band: usize, radius: f64, range: f64, displaced: [f64; 3]) -> Self {
        let per_band = n as f64 / band as f64;
        let angle_step = (per_band / (2.0 * radius)).min(LARGEST_ANGLE_STEP);
        let count = 2 * (PI / angle_step).ceil() as usize;
        let angle = |j: usize| (j as f64 + displaced[0]) * TAU / count as f64;
        let step = (per_band / 4.0).min(LARGEST_SHIFT_STEP);
        let reach = (range / (2.0 * step)).floor() as i32;
        let inside = |[a, b]: [i32; 2]| 2.0 * step * f64::from(a * a + b * b).sqrt() <= range;
        let middles: Vec<[i32; 2]> = (-reach..=reach)
            .flat_map(|b| (-reach..=reach).map(move |a| [a, b]))
            .filter(|m| inside(*m))
            .map(|[a, b]| [2 * a, 2 * b])
            .collect();
        let around =
            |[a, b]: [i32; 2]| (-1..=1).flat_map(move |j| (-1..=1).map(move |i| [a + i, b + j]));
        let mut places: Vec<[i32; 2]> = middles.iter().flat_map(|m| around(*m)).collect();
        places.sort_unstable_by_key(|[a, b]| [*b, *a]);
        places.dedup();
        let index = |place: &[i32; 2]| {
            let found = places.binary_search_by_key(&[place[1], place[0]], |[a, b]| [*b, *a]);
            found.expect("children of coarse shifts are fine shifts")
        };
        let shift = |[a, b]: &[i32; 2]| {
            [
                (f64::from(*a) + displaced[1]) * step,
                (f64::from(*b) + displaced[2]) * step,
            ]
        };
        Self {
            angles: (0..count).map(angle).collect(),
            coarse: middles.iter().map(index).collect(),
            children: middles
                .iter()
                .map(|m| around(*m).map(|place| index(&place)).collect())
                .collect(),
            shifts: places.iter().map(shift).collect(),
            shift_step: step,
        }
    }

    /// Step of the fine angles, radians.
    pub fn angle_step(&self) -> f64 {
        TAU / self.angles.len() as f64
    }

    /// e^(+2πi q·t/n) at the points of a half disc, rows of shifts: what undoes each shift.
    pub fn phases(&self, n: usize, disc: &HalfDisc) -> Vec<Complex32> {
        let row = |t: &[f64; 2]| {
            let turn = t.map(|t| TAU * t / n as f64);
            disc.points
                .iter()
                .map(move |[x, y]| {
                    let (s, c) = (turn[0] * f64::from(*x) + turn[1] * f64::from(*y)).sin_cos();
                    Complex32::new(c as f32, s as f32)
                })
                .collect::<Vec<_>>()
        };
        self.shifts.iter().flat_map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fine_shift_has_a_coarse_one_that_stands_for_it() {
        let sampling = Sampling::new(64, 16, 21.0, 5.0, [0.0; 3]);
        let mut seen = vec![false; sampling.shifts.len()];
        sampling
            .children
            .iter()
            .flatten()
            .for_each(|i| seen[*i] = true);
        assert!(seen.iter().all(|s| *s));
        assert_eq!((sampling.coarse.len(), sampling.shift_step), (21, 1.0));
        assert!(
            sampling.angles.len().is_multiple_of(2)
                && sampling.angle_step() <= 64.0 / (32.0 * 21.0)
        );
        for (coarse, children) in sampling.coarse.iter().zip(&sampling.children) {
            assert_eq!(children[4], *coarse);
        }
        let alone = Sampling::new(64, 16, 21.0, 0.0, [0.0; 3]);
        assert_eq!((alone.coarse.len(), alone.shifts.len()), (1, 9));
    }

    #[test]
    fn phases_undo_shifts() {
        let disc = HalfDisc::new(7);
        let sampling = Sampling::new(32, 7, 10.0, 4.0, [0.0, 0.3, -0.2]);
        let phases = sampling.phases(32, &disc);
        let row = &phases[3 * disc.points.len()..4 * disc.points.len()];
        let [tx, ty] = sampling.shifts[3];
        for ([x, y], phase) in disc.points.iter().zip(row) {
            let turn = -TAU * (tx * f64::from(*x) + ty * f64::from(*y)) / 32.0;
            let undone = phase * Complex32::new(turn.cos() as f32, turn.sin() as f32);
            assert!((undone - 1.0).norm() < 1e-5);
        }
    }
}
