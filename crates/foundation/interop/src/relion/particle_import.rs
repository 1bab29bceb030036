//! Reads particles of RELION 3.0 to 5 (and of Warp, which writes RELION's tables) into a [`ParticleSet`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use thon_formats::star;
use thon_geometry::Grid;
use thon_model::{Carried, ParticleSet};

use super::particle_grids::{Unknown, doubts, grid_of};
use super::particle_images::{
    ABERRATIONS, Boxes, image_pixel_size, images, one_optics, projections, two_dimensional,
};
use super::particle_labels::{classes, halves, particle_names};
use super::particle_rows::{Coordinates, box_of, oriented, pose};
use super::{Generation, project_root};
use crate::columns::{Cells, carried_of};
use crate::{Imported, InteropError, LossKind};

/// What the particle table itself does not say.
#[derive(Clone, Debug, Default)]
pub struct ParticleImport {
    /// For each tomogram (`rlnTomoName`, or `rlnMicrographName` before RELION 4) the grid that its coordinates
    /// were measured in; see [`super::tomogram_grids`].
    pub grids: BTreeMap<String, Grid>,
    /// Folder that relative paths start from; found from the paths themselves when absent.
    pub root: Option<PathBuf>,
    /// Take tomograms of unknown size too: their positions are measured from the first voxel.
    pub allow_unknown_tomograms: bool,
}

/// Everything the rows need.
pub(super) struct Tables {
    pub file: String,
    pub general: Carried,
    pub optics: Carried,
    pub particles: Carried,
    pub root: PathBuf,
}

/// Reads a particle table. Positions and rotations have all shifts and sub-tomogram angles folded in.
pub fn read_particles(
    path: &Path,
    options: &ParticleImport,
) -> Result<Imported<ParticleSet>, InteropError> {
    if !path.exists() {
        return Err(InteropError::missing(path, "table of particles"));
    }
    let tables = tables(path, options)?;
    let cells = Cells {
        carried: &tables.particles,
        file: &tables.file,
    };
    let rows = tables
        .particles
        .columns
        .first()
        .map_or(0, |column| column.values.len());
    let mut imported = Imported::new(ParticleSet::default());
    let names = tomogram_names(cells, rows)?;
    let how = coordinates(&tables, &names, &mut imported.remarks)?;
    let set = &mut imported.value;
    let mut index_of: BTreeMap<&str, u32> = BTreeMap::new();
    for name in &names {
        let next = index_of.len() as u32;
        let index = *index_of.entry(name).or_insert_with(|| {
            set.tilt_series_names.push((*name).to_owned());
            next
        });
        set.tilt_series.push(index);
    }
    let mut unknown = Unknown::new();
    let mut grids = Vec::with_capacity(set.tilt_series_names.len());
    for name in &set.tilt_series_names {
        let (grid, doubt) = grid_of(name, how, options, &tables.root)?;
        grids.push(grid);
        if let Some(doubt) = doubt {
            unknown.entry(doubt).or_default().push(name);
        }
    }
    imported.remarks.extend(doubts(&unknown));
    for row in 0..rows {
        set.poses.push(pose(
            cells,
            row,
            how,
            &grids[set.tilt_series[row] as usize],
        )?);
    }
    set.oriented = oriented(cells);
    set.names = particle_names(cells, &names, &mut imported.remarks);
    set.halves = halves(cells, rows, &mut imported.remarks)?;
    set.classes = classes(cells, rows)?;
    let optics_cells = Cells {
        carried: &tables.optics,
        file: &tables.file,
    };
    let aberrations = ABERRATIONS
        .iter()
        .filter(|label| optics_cells.has(label))
        .count();
    imported.losses.add(
        LossKind::Optics,
        aberrations,
        "beam tilt, aberrations and anisotropic magnification stay in the carried columns only",
    );
    set.optics = one_optics(optics_cells, &mut imported.losses)?;
    match images(&tables, rows)? {
        Ok(images) => {
            set.images = images;
            if let Some(images) = &mut set.images {
                for (row, tomogram) in set.tilt_series.iter().enumerate() {
                    let grid = &grids[*tomogram as usize];
                    images
                        .boxes
                        .push(box_of(cells, row, how, grid, images.kind)?);
                }
            }
        }
        Err(why) => imported.losses.add(LossKind::ParticleImages, rows, why),
    }
    set.carried = tables.particles;
    set.carried_optics = tables.optics;
    set.carried_general = tables.general;
    Ok(imported)
}

