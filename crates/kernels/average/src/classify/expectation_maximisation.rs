//! K classes at fixed poses: expectation-maximisation over aligned particles, annealed, restarted.
//!
//! LL_ik = 2 Re⟨Z_i, V_k⟩ − ⟨W_i, |V_k|²⟩, r_ik ∝ π_k exp(β LL_ik), V_k = Σ r Z / (Σ r W + 1/(T τ²)). Both steps are two
//! matrix products, so a hundred iterations from many random starts cost what one iteration of a refinement does. β rises
//! from where classes are hardly told apart to 1 (deterministic annealing, Ueda & Nakano 1998); restarts begin at different
//! temperatures, and the one with the highest posterior wins.

use num_complex::Complex32;
use rayon::prelude::*;
use thon_compute::Progress;
use thon_likelihood::HalfBall;

use super::aligned::AlignedParticle;
use super::class_posteriors::{random_posteriors, shares, soften};
use super::products::{product_of_rows, product_transposed};
use crate::AverageError;

/// Particles as rows of matrices.
pub struct AlignedSet {
    /// Lattice points that count.
    pub ball: HalfBall,
    /// `[particle][Re Z, Im Z]`.
    data: Vec<f32>,
    /// `[particle][point]`.
    weights: Vec<f32>,
    count: usize,
}

/// How classes are found.
#[derive(Clone, Copy, Debug)]
pub struct EmOptions {
    /// Number of classes with a map.
    pub classes: usize,
    /// One more class, the last, for particles that show nothing: its map is 0.
    pub empty: bool,
    /// Iterations of each restart at most.
    pub iterations: usize,
    /// Random restarts.
    pub restarts: usize,
    /// T: multiplies the power of the prior.
    pub regularisation: f64,
    /// Seed.
    pub seed: u64,
}

impl EmOptions {
    /// Classes with the empty one.
    pub(super) fn columns(&self) -> usize {
        self.classes + usize::from(self.empty)
    }
}

/// Classes found.
#[derive(Clone, Debug)]
pub struct EmResult {
    /// Posterior of each class, `[particle][class]`; largest class first, the empty one last.
    pub posteriors: Vec<f64>,
    /// Share of each class.
    pub shares: Vec<f64>,
    /// Log posterior of particles and maps.
    pub log_posterior: f64,
    /// Σ ln likelihood of each iteration.
    pub convergence: Vec<f64>,
    /// Log posterior of every restart.
    pub restarts: Vec<f64>,
}

impl AlignedSet {
    /// An empty set on a lattice.
    pub fn new(ball: HalfBall) -> Self {
        Self {
            ball,
            data: Vec::new(),
            weights: Vec::new(),
            count: 0,
        }
    }

    /// Bytes a particle takes in a band.
    pub fn bytes_per_particle(band: usize) -> usize {
        HalfBall::new(band).points.len() * 3 * size_of::<f32>()
    }

    /// Adds the next particle.
    pub fn push(&mut self, particle: &AlignedParticle) {
        self.data.extend_from_slice(&particle.data);
        self.weights.extend_from_slice(&particle.weights);
        self.count += 1;
    }

    fn points(&self) -> usize {
        self.ball.points.len()
    }

    /// 1/(T τ²) at every point: τ² is the power of the average of all particles over each shell.
    fn inverse_prior(&self, regularisation: f64) -> Vec<f32> {
        let points = self.points();
        let mut sums = vec![(0.0_f64, 0.0_f64, 0.0_f64); points];
        for i in 0..self.count {
            let (re, im) = self.data[i * 2 * points..][..2 * points].split_at(points);
            let weights = &self.weights[i * points..][..points];
            for (j, sum) in sums.iter_mut().enumerate() {
                sum.0 += f64::from(re[j]);
                sum.1 += f64::from(im[j]);
                sum.2 += f64::from(weights[j]);
            }
        }
        let mut inverse = vec![0.0; points];
        for shell in 1..=self.ball.band {
            let range = self.ball.starts[shell]..self.ball.starts[shell + 1];
            let seen: Vec<f64> = sums[range.clone()]
                .iter()
                .filter(|s| s.2 > 0.0)
                .map(|s| (s.0 * s.0 + s.1 * s.1) / (s.2 * s.2))
                .collect();
            let power = seen.iter().sum::<f64>() / seen.len().max(1) as f64;
            let value = if power > 0.0 {
                (1.0 / (regularisation * power)) as f32
            } else {
                f32::MAX
            };
            inverse[range].fill(value);
        }
        inverse
    }

