//! Contrast transfer of every view of a tilt series, with the hand of its defocus gradient.
//!
//! Kernel: `thon_ctf_fit`. Rings of tiles are compared with models whose gradient follows from the alignment (Bouvette et al.
//! 2021, Nat. Commun. 12:1957), all views together. Lengths Å; angles degrees at this border; defocus at the specimen's origin.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::parallel::try_map_indices;
use thon_contract::kinds::{CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output,
};
use thon_ctf_fit::{CtfFitError, FitOptions, SeriesView, TileMode, Tiler, fit_series};
use thon_geometry::TiltGeometry;
use thon_model::{HandSign, TiltSeries};
use thon_units::{Angstrom, Degrees, Radians};

use super::estimate_report::{apply, curves, pictures, told};
use crate::tilt_images::{TiltImages, image_findings};

/// Least length of a tile that is aimed at, Å: rings at 6 Å of 3 µm are periods of 200 Å turned over, which must fit in often.
const TILE_LENGTH: f64 = 690.0;
/// Sectors of the tile spectra.
const SECTORS: usize = 12;

/// Estimation of contrast transfer.
pub(crate) struct Estimate;

/// Estimate defocus and astigmatism of every tilt image, and the hand of the defocus gradient.
///
/// All views are estimated together: the gradient of defocus follows from tilt axis and angle, views with few rings are
/// helped by their neighbours in time, and both hands compete. Views without rings, or whose gradient contradicts their tilt
/// angle, are named.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Lowest resolution used, where rings of single molecules do not yet count; no less than 2.5 times the highest one.
    pub resolution_low: Angstrom,
    /// Highest resolution used; 5 Å, or two and a quarter pixels if that is less fine, when empty.
    pub resolution_high: Option<Angstrom>,
    /// Least underfocus that is expected.
    pub defocus_min: Angstrom,
    /// Largest underfocus that is expected.
    pub defocus_max: Angstrom,
    /// Whose rings give the defocus of a view.
    pub strategy: Strategy,
    /// Largest tilt of the views that are averaged, for the strategy `low-tilt-mean`.
    #[schemars(extend("x-level" = "expert"))]
    pub low_tilt: Degrees,
    /// Hand of the defocus gradient.
    pub hand: HandChoice,
    /// Smallest and largest phase shift of a phase plate; none is assumed when empty.
    pub phase_shift: Option<[Degrees; 2]>,
    /// Thickness of the specimen; estimated when empty, 0 for a thin one.
    #[schemars(extend("x-level" = "expert"))]
    pub thickness: Option<Angstrom>,
    /// Whether the specimen may be inclined in the aligned frame, as lamellae are.
    #[schemars(extend("x-level" = "expert"))]
    pub find_plane: bool,
    /// How the tiles of tilted views are used.
    #[schemars(extend("x-level" = "expert"))]
    pub tiles: TileMode,
    /// Edge of a tile in pixels; 690 Å or more, as a power of two from 256 (128 in small images) to 1024, when empty.
    #[schemars(range(min = 64, max = 2048), extend("x-level" = "expert"))]
    pub tile_size: Option<usize>,
    /// Whether views inform each other.
    #[schemars(extend("x-level" = "expert"))]
    pub joint_series: bool,
}

/// Whose rings give the defocus of a view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Strategy {
    /// Its own, with the series as prior.
    #[default]
    EachView,
    /// All views get the mean of those at low tilt, as in the protocol of 2016.
    LowTiltMean,
    /// Those of the trial images recorded beside each view, which the input `trials` holds.
    TrialImages,
}

/// Hand of the defocus gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HandChoice {
    /// It is measured; what a file said before is only compared.
    #[default]
    Measure,
    /// Underfocus grows with depth.
    Plus,
    /// Underfocus falls with depth.
    Minus,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            resolution_low: Angstrom(30.0),
            resolution_high: None,
            defocus_min: Angstrom(5_000.0),
            defocus_max: Angstrom(90_000.0),
            strategy: Strategy::default(),
            low_tilt: Degrees(20.0),
            hand: HandChoice::default(),
            phase_shift: None,
            thickness: None,
            find_plane: true,
            tiles: TileMode::default(),
            tile_size: None,
            joint_series: true,
        }
    }
}

/// Inputs of the estimation.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series; aligned ones, or such whose nominal tilt axis is known.
    tilt_series: Each<TiltSeriesKind>,
    /// Trial images as tilt series of the same names, for the strategy `trial-images`.
    trials: Option<Artifact<TiltSeriesKind>>,
}

