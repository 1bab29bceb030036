//! How evenly the views of a particle set fill Fourier space: the measure of preferred orientation from poses.
//!
//! A view along v holds the coefficients of the plane perpendicular to v. The sampling of a direction d is the weight of the views
//! whose plane passes within a small angle of it, over what evenly spread views would give: 1 everywhere is ideal. The
//! sampling compensation factor 1/⟨1/sampling⟩ is the factor by which the signal-to-noise ratio falls for an uneven distribution
//! (Baldwin & Lyumkis 2020, Prog. Biophys. Mol. Biol. 150:160); directions sampled less than [`LEAST`] of the mean count as
//! that, and are stated.

use glam::{DQuat, DVec3};

use crate::half_sphere::HalfSphere;

/// Half the thickness of a plane as an angle: 4°.
const REACH: f64 = 4.0 / 180.0 * std::f64::consts::PI;
/// Least sampling that enters the compensation factor.
pub const LEAST: f64 = 0.01;

/// Sampling of Fourier space by a set of views.
#[derive(Clone, Debug, PartialEq)]
pub struct OrientationSampling {
    /// Evenly spread directions of the half sphere z ≥ 0, in the particle's frame.
    pub directions: Vec<DVec3>,
    /// Weight of the views that look along each direction (or against it), as a fraction of all.
    pub views: Vec<f64>,
    /// Sampling of each direction, mean 1.
    pub sampling: Vec<f64>,
    /// 1/⟨1/sampling⟩, 0 to 1.
    pub compensation_factor: f64,
    /// Share of directions sampled less than [`LEAST`] of the mean.
    pub unsampled: f64,
}

/// Sampling by views along `(direction, weight)` in the particle's frame, under the rotations of a point group (identity
/// included). `None` without a view of positive weight.
pub fn orientation_sampling(
    views: impl IntoIterator<Item = (DVec3, f64)>,
    symmetry: &[DQuat],
) -> Option<OrientationSampling> {
    let grid = HalfSphere::new();
    let mut weights = vec![0.0; grid.directions.len()];
    for (direction, weight) in views {
        for rotation in symmetry {
            weights[grid.nearest(*rotation * direction)] += weight;
        }
    }
    let total: f64 = weights.iter().sum();
    if total.is_nan() || total <= 0.0 {
        return None;
    }
    for weight in &mut weights {
        *weight /= total;
    }
    let seen: Vec<(DVec3, f64)> = grid
        .directions
        .iter()
        .copied()
        .zip(weights.iter().copied())
        .filter(|(_, w)| *w > 0.0)
        .collect();
    let reach = REACH.sin();
    let through = |d: &DVec3| {
        let near = seen.iter().filter(|(v, _)| v.dot(*d).abs() <= reach);
        near.map(|(_, w)| w).sum::<f64>()
    };
    let mut sampling: Vec<f64> = grid.directions.iter().map(through).collect();
    let count = sampling.len() as f64;
    let mean = sampling.iter().sum::<f64>() / count;
    for value in &mut sampling {
        *value /= mean;
    }
    let inverse = sampling.iter().map(|s| 1.0 / s.max(LEAST)).sum::<f64>() / count;
    let unsampled = sampling.iter().filter(|s| **s < LEAST).count() as f64 / count;
    Some(OrientationSampling {
        directions: grid.directions,
        views: weights,
        sampling,
        compensation_factor: 1.0 / inverse,
        unsampled,
    })
}

#[cfg(test)]
mod tests {
    use std::f64::consts::FRAC_PI_2;

    use super::*;

    const NO_SYMMETRY: [DQuat; 1] = [DQuat::IDENTITY];

    #[test]
    fn even_views_sample_evenly() {
        let views = HalfSphere::new().directions.into_iter().map(|d| (d, 1.0));
        let found = orientation_sampling(views, &NO_SYMMETRY).unwrap();
        println!("{:.4}", found.compensation_factor);
        assert!(found.compensation_factor > 0.97 && found.unsampled == 0.0);
    }

    #[test]
    fn one_view_leaves_most_of_space_empty_and_a_tilt_series_a_wedge() {
        let one = orientation_sampling([(DVec3::Z, 1.0)], &NO_SYMMETRY).unwrap();
        assert!(one.unsampled > 0.9 && one.compensation_factor < 0.02);
        // ±60° about y leaves a wedge of a third of all directions, less 4° on either side (more near y): ∫ gives 0.263.
        let tilts = (-20..=20).map(|i| {
            let angle = f64::from(i * 3).to_radians();
            (DVec3::new(angle.sin(), 0.0, angle.cos()), 1.0)
        });
        let series = orientation_sampling(tilts, &NO_SYMMETRY).unwrap();
        assert!(
            (series.unsampled - 0.263).abs() < 0.03,
            "{}",
            series.unsampled
        );
        // Four-fold turns about y close it.
        let turns: Vec<DQuat> = (0..4)
            .map(|i| DQuat::from_rotation_y(f64::from(i) * FRAC_PI_2))
            .collect();
        let tilts = (-20..=20).map(|i| {
            let angle = f64::from(i * 3).to_radians();
            (DVec3::new(angle.sin(), 0.0, angle.cos()), 1.0)
        });
        let closed = orientation_sampling(tilts, &turns).unwrap();
        assert_eq!(closed.unsampled, 0.0);
        assert!(orientation_sampling([], &NO_SYMMETRY).is_none());
    }
}
