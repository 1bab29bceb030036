//! Tile spectra stretched to one defocus: the average of BISECT's and CTFFIND's tilt mode, with the exact remap.
//!
//! A ring at k of a tile with underfocus d lies at the frequency where underfocus D has the same phase, Cs included
//! ([`RingOptics::stretched`]); values are shared between the two nearest rings of the common spectrum.

use crate::PolarGrid;
use crate::rings::RingOptics;
use crate::whiten::Whitened;

/// The stretched average of a view's whitened tiles at underfocus `reference` (Å), as a view of one tile, with its grid.
/// `None` when no tile can be used.
pub(crate) fn stretch_sum(
    view: &Whitened,
    grid: &PolarGrid,
    optics: &RingOptics,
    heights: &[f64],
    reference: f64,
) -> Option<(Whitened, PolarGrid)> {
    let rings = grid.rings();
    let mut excess = vec![0.0f64; grid.len()];
    let mut modes = vec![0.0f64; grid.len()];
    for (tile, (&weight, height)) in view.weights.iter().zip(heights).enumerate() {
        if weight <= 0.0 {
            continue;
        }
        for (ring, k) in grid.frequencies.iter().enumerate() {
            let Some(target) = optics.stretched(*k, reference + height, reference) else {
                continue;
            };
            let position = (target - grid.frequencies[0]) / grid.width;
            if position < 0.0 || position >= (rings - 1) as f64 {
                continue;
            }
            let (first, share) = (position as usize, position.fract());
            for sector in 0..grid.sectors() {
                let from = sector * rings + ring;
                let value = f64::from(view.excess[tile * grid.len() + from]);
                let count = weight * view.ring_weights[ring] * f64::from(grid.modes[from]);
                for (to, part) in [(first, 1.0 - share), (first + 1, share)] {
                    excess[sector * rings + to] += part * value;
                    modes[sector * rings + to] += part * count;
                }
            }
        }
    }
    // Rings that nothing was stretched to say nothing.
    if modes.iter().sum::<f64>() <= 0.0 {
        return None;
    }
    let whitened = Whitened {
        excess: excess.iter().map(|v| *v as f32).collect(),
        weights: vec![1.0],
        freedom: view.freedom,
        ring_weights: vec![1.0; rings],
        window: view.window,
        mean: view.mean.clone(),
        background: view.background.clone(),
    };
    let grid = PolarGrid {
        modes: modes.iter().map(|n| n.max(1e-3) as f32).collect(),
        ..grid.clone()
    };
    Some((whitened, grid))
}

/// Excess and coefficients of all tiles and sectors of a view on the rings of underfocus `defocus` without astigmatism.
pub(crate) fn equal_phase(
    view: &Whitened,
    grid: &PolarGrid,
    optics: &RingOptics,
    (defocus, astigmatism): (f64, [f64; 2]),
    heights: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let rings = grid.rings();
    let (mut excess, mut modes) = (vec![0.0; rings], vec![0.0; rings]);
    let directions = grid.directions();
    for (row, values) in view.excess.chunks_exact(rings).enumerate() {
        let (tile, sector) = (row / grid.sectors(), row % grid.sectors());
        let weight = view.weights[tile];
        if weight <= 0.0 {
            continue;
        }
        let [c, s] = directions[sector];
        let local = defocus + heights[tile] + astigmatism[0] * c + astigmatism[1] * s;
        for (ring, value) in values.iter().enumerate() {
            let Some(target) = optics.stretched(grid.frequencies[ring], local, defocus) else {
                continue;
            };
            let position = (target - grid.frequencies[0]) / grid.width;
            if position < 0.0 || position >= (rings - 1) as f64 {
                continue;
            }
            let (first, share) = (position as usize, position.fract());
            let count =
                weight * view.ring_weights[ring] * f64::from(grid.modes[sector * rings + ring]);
            for (to, part) in [(first, 1.0 - share), (first + 1, share)] {
                excess[to] += part * f64::from(*value);
                modes[to] += part * count;
            }
        }
    }
    (excess, modes)
}
