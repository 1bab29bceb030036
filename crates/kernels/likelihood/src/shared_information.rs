//! How much of a stated information two maps of independent noise agree on.
//!
//! Polishing states Fisher's information F = Σ 2 W |J|² of the map V̂ it compares with, J its derivatives over (ω, t). A map
//! of few particles holds noise, too. Where signal and noise fill the same space and the map is weighed down by its prior
//! (Wiener), the noise's part makes up for what the weighing took and F is right; but noise fills the whole mask, and a turn
//! moves what lies further out further: F is too large for turns. The curvature that the likelihood really has on
//! average is C = Σ 2 W Re(J̄ J₀) with J₀ those of the particle itself. With a second map V̂₂ = w V₀ + other noise,
//! C = Σ 2 W Re(J̄ J₂)/w on average, whatever the two noises. Where V̂ itself is made of both halves (low shells are joined, so that
//! the halves keep one frame) the halves' own maps V̂₁ and V̂₂ from before stand in: C = w Σ 2 W Re(J̄₁ J₂), w the share that the
//! joined map holds. The error of a maximum then has the covariance A⁻¹ B A⁻¹, B the
//! stated information with its prior and A = B − (F − C) (Godambe's, of a likelihood that is not quite the data's).

use glam::{DMat3, DVec3};
use num_complex::Complex32;

use crate::matrix6::{Matrix6, cholesky, inverse};
use crate::{Mode, Placement, Reference, Whitened};

/// Gains beyond this are taken for this: there neither map holds anything.
const LARGEST_GAIN: f64 = 20.0;
/// The curvature is at least this share of what is stated.
const LEAST: f64 = 0.1;

/// A map and another of the same particle with independent noise.
#[derive(Clone, Copy, Debug)]
pub struct TwoMaps<'a> {
    /// The map that poses were found with.
    pub map: &'a Reference,
    /// The other map.
    pub other: &'a Reference,
    /// Share w of the particle's amplitude that the other map holds, by shell.
    pub share: &'a [f64],
    /// Where both maps are the same.
    pub joined: Option<JoinedShells<'a>>,
}

/// Low shells in which both maps are the mean of two of independent noise.
#[derive(Clone, Copy, Debug)]
pub struct JoinedShells<'a> {
    /// The last of them.
    pub last: usize,
    /// The two maps, which hold the whole of the particle's amplitude.
    pub apart: [&'a Reference; 2],
}

impl TwoMaps<'_> {
    /// F − C of a placement over shells 1 … band, from one in `stride` samples.
    pub fn excess(
        &self,
        particle: &Whitened,
        placement: &Placement,
        band: usize,
        stride: usize,
    ) -> [[f64; 6]; 6] {
        let geometry = &particle.geometry;
        let rotation = DMat3::from_quat(placement.rotation);
        let inverse = rotation.transpose();
        let step = (std::f64::consts::TAU / geometry.box_size as f64) as f32;
        let mut sums = [[0.0; 6]; 6];
        for (shell, range) in geometry.shells().skip(1).take(band) {
            let share = self.share.get(shell).copied().unwrap_or(0.0);
            let (pair, gain) = match self.joined {
                Some(joined) if shell <= joined.last => (joined.apart, share),
                _ => {
                    let gain = (1.0 / share.max(1e-9)).min(LARGEST_GAIN);
                    ([self.map, self.other], gain)
                }
            };
            for i in range.filter(|i| i % stride == 0) {
                let q = DVec3::from_array(geometry.positions[i].map(f64::from));
                let weight = 2.0 * stride as f64 * f64::from(particle.weights[i]);
                let slopes = |map: &Reference| {
                    let (value, slopes) = map.value_and_gradient(inverse * q);
                    jacobian(value, slopes, &rotation, q, step)
                };
                let stated = slopes(self.map);
                let first = if std::ptr::eq(pair[0], self.map) {
                    stated
                } else {
                    slopes(pair[0])
                };
                add_excess(&mut sums, weight, &stated, [&first, &slopes(pair[1])], gain);
            }
        }
        std::array::from_fn(|k| std::array::from_fn(|l| sums[k.max(l)][k.min(l)]))
    }
}

/// Adds a sample's F − C to the lower half of the sums: F of the first slopes, C of the pair.
fn add_excess(
    sums: &mut Matrix6,
    weight: f64,
    slopes: &[Complex32; 6],
    [here, there]: [&[Complex32; 6]; 2],
    gain: f64,
) {
    for (k, row) in sums.iter_mut().enumerate() {
        for (l, sum) in row.iter_mut().enumerate().take(k + 1) {
            let stated = product(slopes[k], slopes[l]);
            let both = 0.5 * (product(here[k], there[l]) + product(there[k], here[l]));
            *sum += weight * (stated - gain * both);
        }
    }
}

