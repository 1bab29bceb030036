//! What was measured of one particle, as Fourier samples.

use std::sync::Arc;

use num_complex::Complex32;

use crate::{LikelihoodError, shell_of};

/// Where the samples of a kind of particle lie; shared by all particles that were recorded alike.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleGeometry {
    /// Edge of the box that frequencies are counted in, voxels.
    pub box_size: usize,
    /// Positions q = (x, y, z) in the data frame, cycles per box, one of each Friedel pair, ordered by shell.
    pub positions: Vec<[f32; 3]>,
    /// Where shell s begins, for s = 0 … band; the last entry is the number of samples.
    pub starts: Vec<usize>,
    /// For samples on the lattice: the index of each in [`crate::HalfBall`] of the same band (ascending).
    pub lattice: Option<Vec<u32>>,
    /// Names the geometry, whatever its band: of two with one label the one of the smaller band is the beginning of the other
    /// (a hash of what it was made of).
    pub label: u64,
}

impl SampleGeometry {
    /// A geometry from positions that are already in the order of their shells (see [`shell_of`]).
    ///
    /// # Errors
    /// [`LikelihoodError::Parameter`] when they are not in order, or lie beyond `band`.
    pub fn new(
        box_size: usize,
        band: usize,
        positions: Vec<[f32; 3]>,
        lattice: Option<Vec<u32>>,
        label: u64,
    ) -> Result<Self, LikelihoodError> {
        let mut starts = Vec::with_capacity(band + 2);
        for (i, &position) in positions.iter().enumerate() {
            let shell = shell_of(position);
            if shell > band || shell + 1 < starts.len() {
                return Err(LikelihoodError::Parameter {
                    name: "position",
                    value: format!("{position:?} (sample {i})"),
                    expected: "samples ordered by shell, within the band",
                });
            }
            while starts.len() <= shell {
                starts.push(i);
            }
        }
        starts.resize(band + 2, positions.len());
        Ok(Self {
            box_size,
            positions,
            starts,
            lattice,
            label,
        })
    }

    /// Largest shell.
    pub fn band(&self) -> usize {
        self.starts.len() - 2
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// True without samples.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Samples in shells up to and including `shell`.
    pub fn count_to(&self, shell: usize) -> usize {
        self.starts[shell.min(self.band()) + 1]
    }

    /// Shell and its range of samples, for all shells.
    pub fn shells(&self) -> impl Iterator<Item = (usize, std::ops::Range<usize>)> + '_ {
        self.starts
            .windows(2)
            .enumerate()
            .map(|(shell, w)| (shell, w[0]..w[1]))
    }
}

/// What was measured of one particle.
#[derive(Clone, Debug)]
pub struct Observation {
    /// Where the samples lie.
    pub geometry: Arc<SampleGeometry>,
    /// D = Σ c·X of each sample; the phase origin is voxel ⌊n/2⌋ of the box. Transforms are not normalised
    /// (sums over voxels), so that a map and its data are on one scale.
    pub products: Vec<Complex32>,
    /// W = Σ c² of each sample, ≥ 0.
    pub weights: Vec<f32>,
    /// Noise group of the particle (its tilt series, as a rule).
    pub group: u32,
    /// Σ mask² over the number of voxels: what masking left of the noise power; 1 without a mask.
    pub mask_fraction: f32,
}

impl Observation {
    /// Fails unless the lengths agree and all values are finite.
    pub fn check(&self) -> Result<(), LikelihoodError> {
        let expected = self.geometry.len();
        for (what, found) in [
            ("products", self.products.len()),
            ("weights", self.weights.len()),
        ] {
            if found != expected {
                return Err(LikelihoodError::Length {
                    what,
                    expected,
                    found,
                });
            }
        }
        let finite = self
            .products
            .iter()
            .all(|v| v.re.is_finite() && v.im.is_finite())
            && self.weights.iter().all(|w| w.is_finite() && *w >= 0.0);
        if finite {
            Ok(())
        } else {
            Err(LikelihoodError::NotFinite {
                what: "the particle".into(),
            })
        }
    }
}
