//! What a particle finds of itself in a map that it was averaged into, and must not take for the particle.
//!
//! A map V = D/H (sums of data and of weights of many particles, H with the prior's 1/τ²) holds of each particle its own data
//! with the leverage h(q) = W(q)/H(q), at the placement it was summed at. The particle's noise n then finds itself there: at a
//! placement turned by ω and moved by t from that one, the log-likelihood holds on average
//!
//! S(ω, t) = 2 Σ h(q) · ⟨e^(2πi q·(ω × x + t)/n)⟩, the mean over the density m²(x) of the masks,
//!
//! highest where the particle was before: poses stick to their last values and states compete unfairly, the more the larger
//! h |n|² is against h |V|², that is in all shells near the limit of resolution, for any number of particles. [`OwnShare`]
//! is S with one Gaussian per shell (exact to second order in ω and t); polishing takes it off the log-likelihood. What is
//! left is the likelihood of a reference that leaves the particle out, on average over the noise.
//!
//! Frequencies in cycles per box, shifts in voxels.

use glam::{DQuat, DVec3};

use crate::prior::rotation_vector;
use crate::{Placement, Whitened};

/// A particle in the map that it is compared with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnShare {
    /// Of shells 0, 1, ….
    shells: Vec<Shell>,
    /// Mean square of a coordinate within the masks, voxels².
    extent: f64,
    /// Where the particle was summed, and with which share.
    placements: Vec<(Placement, f64)>,
    /// Rotations of the map's point group.
    group: Vec<DQuat>,
}

/// 2 Σ h of a shell, and how it falls off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Shell {
    height: f64,
    /// Σ h (2π/n)² q qᵀ / Σ h: xx, yy, zz, xy, xz, yz.
    spread: [f64; 6],
}

/// What the share of a particle in a map depends on besides the particle.
#[derive(Clone, Copy, Debug)]
pub struct OwnMap<'a> {
    /// H by shell: the information of the map's data and of its prior, per component of the box.
    pub information: &'a [f64],
    /// Mean over the box of the square of the masks.
    pub fraction: f64,
    /// Mean square of a coordinate within the masks, voxels².
    pub extent: f64,
    /// Rotations of the point group that the map was given; none: no symmetry.
    pub group: &'a [DQuat],
}

impl OwnShare {
    /// The share of a particle that was summed at placements with shares that sum to 1.
    pub fn new(particle: &Whitened, map: &OwnMap<'_>, placements: Vec<(Placement, f64)>) -> Self {
        let geometry = &particle.geometry;
        let step = (std::f64::consts::TAU / geometry.box_size as f64).powi(2);
        let of_shell = |(range, information): (std::ops::Range<usize>, f64)| {
            let mut sums = [0.0; 7];
            for i in range {
                let [x, y, z] = geometry.positions[i].map(f64::from);
                let weight = f64::from(particle.weights[i]);
                let terms = [1.0, x * x, y * y, z * z, x * y, x * z, y * z];
                for (sum, term) in sums.iter_mut().zip(terms) {
                    *sum += weight * term;
                }
            }
            let total = sums[0];
            if information > 0.0 && total > 0.0 {
                Shell {
                    height: 2.0 * map.fraction * total / information,
                    spread: std::array::from_fn(|k| step * sums[k + 1] / total),
                }
            } else {
                Shell::default()
            }
        };
        let shells = geometry.shells().zip(map.information);
        Self {
            shells: shells
                .map(|((_, range), information)| of_shell((range, *information)))
                .collect(),
            extent: map.extent,
            placements,
            group: if map.group.is_empty() {
                vec![DQuat::IDENTITY]
            } else {
                map.group.to_vec()
            },
        }
    }

