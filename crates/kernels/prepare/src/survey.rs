//! Views that cannot be used, and why: without contrast, dark, blocked, shifted, copies of others.
//!
//! Images come one at a time and leave a small picture and a few numbers behind; the verdict is made of all of them
//! together. Intensities are compared with exp(a − t/cos θ) fitted through all views so that outliers do not count, tiles of
//! a view with those of the series. Shifts are measured between neighbours in tilt; a view is shifted when most of its
//! neighbours say so and they agree among themselves.

mod neighbours;
mod verdict;

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_signal::resample::{Origin, fourier_resample2};
use thon_signal::statistics::summarise;
use thon_units::Radians;

pub use verdict::{ViewFault, ViewVerdict};

/// Edge of the small pictures, pixels.
const EDGE: usize = 256;
/// Edge of the full-size piece by which copies are told.
const PIECE: usize = 96;
/// Tiles along each edge.
const TILES: usize = 8;

/// When a view is called unusable.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SurveyOptions {
    /// Intensity below which a view is dark, as a part of what its tilt lets expect.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub dark: f64,
    /// Part of the field that may be dark before a view is blocked.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub blocked: f64,
    /// Displacement against its neighbours, as a part of the field, above which a view is shifted.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub shifted: f64,
}

impl Default for SurveyOptions {
    /// 0.4 of the expected intensity, a quarter of the field dark, a shift of 0.15 of the field.
    fn default() -> Self {
        Self {
            dark: 0.4,
            blocked: 0.25,
            shifted: 0.15,
        }
    }
}

/// What one image left behind.
#[derive(Clone, Debug)]
struct Glance {
    tilt_angle: Radians,
    not_finite: u64,
    constant: bool,
    mean: f64,
    deviation: f64,
    /// Means of `TILES × TILES` tiles.
    tiles: Vec<f64>,
    /// Small picture without its trend, tapered, `[EDGE, EDGE]`.
    small: Array2<f32>,
    /// Fine detail of the middle, normalised.
    piece: Vec<f32>,
}

/// Looks at the views of a series one by one; [`ViewSurvey::judge`] gives the verdicts.
#[derive(Debug)]
pub struct ViewSurvey {
    options: SurveyOptions,
    glances: Vec<Glance>,
    /// Angle of the tilt axis from image y, for the stretching between tilts.
    axis: Radians,
}

impl ViewSurvey {
    /// A survey without views; `axis` is the angle of the tilt axis from image y, as far as it is known.
    pub fn new(options: SurveyOptions, axis: Radians) -> Self {
        Self {
            options,
            glances: Vec::new(),
            axis,
        }
    }

    /// Takes the next view, `[y, x]`.
    pub fn add(&mut self, image: &Array2<f32>, tilt_angle: Radians) {
        let values = image.as_standard_layout();
        let summary = summarise(values.as_slice().unwrap_or(&[]));
        let usable = summary.not_finite == 0 && !summary.is_flat();
        let glance = Glance {
            tilt_angle,
            not_finite: summary.not_finite,
            constant: summary.not_finite == 0 && summary.is_flat(),
            mean: summary.mean,
            deviation: summary.standard_deviation,
            tiles: if usable { tiles(image) } else { Vec::new() },
            small: if usable {
                small(image, summary.mean as f32)
            } else {
                Array2::zeros((EDGE, EDGE))
            },
            piece: if usable { piece(image) } else { Vec::new() },
        };
        self.glances.push(glance);
    }

    /// One verdict per view, in the order they came.
    pub fn judge(&self) -> Vec<ViewVerdict> {
        verdict::judge(&self.glances, &self.options, self.axis)
    }
}

fn tiles(image: &Array2<f32>) -> Vec<f64> {
    let (ny, nx) = image.dim();
    let edges = |tile: usize, length: usize| tile * length / TILES..(tile + 1) * length / TILES;
    let mut means = Vec::with_capacity(TILES * TILES);
    for ty in 0..TILES {
        for tx in 0..TILES {
            let part = image.slice(ndarray::s![edges(ty, ny), edges(tx, nx)]);
            let sum: f64 = part.iter().map(|&v| f64::from(v)).sum();
            means.push(sum / part.len().max(1) as f64);
        }
    }
    means
}

/// The whole field on `EDGE × EDGE` pixels, without mean, faded towards the edges.
fn small(image: &Array2<f32>, mean: f32) -> Array2<f32> {
    let (ny, nx) = image.dim();
    let centred = image.mapv(|v| v - mean);
    let mut small = if ny > EDGE || nx > EDGE {
        let reduced = [ny.min(EDGE), nx.min(EDGE)];
        fourier_resample2(&centred, reduced, Origin::FirstVoxel)
    } else {
        centred
    };
    if small.dim() != (EDGE, EDGE) {
        small = fourier_resample2(&small, [EDGE, EDGE], Origin::FirstVoxel);
    }
    let fade = |i: usize| {
        let near = (i.min(EDGE - 1 - i) as f32 + 0.5) / (EDGE as f32 / 12.0);
        if near >= 1.0 {
            1.0
        } else {
            0.5 - 0.5 * (std::f32::consts::PI * near).cos()
        }
    };
    for ((y, x), value) in small.indexed_iter_mut() {
        *value *= fade(y) * fade(x);
    }
    small
}

/// Pixels of the middle minus the mean of their neighbours, mean 0 and length 1.
fn piece(image: &Array2<f32>) -> Vec<f32> {
    let (ny, nx) = image.dim();
    let edge = PIECE.min(ny.saturating_sub(2)).min(nx.saturating_sub(2));
    let (top, left) = ((ny - edge) / 2, (nx - edge) / 2);
    let mut fine = Vec::with_capacity(edge * edge);
    for y in top.max(1)..(top + edge).min(ny - 1) {
        for x in left.max(1)..(left + edge).min(nx - 1) {
            let around =
                image[[y - 1, x]] + image[[y + 1, x]] + image[[y, x - 1]] + image[[y, x + 1]];
            fine.push(image[[y, x]] - 0.25 * around);
        }
    }
    let length = fine
        .iter()
        .map(|v| f64::from(*v).powi(2))
        .sum::<f64>()
        .sqrt();
    if length > 0.0 {
        for v in &mut fine {
            *v = (f64::from(*v) / length) as f32;
        }
    }
    fine
}
