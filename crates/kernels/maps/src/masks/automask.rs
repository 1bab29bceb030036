//! A soft mask from the map itself: low-pass, threshold, largest piece, extension, soft edge.
//!
//! The threshold parts the densities within the box's inscribed sphere into two classes with the most variance between them
//! (Otsu 1979, IEEE Trans. Syst. Man Cybern. 9:62), so that it follows the particle whether it fills a third of the box's
//! edge or most of it. Lengths in Å; volumes `[z, y, x]`.

use ndarray::Array3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_model::{Map, Mask};
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};
use thon_signal::mask::{components, largest_component, soften, threshold as threshold_map};
use thon_units::Angstrom;

/// How a mask is made from a map: low-pass, threshold, extension, soft edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AutomaskOptions {
    /// Low-pass before the threshold; never finer than four voxels.
    pub low_pass: Angstrom,
    /// Density of the mask's border; empty to find it.
    pub threshold: Option<f64>,
    /// Volume to be enclosed when no threshold is given, as a fraction of the box; empty for the
    /// threshold that parts particle and solvent best.
    #[schemars(range(min = 0.001, max = 0.9))]
    pub volume: Option<f64>,
    /// Which of the pieces above the threshold are kept.
    pub pieces: Pieces,
    /// Extension of the mask in all directions; 5 % of the box's edge when empty.
    pub extend: Option<Angstrom>,
    /// Width of the soft edge; 8 % of the box's edge when empty.
    pub soft_edge: Option<Angstrom>,
}

impl Default for AutomaskOptions {
    fn default() -> Self {
        Self {
            low_pass: Angstrom(30.0),
            threshold: None,
            volume: None,
            pieces: Pieces::Largest,
            extend: None,
            soft_edge: None,
        }
    }
}

/// Which pieces of a thresholded map a mask keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pieces {
    /// The largest connected piece: no islands.
    Largest,
    /// All of them.
    All,
}

/// Extension as a fraction of the box's edge.
const EXTEND: f64 = 0.05;
/// Width of the soft edge as a fraction of the box's edge.
const SOFT_EDGE: f64 = 0.08;
/// Bins of the histogram that the threshold is found in.
const BINS: usize = 512;

/// Share of the voxels above a proposed threshold that belong to the largest piece.
const CONNECTED: f64 = 0.95;
/// Least volume of a proposal, as a share of what the first threshold encloses.
const LEAST_LEFT: f64 = 0.3;
/// Steps between the first threshold and the least volume.
const STEPS: usize = 15;

/// A mask and the density at its border.
#[derive(Clone, Debug)]
pub struct Automask {
    /// The mask; black when nothing reaches the threshold.
    pub mask: Mask,
    /// The threshold that was given or found, in the units of the map.
    pub threshold: f32,
    /// Share of the voxels above the threshold that belong to the largest piece; 1 when there are none.
    pub connected: f64,
}

/// Makes a mask around a map, as [`propose`] does.
pub fn automask(map: &Map, options: &AutomaskOptions) -> Mask {
    propose(map, options).mask
}

/// Makes a mask around a map. Without a threshold or a volume, one is proposed: the one that parts particle and solvent best,
/// raised as little as needed until islands hold at most 5 % of the voxels above it, but not so far that less
/// than a third of the volume is left.
pub fn propose(map: &Map, options: &AutomaskOptions) -> Automask {
    let voxel_size = map.voxel_size.0;
    let edge = map.dims().into_iter().min().unwrap_or(1) as f64 * voxel_size;
    let low_pass = RadialFilter::LowPass {
        cutoff: 1.0 / options.low_pass.0.max(4.0 * voxel_size),
        edge: Edge::RaisedCosine(2.0 / edge),
    };
    let smooth = apply_filters3(&map.data, voxel_size, &[low_pass]);
    let threshold = match (options.threshold, options.volume) {
        (Some(given), _) => given as f32,
        (None, Some(volume)) => enclosing(&smooth, volume),
        (None, None) => without_islands(&smooth, parting(&smooth)),
    };
    let above = threshold_map(&smooth, threshold);
    let connected = connected_share(&above);
    let particle = match options.pieces {
        Pieces::Largest => largest_component(&above),
        Pieces::All => above,
    };
    let voxels = |length: Option<Angstrom>, share: f64| {
        length.map_or(share * edge, |given| given.0) / voxel_size
    };
    let mask = soften(
        &particle,
        voxels(options.extend, EXTEND),
        voxels(options.soft_edge, SOFT_EDGE),
    );
    Automask {
        mask: Mask(Map::new(mask, map.voxel_size)),
        threshold,
        connected,
    }
}

fn connected_share(above: &Array3<bool>) -> f64 {
    let sizes = components(above);
    let all: usize = sizes.iter().sum();
    match sizes.first() {
        Some(largest) => *largest as f64 / all as f64,
        None => 1.0,
    }
}

/// The least threshold from `first` up at which nearly all is one piece; `first` when there is none.
fn without_islands(data: &Array3<f32>, first: f32) -> f32 {
    let mut above: Vec<f32> = data.iter().copied().filter(|v| *v >= first).collect();
    above.sort_by(f32::total_cmp);
    let candidate = |step: usize| {
        let share = (1.0 - LEAST_LEFT) * step as f64 / STEPS as f64;
        above.get((share * above.len() as f64) as usize).copied()
    };
    (0..=STEPS)
        .filter_map(candidate)
        .find(|threshold| connected_share(&threshold_map(data, *threshold)) >= CONNECTED)
        .unwrap_or(first)
}

