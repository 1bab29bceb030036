//! The quantities themselves: one-field structs over `f64` with the arithmetic that keeps a unit.

use std::fmt;
use std::ops::{Add, Div, Mul, Neg, Sub};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub f64);

        impl $name {
            /// The unit's symbol, as shown to people.
            pub const UNIT: &'static str = $unit;

            /// The absolute value.
            pub fn abs(self) -> Self {
                Self(self.0.abs())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)?;
                write!(f, " {}", $unit)
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }

        impl Div for $name {
            type Output = f64;
            fn div(self, other: Self) -> f64 {
                self.0 / other.0
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "number", "x-unit": $unit })
            }
        }
    };
}

quantity!(
    /// A length in ångström.
    Angstrom, "Å"
);
quantity!(
    /// A B factor in Å²: amplitudes fall as exp(−B k²/4).
    SquareAngstrom, "Å²"
);
quantity!(
    /// A length in millimetres; only for the spherical aberration of a lens.
    Millimetre, "mm"
);
quantity!(
    /// A length in pixels or voxels.
    Pixels, "px"
);
quantity!(
    /// Edge length of a pixel or voxel, in ångström per pixel.
    PixelSize, "Å/px"
);
quantity!(
    /// An angle in degrees: files, parameters, screens.
    Degrees, "°"
);
quantity!(
    /// An angle in radians: everything inside.
    Radians, "rad"
);
quantity!(
    /// Electron exposure in e⁻/Å², counted *before* the image unless said otherwise.
    Dose, "e⁻/Å²"
);
quantity!(
    /// Acceleration voltage in kilovolt.
    Kilovolt, "kV"
);
quantity!(
    /// Spatial frequency in cycles per ångström.
    SpatialFrequency, "1/Å"
);
