//! Template matching: where a tomogram looks like a map, in which orientation, and how sure that is.
//!
//! Kernel: `thon_pick::match_template`. Roseman 2003, Ultramicroscopy 94:225; Förster et al. 2010 (constrained correlation); weights of each
//! tilt after Chaillet et al. 2023 (pytom-match-pick).

use ndarray::Array3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{
    Column, Curves, CurvesKind, FileListing, FilesKind, MapKind, PictureKind, TiltSeriesKind,
    TomogramKind, write_json,
};
use thon_contract::{
    Artifact, Citation, Context, Cost, Each, Finding, ItemRecord, Job, JobError, Methods, Output,
};
use thon_geometry::Symmetry;
use thon_images::mrc::{Mrc, write_volume};
use thon_model::{Map, TiltSeries, Tomogram, Treatment, Weighting};
use thon_pick::{
    ContrastState, MatchOptions, Matches, Orientations, SeenBy, Significance, match_template,
    significance, test_hand,
};
use thon_signal::resample::rescale3;
use thon_units::{Angstrom, Degrees, PixelSize};

use super::search_record::{SearchRecord, stopped, volume};
use crate::pictures;
use crate::tomogram::{pictures_of, volume_findings};

/// Places the hand is tested at.
const HAND_PLACES: usize = 100;
/// Points of the curve of false positives.
const POINTS: usize = 60;

/// Template matching.
pub(crate) struct MatchTemplate;

/// Compare tomograms with a template in every orientation.
///
/// The template is seen through the tilt series: the contrast transfer, exposure and direction of each of its images weigh the template's
/// transform. Scores are local correlation coefficients; compared with those of a decoy, the mirrored or a twisted template, they become
/// z-scores with an expected number of false positives, and those of the mirrored template tell the hand. `tomogram.extract-peaks` makes particles of them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Step between orientations.
    pub angular_step: Degrees,
    /// Point group of the template; its axes as RELION places them.
    pub symmetry: String,
    /// Whether the map is dark, as in a tomogram; matter of a map is bright as a rule.
    pub dark_template: bool,
    /// Mask, filters, weights, error rates.
    pub options: MatchOptions,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            angular_step: Degrees(10.0),
            symmetry: "C1".into(),
            dark_template: false,
            options: MatchOptions::default(),
        }
    }
}

/// Inputs of template matching.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tomograms; matter is dark in them.
    tomograms: Each<TomogramKind>,
    /// The template, of any voxel size.
    template: Artifact<MapKind>,
    /// The tilt series they were reconstructed from, for the weights.
    tilt_series: Option<Artifact<TiltSeriesKind>>,
}

/// Outputs of template matching.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Scores: z where there are error rates, else correlation coefficients.
    scores: Output<TomogramKind>,
    /// Scores, orientations and error rates, for the extraction of peaks.
    search: Output<FilesKind>,
    /// Peaks found and false positives expected against the score.
    curves: Output<CurvesKind>,
    /// Planes through the scores, 100 Å deep: xy, xz, yz.
    pictures: Output<PictureKind>,
}

