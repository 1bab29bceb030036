//! Choices of local resolution, with RELION's defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_signal::fft::next_fast_even_length;
use thon_signal::shells::{Counting, Shells};
use thon_units::{Angstrom, SquareAngstrom};

/// Choices of [`super::local_resolution`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalOptions {
    /// Distance between windows.
    pub sampling: Angstrom,
    /// Radius of the flat part of a window; half the sampling when empty.
    pub window_radius: Option<Angstrom>,
    /// Width of a window's soft edge; the sampling when empty.
    pub window_edge: Option<Angstrom>,
    /// Sharpen the filtered map by this B factor; negative sharpens.
    pub b_factor: SquareAngstrom,
    /// Lowest resolution to be stated.
    pub lowest: Angstrom,
    /// FSC that defines the resolution.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-level" = "expert"))]
    pub threshold: f64,
    /// Make every window's FSC fall monotonically (by the least change) before it is read. Without it the first dip below the
    /// threshold counts, as in RELION: in noisy regions that states too low a resolution.
    #[schemars(extend("x-level" = "expert"))]
    pub monotone: bool,
    /// Randomise phases beyond this resolution.
    #[schemars(extend("x-level" = "expert"))]
    pub randomise_from: Angstrom,
    /// Box that a window is transformed in, relative to the window: larger boxes resolve its FSC more finely.
    #[schemars(range(min = 1.0, max = 4.0), extend("x-level" = "expert"))]
    pub padding: f64,
    /// How Fourier coefficients are counted: `stored` gives RELION's curves.
    #[schemars(extend("x-level" = "expert"))]
    pub counting: Counting,
    /// Seed of the random phases.
    #[schemars(extend("x-level" = "expert"))]
    pub seed: u64,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            sampling: Angstrom(25.0),
            window_radius: None,
            window_edge: None,
            b_factor: SquareAngstrom(0.0),
            lowest: Angstrom(50.0),
            threshold: 0.143,
            monotone: true,
            randomise_from: Angstrom(25.0),
            padding: 1.0,
            counting: Counting::Stored,
            seed: 1,
        }
    }
}

impl LocalOptions {
    /// Distance between windows in voxels, at least 1.
    pub fn step(&self, voxel_size: f64) -> usize {
        (self.sampling.0 / voxel_size).round().max(1.0) as usize
    }

    /// Radius of the flat part and width of the edge, whole voxels.
    pub(super) fn window(&self, voxel_size: f64) -> [f64; 2] {
        let radius = self.window_radius.unwrap_or(self.sampling / 2.0).0;
        let edge = self.window_edge.unwrap_or(self.sampling).0;
        [radius, edge].map(|length| (length / voxel_size).round().max(1.0))
    }

    /// Edge of the box in voxels that a window reaching so far from its centre is transformed in.
    pub(super) fn window_box(&self, reach: usize) -> usize {
        let support = (2 * reach + 1) as f64;
        next_fast_even_length((support * self.padding.max(1.0)).ceil() as usize)
    }

    /// Floating-point operations that local resolution of a box `[z, y, x]` takes, at most: its whole inscribed sphere is
    /// measured.
    pub fn operations(&self, dims: [usize; 3], voxel_size: f64) -> f64 {
        let transform = |voxels: f64| 2.5 * voxels * voxels.max(2.0).log2();
        let [radius, edge] = self.window(voxel_size);
        let least = dims.into_iter().min().unwrap_or(0) as f64;
        // Windows larger than the box are refused.
        let window = self.window_box((radius + edge).min(least).ceil() as usize) as f64;
        let sphere = std::f64::consts::PI / 6.0 * (least - 2.0 * radius).max(1.0).powi(3);
        let windows = 1.0 + sphere / (self.step(voxel_size) as f64).powi(3);
        let whole: f64 = dims.iter().map(|n| *n as f64).product();
        windows * 4.0 * transform(window.powi(3)) + least / 2.0 * transform(whole)
    }

    /// First shell of the whole box whose phases are randomised.
    pub(super) fn first_random_shell(&self, shells: &Shells, voxel_size: f64) -> usize {
        let shell = voxel_size / self.randomise_from.0 / shells.frequency(1);
        (shell.round() as usize).clamp(1, shells.last())
    }
}
