//! Scores of a block of particles against a block of rotations, and what is kept of them.

use std::ops::Range;

use glam::DVec3;
use num_complex::Complex32;
use thon_compute::product::{Matrix, multiply_by};

use super::dictionary::{Dictionary, Made};
use super::exponential::{add_offsets, keep_highest, shares};
use super::peaks::separate;
use super::{GridEntry, GridPosterior, SearchGrid, SearchOptions, heavier};
use crate::{HalfBall, Prior, Whitened};

/// Scores looked at together.
const RUN: usize = 32;
/// Scores this far below the best add nothing to a sum (e⁻³⁰ · 10⁶ entries is 10⁻⁷).
const NEGLIGIBLE: f32 = 30.0;

/// The left sides of the two products for some particles, and the scores of one block of rotations.
pub(super) struct Block<'a> {
    grid: &'a SearchGrid,
    points: usize,
    particles: usize,
    /// `[particle, shift, (re, im) of each point]`: data turned back by each shift.
    turned: Vec<Complex32>,
    /// `[particle, point]`.
    weights: Vec<f32>,
    /// Log prior of each shift `[particle, shift]`.
    shift_priors: Vec<f32>,
    scores: Vec<f32>,
    norms: Vec<f32>,
    made: Made,
    /// Rotations of the current block.
    rotations: Range<usize>,
    /// Columns of the current products: as many, or more.
    columns: usize,
}

/// Rows that a product has at least, zeros if need be: a product with one row would sum in another order.
const LEAST: usize = 2;

impl<'a> Block<'a> {
    pub(super) fn new(
        grid: &'a SearchGrid,
        ball: &HalfBall,
        particles: &[Whitened],
        priors: &[Prior],
    ) -> Self {
        let points = ball.points.len();
        let count = particles.len().max(LEAST);
        let mut turned = vec![Complex32::default(); count * grid.shifts.len() * points];
        let mut weights = vec![0.0; count * points];
        let mut dense = vec![Complex32::default(); points];
        for (i, (particle, prior)) in particles.iter().zip(priors).enumerate() {
            spread(particle, &mut dense, &mut weights[i * points..][..points]);
            for (j, shift) in grid.shifts.iter().enumerate() {
                let out = &mut turned[(i * grid.shifts.len() + j) * points..][..points];
                turn_back(
                    ball,
                    &dense,
                    prior.shift + *shift,
                    particle.geometry.box_size,
                    out,
                );
            }
        }
        let shift_priors = priors
            .iter()
            .flat_map(|prior| {
                let shifts = grid.shifts.iter();
                shifts.map(|s| prior.of_shift(prior.shift + *s) as f32)
            })
            .collect();
        Self {
            grid,
            points,
            particles: count,
            turned,
            weights,
            shift_priors,
            scores: Vec::new(),
            norms: Vec::new(),
            made: Made::default(),
            rotations: 0..0,
            columns: 0,
        }
    }

    /// Scores of a block of rotations.
    pub(super) fn compare(&mut self, dictionary: &Dictionary, rotations: Range<usize>) {
        let slices = dictionary.block(rotations.clone(), &mut self.made);
        self.rotations = rotations;
        self.columns = slices.powers.len() / self.points.max(1);
        let (points, columns) = (self.points, self.columns);
        let rows = self.particles * self.grid.shifts.len();
        self.scores.resize(rows * columns, 0.0);
        self.norms.resize(self.particles * columns, 0.0);
        let matrix = |values, rows, length| Matrix::rows(values, rows, length, length);
        let data = matrix(bytemuck::cast_slice(&self.turned), rows, 2 * points);
        let shown = matrix(bytemuck::cast_slice(slices.values), columns, 2 * points);
        multiply_by(2.0, data, shown.transposed(), &mut self.scores, false);
        let weights = matrix(&self.weights, self.particles, points);
        let powers = matrix(slices.powers, columns, points);
        multiply_by(-1.0, weights, powers.transposed(), &mut self.norms, false);
    }

    /// Takes the scores of one particle into its running posterior.
    pub(super) fn reduce(
        &mut self,
        particle: usize,
        class: u32,
        prior: &Prior,
        running: &mut Running,
    ) {
        let (first, count) = (self.rotations.start, self.rotations.len());
        let offset = prior.of_class(class) as f32;
        let norms = &mut self.norms[particle * self.columns..][..count];
        for (norm, rotation) in norms.iter_mut().zip(&self.grid.rotations[first..]) {
            *norm += offset;
            if prior.rotation.is_some() {
                *norm += prior.of_rotation(*rotation) as f32;
            }
        }
        running.begin(count);
        for shift in 0..self.grid.shifts.len() {
            let row = particle * self.grid.shifts.len() + shift;
            let scores = &mut self.scores[row * self.columns..][..count];
            let highest = add_offsets(scores, norms, self.shift_priors[row]);
            running.take(scores, highest, first, shift as u32, class);
        }
        running.end(first, class);
    }
}

