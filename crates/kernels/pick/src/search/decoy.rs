//! Decoys: maps that are as much like a particle as the template, and are not it.
//!
//! Whatever is not the wanted particle should answer to a decoy as it answers to the template. The mirror image is the fairest: same
//! spectrum, same outline, same density at every radius. Where a particle is nearly its own mirror image, seen through the tilt series, it
//! answers to that as well as to the template, and a twisted template is taken: turned about an axis by an angle that grows with the
//! distance from the middle, its shells' powers made those of the template. Density, mass and radial profile stay; what
//! hangs together does not. A template of random phases is no fair decoy: its density spreads over the whole mask, and other particles
//! answer to it far less than to the template.
//!
//! How alike two templates are is the highest correlation that one, in any orientation, has with the other in the worst of
//! some orientations, both as the tilt series shows them.

use glam::{DQuat, DVec3};
use ndarray::Array3;
use rand::RngExt;
use rayon::prelude::*;
use thon_compute::seed_stream;
use thon_geometry::{Symmetry, random_rotation};
use thon_signal::fft::Fft3;
use thon_signal::resample::mirror3;
use thon_signal::shells::{Shells, shell_power};
use thon_units::Degrees;

use super::TurningTemplate;
use crate::{Orientations, PickError};

/// Most alike that the mirror image may be to be the decoy.
const MIRROR_LIMIT: f64 = 0.7;
/// Twists that are tried.
const TWISTS: u64 = 4;
/// Angle of a twist at the rim of the mask.
const TURN: f64 = std::f64::consts::PI;
/// Orientations in which templates are compared.
const PLACES: usize = 24;
/// Step of the orientations tried in each.
const STEP: Degrees = Degrees(30.0);

/// What scores are judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Decoy {
    /// The template's mirror image.
    Mirrored,
    /// The template twisted about an axis drawn with a seed.
    Twisted(u64),
}

impl Decoy {
    /// The map of the decoy; `radius` of the mask in voxels.
    pub fn map(self, template: &Array3<f32>, radius: f64) -> Array3<f32> {
        match self {
            Self::Mirrored => mirror3(template),
            Self::Twisted(seed) => twisted(template, radius, seed),
        }
    }

    /// The fairest decoy: the mirror image unless it is too much like the template, else the least alike of some twists.
    pub fn choose(
        template: &TurningTemplate,
        make: impl Fn(Self) -> Result<TurningTemplate, PickError>,
        seed: u64,
    ) -> Result<Self, PickError> {
        let wanted = Likeness::of(template, seed);
        let alike = |decoy: Self| make(decoy).map(|made| wanted.to(&made));
        if alike(Self::Mirrored)? <= MIRROR_LIMIT {
            return Ok(Self::Mirrored);
        }
        let mut best = (f64::INFINITY, Self::Mirrored);
        for twist in (0..TWISTS).map(|i| Self::Twisted(seed.wrapping_mul(TWISTS).wrapping_add(i))) {
            let found = alike(twist)?;
            if found < best.0 {
                best = (found, twist);
            }
        }
        Ok(best.1)
    }
}

/// A template in some orientations.
struct Likeness {
    boxes: Vec<Vec<f32>>,
    norms: Vec<f64>,
    tried: Orientations,
}

impl Likeness {
    fn of(template: &TurningTemplate, seed: u64) -> Self {
        let mut random = seed_stream(seed, "orientations of decoys", 0);
        let rotations: Vec<DQuat> = (0..PLACES).map(|_| random_rotation(&mut random)).collect();
        let boxes: Vec<Vec<f32>> = rotations
            .par_iter()
            .map(|rotation| template.normalised(*rotation))
            .collect();
        Self {
            norms: boxes.iter().map(|b| product(b, b).sqrt()).collect(),
            boxes,
            tried: Orientations::even(STEP.radians(), Symmetry::Cyclic(1)),
        }
    }

    /// How alike another is, in [−1, 1].
    fn to(&self, other: &TurningTemplate) -> f64 {
        let each: Vec<Vec<f64>> = self
            .tried
            .rotations()
            .par_iter()
            .map(|rotation| {
                let turned = other.normalised(*rotation);
                let norm = product(&turned, &turned).sqrt().max(1e-12);
                let correlation = |(values, own): (&Vec<f32>, &f64)| {
                    product(values, &turned) / (norm * own.max(1e-12))
                };
                self.boxes
                    .iter()
                    .zip(&self.norms)
                    .map(correlation)
                    .collect()
            })
            .collect();
        let best = |place: usize| each.iter().map(|list| list[place]).fold(-1.0, f64::max);
        (0..self.boxes.len()).map(best).fold(-1.0, f64::max)
    }
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum()
}

