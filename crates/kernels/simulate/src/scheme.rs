//! In which order a tilt series is recorded, and so how much dose the specimen had before each image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Order of acquisition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TiltScheme {
    /// From the start angle outwards, changing sides after every group (Hagen et al. 2017).
    #[default]
    DoseSymmetric,
    /// From the start angle to the positive end, then from the start angle to the negative end.
    Bidirectional,
    /// From the lowest to the highest angle.
    Continuous,
}

/// Nominal tilt angles from `lowest` to `highest` in steps of `step` (degrees), the end included when it is hit.
///
/// ```
/// use thon_simulate::scheme::tilt_angles;
/// assert_eq!(tilt_angles(-6.0, 6.0, 3.0), [-6.0, -3.0, 0.0, 3.0, 6.0]);
/// ```
pub fn tilt_angles(lowest: f64, highest: f64, step: f64) -> Vec<f64> {
    let count = ((highest - lowest) / step + 1e-6).floor().max(0.0) as usize;
    (0..=count).map(|i| lowest + step * i as f64).collect()
}

impl TiltScheme {
    /// Indices into `angles` (ascending, degrees) in the order of their acquisition. The first image is the one nearest
    /// to `start`; `group` images are taken on a side before the dose-symmetric scheme changes to the other.
    ///
    /// ```
    /// use thon_simulate::TiltScheme;
    /// let angles = [-6.0, -3.0, 0.0, 3.0, 6.0];
    /// assert_eq!(TiltScheme::DoseSymmetric.order(&angles, 0.0, 1), [2, 3, 1, 4, 0]);
    /// assert_eq!(TiltScheme::DoseSymmetric.order(&angles, 0.0, 2), [2, 3, 4, 1, 0]);
    /// assert_eq!(TiltScheme::Bidirectional.order(&angles, 0.0, 1), [2, 3, 4, 1, 0]);
    /// assert_eq!(TiltScheme::Continuous.order(&angles, 0.0, 1), [0, 1, 2, 3, 4]);
    /// ```
    pub fn order(self, angles: &[f64], start: f64, group: usize) -> Vec<usize> {
        let distance = |i: &usize| (angles[*i] - start).abs();
        let Some(first) = (0..angles.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)))
        else {
            return Vec::new();
        };
        let mut up = first + 1..angles.len();
        let mut down = (0..first).rev();
        match self {
            Self::Continuous => (0..angles.len()).collect(),
            Self::Bidirectional => std::iter::once(first).chain(up).chain(down).collect(),
            Self::DoseSymmetric => {
                let mut order = vec![first];
                while order.len() < angles.len() {
                    order.extend(up.by_ref().take(group.max(1)));
                    order.extend(down.by_ref().take(group.max(1)));
                }
                order
            }
        }
    }
}
