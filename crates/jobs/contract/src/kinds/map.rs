//! Density maps and masks as MRC volumes.

use std::path::{Path, PathBuf};

use ndarray::Array3;
use thon_images::mrc::{Mrc, write_volume};
use thon_model::{Map, Mask};
use thon_units::PixelSize;

use super::Health;
use crate::{Context, JobError, Kind};

/// A [`Map`].
#[derive(Clone, Copy, Debug)]
pub enum MapKind {}

/// A [`Mask`].
#[derive(Clone, Copy, Debug)]
pub enum MaskKind {}

impl Kind for MapKind {
    const NAME: &'static str = "map";
    type Value = Map;

    fn read(path: &Path, _: &Context) -> Result<Map, JobError> {
        read_map(path)
    }

    fn write(name: &str, value: &Map, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        write_map(name, value, context)
    }
}

impl Kind for MaskKind {
    const NAME: &'static str = "mask";
    type Value = Mask;

    fn read(path: &Path, _: &Context) -> Result<Mask, JobError> {
        let map = read_map(path)?;
        let outside = map
            .data
            .iter()
            .filter(|v| !(-1e-4..=1.0001).contains(*v))
            .count();
        if outside > 0 {
            return Err(JobError::Data {
                message: format!(
                    "{}: {outside} values of the mask lie outside 0…1",
                    path.display()
                ),
                hint: "binarise the map with a threshold first".into(),
            });
        }
        Ok(Mask(map))
    }

    fn write(name: &str, value: &Mask, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        write_map(name, &value.0, context)
    }
}

fn read_map(path: &Path) -> Result<Map, JobError> {
    let file = Mrc::open(path).map_err(|e| JobError::file(path, e))?;
    let voxel_size = file
        .header()
        .pixel_size()
        .filter(|size| *size > 0.0)
        .ok_or_else(|| JobError::Data {
            message: format!("{}: the header states no voxel size", path.display()),
            hint: "set it in the header (cell dimensions divided by the grid)".into(),
        })?;
    let shape = file.shape();
    let data = file.read_all().map_err(|e| JobError::file(path, e))?;
    let data = Array3::from_shape_vec(shape, data).map_err(|e| JobError::file(path, e))?;
    Ok(Map::new(data, PixelSize(voxel_size)))
}

fn write_map(name: &str, map: &Map, context: &Context) -> Result<Vec<PathBuf>, JobError> {
    let data = map.data.as_standard_layout();
    let voxels = data.as_slice().expect("standard layout");
    let mut health = Health::default();
    health.add(voxels);
    health.verdict(name)?;
    let file = format!("{name}.mrc");
    let path = context.file(&file)?;
    write_volume(&path, voxels, map.dims(), Some(map.voxel_size.0))
        .map_err(|e| JobError::file(&path, e))?;
    Ok(vec![file.into()])
}
