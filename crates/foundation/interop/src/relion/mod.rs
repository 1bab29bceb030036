//! RELION: the layout of 2016, particles of 3.0 to 5, tilt series and projects of 4 and 5, both ways.
//!
//! Everything a STAR file says is carried along, token by token. On export a row whose meaning in the model is
//! unchanged is written back verbatim; only the columns of what changed are rewritten. Columns keep their order.
//!
//! Conventions: image index p = P·(x, y, z, 1) with x the voxel index of the bin-1 volume (first voxel 0);
//! P = T(⌊n_img/2⌋ + shift) · Rz(ZRot) · Ry(YTilt) · Rx(XTilt) · T(−⌊n_vol/2⌋). That is the model's chain, so the
//! five columns map one to one. Defocus of a point: d + hand · Å · (z'(p) − z'(n_vol/2)), z' the third row of P.

mod global_row;
mod layout_2016;
mod optimisation_set;
mod particle_export;
mod particle_grids;
mod particle_image_export;
mod particle_images;
mod particle_import;
mod particle_labels;
mod particle_optics_export;
mod particle_rows;
mod pipeline;
mod post_process;
mod projections;
mod refinement;
mod series_context;
mod tilt_image;
mod tilt_image_export;
mod tilt_order_2016;
mod tilt_series_export;
mod tilt_series_import;
mod tomograms;

pub use layout_2016::{DataSet2016, Layout2016Options, read_layout_2016};
pub use optimisation_set::{OptimisationSet, read_optimisation_set, write_optimisation_set};
pub use particle_export::{ParticleExport, write_particles};
pub use particle_grids::{binned_grid, tomogram_grids};
pub use particle_import::{ParticleImport, read_particles};
pub use pipeline::{
    JobOptions, Node, Pipeline, Process, read_job_options, read_pipeline, write_job_options,
    write_pipeline,
};
pub use post_process::{
    FscShell, GuinierLine, GuinierShell, PostProcess, PostProcessFiles, particle_fsc,
    post_process_star, write_post_process,
};
pub use projections::{ProjectionOptics, ProjectionRow, write_projections};
pub use refinement::{NoiseGroup, RefinedClass, RefinedMap, Refinement, write_refinement};
pub use tilt_series_export::{TiltSeriesExport, write_tilt_series};
pub use tilt_series_import::{TiltSeriesImport, read_tilt_series};
pub use tomograms::tomograms_of;

use std::path::{Path, PathBuf};

/// Which generation of RELION's tomography files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// One file with projection matrices; particles in pixels of the bin-1 volume.
    Four,
    /// One file per tilt series with angles and shifts; particles in Å from the centre.
    Five,
}

impl Generation {
    /// Name of the source of carried columns of this generation.
    pub(crate) fn source(self) -> &'static str {
        match self {
            Self::Four => "relion-4",
            Self::Five => "relion-5",
        }
    }

    /// The generation whose columns are carried.
    pub(crate) fn of(source: &str) -> Option<Self> {
        match source {
            "relion-4" => Some(Self::Four),
            "relion-5" => Some(Self::Five),
            _ => None,
        }
    }
}

/// The folder that relative paths `tokens` of the STAR file `star` start from: the nearest folder above `star` in
/// which one of them exists; else the folder above which `star` lies where a token says (`Class3D/job017/…`); else
/// the folder of `star`.
pub(crate) fn project_root(star: &Path, tokens: &[&str]) -> PathBuf {
    let home = star.parent().unwrap_or(Path::new(""));
    let tokens: Vec<&str> = tokens
        .iter()
        .copied()
        .filter(|token| !token.is_empty())
        .collect();
    let exists = |folder: &&Path| tokens.iter().any(|token| folder.join(token).exists());
    if let Some(folder) = home.ancestors().find(exists) {
        return folder.to_owned();
    }
    let named = tokens.iter().find_map(|token| {
        let below = Path::new(token)
            .parent()
            .filter(|parent| parent.components().count() > 0)?;
        let depth = below.components().count();
        home.ends_with(below)
            .then(|| home.ancestors().nth(depth))
            .flatten()
    });
    named.unwrap_or(home).to_owned()
}
