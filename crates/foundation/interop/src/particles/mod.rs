//! Particle files of all packages ↔ [`ParticleSet`]: one internal table of rows, one file per format.
//!
//! Every format says in its own file how places are measured (from which voxel, in what unit), which rotation its angles are, and what it
//! has room for. Everything else of a set is reported as lost, by name. Sources: `research` notes of the formats named in each file.

mod cets;
mod copick;
mod cryosparc;
mod detect;
mod dynamo;
mod eman2;
mod format;
mod imod_model;
mod motive_list;
mod peet;
mod portal;
mod pytom;
mod relion_tables;
mod rows;
mod single_particle;
mod stopgap;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thon_geometry::Grid;
use thon_model::ParticleSet;
use thon_units::PixelSize;

pub use detect::detect;
pub use format::{Holds, Measure, ParticleFormat, UnknownFormat};
pub use rows::file_name;

use crate::{Imported, InteropError, LossKind, Losses};
use rows::Rows;

/// What a particle file itself does not say: the tomograms that its places are measured in.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    /// The grid of each tomogram, by name; a name is also found by its last part, as files are called.
    pub grids: BTreeMap<String, Grid>,
    /// Voxel size of tomograms without a grid, when the file does not state it.
    pub voxel_size: Option<PixelSize>,
    /// Name of the tomogram for files that name none.
    pub tomogram: Option<String>,
    /// Index of numbered tomograms (`.doc`); one beside the file, of the same name, is found without being named.
    pub index: Option<PathBuf>,
}

impl Frames {
    /// The grid of a tomogram, if it is known.
    pub fn grid(&self, name: &str) -> Option<Grid> {
        // Warp calls a tomogram after its `.tomostar`.
        let plain = |name: &str| file_name(name).trim_end_matches(".tomostar").to_owned();
        let called = |key: &&String| plain(key) == plain(name);
        self.grids
            .get(name)
            .or_else(|| self.grids.get(self.grids.keys().find(called)?))
            .copied()
    }

    /// The grid of a tomogram, or one of unknown size whose first voxel is the origin.
    fn grid_or_first_voxel(&self, name: &str, stated: Option<f64>) -> Option<Grid> {
        let size = self.voxel_size.or(stated.map(PixelSize));
        self.grid(name)
            .or_else(|| Some(Grid::new([0, 0, 0], size?)))
    }
}

/// Files that were written, and what they could not hold.
#[derive(Clone, Debug)]
pub struct WrittenParticles {
    /// The files, in the order of the tomograms where there is one for each; companions (an index, a motive list) follow theirs.
    pub files: Vec<PathBuf>,
    /// What of the set has no place in them.
    pub losses: Losses,
}

/// Reads a particle file of any known format; `format` is found from the content when absent.
pub fn read_any(
    path: &Path,
    format: Option<ParticleFormat>,
    frames: &Frames,
) -> Result<Imported<ParticleSet>, InteropError> {
    if !path.exists() {
        return Err(InteropError::missing(path, "particles"));
    }
    let format = match format {
        Some(format) => format,
        None => detect(path)?,
    };
    let rows = match format {
        ParticleFormat::Relion3
        | ParticleFormat::Relion4
        | ParticleFormat::Relion5
        | ParticleFormat::Warp => return relion_tables::read(path, frames),
        ParticleFormat::Dynamo => dynamo::read(path, frames)?,
        ParticleFormat::MotiveList => motive_list::read(path, frames)?,
        ParticleFormat::Stopgap => stopgap::read(path, frames)?,
        ParticleFormat::Peet => peet::read(path, frames)?,
        ParticleFormat::Pytom => pytom::read(path, frames)?,
        ParticleFormat::Eman2Boxes => eman2::read_boxes(path, frames)?,
        ParticleFormat::Eman2List => eman2::read_list(path, frames)?,
        ParticleFormat::Cryosparc => cryosparc::read(path, frames)?,
        ParticleFormat::ImodModel => imod_model::read(path, frames)?,
        ParticleFormat::Portal => portal::read(path, frames)?,
        ParticleFormat::Copick => copick::read(path, frames)?,
        ParticleFormat::Cets => cets::read(path, frames)?,
        ParticleFormat::Text => text::read(path, frames)?,
    };
    rows.into_set(format, &path.display().to_string(), frames)
}

