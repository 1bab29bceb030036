//! Log-likelihoods tabulated over defocus, so that every question about geometry becomes a sum of table entries.
//!
//! For rings r(k; d) of unknown strength a in whitened spectra E with n coefficients each, the log-likelihood is
//! a·C − ½ a²·S with C = Σ n E Qr, S = Σ n r Qr (Q takes out what a background can express). C of every tile and sector is one
//! row over a grid of defocus, made by one matrix product; S is the same for all. A tile whose height differs by z, in a
//! sector at angle φ of an image with astigmatism (ax, ay), is read at d + z + ax cos 2φ + ay sin 2φ. The strength that fits best
//! gives C²/2S.

use thon_compute::product::{Matrix, multiply};

use crate::PolarGrid;
use crate::rings::{Envelope, RingOptics, ring, window_gain};
use crate::sector_table::SectorTable;
use crate::smooth_basis::SmoothBasis;
use crate::whiten::Whitened;

/// Points of the grid per period of the fastest ring.
const PER_PERIOD: f64 = 10.0;

/// An even grid of defocus values, Å.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DefocusAxis {
    pub(crate) first: f64,
    pub(crate) step: f64,
    pub(crate) count: usize,
}

impl DefocusAxis {
    /// From `low` to `high`, fine enough for rings up to `frequency`.
    pub(crate) fn new(low: f64, high: f64, wavelength: f64, frequency: f64) -> Self {
        let wanted = 1.0 / (wavelength * frequency * frequency) / PER_PERIOD;
        let count = (((high - low) / wanted).ceil() as usize).clamp(8, 4000);
        Self {
            first: low,
            step: (high - low) / count as f64,
            count: count + 1,
        }
    }

    pub(crate) fn value(&self, index: usize) -> f64 {
        self.first + self.step * index as f64
    }

    /// Grid point at or below `defocus` that has a neighbour on each side and two above, and the fraction beyond it.
    pub(crate) fn place(&self, defocus: f64) -> (usize, f32) {
        let position = ((defocus - self.first) / self.step).clamp(1.0, (self.count - 3) as f64);
        let index = position.floor();
        (index as usize, (position - index) as f32)
    }

    /// Indices of the grid within `low..=high`, at least one.
    pub(crate) fn range(&self, low: f64, high: f64) -> std::ops::Range<usize> {
        let index = |d: f64| ((d - self.first) / self.step).clamp(0.0, (self.count - 1) as f64);
        let from = index(low).ceil() as usize;
        from..(index(high).floor() as usize + 1)
            .max(from + 1)
            .min(self.count)
    }
}

/// Models of rings over a grid of defocus.
pub(crate) struct RingModels {
    pub(crate) axis: DefocusAxis,
    /// Qr, `[ring][defocus]`.
    projected: Vec<f32>,
    /// Σ n r Qr of one mean sector.
    norm: Vec<f64>,
}

impl RingModels {
    /// Rings of one envelope, for the spectra of one view.
    pub(crate) fn new(
        grid: &PolarGrid,
        view: &Whitened,
        optics: &RingOptics,
        envelope: &Envelope,
        axis: DefocusAxis,
    ) -> Self {
        let rings = grid.rings();
        let weights = sector_weights(grid, &view.ring_weights);
        let basis = SmoothBasis::new(&grid.frequencies, &weights, view.freedom);
        let strength: Vec<f64> = grid
            .frequencies
            .iter()
            .map(|k| envelope.value(*k, optics.wavelength))
            .collect();
        let mut projected = vec![0.0f32; rings * axis.count];
        let mut norm = vec![0.0; axis.count];
        for (index, norm) in norm.iter_mut().enumerate() {
            let defocus = axis.value(index);
            let plain: Vec<f64> = grid
                .frequencies
                .iter()
                .zip(&strength)
                .map(|(k, strength)| strength * ring(optics, *k, grid.width, defocus))
                .collect();
            let gains: Vec<f64> = grid
                .frequencies
                .iter()
                .map(|k| window_gain(optics.lag(*k, defocus), view.window))
                .collect();
            let mut rest: Vec<f64> = plain.iter().zip(&gains).map(|(p, g)| p * g).collect();
            basis.remove(&mut rest);
            for (place, value) in rest.iter().enumerate() {
                projected[place * axis.count + index] = *value as f32;
                *norm += weights[place] * plain[place] * value;
            }
        }
        Self {
            axis,
            projected,
            norm,
        }
    }
}

