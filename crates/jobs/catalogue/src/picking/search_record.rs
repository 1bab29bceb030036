//! What a template search leaves for the extraction of its peaks: volumes, orientations, error rates.

use std::path::PathBuf;

use ndarray::Array3;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, read_json};
use thon_contract::{Context, Item, JobError};
use thon_images::mrc::Mrc;
use thon_model::Tomogram;
use thon_pick::{FalsePositives, HandTest, PickError};
use thon_units::{Angstrom, Degrees};

/// A search, as the file `NAME.search.json` holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SearchRecord {
    /// The volume of scores: z where there are error rates.
    pub scores: Tomogram,
    /// The volume of orientation indices.
    pub orientations: PathBuf,
    /// Step of the grid of orientations.
    pub angular_step: Degrees,
    /// Point group of the template.
    pub symmetry: String,
    /// Diameter of the mask.
    pub mask_diameter: Angstrom,
    /// What chance gives; absent when nothing was searched to tell.
    pub false_positives: Option<FalsePositives>,
    /// Which hand fits better.
    pub hand: Option<HandTest>,
}

impl SearchRecord {
    /// The record of an item of files.
    pub(super) fn of(item: &Item<FilesKind>, context: &Context) -> Result<Self, JobError> {
        let file = item.record.files.iter().find(|file| {
            file.to_str()
                .is_some_and(|name| name.ends_with(".search.json"))
        });
        let file = file.ok_or_else(|| JobError::Data {
            message: format!(
                "{}: no search of a template is among its files",
                item.name()
            ),
            hint: "give what tomogram.match-template left as `search`".into(),
        })?;
        read_json(&context.resolve(file))
    }
}

/// A volume file of these extents.
pub(super) fn volume(
    path: &std::path::Path,
    dims: [usize; 3],
    context: &Context,
) -> Result<Array3<f32>, JobError> {
    let path = context.resolve(path);
    let failed = |e: &dyn std::fmt::Display| JobError::file(&path, e.to_string());
    let file = Mrc::open(&path).map_err(|e| failed(&e))?;
    if file.shape() != dims {
        let message = format!(
            "expected {dims:?} voxels (z, y, x), found {:?}",
            file.shape()
        );
        return Err(JobError::file(&path, message));
    }
    let voxels = file.read_all().map_err(|e| failed(&e))?;
    Array3::from_shape_vec(dims, voxels).map_err(|e| failed(&e))
}

/// The job error that a kernel error amounts to.
pub(super) fn stopped(error: PickError) -> JobError {
    match error {
        PickError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}