impl Job for MatchTemplate {
    const ID: &'static str = "tomogram.match-template";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let tomogram = match context.load(inputs.tomograms.item()) {
            Ok(tomogram) => tomogram,
            Err(e) => return vec![Finding::error("tomograms", e.to_string())],
        };
        let mut findings = volume_findings(&tomogram, false, context);
        findings.extend(parameter_findings(params, &tomogram));
        match inputs
            .template
            .single()
            .and_then(|item| header(&context.resolve(&item.record.files[0])))
        {
            Err(e) => findings.push(Finding::error("template", e.to_string())),
            Ok(extent) if extent.0 < params.options.mask_diameter.0 => {
                let message = format!(
                    "the mask of {} is wider than the template's box of {extent}",
                    params.options.mask_diameter
                );
                findings.push(Finding::error("options.mask_diameter", message));
            }
            Ok(_) => {}
        }
        match series_of(&tomogram, inputs, context) {
            Err(e) => findings.push(Finding::error("tilt_series", e.to_string())),
            Ok(None) => findings.push(
                Finding::warning(
                    "tilt_series",
                    format!("{}: no tilt series, no weights", tomogram.name),
                )
                .with_hint(
                    "with wedge, contrast transfer and exposure in the template more is found",
                ),
            ),
            Ok(Some(series)) if !series.is_aligned() => {
                findings.push(Finding::error(
                    "tilt_series",
                    format!("{} is not aligned", series.name),
                ));
            }
            Ok(Some(_)) => {}
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(tomogram) = context.load(inputs.tomograms.item()) else {
            return Cost::default();
        };
        let voxels = tomogram.grid.len() as f64;
        let turns = 360.0 / params.angular_step.0.max(0.5);
        let copies = params
            .symmetry
            .parse::<Symmetry>()
            .map_or(1, Symmetry::order) as f64;
        let orientations = turns.powi(3) / std::f64::consts::PI / copies;
        let kinds = if params.options.significance {
            3.0
        } else {
            1.0
        };
        // Maps of scores and of what they are judged by, beside the search itself.
        Cost {
            memory: params.options.bytes(tomogram.grid.dims) + 32 * tomogram.grid.len() as u64,
            disk: 8 * tomogram.grid.len() as u64 + (2 << 20),
            cpu_seconds: 1.0 + 1e-8 * voxels * orientations * kinds,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let tomogram = context.load(inputs.tomograms.item())?;
        let series = series_of(&tomogram, inputs, context)?;
        let template = prepared(
            &context.load(inputs.template.single()?)?,
            params,
            tomogram.grid.voxel_size,
        );
        let images = series.as_ref().map(SeenBy::images_of).unwrap_or_default();
        let contrast = params
            .options
            .contrast
            .unwrap_or_else(|| contrast_of(series.as_ref()));
        let options = MatchOptions {
            contrast: Some(contrast),
            ..params.options.clone()
        };
        let symmetry: Symmetry = params
            .symmetry
            .parse()
            .map_err(|e: thon_geometry::SymmetryError| JobError::data(e.to_string()))?;
        let grid = Orientations::even(params.angular_step.radians(), symmetry);
        let voxels = volume(&tomogram.path, tomogram.grid.dims, context)?;
        let voxel_size = tomogram.grid.voxel_size;
        let matches = match_template(
            voxels,
            &template,
            &images,
            &grid,
            voxel_size,
            &options,
            context.progress(),
        )
        .map_err(stopped)?;
        let diameter = options.mask_diameter.0 / voxel_size.0;
        let judged = significance(&matches, diameter, 0.8 * diameter, 1.0);
        let hand = test_hand(&matches, 0.8 * diameter, 1.0, HAND_PLACES);
        if let Some(hand) = hand {
            context.metric(
                "places where the template beats its mirror image",
                hand.template_higher as f64,
            );
            context.metric("places compared with the mirror image", hand.places as f64);
            context.metric("probability that the hand is chance", hand.probability);
            if !hand.is_template() && hand.probability < 0.01 {
                context.warn(format!(
                    "{}: the mirrored template fits better; is the hand right?",
                    tomogram.name
                ));
            }
        }
        context.metric("orientations", grid.len() as f64);
        let record = SearchRecord {
            scores: scores_of(&tomogram, judged.is_some(), context),
            orientations: context.published(orientation_file(&tomogram)),
            angular_step: params.angular_step,
            symmetry: params.symmetry.clone(),
            mask_diameter: options.mask_diameter,
            false_positives: judged.as_ref().map(|j| j.false_positives.clone()),
            hand,
        };
        keep(&tomogram, &matches, judged.as_ref(), &record, context)
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Tomograms were compared with a template in steps of {} (symmetry {}) by local correlation, the template weighted by the contrast transfer, exposure and direction of every tilt image, in thon; false positives were estimated by competition with a decoy.",
                params.angular_step, params.symmetry
            ),
            citations: vec![
                Citation::new("Roseman 2003", "10.1016/S0304-3991(02)00333-9"),
                Citation::new("Górski et al. 2005", "10.1086/427976"),
            ],
        }
    }
}

