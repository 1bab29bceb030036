//! Writes a [`TiltSeries`] as an eTomo directory: `.xf`, `.tlt`, `.rawtlt`, `.xtilt`, `.defocus`, `tilt.com`,
//! `newst.com`.

use std::path::PathBuf;

use thon_formats::imod::command_file::{self};
use thon_formats::imod::transforms::{self, LinearTransform};
use thon_formats::imod::{defocus, tilt_angles};
use thon_formats::text::{parse_f64, write_file};
use thon_geometry::TiltGeometry;
use thon_model::{TiltImage, TiltSeries};

use super::commands::{commands, one_stack};
use super::{Placement, SOURCE, geometry_of, transform_of};
use crate::columns::fits;
use crate::{InteropError, LossKind, Losses};

/// Where to write.
#[derive(Clone, Debug)]
pub struct EtomoExport {
    /// The directory; created when absent.
    pub dir: PathBuf,
    /// Name of the data set; the series' name when absent.
    pub name: Option<String>,
}

/// Writes the directory; gives what IMOD cannot hold. Excluded views stay in every file and are named in EXCLUDELIST.
pub fn write_directory(series: &TiltSeries, to: &EtomoExport) -> Result<Losses, InteropError> {
    let mut losses = Losses::new("IMOD");
    let name = to
        .name
        .clone()
        .unwrap_or_else(|| series.name.replace(['/', '\\'], "_"));
    std::fs::create_dir_all(&to.dir).map_err(|source| InteropError::Write {
        path: to.dir.clone(),
        source,
    })?;
    let path = |suffix: &str| to.dir.join(format!("{name}{suffix}"));
    let commands = commands(series, &name);
    let placement =
        Placement::from_commands(Some(&commands[0]), Some(&commands[1]), series.image_size)?;
    let placement = if series.volume_size.is_none() {
        Placement {
            size: [0; 3],
            ..placement
        }
    } else {
        placement
    };
    let mut lines = Lines::default();
    for (row, image) in series.images.iter().enumerate() {
        lines.push(series, row, image, &placement)?;
    }
    let nominal: Vec<f64> = series
        .images
        .iter()
        .map(|image| image.nominal_tilt_angle.degrees().0)
        .collect();
    write_file(
        &path(".rawtlt"),
        tilt_angles::write_angles(&nominal).as_bytes(),
    )?;
    write_file(
        &path(".tlt"),
        tilt_angles::write_angles(&lines.angles).as_bytes(),
    )?;
    if lines.aligned > 0 {
        write_file(
            &path(".xf"),
            transforms::write(&lines.transforms).as_bytes(),
        )?;
        write_file(
            &path(".xtilt"),
            tilt_angles::write_angles(&lines.x_tilts).as_bytes(),
        )?;
    }
    if let Some(file) = super::defocus::of_series(series, &placement, &mut losses) {
        write_file(&path(".defocus"), defocus::write(&file).as_bytes())?;
    }
    for (file, program) in commands.iter().zip(["tilt.com", "newst.com"]) {
        write_file(&to.dir.join(program), command_file::write(file).as_bytes())?;
    }
    note_losses(series, &lines, &mut losses);
    Ok(losses)
}

/// The per-view files under construction.
#[derive(Default)]
struct Lines {
    transforms: Vec<LinearTransform>,
    angles: Vec<f64>,
    x_tilts: Vec<f64>,
    aligned: usize,
}

impl Lines {
    fn push(
        &mut self,
        series: &TiltSeries,
        row: usize,
        image: &TiltImage,
        placement: &Placement,
    ) -> Result<(), InteropError> {
        let Some(geometry) = image.geometry else {
            self.transforms.push(LinearTransform::IDENTITY);
            self.angles.push(image.nominal_tilt_angle.degrees().0);
            self.x_tilts.push(0.0);
            return Ok(());
        };
        self.aligned += 1;
        let (transform, [tilt, x_tilt]) = match unchanged(series, row, &geometry, placement) {
            Some(lines) => lines,
            None => transform_of(&geometry, placement, series.image_size, series.pixel_size)
                .ok_or_else(|| {
                    let place = format!("{}, image {}", series.name, row + 1);
                    InteropError::contradiction(
                        place,
                        "a deformation that can be undone",
                        geometry.affine,
                    )
                })?,
        };
        self.transforms.push(transform);
        self.angles.push(tilt);
        self.x_tilts.push(x_tilt);
        Ok(())
    }
}

