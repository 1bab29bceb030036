//! Writes `.aln` and `_CTF.txt`.

use std::path::Path;

use thon_formats::aretomo::alignment::{self, AlignedImage, Alignment, DarkFrame};
use thon_formats::ctffind::{self, CtfResults, CtfRow};
use thon_formats::text::{parse_f64, write_file};
use thon_geometry::TiltGeometry;
use thon_model::{Ctf, TiltImage, TiltSeries};
use thon_units::Angstrom;

use super::{DARK, SOURCE};
use crate::error::create_parent;
use crate::{InteropError, LossKind, Losses};

/// Writes `<stem>.aln` and, when there is a defocus, `<stem>_CTF.txt`; gives what AreTomo cannot hold.
pub fn write_aretomo(series: &TiltSeries, path: &Path) -> Result<Losses, InteropError> {
    let mut losses = Losses::new("AreTomo");
    let from_aretomo = series.carried.source == SOURCE
        && crate::columns::fits(&series.carried, series.images.len());
    let base = if from_aretomo {
        series
            .carried_global
            .value("SectionBase", 0)
            .and_then(parse_f64)
            .map_or(1, |base| base as i64)
    } else {
        1
    };
    let global = |label: &str| {
        series
            .carried_global
            .value(label, 0)
            .filter(|_| from_aretomo)
            .and_then(parse_f64)
    };
    let [ny, nx] = series.image_size;
    let mut file = Alignment {
        raw_size: (series.image_size != [0, 0]).then_some([nx, ny, series.images.len()]),
        alpha_offset: global("AlphaOffset"),
        beta_offset: global("BetaOffset"),
        thickness: global("Thickness"),
        ..Alignment::default()
    };
    for (section, (row, image)) in (base..).zip(series.images.iter().enumerate()) {
        match image.geometry.filter(|_| image.is_used()) {
            Some(geometry) => {
                file.images
                    .push(aligned_row(series, row, section, &geometry, from_aretomo));
            }
            None => file.dark_frames.push(DarkFrame {
                frame: row as i64,
                section,
                tilt: image.nominal_tilt_angle.degrees().0,
            }),
        }
    }
    file.images.sort_by(|a, b| a.tilt.total_cmp(&b.tilt));
    create_parent(path)?;
    write_file(path, alignment::write(&file).as_bytes())?;
    if let Some(results) = ctf_results(series, &mut losses) {
        let stem = path
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        write_file(
            &path.with_file_name(format!("{stem}_CTF.txt")),
            ctffind::write(&results).as_bytes(),
        )?;
    }
    note_losses(series, &mut losses);
    Ok(losses)
}

fn aligned_row(
    series: &TiltSeries,
    row: usize,
    section: i64,
    geometry: &TiltGeometry,
    from_aretomo: bool,
) -> AlignedImage {
    let number = |label: &str| {
        series
            .carried
            .value(label, row)
            .filter(|_| from_aretomo)
            .and_then(parse_f64)
    };
    // The number of the file when it still means the same, so that no digit changes on the way.
    let kept = |label: &str, now: f64, means: &dyn Fn(f64) -> f64, value: f64| {
        number(label)
            .filter(|old| means(*old) == now)
            .unwrap_or(value)
    };
    let angle = |old: f64| old.to_radians();
    let pixel = series.pixel_size.0;
    let length = |old: f64| old * pixel;
    let or = |label: &str, default: f64| number(label).unwrap_or(default);
    AlignedImage {
        section,
        rotation: kept(
            "ROT",
            geometry.tilt_axis_angle.0,
            &angle,
            geometry.tilt_axis_angle.degrees().0,
        ),
        magnification: or("GMAG", 1.0),
        shift: [
            kept("TX", geometry.shift.x, &length, geometry.shift.x / pixel),
            kept("TY", geometry.shift.y, &length, geometry.shift.y / pixel),
        ],
        intensity: [
            or("SMEAN", 1.0),
            or("SFIT", 1.0),
            or("SCALE", 1.0),
            or("BASE", 0.0),
        ],
        tilt: kept(
            "TILT",
            geometry.tilt_angle.0,
            &angle,
            geometry.tilt_angle.degrees().0,
        ),
    }
}

