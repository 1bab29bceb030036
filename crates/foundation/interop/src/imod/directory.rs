//! Reads an eTomo directory into a [`TiltSeries`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use thon_formats::imod::command_file::{self, Command, CommandFile};
use thon_formats::imod::settings::{self, Settings};
use thon_formats::imod::{defocus, tilt_angles, transforms};
use thon_images::mrc::{Mrc, MrcHeader};
use thon_model::{
    Carried, CarriedColumn, Exclusion, ImageReference, Optics, TiltImage, TiltSeries,
};
use thon_units::{Degrees, Dose, PixelSize};

use super::{Placement, SOURCE, geometry_of};
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

/// Everything found in the directory.
struct Files {
    name: String,
    stack: Option<(PathBuf, Option<MrcHeader>)>,
    tilt: Option<CommandFile>,
    newstack: Option<CommandFile>,
    settings: Option<Settings>,
    dir: PathBuf,
}

impl Files {
    fn path(&self, suffix: &str) -> Option<PathBuf> {
        let path = self.dir.join(format!("{}{suffix}", self.name));
        path.is_file().then_some(path)
    }

    fn setting(&self, key: &str) -> Option<String> {
        self.settings
            .as_ref()?
            .get(key)
            .filter(|value| !value.is_empty())
    }
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
        "local areas are not in the model yet; the global alignment is kept",
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

fn find(dir: &Path, options: &EtomoImport) -> Result<Files, InteropError> {
    let names = names_in(dir)?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => only_name(dir, &names)?,
    };
    let axis = name
        .chars()
        .last()
        .filter(|letter| matches!(letter, 'a' | 'b'));
    let command = |program: &str| -> Result<Option<CommandFile>, InteropError> {
        let own = axis.map(|letter| format!("{program}{letter}.com"));
        let path = own
            .into_iter()
            .chain([format!("{program}.com")])
            .map(|file| dir.join(file))
            .find(|path| path.is_file());
        Ok(path.map(|path| command_file::read(&path)).transpose()?)
    };
    let stack = [".st", ".mrc", ".mrcs"]
        .iter()
        .map(|end| dir.join(format!("{name}{end}")))
        .find(|path| path.is_file());
    let stack = stack
        .map(|path| -> Result<_, InteropError> {
            Ok((path.clone(), Some(Mrc::read_header(&path)?)))
        })
        .transpose()?;
    let edf = [
        name.as_str(),
        name.strip_suffix(['a', 'b']).unwrap_or(&name),
    ];
    let edf = edf
        .iter()
        .map(|stem| dir.join(format!("{stem}.edf")))
        .find(|path| path.is_file());
    Ok(Files {
        tilt: command("tilt")?,
        newstack: command("newst")?,
        settings: edf.map(|path| settings::read(&path)).transpose()?,
        stack,
        name,
        dir: dir.to_owned(),
    })
}

/// The one data set of a directory: names with `.xf` and angles, else with angles only.
fn only_name(dir: &Path, names: &[String]) -> Result<String, InteropError> {
    let with = |suffix: &str| -> BTreeSet<&str> {
        names
            .iter()
            .filter_map(|name| name.strip_suffix(suffix))
            .collect()
    };
    let angles: BTreeSet<&str> = with(".tlt").union(&with(".rawtlt")).copied().collect();
    let transforms = with(".xf");
    let aligned = transforms
        .intersection(&angles)
        .copied()
        .filter(|name| !name.contains("_fid"));
    let aligned: Vec<&str> = aligned.collect();
    let any: Vec<&str> = if aligned.is_empty() {
        angles.into_iter().collect()
    } else {
        aligned
    };
    match any[..] {
        [one] => Ok(one.to_owned()),
        [] => Err(InteropError::missing(
            &dir.join("*.tlt"),
            "tilt angles of an eTomo data set",
        )),
        _ => {
            let found = format!("{} of them: {}", any.len(), any.join(", "));
            Err(
                InteropError::contradiction(dir.display(), "files of one data set", found)
                    .with_hint("name the data set to import"),
            )
        }
    }
}

