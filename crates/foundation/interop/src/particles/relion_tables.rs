//! RELION's and Warp's tables ↔ the model: reading and RELION 5 by `crate::relion`, tables of pixels (RELION 3.1, RELION 4, Warp) here.
//!
//! Pixels of the tomogram count from 0; a particle lies at coordinate − origin, and origins are written as 0. R = Rz(−psi) Ry(−tilt)
//! Rz(−rot). RELION 3.1 and Warp name the tomogram in `rlnMicrographName` (Warp's ends in `.tomostar`), RELION 4 in `rlnTomoName`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use glam::DVec3;
use thon_formats::star::{self, Block, StarFile, Table, number};
use thon_geometry::Grid;
use thon_model::{Carried, Half, ParticleSet, TiltSeries};

use super::rows::Rows;
use super::{Frames, ParticleFormat, single_particle};
use crate::euler::RelionAngles;
use crate::relion::{ParticleExport, ParticleImport, read_particles, write_particles};
use crate::{Imported, InteropError, Losses};

/// Reads any of RELION's and Warp's tables.
pub(super) fn read(path: &Path, frames: &Frames) -> Result<Imported<ParticleSet>, InteropError> {
    let mut options = ParticleImport {
        grids: frames.grids.clone(),
        root: None,
        allow_unknown_tomograms: true,
    };
    if let Some(rows) = single_particle::read(path)? {
        let file = path.display().to_string();
        let mut imported = rows.into_set(ParticleFormat::Relion3, &file, frames)?;
        // Rows of two dimensions cannot be written back as rows of tomograms.
        imported.value.carried.source = "single-particle".into();
        return Ok(imported);
    }
    let first = read_particles(path, &options)?;
    let missing: Vec<&String> = first
        .value
        .tilt_series_names
        .iter()
        .filter(|name| !options.grids.contains_key(*name))
        .collect();
    let mut more = false;
    for name in missing {
        if let Some(grid) = frames.grid_or_first_voxel(name, None) {
            options.grids.insert(name.clone(), grid);
            more = true;
        }
    }
    if more {
        read_particles(path, &options)
    } else {
        Ok(first)
    }
}

/// Writes RELION 5's table, Å from the middle.
pub(super) fn write_centred(
    set: &ParticleSet,
    frames: &Frames,
    folder: &Path,
    stem: &str,
) -> Result<(PathBuf, Losses), InteropError> {
    let series = |name: &String| {
        let grid = frames.grid_or_first_voxel(name, Some(1.0));
        let grid = grid.unwrap_or_else(|| Grid::new([0; 3], thon_units::PixelSize(1.0)));
        TiltSeries {
            name: name.clone(),
            pixel_size: grid.voxel_size,
            image_size: [grid.dims[1], grid.dims[2]],
            volume_size: Some(grid.dims),
            optics: set.optics.unwrap_or_default(),
            nominal_tilt_axis_angle: None,
            defocus_hand: None,
            images: Vec::new(),
            carried: Carried::default(),
            carried_global: Carried::default(),
        }
    };
    let series: Vec<TiltSeries> = set.tilt_series_names.iter().map(series).collect();
    let centred = centred(set, frames);
    let file = PathBuf::from(format!("{stem}.star"));
    let to = ParticleExport {
        root: folder.to_owned(),
        file: file.clone(),
        source_root: None,
    };
    let losses = write_particles(&centred, &series, &to)?;
    Ok((folder.join(file), losses))
}

