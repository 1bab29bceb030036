//! Displacements between views of neighbouring tilt.

use std::f64::consts::PI;

use glam::{DMat2, DVec2};
use ndarray::{Array2, Axis};
use thon_signal::correlate::{Correlation, correlate2, highest_peak3};
use thon_signal::resample::{Interpolation, sample2};
use thon_units::Radians;

use super::{EDGE, Glance};

/// Displacement of one view against another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Displacement {
    /// As a part of the field.
    pub(super) size: f64,
    /// Height of the peak over the deviation of the correlation.
    pub(super) height: f64,
}

/// Height below which a displacement is not believed, deviations: the highest of 65536 random values lies at 4.3.
pub(super) const RELIABLE: f64 = 7.0;

/// Displacement of `b` against `a`: the view at the higher tilt is stretched across the axis first.
pub(super) fn displacement(a: &Glance, b: &Glance, axis: Radians) -> Displacement {
    let (low, high) = if a.tilt_angle.0.abs() <= b.tilt_angle.0.abs() {
        (a, b)
    } else {
        (b, a)
    };
    let ratio = (low.tilt_angle.0.cos() / high.tilt_angle.0.cos().max(0.1)).clamp(1.0, 2.0);
    let stretched = stretch(&high.small, ratio, axis);
    let map = correlate2(
        &filtered(&stretched),
        &filtered(&low.small),
        Correlation::Plain,
    );
    let deviation = (map.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / map.len() as f64)
        .sqrt()
        .max(f64::MIN_POSITIVE);
    let Some(peak) = highest_peak3(&map.insert_axis(Axis(0)), f64::INFINITY) else {
        return Displacement {
            size: 0.0,
            height: 0.0,
        };
    };
    let [x, y, _] = peak.shift([1, EDGE, EDGE]);
    Displacement {
        size: x.hypot(y) / EDGE as f64,
        height: f64::from(peak.value) / deviation,
    }
}

/// The picture stretched across the axis about its middle.
fn stretch(image: &Array2<f32>, ratio: f64, axis: Radians) -> Array2<f32> {
    if ratio < 1.0 + 1e-6 {
        return image.clone();
    }
    let turn = DMat2::from_angle(axis.0);
    let back = turn * DMat2::from_diagonal(DVec2::new(1.0 / ratio, 1.0)) * turn.transpose();
    let centre = DVec2::splat((EDGE / 2) as f64);
    Array2::from_shape_fn((EDGE, EDGE), |(y, x)| {
        let place = back * (DVec2::new(x as f64, y as f64) - centre) + centre;
        sample2(image, [place.x, place.y], Interpolation::Linear).unwrap_or(0.0)
    })
}

/// Without the slowest variation and the noise of single pixels: periods from a third of the field to four pixels.
fn filtered(image: &Array2<f32>) -> Array2<f32> {
    use thon_signal::fft::{Fft2, signed_index};
    let fft = Fft2::plan([EDGE, EDGE]);
    let mut spectrum = fft.forward(image);
    for ((iy, ix), value) in spectrum.indexed_iter_mut() {
        let k = (signed_index(iy, EDGE) as f64).hypot(ix as f64);
        let low = 1.0 - (-(k / 4.0).powi(2)).exp();
        let high = if k < 40.0 {
            1.0
        } else if k < 64.0 {
            0.5 + 0.5 * (PI * (k - 40.0) / 24.0).cos()
        } else {
            0.0
        };
        *value *= (low * high) as f32;
    }
    fft.inverse(&spectrum)
}

/// How alike the fine detail of two views is, 1 for a copy.
pub(super) fn likeness(a: &Glance, b: &Glance) -> f64 {
    if a.piece.is_empty() || a.piece.len() != b.piece.len() {
        return 0.0;
    }
    a.piece
        .iter()
        .zip(&b.piece)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}