    /// Finds classes from random starts, or from given maps at the points of the ball.
    ///
    /// # Errors
    /// [`AverageError::Cancelled`].
    pub fn classify(
        &self,
        options: &EmOptions,
        starts: Option<&[Vec<Complex32>]>,
        progress: &dyn Progress,
    ) -> Result<EmResult, AverageError> {
        let inverse_prior = self.inverse_prior(options.regularisation);
        let spread = self.spread(options, &inverse_prior);
        let restarts = if starts.is_some() {
            1
        } else {
            options.restarts
        };
        let runs: Vec<Run> = (0..restarts)
            .into_par_iter()
            .map(|restart| {
                thon_compute::check(progress)?;
                let first = match starts {
                    Some(maps) => self.posteriors_of(maps, options),
                    None => random_posteriors(self.count, options, restart),
                };
                let beta = if starts.is_some() {
                    1.0
                } else {
                    // From fully annealed to hardly.
                    spread.powf(restart as f64 / restarts as f64 - 1.0)
                };
                Ok(self.run(options, &inverse_prior, first, beta))
            })
            .collect::<Result<_, AverageError>>()?;
        let all: Vec<f64> = runs.iter().map(|run| run.log_posterior).collect();
        let best = (0..runs.len())
            .reduce(|a, b| if all[b] > all[a] { b } else { a })
            .expect("at least one restart");
        Ok(runs[best].clone().result(options, all))
    }

    /// How far apart the classes of a random start are: the median over particles of the range of LL, at least 1.
    fn spread(&self, options: &EmOptions, inverse_prior: &[f32]) -> f64 {
        let shared = random_posteriors(self.count, options, usize::MAX);
        let columns = options.columns();
        let maps = self.maximise(&shared, options, inverse_prior);
        let likelihoods = self.likelihoods(&maps, columns);
        let mut ranges: Vec<f32> = likelihoods
            .chunks(columns)
            .map(|row| {
                let row = &row[..options.classes];
                let fold = |f: fn(f32, f32) -> f32| row.iter().copied().reduce(f).unwrap_or(0.0);
                fold(f32::max) - fold(f32::min)
            })
            .collect();
        ranges.sort_by(f32::total_cmp);
        f64::from(ranges[ranges.len() / 2]).max(1.0)
    }

    fn run(
        &self,
        options: &EmOptions,
        inverse_prior: &[f32],
        mut posteriors: Vec<f32>,
        first_beta: f64,
    ) -> Run {
        let classes = options.columns();
        let steps = (options.iterations / 2).clamp(1, 25);
        let factor = first_beta.powf(-1.0 / steps as f64);
        let mut convergence: Vec<f64> = Vec::new();
        let mut run = Run::default();
        for iteration in 0..options.iterations {
            let beta = (first_beta * factor.powi(iteration as i32)).min(1.0);
            let shares = shares(&posteriors, classes);
            let maps = self.maximise(&posteriors, options, inverse_prior);
            let likelihoods = self.likelihoods(&maps, classes);
            let total = soften(&likelihoods, &shares, beta, &mut posteriors);
            let settled = beta >= 1.0
                && convergence
                    .last()
                    .is_some_and(|last| (total - last).abs() < 1e-7 * total.abs().max(1.0));
            convergence.push(total);
            run.log_posterior = total - self.map_penalty(&maps, classes, inverse_prior);
            if settled && iteration > steps {
                break;
            }
        }
        Run {
            posteriors,
            convergence,
            ..run
        }
    }

