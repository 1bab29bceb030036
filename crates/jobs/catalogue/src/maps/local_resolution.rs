//! Local resolution from two half maps, and the map filtered to it.
//!
//! Kernel: `thon_maps::local_resolution`. Cost: four transforms of a small box for every window, one of the whole box for every shell.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, MapKind, MaskKind, PictureKind};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_maps::local_resolution::{LocalError, LocalOptions, LocalResolution, local_resolution};
use thon_model::Mask;
use thon_units::PixelSize;

use super::boxes::{box_findings, box_of, load_mask, load_usable, records};
use super::detector::{Detector, transfer_curve};
use crate::pictures;

/// Local resolution.
pub(crate) struct LocalResolutionJob;

/// Measure the local resolution of a map from its half maps, and filter the map to it.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Windows, sharpening and thresholds.
    pub options: LocalOptions,
    /// The detector.
    pub detector: Detector,
}

/// Inputs of local resolution.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// First half map, unfiltered.
    half_map_1: Artifact<MapKind>,
    /// Second half map.
    half_map_2: Artifact<MapKind>,
    /// Where to measure; the inscribed sphere when empty.
    mask: Option<Artifact<MaskKind>>,
}

/// Outputs of local resolution.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Resolution in Å at every voxel.
    local_resolution: Output<MapKind>,
    /// The sharpened map, filtered to its local resolution.
    filtered_map: Output<MapKind>,
    /// How much of the mask has which resolution.
    histogram: Output<CurvesKind>,
    /// Slices of both.
    pictures: Output<PictureKind>,
}

impl Job for LocalResolutionJob {
    const ID: &'static str = "maps.local-resolution";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut boxes = vec![
            ("half_map_1", records(&inputs.half_map_1)),
            ("half_map_2", records(&inputs.half_map_2)),
        ];
        boxes.extend(inputs.mask.iter().map(|mask| ("mask", records(mask))));
        let mut findings = box_findings(&boxes, context);
        if let Err(e) = transfer_curve(&params.detector, PixelSize(1.0), context) {
            findings.push(Finding::error("detector.mtf", e.to_string()));
        }
        let options = &params.options;
        let lengths = [
            ("options.sampling", Some(options.sampling)),
            ("options.window_radius", options.window_radius),
            ("options.window_edge", options.window_edge),
            ("options.lowest", Some(options.lowest)),
            ("options.randomise_from", Some(options.randomise_from)),
        ];
        for (place, length) in lengths {
            if length.is_some_and(|l| !(0.1..=1e5).contains(&l.0)) {
                findings.push(Finding::error(place, "expected 0.1 to 100000 Å"));
            }
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let records = records(&inputs.half_map_1);
        let found = records.first().map(|record| box_of(record, context));
        let Some(Ok((dims, voxel_size))) = found else {
            return Cost::default();
        };
        let voxels: u64 = dims.iter().map(|&n| n as u64).product();
        Cost {
            memory: (64 << 20) + 80 * voxels,
            disk: (1 << 17) + 8 * voxels,
            cpu_seconds: 0.05 + params.options.operations(dims, voxel_size) * 2e-9,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let first = load_usable("half_map_1", inputs.half_map_1.single()?, context)?;
        let second = load_usable("half_map_2", inputs.half_map_2.single()?, context)?;
        let mask = match &inputs.mask {
            Some(mask) => Some(load_mask(mask, context)?),
            None => None,
        };
        thon_compute::check(context.progress())?;
        let transfer = transfer_curve(&params.detector, first.voxel_size, context)?;
        let found = local_resolution(
            [&first, &second],
            mask.as_ref(),
            transfer.as_ref(),
            &params.options,
            context.progress(),
        )
        .map_err(stopped)?;
        thon_compute::check(context.progress())?;
        let histogram = histogram(&found, mask.as_ref());
        for (name, value) in &histogram.facts {
            context.metric(name, *value);
        }
        let least = params.options.lowest.0;
        let at_least = |w: &&thon_maps::local_resolution::WindowResolution| w.resolution >= least;
        let lowest = found.windows.iter().filter(at_least).count();
        if 2 * lowest > found.windows.len() {
            context.warn(format!(
                "{lowest} of {} windows stay at the lowest resolution of {least} Å: most lie in solvent, give a mask",
                found.windows.len()
            ));
        }
        store(&found, &histogram, context)
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Local resolution was estimated by FSC = {} in soft spherical windows every {}, corrected by phase randomisation, \
                 and the map was filtered accordingly.",
                params.options.threshold, params.options.sampling
            ),
            citations: vec![
                Citation::new("Chen et al. 2013", "10.1016/j.ultramic.2013.06.004"),
                Citation::new("Kimanius et al. 2016", "10.7554/eLife.18722"),
            ],
        }
    }

    fn external_files(params: &Params, _: &Context) -> Result<Vec<PathBuf>, JobError> {
        Ok(params.detector.mtf.iter().cloned().collect())
    }
}

