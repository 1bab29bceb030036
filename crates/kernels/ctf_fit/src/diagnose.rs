//! What is wrong with a series, by name, from its estimate: nothing fails silently.

use crate::TileSpectra;
use crate::series::{SeriesFit, SeriesView};
use thon_prepare::fixed_pattern;

/// Log-likelihood a gradient of another size or direction must gain to be reported.
const GRADIENT_GAIN: f64 = 15.0;
/// Log-likelihood a view's own gradient must gain over the expected one.
const VIEW_GAIN: f64 = 10.0;
/// Angle between slopes that is reported, radians.
const VIEW_ANGLE: f64 = 0.35;
/// Share of what single views gain by their own gradients that a common one must gain to explain them.
const EXPLAINED: f64 = 0.5;
/// Power of a tile over the median tile's below which it is dark, and the share of such tiles that is reported.
const DARK: f32 = 0.4;
const SHADED: f64 = 0.04;
/// Share of gold that is reported.
const MUCH_GOLD: f64 = 0.2;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A view without contrast.
    Blank,
    /// A view whose tiles are mostly covered by gold.
    Gold,
    /// A view part of which is dark: a grid bar, ice or an aperture stands before it.
    Blocked,
    /// A view without Thon rings beyond chance.
    NoRings,
    /// A view whose defocus is far from what the others say.
    OffCourse,
    /// A view whose gradient contradicts its tilt angle.
    WrongTilt,
    /// A series of which most views show no rings.
    RingsDoNotFit,
    /// A series whose defocus lies at the end of the range that was searched.
    EndOfRange,
    /// A series whose gradient is of another size: pixel size or tilt angles are wrong.
    WrongScale,
    /// A series whose gradient has another direction: tilt axis wrong, or images mirrored.
    WrongAxis,
    /// A series many of whose views contradict their tilt angles: they are in another order.
    WrongOrder,
    /// A series whose images share a pattern of single pixels: the gain reference is wrong.
    FixedPattern,
    /// A series whose hand cannot be told.
    UncertainHand,
    /// A series whose gradient contradicts the hand that was given.
    ContraryHand,
}

/// A fault, where it is, and a sentence about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnosis {
    /// What was found.
    pub fault: Fault,
    /// Index of the view; `None` for the whole series.
    pub view: Option<usize>,
    /// What was expected and found, and what to look at.
    pub text: String,
}

/// Faults of a series and its views. `range` is the range of defocus that was searched, Å.
pub fn diagnose(views: &[SeriesView], fit: &SeriesFit, range: [f64; 2]) -> Vec<Diagnosis> {
    let mut found: Vec<Diagnosis> = of_series(views, fit, range)
        .into_iter()
        .map(|(fault, text)| Diagnosis {
            fault,
            view: None,
            text,
        })
        .collect();
    for (index, view) in views.iter().enumerate() {
        let faults = of_view(view, fit, index).into_iter();
        found.extend(faults.map(|(fault, text)| Diagnosis {
            fault,
            view: Some(index),
            text,
        }));
    }
    found
}

fn of_view(view: &SeriesView, fit: &SeriesFit, index: usize) -> Vec<(Fault, String)> {
    let mut found = Vec::new();
    if view.spectra.blank {
        return vec![(Fault::Blank, "the image has no contrast".to_owned())];
    }
    if view.spectra.covered > MUCH_GOLD {
        let share = 100.0 * view.spectra.covered;
        found.push((
            Fault::Gold,
            format!("opaque objects cover {share:.0} % of the image"),
        ));
    }
    let shaded = shaded(&view.spectra);
    if shaded > SHADED {
        let text = format!(
            "{:.0} % of the image are dark: something blocks the beam there",
            100.0 * shaded
        );
        found.push((Fault::Blocked, text));
    }
    let Some(result) = &fit.views[index] else {
        found.push((
            Fault::NoRings,
            "no tile of the image can be used".to_owned(),
        ));
        return found;
    };
    if !result.quality.has_rings() {
        let text = format!(
            "no Thon rings beyond chance (log-likelihood {:.1}); its defocus is that of its neighbours",
            result.quality.log_likelihood
        );
        found.push((Fault::NoRings, text));
        return found;
    }
    let [expected, deviation] = result.expected;
    let off = (result.defocus_alone - expected).abs();
    if deviation.is_finite() && off > 4.0 * deviation.hypot(result.defocus_deviation) {
        let text = format!(
            "defocus {:.0} Å, the other views lead one to expect {expected:.0} ± {deviation:.0} Å",
            result.defocus_alone
        );
        found.push((Fault::OffCourse, text));
    }
    if let Some([gain, angle]) = fit.gradient.per_view.get(index)
        && *gain > VIEW_GAIN
        && *angle > VIEW_ANGLE
    {
        let text = format!(
            "the gradient of defocus is {:.0}° off that of its tilt angle (log-likelihood {gain:.0})",
            angle.to_degrees()
        );
        found.push((Fault::WrongTilt, text));
    }
    found
}

