//! What images were seen through: the CTF of a projection at the points of a half disc, and how far it is corrected for.
//!
//! An image is c · (particle) + noise. Images that were multiplied by their CTF already, c · image, are divided by |c| again
//! where |c| is not small: their noise then has one power at all points, as the likelihood wants it.
//! Until its first peak the CTF is small because the contrast of large features is; RELION's `--ctf_intact_first_peak` leaves
//! them as they are, since classes on such features alone are few and dirty without it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_ctf::CtfModel;
use thon_model::{Ctf, Optics};

use super::HalfDisc;
use super::plane::Plane;

/// How far averages are corrected for the contrast transfer function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CtfCorrection {
    /// Not at all.
    None,
    /// Everywhere.
    #[default]
    Whole,
    /// From the first peak of the CTF on; up to there images stay as they are.
    FromFirstPeak,
}

/// Part of the largest |c| below which a multiplied image is not divided further.
const LEAST: f32 = 0.1;

/// The transfer of an image of white particles, positive at low frequencies, at the points of a half disc.
///
/// `box_size` in pixels of `pixel_size` Å.
pub fn transfer_of_ctf(
    optics: &Optics,
    ctf: &Ctf,
    disc: &HalfDisc,
    box_size: usize,
    pixel_size: f64,
) -> Vec<f32> {
    let model = CtfModel::new(optics, ctf);
    let step = 1.0 / (box_size as f64 * pixel_size);
    let at =
        |[x, y]: &[i16; 2]| -model.amplitude(f64::from(*x) * step, f64::from(*y) * step) as f32;
    disc.points.iter().map(at).collect()
}

/// Replaces a transfer up to its first peak, as its mean size over shells shows it, by the size of that peak.
pub fn leave_first_peak(transfer: &mut [f32], disc: &HalfDisc) {
    let mean = |range: std::ops::Range<usize>| {
        let count = range.len().max(1) as f32;
        transfer[range].iter().map(|c| c.abs()).sum::<f32>() / count
    };
    let sizes: Vec<f32> = disc.shells().map(|(_, range)| mean(range)).collect();
    let Some(peak) = sizes.windows(2).position(|pair| pair[1] < pair[0]) else {
        return;
    };
    for (_, range) in disc.shells().take(peak) {
        transfer[range].fill(sizes[peak]);
    }
}

/// An image that was multiplied by its transfer c, divided by |c| again, and the transfer that is left: c where it is not small.
///
/// `image` is `[n, n]`; `transfer` covers the half disc of band ⌊(n − 1)/2⌋, beyond which nothing of the image is kept.
pub fn divided(image: &[f32], box_size: usize, transfer: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let disc = HalfDisc::new((box_size - 1) / 2);
    let plane = Plane::new(box_size);
    let least = LEAST * transfer.iter().fold(0.0_f32, |most, c| most.max(c.abs()));
    let divisor = |c: f32| c.abs().max(least).max(f32::MIN_POSITIVE);
    let mut values = plane.transform(image, &disc);
    for (value, c) in values.iter_mut().zip(transfer) {
        *value /= divisor(*c);
    }
    let left = transfer.iter().map(|c| c * c / divisor(*c)).collect();
    (plane.image(&values, &disc), left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::Angstrom;

    #[test]
    fn a_transfer_is_positive_first_and_zero_where_the_ctf_is() {
        let disc = HalfDisc::new(31);
        let ctf = Ctf::round(Angstrom(30_000.0));
        let c = transfer_of_ctf(&Optics::default(), &ctf, &disc, 64, 5.0);
        // χ(k) = π λ Δf k²: the first zero lies near 1/√(λ Δf) = 24.3 Å, shell 13.
        let shell = |s: usize| c[disc.starts[s]..disc.starts[s + 1]].iter().sum::<f32>();
        assert!(
            shell(9) > 0.0 && shell(15) < 0.0,
            "{} {}",
            shell(9),
            shell(15)
        );
        let mut flat = c.clone();
        leave_first_peak(&mut flat, &disc);
        let first = flat[0];
        assert!(first > 0.9 && flat[..disc.count_to(8)].iter().all(|v| *v == first));
        assert_eq!(flat[disc.count_to(11)..], c[disc.count_to(11)..]);
    }

    #[test]
    fn a_multiplied_image_is_divided_where_its_transfer_is_not_small() {
        let n = 32;
        let (plane, disc) = (Plane::new(n), HalfDisc::new(15));
        let noise: Vec<f32> = (0..n * n)
            .map(|i| ((i * 7919 % 1013) as f32).sin())
            .collect();
        let c = transfer_of_ctf(
            &Optics::default(),
            &Ctf::round(Angstrom(20_000.0)),
            &disc,
            n,
            8.0,
        );
        let mut values = plane.transform(&noise, &disc);
        let seen = values.clone();
        values.iter_mut().zip(&c).for_each(|(v, c)| *v *= c);
        let (image, left) = divided(&plane.image(&values, &disc), n, &c);
        for (i, value) in plane.transform(&image, &disc).iter().enumerate() {
            if c[i].abs() > 0.2 {
                // The sign of c stays in the image.
                assert!((value - seen[i] * c[i].signum()).norm() < 1e-2, "{i}");
                assert!((left[i] - c[i].abs()).abs() < 1e-6);
            } else {
                assert!(left[i] >= 0.0 && left[i] <= c[i].abs() + 1e-6);
            }
        }
    }
}
