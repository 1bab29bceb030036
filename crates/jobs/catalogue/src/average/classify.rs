//! Classification of particles into several maps (RELION's Class3D).
//!
//! Kernel: `thon_average::classify`. Several references are one class each; from one reference, or none at fixed poses, classes
//! start at random. Iterations are kept as those of a refinement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_average::classify::{Classified, check, finish, start};
use thon_average::{Alignment, ClassifyOptions, Input, Task};
use thon_contract::kinds::{
    CurvesKind, FilesKind, MapKind, MaskKind, ParticlesKind, PictureKind, TiltSeriesKind,
};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_units::PixelSize;

use super::asked::Asked;
use super::columns::put_posteriors;
use super::cones::cones_by_class;
use super::given_maps::{GivenMaps, map};
use super::iterations::{Run, continued, earlier, publish, run, stopped};
use super::refine::cost_of_iterations;
use super::source::{Prepared, Views, box_of_set, bytes_held, load};
use super::{placements, report};
use crate::pictures;

/// Classification.
pub(crate) struct ClassifyParticles;

/// Sort particles into several maps, with or without changing their orientations.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The particle, the classes and the search.
    pub options: ClassifyOptions,
    /// Tilt images of particles.
    pub views: Views,
    /// Iteration of the job whose iterations are given to go on from; its last when empty.
    pub restart_from: Option<usize>,
}

/// Inputs of a classification.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles.
    particles: Artifact<ParticlesKind>,
    /// Tilt series of the particles; not needed for subtomograms.
    tilt_series: Option<Artifact<TiltSeriesKind>>,
    /// One map to start from, or one for each class; not needed when poses stay.
    references: Option<Artifact<MapKind>>,
    /// Where classes may differ; a soft sphere when empty.
    mask: Option<Artifact<MaskKind>>,
    /// Iterations of an earlier classification of the same particles, to go on from.
    iterations: Option<Artifact<FilesKind>>,
}

/// Outputs of a classification.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The map of each class.
    maps: Output<MapKind>,
    /// The particles with their classes and poses.
    particles: Output<ParticlesKind>,
    /// Power of the noise of each tilt series, per voxel or pixel.
    noise: Output<CurvesKind>,
    /// What each iteration changed.
    progress: Output<CurvesKind>,
    /// From where the particles of each class are seen.
    directions: Output<CurvesKind>,
    /// The state and the maps after each iteration.
    iterations: Output<FilesKind>,
    /// Slices and surface of each class; particles as cones in their tilt series.
    pictures: Output<PictureKind>,
}

impl Job for ClassifyParticles {
    const ID: &'static str = "particles.classify";
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
        let options = &params.options;
        let (classes, held) = (options.classes as u64, bytes_held(&set, &series, n));
        let iterations = if options.alignment == Alignment::Fixed {
            1.0
        } else {
            options.iterations as f64
        };
        cost_of_iterations(&set, n, classes, iterations, held)
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (series, set) = load(inputs.tilt_series.as_ref(), &inputs.particles, context)?;
        let mut prepared = Prepared::new(&params.views, &series, &set, context)?;
        drop((series, set));
        let maps = GivenMaps::load(inputs.references.as_ref(), inputs.mask.as_ref(), context)?;
        let source = prepared.source.as_ref();
        let done = run(
            source,
            || {
                if let Some(iterations) = &inputs.iterations {
                    let state = earlier(iterations, params.restart_from, context)?;
                    let task = Task::Classify(params.options.clone());
                    return continued(state, task, source.len());
                }
                let references = maps.references();
                let input = Input {
                    references: &references,
                    mask: maps.mask.as_deref(),
                    starts: &prepared.starts,
                    halves: None,
                };
                start(source, &input, &params.options, context.progress()).map_err(stopped)
            },
            context,
        )?;
        let classified = finish(&done.state).map_err(stopped)?;
        store(&classified, &done, &mut prepared, context)
    }

    fn methods(params: &Params) -> Methods {
        let how = match params.options.alignment {
            Alignment::Fixed => "at fixed orientations",
            Alignment::Local => "with local searches of orientations",
            Alignment::Global => "with global searches of orientations",
        };
        Methods {
            text: format!(
                "Particles were classified into {} classes by regularised likelihood {how}.",
                params.options.classes
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
        maps: ("references", inputs.references.as_ref()),
        mask: inputs.mask.as_ref(),
        iterations: inputs.iterations.as_ref(),
        restart_from: params.restart_from,
    };
    asked.findings(context, |sizes, input| {
        if inputs.iterations.is_some() {
            // The classes come with the iterations.
            return Ok(());
        }
        let input = Input {
            halves: None,
            ..*input
        };
        check(sizes, &input, &params.options)
    })
}

fn store(
    classified: &Classified,
    done: &Run,
    prepared: &mut Prepared,
    context: &Context,
) -> Result<Outputs, JobError> {
    let (n, voxel) = (prepared.source.box_size(), prepared.source.voxel_size());
    let best: Vec<_> = classified
        .posteriors
        .iter()
        .map(|p| p.best().placement)
        .collect();
    let set = &mut prepared.set;
    placements::place(set, &best, voxel);
    set.classes = classified
        .posteriors
        .iter()
        .map(|p| p.best().class + 1)
        .collect();
    put_posteriors(set, &classified.posteriors, voxel);
    let (mut maps, mut drawn) = (Vec::new(), Vec::new());
    for (class, values) in classified.maps.iter().enumerate() {
        let name = format!("class{:03}", class + 1);
        let one = map(values, n, PixelSize(voxel))?;
        context.metric(
            format!("share of class {}", class + 1),
            classified.shares[class],
        );
        if values.iter().all(|value| *value == values[0]) {
            context.warn(format!("class {}: no particle, no map", class + 1));
            continue;
        }
        let picture = pictures::map_of_share(&one, 0.06).to_png();
        drawn.push(context.store::<PictureKind>(&name, &picture)?);
        maps.push(context.store::<MapKind>(&name, &one)?);
    }
    drawn.extend(cones_by_class(&prepared.set, context)?);
    let table = report::iterations(&classified.reports);
    let noise = prepared.noise(&done.state.weighting);
    let directions = report::directions(&classified.directions);
    Ok(Outputs {
        maps: Output::of(maps),
        particles: Output::of(vec![
            context.store::<ParticlesKind>("particles", &prepared.set)?,
        ]),
        noise: Output::of(vec![context.store::<CurvesKind>("noise", &noise)?]),
        progress: Output::of(vec![context.store::<CurvesKind>("progress", &table)?]),
        directions: Output::of(vec![
            context.store::<CurvesKind>("directions", &directions)?,
        ]),
        iterations: publish(done, context)?,
        pictures: Output::of(drawn),
    })
}
