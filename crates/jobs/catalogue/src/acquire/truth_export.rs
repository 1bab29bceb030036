//! The truth of a simulation as RELION 5 files, for programs beside which ours are tested.

use std::path::{Path, PathBuf};

use thon_contract::kinds::FileListing;
use thon_contract::{Context, JobError};
use thon_interop::relion::{
    Generation, ParticleExport, TiltSeriesExport, write_particles, write_tilt_series,
};
use thon_model::{ParticleSet, TiltSeries};

/// The truth as RELION 5 files, beside the stacks.
pub(super) fn relion_files(
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
