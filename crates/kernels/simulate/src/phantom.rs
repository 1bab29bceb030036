//! A particle's excess potential as a sum of Gaussians, known exactly in real and in Fourier space.
//!
//! V(r) = Σ w · (2πσ²)^(−3/2) · exp(−|r − p|²/2σ²), w in V·Å³, positions in Å from the particle's origin; its transform is
//! F(k) = Σ w · exp(−2π²σ²k²) · exp(−2πi k·p). Projections ([`ImageProjector`]) and volumes ([`Phantom::volume`]) are
//! made from the points themselves, so there is no interpolation of a sampled map; their error is that of the gridding
//! (2·10⁻⁵ of the total weight, see `gridding.rs`).

mod atoms;
mod project;
mod ribosome;
mod text;
mod volume;

pub use atoms::Atom;
pub use project::ImageProjector;

use thon_geometry::glam::DVec3;
use thon_geometry::{Particle, Point};
use thon_model::Map;
use thon_units::{Angstrom, SpatialFrequency};

use crate::PhantomError;

/// One Gaussian of a phantom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    /// Its centre.
    pub position: Point<Particle>,
    /// Its integral over space, V·Å³.
    pub weight: f64,
    /// Its standard deviation along each axis.
    pub sigma: Angstrom,
}

/// Points that share one radial form factor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Class {
    /// Standard deviation of the Gaussians, Å; 0 for bare points.
    pub sigma: f64,
    /// Radius of the homogeneous balls that the Gaussians are folded with, Å; 0 for none.
    pub ball: f64,
    /// Where the transform ends, cycles/Å, with a soft edge from 0.9 of it; infinite for no end.
    pub band_limit: f64,
    /// Positions, Å.
    pub positions: Vec<DVec3>,
    /// Weights, V·Å³.
    pub weights: Vec<f64>,
}

impl Class {
    /// The form factor at |k|, cycles/Å.
    pub(crate) fn form_factor(&self, k: f64) -> f64 {
        let pi = std::f64::consts::PI;
        let edge = if self.band_limit.is_finite() {
            let inside = ((self.band_limit - k) / (0.1 * self.band_limit)).clamp(0.0, 1.0);
            0.5 - 0.5 * (pi * inside).cos()
        } else {
            1.0
        };
        edge * (-2.0 * (pi * self.sigma * k).powi(2)).exp() * ball_transform(self.ball * k)
    }

    /// How far matter reaches beyond its points, Å.
    fn reach(&self) -> f64 {
        3.0 * self.sigma + self.ball
    }
}

/// Transform of the homogeneous ball of unit integral at q/2π radii⁻¹: 3 (sin q − q cos q)/q³, q = 2πkR.
fn ball_transform(radii: f64) -> f64 {
    let q = std::f64::consts::TAU * radii;
    if q < 1e-3 {
        1.0 - 0.1 * q * q
    } else {
        3.0 * (q.sin() - q * q.cos()) / q.powi(3)
    }
}

/// A particle as a sum of Gaussians; see the [module](self).
#[derive(Clone, Debug, PartialEq)]
pub struct Phantom {
    classes: Vec<Class>,
}

impl Phantom {
    /// From Gaussians of any widths; widths are rounded to a multiple of 0.25 Å, so that they fall into few classes.
    ///
    /// ```
    /// use thon_geometry::Point;
    /// use thon_simulate::phantom::{Gaussian, Phantom};
    /// use thon_units::Angstrom;
    /// let point = |x, weight| Gaussian { position: Point::new(x, 0.0, 0.0), weight, sigma: Angstrom(4.0) };
    /// let dumbbell = Phantom::from_gaussians([point(-30.0, 1.0), point(30.0, 3.0)])?;
    /// assert_eq!(dumbbell.total_weight(), 4.0);
    /// assert_eq!(dumbbell.centre_of_mass().xyz.x, 15.0);
    /// # Ok::<(), thon_simulate::PhantomError>(())
    /// ```
    ///
    /// # Errors
    /// [`PhantomError::Empty`] when no Gaussian has a finite position and a finite weight other than zero.
    pub fn from_gaussians(
        gaussians: impl IntoIterator<Item = Gaussian>,
    ) -> Result<Self, PhantomError> {
        let mut by_width = std::collections::BTreeMap::<u32, Class>::new();
        for gaussian in gaussians {
            let usable = gaussian.position.xyz.is_finite()
                && gaussian.weight.is_finite()
                && gaussian.weight != 0.0
                && gaussian.sigma.0.is_finite();
            if !usable {
                continue;
            }
            let quarters = (gaussian.sigma.0.abs() * 4.0).round().min(1e6) as u32;
            let class = by_width.entry(quarters).or_insert_with(|| Class {
                sigma: f64::from(quarters) * 0.25,
                ball: 0.0,
                band_limit: f64::INFINITY,
                positions: Vec::new(),
                weights: Vec::new(),
            });
            class.positions.push(gaussian.position.xyz);
            class.weights.push(gaussian.weight);
        }
        Self::from_classes(by_width.into_values().collect())
    }

    /// The band-limited function that a map samples: every voxel above `threshold` becomes a point, cut off softly
    /// before the map's Nyquist frequency. Map values are taken as potential in V.
    ///
    /// # Errors
    /// [`PhantomError::Empty`] when no voxel is above the threshold.
    pub fn from_map(map: &Map, threshold: f32) -> Result<Self, PhantomError> {
        let [nz, ny, nx] = map.dims().map(|n| (n / 2) as f64);
        let voxel = map.voxel_size.0;
        let (mut positions, mut weights) = (Vec::new(), Vec::new());
        for ((z, y, x), value) in map.data.indexed_iter() {
            if value.is_finite() && *value > threshold {
                let index = DVec3::new(x as f64 - nx, y as f64 - ny, z as f64 - nz);
                positions.push(index * voxel);
                weights.push(f64::from(*value) * voxel.powi(3));
            }
        }
        Self::from_classes(vec![Class {
            sigma: 0.0,
            ball: 0.0,
            band_limit: map.voxel_size.nyquist().0,
            positions,
            weights,
        }])
    }

