//! Fourier shell correlation of two maps, with the mirror image as control.
//!
//! FSC: Harauz & van Heel 1986, Optik 73:146. The hand is decided by comparing the FSC of the map
//! with that of its mirror image (x → −x about the centre voxel).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, MapKind, MaskKind, PictureKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_maps::post_process::fsc_of_maps;
use thon_model::Map;
use thon_signal::resample::mirror3;
use thon_signal::shells::ShellCorrelation;

use super::boxes::{box_findings, load_mask, load_usable, records, voxels};
use crate::pictures;

/// Comparison of two maps.
pub(crate) struct CompareMaps;

/// Compare a map with a reference by Fourier shell correlation.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// FSC that defines the resolution.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self { threshold: 0.5 }
    }
}

/// Inputs of the comparison.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The map.
    map: Artifact<MapKind>,
    /// What it is compared with; same box and voxel size.
    reference: Artifact<MapKind>,
    /// Soft mask applied to both.
    mask: Option<Artifact<MaskKind>>,
}

/// Outputs of the comparison.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// FSC of the map and of its mirror image with the reference.
    fsc: Output<CurvesKind>,
    /// The curves drawn.
    picture: Output<PictureKind>,
}

impl Job for CompareMaps {
    const ID: &'static str = "maps.compare";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut boxes = vec![
            ("map", records(&inputs.map)),
            ("reference", records(&inputs.reference)),
        ];
        if let Some(mask) = &inputs.mask {
            boxes.push(("mask", records(mask)));
        }
        box_findings(&boxes, context)
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let voxels = voxels(&inputs.map, context);
        Cost {
            memory: PROCESS_MEMORY + 40 * voxels,
            disk: 1 << 15,
            cpu_seconds: 0.02 + voxels as f64 * 2e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut map = load_usable("map", inputs.map.single()?, context)?;
        let mut reference = load_usable("reference", inputs.reference.single()?, context)?;
        thon_compute::check(context.progress())?;
        let mut mirrored = Map::new(mirror3(&map.data), map.voxel_size);
        if let Some(mask) = &inputs.mask {
            let mask = load_mask(mask, context)?.0;
            if mask.dims() != map.dims() {
                return Err(JobError::data(format!(
                    "the mask has {:?} voxels, the map {:?}",
                    mask.dims(),
                    map.dims()
                )));
            }
            for masked in [&mut map, &mut reference, &mut mirrored] {
                masked.data *= &mask.data;
            }
        }
        thon_compute::check(context.progress())?;
        let fsc = fsc_of_maps(&map, &reference).map_err(|e| JobError::data(e.to_string()))?;
        let control =
            fsc_of_maps(&mirrored, &reference).map_err(|e| JobError::data(e.to_string()))?;
        let curves = curves(params, &map, &fsc, &control);
        for (name, value) in &curves.facts {
            context.metric(name, *value);
        }
        let picture = pictures::correlation(&curves).to_png();
        Ok(Outputs {
            fsc: Output::of(vec![context.store::<CurvesKind>("fsc", &curves)?]),
            picture: Output::of(vec![context.store::<PictureKind>("fsc", &picture)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Maps were compared by Fourier shell correlation.".into(),
            citations: vec![Citation::new("Harauz & van Heel 1986", "")],
        }
    }
}

fn curves(
    params: &Params,
    map: &Map,
    fsc: &ShellCorrelation,
    control: &ShellCorrelation,
) -> Curves {
    let voxel_size = map.voxel_size.0;
    let mut facts = std::collections::BTreeMap::new();
    if let Some(resolution) = fsc.interpolated_resolution(params.threshold, voxel_size) {
        facts.insert(
            format!("resolution at FSC {} (Å)", params.threshold),
            resolution,
        );
    }
    let mean = |c: &ShellCorrelation| {
        let shells = 1..(c.fsc.len() / 2).max(2);
        let count = shells.len() as f64;
        c.fsc[shells].iter().sum::<f64>() / count
    };
    facts.insert("mean FSC to half Nyquist".into(), mean(fsc));
    facts.insert("mean FSC to half Nyquist, mirrored".into(), mean(control));
    Curves {
        title: "Fourier shell correlation with the reference".into(),
        columns: vec![
            Column::new(
                "frequency",
                "1/Å",
                fsc.frequency.iter().map(|f| f / voxel_size),
            ),
            Column::new("map", "", fsc.fsc.iter().copied()),
            Column::new("mirror image", "", control.fsc.iter().copied()),
        ],
        facts,
    }
}
