//! What the sums are divided by: the power of the signal by shell, from half sets or from a previous map.
//!
//! RELION writes W' = W + 1/(8·T·τ²) with powers per real component and W in units of half the noise power: with powers of
//! whole components, as here, the factors of two cancel and the formula is the same. T multiplies τ² once, in the
//! functions below; [`Regulariser::tau2`] takes the product. (RELION's gold-standard branch multiplies twice, which its
//! T = 1 there does not show.)

/// Correlations are held within these, so that no shell is trusted or doubted altogether.
const FSC_RANGE: [f64; 2] = [0.001, 0.999];

/// How a map is made of the sums. Wherever the weight is less than `weight_floor` of its shell's mean, this takes its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Regulariser {
    /// T·τ² of each shell: power E|V|² of the signal in the unnormalised transform of the map, times T. Shells without power
    /// (0, or beyond the list) are 0 in the map. None: the weights alone divide.
    pub tau2: Option<Vec<f64>>,
    /// First shell that τ² applies to; below, the weights alone divide. RELION: 5.
    pub first_shell: usize,
    /// Least weight, as a fraction of the mean of its shell; positive.
    pub weight_floor: f64,
}

impl Regulariser {
    /// No prior: division by the weights, at least a thousandth of their shell's mean.
    pub fn none() -> Self {
        Self {
            tau2: None,
            first_shell: 0,
            weight_floor: 1e-3,
        }
    }

    /// The prior of a smooth map, T·τ² by shell, from shell 5 on.
    pub fn tau2(tau2: Vec<f64>) -> Self {
        Self {
            tau2: Some(tau2),
            first_shell: 5,
            weight_floor: 1e-3,
        }
    }
}

/// T·τ² by shell from the correlation of half sets: T · FSC/(1 − FSC) · σ², where σ² = 1/`shell_weights` is the power of
/// the noise in the map of the sums that are to be solved ([`crate::ExpectedSums::shell_weights`]). FSC is held within
/// 0.001 to 0.999; shells without weight have no power. For the map of both half sets the correlation is first turned into
/// √(2·FSC/(1 + FSC)) (`thon_signal::shells::joined_fsc`), and the weights are those of the sum of both.
///
/// Lists of different lengths end with the shorter.
pub fn gold_standard_tau2(fsc: &[f64], shell_weights: &[f64], t: f64) -> Vec<f64> {
    let [low, high] = FSC_RANGE;
    let shells = fsc.iter().zip(shell_weights);
    shells
        .map(|(fsc, weight)| {
            // `max` first: a correlation that is not a number is low.
            let fsc = fsc.max(low).min(high);
            if *weight > 0.0 {
                t * fsc / (1.0 - fsc) / weight
            } else {
                0.0
            }
        })
        .collect()
}

/// T·τ² by shell from the power E|V|² of the previous map of a class (`thon_signal::shells::shell_power` of its
/// unnormalised transform, mean).
pub fn class_tau2(previous_power: &[f64], t: f64) -> Vec<f64> {
    previous_power.iter().map(|power| t * power).collect()
}

/// Information of the data over that of the prior, by shell; where it falls below 1 the prior dominates (RELION's resolution
/// of a class).
pub fn data_over_prior(shell_weights: &[f64], tau2: &[f64]) -> Vec<f64> {
    let shells = shell_weights.iter().zip(tau2);
    shells.map(|(weight, tau2)| weight * tau2).collect()
}
