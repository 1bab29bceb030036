//! Regularised-likelihood classification of images with in-plane angles and shifts (Class2D).
//!
//! Model: image = c · average of its class, turned and shifted, + noise of a power per group and shell (Scheres et al. 2005,
//! J. Mol. Biol. 348:139; Scheres 2012, J. Struct. Biol. 180:519). Each round gives every image a posterior over classes,
//! angles and shifts, and every class the average over these.
//!
//! # Work of a round, and why it is written as it is
//! N images, K classes, A angles, S shifts, D real numbers of the half disc of band b: D = π b². Box 64, particle 43 pixels
//! across, b = 16 (30 Å at 7.5 Å), K = 20, N = 300: A = 68, S = 101, D = 804.
//!
//! * Every pose on the fine grids, as one product (images · shifts) × (classes · angles): 2 N K A S D = 66 GFLOP, 0.7 s
//!   at the 100 GFLOP/s of one core.
//! * Angles through rings and angular frequencies: the inner products shrink to N K S · 4 D = 2 GFLOP, and the transform
//!   from frequencies to angles adds N K S · 5 · 128 log₂ 128 = 2.7 GFLOP; both run at a few GFLOP/s on blocks of 16
//!   rings: 1 to 2 s. It wins beyond b ≈ 64 only.
//! * Shifts through small inverse transforms: N K A of 32², 20 GFLOP at a few GFLOP/s: 5 s.
//! * Two levels, as here: every other angle and shift at half the band, 2 N K (A/2) (S/4) (D/4) = 2 GFLOP in products of
//!   some hundred rows: 0.03 s; then the fine grids around what is left, some tens of poses per image: 0.02 s or less.
//!
//! Averaging sums images per class and angle first (N · poses · D) and turns each sum once (K A D), whatever N.
//! Bytes: templates K A · 6 D (10 MB here), one block of products 8 N S/4 K A/2 (0.5 MB).
//!
//! # Units
//! Angles in radians, the active rotation of the average to the image, x to y; shifts in pixels, displacement of the particle
//! from pixel ⌊n/2⌋; images `[y, x]`; transforms are sums over pixels; shells in cycles per box.

mod average;
mod centre;
mod disc;
mod expectation;
mod found;
mod iteration;
mod maximisation;
mod noise;
mod options;
mod plane;
mod restart;
mod round;
mod sampling;
pub mod simulated;
mod source;
mod start;
mod templates;
#[cfg(test)]
mod tests;
mod transfer;

use thon_compute::Progress;

pub use average::ClassAverage;
pub use disc::HalfDisc;
pub use found::Assignment;
pub use iteration::{Changes, State};
pub use noise::NoisePowers;
pub use options::{ClassOptions, Needs};
pub use source::ImageSource;
pub use transfer::{CtfCorrection, divided, leave_first_peak, transfer_of_ctf};

use crate::ClassifyError;
use round::{Images, Round};

/// A classification in progress: one call of [`Classification::advance`] per round.
pub struct Classification<'a> {
    images: Images<'a>,
    options: ClassOptions,
    state: State,
}

impl<'a> Classification<'a> {
    /// Reads all images once, measures the noise and draws the first averages.
    ///
    /// # Errors
    /// [`ClassifyError`] for options out of range, fewer than two images per class, flat or non-finite images.
    pub fn start(
        source: &'a dyn ImageSource,
        options: ClassOptions,
        progress: &dyn Progress,
    ) -> Result<Self, ClassifyError> {
        let images = Images::new(source, &options)?;
        let expected = 2 * options.classes;
        if source.len() < expected {
            return Err(ClassifyError::TooFew {
                found: source.len(),
                expected,
            });
        }
        let (noise, power) = start::measure(&images, progress)?;
        let mut state = State {
            iteration: 0,
            averages: Vec::new(),
            noise,
            shift_deviation: images.settings.shift_deviation,
            assignments: Vec::new(),
            changes: Vec::new(),
        };
        let band = state.next_band(&images.settings);
        let round = Round::new(&images.settings, band, band, [0.0; 3]);
        state.averages = start::averages(
            &images,
            &round,
            &state.noise,
            &power,
            options.classes,
            options.seed,
        )?;
        Ok(Self {
            images,
            options,
            state,
        })
    }

    /// Goes on from a state that was kept.
    ///
    /// # Errors
    /// [`ClassifyError::Length`] when the state is not of these images and options.
    pub fn resume(
        source: &'a dyn ImageSource,
        options: ClassOptions,
        state: State,
    ) -> Result<Self, ClassifyError> {
        let images = Images::new(source, &options)?;
        let n = source.box_size();
        let shells = images.settings.full_band + 1;
        let lengths = [
            ("classes", options.classes, state.averages.len()),
            ("assignments", source.len(), state.assignments.len()),
            ("noise groups", source.groups(), state.noise.0.len()),
        ];
        let pixels = state
            .averages
            .iter()
            .map(|a| ("pixels of an average", n * n, a.image.len()));
        let powers = state
            .noise
            .0
            .iter()
            .map(|p| ("noise powers", shells, p.len()));
        for (what, expected, found) in lengths.into_iter().chain(pixels).chain(powers) {
            if expected != found {
                let what = format!("kept state: {what}");
                return Err(ClassifyError::Length {
                    what,
                    expected,
                    found,
                });
            }
        }
        Ok(Self {
            images,
            options,
            state,
        })
    }

    /// One more round; progress counts images.
    ///
    /// # Errors
    /// What reading images meets, and cancellation; the state is then that before the round.
    pub fn advance(&mut self, progress: &dyn Progress) -> Result<&Changes, ClassifyError> {
        let mut next = self.state.clone();
        next.advance(&self.images, &self.options, progress)?;
        self.state = next;
        Ok(&self.state.changes[self.state.changes.len() - 1])
    }

    /// True when all rounds are done.
    pub fn is_done(&self) -> bool {
        self.state.iteration >= self.options.iterations
    }

    /// Rounds that are left.
    pub fn rounds_left(&self) -> usize {
        self.options.iterations.saturating_sub(self.state.iteration)
    }

    /// Where it stands, with the largest class first.
    pub fn by_size(&self) -> State {
        let mut state = self.state.clone();
        let mut order: Vec<usize> = (0..state.averages.len()).collect();
        order.sort_by(|a, b| {
            let size = |k: &usize| state.averages[*k].images;
            size(b).total_cmp(&size(a)).then(a.cmp(b))
        });
        state.averages = order
            .iter()
            .map(|k| self.state.averages[*k].clone())
            .collect();
        let mut rank = vec![0; order.len()];
        order
            .iter()
            .enumerate()
            .for_each(|(place, k)| rank[*k] = place as u32);
        for assignment in &mut state.assignments {
            assignment.class = rank[assignment.class as usize];
        }
        state
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Period in Å that an average resolves: the finest with a signal-to-noise ratio of 1 or more; none when empty.
    pub fn resolution(&self, average: &ClassAverage) -> Option<f64> {
        let shell = average.resolved_shell;
        let edge = self.images.settings.box_size as f64 * self.images.source.pixel_size();
        (shell > 0).then(|| edge / shell as f64)
    }
}

/// All rounds from the start.
///
/// # Errors
/// As [`Classification::start`] and [`Classification::advance`].
pub fn classify(
    source: &dyn ImageSource,
    options: ClassOptions,
    progress: &dyn Progress,
) -> Result<State, ClassifyError> {
    let mut classification = Classification::start(source, options, progress)?;
    while !classification.is_done() {
        classification.advance(progress)?;
    }
    Ok(classification.state)
}
