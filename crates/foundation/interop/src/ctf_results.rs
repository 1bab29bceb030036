//! Contrast transfer that another program estimated, given to the images of a series that is already there.
//!
//! Read are results of CTFFIND 4 and 5 and AreTomo (`.txt`), Gctf and RELION tables (`.star`), ctfplotter's `.defocus` (versions
//! 1 to 3), and Warp's and M's tilt series (`.xml`). The kind of file is told by its content. Rows belong to images by their
//! section in the stack, by tilt angle (Warp), or by their order; a row too many or too few is refused.

use std::collections::BTreeMap;
use std::path::Path;

use thon_formats::imod::defocus::{self, AXIS_IN_RADIANS, DefocusFile, PHASE_IN_RADIANS};
use thon_formats::star::{self, Table};
use thon_formats::text::{display_name, read_text};
use thon_formats::warp::{self, Grid, WarpItem};
use thon_formats::{FormatError, ctffind};
use thon_model::{Ctf, TiltSeries};
use thon_units::{Angstrom, Degrees, Radians};

use crate::{Imported, InteropError};

/// Å per nm and per µm.
const NANOMETRE: f64 = 10.0;
const MICROMETRE: f64 = 1e4;
/// Largest difference between tilt angles of one view, degrees.
const SAME_TILT: f64 = 0.6;

/// What a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Key {
    /// Section of the stack, from 0.
    Section(usize),
    /// Nominal tilt in the program's sign, degrees.
    Tilt(f64),
}

/// Estimates of one file.
struct Results {
    /// Name of the program or format.
    kind: &'static str,
    rows: Vec<(Key, Ctf)>,
}

/// Gives the images of a series the estimates of a file; images that the file does not know keep what they have.
///
/// # Errors
/// A file of no known kind or against its format; rows that do not belong to the images of the series.
pub fn adopt_ctf(path: &Path, series: &TiltSeries) -> Result<Imported<TiltSeries>, InteropError> {
    let name = display_name(path);
    let results = parse(&read_text(path)?, &name)?;
    let mut imported = Imported::new(series.clone());
    let places = places(&results, series, path)?;
    let mut given = 0;
    for (index, ctf) in places {
        let image = &mut imported.value.images[index];
        let before = image.ctf;
        image.ctf = Some(Ctf {
            scale: before.map_or(1.0, |c| c.scale),
            b_factor: before.map_or(ctf.b_factor, |c| c.b_factor),
            ..ctf
        });
        given += 1;
    }
    let without = imported
        .value
        .used()
        .filter(|i| imported.value.images[*i].ctf.is_none())
        .count();
    imported
        .remarks
        .push(format!("{name}: {given} estimates of {}", results.kind));
    if without > 0 {
        imported.remarks.push(format!(
            "{}: {without} used images are not in {name}",
            series.name
        ));
    }
    Ok(imported)
}

fn parse(text: &str, name: &str) -> Result<Results, InteropError> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('<') {
        return of_warp(&warp::parse(text, name)?);
    }
    let is_star = text
        .lines()
        .any(|line| line.trim_start().starts_with("data_"));
    if is_star {
        return of_star(text, name);
    }
    let lower = name.to_ascii_lowercase();
    if lower.ends_with(".defocus") {
        return Ok(of_imod(&defocus::parse(text, name)?));
    }
    let results = ctffind::parse(text, name)?;
    let mut rows = Vec::new();
    for row in &results.rows {
        let section = usize::try_from(row.image - 1)
            .map_err(|_| InteropError::contradiction(name, "images counted from 1", row.image))?;
        let ctf = Ctf {
            defocus_v: Angstrom(row.defocus[1]),
            defocus_angle: Degrees(row.azimuth).radians(),
            phase_shift: Radians(row.phase_shift),
            ..Ctf::round(Angstrom(row.defocus[0]))
        };
        rows.push((Key::Section(section), ctf));
    }
    Ok(Results {
        kind: "CTFFIND",
        rows,
    })
}

