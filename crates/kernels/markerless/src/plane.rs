//! Tilt images sampled on the plane of comparison, and their Fourier coefficients in a band.
//!
//! The plane is the specimen's (x, y) with y along the tilt axis. Coefficients are whitened: in every shell of every view
//! their mean square is 1, so that neither contrast nor colour of the noise matters. Frequencies are cycles/Å.

use glam::DVec2;
use ndarray::Array2;
use rayon::prelude::*;
use thon_signal::fft::{Complex32, Fft2, next_fast_even_length};

use crate::specimen::PlaneView;
use crate::views::{AlignView, edge_window};

/// Part of each edge of the plane that is faded out.
const EDGE: f64 = 0.10;

/// A rectangular window of the specimen plane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlaneGrid {
    /// Samples along and across the axis, `[y, x]`.
    pub(crate) dims: [usize; 2],
    /// Distance of samples, Å.
    pub(crate) spacing: f64,
    /// Middle of the window, Å in the plane.
    pub(crate) centre: DVec2,
}

impl PlaneGrid {
    /// The window of the area of an image whose tilt axis runs at `axis` from image y, sampled for periods down to `period` Å.
    pub(crate) fn of_image(view: &AlignView, axis: f64, period: f64) -> Self {
        let (ny, nx) = view.pixels.dim();
        let (sin, cos) = axis.sin_cos();
        let (width, height) = (nx as f64 * view.pixel_size, ny as f64 * view.pixel_size);
        let across = width * cos * cos + height * sin * sin;
        let along = width * sin * sin + height * cos * cos;
        let spacing = view.pixel_size.max(period / 2.6);
        let samples =
            |length: f64| next_fast_even_length(((length / spacing).ceil() as usize).max(16));
        Self {
            dims: [samples(along), samples(across)],
            spacing,
            centre: DVec2::ZERO,
        }
    }

    /// Extents along and across the axis, Å.
    pub(crate) fn lengths(&self) -> [f64; 2] {
        self.dims.map(|n| n as f64 * self.spacing)
    }
}

/// The view on the plane; with a window its edges are faded and the mean is removed.
pub(crate) fn sample(
    view: &AlignView,
    plane: &PlaneView,
    grid: &PlaneGrid,
    window: bool,
) -> Array2<f32> {
    let [ny, nx] = grid.dims;
    let matrix = plane.to_image * (grid.spacing / view.pixel_size);
    let corner = DVec2::new((nx / 2) as f64, (ny / 2) as f64);
    let start = (plane.to_image * grid.centre + plane.shift) / view.pixel_size + view.origin
        - matrix * corner;
    let (rows, columns) = (edge_window(ny, EDGE), edge_window(nx, EDGE));
    let mut result = Array2::<f32>::zeros((ny, nx));
    let step = [matrix.x_axis.x as f32, matrix.x_axis.y as f32];
    let (mut sum, mut total) = (0.0f64, 0.0f64);
    for (y, mut row) in result.outer_iter_mut().enumerate() {
        let at = start + matrix.y_axis * y as f64;
        let from = [at.x as f32, at.y as f32];
        for (x, value) in row.iter_mut().enumerate() {
            let t = x as f32;
            *value = bilinear(&view.pixels, from[0] + t * step[0], from[1] + t * step[1]);
        }
        for (value, weight) in row.iter().zip(&columns) {
            sum += f64::from(value * weight * rows[y]);
            total += f64::from(weight * rows[y]);
        }
    }
    if !window {
        return result;
    }
    let mean = (sum / total.max(1e-9)) as f32;
    for (mut row, wy) in result.outer_iter_mut().zip(&rows) {
        for (value, wx) in row.iter_mut().zip(&columns) {
            *value = (*value - mean) * wy * wx;
        }
    }
    result
}

/// Linear interpolation, 0 outside.
#[inline]
fn bilinear(pixels: &Array2<f32>, x: f32, y: f32) -> f32 {
    let (ny, nx) = pixels.dim();
    if !(x >= 0.0 && y >= 0.0 && x < (nx - 1) as f32 && y < (ny - 1) as f32) {
        return 0.0;
    }
    let (ix, iy) = (x as usize, y as usize);
    let (fx, fy) = (x - ix as f32, y - iy as f32);
    let below = pixels[[iy, ix]] * (1.0 - fx) + pixels[[iy, ix + 1]] * fx;
    let above = pixels[[iy + 1, ix]] * (1.0 - fx) + pixels[[iy + 1, ix + 1]] * fx;
    below * (1.0 - fy) + above * fy
}

/// Frequencies that share their distance across the axis and their shell, and so the statistics of the views.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    /// Frequency across the axis, cycles/Å, ≥ 0.
    pub(crate) kx: f64,
    /// Mean |k|², 1/Å².
    pub(crate) square: f64,
    /// Number of the shell.
    pub(crate) shell: usize,
    /// First frequency of the class and the one after its last.
    pub(crate) range: std::ops::Range<usize>,
}

/// The frequencies of a band on a half plane.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    /// The window they belong to.
    pub(crate) grid: PlaneGrid,
    /// (across, along) in cycles/Å, class after class.
    pub(crate) frequencies: Vec<[f64; 2]>,
    /// Place of each in the half spectrum of the window.
    pub(crate) places: Vec<usize>,
    /// Signed indices (x, y) of each.
    pub(crate) indices: Vec<[i32; 2]>,
    /// Classes in order.
    pub(crate) classes: Vec<Class>,
    /// Number of shells.
    pub(crate) shells: usize,
    /// Largest frequency, cycles/Å.
    pub(crate) high: f64,
}

