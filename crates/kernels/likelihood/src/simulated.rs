//! Simulated particles straight in Fourier space, with their truth: what the estimators are tested on.
//!
//! Each particle is a phantom at a random rotation and shift, seen through a single-axis tilt scheme: samples inside
//! the missing wedge are absent, the transfer is a CTF with an envelope that falls with the angle of the tilt that a
//! sample belongs to, the noise is white with the power of the inverse density of tilts. Everything on the lattice.

mod slices;

use std::sync::Arc;

use glam::DVec3;
use num_complex::Complex32;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thon_geometry::random_rotation;

use crate::{
    HalfBall, Observation, Observe, ParticleSource, Placement, Reference, SampleGeometry,
    SourceError, shell_of,
};

pub use slices::slices;

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    /// Number of particles.
    pub particles: usize,
    /// Edge of the box, voxels.
    pub box_size: usize,
    /// Edge of a voxel, Å.
    pub voxel_size: f64,
    /// Largest tilt angle, degrees; 90 for no wedge.
    pub largest_tilt: f64,
    /// Signal power of the map over noise power (before the density of tilts), mean over shells n/8 to n/4.
    pub signal_to_noise: f64,
    /// Largest shift, voxels.
    pub largest_shift: f64,
    /// Seed.
    pub seed: u64,
}

/// Simulated particles and their truth.
#[derive(Clone, Debug)]
pub struct SimulatedParticles {
    /// What was simulated.
    pub scheme: Scheme,
    /// Where each particle is.
    pub truth: Vec<Placement>,
    /// Class of each particle: index into the maps.
    pub classes: Vec<usize>,
    references: Vec<Reference>,
    noise_power: f64,
}

impl SimulatedParticles {
    /// Particles of several maps `[n, n, n]`, class i mod the number of maps.
    ///
    /// # Panics
    /// When a map is not of the scheme's box.
    pub fn new(maps: &[Vec<f32>], scheme: Scheme) -> Self {
        let references: Vec<Reference> = maps
            .iter()
            .map(|map| Reference::new(map, scheme.box_size).expect("maps of the scheme's box"))
            .collect();
        let mut truth = Vec::with_capacity(scheme.particles);
        for i in 0..scheme.particles {
            let mut random =
                thon_compute::seed_stream(scheme.seed, "simulated placement", i as u64);
            let rotation = random_rotation(&mut random);
            let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
            let direction = DVec3::new(normal(), normal(), normal()).normalize();
            let radius: f64 = random.random_range(0.0..1.0_f64).cbrt() * scheme.largest_shift;
            truth.push(Placement {
                rotation,
                shift: direction * radius,
            });
        }
        let noise_power = mean_power(&references[0], scheme.box_size) / scheme.signal_to_noise;
        let classes = (0..scheme.particles).map(|i| i % maps.len()).collect();
        Self {
            scheme,
            truth,
            classes,
            references,
            noise_power,
        }
    }

    /// Power of the noise before the density of tilts.
    pub fn noise_power(&self) -> f64 {
        self.noise_power
    }

    /// Transfer and relative noise power at a lattice point; none in the missing wedge.
    fn transfer(&self, point: [f32; 3], defocus: f64) -> Option<(f32, f64)> {
        let [x, y, z] = point.map(f64::from);
        let rho = x.hypot(z);
        let angle = z.atan2(x).to_degrees();
        let angle = if angle > 90.0 {
            angle - 180.0
        } else if angle < -90.0 {
            angle + 180.0
        } else {
            angle
        };
        if rho > 0.5 && angle.abs() > self.scheme.largest_tilt {
            return None;
        }
        let k = (rho * rho + y * y).sqrt() / (self.scheme.box_size as f64 * self.scheme.voxel_size);
        let wavelength = 0.0196875;
        let chi = std::f64::consts::PI * wavelength * defocus * k * k;
        let ctf = 0.9975 * chi.sin() + 0.07 * chi.cos();
        let envelope = (-angle.abs() / 3.0 * 2.0 * k * k).exp() * angle.to_radians().cos().max(0.1);
        Some(((ctf * envelope) as f32, (0.3 * rho).max(1.0)))
    }
}

/// Mean |V|² over shells n/8 to n/4.
fn mean_power(reference: &Reference, n: usize) -> f64 {
    let ball = HalfBall::new(n / 4);
    let points = &ball.points[ball.count_to(n / 8 - 1)..];
    let power = |p: &[i16; 3]| {
        let p = p.map(f64::from);
        f64::from(reference.value(DVec3::from_array(p)).norm_sqr())
    };
    points.iter().map(power).sum::<f64>() / points.len() as f64
}

impl ParticleSource for SimulatedParticles {
    fn len(&self) -> usize {
        self.scheme.particles
    }

    fn box_size(&self) -> usize {
        self.scheme.box_size
    }

    fn voxel_size(&self) -> f64 {
        self.scheme.voxel_size
    }

    fn groups(&self) -> usize {
        1
    }