/// Outputs of the estimation.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tilt series with the contrast transfer of each view, and the hand when it was measured.
    tilt_series: Output<TiltSeriesKind>,
    /// Defocus, astigmatism, score and resolution of each view.
    curves: Output<CurvesKind>,
    /// Course of the defocus; profiles of rings at low, middle and high tilt; a spectrum beside its fit.
    pictures: Output<PictureKind>,
}

impl Job for Estimate {
    const ID: &'static str = "ctf.estimate";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match source(params, inputs, context) {
            Ok((_, source)) => source,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        if series.used().next().is_none() {
            return vec![Finding::error(&series.name, "every tilt image is excluded")];
        }
        let mut findings = image_findings(&series, context);
        if let Err(e) = options(params, &series).check() {
            findings.push(Finding::error("parameters", e.to_string()));
        }
        let tile = tile_size(params, &series);
        if series.image_size.iter().any(|n| *n < tile) {
            let [ny, nx] = series.image_size;
            let message = format!("tiles of {tile} pixels do not fit into images of {nx} × {ny}");
            findings
                .push(Finding::error("tile_size", message).with_hint("choose a smaller tile_size"));
        }
        let unaligned = series.used().any(|i| series.images[i].geometry.is_none());
        if unaligned && series.nominal_tilt_axis_angle.is_none() {
            let message = "neither an alignment nor a nominal tilt axis says where defocus changes";
            findings.push(
                Finding::error(&series.name, message)
                    .with_hint("align the series first, or import its mdoc"),
            );
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok((_, series)) = source(params, inputs, context) else {
            return Cost::default();
        };
        let pixels = (series.image_size[0] * series.image_size[1]) as u64;
        let views = series.used().count() as u64;
        let tile = tile_size(params, &series) as u64;
        let tiles = (2 * series.image_size[0] as u64 / tile.max(1))
            .pow(2)
            .max(1);
        let threads = rayon::current_num_threads() as u64;
        // Spectra twice (power and excess), tables of 1000 defoci per tile and sector, grain of the middle; while a view is read:
        // image, covers and means.
        let kept = views
            * (tiles * (8 * SECTORS as u64 * tile / 2 + 4 * 1000)
                + 4 * (65536 + 1000 * SECTORS as u64));
        let working = threads.min(views) * (28 * pixels + 4 * 1000 * tiles * SECTORS as u64);
        Cost {
            memory: (48 << 20) + kept + working,
            disk: (600 << 10) + 8192 * views,
            cpu_seconds: 0.2 + views as f64 * pixels as f64 * 1.2e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (mut series, source) = source(params, inputs, context)?;
        let options = options(params, &source);
        let (views, places, tiler) = spectra(params, &source, &options, context)?;
        let optics = source.optics;
        let mut fit = fit_series(&views, tiler.grid(), &optics, &options, context.progress())
            .map_err(stopped)?;
        if params.strategy == Strategy::LowTiltMean {
            let tilt = |view: usize| geometry(&source, places[view]).tilt_angle.degrees().0;
            if !fit.share_mean_of(|view| tilt(view).abs() <= params.low_tilt.0) {
                return Err(JobError::data(format!(
                    "{}: no view within ±{}° shows rings to average",
                    source.name, params.low_tilt.0
                )));
            }
        }
        let range = options.defocus;
        told(&series, &views, &fit, &places, range, context);
        let curves = curves(&source, &fit, &places);
        apply(&mut series, &source, &fit, &places, params.strategy)?;
        let name = series.name.clone();
        let mut records = Vec::new();
        for (label, picture) in pictures(&source, &views, &fit, &places, tiler.grid()) {
            records
                .push(context.store::<PictureKind>(&format!("{name}-{label}"), &picture.to_png())?);
        }
        Ok(Outputs {
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(&name, &series)?]),
            curves: Output::of(vec![context.store::<CurvesKind>(&name, &curves)?]),
            pictures: Output::of(records),
        })
    }

    fn methods(params: &Params) -> Methods {
        let how = match params.strategy {
            Strategy::EachView => "for every view",
            Strategy::LowTiltMean => "from the views at low tilt",
            Strategy::TrialImages => "from trial images beside every view",
        };
        Methods {
            text: format!(
                "Defocus and astigmatism were estimated {how} in thon from tile spectra with the gradient that tilt axis and angle give, jointly over the series; the hand of the gradient was measured."
            ),
            citations: vec![
                Citation::new("Bouvette et al. 2021", "10.1038/s41467-021-22251-8"),
                Citation::new("Rohou & Grigorieff 2015", "10.1016/j.jsb.2015.08.008"),
            ],
        }
    }
}

