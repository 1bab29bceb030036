//! From two half maps to one sharpened map with an honest resolution.
//!
//! Kernel: `thon_average::post_process`. Phase randomisation: Chen et al. 2013, Ultramicroscopy
//! 135:24; sharpening: Rosenthal & Henderson 2003, J. Mol. Biol. 333:721.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_average::post_process::{PostProcessOptions, PostProcessed, TransferCurve, post_process};
use thon_contract::kinds::{Column, Curves, CurvesKind, MapKind, MaskKind, PictureKind};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_formats::star;
use thon_model::{Map, Mask};
use thon_signal::mask::{largest_component, soften, threshold as threshold_map};
use thon_units::{Angstrom, PixelSize};

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
    pub automask: Automask,
    /// The detector.
    pub detector: Detector,
}

/// A mask made from the map itself: low-pass, threshold, extension, soft edge.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Automask {
    /// Low-pass before the threshold.
    pub low_pass: Angstrom,
    /// Density of the mask's border; empty for a density that encloses `volume`.
    pub threshold: Option<f64>,
    /// Volume to be enclosed when no threshold is given, as a fraction of the box.
    #[schemars(range(min = 0.001, max = 0.9))]
    pub volume: f64,
    /// Extension of the mask in all directions.
    pub extend: Angstrom,
    /// Width of the soft edge.
    pub soft_edge: Angstrom,
}

impl Default for Automask {
    fn default() -> Self {
        Self {
            low_pass: Angstrom(30.0),
            threshold: None,
            volume: 0.05,
            extend: Angstrom(20.0),
            soft_edge: Angstrom(30.0),
        }
    }
}

