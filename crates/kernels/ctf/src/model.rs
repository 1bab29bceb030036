//! CTF(k) = −sin χ(k), the contrast transfer of a weak object in the sign convention of this project.
//!
//! ```text
//!   χ(k) = π λ k² ( d(φ) − λ² k² Cs / 2 ) + φ_plate + asin(A)
//!   d(φ) = (u + v)/2 + (u − v)/2 · cos 2(φ − α)
//! ```
//! (Rohou & Grigorieff 2015, J. Struct. Biol. 192:216, with λ from [`Kilovolt::electron_wavelength`].) Defocus in Å,
//! positive underfocus; φ counter-clockwise from image x; k in cycles/Å. A is the fraction of amplitude contrast.
//!
//! The negative sign says that matter (positive potential) is **dark** in a recorded image taken under focus: at
//! k → 0 the CTF is −A. RELION's CTF is +sin χ and expects images whose contrast was inverted; the border that
//! exports images turns one into the other.
//!
//! [`Kilovolt::electron_wavelength`]: thon_units::Kilovolt::electron_wavelength

use std::f64::consts::PI;

use thon_model::{Ctf, HandSign, Optics};
use thon_units::{Angstrom, Radians};

/// The contrast transfer function of one image, or of one point of the specimen in one image.
///
/// ```
/// use thon_ctf::CtfModel;
/// use thon_model::{Ctf, Optics};
/// use thon_units::Angstrom;
/// // 300 kV, Cs 2.7 mm, amplitude contrast 0.07, 2 µm underfocus.
/// let ctf = CtfModel::new(&Optics::default(), &Ctf::round(Angstrom(20000.0)));
/// // λ = 0.0196875 Å: at 50 Å, χ = π·λ/50²·(20000 − 2.09) + asin 0.07 = 0.56481, so CTF = −0.53525: matter is dark.
/// assert!((ctf.phase(0.02, 0.0).0 - 0.56481).abs() < 1e-5);
/// assert!((ctf.value(0.02, 0.0) + 0.53525).abs() < 1e-5);
/// assert!((ctf.value(0.0, 0.0) + 0.07).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CtfModel {
    /// Coefficients of kx², kx·ky and ky² in χ.
    pub(crate) quadratic: [f64; 3],
    /// Coefficient of k⁴ in χ, −π Cs λ³ / 2.
    pub(crate) quartic: f64,
    /// χ at k = 0: phase plate and amplitude contrast.
    pub(crate) constant: f64,
    scale: f64,
    b_factor: f64,
}

impl CtfModel {
    /// The CTF at the height of the specimen's origin.
    pub fn new(optics: &Optics, ctf: &Ctf) -> Self {
        let wavelength = optics.voltage.electron_wavelength().0;
        let mean = 0.5 * (ctf.defocus_u.0 + ctf.defocus_v.0);
        let half_difference = 0.5 * (ctf.defocus_u.0 - ctf.defocus_v.0);
        let (sine, cosine) = (2.0 * ctf.defocus_angle.0).sin_cos();
        let factor = PI * wavelength;
        Self {
            quadratic: [
                factor * (mean + half_difference * cosine),
                factor * 2.0 * half_difference * sine,
                factor * (mean - half_difference * cosine),
            ],
            quartic: -0.5 * PI * optics.spherical_aberration.angstrom().0 * wavelength.powi(3),
            constant: ctf.phase_shift.0 + optics.amplitude_contrast.clamp(-1.0, 1.0).asin(),
            scale: ctf.scale,
            b_factor: ctf.b_factor.0,
        }
    }

    /// The CTF seen by a point at `depth` (third coordinate of the projection, Å): its underfocus is that of the
    /// origin plus `hand · depth`.
    ///
    /// ```
    /// use thon_ctf::CtfModel;
    /// use thon_model::{Ctf, HandSign, Optics};
    /// use thon_units::Angstrom;
    /// let (optics, ctf) = (Optics::default(), Ctf::round(Angstrom(20000.0)));
    /// let high = CtfModel::at_depth(&optics, &ctf, HandSign::Minus, Angstrom(500.0));
    /// assert_eq!(high, CtfModel::new(&optics, &Ctf::round(Angstrom(19500.0))));
    /// ```
    pub fn at_depth(optics: &Optics, ctf: &Ctf, hand: HandSign, depth: Angstrom) -> Self {
        Self::new(optics, &ctf.defocused(depth * hand.value()))
    }

    /// χ at spatial frequency (kx, ky), cycles/Å along the image axes.
    pub fn phase(&self, kx: f64, ky: f64) -> Radians {
        let [xx, xy, yy] = self.quadratic;
        let squared = kx * kx + ky * ky;
        Radians(
            xx * kx * kx
                + xy * kx * ky
                + yy * ky * ky
                + self.quartic * squared * squared
                + self.constant,
        )
    }

