//! Tilt series from DigitalMicrograph files (DM3, DM4): a stack with its angles, or one file per image.
//!
//! Readers: `thon_images::dm` for pixels, calibrations and stage tags, `thon_formats::numeric_table` for a list of angles. Images are
//! written into an MRC stack of floats, their rows in the order of the file. Å, degrees.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Health, TiltSeriesKind};
use thon_contract::{
    Context, Cost, Finding, Job, JobError, Methods, None as NoInputs, Output, PROCESS_MEMORY,
};
use thon_formats::numeric_table;
use thon_images::dm::{DmFile, DmImage, Tag};
use thon_images::mrc::{MrcSpec, MrcWriter};
use thon_model::{Carried, ImageReference, TiltImage, TiltSeries};
use thon_units::{Degrees, Dose, PixelSize};

use super::given_files::{self, expand, positive};
use super::microscope::Microscope;
use super::tilt_series_set::{existing, item_name};

/// Import of DigitalMicrograph files.
pub(crate) struct ImportDigitalMicrograph;

/// Import a tilt series from DigitalMicrograph files.
///
/// One file with a stack, or several with an image each, in the order of their names, make one series. Tilt angles come from `angles`,
/// else from the calibration of the stack's third axis, else from the stage position in each file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The files: paths or patterns such as `data/*.dm4`.
    #[schemars(extend("x-path" = true))]
    pub files: Vec<String>,
    /// Name of the series; that of the first file when empty.
    pub name: String,
    /// List of tilt angles in degrees, one per image (IMOD's `.rawtlt`).
    #[schemars(extend("x-path" = true))]
    pub angles: Option<PathBuf>,
    /// Pixel size of the images, instead of that of the file.
    pub pixel_size: Option<PixelSize>,
    /// Exposure of each image, in the order of the file.
    pub dose_per_image: Option<Dose>,
    /// Angle of the tilt axis from image y, counter-clockwise.
    #[schemars(range(min = -360.0, max = 360.0))]
    pub tilt_axis_angle: Option<Degrees>,
    /// The microscope.
    pub microscope: Microscope,
}

/// Outputs of the import.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tilt series, not aligned yet.
    tilt_series: Output<TiltSeriesKind>,
}

/// What was read of the files: everything but pixels.
struct Found {
    /// Path, image and number of sections of each file.
    files: Vec<(PathBuf, DmImage)>,
    size: [usize; 2],
    pixel_size: PixelSize,
    angles: Vec<f64>,
}

impl Job for ImportDigitalMicrograph {
    const ID: &'static str = "import.digital-micrograph";
    type Params = Params;
    type Inputs = NoInputs;
    type Outputs = Outputs;

    fn check(params: &Params, _: &NoInputs, context: &Context) -> Vec<Finding> {
        let numbers = [
            positive("pixel_size", params.pixel_size.map(|size| size.0), "Å/px"),
            positive(
                "dose_per_image",
                params.dose_per_image.map(|dose| dose.0),
                "e⁻/Å²",
            ),
        ];
        let mut findings: Vec<Finding> = numbers.into_iter().flatten().collect();
        if params.files.is_empty() {
            let message = "expected at least one DM3 or DM4 file, found nothing";
            findings.push(
                Finding::error("files", message)
                    .with_hint("give paths or a pattern, for example `data/*.dm4`"),
            );
        } else if let Err(error) = read(params, context) {
            findings.push(given_files::finding("files", &error));
        }
        findings
    }

    fn cost(params: &Params, _: &NoInputs, context: &Context) -> Cost {
        let Ok(found) = read(params, context) else {
            return Cost::default();
        };
        let pixels = (found.size[0] * found.size[1]) as u64;
        let images = found.angles.len() as u64;
        Cost {
            memory: PROCESS_MEMORY + 24 * pixels,
            disk: 4 * pixels * images + 2048 + 1_100 * images,
            cpu_seconds: 0.05 + (pixels * images) as f64 * 5e-9,
        }
    }

    fn run(params: &Params, _: &NoInputs, context: &Context) -> Result<Outputs, JobError> {
        let found = read(params, context)?;
        let name = name(params, &found);
        let file = format!("{name}.mrc");
        let path = context.file(&file)?;
        let [height, width] = found.size;
        let spec = MrcSpec::stack(
            [found.angles.len(), height, width],
            Some(found.pixel_size.0),
        );
        let mut writer =
            MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
        let mut health = Health::default();
        for (source, image) in &found.files {
            let resolved = context.resolve(source);
            let dm = DmFile::open(&resolved).map_err(|e| JobError::file(&resolved, e))?;
            for section in 0..image.shape()[0] {
                thon_compute::check(context.progress())?;
                let pixels = dm
                    .read_section(image, section)
                    .map_err(|e| JobError::file(&resolved, e))?;
                health.add(&pixels);
                writer
                    .write_section(&pixels)
                    .map_err(|e| JobError::file(&path, e))?;
            }
        }
        health.verdict(&file)?;
        writer.finish().map_err(|e| JobError::file(&path, e))?;
        let series = series(params, &found, &name, &context.published(&file));
        context.metric("tilt images", series.images.len() as f64);
        let mut record = context.store::<TiltSeriesKind>(&name, &series)?;
        record.files.push(file.into());
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tilt series were imported from DigitalMicrograph files.".into(),
            citations: Vec::new(),
        }
    }

    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        let files = expand(&params.files, context).unwrap_or_default();
        Ok(existing(
            files.into_iter().chain(params.angles.clone()),
            context,
        ))
    }
}