    /// V_k at every point: `[class][Re, Im]`.
    fn maximise(&self, posteriors: &[f32], options: &EmOptions, inverse_prior: &[f32]) -> Vec<f32> {
        let (points, classes) = (self.points(), options.columns());
        let mut maps = product_transposed(posteriors, classes, &self.data, 2 * points, self.count);
        let weights = product_transposed(posteriors, classes, &self.weights, points, self.count);
        for (map, weights) in maps.chunks_mut(2 * points).zip(weights.chunks(points)) {
            let (re, im) = map.split_at_mut(points);
            for (((re, im), weight), prior) in re.iter_mut().zip(im).zip(weights).zip(inverse_prior)
            {
                let divisor = weight + prior;
                *re /= divisor;
                *im /= divisor;
            }
        }
        maps[options.classes * 2 * points..].fill(0.0);
        maps
    }

    /// LL: `[particle][class]`.
    fn likelihoods(&self, maps: &[f32], classes: usize) -> Vec<f32> {
        let points = self.points();
        let power: Vec<f32> = maps
            .chunks(2 * points)
            .flat_map(|map| {
                let (re, im) = map.split_at(points);
                re.iter().zip(im).map(|(re, im)| re * re + im * im)
            })
            .collect();
        let mut likelihoods = vec![0.0; self.count * classes];
        product_of_rows(&self.data, maps, 2 * points, classes, 2.0, &mut likelihoods);
        product_of_rows(
            &self.weights,
            &power,
            points,
            classes,
            -1.0,
            &mut likelihoods,
        );
        likelihoods
    }

    /// Posteriors of the classes of given maps, all classes alike.
    fn posteriors_of(&self, maps: &[Vec<Complex32>], options: &EmOptions) -> Vec<f32> {
        let mut rows: Vec<f32> = maps
            .iter()
            .flat_map(|map| map.iter().map(|v| v.re).chain(map.iter().map(|v| v.im)))
            .collect();
        let classes = options.columns();
        rows.resize(classes * 2 * self.points(), 0.0);
        let mut posteriors = vec![0.0; self.count * classes];
        let even = vec![1.0 / classes as f64; classes];
        soften(
            &self.likelihoods(&rows, classes),
            &even,
            1.0,
            &mut posteriors,
        );
        posteriors
    }

    /// Σ |V|²/(T τ²) over all classes.
    fn map_penalty(&self, maps: &[f32], classes: usize, inverse_prior: &[f32]) -> f64 {
        let points = self.points();
        let mut sum = 0.0;
        for class in 0..classes {
            let (re, im) = maps[class * 2 * points..][..2 * points].split_at(points);
            for ((re, im), prior) in re.iter().zip(im).zip(inverse_prior) {
                let power = f64::from(re * re + im * im);
                if power > 0.0 {
                    sum += power * f64::from(*prior);
                }
            }
        }
        sum
    }
}

/// One restart.
#[derive(Clone, Debug, Default)]
struct Run {
    posteriors: Vec<f32>,
    log_posterior: f64,
    convergence: Vec<f64>,
}

impl Run {
    /// Classes by size, largest first, the empty one last.
    fn result(self, options: &EmOptions, restarts: Vec<f64>) -> EmResult {
        let classes = options.columns();
        let shares = shares(&self.posteriors, classes);
        let mut order: Vec<usize> = (0..classes).collect();
        order[..options.classes].sort_by(|a, b| shares[*b].total_cmp(&shares[*a]).then(a.cmp(b)));
        let posteriors = self
            .posteriors
            .chunks(classes)
            .flat_map(|row| order.iter().map(|&class| f64::from(row[class])))
            .collect();
        EmResult {
            posteriors,
            shares: order.iter().map(|&class| shares[class]).collect(),
            log_posterior: self.log_posterior,
            convergence: self.convergence,
            restarts,
        }
    }
}