/// What is known of the detector.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Detector {
    /// STAR file with the modulation transfer function (`rlnResolutionInversePixel`, `rlnMtfValue`); empty for none.
    #[schemars(extend("x-path" = true))]
    pub mtf: Option<PathBuf>,
    /// Pixel size of the detector in the specimen, to which the curve refers; that of the map when empty.
    pub pixel_size: Option<PixelSize>,
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
        let mut findings: Vec<Finding> = [
            ("half_map_1", &inputs.half_map_1),
            ("half_map_2", &inputs.half_map_2),
        ]
        .into_iter()
        .filter_map(|(slot, half)| Some(Finding::error(slot, half.single().err()?.to_string())))
        .collect();
        if let Err(e) = transfer_curve(params, PixelSize(1.0), context) {
            findings.push(Finding::error("detector.mtf", e.to_string()));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let half = inputs
            .half_map_1
            .single()
            .and_then(|item| context.load(item));
        let voxels = half.map_or(0, |map| map.data.len()) as u64;
        Cost {
            memory: 60 * voxels,
            disk: 12 * voxels,
            cpu_seconds: voxels as f64 * 5e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let first = context.load(inputs.half_map_1.single()?)?;
        let second = context.load(inputs.half_map_2.single()?)?;
        let mask = match &inputs.mask {
            Some(mask) => context.load(mask.single()?)?,
            None => automask(&params.automask, &first, &second)?,
        };
        let transfer = transfer_curve(params, first.voxel_size, context)?;
        let result = post_process([&first, &second], &mask, transfer.as_ref(), &params.options)
            .map_err(|e| JobError::data(e.to_string()))?;
        if result.never_drops {
            context.warn("the masked FSC never drops below 0.8: the mask is unsuitable, or the voxels too large");
        }
        context.metric("resolution (Å)", result.resolution.0);
        context.metric("B factor (Å²)", result.b_factor.0);
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

fn automask(options: &Automask, first: &Map, second: &Map) -> Result<Mask, JobError> {
    if first.dims() != second.dims() {
        let message = format!(
            "half maps of {:?} and {:?} voxels",
            first.dims(),
            second.dims()
        );
        return Err(JobError::data(message));
    }
    let voxel_size = first.voxel_size.0;
    let mean = (&first.data + &second.data) * 0.5;
    let low_pass = thon_signal::filter::RadialFilter::LowPass {
        cutoff: 1.0 / options.low_pass.0,
        edge: thon_signal::filter::Edge::RaisedCosine(2.0 / (mean.dim().0 as f64 * voxel_size)),
    };
    let smooth = thon_signal::filter::apply_filters3(&mean, voxel_size, &[low_pass]);
    let threshold = options.threshold.map_or_else(
        || pictures::threshold_for_volume(&smooth, 1.0, options.volume * smooth.len() as f64),
        |given| given as f32,
    );
    let particle = largest_component(&threshold_map(&smooth, threshold));
    let mask = soften(
        &particle,
        options.extend.0 / voxel_size,
        options.soft_edge.0 / voxel_size,
    );
    Ok(Mask(Map::new(mask, first.voxel_size)))
}

/// Reads the detector's modulation transfer function, if one is given.
fn transfer_curve(
    params: &Params,
    voxel_size: PixelSize,
    context: &Context,
) -> Result<Option<TransferCurve>, JobError> {
    let Some(file) = &params.detector.mtf else {
        return Ok(None);
    };
    let path = context.resolve(file);
    let document = star::read(&path).map_err(|e| JobError::file(&path, e))?;
    let tables = || document.blocks.iter().flat_map(|block| &block.tables);
    let column = |label: &str| tables().find_map(|table| table.find(label)?.to_f64().ok());
    let (Some(frequency), Some(value)) =
        (column("rlnResolutionInversePixel"), column("rlnMtfValue"))
    else {
        return Err(JobError::file(
            &path,
            "expected the columns rlnResolutionInversePixel and rlnMtfValue",
        ));
    };
    let ratio = voxel_size.0 / params.detector.pixel_size.unwrap_or(voxel_size).0;
    let curve = TransferCurve::new(frequency.into_iter().zip(value).collect(), ratio);
    curve
        .map(Some)
        .ok_or_else(|| JobError::file(&path, "frequencies must rise and values be positive"))
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

fn fsc_curves(result: &PostProcessed) -> Curves {
    let c = &result.correlation;
    let column = |label: &str, values: &[f64]| Column::new(label, "", values.iter().copied());
    let voxel_size = result.map.voxel_size.0;
    Curves {
        title: format!("Fourier shell correlation: {:.1} Å", result.resolution.0),
        columns: vec![
            Column::new(
                "frequency",
                "1/Å",
                c.corrected.frequency.iter().map(|f| f / voxel_size),
            ),
            column("corrected", &c.corrected.fsc),
            column("masked", &c.masked.fsc),
            column("unmasked", &c.unmasked.fsc),
            column("phase randomised", &c.randomised.fsc),
        ],
        facts: [
            ("resolution (Å)".to_owned(), result.resolution.0),
            ("randomised from shell".to_owned(), c.randomised_from as f64),
            (
                "box volume over mask volume".to_owned(),
                result.box_over_mask,
            ),
        ]
        .into(),
    }
}

fn guinier_curves(result: &PostProcessed) -> Curves {
    let column = |label: &str, values: &[f64]| Column::new(label, "", values.iter().copied());
    let [original, weighted, sharpened] = &result.guinier;
    let mut facts =
        std::collections::BTreeMap::from([("B factor (Å²)".to_owned(), result.b_factor.0)]);
    if let Some(fit) = &result.fit {
        facts.insert("slope (Å²)".into(), fit.slope);
        facts.insert("intercept".into(), fit.intercept);
        facts.insert("correlation of the fit".into(), fit.correlation);
    }
    Curves {
        title: "Guinier plot".into(),
        columns: vec![
            Column::new(
                "frequency squared",
                "1/Å²",
                original.frequency_squared.iter().copied(),
            ),
            column("original", &original.log_amplitude),
            column("weighted", &weighted.log_amplitude),
            column("sharpened", &sharpened.log_amplitude),
        ],
        facts,
    }
}
