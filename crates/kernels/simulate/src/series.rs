//! A tilt series recorded of particles, gold beads and amorphous ice: the truth, then the images.
//!
//! Image model (weak phase object; Kirkland, Advanced Computing in Electron Microscopy, ch. 3): the number of electrons expected in a pixel is
//! `I₀ · (1 + c(x))`, I₀ = dose · p² · exp(−t/Λ) with t the ice thickness along the beam and Λ the mean free path, and
//!
//! ```text
//!   ĉ(k) = 2 σₑ · MTF(k) · exp(−B k²/4) · [ CTF(k; defocus at the particle's depth) · a(k) · V̂(k)      each particle
//!                                          + CTF(k; defocus at the layer's depth) · N̂(k)               each layer of ice
//!                                          + CTF(k; amplitude contrast ½) · Ĝ(k) ]                      each gold bead
//! ```
//! with CTF = −sin χ ([`thon_ctf::CtfModel`]), so matter under focus is **dark**. V̂ is the exact projection of the phantom,
//! a(k) the amplitude that exposure has left (mean over the exposure of the frame); each particle has the defocus of
//! its centre. Ice is white noise of power `ice_noise` per Å of thickness, independent between images (beam-induced motion
//! of water), cut into layers along the beam so that its Thon rings follow the tilt. Electrons are lost with thickness;
//! what is left is counted.

mod background;
mod detector;
mod faults;
mod motion;
mod placement;
mod recording;
mod truth;

pub use detector::Defect;
pub(crate) use detector::modulation_transfer;
pub use faults::ViewFault;
pub use motion::MovieMotion;
pub use recording::TiltRecording;

use ndarray::Array2;
use thon_compute::progress::{Progress, check};
use thon_geometry::glam::DVec2;
use thon_geometry::{Point, Specimen};
use thon_model::{ParticleSet, TiltSeries};

use crate::{Phantom, SimulateError, SimulationOptions};

/// A tilt series whose truth is known and whose images can be made, one by one and in any order.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// What was asked.
    pub options: SimulationOptions,
    /// True geometry, contrast transfer and exposure; images in ascending order of nominal tilt, without files.
    ///
    /// `scale` of each CTF is the amplitude relative to an untilted image once the images are normalised to unit
    /// noise: √(I₀(tilt)/I₀(0)).
    pub tilt_series: TiltSeries,
    /// True poses of the particles, all of class 1 and not split.
    pub particles: ParticleSet,
    /// Centres of the gold beads.
    pub beads: Vec<Point<Specimen>>,
    /// For each image and frame, where the specimen was relative to the image's geometry, in Å of the image; their mean
    /// is zero.
    pub frame_shifts: Vec<Vec<DVec2>>,
    /// The gain reference `[ny, nx]`: recorded counts times this are corrected for the detector; absent for corrected
    /// images.
    pub gain: Option<Array2<f32>>,
    /// For each image, its motion over frames: [`Self::frame_shifts`], and what differs over the field.
    pub motion: Vec<MovieMotion>,
    /// Pixels of the detector that do not count electrons.
    pub defects: Vec<Defect>,
    /// What is wrong with which image, by index.
    pub faults: Vec<(usize, ViewFault)>,
    phantom: Phantom,
    seed: u64,
}

