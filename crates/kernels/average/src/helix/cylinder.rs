//! Two half maps in cylindrical coordinates, and how alike they are under turns about the axis and moves along it.
//!
//! Each map becomes F(m, r, z): rings of radius r in plane z as orders m of their Fourier series. The agreement of a turn φ and
//! a move d is C(φ, d) = Σ_m X_m(d) e^(imφ) with X_m(d) = Σ r · ½(F̄₁(z) F₂(z + d) + F̄₂(z) F₁(z + d)) over radii and the planes
//! that both lie in the central part, over the power of the two there. On a helix C has a peak as high as C(0, 0) at every
//! multiple of its rise and twist (DeRosier & Klug 1968 index the same peaks as layer lines). The halves' noises are
//! independent, so that noise is not taken for structure, whatever the filters; what neither turns nor moves change (the mean
//! over a cylinder) is left out. Lengths in voxels.

use ndarray::Array3;
use num_complex::{Complex32, Complex64};
use thon_compute::parallel::map_indices;
use thon_signal::fft::{ComplexFft1, Origin, next_fast_even_length};
use thon_signal::filter::{RadialFilter, apply_filters3};
use thon_signal::resample::{Interpolation, fourier_resample3, sample3};

use super::Axis;

/// Planes per voxel.
const FINE: usize = 2;

/// The agreement of two half maps.
pub(super) struct Agreement {
    /// X_m(d) over power: `[d][m]`, d in planes from 0, m from 0.
    orders: Vec<Vec<Complex64>>,
}

/// One map: planes of rings of orders.
struct Rings {
    /// `[z][r][m]`.
    values: Vec<Vec<Complex32>>,
    radii: usize,
    orders: usize,
}

/// Half maps with the gain of its halves' correlation, up to where that ends, at two voxels per voxel.
pub(super) fn filtered(halves: [&[f32]; 2], n: usize, fsc: &[f64]) -> [Array3<f32>; 2] {
    let last = (1..fsc.len()).take_while(|s| fsc[*s] >= 0.143).last();
    let last = last.unwrap_or(0);
    let gain = |shell: usize| {
        if shell == 0 || shell > last {
            0.0
        } else {
            fsc[shell]
        }
    };
    let points = (0..=n).map(|shell| (shell as f64 / n as f64, gain(shell)));
    let curve = [RadialFilter::Curve(points.collect())];
    halves.map(|map| {
        let cube = Array3::from_shape_vec((n, n, n), map.to_vec()).expect("a map of the box");
        let filtered = apply_filters3(&cube, 1.0, &curve);
        fourier_resample3(&filtered, [FINE * n; 3], Origin::CentreVoxel)
    })
}

impl Rings {
    /// Rings about an axis, to a radius, in planes within half the central part.
    fn new(map: &Array3<f32>, axis: &Axis, radius: f64, half: f64) -> Self {
        let centre = (map.dim().0 / 2) as f64;
        let radii = radius.floor().max(1.0) as usize;
        let around = next_fast_even_length((std::f64::consts::TAU * radius).ceil() as usize + 8);
        let orders = around / 2;
        let reach = (half * FINE as f64).floor() as i64;
        let plan = ComplexFft1::plan(around);
        let planes = map_indices((2 * reach + 1) as usize, |plane| {
            let z = (plane as i64 - reach) as f64 / FINE as f64;
            let mut rows = vec![Complex32::default(); radii * around];
            for (i, value) in rows.iter_mut().enumerate() {
                let r = (i / around + 1) as f64;
                let turn = std::f64::consts::TAU * (i % around) as f64 / around as f64;
                let at = axis.carried([r * turn.cos(), r * turn.sin(), z]);
                let at = at.map(|v| v * FINE as f64 + centre);
                value.re = sample3(map, at, Interpolation::Cubic).unwrap_or(0.0);
            }
            plan.forward_in_place(&mut rows);
            let rings = rows.chunks_exact(around);
            rings
                .flat_map(|ring| &ring[..orders])
                .copied()
                .collect::<Vec<_>>()
        });
        let mut rings = Self {
            values: planes,
            radii,
            orders,
        };
        rings.leave_out_cylinders();
        rings
    }

