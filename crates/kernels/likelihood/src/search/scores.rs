//! Scores of a block of particles against a block of rotations, and what is kept of them.

use std::cmp::Ordering;

use glam::DVec3;
use num_complex::Complex32;

use super::dictionary::{Dictionary, ROTATIONS};
use super::product::rows_times_rows;
use super::{GridEntry, GridPosterior, SearchGrid, SearchOptions};
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
    powers: Vec<f32>,
    slices: Vec<Complex32>,
    /// Rotations of the current block.
    rotations: usize,
}

impl<'a> Block<'a> {
    pub(super) fn new(
        grid: &'a SearchGrid,
        ball: &HalfBall,
        particles: &[Whitened],
        priors: &[Prior],
    ) -> Self {
        let points = ball.points.len();
        let mut turned = vec![Complex32::default(); particles.len() * grid.shifts.len() * points];
        let mut weights = vec![0.0; particles.len() * points];
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
            particles: particles.len(),
            turned,
            weights,
            shift_priors,
            scores: Vec::new(),
            norms: Vec::new(),
            powers: Vec::new(),
            slices: Vec::new(),
            rotations: 0,
        }
    }

    /// Scores of the block of rotations that begins at `first`.
    pub(super) fn compare(&mut self, dictionary: &Dictionary, first: usize) {
        let slices = dictionary.block(first, &mut self.slices);
        self.rotations = slices.len() / self.points.max(1);
        let (points, rotations) = (self.points, self.rotations);
        let rows = self.particles * self.grid.shifts.len();
        debug_assert!(rotations <= ROTATIONS, "one block");
        self.powers.clear();
        self.powers.extend(slices.iter().map(Complex32::norm_sqr));
        self.scores.resize(rows * rotations, 0.0);
        self.norms.resize(self.particles * rotations, 0.0);
        let (left, right) = (
            bytemuck::cast_slice(&self.turned),
            bytemuck::cast_slice(slices),
        );
        rows_times_rows(
            &mut self.scores,
            false,
            left,
            right,
            [rows, rotations, 2 * points],
            2.0,
        );
        let shape = [self.particles, rotations, points];
        rows_times_rows(
            &mut self.norms,
            false,
            &self.weights,
            &self.powers,
            shape,
            -1.0,
        );
    }

    /// Takes the scores of one particle into its running posterior.
    pub(super) fn reduce(
        &mut self,
        particle: usize,
        class: u32,
        first: usize,
        prior: &Prior,
        running: &mut Running,
    ) {
        let (rotations, shifts) = (self.rotations, self.grid.shifts.len());
        let offset = prior.of_class(class) as f32;
        let norms = &mut self.norms[particle * rotations..][..rotations];
        for (norm, rotation) in norms.iter_mut().zip(&self.grid.rotations[first..]) {
            *norm += offset;
            if prior.rotation.is_some() {
                *norm += prior.of_rotation(*rotation) as f32;
            }
        }
        for shift in 0..shifts {
            let row = (particle * shifts + shift) * rotations;
            let shift_prior = self.shift_priors[particle * shifts + shift];
            let scores = &mut self.scores[row..row + rotations];
            for (score, norm) in scores.iter_mut().zip(norms.iter()) {
                *score += *norm + shift_prior;
            }
            running.take(scores, |i| GridEntry {
                rotation: (first + i) as u32,
                shift: shift as u32,
                class,
                log_posterior: 0.0,
            });
        }
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
    best: f32,
    /// Σ exp(score − best) and Σ exp 2(score − best).
    sums: [f64; 2],
    /// Entries worth keeping so far, in the order met.
    entries: Vec<GridEntry>,
    /// Scores below this are not kept any more.
    least: f32,
}

impl Running {
    pub(super) fn new(options: &SearchOptions) -> Self {
        Self {
            significance: options.significance,
            capacity: options.entries.max(1),
            best: f32::NEG_INFINITY,
            sums: [0.0; 2],
            entries: Vec::new(),
            least: f32::NEG_INFINITY,
        }
    }

    /// Takes scores; `name` says what entry the i-th belongs to.
    fn take(&mut self, scores: &[f32], name: impl Fn(usize) -> GridEntry) {
        for (run, scores) in scores.chunks(RUN).enumerate() {
            let highest = scores.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
            if highest > self.best {
                self.raise(highest);
            }
            if highest < (self.best - NEGLIGIBLE).min(self.least) {
                continue;
            }
            for (i, &score) in scores.iter().enumerate() {
                let share = f64::from(score - self.best).exp();
                self.sums[0] += share;
                self.sums[1] += share * share;
                if score >= self.least {
                    self.entries.push(GridEntry {
                        log_posterior: score,
                        ..name(run * RUN + i)
                    });
                }
            }
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

    /// Keeps the heaviest entries, in order.
    fn prune(&mut self) {
        self.entries.retain(|e| e.log_posterior >= self.least);
        self.entries.sort_unstable_by(heavier);
        self.entries.truncate(self.capacity);
        if self.entries.len() == self.capacity {
            self.least = self.entries[self.capacity - 1].log_posterior;
        }
    }

    pub(super) fn finish(mut self) -> GridPosterior {
        self.prune();
        GridPosterior {
            entries: self.entries,
            log_evidence: f64::from(self.best) + self.sums[0].ln(),
            effective: self.sums[0] * self.sums[0] / self.sums[1],
        }
    }
}

/// Heaviest first; equal ones in the order of class, rotation, shift.
fn heavier(a: &GridEntry, b: &GridEntry) -> Ordering {
    let name = |e: &GridEntry| (e.class, e.rotation, e.shift);
    b.log_posterior
        .total_cmp(&a.log_posterior)
        .then_with(|| name(a).cmp(&name(b)))
}
