//! A map turned, moved, mirrored, rescaled, cut, inverted, filtered or masked.
//!
//! Kernel: `thon_maps::transform`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{MapKind, MaskKind, PictureKind};
use thon_contract::{
    Artifact, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_maps::transform::{TransformOptions, transform};
use thon_units::PixelSize;

use super::boxes::{box_of, load_mask, load_usable, records};
use crate::pictures;

/// Transformation of a map.
pub(crate) struct TransformMap;

/// Turn, move, mirror, rescale, cut, invert, filter or mask a map.
///
/// Steps are taken in the order of the parameters; the mask is applied last and has the box of the result.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// What is done, in this order.
    pub options: TransformOptions,
}

/// Inputs of the transformation.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The map.
    map: Artifact<MapKind>,
    /// Soft mask that multiplies the result.
    mask: Option<Artifact<MaskKind>>,
}

/// Outputs of the transformation.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The new map.
    map: Output<MapKind>,
    /// Its slices and surface.
    pictures: Output<PictureKind>,
}

impl Job for TransformMap {
    const ID: &'static str = "maps.transform";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let options = &params.options;
        let mut findings = Vec::new();
        let turn = &options.turn;
        if turn.angle.0 != 0.0 && turn.x == 0.0 && turn.y == 0.0 && turn.z == 0.0 {
            findings.push(Finding::error("options.turn", "the axis has no direction"));
        }
        if options
            .voxel_size
            .is_some_and(|v| !(0.01..=1000.0).contains(&v.0))
        {
            findings.push(Finding::error(
                "options.voxel_size",
                "expected 0.01 to 1000 Å",
            ));
        }
        for (place, period) in [
            ("options.low_pass", options.low_pass),
            ("options.high_pass", options.high_pass),
        ] {
            if period.is_some_and(|p| !(0.01..=1e6).contains(&p.0)) {
                findings.push(Finding::error(place, "expected 0.01 to 1000000 Å"));
            }
        }
        match (grid(params, inputs, context), &inputs.mask) {
            (Err(e), _) => findings.push(Finding::error("map", e.to_string())),
            (Ok((dims, voxel_size)), Some(mask)) => {
                findings.extend(mask_finding(dims, voxel_size, mask, context));
            }
            (Ok(_), None) => {}
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let old = super::boxes::voxels(&inputs.map, context);
        let new = grid(params, inputs, context)
            .map_or(old, |(dims, _)| dims.iter().map(|n| *n as u64).product());
        Cost {
            memory: PROCESS_MEMORY + 150 * old + 24 * new,
            disk: (1 << 17) + 4 * new,
            cpu_seconds: 0.2 + (old + new) as f64 * 3e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let map = load_usable("map", inputs.map.single()?, context)?;
        thon_compute::check(context.progress())?;
        let mut new = transform(&map, &params.options);
        if let Some(mask) = &inputs.mask {
            let mask = load_mask(mask, context)?.0;
            if mask.dims() != new.dims() {
                return Err(JobError::data(format!(
                    "the mask has {:?} voxels, the result {:?}",
                    mask.dims(),
                    new.dims()
                )));
            }
            new.data *= &mask.data;
        }
        thon_compute::check(context.progress())?;
        let picture = pictures::map_of_share(&new, 0.05).to_png();
        Ok(Outputs {
            map: Output::of(vec![context.store::<MapKind>("map", &new)?]),
            pictures: Output::of(vec![context.store::<PictureKind>("map", &picture)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let o = &params.options;
        let steps = [
            (o.invert, "inverted in contrast"),
            (o.mirror, "mirrored"),
            (o.turn.angle.0 != 0.0, "turned"),
            (o.voxel_size.is_some(), "rescaled"),
            (o.box_size.is_some(), "put into another box"),
            (o.low_pass.is_some() || o.high_pass.is_some(), "filtered"),
            (o.b_factor.0 != 0.0, "sharpened"),
        ];
        let done: Vec<&str> = steps.iter().filter(|s| s.0).map(|s| s.1).collect();
        let done = if done.is_empty() {
            "left as it was".into()
        } else {
            done.join(", ")
        };
        Methods {
            text: format!("The map was {done}."),
            citations: Vec::new(),
        }
    }
}

/// Box and voxel size of the result.
fn grid(
    params: &Params,
    inputs: &Inputs,
    context: &Context,
) -> Result<([usize; 3], PixelSize), JobError> {
    let record = &inputs.map.single()?.record;
    let (dims, voxel_size) = box_of(record, context)?;
    Ok(params.options.grid(dims, PixelSize(voxel_size)))
}

fn mask_finding(
    dims: [usize; 3],
    voxel_size: PixelSize,
    mask: &Artifact<MaskKind>,
    context: &Context,
) -> Option<Finding> {
    let record = records(mask).into_iter().next()?;
    let message = match box_of(&record, context) {
        Err(e) => e.to_string(),
        Ok((shape, size)) if shape != dims || (size / voxel_size.0 - 1.0).abs() > 1e-3 => {
            let [z, y, x] = dims;
            format!(
                "expected {x} × {y} × {z} voxels of {voxel_size} as of the result, found {shape:?} of {size:.4} Å"
            )
        }
        Ok(_) => return None,
    };
    Some(Finding::error("mask", message))
}
