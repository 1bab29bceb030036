//! Gold-standard refinement of particles into one map (RELION's Refine3D).
//!
//! Kernel: `thon_average::refine`. Iterations are kept as they finish: an interrupted run goes on after the last, and a later
//! job can go on from any (`restart_from` with the `iterations` of this one). Frames: reference → data of each particle.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_average::refine::{Refined, check, finish, last, start};
use thon_average::{Input, RefineOptions, StartingPoses, Task};
use thon_contract::kinds::{
    CurvesKind, FilesKind, MapKind, MaskKind, ParticlesKind, PictureKind, TiltSeriesKind,
};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_initial_model::InitialModelOptions;
use thon_likelihood::ParticleSource;
use thon_model::{Half, ParticleSet};
use thon_units::PixelSize;

use super::asked::{Asked, start_of_check};
use super::columns::put_posteriors;
use super::cones::cones_by_score;
use super::given_maps::{GivenMaps, map};
use super::initial_model::first_maps;
use super::iterations::{Run, blocks, continued, earlier, publish, run, stopped};
use super::source::{Prepared, Views, box_of_set, bytes_held, load};
use super::{placements, report};
use crate::pictures;
use crate::symmetry::symmetrised_in_standard_orientation;

/// Refinement.
pub(crate) struct RefineParticles;

/// Refine orientations of particles and their map in two independent halves.
///
/// Works on subtomograms with their CTF volumes, on stacks of tilt images, and straight on tilt series: particles without
/// images of their own are cut from the series in memory.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The particle, the search and the map.
    pub options: RefineOptions,
    /// Tilt images of particles.
    pub views: Views,
    /// Iteration of the job whose iterations are given to go on from; its last when empty.
    pub restart_from: Option<usize>,
}

/// Inputs of a refinement.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles.
    particles: Artifact<ParticlesKind>,
    /// Tilt series of the particles; not needed for subtomograms.
    tilt_series: Option<Artifact<TiltSeriesKind>>,
    /// A map to start from, of the particles' box and voxel size. Without one, and unless the given poses are to be used, a
    /// first map is made of the particles alone.
    reference: Option<Artifact<MapKind>>,
    /// Where the map may differ from solvent; a soft sphere when empty.
    mask: Option<Artifact<MaskKind>>,
    /// Iterations of an earlier refinement of the same particles, to go on from.
    iterations: Option<Artifact<FilesKind>>,
}

/// Outputs of a refinement.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Map of all particles, filtered by the correlation of the halves.
    map: Output<MapKind>,
    /// The first half map, neither filtered nor masked.
    half_map_1: Output<MapKind>,
    /// The second half map.
    half_map_2: Output<MapKind>,
    /// The particles with their poses, halves and uncertainties.
    particles: Output<ParticlesKind>,
    /// Correlation of the halves, at the end and after each iteration.
    fsc: Output<CurvesKind>,
    /// Power of the noise of each tilt series, per voxel or pixel.
    noise: Output<CurvesKind>,
    /// What each iteration changed.
    progress: Output<CurvesKind>,
    /// From where particles are seen.
    directions: Output<CurvesKind>,
    /// The state and the maps after each iteration.
    iterations: Output<FilesKind>,
    /// Slices and surface, correlation, directions; particles as cones in their tilt series.
    pictures: Output<PictureKind>,
}