/// Density that encloses a fraction `volume` of the box.
fn enclosing(data: &Array3<f32>, volume: f64) -> f32 {
    let mut sorted: Vec<f32> = data.iter().copied().collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let count = (volume * sorted.len() as f64) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(count.min(last)).copied().unwrap_or(0.0)
}

/// Otsu's threshold over the inscribed sphere.
fn parting(data: &Array3<f32>) -> f32 {
    let values = inside_sphere(data);
    let (low, high) = values
        .iter()
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &v| {
            (low.min(v), high.max(v))
        });
    if low >= high {
        return high;
    }
    let width = f64::from(high - low) / BINS as f64;
    let mut counts = [0.0_f64; BINS];
    for &value in &values {
        let bin = (f64::from(value - low) / width) as usize;
        counts[bin.min(BINS - 1)] += 1.0;
    }
    let total: f64 = counts.iter().sum();
    let whole: f64 = (0..BINS).map(|bin| counts[bin] * bin as f64).sum();
    let (mut below, mut moment) = (0.0, 0.0);
    let (mut best, mut at) = (f64::NEG_INFINITY, 0);
    for (bin, count) in counts.iter().enumerate().take(BINS - 1) {
        below += count;
        moment += count * bin as f64;
        let between = (whole * below / total - moment).powi(2) / (below * (total - below));
        if between > best {
            (best, at) = (between, bin);
        }
    }
    low + ((at + 1) as f64 * width) as f32
}

fn inside_sphere(data: &Array3<f32>) -> Vec<f32> {
    let (nz, ny, nx) = data.dim();
    let radius = nz.min(ny).min(nx) as f64 / 2.0;
    let square = |i: usize, n: usize| (i as f64 - (n / 2) as f64).powi(2);
    data.indexed_iter()
        .filter(|((z, y, x), _)| {
            square(*z, nz) + square(*y, ny) + square(*x, nx) <= radius * radius
        })
        .map(|(_, &value)| value)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_signal::mask::volume_fraction;
    use thon_units::PixelSize;

    /// A ball of 1 with ripples of noise around it, and a small bright island.
    fn ball(n: usize, share: f64) -> Map {
        let radius = share * n as f64 / 2.0;
        let data = Array3::from_shape_fn((n, n, n), |(z, y, x)| {
            let d = |i: usize| i as f64 - (n / 2) as f64;
            let r = (d(z).powi(2) + d(y).powi(2) + d(x).powi(2)).sqrt();
            let ripple = 0.3 * ((7 * x + 3 * y + 5 * z) as f64).sin();
            let island = x < 3 && y < 3 && z < 3;
            (if r <= radius || island {
                1.0 + ripple
            } else {
                ripple
            }) as f32
        });
        Map::new(data, PixelSize(4.0))
    }

    #[test]
    fn the_mask_follows_the_particle_from_a_third_to_most_of_the_edge() {
        for share in [0.3, 0.5, 0.7] {
            let n = 64;
            let map = ball(n, share);
            let mask = automask(&map, &AutomaskOptions::default());
            let full = mask.0.data.iter().filter(|v| **v >= 0.999).count() as f64;
            let radius = (full * 0.75 / std::f64::consts::PI).cbrt();
            let expected = (share / 2.0 + EXTEND) * n as f64;
            assert!(
                (radius - expected).abs() < 1.6,
                "{share}: radius {radius:.1}, expected {expected:.1}"
            );
            assert_eq!(mask.0.data[[0, 0, 0]], 0.0, "the island is left out");
            let doubts = crate::masks::mask_doubts(&mask).in_words();
            assert_eq!(doubts, Vec::<String>::new(), "{share}");
            assert!(mask.0.data.iter().any(|v| *v > 0.2 && *v < 0.8), "soft");
        }
    }

    #[test]
    fn a_proposed_threshold_leaves_islands_below_it() {
        // Debris of 0.6 around a ball of 1: the threshold that parts both from nothing lets islands in.
        let n = 48;
        let mut map = ball(n, 0.4);
        for corner in 0..8 {
            let at = |bit: usize| if corner >> bit & 1 == 1 { 33 } else { 8 };
            let (z, y, x) = (at(0), at(1), at(2));
            let piece = ndarray::s![z..z + 7, y..y + 7, x..x + 7];
            map.data.slice_mut(piece).mapv_inplace(|v| v + 0.6);
        }
        let made = propose(&map, &AutomaskOptions::default());
        assert!(made.connected >= CONNECTED, "{:?}", made.connected);
        assert!(
            made.threshold > 0.5 && made.threshold < 1.2,
            "{}",
            made.threshold
        );
        let low = AutomaskOptions {
            pieces: Pieces::All,
            threshold: Some(0.3),
            extend: Some(Angstrom(0.0)),
            soft_edge: Some(Angstrom(4.0)),
            ..AutomaskOptions::default()
        };
        let low = propose(&map, &low);
        assert!(low.connected < CONNECTED);
        assert_eq!(crate::masks::mask_doubts(&low.mask).islands, 8);
    }

    #[test]
    fn a_threshold_and_a_volume_are_obeyed() {
        let map = ball(48, 0.5);
        let options = |threshold, volume| AutomaskOptions {
            threshold,
            volume,
            extend: Some(Angstrom(0.0)),
            soft_edge: Some(Angstrom(0.0)),
            ..AutomaskOptions::default()
        };
        let share = |options| volume_fraction(&automask(&map, &options).0.data);
        assert!(
            share(options(Some(10.0), None)) == 0.0,
            "nothing reaches 10"
        );
        let asked = share(options(None, Some(0.03)));
        assert!((asked - 0.03).abs() < 0.003, "{asked}");
    }
}
