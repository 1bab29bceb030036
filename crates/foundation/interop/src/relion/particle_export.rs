//! Writes a [`ParticleSet`] as particles of RELION 5 (or as the table it came from).

use std::collections::BTreeMap;
use std::path::PathBuf;

use thon_formats::star::{self, Block, StarFile};
use thon_geometry::{Grid, Pose, Rotation};
use thon_model::{Carried, Half, ParticleSet, TiltSeries};
use thon_units::PixelSize;

use super::particle_image_export::put_images;
use super::particle_import::{coordinates_again, images_again};
use super::particle_optics_export::{boxes_differ, general, optics, put_boxes};
use super::particle_rows::{
    Coordinates, patch_pose, pose, pose_from, put_box_axes, put_coordinate, same_pose,
};
use crate::columns::{Cells, fits, loop_of, pairs_of, set};
use crate::error::create_parent;
use crate::{InteropError, LossKind, Losses};

/// Where to write, and what the coordinates are measured in.
#[derive(Clone, Debug)]
pub struct ParticleExport {
    /// The project's folder; paths in the file are relative to it.
    pub root: PathBuf,
    /// The file, relative to `root`.
    pub file: PathBuf,
    /// Folder that the paths of the model are relative to in the source project; `root` when absent.
    pub source_root: Option<PathBuf>,
}

/// Writes the particles; `series` are the tilt series they belong to (for the sizes of volumes and excluded images).
pub fn write_particles(
    set: &ParticleSet,
    series: &[TiltSeries],
    to: &ParticleExport,
) -> Result<Losses, InteropError> {
    let mut losses = Losses::new("RELION particles");
    let mut from_relion = set.carried.source.starts_with("relion") && fits(&set.carried, set.len());
    let before = if from_relion {
        images_again(set)?
    } else {
        Ok(None)
    };
    if boxes_differ(&before, set)
        && coordinates_again(set, "").is_some_and(|how| how.pixel_size.is_some())
    {
        // Warp counts coordinates in pixels of the boxes: with other boxes the table would mean other places.
        from_relion = false;
    }
    let mut rows = if from_relion {
        set.carried.clone()
    } else {
        Carried::default()
    };
    if !from_relion && !set.carried.columns.is_empty() {
        let why = format!(
            "columns of {} without a place in RELION",
            set.carried.source
        );
        losses.add(LossKind::ForeignColumns, set.carried.columns.len(), why);
    }
    put_poses(set, series, &mut rows, from_relion)?;
    put_labels(set, &mut rows, from_relion);
    if !from_relion {
        for row in 0..set.len() {
            crate::columns::set(
                &mut rows,
                set.len(),
                "rlnOpticsGroup",
                row,
                "1".to_owned(),
                "1",
            );
        }
    }
    put_images(set, series, &mut rows, from_relion, to)?;
    if set.images.is_none() && matches!(before, Ok(Some(_))) {
        rows.columns
            .retain(|column| !BOX_COLUMNS.contains(&column.label.as_str()));
    }
    let mut blocks = Vec::new();
    let general = general(set, from_relion);
    if !general.columns.is_empty() {
        blocks.push(Block::new("general", vec![pairs_of(&general)]));
    }
    let mut optics = optics(set, series, from_relion, &mut losses);
    if from_relion && boxes_differ(&before, set) {
        put_boxes(set, &mut optics);
    }
    if !optics.columns.is_empty() {
        blocks.push(Block::new("optics", vec![loop_of(&optics)?]));
    }
    let name = if set.carried.source == "relion-3.0" && from_relion {
        ""
    } else {
        "particles"
    };
    blocks.push(Block::new(name, vec![loop_of(&rows)?]));
    let blocks = blocks
        .into_iter()
        .map(|block| block.with_comment("version 50001"))
        .collect();
    let path = to.root.join(&to.file);
    create_parent(&path)?;
    star::write_to(&StarFile::new(blocks), &path)?;
    Ok(losses)
}

/// Columns of a row that name boxes on disk.
const BOX_COLUMNS: [&str; 3] = ["rlnImageName", "rlnCtfImage", "rlnTomoVisibleFrames"];

