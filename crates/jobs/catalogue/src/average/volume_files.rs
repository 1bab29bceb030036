//! Subtomograms and their 3D CTF volumes where they lie on disk.

use std::path::{Path, PathBuf};

use thon_contract::{Context, JobError};
use thon_extract::{StoredParticle, VolumeReader, VolumeSource};
use thon_images::mrc::Mrc;
use thon_likelihood::SourceError;
use thon_model::{ParticleImages, ParticleSet};

/// Files of particles, read one particle at a time.
pub(super) struct VolumeFiles {
    box_size: usize,
    paths: Vec<PathBuf>,
    ctf_paths: Vec<PathBuf>,
    premultiplied: bool,
}

impl VolumeFiles {
    pub(super) fn new(images: &ParticleImages, context: &Context) -> Self {
        let resolved = |paths: &[PathBuf]| paths.iter().map(|path| context.resolve(path)).collect();
        Self {
            box_size: images.box_size,
            paths: resolved(&images.paths),
            ctf_paths: resolved(&images.ctf_paths),
            premultiplied: images.ctf_premultiplied,
        }
    }
}

/// The subtomograms of a set as a source, noise groups by tilt series.
pub(super) fn source(
    set: &ParticleSet,
    images: &ParticleImages,
    context: &Context,
) -> Result<VolumeSource<VolumeFiles>, JobError> {
    let groups = super::placements::groups(set);
    let files = VolumeFiles::new(images, context);
    VolumeSource::new(files, images.box_size, images.pixel_size.0, groups)
        .map_err(|e| JobError::data(e.to_string()))
}

impl VolumeReader for VolumeFiles {
    fn count(&self) -> usize {
        self.paths.len()
    }

    fn read(&self, index: usize) -> Result<StoredParticle, SourceError> {
        let mut stored = StoredParticle::default();
        self.read_into(index, &mut stored)?;
        Ok(stored)
    }

    fn read_into(&self, index: usize, into: &mut StoredParticle) -> Result<(), SourceError> {
        let shape = read_volume_into(&self.paths[index], &mut into.volume)?;
        if shape != [self.box_size; 3] {
            let n = self.box_size;
            let [z, y, x] = shape;
            let path = self.paths[index].display();
            return Err(
                format!("{path}: expected {n} × {n} × {n} voxels, found {x} × {y} × {z}").into(),
            );
        }
        into.premultiplied = self.premultiplied;
        let before = into.transfer.take();
        if let Some(path) = self.ctf_paths.get(index) {
            let (mut values, _) = before.unwrap_or_default();
            let shape = read_volume_into(path, &mut values)?;
            into.transfer = Some((values, shape));
        }
        Ok(())
    }

    fn place(&self, index: usize) -> String {
        match self.ctf_paths.get(index) {
            Some(ctf) => format!("{} (3D CTF {})", self.paths[index].display(), ctf.display()),
            None => self.paths[index].display().to_string(),
        }
    }
}

/// A volume and its shape `[z, y, x]`; errors name the file.
pub(crate) fn read_volume(path: &Path) -> Result<(Vec<f32>, [usize; 3]), SourceError> {
    let mut values = Vec::new();
    let shape = read_volume_into(path, &mut values)?;
    Ok((values, shape))
}

/// As [`read_volume`], into memory that is there already.
fn read_volume_into(path: &Path, values: &mut Vec<f32>) -> Result<[usize; 3], SourceError> {
    let file = Mrc::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    file.read_all_into(values)
        .map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(file.shape())
}