fn of_imod(file: &DefocusFile) -> Results {
    let base = i64::from(!file.rows.iter().any(|row| row.views[0] == 0));
    let angle = |value: f64, flag: u32| {
        if file.flags & flag != 0 {
            Radians(value)
        } else {
            Degrees(value).radians()
        }
    };
    let mut rows = Vec::new();
    for row in &file.rows {
        let mut ctf = Ctf::round(Angstrom(row.defocus * NANOMETRE));
        if let Some(astigmatism) = &row.astigmatism {
            ctf.defocus_v = Angstrom(astigmatism.defocus * NANOMETRE);
            ctf.defocus_angle = angle(astigmatism.axis, AXIS_IN_RADIANS);
        }
        ctf.phase_shift = row
            .phase_shift
            .map_or(Radians(0.0), |p| angle(p, PHASE_IN_RADIANS));
        // A range of views is at most as long as any series.
        let [first, last] = row.views;
        for view in first..=last.min(first.saturating_add(10_000)) {
            if let Ok(section) = usize::try_from(view - base) {
                rows.push((Key::Section(section), ctf));
            }
        }
    }
    Results {
        kind: "ctfplotter",
        rows,
    }
}

fn of_star(text: &str, name: &str) -> Result<Results, InteropError> {
    let file = star::parse(text, name)?;
    let tables = file.blocks.iter().flat_map(|block| &block.tables);
    let table = tables
        .into_iter()
        .find(|table| table.has("rlnDefocusU"))
        .ok_or_else(|| {
            InteropError::contradiction(name, "a table with rlnDefocusU", "none")
                .with_hint("is this a table of one tilt series?")
        })?;
    let number = |label: &str, row: usize| -> Result<Option<f64>, FormatError> {
        table.find(label).map(|column| column.f64(row)).transpose()
    };
    let mut rows = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let u = table.column("rlnDefocusU")?.f64(row)?;
        let ctf = Ctf {
            defocus_v: Angstrom(number("rlnDefocusV", row)?.unwrap_or(u)),
            defocus_angle: Degrees(number("rlnDefocusAngle", row)?.unwrap_or(0.0)).radians(),
            phase_shift: Degrees(number("rlnPhaseShift", row)?.unwrap_or(0.0)).radians(),
            ..Ctf::round(Angstrom(u))
        };
        rows.push((key_of(table, row)?, ctf));
    }
    Ok(Results {
        kind: "a STAR table",
        rows,
    })
}

/// By nominal tilt when the table has it, by section in the stack, or by order.
fn key_of(table: &Table, row: usize) -> Result<Key, FormatError> {
    if let Some(column) = table.find("rlnTomoNominalStageTiltAngle") {
        return column.f64(row).map(Key::Tilt);
    }
    let section = table
        .get(row, "rlnMicrographName")
        .and_then(|token| token.split_once('@'))
        .and_then(|(number, _)| number.parse::<usize>().ok())
        .and_then(|number| number.checked_sub(1));
    Ok(Key::Section(section.unwrap_or(row)))
}

fn of_warp(item: &WarpItem) -> Result<Results, InteropError> {
    let place = &item.name;
    let angles = item
        .number_list("Angles")?
        .ok_or_else(|| InteropError::contradiction(place, "<Angles>", "none"))?;
    let per_view = |name: &str| -> Result<Option<Vec<f64>>, InteropError> {
        item.grid(name)?
            .map(|grid| means(&grid, angles.len(), place, name))
            .transpose()
    };
    let defocus = per_view("GridCTF")?
        .ok_or_else(|| InteropError::contradiction(place, "<GridCTF>", "none"))?;
    let [delta, angle, phase] = [
        per_view("GridCTFDefocusDelta")?,
        per_view("GridCTFDefocusAngle")?,
        per_view("GridCTFPhase")?,
    ];
    let at = |list: &Option<Vec<f64>>, i: usize| list.as_ref().map_or(0.0, |l| l[i]);
    let rows = angles.iter().enumerate().map(|(i, tilt)| {
        let half = 0.5 * MICROMETRE * at(&delta, i);
        let mean = MICROMETRE * defocus[i];
        let ctf = Ctf {
            defocus_v: Angstrom(mean - half),
            defocus_angle: Degrees(at(&angle, i)).radians(),
            phase_shift: Radians(std::f64::consts::PI * at(&phase, i)),
            ..Ctf::round(Angstrom(mean + half))
        };
        (Key::Tilt(*tilt), ctf)
    });
    Ok(Results {
        kind: "Warp",
        rows: rows.collect(),
    })
}