/// The carried lines of an image when they still mean its geometry.
fn unchanged(
    series: &TiltSeries,
    row: usize,
    geometry: &TiltGeometry,
    placement: &Placement,
) -> Option<(LinearTransform, [f64; 2])> {
    let carried = &series.carried;
    if carried.source != SOURCE || !fits(carried, series.images.len()) {
        return None;
    }
    let numbers: Vec<f64> = carried
        .value("xf", row)?
        .split(' ')
        .filter_map(parse_f64)
        .collect();
    let [a, b, c, d, x, y] = numbers[..] else {
        return None;
    };
    let transform = LinearTransform {
        matrix: [[a, b], [c, d]],
        shift: [x, y],
    };
    let tilt = parse_f64(carried.value("tlt", row)?)?;
    let x_tilt = carried.value("xtilt", row).map_or(Some(0.0), parse_f64)?;
    let meant = geometry_of(
        &transform,
        [tilt, x_tilt],
        placement,
        series.image_size,
        series.pixel_size,
    )?;
    (meant == *geometry).then_some((transform, [tilt, x_tilt]))
}

fn note_losses(series: &TiltSeries, lines: &Lines, losses: &mut Losses) {
    let count = |test: &dyn Fn(&TiltImage) -> bool| {
        series.images.iter().filter(|image| test(image)).count()
    };
    let total = series.images.len();
    let unaligned = if lines.aligned > 0 {
        total - lines.aligned
    } else {
        0
    };
    losses.add(
        LossKind::UnalignedImages,
        unaligned,
        "a view has a line in every file: the identity is written",
    );
    losses.add(
        LossKind::Deformation,
        count(&|i| i.geometry.is_some_and(|g| g.deformation.is_some())),
        "specimen motion and local displacements are not written",
    );
    losses.add(
        LossKind::ExcludedImages,
        count(&|i| !i.is_used()),
        "EXCLUDELIST keeps the views, not the reasons",
    );
    losses.add(
        LossKind::Dose,
        count(&|i| i.dose_before.0 != 0.0 || i.exposure.is_some()),
        "eTomo's files hold no exposure (mdoc does)",
    );
    losses.add(
        LossKind::AcquisitionOrder,
        count(&|i| i.acquisition_index.is_some()),
        "eTomo's files hold no order in time (mdoc does)",
    );
    losses.add(
        LossKind::AmplitudeScale,
        count(&|i| i.ctf.is_some_and(|c| c.scale != 1.0)),
        ".defocus holds no amplitude scale",
    );
    losses.add(
        LossKind::BFactor,
        count(&|i| i.ctf.is_some_and(|c| c.b_factor.0 != 0.0)),
        ".defocus holds no B factor",
    );
    losses.add(
        LossKind::Movies,
        count(&|i| i.movie.is_some() || i.halves.is_some()),
        "eTomo's files name no movies or half images",
    );
    if one_stack(series).is_none() && count(&|i| i.image.is_some()) > 0 {
        losses.add(
            LossKind::Movies,
            total,
            "IMOD wants one stack with all images in order: write one first",
        );
    }
    losses.add(
        LossKind::Optics,
        1,
        "voltage, aberration and amplitude contrast stand in ctfplotter.com only",
    );
    if series.volume_size.is_none() {
        losses.add(
            LossKind::Volume,
            1,
            "no volume size is known: tilt.com has no THICKNESS",
        );
    }
    if !series.carried.columns.is_empty() && series.carried.source != SOURCE {
        let why = format!(
            "columns of {} have no place in eTomo's files",
            series.carried.source
        );
        losses.add(LossKind::ForeignColumns, series.carried.columns.len(), why);
    }
}
