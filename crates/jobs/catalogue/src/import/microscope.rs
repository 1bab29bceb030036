//! What most foreign files do not say about the microscope.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_model::Optics;
use thon_units::{Kilovolt, Millimetre};

/// Constants of the microscope.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Microscope {
    /// Acceleration voltage, where the files state none.
    #[schemars(range(min = 10.0, max = 3000.0))]
    pub voltage: Kilovolt,
    /// Spherical aberration of the objective lens.
    #[schemars(range(min = 0.0, max = 20.0))]
    pub spherical_aberration: Millimetre,
    /// Fraction of amplitude contrast.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub amplitude_contrast: f64,
}

impl Default for Microscope {
    fn default() -> Self {
        let Optics {
            voltage,
            spherical_aberration,
            amplitude_contrast,
        } = Optics::default();
        Self {
            voltage,
            spherical_aberration,
            amplitude_contrast,
        }
    }
}

impl Microscope {
    /// The same in the words of the model.
    pub(crate) fn optics(&self) -> Optics {
        Optics {
            voltage: self.voltage,
            spherical_aberration: self.spherical_aberration,
            amplitude_contrast: self.amplitude_contrast,
        }
    }
}
