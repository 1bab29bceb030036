//! What keeps the stored boxes of particles from being read, seen in tables and headers before anything runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use thon_contract::kinds::ParticlesKind;
use thon_contract::{Artifact, Context, Finding, JobError};
use thon_images::mrc::Mrc;
use thon_model::{ParticleImages, ParticleSet, RepresentationKind};

/// Files whose faults are told one by one.
const FEW: usize = 3;
/// Bytes of boxes that are looked through for values that are no numbers before a job starts.
const LOOKED_THROUGH: u64 = 64 << 20;

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

/// The first few files that are absent, of another size, without the section that is wanted, or with values that are no
/// numbers.
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
    let faults: Vec<Finding> = faults.take(FEW).collect();
    if faults.is_empty() {
        return value_faults(images, context).take(FEW).collect();
    }
    faults
}

/// Files, of the first that are looked through, with values that are infinite or not a number.
fn value_faults(images: &ParticleImages, context: &Context) -> impl Iterator<Item = Finding> {
    let files: BTreeSet<&PathBuf> = images.paths.iter().collect();
    let mut left = LOOKED_THROUGH;
    files
        .into_iter()
        .map_while(move |file| {
            let path = context.resolve(file);
            left = left.checked_sub(std::fs::metadata(&path).map_or(0, |m| m.len()))?;
            Some(
                value_fault(&path)
                    .err()
                    .map(|e| Finding::error("particles", e.to_string())),
            )
        })
        .flatten()
}

fn value_fault(path: &Path) -> Result<(), JobError> {
    let values = Mrc::open(path).and_then(|file| file.read_all());
    let values = values.map_err(|e| JobError::file(path, e))?;
    match values.iter().filter(|v| !v.is_finite()).count() {
        0 => Ok(()),
        bad => Err(JobError::file(
            path,
            format!("{bad} values are infinite or not a number"),
        )),
    }
}
