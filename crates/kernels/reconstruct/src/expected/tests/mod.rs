//! Particles of a known map, exactly sampled, and what their sums and maps must be.

mod exact;
mod maps;

use glam::{DQuat, DVec3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_signal::fft::Complex32;

use super::*;
use crate::FourierVolume;

/// Samples of one particle on the lattice, with their placement.
struct Particle {
    positions: Vec<[f32; 3]>,
    products: Vec<Complex32>,
    weights: Vec<f32>,
    placements: Vec<WeightedPlacement>,
}

impl Particle {
    fn contribution(&self) -> Contribution<'_> {
        Contribution {
            positions: &self.positions,
            products: &self.products,
            weights: &self.weights,
            count: self.positions.len(),
            placements: &self.placements,
        }
    }
}

/// Points of one half of the lattice with shells 1 to `band`, by shell.
fn lattice(band: usize) -> Vec<[f32; 3]> {
    let reach = band as i32 + 1;
    let mut points = Vec::new();
    for z in -reach..=reach {
        for y in -reach..=reach {
            for x in 0..=reach {
                let kept = x > 0 || y > 0 || (y == 0 && z > 0);
                let shell = f64::from(x * x + y * y + z * z).sqrt().round() as usize;
                if kept && (1..=band).contains(&shell) {
                    points.push((shell, [x as f32, y as f32, z as f32]));
                }
            }
        }
    }
    points.sort_by_key(|(shell, _)| *shell);
    points.into_iter().map(|(_, point)| point).collect()
}

fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn rotation(random: &mut ChaCha8Rng) -> DQuat {
    let mut n = || normal(random);
    DQuat::from_xyzw(n(), n(), n(), n()).normalize()
}

/// Particles of a map through a wedge of 60° and a transfer that falls and changes sign, noise of power `noise`,
/// everything in units of the noise.
fn particles(map: &[f32], n: usize, band: usize, count: usize, noise: f64) -> Vec<Particle> {
    let volume = FourierVolume::new(map, n, 2).unwrap();
    let points = lattice(band);
    (0..count)
        .map(|i| {
            let mut random = ChaCha8Rng::seed_from_u64(i as u64);
            let placement = WeightedPlacement {
                rotation: rotation(&mut random),
                shift: DVec3::new(1.5, -0.7, 2.2) * normal(&mut random),
                weight: 1.0,
            };
            let (mut positions, mut products, mut weights) = (vec![], vec![], vec![]);
            for point in &points {
                let q = DVec3::from_array(point.map(f64::from));
                if q.z.abs() > 1.75 * q.x.abs() + 0.5 {
                    continue;
                }
                let c = (0.6 + 0.02 * i as f64 - 4.0 * q.length_squared() / (n * n) as f64) as f32;
                let angle = -std::f64::consts::TAU * q.dot(placement.shift) / n as f64;
                let phase = Complex32::new(angle.cos() as f32, angle.sin() as f32);
                let deviation = (noise / 2.0).sqrt();
                let error = Complex32::new(
                    (normal(&mut random) * deviation) as f32,
                    (normal(&mut random) * deviation) as f32,
                );
                let data = volume.value(placement.rotation.conjugate() * q) * phase * c + error;
                positions.push(*point);
                products.push(data * c / noise as f32);
                weights.push(c * c / noise as f32);
            }
            Particle {
                positions,
                products,
                weights,
                placements: vec![placement],
            }
        })
        .collect()
}

fn sums_of(n: usize, band: usize, noise: f64, particles: &[Particle]) -> ExpectedSums {
    let quanta = Quanta::from_noise([noise]).unwrap();
    let mut sums = ExpectedSums::new(n, 2, band, quanta).unwrap();
    let contributions: Vec<_> = particles.iter().map(Particle::contribution).collect();
    sums.insert(&contributions).unwrap();
    sums
}

/// White noise within a soft sphere: power in all shells.
fn white(n: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let at = |i: usize| i as f64 - (n / 2) as f64;
    (0..n * n * n)
        .map(|i| {
            let r = DVec3::new(at(i % n), at(i / n % n), at(i / n / n)).length() / n as f64;
            let inside = ((0.3 - r) * 20.0).clamp(0.0, 1.0);
            (normal(&mut random) * inside) as f32
        })
        .collect()
}

fn fsc(a: &[f32], b: &[f32], n: usize) -> Vec<f64> {
    let array = |v: &[f32]| ndarray::Array3::from_shape_vec((n, n, n), v.to_vec()).unwrap();
    thon_signal::shells::fsc(&array(a), &array(b)).fsc
}
