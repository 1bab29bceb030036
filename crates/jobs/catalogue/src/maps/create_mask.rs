//! A soft mask from a map, a solid shape or an atomic model, combined with another, and what is doubtful about it.
//!
//! Kernels: `thon_maps::masks`, `thon_signal::mask`. The doubts are those of Bharat & Scheres 2016, Nat. Protoc. 11:2054, Table 1.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{MapKind, MaskKind, PictureKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_maps::automask::{AutomaskOptions, propose};
use thon_maps::masks::{Combination, combine, inverted, mask_doubts};
use thon_model::Mask;
use thon_units::PixelSize;

use super::boxes::{box_findings, box_of, load_mask, load_usable, records, voxels};
use super::mask_shapes::{ModelMask, Solid, model_mask, solid_mask};
use crate::pictures;

/// Making of a mask.
pub(crate) struct CreateMask;

/// Make a soft mask from a map, a sphere, a cylinder, a box or an atomic model.
///
/// A threshold that is not given is proposed: one that parts particle and solvent, leaves no islands and is not black. Another
/// mask can be joined, intersected or taken away.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// What the mask is made from.
    pub shape: Shape,
    /// How a mask is made from a map.
    pub from_map: AutomaskOptions,
    /// Sphere, cylinder (along z) or box.
    pub solid: Solid,
    /// Atomic model.
    pub model: ModelMask,
    /// Edge of the box, voxels, when no map or mask tells it.
    #[schemars(range(min = 4, max = 4096))]
    pub box_size: Option<usize>,
    /// Edge length of a voxel, when no map or mask tells it.
    pub voxel_size: Option<PixelSize>,
    /// How the mask given as input is combined with the one that is made.
    pub combine: Option<Combination>,
    /// Exchange inside and outside at the end.
    pub invert: bool,
}

/// What a mask is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shape {
    /// The densities of the map.
    #[default]
    Map,
    /// A sphere.
    Sphere,
    /// A cylinder along z.
    Cylinder,
    /// A rectangular box.
    Box,
    /// The atoms of a model.
    Model,
}

/// Inputs of a mask.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The map that the mask is made from, or whose box it shares.
    map: Option<Artifact<MapKind>>,
    /// A mask to combine with; same box and voxel size.
    mask: Option<Artifact<MaskKind>>,
}

/// Outputs of a mask.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The mask.
    mask: Output<MaskKind>,
    /// Its slices and surface.
    pictures: Output<PictureKind>,
}

impl Job for CreateMask {
    const ID: &'static str = "maps.create-mask";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut slots = Vec::new();
        slots.extend(inputs.map.iter().map(|map| ("map", records(map))));
        slots.extend(inputs.mask.iter().map(|mask| ("mask", records(mask))));
        let mut findings = box_findings(&slots, context);
        if params.shape == Shape::Map && inputs.map.is_none() {
            let hint = "give a map, or choose another shape";
            findings.push(
                Finding::error("map", "expected a map to make the mask from").with_hint(hint),
            );
        }
        if findings.is_empty() && grid(params, inputs, context).is_err() {
            let message = "expected box_size and voxel_size, since no map or mask tells them";
            findings.push(Finding::error("box_size", message));
        }
        if params.combine.is_some() != inputs.mask.is_some() {
            let message = "expected both a mask and how it is combined, or neither";
            findings.push(Finding::error("combine", message));
        }
        if params.shape == Shape::Model {
            findings.extend(params.model.findings(context));
        }
        findings.extend(params.solid.findings());
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let known = inputs.map.as_ref().map(|map| voxels(map, context));
        let known = known.or(inputs.mask.as_ref().map(|mask| voxels(mask, context)));
        let voxels = known.unwrap_or((params.box_size.unwrap_or(0) as u64).pow(3));
        Cost {
            memory: PROCESS_MEMORY + 48 * voxels,
            disk: (1 << 17) + 4 * voxels,
            cpu_seconds: 0.3 + voxels as f64 * 2e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let mut mask = made(params, inputs, context)?;
        if let (Some(how), Some(other)) = (params.combine, &inputs.mask) {
            let other = load_mask(other, context)?;
            mask = combine(&mask, &other, how).map_err(|e| JobError::data(e.to_string()))?;
        }
        if params.invert {
            mask = inverted(&mask);
        }
        thon_compute::check(context.progress())?;
        let doubts = mask_doubts(&mask);
        if doubts.is_black() {
            return Err(JobError::Data {
                message: "the mask is black".into(),
                hint: "lower the threshold, enlarge the shape, or combine it otherwise".into(),
            });
        }
        for doubt in doubts.in_words() {
            context.warn(doubt);
        }
        context.metric("volume of the mask over the box", doubts.volume_fraction);
        let picture = pictures::map(&mask.0.data, 0.5).to_png();
        Ok(Outputs {
            mask: Output::of(vec![context.store::<MaskKind>("mask", &mask)?]),
            pictures: Output::of(vec![context.store::<PictureKind>("mask", &picture)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let from = match params.shape {
            Shape::Map => "the low-pass filtered map",
            Shape::Sphere => "a sphere",
            Shape::Cylinder => "a cylinder",
            Shape::Box => "a box",
            Shape::Model => "an atomic model",
        };
        Methods {
            text: format!("A mask with a soft edge was made from {from}."),
            citations: vec![Citation::new(
                "Bharat & Scheres 2016",
                "10.1038/nprot.2016.124",
            )],
        }
    }

    fn external_files(params: &Params, _: &Context) -> Result<Vec<PathBuf>, JobError> {
        let model = (params.shape == Shape::Model).then(|| params.model.file.clone());
        Ok(model.into_iter().flatten().collect())
    }
}

/// The box and voxel size of the mask: of the map, the other mask, or as given.
fn grid(
    params: &Params,
    inputs: &Inputs,
    context: &Context,
) -> Result<([usize; 3], PixelSize), JobError> {
    let map = inputs.map.iter().flat_map(records);
    let record = map.chain(inputs.mask.iter().flat_map(records)).next();
    if let Some(record) = record {
        let (dims, voxel_size) = box_of(&record, context)?;
        return Ok((dims, PixelSize(voxel_size)));
    }
    match (params.box_size, params.voxel_size) {
        (Some(edge), Some(voxel_size)) if voxel_size.0 > 0.0 => Ok(([edge; 3], voxel_size)),
        _ => Err(JobError::data("the box of the mask is not known")),
    }
}

/// The mask before it is combined.
fn made(params: &Params, inputs: &Inputs, context: &Context) -> Result<Mask, JobError> {
    if params.shape == Shape::Map {
        let map = inputs
            .map
            .as_ref()
            .ok_or_else(|| JobError::data("there is no map"))?;
        let map = load_usable("map", map.single()?, context)?;
        let found = propose(&map, &params.from_map);
        context.metric("threshold", f64::from(found.threshold));
        if found.connected < 0.9 {
            context.warn(format!(
                "{:.0} % of the voxels above {:.4} are islands beside the largest piece: raise the threshold or low-pass more",
                100.0 * (1.0 - found.connected),
                found.threshold
            ));
        }
        return Ok(found.mask);
    }
    let (dims, voxel_size) = grid(params, inputs, context)?;
    match params.shape {
        Shape::Model => model_mask(&params.model, dims, voxel_size, context),
        shape => Ok(solid_mask(shape, &params.solid, dims, voxel_size)),
    }
}