    /// −sin χ at (kx, ky), cycles/Å; in [−1, 1]. Neither scale nor envelope is in it.
    pub fn value(&self, kx: f64, ky: f64) -> f64 {
        -self.phase(kx, ky).0.sin()
    }

    /// The B factor envelope exp(−B k²/4) at k in cycles/Å.
    pub fn envelope(&self, k: f64) -> f64 {
        (-0.25 * self.b_factor * k * k).exp()
    }

    /// The image's relative amplitude, 1 when unknown.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The B factor of the envelope, Å².
    pub fn b_factor(&self) -> f64 {
        self.b_factor
    }

    /// scale · envelope · CTF at (kx, ky).
    pub fn amplitude(&self, kx: f64, ky: f64) -> f64 {
        self.scale * self.envelope(kx.hypot(ky)) * self.value(kx, ky)
    }

    /// CTF² averaged over directions at |k|, from `directions` equally spaced samples of a half circle.
    pub fn mean_square(&self, k: f64, directions: usize) -> f64 {
        let directions = directions.max(1);
        let sum: f64 = (0..directions)
            .map(|step| {
                let (sine, cosine) = (PI * step as f64 / directions as f64).sin_cos();
                self.value(k * cosine, k * sine).powi(2)
            })
            .sum();
        sum / directions as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::{Degrees, Kilovolt, Millimetre, SquareAngstrom};

    fn astigmatic() -> Ctf {
        Ctf {
            defocus_u: Angstrom(21000.0),
            defocus_v: Angstrom(18000.0),
            defocus_angle: Degrees(35.0).radians(),
            phase_shift: Degrees(12.0).radians(),
            scale: 0.8,
            b_factor: SquareAngstrom(60.0),
        }
    }

    /// The formula of the header, written out with angles.
    fn textbook(optics: &Optics, ctf: &Ctf, kx: f64, ky: f64) -> f64 {
        let wavelength = optics.voltage.electron_wavelength().0;
        let (u, v) = (ctf.defocus_u.0, ctf.defocus_v.0);
        let direction = ky.atan2(kx) - ctf.defocus_angle.0;
        let defocus = 0.5 * (u + v) + 0.5 * (u - v) * (2.0 * direction).cos();
        let squared = kx * kx + ky * ky;
        let aberration =
            0.5 * wavelength.powi(2) * squared * optics.spherical_aberration.angstrom().0;
        let amplitude = optics.amplitude_contrast;
        let chi = PI * wavelength * squared * (defocus - aberration)
            + ctf.phase_shift.0
            + (amplitude / (1.0 - amplitude * amplitude).sqrt()).atan();
        -chi.sin()
    }

    #[test]
    fn the_quadratic_form_is_the_textbook_formula() {
        let optics = Optics {
            voltage: Kilovolt(200.0),
            spherical_aberration: Millimetre(2.0),
            amplitude_contrast: 0.1,
        };
        let model = CtfModel::new(&optics, &astigmatic());
        for step in 0..400 {
            let k = 0.001 * f64::from(step);
            let (sine, cosine) = (0.37 * f64::from(step)).sin_cos();
            let expected = textbook(&optics, &astigmatic(), k * cosine, k * sine);
            assert!((model.value(k * cosine, k * sine) - expected).abs() < 1e-9);
        }
    }

    #[test]
    fn the_larger_defocus_lies_along_its_angle() {
        let model = CtfModel::new(&Optics::default(), &astigmatic());
        let along = Degrees(35.0).radians().0;
        let k = 0.03;
        let along = model.phase(k * along.cos(), k * along.sin()).0;
        let across = Degrees(125.0).radians().0;
        let across = model.phase(k * across.cos(), k * across.sin()).0;
        let expected = PI * Kilovolt(300.0).electron_wavelength().0 * k * k * 3000.0;
        assert!((along - across - expected).abs() < 1e-9);
    }

    #[test]
    fn scale_and_envelope_stay_apart() {
        let model = CtfModel::new(&Optics::default(), &astigmatic());
        assert!((model.envelope(0.2) - (-0.6_f64).exp()).abs() < 1e-12);
        let expected = 0.8 * (-0.6_f64).exp() * model.value(0.2, 0.0);
        assert!((model.amplitude(0.2, 0.0) - expected).abs() < 1e-12);
        // Far beyond the first zeros the square averages to one half over a few rings.
        let mean: f64 = (0..200)
            .map(|i| model.mean_square(0.1 + 2.5e-4 * f64::from(i), 16))
            .sum();
        assert!((mean / 200.0 - 0.5).abs() < 0.01, "{}", mean / 200.0);
    }
}
