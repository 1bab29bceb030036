//! Minimum, maximum, mean and standard deviation, section by section in f64.
//!
//! Each section is summed in two passes (mean, then squared deviations) and the sections are merged in file order
//! after Chan, Golub & LeVeque 1983, so the result depends on nothing but the data.

use serde::Serialize;

/// Statistics of finite samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Statistics {
    /// Finite samples seen.
    pub count: u64,
    /// Samples that are NaN or infinite; they enter nothing else.
    pub non_finite: u64,
    /// Smallest sample; +∞ when there is none.
    pub min: f64,
    /// Largest sample; −∞ when there is none.
    pub max: f64,
    /// Mean; 0 when there is no sample.
    pub mean: f64,
    squared_deviations: f64,
}

impl Default for Statistics {
    fn default() -> Self {
        Self {
            count: 0,
            non_finite: 0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            mean: 0.0,
            squared_deviations: 0.0,
        }
    }
}

impl Statistics {
    /// Statistics of one block of samples.
    pub fn of(samples: &[f32]) -> Self {
        let finite = || {
            samples
                .iter()
                .filter(|v| v.is_finite())
                .map(|&v| f64::from(v))
        };
        let mut result = Self::default();
        let mut sum = 0.0;
        for value in finite() {
            result.count += 1;
            result.min = result.min.min(value);
            result.max = result.max.max(value);
            sum += value;
        }
        result.non_finite = samples.len() as u64 - result.count;
        if result.count > 0 {
            result.mean = sum / result.count as f64;
            result.squared_deviations = finite().map(|v| (v - result.mean).powi(2)).sum();
        }
        result
    }

    /// Adds the statistics of the next block.
    pub fn merge(&mut self, next: &Self) {
        self.non_finite += next.non_finite;
        if next.count == 0 {
            return;
        }
        let (n, m) = (self.count as f64, next.count as f64);
        let difference = next.mean - self.mean;
        self.mean += difference * m / (n + m);
        self.squared_deviations += next.squared_deviations + difference.powi(2) * n * m / (n + m);
        self.count += next.count;
        self.min = self.min.min(next.min);
        self.max = self.max.max(next.max);
    }

    /// Standard deviation about the mean (the "rms" of an MRC header); 0 when there is no sample.
    pub fn rms(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        (self.squared_deviations / self.count as f64).sqrt()
    }
}
