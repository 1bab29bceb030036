//! Means of windows at every voxel: of their resolutions, and of their filters shell by shell.

use ndarray::{Array3, ArrayViewMut2, Axis, Zip};
use rayon::prelude::*;
use thon_compute::{Cancelled, Progress};
use thon_signal::fft::{Complex32, Fft3};
use thon_signal::shells::Shells;

use super::WindowResolution;
use super::window::Window;
use crate::post_process::{fsc_weights, low_pass_at};

/// Amplitude weight of each shell: by the window's FSC, and none beyond its resolution.
pub(super) fn shell_weights(
    curve: &[f64],
    resolution: f64,
    shells: &Shells,
    voxel_size: f64,
) -> Vec<f32> {
    let end = voxel_size / resolution / shells.frequency(1);
    fsc_weights(curve)
        .into_iter()
        .enumerate()
        .map(|(shell, weight)| (weight * low_pass_at(shell as f64, end.round())) as f32)
        .collect()
}

/// Sums over windows at every voxel.
pub(super) struct BlendedFilter<'w> {
    dims: [usize; 3],
    window: &'w Window,
    /// Windows by the plane of their centre.
    by_plane: Vec<Vec<usize>>,
    centres: Vec<[usize; 3]>,
    /// Σ of the windows' values.
    total: Array3<f32>,
}

impl<'w> BlendedFilter<'w> {
    /// For windows at these centres of a box `dims`.
    pub(super) fn new(dims: [usize; 3], window: &'w Window, windows: &[WindowResolution]) -> Self {
        let mut by_plane = vec![Vec::new(); dims[0]];
        for (number, window) in windows.iter().enumerate() {
            by_plane[window.centre[2]].push(number);
        }
        let mut blended = Self {
            dims,
            window,
            by_plane,
            centres: windows.iter().map(|window| window.centre).collect(),
            total: Array3::zeros((0, 0, 0)),
        };
        blended.total = blended.sum(|_| 1.0);
        blended
    }

    /// 1 / mean of 1/resolution; `lowest` where no window reaches.
    pub(super) fn resolution(&self, windows: &[WindowResolution], lowest: f64) -> Array3<f32> {
        let mut sum = self.sum(|number| (1.0 / windows[number].resolution) as f32);
        Zip::from(&mut sum).and(&self.total).for_each(|sum, total| {
            *sum = if *total > 0.0 && *sum > 0.0 {
                total / *sum
            } else {
                lowest as f32
            };
        });
        sum
    }

    /// The map of a half spectrum with every voxel filtered by the mean of its windows' shell weights.
    pub(super) fn filtered(
        &self,
        spectrum: &Array3<Complex32>,
        windows: &[WindowResolution],
        weights: &[Vec<f32>],
        progress: &dyn Progress,
    ) -> Result<Array3<f32>, Cancelled> {
        let shells = Shells::new(self.dims);
        let plan = Fft3::plan(self.dims);
        let mut filtered = Array3::<f32>::zeros(self.dims);
        for shell in 0..shells.count() {
            if windows.iter().zip(weights).all(|(_, w)| w[shell] == 0.0) {
                continue;
            }
            thon_compute::check(progress)?;
            let band = plan.inverse(&only(spectrum, &shells, shell));
            let gain = self.sum(|number| weights[number][shell]);
            Zip::from(&mut filtered)
                .and(&band)
                .and(&gain)
                .for_each(|value, band, gain| *value += band * gain);
        }
        Zip::from(&mut filtered)
            .and(&self.total)
            .for_each(|value, total| *value = if *total > 0.0 { *value / total } else { 0.0 });
        Ok(filtered)
    }

    /// Σ over windows of the window's value times `factor(window)`, plane by plane in the order of the windows.
    fn sum(&self, factor: impl Fn(usize) -> f32 + Sync) -> Array3<f32> {
        let mut sum = Array3::zeros(self.dims);
        let reach = self.window.reach();
        let profile: Vec<f32> = (0..=3 * reach * reach)
            .map(|square| self.window.value(square))
            .collect();
        sum.axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(z, mut plane)| {
                let last = (z + reach).min(self.dims[0] - 1);
                let near = (z.saturating_sub(reach)..=last)
                    .flat_map(|at| self.by_plane[at].iter().map(move |&number| (at, number)));
                for (centre_z, number) in near {
                    let factor = factor(number);
                    let [x, y, _] = self.centres[number];
                    let squares = &profile[z.abs_diff(centre_z).pow(2)..];
                    if factor != 0.0 {
                        add_disc(&mut plane, [x, y], reach, squares, factor);
                    }
                }
            });
        sum
    }
}

/// Adds `factor · profile[dx² + dy²]` within `reach` of `(x, y)`.
fn add_disc(
    plane: &mut ArrayViewMut2<f32>,
    [x, y]: [usize; 2],
    reach: usize,
    profile: &[f32],
    factor: f32,
) {
    let (ny, nx) = plane.dim();
    for row in y.saturating_sub(reach)..(y + reach + 1).min(ny) {
        let dy = row.abs_diff(y).pow(2);
        for column in x.saturating_sub(reach)..(x + reach + 1).min(nx) {
            plane[[row, column]] += factor * profile[dy + column.abs_diff(x).pow(2)];
        }
    }
}

/// The half spectrum with one shell left.
fn only(spectrum: &Array3<Complex32>, shells: &Shells, shell: usize) -> Array3<Complex32> {
    let mut kept = Array3::zeros(spectrum.dim());
    kept.axis_iter_mut(Axis(0))
        .into_par_iter()
        .enumerate()
        .for_each(|(z, mut plane)| {
            for ((y, x), value) in plane.indexed_iter_mut() {
                if shells.radius([z, y, x]).round() as usize == shell {
                    *value = spectrum[[z, y, x]];
                }
            }
        });
    kept
}
