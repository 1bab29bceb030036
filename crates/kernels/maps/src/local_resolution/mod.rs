//! Local resolution of two half maps, and a map filtered to it.
//!
//! As in RELION (Kimanius et al. 2016): the FSC corrected by phase randomisation inside spherical soft windows on a grid; every
//! window says a resolution and filters the map; windows overlap, and voxels take the mean of them (of the
//! frequencies for the resolution) weighted by the windows.
//!
//! Different is how a curve is read: it is made to fall first ([`LocalOptions::monotone`]). The few coefficients of a window
//! make its FSC noisy, and the first dip below the threshold comes too early where the signal is weak.
//!
//! Different is the work. RELION transforms the whole box five times for every window. Here a window is cut out before it is
//! transformed: four transforms of a box not much larger than the window. The windows' filters are radial, so the
//! filtered map is Σ over shells of (mean weight of the shell at a voxel)·(map of the shell alone): one inverse transform
//! of the whole box for every shell, however many windows there are.
//!
//! Maps are `[z, y, x]` in Å; window centres are whole voxels. Cost: windows·4·2.5·w³·log₂w³ + shells·2.5·n³·log₂n³ flop,
//! memory about 12 maps.

mod filter;
mod options;
#[cfg(test)]
mod tests;
mod window;

use ndarray::Array3;
use thon_compute::parallel::try_map_indices;
use thon_compute::{Cancelled, Progress};
use thon_model::{Map, Mask};
use thon_signal::fft::Fft3;
use thon_signal::shells::{Shells, correct_for_mask, randomise_phases};

use crate::falling::{crossing, falling};
use crate::post_process::{PostProcessError, TransferCurve, check_pair};
use filter::{BlendedFilter, shell_weights};
pub use options::LocalOptions;
use window::{Window, WindowSums};

/// Why local resolution cannot be measured.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LocalError {
    /// The maps do not belong together.
    #[error(transparent)]
    Maps(#[from] PostProcessError),
    /// A window does not fit into the box.
    #[error(
        "the window of {window} voxels is larger than the box of {edge} voxels\nhint: take a smaller window radius and edge, or a larger box"
    )]
    WindowTooLarge {
        /// Edge of the window's box.
        window: usize,
        /// Shortest edge of the map.
        edge: usize,
    },
    /// No window lies inside the mask.
    #[error("no window lies inside the mask\nhint: sample more finely, or take a larger mask")]
    NothingInside,
    /// Nobody wants it any more.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// What one window found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowResolution {
    /// Centre voxel `(x, y, z)`.
    pub centre: [usize; 3],
    /// Resolution in Å, at most [`LocalOptions::lowest`].
    pub resolution: f64,
}

/// Local resolution everywhere.
#[derive(Clone, Debug)]
pub struct LocalResolution {
    /// Resolution in Å at every voxel; [`LocalOptions::lowest`] where no window reaches.
    pub resolution: Map,
    /// The mean of the halves, MTF-corrected, sharpened and filtered to its local resolution; 0 where no window reaches.
    pub filtered: Map,
    /// The windows, in the order of their centres in memory.
    pub windows: Vec<WindowResolution>,
}

