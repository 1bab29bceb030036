//! Masks: from a map, from points of an atomic model, their union and difference, and what is doubtful about them.
//!
//! A mask is 1 inside, 0 outside, half a cosine between. Solid shapes (ball, cylinder, box) are in `thon_signal::mask`.
//! The doubts are those of the 2016 protocol (Bharat & Scheres 2016, Table 1): a black mask, islands, a mask that the box
//! cuts off, no solvent left to tell noise from signal. Lengths in Å, volumes `[z, y, x]`.

pub mod automask;
mod doubts;
mod points;

pub use doubts::{MaskDoubts, mask_doubts};
pub use points::around_points;

use ndarray::Zip;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_model::{Map, Mask};

use crate::post_process::{PostProcessError, check_pair};

/// How two masks become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Combination {
    /// Inside both: the smaller of the two values.
    And,
    /// Inside one or the other: the larger of the two values.
    Or,
    /// Inside the first and outside the second: the smaller of the first and one minus the second.
    Subtract,
}

/// Two masks of the same box as one.
///
/// # Errors
/// When boxes or voxel sizes differ.
pub fn combine(first: &Mask, second: &Mask, how: Combination) -> Result<Mask, PostProcessError> {
    check_pair(&first.0, &second.0)?;
    let data = Zip::from(&first.0.data)
        .and(&second.0.data)
        .map_collect(|&a, &b| match how {
            Combination::And => a.min(b),
            Combination::Or => a.max(b),
            Combination::Subtract => a.min(1.0 - b),
        });
    Ok(Mask(Map::new(data, first.0.voxel_size)))
}

/// One minus the mask.
pub fn inverted(mask: &Mask) -> Mask {
    Mask(Map::new(
        mask.0.data.mapv(|value| 1.0 - value),
        mask.0.voxel_size,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_signal::mask::{sphere, volume_fraction};
    use thon_units::PixelSize;

    fn ball(x: f64, radius: f64) -> Mask {
        let data = sphere([32; 3], [x, 16.0, 16.0], radius, 3.0);
        Mask(Map::new(data, PixelSize(2.0)))
    }

    #[test]
    fn masks_combine_as_sets_do() {
        let (a, b) = (ball(12.0, 6.0), ball(20.0, 6.0));
        let volume = |mask: &Mask| volume_fraction(&mask.0.data);
        let of = |how| combine(&a, &b, how).unwrap();
        let [and, or, without] = [Combination::And, Combination::Or, Combination::Subtract].map(of);
        assert!((volume(&and) + volume(&or) - volume(&a) - volume(&b)).abs() < 1e-6);
        assert!((volume(&without) + volume(&and) - volume(&a)).abs() < 0.002);
        assert_eq!(without.0.data[[16, 16, 20]], 0.0);
        assert_eq!(without.0.data[[16, 16, 8]], 1.0);
        assert_eq!(inverted(&a).0.data[[16, 16, 12]], 0.0);
        let other = Mask(Map::new(b.0.data.clone(), PixelSize(3.0)));
        assert!(combine(&a, &other, Combination::And).is_err());
    }
}
