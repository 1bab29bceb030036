//! Gain references: how they are turned onto the movie, and their factors.
//!
//! Order of the operations as in MotionCor2 and RELION: first rotated by n · 90°, then flipped. A rotation turns the image as
//! it is seen with row 0 at the top clockwise, which is MotionCor2's counter-clockwise rotation with row 0 at the bottom.
//! `flip` 1 exchanges top and bottom, 2 left and right.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::MotionError;

/// How the values of a gain reference are meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GainKind {
    /// Counts are multiplied with them (SerialEM, MotionCor2, RELION, Falcon `.gain`).
    #[default]
    Factors,
    /// They are the counts of an even illumination: counts are divided by them (other EER references).
    Counts,
}

/// What follows the rotation.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Flip {
    /// Nothing.
    #[default]
    None,
    /// Top and bottom change places (RELION's and MotionCor2's 1).
    UpsideDown,
    /// Left and right change places (their 2).
    LeftRight,
}

/// How a gain reference is turned onto the frames: rotated first, then flipped.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(default, deny_unknown_fields)]
pub struct GainOrientation {
    /// Quarter turns, clockwise with row 0 at the top (RELION's `gain_rot`, MotionCor2's `RotGain`).
    #[schemars(range(min = 0, max = 3))]
    pub quarter_turns: u8,
    /// What follows (RELION's `gain_flip`, MotionCor2's `FlipGain`).
    pub flip: Flip,
}

impl GainOrientation {
    /// The eight different orientations; every other combination equals one of them.
    pub const ALL: [Self; 8] = {
        [
            oriented(0, Flip::None),
            oriented(1, Flip::None),
            oriented(2, Flip::None),
            oriented(3, Flip::None),
            oriented(0, Flip::UpsideDown),
            oriented(1, Flip::UpsideDown),
            oriented(0, Flip::LeftRight),
            oriented(1, Flip::LeftRight),
        ]
    };

    /// Size of what comes out of an array of `[ny, nx]`.
    pub fn size_of(self, [ny, nx]: [usize; 2]) -> [usize; 2] {
        if self.quarter_turns.is_multiple_of(2) {
            [ny, nx]
        } else {
            [nx, ny]
        }
    }

    /// Turns an array `[ny, nx]`.
    ///
    /// ```
    /// use thon_motion::{Flip, GainOrientation};
    /// // 0 1 2        3 0              5 2
    /// // 3 4 5   →    4 1   clockwise, 4 1   and then upside down.
    /// //              5 2              3 0
    /// let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    /// let turned = GainOrientation { quarter_turns: 1, flip: Flip::None }.apply(&values, [2, 3]);
    /// assert_eq!(turned, [3.0, 0.0, 4.0, 1.0, 5.0, 2.0]);
    /// let flipped = GainOrientation { quarter_turns: 1, flip: Flip::UpsideDown }.apply(&values, [2, 3]);
    /// assert_eq!(flipped, [5.0, 2.0, 4.0, 1.0, 3.0, 0.0]);
    /// ```
    ///
    /// # Panics
    /// When `values` does not have ny · nx elements.
    pub fn apply(self, values: &[f32], size: [usize; 2]) -> Vec<f32> {
        assert_eq!(
            values.len(),
            size[0] * size[1],
            "values of a gain reference"
        );
        let [rows, columns] = self.size_of(size);
        let mut out = vec![0.0; values.len()];
        out.par_chunks_mut(columns.max(1))
            .enumerate()
            .for_each(|(y, row)| {
                for (x, value) in row.iter_mut().enumerate() {
                    *value = values[self.source([y, x], [rows, columns], size)];
                }
            });
        out
    }

    /// Index into the array before it was turned, of pixel `[y, x]` of the result.
    fn source(
        self,
        [y, x]: [usize; 2],
        [rows, columns]: [usize; 2],
        [ny, nx]: [usize; 2],
    ) -> usize {
        let (y, x) = match self.flip {
            Flip::None => (y, x),
            Flip::UpsideDown => (rows - 1 - y, x),
            Flip::LeftRight => (y, columns - 1 - x),
        };
        let (y, x) = match self.quarter_turns % 4 {
            0 => (y, x),
            1 => (ny - 1 - x, y),
            2 => (ny - 1 - y, nx - 1 - x),
            _ => (x, nx - 1 - y),
        };
        y * nx + x
    }
}

impl std::fmt::Display for GainOrientation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let flip = match self.flip {
            Flip::None => "not flipped",
            Flip::UpsideDown => "flipped upside down",
            Flip::LeftRight => "flipped left to right",
        };
        write!(
            f,
            "rotated by {}°, {flip}",
            90 * u32::from(self.quarter_turns % 4)
        )
    }
}

/// A gain reference as it was stored.
#[derive(Clone, Debug)]
pub struct GainReference {
    /// Its size, `[ny, nx]`.
    pub size: [usize; 2],
    /// Its values, `[ny, nx]`.
    pub values: Vec<f32>,
    /// How they are meant.
    pub kind: GainKind,
}

