//! Choices of post-processing, with RELION's defaults.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_signal::shells::{Counting, GuinierCurve, LineFit, MaskCorrection, RandomPhases};
use thon_units::{Angstrom, SquareAngstrom};

use super::PostProcessError;

/// Choices of [`super::post_process`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PostProcessOptions {
    /// How to sharpen.
    pub b_factor: BFactorChoice,
    /// Weight the Fourier shells by what the FSC says of them.
    pub fsc_weighting: bool,
    /// Low-pass the map here instead of at its resolution.
    pub low_pass: Option<Angstrom>,
    /// FSC that defines the resolution.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-level" = "expert"))]
    pub threshold: f64,
    /// Randomise phases beyond the shell where the unmasked FSC falls below this.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-level" = "expert"))]
    pub randomise_below: f64,
    /// Where random phases come from: `relion` with seed 0 gives the very curve of `relion_postprocess`, `own` does not depend
    /// on the number of coefficients drawn before.
    #[schemars(extend("x-level" = "expert"))]
    pub phases: RandomPhases,
    /// Randomisations whose curves are averaged: more make a correction that depends less on the seed. RELION takes one.
    #[schemars(range(min = 1, max = 100), extend("x-level" = "expert"))]
    pub randomisations: usize,
    /// How Fourier coefficients are counted: `stored` gives RELION's curves.
    #[schemars(extend("x-level" = "expert"))]
    pub counting: Counting,
    /// Seed of the random phases; 0 is RELION's own default.
    #[schemars(extend("x-level" = "expert"))]
    pub seed: u64,
}

impl PostProcessOptions {
    /// How the FSC inside the mask is corrected.
    pub(super) fn mask_correction(&self) -> MaskCorrection {
        MaskCorrection {
            randomise_below: self.randomise_below,
            randomisations: self.randomisations,
            counting: self.counting,
            phases: self.phases,
            seed: self.seed,
        }
    }
}

impl Default for PostProcessOptions {
    fn default() -> Self {
        Self {
            b_factor: BFactorChoice::default(),
            fsc_weighting: true,
            low_pass: None,
            threshold: 0.143,
            randomise_below: 0.8,
            phases: RandomPhases::Relion,
            randomisations: 1,
            counting: Counting::Stored,
            seed: 0,
        }
    }
}

/// How to sharpen: a given B factor, or one fitted to the Guinier plot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BFactorChoice {
    /// Apply this B factor; negative sharpens. Empty: fit it, or use none beyond the reach of a fit.
    pub given: Option<SquareAngstrom>,
    /// Fit the B factor to the Guinier plot when none is given.
    pub fitted: bool,
    /// Lowest resolution of the fit; maps that end before it keep B = 0.
    pub fit_from: Angstrom,
    /// Highest resolution of the fit; as far as the FSC is positive when empty, as RELION has it.
    pub fit_to: Option<Angstrom>,
}

impl Default for BFactorChoice {
    fn default() -> Self {
        Self {
            given: None,
            fitted: true,
            fit_from: Angstrom(10.0),
            fit_to: None,
        }
    }
}

/// Fewest shells for a straight line worth its name.
const FEWEST_SHELLS: usize = 3;

impl BFactorChoice {
    /// The B factor, and the fitted line if one was fitted.
    ///
    /// A map whose resolution is worse than `fit_from` is left unsharpened: the Guinier law does not
    /// hold there.
    pub(super) fn choose(
        &self,
        weighted: &GuinierCurve,
        resolution: f64,
    ) -> Result<(SquareAngstrom, Option<LineFit>), PostProcessError> {
        if let Some(given) = self.given {
            return Ok((given, None));
        }
        if !self.fitted || resolution >= self.fit_from.0 {
            return Ok((SquareAngstrom(0.0), None));
        }
        let low = self.fit_from.0;
        // Shells without amplitude, where the FSC has ended, do not enter the fit.
        let high = self.fit_to.map_or(f64::MIN_POSITIVE.sqrt(), |d| d.0);
        let range = low.powi(-2)..=high.powi(-2);
        let points = weighted
            .frequency_squared
            .iter()
            .zip(&weighted.log_amplitude);
        let shells = points.filter(|(k2, y)| range.contains(k2) && **y > f64::MIN);
        let enough = shells.count() >= FEWEST_SHELLS;
        let fit = weighted.fit(low, high).filter(|_| enough);
        let fit = fit.ok_or(PostProcessError::NoGuinierRange {
            low,
            high: self.fit_to.map_or(resolution, |d| d.0),
        })?;
        Ok((SquareAngstrom(4.0 * fit.slope), Some(fit)))
    }
}
