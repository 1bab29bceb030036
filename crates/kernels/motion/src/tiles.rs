//! Band-limited spectra of small tiles of every frame: what all motion is estimated from.
//!
//! A tile follows the first trajectory in whole pixels, so that it holds the same matter in every frame. Its edge is tapered,
//! its spectrum cut to |k| ≤ `band` and scaled to unit noise (mean |F|² = 1 at the band's upper end). Real and imaginary
//! parts lie apart, rows of kx = 0, 1, … for each ky. On kx = 0 only ky > 0 is kept, so that each pair of conjugate
//! coefficients counts once.

use rayon::prelude::*;
use thon_compute::columns::with_buffer;
use thon_geometry::glam::DVec2;
use thon_signal::fft::{Complex32, ComplexFft1, Fft1, signed_index};

use crate::corrected::{CorrectedFrames, Reduction, each_binned};
use crate::error::MotionError;

/// Numbers that are worked on together.
pub(crate) const LANES: usize = 8;

/// One row of coefficients: kx = first, first + 1, … at one ky.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Signed frequency index along y.
    pub ky: isize,
    /// Lowest kx index.
    pub first: usize,
    /// Number of coefficients.
    pub length: usize,
    /// The same with what fills the row up to a multiple of [`LANES`]: zeros of shell 0.
    pub padded: usize,
    /// Where the row begins in the list of coefficients.
    pub start: usize,
}

/// The coefficients of a tile.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    /// Edge of the tiles, pixels.
    pub edge: usize,
    /// The rows.
    pub rows: Vec<Row>,
    /// Number of coefficients.
    pub length: usize,
    /// One more than the largest kx.
    pub columns: usize,
    /// |k| of each coefficient in units of the tile's first frequency, rounded.
    pub shells: Vec<u16>,
}

impl Band {
    /// All coefficients with `low` ≤ |k| ≤ `high` cycles per pixel.
    pub fn new(edge: usize, low: f64, high: f64) -> Self {
        let (low, high) = (low * edge as f64, high * edge as f64);
        let mut rows: Vec<Row> = Vec::new();
        let mut shells = Vec::new();
        for index in 0..edge {
            let ky = signed_index(index, edge);
            let first = usize::from(ky <= 0);
            let inside = (high * high - (ky * ky) as f64).max(0.0).sqrt().floor() as usize;
            if (ky.unsigned_abs() as f64) > high || inside < first {
                continue;
            }
            let last = inside.min(edge / 2 - 1);
            let start = shells.len();
            let length = last + 1 - first;
            let padded = length.next_multiple_of(LANES);
            for kx in first..=last {
                let radius = (kx as f64).hypot(ky as f64);
                shells.push(if radius < low {
                    0
                } else {
                    radius.round() as u16
                });
            }
            shells.resize(start + padded, 0);
            rows.push(Row {
                ky,
                first,
                length,
                padded,
                start,
            });
        }
        Self {
            edge,
            length: shells.len(),
            columns: rows.iter().map(|r| r.first + r.length).max().unwrap_or(0),
            rows,
            shells,
        }
    }

    /// One more than the largest shell.
    pub fn shell_count(&self) -> usize {
        self.shells.iter().max().map_or(0, |s| usize::from(*s) + 1)
    }
}

/// One tile in all frames.
pub(crate) struct Tile {
    /// First row and column where nothing has moved.
    start: [usize; 2],
    /// Its centre on the detector, binned pixels (x, y), mean over frames.
    pub centre: DVec2,
    /// Column and row of the checkerboard.
    pub place: [usize; 2],
    /// Displacement in whole pixels that was followed, per frame.
    pub followed: Vec<DVec2>,
    /// Real parts, `[frame][coefficient]`.
    pub re: Vec<f32>,
    /// Imaginary parts.
    pub im: Vec<f32>,
    /// Σ |F|² over frames, per coefficient.
    pub own: Vec<f32>,
}

