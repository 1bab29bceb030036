//! Zeros of the CTF along one direction: where χ is a multiple of π.
//!
//! With s = k² the condition χ = nπ is the quadratic λ d s − ½ Cs λ³ s² + χ(0)/π − n = 0, solved in the form that does
//! not cancel for small Cs.

use std::f64::consts::{FRAC_1_PI, PI};

use thon_units::{Radians, SpatialFrequency};

use crate::CtfModel;

/// Zeros returned at most: more rings than any detector can show.
const MOST_ZEROS: usize = 100_000;

impl CtfModel {
    /// Spatial frequencies in (0, `up_to`] at which the CTF is zero along `direction` (counter-clockwise from image
    /// x), ascending; at most the first 100 000 phase multiples are looked at.
    ///
    /// ```
    /// use thon_ctf::CtfModel;
    /// use thon_model::{Ctf, Optics};
    /// use thon_units::{Angstrom, Radians, SpatialFrequency};
    /// let ctf = CtfModel::new(&Optics::default(), &Ctf::round(Angstrom(20000.0)));
    /// let zeros = ctf.zeros(Radians(0.0), SpatialFrequency(0.1));
    /// assert!((zeros[0].period().0 - 20.06).abs() < 0.01);
    /// ```
    pub fn zeros(&self, direction: Radians, up_to: SpatialFrequency) -> Vec<SpatialFrequency> {
        let (sine, cosine) = direction.0.sin_cos();
        let [xx, xy, yy] = self.quadratic;
        let linear = (xx * cosine * cosine + xy * cosine * sine + yy * sine * sine) * FRAC_1_PI;
        let square = self.quartic * FRAC_1_PI;
        let start = self.constant * FRAC_1_PI;
        let last = up_to.0 * up_to.0;
        let at = |s: f64| start + s * (linear + s * square);
        let mut extremes = vec![at(0.0), at(last)];
        let turning = -linear / (2.0 * square);
        if turning > 0.0 && turning < last {
            extremes.push(at(turning));
        }
        let lowest = extremes
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min)
            .ceil();
        let highest = extremes
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
            .floor();
        if !(lowest.is_finite() && highest.is_finite() && last > 0.0) {
            return Vec::new();
        }
        let count = ((highest - lowest + 1.0).max(0.0) as usize).min(MOST_ZEROS);
        let mut zeros: Vec<f64> = (0..count)
            .flat_map(|n| roots(square, linear, start - (lowest + n as f64)))
            .filter(|s| *s > 0.0 && *s <= last)
            .map(f64::sqrt)
            .collect();
        zeros.sort_by(f64::total_cmp);
        zeros.into_iter().map(SpatialFrequency).collect()
    }

    /// χ along one direction as a number of half periods of the sine: integer at the zeros.
    pub fn ring_number(&self, kx: f64, ky: f64) -> f64 {
        self.phase(kx, ky).0 / PI
    }
}

/// Real roots of a s² + b s + c, none when there are none; NaN-free.
fn roots(a: f64, b: f64, c: f64) -> impl Iterator<Item = f64> {
    let discriminant = b * b - 4.0 * a * c;
    let q = -0.5 * (b + b.signum() * discriminant.max(0.0).sqrt());
    let pair = if discriminant < 0.0 {
        [f64::NAN; 2]
    } else {
        [q / a, c / q]
    };
    pair.into_iter().filter(|s| s.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_model::{Ctf, Optics};
    use thon_units::{Angstrom, Degrees, Millimetre};

    #[test]
    fn the_ctf_vanishes_there_and_changes_sign_between() {
        let ctf = Ctf {
            defocus_u: Angstrom(31000.0),
            defocus_v: Angstrom(29000.0),
            ..Ctf::round(Angstrom(0.0))
        };
        let model = CtfModel::new(&Optics::default(), &ctf);
        let direction = Degrees(40.0).radians();
        let (sine, cosine) = direction.0.sin_cos();
        let value = |k: f64| model.value(k * cosine, k * sine);
        let zeros = model.zeros(direction, SpatialFrequency(0.25));
        assert!(zeros.len() > 30);
        assert!(zeros.iter().all(|k| value(k.0).abs() < 1e-9));
        for pair in zeros.windows(2) {
            assert!(value(0.5 * (pair[0].0 + pair[1].0)).abs() > 0.9);
        }
        assert!(value(0.5 * zeros[0].0) < -0.5);
    }

    #[test]
    fn without_spherical_aberration_and_over_focus() {
        let optics = Optics {
            spherical_aberration: Millimetre(0.0),
            amplitude_contrast: 0.0,
            ..Optics::default()
        };
        let under = CtfModel::new(&optics, &Ctf::round(Angstrom(10000.0)));
        let zeros = under.zeros(Radians(0.0), SpatialFrequency(0.11));
        let wavelength = optics.voltage.electron_wavelength().0;
        assert!((zeros[0].0 - (1.0 / (wavelength * 10000.0)).sqrt()).abs() < 1e-12);
        let over = CtfModel::new(&optics, &Ctf::round(Angstrom(-10000.0)));
        assert_eq!(over.zeros(Radians(0.0), SpatialFrequency(0.11)), zeros);
        let nothing = CtfModel::new(&optics, &Ctf::round(Angstrom(f64::NAN)));
        assert!(
            nothing
                .zeros(Radians(0.0), SpatialFrequency(0.11))
                .is_empty()
        );
    }
}
