//! Alignment of a tilt series by patch tracking and bundle adjustment.
//!
//! Kernels: `thon_markerless::track_patches` for the tracks, `thon_align::adjust` for the geometry. Frames: specimen → raw tilt
//! image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{Adjustment, Solution, adjust};
use thon_contract::kinds::{CurvesKind, PictureKind, TiltSeriesKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_geometry::TiltGeometry;
use thon_markerless::{CoarseOptions, PatchOptions, PatchTracks, align_coarse, track_patches};
use thon_units::{Angstrom, Degrees, Radians};

use super::local_motion::{Local, Rigid};
use super::markerless::{self, Loaded, Measured};

/// Alignment by patch tracking.
pub(crate) struct AlignPatches;

/// Align tilt series by tracking patches and solving for the geometry that explains their tracks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Angle of the tilt axis from image y, counter-clockwise; that of the series when empty.
    pub tilt_axis: Option<Degrees>,
    /// Whether one tilt axis of all views is solved for.
    pub solve_axis: bool,
    /// Thickness of the specimen.
    pub thickness: Angstrom,
    /// Motion of the specimen and local displacements.
    pub local: Local,
    /// Layout of the patches.
    pub patches: PatchOptions,
    /// Shortest period compared in the last round.
    pub shortest_period: Angstrom,
    /// Whether gold is left out of the comparison.
    pub ignore_gold: bool,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            tilt_axis: None,
            solve_axis: true,
            thickness: Angstrom(1500.0),
            local: Local::default(),
            patches: PatchOptions::default(),
            shortest_period: Angstrom(40.0),
            ignore_gold: true,
        }
    }
}

/// Inputs of the alignment.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the alignment.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The aligned series.
    tilt_series: Output<TiltSeriesKind>,
    /// Shift, score and residual of every view.
    views: Output<CurvesKind>,
    /// Aligned views, and the residuals drawn.
    pictures: Output<PictureKind>,
}

impl Job for AlignPatches {
    const ID: &'static str = "tilt_series.align-patches";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = markerless::findings(&series, context);
        if markerless::known_axis(&series, params.tilt_axis).is_none() {
            findings.push(
                Finding::error(
                    "tilt_axis",
                    "neither the series nor a parameter says where the tilt axis lies",
                )
                .with_hint("give its angle, or let tilt_series.align-projections find it"),
            );
        }
        for (name, length) in [
            ("thickness", params.thickness),
            ("shortest_period", params.shortest_period),
        ] {
            if !(length > Angstrom(0.0) && length.0.is_finite()) {
                let message = format!("expected a positive length, found {length}");
                findings.push(Finding::error(name, message));
            }
        }
        let PatchOptions { edge, distance, .. } = params.patches;
        if !((0.1..=1.0).contains(&edge) && (0.1..=1.0).contains(&distance)) {
            findings.push(Finding::error(
                "patches",
                "expected edge and distance from 0.1 to 1",
            ));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        context
            .load(inputs.tilt_series.item())
            .map(|series| markerless::cost(&series, params.shortest_period, 10.0))
            .unwrap_or_default()
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.tilt_series.item();
        let mut series = context.load(item)?;
        let axis = markerless::known_axis(&series, params.tilt_axis).unwrap_or(Radians(0.0));
        let mut loaded = markerless::load(
            &mut series,
            axis,
            params.shortest_period,
            params.ignore_gold,
            context,
        )?;
        if params.tilt_axis.is_some() {
            loaded
                .start
                .iter_mut()
                .for_each(|g| g.tilt_axis_angle = axis);
        }
        let (mut geometries, tracks, solution) = align(params, &loaded, context)?;
        let (solution, facts) = params.local.follow(
            &Rigid {
                series: &series,
                views: &loaded.indices,
                tracks: &tracks.tracks,
                start: &geometries,
                options: &adjustment(params),
                solution: &solution,
            },
            context,
        )?;
        adopt(&mut geometries, &solution);
        for (report, &index) in solution.views.iter().zip(&loaded.indices) {
            if report.observations < 4 {
                context.warn(format!(
                    "{}, image {}: only {} patches are recognised; its shift is uncertain",
                    series.name,
                    index + 1,
                    report.observations
                ));
            }
        }
        context.metric("patches", tracks.tracks.len() as f64);
        context.metric("mean residual (Å)", solution.mean_residual);
        markerless::assign(&mut series, &loaded.indices, &geometries);
        let mut curves = view_curves(&series.name, &geometries, &tracks, &solution);
        curves.facts.extend(
            facts
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        let residuals = markerless::plot(&curves, &["residual"], "residual (A)");
        let montage = markerless::montage(&loaded, &geometries);
        let name = item.name();
        Ok(Outputs {
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(name, &series)?]),
            views: Output::of(vec![context.store::<CurvesKind>(name, &curves)?]),
            pictures: Output::of(vec![
                context.store::<PictureKind>(name, &montage)?,
                context.store::<PictureKind>(&format!("{name}_residuals"), &residuals)?,
            ]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Tilt series were aligned by patch tracking and bundle adjustment in thon.{}",
                params.local.sentence()
            ),
            citations: vec![Citation::new(
                "Mastronarde & Held 2017",
                "10.1016/j.jsb.2016.07.011",
            )],
        }
    }
}