/// Coefficients × ring weight of a mean sector.
pub(crate) fn sector_weights(grid: &PolarGrid, ring_weights: &[f64]) -> Vec<f64> {
    let modes = grid.ring_modes();
    modes
        .iter()
        .zip(ring_weights)
        .map(|(n, w)| n * w / grid.sectors() as f64)
        .collect()
}

/// Log-likelihood tables of one view, a row per tile and sector (or per tile, once sectors are summed).
#[derive(Clone, Debug)]
pub(crate) struct ViewTable {
    pub(crate) axis: DefocusAxis,
    /// `[tile][sector][defocus]`.
    values: Vec<f32>,
    /// S of a row of weight one, `[defocus]`.
    norm: Vec<f64>,
    /// Weight of each tile.
    weights: Vec<f64>,
    /// (cos 2φ, sin 2φ) of each sector.
    directions: Vec<[f64; 2]>,
}

/// Astigmatism as a vector: ax = ½(u − v) cos 2α, ay = ½(u − v) sin 2α, Å.
pub(crate) type Astigmatism = [f64; 2];

impl ViewTable {
    /// Compares the spectra of a view with all models.
    pub(crate) fn new(view: &Whitened, grid: &PolarGrid, models: &RingModels) -> Self {
        let (rows, rings) = (view.excess.len() / grid.rings(), grid.rings());
        let count = models.axis.count;
        let mut values = vec![0.0; rows * count];
        multiply(
            Matrix::rows(&view.excess, rows, rings, rings),
            Matrix::rows(&models.projected, rings, count, count),
            &mut values,
            false,
        );
        Self {
            axis: models.axis,
            values,
            norm: models.norm.clone(),
            weights: view.weights.clone(),
            directions: grid.directions(),
        }
    }

    /// Number of sectors; one when they are summed.
    pub(crate) fn sectors(&self) -> usize {
        self.directions.len()
    }

    /// One row per sector, tiles brought to one defocus by their heights.
    pub(crate) fn folded(&self, heights: &[f64]) -> SectorTable {
        let (count, sectors) = (self.axis.count, self.sectors());
        let mut values = vec![0.0f32; sectors * count];
        let mut norm = vec![0.0f32; count];
        let plain: Vec<f32> = self.norm.iter().map(|n| *n as f32).collect();
        let tiles = self.values.chunks_exact(count * sectors);
        for ((rows, weight), height) in tiles.zip(&self.weights).zip(heights) {
            if *weight <= 0.0 {
                continue;
            }
            let shift = height / self.axis.step;
            for (out, row) in values.chunks_exact_mut(count).zip(rows.chunks_exact(count)) {
                add_shifted(out, row, shift, 0..count, 1.0);
            }
            add_shifted(&mut norm, &plain, shift, 0..count, *weight as f32);
        }
        SectorTable {
            axis: self.axis,
            values,
            norm,
            directions: self.directions.clone(),
        }
    }

    /// One row per tile, sectors read at the given astigmatism and summed.
    pub(crate) fn collapsed(&self, astigmatism: Astigmatism) -> Self {
        let count = self.axis.count;
        let sectors = self.sectors();
        let mut values = vec![0.0f32; self.weights.len() * count];
        for (tile, out) in values.chunks_exact_mut(count).enumerate() {
            if self.weights[tile] <= 0.0 {
                continue;
            }
            for (sector, [c, s]) in self.directions.iter().enumerate() {
                let row = &self.values[(tile * sectors + sector) * count..][..count];
                let shift = astigmatism[0] * c + astigmatism[1] * s;
                add_shifted(out, row, shift / self.axis.step, 0..count, 1.0);
            }
        }
        Self {
            axis: self.axis,
            values,
            norm: self.norm.iter().map(|n| n * sectors as f64).collect(),
            weights: self.weights.clone(),
            directions: vec![[0.0, 0.0]],
        }
    }

