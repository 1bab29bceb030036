//! The order of exposure against what else tells it: time stamps, the scheme of tilts, and the intensities.

use thon_units::{Dose, Radians};

use crate::regression::{median_and_deviation, robust_line};

/// What is known of one view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimedView {
    /// Stage tilt.
    pub tilt_angle: Radians,
    /// Exposure of the specimen before the view.
    pub dose_before: Dose,
    /// Exposure of the view itself.
    pub exposure: Option<Dose>,
    /// Rank in time, from 0.
    pub rank: Option<usize>,
    /// Time stamp, seconds from any origin.
    pub time: Option<f64>,
    /// Mean intensity of the image, in any unit; not positive where unknown.
    pub intensity: f64,
}

/// How the tilts follow each other in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// From one end to the other.
    Unidirectional,
    /// From the middle to one end, then from the middle to the other.
    Bidirectional,
    /// To and fro around the middle, one or several views on each side.
    DoseSymmetric,
    /// None of these.
    Irregular,
}

/// A contradiction.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OrderFault {
    /// Exposure does not rise with the rank.
    #[error(
        "views {first} and {second} (counted from 1): the later one by rank has the smaller exposure before it; hint: exposures were assigned in the order of the file instead of that of time"
    )]
    RankAgainstDose {
        /// View that is earlier by its rank.
        first: usize,
        /// View that is later by its rank.
        second: usize,
    },
    /// Exposure does not rise with time.
    #[error(
        "views {first} and {second} (counted from 1): the later one by its time stamp has the smaller exposure before it; hint: take the order from the time stamps"
    )]
    TimeAgainstDose {
        /// View that is earlier by its time stamp.
        first: usize,
        /// View that is later by its time stamp.
        second: usize,
    },
    /// Several views with the same exposure before them.
    #[error(
        "views {first} and {second} (counted from 1) have the same exposure before them; hint: state the exposure of a view, so that it adds up"
    )]
    SameDose {
        /// One view.
        first: usize,
        /// The other.
        second: usize,
    },
    /// The exposure of a view is not what the next one has more before it.
    #[error(
        "view {view} (counted from 1) was exposed with {exposure:.2} e⁻/Å², but the next one in time has {step:.2} more before it"
    )]
    DoseGap {
        /// The view.
        view: usize,
        /// Its own exposure.
        exposure: f64,
        /// What the next view has more before it.
        step: f64,
    },
    /// The tilts, in the order of exposure, follow no scheme.
    #[error(
        "the tilts in the order of exposure follow no scheme: {turns} changes of direction among {views} views, not by one rule; hint: was the order of the file taken for that of time?"
    )]
    NoScheme {
        /// Changes of direction.
        turns: usize,
        /// Number of views.
        views: usize,
    },
    /// Intensities do not fall with 1/cos of the tilt.
    #[error(
        "intensities do not fall towards high tilts (they vary {spread:.0} % around the best exponential in 1/cos of the tilt, {expected:.0} % of it explained); hint: the tilt angles belong to other images, or the list is in another order"
    )]
    IntensityAgainstTilt {
        /// Deviation around the trend, per cent.
        spread: f64,
        /// Part of the variance that the trend explains, per cent.
        expected: f64,
    },
}

impl OrderFault {
    /// The same with the views' own numbers in place of their positions in the list (counted from 1).
    ///
    /// # Panics
    /// When a position lies beyond `numbers`.
    #[must_use]
    pub fn with_numbers(mut self, numbers: &[usize]) -> Self {
        match &mut self {
            Self::RankAgainstDose { first, second }
            | Self::TimeAgainstDose { first, second }
            | Self::SameDose { first, second } => {
                *first = numbers[*first - 1];
                *second = numbers[*second - 1];
            }
            Self::DoseGap { view, .. } => *view = numbers[*view - 1],
            Self::NoScheme { .. } | Self::IntensityAgainstTilt { .. } => {}
        }
        self
    }
}

/// Everything that contradicts the order of exposure, in the order of the checks; empty when nothing does.
///
/// Views are those in use, in any order. Indices in faults count from 1 in this list.
pub fn check_order(views: &[TimedView]) -> Vec<OrderFault> {
    let mut faults = Vec::new();
    let by_dose = by(views, |view| Some(view.dose_before.0));
    let ranks = by(views, |view| view.rank.map(|rank| rank as f64));
    if let Some((first, second)) = falling(views, &ranks) {
        faults.push(OrderFault::RankAgainstDose { first, second });
    }
    let times = by(views, |view| view.time);
    if let Some((first, second)) = falling(views, &times) {
        faults.push(OrderFault::TimeAgainstDose { first, second });
    }
    faults.extend(dose_steps(views, &by_dose));
    if views.len() > 4 && distinct(views, &by_dose) {
        let angles: Vec<f64> = by_dose.iter().map(|&i| views[i].tilt_angle.0).collect();
        if recognise_scheme(&angles) == Scheme::Irregular {
            faults.push(OrderFault::NoScheme {
                turns: turns(&angles),
                views: views.len(),
            });
        }
    }
    faults.extend(intensity_fault(views));
    faults
}

