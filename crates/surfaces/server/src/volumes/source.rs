//! The volume behind an object, and what its header says.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;
use thon_contract::kinds::TomogramKind;
use thon_images::mrc::Mrc;

use crate::call::{Answer, Answered, Call};
use crate::failure::Refusal;
use crate::objects::Object;
use crate::server::Server;

/// Sections that statistics are taken from.
const SAMPLED: usize = 16;
/// Pixels of each of them.
const PIXELS: usize = 1 << 15;

/// A volume, open to be read by position.
pub(super) struct Volume {
    pub(super) path: PathBuf,
    pub(super) file: Mrc<'static>,
    /// `[z, y, x]`.
    pub(super) shape: [usize; 3],
    pub(super) voxel_size: Option<f64>,
}

/// Kinds that are volumes.
pub(super) const VOLUMES: [&str; 3] = ["map", "mask", "tomogram"];

/// Opens the volume of an object; `part` may name a half of a tomogram.
pub(super) fn open(object: &Object, part: &str) -> Result<Volume, Refusal> {
    object.expect(&VOLUMES)?;
    let path = path(object, part)?;
    let file = Mrc::open(&path).map_err(Refusal::internal)?;
    let shape = file.shape();
    if shape.contains(&0) {
        return Err(Refusal::bad("the volume is empty"));
    }
    Ok(Volume {
        shape,
        voxel_size: file.header().pixel_size().filter(|size| *size > 0.0),
        path,
        file,
    })
}

fn path(object: &Object, part: &str) -> Result<PathBuf, Refusal> {
    if object.kind != "tomogram" {
        return object.main();
    }
    let tomogram = object.load::<TomogramKind>()?;
    let half = |index: usize| {
        let halves = tomogram.halves.as_ref();
        halves
            .map(|halves| halves[index].clone())
            .ok_or_else(|| Refusal::absent("the tomogram has no halves"))
    };
    let path = match part {
        "" | "full" => tomogram.path.clone(),
        "half-1" => half(0)?,
        "half-2" => half(1)?,
        other => {
            return Err(Refusal::bad(format!(
                "expected full, half-1 or half-2, found \"{other}\""
            )));
        }
    };
    Ok(object.resolve(&path))
}

/// The part that was asked for.
pub(super) fn part(call: &Call) -> &str {
    call.query.get("part").map_or("", String::as_str)
}

/// What a viewer must know of a volume before it asks for slices.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct VolumeSummary {
    /// Size in z, y, x.
    shape: [usize; 3],
    /// Edge of a voxel, Å.
    voxel_size: Option<f64>,
    /// Mean of sampled sections.
    mean: f64,
    /// Their standard deviation.
    deviation: f64,
    /// The values that 0.5 % and 99.5 % of them are below.
    range: [f32; 2],
    /// Whether there are halves to look at.
    halves: bool,
}

/// Header and statistics of a volume.
pub(crate) fn volume(server: &Server, call: &Call) -> Answered {
    let object = Object::find(server, call)?;
    let tag = match call.tag(&object.item.digest) {
        Ok(tag) => tag,
        Err(unchanged) => return Ok(unchanged),
    };
    let volume = open(&object, part(call))?;
    let halves = object.kind == "tomogram" && path(&object, "half-1").is_ok();
    let mut values = sampled(&volume)?;
    values.sort_by(f32::total_cmp);
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = values
        .iter()
        .map(|v| (f64::from(*v) - mean).powi(2))
        .sum::<f64>()
        / n;
    let at = |share: f64| {
        let index = (share * values.len() as f64) as usize;
        values
            .get(index.min(values.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    };
    let summary = VolumeSummary {
        shape: volume.shape,
        voxel_size: volume.voxel_size,
        mean,
        deviation: variance.sqrt(),
        range: [at(0.005), at(0.995)],
        halves,
    };
    Ok(Answer::json(&summary)?.tagged(tag))
}

/// Finite values of sections spread over the middle of the volume.
fn sampled(volume: &Volume) -> Result<Vec<f32>, Refusal> {
    let [nz, ny, nx] = volume.shape;
    let count = SAMPLED.min(nz);
    let stride = (ny * nx).div_ceil(PIXELS).max(1);
    let mut values = Vec::new();
    for k in 0..count {
        let section = volume
            .file
            .read_section((2 * k + 1) * nz / (2 * count))
            .map_err(Refusal::internal)?;
        // An odd step does not fall on the same columns in every row.
        values.extend(
            section
                .into_iter()
                .step_by(stride | 1)
                .filter(|v| v.is_finite()),
        );
    }
    Ok(values)
}
