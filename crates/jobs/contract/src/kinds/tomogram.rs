//! A tomogram: a description beside its volume; a plain MRC volume is taken as one too.

use std::path::{Path, PathBuf};

use thon_geometry::Grid;
use thon_images::mrc::Mrc;
use thon_model::{Tomogram, Weighting};
use thon_units::PixelSize;

use super::{read_json, write_json};
use crate::{Context, JobError, Kind};

/// A [`Tomogram`]; the job writes the volume itself, slice by slice.
#[derive(Clone, Copy, Debug)]
pub enum TomogramKind {}

impl Kind for TomogramKind {
    const NAME: &'static str = "tomogram";
    type Value = Tomogram;

    fn read(path: &Path, _: &Context) -> Result<Tomogram, JobError> {
        if path.extension().is_some_and(|e| e == "json") {
            read_json(path)
        } else {
            from_volume(path)
        }
    }

    fn write(name: &str, value: &Tomogram, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let file = format!("{name}.tomogram.json");
        write_json(&file, value, context)?;
        Ok(vec![file.into()])
    }
}

/// A bare volume, centred on the specimen's origin.
fn from_volume(path: &Path) -> Result<Tomogram, JobError> {
    let header = Mrc::read_header(path).map_err(|e| JobError::file(path, e))?;
    let voxel_size = header
        .pixel_size()
        .filter(|size| *size > 0.0)
        .ok_or_else(|| JobError::Data {
            message: format!("{}: the header states no voxel size", path.display()),
            hint: "set it in the header (cell dimensions divided by the grid)".into(),
        })?;
    let name = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(Tomogram {
        tilt_series: name.clone(),
        name,
        grid: Grid::new(header.shape(), PixelSize(voxel_size)),
        path: path.to_path_buf(),
        halves: None,
        weighting: Weighting::Unknown,
    })
}
