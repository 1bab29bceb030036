//! What a classification of images left, gathered into RELION's files: one stack of averages and its tables.

use schemars::JsonSchema;
use serde::Deserialize;
use thon_contract::kinds::{Curves, CurvesKind, FilesKind, ParticlesKind};
use thon_contract::{Artifact, Context, JobError};
use thon_images::mrc::Mrc;
use thon_interop::relion::{RefinedClass, RefinedMap, Refinement};
use thon_interop::{LossKind, Losses};
use thon_model::{ParticleSet, RepresentationKind};
use thon_signal::fft::Fft3;
use thon_signal::shells::shell_power;
use thon_units::Angstrom;

use super::refinement_files::{Gathered, groups, has_ctf, values};
use super::relion_refinement::Params;
use super::source_paths::particles_relative_to_relion;

/// Outputs of a classification of images.
#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Inputs {
    /// The particles with their classes and poses.
    particles: Artifact<ParticlesKind>,
    /// The averages as a stack.
    class_averages: Artifact<FilesKind>,
    /// Their signal-to-noise ratios, sizes and resolutions.
    classes: Artifact<CurvesKind>,
    /// Power of the noise per pixel by shell, one column per tilt series.
    noise: Option<Artifact<CurvesKind>>,
}

/// Reads the artifacts; `params.iteration` says how many rounds there were.
pub(super) fn gather(
    inputs: &Inputs,
    params: &Params,
    context: &Context,
) -> Result<Gathered, JobError> {
    let mut particles = context.load(inputs.particles.single()?)?;
    let project = particles_relative_to_relion(&mut particles, context);
    let mut losses = Losses::new("a RELION classification");
    let Some(images) = &particles.images else {
        return Err(JobError::data("the particles have no images on disk"));
    };
    let (n, pixel_size) = (images.box_size, images.pixel_size);
    if images.kind == RepresentationKind::Volume {
        let why = "the classes are of projections, the particles are volumes: RELION cannot go on from here";
        losses.add(LossKind::ParticleImages, particles.len(), why);
    }
    let files = &inputs.class_averages.single()?.record.files;
    let stack = files
        .iter()
        .find(|file| file.extension().is_some_and(|e| e == "mrcs"));
    let stack = stack.ok_or_else(|| JobError::data("expected a stack of class averages"))?;
    let curves = context.load(inputs.classes.single()?)?;
    let classes = classes(&context.resolve(stack), &curves, n)?;
    let groups = match &inputs.noise {
        Some(noise) => groups(&context.load(noise.single()?)?, &particles, n)?,
        None => Vec::new(),
    };
    let iteration = params.iteration.unwrap_or(0);
    Ok(Gathered {
        refinement: Refinement {
            dimensions: 2,
            ctf: has_ctf(&particles),
            name: format!("run_it{iteration:03}"),
            folder: params.folder.clone().into(),
            iteration,
            converged: false,
            box_size: n,
            voxel_size: pixel_size,
            symmetry: "C1".into(),
            diameter: params
                .diameter
                .unwrap_or(Angstrom(0.8 * n as f64 * pixel_size.0)),
            regularisation: params.regularisation,
            offset_sigma: deviation(&particles).unwrap_or(params.offset_sigma),
            halves: false,
            classes,
            groups,
        },
        maps: vec![(stack.clone(), 0, RefinedMap::Whole)],
        particles,
        series: Vec::new(),
        project,
        without_map: None,
        losses,
    })
}

/// Deviation of particles from the middle of their images, per axis; none when their places in them are not known.
fn deviation(particles: &ParticleSet) -> Option<Angstrom> {
    let place = |row| particles.pose_in_box(row).map(|pose| pose.position.xyz);
    let places: Vec<_> = (0..particles.len()).filter_map(place).collect();
    let squares: f64 = places.iter().map(|at| at.x * at.x + at.y * at.y).sum();
    let mean = squares / (2 * places.len().max(1)) as f64;
    (mean > 0.0).then(|| Angstrom(mean.sqrt()))
}

/// Share, resolution and spectra of every average of a stack.
fn classes(
    stack: &std::path::Path,
    curves: &Curves,
    n: usize,
) -> Result<Vec<RefinedClass>, JobError> {
    let file = Mrc::open(stack).map_err(|e| JobError::file(stack, e))?;
    let [count, ny, nx] = file.shape();
    if [ny, nx] != [n, n] {
        let message = format!("expected averages of {n} × {n} pixels, found {nx} × {ny}");
        return Err(JobError::file(stack, message));
    }
    let fact = |class: usize, what: &str| {
        let name = format!("class {:03}: {what}", class + 1);
        curves.facts.get(&name).copied()
    };
    let sizes: Vec<f64> = (0..count)
        .map(|class| fact(class, "images").unwrap_or(0.0))
        .collect();
    let all = sizes.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    let plan = Fft3::plan([1, n, n]);
    // Power of one of the two parts of a coefficient, of transforms divided by the number of pixels.
    let scale = 0.5 / (n as f64).powi(4);
    let one = |class: usize| {
        let values_of = file.read_section(class);
        let pixels = values_of.map_err(|e| JobError::file(stack, e))?;
        let image = ndarray::Array3::from_shape_vec((1, n, n), pixels);
        let image = image.map_err(|e| JobError::file(stack, e))?;
        let power = shell_power(&plan.forward(&image), [1, n, n]).mean();
        Ok(RefinedClass {
            share: sizes[class] / all,
            resolution: fact(class, "resolution (Å)").map(Angstrom),
            fsc: Vec::new(),
            power: power.iter().map(|value| value * scale).collect(),
            signal_to_noise: curves
                .columns
                .get(class + 1)
                .map(values)
                .unwrap_or_default(),
        })
    };
    (0..count).map(one).collect()
}
