//! What a refinement or classification left, gathered into RELION's files.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use thon_contract::kinds::{Column, Curves, CurvesKind, MapKind, ParticlesKind, TiltSeriesKind};
use thon_contract::{Artifact, Context, ItemRecord, JobError, Kind};
use thon_images::mrc::write_volume;
use thon_interop::relion::{NoiseGroup, RefinedClass, RefinedMap, Refinement, write_refinement};
use thon_interop::{LossKind, Losses};
use thon_model::{Map, ParticleSet, RepresentationKind, TiltSeries};
use thon_signal::fft::Fft3;
use thon_signal::shells::shell_power;
use thon_units::Angstrom;

use super::relion_refinement::Params;
use super::source_paths::particles_relative_to_relion;
use crate::import::given_files::stopped;

/// Columns of an FSC, the first that is there.
const CORRELATIONS: [&str; 3] = ["half maps", "unmasked", "fsc"];

/// What is exported.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles with their poses, half sets and classes.
    pub(super) particles: Artifact<ParticlesKind>,
    /// The tilt series of particles that have no boxes on disk.
    pub(super) tilt_series: Option<Artifact<TiltSeriesKind>>,
    /// The map; one per class, in their order.
    pub(super) map: Artifact<MapKind>,
    /// Unfiltered first half map; one per class.
    pub(super) half_map_1: Option<Artifact<MapKind>>,
    /// Unfiltered second half map; one per class.
    pub(super) half_map_2: Option<Artifact<MapKind>>,
    /// Correlation of the half maps by shell; one per class.
    pub(super) fsc: Option<Artifact<CurvesKind>>,
    /// Power of the noise per voxel by shell, one column per tilt series or one for all.
    pub(super) noise: Option<Artifact<CurvesKind>>,
}

/// Everything read and put together.
pub(super) struct Gathered {
    pub(super) particles: ParticleSet,
    pub(super) series: Vec<TiltSeries>,
    pub(super) refinement: Refinement,
    /// The RELION project that the particles come from.
    pub(super) project: Option<PathBuf>,
    /// Map files to be copied, with what they are.
    pub(super) maps: Vec<(PathBuf, usize, RefinedMap)>,
    /// The class of particles that show nothing, which has no map: RELION wants one, of nothing.
    pub(super) without_map: Option<usize>,
    pub(super) losses: Losses,
}

/// Reads the artifacts.
pub(super) fn gather(
    inputs: &Inputs,
    params: &Params,
    context: &Context,
) -> Result<Gathered, JobError> {
    let mut particles = context.load(inputs.particles.single()?)?;
    let series = loaded(inputs.tilt_series.as_ref(), context)?;
    let project = particles_relative_to_relion(&mut particles, context);
    let maps = inputs.map.items();
    let mut losses = Losses::new("a RELION refinement");
    let first = match maps.first() {
        Some(item) => context.load(item)?,
        None => return Err(JobError::data("expected at least one map, found none")),
    };
    let [box_size, y, x] = first.dims();
    if y != box_size || x != box_size {
        let message = format!("expected a cube, found {x} × {y} × {box_size} voxels");
        return Err(JobError::data(message));
    }
    let curves: Vec<Curves> = loaded(inputs.fsc.as_ref(), context)?;
    let mut classes = Vec::new();
    for (index, item) in maps.iter().enumerate() {
        thon_compute::check(context.progress())?;
        let map = context.load(item)?;
        if map.dims() != first.dims() {
            let message = format!("{}: expected the box of {}", item.name(), maps[0].name());
            return Err(JobError::data(message));
        }
        classes.push(class_of(&particles, index, &map, curves.get(index))?);
    }
    let without_map = (largest_class(&particles) == classes.len() + 1).then_some(classes.len());
    if let Some(index) = without_map {
        classes.push(class_of_nothing(&particles, index, &first)?);
    }
    let groups = match &inputs.noise {
        Some(noise) => groups(&context.load(noise.single()?)?, &particles, box_size)?,
        None => Vec::new(),
    };
    if groups.is_empty() {
        let why =
            "none are given: RELION cannot go on from here, only start from these poses and map";
        losses.add(LossKind::Noise, 1, why);
    }
    let halves = [&inputs.half_map_1, &inputs.half_map_2];
    let files = files_of(inputs, params, &halves, maps.len())?;
    let name = params.iteration.map_or("run".to_owned(), |iteration| {
        format!("run_it{iteration:03}")
    });
    let box_edge = box_size as f64 * first.voxel_size.0;
    Ok(Gathered {
        refinement: Refinement {
            dimensions: 3,
            ctf: has_ctf(&particles),
            name,
            folder: params.folder.clone().into(),
            iteration: params.iteration.unwrap_or(0),
            converged: params.iteration.is_none(),
            box_size,
            voxel_size: first.voxel_size,
            symmetry: params.symmetry.clone(),
            diameter: params.diameter.unwrap_or(Angstrom(0.9 * box_edge)),
            regularisation: params.regularisation,
            offset_sigma: params.offset_sigma,
            halves: params.iteration.is_some() && halves.iter().all(|half| half.is_some()),
            classes,
            groups,
        },
        particles,
        series,
        project,
        maps: files,
        without_map,
        losses,
    })
}

