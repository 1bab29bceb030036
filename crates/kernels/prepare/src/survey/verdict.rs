//! From what the views left behind to a verdict on each.

use thon_compute::parallel::map_indices;
use thon_units::Radians;

use super::neighbours::{Displacement, RELIABLE, displacement, likeness};
use super::{Glance, SurveyOptions};
use crate::regression::{median, median_and_deviation, robust_line};

/// Neighbours in tilt, to each side, that a view is compared with.
const REACH: usize = 3;
/// Likeness of the fine detail of two views above which one is a copy: independent noise gives a few hundredths.
const COPY: f64 = 0.95;

/// Why a view cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum ViewFault {
    /// Pixels without a value.
    #[error("{count} pixels are infinite or not a number")]
    NotFinite {
        /// How many.
        count: u64,
    },
    /// No contrast at all.
    #[error("blank: every pixel is the same")]
    Blank,
    /// Much less intensity than the tilt lets expect.
    #[error("dark: {percent:.0} % of the intensity that its tilt lets expect")]
    Dark {
        /// Intensity, per cent of the expected one.
        percent: f64,
    },
    /// A part of the field is dark.
    #[error("blocked: {percent:.0} % of the field is dark")]
    Blocked {
        /// Part of the field, per cent.
        percent: f64,
    },
    /// The same image as another view.
    #[error(
        "a copy of view {of} (counted from 1): the noise is the same (correlation {likeness:.3})"
    )]
    Copy {
        /// The other view.
        of: usize,
        /// Correlation of the fine detail.
        likeness: f64,
    },
    /// Displaced against its neighbours.
    #[error("shifted by {percent:.0} % of the field against its neighbours in tilt")]
    Shifted {
        /// Displacement, per cent of the field.
        percent: f64,
    },
}

/// What was found of one view.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewVerdict {
    /// Mean intensity.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Intensity over the one that its tilt lets expect; 1 where nothing can be expected.
    pub relative_intensity: f64,
    /// Median displacement against its neighbours, part of the field; absent where no neighbour could be compared with.
    pub displacement: Option<f64>,
    /// Why it cannot be used, if it cannot.
    pub fault: Option<ViewFault>,
}

pub(super) fn judge(
    glances: &[Glance],
    options: &SurveyOptions,
    axis: Radians,
) -> Vec<ViewVerdict> {
    let expected = expected_intensity(glances);
    let mut verdicts: Vec<ViewVerdict> = glances
        .iter()
        .zip(&expected)
        .map(|(glance, expected)| ViewVerdict {
            mean: glance.mean,
            deviation: glance.deviation,
            relative_intensity: expected.map_or(1.0, |expected| glance.mean / expected),
            displacement: None,
            fault: own_fault(glance, *expected, options),
        })
        .collect();
    let order = by_tilt(glances);
    let pairs = pairs(glances, &order, &verdicts, axis);
    mark_copies(glances, &pairs, &mut verdicts);
    mark_shifted(&pairs, options, &mut verdicts);
    verdicts
}

/// Intensity that each tilt lets expect, when intensities are counts: positive, from nothing.
fn expected_intensity(glances: &[Glance]) -> Vec<Option<f64>> {
    let usable: Vec<&Glance> = glances
        .iter()
        .filter(|glance| glance.not_finite == 0 && !glance.constant)
        .collect();
    let positive = usable.iter().filter(|glance| glance.mean > 0.0).count();
    // Images around zero, or scaled to one mean, have no intensity to speak of.
    let counted = usable
        .iter()
        .filter(|glance| glance.mean > 0.2 * glance.deviation)
        .count();
    if positive < 3 || 4 * counted < 3 * usable.len() {
        return vec![None; glances.len()];
    }
    let slope_of = |glance: &Glance| 1.0 / glance.tilt_angle.0.cos().abs().max(0.1);
    let points: Vec<(f64, f64)> = usable
        .iter()
        .filter(|glance| glance.mean > 0.0)
        .map(|glance| (slope_of(glance), glance.mean.ln()))
        .collect();
    let mut logs: Vec<f64> = points.iter().map(|p| p.1).collect();
    let level = median(&mut logs).unwrap_or(0.0);
    let line = robust_line(&points).filter(|(_, slope)| *slope <= 0.0);
    let (intercept, slope) = line.unwrap_or((level, 0.0));
    glances
        .iter()
        .map(|glance| Some((intercept + slope * slope_of(glance)).exp()))
        .collect()
}

