//! The microscope's constants and the contrast transfer function of one image.

use serde::{Deserialize, Serialize};
use thon_units::{Angstrom, Kilovolt, Millimetre, Radians, SquareAngstrom};

/// Constants of the microscope that recorded a series.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Optics {
    /// Acceleration voltage.
    pub voltage: Kilovolt,
    /// Spherical aberration of the objective lens.
    pub spherical_aberration: Millimetre,
    /// Fraction of amplitude contrast, in [0, 1].
    pub amplitude_contrast: f64,
}

impl Default for Optics {
    /// 300 kV, 2.7 mm, 0.07.
    fn default() -> Self {
        Self {
            voltage: Kilovolt(300.0),
            spherical_aberration: Millimetre(2.7),
            amplitude_contrast: 0.07,
        }
    }
}

/// Contrast transfer of one image at the height of the specimen's origin.
///
/// Defocus along direction φ: (u+v)/2 + (u−v)/2 · cos 2(φ − angle); positive is underfocus.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ctf {
    /// Defocus along the direction of `defocus_angle`.
    pub defocus_u: Angstrom,
    /// Defocus across it.
    pub defocus_v: Angstrom,
    /// Direction of `defocus_u`, counter-clockwise from image x.
    pub defocus_angle: Radians,
    /// Phase shift of a phase plate.
    pub phase_shift: Radians,
    /// Relative amplitude of the image (cos of the tilt, ice thickness); 1 when unknown.
    pub scale: f64,
    /// Envelope exp(−B k²/4) on top of the exposure weight; 0 for none.
    pub b_factor: SquareAngstrom,
}

impl Ctf {
    /// Without astigmatism, phase shift, scale or envelope.
    pub fn round(defocus: Angstrom) -> Self {
        Self {
            defocus_u: defocus,
            defocus_v: defocus,
            defocus_angle: Radians(0.0),
            phase_shift: Radians(0.0),
            scale: 1.0,
            b_factor: SquareAngstrom(0.0),
        }
    }

    /// The same lens seen by a point whose underfocus differs by `change`.
    #[must_use]
    pub fn defocused(self, change: Angstrom) -> Self {
        Self {
            defocus_u: self.defocus_u + change,
            defocus_v: self.defocus_v + change,
            ..self
        }
    }
}
