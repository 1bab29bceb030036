//! Soft spheres and discs multiplied into boxes in place, the mean of what lies outside taken away first.
//!
//! The profile is 1 up to the radius, ½ + ½ cos(π d/edge) beyond it, 0 from radius + edge on (RELION's soft mask). Only
//! voxels of the edge need the profile, and they take it from a table over r².

use glam::DVec3;
use thon_likelihood::SphereMask;
use thon_signal::mask::soft_edge;

/// Steps of the profile's table per unit of r².
const STEPS: f32 = 8.0;

/// A soft profile by squared distance.
pub(crate) struct Profile {
    inner: f32,
    outer: f32,
    table: Vec<f32>,
}

impl Profile {
    pub(crate) fn new(radius: f64, edge: f64) -> Self {
        let (radius, edge) = (radius.max(0.0), edge.max(0.0));
        let (inner, outer) = (radius * radius, (radius + edge).powi(2));
        let count = ((outer - inner) * f64::from(STEPS)).ceil() as usize + 2;
        let at = |i: usize| (inner + i as f64 / f64::from(STEPS)).sqrt() - radius;
        let table = (0..count)
            .map(|i| soft_edge(at(i).max(0.0), edge))
            .collect();
        Self {
            inner: inner as f32,
            outer: outer as f32,
            table,
        }
    }

    /// The mask at a squared distance.
    #[inline]
    pub(crate) fn at(&self, squared: f32) -> f32 {
        if squared <= self.inner {
            1.0
        } else if squared >= self.outer {
            0.0
        } else {
            let place = (squared - self.inner) * STEPS;
            let index = place as usize;
            let fraction = place - index as f32;
            self.table[index] * (1.0 - fraction) + self.table[index + 1] * fraction
        }
    }
}

/// What masking did.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Masked {
    /// Σ mask² over the number of voxels.
    pub(crate) fraction: f32,
    /// Σ value² after masking, for a test of emptiness; without a mask only as many terms as tell that it is not 0.
    pub(crate) power: f64,
}

/// Multiplies a volume `[n, n, n]` by the mask, after taking away the mean of what the mask leaves out (weighted by 1 − mask).
/// Without a mask nothing changes.
pub(crate) fn mask_volume(volume: &mut [f32], n: usize, mask: Option<&SphereMask>) -> Masked {
    mask_box(volume, [n, n, n], mask)
}

/// As [`mask_volume`] for an image `[n, n]`: a disc around (x, y) of the centre.
pub(crate) fn mask_image(image: &mut [f32], n: usize, mask: Option<&SphereMask>) -> Masked {
    let flat = mask.map(|mask| SphereMask {
        centre: DVec3::new(mask.centre.x, mask.centre.y, 0.0),
        ..*mask
    });
    mask_box(image, [1, n, n], flat.as_ref())
}

fn mask_box(values: &mut [f32], dims: [usize; 3], mask: Option<&SphereMask>) -> Masked {
    let Some(mask) = mask else {
        return Masked {
            fraction: 1.0,
            power: spread(values),
        };
    };
    let profile = Profile::new(mask.radius, mask.edge);
    let [nz, ny, nx] = dims;
    let centre = |n: usize, offset: f64| ((n / 2) as f64 + offset) as f32;
    let (cx, cy) = (centre(nx, mask.centre.x), centre(ny, mask.centre.y));
    let cz = centre(nz, mask.centre.z);
    let planar = |row: usize| {
        let (dz, dy) = ((row / ny) as f32 - cz, (row % ny) as f32 - cy);
        dz * dz + dy * dy
    };
    // The mean outside first; it is wanted before any value changes.
    let (mut kept, mut kept_sum, mut square, mut sum) = (0.0_f64, 0.0_f64, 0.0_f64, 0.0_f64);
    for (row, line) in values.chunks_exact(nx).enumerate() {
        sum += f64::from(line.iter().sum::<f32>());
        let distance = planar(row);
        let [from, to] = reach(distance, profile.outer, cx, nx);
        let [full_from, full_to] = core(distance, profile.inner, cx, [from, to]);
        let full = &line[full_from..full_to];
        let (mut w, mut v, mut w2) = (0.0_f32, full.iter().sum::<f32>(), 0.0_f32);
        for x in (from..full_from).chain(full_to..to) {
            let m = profile.at(distance + (x as f32 - cx).powi(2));
            w += m;
            w2 += m * m;
            v += m * line[x];
        }
        kept += full.len() as f64 + f64::from(w);
        square += full.len() as f64 + f64::from(w2);
        kept_sum += f64::from(v);
    }
    let outside = values.len() as f64 - kept;
    let background = if outside > 0.5 {
        ((sum - kept_sum) / outside) as f32
    } else {
        0.0
    };
    let mut power = 0.0_f64;
    for (row, line) in values.chunks_exact_mut(nx).enumerate() {
        let distance = planar(row);
        let [from, to] = reach(distance, profile.outer, cx, nx);
        let [full_from, full_to] = core(distance, profile.inner, cx, [from, to]);
        line[..from].fill(0.0);
        line[to..].fill(0.0);
        for x in (from..full_from).chain(full_to..to) {
            let m = profile.at(distance + (x as f32 - cx).powi(2));
            line[x] = m * (line[x] - background);
        }
        for value in &mut line[full_from..full_to] {
            *value -= background;
        }
        power += f64::from(line[from..to].iter().map(|v| v * v).sum::<f32>());
    }
    Masked {
        fraction: (square / values.len() as f64) as f32,
        power,
    }
}