/// J of a sample, without the phase of the shift, which both maps share.
fn jacobian(
    value: Complex32,
    slopes: [Complex32; 3],
    rotation: &DMat3,
    q: DVec3,
    step: f32,
) -> [Complex32; 6] {
    let part = |of: fn(&Complex32) -> f32| {
        let g = *rotation * DVec3::from_array([0, 1, 2].map(|k| f64::from(of(&slopes[k]))));
        g.cross(q).as_vec3().to_array()
    };
    let (re, im) = (part(|g| g.re), part(|g| g.im));
    let q = q.as_vec3().to_array();
    std::array::from_fn(|k| {
        if k < 3 {
            Complex32::new(re[k], im[k])
        } else {
            // −i (2π/n) q V
            Complex32::new(value.im, -value.re) * (step * q[k - 3])
        }
    })
}

/// Re(ā b).
fn product(a: Complex32, b: Complex32) -> f64 {
    f64::from(a.re * b.re + a.im * b.im)
}

impl Mode {
    /// The mode with the covariance A⁻¹ B A⁻¹, where B is the inverse of its own and A = B − `excess`, but at least a tenth of B
    /// in every direction.
    #[must_use]
    pub fn with_excess(mut self, excess: &[[f64; 6]; 6]) -> Self {
        let Some(stated) = cholesky(&self.covariance).map(|factor| inverse(&factor)) else {
            return self;
        };
        let less = |part: f64, least: f64| -> Matrix6 {
            std::array::from_fn(|i| {
                std::array::from_fn(|j| (1.0 - least) * stated[i][j] - part * excess[i][j])
            })
        };
        // Too much is taken back until A − B/10 is positive.
        let mut part = 1.0;
        while cholesky(&less(part, LEAST)).is_none() && part > 1e-3 {
            part *= 0.9;
        }
        if let Some(factor) = cholesky(&less(part, 0.0)) {
            let spread = inverse(&factor);
            self.covariance = times(&times(&spread, &stated), &spread);
        }
        self
    }
}