/// The series, and the one whose images are looked at: itself, or its trials.
fn source(
    params: &Params,
    inputs: &Inputs,
    context: &Context,
) -> Result<(TiltSeries, TiltSeries), JobError> {
    let series = context.load(inputs.tilt_series.item())?;
    if params.strategy != Strategy::TrialImages {
        return Ok((series.clone(), series));
    }
    let trials = inputs.trials.as_ref().ok_or_else(|| JobError::Data {
        message: "the strategy trial-images needs the input trials".into(),
        hint: "give the trial images as tilt series of the same names".into(),
    })?;
    let item = trials
        .items()
        .iter()
        .find(|item| item.name() == series.name);
    let item = item
        .ok_or_else(|| JobError::data(format!("there are no trial images of {}", series.name)))?;
    Ok((series, context.load(item)?))
}

/// Options of the kernel.
fn options(params: &Params, series: &TiltSeries) -> FitOptions {
    let high = params
        .resolution_high
        .map_or((2.25 * series.pixel_size.0).max(5.0), |r| r.0);
    FitOptions {
        resolution: [params.resolution_low.0.max(2.5 * high), high],
        defocus: [params.defocus_min.0, params.defocus_max.0],
        phase_shift: params
            .phase_shift
            .map(|range| range.map(|angle| angle.radians().0)),
        thickness: params.thickness.map(|t| t.0),
        b_factor: None,
        model_error: FitOptions::default().model_error,
        hand: match params.hand {
            HandChoice::Measure => None,
            HandChoice::Plus => Some(HandSign::Plus),
            HandChoice::Minus => Some(HandSign::Minus),
        },
        find_plane: params.find_plane,
        joint_series: params.joint_series,
        mode: params.tiles,
    }
}

fn tile_size(params: &Params, series: &TiltSeries) -> usize {
    let wanted = (TILE_LENGTH / series.pixel_size.0).ceil() as usize;
    // Fewer pixels sample the spectrum too coarsely for its background; small images still give several tiles.
    let least = if series.image_size.iter().all(|n| *n >= 512) {
        256
    } else {
        128
    };
    let automatic = wanted.next_power_of_two().clamp(least, 1024);
    params.tile_size.unwrap_or(automatic) & !1
}

/// Geometry of a view: aligned, or as the microscope states it.
fn geometry(series: &TiltSeries, index: usize) -> TiltGeometry {
    let image = &series.images[index];
    image.geometry.unwrap_or_else(|| TiltGeometry {
        tilt_axis_angle: series.nominal_tilt_axis_angle.unwrap_or(Radians(0.0)),
        ..TiltGeometry::tilted(image.nominal_tilt_angle)
    })
}

/// Tile spectra of all used views, with the index of each in the series.
fn spectra(
    params: &Params,
    series: &TiltSeries,
    options: &FitOptions,
    context: &Context,
) -> Result<(Vec<SeriesView>, Vec<usize>, Tiler), JobError> {
    let images = TiltImages::open(series, context)?;
    let places: Vec<usize> = series.used().collect();
    let band = options.resolution.map(|r| 1.0 / r);
    let tiler = Tiler::new(
        tile_size(params, series),
        series.pixel_size.0,
        band,
        SECTORS,
    );
    let ranks = ranks(series);
    let views = try_map_indices(places.len(), context.progress(), |i| {
        let mut pixels = images.read_as_it_is(places[i])?;
        Ok::<SeriesView, JobError>(SeriesView {
            spectra: tiler
                .spectra(&mut pixels, series.image_size)
                .map_err(stopped)?,
            geometry: geometry(series, places[i]),
            rank: ranks[places[i]],
        })
    })?;
    Ok((views, places, tiler))
}

/// Rank in time of each image: as recorded, or by exposure.
fn ranks(series: &TiltSeries) -> Vec<usize> {
    if series
        .images
        .iter()
        .all(|image| image.acquisition_index.is_some())
    {
        return series
            .images
            .iter()
            .map(|image| image.acquisition_index.unwrap_or(0))
            .collect();
    }
    let mut order: Vec<usize> = (0..series.images.len()).collect();
    order.sort_by(|a, b| {
        series.images[*a]
            .dose_before
            .0
            .total_cmp(&series.images[*b].dose_before.0)
    });
    let mut ranks = vec![0; order.len()];
    for (rank, index) in order.into_iter().enumerate() {
        ranks[index] = rank;
    }
    ranks
}

fn stopped(error: CtfFitError) -> JobError {
    match error {
        CtfFitError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}