/// The x of a row that may lie within a squared radius.
fn reach(distance: f32, squared_radius: f32, cx: f32, nx: usize) -> [usize; 2] {
    let room = squared_radius - distance;
    if room < 0.0 {
        return [0, 0];
    }
    let half = room.sqrt();
    let from = (cx - half).ceil().clamp(0.0, nx as f32) as usize;
    let to = ((cx + half).floor() + 1.0).clamp(0.0, nx as f32) as usize;
    [from.min(to), to]
}

/// The x of a row that certainly lie within the core; an empty range at the row's start otherwise.
fn core(distance: f32, squared_radius: f32, cx: f32, [from, to]: [usize; 2]) -> [usize; 2] {
    let [a, b] = reach(distance, squared_radius, cx, to);
    if a >= b || b <= from {
        return [to, to];
    }
    [a.max(from), b]
}

/// Σ (value − first value)² of the first values where it is not zero: zero for what is constant.
fn spread(values: &[f32]) -> f64 {
    let first = values.first().copied().unwrap_or(0.0);
    let of = |line: &[f32]| line.iter().map(|v| (v - first) * (v - first)).sum::<f32>();
    let mut sums = values.chunks(256).map(|line| f64::from(of(line)));
    sums.find(|sum| *sum != 0.0).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(values: &[f32], n: usize, mask: &SphereMask) -> (Vec<f32>, f64) {
        let c = (n / 2) as f64;
        let weight = |i: usize| {
            let r = DVec3::new((i % n) as f64, (i / n % n) as f64, (i / n / n) as f64);
            soft_edge((r - c - mask.centre).length() - mask.radius, mask.edge)
        };
        let weights: Vec<f32> = (0..n * n * n).map(weight).collect();
        let outside: f64 = weights.iter().map(|m| 1.0 - f64::from(*m)).sum();
        let sum: f64 = weights
            .iter()
            .zip(values)
            .map(|(m, v)| f64::from(1.0 - m) * f64::from(*v))
            .sum();
        let background = (sum / outside) as f32;
        let masked = weights.iter().zip(values);
        let fraction = weights.iter().map(|m| f64::from(m * m)).sum::<f64>();
        (
            masked.map(|(m, v)| m * (v - background)).collect(),
            fraction / weights.len() as f64,
        )
    }

    #[test]
    fn fast_masks_are_the_plain_ones() {
        let n = 20;
        let values: Vec<f32> = (0..n * n * n)
            .map(|i| ((i * 37 % 101) as f32).sin() + 0.5)
            .collect();
        for (radius, edge, centre) in [
            (6.0, 3.0, DVec3::new(0.3, -1.7, 2.2)),
            (4.0, 0.0, DVec3::ZERO),
            (9.0, 4.0, DVec3::new(7.0, 0.0, -5.5)),
            (0.0, 2.5, DVec3::new(0.1, 0.2, 0.3)),
        ] {
            let mask = SphereMask {
                radius,
                edge,
                centre,
            };
            let (expected, fraction) = naive(&values, n, &mask);
            let mut found = values.clone();
            let masked = mask_volume(&mut found, n, Some(&mask));
            assert!(
                (f64::from(masked.fraction) - fraction).abs() < 2e-4,
                "{masked:?} {fraction}"
            );
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() < 2e-2, "{a} {b} {mask:?}");
            }
        }
    }

    #[test]
    fn a_constant_box_has_no_power() {
        let mask = SphereMask {
            radius: 3.0,
            edge: 2.0,
            centre: DVec3::ZERO,
        };
        assert!(mask_volume(&mut vec![7.5; 512], 8, Some(&mask)).power < 1e-9);
        assert_eq!(mask_volume(&mut vec![7.5; 512], 8, None).power, 0.0);
    }
}
