//! `NAME_data.star`: the particles with class and group.

use std::path::{Path, PathBuf};

use thon_model::{ParticleSet, TiltSeries};

use super::Refinement;
use crate::columns::set;
use crate::relion::{ParticleExport, write_particles};
use crate::{InteropError, Losses};

/// Writes the table; unclassified particles are all of class 1.
pub(super) fn write(
    refinement: &Refinement,
    particles: &ParticleSet,
    series: &[TiltSeries],
    folder: &Path,
) -> Result<Losses, InteropError> {
    let mut particles = particles.clone();
    let count = particles.len();
    if particles.classes.is_empty() {
        particles.classes = vec![1; count];
    }
    let carried = particles.carried.source.starts_with("relion");
    if carried && !refinement.groups.is_empty() {
        for row in 0..count {
            let name = &particles.tilt_series_names[particles.tilt_series[row] as usize];
            let number = refinement
                .groups
                .iter()
                .position(|group| group.name == *name);
            if let Some(number) = number {
                let token = (number + 1).to_string();
                set(
                    &mut particles.carried,
                    count,
                    "rlnGroupNumber",
                    row,
                    token,
                    "0",
                );
            }
        }
    }
    let to = ParticleExport {
        root: folder.to_owned(),
        file: format!("{}_data.star", refinement.name).into(),
        source_root: Some(PathBuf::new()),
    };
    write_particles(&particles, series, &to)
}
