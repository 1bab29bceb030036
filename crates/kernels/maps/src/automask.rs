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
use thon_signal::mask::{largest_component, soften, threshold as threshold_map, volume_fraction};
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
            extend: None,
            soft_edge: None,
        }
    }
}

/// Extension as a fraction of the box's edge.
const EXTEND: f64 = 0.05;
/// Width of the soft edge as a fraction of the box's edge.
const SOFT_EDGE: f64 = 0.08;
/// Bins of the histogram that the threshold is found in.
const BINS: usize = 512;

/// Makes a mask around the brightest connected piece of a map. It is black when nothing reaches the threshold.
pub fn automask(map: &Map, options: &AutomaskOptions) -> Mask {
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
        (None, None) => parting(&smooth),
    };
    let particle = largest_component(&threshold_map(&smooth, threshold));
    let voxels = |length: Option<Angstrom>, share: f64| {
        length.map_or(share * edge, |given| given.0) / voxel_size
    };
    let mask = soften(
        &particle,
        voxels(options.extend, EXTEND),
        voxels(options.soft_edge, SOFT_EDGE),
    );
    Mask(Map::new(mask, map.voxel_size))
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

/// What is doubtful about a mask, in words; empty when it lies well inside its box.
pub fn mask_doubts(mask: &Mask) -> Vec<String> {
    let data = &mask.0.data;
    let mut doubts = Vec::new();
    let fraction = volume_fraction(data);
    if fraction > 0.7 {
        doubts.push(format!(
            "the mask covers {:.0} % of the box: FSC and noise cannot be told apart; take a larger box or a tighter mask",
            100.0 * fraction
        ));
    }
    let (nz, ny, nx) = data.dim();
    let face = |i: usize, n: usize| i == 0 || i + 1 == n;
    let border = data
        .indexed_iter()
        .filter(|((z, y, x), value)| {
            **value > 0.0 && (face(*z, nz) || face(*y, ny) || face(*x, nx))
        })
        .count();
    if border > 0 {
        doubts.push(format!(
            "the mask is cut off by the box ({border} voxels of its faces are inside): take a larger box, or less extension and \
             soft edge"
        ));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;
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
            assert_eq!(mask_doubts(&mask), Vec::<String>::new(), "{share}");
            assert!(mask.0.data.iter().any(|v| *v > 0.2 && *v < 0.8), "soft");
        }
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

    #[test]
    fn a_mask_that_fills_or_leaves_the_box_is_doubted() {
        let all = Mask(Map::new(Array3::ones((8, 8, 8)), PixelSize(1.0)));
        let doubts = mask_doubts(&all);
        assert!(
            doubts[0].contains("100 %") && doubts[1].contains("296 voxels"),
            "{doubts:?}"
        );
    }
}
