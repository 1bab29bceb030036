//! Reads an eTomo directory into a [`TiltSeries`].

use std::path::Path;

use thon_formats::imod::command_file::Command;
use thon_formats::imod::defocus;
use thon_model::{Carried, CarriedColumn, Exclusion, Optics, TiltImage, TiltSeries};
use thon_units::{Degrees, PixelSize};

use super::files::{Files, find};
use super::views::Views;
use super::{Placement, SOURCE};
use crate::{Imported, InteropError, LossKind};

/// What an eTomo directory may not say.
#[derive(Clone, Debug, Default)]
pub struct EtomoImport {
    /// Name of the data set (`TS_01` of `TS_01.xf`; with the axis letter for dual axis); found when absent.
    pub name: Option<String>,
    /// Pixel size of the raw stack, Å; read from the stack or the `.edf` when absent.
    pub pixel_size: Option<PixelSize>,
    /// Size of the raw images `[ny, nx]`; read from the stack when absent.
    pub image_size: Option<[usize; 2]>,
    /// Microscope constants; eTomo's files have none.
    pub optics: Option<Optics>,
}

/// Reads a directory. `.xf` and `.tlt` (or `.rawtlt` before the fine alignment) must agree on the number of views.
pub fn read_directory(
    dir: &Path,
    options: &EtomoImport,
) -> Result<Imported<TiltSeries>, InteropError> {
    let files = find(dir, options)?;
    let mut imported = Imported::new(());
    let pixel_size = pixel_size(&files, options, &mut imported.remarks);
    let pixel_size = pixel_size.ok_or_else(|| {
        InteropError::contradiction(
            dir.display(),
            "a pixel size in the stack or the .edf",
            "none",
        )
        .with_hint("give the pixel size of the raw stack")
    })?;
    let raw = raw_size(&files, options, &mut imported.remarks);
    let placement = Placement::from_commands(files.tilt.as_ref(), files.newstack.as_ref(), raw)?;
    let views = Views::read(&files)?;
    let mut images = Vec::with_capacity(views.count);
    for index in 0..views.count {
        images.push(views.image(index, &files, &placement, raw, pixel_size)?);
    }
    let excluded = exclude(&files, &mut images)?;
    imported.losses.add(
        LossKind::LocalAlignment,
        local_alignment(&files),
        "local areas are not read: the global alignment is kept",
    );
    let factors = usize::from(
        files
            .tilt
            .as_ref()
            .and_then(|f| f.command("tilt")?.get("ZFACTORFILE"))
            .is_some(),
    );
    imported.losses.add(
        LossKind::BeamStretch,
        factors * views.count,
        "Z factors of ZFACTORFILE have no place in the chain",
    );
    let mut series = TiltSeries {
        name: files.name.clone(),
        pixel_size,
        image_size: raw,
        volume_size: (placement.size != [0, 0, 0]).then_some(placement.size),
        optics: options.optics.unwrap_or_default(),
        nominal_tilt_axis_angle: files
            .setting("Setup.ImageRotationA")
            .and_then(|text| text.parse::<f64>().ok())
            .map(|angle| Degrees(angle).radians()),
        defocus_hand: None,
        images,
        carried: views.carried(),
        carried_global: carried_global(&files, &excluded),
    };
    if options.optics.is_none() {
        imported.remarks.push(format!(
            "{}: assumed 300 kV, 2.7 mm, amplitude contrast 0.07",
            files.name
        ));
    }
    if let Some(path) = files.path(".defocus") {
        let file = defocus::read(&path)?;
        series.defocus_hand = Some(super::defocus::hand(&file, &path.display().to_string()));
        super::defocus::apply(
            &file,
            &mut series,
            &placement,
            &mut imported.losses,
            &mut imported.remarks,
        );
    }
    Ok(imported.map(|()| series))
}