    /// Takes off each radius's mean over turns and planes.
    fn leave_out_cylinders(&mut self) {
        let count = self.values.len() as f32;
        for ring in 0..self.radii {
            let i = ring * self.orders;
            let mean = self.values.iter().map(|plane| plane[i]).sum::<Complex32>() / count;
            for plane in &mut self.values {
                plane[i] -= mean;
            }
        }
    }

    /// Σ r F̄ F′ of two planes by order.
    fn cross(&self, other: &Self, here: usize, there: usize) -> Vec<Complex64> {
        let mut sums = vec![Complex64::default(); self.orders];
        let pairs = self.values[here].iter().zip(&other.values[there]);
        for (i, (a, b)) in pairs.enumerate() {
            let radius = (i / self.orders + 1) as f64;
            let product = a.conj() * b;
            sums[i % self.orders] +=
                Complex64::new(f64::from(product.re), f64::from(product.im)) * radius;
        }
        sums
    }

    /// Power of every plane.
    fn powers(&self) -> Vec<f64> {
        let planes = 0..self.values.len();
        planes
            .map(|z| {
                let orders = self.cross(self, z, z);
                orders[0].re + 2.0 * orders[1..].iter().map(|v| v.re).sum::<f64>()
            })
            .collect()
    }
}

impl Agreement {
    /// Of two half maps of [`filtered`], about an axis, within a radius and half the length of the central part.
    pub(super) fn new(halves: &[Array3<f32>; 2], axis: &Axis, radius: f64, half: f64) -> Self {
        let n = halves[0].dim().0 / FINE;
        let radius = radius.min((n / 2) as f64 - 1.0);
        let half = half.min((n / 2) as f64 - 1.0);
        let [one, two] = [0, 1].map(|i: usize| Rings::new(&halves[i], axis, radius, half));
        let powers = [one.powers(), two.powers()];
        let planes = one.values.len();
        let orders = map_indices(planes, |away| {
            let mut sums = vec![Complex64::default(); one.orders];
            let mut power = [[0.0; 2]; 2];
            for z in 0..planes - away {
                let both =
                    (one.cross(&two, z, z + away).into_iter()).zip(two.cross(&one, z, z + away));
                for (sum, (a, b)) in sums.iter_mut().zip(both) {
                    *sum += (a + b) * 0.5;
                }
                for (sums, powers) in power.iter_mut().zip(&powers) {
                    sums[0] += powers[z];
                    sums[1] += powers[z + away];
                }
            }
            let norm =
                0.5 * ((power[0][0] * power[1][1]).sqrt() + (power[1][0] * power[0][1]).sqrt());
            let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
            sums.iter().map(|sum| sum * scale).collect()
        });
        Self { orders }
    }

    /// C of a turn (radians) and a move along the axis (voxels, not negative) within the central part.
    pub(super) fn at(&self, turn: f64, along: f64) -> f64 {
        let place = along * FINE as f64;
        let first = place.floor();
        let shares = catmull_rom(place - first);
        let mut total = 0.0;
        for (k, share) in shares.iter().enumerate() {
            // The move back is the conjugate of the move on.
            let plane = first as i64 + k as i64 - 1;
            let Some(orders) = self.orders.get(plane.unsigned_abs() as usize) else {
                continue;
            };
            let sign = if plane < 0 { -1.0 } else { 1.0 };
            let step = Complex64::from_polar(1.0, turn);
            let mut phase = step;
            let mut sum = 0.5 * orders[0].re;
            for order in &orders[1..] {
                sum += order.re * phase.re - sign * order.im * phase.im;
                phase *= step;
            }
            total += share * 2.0 * sum;
        }
        total
    }
}

fn catmull_rom(t: f64) -> [f64; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [
        0.5 * (-t + 2.0 * t2 - t3),
        0.5 * (2.0 - 5.0 * t2 + 3.0 * t3),
        0.5 * (t + 4.0 * t2 - 3.0 * t3),
        0.5 * (t3 - t2),
    ]
}
