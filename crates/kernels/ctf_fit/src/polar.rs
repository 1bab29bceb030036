//! Polar sampling of the power spectra of square tiles: which pixel of a half spectrum belongs to which sector and ring.
//!
//! A half spectrum `[n, n/2 + 1]` is summed into `sectors` sectors of equal width over 180° (the spectrum of a real
//! image is symmetric) and into rings one Fourier pixel wide, k in cycles/Å. Angles run counter-clockwise from image x.

use std::f64::consts::PI;

/// Marks pixels outside the band.
const OUTSIDE: u16 = u16::MAX;

/// Sectors and rings that spectra are given on.
#[derive(Clone, Debug, PartialEq)]
pub struct PolarGrid {
    /// Middle of each sector, radians counter-clockwise from image x, in [0, π).
    pub angles: Vec<f64>,
    /// Spatial frequency of each ring, cycles/Å, ascending.
    pub frequencies: Vec<f64>,
    /// Width of a ring, cycles/Å.
    pub width: f64,
    /// Independent Fourier coefficients averaged in one value, `[sector][ring]`.
    pub modes: Vec<f32>,
}

impl PolarGrid {
    /// Number of rings.
    pub fn rings(&self) -> usize {
        self.frequencies.len()
    }

    /// Number of sectors.
    pub fn sectors(&self) -> usize {
        self.angles.len()
    }

    /// Values of one spectrum, sectors × rings.
    pub fn len(&self) -> usize {
        self.rings() * self.sectors()
    }

    /// True when the band holds no ring.
    pub fn is_empty(&self) -> bool {
        self.frequencies.is_empty()
    }

    /// (cos 2φ, sin 2φ) of each sector: what astigmatism is multiplied by. A single sector is a profile over all directions, in
    /// which astigmatism does not show.
    pub fn directions(&self) -> Vec<[f64; 2]> {
        if self.sectors() == 1 {
            return vec![[0.0, 0.0]];
        }
        self.angles
            .iter()
            .map(|a| [(2.0 * a).cos(), (2.0 * a).sin()])
            .collect()
    }

    /// Coefficients in each ring, summed over sectors.
    pub fn ring_modes(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.rings()];
        for sector in self.modes.chunks_exact(self.rings().max(1)) {
            for (sum, modes) in sums.iter_mut().zip(sector) {
                *sum += f64::from(*modes);
            }
        }
        sums
    }
}

/// Assignment of the pixels of a half spectrum `[n, n/2 + 1]` to a [`PolarGrid`].
#[derive(Clone, Debug)]
pub struct PolarLayout {
    /// Edge of the tiles, pixels.
    pub tile: usize,
    /// Where values end up.
    pub grid: PolarGrid,
    index: Vec<u16>,
    /// 1 / number of coefficients.
    inverse: Vec<f32>,
}

impl PolarLayout {
    /// Layout for tiles of `tile` pixels of `pixel_size` Å, from `band[0]` to `band[1]` cycles/Å, rings one pixel wide.
    pub fn new(tile: usize, pixel_size: f64, band: [f64; 2], sectors: usize) -> Self {
        Self::fine(tile, pixel_size, band, sectors, 1)
    }

    /// As [`PolarLayout::new`], with `per_pixel` rings to a pixel, for spectra whose Thon rings are hardly wider than their
    /// pixels. Rings that hold no pixel are left out.
    pub fn fine(
        tile: usize,
        pixel_size: f64,
        band: [f64; 2],
        sectors: usize,
        per_pixel: usize,
    ) -> Self {
        let unit = 1.0 / (tile as f64 * pixel_size);
        let width = tile / 2 + 1;
        let places: Vec<Option<(usize, usize, f64)>> = (0..tile * width)
            .map(|pixel| place(pixel, tile, (unit, band), sectors, per_pixel))
            .collect();
        let held: std::collections::BTreeSet<usize> =
            places.iter().flatten().map(|(ring, _, _)| *ring).collect();
        let order: std::collections::BTreeMap<usize, usize> = held.into_iter().zip(0..).collect();
        let rings = order.len();
        let mut index = vec![OUTSIDE; tile * width];
        let mut modes = vec![0.0f32; sectors * rings];
        let mut sums = vec![0.0f64; rings];
        let mut counts = vec![0.0f64; rings];
        for (pixel, found) in places.into_iter().enumerate() {
            let Some((ring, sector, radius)) = found else {
                continue;
            };
            let ring = order[&ring];
            let place = sector * rings + ring;
            index[pixel] = place as u16;
            modes[place] += 1.0;
            sums[ring] += radius;
            counts[ring] += 1.0;
        }
        let inverse = modes.iter().map(|n| 1.0 / n.max(1.0)).collect();
        let frequencies = sums
            .iter()
            .zip(&counts)
            .map(|(s, n)| unit * s / n)
            .collect();
        let angles = (0..sectors)
            .map(|s| PI * (s as f64 + 0.5) / sectors as f64)
            .collect();
        Self {
            tile,
            grid: PolarGrid {
                angles,
                frequencies,
                width: unit / per_pixel as f64,
                modes,
            },
            index,
            inverse,
        }
    }

