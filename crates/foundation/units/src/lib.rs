//! Physical quantities as types and the only conversions between them.
//!
//! Every number that crosses a function border carries its unit in its type; hot loops unwrap to
//! raw floats. Angles are [`Radians`] inside and [`Degrees`] in files, parameters and on screen.
//!
//! ```
//! use thon_units::{Angstrom, Degrees, Kilovolt, PixelSize};
//! let pixel_size = PixelSize(1.35);
//! assert_eq!((Angstrom(27.0) / pixel_size).0, 20.0);           // only a pixel size makes pixels
//! assert!((Degrees(180.0).radians().0 - std::f64::consts::PI).abs() < 1e-15);
//! assert!((Kilovolt(300.0).electron_wavelength().0 - 0.019687).abs() < 1e-6);
//! ```

mod quantity;

pub use quantity::{
    Angstrom, Degrees, Dose, Kilovolt, Millimetre, PixelSize, Pixels, Radians, SpatialFrequency,
    SquareAngstrom,
};

use std::ops::{Div, Mul};

impl Degrees {
    /// The same angle in radians.
    pub fn radians(self) -> Radians {
        Radians(self.0.to_radians())
    }
}

impl Radians {
    /// The same angle in degrees.
    pub fn degrees(self) -> Degrees {
        Degrees(self.0.to_degrees())
    }
}

impl Div<PixelSize> for Angstrom {
    type Output = Pixels;
    /// A length measured in pixels of the given size.
    fn div(self, pixel_size: PixelSize) -> Pixels {
        Pixels(self.0 / pixel_size.0)
    }
}

impl Mul<PixelSize> for Pixels {
    type Output = Angstrom;
    /// The length of so many pixels of the given size.
    fn mul(self, pixel_size: PixelSize) -> Angstrom {
        Angstrom(self.0 * pixel_size.0)
    }
}

impl Angstrom {
    /// The spatial frequency of a period of this length.
    pub fn frequency(self) -> SpatialFrequency {
        SpatialFrequency(1.0 / self.0)
    }
}

impl SpatialFrequency {
    /// The period of this spatial frequency; infinite for 0.
    pub fn period(self) -> Angstrom {
        Angstrom(1.0 / self.0)
    }
}

impl PixelSize {
    /// The highest spatial frequency that this sampling can hold.
    pub fn nyquist(self) -> SpatialFrequency {
        SpatialFrequency(0.5 / self.0)
    }
}

impl Kilovolt {
    /// Relativistic electron wavelength, λ = 12.2643 / √(V + 0.978466·10⁻⁶ V²) Å with V in volts.
    pub fn electron_wavelength(self) -> Angstrom {
        let volt = self.0 * 1e3;
        Angstrom(12.2643 / (volt + 0.978466e-6 * volt * volt).sqrt())
    }
}

impl Millimetre {
    /// The same length in Å (10⁷ Å per millimetre).
    pub fn angstrom(self) -> Angstrom {
        Angstrom(self.0 * 1e7)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_is_a_plain_number_in_json() {
        assert_eq!(serde_json::to_string(&Angstrom(2.5)).unwrap(), "2.5");
        assert_eq!(serde_json::from_str::<Dose>("3").unwrap(), Dose(3.0));
    }

    #[test]
    fn the_schema_names_the_unit() {
        let schema = schemars::schema_for!(PixelSize);
        assert_eq!(schema.get("x-unit").unwrap(), "Å/px");
    }

    #[test]
    fn wavelengths_are_those_of_the_textbooks() {
        for (kilovolt, wavelength) in [(100.0, 0.037014), (200.0, 0.025079), (300.0, 0.019687)] {
            assert!((Kilovolt(kilovolt).electron_wavelength().0 - wavelength).abs() < 1e-6);
        }
    }

    #[test]
    fn lengths_add_and_scale() {
        assert_eq!(
            Angstrom(2.0) + Angstrom(3.0) * 2.0 - Angstrom(1.0) / 2.0,
            Angstrom(7.5)
        );
        assert_eq!(Angstrom(9.0) / Angstrom(3.0), 3.0);
    }
}