    /// Log-likelihoods over a range of the grid, for tiles at the given heights; sectors must be summed.
    pub(crate) fn scan(&self, heights: &[f64], range: std::ops::Range<usize>) -> Vec<f64> {
        let count = self.axis.count;
        let mut product = vec![0.0f32; range.len()];
        let mut norm = vec![0.0f32; range.len()];
        let plain: Vec<f32> = self.norm.iter().map(|n| *n as f32).collect();
        for ((row, weight), height) in self
            .values
            .chunks_exact(count)
            .zip(&self.weights)
            .zip(heights)
        {
            if *weight > 0.0 {
                let shift = height / self.axis.step;
                add_shifted(&mut product, row, shift, range.clone(), 1.0);
                add_shifted(&mut norm, &plain, shift, range.clone(), *weight as f32);
            }
        }
        product
            .iter()
            .zip(&norm)
            .map(|(c, s)| gain(f64::from(*c), f64::from(*s)))
            .collect()
    }
}

pub(crate) fn gain(product: f64, norm: f64) -> f64 {
    if product > 0.0 && norm > 0.0 {
        0.5 * product * product / norm
    } else {
        0.0
    }
}

/// Catmull–Rom cubic between the second and third of four values.
pub(crate) fn interpolate(v: &[f32], t: f32) -> f32 {
    let [w0, w1, w2, w3] = cubic_weights(t);
    w0 * v[0] + w1 * v[1] + w2 * v[2] + w3 * v[3]
}

fn cubic_weights(t: f32) -> [f32; 4] {
    let (square, cube) = (t * t, t * t * t);
    [
        0.5 * (-cube + 2.0 * square - t),
        0.5 * (3.0 * cube - 5.0 * square + 2.0),
        0.5 * (-3.0 * cube + 4.0 * square + t),
        0.5 * (cube - square),
    ]
}

/// Adds `factor · row(i + shift)` for the indices of `range`; ends are held.
fn add_shifted(
    out: &mut [f32],
    row: &[f32],
    shift: f64,
    range: std::ops::Range<usize>,
    factor: f32,
) {
    let whole = shift.floor();
    let [w0, w1, w2, w3] = cubic_weights((shift - whole) as f32).map(|w| w * factor);
    let last = row.len() as i64 - 1;
    let start = range.start as i64 + whole as i64 - 1;
    let inside = start >= 0 && start + out.len() as i64 + 2 <= last;
    if inside {
        let row = &row[start as usize..start as usize + out.len() + 3];
        for (i, out) in out.iter_mut().enumerate() {
            *out += w0 * row[i] + w1 * row[i + 1] + w2 * row[i + 2] + w3 * row[i + 3];
        }
        return;
    }
    for (i, out) in out.iter_mut().enumerate() {
        let at = |offset: i64| row[(start + i as i64 + offset).clamp(0, last) as usize];
        *out += w0 * at(0) + w1 * at(1) + w2 * at(2) + w3 * at(3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_follows_a_smooth_function() {
        let row: Vec<f32> = (0..60).map(|i| (0.6 * i as f32).sin()).collect();
        let mut out = vec![0.0; 30];
        add_shifted(&mut out, &row, 7.3, 5..35, 2.0);
        for (i, out) in out.iter().enumerate() {
            let expected = 2.0 * (0.6 * (i as f32 + 12.3)).sin();
            assert!((out - expected).abs() < 0.02, "{out} {expected}");
        }
        let mut held = vec![0.0; 5];
        add_shifted(&mut held, &row, 100.0, 0..5, 1.0);
        assert!(held.iter().all(|v| (v - row[59]).abs() < 1e-6));
    }

    #[test]
    fn the_axis_finds_places() {
        let axis = DefocusAxis {
            first: 1000.0,
            step: 50.0,
            count: 101,
        };
        assert_eq!(axis.place(2025.0), (20, 0.5));
        assert_eq!(axis.place(-1e9).0, 1);
        assert_eq!(axis.place(1e9).0, 98);
        assert_eq!(axis.range(1990.0, 2060.0), 20..22);
        assert_eq!(axis.range(9e9, 9e9), 100..101);
    }
}