impl Band {
    /// Frequencies between `low` and `high` cycles/Å.
    pub(crate) fn new(grid: PlaneGrid, low: f64, high: f64) -> Self {
        let [along, across] = grid.lengths();
        let [ny, nx] = grid.dims;
        let shells = ((high - low) * along.min(across) / 4.0)
            .ceil()
            .clamp(3.0, 24.0) as usize;
        let shell_of =
            |k: f64| ((((k - low) / (high - low)) * shells as f64) as usize).min(shells - 1);
        let mut found: Vec<([i32; 2], usize)> = Vec::new();
        let limit = |length: f64, n: usize| ((high * length) as i32).min(n as i32 / 2 - 1);
        let my = limit(along, ny);
        for ix in 0..=limit(across, nx) {
            for iy in -my..=my {
                let k = (f64::from(ix) / across).hypot(f64::from(iy) / along);
                if k > low && k <= high && (ix > 0 || iy > 0) {
                    found.push(([ix, iy], shell_of(k)));
                }
            }
        }
        found.sort_by_key(|([ix, iy], shell)| (*ix, *shell, *iy));
        let indices: Vec<[i32; 2]> = found.iter().map(|f| f.0).collect();
        let frequencies: Vec<[f64; 2]> = indices
            .iter()
            .map(|[x, y]| [f64::from(*x) / across, f64::from(*y) / along])
            .collect();
        let places = indices
            .iter()
            .map(|[x, y]| y.rem_euclid(ny as i32) as usize * (nx / 2 + 1) + *x as usize)
            .collect();
        let classes = classes(&found, &frequencies);
        Self {
            grid,
            frequencies,
            places,
            indices,
            classes,
            shells,
            high,
        }
    }
}

fn classes(found: &[([i32; 2], usize)], frequencies: &[[f64; 2]]) -> Vec<Class> {
    let mut classes: Vec<Class> = Vec::new();
    let mut start = 0;
    for i in 0..found.len() {
        let last = i + 1 == found.len()
            || found[i + 1].0[0] != found[i].0[0]
            || found[i + 1].1 != found[i].1;
        if last {
            let members = &frequencies[start..=i];
            let square =
                members.iter().map(|[x, y]| x * x + y * y).sum::<f64>() / members.len() as f64;
            classes.push(Class {
                kx: frequencies[i][0],
                square,
                shell: found[i].1,
                range: start..i + 1,
            });
            start = i + 1;
        }
    }
    classes
}

/// Whitened coefficients of all views: those of one frequency lie together.
#[derive(Clone, Debug)]
pub(crate) struct Coefficients {
    /// `[frequency][view]`.
    pub(crate) values: Vec<Complex32>,
    /// Number of views.
    pub(crate) views: usize,
    /// True where a view holds information at all, `[class][view]`.
    pub(crate) informed: Vec<bool>,
}

/// Samples the views and takes the coefficients of a band. A view whose own resolution or `reach` (cycles/Å in its image) a
/// class exceeds holds nothing there.
pub(crate) fn coefficients(
    views: &[&AlignView],
    planes: &[PlaneView],
    band: &Band,
    reach: f64,
) -> Coefficients {
    let plan = Fft2::plan(band.grid.dims);
    let columns: Vec<(Vec<Complex32>, Vec<bool>)> = views
        .par_iter()
        .zip(planes)
        .map(|(view, plane)| {
            let spectrum = plan.forward(&sample(view, plane, &band.grid, true));
            let spectrum = spectrum.as_slice().unwrap_or(&[]);
            let mut values: Vec<Complex32> = band.places.iter().map(|&p| spectrum[p]).collect();
            let informed = informed(view, plane, band, reach);
            whiten(&mut values, band, &informed);
            (values, informed)
        })
        .collect();
    let count = views.len();
    let mut values = vec![Complex32::default(); band.places.len() * count];
    let mut all = vec![false; band.classes.len() * count];
    for (view, (column, informed)) in columns.iter().enumerate() {
        for (q, value) in column.iter().enumerate() {
            values[q * count + view] = *value;
        }
        for (class, &yes) in informed.iter().enumerate() {
            all[class * count + view] = yes;
        }
    }
    Coefficients {
        values,
        views: count,
        informed: all,
    }
}

fn informed(view: &AlignView, plane: &PlaneView, band: &Band, reach: f64) -> Vec<bool> {
    let back = plane.to_image.inverse().transpose();
    let limit = reach.min(0.42 / view.pixel_size);
    let across = (back * DVec2::X).length();
    let along = (back * DVec2::Y).length();
    band.classes
        .iter()
        .map(|class| {
            let ky = (class.square - class.kx * class.kx).max(0.0);
            ((class.kx * across).powi(2) + ky * along * along).sqrt() <= limit
        })
        .collect()
}

/// Mean square 1 in every shell of what the view is informed of; 0 elsewhere.
fn whiten(values: &mut [Complex32], band: &Band, informed: &[bool]) {
    let mut power = vec![[0.0f64; 2]; band.shells];
    for (class, &yes) in band.classes.iter().zip(informed) {
        if yes {
            for value in &values[class.range.clone()] {
                power[class.shell][0] += f64::from(value.norm_sqr());
                power[class.shell][1] += 1.0;
            }
        }
    }
    for (class, &yes) in band.classes.iter().zip(informed) {
        let [sum, count] = power[class.shell];
        let scale = if yes && sum > 0.0 {
            (count / sum).sqrt() as f32
        } else {
            0.0
        };
        for value in &mut values[class.range.clone()] {
            *value *= scale;
        }
    }
}
