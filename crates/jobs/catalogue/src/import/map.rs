//! A map, half map or mask from an MRC volume.
//!
//! The volume is copied, so that the project keeps what it used; the origin is taken at voxel ⌊n/2⌋.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{MapKind, MaskKind};
use thon_contract::{
    Context, Cost, Finding, Job, JobError, Kind, Methods, None as NoInputs, Output,
};
use thon_images::mrc::{Mrc, MrcHeader};
use thon_model::{Map, Mask};
use thon_units::PixelSize;

use super::given_files::{positive, required};
use super::tilt_series_set::{existing, item_name};

/// Import of a map.
pub(crate) struct ImportMap;

/// Import a map, a half map or a mask from an MRC volume.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The volume.
    #[schemars(extend("x-path" = true))]
    pub file: PathBuf,
    /// What it is.
    pub holds: Holds,
    /// Edge length of a voxel, instead of that of the header.
    pub voxel_size: Option<PixelSize>,
}

/// What a volume holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Holds {
    /// A density map or half map.
    Map,
    /// A mask with values from 0 to 1.
    Mask,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            file: PathBuf::new(),
            holds: Holds::Map,
            voxel_size: None,
        }
    }
}

/// Outputs of the import; one of them stays empty.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The map.
    map: Output<MapKind>,
    /// The mask.
    mask: Output<MaskKind>,
}

impl Job for ImportMap {
    const ID: &'static str = "import.map";
    type Params = Params;
    type Inputs = NoInputs;
    type Outputs = Outputs;

    fn check(params: &Params, _: &NoInputs, context: &Context) -> Vec<Finding> {
        if let Some(finding) = required("file", &params.file, "an MRC volume") {
            return vec![finding];
        }
        let size = positive("voxel_size", params.voxel_size.map(|size| size.0), "Å/px");
        let header = match header(params, context) {
            Ok(header) => header,
            Err(e) => return vec![Finding::error("file", e.to_string())],
        };
        let mut found: Vec<Finding> = size.into_iter().collect();
        if header.nz < 2 {
            let message = format!(
                "expected a volume, found one section of {} × {}",
                header.nx, header.ny
            );
            found.push(Finding::error("file", message));
        }
        if header.nx != header.ny || header.ny != header.nz {
            let message = format!(
                "the box is no cube: {} × {} × {}",
                header.nx, header.ny, header.nz
            );
            found.push(Finding::warning("file", message));
        }
        if params
            .voxel_size
            .or(header.pixel_size().map(PixelSize))
            .is_none()
        {
            let finding = Finding::error(
                "voxel_size",
                "expected a voxel size in the header, found none",
            );
            found.push(finding.with_hint("give `voxel_size`"));
        } else if params.voxel_size.is_none() && header.pixel_size() == Some(1.0) {
            let finding = Finding::warning(
                "voxel_size",
                "the header says 1.0 Å, which is probably unset",
            );
            found.push(finding.with_hint("give `voxel_size`"));
        }
        found
    }

    fn cost(params: &Params, _: &NoInputs, context: &Context) -> Cost {
        let voxels =
            header(params, context).map_or(0, |header| header.nx * header.ny * header.nz) as u64;
        Cost {
            memory: 10 * voxels,
            disk: 4 * voxels,
            cpu_seconds: voxels as f64 * 1e-8,
        }
    }

    fn run(params: &Params, _: &NoInputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let path = context.resolve(&params.file);
        let map = match params.voxel_size {
            None => MapKind::read(&path, context)?,
            Some(size) => read_unscaled(&path, size)?,
        };
        let stem = params
            .file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let name = item_name(&stem);
        context.metric("voxels", map.data.len() as f64);
        if params.holds == Holds::Map {
            let map = context.store::<MapKind>(&name, &map)?;
            return Ok(Outputs {
                map: Output::of(vec![map]),
                mask: Output::empty(),
            });
        }
        let outside = map
            .data
            .iter()
            .filter(|value| !(-1e-4..=1.0001).contains(*value))
            .count();
        if outside > 0 {
            return Err(JobError::Data {
                message: format!(
                    "{}: {outside} values lie outside 0…1",
                    params.file.display()
                ),
                hint: "a mask has values from 0 to 1; import it as a map instead".into(),
            });
        }
        let mask = context.store::<MaskKind>(&name, &Mask(map))?;
        Ok(Outputs {
            map: Output::empty(),
            mask: Output::of(vec![mask]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let what = if params.holds == Holds::Map {
            "A map"
        } else {
            "A mask"
        };
        Methods {
            text: format!("{what} was imported."),
            citations: Vec::new(),
        }
    }

    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        Ok(existing([params.file.clone()], context))
    }
}

fn header(params: &Params, context: &Context) -> Result<MrcHeader, JobError> {
    let path = context.resolve(&params.file);
    Mrc::read_header(&path).map_err(|e| JobError::file(&path, e))
}

/// A volume whatever its header says of the voxel size.
fn read_unscaled(path: &std::path::Path, voxel_size: PixelSize) -> Result<Map, JobError> {
    let file = Mrc::open(path).map_err(|e| JobError::file(path, e))?;
    let shape = file.shape();
    let data = file.read_all().map_err(|e| JobError::file(path, e))?;
    let data = ndarray::Array3::from_shape_vec(shape, data).map_err(|e| JobError::file(path, e))?;
    Ok(Map::new(data, voxel_size))
}