/// Measures local resolution inside `mask` (or the inscribed sphere) and filters the map accordingly.
///
/// # Errors
/// When boxes or voxel sizes differ, the mask holds no window, a window is larger than the box, or on cancellation.
pub fn local_resolution(
    halves: [&Map; 2],
    mask: Option<&Mask>,
    transfer: Option<&TransferCurve>,
    options: &LocalOptions,
    progress: &dyn Progress,
) -> Result<LocalResolution, LocalError> {
    check_pair(halves[0], halves[1])?;
    if let Some(mask) = mask {
        check_pair(halves[0], &mask.0)?;
    }
    let dims = halves[0].dims();
    let voxel_size = halves[0].voxel_size.0;
    let window = Window::new(options, voxel_size);
    let edge = dims.into_iter().min().unwrap_or(0);
    if window.diameter() > edge {
        return Err(LocalError::WindowTooLarge {
            window: window.diameter(),
            edge,
        });
    }
    let centres = centres(dims, mask, &window, options.step(voxel_size));
    if centres.is_empty() {
        return Err(LocalError::NothingInside);
    }
    let shells = Shells::new(dims);
    let from = options.first_random_shell(&shells, voxel_size);
    let random = |number: u64| {
        let seed = options.seed.wrapping_mul(2).wrapping_add(number);
        randomise_phases(&halves[number as usize].data, from, seed)
    };
    let random = [random(0), random(1)];
    let curves: Vec<Vec<f64>> = try_map_indices(centres.len(), progress, |at| {
        Ok::<_, Cancelled>(true_fsc(
            &window,
            halves,
            &random,
            centres[at],
            &shells,
            from,
            options.monotone,
        ))
    })?;
    let found: Vec<f64> = curves
        .iter()
        .map(|curve| resolution(curve, &shells, voxel_size, options))
        .collect();
    let windows: Vec<WindowResolution> = centres
        .into_iter()
        .zip(found)
        .map(|(centre, resolution)| WindowResolution { centre, resolution })
        .collect();
    let weights: Vec<Vec<f32>> = curves
        .iter()
        .zip(&windows)
        .map(|(curve, window)| shell_weights(curve, window.resolution, &shells, voxel_size))
        .collect();
    let blended = BlendedFilter::new(dims, &window, &windows);
    let resolution = blended.resolution(&windows, options.lowest.0);
    let spectrum = mean_spectrum(halves, transfer, options);
    let filtered = blended.filtered(&spectrum, &windows, &weights, progress)?;
    Ok(LocalResolution {
        resolution: Map::new(resolution, halves[0].voxel_size),
        filtered: Map::new(filtered, halves[0].voxel_size),
        windows,
    })
}

/// FSC_true of one window at the shells of the whole box.
fn true_fsc(
    window: &Window,
    halves: [&Map; 2],
    random: &[Array3<f32>; 2],
    centre: [usize; 3],
    shells: &Shells,
    from: usize,
    monotone: bool,
) -> Vec<f64> {
    let masked = WindowSums::of(window, [&halves[0].data, &halves[1].data], centre);
    let randomised = WindowSums::of(window, [&random[0], &random[1]], centre);
    let curve = correct_for_mask(&masked.at(shells), &randomised.at(shells), from);
    if monotone { falling(&curve) } else { curve }
}

/// Where the curve first falls below the threshold, between shells, in Å; at most the lowest resolution.
fn resolution(curve: &[f64], shells: &Shells, voxel_size: f64, options: &LocalOptions) -> f64 {
    let shell = crossing(curve, options.threshold).max(1e-3);
    let period = voxel_size / (shell * shells.frequency(1));
    period.min(options.lowest.0)
}

/// Half spectrum of the mean of the halves, divided by the MTF and sharpened.
fn mean_spectrum(
    halves: [&Map; 2],
    transfer: Option<&TransferCurve>,
    options: &LocalOptions,
) -> Array3<thon_signal::fft::Complex32> {
    let dims = halves[0].dims();
    let voxel_size = halves[0].voxel_size.0;
    let mut spectrum = Fft3::plan(dims).forward(&((&halves[0].data + &halves[1].data) * 0.5));
    crate::post_process::shell_filter(&mut spectrum, dims, |frequency, _| {
        let k = frequency / voxel_size;
        let sharpening = (-options.b_factor.0 * k * k / 4.0).exp();
        sharpening / transfer.map_or(1.0, |curve| curve.at(frequency))
    });
    spectrum
}

/// Window centres: a grid through the box's centre, whole windows (their flat part) inside the inscribed sphere, and some
/// of the flat part inside the mask.
fn centres(dims: [usize; 3], mask: Option<&Mask>, window: &Window, step: usize) -> Vec<[usize; 3]> {
    let [nz, ny, nx] = dims;
    let reach = (nx.min(ny).min(nz) / 2) as f64 - window.radius();
    let axis =
        |n: usize| -> Vec<usize> { (0..n).filter(|i| i.abs_diff(n / 2) % step == 0).collect() };
    let square = |i: usize, n: usize| (i as f64 - (n / 2) as f64).powi(2);
    let mut found = Vec::new();
    for &z in &axis(nz) {
        for &y in &axis(ny) {
            for &x in &axis(nx) {
                let distance = (square(z, nz) + square(y, ny) + square(x, nx)).sqrt();
                let inside = mask.is_none_or(|mask| window.touches(&mask.0.data, [x, y, z]));
                if distance < reach && inside {
                    found.push([x, y, z]);
                }
            }
        }
    }
    found
}