impl Job for RefineParticles {
    const ID: &'static str = "particles.refine";
    const VERSION: u32 = 2;
    const SHARES: bool = true;
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match findings(params, inputs, context) {
            Ok(findings) => findings,
            Err(e) => vec![Finding::error("inputs", e.to_string())],
        }
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok((series, set)) = load(inputs.tilt_series.as_ref(), &inputs.particles, context)
        else {
            return Cost::default();
        };
        let Ok((n, _)) = box_of_set(&params.views, &series, &set) else {
            return Cost::default();
        };
        let iterations = params.options.maximum_iterations.min(8) as f64;
        cost_of_iterations(&set, n, 2, iterations, bytes_held(&set, &series, n))
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (series, set) = load(inputs.tilt_series.as_ref(), &inputs.particles, context)?;
        let mut prepared = Prepared::new(&params.views, &series, &set, context)?;
        drop((series, set));
        let maps = GivenMaps::load(inputs.reference.as_ref(), inputs.mask.as_ref(), context)?;
        let source = prepared.source.as_ref();
        let done = run(
            source,
            || {
                if let Some(iterations) = &inputs.iterations {
                    let state = earlier(iterations, params.restart_from, context)?;
                    let task = Task::Refine(params.options.clone());
                    return continued(state, task, source.len());
                }
                let (mut references, given) = (maps.references(), prepared.halves());
                let mut options = params.options.clone();
                let first;
                if references.is_empty() && options.poses.start == StartingPoses::Search {
                    first = first_reference(source, &options, context)?;
                    references.push(&first);
                    options.absolute_grey_scale = true;
                }
                let input = Input {
                    references: &references,
                    mask: maps.mask.as_deref(),
                    starts: &prepared.starts,
                    halves: given.as_deref(),
                };
                start(source, &input, &options, context.progress()).map_err(stopped)
            },
            context,
        )?;
        let end = last(&done.state);
        let blocks = blocks(source, &end, context)?;
        let refined = finish(&end, blocks).map_err(stopped)?;
        store(&refined, &done, &mut prepared, context)
    }

    fn methods(params: &Params) -> Methods {
        let target = &params.options.target;
        Methods {
            text: format!(
                "Particles were refined in two independent halves with {} symmetry by regularised likelihood, \
                 orientations and shifts as Gaussian posteriors around their maxima.",
                target.symmetry
            ),
            citations: vec![
                Citation::new("Scheres 2012", "10.1016/j.jsb.2012.09.006"),
                Citation::new("Bharat & Scheres 2016", "10.1038/nprot.2016.124"),
            ],
        }
    }
}

fn findings(params: &Params, inputs: &Inputs, context: &Context) -> Result<Vec<Finding>, JobError> {
    let asked = Asked {
        views: &params.views,
        particles: &inputs.particles,
        tilt_series: inputs.tilt_series.as_ref(),
        maps: ("reference", inputs.reference.as_ref()),
        mask: inputs.mask.as_ref(),
        iterations: inputs.iterations.as_ref(),
        restart_from: params.restart_from,
    };
    asked.findings(context, |sizes, input| {
        let mut options = params.options.clone();
        options.poses.start = start_of_check(options.poses.start, input);
        check(sizes, input, &options)
    })
}

/// A first map of the particles, where no reference is given; in the symmetry that is asked for.
fn first_reference(
    source: &dyn ParticleSource,
    options: &RefineOptions,
    context: &Context,
) -> Result<Vec<f32>, JobError> {
    let (n, voxel) = (source.box_size(), source.voxel_size());
    let target = &options.target;
    let wanted = InitialModelOptions {
        particle_diameter: 2.0 * target.radius(n, voxel) * voxel,
        shift_range: options.poses.offset_range.0,
        seed: options.poses.seed,
        ..InitialModelOptions::default()
    };
    let found = first_maps(source, &wanted, context)?;
    let [first] = found.maps.as_slice() else {
        return Err(JobError::data("expected one first map"));
    };
    if target.symmetry.order() == 1 {
        return Ok(first.clone());
    }
    let first = map(first, n, PixelSize(voxel))?;
    let (diameter, resolution) = (wanted.particle_diameter, wanted.resolution);
    let symmetrised = symmetrised_in_standard_orientation(
        &first,
        target.symmetry,
        diameter,
        resolution,
        context,
    )?;
    Ok(symmetrised.data.iter().copied().collect())
}

