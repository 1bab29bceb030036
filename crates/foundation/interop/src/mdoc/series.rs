//! Puts sections, stack and movies together.

use std::path::{Path, PathBuf};

use thon_formats::mdoc::{self, Mdoc, Section, SectionKind};
use thon_model::{Carried, CarriedColumn, Optics, TiltImage, TiltSeries};
use thon_units::{Degrees, Dose, Kilovolt, PixelSize, Radians};

use super::attach::{attach_movies, attach_stack, report_repeats};
use super::dose::{doses_before, exposure, ranks};
use crate::{Imported, InteropError};

/// What an mdoc does not say, or says wrongly.
#[derive(Clone, Debug, Default)]
pub struct MdocImport {
    /// The stack whose sections the `ZValue`s number.
    pub stack: Option<PathBuf>,
    /// Folder with the movies named by `SubFramePath`.
    pub movies: Option<PathBuf>,
    /// Exposure of each image, e/Å², when the mdoc has none.
    pub dose_per_image: Option<Dose>,
    /// Pixel size instead of `PixelSpacing`.
    pub pixel_size: Option<PixelSize>,
    /// Tilt-axis angle (from image y, counter-clockwise) instead of the title's.
    pub tilt_axis_angle: Option<Radians>,
    /// Microscope constants; the voltage of the mdoc wins.
    pub optics: Option<Optics>,
}

/// Reads an mdoc, or a folder of mdocs with one frame set each (one tilt series).
pub fn read_mdoc(path: &Path, options: &MdocImport) -> Result<Imported<TiltSeries>, InteropError> {
    let files = files(path)?;
    let name = series_name(path);
    let mut imported = Imported::new(());
    let remarks = &mut imported.remarks;
    let sections = sections(&files, path)?;
    let ranks = ranks(&sections, &name, remarks)?;
    let doses = doses_before(
        &sections,
        &ranks,
        options.dose_per_image.map(|dose| dose.0),
        &name,
        remarks,
    )?;
    let mut images = Vec::with_capacity(sections.len());
    for (index, section) in sections.iter().enumerate() {
        let mut image = one_image(section, path)?;
        image.dose_before = Dose(doses[index]);
        image.acquisition_index = Some(ranks[index]);
        image.exposure = exposure(section)?.map(Dose).or(options.dose_per_image);
        images.push(image);
    }
    let stack_size = attach_stack(&sections, &mut images, options)?;
    attach_movies(&sections, &mut images, options, &name, remarks)?;
    report_repeats(&mut images, &name, remarks);
    let header = &files[0];
    let image_size = match (stack_size, header.image_size()?) {
        (Some(size), _) => size,
        (None, Some([nx, ny])) if nx >= 1.0 && ny >= 1.0 => [ny as usize, nx as usize],
        _ => [0, 0],
    };
    let series = TiltSeries {
        pixel_size: pixel_size(&files, &sections, options, &name, remarks)?,
        image_size,
        volume_size: None,
        optics: optics(&files, options, &name, remarks)?,
        nominal_tilt_axis_angle: axis_angle(&files, &sections, options, &name, remarks)?,
        defocus_hand: None,
        images,
        carried: carried(&sections),
        carried_global: header_of(header),
        name,
    };
    Ok(imported.map(|()| series))
}

fn files(path: &Path) -> Result<Vec<Mdoc>, InteropError> {
    if path.is_file() {
        return Ok(vec![mdoc::read(path)?]);
    }
    let entries = std::fs::read_dir(path)
        .map_err(|_| InteropError::missing(path, "mdoc of a tilt series"))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "mdoc"));
    paths.sort();
    if paths.is_empty() {
        return Err(InteropError::missing(
            &path.join("*.mdoc"),
            "mdocs of a tilt series",
        ));
    }
    Ok(paths
        .iter()
        .map(|path| mdoc::read(path))
        .collect::<Result<_, _>>()?)
}

/// File name without `.mdoc`, `.mrc`, `.st`.
fn series_name(path: &Path) -> String {
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let name = name.strip_suffix(".mdoc").unwrap_or(&name);
    let end = [".mrc", ".mrcs", ".st", ".tif", ".eer"]
        .iter()
        .find_map(|end| name.strip_suffix(end));
    end.unwrap_or(name).to_owned()
}

/// The sections that are tilt images: `ZValue`s of a file, else its frame sets.
fn sections<'a>(files: &'a [Mdoc], path: &Path) -> Result<Vec<&'a Section>, InteropError> {
    let of = |kind: &SectionKind| -> Vec<&'a Section> {
        let all = files.iter().flat_map(|file| &file.sections);
        all.filter(|section| section.kind == *kind && section.get("TiltAngle").is_some())
            .collect()
    };
    let montage = files
        .iter()
        .any(|file| file.get("Montage").is_some_and(|value| value.trim() == "1"));
    let found = match of(&SectionKind::ZValue) {
        images if images.is_empty() => of(&SectionKind::FrameSet),
        images => images,
    };
    if found.is_empty() || montage {
        let what = if montage {
            "a montage"
        } else {
            "no section with a TiltAngle"
        };
        return Err(InteropError::contradiction(
            path.display(),
            "an mdoc of a tilt series",
            what,
        ));
    }
    Ok(found)
}