/// All items of a slot, none of an empty one.
fn loaded<K: Kind>(
    slot: Option<&Artifact<K>>,
    context: &Context,
) -> Result<Vec<K::Value>, JobError> {
    let items = slot.iter().flat_map(|slot| slot.items());
    items.map(|item| context.load(item)).collect()
}

/// The class of particles that show nothing, its map as large as `like`.
fn class_of_nothing(
    particles: &ParticleSet,
    index: usize,
    like: &Map,
) -> Result<RefinedClass, JobError> {
    let nothing = Map::new(like.data.mapv(|_| 0.0), like.voxel_size);
    class_of(particles, index, &nothing, None)
}

/// The largest number of a class.
fn largest_class(particles: &ParticleSet) -> usize {
    let classes = particles.classes.iter().copied();
    classes.max().map_or(0, |class| class as usize)
}

/// Writes tables and maps into `folder` of the unit.
pub(super) fn write(
    gathered: &Gathered,
    folder: &Path,
    context: &Context,
) -> Result<Losses, JobError> {
    let Gathered {
        particles,
        refinement,
        series,
        ..
    } = gathered;
    for (from, class, map) in &gathered.maps {
        thon_compute::check(context.progress())?;
        let to = context.file(folder.join(refinement.map_file(*class, *map)))?;
        let from = context.resolve(from);
        std::fs::copy(&from, &to).map_err(|e| JobError::file(&from, e))?;
    }
    if let Some(class) = gathered.without_map {
        let to = context.file(folder.join(refinement.map_file(class, RefinedMap::Whole)))?;
        let n = refinement.box_size;
        let voxel_size = Some(refinement.voxel_size.0);
        write_volume(&to, &vec![0.0; n * n * n], [n; 3], voxel_size)
            .map_err(|e| JobError::file(&to, e))?;
    }
    let table = context.file(folder.join("run_data.star"))?;
    let place = table.parent().unwrap_or(folder);
    let mut losses = gathered.losses.clone();
    losses.extend(write_refinement(refinement, particles, series, place).map_err(stopped)?);
    Ok(losses)
}

/// Which file becomes which map.
fn files_of(
    inputs: &Inputs,
    params: &Params,
    halves: &[&Option<Artifact<MapKind>>; 2],
    classes: usize,
) -> Result<Vec<(PathBuf, usize, RefinedMap)>, JobError> {
    let main = |record: &ItemRecord| {
        let file = record.files.first().cloned();
        file.ok_or_else(|| JobError::data(format!("{} has no file", record.name)))
    };
    let mut files = Vec::new();
    for (class, item) in inputs.map.items().iter().enumerate() {
        files.push((main(&item.record)?, class, RefinedMap::Whole));
    }
    for (half, slot) in [1, 2].into_iter().zip(halves) {
        let Some(slot) = slot else { continue };
        if slot.items().len() != classes {
            let found = slot.items().len();
            return Err(JobError::data(format!(
                "half_map_{half}: expected one map for each of {classes} classes, found {found}"
            )));
        }
        for (class, item) in slot.items().iter().enumerate() {
            files.push((main(&item.record)?, class, RefinedMap::Unfiltered(half)));
            if params.iteration.is_some() {
                files.push((main(&item.record)?, class, RefinedMap::Half(half)));
            }
        }
    }
    Ok(files)
}