fn pixel_size(
    files: &Files,
    options: &EtomoImport,
    remarks: &mut Vec<String>,
) -> Option<PixelSize> {
    if options.pixel_size.is_some() {
        return options.pixel_size;
    }
    let header = files
        .stack
        .as_ref()
        .and_then(|(_, header)| header.as_ref()?.pixel_size());
    // eTomo states nm.
    let setting = files
        .setting("Setup.PixelSize")
        .and_then(|text| text.parse::<f64>().ok())
        .map(|nm| nm * 10.0)
        .filter(|size| *size > 0.0 && size.is_finite());
    if let (Some(a), Some(b)) = (header, setting)
        && (a - b).abs() > 1e-3 * b
    {
        remarks.push(format!(
            "{}: the stack says {a} Å/px, the .edf {b}; the stack is believed",
            files.name
        ));
    }
    header.or(setting).map(PixelSize)
}

fn raw_size(files: &Files, options: &EtomoImport, remarks: &mut Vec<String>) -> [usize; 2] {
    if let Some(size) = options.image_size {
        return size;
    }
    let header = files.stack.as_ref().and_then(|(_, header)| header.as_ref());
    if let Some(header) = header {
        return [header.ny, header.nx];
    }
    remarks.push(format!(
        "{}: no stack, image size unknown and taken as even",
        files.name
    ));
    [0, 0]
}

/// Keys of `tilt.com` and `newst.com`, so that an export writes them again.
fn carried_global(files: &Files, excluded: &str) -> Carried {
    let mut columns = Vec::new();
    for (prefix, file, program) in [
        ("tilt", &files.tilt, "tilt"),
        ("newst", &files.newstack, "newstack"),
    ] {
        let command = file.as_ref().and_then(|file| file.command(program));
        for (key, value) in command.into_iter().flat_map(Command::entries) {
            let label = format!("{prefix}.{key}");
            columns.push(CarriedColumn {
                label,
                values: vec![value.to_owned()],
            });
        }
    }
    if !excluded.is_empty() {
        columns.push(CarriedColumn {
            label: "excluded".to_owned(),
            values: vec![excluded.to_owned()],
        });
    }
    Carried {
        source: SOURCE.to_owned(),
        columns,
    }
}

/// Marks the views of EXCLUDELIST and of the `.edf`; gives where the lists stand.
fn exclude(files: &Files, images: &mut [TiltImage]) -> Result<String, InteropError> {
    let mut places = Vec::new();
    let mut mark = |views: &[i64], reason: &str| -> Result<(), InteropError> {
        for view in views {
            let index = view
                .checked_sub(1)
                .and_then(|index| usize::try_from(index).ok())
                .filter(|index| *index < images.len());
            let Some(index) = index else {
                return Err(InteropError::contradiction(
                    reason,
                    format!("views from 1 to {}", images.len()),
                    view,
                ));
            };
            images[index].exclusion.get_or_insert_with(|| Exclusion {
                reason: reason.to_owned(),
            });
        }
        if !views.is_empty() {
            places.push(reason.to_owned());
        }
        Ok(())
    };
    if let Some(command) = files.tilt.as_ref().and_then(|file| file.command("tilt")) {
        for key in ["EXCLUDELIST", "EXCLUDELIST2"] {
            mark(
                &command.number_list(key)?.unwrap_or_default(),
                &format!("{key} of tilt.com"),
            )?;
        }
    }
    let axis = if files.name.ends_with('b')
        && files
            .setting("Setup.AxisType")
            .is_some_and(|t| t.starts_with("Dual"))
    {
        'B'
    } else {
        'A'
    };
    if let Some(list) = files.setting(&format!("Setup.Axis{axis}.ExcludeProjections")) {
        let name = format!("{}.edf", files.name);
        let views = thon_formats::imod::number_list::expand(&list, &name, 0)?;
        mark(&views, "ExcludeProjections of the .edf")?;
    }
    Ok(places.join("; "))
}

/// 1 when `tilt.com` uses a local alignment.
fn local_alignment(files: &Files) -> usize {
    let command = files.tilt.as_ref().and_then(|file| file.command("tilt"));
    usize::from(command.is_some_and(|command| command.get("LOCALFILE").is_some()))
}