fn one_image(section: &Section, path: &Path) -> Result<TiltImage, InteropError> {
    let tilt = section.tilt_angle()?.filter(|tilt| tilt.is_finite());
    let tilt = tilt.ok_or_else(|| {
        let place = format!(
            "{}: [{} = {}]",
            path.display(),
            section.kind.name(),
            section.value
        );
        InteropError::contradiction(place, "a TiltAngle", "none")
    })?;
    Ok(TiltImage::new(Degrees(tilt).radians(), Dose(0.0)))
}

fn pixel_size(
    files: &[Mdoc],
    sections: &[&Section],
    options: &MdocImport,
    name: &str,
    remarks: &mut Vec<String>,
) -> Result<PixelSize, InteropError> {
    if let Some(size) = options.pixel_size {
        return Ok(size);
    }
    let stated = match sections[0].pixel_spacing()? {
        Some(size) => Some(size),
        None => files[0].pixel_spacing()?,
    };
    let size = stated
        .filter(|size| *size > 0.0 && size.is_finite())
        .ok_or_else(|| {
            InteropError::contradiction(name, "a PixelSpacing above 0", "none")
                .with_hint("give the pixel size")
        })?;
    let binning = sections[0].number("Binning")?.unwrap_or(1.0);
    if binning != 1.0 && options.movies.is_some() {
        remarks.push(format!(
            "{name}: PixelSpacing {size} Å is of images binned by {binning}; give the pixel size if the movies are not"
        ));
    }
    Ok(PixelSize(size))
}

fn optics(
    files: &[Mdoc],
    options: &MdocImport,
    name: &str,
    remarks: &mut Vec<String>,
) -> Result<Optics, InteropError> {
    let mut optics = options.optics.unwrap_or_default();
    match files[0].voltage()? {
        Some(voltage) if voltage > 0.0 => optics.voltage = Kilovolt(voltage),
        _ if options.optics.is_none() => {
            remarks.push(format!("{name}: no Voltage, {} assumed", optics.voltage));
        }
        _ => {}
    }
    if options.optics.is_none() {
        remarks.push(format!(
            "{name}: an mdoc does not state Cs and amplitude contrast; {} and {} assumed",
            optics.spherical_aberration, optics.amplitude_contrast
        ));
    }
    Ok(optics)
}

/// Angle of the tilt axis: of the title, else `RotationAngle` − 90°.
fn axis_angle(
    files: &[Mdoc],
    sections: &[&Section],
    options: &MdocImport,
    name: &str,
    remarks: &mut Vec<String>,
) -> Result<Option<Radians>, InteropError> {
    if options.tilt_axis_angle.is_some() {
        return Ok(options.tilt_axis_angle);
    }
    let title = files.iter().find_map(Mdoc::tilt_axis_angle);
    let rotation = sections[0].rotation_angle()?;
    if files[0]
        .titles()
        .any(|title| title.starts_with("Tomography"))
    {
        remarks.push(format!(
            "{name}: written by Tomography 5, whose tilt-axis angle ({}) and RotationAngle ({}) follow its own convention: check it",
            title.map_or_else(|| "none".to_owned(), |angle| format!("{angle}°")),
            rotation.map_or_else(|| "none".to_owned(), |angle| format!("{angle}°")),
        ));
    }
    let by_rotation = rotation.map(|angle| (angle - 90.0 + 180.0).rem_euclid(360.0) - 180.0);
    Ok(title.or(by_rotation).map(|angle| Degrees(angle).radians()))
}

/// All keys of the sections as columns, in order of first appearance.
fn carried(sections: &[&Section]) -> Carried {
    let mut carried = Carried {
        source: "mdoc".to_owned(),
        columns: Vec::new(),
    };
    for (row, section) in sections.iter().enumerate() {
        for (key, value) in section.entries() {
            crate::columns::set(
                &mut carried,
                sections.len(),
                key,
                row,
                value.to_owned(),
                "None",
            );
        }
    }
    carried
}

/// Header entries and titles.
fn header_of(file: &Mdoc) -> Carried {
    let mut carried = Carried {
        source: "mdoc".to_owned(),
        columns: Vec::new(),
    };
    for item in &file.header {
        if let mdoc::Item::Entry { key, value, .. } = item {
            crate::columns::set(&mut carried, 1, key, 0, value.clone(), "");
        }
    }
    let titles = file
        .titles()
        .enumerate()
        .map(|(number, text)| CarriedColumn {
            label: format!("T{}", number + 1),
            values: vec![text.to_owned()],
        });
    carried.columns.extend(titles);
    carried
}
