//! Tables of RELION that fill slots of jobs as they lie on disk, without an import.
//!
//! Same readers as the import jobs. Particles in boxes on disk need no tomogram: a place in a tomogram of unknown size
//! is measured from its first voxel, a pose in its box is what it is.

use std::path::{Path, PathBuf};

use serde::Serialize;
use thon_contract::kinds::{ParticlesKind, TiltSeriesKind};
use thon_contract::{Context, ForeignItem, ForeignReader, ForeignValue, JobError, Kind};
use thon_interop::Imported;
use thon_model::{ParticleSet, RepresentationKind, TiltSeries};

use super::given_files::{particles_as_given, remarks};
use super::tilt_series_set::item_name;
use super::{relion_particles, relion_tilt_series};

/// Raised when the same table is read into something else.
const VERSION: u32 = 1;

/// Particles of RELION 3.0 to 5, or an optimisation set.
pub(crate) const PARTICLES: ForeignReader = ForeignReader {
    kind: ParticlesKind::NAME,
    extensions: &["star"],
    items: particle_items,
    read: read_particles,
};

/// Tilt series of RELION 4 and 5, or an optimisation set.
pub(crate) const TILT_SERIES: ForeignReader = ForeignReader {
    kind: TiltSeriesKind::NAME,
    extensions: &["star"],
    items: tilt_series_items,
    read: read_tilt_series,
};

fn particles(file: &Path, context: &Context) -> Result<Imported<ParticleSet>, JobError> {
    let read = |allow_unknown_tomograms| {
        let params = relion_particles::Params {
            file: file.to_owned(),
            project: None,
            allow_unknown_tomograms,
        };
        relion_particles::read_alone(&params, context)
    };
    let mut imported = read(true)?;
    let images = imported.value.images.as_ref();
    if images.is_none_or(|images| images.kind == RepresentationKind::TiltStack) {
        // Images are cut from, or projected at, places in the specimen: these must be right.
        imported = read(false)?;
    }
    particles_as_given(&mut imported.value, file, context);
    Ok(imported)
}

fn particle_items(file: &Path, context: &Context) -> Result<Vec<ForeignItem>, JobError> {
    let set = particles(file, context)?.value;
    let images = set.images.iter();
    let files = images.flat_map(|images| images.paths.iter().chain(&images.ctf_paths));
    let mut files: Vec<PathBuf> = files.cloned().collect();
    files.sort();
    files.dedup();
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    Ok(vec![ForeignItem {
        name: item_name(&name),
        digest: digest(&set)?,
        files,
    }])
}

fn read_particles(file: &Path, _: &str, context: &Context) -> Result<ForeignValue, JobError> {
    let imported = particles(file, context)?;
    Ok(ForeignValue {
        remarks: remarks(&imported, context),
        value: Box::new(imported.value),
    })
}

fn tilt_series(file: &Path, context: &Context) -> Result<Imported<Vec<TiltSeries>>, JobError> {
    let params = relion_tilt_series::Params {
        file: file.to_owned(),
        ..relion_tilt_series::Params::default()
    };
    relion_tilt_series::read(&params, context)
}

fn tilt_series_items(file: &Path, context: &Context) -> Result<Vec<ForeignItem>, JobError> {
    let item = |series: TiltSeries| {
        let images = series
            .images
            .iter()
            .filter_map(|image| image.image.as_ref());
        let mut files: Vec<PathBuf> = images.map(|image| image.path.clone()).collect();
        files.sort();
        files.dedup();
        Ok(ForeignItem {
            name: item_name(&series.name),
            digest: digest(&series)?,
            files,
        })
    };
    tilt_series(file, context)?
        .value
        .into_iter()
        .map(item)
        .collect()
}

fn read_tilt_series(file: &Path, name: &str, context: &Context) -> Result<ForeignValue, JobError> {
    let imported = tilt_series(file, context)?;
    let remarks = remarks(&imported, context);
    let mut all = imported.value.into_iter();
    let found = all.find(|series| item_name(&series.name) == name);
    let series = found.ok_or_else(|| JobError::file(file, format!("no tilt series {name}")))?;
    Ok(ForeignValue {
        value: Box::new(series),
        remarks,
    })
}

/// BLAKE3 of all that was read.
fn digest(value: &impl Serialize) -> Result<String, JobError> {
    let text = serde_json::to_vec(&(VERSION, value)).map_err(|e| JobError::data(e.to_string()))?;
    Ok(blake3::hash(&text).to_hex().to_string())
}
