//! Where the files of a particle are written, and the sets that name them.

use std::path::PathBuf;

use thon_contract::kinds::{FileListing, FilesKind};
use thon_contract::{Context, ItemRecord, JobError};
use thon_images::mrc::write_volume;
use thon_model::ParticleSet;

/// Files of one unit, in the order they were written.
#[derive(Default)]
pub(super) struct Written {
    files: Vec<PathBuf>,
}

impl Written {
    /// Writes a volume `[z, y, x]` and returns where it will lie once published.
    pub(super) fn volume(
        &mut self,
        file: PathBuf,
        values: &[f32],
        shape: [usize; 3],
        voxel_size: f64,
        context: &Context,
    ) -> Result<PathBuf, JobError> {
        let path = context.file(&file)?;
        write_volume(&path, values, shape, Some(voxel_size))
            .map_err(|e| JobError::file(&path, e))?;
        let published = context.published(&file);
        self.files.push(file);
        Ok(published)
    }

    /// The listing of all files.
    pub(super) fn listing(self, format: &str, context: &Context) -> Result<ItemRecord, JobError> {
        let listing = FileListing {
            format: format.into(),
            files: self.files,
            losses: Vec::new(),
        };
        context.store::<FilesKind>("files", &listing)
    }
}

/// `SERIES/000012_KIND.mrc` for row 11: one folder per tilt series, as in the 2016 protocol.
pub(super) fn file(set: &ParticleSet, row: usize, kind: &str) -> PathBuf {
    let series = &set.tilt_series_names[set.tilt_series[row] as usize];
    let plain: String = series
        .chars()
        .map(|c| {
            if c.is_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let folder = plain.trim_matches('.');
    PathBuf::from(format!("{folder}/{:06}_{kind}.mrc", row + 1))
}