    /// Masks are not applied: the particle is alone in its box and its noise is white.
    fn observe(&self, index: usize, wanted: &Observe) -> Result<Observation, SourceError> {
        let ball = HalfBall::new(wanted.band);
        let mut random =
            thon_compute::seed_stream(self.scheme.seed, "simulated noise", index as u64);
        let defocus = 20000.0 + 20000.0 * ((index % 7) as f64 / 6.0);
        let placement = self.truth[index];
        let reference = &self.references[self.classes[index]];
        let (mut positions, mut lattice) = (Vec::new(), Vec::new());
        let (mut products, mut weights) = (Vec::new(), Vec::new());
        for (i, point) in ball.points.iter().enumerate() {
            let point = point.map(f32::from);
            let mut normal = || -> f32 { StandardNormal.sample(&mut random) };
            let noise = Complex32::new(normal(), normal());
            let Some((c, relative)) = self.transfer(point, defocus) else {
                continue;
            };
            let q = DVec3::from_array(point.map(f64::from));
            let deviation = (self.noise_power / relative / 2.0).sqrt() as f32;
            let data =
                reference.seen(placement.rotation, placement.shift, q) * c + noise * deviation;
            positions.push(point);
            lattice.push(i as u32);
            products.push(data * c);
            weights.push(c * c);
        }
        debug_assert!(positions.iter().all(|p| shell_of(*p) <= wanted.band));
        let label = self.scheme.box_size as u64;
        let geometry = SampleGeometry::new(
            self.scheme.box_size,
            wanted.band,
            positions,
            Some(lattice),
            label,
        )?;
        Ok(Observation {
            geometry: Arc::new(geometry),
            products,
            weights,
            group: 0,
            mask_fraction: 1.0,
        })
    }
}

/// An asymmetric phantom of Gaussian blobs, `[n, n, n]`, about n/2 voxels across; another `variant`, other blobs.
pub fn phantom(n: usize, variant: u64) -> Vec<f32> {
    let mut random = thon_compute::seed_stream(variant, "phantom", 0);
    let mut between = |low: f64, high: f64| random.random_range(low..high);
    let reach = n as f64 / 4.0;
    let blobs: Vec<(DVec3, f64, f64)> = (0..60)
        .map(|_| {
            let direction = loop {
                let d = DVec3::new(between(-1.0, 1.0), between(-1.0, 1.0), between(-1.0, 1.0));
                if (0.05..1.0).contains(&d.length_squared()) {
                    break d;
                }
            };
            let place = direction * DVec3::new(1.0, 0.75, 0.6) * reach;
            (place, between(0.03, 0.07) * n as f64, between(0.3, 1.0))
        })
        .collect();
    let at = |i: usize| i as f64 - (n / 2) as f64;
    (0..n * n * n)
        .map(|i| {
            let r = DVec3::new(at(i % n), at(i / n % n), at(i / n / n));
            let one =
                |(c, s, d): &(DVec3, f64, f64)| d * (-r.distance_squared(*c) / (2.0 * s * s)).exp();
            blobs.iter().map(one).sum::<f64>() as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use glam::DQuat;

    use super::*;
    use crate::NoiseModel;

    #[test]
    fn the_truth_is_more_likely_than_its_neighbours() {
        let scheme = Scheme {
            particles: 3,
            box_size: 32,
            voxel_size: 10.0,
            largest_tilt: 60.0,
            signal_to_noise: 0.5,
            largest_shift: 2.0,
            seed: 5,
        };
        let map = phantom(32, 1);
        let particles = SimulatedParticles::new(std::slice::from_ref(&map), scheme);
        let reference = Reference::new(&map, 32).unwrap();
        let noise = NoiseModel {
            shells: vec![vec![particles.noise_power(); 11]],
            ..NoiseModel::default()
        };
        for i in 0..3 {
            let observation = particles
                .observe(
                    i,
                    &Observe {
                        band: 10,
                        mask: None,
                    },
                )
                .unwrap();
            observation.check().unwrap();
            let data = noise.whiten(&observation);
            let likelihood = |p: Placement| -> f64 {
                let samples = data
                    .geometry
                    .positions
                    .iter()
                    .zip(&data.products)
                    .zip(&data.weights);
                samples
                    .map(|((q, d), w)| {
                        let v = reference.seen(
                            p.rotation,
                            p.shift,
                            DVec3::from_array(q.map(f64::from)),
                        );
                        f64::from(2.0 * (d.conj() * v).re - w * v.norm_sqr())
                    })
                    .sum()
            };
            let truth = particles.truth[i];
            let best = likelihood(truth);
            let turned = Placement {
                rotation: DQuat::from_rotation_x(0.3) * truth.rotation,
                ..truth
            };
            let moved = Placement {
                shift: truth.shift + DVec3::new(0.0, 1.5, 0.0),
                ..truth
            };
            assert!(
                best > likelihood(turned) + 5.0 && best > likelihood(moved) + 5.0 && best > 5.0
            );
        }
    }
}