fn tables(path: &Path, options: &ParticleImport) -> Result<Tables, InteropError> {
    let file = star::read(path)?;
    let source = if file.find("optics").is_none() && file.find("particles").is_none() {
        "relion-3.0"
    } else {
        Generation::Five.source()
    };
    let named = |name: &str| {
        let table = file.find(name).and_then(|block| block.tables.first());
        table.map_or_else(Carried::default, |table| carried_of(table, source))
    };
    let particles = match file.find("particles") {
        Some(_) => named("particles"),
        None => carried_of(
            file.table(
                file.blocks
                    .first()
                    .map_or("particles", |block| block.name()),
            )?,
            source,
        ),
    };
    let image = particles.value("rlnImageName", 0).unwrap_or_default();
    let image = image.split_once('@').map_or(image, |(_, path)| path);
    let root = options
        .root
        .clone()
        .unwrap_or_else(|| project_root(path, &[image]));
    Ok(Tables {
        file: path.display().to_string(),
        general: named("general"),
        optics: named("optics"),
        particles,
        root,
    })
}

fn tomogram_names(cells: Cells<'_>, rows: usize) -> Result<Vec<&str>, InteropError> {
    let label = ["rlnTomoName", "rlnMicrographName"]
        .into_iter()
        .find(|label| cells.has(label));
    let label = label.ok_or_else(|| {
        InteropError::contradiction(
            cells.file,
            "a column _rlnTomoName or _rlnMicrographName",
            "none",
        )
        .with_hint("a table of particles names the tomogram of each")
    })?;
    (0..rows)
        .map(|row| {
            cells
                .text(label, row)
                .ok_or_else(|| cells.wrong(label, row, "the name of a tomogram", ""))
        })
        .collect()
}

fn coordinates(
    tables: &Tables,
    names: &[&str],
    remarks: &mut Vec<String>,
) -> Result<Coordinates, InteropError> {
    let cells = Cells {
        carried: &tables.particles,
        file: &tables.file,
    };
    let image = image_pixel_size(tables)?;
    let two_dimensional = two_dimensional(tables)?;
    let from_warp = names
        .first()
        .is_some_and(|name| name.ends_with(".tomostar"))
        && two_dimensional;
    let boxed = cells.has("rlnImageName");
    let pixel_size = image.filter(|_| from_warp && !cells.has("rlnCenteredCoordinateXAngst"));
    if let Some(size) = pixel_size {
        remarks.push(format!(
            "{}: written by Warp, whose coordinates count pixels of the particle images ({size} Å)",
            tables.file
        ));
    }
    let found = Coordinates::of(cells, image.unwrap_or(1.0), pixel_size);
    if found.is_none() && boxed && (!two_dimensional || projections(tables)?) {
        remarks.push(format!(
            "{}: no coordinates; places are measured from the middle of each particle's box",
            tables.file
        ));
        return Ok(Coordinates::none(image.unwrap_or(1.0)));
    }
    found.ok_or_else(|| {
        InteropError::contradiction(
            &tables.file,
            "columns _rlnCenteredCoordinateXAngst, Y, Z or _rlnCoordinateX, Y, Z",
            "neither",
        )
        .with_hint("particles of tomograms have three coordinates; tables of tilt series or of micrographs have none")
    })
}

/// The tables an imported set carries.
fn tables_again(set: &ParticleSet, file: &str) -> Tables {
    Tables {
        file: file.to_owned(),
        general: set.carried_general.clone(),
        optics: set.carried_optics.clone(),
        particles: set.carried.clone(),
        root: PathBuf::new(),
    }
}

/// How the rows of an imported set are to be read again on export.
pub(super) fn coordinates_again(set: &ParticleSet, file: &str) -> Option<Coordinates> {
    let names: Vec<&str> = set.tilt_series_names.iter().map(String::as_str).collect();
    coordinates(&tables_again(set, file), &names, &mut Vec::new()).ok()
}

/// The boxes that the carried table of a set speaks of; their paths are not resolved.
pub(super) fn images_again(set: &ParticleSet) -> Result<Boxes, InteropError> {
    images(&tables_again(set, "particles"), set.len())
}
