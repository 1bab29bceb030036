//! The contrast transfer of the views of a series, for kernels that correct it; what is missing for that.

use thon_contract::Finding;
use thon_model::{TiltSeries, Treatment};
use thon_reconstruct::{Contrast, CtfCorrection};
use thon_units::Angstrom;

/// What keeps the contrast transfer of a series from being corrected.
pub(crate) fn transfer_findings(
    series: &TiltSeries,
    correction: CtfCorrection,
    step: Option<Angstrom>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let used = series.used().count();
    let without = series
        .used()
        .filter(|&index| series.images[index].ctf.is_none())
        .count();
    if without > 0 {
        let message = format!("{without} of {used} used tilt images have no defocus");
        findings.push(
            Finding::error(&series.name, message)
                .with_hint("estimate the contrast transfer first, or adopt an estimate"),
        );
    }
    if series.defocus_hand.is_none() {
        findings.push(
            Finding::error(
                &series.name,
                "the sign of the defocus gradient is not known; guessed wrong, it doubles the error",
            )
            .with_hint("estimate the contrast transfer with the hand, or adopt it"),
        );
    }
    let corrected = series
        .used()
        .filter(|&index| series.images[index].is_treated(Treatment::CtfCorrected))
        .count();
    if corrected > 0 {
        let message =
            format!("contrast transfer was corrected in {corrected} of its images already");
        findings.push(
            Finding::error(&series.name, message)
                .with_hint("take the series as it was before that step"),
        );
    }
    if let CtfCorrection::Wiener { snr } = correction
        && !(snr.is_finite() && snr > 0.0)
    {
        let message = format!("expected a positive ratio, found {snr}");
        findings.push(Finding::error("correction.snr", message));
    }
    if let Some(step) = step
        && !(step.0.is_finite() && step.0 >= 1.0)
    {
        let message = format!("expected at least 1 Å, found {step}");
        findings.push(Finding::error("step", message));
    }
    findings
}

/// The transfer of the used views, in their order; absent when one is unknown or the hand is.
pub(crate) fn contrast(
    series: &TiltSeries,
    correction: CtfCorrection,
    step: Option<Angstrom>,
) -> Option<Contrast> {
    Some(Contrast {
        optics: series.optics,
        ctfs: series
            .used()
            .map(|index| series.images[index].ctf)
            .collect::<Option<_>>()?,
        hand: series.defocus_hand.as_ref()?.sign,
        correction,
        step,
    })
}
