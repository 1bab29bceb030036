//! Log-likelihood of one view with its tiles already brought to one defocus: a row per sector.
//!
//! Once plane and hand are known, the heights of tiles are, and C and S of all tiles of a sector add up to one row over defocus
//! ([`crate::tables`]). Defocus and astigmatism then cost as many table entries as there are sectors.

use std::ops::Range;

use crate::tables::{Astigmatism, DefocusAxis, gain, interpolate};

/// Tables of one view, a row per sector.
#[derive(Clone, Debug)]
pub(crate) struct SectorTable {
    pub(crate) axis: DefocusAxis,
    /// C, `[sector][defocus]`.
    pub(crate) values: Vec<f32>,
    /// S of one sector, `[defocus]`.
    pub(crate) norm: Vec<f32>,
    /// (cos 2φ, sin 2φ) of each sector.
    pub(crate) directions: Vec<[f64; 2]>,
}

impl SectorTable {
    /// C and S at one defocus and astigmatism.
    pub(crate) fn sums(&self, defocus: f64, astigmatism: Astigmatism) -> (f64, f64) {
        let (mut product, mut norm) = (0.0f64, 0.0f64);
        let rows = self.values.chunks_exact(self.axis.count);
        for (row, [c, s]) in rows.zip(&self.directions) {
            let local = defocus + astigmatism[0] * c + astigmatism[1] * s;
            let (index, fraction) = self.axis.place(local);
            let range = index - 1..index + 3;
            product += f64::from(interpolate(&row[range.clone()], fraction));
            norm += f64::from(interpolate(&self.norm[range], fraction));
        }
        (product, norm)
    }

    /// The log-likelihood against no rings, with the strength that fits best.
    pub(crate) fn log_likelihood(&self, defocus: f64, astigmatism: Astigmatism) -> f64 {
        let (product, norm) = self.sums(defocus, astigmatism);
        gain(product, norm)
    }

    /// Strength of the rings that fits best.
    pub(crate) fn strength(&self, defocus: f64, astigmatism: Astigmatism) -> f64 {
        let (product, norm) = self.sums(defocus, astigmatism);
        if norm > 0.0 { product / norm } else { 0.0 }
    }

    /// The best log-likelihood at an astigmatism for any defocus of `range` (Å), and where; found in steps of the table and
    /// refined by a parabola.
    pub(crate) fn profile(&self, range: &Range<f64>, astigmatism: Astigmatism) -> (f64, f64) {
        let step = self.axis.step;
        let count = ((range.end - range.start) / step).ceil().max(2.0) as usize;
        let values: Vec<f64> = (0..=count)
            .map(|i| self.log_likelihood(range.start + step * i as f64, astigmatism))
            .collect();
        let best = (0..=count).fold(0, |best, i| if values[i] > values[best] { i } else { best });
        let place = range.start + step * best as f64;
        if best == 0 || best == count {
            return (place, values[best]);
        }
        let (below, middle, above) = (values[best - 1], values[best], values[best + 1]);
        let bend = below + above - 2.0 * middle;
        if bend >= 0.0 {
            return (place, middle);
        }
        let offset = (0.5 * (below - above) / bend).clamp(-0.5, 0.5);
        let top = middle + 0.25 * (above - below) * offset;
        (place + step * offset, top)
    }
}