/// Reads several files of one format (one for each tomogram) into one set.
pub fn read_several(
    paths: &[PathBuf],
    format: Option<ParticleFormat>,
    frames: &Frames,
) -> Result<Imported<ParticleSet>, InteropError> {
    let mut all: Option<Imported<ParticleSet>> = None;
    for path in paths {
        let one = read_any(path, format, frames)?;
        all = Some(match all {
            None => one,
            Some(before) => rows::joined(before, one),
        });
    }
    all.ok_or_else(|| InteropError::contradiction("particles", "at least one file", "none"))
}

/// Writes a set in a format: files called after `stem` in `folder`, or one for each tomogram where the format holds one alone.
///
/// Fails where the format cannot hold the places of the particles at all; what else it cannot hold is reported.
pub fn write_any(
    set: &ParticleSet,
    format: ParticleFormat,
    frames: &Frames,
    folder: &Path,
    stem: &str,
) -> Result<WrittenParticles, InteropError> {
    std::fs::create_dir_all(folder).map_err(|source| InteropError::Write {
        path: folder.to_owned(),
        source,
    })?;
    let mut losses = losses_of(set, format);
    if format == ParticleFormat::Relion5 {
        let (file, more) = relion_tables::write_centred(set, frames, folder, stem)?;
        losses.extend(more);
        return Ok(WrittenParticles {
            files: vec![file],
            losses,
        });
    }
    let rows = Rows::of(set, format, frames)?;
    let files = match format {
        ParticleFormat::Relion3
        | ParticleFormat::Relion4
        | ParticleFormat::Relion5
        | ParticleFormat::Warp => relion_tables::write_pixels(&rows, format, folder, stem),
        ParticleFormat::Dynamo => dynamo::write(&rows, folder, stem),
        ParticleFormat::MotiveList => motive_list::write(&rows, folder, stem),
        ParticleFormat::Stopgap => stopgap::write(&rows, folder, stem),
        ParticleFormat::Peet => peet::write(&rows, folder),
        ParticleFormat::Pytom => pytom::write(&rows, folder, stem),
        ParticleFormat::Eman2Boxes => eman2::write_boxes(&rows, folder),
        ParticleFormat::Eman2List => eman2::write_list(&rows, folder, stem),
        ParticleFormat::Cryosparc => cryosparc::write(&rows, folder, stem),
        ParticleFormat::ImodModel => imod_model::write(&rows, folder),
        ParticleFormat::Portal => portal::write(&rows, folder),
        ParticleFormat::Copick => copick::write(&rows, folder, stem),
        ParticleFormat::Cets => cets::write(&rows, folder, stem),
        ParticleFormat::Text => text::write(&rows, folder, stem),
    }?;
    Ok(WrittenParticles { files, losses })
}

/// Why a format cannot hold the places of a set; `None` when it can.
pub fn cannot_hold(set: &ParticleSet, format: ParticleFormat) -> Option<&'static str> {
    let deep = set
        .poses
        .iter()
        .any(|pose| pose.position.xyz.z.abs() > 1e-6);
    (format == ParticleFormat::Cryosparc && deep)
        .then_some("cryoSPARC has places in micrographs only, without depth")
}

/// What of a set a format has no place for.
fn losses_of(set: &ParticleSet, format: ParticleFormat) -> Losses {
    let holds = format.holds();
    let mut losses = Losses::new(format.name());
    let mut add = |lost: bool, kind, what: &str| {
        let why = format!("{} cannot hold {what}", format.name());
        losses.add(kind, if lost { set.len() } else { 0 }, why);
    };
    add(
        set.oriented && !holds.rotations,
        LossKind::Orientations,
        "orientations",
    );
    let scored = rows::score_column(&set.carried).is_some();
    add(scored && !holds.scores, LossKind::Scores, "scores");
    add(
        !set.classes.is_empty() && !holds.classes,
        LossKind::Classes,
        "classes",
    );
    add(
        !set.halves.is_empty() && !holds.halves,
        LossKind::HalfSets,
        "half sets",
    );
    add(!holds.names, LossKind::ParticleNames, "names of particles");
    add(
        set.images.is_some() && !holds.images,
        LossKind::ParticleImages,
        "images of particles",
    );
    let foreign = set
        .carried
        .columns
        .iter()
        .filter(|column| !rows::SCORES.contains(&column.label.as_str()))
        .count();
    if set.carried.source != format.source() {
        let why = format!(
            "{} has no column for those of {}",
            format.name(),
            set.carried.source
        );
        losses.add(LossKind::ForeignColumns, foreign, why);
    }
    losses
}