/// Mean over the field of each view of a grid; a grid of one view holds for all.
fn means(grid: &Grid, views: usize, file: &str, name: &str) -> Result<Vec<f64>, InteropError> {
    let depth = grid.size[2];
    if depth != views && depth != 1 {
        let expected = format!("one or {views} views in <{name}>");
        return Err(InteropError::contradiction(file, expected, depth));
    }
    let mut sums = vec![(0.0, 0usize); depth];
    for node in &grid.nodes {
        if let Some(sum) = sums.get_mut(node.position[2]) {
            sum.0 += node.value;
            sum.1 += 1;
        }
    }
    if sums.iter().any(|(_, count)| *count == 0) {
        return Err(InteropError::contradiction(
            file,
            format!("nodes for every view of <{name}>"),
            "none for some",
        ));
    }
    Ok((0..views)
        .map(|i| {
            let (sum, count) = sums[if depth == 1 { 0 } else { i }];
            sum / count as f64
        })
        .collect())
}

/// Image of each row.
fn places(
    results: &Results,
    series: &TiltSeries,
    path: &Path,
) -> Result<BTreeMap<usize, Ctf>, InteropError> {
    if results.rows.is_empty() {
        return Err(InteropError::contradiction(
            path.display(),
            "at least one estimate",
            "none",
        ));
    }
    let by_tilt = results
        .rows
        .iter()
        .all(|(key, _)| matches!(key, Key::Tilt(_)));
    if by_tilt {
        by_tilts(results, series, path)
    } else {
        by_sections(results, series, path)
    }
}

fn by_sections(
    results: &Results,
    series: &TiltSeries,
    path: &Path,
) -> Result<BTreeMap<usize, Ctf>, InteropError> {
    let count = series.images.len();
    let mut places = BTreeMap::new();
    for (row, (key, ctf)) in results.rows.iter().enumerate() {
        let Key::Section(section) = key else { continue };
        // A section of the stack, where the images lie in one; otherwise the order of the images.
        let in_stack = |i: &usize| {
            series.images[*i]
                .image
                .as_ref()
                .is_some_and(|image| image.section == *section)
        };
        let one_stack = series
            .images
            .iter()
            .filter_map(|i| i.image.as_ref())
            .map(|i| &i.path)
            .collect::<std::collections::BTreeSet<_>>()
            .len()
            == 1;
        let index = if one_stack {
            (0..count).find(in_stack)
        } else {
            (*section < count).then_some(*section)
        };
        let index = index.ok_or_else(|| {
            InteropError::contradiction(
                format!("{}, row {}", path.display(), row + 1),
                format!("one of the {count} images of {}", series.name),
                format!("image {}", section + 1),
            )
            .with_hint("does this file belong to this series?")
        })?;
        places.insert(index, *ctf);
    }
    Ok(places)
}