/// All tiles of a movie.
pub(crate) struct Tiles {
    /// Which coefficients.
    pub band: Band,
    /// Number of frames (or groups).
    pub frames: usize,
    /// The tiles, row by row.
    pub list: Vec<Tile>,
    /// (Σw²)²/(N Σw⁴) of the taper: independent coefficients per coefficient.
    pub independence: f64,
}

impl Tiles {
    /// Cuts the tiles of `edge` binned pixels. `first` is the trajectory that is followed, binned pixels.
    pub fn cut(
        frames: &CorrectedFrames<'_>,
        reduction: &Reduction,
        edge: usize,
        first: &[DVec2],
        [low, high]: [f64; 2],
    ) -> Result<Self, MotionError> {
        let band = Band::new(edge, low, high);
        let taper = taper(edge);
        let size = frames.size().map(|n| n / reduction.bin);
        let starts = size.map(|n| starts(n, edge));
        let places = (0..starts[0].len()).flat_map(|y| (0..starts[1].len()).map(move |x| [y, x]));
        let count = first.len();
        let mut list: Vec<Tile> = places
            .map(|[y, x]| Tile::empty([starts[0][y], starts[1][x]], [x, y], count, &band))
            .collect();
        let cutter = Cutter {
            band: &band,
            along_x: Fft1::plan(edge),
            along_y: ComplexFft1::plan(edge),
            taper: &taper,
            size,
        };
        each_binned(frames, reduction, |index, frame| {
            list.par_iter_mut()
                .for_each(|tile| cutter.add(tile, frame, index, first[index]));
        })?;
        let power = |n: i32| taper.iter().map(|w| f64::from(*w).powi(n)).sum::<f64>() / edge as f64;
        Ok(Self {
            band,
            frames: count,
            list,
            independence: (power(2).powi(2) / power(4)).powi(2),
        })
    }
}

impl Tile {
    fn empty(start: [usize; 2], place: [usize; 2], frames: usize, band: &Band) -> Self {
        Self {
            start,
            centre: DVec2::ZERO,
            place,
            followed: Vec::with_capacity(frames),
            re: vec![0.0; frames * band.length],
            im: vec![0.0; frames * band.length],
            own: vec![0.0; band.length],
        }
    }
}

/// First pixels of tiles that cover an axis side by side, spread evenly.
fn starts(length: usize, edge: usize) -> Vec<usize> {
    let count = (length / edge).max(1);
    let spare = length.saturating_sub(count * edge);
    (0..count)
        .map(|i| i * edge + spare * (2 * i + 1) / (2 * count))
        .collect()
}

/// 1 in the middle, falling to 0 over an eighth of the edge at each end.
fn taper(edge: usize) -> Vec<f32> {
    let ramp = edge as f64 / 8.0;
    (0..edge)
        .map(|i| {
            let from_border = (i as f64 + 0.5).min(edge as f64 - i as f64 - 0.5);
            let rise = (from_border / ramp).min(1.0);
            (0.5 - 0.5 * (std::f64::consts::PI * rise).cos()) as f32
        })
        .collect()
}

/// What cuts tiles out of frames.
struct Cutter<'a> {
    band: &'a Band,
    along_x: Fft1,
    along_y: ComplexFft1,
    taper: &'a [f32],
    /// Of the binned frames, `[ny, nx]`.
    size: [usize; 2],
}

