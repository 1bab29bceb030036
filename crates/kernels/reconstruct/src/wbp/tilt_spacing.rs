//! How the half circle is shared among the views of a tilt series.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_units::Radians;

/// Which angle each view stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TiltSpacing {
    /// Half the distance to both neighbours; views at the same angle share it.
    #[default]
    Density,
    /// The mean step for every view.
    Uniform,
}

/// The angle each view stands for, rad: all of them cover the tilt range plus half a step at both ends. A single view
/// stands for 1 rad.
pub(crate) fn view_angles(spacing: TiltSpacing, angles: &[Radians]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..angles.len()).collect();
    order.sort_by(|&a, &b| angles[a].0.total_cmp(&angles[b].0).then(a.cmp(&b)));
    // Views closer than 0.01° are one direction.
    let mut directions: Vec<(f64, Vec<usize>)> = Vec::new();
    for index in order {
        match directions.last_mut() {
            Some((angle, members)) if angles[index].0 - *angle < 1.75e-4 => members.push(index),
            _ => directions.push((angles[index].0, vec![index])),
        }
    }
    let count = directions.len();
    if count < 2 {
        return vec![1.0 / angles.len().max(1) as f64; angles.len()];
    }
    let first_step = directions[1].0 - directions[0].0;
    let last_step = directions[count - 1].0 - directions[count - 2].0;
    let covered = directions[count - 1].0 - directions[0].0 + 0.5 * (first_step + last_step);
    if spacing == TiltSpacing::Uniform {
        return vec![covered / angles.len() as f64; angles.len()];
    }
    let mut weights = vec![0.0; angles.len()];
    for (position, (angle, members)) in directions.iter().enumerate() {
        let before = if position == 0 {
            first_step
        } else {
            angle - directions[position - 1].0
        };
        let after = if position + 1 == count {
            last_step
        } else {
            directions[position + 1].0 - angle
        };
        for &member in members {
            weights[member] = 0.5 * (before + after) / members.len() as f64;
        }
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::Degrees;

    #[test]
    fn uneven_tilts_share_the_half_circle() {
        let angles = [0.0, 3.0, -3.0, 9.0, 9.0].map(|angle| Degrees(angle).radians());
        let weights = view_angles(TiltSpacing::Density, &angles);
        let expected = [3.0, 4.5, 3.0, 3.0, 3.0];
        for (weight, expected) in weights.iter().zip(expected) {
            assert!((weight.to_degrees() - expected).abs() < 1e-9, "{weights:?}");
        }
        let uniform: f64 = view_angles(TiltSpacing::Uniform, &angles).iter().sum();
        assert!((uniform - weights.iter().sum::<f64>()).abs() < 1e-12);
    }
}
