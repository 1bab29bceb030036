//! The difference of two maps after matching their amplitudes shell by shell.
//!
//! Kernel: `thon_maps::difference`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, MapKind, MaskKind, PictureKind};
use thon_contract::{
    Artifact, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_maps::difference::{Difference, DifferenceOptions, difference};
use thon_model::Map;

use super::boxes::{box_findings, load_mask, load_usable, records, voxels};
use crate::pictures;

/// Difference of maps.
pub(crate) struct DifferenceMap;

/// Subtract a reference from a map after matching their amplitudes, and list where they differ.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Resolution, amplitudes, peaks.
    pub options: DifferenceOptions,
}

/// Inputs of the difference.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The map.
    map: Artifact<MapKind>,
    /// What is subtracted; aligned, same box and voxel size.
    reference: Artifact<MapKind>,
    /// Soft mask around the particle; noise is measured outside it.
    mask: Option<Artifact<MaskKind>>,
}

/// Outputs of the difference.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Map less reference.
    difference: Output<MapKind>,
    /// The map with matched amplitudes.
    matched_map: Output<MapKind>,
    /// FSC of the two, amplitude factors, peaks.
    curves: Output<CurvesKind>,
    /// The difference and the FSC.
    pictures: Output<PictureKind>,
}

impl Job for DifferenceMap {
    const ID: &'static str = "maps.difference";
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
            .low_pass
            .is_some_and(|d| !(0.1..=1e5).contains(&d.0))
        {
            findings.push(Finding::error(
                "options.low_pass",
                "expected 0.1 to 100000 Å",
            ));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let voxels = voxels(&inputs.map, context);
        Cost {
            memory: PROCESS_MEMORY + 60 * voxels,
            disk: (1 << 17) + 8 * voxels,
            cpu_seconds: 0.3 + voxels as f64 * 2e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let map = load_usable("map", inputs.map.single()?, context)?;
        let reference = load_usable("reference", inputs.reference.single()?, context)?;
        let mask = match &inputs.mask {
            Some(mask) => Some(load_mask(mask, context)?),
            None => None,
        };
        thon_compute::check(context.progress())?;
        let found = difference(&map, &reference, mask.as_ref(), &params.options)
            .map_err(|e| JobError::data(e.to_string()))?;
        thon_compute::check(context.progress())?;
        if found.noise <= 0.0 || found.map.data.iter().all(|v| *v == 0.0) {
            return Err(JobError::data(
                "the two maps are the same: their difference is zero everywhere",
            ));
        }
        let curves = curves(&found);
        context.metric("compared to (Å)", found.resolution.0);
        context.metric(
            "strongest difference over noise",
            found.peaks.first().map_or(0.0, |p| p.1),
        );
        let drawn = |map: &Map| pictures::map_of_share(map, 0.005).to_png();
        let store = |name: &str, png: &Vec<u8>| context.store::<PictureKind>(name, png);
        Ok(Outputs {
            difference: Output::of(vec![context.store::<MapKind>("difference", &found.map)?]),
            matched_map: Output::of(vec![context.store::<MapKind>("matched", &found.matched)?]),
            curves: Output::of(vec![context.store::<CurvesKind>("difference", &curves)?]),
            pictures: Output::of(vec![
                store("difference", &drawn(&found.map))?,
                store("fsc", &pictures::correlation(&curves).to_png())?,
            ]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let how = if params.options.match_amplitudes {
            "after matching its amplitudes in resolution shells"
        } else {
            "as it was"
        };
        Methods {
            text: format!("The reference was subtracted from the map {how}."),
            citations: Vec::new(),
        }
    }
}

/// The FSC; as facts the peaks: height over noise, and where (Å from the centre voxel).
fn curves(found: &Difference) -> Curves {
    let voxel_size = found.map.voxel_size.0;
    let mut facts = std::collections::BTreeMap::new();
    facts.insert("compared to (Å)".to_owned(), found.resolution.0);
    facts.insert("noise".to_owned(), found.noise);
    for (number, ([x, y, z], height)) in found.peaks.iter().enumerate() {
        let name = |what: &str| format!("peak {}: {what}", number + 1);
        facts.insert(name("height over noise"), *height);
        for (axis, value) in [("x (Å)", x), ("y (Å)", y), ("z (Å)", z)] {
            facts.insert(name(axis), *value);
        }
    }
    let frequency = found.correlation.frequency.iter().map(|f| f / voxel_size);
    Curves {
        title: "Fourier shell correlation of map and reference".into(),
        columns: vec![
            Column::new("frequency", "1/Å", frequency),
            Column::new("fsc", "", found.correlation.fsc.iter().copied()),
            Column::new("amplitude factor", "", found.factors.iter().copied()),
        ],
        facts,
    }
}
