//! Loss of high-resolution signal with exposure.
//!
//! Grant & Grigorieff 2015 (eLife 4:e06980): after N e⁻/Å² the amplitude at k is exp(−N/2Nₑ) of what it was, with the
//! critical exposure Nₑ(k) = 0.24499 k^−1.6649 + 2.8141 e⁻/Å² at 300 kV (k in cycles/Å; rotavirus VP6). Below 300 kV Nₑ shrinks (0.8 at 200 kV, 0.532 at 100 kV; linear in between, constant outside).
//! RELION's alternative is a B factor that grows with exposure, exp(−b N k²/4). Neither depends on thickness.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_units::{Dose, Kilovolt, SpatialFrequency, SquareAngstrom};

/// How the amplitude of the signal falls with exposure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExposureModel {
    /// No loss.
    None,
    /// Critical exposures of Grant & Grigorieff (2015).
    #[default]
    GrantGrigorieff,
    /// A B factor (Å²) per e⁻/Å² of exposure; RELION's subtomogram protocol uses 4.
    BFactorPerDose(SquareAngstrom),
}

impl ExposureModel {
    /// Amplitude left at `k` after `dose`, in [0, 1].
    ///
    /// ```
    /// use thon_ctf::ExposureModel;
    /// use thon_units::{Dose, Kilovolt, SpatialFrequency, SquareAngstrom};
    /// // At 4 Å and 300 kV the critical exposure is 5.277 e⁻/Å²; 60 e⁻/Å² leave exp(−60 / 10.554) = 0.00340.
    /// let left = ExposureModel::GrantGrigorieff.weight(SpatialFrequency(0.25), Dose(60.0), Kilovolt(300.0));
    /// assert!((left - 0.00340).abs() < 1e-5);
    /// let left = ExposureModel::BFactorPerDose(SquareAngstrom(4.0)).weight(SpatialFrequency(0.1), Dose(60.0), Kilovolt(300.0));
    /// assert!((left - (-0.6f64).exp()).abs() < 1e-12);
    /// ```
    pub fn weight(self, k: SpatialFrequency, dose: Dose, voltage: Kilovolt) -> f64 {
        (-self.rate(k, voltage) * dose.0).exp()
    }

    /// Amplitude of the signal in an image that was exposed with `during` after the specimen had received `before`:
    /// the mean of [`Self::weight`] over the exposure, (w(before) − w(before + during)) / (rate · during).
    pub fn attenuation(
        self,
        k: SpatialFrequency,
        before: Dose,
        during: Dose,
        voltage: Kilovolt,
    ) -> f64 {
        let fall = self.rate(k, voltage) * during.0;
        let mean = if fall.abs() < 1e-9 {
            1.0
        } else {
            -(-fall).exp_m1() / fall
        };
        self.weight(k, before, voltage) * mean
    }

    /// −d ln(amplitude) / d dose at `k`, in Å²/e⁻.
    pub fn rate(self, k: SpatialFrequency, voltage: Kilovolt) -> f64 {
        match self {
            Self::None => 0.0,
            Self::GrantGrigorieff => 0.5 / critical_exposure(k, voltage).0,
            Self::BFactorPerDose(b) => 0.25 * b.0 * k.0 * k.0,
        }
    }
}

/// The critical exposure Nₑ at spatial frequency `k`; infinite at k = 0.
pub fn critical_exposure(k: SpatialFrequency, voltage: Kilovolt) -> Dose {
    Dose((0.24499 * k.0.abs().powf(-1.6649) + 2.8141) * voltage_factor(voltage))
}

/// Amplitude left at `k` after `dose` by Grant & Grigorieff, exp(−N / 2Nₑ).
pub fn exposure_weight(k: SpatialFrequency, dose: Dose, voltage: Kilovolt) -> f64 {
    ExposureModel::GrantGrigorieff.weight(k, dose, voltage)
}

/// Critical exposure relative to 300 kV.
fn voltage_factor(voltage: Kilovolt) -> f64 {
    let kilovolt = voltage.0.clamp(100.0, 300.0);
    if kilovolt >= 200.0 {
        0.8 + 0.2 * (kilovolt - 200.0) / 100.0
    } else {
        0.532 + (0.8 - 0.532) * (kilovolt - 100.0) / 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOLTAGE: Kilovolt = Kilovolt(300.0);

    #[test]
    fn critical_exposures_are_the_published_ones() {
        // 0.24499 · 10^1.6649 + 2.8141 at 10 Å.
        let at_10 = critical_exposure(SpatialFrequency(0.1), VOLTAGE).0;
        assert!((at_10 - 14.140).abs() < 0.01, "{at_10}");
        let ratio = |kv| critical_exposure(SpatialFrequency(0.1), Kilovolt(kv)).0 / at_10;
        assert!((ratio(200.0) - 0.8).abs() < 1e-12 && (ratio(100.0) - 0.532).abs() < 1e-12);
        assert!((ratio(250.0) - 0.9).abs() < 1e-12 && ratio(400.0) == 1.0);
    }

    #[test]
    fn nothing_is_lost_at_zero_frequency_or_zero_dose() {
        for model in [
            ExposureModel::None,
            ExposureModel::GrantGrigorieff,
            ExposureModel::BFactorPerDose(SquareAngstrom(4.0)),
        ] {
            assert_eq!(
                model.weight(SpatialFrequency(0.0), Dose(100.0), VOLTAGE),
                1.0
            );
            assert_eq!(model.weight(SpatialFrequency(0.2), Dose(0.0), VOLTAGE), 1.0);
            let none = model.attenuation(SpatialFrequency(0.2), Dose(0.0), Dose(0.0), VOLTAGE);
            assert_eq!(none, 1.0);
        }
    }

    #[test]
    fn attenuation_is_the_mean_over_the_exposure() {
        let (k, before, during) = (SpatialFrequency(0.15), 12.0, 5.0);
        let steps = 2000;
        let sum: f64 = (0..steps)
            .map(|i| before + during * (f64::from(i) + 0.5) / f64::from(steps))
            .map(|dose| exposure_weight(k, Dose(dose), VOLTAGE))
            .sum();
        let exact =
            ExposureModel::GrantGrigorieff.attenuation(k, Dose(before), Dose(during), VOLTAGE);
        assert!((sum / f64::from(steps) - exact).abs() < 1e-7);
    }

    #[test]
    fn a_model_is_one_word_in_parameters() {
        let word = serde_json::to_string(&ExposureModel::GrantGrigorieff);
        assert_eq!(word.unwrap(), "\"grant-grigorieff\"");
        let table = serde_json::to_string(&ExposureModel::BFactorPerDose(SquareAngstrom(4.0)));
        assert_eq!(table.unwrap(), "{\"b-factor-per-dose\":4.0}");
    }
}