/// Indices of the views that have a key, ascending by it.
fn by(views: &[TimedView], key: impl Fn(&TimedView) -> Option<f64>) -> Vec<usize> {
    let mut keyed: Vec<(f64, usize)> = views
        .iter()
        .enumerate()
        .filter_map(|(index, view)| Some((key(view)?, index)))
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    keyed.into_iter().map(|(_, index)| index).collect()
}

/// The first neighbours in `order` whose exposures fall, counted from 1.
fn falling(views: &[TimedView], order: &[usize]) -> Option<(usize, usize)> {
    order
        .windows(2)
        .find(|pair| views[pair[1]].dose_before.0 < views[pair[0]].dose_before.0 - 1e-6)
        .map(|pair| (pair[0] + 1, pair[1] + 1))
}

fn distinct(views: &[TimedView], by_dose: &[usize]) -> bool {
    by_dose
        .windows(2)
        .all(|pair| views[pair[1]].dose_before.0 - views[pair[0]].dose_before.0 > 1e-6)
}

/// Equal exposures, and steps that are not the exposure of the view: the first of each kind.
fn dose_steps(views: &[TimedView], by_dose: &[usize]) -> Vec<OrderFault> {
    let (mut same, mut gap) = (None, None);
    for pair in by_dose.windows(2) {
        let step = views[pair[1]].dose_before.0 - views[pair[0]].dose_before.0;
        if step.abs() < 1e-6 && same.is_none() {
            same = Some(OrderFault::SameDose {
                first: pair[0] + 1,
                second: pair[1] + 1,
            });
        } else if let Some(exposure) = views[pair[0]].exposure
            && gap.is_none()
            && step < 0.8 * exposure.0
        {
            // Larger steps are views that were excluded or lost; smaller ones cannot be.
            gap = Some(OrderFault::DoseGap {
                view: pair[0] + 1,
                exposure: exposure.0,
                step,
            });
        }
    }
    same.into_iter().chain(gap).collect()
}

fn turns(angles: &[f64]) -> usize {
    angles
        .windows(3)
        .filter(|w| (w[1] - w[0]) * (w[2] - w[1]) < 0.0)
        .count()
}

/// The scheme by which tilts (rad) follow each other in time. Lost views do not matter.
pub fn recognise_scheme(angles: &[f64]) -> Scheme {
    const SLACK: f64 = 0.003;
    let Some(&start) = angles.first() else {
        return Scheme::Irregular;
    };
    let rising = |values: &[f64]| values.windows(2).all(|w| w[1] >= w[0] - SLACK);
    let falling = |values: &[f64]| values.windows(2).all(|w| w[1] <= w[0] + SLACK);
    if rising(angles) || falling(angles) {
        return Scheme::Unidirectional;
    }
    let side = |upper: bool| -> Vec<f64> {
        angles
            .iter()
            .copied()
            .filter(|&angle| (angle >= start - SLACK) == upper)
            .collect()
    };
    let (above, below) = (side(true), side(false));
    if rising(&above) && falling(&below) {
        let changes = angles
            .windows(2)
            .filter(|w| (w[0] >= start - SLACK) != (w[1] >= start - SLACK))
            .count();
        return if changes <= 1 {
            Scheme::Bidirectional
        } else {
            Scheme::DoseSymmetric
        };
    }
    // From the middle to one end, then from the other end back to the middle.
    let turn = angles
        .windows(2)
        .map(|w| (w[1] - w[0]).abs())
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(0, |(index, _)| index + 1);
    let (first, second) = angles.split_at(turn);
    let monotone = |values: &[f64]| rising(values) || falling(values);
    if monotone(first) && monotone(second) {
        return Scheme::Bidirectional;
    }
    Scheme::Irregular
}

/// Do intensities follow exp(−t/cos θ)? Asked only where the tilts would make them fall by a tenth.
fn intensity_fault(views: &[TimedView]) -> Option<OrderFault> {
    let points: Vec<(f64, f64)> = views
        .iter()
        .filter(|view| view.intensity > 0.0)
        .map(|view| {
            (
                1.0 / view.tilt_angle.0.cos().abs().max(0.1),
                view.intensity.ln(),
            )
        })
        .collect();
    let range = points.iter().fold([f64::INFINITY, 0.0], |[low, high], p| {
        [p.0.min(low), p.0.max(high)]
    });
    if points.len() < 9 || range[1] - range[0] < 0.3 {
        return None;
    }
    let (intercept, slope) = robust_line(&points)?;
    let values: Vec<f64> = points.iter().map(|p| p.1).collect();
    let residuals: Vec<f64> = points
        .iter()
        .map(|p| p.1 - intercept - slope * p.0)
        .collect();
    let (_, all) = median_and_deviation(&values)?;
    let (_, left) = median_and_deviation(&residuals)?;
    // Images on a common scale of their own say nothing.
    if all < 0.03 {
        return None;
    }
    let explained = 1.0 - (left / all).powi(2);
    (slope > -0.02 || explained < 0.3).then_some(OrderFault::IntensityAgainstTilt {
        spread: 100.0 * left,
        expected: 100.0 * explained.max(0.0),
    })
}
