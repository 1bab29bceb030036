//! The tilt images of a particle as slices of its 3D CTF model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::JobError;
use thon_ctf::CtfModel;
use thon_extract::{CtfSlice, CtfSlices};
use thon_geometry::{Point, Specimen};
use thon_model::TiltSeries;
use thon_units::{Angstrom, PixelSize, SquareAngstrom};

/// How 3D CTF models weight tilt images.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Weights {
    /// Model the contrast transfer; otherwise the model is the missing wedge, weighted by tilt and exposure alone.
    pub ctf: bool,
    /// B factor for each e⁻/Å² of exposure before an image, in Å² per e⁻/Å².
    pub b_factor_per_dose: SquareAngstrom,
    /// Weight images by the cosine of their tilt.
    pub cosine: bool,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            ctf: true,
            b_factor_per_dose: SquareAngstrom(4.0),
            cosine: true,
        }
    }
}

/// The model of a particle at `position`, for a box along the specimen's axes.
pub(super) fn slices(
    series: &TiltSeries,
    position: Point<Specimen>,
    box_size: usize,
    voxel_size: PixelSize,
    weights: &Weights,
) -> Result<CtfSlices, JobError> {
    let mut slices = Vec::new();
    for index in series.used() {
        let image = &series.images[index];
        let place = || format!("{}, image {}", series.name, index + 1);
        let Some(geometry) = image.geometry else {
            return Err(JobError::data(format!("{}: no geometry", place())));
        };
        let ctf = if weights.ctf {
            let ctf = image.ctf.as_ref();
            let ctf = ctf.ok_or_else(|| JobError::data(format!("{}: no CTF", place())))?;
            let depth = Angstrom(geometry.project(position).depth);
            Some(match &series.defocus_hand {
                Some(hand) => CtfModel::at_depth(&series.optics, ctf, hand.sign, depth),
                None => CtfModel::new(&series.optics, ctf),
            })
        } else {
            None
        };
        slices.push(CtfSlice {
            projection: geometry.near(position).matrix(),
            ctf,
            scale: if weights.cosine {
                image.tilt_angle().0.cos()
            } else {
                1.0
            },
            b_factor: weights.b_factor_per_dose * image.dose_before.0,
        });
    }
    Ok(CtfSlices {
        box_size,
        voxel_size,
        slices,
    })
}
