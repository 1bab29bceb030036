//! What keeps the stored boxes of particles from being read, seen in tables and headers before anything runs.

use std::path::Path;

use thon_contract::kinds::ParticlesKind;
use thon_contract::{Artifact, Context, Finding, JobError};
use thon_images::mrc::Mrc;
use thon_model::{ParticleImages, ParticleSet, RepresentationKind};

/// Files whose faults are told one by one.
const FEW: usize = 3;

/// Loads the one particle set of an input.
pub(super) fn load(
    particles: &Artifact<ParticlesKind>,
    context: &Context,
) -> Result<ParticleSet, JobError> {
    context.load(particles.single()?)
}

/// The stored boxes of a set.
pub(super) fn boxes(particles: &ParticleSet) -> Result<&ParticleImages, JobError> {
    particles.images.as_ref().ok_or_else(|| JobError::Data {
        message: "the particles have no images on disk".into(),
        hint: "write subtomograms or projections of them first".into(),
    })
}

/// The first few files that are absent, of another size, or without the section that is wanted.
pub(super) fn findings(images: &ParticleImages, context: &Context) -> Vec<Finding> {
    let n = images.box_size;
    let fault = |row: usize, path: &Path| {
        let shape = match Mrc::read_header(context.resolve(path)) {
            Err(e) => return Some(Finding::error("particles", e.to_string())),
            Ok(header) => header.shape(),
        };
        let [nz, ny, nx] = shape;
        let section = images.sections.get(row).map_or(0, |s| *s as usize);
        let fits = match images.kind {
            RepresentationKind::Volume => shape == [n; 3],
            RepresentationKind::Projection => ny == n && nx == n && nz > section,
            RepresentationKind::TiltStack => ny == n && nx == n,
        };
        let message = format!(
            "{}: expected boxes of {n} pixels{}, found {nx} × {ny} × {nz}",
            path.display(),
            if section > 0 {
                format!(" and section {}", section + 1)
            } else {
                String::new()
            }
        );
        (!fits).then(|| Finding::error("particles", message))
    };
    let faults = images
        .paths
        .iter()
        .enumerate()
        .filter_map(|(row, path)| fault(row, path));
    faults.take(FEW).collect()
}