impl Simulation {
    /// Draws the truth: poses, misalignments, defocus, drift. Nothing is recorded yet.
    ///
    /// ```
    /// use thon_simulate::{Phantom, Simulation, SimulationOptions};
    /// use thon_units::{Degrees, PixelSize};
    /// let options = SimulationOptions { image_width: 96, image_height: 96, pixel_size: PixelSize(20.0),
    ///     tilt_step: Degrees(30.0), particles: 3, ..SimulationOptions::default() };
    /// let simulation = Simulation::prepare("TS_01", &options, &Phantom::ribosome_70s(), 7)?;
    /// assert_eq!((simulation.tilt_series.images.len(), simulation.particles.len()), (5, 3));
    /// let image = simulation.record(2).sum();                 // electrons, [ny, nx]
    /// let expected = 3.0 * 400.0 * (-1000.0f64 / 3000.0).exp();
    /// assert!((f64::from(image.mean().unwrap()) / expected - 1.0).abs() < 0.02);
    /// # Ok::<(), thon_simulate::SimulateError>(())
    /// ```
    ///
    /// # Errors
    /// [`SimulateError::Option`] for an option out of range, [`SimulateError::Crowded`] when the particles do not fit.
    pub fn prepare(
        name: &str,
        options: &SimulationOptions,
        phantom: &Phantom,
        seed: u64,
    ) -> Result<Self, SimulateError> {
        options.check()?;
        let mut tilt_series = truth::tilt_series(name, options, seed);
        let (particles, beads) = placement::place(options, phantom, &tilt_series, seed)?;
        let faults = faults::draw(options, &mut tilt_series, seed)?;
        let motion = motion::draw(options, tilt_series.images.len(), seed);
        Ok(Self {
            faults,
            frame_shifts: motion.iter().map(|m| m.shifts.clone()).collect(),
            motion,
            defects: detector::defects(options, seed),
            gain: detector::gain(options, seed),
            options: options.clone(),
            tilt_series,
            particles,
            beads,
            phantom: phantom.clone(),
            seed,
        })
    }

    /// What is wrong with image `tilt`, if anything.
    pub fn fault(&self, tilt: usize) -> Option<&ViewFault> {
        let found = self.faults.iter().find(|(index, _)| *index == tilt);
        found.map(|(_, fault)| fault)
    }

    /// The particle that was simulated.
    pub fn phantom(&self) -> &Phantom {
        &self.phantom
    }

    /// The seed that was given.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Records image `tilt`, using all threads of the current pool; panics when there is no such image, as an index does.
    pub fn record(&self, tilt: usize) -> TiltRecording {
        recording::record(self, tilt)
    }

    /// Records all images one after the other (each uses all threads) and hands them to `keep` in order, so that only one
    /// is in memory at a time.
    ///
    /// # Errors
    /// What `keep` returns, or the cancellation.
    pub fn record_each<E: From<thon_compute::Cancelled>>(
        &self,
        progress: &dyn Progress,
        mut keep: impl FnMut(usize, TiltRecording) -> Result<(), E>,
    ) -> Result<(), E> {
        let total = self.tilt_series.images.len();
        for tilt in 0..total {
            check(progress)?;
            keep(tilt, self.record(tilt))?;
            progress.advance(tilt as u64 + 1, total as u64);
        }
        Ok(())
    }

    /// All images, summed over frames, `[ny, nx]` each, in the order of the series.
    ///
    /// # Errors
    /// [`SimulateError::Cancelled`].
    pub fn record_all(&self, progress: &dyn Progress) -> Result<Vec<Array2<f32>>, SimulateError> {
        let mut images = Vec::with_capacity(self.tilt_series.images.len());
        self.record_each(progress, |_, recording| {
            images.push(recording.sum());
            Ok::<(), SimulateError>(())
        })?;
        Ok(images)
    }

    /// Expected electrons per pixel of a whole image without contrast, I₀.
    pub fn expected_electrons(&self, tilt: usize) -> f64 {
        let options = &self.options;
        let transmission = truth::transmission(options, self.ice_cosine(tilt));
        transmission * options.dose_per_tilt.0 * options.pixel_size.0.powi(2)
    }

    /// Path of the beam in the ice, Å.
    pub fn path_in_ice(&self, tilt: usize) -> f64 {
        self.options.ice_thickness.0 / self.ice_cosine(tilt).abs().max(0.01)
    }

    /// Cosine between the beam and the normal of the ice.
    fn ice_cosine(&self, tilt: usize) -> f64 {
        let normal = truth::ice_normal(&self.options);
        let geometry = self.tilt_series.images[tilt].geometry;
        geometry.map_or(normal, |g| g.rotation().apply(normal)).z
    }
}

#[cfg(test)]
mod tests;
