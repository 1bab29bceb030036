//! The rotation axis of a free-standing needle: where its mass says it is.
//!
//! Neighbouring views of a needle agree whatever displacement all of them share, yet such a displacement bends every point into an
//! arc. Mass is conserved: the centre of mass across the axis follows x₀ cos θ + z₀ sin θ, and what remains constant besides is the
//! displacement to take away (Sanders et al. 2015, Adv. Struct. Chem. Imaging 1:1 align by the centre of mass alone).

use glam::DVec2;

use crate::plane::sample;
use crate::precision::invert;
use crate::round::{Periods, Series};
use crate::{MarkerlessError, Specimen};

/// Takes the common displacement away and puts the centre of mass on the axis. Slabs stay as they are.
pub(crate) fn centre_needle(
    series: &mut Series<'_>,
    periods: Periods,
) -> Result<(), MarkerlessError> {
    if !matches!(series.specimen, Specimen::Needle { .. }) {
        return Ok(());
    }
    let grid = series.band(periods).grid;
    let planes = series.planes()?;
    let (mut normal, mut right) = ([0.0f64; 9], [0.0f64; 3]);
    for (view, plane) in series.views.iter().zip(&planes) {
        let image = sample(view, plane, &grid, false);
        let Some(at) = centre_of_mass(&image, grid.spacing) else {
            continue;
        };
        let (sin, cos) = plane.depth.sin_cos();
        let row = [1.0, cos, sin];
        for i in 0..3 {
            for j in 0..3 {
                normal[3 * i + j] += row[i] * row[j];
            }
            right[i] += row[i] * at;
        }
    }
    for i in 0..3 {
        normal[4 * i] += 1e-6;
    }
    let mut inverse = [0.0; 9];
    invert(&normal, &mut inverse, 3);
    let fit: Vec<f64> = (0..3)
        .map(|i| (0..3).map(|j| inverse[3 * i + j] * right[j]).sum())
        .collect();
    for (geometry, plane) in series.geometry.iter_mut().zip(&planes) {
        let (sin, cos) = plane.depth.sin_cos();
        let across = fit[0] + fit[1] * cos + fit[2] * sin;
        geometry.shift += plane.to_image * DVec2::new(across, 0.0);
    }
    Ok(())
}

/// The tilt axis of a needle: the direction of its mass turns as φ₀ + a cos θ + b sin θ while it precesses, and φ₀ is the axis. Of both
/// ways along it the one nearer to what the series says is taken.
pub(crate) fn axis_of_needle(series: &Series<'_>) -> Option<f64> {
    let given = series.axis();
    let (mut normal, mut right) = ([0.0f64; 9], [0.0f64; 3]);
    for (view, geometry) in series.views.iter().zip(&series.geometry) {
        let Some(direction) = direction(&view.pixels) else {
            continue;
        };
        // As an angle of the axis from y, within a quarter turn of the given one.
        let half = std::f64::consts::PI;
        let away = (direction - half / 2.0 - given + half / 2.0).rem_euclid(half) - half / 2.0;
        let (sin, cos) = geometry.tilt_angle.0.sin_cos();
        let row = [1.0, cos, sin];
        for i in 0..3 {
            for j in 0..3 {
                normal[3 * i + j] += row[i] * row[j];
            }
            right[i] += row[i] * away;
        }
    }
    for i in 0..3 {
        normal[4 * i] += 1e-9;
    }
    let mut inverse = [0.0; 9];
    invert(&normal, &mut inverse, 3);
    let mean = (0..3).map(|j| inverse[j] * right[j]).sum::<f64>();
    mean.is_finite().then_some(mean)
}

/// Long axis of what is brighter than the background, angle from x.
fn direction(image: &ndarray::Array2<f32>) -> Option<f64> {
    let mass = mass(image);
    let total: f64 = mass.iter().map(|m| m.2).sum();
    if total <= 0.0 {
        return None;
    }
    let mean =
        |f: &dyn Fn(&(f64, f64, f64)) -> f64| mass.iter().map(|m| m.2 * f(m)).sum::<f64>() / total;
    let (cx, cy) = (mean(&|m| m.0), mean(&|m| m.1));
    let xx = mean(&|m| (m.0 - cx).powi(2));
    let yy = mean(&|m| (m.1 - cy).powi(2));
    let xy = mean(&|m| (m.0 - cx) * (m.1 - cy));
    Some(0.5 * (2.0 * xy).atan2(xx - yy))
}

/// Centre of what is brighter than the background, across the axis, Å from the middle; a needle darker than its background
/// counts upside down.
fn centre_of_mass(image: &ndarray::Array2<f32>, spacing: f64) -> Option<f64> {
    let mass = mass(image);
    let total: f64 = mass.iter().map(|m| m.2).sum();
    let moment: f64 = mass.iter().map(|m| m.2 * m.0).sum();
    (total > 0.0).then(|| (moment / total - (image.ncols() / 2) as f64) * spacing)
}

/// (x, y, height above the background) of what stands out.
fn mass(image: &ndarray::Array2<f32>) -> Vec<(f64, f64, f64)> {
    let mut sorted: Vec<f32> = image.iter().copied().collect();
    sorted.sort_by(f32::total_cmp);
    let rank = |part: f64| sorted[((sorted.len().max(1) - 1) as f64 * part) as usize];
    if sorted.is_empty() {
        return Vec::new();
    }
    let (low, middle, high) = (rank(0.02), rank(0.5), rank(0.98));
    let sign = if high - middle >= middle - low {
        1.0
    } else {
        -1.0
    };
    let threshold = 0.15 * (high - low);
    image
        .indexed_iter()
        .filter(|(_, value)| sign * (**value - middle) > threshold)
        .map(|((y, x), value)| (x as f64, y as f64, f64::from(sign * (value - middle))))
        .collect()
}