fn put_poses(
    particles: &ParticleSet,
    series: &[TiltSeries],
    rows: &mut Carried,
    from_relion: bool,
) -> Result<(), InteropError> {
    let count = particles.len();
    let fresh = Coordinates::none(1.0);
    let how = if from_relion {
        coordinates_again(particles, "particles").unwrap_or(fresh)
    } else {
        fresh
    };
    let grids: BTreeMap<&str, Grid> = series
        .iter()
        .map(|one| {
            (
                one.name.as_str(),
                Grid::new(one.volume_size.unwrap_or([0, 0, 0]), one.pixel_size),
            )
        })
        .collect();
    let original = rows.clone();
    for particle in particles.iter() {
        let row = particle.row;
        let known = grids.get(particle.tilt_series).copied();
        let grid = known.unwrap_or_else(|| Grid::new([0, 0, 0], PixelSize(how.image_pixel_size)));
        let cells = Cells {
            carried: &original,
            file: "particles",
        };
        let own_box = box_of_row(particles, &original, row, from_relion);
        let cut = own_box.map(|cut| cut.position.xyz);
        let before = match cut {
            _ if !from_relion => None,
            Some(middle) => Some(pose_from(cells, row, how, middle)?),
            None => Some(pose(cells, row, how, &grid)?),
        };
        let unchanged = before.is_some_and(|before| same_pose(before, particle.pose));
        if known.is_none() && !unchanged && cut.is_none() {
            let expected = format!(
                "its tilt series {} among the given ones",
                particle.tilt_series
            );
            return Err(InteropError::contradiction(particle.name, expected, "none")
                .with_hint("a pose cannot be written without the size of its tomogram"));
        }
        if let (Some(own_box), false) = (own_box, from_relion) {
            if known.is_some() {
                put_coordinate(rows, count, row, own_box.position.xyz, how, &grid);
            }
            if own_box.rotation.angle_to(Rotation::identity()).0 > 0.0 {
                put_box_axes(rows, count, row, own_box.rotation);
            }
        }
        let label = ["rlnTomoName", "rlnMicrographName"]
            .into_iter()
            .find(|label| from_relion && original.column(label).is_some())
            .unwrap_or("rlnTomoName");
        if original.value(label, row) != Some(particle.tilt_series) {
            set(
                rows,
                count,
                label,
                row,
                particle.tilt_series.to_owned(),
                "None",
            );
        }
        let change = (before, particle.pose);
        patch_pose(rows, count, row, change, how, &grid, cut)?;
    }
    if !from_relion && !particles.oriented {
        rows.columns
            .retain(|column| !column.label.starts_with("rlnAngle"));
    }
    Ok(())
}

/// Where the box of a row was cut: of a carried row only while it still names that box.
fn box_of_row(
    particles: &ParticleSet,
    carried: &Carried,
    row: usize,
    from_relion: bool,
) -> Option<Pose> {
    let images = particles.images.as_ref()?;
    let cut = *images.boxes.get(row)?;
    let token = carried.value("rlnImageName", row).unwrap_or_default();
    let token = token.split_once('@').map_or(token, |(_, path)| path);
    let same = !token.is_empty() && images.paths[row].ends_with(token);
    (same || !from_relion).then_some(cut)
}

/// Names, halves and classes: only what differs from the carried cells.
fn put_labels(particles: &ParticleSet, rows: &mut Carried, from_relion: bool) {
    let count = particles.len();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for row in 0..count {
        let carried = rows.value("rlnTomoParticleName", row).map(str::to_owned);
        let meant = carried.map(|base| {
            let n = seen.entry(base.clone()).or_insert(0);
            *n += 1;
            if *n == 1 { base } else { format!("{base}#{n}") }
        });
        let named = from_relion && meant.is_none();
        if !named && meant.as_deref() != Some(particles.names[row].as_str()) {
            set(
                rows,
                count,
                "rlnTomoParticleName",
                row,
                particles.names[row].clone(),
                "None",
            );
        }
    }
    for (row, half) in particles.halves.iter().enumerate() {
        let number = if *half == Half::One { 1 } else { 2 };
        put_whole(rows, count, "rlnRandomSubset", row, number);
    }
    for (row, class) in particles.classes.iter().enumerate() {
        put_whole(rows, count, "rlnClassNumber", row, i64::from(*class));
    }
}

fn put_whole(rows: &mut Carried, count: usize, label: &str, row: usize, number: i64) {
    let cells = Cells {
        carried: rows,
        file: "particles",
    };
    if cells.whole(label, row).ok().flatten() != Some(number) {
        set(rows, count, label, row, number.to_string(), "0");
    }
}
