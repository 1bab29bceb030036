//! Fourier shell correlation by direction: is a map as good along one axis as along another?
//!
//! The correlation of two half maps in cones about many directions (Tan et al. 2017, Nat. Methods 14:793: "3DFSC"). Cross terms and
//! powers are gathered once into small cells of (shell, direction); a cone is the sum of its cells. Every pair of
//! mirrored coefficients counts once. A cone's curve is made to fall before its resolution is read.
//!
//! The sphericity is that of the body whose radius in every direction is the resolved frequency: surface of the ball of equal
//! volume over its own, 1 for an isotropic map, relative to the same mesh of a ball. (Tan et al. take the surface of the
//! thresholded volume; figures are close, not equal.)
//!
//! Frequencies are cycles/Å; directions `(x, y, z)` in the map's frame, d and −d the same.

mod cells;
#[cfg(test)]
mod tests;

use std::f64::consts::{FRAC_PI_2, TAU};

use glam::DVec3;
use ndarray::Array3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_model::{Map, Mask};
use thon_signal::fft::{Fft3, wrapped_index};
use thon_signal::shells::Shells;
use thon_units::{Angstrom, Degrees};

use crate::falling::{crossing, falling};
use crate::post_process::{PostProcessError, check_pair};
use cells::Cells;

/// Choices of [`directional_fsc`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DirectionalOptions {
    /// Half the opening angle of a cone.
    #[schemars(range(min = 5, max = 60))]
    pub cone: Degrees,
    /// FSC that defines the resolution.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-level" = "expert"))]
    pub threshold: f64,
}

impl Default for DirectionalOptions {
    fn default() -> Self {
        Self {
            cone: Degrees(20.0),
            threshold: 0.143,
        }
    }
}

/// Steps from pole to equator of the mesh of directions, 10° each.
const RINGS: usize = 9;
/// Steps round the pole.
const TURNS: usize = 36;

/// The correlation in cones about the directions of a mesh.
#[derive(Clone, Debug)]
pub struct DirectionalCorrelation {
    /// Directions of the cones: the pole z, then rings every 10° down to the equator, 36 each.
    pub directions: Vec<DVec3>,
    /// Correlation of each cone in each shell, 0 to floor(n/2).
    pub curves: Vec<Vec<f64>>,
    /// Frequency of each shell, cycles/Å.
    pub frequency: Vec<f64>,
    /// Resolution along each direction.
    pub resolution: Vec<Angstrom>,
    /// Sphericity of the resolved frequencies, at most 1.
    pub sphericity: f64,
    dims: [usize; 3],
}

/// Directional FSC of two half maps, inside a mask when there is one.
///
/// # Errors
/// When boxes or voxel sizes differ.
pub fn directional_fsc(
    halves: [&Map; 2],
    mask: Option<&Mask>,
    options: &DirectionalOptions,
) -> Result<DirectionalCorrelation, PostProcessError> {
    check_pair(halves[0], halves[1])?;
    if let Some(mask) = mask {
        check_pair(halves[0], &mask.0)?;
    }
    let dims = halves[0].dims();
    let plan = Fft3::plan(dims);
    let spectra = halves.map(|half| match mask {
        Some(mask) => plan.forward(&(&half.data * &mask.0.data)),
        None => plan.forward(&half.data),
    });
    let cells = Cells::of(&spectra, dims);
    let directions = mesh();
    let cosine = options.cone.radians().0.cos();
    let curves: Vec<Vec<f64>> = directions
        .iter()
        .map(|direction| cells.cone(*direction, cosine))
        .collect();
    let shells = Shells::new(dims);
    let voxel_size = halves[0].voxel_size.0;
    let radius: Vec<f64> = curves
        .iter()
        .map(|curve| crossing(&falling(curve), options.threshold).max(0.5))
        .collect();
    let step = shells.frequency(1) / voxel_size;
    Ok(DirectionalCorrelation {
        sphericity: sphericity(&directions, &radius),
        resolution: radius.iter().map(|r| Angstrom(1.0 / (r * step))).collect(),
        frequency: shells
            .frequencies()
            .iter()
            .map(|f| f / voxel_size)
            .collect(),
        directions,
        curves,
        dims,
    })
}

impl DirectionalCorrelation {
    /// Best and worst resolution with their directions.
    pub fn extremes(&self) -> [(Angstrom, DVec3); 2] {
        let by_resolution =
            |a: &usize, b: &usize| self.resolution[*a].0.total_cmp(&self.resolution[*b].0);
        let all = || 0..self.resolution.len();
        let at = |i: Option<usize>| {
            let i = i.unwrap_or(0);
            (self.resolution[i], self.directions[i])
        };
        [
            at(all().min_by(by_resolution)),
            at(all().max_by(by_resolution)),
        ]
    }

    /// Mean and standard deviation over directions (each weighing its share of the sphere) of the curves, shell by shell.
    pub fn spread(&self) -> Vec<(f64, f64)> {
        let weights: Vec<f64> = self.directions.iter().map(|d| share(*d)).collect();
        let total: f64 = weights.iter().sum();
        (0..self.frequency.len())
            .map(|shell| {
                let moment = |f: &dyn Fn(f64) -> f64| {
                    let terms = self.curves.iter().zip(&weights);
                    terms.map(|(c, w)| w * f(c[shell])).sum::<f64>() / total
                };
                let mean = moment(&|v| v);
                (mean, moment(&|v| (v - mean).powi(2)).sqrt())
            })
            .collect()
    }