fn by_tilts(
    results: &Results,
    series: &TiltSeries,
    path: &Path,
) -> Result<BTreeMap<usize, Ctf>, InteropError> {
    let tilts: Vec<f64> = series
        .images
        .iter()
        .map(|image| image.nominal_tilt_angle.degrees().0)
        .collect();
    let matched = |sign: f64| -> Option<BTreeMap<usize, Ctf>> {
        let mut places = BTreeMap::new();
        for (key, ctf) in &results.rows {
            let Key::Tilt(tilt) = key else { return None };
            let free = (0..tilts.len()).filter(|i| !places.contains_key(i));
            let away = |i: usize| (tilts[i] - sign * tilt).abs();
            let nearest = free.min_by(|a, b| away(*a).total_cmp(&away(*b)))?;
            if away(nearest) > SAME_TILT {
                return None;
            }
            places.insert(nearest, *ctf);
        }
        Some(places)
    };
    // Warp's sign is opposite with its default import.
    matched(1.0).or_else(|| matched(-1.0)).ok_or_else(|| {
        InteropError::contradiction(
            path.display(),
            format!(
                "tilt angles within {SAME_TILT}° of those of the {} images of {}",
                tilts.len(),
                series.name
            ),
            "others",
        )
        .with_hint("does this file belong to this series?")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_model::{Carried, Optics, TiltImage};
    use thon_units::{Dose, PixelSize};

    fn series(tilts: &[f64]) -> TiltSeries {
        TiltSeries {
            name: "TS_01".into(),
            pixel_size: PixelSize(1.0),
            image_size: [0, 0],
            volume_size: None,
            optics: Optics::default(),
            nominal_tilt_axis_angle: None,
            defocus_hand: None,
            images: tilts
                .iter()
                .map(|t| TiltImage::new(Degrees(*t).radians(), Dose(0.0)))
                .collect(),
            carried: Carried::default(),
            carried_global: Carried::default(),
        }
    }

    fn adopted(name: &str, text: &str, tilts: &[f64]) -> Result<TiltSeries, InteropError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        adopt_ctf(&path, &series(tilts)).map(|imported| imported.value)
    }

    fn values(series: &TiltSeries) -> Vec<(f64, f64)> {
        series
            .images
            .iter()
            .map(|i| i.ctf.map_or((0.0, 0.0), |c| (c.defocus_u.0, c.defocus_v.0)))
            .collect()
    }

    #[test]
    fn every_kind_of_file_gives_its_values() {
        let text = "# c\n1 30100 29900 35 0.1 0.5 8.0\n2 31000 30000 20 0 0.4 9.0\n";
        let found = adopted("a.txt", text, &[-3.0, 0.0]).unwrap();
        assert_eq!(values(&found), [(30100.0, 29900.0), (31000.0, 30000.0)]);
        assert!((found.images[0].ctf.unwrap().phase_shift.0 - 0.1).abs() < 1e-12);
        let text = "1\t0\t0. 0. 0. 3\n1 1 -3 -3 3010 2990 35\n2 2 0 0 3100 3000 20\n".replacen(
            "1\t0\t0. 0. 0. 3",
            "1 0 0. 0. 0. 3",
            1,
        );
        assert_eq!(
            values(&adopted("a.defocus", &text, &[-3.0, 0.0]).unwrap()),
            [(30100.0, 29900.0), (31000.0, 30000.0)]
        );
        let text = "data_\n\nloop_\n_rlnMicrographName #1\n_rlnDefocusU #2\n_rlnDefocusV #3\n_rlnDefocusAngle #4\n2@a.mrc 31000 30000 20\n1@a.mrc 30100 29900 35\n\n";
        assert_eq!(
            values(&adopted("a.star", text, &[-3.0, 0.0]).unwrap()),
            [(30100.0, 29900.0), (31000.0, 30000.0)]
        );
        let grid = |name: &str, a: f64, b: f64| {
            format!(
                "<{name} Width=\"1\" Height=\"1\" Depth=\"2\"><Node X=\"0\" Y=\"0\" Z=\"0\" Value=\"{a}\"/><Node X=\"0\" Y=\"0\" Z=\"1\" Value=\"{b}\"/></{name}>"
            )
        };
        let text = format!(
            "<TiltSeries><Angles>3\n0</Angles>{}{}</TiltSeries>",
            grid("GridCTF", 3.0, 3.05),
            grid("GridCTFDefocusDelta", 0.02, 0.1)
        );
        let found = values(&adopted("a.xml", &text, &[0.0, -3.0]).unwrap());
        assert!(
            (found[1].0 - 30100.0).abs() < 1e-6
                && (found[0].0 - 31000.0).abs() < 1e-6
                && (found[0].1 - 30000.0).abs() < 1e-6
        );
    }

    #[test]
    fn files_of_another_series_are_refused() {
        assert!(adopted("a.txt", "3 1 1 0 0 0 0\n", &[-3.0, 0.0]).is_err());
        assert!(adopted("a.txt", "0 1 1 0 0 0 0\n", &[-3.0, 0.0]).is_err());
        assert!(adopted("a.txt", "# nothing\n", &[-3.0, 0.0]).is_err());
        let text = "<TiltSeries><Angles>40</Angles><GridCTF Width=\"1\" Height=\"1\" Depth=\"1\"><Node X=\"0\" Y=\"0\" Z=\"0\" Value=\"3\"/></GridCTF></TiltSeries>";
        assert!(adopted("a.xml", text, &[-3.0, 0.0]).is_err());
        assert!(adopted("a.star", "data_\n\nloop_\n_rlnX #1\n1\n\n", &[0.0]).is_err());
    }
}
