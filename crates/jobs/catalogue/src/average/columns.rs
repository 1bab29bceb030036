//! What a refinement knows of each particle, in columns of its set.

use thon_likelihood::Posterior;
use thon_model::{CarriedColumn, ParticleSet};

/// Puts a column, replacing one of the same label.
fn put(set: &mut ParticleSet, label: &str, values: Vec<String>) {
    set.carried.columns.retain(|column| column.label != label);
    set.carried.columns.push(CarriedColumn {
        label: label.into(),
        values,
    });
}

/// Uncertainties (root of the sum of variances over three axes), evidence and number of modes of the best pose.
pub(super) fn put_posteriors(set: &mut ParticleSet, posteriors: &[Posterior], voxel_size: f64) {
    let deviation = |posterior: &Posterior, first: usize| {
        let covariance = &posterior.best().covariance;
        (first..first + 3)
            .map(|i| covariance[i][i].max(0.0))
            .sum::<f64>()
            .sqrt()
    };
    let column = |of: &dyn Fn(&Posterior) -> String| posteriors.iter().map(of).collect::<Vec<_>>();
    let angle = |p: &Posterior| format!("{:.4}", deviation(p, 0).to_degrees());
    put(set, "thonAngleUncertainty", column(&angle));
    let shift = |p: &Posterior| format!("{:.4}", deviation(p, 3) * voxel_size);
    put(set, "thonShiftUncertaintyAngst", column(&shift));
    let likelihood = |p: &Posterior| format!("{:.3}", p.best().log_posterior);
    put(set, "rlnLogLikeliContribution", column(&likelihood));
    let share = |p: &Posterior| format!("{:.6}", p.best().weight);
    put(set, "rlnMaxValueProbDistribution", column(&share));
    let modes = |p: &Posterior| p.modes.len().to_string();
    put(set, "rlnNrOfSignificantSamples", column(&modes));
}
