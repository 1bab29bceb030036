//! Chains of conversions through files, and the deviations along them.

use std::path::{Path, PathBuf};

use glam::{DMat4, DVec3, DVec4};
use thon_formats::star;
use thon_interop::Losses;
use thon_interop::imod::{EtomoExport, EtomoImport, read_directory, write_directory};
use thon_interop::relion::{
    Generation, TiltSeriesExport, TiltSeriesImport, read_tilt_series, write_tilt_series,
};
use thon_model::{HandSign, TiltSeries};

use super::independent::{Imod, Seen, relion, relion_defocus, relion_matrices};
use super::{extent, helix};

/// Largest deviations of one chain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Worst {
    pub pixels: f64,
    pub defocus: f64,
}

impl Worst {
    pub fn take(&mut self, a: Seen, b: Seen) {
        self.pixels = self.pixels.max((a.pixel - b.pixel).length());
        assert!(self.pixels.is_finite());
    }

    pub fn take_defocus(&mut self, a: f64, b: f64) {
        self.defocus = self.defocus.max((a - b).abs());
        assert!(self.defocus.is_finite());
    }

    pub fn join(&mut self, other: Self) {
        self.pixels = self.pixels.max(other.pixels);
        self.defocus = self.defocus.max(other.defocus);
    }
}

/// Writes a series for RELION and reads it again; the table of its images, and its block.
pub fn through_relion(
    series: &TiltSeries,
    dir: &Path,
    generation: Generation,
) -> (TiltSeries, PathBuf, Losses) {
    let to = TiltSeriesExport {
        root: dir.to_owned(),
        file: "tomograms.star".into(),
        generation,
        source_root: None,
    };
    let losses = write_tilt_series(std::slice::from_ref(series), &to).unwrap();
    let options = TiltSeriesImport {
        image_size: Some(series.image_size),
        ..TiltSeriesImport::default()
    };
    let read = read_tilt_series(&dir.join("tomograms.star"), &options).unwrap();
    let again = read.value.into_iter().next().unwrap();
    let table = match again.carried_global.value("rlnTomoTiltSeriesStarFile", 0) {
        Some(token) => dir.join(token),
        None => dir.join("tomograms.star"),
    };
    (again, table, losses)
}

/// Writes a series for eTomo and reads it again; the stem of its files.
pub fn through_imod(series: &TiltSeries, dir: &Path) -> (TiltSeries, PathBuf, Losses) {
    let to = EtomoExport {
        dir: dir.to_owned(),
        name: Some("set".to_owned()),
    };
    let losses = write_directory(series, &to).unwrap();
    let options = EtomoImport {
        name: Some("set".to_owned()),
        pixel_size: Some(series.pixel_size),
        image_size: Some(series.image_size),
        optics: Some(series.optics),
    };
    let mut again = read_directory(dir, &options).unwrap().value;
    again.name.clone_from(&series.name);
    (again, dir.join("set"), losses)
}

/// Index of the voxel of the bin-1 volume at a position of the specimen.
pub fn voxel(series: &TiltSeries, position: DVec3) -> DVec3 {
    let [z, y, x] = series.volume_size.unwrap();
    position / series.pixel_size.0 + DVec3::new((x / 2) as f64, (y / 2) as f64, (z / 2) as f64)
}

fn hand(series: &TiltSeries) -> f64 {
    series.defocus_hand.as_ref().map_or(0.0, |hand| {
        if hand.sign == HandSign::Plus {
            1.0
        } else {
            -1.0
        }
    })
}

/// Defocus U of every row of a RELION table; 0 without the column.
fn defocus_column(table: &Path, block: &str) -> Vec<f64> {
    let file = star::read(table).unwrap();
    let table = file.table(block).unwrap();
    let column = table.find("rlnDefocusU");
    column.map_or_else(
        || vec![0.0; table.rows()],
        |column| column.to_f64().unwrap(),
    )
}

/// Matrices of exports of cut-out images hold rotations only: they are meant about the centres.
fn place_rotations(matrices: &mut [DMat4], image: [usize; 2], volume: [usize; 3]) {
    if matrices.iter().any(|matrix| matrix.w_axis != DVec4::W) {
        return;
    }
    let half = |n: usize| (n / 2) as f64;
    let to_image = DMat4::from_translation(DVec3::new(half(image[1]), half(image[0]), 0.0));
    let from_volume = DMat4::from_translation(-DVec3::new(
        half(volume[2]),
        half(volume[1]),
        half(volume[0]),
    ));
    for matrix in matrices {
        *matrix = to_image * *matrix * from_volume;
    }
}

/// RELION → model → IMOD → model → RELION: deviations of the IMOD files and of the last RELION table from the first
/// RELION table, each projected by its own definition.
pub fn relion_imod_relion(series: &TiltSeries, first: &Path, losses: &mut Vec<Losses>) -> Worst {
    let dir = tempfile::tempdir().unwrap();
    let (from_imod, stem, imod_losses) = through_imod(series, &dir.path().join("imod"));
    let generation = if series.carried.source == "relion-4" {
        Generation::Four
    } else {
        Generation::Five
    };
    let (last, table, relion_losses) =
        through_relion(&from_imod, &dir.path().join("relion"), generation);
    losses.extend([imod_losses, relion_losses]);
    let volume = series.volume_size.unwrap();
    let pixel = series.pixel_size.0;
    let mut before = relion_matrices(first, &series.name, series.image_size, volume, pixel);
    place_rotations(&mut before, series.image_size, volume);
    let after = relion_matrices(
        &table,
        &last.name,
        last.image_size,
        last.volume_size.unwrap(),
        pixel,
    );
    let imod = Imod::read(&stem, series.image_size, volume);
    let (old, new) = (
        defocus_column(first, &series.name),
        defocus_column(&table, &last.name),
    );
    let used: Vec<usize> = series.used().collect();
    assert_eq!(
        (before.len(), after.len()),
        (series.images.len(), used.len())
    );
    let sign = hand(series);
    let mut worst = Worst::default();
    for (row, &view) in used.iter().enumerate() {
        for position in helix(extent(series)) {
            let at = voxel(series, position);
            let seen = relion(before[view], at);
            worst.take(seen, relion(after[row], at));
            worst.take(seen, imod.project(view, at));
            let first_defocus = relion_defocus(before[view], at, volume, (old[view], sign), pixel);
            let last_defocus =
                relion_defocus(after[row], at, volume, (new[row], hand(&last)), pixel);
            if series.images[view].ctf.is_some() {
                worst.take_defocus(first_defocus, last_defocus);
            }
        }
    }
    worst
}