/// The set measured from the middle of each tomogram, where that is not the origin of the specimen.
fn centred<'a>(set: &'a ParticleSet, frames: &Frames) -> Cow<'a, ParticleSet> {
    let centre = |name: &String| {
        frames
            .grid(name)
            .map_or(DVec3::ZERO, |grid| grid.centre.xyz)
    };
    let centres: Vec<DVec3> = set.tilt_series_names.iter().map(centre).collect();
    if centres.iter().all(|centre| *centre == DVec3::ZERO) {
        return Cow::Borrowed(set);
    }
    let mut moved = set.clone();
    for (pose, tomogram) in moved.poses.iter_mut().zip(&set.tilt_series) {
        pose.position = pose.position.translated(-centres[*tomogram as usize]);
    }
    // Boxes lie where they were cut: they are not measured anew.
    moved.images = None;
    Cow::Owned(moved)
}

/// Writes a table of pixels.
pub(super) fn write_pixels(
    rows: &Rows,
    format: ParticleFormat,
    folder: &Path,
    stem: &str,
) -> Result<Vec<PathBuf>, InteropError> {
    let mut table = Table::new_loop(Vec::<String>::new());
    let mut put = |label: &str, value: &dyn Fn(usize) -> String| -> Result<(), InteropError> {
        let values: Vec<String> = (0..rows.len()).map(value).collect();
        Ok(table.set_strings(label, &values)?)
    };
    let name = |row: usize| rows.tomogram_name(row).to_owned();
    match format {
        ParticleFormat::Relion4 => put("rlnTomoName", &name)?,
        ParticleFormat::Warp => put("rlnMicrographName", &|row| {
            let name = name(row);
            if name.ends_with(".tomostar") {
                name
            } else {
                format!("{name}.tomostar")
            }
        })?,
        _ => put("rlnMicrographName", &name)?,
    }
    if format != ParticleFormat::Warp {
        put("rlnTomoParticleName", &|row| rows.names[row].clone())?;
    }
    for (axis, letter) in ["X", "Y", "Z"].into_iter().enumerate() {
        put(&format!("rlnCoordinate{letter}"), &|row| {
            number(rows.places[row][axis])
        })?;
    }
    if !rows.rotations.is_empty() {
        let angles = |row: usize| RelionAngles::of(rows.turn(row));
        put("rlnAngleRot", &|row| number(angles(row).rot.0))?;
        put("rlnAngleTilt", &|row| number(angles(row).tilt.0))?;
        put("rlnAnglePsi", &|row| number(angles(row).psi.0))?;
    }
    if !rows.scores.is_empty() {
        put("rlnAutopickFigureOfMerit", &|row| number(rows.scores[row]))?;
    }
    if !rows.halves.is_empty() {
        let half = |row: usize| {
            if rows.halves[row] == Half::One {
                "1"
            } else {
                "2"
            }
            .to_owned()
        };
        put("rlnRandomSubset", &half)?;
    }
    if !rows.classes.is_empty() {
        put("rlnClassNumber", &|row| rows.classes[row].to_string())?;
    }
    let size = number(rows.voxel_size.unwrap_or(1.0));
    let mut blocks = Vec::new();
    if format == ParticleFormat::Warp {
        put("rlnMagnification", &|_| "10000.0".into())?;
        put("rlnDetectorPixelSize", &|_| size.clone())?;
        blocks.push(Block::new("", vec![table]));
    } else {
        put("rlnOpticsGroup", &|_| "1".into())?;
        let pixel = if format == ParticleFormat::Relion4 {
            "rlnTomoTiltSeriesPixelSize"
        } else {
            "rlnImagePixelSize"
        };
        let mut optics = Table::new_loop(Vec::<String>::new());
        optics.set_strings("rlnOpticsGroup", &["1".to_owned()])?;
        optics.set_strings("rlnOpticsGroupName", &["opticsGroup1".to_owned()])?;
        optics.set_strings(pixel, &[size])?;
        blocks.push(Block::new("optics", vec![optics]));
        blocks.push(Block::new("particles", vec![table]));
    }
    let path = folder.join(format!("{stem}.star"));
    let blocks = blocks
        .into_iter()
        .map(|block| block.with_comment("version 30001"));
    star::write_to(&StarFile::new(blocks.collect()), &path)?;
    Ok(vec![path])
}