/// A cube turned about an axis through its middle by [`TURN`] at `radius`, less inside, with the power of every shell restored.
fn twisted(map: &Array3<f32>, radius: f64, seed: u64) -> Array3<f32> {
    let mut random = seed_stream(seed, "axis of a twist", 0);
    let height = 2.0 * random.random::<f64>() - 1.0;
    let (sin, cos) = (std::f64::consts::TAU * random.random::<f64>()).sin_cos();
    let across = (1.0 - height * height).sqrt();
    let axis = DVec3::new(across * cos, across * sin, height);
    let n = map.dim().0;
    let middle = DVec3::splat((n / 2) as f64);
    let turned = Array3::from_shape_fn(map.dim(), |(z, y, x)| {
        let from = DVec3::new(x as f64, y as f64, z as f64) - middle;
        let angle = TURN * (from.length() / radius).min(1.5);
        between(map, middle + DQuat::from_axis_angle(axis, angle) * from)
    });
    let plan = Fft3::plan([n; 3]);
    let mut spectrum = plan.forward(&turned);
    let [wanted, have] = [&plan.forward(map), &spectrum].map(|s| shell_power(s, [n; 3]).sum);
    let shells = Shells::new([n; 3]);
    for ((z, y, x), value) in spectrum.indexed_iter_mut() {
        let gain = match shells.shell([z, y, x]) {
            Some(shell) if have[shell] > 0.0 => (wanted[shell] / have[shell]).sqrt(),
            _ => 0.0,
        };
        *value *= gain as f32;
    }
    plan.inverse(&spectrum)
}

/// The map between its voxels; 0 beyond them.
fn between(map: &Array3<f32>, place: DVec3) -> f32 {
    let low = place.floor();
    let part = place - low;
    let mut sum = 0.0;
    for corner in 0..8_u8 {
        let step = DVec3::new(
            f64::from(corner & 1),
            f64::from(corner >> 1 & 1),
            f64::from(corner >> 2),
        );
        let weights = part * step + (DVec3::ONE - part) * (DVec3::ONE - step);
        let at = (low + step).to_array().map(|v| v as i64 as usize);
        if let Some(value) = map.get([at[2], at[1], at[0]]) {
            sum += f64::from(*value) * weights.element_product();
        }
    }
    sum as f32
}

#[cfg(test)]
mod tests {
    use super::super::Ball;
    use super::*;

    const N: usize = 24;
    const BALL: Ball = Ball {
        radius: 7.0,
        edge: 1.0,
    };

    /// Gaussian balls at places (x, y, z) from the middle.
    fn balls(places: &[[f64; 3]]) -> Array3<f32> {
        Array3::from_shape_fn((N, N, N), |(z, y, x)| {
            let at = DVec3::new(x as f64, y as f64, z as f64) - DVec3::splat((N / 2) as f64);
            let square = |p: &[f64; 3]| at.distance_squared(DVec3::from_array(*p));
            places.iter().map(|p| (-square(p) / 4.0).exp() as f32).sum()
        })
    }

    fn turning(map: &Array3<f32>) -> TurningTemplate {
        TurningTemplate::new(map, Array3::ones((N, N, N / 2 + 1)), BALL).unwrap()
    }

    fn chosen(map: &Array3<f32>) -> Decoy {
        let make = |decoy: Decoy| Ok(turning(&decoy.map(map, BALL.radius)));
        Decoy::choose(&turning(map), make, 1).unwrap()
    }

    #[test]
    fn what_is_its_own_mirror_image_gets_a_twisted_decoy() {
        // All in one plane: mirroring is turning.
        let flat = balls(&[
            [-5.0, 0.0, 0.0],
            [4.0, 3.0, 0.0],
            [1.0, -5.0, 0.0],
            [0.0, 0.0, 0.0],
        ]);
        assert!(matches!(chosen(&flat), Decoy::Twisted(_)));
        let wanted = Likeness::of(&turning(&flat), 1);
        let to = |decoy: Decoy| wanted.to(&turning(&decoy.map(&flat, BALL.radius)));
        let (mirrored, twisted) = (to(Decoy::Mirrored), to(chosen(&flat)));
        assert!(
            mirrored > 0.9 && twisted < mirrored - 0.1,
            "{mirrored} {twisted}"
        );
    }

    #[test]
    fn a_twist_keeps_the_power_of_every_shell() {
        let map = balls(&[[-5.0, 0.0, 1.0], [4.0, 3.0, 0.0], [1.0, -5.0, -3.0]]);
        let twist = Decoy::Twisted(7).map(&map, BALL.radius);
        let plan = Fft3::plan([N; 3]);
        let [before, after] = [&map, &twist].map(|m| shell_power(&plan.forward(m), [N; 3]).sum);
        for (a, b) in before.iter().zip(&after) {
            assert!((a - b).abs() <= 1e-3 * before[0], "{a} {b}");
        }
        assert_eq!(twist, Decoy::Twisted(7).map(&map, BALL.radius));
        assert_ne!(twist, Decoy::Twisted(8).map(&map, BALL.radius));
    }
}
