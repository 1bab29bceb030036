//! Simulated tilt series with their truth: the microscope of all tests and of the demo.
//!
//! Kernel: `thon_simulate`. Writes what a microscope leaves (stack, mdoc, movies when there are
//! frames) and, apart from it, the truth: geometry, CTF, poses, the phantom as a map, and the FSC
//! with it that an ideal average could reach. The truth is written for RELION too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{
    Column, Curves, CurvesKind, FileListing, FilesKind, MapKind, ParticlesKind, PictureKind,
    TiltSeriesKind,
};
use thon_contract::{
    Citation, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
};
use thon_model::{ParticleSet, TiltSeries};
use thon_simulate::{Phantom, ResolutionBound, SimulateError, Simulation, SimulationOptions};
use thon_units::Angstrom;

use super::recorded_files::record;
use super::truth_export::relion_files;

/// The simulated microscope.
pub(crate) struct SimulateTiltSeries;

/// Simulate tilt series of a 70S ribosome in ice, with their truth.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Number of tilt series.
    #[schemars(range(min = 1, max = 1000))]
    pub series: usize,
    /// Seed of everything random.
    pub seed: u64,
    /// Underfocus that each series has more than the one before it.
    pub defocus_step: Angstrom,
    /// Edge of the box of the true map, in image pixels.
    #[schemars(range(min = 16, max = 512))]
    pub box_size: usize,
    /// What is simulated.
    pub options: SimulationOptions,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            series: 1,
            seed: 1,
            defocus_step: Angstrom(0.0),
            box_size: 96,
            options: SimulationOptions::default(),
        }
    }
}

/// What the simulation leaves.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Stacks, mdocs and movies, as from a microscope.
    microscope: Output<FilesKind>,
    /// True tilt series.
    tilt_series: Output<TiltSeriesKind>,
    /// True particles.
    particles: Output<ParticlesKind>,
    /// The phantom as a map.
    phantom: Output<MapKind>,
    /// FSC with the phantom that an ideal average reaches.
    bound: Output<CurvesKind>,
    /// The truth as RELION files.
    relion: Output<FilesKind>,
    /// The untilted images.
    pictures: Output<PictureKind>,
}

impl Job for SimulateTiltSeries {
    const ID: &'static str = "acquire.simulate-tilt-series";
    type Params = Params;
    type Inputs = NoInputs;
    type Outputs = Outputs;

    fn check(params: &Params, _: &NoInputs, _: &Context) -> Vec<Finding> {
        params
            .options
            .check()
            .err()
            .map(|e| Finding::error("options", e.to_string()))
            .into_iter()
            .collect()
    }

    fn cost(params: &Params, _: &NoInputs, _: &Context) -> Cost {
        let [ny, nx] = params.options.image_size();
        let pixels = (ny * nx) as f64;
        let options = &params.options;
        let tilts = ((options.tilt_max.0 - options.tilt_min.0) / options.tilt_step.0)
            .abs()
            .floor()
            + 1.0;
        let images = tilts * params.series as f64;
        Cost {
            memory: (60.0 * pixels) as u64 + (64 << 20),
            disk: (images * pixels * (4.0 + 2.0 * options.frames as f64)) as u64,
            cpu_seconds: 0.1 + images * (pixels * 2e-7 + params.options.particles as f64 * 1e-3),
        }
    }

    fn run(params: &Params, _: &NoInputs, context: &Context) -> Result<Outputs, JobError> {
        let phantom = Phantom::ribosome_70s();
        let mut listing = FileListing {
            format: "microscope".into(),
            ..FileListing::default()
        };
        let (mut series, mut sets, mut simulations, mut drawn) = (vec![], vec![], vec![], vec![]);
        for number in 1..=params.series {
            let name = format!("TS_{number:02}");
            let more = params.defocus_step * (number - 1) as f64;
            let options = SimulationOptions {
                defocus: params.options.defocus + more,
                ..params.options.clone()
            };
            let simulation =
                Simulation::prepare(&name, &options, &phantom, params.seed + number as u64)
                    .map_err(|e| failed(&e))?;
            let recorded = record(&simulation, &mut listing, &mut drawn, context)?;
            sets.push(simulation.particles.clone());
            series.push(recorded);
            simulations.push(simulation);
        }
        let particles = joined(&sets);
        let store_series = |s: &TiltSeries| context.store::<TiltSeriesKind>(&s.name, s);
        let all: Vec<&Simulation> = simulations.iter().collect();
        let truth = phantom.volume(params.box_size, params.options.pixel_size);
        let bound = bound_curves(&ResolutionBound::of(
            &all,
            params.box_size,
            params.options.pixel_size,
            None,
        ));
        let relion = relion_files(&series, &particles, context)?;
        Ok(Outputs {
            tilt_series: Output::of(series.iter().map(store_series).collect::<Result<_, _>>()?),
            particles: Output::of(vec![
                context.store::<ParticlesKind>("particles", &particles)?,
            ]),
            phantom: Output::of(vec![context.store::<MapKind>("phantom", &truth)?]),
            bound: Output::of(vec![context.store::<CurvesKind>("bound", &bound)?]),
            microscope: Output::of(vec![context.store::<FilesKind>("microscope", &listing)?]),
            relion: Output::of(vec![context.store::<FilesKind>("relion", &relion)?]),
            pictures: Output::of(drawn),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "{} tilt series of {} 70S ribosomes (PDB 4V4R) in {} of ice were simulated as weak phase objects.",
                params.series, params.options.particles, params.options.ice_thickness
            ),
            citations: vec![Citation::new(
                "Grant & Grigorieff 2015",
                "10.7554/eLife.06980",
            )],
        }
    }
}

fn failed(error: &SimulateError) -> JobError {
    match error {
        SimulateError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}

/// The particles of all series in one set.
fn joined(sets: &[ParticleSet]) -> ParticleSet {
    let mut all = ParticleSet {
        oriented: true,
        ..ParticleSet::default()
    };
    for set in sets {
        let first = all.tilt_series_names.len() as u32;
        all.names.extend(set.names.iter().cloned());
        all.tilt_series_names
            .extend(set.tilt_series_names.iter().cloned());
        all.tilt_series
            .extend(set.tilt_series.iter().map(|index| first + index));
        all.poses.extend(&set.poses);
        all.optics = set.optics;
    }
    all
}

fn bound_curves(bound: &ResolutionBound) -> Curves {
    let facts = bound
        .resolution(0.5)
        .map(|r| ("resolution at FSC 0.5 (Å)".to_owned(), r.0));
    Curves {
        title: "FSC with the phantom that an ideal average reaches".into(),
        columns: vec![
            Column::new("frequency", "1/Å", bound.frequency.iter().copied()),
            Column::new("with the phantom", "", bound.fsc_with_truth()),
            Column::new("between halves", "", bound.fsc_of_halves()),
        ],
        facts: facts.into_iter().collect(),
    }
}
