//! A tilt series: its images, their exposure, geometry and contrast transfer, and what was left out.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thon_geometry::TiltGeometry;
use thon_units::{Dose, PixelSize, Radians};

use crate::{Carried, Ctf, DefocusHand, Optics};

/// A section of an image file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageReference {
    /// The file.
    pub path: PathBuf,
    /// Section in the file, counted from 0.
    pub section: usize,
}

/// The movie a tilt image was summed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movie {
    /// The file.
    pub path: PathBuf,
    /// Number of frames, when known.
    pub frames: Option<usize>,
}

/// Why a tilt image is not used. Excluded images stay in their series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclusion {
    /// The reason, in words a person wrote or a test produced.
    pub reason: String,
}

/// Something that was done to the pixels of an image and must not be done twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// Peaks of X-rays and hot pixels were filled in.
    PeaksRemoved,
    /// Gold beads were filled in.
    BeadsErased,
    /// Mean and deviation were set.
    Normalised,
    /// Frequencies were weighted with what the exposure left of them.
    ExposureWeighted,
    /// Contrast transfer was corrected (phases flipped, multiplied or divided out).
    CtfCorrected,
}

/// One image of a tilt series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TiltImage {
    /// The image, in its raw orientation; absent while there are only movies.
    pub image: Option<ImageReference>,
    /// The two half-sums (even and odd frames), when they exist.
    pub halves: Option<[ImageReference; 2]>,
    /// The movie behind the image.
    pub movie: Option<Movie>,
    /// Rank in time, counted from 0.
    pub acquisition_index: Option<usize>,
    /// Stage tilt that was asked for.
    pub nominal_tilt_angle: Radians,
    /// Exposure of the specimen before this image.
    pub dose_before: Dose,
    /// Exposure of this image itself.
    pub exposure: Option<Dose>,
    /// Geometry from the alignment; absent before it.
    pub geometry: Option<TiltGeometry>,
    /// Contrast transfer at the height of the specimen's origin; absent before its estimation.
    pub ctf: Option<Ctf>,
    /// Why the image is not used, if it is not.
    pub exclusion: Option<Exclusion>,
    /// What was done to its pixels (and to those of its halves), in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub treatments: Vec<Treatment>,
}

impl TiltImage {
    /// An image of which only tilt and exposure are known.
    pub fn new(nominal_tilt_angle: Radians, dose_before: Dose) -> Self {
        Self {
            image: None,
            halves: None,
            movie: None,
            acquisition_index: None,
            nominal_tilt_angle,
            dose_before,
            exposure: None,
            geometry: None,
            ctf: None,
            exclusion: None,
            treatments: Vec::new(),
        }
    }

    /// True when this was done to the pixels already.
    pub fn is_treated(&self, treatment: Treatment) -> bool {
        self.treatments.contains(&treatment)
    }

    /// The aligned tilt angle, or the nominal one before the alignment.
    pub fn tilt_angle(&self) -> Radians {
        self.geometry
            .map_or(self.nominal_tilt_angle, |geometry| geometry.tilt_angle)
    }

    /// True unless the image is excluded.
    pub fn is_used(&self) -> bool {
        self.exclusion.is_none()
    }
}

/// A tilt series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TiltSeries {
    /// Name, unique in its set.
    pub name: String,
    /// Size of a pixel of the tilt images.
    pub pixel_size: PixelSize,
    /// Size of the tilt images, `[ny, nx]`; `[0, 0]` while only metadata is there and nothing says it.
    pub image_size: [usize; 2],
    /// Extent of the specimen volume that belongs to the series, voxels of `pixel_size`, `[z, y, x]`.
    pub volume_size: Option<[usize; 3]>,
    /// Microscope constants.
    pub optics: Optics,
    /// Angle of the tilt axis from image y, counter-clockwise, as the microscope states it; a start for the alignment.
    #[serde(default)]
    pub nominal_tilt_axis_angle: Option<Radians>,
    /// Sign of the defocus gradient, with its evidence; absent when nobody has measured it.
    pub defocus_hand: Option<DefocusHand>,
    /// The images, in the order of their file (not of time, not of tilt).
    pub images: Vec<TiltImage>,
    /// Per-image columns of the source that the model has no word for.
    pub carried: Carried,
    /// One row of set-wide columns of the source (RELION's `data_global`).
    pub carried_global: Carried,
}

impl TiltSeries {
    /// Indices of the images that are not excluded.
    pub fn used(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.images.len()).filter(|&i| self.images[i].is_used())
    }

    /// True when every used image has a geometry.
    pub fn is_aligned(&self) -> bool {
        self.images
            .iter()
            .filter(|i| i.is_used())
            .all(|i| i.geometry.is_some())
    }
}
