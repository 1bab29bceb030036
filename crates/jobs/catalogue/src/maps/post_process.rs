//! From two half maps to one sharpened map with an honest resolution.
//!
//! Kernel: `thon_maps::post_process`. Phase randomisation: Chen et al. 2013, Ultramicroscopy
//! 135:24; sharpening: Rosenthal & Henderson 2003, J. Mol. Biol. 333:721.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{CurvesKind, MapKind, MaskKind, PictureKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_maps::automask::{AutomaskOptions, automask};
use thon_maps::masks::mask_doubts;
use thon_maps::post_process::{PostProcessOptions, PostProcessed, post_process};
use thon_model::{Map, Mask};
use thon_units::PixelSize;

use super::boxes::{box_findings, load_mask, load_usable, records, voxels};
use super::curves::{fsc_curves, guinier_curves};
use super::detector::{Detector, transfer_curve};
use crate::pictures;

/// Post-processing.
pub(crate) struct PostProcess;

/// Sharpen a map and state its resolution, from its two half maps.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// FSC, sharpening and filtering.
    pub options: PostProcessOptions,
    /// How a mask is made when none is given.
    pub automask: AutomaskOptions,
    /// The detector.
    pub detector: Detector,
}

/// Inputs of post-processing.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// First half map, unfiltered.
    half_map_1: Artifact<MapKind>,
    /// Second half map.
    half_map_2: Artifact<MapKind>,
    /// Soft mask around the particle; made from the map when empty.
    mask: Option<Artifact<MaskKind>>,
}

/// Outputs of post-processing.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The sharpened map.
    map: Output<MapKind>,
    /// The sharpened map inside the mask.
    masked_map: Output<MapKind>,
    /// The mask that was used.
    mask: Output<MaskKind>,
    /// FSC curves and the resolution.
    fsc: Output<CurvesKind>,
    /// Guinier curves and the B factor.
    guinier: Output<CurvesKind>,
    /// Slices, surface and FSC drawn.
    pictures: Output<PictureKind>,
}

impl Job for PostProcess {
    const ID: &'static str = "maps.post-process";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut boxes = vec![
            ("half_map_1", records(&inputs.half_map_1)),
            ("half_map_2", records(&inputs.half_map_2)),
        ];
        if let Some(mask) = &inputs.mask {
            boxes.push(("mask", records(mask)));
        }
        let mut findings = box_findings(&boxes, context);
        if let Err(e) = transfer_curve(&params.detector, PixelSize(1.0), context) {
            findings.push(Finding::error("detector.mtf", e.to_string()));
        }
        let lengths = [
            ("automask.low_pass", Some(params.automask.low_pass), 0.1),
            ("automask.extend", params.automask.extend, 0.0),
            ("automask.soft_edge", params.automask.soft_edge, 0.0),
        ];
        for (place, length, least) in lengths {
            if length.is_some_and(|l| !(least..=1e5).contains(&l.0)) {
                let message = format!("expected {least} to 100000 Å");
                findings.push(Finding::error(place, message));
            }
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let voxels = voxels(&inputs.half_map_1, context);
        Cost {
            memory: PROCESS_MEMORY + 60 * voxels,
            disk: (1 << 17) + 12 * voxels,
            cpu_seconds: 0.3 + voxels as f64 * 3e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let first = load_usable("half_map_1", inputs.half_map_1.single()?, context)?;
        let second = load_usable("half_map_2", inputs.half_map_2.single()?, context)?;
        thon_compute::check(context.progress())?;
        let mask = match &inputs.mask {
            Some(mask) => load_mask(mask, context)?,
            None => automask(&mean(&first, &second)?, &params.automask),
        };
        for doubt in mask_doubts(&mask).in_words() {
            context.warn(doubt);
        }
        thon_compute::check(context.progress())?;
        let transfer = transfer_curve(&params.detector, first.voxel_size, context)?;
        let result = post_process([&first, &second], &mask, transfer.as_ref(), &params.options)
            .map_err(|e| JobError::data(e.to_string()))?;
        for doubt in result.doubts() {
            context.warn(doubt);
        }
        context.metric("resolution (Å)", result.resolution.0);
        context.metric("B factor (Å²)", result.b_factor.0);
        thon_compute::check(context.progress())?;
        store(&result, &mask, context)
    }

    fn methods(params: &Params) -> Methods {
        let sharpened = match (
            &params.options.b_factor.given,
            params.options.b_factor.fitted,
        ) {
            (Some(given), _) => format!("sharpened with a B factor of {given}"),
            (None, true) => "sharpened with a B factor fitted to the Guinier plot".into(),
            (None, false) => "not sharpened".into(),
        };
        let threshold = params.options.threshold;
        Methods {
            text: format!(
                "Resolution was estimated at FSC = {threshold} inside a soft mask, corrected by phase \
                 randomisation; the map was {sharpened} and filtered by its FSC."
            ),
            citations: vec![
                Citation::new("Chen et al. 2013", "10.1016/j.ultramic.2013.06.004"),
                Citation::new("Rosenthal & Henderson 2003", "10.1016/j.jmb.2003.07.013"),
            ],
        }
    }

    fn external_files(params: &Params, _: &Context) -> Result<Vec<PathBuf>, JobError> {
        Ok(params.detector.mtf.iter().cloned().collect())
    }
}

fn mean(first: &Map, second: &Map) -> Result<Map, JobError> {
    if first.dims() != second.dims() {
        let (a, b) = (first.dims(), second.dims());
        return Err(JobError::data(format!(
            "half maps of {a:?} and {b:?} voxels"
        )));
    }
    Ok(Map::new(
        (&first.data + &second.data) * 0.5,
        first.voxel_size,
    ))
}

fn store(result: &PostProcessed, mask: &Mask, context: &Context) -> Result<Outputs, JobError> {
    let fsc = fsc_curves(result);
    let voxel = result.map.voxel_size.0;
    let enclosed = 0.3 * mask.0.data.iter().map(|&v| f64::from(v)).sum::<f64>() * voxel.powi(3);
    let threshold = pictures::threshold_for_volume(&result.masked_map.data, voxel, enclosed);
    let drawn = [
        ("map", pictures::map(&result.masked_map.data, threshold)),
        ("fsc", pictures::correlation(&fsc)),
    ];
    let pictures = drawn
        .into_iter()
        .map(|(name, picture)| context.store::<PictureKind>(name, &picture.to_png()))
        .collect::<Result<_, _>>()?;
    Ok(Outputs {
        map: Output::of(vec![
            context.store::<MapKind>("post_processed", &result.map)?,
        ]),
        masked_map: Output::of(vec![
            context.store::<MapKind>("post_processed_masked", &result.masked_map)?,
        ]),
        mask: Output::of(vec![context.store::<MaskKind>("mask", mask)?]),
        fsc: Output::of(vec![context.store::<CurvesKind>("fsc", &fsc)?]),
        guinier: Output::of(vec![
            context.store::<CurvesKind>("guinier", &guinier_curves(result))?,
        ]),
        pictures: Output::of(pictures),
    })
}
