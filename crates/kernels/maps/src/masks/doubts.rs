//! What is doubtful about a mask, in numbers and in words.

use ndarray::Array3;
use thon_model::Mask;
use thon_signal::mask::{components, volume_fraction};

/// Pieces smaller than this share of the largest are not counted as islands.
const ISLAND: f64 = 1e-3;
/// Larger masks leave no solvent.
const FULL: f64 = 0.7;
/// Smaller ones hold hardly anything.
const SPECK: f64 = 1e-3;

/// What is doubtful about a mask.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MaskDoubts {
    /// Σ mask over the voxels of the box.
    pub volume_fraction: f64,
    /// Voxels of the box's faces that are inside.
    pub border_voxels: usize,
    /// Connected pieces beside the largest.
    pub islands: usize,
    /// Voxels outside 0 to 1, or not a number.
    pub out_of_range: usize,
    /// Voxels that are neither 0 nor 1.
    pub soft_voxels: usize,
}

/// Looks for what is doubtful about a mask.
pub fn mask_doubts(mask: &Mask) -> MaskDoubts {
    let data = &mask.0.data;
    let (nz, ny, nx) = data.dim();
    let face = |i: usize, n: usize| i == 0 || i + 1 == n;
    let on_face = |&((z, y, x), value): &((usize, usize, usize), &f32)| {
        *value > 0.0 && (face(z, nz) || face(y, ny) || face(x, nx))
    };
    MaskDoubts {
        volume_fraction: volume_fraction(data),
        border_voxels: data.indexed_iter().filter(on_face).count(),
        islands: islands(data),
        out_of_range: data.iter().filter(|v| !(0.0..=1.0).contains(*v)).count(),
        soft_voxels: data.iter().filter(|v| **v > 0.0 && **v < 1.0).count(),
    }
}

fn islands(data: &Array3<f32>) -> usize {
    let sizes = components(&data.mapv(|value| value > 0.5));
    let largest = sizes.first().copied().unwrap_or(0) as f64;
    let counted = |size: &&usize| **size as f64 >= ISLAND * largest;
    sizes.iter().skip(1).filter(counted).count()
}

impl MaskDoubts {
    /// True when the mask keeps nothing.
    pub fn is_black(&self) -> bool {
        self.volume_fraction <= 0.0
    }

    /// The doubts in words; empty when the mask lies well inside its box.
    pub fn in_words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let percent = 100.0 * self.volume_fraction;
        if self.out_of_range > 0 {
            words.push(format!(
                "{} voxels of the mask lie outside 0 to 1: it is not a mask, or was scaled",
                self.out_of_range
            ));
        }
        if self.is_black() {
            words.push("the mask is black: lower the threshold".into());
        } else if self.volume_fraction < SPECK {
            words.push(format!(
                "the mask covers only {percent:.3} % of the box: lower the threshold"
            ));
        }
        if self.volume_fraction > FULL {
            words.push(format!(
                "the mask covers {percent:.0} % of the box: FSC and noise cannot be told apart; take a larger box or a tighter mask"
            ));
        }
        if self.border_voxels > 0 {
            words.push(format!(
                "the mask is cut off by the box ({} voxels of its faces are inside): take a larger box, or less extension \
                 and soft edge",
                self.border_voxels
            ));
        }
        if self.islands > 0 {
            words.push(format!(
                "the mask has {} islands beside its largest piece: raise the threshold, low-pass more, or keep the largest piece only",
                self.islands
            ));
        }
        if self.soft_voxels == 0 && !self.is_black() {
            words.push(
                "the mask has no soft edge: a sharp one makes correlation of its own; add some voxels"
                    .into(),
            );
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_model::Map;
    use thon_units::PixelSize;

    fn doubts(data: Array3<f32>) -> MaskDoubts {
        mask_doubts(&Mask(Map::new(data, PixelSize(1.0))))
    }

    #[test]
    fn a_mask_that_fills_or_leaves_the_box_is_doubted() {
        let words = doubts(Array3::ones((8, 8, 8))).in_words();
        assert!(
            words[0].contains("100 %") && words[1].contains("296 voxels"),
            "{words:?}"
        );
    }

    #[test]
    fn islands_blackness_and_foreign_values_are_counted() {
        let ball = |x, r| thon_signal::mask::sphere([32; 3], [x, 16.0, 16.0], r, 2.0);
        let good = doubts(ball(16.0, 8.0));
        assert_eq!(good.in_words(), Vec::<String>::new());
        let two = doubts(ball(8.0, 4.0) + ball(24.0, 3.0));
        assert_eq!((two.islands, two.border_voxels), (1, 0));
        assert!(two.in_words()[0].contains("1 islands"));
        let black = doubts(Array3::zeros((8, 8, 8)));
        assert!(black.is_black() && black.in_words()[0].contains("black"));
        let scaled = doubts(ball(16.0, 8.0) * 255.0);
        assert!(scaled.out_of_range > 2000 && scaled.in_words()[0].contains("outside 0 to 1"));
        let sharp = doubts(ball(16.0, 8.0).mapv(f32::floor));
        assert!(sharp.in_words()[0].contains("no soft edge"));
    }
}