    /// Mean power in each sector and ring of a half spectrum, into `out` (`[sector][ring]`); `power` gives |F|² of a
    /// pixel by its place in the half spectrum.
    ///
    /// # Panics
    /// When `out` does not hold sectors × rings values.
    pub fn average(&self, power: impl Fn(usize) -> f32, out: &mut [f32]) {
        assert_eq!(out.len(), self.inverse.len(), "sectors × rings");
        out.fill(0.0);
        for (pixel, &place) in self.index.iter().enumerate() {
            if place != OUTSIDE {
                out[usize::from(place)] += power(pixel);
            }
        }
        for (value, inverse) in out.iter_mut().zip(&self.inverse) {
            *value *= inverse;
        }
    }
}

/// Ring, sector and radius (pixels) of a pixel of a half spectrum, if it lies within the band and is not the twin of another.
fn place(
    pixel: usize,
    tile: usize,
    (unit, band): (f64, [f64; 2]),
    sectors: usize,
    per_pixel: usize,
) -> Option<(usize, usize, f64)> {
    let fine = per_pixel as f64;
    let first = (band[0] / unit * fine).ceil().max(1.0) as usize;
    let last = ((band[1] / unit * fine).floor() as usize).min((tile / 2 - 1) * per_pixel);
    let width = tile / 2 + 1;
    let (ky, kx) = (signed(pixel / width, tile), (pixel % width) as f64);
    // Column 0 holds every coefficient twice.
    if kx == 0.0 && ky < 0.0 {
        return None;
    }
    let radius = kx.hypot(ky);
    let ring = (radius * fine).round() as usize;
    let turn = ky.atan2(kx).rem_euclid(PI) / PI;
    let sector = ((turn * sectors as f64) as usize).min(sectors - 1);
    (first..=last)
        .contains(&ring)
        .then_some((ring, sector, radius))
}

fn signed(row: usize, rows: usize) -> f64 {
    if row < rows.div_ceil(2) {
        row as f64
    } else {
        row as f64 - rows as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coefficient_of_the_band_counts_once() {
        let layout = PolarLayout::new(64, 2.0, [0.05, 0.2], 12);
        let grid = &layout.grid;
        assert_eq!((grid.sectors(), grid.rings()), (12, 19));
        let total: f32 = grid.modes.iter().sum();
        // Half the annulus between 6.5 and 25.5 Fourier pixels.
        let expected = 0.5 * PI * (25.5f64.powi(2) - 6.5f64.powi(2));
        assert!((f64::from(total) / expected - 1.0).abs() < 0.02, "{total}");
        assert!((grid.frequencies[0] - 7.0 / 128.0).abs() < 0.1 / 128.0);
    }

    #[test]
    fn averages_are_those_of_the_function() {
        let layout = PolarLayout::new(128, 1.0, [0.05, 0.4], 12);
        let mut out = vec![0.0; layout.grid.len()];
        let value = |pixel: usize| {
            let (iy, ix) = (pixel / 65, pixel % 65);
            let angle = signed(iy, 128).atan2(ix as f64);
            (2.0 + (2.0 * angle).cos()) as f32
        };
        layout.average(value, &mut out);
        for (sector, angle) in layout.grid.angles.iter().enumerate() {
            let last = layout.grid.rings() - 1;
            let found = out[sector * layout.grid.rings() + last];
            assert!((f64::from(found) - 2.0 - (2.0 * angle).cos()).abs() < 0.05);
        }
    }
}