    /// S of a placement over shells 1 … band, and its gradient over (ω, t).
    pub fn value_and_gradient(&self, placement: &Placement, band: usize) -> (f64, [f64; 6]) {
        let (mut value, mut gradient) = (0.0, [0.0; 6]);
        let shells = self.shells.iter().take(band + 1).skip(1);
        let heights: f64 = shells.clone().map(|shell| shell.height).sum();
        for (summed, share) in &self.placements {
            let moved = placement.shift - summed.shift;
            let turned = self.least_turn(placement.rotation, summed.rotation);
            for shell in shells.clone().filter(|shell| shell.height > 1e-9 * heights) {
                let (along, across) = shell.slopes(turned, moved, self.extent);
                let fall = 0.5 * (turned.dot(across) + moved.dot(along));
                if fall > 30.0 {
                    continue;
                }
                let part = share * shell.height * (-fall).exp();
                value += part;
                for axis in 0..3 {
                    gradient[axis] -= part * across[axis];
                    gradient[3 + axis] -= part * along[axis];
                }
            }
        }
        (value, gradient)
    }

    /// The least turn from one rotation to another that looks alike.
    fn least_turn(&self, to: DQuat, from: DQuat) -> DVec3 {
        let turns = self
            .group
            .iter()
            .map(|g| rotation_vector(to * *g * from.conjugate()));
        let least = turns.min_by(|a, b| a.length_squared().total_cmp(&b.length_squared()));
        least.unwrap_or_default()
    }
}

