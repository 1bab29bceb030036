//! How alike two tilt images are at a frequency: the support of the specimen decides.
//!
//! Central slices of a bounded specimen are samples of one band-limited function. For a **slab** of thickness T, two views that
//! are stretched onto the specimen plane share the in-plane frequency q and differ in the frequency along the normal by
//! κ = q·(b_i − b_j), with b = tan θ (for a plain tilt); their correlation is sinc(T κ). For a **needle** along the tilt axis of
//! diameter D, views are compared unstretched; slices an angle Δ apart lie κ = 2|k_x| sin(Δ/2) apart and correlate as
//! 2 J₁(πDκ)/(πDκ). Crowther, DeRosier & Klug 1970 (Proc. R. Soc. A 317:319) is the same statement about sampling.

use glam::{DMat2, DVec2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_geometry::TiltGeometry;
use thon_units::Angstrom;

use crate::MarkerlessError;

/// Views that foreshorten the specimen plane more than this say nothing about it: 1/cos 81.4°.
const EDGE_ON: f64 = 0.15;

/// What the specimen is bounded by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Specimen {
    /// A slab that fills the field of view: cells, lamellae, ice.
    Slab {
        /// Thickness.
        thickness: Angstrom,
    },
    /// A free-standing needle or pillar along the tilt axis.
    Needle {
        /// Diameter.
        diameter: Angstrom,
    },
}

impl Specimen {
    /// Thickness or diameter, Å.
    pub fn extent(&self) -> f64 {
        match self {
            Self::Slab { thickness } => thickness.0,
            Self::Needle { diameter } => diameter.0,
        }
    }

    /// The same kind of specimen of another extent, Å.
    #[must_use]
    pub fn of_extent(&self, extent: f64) -> Self {
        match self {
            Self::Slab { .. } => Self::Slab {
                thickness: Angstrom(extent),
            },
            Self::Needle { .. } => Self::Needle {
                diameter: Angstrom(extent),
            },
        }
    }

    /// How view `index` shows the plane of comparison.
    pub(crate) fn view(
        &self,
        index: usize,
        geometry: &TiltGeometry,
    ) -> Result<PlaneView, MarkerlessError> {
        let fail = |problem| {
            Err(MarkerlessError::Geometry {
                view: index,
                problem,
            })
        };
        let matrix = geometry.matrix();
        if !(matrix.is_finite() && geometry.shift.is_finite()) {
            return fail("a value is not a finite number");
        }
        let (to_image, depth) = match self {
            Self::Slab { .. } => {
                let to_image = DMat2::from_mat3(matrix);
                if to_image.determinant().abs() < EDGE_ON {
                    return fail("the specimen plane is seen edge-on");
                }
                let normal = matrix.z_axis.truncate();
                (to_image, (to_image.inverse() * normal).x)
            }
            Self::Needle { .. } => (
                geometry.affine * DMat2::from_angle(geometry.tilt_axis_angle.0),
                geometry.tilt_angle.0,
            ),
        };
        Ok(PlaneView {
            to_image,
            shift: geometry.shift,
            depth,
        })
    }

    /// Correlation of two views at in-plane frequency `kx` (cycles/Å, across the axis).
    pub(crate) fn correlation(&self, kx: f64, a: f64, b: f64) -> f64 {
        match self {
            Self::Slab { thickness } => sinc(thickness.0 * kx * (a - b)),
            Self::Needle { diameter } => jinc(diameter.0 * 2.0 * kx * ((a - b) / 2.0).sin()),
        }
    }
}

/// One view as seen from the plane of comparison.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlaneView {
    /// Plane (across, along the axis) → image, both Å.
    pub(crate) to_image: DMat2,
    /// Where the origin appears, Å.
    pub(crate) shift: DVec2,
    /// tan θ of a slab, θ of a needle.
    pub(crate) depth: f64,
}

/// sin(πx)/(πx).
fn sinc(x: f64) -> f64 {
    let a = std::f64::consts::PI * x;
    if a.abs() < 1e-6 { 1.0 } else { a.sin() / a }
}

/// 2 J₁(πx)/(πx), by the series below 8 and the asymptotic form beyond (Abramowitz & Stegun 9.1.10, 9.2.1).
fn jinc(x: f64) -> f64 {
    let z = (std::f64::consts::PI * x).abs();
    if z < 8.0 {
        let square = -z * z / 4.0;
        let (mut term, mut sum) = (1.0, 1.0);
        for k in 1..30 {
            let k = f64::from(k);
            term *= square / (k * (k + 1.0));
            sum += term;
        }
        sum
    } else {
        let phase = z - 0.75 * std::f64::consts::PI;
        let amplitude = (2.0 / (std::f64::consts::PI * z)).sqrt();
        2.0 / z * amplitude * (phase.cos() - 3.0 / (8.0 * z) * phase.sin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::Degrees;

    #[test]
    fn bessel_of_a_disc() {
        // First zero at 1.2197, values from tables: J1(2) = 0.5767248, J1(10) = 0.0434727.
        assert!(jinc(1.219_67).abs() < 1e-5);
        assert!((jinc(2.0 / std::f64::consts::PI) - 0.576_724_8).abs() < 1e-6);
        assert!((jinc(10.0 / std::f64::consts::PI) - 2.0 * 0.043_472_7 / 10.0).abs() < 2e-4);
        assert!((jinc(0.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_plain_tilt_stretches_by_the_cosine() {
        let slab = Specimen::Slab {
            thickness: Angstrom(1000.0),
        };
        let geometry = TiltGeometry::tilted(Degrees(60.0).radians());
        let view = slab.view(0, &geometry).unwrap();
        assert!((view.to_image.x_axis.x - 0.5).abs() < 1e-12);
        assert!((view.depth - 3f64.sqrt()).abs() < 1e-12);
        let edge_on = TiltGeometry::tilted(Degrees(88.0).radians());
        assert!(
            slab.view(7, &edge_on)
                .unwrap_err()
                .to_string()
                .contains("edge-on")
        );
    }
}
