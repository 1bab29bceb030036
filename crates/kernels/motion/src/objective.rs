//! How well the frames of a tile agree when each is moved back by a displacement, with first and second derivatives.
//!
//! With A = F·exp(2πi k·d) the moved-back coefficients of one frame and T their sum over frames, the logarithm of the likelihood of
//! a common signal of power S over unit noise is Q = Σ W |T|², W = S/(1 + n S): the correlation of all pairs of frames, each
//! frequency weighted by what it can tell. ∂Q/∂dᵢ = −4π Σ W k Im(T* Aᵢ); the mixed second derivatives of all pairs are close to
//! K = 8π² Σ W kkᵀ c with c = (|T|² − Σ|A|²)/(n(n − 1)) the mean product of two frames.

use std::f64::consts::TAU;

use thon_geometry::glam::DVec2;

use crate::tiles::{Band, LANES, Tile};
use crate::vectors::vectorised;

/// Weight of each coefficient, and where they end.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    /// W per coefficient.
    pub values: Vec<f32>,
    /// Largest frequency index with a weight.
    pub limit: usize,
}

/// What one tile says about displacements.
#[derive(Clone, Debug)]
pub(crate) struct TileTerms {
    /// Q.
    pub value: f64,
    /// ∂Q/∂d of each frame, per pixel.
    pub gradient: Vec<DVec2>,
    /// Trace of K, per pixel²; only [`evaluate_with_curvature`] gives it.
    pub curvature: f64,
}

type Lanes = [f32; LANES];

/// Evaluates one tile at the displacements `d` (pixels), one per frame, relative to what the tile followed.
pub(crate) fn evaluate(tile: &Tile, band: &Band, weights: &Weights, d: &[DVec2]) -> TileTerms {
    vectorised(
        #[inline(always)]
        || evaluate_rows::<false>(tile, band, weights, d),
    )
}

/// As [`evaluate`], with the trace of K.
pub(crate) fn evaluate_with_curvature(
    tile: &Tile,
    band: &Band,
    weights: &Weights,
    d: &[DVec2],
) -> TileTerms {
    vectorised(
        #[inline(always)]
        || evaluate_rows::<true>(tile, band, weights, d),
    )
}

#[expect(
    clippy::inline_always,
    reason = "inlined into the function that enables the instruction set"
)]
#[inline(always)]
fn evaluate_rows<const CURVATURE: bool>(
    tile: &Tile,
    band: &Band,
    weights: &Weights,
    d: &[DVec2],
) -> TileTerms {
    let count = d.len();
    let mut turned = Turned::new(band, d, weights.limit);
    let per_pair = 1.0 / (count * (count - 1)).max(1) as f32;
    let mut value = 0.0_f64;
    let mut curvature = 0.0_f64;
    let mut gradient = vec![DVec2::ZERO; count];
    for row in &band.rows {
        let Some(length) = turned.row(tile, band, row, weights.limit) else {
            continue;
        };
        let span = row.start..row.start + length;
        let (weight, own) = (&weights.values[span.clone()], &tile.own[span]);
        let (t_re, t_im) = (&turned.sum_re[..length], &turned.sum_im[..length]);
        let kx = &turned.kx[row.first..row.first + length];
        let ky = row.ky as f32;
        let mut sums = [[0.0_f32; LANES]; 2];
        let lists = chunks(weight)
            .iter()
            .zip(chunks(own))
            .zip(chunks(t_re))
            .zip(chunks(t_im))
            .zip(chunks(kx));
        for ((((w, o), a), b), x) in lists {
            for lane in 0..LANES {
                let power = a[lane] * a[lane] + b[lane] * b[lane];
                sums[0][lane] += w[lane] * power;
                if CURVATURE {
                    let product = w[lane] * (power - o[lane]) * per_pair;
                    sums[1][lane] += product * (x[lane] * x[lane] + ky * ky);
                }
            }
        }
        value += total(&sums[0]);
        curvature += total(&sums[1]);
        for (frame, gradient) in gradient.iter_mut().enumerate() {
            let (a_re, a_im) = turned.frame(frame, length);
            let mut sums = [[0.0_f32; LANES]; 2];
            let lists = chunks(weight)
                .iter()
                .zip(chunks(kx))
                .zip(chunks(t_re))
                .zip(chunks(t_im));
            for ((((w, x), a), b), (c, e)) in lists.zip(chunks(a_re).iter().zip(chunks(a_im))) {
                for lane in 0..LANES {
                    let cross = w[lane] * (a[lane] * e[lane] - b[lane] * c[lane]);
                    sums[0][lane] += cross * x[lane];
                    sums[1][lane] += cross;
                }
            }
            *gradient += DVec2::new(total(&sums[0]), f64::from(ky) * total(&sums[1]));
        }
    }
    let unit = TAU / band.edge as f64;
    TileTerms {
        value,
        gradient: gradient.into_iter().map(|g| g * (-2.0 * unit)).collect(),
        curvature: 2.0 * unit * unit * curvature,
    }
}

