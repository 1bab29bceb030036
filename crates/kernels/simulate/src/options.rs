//! Everything that can be asked of a simulated tilt series.

mod checks;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_model::{HandSign, Optics};
use thon_units::{Angstrom, Degrees, Dose, Kilovolt, Millimetre, PixelSize, SquareAngstrom};

use crate::TiltScheme;

/// Statistics of the electrons that arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShotNoise {
    /// Counted electrons: whole numbers.
    #[default]
    Poisson,
    /// Normal deviates of the same mean and variance.
    Gaussian,
    /// None: the expected number of electrons.
    None,
}

/// Sign of the change of underfocus with depth (see [`thon_model::DefocusHand`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hand {
    /// Underfocus grows with depth z'.
    Plus,
    /// Underfocus falls with depth z'.
    #[default]
    Minus,
}

impl From<Hand> for HandSign {
    fn from(hand: Hand) -> Self {
        match hand {
            Hand::Plus => Self::Plus,
            Hand::Minus => Self::Minus,
        }
    }
}

/// A simulated tilt series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "snake_case")]
pub struct SimulationOptions {
    /// Width of the images, pixels.
    pub image_width: usize,
    /// Height of the images, pixels.
    pub image_height: usize,
    /// Edge length of an image pixel in the specimen (Å/px).
    pub pixel_size: PixelSize,
    /// Acceleration voltage (kV).
    pub voltage: Kilovolt,
    /// Spherical aberration of the objective lens (mm).
    pub spherical_aberration: Millimetre,
    /// Fraction of amplitude contrast, 0 to 1.
    pub amplitude_contrast: f64,
    /// Lowest stage tilt (°).
    pub tilt_min: Degrees,
    /// Highest stage tilt (°).
    pub tilt_max: Degrees,
    /// Step between stage tilts (°).
    pub tilt_step: Degrees,
    /// Stage tilt of the first image (°).
    pub tilt_start: Degrees,
    /// Order of acquisition.
    pub tilt_scheme: TiltScheme,
    /// Images on one side before the dose-symmetric scheme changes to the other.
    pub tilt_group: usize,
    /// Exposure of each image (e⁻/Å²).
    pub dose_per_tilt: Dose,
    /// Movie frames of each image; 1 for no movies.
    pub frames: usize,
    /// Length of the specimen's drift during one movie, straight, in a random direction (Å).
    pub drift: Angstrom,
    /// Time in which the drift settles, as a fraction of the movie; 0 for constant speed.
    pub drift_settling: f64,
    /// Motion during a movie that differs over the field of view: its root mean square at the end against the beginning (Å).
    pub local_motion: Angstrom,
    /// Rise of the middle of the field over its rim under the beam, along the specimen's z, by the end of the series (Å); a fifth of
    /// it goes into creep in the plane. Settles within 0.3 of the whole dose.
    pub doming: Angstrom,
    /// Angle of the tilt axis from image y, counter-clockwise (°).
    pub tilt_axis_angle: Degrees,
    /// Rotation of the specimen about x before the stage tilt (°).
    pub x_tilt: Degrees,
    /// Standard deviation of the image shifts along each axis (Å).
    pub shift_sigma: Angstrom,
    /// Standard deviation of the true stage tilt about the nominal one (°).
    pub tilt_angle_sigma: Degrees,
    /// Standard deviation of the tilt axis angle between images (°).
    pub tilt_axis_sigma: Degrees,
    /// Standard deviation of the magnification between images, as a fraction.
    pub magnification_sigma: f64,
    /// Mean underfocus at the height of the specimen's origin (Å).
    pub defocus: Angstrom,
    /// Standard deviation of the underfocus between images (Å).
    pub defocus_sigma: Angstrom,
    /// Largest minus smallest underfocus of an astigmatic image (Å).
    pub astigmatism: Angstrom,
    /// Direction of the largest underfocus from image x, counter-clockwise (°).
    pub astigmatism_angle: Degrees,
    /// Phase shift of a phase plate (°).
    pub phase_shift: Degrees,
    /// B factor of the microscope's envelope (Å²).
    pub b_factor: SquareAngstrom,
    /// Sign of the change of underfocus with depth.
    pub defocus_hand: Hand,
    /// Number of particles.
    pub particles: usize,
    /// Smallest distance between particle centres (Å); 0 for the diameter that holds 98 % of the particle's weight.
    pub particle_distance: Angstrom,
    /// Number of gold beads, half of them on each surface of the ice.
    pub beads: usize,
    /// Radius of the beads (Å).
    pub bead_radius: Angstrom,
    /// Potential of the beads over ice in the linear image model (V).
    pub bead_potential: f64,
    /// Thickness of the ice layer (Å).
    pub ice_thickness: Angstrom,
    /// Rotation of the ice layer about the specimen's x axis (°).
    pub ice_x_tilt: Degrees,
    /// Rotation of the ice layer about the specimen's y axis (°).
    pub ice_y_tilt: Degrees,
    /// Power spectrum of the amorphous ice's potential (V²·Å³), flat over frequency; 0 for none.
    pub ice_noise: f64,
    /// Depth of the layers in which the ice shares one defocus (Å).
    pub ice_depth_step: Angstrom,
    /// Mean free path of electrons lost from the image, in ice (Å); 0 for no loss.
    pub mean_free_path: Angstrom,
    /// Whether exposure destroys the particles' high resolution (Grant & Grigorieff 2015).
    pub dose_damage: bool,
    /// Statistics of the electrons.
    pub shot_noise: ShotNoise,
    /// Detector's modulation transfer at Nyquist, 0 to 1; Gaussian fall-off; 1 for a perfect detector.
    pub mtf_at_nyquist: f64,
    /// Standard deviation of the detector's gain between pixels, as a fraction; 0 for gain-corrected images.
    pub gain_sigma: f64,
    /// Number of pixels that do not count electrons: every other one hot, the rest dead.
    pub defects: usize,
    /// Number of images recorded with the beam shut.
    pub blank_views: usize,
    /// Number of images about half covered by a grid bar.
    pub blocked_views: usize,
    /// Number of images whose target was lost.
    pub shifted_views: usize,
    /// How far a lost target lies away, as a fraction of the field of view.
    pub lost_by: f64,
    /// Number of images that were stored a second time in place of another.
    pub duplicated_views: usize,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self {
            image_width: 512,
            image_height: 512,
            pixel_size: PixelSize(5.0),
            voltage: Kilovolt(300.0),
            spherical_aberration: Millimetre(2.7),
            amplitude_contrast: 0.07,
            tilt_min: Degrees(-60.0),
            tilt_max: Degrees(60.0),
            tilt_step: Degrees(3.0),
            tilt_start: Degrees(0.0),
            tilt_scheme: TiltScheme::DoseSymmetric,
            tilt_group: 1,
            dose_per_tilt: Dose(3.0),
            frames: 1,
            drift: Angstrom(0.0),
            drift_settling: 0.0,
            local_motion: Angstrom(0.0),
            tilt_axis_angle: Degrees(85.0),
            x_tilt: Degrees(0.0),
            doming: Angstrom(0.0),
            shift_sigma: Angstrom(20.0),
            tilt_angle_sigma: Degrees(0.0),
            tilt_axis_sigma: Degrees(0.0),
            magnification_sigma: 0.0,
            defocus: Angstrom(30000.0),
            defocus_sigma: Angstrom(300.0),
            astigmatism: Angstrom(300.0),
            astigmatism_angle: Degrees(35.0),
            phase_shift: Degrees(0.0),
            b_factor: SquareAngstrom(0.0),
            defocus_hand: Hand::Minus,
            particles: 50,
            particle_distance: Angstrom(0.0),
            beads: 0,
            bead_radius: Angstrom(50.0),
            bead_potential: 8.0,
            ice_thickness: Angstrom(1000.0),
            ice_x_tilt: Degrees(0.0),
            ice_y_tilt: Degrees(0.0),
            ice_noise: 20.0,
            ice_depth_step: Angstrom(500.0),
            mean_free_path: Angstrom(3000.0),
            dose_damage: true,
            shot_noise: ShotNoise::Poisson,
            mtf_at_nyquist: 1.0,
            gain_sigma: 0.0,
            defects: 0,
            blank_views: 0,
            blocked_views: 0,
            shifted_views: 0,
            lost_by: 0.3,
            duplicated_views: 0,
        }
    }
}