fn parameter_findings(params: &Params, tomogram: &Tomogram) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !(params.angular_step.0 >= 1.0 && params.angular_step.0 <= 90.0) {
        findings.push(Finding::error(
            "angular_step",
            format!("expected 1 to 90°, found {}", params.angular_step),
        ));
    }
    if let Err(e) = params.symmetry.parse::<Symmetry>() {
        findings.push(Finding::error("symmetry", e.to_string()));
    }
    let voxel = tomogram.grid.voxel_size.0;
    let diameter = params.options.mask_diameter;
    let smallest = tomogram.grid.dims.iter().copied().min().unwrap_or(0) as f64 * voxel;
    if !(diameter.0 >= 3.0 * voxel && diameter.0 <= smallest) {
        let message = format!(
            "expected {:.0} to {smallest:.0} Å, found {diameter}",
            3.0 * voxel
        );
        findings.push(Finding::error("options.mask_diameter", message));
    }
    let edge = params.options.mask_edge;
    if !(edge.0 >= 0.0 && edge.0 <= 2.0 * diameter.0) {
        findings.push(Finding::error(
            "options.mask_edge",
            format!("expected 0 Å to twice the mask, found {edge}"),
        ));
    }
    for (field, period) in [
        ("options.low_pass", params.options.low_pass),
        ("options.high_pass", params.options.high_pass),
    ] {
        if period.is_some_and(|p| !(p.0.is_finite() && p.0 > voxel)) {
            findings.push(Finding::error(
                field,
                format!("expected a period above a voxel of {voxel} Å"),
            ));
        }
    }
    findings
}

/// Smallest edge of a map's box, from its header.
fn header(path: &std::path::Path) -> Result<Angstrom, JobError> {
    let header = Mrc::read_header(path).map_err(|e| JobError::file(path, e))?;
    let voxel = header.pixel_size().unwrap_or(0.0);
    Ok(Angstrom(
        header.shape().iter().copied().min().unwrap_or(0) as f64 * voxel,
    ))
}

/// The tilt series of a tomogram among those given.
fn series_of(
    tomogram: &Tomogram,
    inputs: &Inputs,
    context: &Context,
) -> Result<Option<TiltSeries>, JobError> {
    for item in inputs.tilt_series.iter().flat_map(Artifact::items) {
        let series = context.load(item)?;
        if series.name == tomogram.tilt_series {
            return Ok(Some(series));
        }
    }
    Ok(None)
}

/// What the images of a series say about the tomogram's contrast.
fn contrast_of(series: Option<&TiltSeries>) -> ContrastState {
    let Some(series) = series else {
        return ContrastState::Unused;
    };
    let used: Vec<_> = series.used().map(|index| &series.images[index]).collect();
    if used
        .iter()
        .any(|image| image.is_treated(Treatment::CtfCorrected))
    {
        ContrastState::PhaseFlipped
    } else if used.iter().all(|image| image.ctf.is_some()) {
        ContrastState::AsRecorded
    } else {
        ContrastState::Unused
    }
}

/// The template in the tomogram's voxels, bright.
fn prepared(map: &Map, params: &Params, voxel_size: PixelSize) -> Map {
    let smallest =
        map.dims().into_iter().min().unwrap_or(2) as f64 * map.voxel_size.0 / voxel_size.0;
    let n = ((smallest / 2.0).floor() as usize * 2).max(4);
    let mut data = rescale3(&map.data, map.voxel_size.0, voxel_size.0, [n; 3], 0.0);
    if params.dark_template {
        data.mapv_inplace(|v| -v);
    }
    Map::new(data, voxel_size)
}

fn score_file(tomogram: &Tomogram) -> String {
    format!("{}.mrc", tomogram.name)
}

fn orientation_file(tomogram: &Tomogram) -> String {
    format!("{}_orientations.mrc", tomogram.name)
}

