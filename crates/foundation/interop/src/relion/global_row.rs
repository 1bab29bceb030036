//! The row of one tilt series in the table of all: what was carried, with the changed cells rewritten.

use super::Generation;
use super::TiltSeriesExport;
use crate::columns::{Cells, fits, relative, set, set_number};
use crate::{LossKind, Losses};
use std::path::{Component, Path};
use thon_model::{Carried, HandSign, TiltSeries};

fn hand(series: &TiltSeries) -> f64 {
    series
        .defocus_hand
        .as_ref()
        .map_or(0.0, |hand| match hand.sign {
            HandSign::Plus => 1.0,
            HandSign::Minus => -1.0,
        })
}

/// The exposure of every image, when it is the same.
fn common_exposure(series: &TiltSeries) -> Option<f64> {
    let first = series.images.first()?.exposure?;
    series
        .images
        .iter()
        .all(|image| image.exposure == Some(first))
        .then_some(first.0)
}

/// The global row: what was carried, with the cells rewritten whose meaning changed.
pub(super) fn global_row(series: &TiltSeries, to: &TiltSeriesExport) -> Carried {
    let from_relion =
        Generation::of(&series.carried_global.source).is_some() && fits(&series.carried_global, 1);
    let mut row = if from_relion {
        series.carried_global.clone()
    } else {
        Carried::default()
    };
    if Generation::of(&row.source) != Some(to.generation) {
        row.columns.retain(|column| {
            !matches!(
                column.label.as_str(),
                "rlnTomoTiltSeriesStarFile" | "rlnTomoTiltSeriesName" | "rlnTomoFrameCount"
            )
        });
    }
    to.generation.source().clone_into(&mut row.source);
    let place = to.file.display().to_string();
    let same = |row: &Carried, label: &str, value: f64| {
        let cells = Cells {
            carried: row,
            file: &place,
        };
        cells.number(label, 0).ok().flatten() == Some(value)
    };
    if row.value("rlnTomoName", 0) != Some(series.name.as_str()) {
        set(&mut row, 1, "rlnTomoName", 0, series.name.clone(), "");
    }
    let optics = series.optics;
    let has_size = row.column("rlnTomoTiltSeriesPixelSize").is_some();
    let original = same(&row, "rlnMicrographOriginalPixelSize", series.pixel_size.0) && from_relion;
    let mut values = vec![
        ("rlnVoltage", optics.voltage.0),
        ("rlnSphericalAberration", optics.spherical_aberration.0),
        ("rlnAmplitudeContrast", optics.amplitude_contrast),
    ];
    if row.column("rlnMicrographOriginalPixelSize").is_none() && to.generation == Generation::Five {
        values.push(("rlnMicrographOriginalPixelSize", series.pixel_size.0));
    }
    if has_size || !original {
        values.push(("rlnTomoTiltSeriesPixelSize", series.pixel_size.0));
    }
    values.push(("rlnTomoHand", hand(series)));
    if let Some(dose) = common_exposure(series).filter(|_| to.generation == Generation::Four) {
        values.push(("rlnTomoImportFractionalDose", dose));
    }
    if let Some([z, y, x]) = series.volume_size {
        values.extend([
            ("rlnTomoSizeX", x as f64),
            ("rlnTomoSizeY", y as f64),
            ("rlnTomoSizeZ", z as f64),
        ]);
    }
    for (label, value) in values {
        if same(&row, label, value) {
            continue;
        }
        if label.starts_with("rlnTomoSize") {
            set(&mut row, 1, label, 0, format!("{value:.0}"), "");
        } else {
            set_number(&mut row, 1, label, 0, value);
        }
    }
    if row.column("rlnOpticsGroupName").is_none() {
        set(
            &mut row,
            1,
            "rlnOpticsGroupName",
            0,
            "opticsGroup1".to_owned(),
            "",
        );
    }
    row
}

/// A path below the project for the table of one series: the carried one when it stays inside the project.
pub(super) fn star_file_token(series: &TiltSeries, own: &Carried) -> String {
    let inside = |token: &str| {
        !token.is_empty()
            && Path::new(token)
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
    };
    match own.value("rlnTomoTiltSeriesStarFile", 0) {
        Some(token) if inside(token) => token.to_owned(),
        _ => format!("tilt_series/{}.star", series.name.replace(['/', '\\'], "_")),
    }
}

pub(super) fn put_stack(
    series: &TiltSeries,
    own: &mut Carried,
    to: &TiltSeriesExport,
    losses: &mut Losses,
) {
    let used: Vec<_> = series.used().collect();
    set(own, 1, "rlnTomoFrameCount", 0, used.len().to_string(), "");
    let references: Vec<_> = used
        .iter()
        .filter_map(|&i| series.images[i].image.as_ref())
        .collect();
    let first = references.first().map(|reference| &reference.path);
    let in_order = references
        .iter()
        .enumerate()
        .all(|(n, r)| r.section == n && Some(&r.path) == first);
    match first {
        Some(path) if in_order && references.len() == used.len() => {
            let root = to.source_root.as_deref().unwrap_or(&to.root);
            set(
                own,
                1,
                "rlnTomoTiltSeriesName",
                0,
                format!("{}:mrc", relative(root, path)),
                "",
            );
        }
        _ => {
            if own.column("rlnTomoTiltSeriesName").is_none() {
                set(own, 1, "rlnTomoTiltSeriesName", 0, "None".to_owned(), "");
            }
            losses.add(
                LossKind::Movies,
                used.len(),
                "RELION 4 wants the used images in one stack, in order: write one first",
            );
        }
    }
}