impl GainReference {
    /// Factors in the frame of the movie, `[ny, nx]` of `size`, mean 1 over the good pixels; bad pixels (zero, negative or no number in the
    /// reference) have the factor 0. A reference of half or a quarter of the movie's size serves 2 × 2 or 4 × 4 pixels each.
    ///
    /// # Errors
    /// Another size, or a reference without usable values.
    pub fn factors(
        &self,
        orientation: GainOrientation,
        size: [usize; 2],
    ) -> Result<Vec<f32>, MotionError> {
        let turned = orientation.size_of(self.size);
        let repeat = self.repeat(orientation, size)?;
        let good = |v: f32| v.is_finite() && v > 0.0;
        let (mut sum, mut count) = (0.0_f64, 0_usize);
        for &value in self.values.iter().filter(|v| good(**v)) {
            sum += f64::from(value);
            count += 1;
        }
        if count * 2 < self.values.len() {
            let problem = format!(
                "{} of {} pixels are not positive numbers",
                self.values.len() - count,
                self.values.len()
            );
            return Err(MotionError::GainValues { problem });
        }
        let mean = (sum / count as f64) as f32;
        let factor = |value: f32| match (good(value), self.kind) {
            (false, _) => 0.0,
            (true, GainKind::Factors) => value / mean,
            (true, GainKind::Counts) => mean / value,
        };
        let values = orientation.apply(&self.values, self.size);
        let [ny, nx] = size;
        let mut factors = vec![0.0; ny * nx];
        factors.par_chunks_mut(nx).enumerate().for_each(|(y, row)| {
            for (x, value) in row.iter_mut().enumerate() {
                *value = factor(values[y / repeat * turned[1] + x / repeat]);
            }
        });
        Ok(factors)
    }

    /// Movie pixels along an edge of one pixel of the reference: 1, 2 or 4.
    fn repeat(&self, orientation: GainOrientation, size: [usize; 2]) -> Result<usize, MotionError> {
        let turned = orientation.size_of(self.size);
        let fits = |n: usize| turned[0] * n == size[0] && turned[1] * n == size[1];
        let found = [1, 2, 4].into_iter().find(|n| fits(*n));
        found.ok_or_else(|| {
            let hint = if self.size[0] * size[0] == self.size[1] * size[1] {
                "rotate it by 90°"
            } else if turned[0].is_multiple_of(size[0]) && turned[1].is_multiple_of(size[1]) {
                "the movie is binned, the reference is not; give a reference that was binned as well"
            } else {
                "it belongs to another camera or another mode of it"
            };
            MotionError::GainSize {
                gain_rows: self.size[0],
                gain_columns: self.size[1],
                rows: size[0],
                columns: size[1],
                hint,
            }
        })
    }

    /// The orientations in which the reference has the size of a movie.
    pub fn fitting(&self, size: [usize; 2]) -> Vec<GainOrientation> {
        let all = GainOrientation::ALL.into_iter();
        all.filter(|o| self.repeat(*o, size).is_ok()).collect()
    }
}

const fn oriented(quarter_turns: u8, flip: Flip) -> GainOrientation {
    GainOrientation {
        quarter_turns,
        flip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eight_orientations_are_all_of_them() {
        let values: Vec<f32> = (0..9).map(|v| v as f32).collect();
        let mut seen: Vec<Vec<f32>> = Vec::new();
        for orientation in GainOrientation::ALL {
            let turned = orientation.apply(&values, [3, 3]);
            assert!(!seen.contains(&turned), "{orientation}");
            seen.push(turned);
        }
        for quarter_turns in 0..4 {
            for flip in [Flip::None, Flip::UpsideDown, Flip::LeftRight] {
                let turned = GainOrientation {
                    quarter_turns,
                    flip,
                }
                .apply(&values, [3, 3]);
                assert!(seen.contains(&turned));
            }
        }
    }

    #[test]
    fn factors_have_mean_one_and_zeros_stay() {
        let gain = GainReference {
            size: [2, 2],
            values: vec![2.0, 4.0, 0.0, 6.0],
            kind: GainKind::Factors,
        };
        let factors = gain.factors(GainOrientation::default(), [4, 4]).unwrap();
        assert_eq!(factors[..4], [0.5, 0.5, 1.0, 1.0]);
        assert_eq!(factors[8..12], [0.0, 0.0, 1.5, 1.5]);
        let counts = GainReference {
            kind: GainKind::Counts,
            ..gain.clone()
        };
        let factors = counts.factors(GainOrientation::default(), [2, 2]).unwrap();
        assert_eq!(factors, [2.0, 1.0, 0.0, 4.0 / 6.0]);
        let error = gain
            .factors(GainOrientation::default(), [3, 4])
            .unwrap_err();
        assert!(error.to_string().contains("another camera"), "{error}");
    }
}