fn stopped(error: LocalError) -> JobError {
    match error {
        LocalError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}

/// Share of the voxels inside the mask (or that a window reaches) by resolution, in 40 bins of equal frequency.
fn histogram(found: &LocalResolution, mask: Option<&Mask>) -> Curves {
    const BINS: usize = 40;
    let voxel_size = found.resolution.voxel_size.0;
    let nyquist = 0.5 / voxel_size;
    let weights: Vec<bool> = match mask {
        Some(mask) => mask.0.data.iter().map(|m| *m > 0.5).collect(),
        None => found.filtered.data.iter().map(|v| *v != 0.0).collect(),
    };
    let mut values: Vec<f64> = found
        .resolution
        .data
        .iter()
        .zip(&weights)
        .filter(|(_, counts)| **counts)
        .map(|(value, _)| f64::from(*value))
        .collect();
    values.sort_by(f64::total_cmp);
    let mut counts = [0.0; BINS];
    for value in &values {
        let bin = (BINS as f64 / value / nyquist) as usize;
        counts[bin.min(BINS - 1)] += 1.0 / values.len().max(1) as f64;
    }
    let quantile = |share: f64| {
        let at = (share * values.len() as f64) as usize;
        values.get(at.min(values.len().saturating_sub(1))).copied()
    };
    let mut facts = std::collections::BTreeMap::new();
    for (name, share) in [
        ("best local resolution, 2 % (Å)", 0.02),
        ("median local resolution (Å)", 0.5),
        ("worst local resolution, 98 % (Å)", 0.98),
    ] {
        facts.extend(quantile(share).map(|value| (name.to_owned(), value)));
    }
    facts.insert("windows".into(), found.windows.len() as f64);
    Curves {
        title: "Local resolution".into(),
        columns: vec![
            Column::new(
                "frequency",
                "1/Å",
                (0..BINS).map(|bin| (bin as f64 + 0.5) / BINS as f64 * nyquist),
            ),
            Column::new("share of the volume", "", counts),
        ],
        facts,
    }
}

fn store(
    found: &LocalResolution,
    histogram: &Curves,
    context: &Context,
) -> Result<Outputs, JobError> {
    let dims = found.resolution.dims();
    let middle = found
        .resolution
        .data
        .index_axis(ndarray::Axis(0), dims[0] / 2);
    let slice = pictures::image(&middle.mapv(|v| -v).view());
    let voxel = found.filtered.voxel_size.0;
    let covered = found.filtered.data.iter().filter(|v| **v != 0.0).count() as f64;
    let threshold =
        pictures::threshold_for_volume(&found.filtered.data, voxel, 0.1 * covered * voxel.powi(3));
    let drawn = [
        ("local_resolution", slice),
        ("filtered", pictures::map(&found.filtered.data, threshold)),
    ];
    let pictures = drawn
        .into_iter()
        .map(|(name, picture)| context.store::<PictureKind>(name, &picture.to_png()))
        .collect::<Result<_, _>>()?;
    Ok(Outputs {
        local_resolution: Output::of(vec![
            context.store::<MapKind>("local_resolution", &found.resolution)?,
        ]),
        filtered_map: Output::of(vec![
            context.store::<MapKind>("locally_filtered", &found.filtered)?,
        ]),
        histogram: Output::of(vec![
            context.store::<CurvesKind>("local_resolution", histogram)?,
        ]),
        pictures: Output::of(pictures),
    })
}