impl Shell {
    /// The slopes of the exponent along the shift, T t, and along the turn, s² (tr T − T) ω.
    fn slopes(&self, turned: DVec3, moved: DVec3, extent: f64) -> (DVec3, DVec3) {
        let [xx, yy, zz, xy, xz, yz] = self.spread;
        let spread = |v: DVec3| {
            DVec3::new(
                xx * v.x + xy * v.y + xz * v.z,
                xy * v.x + yy * v.y + yz * v.z,
                xz * v.x + yz * v.y + zz * v.z,
            )
        };
        let across = (turned * (xx + yy + zz) - spread(turned)) * extent;
        (spread(moved), across)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ndarray::Array3;
    use num_complex::Complex32;
    use rand_distr::{Distribution, StandardNormal};
    use thon_signal::fft::Fft3;
    use thon_signal::mask::{box_centre, sphere};

    use super::*;
    use crate::{HalfBall, Reference, SampleGeometry};

    const N: usize = 24;
    const BAND: usize = 9;

    /// White noise of power 1 inside a sphere: as data with W = 1, and as a map.
    fn noise(seed: u64, mask: &Array3<f32>) -> (Whitened, Vec<f32>) {
        let mut random = thon_compute::seed_stream(seed, "own share", 0);
        let deviation = (N as f64).powf(-1.5) as f32;
        let map = mask.mapv(|m| {
            let value: f32 = StandardNormal.sample(&mut random);
            value * m * deviation
        });
        let reference = Reference::new(map.as_slice().unwrap(), N).unwrap();
        let ball = HalfBall::new(BAND);
        let positions: Vec<[f32; 3]> = ball.points.iter().map(|p| p.map(f32::from)).collect();
        let value = |p: &[f32; 3]| reference.value(DVec3::from_array(p.map(f64::from)));
        let products: Vec<Complex32> = positions.iter().map(value).collect();
        let lattice = Some((0..positions.len() as u32).collect());
        let weights = vec![1.0; positions.len()];
        let geometry = SampleGeometry::new(N, BAND, positions, lattice, 1).unwrap();
        let particle = Whitened {
            geometry: Arc::new(geometry),
            products,
            weights,
        };
        (particle, map.into_raw_vec_and_offset().0)
    }

    /// The part of the map that D/H is, masked again, with shells beyond the band cut.
    fn averaged(map: Vec<f32>, mask: &Array3<f32>, information: f64) -> Reference {
        let cube = Array3::from_shape_vec((N, N, N), map).unwrap();
        let plan = Fft3::plan([N; 3]);
        let mut spectrum = plan.forward(&cube);
        let signed = |i: usize| thon_signal::fft::signed_index(i, N) as f32;
        for ((z, y, x), value) in spectrum.indexed_iter_mut() {
            let shell = crate::shell_of([x as f32, signed(y), signed(z)]);
            *value *= if shell > BAND {
                0.0
            } else {
                (1.0 / information) as f32
            };
        }
        let back = plan.inverse(&spectrum) * mask;
        Reference::new(back.as_slice().unwrap(), N).unwrap()
    }

    #[test]
    fn noise_finds_itself_as_stated() {
        let mask = sphere([N; 3], box_centre([N; 3]), 8.0, 2.0);
        let information = vec![20.0; BAND + 1];
        let power = mask.mapv(|m| f64::from(m).powi(3));
        let fraction = power.sum() / (N as f64).powi(3);
        let at = |i: usize| (i as f64 - (N / 2) as f64).powi(2);
        let moment = |((z, y, x), m): ((usize, usize, usize), &f64)| m * (at(x) + at(y) + at(z));
        let extent = power.indexed_iter().map(moment).sum::<f64>() / power.sum() / 3.0;
        let own_map = OwnMap {
            information: &information,
            fraction,
            extent,
            group: &[],
        };
        let start = Placement::default();
        let steps = [
            [0.0; 6],
            [0.0, 0.0, 0.0, 0.4, -0.3, 0.2],
            [0.05, -0.03, 0.02, 0.0, 0.0, 0.0],
            [0.0, 0.1, -0.05, 0.0, 0.5, 0.3],
        ];
        let mut sums = [[0.0; 2]; 4];
        for seed in 0..12 {
            let (particle, map) = noise(seed, &mask);
            let reference = averaged(map, &mask, 20.0);
            let own = OwnShare::new(&particle, &own_map, vec![(start, 1.0)]);
            for (sum, step) in sums.iter_mut().zip(&steps) {
                let there = start.moved(step);
                let samples = particle.geometry.positions.iter().zip(&particle.products);
                let found = samples.map(|(q, d)| {
                    let q = DVec3::from_array(q.map(f64::from));
                    f64::from((d.conj() * reference.seen(there.rotation, there.shift, q)).re)
                });
                sum[0] += 2.0 * found.sum::<f64>();
                sum[1] += own.value_and_gradient(&there, BAND).0;
            }
        }
        for (step, [found, stated]) in steps.iter().zip(sums) {
            println!(
                "{step:?}: found {:.3}, stated {:.3}",
                found / 12.0,
                stated / 12.0
            );
            assert!((stated / found - 1.0).abs() < 0.15, "{step:?}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_the_value() {
        let mask = sphere([N; 3], box_centre([N; 3]), 8.0, 2.0);
        let (particle, _) = noise(1, &mask);
        let information = [0.0, 5.0, 5.0, 6.0, 7.0, 9.0, 20.0, 40.0, 80.0, 200.0];
        let group = "C4".parse::<thon_geometry::Symmetry>().unwrap().rotations();
        let map = OwnMap {
            information: &information,
            fraction: 0.15,
            extent: 13.0,
            group: &group,
        };
        let summed = Placement::default().moved(&[0.3, 0.2, -0.1, 1.0, 0.0, -1.0]);
        let own = OwnShare::new(
            &particle,
            &map,
            vec![(summed, 0.6), (Placement::default(), 0.4)],
        );
        let here = summed.moved(&[0.01, -0.02, 0.015, 0.3, 0.1, -0.2]);
        let (_, gradient) = own.value_and_gradient(&here, 8);
        for (k, slope) in gradient.iter().enumerate() {
            let at = |step: f64| {
                let mut x = [0.0; 6];
                x[k] = step;
                own.value_and_gradient(&here.moved(&x), 8).0
            };
            let found = (at(1e-4) - at(-1e-4)) / 2e-4;
            assert!(
                (found - slope).abs() < 0.03 * gradient[0].abs().max(1.0),
                "{k}: {found} {slope}"
            );
        }
        // Seen from a quarter turn about the axis, a fourfold map is the same.
        let turned = Placement {
            rotation: here.rotation * group[1],
            ..here
        };
        let [a, b] = [here, turned].map(|p| own.value_and_gradient(&p, 8).0);
        assert!((a - b).abs() < 1e-9 * a);
    }
}
