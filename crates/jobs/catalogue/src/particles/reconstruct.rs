//! A particle average from given poses, straight from the tilt images or from subtomograms, in two halves.
//!
//! Kernels: `thon_reconstruct::PartialSums` for tilt images (what `relion_tomo_reconstruct_particle` does),
//! `ExpectedSums` for subtomograms (what `relion_reconstruct --3d_rot --ctf` does). Halves are those of the set, or drawn
//! by seed. Frames: tilt image or box → particle.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_average::draw_halves;
use thon_contract::kinds::{MapKind, ParticlesKind, PictureKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_ctf::ExposureModel;
use thon_geometry::Symmetry;
use thon_geometry::glam::DMat3;
use thon_model::{Half, Map, ParticleImages, ParticleSet, RepresentationKind};
use thon_reconstruct::{
    ExpectedSums, Normalisation, PartialSums, ParticleView, Regulariser, SolveOptions,
};
use thon_units::{Dose, PixelSize};

use super::particle_views::{SeriesByName, ViewSettings, each_view, load_particles};
use super::set_findings::{half_findings, view_findings, voxel_size};
use crate::average::{average_findings, block_bytes, cones_by_class, sums_at_given_poses};
use crate::kernel_errors::stopped;
use crate::pictures;

/// Reconstruction of a particle average.
pub(crate) struct ReconstructParticles;

/// Average particles at given poses into a map and two half maps.
///
/// Tilt images are cut from the series in memory, or taken from the stacks of the particle set. Subtomograms are averaged
/// with their own CTF volumes and need no tilt series.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Edge of the box, pixels of the tilt images; that of the stacks when the particles have them.
    #[schemars(range(min = 8, max = 1024))]
    pub box_size: usize,
    /// Point group of the particle, RELION's names.
    pub symmetry: String,
    /// Correct for the contrast transfer function.
    pub ctf: bool,
    /// Loss of signal with exposure.
    pub exposure: ExposureModel,
    /// Leave out images recorded after more exposure than this.
    pub maximum_dose: Option<Dose>,
    /// Cut boxes twice as large, so that what the CTF carried out of the box comes back.
    pub recover_delocalised: bool,
    /// What the weighted sum is divided by.
    #[schemars(extend("x-level" = "expert"))]
    pub normalisation: Normalisation,
    /// Padding of the Fourier space.
    #[schemars(range(min = 1, max = 4), extend("x-level" = "expert"))]
    pub padding: usize,
    /// Seed of the half sets, for particles that are not split yet.
    pub seed: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            box_size: 96,
            symmetry: "C1".into(),
            ctf: true,
            exposure: ExposureModel::GrantGrigorieff,
            maximum_dose: None,
            recover_delocalised: true,
            normalisation: Normalisation::default(),
            padding: 2,
            seed: 1,
        }
    }
}

/// Inputs of the average.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Aligned tilt series with CTF; not needed for subtomograms.
    tilt_series: Option<Artifact<TiltSeriesKind>>,
    /// Particles with poses.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the average.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The average of all particles.
    map: Output<MapKind>,
    /// The average of the first half.
    half_map_1: Output<MapKind>,
    /// The average of the second half.
    half_map_2: Output<MapKind>,
    /// The particles that went in, split into halves.
    particles: Output<ParticlesKind>,
    /// Slices and surface; particles as cones in their tilt series.
    pictures: Output<PictureKind>,
}

