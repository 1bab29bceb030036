//! The slab of matter in a coarse tomogram: its two surfaces, as planes, from the density alone.
//!
//! Ice with molecules in it has texture, vacuum has none. Two half tomograms tell where: the product of the two, each band-passed to what
//! molecules and their neighbours make, is positive where they share structure and as often negative as positive where there is noise
//! alone. Places above all but a hundredth of the negative ones are *occupied*; the slab is the pair of parallel planes between which places are
//! occupied with one probability and beyond which with another, by maximum likelihood (two binomials). For texture without gaps that
//! is where it ends, for a few molecules the thinnest layer that holds them all. What lies beyond the first and last molecule is not seen.
//! Lengths in Å, volumes `[z, y, x]`, heights z = slope_x · x + slope_y · y + height over the origin in the specimen frame.

mod likelihood;
mod texture;

#[cfg(test)]
mod tests;

use ndarray::Array3;
use thon_geometry::Grid;

use crate::Levelling;
use likelihood::{Fit, Layers};
use texture::Places;

/// The least log likelihood ratio for a slab, per place that is independent of its neighbours; all slopes and heights that are
/// tried make one or two by chance.
const LEAST_EVIDENCE: f64 = 10.0;
/// How many times more often than outside places are occupied inside, at least.
const LEAST_RATIO: f64 = 3.0;
/// Parts of the field along x and y, each of which is left out once.
const PARTS: usize = 3;

/// What [`find_slab`] may look for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlabOptions {
    /// Steepest slope along either axis, as a tangent.
    pub steepest: f64,
    /// Thinnest slab, Å.
    pub thinnest: f64,
}

impl Default for SlabOptions {
    /// Slopes up to 27°, 150 Å.
    fn default() -> Self {
        Self {
            steepest: 0.5,
            thinnest: 150.0,
        }
    }
}

/// A slab and how clearly it stands out.
#[derive(Clone, Debug, PartialEq)]
pub struct Slab {
    /// Its surfaces; no points belong to them, and `residual` is the uncertainty of their middle, Å.
    pub surfaces: Levelling,
    /// Uncertainty of the slopes along x and y (tangents): a jackknife over nine parts of the field.
    pub slope_errors: [f64; 2],
    /// Share of places that are occupied, inside and outside.
    pub occupied: [f64; 2],
    /// Log likelihood ratio against no slab, per independent place.
    pub evidence: f64,
    /// Height over the origin (Å) and share of occupied places of each layer parallel to the surfaces.
    pub profile: Vec<(f64, f64)>,
}

/// Finds the slab in the two half tomograms on `grid`, voxels of at most 60 Å. The halves must share no noise.
///
/// `None` when no slab stands out from its surroundings: the tomogram is too thin to show both surfaces, or empty.
pub fn find_slab(halves: [Array3<f32>; 2], grid: &Grid, options: &SlabOptions) -> Option<Slab> {
    let [nz, ny, nx] = grid.dims;
    let fits = halves.iter().all(|half| half.dim() == (nz, ny, nx));
    if !fits || nz < 8 || ny < 2 * PARTS || nx < 2 * PARTS || grid.voxel_size.0 > 60.0 {
        return None;
    }
    let places = Places::of(halves, grid)?;
    let layers = Layers::of(&places, None);
    let best = layers.search(options)?;
    let evidence = best.likelihood / places.per_independent();
    if evidence < LEAST_EVIDENCE || best.inside < LEAST_RATIO * best.outside || best.at_rim {
        return None;
    }
    let (slope_errors, residual) = jackknife(&places, &best, options);
    Some(Slab {
        surfaces: Levelling {
            slope_x: best.slope[0],
            slope_y: best.slope[1],
            heights: best.heights,
            upper: Vec::new(),
            residual,
        },
        slope_errors,
        occupied: [best.inside, best.outside],
        evidence,
        profile: layers.profile(best.slope),
    })
}

/// Deviations of the slopes and of the middle's height, by leaving out one part of the field after the other.
fn jackknife(places: &Places, best: &Fit, options: &SlabOptions) -> ([f64; 2], f64) {
    let fits: Vec<Fit> = (0..PARTS * PARTS)
        .filter_map(|part| Layers::of(places, Some((part, PARTS))).climb(best.slope, options))
        .collect();
    let count = fits.len() as f64;
    let deviation = |value: &dyn Fn(&Fit) -> f64| {
        let mean = fits.iter().map(value).sum::<f64>() / count;
        let squares: f64 = fits.iter().map(|fit| (value(fit) - mean).powi(2)).sum();
        ((count - 1.0) / count * squares).sqrt()
    };
    let middle = |fit: &Fit| f64::midpoint(fit.heights[0], fit.heights[1]);
    // Less than a place over the whole field cannot be told.
    let finest = places.finest_slopes();
    let slopes = [0, 1].map(|axis| deviation(&|fit| fit.slope[axis]).hypot(finest[axis]));
    (slopes, deviation(&middle))
}
