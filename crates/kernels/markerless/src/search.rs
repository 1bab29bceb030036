//! The correlation of a view with its reprojection at every displacement, and its highest peaks.

use thon_signal::fft::{Complex32, ComplexFft2, next_fast_even_length, wrapped_index};

use crate::plane::Band;

/// The highest place of a correlation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// Displacement, Å in the plane.
    pub(crate) displacement: [f64; 2],
    /// Height over that of the second-highest separate peak; 1 is no decision at all.
    pub(crate) ratio: f64,
    /// Height in standard deviations of the map.
    pub(crate) height: f64,
    /// Height itself.
    pub(crate) top: f64,
    /// Height where nothing is displaced.
    pub(crate) here: f64,
}

/// Correlations over the window of a band.
pub(crate) struct Search {
    dims: [usize; 2],
    plan: ComplexFft2,
}

impl Search {
    /// Plans maps fine enough for the band.
    pub(crate) fn new(band: &Band) -> Self {
        let most = |axis: usize| {
            let largest = band.indices.iter().map(|i| i[axis].unsigned_abs()).max();
            next_fast_even_length((4 * largest.unwrap_or(1) as usize).max(16))
        };
        let dims = [most(1), most(0)];
        Self {
            dims,
            plan: ComplexFft2::plan(dims),
        }
    }

    /// The highest peak within `radius` Å of Re Σ product exp(2πi q·d).
    pub(crate) fn highest(&self, band: &Band, products: &[Complex32], radius: f64) -> Found {
        let [ny, nx] = self.dims;
        let mut map = vec![Complex32::default(); ny * nx];
        for ([ix, iy], product) in band.indices.iter().zip(products) {
            let (x, y) = (
                wrapped_index(*ix as isize, nx),
                wrapped_index(*iy as isize, ny),
            );
            map[y * nx + x] += *product;
        }
        self.plan.inverse_in_place(&mut map);
        let [along, across] = band.grid.lengths();
        let steps = [across / nx as f64, along / ny as f64];
        let value = |x: i64, y: i64| {
            let (x, y) = (x.rem_euclid(nx as i64), y.rem_euclid(ny as i64));
            f64::from(map[(y * nx as i64 + x) as usize].re)
        };
        let (mx, my) = (nx as i64 / 2 - 1, ny as i64 / 2 - 1);
        let mut peaks: Vec<(f64, i64, i64)> = Vec::new();
        let (mut squares, mut cells) = (0.0, 0.0f64);
        for y in -my..=my {
            for x in -mx..=mx {
                let here = value(x, y);
                squares += here * here;
                cells += 1.0;
                if (x as f64 * steps[0]).hypot(y as f64 * steps[1]) > radius {
                    continue;
                }
                let neighbours = [(1, 0), (-1, 0), (0, 1), (0, -1)];
                if neighbours.iter().all(|(i, j)| value(x + i, y + j) <= here) {
                    peaks.push((here, x, y));
                }
            }
        }
        peaks.sort_by(|a, b| b.0.total_cmp(&a.0));
        let Some(&(top, x, y)) = peaks.first() else {
            return Found::default();
        };
        let apart = 0.8 / band.high;
        let second = peaks
            .iter()
            .skip(1)
            .find(|p| ((p.1 - x) as f64 * steps[0]).hypot((p.2 - y) as f64 * steps[1]) > apart);
        let vertex = |before: f64, after: f64| {
            let bend = before - 2.0 * top + after;
            if bend < 0.0 {
                (0.5 * (before - after) / bend).clamp(-0.5, 0.5)
            } else {
                0.0
            }
        };
        let fx = x as f64 + vertex(value(x - 1, y), value(x + 1, y));
        let fy = y as f64 + vertex(value(x, y - 1), value(x, y + 1));
        let deviation = (squares / cells.max(1.0)).sqrt();
        Found {
            top,
            here: value(0, 0),
            displacement: [fx * steps[0], fy * steps[1]],
            ratio: top / second.map_or(1e-9, |p| p.0).max(1e-9 + 0.02 * top.abs()),
            height: if deviation > 0.0 {
                top / deviation
            } else {
                0.0
            },
        }
    }
}