    /// The curve of the cone nearest to a direction.
    pub fn along(&self, direction: DVec3) -> &[f64] {
        let cosine = |d: &DVec3| d.dot(direction).abs();
        let nearest = (0..self.directions.len())
            .max_by(|a, b| cosine(&self.directions[*a]).total_cmp(&cosine(&self.directions[*b])));
        &self.curves[nearest.unwrap_or(0)]
    }

    /// The three-dimensional FSC: at every Fourier voxel the correlation of its shell along its direction, frequency 0 at voxel
    /// floor(n/2); 0 beyond the last shell. For viewers; between directions it is interpolated.
    pub fn volume(&self) -> Array3<f32> {
        let shells = Shells::new(self.dims);
        let [nz, ny, nx] = self.dims;
        Array3::from_shape_fn(self.dims, |(z, y, x)| {
            let k = [(z, nz), (y, ny), (x, nx)].map(|(i, n)| i as f64 - (n / 2) as f64);
            // Radii come from the stored half; the mirrored coefficient has the same.
            let sign = if k[2] < 0.0 { -1 } else { 1 };
            let index = |k: f64, n: usize| wrapped_index(sign * k as isize, n);
            let element = [
                index(k[0], nz),
                index(k[1], ny),
                (k[2].abs() as usize).min(nx / 2),
            ];
            let Some(shell) = shells.shell(element) else {
                return 0.0;
            };
            let direction = DVec3::new(k[2] / nx as f64, k[1] / ny as f64, k[0] / nz as f64);
            self.between(direction, shell) as f32
        })
    }

    /// Bilinear between the directions of the mesh.
    fn between(&self, direction: DVec3, shell: usize) -> f64 {
        let Some(mut d) = direction.try_normalize() else {
            return self.curves[0][shell];
        };
        if d.z < 0.0 {
            d = -d;
        }
        let theta = d.z.clamp(-1.0, 1.0).acos() / FRAC_PI_2 * RINGS as f64;
        let phi = d.y.atan2(d.x).rem_euclid(TAU) / TAU * TURNS as f64;
        let ring = (theta as usize).min(RINGS - 1);
        let turn = phi as usize % TURNS;
        let (t, p) = (theta - ring as f64, phi - phi.floor());
        let value = |ring: usize, turn: usize| self.curves[vertex(ring, turn)][shell];
        let along = |ring| value(ring, turn) * (1.0 - p) + value(ring, turn + 1) * p;
        along(ring) * (1.0 - t) + along(ring + 1) * t
    }
}

/// Number of a vertex of the mesh.
fn vertex(ring: usize, turn: usize) -> usize {
    if ring == 0 {
        0
    } else {
        1 + (ring - 1) * TURNS + turn % TURNS
    }
}

fn mesh() -> Vec<DVec3> {
    let ring = |ring: usize| {
        let theta = FRAC_PI_2 * ring as f64 / RINGS as f64;
        (0..TURNS).map(move |turn| {
            let phi = TAU * turn as f64 / TURNS as f64;
            DVec3::new(
                theta.sin() * phi.cos(),
                theta.sin() * phi.sin(),
                theta.cos(),
            )
        })
    };
    std::iter::once(DVec3::Z)
        .chain((1..=RINGS).flat_map(ring))
        .collect()
}

/// Solid angle of a vertex of the mesh, up to a factor: the equator's belong half to the other hemisphere.
fn share(direction: DVec3) -> f64 {
    let step = FRAC_PI_2 / RINGS as f64;
    let theta = direction.z.clamp(-1.0, 1.0).acos();
    if theta < step / 2.0 {
        TURNS as f64 * (1.0 - (step / 2.0).cos())
    } else {
        let end = (theta + step / 2.0).min(FRAC_PI_2);
        (theta - step / 2.0).cos() - end.cos()
    }
}

/// Sphericity of the body of these radii over that of the ball on the same mesh.
fn sphericity(directions: &[DVec3], radius: &[f64]) -> f64 {
    let body = |radius: &dyn Fn(usize) -> f64| {
        let (mut volume, mut surface) = (0.0, 0.0);
        let mut triangle = |a: usize, b: usize, c: usize| {
            let [a, b, c] = [a, b, c].map(|v| directions[v] * radius(v));
            volume += a.dot(b.cross(c)).abs() / 6.0;
            surface += (b - a).cross(c - a).length() / 2.0;
        };
        for turn in 0..TURNS {
            triangle(0, vertex(1, turn), vertex(1, turn + 1));
            for ring in 1..RINGS {
                let corner = |r, t| vertex(ring + r, turn + t);
                triangle(corner(0, 0), corner(1, 0), corner(1, 1));
                triangle(corner(0, 0), corner(1, 1), corner(0, 1));
            }
        }
        // Both hemispheres are alike.
        let (volume, surface) = (2.0 * volume, 2.0 * surface);
        (36.0 * std::f64::consts::PI * volume * volume).cbrt() / surface
    };
    body(&|vertex| radius[vertex]) / body(&|_| 1.0)
}