fn own_fault(glance: &Glance, expected: Option<f64>, options: &SurveyOptions) -> Option<ViewFault> {
    if glance.not_finite > 0 {
        return Some(ViewFault::NotFinite {
            count: glance.not_finite,
        });
    }
    if glance.constant {
        return Some(ViewFault::Blank);
    }
    let expected = expected?;
    let relative = glance.mean / expected;
    if relative < options.dark {
        return Some(ViewFault::Dark {
            percent: 100.0 * relative.max(0.0),
        });
    }
    let dark = glance
        .tiles
        .iter()
        .filter(|mean| **mean < options.dark * expected)
        .count();
    let part = dark as f64 / glance.tiles.len().max(1) as f64;
    (part > options.blocked).then_some(ViewFault::Blocked {
        percent: 100.0 * part,
    })
}

fn by_tilt(glances: &[Glance]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..glances.len()).collect();
    order.sort_by(|&a, &b| {
        let angle = |i: usize| glances[i].tilt_angle.0;
        angle(a).total_cmp(&angle(b)).then(a.cmp(&b))
    });
    order
}

/// Two views that were compared.
struct Pair {
    views: [usize; 2],
    found: Displacement,
}

fn pairs(
    glances: &[Glance],
    order: &[usize],
    verdicts: &[ViewVerdict],
    axis: Radians,
) -> Vec<Pair> {
    let usable: Vec<usize> = order
        .iter()
        .copied()
        .filter(|&view| {
            verdicts[view].fault.is_none()
                || matches!(verdicts[view].fault, Some(ViewFault::Blocked { .. }))
        })
        .collect();
    let together: Vec<[usize; 2]> = (0..usable.len())
        .flat_map(|i| (i + 1..(i + 1 + REACH).min(usable.len())).map(move |j| (i, j)))
        .map(|(i, j)| [usable[i], usable[j]])
        .collect();
    map_indices(together.len(), |index| {
        let views = together[index];
        Pair {
            views,
            found: displacement(&glances[views[0]], &glances[views[1]], axis),
        }
    })
}

/// Of two views with the same noise, the one that fits its neighbours less well is the copy; else the later one.
fn mark_copies(glances: &[Glance], pairs: &[Pair], verdicts: &mut [ViewVerdict]) {
    let heights = |view: usize| {
        let mut found: Vec<f64> = pairs
            .iter()
            .filter(|pair| pair.views.contains(&view) && pair.found.size < 0.05)
            .map(|pair| pair.found.height)
            .collect();
        median(&mut found).unwrap_or(0.0)
    };
    for b in 0..glances.len() {
        for a in 0..b {
            let alike = likeness(&glances[a], &glances[b]);
            if alike < COPY || verdicts[a].fault.is_some() || verdicts[b].fault.is_some() {
                continue;
            }
            let (copy, of) = if heights(a) < 0.98 * heights(b) {
                (a, b)
            } else {
                (b, a)
            };
            verdicts[copy].fault = Some(ViewFault::Copy {
                of: of + 1,
                likeness: alike,
            });
        }
    }
}

/// Takes the worst view away until those left agree with their neighbours.
fn mark_shifted(pairs: &[Pair], options: &SurveyOptions, verdicts: &mut [ViewVerdict]) {
    let heights: Vec<f64> = pairs.iter().map(|pair| pair.found.height).collect();
    // Where nothing correlates, nothing can be said.
    let believed = median_and_deviation(&heights).is_some_and(|(middle, _)| middle > RELIABLE);
    let displaced = |view: usize, verdicts: &[ViewVerdict]| -> Vec<f64> {
        pairs
            .iter()
            .filter(|pair| pair.views.contains(&view) && pair.found.height > RELIABLE)
            .filter(|pair| {
                pair.views
                    .iter()
                    .all(|&v| v == view || verdicts[v].fault.is_none())
            })
            .map(|pair| pair.found.size)
            .collect()
    };
    loop {
        if !believed {
            break;
        }
        let worst = (0..verdicts.len())
            .filter(|&view| verdicts[view].fault.is_none())
            .filter_map(|view| {
                let sizes = displaced(view, verdicts);
                let far = sizes.iter().filter(|size| **size > options.shifted).count();
                let part = far as f64 / sizes.len().max(1) as f64;
                (far >= 2 && part > 0.6).then_some((part, view, sizes))
            })
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        let Some((_, view, mut sizes)) = worst else {
            break;
        };
        let size = median(&mut sizes).unwrap_or(0.0);
        verdicts[view].fault = Some(ViewFault::Shifted {
            percent: 100.0 * size,
        });
    }
    let medians: Vec<Option<f64>> = (0..verdicts.len())
        .map(|view| median(&mut displaced(view, verdicts)))
        .collect();
    for (verdict, displacement) in verdicts.iter_mut().zip(medians) {
        verdict.displacement = displacement;
    }
}