fn class_of(
    particles: &ParticleSet,
    index: usize,
    map: &Map,
    curves: Option<&Curves>,
) -> Result<RefinedClass, JobError> {
    let number = index as u32 + 1;
    let members = particles.classes.iter().filter(|class| **class == number);
    let share = match particles.classes.len() {
        0 => 1.0,
        all => members.count() as f64 / all as f64,
    };
    let fsc = curves.map(correlation).transpose()?.unwrap_or_default();
    let resolution = curves.and_then(|curves| curves.facts.get("resolution (Å)").copied());
    let coefficients = map.data.len() as f64;
    let spectrum = Fft3::plan(map.dims()).forward(&map.data);
    let power = shell_power(&spectrum, map.dims()).mean();
    let scale = 0.5 / (coefficients * coefficients);
    Ok(RefinedClass {
        share,
        resolution: resolution.map(Angstrom),
        fsc,
        power: power.iter().map(|value| value * scale).collect(),
        signal_to_noise: Vec::new(),
    })
}

/// The correlation of half maps by shell.
fn correlation(curves: &Curves) -> Result<Vec<f64>, JobError> {
    let found = CORRELATIONS.iter().find_map(|label| {
        let mut columns = curves.columns.iter();
        columns.find(|column| column.label == *label)
    });
    let column = found.ok_or_else(|| {
        JobError::data(format!(
            "{}: expected a column named {}",
            curves.title,
            CORRELATIONS.join(" or ")
        ))
    })?;
    Ok(values(column))
}

pub(super) fn values(column: &Column) -> Vec<f64> {
    column.values.iter().map(|v| v.unwrap_or(0.0)).collect()
}

/// Whether something says what contrast transfer stored particles were seen through; virtual ones have that of their images.
pub(super) fn has_ctf(particles: &ParticleSet) -> bool {
    let stored = particles.images.as_ref();
    stored.is_none_or(|images| match images.kind {
        RepresentationKind::Volume => !images.ctf_paths.is_empty(),
        RepresentationKind::Projection => !images.ctfs.is_empty(),
        RepresentationKind::TiltStack => true,
    })
}

/// Noise of each tilt series that has particles: its own column, or the only one.
pub(super) fn groups(
    noise: &Curves,
    particles: &ParticleSet,
    box_size: usize,
) -> Result<Vec<NoiseGroup>, JobError> {
    let columns = noise.columns.get(1..).unwrap_or_default();
    let stored = particles.images.as_ref();
    let volumes = stored.is_some_and(|images| images.kind == RepresentationKind::Volume);
    // Power of one of the two parts of a coefficient, of transforms divided by the number of voxels or pixels.
    let scale = 0.5 / (box_size as f64).powi(if volumes { 3 } else { 2 });
    let group = |name: &String| {
        let own = columns.iter().find(|column| column.label == *name);
        let column = match (own, columns) {
            (Some(own), _) => own,
            (None, [only]) => only,
            (None, _) => {
                return Err(JobError::data(format!(
                    "{}: no noise of {name}",
                    noise.title
                )));
            }
        };
        Ok(NoiseGroup {
            name: name.clone(),
            particles: particles.rows_of(name).len(),
            scale: noise
                .facts
                .get(&format!("scale of {name}"))
                .copied()
                .unwrap_or(1.0),
            power: values(column).iter().map(|value| value * scale).collect(),
        })
    };
    let seen = |name: &&String| !particles.rows_of(name).is_empty();
    particles
        .tilt_series_names
        .iter()
        .filter(seen)
        .map(group)
        .collect()
}