/// Adds the mean product of two frames, c, of every coefficient to sums over shells.
pub(crate) fn add_products(tile: &Tile, band: &Band, d: &[DVec2], shells: &mut [f64]) {
    vectorised(
        #[inline(always)]
        || {
            let mut turned = Turned::new(band, d, usize::MAX);
            let count = d.len();
            let pairs = (count * (count - 1)).max(1) as f32;
            for row in &band.rows {
                let Some(length) = turned.row(tile, band, row, usize::MAX) else {
                    continue;
                };
                for at in 0..length {
                    let power = turned.sum_re[at].powi(2) + turned.sum_im[at].powi(2);
                    let product = (power - tile.own[row.start + at]) / pairs;
                    shells[usize::from(band.shells[row.start + at])] += f64::from(product);
                }
            }
        },
    );
}

/// A list whose length is a multiple of [`LANES`], in pieces.
#[expect(
    clippy::inline_always,
    reason = "inlined into the function that enables the instruction set"
)]
#[inline(always)]
fn chunks(list: &[f32]) -> &[Lanes] {
    list.as_chunks().0
}

#[expect(
    clippy::inline_always,
    reason = "inlined into the function that enables the instruction set"
)]
#[inline(always)]
fn total(lanes: &Lanes) -> f64 {
    let [a, b, c, d, e, f, g, h] = *lanes;
    f64::from((a + e) + (b + f) + ((c + g) + (d + h)))
}

/// One row of all frames, moved back, and their sum.
struct Turned {
    /// 0, 1, 2, …
    kx: Vec<f32>,
    /// exp(2πi k d) for k = 0, 1, 2, … along x and along y of each frame, real and imaginary parts.
    phases: Vec<[[Vec<f32>; 2]; 2]>,
    stride: usize,
    re: Vec<f32>,
    im: Vec<f32>,
    sum_re: Vec<f32>,
    sum_im: Vec<f32>,
}

/// cos(k·angle) and sin(k·angle) for k = 0, 1, …, by turning on from k to k + 1.
fn turns(angle: f64, count: usize) -> [Vec<f32>; 2] {
    let (sine, cosine) = angle.sin_cos();
    let (mut re, mut im) = (1.0_f64, 0.0_f64);
    let mut lists = [Vec::with_capacity(count), Vec::with_capacity(count)];
    for _ in 0..count {
        lists[0].push(re as f32);
        lists[1].push(im as f32);
        (re, im) = (re * cosine - im * sine, re * sine + im * cosine);
    }
    lists
}

impl Turned {
    #[expect(
        clippy::inline_always,
        reason = "inlined into the function that enables the instruction set"
    )]
    #[inline(always)]
    fn new(band: &Band, d: &[DVec2], limit: usize) -> Self {
        let most = limit.min(band.edge / 2) + 1;
        let stride = most.next_multiple_of(LANES) + LANES;
        let phases = d.iter().map(|d| {
            let step = *d * (TAU / band.edge as f64);
            [turns(step.x, stride), turns(step.y, most)]
        });
        Self {
            kx: (0..stride).map(|k| k as f32).collect(),
            phases: phases.collect(),
            stride,
            re: vec![0.0; stride * d.len()],
            im: vec![0.0; stride * d.len()],
            sum_re: vec![0.0; stride],
            sum_im: vec![0.0; stride],
        }
    }

    /// Moves one row back up to the frequency index `limit`; its length in lanes, or `None` when nothing of it is inside.
    #[expect(
        clippy::inline_always,
        reason = "inlined into the function that enables the instruction set"
    )]
    #[inline(always)]
    fn row(
        &mut self,
        tile: &Tile,
        band: &Band,
        row: &crate::tiles::Row,
        limit: usize,
    ) -> Option<usize> {
        let ky = row.ky.unsigned_abs();
        if ky > limit {
            return None;
        }
        let inside = limit.saturating_add(1).saturating_sub(row.first);
        let length = row.padded.min(inside).next_multiple_of(LANES);
        if length == 0 {
            return None;
        }
        self.sum_re[..length].fill(0.0);
        self.sum_im[..length].fill(0.0);
        let sign = if row.ky < 0 { -1.0 } else { 1.0 };
        for (frame, [along_x, along_y]) in self.phases.iter().enumerate() {
            let (cosine, sine) = (along_y[0][ky], along_y[1][ky] * sign);
            let from = frame * band.length + row.start;
            let f_re = &tile.re[from..from + length];
            let f_im = &tile.im[from..from + length];
            let x_re = &along_x[0][row.first..row.first + length];
            let x_im = &along_x[1][row.first..row.first + length];
            let at = frame * self.stride;
            let a_re = &mut self.re[at..at + length];
            let a_im = &mut self.im[at..at + length];
            let t_re = &mut self.sum_re[..length];
            let t_im = &mut self.sum_im[..length];
            for i in 0..length {
                let p_re = cosine * x_re[i] - sine * x_im[i];
                let p_im = cosine * x_im[i] + sine * x_re[i];
                let re = f_re[i] * p_re - f_im[i] * p_im;
                let im = f_re[i] * p_im + f_im[i] * p_re;
                a_re[i] = re;
                a_im[i] = im;
                t_re[i] += re;
                t_im[i] += im;
            }
        }
        Some(length)
    }

    #[expect(
        clippy::inline_always,
        reason = "inlined into the function that enables the instruction set"
    )]
    #[inline(always)]
    fn frame(&self, frame: usize, length: usize) -> (&[f32], &[f32]) {
        let at = frame * self.stride;
        (&self.re[at..at + length], &self.im[at..at + length])
    }
}