fn names_in(dir: &Path) -> Result<Vec<String>, InteropError> {
    let entries =
        std::fs::read_dir(dir).map_err(|_| InteropError::missing(dir, "an eTomo directory"))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
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

/// The per-view files.
struct Views {
    count: usize,
    transforms: Option<Vec<transforms::LinearTransform>>,
    angles: Vec<f64>,
    raw_angles: Option<Vec<f64>>,
    x_tilts: Option<Vec<f64>>,
}

impl Views {
    fn read(files: &Files) -> Result<Self, InteropError> {
        let angles = |suffix: &str| {
            files
                .path(suffix)
                .map(|path| tilt_angles::read_angles(&path))
                .transpose()
        };
        let refined = angles(".tlt")?;
        let raw_angles = angles(".rawtlt")?;
        let x_tilts = angles(".xtilt")?;
        let transforms = files
            .path(".xf")
            .map(|path| transforms::read(&path))
            .transpose()?;
        let Some(angles) = refined.clone().or_else(|| raw_angles.clone()) else {
            let path = files.dir.join(format!("{}.tlt", files.name));
            return Err(InteropError::missing(
                &path,
                "tilt angles (.tlt or .rawtlt)",
            ));
        };
        let count = angles.len();
        let images = files
            .stack
            .as_ref()
            .and_then(|(_, header)| header.as_ref())
            .map(|header| header.nz);
        let counts = [
            (".xf", transforms.as_ref().map(Vec::len)),
            (".rawtlt", raw_angles.as_ref().map(Vec::len)),
            (".xtilt", x_tilts.as_ref().map(Vec::len)),
            ("stack", images),
        ];
        for (what, found) in counts {
            if let Some(found) = found.filter(|found| *found != count) {
                let place = format!("{}/{}", files.dir.display(), files.name);
                return Err(InteropError::contradiction(
                    place,
                    format!("as many views in the {what} as angles, {count}"),
                    found,
                )
                .with_hint(
                    "were views left out at some step? the files must belong to the same stack",
                ));
            }
        }
        Ok(Self {
            count,
            transforms,
            angles,
            raw_angles,
            x_tilts,
        })
    }

    fn image(
        &self,
        index: usize,
        files: &Files,
        placement: &Placement,
        raw: [usize; 2],
        pixel_size: PixelSize,
    ) -> Result<TiltImage, InteropError> {
        let nominal = self
            .raw_angles
            .as_ref()
            .map_or(self.angles[index], |raw| raw[index]);
        let mut image = TiltImage::new(Degrees(nominal).radians(), Dose(0.0));
        image.image = files.stack.as_ref().map(|(path, _)| ImageReference {
            path: path.clone(),
            section: index,
        });
        if let Some(transforms) = &self.transforms {
            let x_tilt = self.x_tilts.as_ref().map_or(0.0, |x| x[index]);
            let geometry = geometry_of(
                &transforms[index],
                [self.angles[index], x_tilt],
                placement,
                raw,
                pixel_size,
            );
            image.geometry = Some(geometry.ok_or_else(|| {
                let place = format!(
                    "{}/{}.xf, view {}",
                    files.dir.display(),
                    files.name,
                    index + 1
                );
                InteropError::contradiction(
                    place,
                    "a transform that does not mirror",
                    format!("{:?}", transforms[index].matrix),
                )
            })?);
        }
        Ok(image)
    }

    /// The numbers of the files, one column per file.
    fn carried(&self) -> Carried {
        let column = |label: &str, values: Vec<String>| CarriedColumn {
            label: label.to_owned(),
            values,
        };
        let numbers = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>();
        let mut columns = vec![column("tlt", numbers(&self.angles))];
        if let Some(transforms) = &self.transforms {
            let line = |t: &transforms::LinearTransform| {
                let [[a, b], [c, d]] = t.matrix;
                let [x, y] = t.shift;
                format!("{a} {b} {c} {d} {x} {y}")
            };
            columns.push(column("xf", transforms.iter().map(line).collect()));
        }
        if let Some(raw) = &self.raw_angles {
            columns.push(column("rawtlt", numbers(raw)));
        }
        if let Some(x_tilts) = &self.x_tilts {
            columns.push(column("xtilt", numbers(x_tilts)));
        }
        Carried {
            source: SOURCE.to_owned(),
            columns,
        }
    }
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
