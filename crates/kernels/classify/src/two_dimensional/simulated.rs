//! Simulated projections with their truth: particles in any direction, gold beads, and noise alone.
//!
//! A particle is the central slice of a map at a random rotation and in-plane shift; gold is a dense sphere, some ten
//! times as strong; junk is noise. The noise is white with an excess at low frequencies, as that of ice.

use glam::{DQuat, DVec3};
use num_complex::Complex32;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thon_geometry::random_rotation;
use thon_likelihood::SourceError;
use thon_reconstruct::FourierVolume;

use super::plane::Plane;
use super::{HalfDisc, ImageSource};

/// What an image shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A particle of the given map.
    Particle(usize),
    /// A gold bead.
    Gold,
    /// Nothing but noise.
    Noise,
}

/// What is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Scheme {
    /// Edge of the images, pixels.
    pub box_size: usize,
    /// Edge of a pixel, Å.
    pub pixel_size: f64,
    /// Variance of the particle inside its radius over that of the noise, per pixel.
    pub signal_to_noise: f64,
    /// Radius of the particle, Å.
    pub radius: f64,
    /// Radius of gold beads, Å.
    pub gold_radius: f64,
    /// Largest shift, Å.
    pub largest_shift: f64,
    /// Turn particles about the viewing axis only.
    pub one_view: bool,
    /// Seed.
    pub seed: u64,
}

/// Simulated images and their truth.
pub struct SimulatedImages {
    /// What was simulated.
    pub scheme: Scheme,
    /// What each image shows.
    pub kinds: Vec<Kind>,
    /// In-plane angle of each (meaningful with one view), radians.
    pub angles: Vec<f64>,
    /// Shift of each, pixels (x, y).
    pub shifts: Vec<[f64; 2]>,
    images: Vec<Vec<f32>>,
}

impl SimulatedImages {
    /// Images of the given kinds from maps `[n, n, n]`, one after the other.
    ///
    /// # Panics
    /// When a map is not of the scheme's box.
    pub fn new(maps: &[Vec<f32>], kinds: Vec<Kind>, scheme: Scheme) -> Self {
        let n = scheme.box_size;
        let maps: Vec<FourierVolume> = maps
            .iter()
            .map(|map| FourierVolume::new(map, n, 2).expect("maps of the scheme's box"))
            .collect();
        let (plane, disc) = (Plane::new(n), HalfDisc::new((n - 1) / 2));
        let mut simulated = Self {
            scheme,
            kinds,
            angles: Vec::new(),
            shifts: Vec::new(),
            images: Vec::new(),
        };
        let scale = maps.first().map_or(1.0, |map| {
            let slice = slice(map, &disc, DQuat::IDENTITY, [0.0; 2]);
            1.0 / simulated.deviation(&plane.image(&slice, &disc))
        });
        for i in 0..simulated.kinds.len() {
            let image = simulated.draw(i, &maps, scale, &plane, &disc);
            simulated.images.push(image);
        }
        simulated
    }

    /// Standard deviation of an image inside the particle's radius.
    fn deviation(&self, image: &[f32]) -> f64 {
        let n = self.scheme.box_size;
        let inside = super::plane::soft_disc(n, self.scheme.radius / self.scheme.pixel_size, 0.0);
        let values: Vec<f64> = (image.iter().zip(&inside))
            .filter(|(_, m)| **m > 0.5)
            .map(|(v, _)| f64::from(*v))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    }

    fn draw(
        &mut self,
        i: usize,
        maps: &[FourierVolume],
        scale: f64,
        plane: &Plane,
        disc: &HalfDisc,
    ) -> Vec<f32> {
        let scheme = self.scheme;
        let n = scheme.box_size;
        let mut random = thon_compute::seed_stream(scheme.seed, "simulated image", i as u64);
        let angle = random.random_range(0.0..std::f64::consts::TAU);
        let reach = scheme.largest_shift / scheme.pixel_size;
        let (direction, radius) = (
            random.random_range(0.0..std::f64::consts::TAU),
            reach * random.random_range(0.0..1.0_f64).sqrt(),
        );
        let shift = [radius * direction.cos(), radius * direction.sin()];
        let view = random_rotation(&mut random);
        let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
        let view = if scheme.one_view {
            DQuat::from_rotation_z(angle)
        } else {
            view
        };
        let height = scheme.signal_to_noise.sqrt();
        let gold = scheme.gold_radius / scheme.pixel_size;
        let mut image = match self.kinds[i] {
            Kind::Particle(map) => {
                let clean = plane.image(&slice(&maps[map], disc, view, shift), disc);
                clean.iter().map(|v| v * (scale * height) as f32).collect()
            }
            Kind::Gold => {
                let centre = (n / 2) as f64;
                let depth = |p: usize| {
                    let (x, y) = (
                        (p % n) as f64 - centre - shift[0],
                        (p / n) as f64 - centre - shift[1],
                    );
                    (gold * gold - x * x - y * y).max(0.0).sqrt() / gold
                };
                (0..n * n)
                    .map(|p| (10.0 * height * depth(p)) as f32)
                    .collect()
            }
            Kind::Noise => vec![0.0; n * n],
        };
        let noise: Vec<Complex32> = disc
            .points
            .iter()
            .map(|[x, y]| {
                let k = f64::from(*x).hypot(f64::from(*y)) / (n as f64 * scheme.pixel_size);
                let power = 1.0 + 2.0 * (-k * k / (2.0 * (1.0_f64 / 80.0).powi(2))).exp();
                let amplitude = (power / 2.0).sqrt() * n as f64;
                Complex32::new((amplitude * normal()) as f32, (amplitude * normal()) as f32)
            })
            .collect();
        image
            .iter_mut()
            .zip(plane.image(&noise, disc))
            .for_each(|(v, e)| *v += e);
        self.angles.push(angle);
        self.shifts.push(shift);
        image
    }
}

/// The central slice of a map turned by `view`, displaced in the plane.
fn slice(map: &FourierVolume, disc: &HalfDisc, view: DQuat, shift: [f64; 2]) -> Vec<Complex32> {
    let back = view.conjugate();
    let value = |[x, y]: &[i16; 2]| {
        let (x, y) = (f64::from(*x), f64::from(*y));
        let turn = -std::f64::consts::TAU * (x * shift[0] + y * shift[1]) / map.box_size() as f64;
        map.value(back * DVec3::new(x, y, 0.0))
            * Complex32::new(turn.cos() as f32, turn.sin() as f32)
    };
    disc.points.iter().map(value).collect()
}

impl ImageSource for SimulatedImages {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn box_size(&self) -> usize {
        self.scheme.box_size
    }

    fn pixel_size(&self) -> f64 {
        self.scheme.pixel_size
    }

    fn image(&self, index: usize) -> Result<Vec<f32>, SourceError> {
        Ok(self.images[index].clone())
    }
}
