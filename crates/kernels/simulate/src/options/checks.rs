//! The ranges of the options, each named when it is left.

use super::SimulationOptions;
use crate::SimulateError;

/// Largest image edge; larger detectors do not exist.
const LARGEST_EDGE: f64 = 16384.0;

impl SimulationOptions {
    /// Refuses what cannot be simulated.
    ///
    /// # Errors
    /// [`SimulateError::Option`] names the first field out of range.
    pub fn check(&self) -> Result<(), SimulateError> {
        self.check_imaging()?;
        self.check_tilts()?;
        self.check_specimen()
    }

    fn check_imaging(&self) -> Result<(), SimulateError> {
        let edge = "16 to 16384 px";
        within(
            "image_width",
            self.image_width as f64,
            16.0,
            LARGEST_EDGE,
            edge,
        )?;
        within(
            "image_height",
            self.image_height as f64,
            16.0,
            LARGEST_EDGE,
            edge,
        )?;
        within(
            "pixel_size",
            self.pixel_size.0,
            0.1,
            1000.0,
            "0.1 to 1000 Å/px",
        )?;
        within("voltage", self.voltage.0, 10.0, 3000.0, "10 to 3000 kV")?;
        within(
            "spherical_aberration",
            self.spherical_aberration.0,
            0.0,
            100.0,
            "0 to 100 mm",
        )?;
        within(
            "amplitude_contrast",
            self.amplitude_contrast,
            0.0,
            1.0,
            "0 to 1",
        )?;
        let defocus = "−10⁶ to 10⁶ Å";
        within("defocus", self.defocus.0, -1e6, 1e6, defocus)?;
        within(
            "defocus_sigma",
            self.defocus_sigma.0,
            0.0,
            1e6,
            "0 to 10⁶ Å",
        )?;
        within("astigmatism", self.astigmatism.0, -1e6, 1e6, defocus)?;
        within("b_factor", self.b_factor.0, 0.0, 1e6, "0 to 10⁶ Å²")?;
        within(
            "mtf_at_nyquist",
            self.mtf_at_nyquist,
            1e-6,
            1.0,
            "above 0, at most 1",
        )?;
        within("gain_sigma", self.gain_sigma, 0.0, 0.3, "0 to 0.3")?;
        within("frames", self.frames as f64, 1.0, 1000.0, "1 to 1000")?;
        within("drift", self.drift.0, 0.0, 1e4, "0 to 10⁴ Å")?;
        within("drift_settling", self.drift_settling, 0.0, 10.0, "0 to 10")?;
        within("local_motion", self.local_motion.0, 0.0, 1e3, "0 to 1000 Å")?;
        within("defects", self.defects as f64, 0.0, 1e5, "0 to 100 000")?;
        within(
            "dose_per_tilt",
            self.dose_per_tilt.0,
            1e-6,
            1e4,
            "above 0, at most 10⁴ e⁻/Å²",
        )
    }

    fn check_tilts(&self) -> Result<(), SimulateError> {
        let tilt = "−80° to 80°";
        within("tilt_min", self.tilt_min.0, -80.0, 80.0, tilt)?;
        within(
            "tilt_max",
            self.tilt_max.0,
            self.tilt_min.0,
            80.0,
            "tilt_min to 80°",
        )?;
        within("tilt_step", self.tilt_step.0, 0.1, 180.0, "0.1° to 180°")?;
        within("x_tilt", self.x_tilt.0, -30.0, 30.0, "−30° to 30°")?;
        within("ice_x_tilt", self.ice_x_tilt.0, -30.0, 30.0, "−30° to 30°")?;
        // The beam must not graze the layer.
        let room = 89.0 - self.tilt_max.0.abs().max(self.tilt_min.0.abs());
        within(
            "ice_y_tilt",
            self.ice_y_tilt.0,
            -room,
            room,
            "at most 89° together with the largest tilt",
        )?;
        within("lost_by", self.lost_by, 0.0, 1.0, "0 to 1")?;
        within("doming", self.doming.0, -1e3, 1e3, "−1000 to 1000 Å")?;
        within("shift_sigma", self.shift_sigma.0, 0.0, 1e5, "0 to 10⁵ Å")?;
        within(
            "tilt_angle_sigma",
            self.tilt_angle_sigma.0,
            0.0,
            1.0,
            "0° to 1°",
        )?;
        within(
            "tilt_axis_sigma",
            self.tilt_axis_sigma.0,
            0.0,
            10.0,
            "0° to 10°",
        )?;
        within(
            "magnification_sigma",
            self.magnification_sigma,
            0.0,
            0.05,
            "0 to 0.05",
        )?;
        within(
            "tilt_axis_angle",
            self.tilt_axis_angle.0,
            -360.0,
            360.0,
            "−360° to 360°",
        )
    }

    fn check_specimen(&self) -> Result<(), SimulateError> {
        within("particles", self.particles as f64, 0.0, 1e5, "0 to 100 000")?;
        within(
            "particle_distance",
            self.particle_distance.0,
            0.0,
            1e6,
            "0 to 10⁶ Å",
        )?;
        within("beads", self.beads as f64, 0.0, 1e4, "0 to 10 000")?;
        within("bead_radius", self.bead_radius.0, 1.0, 1e4, "1 to 10⁴ Å")?;
        within(
            "ice_thickness",
            self.ice_thickness.0,
            0.0,
            1e5,
            "0 to 10⁵ Å",
        )?;
        within("ice_noise", self.ice_noise, 0.0, 1e6, "0 to 10⁶ V²·Å³")?;
        within(
            "ice_depth_step",
            self.ice_depth_step.0,
            10.0,
            1e6,
            "10 to 10⁶ Å",
        )?;
        within(
            "mean_free_path",
            self.mean_free_path.0,
            0.0,
            1e9,
            "0 to 10⁹ Å",
        )?;
        within(
            "bead_potential",
            self.bead_potential,
            -1e3,
            1e3,
            "−1000 to 1000 V",
        )
    }
}

fn within(
    field: &'static str,
    value: f64,
    lowest: f64,
    highest: f64,
    expected: &'static str,
) -> Result<(), SimulateError> {
    if (lowest..=highest).contains(&value) {
        Ok(())
    } else {
        Err(SimulateError::Option {
            field,
            expected,
            found: value.to_string(),
            hint: "see the option's description for its unit",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::{Degrees, PixelSize};

    #[test]
    fn nonsense_is_named() {
        let error = |change: fn(&mut SimulationOptions)| {
            let mut options = SimulationOptions::default();
            change(&mut options);
            options.check().unwrap_err().to_string()
        };
        assert!(error(|o| o.pixel_size = PixelSize(0.0)).starts_with("pixel_size: expected 0.1"));
        assert!(error(|o| o.tilt_max = Degrees(f64::NAN)).starts_with("tilt_max"));
        assert!(error(|o| o.frames = 0).contains("found 0"));
        assert!(error(|o| o.image_width = usize::MAX).starts_with("image_width"));
    }
}
