//! A spherical soft window, cut out of a map and correlated shell by shell.

use ndarray::Array3;
use thon_signal::fft::{Complex32, Fft3};
use thon_signal::mask::{box_centre, sphere};
use thon_signal::shells::{Counting, Shells};

use super::LocalOptions;

/// Marks a coefficient that belongs to no shell.
const NOWHERE: u32 = u32::MAX;

/// The window and the transform of its box.
pub(super) struct Window {
    radius: f64,
    edge: f64,
    /// Half the window's support in voxels.
    reach: usize,
    /// Window values on the box it is transformed in, its centre at voxel floor(n/2).
    values: Array3<f32>,
    plan: Fft3,
    /// Shell of each coefficient of the half spectrum, and how often it counts.
    places: Vec<(u32, f32)>,
    shells: usize,
}

impl Window {
    /// The window that `options` ask for.
    pub(super) fn new(options: &LocalOptions, voxel_size: f64) -> Self {
        let [radius, edge] = options.window(voxel_size);
        let reach = (radius + edge).ceil() as usize;
        let size = options.window_box(reach);
        let dims = [size; 3];
        let shells = Shells::new(dims);
        let place = |element: [usize; 3]| {
            let x = element[2];
            let twice = options.counting == Counting::Whole && x > 0 && 2 * x != size;
            let shell = shells.shell(element).map_or(NOWHERE, |shell| shell as u32);
            (shell, if twice { 2.0 } else { 1.0 })
        };
        let half = size / 2 + 1;
        let places = (0..size * size * half)
            .map(|i| place([i / (size * half), i / half % size, i % half]))
            .collect();
        Self {
            radius,
            edge,
            reach,
            values: sphere(dims, box_centre(dims), radius, edge),
            plan: Fft3::plan(dims),
            places,
            shells: shells.count(),
        }
    }

    /// Radius of the flat part, voxels.
    pub(super) fn radius(&self) -> f64 {
        self.radius
    }

    /// Voxels across the whole window.
    pub(super) fn diameter(&self) -> usize {
        2 * self.reach + 1
    }

    /// Half the window's support in voxels: it is zero beyond.
    pub(super) fn reach(&self) -> usize {
        self.reach
    }

    /// Value of the window at a squared distance from its centre.
    pub(super) fn value(&self, square: usize) -> f32 {
        thon_signal::mask::soft_edge((square as f64).sqrt() - self.radius, self.edge)
    }

    /// Does the flat part of the window at `(x, y, z)` hold a voxel where the mask exceeds one half?
    pub(super) fn touches(&self, mask: &Array3<f32>, [x, y, z]: [usize; 3]) -> bool {
        let r = self.radius as isize;
        let at = |i: usize, d: isize| i.checked_add_signed(d).unwrap_or(usize::MAX);
        let ball = (-r..=r)
            .flat_map(|dz| (-r..=r).flat_map(move |dy| (-r..=r).map(move |dx| [dx, dy, dz])));
        ball.filter(|d| d.iter().map(|v| v * v).sum::<isize>() <= r * r)
            .any(|[dx, dy, dz]| {
                mask.get([at(z, dz), at(y, dy), at(x, dx)])
                    .is_some_and(|v| *v > 0.5)
            })
    }

    /// Half spectrum of a map times the window at `(x, y, z)`.
    fn spectrum(&self, map: &Array3<f32>, [x, y, z]: [usize; 3]) -> Array3<Complex32> {
        let size = self.values.dim().0;
        let middle = size / 2;
        let mut part = Array3::zeros([size; 3]);
        let (nz, ny, nx) = map.dim();
        // Range of the window's box that lies within the support and within the map.
        let range = |centre: usize, n: usize| {
            let low = (middle + centre.saturating_sub(self.reach)) - centre;
            let high = (middle + self.reach + 1).min(middle + n - centre);
            low..high
        };
        let (rz, ry, rx) = (range(z, nz), range(y, ny), range(x, nx));
        let source = ndarray::s![
            rz.start + z - middle..rz.end + z - middle,
            ry.start + y - middle..ry.end + y - middle,
            rx.start + x - middle..rx.end + x - middle
        ];
        let target = ndarray::s![rz, ry, rx];
        part.slice_mut(target).assign(&map.slice(source));
        part *= &self.values;
        self.plan.forward(&part)
    }
}

/// Mean Re(A·B*), |A|² and |B|² of the coefficients of each shell of a window's box.
pub(super) struct WindowSums {
    means: [Vec<f64>; 3],
    size: usize,
}

impl WindowSums {
    /// Of two maps inside the window at `centre`.
    pub(super) fn of(window: &Window, maps: [&Array3<f32>; 2], centre: [usize; 3]) -> Self {
        let [a, b] = maps.map(|map| window.spectrum(map, centre));
        let mut sums = vec![[0.0_f64; 4]; window.shells];
        for ((a, b), &(shell, weight)) in a.iter().zip(&b).zip(&window.places) {
            if shell == NOWHERE {
                continue;
            }
            let weight = f64::from(weight);
            let sum = &mut sums[shell as usize];
            sum[0] += weight * f64::from(a.re * b.re + a.im * b.im);
            sum[1] += weight * f64::from(a.norm_sqr());
            sum[2] += weight * f64::from(b.norm_sqr());
            sum[3] += weight;
        }
        let mean = |which: usize| sums.iter().map(|s| s[which] / s[3].max(1.0)).collect();
        Self {
            means: [mean(0), mean(1), mean(2)],
            size: window.values.dim().0,
        }
    }

    /// FSC at the shells of the whole box: means between the window's own, coarser shells.
    pub(super) fn at(&self, shells: &Shells) -> Vec<f64> {
        let last = self.means[0].len() - 1;
        let value = |which: usize, position: f64| {
            let low = (position.floor() as usize).min(last);
            let high = (low + 1).min(last);
            let t = position - low as f64;
            self.means[which][low] * (1.0 - t) + self.means[which][high] * t
        };
        (0..shells.count())
            .map(|shell| {
                let position = (shells.frequency(shell) * self.size as f64).min(last as f64);
                let power = (value(1, position) * value(2, position)).sqrt();
                if power > 0.0 {
                    value(0, position) / power
                } else {
                    0.0
                }
            })
            .collect()
    }
}
