//! What is asked of a classification of images.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_units::Angstrom;

use super::sampling::Sampling;
use super::transfer::CtfCorrection;
use crate::ClassifyError;

/// How images are sorted into classes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassOptions {
    /// Number of classes; about 30 images per class or more.
    #[schemars(range(min = 1, max = 500))]
    pub classes: usize,
    /// Diameter of the circular mask; the particle and a little around it. 80 % of the box when empty.
    pub diameter: Option<Angstrom>,
    /// Rounds of assignment and averaging.
    #[schemars(range(min = 1, max = 200))]
    pub iterations: usize,
    /// Finest period that decides classes and poses; averages hold all periods.
    pub resolution: Angstrom,
    /// Weight of the data against the prior that averages are smooth (RELION's T).
    #[schemars(range(min = 0.1, max = 100.0))]
    pub regularisation: f64,
    /// Largest shift looked for in a round, from where the particle was; 5 pixels when empty.
    pub shift_range: Option<Angstrom>,
    /// Seed of the start and of the grids.
    pub seed: u64,
    /// Bring the background of every image to mean 0 and standard deviation 1 first.
    pub normalise: bool,
    /// Bring the mass of every class average to the middle of the box after each round; shifts follow.
    pub centre: bool,
    /// Correction for the contrast transfer function, of images that bring one.
    pub ctf: CtfCorrection,
    /// Width of the soft edge outside the mask.
    #[schemars(extend("x-level" = "expert"))]
    pub mask_edge: Option<Angstrom>,
    /// Standard deviation of particles about the centres of their boxes, at the start; it is refined.
    #[schemars(extend("x-level" = "expert"))]
    pub shift_deviation: Angstrom,
}

impl Default for ClassOptions {
    fn default() -> Self {
        Self {
            classes: 10,
            diameter: None,
            iterations: 25,
            resolution: Angstrom(12.0),
            regularisation: 2.0,
            shift_range: None,
            seed: 1,
            normalise: true,
            centre: true,
            ctf: CtfCorrection::default(),
            mask_edge: None,
            shift_deviation: Angstrom(10.0),
        }
    }
}

/// The options in pixels and shells of a set of images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Edge of the images, pixels.
    pub box_size: usize,
    /// Radius of the mask, pixels.
    pub radius: f64,
    /// Width of its edge, pixels.
    pub edge: f64,
    /// Largest shell that decides classes and poses.
    pub band: usize,
    /// Largest shell of the averages.
    pub full_band: usize,
    /// Largest shift, pixels.
    pub shift_range: f64,
    /// Deviation of the shifts at the start, pixels.
    pub shift_deviation: f64,
}

/// Pixels of the soft edge when none is asked for.
const EDGE: f64 = 5.0;
/// Pixels of the shift range when none is asked for.
const SHIFT_RANGE: f64 = 5.0;

/// Predicted needs of a classification.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Needs {
    /// Bytes beside the images themselves.
    pub memory: u64,
    /// Seconds of one core.
    pub cpu_seconds: f64,
}

impl ClassOptions {
    /// Fails unless images of a box (pixels) and pixel size (Å) can be classified so.
    ///
    /// # Errors
    /// [`ClassifyError::Parameter`], naming what is out of range.
    pub fn check(&self, box_size: usize, pixel_size: f64) -> Result<(), ClassifyError> {
        self.settings(box_size, pixel_size).map(|_| ())
    }

    /// What classifying `count` images takes.
    ///
    /// # Errors
    /// As [`ClassOptions::check`].
    pub fn needs(
        &self,
        count: usize,
        box_size: usize,
        pixel_size: f64,
    ) -> Result<Needs, ClassifyError> {
        let settings = self.settings(box_size, pixel_size)?;
        let round = Sampling::new(
            box_size,
            settings.band,
            settings.radius,
            settings.shift_range,
            [0.0; 3],
        );
        let half = |band: usize| 1.6 * (band * band) as f64;
        let (points, all) = (half(settings.band), half(settings.full_band));
        let templates = (self.classes * round.angles.len()) as f64;
        let padded = (16 * self.classes * box_size * box_size) as f64;
        let held = count.min(2048) as f64;
        let memory = 12.0 * templates * points
            + 8.0 * (round.shifts.len() as f64 + held) * all
            + 3.0 * 8.0 * padded
            + 8e6;
        // Coarse products, fine ones around them, and what does not depend on poses.
        let coarse = 2.0 * templates / 2.0 * round.coarse.len() as f64 * points / 2.0;
        let per_image = coarse / 4e10 + 3e-4 + 4e-7 * all;
        let per_round = count as f64 * per_image + templates * points * 1e-8;
        Ok(Needs {
            memory: memory as u64,
            cpu_seconds: self.iterations as f64 * per_round,
        })
    }
    /// Checks the options against images of a box and pixel size (Å), and counts in pixels.
    pub(crate) fn settings(
        &self,
        box_size: usize,
        pixel_size: f64,
    ) -> Result<Settings, ClassifyError> {
        use ClassifyError as E;
        E::require(
            (8..=4096).contains(&box_size),
            "box size",
            box_size,
            "8 to 4096 pixels",
        )?;
        let sane = pixel_size.is_finite() && pixel_size > 0.0;
        E::require(sane, "pixel size", pixel_size, "a length above 0 Å")?;
        E::require(
            (1..=500).contains(&self.classes),
            "classes",
            self.classes,
            "1 to 500",
        )?;
        E::require(
            (1..=200).contains(&self.iterations),
            "iterations",
            self.iterations,
            "1 to 200",
        )?;
        let weight = self.regularisation;
        E::require(
            (0.1..=100.0).contains(&weight),
            "regularisation",
            weight,
            "0.1 to 100",
        )?;
        let n = box_size as f64;
        let half = n / 2.0;
        let radius = self.diameter.map_or(0.4 * n, |d| d.0 / 2.0 / pixel_size);
        E::require(
            (2.0..=half).contains(&radius),
            "diameter",
            2.0 * radius * pixel_size,
            "4 pixels to the edge of the box",
        )?;
        let edge = self.mask_edge.map_or(EDGE, |e| e.0 / pixel_size);
        E::require(
            (0.0..=half).contains(&edge),
            "mask edge",
            edge * pixel_size,
            "0 to half the box",
        )?;
        let shift_range = self.shift_range.map_or(SHIFT_RANGE, |r| r.0 / pixel_size);
        E::require(
            (0.0..=half).contains(&shift_range),
            "shift range",
            shift_range * pixel_size,
            "0 to half the box",
        )?;
        let shift_deviation = self.shift_deviation.0 / pixel_size;
        let usable = shift_deviation.is_finite() && shift_deviation > 0.0;
        E::require(
            usable,
            "shift deviation",
            self.shift_deviation.0,
            "above 0 Å",
        )?;
        let full_band = (box_size - 1) / 2;
        let wanted = n * pixel_size / self.resolution.0;
        E::require(
            wanted.is_finite() && wanted >= 4.0,
            "resolution",
            self.resolution.0,
            "above 0 and at most a quarter of the box's edge, Å",
        )?;
        Ok(Settings {
            box_size,
            radius,
            edge: edge.min(half - radius),
            band: (wanted.floor() as usize).min(full_band),
            full_band,
            shift_range,
            shift_deviation,
        })
    }
}