fn times(a: &Matrix6, b: &Matrix6) -> Matrix6 {
    let product = |i: usize, j: usize| (0..6).map(|k| a[i][k] * b[k][j]).sum();
    std::array::from_fn(|i| std::array::from_fn(|j| product(i, j)))
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::derivatives;
    use crate::simulated::{phantom, slices};

    #[test]
    fn one_map_twice_has_no_excess_and_nothing_else_has_all() {
        let n = 32;
        let map = Reference::new(&phantom(n, 1), n).unwrap();
        let nothing = Reference::new(&vec![0.0; n * n * n], n).unwrap();
        let truth = Placement::default().moved(&[0.9, -0.4, 1.3, 1.0, -0.5, 0.7]);
        let particle = slices(&map, &truth, 5, 21, 60.0, 0.5);
        let share = vec![1.0; n];
        let excess = |other: &Reference| {
            let maps = TwoMaps {
                map: &map,
                other,
                share: &share,
                joined: None,
            };
            maps.excess(&particle, &truth, 9, 1)
        };
        let stated = derivatives(&map, &particle, &truth, 9).information;
        let (same, all) = (excess(&map), excess(&nothing));
        for k in 0..6 {
            assert!(
                same[k][k].abs() < 1e-6 * stated[k][k],
                "{k}: {}",
                same[k][k]
            );
            for l in 0..6 {
                let scale = (stated[k][k] * stated[l][l]).sqrt();
                assert!((all[k][l] - stated[k][l]).abs() < 1e-3 * scale, "{k} {l}");
            }
        }
        let factor = cholesky(&stated).unwrap();
        let mode = Mode {
            placement: truth,
            class: 0,
            log_posterior: 0.0,
            covariance: inverse(&factor),
            weight: 1.0,
        };
        let half: [[f64; 6]; 6] = stated.map(|row| row.map(|v| 0.5 * v));
        let wider = mode.clone().with_excess(&half);
        assert!((wider.covariance[2][2] / mode.covariance[2][2] - 4.0).abs() < 1e-6);
        // Nothing is left: the curvature stays a tenth.
        let most = mode.clone().with_excess(&all);
        assert!(most.covariance[2][2] < 101.0 * mode.covariance[2][2]);
    }

    /// White noise inside a soft sphere of a sixth of the box: as large as the phantom, and with nothing in common with it but by
    /// chance. (Another phantom will not do: two sums of positive blobs agree in their low shells.)
    fn noise(n: usize, seed: u64) -> Vec<f32> {
        let mut random = thon_compute::seed_stream(seed, "noise of a map", 0);
        let at = |i: usize| i as f64 - (n / 2) as f64;
        let value = |i: usize| {
            let r2 = at(i % n).powi(2) + at(i / n % n).powi(2) + at(i / n / n).powi(2);
            let normal: f64 = StandardNormal.sample(&mut random);
            (normal * (-18.0 * r2 / (n * n) as f64).exp()) as f32
        };
        (0..n * n * n).map(value).collect()
    }

    fn sum(one: &[f32], other: &[f32], amount: f64) -> Vec<f32> {
        let pairs = one.iter().zip(other);
        pairs.map(|(a, b)| a + amount as f32 * b).collect()
    }

    #[test]
    fn where_halves_share_shells_their_own_maps_tell_the_curvature() {
        let (n, band, share) = (32, 9, 0.8);
        let map = phantom(n, 1);
        let truth = Reference::new(&map, n).unwrap();
        let placement = Placement::default().moved(&[0.9, -0.4, 1.3, 1.0, -0.5, 0.7]);
        let particle = slices(&truth, &placement, 5, 21, 60.0, 0.5);
        let information =
            |map: &Reference| derivatives(map, &particle, &placement, band).information;
        let with_truth = information(&truth);
        let shares = vec![share; n];
        let mut curvature = Vec::new();
        for pair in 0..24 {
            let halves = [2 * pair, 2 * pair + 1].map(|seed| {
                let noise = noise(n, seed);
                let power = information(&Reference::new(&noise, n).unwrap())[0][0];
                // As much information about the first turn as the particle's own.
                sum(&map, &noise, (with_truth[0][0] / power).sqrt())
            });
            let mean = sum(&halves[0], &halves[1], 1.0);
            let mean: Vec<f32> = mean.iter().map(|v| 0.5 * share as f32 * v).collect();
            let joined = Reference::new(&mean, n).unwrap();
            let apart = halves.map(|map| Reference::new(&map, n).unwrap());
            let maps = TwoMaps {
                map: &joined,
                other: &joined,
                share: &shares,
                joined: Some(JoinedShells {
                    last: band,
                    apart: [&apart[0], &apart[1]],
                }),
            };
            let unaware = TwoMaps {
                joined: None,
                ..maps
            };
            let stated = information(&joined);
            let told = [maps, unaware].map(|maps| {
                let excess = maps.excess(&particle, &placement, band, 1);
                std::array::from_fn::<f64, 6, _>(|k| stated[k][k] - excess[k][k])
            });
            curvature.push(told);
        }
        for k in 0..6 {
            let mean = |which: usize| {
                let of = curvature.iter().map(|told| told[which][k]);
                of.sum::<f64>() / curvature.len() as f64 / (share * with_truth[k][k])
            };
            // C = w F₀ on average over the noises of the halves.
            assert!((mean(0) - 1.0).abs() < 0.12, "{k}: {}", mean(0));
            // The joined map, taken for two, holds the mean of both noises twice: for turns half as much again, for shifts less,
            // because this noise lies further out than the particle.
            let least = if k < 3 { 1.3 } else { 1.03 };
            assert!(mean(1) > least, "{k}: {}", mean(1));
        }
    }

    #[test]
    fn only_shared_shells_are_told_by_the_halves_own_maps() {
        let n = 32;
        let map = Reference::new(&phantom(n, 1), n).unwrap();
        let nothing = Reference::new(&vec![0.0; n * n * n], n).unwrap();
        let placement = Placement::default().moved(&[0.2, 0.4, -1.3, 0.5, -0.5, 0.1]);
        let particle = slices(&map, &placement, 5, 21, 60.0, 0.5);
        let share = vec![1.0; n];
        let last = 4;
        let maps = TwoMaps {
            map: &map,
            other: &map,
            share: &share,
            joined: Some(JoinedShells {
                last,
                apart: [&nothing, &nothing],
            }),
        };
        // Up to the last shared shell nothing agrees, beyond it everything.
        let excess = maps.excess(&particle, &placement, 9, 1);
        let shared = derivatives(&map, &particle, &placement, last).information;
        for k in 0..6 {
            let scale = shared[k][k];
            assert!(
                (excess[k][k] - scale).abs() < 1e-3 * scale,
                "{k}: {} {scale}",
                excess[k][k]
            );
        }
    }
}
