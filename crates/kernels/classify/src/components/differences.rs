//! Differences of particles from their average, in units of the noise that is measured on them.

use rand::RngExt;

use super::aligned::Aligned;

/// Differences of all particles from their average, in units of the noise.
pub(crate) struct Differences {
    /// (Z − W V)/P as (re, im, …), `[particles, 2 · points]`.
    pub values: Vec<f32>,
    /// W/P, `[particles, points]`.
    pub weights: Vec<f32>,
    /// Particles.
    pub count: usize,
    /// Points.
    pub points: usize,
    /// Power that masking left of the noise at a point, mean over particles; 1 without a mask.
    pub fraction: f64,
}

/// Weight below which a direction is taken as absent, relative to the mean.
const ABSENT: f32 = 1e-4;

impl Differences {
    /// Rows divided by the root of their weights.
    pub fn normalised(&self) -> Vec<f32> {
        let mean =
            self.weights.iter().map(|w| f64::from(*w)).sum::<f64>() / self.weights.len() as f64;
        let least = mean as f32 * ABSENT;
        let one = |(pair, w): (&[f32], &f32)| {
            let scale = if *w > least { 1.0 / w.sqrt() } else { 0.0 };
            [pair[0] * scale, pair[1] * scale]
        };
        self.values
            .chunks_exact(2)
            .zip(&self.weights)
            .flat_map(one)
            .collect()
    }
}

impl Differences {
    /// The same with a random sign for each value.
    pub fn with_random_signs(&self, seed: u64) -> Self {
        let mut values = self.values.clone();
        for (row, particle) in values.chunks_exact_mut(2 * self.points).enumerate() {
            let mut random = thon_compute::seed_stream(seed, "signs of differences", row as u64);
            for pair in particle.chunks_exact_mut(2) {
                if random.random::<bool>() {
                    pair[0] = -pair[0];
                    pair[1] = -pair[1];
                }
            }
        }
        Self {
            values,
            weights: self.weights.clone(),
            ..*self
        }
    }
}

/// Differences from the average, with the noise measured on them; also the average as (re, im, …).
pub(crate) fn measure(aligned: &Aligned, groups: usize) -> (Differences, Vec<f32>) {
    let (points, count) = (aligned.points(), aligned.len());
    let mut powers = vec![vec![1.0; aligned.ball.band + 1]; groups];
    let mut average = vec![0.0; 2 * points];
    // The noise weighs groups in the average, and the average leaves the noise: two rounds settle both.
    for _ in 0..2 {
        average = weighted_average(aligned, &powers);
        powers = noise_powers(aligned, &average, groups);
    }
    let mut differences = Differences {
        values: Vec::with_capacity(count * 2 * points),
        weights: Vec::with_capacity(count * points),
        count,
        points,
        fraction: aligned.fractions.iter().sum::<f64>() / count.max(1) as f64,
    };
    let rows = aligned
        .products
        .chunks_exact(2 * points)
        .zip(aligned.weights.chunks_exact(points));
    for ((products, weights), group) in rows.zip(&aligned.groups) {
        for (shell, power) in powers[*group].iter().enumerate().skip(1) {
            let gain = (1.0 / power.max(f64::MIN_POSITIVE)) as f32;
            for p in aligned.ball.starts[shell]..aligned.ball.starts[shell + 1] {
                let w = weights[p] * gain;
                differences.weights.push(w);
                differences
                    .values
                    .push(products[2 * p] * gain - w * average[2 * p]);
                differences
                    .values
                    .push(products[2 * p + 1] * gain - w * average[2 * p + 1]);
            }
        }
    }
    (differences, average)
}

/// Σ Z/P over (Σ W/P + a hundredth of its mean).
fn weighted_average(aligned: &Aligned, powers: &[Vec<f64>]) -> Vec<f32> {
    let all: Vec<usize> = (0..aligned.len()).collect();
    average_of(aligned, powers, &all)
}

/// As [`weighted_average`] over some of the particles.
pub(crate) fn average_of(aligned: &Aligned, powers: &[Vec<f64>], rows: &[usize]) -> Vec<f32> {
    let points = aligned.points();
    let (mut sums, mut weights) = (vec![0.0_f64; 2 * points], vec![0.0_f64; points]);
    for &i in rows {
        let (products, w) = (
            &aligned.products[i * 2 * points..],
            &aligned.weights[i * points..],
        );
        for (shell, power) in powers[aligned.groups[i]].iter().enumerate().skip(1) {
            let gain = 1.0 / power.max(f64::MIN_POSITIVE);
            for p in aligned.ball.starts[shell]..aligned.ball.starts[shell + 1] {
                sums[2 * p] += f64::from(products[2 * p]) * gain;
                sums[2 * p + 1] += f64::from(products[2 * p + 1]) * gain;
                weights[p] += f64::from(w[p]) * gain;
            }
        }
    }
    let ridge = 0.01 * weights.iter().sum::<f64>() / points as f64 + f64::MIN_POSITIVE;
    let at = |i: usize| (sums[i] / (weights[i / 2] + ridge)) as f32;
    (0..2 * points).map(at).collect()
}

/// Noise per group and shell: |Z − W V|²/W of the directions that particles have, of unmasked data.
pub(crate) fn noise_powers(aligned: &Aligned, average: &[f32], groups: usize) -> Vec<Vec<f64>> {
    let points = aligned.points();
    let band = aligned.ball.band;
    let least = ABSENT
        * (aligned.weights.iter().map(|w| f64::from(*w)).sum::<f64>()
            / aligned.weights.len() as f64) as f32;
    let (mut sums, mut counts) = (
        vec![vec![0.0; band + 1]; groups + 1],
        vec![vec![0.0; band + 1]; groups + 1],
    );
    for i in 0..aligned.len() {
        let (products, weights) = (
            &aligned.products[i * 2 * points..],
            &aligned.weights[i * points..],
        );
        for shell in 1..=band {
            for p in aligned.ball.starts[shell]..aligned.ball.starts[shell + 1] {
                let w = weights[p];
                if w <= least {
                    continue;
                }
                let re = products[2 * p] - w * average[2 * p];
                let im = products[2 * p + 1] - w * average[2 * p + 1];
                let power = f64::from((re * re + im * im) / w) / aligned.fractions[i];
                for g in [aligned.groups[i], groups] {
                    sums[g][shell] += power;
                    counts[g][shell] += 1.0;
                }
            }
        }
    }
    let power = |g: usize, s: usize| {
        let all = sums[groups][s] / f64::max(counts[groups][s], 1.0);
        // All particles count as a hundred values of each group.
        (sums[g][s] + 100.0 * all) / (counts[g][s] + 100.0)
    };
    (0..groups)
        .map(|g| (0..=band).map(|s| power(g, s)).collect())
        .collect()
}