/// Samples on the lattice → all points of a half ball; points that were not measured have no weight.
fn spread(particle: &Whitened, products: &mut [Complex32], weights: &mut [f32]) {
    products.fill(Complex32::default());
    weights.fill(0.0);
    let lattice = particle.geometry.lattice.as_deref().unwrap_or_default();
    let samples = lattice
        .iter()
        .zip(&particle.products)
        .zip(&particle.weights);
    for ((&point, product), weight) in samples {
        let point = point as usize;
        if point >= products.len() {
            break;
        }
        products[point] = *product;
        weights[point] = *weight;
    }
}

/// D e^(+2πi q·t/n) at the points of a half ball, by products of phases along x, y, z.
fn turn_back(ball: &HalfBall, data: &[Complex32], shift: DVec3, n: usize, out: &mut [Complex32]) {
    let reach = ball.band as i32 + 1;
    let along = |t: f64| -> Vec<Complex32> {
        let step = std::f64::consts::TAU * t / n as f64;
        let phase = |q: i32| step * f64::from(q);
        (-reach..=reach)
            .map(|q| Complex32::new(phase(q).cos() as f32, phase(q).sin() as f32))
            .collect()
    };
    let [px, py, pz] = [along(shift.x), along(shift.y), along(shift.z)];
    let at = |q: i16| (i32::from(q) + reach) as usize;
    for ((out, value), [x, y, z]) in out.iter_mut().zip(data).zip(&ball.points) {
        *out = value * (px[at(*x)] * (py[at(*y)] * pz[at(*z)]));
    }
}

/// The best, the sum and the heaviest entries of the scores seen so far.
pub(super) struct Running {
    significance: f32,
    capacity: usize,
    peaks: usize,
    best: f32,
    /// Σ exp(score − best) and Σ exp 2(score − best).
    sums: [f64; 2],
    /// Entries worth keeping so far, in the order met.
    entries: Vec<GridEntry>,
    /// Scores below this are not kept any more.
    least: f32,
    /// The best of each rotation of the current block, and its shift.
    highest: Vec<f32>,
    shifts: Vec<u32>,
    /// The best of each rotation of the blocks before.
    by_rotation: Vec<GridEntry>,
}

impl Running {
    pub(super) fn new(options: &SearchOptions) -> Self {
        Self {
            significance: options.significance,
            capacity: options.entries.max(1),
            peaks: options.peaks.max(1),
            best: f32::NEG_INFINITY,
            sums: [0.0; 2],
            entries: Vec::new(),
            least: f32::NEG_INFINITY,
            highest: Vec::new(),
            shifts: Vec::new(),
            by_rotation: Vec::new(),
        }
    }

    fn begin(&mut self, rotations: usize) {
        self.highest.clear();
        self.highest.resize(rotations, f32::NEG_INFINITY);
        self.shifts.clear();
        self.shifts.resize(rotations, 0);
    }

    fn end(&mut self, first: usize, class: u32) {
        let best = self.highest.iter().zip(&self.shifts).enumerate();
        self.by_rotation
            .extend(best.map(|(i, (score, shift))| GridEntry {
                rotation: (first + i) as u32,
                shift: *shift,
                class,
                log_posterior: *score,
            }));
    }

    /// Takes the scores of one shift with rotations from `first` on; `highest` is the highest of them.
    fn take(&mut self, scores: &[f32], highest: f32, first: usize, shift: u32, class: u32) {
        if highest > self.best {
            self.raise(highest);
        }
        keep_highest(scores, shift, &mut self.highest, &mut self.shifts);
        if highest >= self.best - NEGLIGIBLE {
            let [sum, square] = shares(scores, self.best);
            self.sums[0] += sum;
            self.sums[1] += square;
        }
        if highest < self.least {
            return;
        }
        for (run, scores) in scores.chunks(RUN).enumerate() {
            let least = self.least;
            if scores.iter().filter(|s| **s >= least).count() == 0 {
                continue;
            }
            let worth = scores.iter().enumerate().filter(|(_, s)| **s >= least);
            self.entries.extend(worth.map(|(i, score)| GridEntry {
                rotation: (first + run * RUN + i) as u32,
                shift,
                class,
                log_posterior: *score,
            }));
            if self.entries.len() >= 4 * self.capacity {
                self.prune();
            }
        }
    }

    fn raise(&mut self, best: f32) {
        let factor = f64::from(self.best - best).exp();
        self.sums = [self.sums[0] * factor, self.sums[1] * factor * factor];
        self.best = best;
        self.least = self.least.max(best - self.significance);
    }

    /// Keeps the heaviest entries.
    fn prune(&mut self) {
        self.entries.retain(|e| e.log_posterior >= self.least);
        if self.entries.len() > self.capacity {
            let last = self.capacity - 1;
            self.entries.select_nth_unstable_by(last, heavier);
            self.entries.truncate(self.capacity);
            self.least = self.entries[last].log_posterior;
        }
    }

    pub(super) fn finish(mut self, grid: &SearchGrid) -> GridPosterior {
        self.prune();
        self.entries.sort_unstable_by(heavier);
        GridPosterior {
            entries: self.entries,
            peaks: separate(grid, self.by_rotation, self.peaks),
            log_evidence: f64::from(self.best) + self.sums[0].ln(),
            effective: self.sums[0] * self.sums[0] / self.sums[1],
        }
    }
}