    /// A homogeneous ball of `radius` and `potential` (V) about the origin.
    ///
    /// ```
    /// use thon_simulate::Phantom;
    /// use thon_units::{Angstrom, PixelSize};
    /// let map = Phantom::ball(Angstrom(60.0), 2.0)?.volume(48, PixelSize(4.0));
    /// assert!((map.data[[24, 24, 24]] - 2.0).abs() < 0.1 && map.data[[24, 24, 2]].abs() < 0.1);
    /// # Ok::<(), thon_simulate::PhantomError>(())
    /// ```
    ///
    /// # Errors
    /// [`PhantomError::Empty`] for a ball without volume or potential.
    pub fn ball(radius: Angstrom, potential: f64) -> Result<Self, PhantomError> {
        let volume = 4.0 / 3.0 * std::f64::consts::PI * radius.0.abs().powi(3);
        Self::from_classes(vec![Class {
            sigma: 0.0,
            ball: radius.0.abs(),
            band_limit: f64::INFINITY,
            positions: vec![DVec3::ZERO],
            weights: vec![potential * volume],
        }])
    }

    pub(crate) fn from_classes(classes: Vec<Class>) -> Result<Self, PhantomError> {
        if classes.iter().all(|c| c.weights.iter().all(|w| *w == 0.0)) {
            return Err(PhantomError::Empty {
                hint: "check the threshold, or that the atoms were read",
            });
        }
        Ok(Self { classes })
    }

    pub(crate) fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// Number of points.
    pub fn point_count(&self) -> usize {
        self.classes.iter().map(|c| c.positions.len()).sum()
    }

    /// ∫ V dr, V·Å³.
    pub fn total_weight(&self) -> f64 {
        self.classes.iter().flat_map(|c| &c.weights).sum()
    }

    /// Σ w·p / Σ w.
    pub fn centre_of_mass(&self) -> Point<Particle> {
        let sum: DVec3 = self
            .classes
            .iter()
            .flat_map(|c| c.positions.iter().zip(&c.weights))
            .map(|(p, w)| *p * *w)
            .sum();
        Point::from_vector(sum / self.total_weight())
    }

    /// Radius of the ball about the origin that holds every point and three standard deviations around it.
    pub fn radius(&self) -> Angstrom {
        let reach = |c: &Class| {
            let farthest = c.positions.iter().map(|p| p.length()).fold(0.0, f64::max);
            farthest + c.reach()
        };
        Angstrom(self.classes.iter().map(reach).fold(0.0, f64::max))
    }

    /// Radius of the ball about the origin that holds the points with this fraction of Σ|w|, one standard deviation each.
    pub fn radius_holding(&self, fraction: f64) -> Angstrom {
        let points = |c: &Class| -> Vec<(f64, f64)> {
            let radii = c.positions.iter().map(|p| p.length() + c.sigma + c.ball);
            radii.zip(c.weights.iter().map(|w| w.abs())).collect()
        };
        let mut points: Vec<(f64, f64)> = self.classes.iter().flat_map(points).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = points.iter().map(|p| p.1).sum();
        let mut held = 0.0;
        let reached = points.iter().find(|(_, weight)| {
            held += weight;
            held >= fraction * total
        });
        Angstrom(reached.or(points.last()).map_or(0.0, |p| p.0))
    }

    /// The same phantom with its weights multiplied by `factor` and its points moved by `offset` (Å) afterwards.
    #[must_use]
    pub fn transformed(mut self, factor: f64, offset: DVec3) -> Self {
        for class in &mut self.classes {
            class.weights.iter_mut().for_each(|w| *w *= factor);
            class.positions.iter_mut().for_each(|p| *p += offset);
        }
        self
    }

    /// F(k) = ∫ V(r) exp(−2πi k·r) dr as (real, imaginary), V·Å³, by the plain sum; k in cycles/Å.
    pub fn transform_at(&self, k: DVec3) -> (f64, f64) {
        let (mut real, mut imaginary) = (0.0, 0.0);
        for class in &self.classes {
            let factor = class.form_factor(k.length());
            for (position, weight) in class.positions.iter().zip(&class.weights) {
                let (sine, cosine) = (-std::f64::consts::TAU * k.dot(*position)).sin_cos();
                real += factor * weight * cosine;
                imaginary += factor * weight * sine;
            }
        }
        (real, imaginary)
    }

    /// |F(k)|² averaged over `directions` evenly spread directions (golden spiral), V²·Å⁶.
    pub fn mean_power(&self, k: SpatialFrequency, directions: usize) -> f64 {
        let directions = directions.max(1);
        let golden = std::f64::consts::PI * (3.0 - 5f64.sqrt());
        let sum: f64 = (0..directions)
            .map(|i| {
                let z = (i as f64 + 0.5) / directions as f64; // half a sphere: F(−k) = F(k)*
                let (sine, cosine) = (golden * i as f64).sin_cos();
                let ring = (1.0 - z * z).sqrt();
                let (re, im) = self.transform_at(DVec3::new(ring * cosine, ring * sine, z) * k.0);
                re * re + im * im
            })
            .sum();
        sum / directions as f64
    }
}