fn name(params: &Params, found: &Found) -> String {
    let first = found.files.first().and_then(|(path, _)| path.file_stem());
    let own = if params.name.is_empty() {
        first.map_or_else(|| "series".into(), |stem| stem.to_string_lossy())
    } else {
        params.name.as_str().into()
    };
    item_name(&own)
}

/// Headers, angles and what they disagree on.
fn read(params: &Params, context: &Context) -> Result<Found, JobError> {
    let (mut files, mut stage) = (Vec::new(), Vec::new());
    for path in expand(&params.files, context)? {
        let resolved = context.resolve(&path);
        let dm = DmFile::open(&resolved).map_err(|e| JobError::file(&resolved, e))?;
        let image = dm.image().map_err(|e| JobError::file(&resolved, e))?;
        stage.push(stage_tilt(dm.tags()));
        files.push((path, image));
    }
    let Some((path, first)) = files.first() else {
        return Err(JobError::data("no file was given"));
    };
    let [sections, height, width] = first.shape();
    for (other, image) in &files[1..] {
        let shape = image.shape();
        if sections != 1 || shape != [1, height, width] {
            let message = format!(
                "{}: expected one image of {width} × {height} like {}, found {} of {} × {}",
                other.display(),
                path.display(),
                shape[0],
                shape[2],
                shape[1]
            );
            let hint = "one stack, or files of one image each, make a series".into();
            return Err(JobError::Data { message, hint });
        }
    }
    let stated = first.pixel_size().map(PixelSize);
    let Some(pixel_size) = params.pixel_size.or(stated) else {
        let message = format!(
            "{}: the images have no calibration of length",
            path.display()
        );
        let hint = "give `pixel_size`".into();
        return Err(JobError::Data { message, hint });
    };
    let images = if files.len() == 1 {
        sections
    } else {
        files.len()
    };
    let angles = angles(params, first, &stage, images, context)?;
    Ok(Found {
        size: [height, width],
        pixel_size,
        angles,
        files,
    })
}

/// Tilt angles of all images, degrees.
fn angles(
    params: &Params,
    first: &DmImage,
    stage: &[Option<f64>],
    images: usize,
    context: &Context,
) -> Result<Vec<f64>, JobError> {
    if let Some(list) = &params.angles {
        let path = context.resolve(list);
        let table = numeric_table::read(&path).map_err(|e| JobError::file(&path, e))?;
        if table.width() != 1 || table.rows() != images {
            let message = format!(
                "{}: expected {images} angles, one per line, found {} rows of {}",
                list.display(),
                table.rows(),
                table.width()
            );
            let hint =
                "the list belongs to another stack, or images were left out of one of them".into();
            return Err(JobError::Data { message, hint });
        }
        return in_range(table.values().to_vec(), &list.display().to_string());
    }
    if let Some(calibration) = first.calibrations.get(2).filter(|c| is_degrees(&c.units)) {
        let angle = |index: usize| (index as f64 - calibration.origin) * calibration.scale;
        return in_range((0..images).map(angle).collect(), "the third axis");
    }
    let known: Option<Vec<f64>> = stage.iter().copied().collect();
    match known.filter(|angles| angles.len() == images) {
        Some(angles) => in_range(angles, "the stage positions"),
        None => Err(JobError::Data {
            message:
                "the files state no tilt angles, neither along a third axis nor as stage positions"
                    .into(),
            hint: "give a list of `angles`".into(),
        }),
    }
}

fn in_range(angles: Vec<f64>, place: &str) -> Result<Vec<f64>, JobError> {
    match angles
        .iter()
        .find(|angle| !(-180.0..=180.0).contains(*angle))
    {
        Some(wrong) => Err(JobError::data(format!(
            "{place}: expected tilt angles from −180° to 180°, found {wrong}"
        ))),
        None => Ok(angles),
    }
}

fn is_degrees(units: &str) -> bool {
    matches!(units, "deg" | "degrees" | "Degrees" | "°")
}

/// Stage tilt about the holder's axis that the microscope wrote into the tags of the last image, degrees.
fn stage_tilt(tags: &Tag) -> Option<f64> {
    let images = tags.find("ImageList")?.children();
    images.iter().rev().find_map(|(_, image)| {
        image
            .find("ImageTags/Microscope Info/Stage Position/Stage Alpha")?
            .number()
    })
}

fn series(params: &Params, found: &Found, name: &str, stack: &Path) -> TiltSeries {
    let dose = params.dose_per_image;
    let images = found.angles.iter().enumerate().map(|(section, angle)| {
        let before = dose.map_or(0.0, |dose| dose.0 * section as f64);
        TiltImage {
            image: Some(ImageReference {
                path: stack.to_owned(),
                section,
            }),
            acquisition_index: Some(section),
            exposure: dose,
            ..TiltImage::new(Degrees(*angle).radians(), Dose(before))
        }
    });
    TiltSeries {
        name: name.to_owned(),
        pixel_size: found.pixel_size,
        image_size: found.size,
        volume_size: None,
        optics: params.microscope.optics(),
        nominal_tilt_axis_angle: params.tilt_axis_angle.map(Degrees::radians),
        defocus_hand: None,
        images: images.collect(),
        carried: Carried::default(),
        carried_global: Carried::default(),
    }
}
