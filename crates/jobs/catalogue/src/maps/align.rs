//! One map aligned to another by rotation and shift, both hands tried.
//!
//! Kernel: `thon_maps::align`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, MapKind, MaskKind, PictureKind};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_maps::align::{AlignError, AlignOptions, Alignment, align};
use thon_maps::post_process::fsc_of_maps;
use thon_model::Map;

use super::boxes::{box_findings, load_mask, load_usable, records, voxels};
use crate::pictures;

/// Alignment of maps.
pub(crate) struct AlignMaps;

/// Align a map to a reference by rotation and shift, and tell which hand fits.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Search.
    pub options: AlignOptions,
}

/// Inputs of the alignment.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The map that is moved.
    map: Artifact<MapKind>,
    /// The map that it is brought to; same cubic box and voxel size.
    reference: Artifact<MapKind>,
    /// The part of the reference that counts.
    mask: Option<Artifact<MaskKind>>,
}

/// Outputs of the alignment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The map where the reference is.
    map: Output<MapKind>,
    /// FSC of the two afterwards; how the map was moved.
    fsc: Output<CurvesKind>,
    /// The moved map, the reference and the FSC.
    pictures: Output<PictureKind>,
}

impl Job for AlignMaps {
    const ID: &'static str = "maps.align";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut boxes = vec![
            ("map", records(&inputs.map)),
            ("reference", records(&inputs.reference)),
        ];
        boxes.extend(inputs.mask.iter().map(|mask| ("mask", records(mask))));
        let mut findings = box_findings(&boxes, context);
        if params
            .options
            .within
            .is_some_and(|w| !(0.0..=180.0).contains(&w.0))
        {
            findings.push(Finding::error("options.within", "expected 0 to 180°"));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let voxels = voxels(&inputs.map, context);
        let hands = if params.options.mirror { 2.0 } else { 1.0 };
        Cost {
            memory: (64 << 20) + 120 * voxels,
            disk: (1 << 19) + 4 * voxels,
            cpu_seconds: 6.0 * hands + voxels as f64 * 5e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let map = load_usable("map", inputs.map.single()?, context)?;
        let reference = load_usable("reference", inputs.reference.single()?, context)?;
        let mask = match &inputs.mask {
            Some(mask) => Some(load_mask(mask, context)?),
            None => None,
        };
        let progress = context.progress();
        let found = align(&map, &reference, mask.as_ref(), &params.options, progress);
        let found = found.map_err(|error| match error {
            AlignError::Cancelled(_) => JobError::Cancelled,
            other => JobError::data(other.to_string()),
        })?;
        thon_compute::check(progress)?;
        let curves = curves(&found, &reference)?;
        for (name, value) in &curves.facts {
            context.metric(name, *value);
        }
        if let [Some(own), Some(mirror)] = found.correlation
            && (own - mirror).abs() < 0.01
        {
            context.warn(format!(
                "the hand is not decided: correlation {own:.3} as it is, {mirror:.3} mirrored"
            ));
        }
        let drawn = |map: &Map| pictures::map_of_share(map, 0.05).to_png();
        let store = |name: &str, png: &Vec<u8>| context.store::<PictureKind>(name, png);
        Ok(Outputs {
            map: Output::of(vec![context.store::<MapKind>("aligned", &found.map)?]),
            fsc: Output::of(vec![context.store::<CurvesKind>("fsc", &curves)?]),
            pictures: Output::of(vec![
                store("aligned", &drawn(&found.map))?,
                store("reference", &drawn(&reference))?,
                store("fsc", &pictures::correlation(&curves).to_png())?,
            ]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Maps were aligned by cross-correlation over rotations, shifts and both hands."
                .into(),
            citations: vec![Citation::new("Harauz & van Heel 1986", "")],
        }
    }
}

fn curves(found: &Alignment, reference: &Map) -> Result<Curves, JobError> {
    let fsc = fsc_of_maps(&found.map, reference).map_err(|e| JobError::data(e.to_string()))?;
    let voxel_size = reference.voxel_size.0;
    let axis = found.rotation.to_axis_angle().0;
    let [x, y, z] = found.shift;
    let mut facts: std::collections::BTreeMap<String, f64> = [
        ("rotation (°)", found.angle().0.to_degrees()),
        ("axis, x", axis.x),
        ("axis, y", axis.y),
        ("axis, z", axis.z),
        ("shift along x (Å)", x),
        ("shift along y (Å)", y),
        ("shift along z (Å)", z),
        ("mirrored", f64::from(u8::from(found.mirrored))),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let names = ["correlation", "correlation, mirrored"];
    for (name, value) in names.into_iter().zip(found.correlation) {
        facts.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(Curves {
        title: "Fourier shell correlation with the reference after alignment".into(),
        columns: vec![
            Column::new(
                "frequency",
                "1/Å",
                fsc.frequency.iter().map(|f| f / voxel_size),
            ),
            Column::new("aligned", "", fsc.fsc.iter().copied()),
        ],
        facts,
    })
}
