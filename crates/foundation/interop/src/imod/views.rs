//! The per-view files of an eTomo data set: `.xf`, `.tlt`, `.rawtlt`, `.xtilt`.

use super::files::Files;
use super::{Placement, SOURCE, geometry_of};
use crate::InteropError;
use thon_formats::imod::{tilt_angles, transforms};
use thon_model::{Carried, CarriedColumn, ImageReference, TiltImage};
use thon_units::{Degrees, Dose, PixelSize};

/// The per-view files.
pub(super) struct Views {
    pub count: usize,
    transforms: Option<Vec<transforms::LinearTransform>>,
    angles: Vec<f64>,
    raw_angles: Option<Vec<f64>>,
    x_tilts: Option<Vec<f64>>,
}

impl Views {
    pub(super) fn read(files: &Files) -> Result<Self, InteropError> {
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

    pub(super) fn image(
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
    pub(super) fn carried(&self) -> Carried {
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