impl Job for ReconstructParticles {
    const ID: &'static str = "particles.reconstruct";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings: Vec<Finding> = params
            .symmetry
            .parse::<Symmetry>()
            .err()
            .map(|e| Finding::error("symmetry", e.to_string()))
            .into_iter()
            .collect();
        match load_particles(inputs.tilt_series.as_ref(), &inputs.particles, context) {
            Ok((series, particles)) => {
                findings.extend(half_findings(&particles));
                let n = box_size(params, &particles);
                findings.extend(match volumes(&particles) {
                    Some(images) => average_findings(&particles, images, context),
                    None => view_findings(n, params.ctf, &series, &particles, context),
                });
            }
            Err(e) => findings.push(Finding::error("inputs", e.to_string())),
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok((series, particles)) =
            load_particles(inputs.tilt_series.as_ref(), &inputs.particles, context)
        else {
            return Cost::default();
        };
        let n = box_size(params, &particles) as u64;
        let padded = (params.padding as u64 * n).pow(3);
        let large = if params.recover_delocalised { 4 } else { 1 } * n * n;
        if volumes(&particles).is_some() {
            let voxels = n.pow(3);
            let block = block_bytes(n as usize, particles.len());
            return Cost {
                // Two exact sums; beside them a block of particles, or the solution; a particle per thread.
                memory: PROCESS_MEMORY
                    + 24 * padded
                    + block.max(72 * voxels)
                    + 16 * (rayon::current_num_threads() as u64 - 1) * voxels,
                disk: (1 << 17) + 12 * voxels,
                cpu_seconds: 0.6 + particles.len() as f64 * voxels as f64 * 2e-8,
            };
        }
        let tilts = series.values().map(|s| s.images.len()).max().unwrap_or(0);
        let pixels = series.values().map(|s| s.image_size[0] * s.image_size[1]);
        let views = (tilts * particles.len()) as f64;
        let names = particles.tilt_series_names.iter();
        let together = names.map(|name| particles.rows_of(name).len()).max();
        // The boxes of one tilt with their spectra; the image and its sorted copies.
        let cut = 10 * (large * together.unwrap_or(0) as u64 + pixels.max().unwrap_or(0) as u64);
        Cost {
            // Two sums, and beside them what goes in, or one solution.
            memory: PROCESS_MEMORY + 16 * padded + cut.max(12 * padded),
            disk: (1 << 17) + 12 * n.pow(3),
            cpu_seconds: 0.4 + views * large as f64 * 6e-8 + padded as f64 * 2e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (series, mut particles) =
            load_particles(inputs.tilt_series.as_ref(), &inputs.particles, context)?;
        if particles.halves.is_empty() {
            particles.halves = draw_halves(particles.len(), params.seed);
        }
        let [map, half_1, half_2] = match volumes(&particles) {
            Some(images) => average_volumes(params, &particles, images, context)?,
            None => average_views(params, &series, &particles, context)?,
        };
        let picture = pictures::map_of_share(&map, 0.06).to_png();
        let mut drawn = vec![context.store::<PictureKind>("map", &picture)?];
        drawn.extend(cones_by_class(&particles, context)?);
        Ok(Outputs {
            map: Output::of(vec![context.store::<MapKind>("map", &map)?]),
            half_map_1: Output::of(vec![context.store::<MapKind>("half_map_1", &half_1)?]),
            half_map_2: Output::of(vec![context.store::<MapKind>("half_map_2", &half_2)?]),
            particles: Output::of(vec![
                context.store::<ParticlesKind>("particles", &particles)?,
            ]),
            pictures: Output::of(drawn),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Particle averages were reconstructed in {} symmetry by Fourier inversion, weighted by CTF \
                 and exposure.",
                params.symmetry
            ),
            citations: vec![
                Citation::new("Bharat & Scheres 2016", "10.1038/nprot.2016.124"),
                Citation::new("Grant & Grigorieff 2015", "10.7554/eLife.06980"),
            ],
        }
    }
}

/// The stored volumes of a set of subtomograms.
fn volumes(particles: &ParticleSet) -> Option<&ParticleImages> {
    let images = particles.images.as_ref();
    images.filter(|images| images.kind == RepresentationKind::Volume)
}

/// Average and half maps of subtomograms.
fn average_volumes(
    params: &Params,
    particles: &ParticleSet,
    images: &ParticleImages,
    context: &Context,
) -> Result<[Map; 3], JobError> {
    let [mut all, mut second] = sums_at_given_poses(particles, images, params.padding, context)?;
    let rotations = symmetry(params)?.rotations();
    let solve = |sums: &ExpectedSums| {
        let solved = sums.solve(&Regulariser::none()).map_err(stopped)?;
        cube(solved, sums.box_size(), images.pixel_size)
    };
    for sums in [&mut all, &mut second] {
        sums.symmetrise(&rotations).map_err(stopped)?;
    }
    let (half_1, half_2) = (solve(&all)?, solve(&second)?);
    all.add(&second).map_err(stopped)?;
    context.metric("particles", particles.len() as f64);
    Ok([solve(&all)?, half_1, half_2])
}

/// Average and half maps of tilt images.
fn average_views(
    params: &Params,
    series: &SeriesByName,
    particles: &ParticleSet,
    context: &Context,
) -> Result<[Map; 3], JobError> {
    let mut sums = [empty(params, particles)?, empty(params, particles)?];
    let counts = accumulate(params, series, particles, &mut sums, context)?;
    for (row, &views) in counts.iter().enumerate() {
        if views == 0 {
            context.reject(&particles.names[row], "no tilt image shows it whole");
        }
    }
    let [mut all, second] = sums;
    let options = SolveOptions {
        normalisation: params.normalisation,
        symmetry: operators(params)?,
    };
    let voxel_size = voxel_size(series, particles)?;
    let solve = |sums: &PartialSums| {
        let solved = sums.solve(&options).map_err(stopped)?;
        cube(solved, sums.box_size(), voxel_size)
    };
    let (half_1, half_2) = (solve(&all)?, solve(&second)?);
    all.add(&second).map_err(stopped)?;
    context.metric("views", all.views() as f64);
    Ok([solve(&all)?, half_1, half_2])
}

/// Edge of the box: that of the stacks when the particles have them.
fn box_size(params: &Params, particles: &ParticleSet) -> usize {
    particles
        .images
        .as_ref()
        .map_or(params.box_size, |images| images.box_size)
}

fn empty(params: &Params, particles: &ParticleSet) -> Result<PartialSums, JobError> {
    PartialSums::new(box_size(params, particles), params.padding).map_err(stopped)
}

/// Adds every view to the sums of its half; returns the number of views of each particle.
fn accumulate(
    params: &Params,
    series: &SeriesByName,
    particles: &ParticleSet,
    sums: &mut [PartialSums; 2],
    context: &Context,
) -> Result<Vec<u32>, JobError> {
    let settings = ViewSettings {
        box_size: params.box_size,
        ctf: params.ctf,
        exposure: params.exposure,
        maximum_dose: params.maximum_dose,
        recover_delocalised: params.recover_delocalised,
    };
    let mut counts = vec![0; particles.len()];
    let total = particles
        .tilt_series_names
        .iter()
        .filter_map(|n| series.get(n))
        .map(|s| s.images.len())
        .sum::<usize>();
    let mut done = 0u64;
    for name in &particles.tilt_series_names {
        let one = series
            .get(name)
            .ok_or_else(|| JobError::data(format!("no tilt series {name}")))?;
        let rows = particles.rows_of(name);
        each_view(
            one,
            particles,
            &rows,
            &settings,
            context,
            &mut |_, views| {
                let mut halves: [Vec<ParticleView>; 2] = [Vec::new(), Vec::new()];
                for (row, view) in views {
                    counts[row] += 1;
                    halves[usize::from(particles.halves[row] == Half::Two)].push(view);
                }
                for (sum, views) in sums.iter_mut().zip(&halves) {
                    if !views.is_empty() {
                        sum.insert(views).map_err(stopped)?;
                    }
                }
                done += 1;
                context
                    .progress()
                    .advance(done.min(total as u64), total as u64);
                Ok(())
            },
        )?;
    }
    Ok(counts)
}

fn symmetry(params: &Params) -> Result<Symmetry, JobError> {
    let parsed = params.symmetry.parse::<Symmetry>();
    parsed.map_err(|e| JobError::data(e.to_string()))
}

fn operators(params: &Params) -> Result<Vec<DMat3>, JobError> {
    let rotations = symmetry(params)?.rotations();
    Ok(rotations.into_iter().map(DMat3::from_quat).collect())
}

fn cube(values: Vec<f32>, n: usize, voxel_size: PixelSize) -> Result<Map, JobError> {
    let data = ndarray::Array3::from_shape_vec((n, n, n), values)
        .map_err(|e| JobError::data(e.to_string()))?;
    Ok(Map::new(data, voxel_size))
}