/// Coarse correlation, then patches at ever shorter periods, each followed by an adjustment.
fn align(
    params: &Params,
    loaded: &Loaded,
    context: &Context,
) -> Result<(Vec<TiltGeometry>, PatchTracks, Solution), JobError> {
    let specimen = markerless::Shape::Slab.of_extent(params.thickness);
    let coarse = CoarseOptions {
        specimen,
        ..CoarseOptions::default()
    };
    let found = align_coarse(&loaded.views, &loaded.start, &coarse).map_err(markerless::stopped)?;
    let mut geometries: Vec<TiltGeometry> = found.iter().map(|f| f.geometry).collect();
    let options = adjustment(params);
    let mut result = None;
    for factor in [2.5, 1.5, 1.0] {
        let tracks = track_patches(
            &loaded.views,
            &geometries,
            specimen,
            factor * params.shortest_period.0,
            &params.patches,
            context.progress(),
        )
        .map_err(markerless::stopped)?;
        let solution = adjust(&tracks.tracks, &geometries, &options)
            .map_err(|e| JobError::data(e.to_string()))?;
        adopt(&mut geometries, &solution);
        result = Some((tracks, solution));
    }
    let (tracks, solution) =
        result.ok_or_else(|| JobError::data("no round of patch tracking was run"))?;
    Ok((geometries, tracks, solution))
}

/// What the adjustment solves for.
fn adjustment(params: &Params) -> Adjustment {
    if params.solve_axis {
        Adjustment::fixed_tilts()
    } else {
        Adjustment::shifts_only()
    }
}

fn adopt(geometries: &mut [TiltGeometry], solution: &Solution) {
    for (geometry, solved) in geometries.iter_mut().zip(&solution.geometry) {
        if let Some(solved) = solved {
            *geometry = *solved;
        }
    }
}

fn view_curves(
    name: &str,
    geometries: &[TiltGeometry],
    tracks: &PatchTracks,
    solution: &Solution,
) -> thon_contract::kinds::Curves {
    let column = |label, unit, value: &dyn Fn(usize) -> f64| Measured {
        label,
        unit,
        values: (0..geometries.len()).map(value).collect(),
    };
    markerless::curves(
        format!("{name}: patch tracking"),
        geometries,
        &[
            column("score", "", &|i| tracks.scores[i]),
            column("residual", "Å", &|i| solution.views[i].mean_residual),
            column("deviation", "Å", &|i| solution.views[i].shift_deviation),
            column("patches", "", &|i| solution.views[i].observations as f64),
        ],
    )
}