/// What iterations over a set will take; `maps` maps are held, and `held` bytes of boxes.
pub(super) fn cost_of_iterations(
    set: &ParticleSet,
    n: usize,
    maps: u64,
    iterations: f64,
    held: u64,
) -> Cost {
    let voxels = (n as u64).pow(3);
    let particles = set.len() as u64;
    Cost {
        // Padded transforms and exact sums of each map, particles in the frame of their search, posteriors.
        memory: PROCESS_MEMORY + maps * 400 * voxels + 2048 * particles + 60 * 8 * voxels + held,
        disk: (1 << 18)
            + (2.0 * (1.0 + iterations) * 4.0 * (maps * voxels) as f64) as u64
            + 12 * voxels
            + 4096 * particles,
        cpu_seconds: 0.3
            + iterations * (particles as f64 * voxels as f64 * 2e-7 + voxels as f64 * 4e-6),
    }
}

fn store(
    refined: &Refined,
    done: &Run,
    prepared: &mut Prepared,
    context: &Context,
) -> Result<Outputs, JobError> {
    let (n, voxel) = (prepared.source.box_size(), prepared.source.voxel_size());
    let best: Vec<_> = refined
        .posteriors
        .iter()
        .map(|p| p.best().placement)
        .collect();
    let set = &mut prepared.set;
    placements::place(set, &best, voxel);
    set.halves = refined
        .halves
        .iter()
        .map(|half| if *half == 0 { Half::One } else { Half::Two })
        .collect();
    put_posteriors(set, &refined.posteriors, voxel);
    context.metric("resolution (Å)", refined.resolution);
    context.metric("iterations", refined.reports.len() as f64);
    if let Some(report) = refined.reports.last() {
        context.metric("uncertainty of angles (°)", report.angle_uncertainty);
        context.metric("uncertainty of shifts (Å)", report.shift_uncertainty);
    }
    let size = PixelSize(voxel);
    let whole = map(&refined.map, n, size)?;
    let [one, two] = &refined.half_maps;
    let (one, two) = (map(one, n, size)?, map(two, n, size)?);
    let fsc = report::correlations(
        &refined.fsc,
        refined.resolution,
        &refined.reports,
        n as f64 * voxel,
    );
    let directions = report::directions(std::slice::from_ref(&refined.directions));
    let drawn = [
        ("map", pictures::map_of_share(&whole, 0.06)),
        ("fsc", report::drawn(&fsc)),
        ("directions", report::sphere(&refined.directions)),
    ];
    let drawn = drawn
        .into_iter()
        .map(|(name, picture)| context.store::<PictureKind>(name, &picture.to_png()));
    let mut drawn = drawn.collect::<Result<Vec<_>, _>>()?;
    let scores: Vec<f64> = refined
        .posteriors
        .iter()
        .map(|p| p.best().log_posterior)
        .collect();
    let what = "log-likelihood";
    drawn.extend(cones_by_score(&prepared.set, &scores, what, context)?);
    let mut table = report::iterations(&refined.reports);
    if let Some(helix) = &refined.helix {
        for (name, value) in [("rise (Å)", helix.rise.0), ("twist (°)", helix.twist.0)] {
            context.metric(name, value);
            table.facts.insert(name.to_owned(), value);
        }
    }
    let noise = prepared.noise(&done.state.weighting);
    Ok(Outputs {
        map: Output::of(vec![context.store::<MapKind>("map", &whole)?]),
        half_map_1: Output::of(vec![context.store::<MapKind>("half_map_1", &one)?]),
        half_map_2: Output::of(vec![context.store::<MapKind>("half_map_2", &two)?]),
        particles: Output::of(vec![
            context.store::<ParticlesKind>("particles", &prepared.set)?,
        ]),
        fsc: Output::of(vec![context.store::<CurvesKind>("fsc", &fsc)?]),
        noise: Output::of(vec![context.store::<CurvesKind>("noise", &noise)?]),
        progress: Output::of(vec![context.store::<CurvesKind>("progress", &table)?]),
        directions: Output::of(vec![
            context.store::<CurvesKind>("directions", &directions)?,
        ]),
        iterations: publish(done, context)?,
        pictures: Output::of(drawn),
    })
}
