//! What is believed of a placement before the data: Gaussians about a shift and about a rotation, shares of classes.

use glam::{DQuat, DVec3};
use serde::{Deserialize, Serialize};

use crate::{OwnShare, Placement};

/// A Gaussian about a rotation: exp(−angle² / 2σ²), angle being that between two rotations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotationPrior {
    /// Most likely rotation (reference → data frame).
    pub centre: DQuat,
    /// σ of each component of the rotation vector, radians.
    pub deviation: f64,
}

/// Prior of a placement and a class. Densities are not normalised: the log is 0 at the maximum.
#[derive(Clone, Debug, PartialEq)]
pub struct Prior {
    /// Most likely shift, voxels.
    pub shift: DVec3,
    /// σ of each component of the shift, voxels; infinite: every shift is as likely.
    pub shift_deviation: f64,
    /// About a rotation; none: every rotation is as likely.
    pub rotation: Option<RotationPrior>,
    /// Log of the share of each class; classes beyond the list have 0 (equal shares).
    pub class_log_weights: Vec<f64>,
    /// The particle's share in the map it is compared with, which polishing takes off the likelihood; none where it has
    /// none.
    pub own: Option<OwnShare>,
}

impl Default for Prior {
    fn default() -> Self {
        Self {
            shift: DVec3::ZERO,
            shift_deviation: f64::INFINITY,
            rotation: None,
            class_log_weights: Vec::new(),
            own: None,
        }
    }
}

impl Prior {
    /// Every rotation as likely, shifts with deviation σ (voxels) about a centre.
    pub fn about(shift: DVec3, shift_deviation: f64) -> Self {
        Self {
            shift,
            shift_deviation,
            ..Self::default()
        }
    }

    /// Log of the share of a class.
    pub fn of_class(&self, class: u32) -> f64 {
        let weight = self.class_log_weights.get(class as usize);
        weight.copied().unwrap_or(0.0)
    }

    /// Log density of a shift.
    pub fn of_shift(&self, shift: DVec3) -> f64 {
        -0.5 * self.shift.distance_squared(shift) * self.shift_precision()
    }

    /// Log density of a rotation.
    pub fn of_rotation(&self, rotation: DQuat) -> f64 {
        self.rotation.map_or(0.0, |prior| {
            let away = rotation_vector(rotation * prior.centre.conjugate());
            -0.5 * away.length_squared() / prior.deviation.powi(2)
        })
    }

    /// Log density of a placement of a class.
    pub fn of(&self, class: u32, placement: &Placement) -> f64 {
        self.of_class(class) + self.of_shift(placement.shift) + self.of_rotation(placement.rotation)
    }

    /// Adds the gradient of the log density to that of a likelihood, and its curvature to the information, over (ω, t).
    pub(crate) fn add_to(
        &self,
        placement: &Placement,
        gradient: &mut [f64; 6],
        information: &mut [[f64; 6]; 6],
    ) {
        let precision = self.shift_precision();
        let pull = (self.shift - placement.shift) * precision;
        for axis in 0..3 {
            gradient[3 + axis] += pull[axis];
            information[3 + axis][3 + axis] += precision;
        }
        if let Some(prior) = self.rotation {
            let precision = prior.deviation.powi(-2);
            let away = rotation_vector(placement.rotation * prior.centre.conjugate());
            for axis in 0..3 {
                gradient[axis] -= away[axis] * precision;
                information[axis][axis] += precision;
            }
        }
    }

    fn shift_precision(&self) -> f64 {
        self.shift_deviation.powi(-2)
    }
}

/// The rotation vector of a unit quaternion, at most π long.
pub fn rotation_vector(q: DQuat) -> DVec3 {
    let q = if q.w < 0.0 { -q } else { q };
    let sine = q.xyz().length();
    if sine < 1e-12 {
        return q.xyz() * 2.0;
    }
    q.xyz() * (2.0 * sine.atan2(q.w) / sine)
}

/// Angle between two rotations, radians.
pub fn angle_between(a: DQuat, b: DQuat) -> f64 {
    rotation_vector(a * b.conjugate()).length()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_the_density() {
        let prior = Prior {
            shift: DVec3::new(1.0, -0.5, 0.25),
            shift_deviation: 1.5,
            rotation: Some(RotationPrior {
                centre: DQuat::from_rotation_y(0.7),
                deviation: 0.3,
            }),
            class_log_weights: vec![-0.5, -1.0],
            own: None,
        };
        let placement = Placement {
            rotation: DQuat::from_rotation_x(0.02) * DQuat::from_rotation_y(0.75),
            shift: DVec3::new(0.2, 0.3, 0.1),
        };
        let (mut gradient, mut information) = ([0.0; 6], [[0.0; 6]; 6]);
        prior.add_to(&placement, &mut gradient, &mut information);
        for k in 0..6 {
            let moved = |step: f64| {
                let mut x = [0.0; 6];
                x[k] = step;
                prior.of(1, &placement.moved(&x))
            };
            let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            assert!(
                (slope - gradient[k]).abs() < 2e-3 * (1.0 + slope.abs()),
                "{k}: {slope} {}",
                gradient[k]
            );
        }
        assert!((Prior::default().of(3, &placement)).abs() < 1e-15);
    }
}
