//! Volume files as rows for kernels that stream, and what is wrong with a tomogram's file.

use std::ops::Range;

use thon_contract::{Context, Finding, JobError, PROCESS_MEMORY};
use thon_denoise::{DenoiseError, RowSink, RowSource, SourceError};
use thon_images::mrc::Mrc;
use thon_model::Tomogram;

use super::volume::FileSink;

/// A volume file, read by position.
pub(crate) struct VolumeRows {
    file: Mrc<'static>,
}

impl VolumeRows {
    pub(crate) fn open(path: &std::path::Path, context: &Context) -> Result<Self, JobError> {
        let path = context.resolve(path);
        Mrc::open(&path)
            .map(|file| Self { file })
            .map_err(|e| JobError::file(&path, e))
    }
}

impl RowSource for VolumeRows {
    fn dims(&self) -> [usize; 3] {
        self.file.shape()
    }

    fn read_rows(&self, rows: Range<usize>, out: &mut [f32]) -> Result<(), SourceError> {
        self.read_block(rows, 0..self.file.shape()[2], out)
    }

    fn read_block(
        &self,
        rows: Range<usize>,
        columns: Range<usize>,
        out: &mut [f32],
    ) -> Result<(), SourceError> {
        let [height, width] = [rows.len(), columns.len()];
        for (z, out) in out.chunks_mut(height * width).enumerate() {
            let window = self
                .file
                .read_window(z, rows.start, columns.start, height, width)?;
            out.copy_from_slice(&window);
        }
        Ok(())
    }
}

impl RowSink for FileSink {
    fn write_rows(&mut self, first_row: usize, voxels: &[f32]) -> Result<(), SourceError> {
        FileSink::write_rows(self, first_row, voxels)
    }
}

/// What is wrong with the volumes of a tomogram: files that are absent, cut short, or of another size than the grid.
pub(crate) fn volume_findings(
    tomogram: &Tomogram,
    halves: bool,
    context: &Context,
) -> Vec<Finding> {
    let mut paths = vec![&tomogram.path];
    if halves {
        let Some(halves) = &tomogram.halves else {
            return vec![
                Finding::error(&tomogram.name, "the tomogram has no halves")
                    .with_hint("reconstruct it with halves of frames or tilts"),
            ];
        };
        paths = halves.iter().collect();
    }
    let mut findings = Vec::new();
    for path in paths {
        let path = context.resolve(path);
        match Mrc::open(&path) {
            Err(e) => findings.push(Finding::error(
                &tomogram.name,
                format!("{}: {e}", path.display()),
            )),
            Ok(file) if file.shape() != tomogram.grid.dims => {
                let message = format!(
                    "{}: expected {:?} voxels (z, y, x), found {:?}",
                    path.display(),
                    tomogram.grid.dims,
                    file.shape()
                );
                findings.push(Finding::error(&tomogram.name, message));
            }
            Ok(_) => {}
        }
    }
    findings
}

/// The job error that a kernel error amounts to.
pub(crate) fn stopped(error: DenoiseError) -> JobError {
    match error {
        DenoiseError::Cancelled(_) => JobError::Cancelled,
        DenoiseError::Read { source, .. } | DenoiseError::Write { source, .. } => {
            JobError::data(source.to_string())
        }
        other => JobError::data(other.to_string()),
    }
}

/// Pages of files that are read and written count little; buffers of MiB `memory` and a base.
pub(crate) fn memory_of(working: usize) -> u64 {
    PROCESS_MEMORY + (4 << 20) + working as u64
}
