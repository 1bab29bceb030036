//! The directory per tomogram of Bharat & Scheres, Nature Protocols 11, 2054 (2016):
//! `name.mrc` (tomogram), `name.mrcs` (aligned stack), `name.tlt`, `name.order`, `name.coords`, `name.trial`.
//!
//! The stack is the one the tomogram was made from: tilt axis along y, IMOD's centre. Missing and contradicting files
//! are told as in the paper's Table 1. Exposures of `.order` go to the closest angle of `.tlt`.

use std::path::{Path, PathBuf};

use thon_formats::imod::transforms::LinearTransform;
use thon_formats::relion_text::coordinates;
use thon_geometry::{Pose, Rotation};
use thon_images::mrc::{Mrc, MrcHeader};
use thon_model::{ImageReference, Optics, ParticleSet, TiltImage, TiltSeries, Tomogram, Weighting};
use thon_units::{Degrees, Dose, PixelSize};

use super::tilt_order_2016::{angles, read_order, trial};
use crate::imod::{Placement, geometry_of};
use crate::{Imported, InteropError};

/// What the files do not say, and what may be missing.
#[derive(Clone, Debug, Default)]
pub struct Layout2016Options {
    /// Pixel size of the stack; of its header when absent.
    pub pixel_size: Option<PixelSize>,
    /// Microscope constants.
    pub optics: Optics,
    /// Go on without `.order`: no exposure is known then.
    pub without_order: bool,
    /// Go on without `.coords`: no particles then.
    pub without_coordinates: bool,
}

/// One tomogram with everything beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet2016 {
    /// The aligned stack.
    pub series: TiltSeries,
    /// The reconstruction.
    pub tomogram: Tomogram,
    /// Picked centres; empty without `.coords`.
    pub particles: ParticleSet,
    /// The stack of extra exposures beside each image, for the defocus of high tilts; exactly two per image.
    pub trial: Option<PathBuf>,
}

/// Reads the directory of one tomogram, or its `name.mrc`.
pub fn read_layout_2016(
    path: &Path,
    options: &Layout2016Options,
) -> Result<Imported<DataSet2016>, InteropError> {
    let stem = stem(path)?;
    let file = |end: &str| stem.with_extension(end);
    let tomogram = header(&file("mrc"), "tomogram")?;
    let stack = header(
        &file("mrcs"),
        "aligned tilt series that the tomogram was made from",
    )?;
    let mut imported = Imported::new(());
    let pixel_size = options
        .pixel_size
        .or(stack.pixel_size().map(PixelSize))
        .ok_or_else(|| {
            InteropError::contradiction(
                file("mrcs").display(),
                "a pixel size in the header",
                "none",
            )
            .with_hint("give the pixel size of the tilt series")
        })?;
    let angles = angles(&file("tlt"), &file("mrcs"), &stack)?;
    let name = stem
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let binning = binning(&tomogram, pixel_size, &name, &mut imported.remarks);
    let dims = [tomogram.nz, tomogram.ny, tomogram.nx];
    let placement = Placement::centred(dims.map(|n| (n as f64 * binning).round() as usize));
    let raw = [stack.ny, stack.nx];
    let mut images = Vec::with_capacity(angles.len());
    for (index, angle) in angles.iter().enumerate() {
        let mut image = TiltImage::new(Degrees(*angle).radians(), Dose(0.0));
        image.image = Some(ImageReference {
            path: file("mrcs"),
            section: index,
        });
        image.geometry = geometry_of(
            &LinearTransform::IDENTITY,
            [*angle, 0.0],
            &placement,
            raw,
            pixel_size,
        );
        images.push(image);
    }
    read_order(&file("order"), &mut images, options, &mut imported.remarks)?;
    let trial = trial(&file("trial"), images.len())?;
    let grid = placement.tomogram_grid(dims, binning, pixel_size);
    let tomogram = Tomogram {
        name: name.clone(),
        tilt_series: name.clone(),
        grid,
        path: file("mrc"),
        halves: None,
        weighting: Weighting::Unknown,
    };
    let particles = particles(&file("coords"), &tomogram, options, &mut imported.remarks)?;
    let series = TiltSeries {
        name,
        pixel_size,
        image_size: raw,
        volume_size: Some(placement.size),
        optics: options.optics,
        nominal_tilt_axis_angle: None,
        defocus_hand: None,
        images,
        carried: thon_model::Carried::default(),
        carried_global: thon_model::Carried::default(),
    };
    Ok(imported.map(|()| DataSet2016 {
        series,
        tomogram,
        particles,
        trial,
    }))
}