fn ctf_results(series: &TiltSeries, losses: &mut Losses) -> Option<CtfResults> {
    let kept = series
        .images
        .iter()
        .filter(|image| image.is_used() && image.geometry.is_some());
    let known: Vec<Option<Ctf>> = kept.map(|image| image.ctf).collect();
    let missing = known.iter().filter(|ctf| ctf.is_none()).count();
    if missing == known.len() {
        return None;
    }
    losses.add(
        LossKind::Defocus,
        missing,
        "_CTF.txt has a row for every image: 0 is written",
    );
    let hand = series.defocus_hand.as_ref().map(|hand| hand.sign.value());
    if hand.is_none() {
        losses.add(
            LossKind::DefocusHand,
            1,
            "nobody has measured the hand: the dfHand column is left out",
        );
    }
    let row = |(image, ctf): (i64, Option<Ctf>)| {
        let ctf = ctf.unwrap_or_else(|| Ctf::round(Angstrom(0.0)));
        CtfRow {
            image,
            defocus: [ctf.defocus_u.0, ctf.defocus_v.0],
            azimuth: ctf.defocus_angle.degrees().0,
            phase_shift: ctf.phase_shift.0,
            score: 0.0,
            resolution: 0.0,
            more: hand.into_iter().collect(),
        }
    };
    Some(CtfResults {
        header: Vec::new(),
        rows: (1..).zip(known).map(row).collect(),
    })
}

fn note_losses(series: &TiltSeries, losses: &mut Losses) {
    let count = |test: &dyn Fn(&TiltImage) -> bool| {
        series.images.iter().filter(|image| test(image)).count()
    };
    losses.add(
        LossKind::AffineDeformation,
        count(&|i| i.geometry.is_some_and(|g| !g.is_rigid())),
        "AreTomo knows rotation and shift only",
    );
    losses.add(
        LossKind::Deformation,
        count(&|i| i.geometry.is_some_and(|g| g.deformation.is_some())),
        "specimen motion and local displacements are not written",
    );
    losses.add(
        LossKind::XTilt,
        count(&|i| i.geometry.is_some_and(|g| g.x_tilt.0 != 0.0)),
        "AreTomo knows no tilt about x",
    );
    let unaligned = count(&|i| i.is_used() && i.geometry.is_none());
    losses.add(
        LossKind::UnalignedImages,
        unaligned,
        "images without geometry are written as dark frames",
    );
    let reasons = count(&|i| i.exclusion.as_ref().is_some_and(|e| e.reason != DARK));
    losses.add(
        LossKind::ExcludedImages,
        reasons,
        "excluded images are written as dark frames, without the reason",
    );
    let aligned = count(&|i| i.geometry.is_some() && !i.is_used());
    losses.add(
        LossKind::ExcludedImages,
        aligned,
        "dark frames have no alignment",
    );
    losses.add(
        LossKind::Dose,
        count(&|i| i.dose_before.0 != 0.0 || i.exposure.is_some()),
        "an .aln holds no exposure",
    );
    losses.add(
        LossKind::AmplitudeScale,
        count(&|i| i.ctf.is_some_and(|c| c.scale != 1.0)),
        "_CTF.txt holds no amplitude scale",
    );
    losses.add(
        LossKind::BFactor,
        count(&|i| i.ctf.is_some_and(|c| c.b_factor.0 != 0.0)),
        "_CTF.txt holds no B factor",
    );
    losses.add(
        LossKind::Movies,
        count(&|i| i.movie.is_some() || i.halves.is_some()),
        "an .aln names no files",
    );
    losses.add(LossKind::Optics, 1, "an .aln holds no microscope constants");
    losses.add(
        LossKind::Volume,
        usize::from(series.volume_size.is_some()),
        "an .aln holds no volume size (VolZ is an option)",
    );
    if !series.carried.columns.is_empty() && series.carried.source != SOURCE {
        let why = format!(
            "columns of {} have no place in an .aln",
            series.carried.source
        );
        losses.add(LossKind::ForeignColumns, series.carried.columns.len(), why);
    }
}