impl Cutter<'_> {
    /// Adds the next frame to a tile that follows the displacement `by`.
    fn add(&self, tile: &mut Tile, frame: &[f32], index: usize, by: DVec2) {
        let (band, edge) = (self.band, self.band.edge);
        let [ny, nx] = self.size;
        let count = tile.re.len() / band.length.max(1);
        let middle = DVec2::splat((edge as f64 - 1.0) * 0.5);
        let move_to = |start: usize, by: f64, length: usize| {
            (start as f64 + by.round()).clamp(0.0, (length - edge) as f64) as usize
        };
        let [y, x] = tile.start;
        let (top, left) = (move_to(y, by.y, ny), move_to(x, by.x, nx));
        let by = DVec2::new(left as f64 - x as f64, top as f64 - y as f64);
        tile.followed.push(by);
        tile.centre += (DVec2::new(left as f64, top as f64) + middle) / count as f64;
        let span = index * band.length..(index + 1) * band.length;
        let (re, im) = (&mut tile.re[span.clone()], &mut tile.im[span]);
        with_buffer(edge * edge, |pixels: &mut [f32]| {
            cut(frame, nx, [top, left], edge, self.taper, pixels);
            self.transform(pixels, re, im);
        });
        scale_to_unit_noise(re, im, &mut tile.own, band);
    }
}

impl Cutter<'_> {
    /// The coefficients of the band: rows are transformed, then the columns that the band reaches.
    fn transform(&self, pixels: &[f32], re: &mut [f32], im: &mut [f32]) {
        let (band, edge) = (self.band, self.band.edge);
        let half = edge / 2 + 1;
        let columns = band.columns;
        with_buffer(edge * (half + columns), |buffer: &mut [Complex32]| {
            let (rows, turned) = buffer.split_at_mut(edge * half);
            self.along_x.forward_into(pixels, rows);
            turn(rows, half, turned, edge);
            self.along_y.forward_in_place(turned);
            for row in &band.rows {
                let y = row.ky.rem_euclid(edge as isize) as usize;
                let columns = turned[row.first * edge + y..].iter().step_by(edge);
                let span = row.start..row.start + row.length;
                let parts = re[span.clone()].iter_mut().zip(&mut im[span]);
                for ((re, im), value) in parts.zip(columns) {
                    (*re, *im) = (value.re, value.im);
                }
            }
        });
    }
}

/// Writes columns of `rows`, which are `length` long, one after the other, `edge` each; eight at a time, a cache line of each
/// row.
fn turn(rows: &[Complex32], length: usize, columns: &mut [Complex32], edge: usize) {
    for (group, columns) in columns.chunks_mut(8 * edge).enumerate() {
        for (y, row) in rows.chunks_exact(length).enumerate() {
            let places = columns[y..].iter_mut().step_by(edge);
            places
                .zip(&row[8 * group..])
                .for_each(|(to, from)| *to = *from);
        }
    }
}

/// A tapered window with mean zero.
fn cut(
    frame: &[f32],
    nx: usize,
    [top, left]: [usize; 2],
    edge: usize,
    taper: &[f32],
    pixels: &mut [f32],
) {
    let line = |y: usize| &frame[(top + y) * nx + left..(top + y) * nx + left + edge];
    let sum: f64 = (0..edge)
        .map(|y| f64::from(line(y).iter().sum::<f32>()))
        .sum();
    let mean = (sum / (edge * edge) as f64) as f32;
    for (y, row) in pixels.chunks_exact_mut(edge).enumerate() {
        for ((value, pixel), weight) in row.iter_mut().zip(line(y)).zip(taper) {
            *value = (pixel - mean) * weight * taper[y];
        }
    }
}

/// Divides one frame of a tile by its noise, the power in the upper fifth of the band, and adds its power to `own`.
fn scale_to_unit_noise(re: &mut [f32], im: &mut [f32], own: &mut [f32], band: &Band) {
    let from = (band.shell_count() * 4 / 5) as u16;
    let (mut power, mut count) = (0.0_f64, 0.0_f64);
    for ((a, b), shell) in re.iter().zip(im.iter()).zip(&band.shells) {
        if *shell >= from {
            power += f64::from(a * a + b * b);
            count += 1.0;
        }
    }
    let scale = if power > 0.0 {
        (count / power).sqrt() as f32
    } else {
        0.0
    };
    re.iter_mut().chain(im.iter_mut()).for_each(|v| *v *= scale);
    for ((own, a), b) in own.iter_mut().zip(re.iter()).zip(im.iter()) {
        *own += a * a + b * b;
    }
}