/// `folder/name` of `folder/name.mrc`, of `folder` itself, or of the only tomogram in `folder`.
fn stem(path: &Path) -> Result<PathBuf, InteropError> {
    if !path.is_dir() {
        return Ok(path.with_extension(""));
    }
    if let Some(name) = path.file_name() {
        let own = path.join(name);
        if own.with_extension("mrc").exists() || own.with_extension("mrcs").exists() {
            return Ok(own);
        }
    }
    let entries = std::fs::read_dir(path)
        .map_err(|_| InteropError::missing(path, "directory of a tomogram"))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.extension().is_some_and(|end| end == "mrc"));
    match &found[..] {
        [one] => Ok(one.with_extension("")),
        [] => Err(InteropError::missing(&path.join("*.mrc"), "tomogram")),
        several => Err(InteropError::contradiction(
            path.display(),
            "one tomogram (.mrc)",
            format!("{} of them", several.len()),
        )),
    }
}

fn header(path: &Path, role: &str) -> Result<MrcHeader, InteropError> {
    if !path.exists() {
        return Err(InteropError::missing(path, role));
    }
    Ok(Mrc::read_header(path)?)
}

fn binning(
    tomogram: &MrcHeader,
    pixel_size: PixelSize,
    name: &str,
    remarks: &mut Vec<String>,
) -> f64 {
    let Some(voxel) = tomogram.pixel_size() else {
        remarks.push(format!(
            "{name}: the tomogram has no voxel size; that of the stack is taken"
        ));
        return 1.0;
    };
    let ratio = voxel / pixel_size.0;
    if !(0.02..=50.0).contains(&ratio) {
        remarks.push(format!(
            "{name}: the tomogram's voxel size {voxel} Å is not believed; that of the stack is taken"
        ));
        return 1.0;
    }
    if (ratio - 1.0).abs() > 0.01 {
        remarks.push(format!(
            "{name}: the tomogram is binned by {ratio:.3} against its stack"
        ));
        return ratio;
    }
    1.0
}

fn particles(
    path: &Path,
    tomogram: &Tomogram,
    options: &Layout2016Options,
    remarks: &mut Vec<String>,
) -> Result<ParticleSet, InteropError> {
    if !path.exists() {
        if options.without_coordinates {
            return Ok(ParticleSet::default());
        }
        return Err(InteropError::missing(
            path,
            "centres of particles in voxels of the tomogram",
        ));
    }
    let points = coordinates::points(&coordinates::read(path)?);
    let [nz, ny, nx] = tomogram.grid.dims.map(|n| n as f64);
    let outside = points
        .iter()
        .filter(|[x, y, z]| {
            !(0.0..nx).contains(x) || !(0.0..ny).contains(y) || !(0.0..nz).contains(z)
        })
        .count();
    if outside > 0 {
        remarks.push(format!(
            "{}: {outside} of {} centres lie outside the tomogram",
            path.display(),
            points.len()
        ));
    }
    let place = |point: &[f64; 3]| {
        Pose::new(
            Rotation::identity(),
            tomogram
                .grid
                .point_at_index(glam::DVec3::from_array(*point)),
        )
    };
    Ok(ParticleSet {
        names: (1..=points.len())
            .map(|number| format!("{}/{number}", tomogram.name))
            .collect(),
        tilt_series_names: vec![tomogram.tilt_series.clone()],
        tilt_series: vec![0; points.len()],
        poses: points.iter().map(place).collect(),
        ..ParticleSet::default()
    })
}