/// Share of an image whose tiles have less than [`DARK`] of the power of its middle tile.
fn shaded(spectra: &TileSpectra) -> f64 {
    let size = spectra.power.len() / spectra.len().max(1);
    if size == 0 || spectra.len() < 4 {
        return 0.0;
    }
    let levels: Vec<f32> = spectra
        .power
        .chunks_exact(size)
        .map(|tile| tile.iter().sum::<f32>())
        .collect();
    let middle = thon_signal::statistics::median(&levels).unwrap_or(0.0);
    let dark = levels
        .iter()
        .filter(|level| **level < DARK * middle)
        .count();
    dark as f64 / levels.len() as f64
}

fn of_series(views: &[SeriesView], fit: &SeriesFit, range: [f64; 2]) -> Vec<(Fault, String)> {
    let mut found = Vec::new();
    let grains = views.iter().map(|view| &view.spectra.grain[..]);
    if let Some(share) = fixed_pattern(grains) {
        let text = format!(
            "{:.0} % of the noise of single pixels is the same in all images: the gain reference is missing, or was applied turned or flipped",
            100.0 * share
        );
        found.push((Fault::FixedPattern, text));
    }
    let used: Vec<_> = fit.views.iter().flatten().collect();
    let with = used.iter().filter(|v| v.quality.has_rings()).count();
    if 2 * with < views.len() {
        let text = format!(
            "Thon rings are seen in {with} of {} views only: is the pixel size, the voltage or the range of defocus wrong, or were the images filtered?",
            views.len()
        );
        found.push((Fault::RingsDoNotFit, text));
        return found;
    }
    let margin = 0.02 * (range[1] - range[0]);
    let at_end = used
        .iter()
        .filter(|v| v.defocus < range[0] + margin || v.defocus > range[1] - margin)
        .count();
    if 2 * at_end > used.len() {
        let text = format!(
            "defocus lies at the end of the range searched, {:.0} to {:.0} Å: widen it",
            range[0], range[1]
        );
        found.push((Fault::EndOfRange, text));
    }
    found.extend(of_gradient(fit));
    found.extend(of_hand(fit));
    found
}

fn of_gradient(fit: &SeriesFit) -> Vec<(Fault, String)> {
    let mut found = Vec::new();
    let test = &fit.gradient;
    let gains: Vec<f64> = test
        .per_view
        .iter()
        .filter(|[gain, angle]| *gain > 0.5 * VIEW_GAIN && *angle > VIEW_ANGLE)
        .map(|[gain, _]| *gain)
        .collect();
    let contrary = gains.len();
    let absent = test.gain > GRADIENT_GAIN && test.scale < 0.5;
    // Another axis or size explains what views say against theirs; another order leaves it unexplained.
    let unexplained = test.gain < EXPLAINED * gains.iter().sum::<f64>();
    if absent || (unexplained && contrary >= 3 && 5 * contrary > test.per_view.len()) {
        let text = format!(
            "the gradient of {contrary} of {} views contradicts their tilt angles, the whole is {:.2} times the expected one: are the angles in the order of the images?",
            test.per_view.len(),
            test.scale
        );
        found.push((Fault::WrongOrder, text));
        return found;
    }
    if test.gain > GRADIENT_GAIN && (test.scale.ln().abs() > 0.08) {
        let text = format!(
            "the gradient of defocus is {:.2} times what pixel size and tilt angles say (log-likelihood {:.0}): the pixel size may be {:.2} times too large",
            test.scale, test.gain, test.scale
        );
        found.push((Fault::WrongScale, text));
    }
    if test.gain > GRADIENT_GAIN && test.turn.abs() > 0.087 {
        let text = format!(
            "the gradient of defocus runs {:+.0}° off the direction that the tilt axis gives (log-likelihood {:.0}): the tilt axis angle is wrong, or the images are mirrored",
            test.turn.to_degrees(),
            test.gain
        );
        found.push((Fault::WrongAxis, text));
    }
    found
}

fn of_hand(fit: &SeriesFit) -> Option<(Fault, String)> {
    let hand = &fit.hand;
    if hand.given && hand.margin < -5.0 {
        let text = format!(
            "the gradient of defocus contradicts the hand that was given (log-likelihood {:.0})",
            hand.margin
        );
        return Some((Fault::ContraryHand, text));
    }
    if !hand.given && !hand.is_certain() {
        let text = format!(
            "the hand of the defocus gradient cannot be told (margin {:.1}, p = {:.2}): too few tilted views show rings",
            hand.margin, hand.p_value
        );
        return Some((Fault::UncertainHand, text));
    }
    None
}
