//! What can be asked of the estimation.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_model::HandSign;

use crate::CtfFitError;

/// How the tiles of a tilted view are compared with the rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TileMode {
    /// Every tile with the rings of its own height; nothing is averaged.
    #[default]
    Joint,
    /// Spectra are stretched to the defocus of the view's middle and averaged, as BISECT and CTFFIND do.
    StretchSum,
    /// The tilt is ignored: one mean spectrum per view, as for untilted micrographs.
    Flat,
}

/// Options of the estimation; lengths in Å, angles in radians.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// Lowest and highest resolution used, Å: (large, small).
    pub resolution: [f64; 2],
    /// Least and largest defocus of the origin, Å, positive underfocus.
    pub defocus: [f64; 2],
    /// Range in which a phase shift is searched, radians; none is assumed when empty.
    pub phase_shift: Option<[f64; 2]>,
    /// Thickness of the specimen, Å; estimated when empty, 0 for none.
    pub thickness: Option<f64>,
    /// B factor of the rings' strength, Å²; estimated when empty, 0 weights all rings alike.
    pub b_factor: Option<f64>,
    /// Share of the rings' amplitude by which a model of smooth background and envelope may be wrong: rings so strong that this
    /// error exceeds the noise weigh less; 0 believes the model.
    pub model_error: f64,
    /// The hand of the defocus gradient; measured when empty.
    pub hand: Option<HandSign>,
    /// Whether the plane of the specimen may be inclined in the specimen's frame.
    pub find_plane: bool,
    /// Whether views inform each other about defocus and astigmatism.
    pub joint_series: bool,
    /// How tiles are used.
    pub mode: TileMode,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            resolution: [30.0, 6.0],
            defocus: [5_000.0, 90_000.0],
            phase_shift: None,
            thickness: None,
            b_factor: None,
            model_error: 0.3,
            hand: None,
            find_plane: true,
            joint_series: true,
            mode: TileMode::Joint,
        }
    }
}

impl FitOptions {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`CtfFitError::Option`].
    pub fn check(&self) -> Result<(), CtfFitError> {
        let fault = |name, expected: &str, found: String| {
            Err(CtfFitError::Option {
                name,
                expected: expected.to_owned(),
                found,
            })
        };
        let [low, high] = self.resolution;
        if !(low.is_finite() && high > 0.0 && low > 1.2 * high) {
            return fault(
                "resolution",
                "a range from low to high resolution, such as 30 to 6 Å",
                format!("{low} to {high}"),
            );
        }
        let [least, most] = self.defocus;
        if !(least > 0.0 && most > least + 100.0 && most <= 500_000.0) {
            return fault(
                "defocus",
                "a range of underfocus within 0 to 500000 Å",
                format!("{least} to {most}"),
            );
        }
        if let Some([from, to]) = self.phase_shift
            && !(from <= to && from >= -3.2 && to <= 3.2)
        {
            return fault(
                "phase_shift",
                "a range within −180° to 180°",
                format!("{from} to {to} rad"),
            );
        }
        if let Some(thickness) = self.thickness
            && !(0.0..=20_000.0).contains(&thickness)
        {
            return fault("thickness", "0 to 20000 Å", thickness.to_string());
        }
        Ok(())
    }
}