impl SimulationOptions {
    /// The microscope's constants.
    pub fn optics(&self) -> Optics {
        Optics {
            voltage: self.voltage,
            spherical_aberration: self.spherical_aberration,
            amplitude_contrast: self.amplitude_contrast,
        }
    }

    /// Size of the images, `[ny, nx]`.
    pub fn image_size(&self) -> [usize; 2] {
        [self.image_height, self.image_width]
    }

    /// Phase shift of the electron wave per projected potential, radians per V·Å:
    /// σ = 2π/(λV) · (mc² + eV)/(2mc² + eV).
    ///
    /// ```
    /// let options = thon_simulate::SimulationOptions::default();
    /// assert!((options.interaction_constant() - 6.526e-4).abs() < 1e-7);
    /// ```
    pub fn interaction_constant(&self) -> f64 {
        let (rest, kinetic) = (510.998_95, self.voltage.0);
        let wavelength = self.voltage.electron_wavelength().0;
        std::f64::consts::TAU / (wavelength * kinetic * 1e3) * (rest + kinetic)
            / (2.0 * rest + kinetic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_described() {
        let options = SimulationOptions::default();
        assert_eq!(options.check(), Ok(()));
        let text = serde_json::to_string(&options).unwrap();
        assert_eq!(
            serde_json::from_str::<SimulationOptions>(&text).unwrap(),
            options
        );
        assert!(serde_json::from_str::<SimulationOptions>("{\"pixelsize\": 2}").is_err());
        let schema = schemars::schema_for!(SimulationOptions);
        let properties = schema.get("properties").unwrap().as_object().unwrap();
        for (name, property) in properties {
            let described = property.get("description").is_some();
            assert!(described, "{name} has no description");
        }
    }
}
