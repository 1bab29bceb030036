//! Simulated tilt series with their truth: the microscope of all tests and of the demo.
//!
//! Kernel: `thon_simulate`. Writes what a microscope leaves (stack, mdoc, movies when there are
//! frames) and, apart from it, the truth: geometry, CTF, poses, the phantom as a map, and the FSC
//! with it that an ideal average could reach. The truth is written for RELION too.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{
    Column, Curves, CurvesKind, FileListing, FilesKind, MapKind, ParticlesKind, PictureKind,
    TiltSeriesKind,
};
use thon_contract::{
    Citation, Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output,
};
use thon_images::mrc::{MrcMode, MrcSpec, MrcWriter};
use thon_interop::relion::{
    Generation, ParticleExport, TiltSeriesExport, write_particles, write_tilt_series,
};
use thon_model::{ImageReference, Movie, ParticleSet, TiltSeries};
use thon_simulate::{Phantom, ResolutionBound, SimulateError, Simulation, SimulationOptions};
use thon_units::Angstrom;

use super::mdoc_file::mdoc_text;
use crate::pictures;

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
            cpu_seconds: images * (pixels * 4e-7 + params.options.particles as f64 * 4e-3),
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

/// Records one series: stack, mdoc, movies; gives the true series with its files.
fn record(
    simulation: &Simulation,
    listing: &mut FileListing,
    drawn: &mut Vec<thon_contract::ItemRecord>,
    context: &Context,
) -> Result<TiltSeries, JobError> {
    let mut series = simulation.tilt_series.clone();
    let stack = format!("{}.mrc", series.name);
    let path = context.file(&stack)?;
    let [ny, nx] = series.image_size;
    let spec = MrcSpec::stack([series.images.len(), ny, nx], Some(series.pixel_size.0));
    let mut writer = MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
    let untilted = (0..series.images.len())
        .min_by(|&a, &b| {
            let tilt = |i: usize| series.images[i].nominal_tilt_angle.0.abs();
            tilt(a).total_cmp(&tilt(b))
        })
        .unwrap_or(0);
    let mut movies = Vec::new();
    simulation.record_each(
        context.progress(),
        |tilt, recording| -> Result<(), JobError> {
            if simulation.options.frames > 1 {
                movies.push(write_movie(&series, tilt, &recording.frames, context)?);
            }
            let sum = recording.sum();
            let data = sum
                .as_slice()
                .ok_or_else(|| JobError::data("an image is not contiguous"))?;
            writer
                .write_section(data)
                .map_err(|e| JobError::file(&path, e))?;
            if tilt == untilted {
                drawn.push(
                    context.store::<PictureKind>(
                        &series.name,
                        &pictures::image(&sum.view()).to_png(),
                    )?,
                );
            }
            Ok(())
        },
    )?;
    writer.finish().map_err(|e| JobError::file(&path, e))?;
    let mdoc = format!("{stack}.mdoc");
    let mdoc_path = context.file(&mdoc)?;
    std::fs::write(&mdoc_path, mdoc_text(simulation, &stack, &movies))
        .map_err(|e| JobError::file(&mdoc_path, e))?;
    for (section, image) in series.images.iter_mut().enumerate() {
        image.image = Some(ImageReference {
            path: context.published(&stack),
            section,
        });
        image.movie = movies.get(section).map(|movie| Movie {
            path: context.published(Path::new("frames").join(movie)),
            frames: Some(simulation.options.frames),
        });
    }
    listing
        .files
        .extend([PathBuf::from(&stack), PathBuf::from(&mdoc)]);
    listing
        .files
        .extend(movies.iter().map(|movie| Path::new("frames").join(movie)));
    Ok(series)
}

/// Writes the frames of one tilt as counts; returns the file's name in `frames/`.
fn write_movie(
    series: &TiltSeries,
    tilt: usize,
    frames: &[ndarray::Array2<f32>],
    context: &Context,
) -> Result<String, JobError> {
    let angle = series.images[tilt].nominal_tilt_angle.degrees().0;
    let rank = series.images[tilt].acquisition_index.unwrap_or(tilt);
    let name = format!("{}_{rank:03}_{angle:.1}.mrc", series.name);
    let path = context.file(Path::new("frames").join(&name))?;
    let [ny, nx] = series.image_size;
    let spec = MrcSpec::stack([frames.len(), ny, nx], Some(series.pixel_size.0))
        .with_mode(MrcMode::Uint16);
    let mut writer = MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
    for frame in frames {
        let data = frame
            .as_slice()
            .ok_or_else(|| JobError::data("a frame is not contiguous"))?;
        writer
            .write_section(data)
            .map_err(|e| JobError::file(&path, e))?;
    }
    writer.finish().map_err(|e| JobError::file(&path, e))?;
    Ok(name)
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

/// The truth as RELION 5 files, beside the stacks.
fn relion_files(
    series: &[TiltSeries],
    particles: &ParticleSet,
    context: &Context,
) -> Result<FileListing, JobError> {
    let root = context
        .file("truth.star")?
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default();
    // Beside the files themselves, images are known by their bare names.
    let mut series = series.to_vec();
    for image in series.iter_mut().flat_map(|s| &mut s.images) {
        if let Some(reference) = &mut image.image {
            reference.path = reference
                .path
                .file_name()
                .map(PathBuf::from)
                .unwrap_or_default();
        }
    }
    let tilt_series = TiltSeriesExport {
        root: root.clone(),
        file: "truth_tilt_series.star".into(),
        generation: Generation::Five,
        source_root: None,
    };
    let mut losses =
        write_tilt_series(&series, &tilt_series).map_err(|e| JobError::data(e.to_string()))?;
    let export = ParticleExport {
        root,
        file: "truth_particles.star".into(),
        source_root: None,
    };
    losses.extend(
        write_particles(particles, &series, &export).map_err(|e| JobError::data(e.to_string()))?,
    );
    let per_series = series
        .iter()
        .map(|s| Path::new("tilt_series").join(format!("{}.star", s.name)));
    Ok(FileListing {
        format: "relion-5".into(),
        files: [tilt_series.file, export.file]
            .into_iter()
            .chain(per_series)
            .collect(),
        losses: if losses.is_empty() {
            vec![]
        } else {
            vec![losses.to_string()]
        },
    })
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