fn scores_of(tomogram: &Tomogram, judged: bool, context: &Context) -> Tomogram {
    let what = if judged {
        "z-scores of a template"
    } else {
        "correlation coefficients of a template"
    };
    Tomogram {
        path: context.published(score_file(tomogram)),
        halves: None,
        weighting: Weighting::DisplayOnly(what.into()),
        ..tomogram.clone()
    }
}

fn keep(
    tomogram: &Tomogram,
    matches: &Matches,
    judged: Option<&Significance>,
    record: &SearchRecord,
    context: &Context,
) -> Result<Outputs, JobError> {
    let scores = judged.map_or(&matches.template.score, |j| &j.z);
    let (score_file, orientation_file) = (score_file(tomogram), orientation_file(tomogram));
    write(&score_file, scores, tomogram, context)?;
    // Exact up to 2²⁴ orientations.
    write(
        &orientation_file,
        &matches.template.orientation.mapv(|i| i as f32),
        tomogram,
        context,
    )?;
    let record_file = format!("{}.search.json", tomogram.name);
    write_json(&record_file, record, context)?;
    let listing = FileListing {
        format: "template search".into(),
        files: vec![record_file.into(), orientation_file.into()],
        losses: Vec::new(),
    };
    let picture = pictures_of(
        score_file.as_ref(),
        tomogram.grid.voxel_size,
        &tomogram.name,
        context,
    )?;
    let mut stored = context.store::<TomogramKind>(&tomogram.name, &record.scores)?;
    stored.files.push(score_file.into());
    let (curves, drawn) = found_and_expected(tomogram, scores, record, context)?;
    Ok(Outputs {
        scores: Output::of(vec![stored]),
        search: Output::of(vec![context.store::<FilesKind>(&tomogram.name, &listing)?]),
        curves: Output::of(vec![curves]),
        pictures: Output::of([picture].into_iter().chain(drawn).collect()),
    })
}

fn write(
    file: &str,
    values: &Array3<f32>,
    tomogram: &Tomogram,
    context: &Context,
) -> Result<(), JobError> {
    let path = context.file(file)?;
    let values = values.as_standard_layout();
    let voxels = values.as_slice().unwrap_or(&[]);
    write_volume(
        &path,
        voxels,
        tomogram.grid.dims,
        Some(tomogram.grid.voxel_size.0),
    )
    .map(|_| ())
    .map_err(|e| JobError::file(&path, e))
}

/// How many peaks there are above a score, and how many chance would give.
fn found_and_expected(
    tomogram: &Tomogram,
    scores: &Array3<f32>,
    record: &SearchRecord,
    context: &Context,
) -> Result<(ItemRecord, Option<ItemRecord>), JobError> {
    let distance = 0.8 * record.mask_diameter.0 / tomogram.grid.voxel_size.0;
    let peaks = thon_signal::correlate::find_peaks3(scores, 0.0, distance, usize::MAX);
    let highest = peaks.first().map_or(1.0, |p| f64::from(p.value));
    let at = |i: usize| highest * i as f64 / (POINTS - 1) as f64;
    let found = |i: usize| peaks.partition_point(|p| f64::from(p.value) >= at(i)) as f64;
    let mut columns = vec![
        Column::new("score", "", (0..POINTS).map(at)),
        Column::new("peaks found", "", (0..POINTS).map(found)),
    ];
    if let Some(chance) = &record.false_positives {
        columns.push(Column::new(
            "false positives expected",
            "",
            (0..POINTS).map(|i| chance.expected(at(i))),
        ));
    }
    let curves = Curves {
        title: format!("{}: peaks above a score", tomogram.name),
        columns,
        facts: [("highest score".to_owned(), highest)].into(),
    };
    let drawn = if record.false_positives.is_some() {
        let picture = pictures::logarithmic(&curves, "peaks");
        Some(context.store::<PictureKind>(&format!("{}_peaks", tomogram.name), &picture.to_png())?)
    } else {
        None
    };
    Ok((context.store::<CurvesKind>(&tomogram.name, &curves)?, drawn))
}
