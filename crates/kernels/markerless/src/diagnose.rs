//! What is wrong with a series or with one of its views, by name.

use thon_geometry::TiltGeometry;

use crate::options::{Alignment, ViewReport};
use crate::order::OrderReport;
use crate::views::AlignView;

const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// A named fault. Views are counted as they were given, from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Diagnosis {
    /// Every pixel is the same.
    Empty {
        /// The view.
        view: usize,
    },
    /// Far darker than its tilt explains: something is in the way of the beam.
    Blocked {
        /// The view.
        view: usize,
        /// Mean over that of the median view.
        intensity: f64,
    },
    /// The same pixels as another view.
    Duplicate {
        /// The view.
        view: usize,
        /// The view it repeats.
        of: usize,
    },
    /// Shows something else than the others: nothing of it can be foretold.
    Unrelated {
        /// The view.
        view: usize,
        /// Correlation with its reprojection.
        score: f64,
    },
    /// Displaced far from its neighbours.
    Displaced {
        /// The view.
        view: usize,
        /// Distance, part of the field.
        part: f64,
    },
    /// Images and tilt angles do not belong to each other.
    WrongOrder {
        /// Part of the views next to their likeliest neighbour.
        in_order: f64,
    },
    /// The axis lies elsewhere than the microscope says.
    WrongAxis {
        /// What was given, degrees.
        given: f64,
        /// What was found, degrees.
        found: f64,
    },
    /// The axis lies where that of mirrored images would.
    Mirrored {
        /// What was given, degrees.
        given: f64,
        /// What was found, degrees.
        found: f64,
    },
    /// The specimen would be thinner or thicker than anything that is looked at: the pixel size may be wrong.
    ImplausibleExtent {
        /// Extent found, Å.
        extent: f64,
    },
    /// The views share a pattern of single pixels: the gain reference is turned, flipped or missing.
    FixedPattern {
        /// Part of the noise that it is.
        share: f64,
    },
    /// The views hardly agree at all.
    WeakSignal {
        /// Mean score.
        score: f64,
    },
}

impl std::fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty { view } => {
                write!(f, "image {} is empty: every pixel is the same", view + 1)
            }
            Self::Blocked { view, intensity } => write!(
                f,
                "image {} is blocked: {:.0} % of the intensity of the others",
                view + 1,
                100.0 * intensity
            ),
            Self::Duplicate { view, of } => {
                write!(f, "image {} is a copy of image {}", view + 1, of + 1)
            }
            Self::Unrelated { view, score } => write!(
                f,
                "image {} shows something else than the others (correlation with its reprojection {score:.2})",
                view + 1
            ),
            Self::Displaced { view, part } => write!(
                f,
                "image {} is displaced by {:.0} % of the field",
                view + 1,
                100.0 * part
            ),
            Self::WrongOrder { in_order } => write!(
                f,
                "the images do not follow the tilt angles: only {:.0} % are most like a neighbour in tilt; the order is wrong",
                100.0 * in_order
            ),
            Self::WrongAxis { given, found } => write!(
                f,
                "the tilt axis is wrong: the series says {given:.1}°, the images say {found:.1}°"
            ),
            Self::Mirrored { given, found } => write!(
                f,
                "the tilt axis found, {found:.1}°, is that of mirrored images: the series says {given:.1}°"
            ),
            Self::ImplausibleExtent { extent } => write!(
                f,
                "the specimen would be {extent:.0} Å thick: is the pixel size right?"
            ),
            Self::FixedPattern { share } => write!(
                f,
                "the images share a pattern of single pixels, {:.0} % of their noise: the gain reference is turned, flipped or missing",
                100.0 * share
            ),
            Self::WeakSignal { score } => write!(
                f,
                "the images hardly agree (mean correlation with reprojections {score:.2}); the alignment cannot be trusted"
            ),
        }
    }
}

/// A pattern that stays at its pixels in all views, which a wrong gain reference leaves.
pub fn fixed_pattern(views: &[AlignView]) -> Option<Diagnosis> {
    let grains = views.iter().map(|view| &view.grain[..]);
    thon_prepare::fixed_pattern(grains).map(|share| Diagnosis::FixedPattern { share })
}

/// Views that must not be aligned: empty, blocked, repeated. Angles of `geometries` only explain intensity.
pub fn unusable_views(views: &[AlignView], geometries: &[TiltGeometry]) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    // Beer's law with the extinction of the median view: intensity falls as exp(−t / cos θ).
    let mut means: Vec<f64> = views.iter().map(|v| v.mean).collect();
    means.sort_by(f64::total_cmp);
    let median = means.get(means.len() / 2).copied().unwrap_or(0.0);
    for (i, view) in views.iter().enumerate() {
        let flat = view.deviation < 1e-6;
        let steep = geometries
            .get(i)
            .map_or(1.0, |g| g.tilt_angle.0.cos().abs().max(0.17));
        let intensity = if median > 0.0 {
            view.mean / median
        } else {
            1.0
        };
        if flat {
            found.push(Diagnosis::Empty { view: i });
        } else if intensity < 0.25 * steep {
            found.push(Diagnosis::Blocked { view: i, intensity });
        } else if let Some(of) = (0..i).find(|&j| same(view, &views[j])) {
            found.push(Diagnosis::Duplicate { view: i, of });
        }
    }
    found
}

/// True for the same pixels up to a factor.
fn same(a: &AlignView, b: &AlignView) -> bool {
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.pixels.iter().zip(&b.pixels) {
        let (x, y) = (f64::from(*x), f64::from(*y));
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    aa > 0.0 && bb > 0.0 && ab / (aa * bb).sqrt() > 0.9999
}

/// What an alignment says about the series: `given` axis in degrees, `field` in Å.
pub fn diagnose(
    alignment: &Alignment,
    order: &OrderReport,
    given: Option<f64>,
    field: f64,
) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    if order.is_wrong() {
        found.push(Diagnosis::WrongOrder {
            in_order: order.in_order,
        });
    }
    let scores = alignment.reports.iter().map(|r| r.score);
    let mean = scores.sum::<f64>() / alignment.reports.len().max(1) as f64;
    if mean < 0.12 {
        found.push(Diagnosis::WeakSignal { score: mean });
    }
    if let (Some(given), Some(axis)) = (given, mean_axis(alignment)) {
        found.extend(axis_fault(given, axis));
    }
    let extent = alignment.specimen.extent();
    let open = alignment.extent.as_ref().is_some_and(|p| !p.inside);
    if !(150.0..=8000.0).contains(&extent) || open {
        found.push(Diagnosis::ImplausibleExtent { extent });
    }
    if found
        .iter()
        .any(|d| matches!(d, Diagnosis::WeakSignal { .. }))
    {
        // Nothing can be said of single views of a series that is not aligned.
        return found;
    }
    for (view, report) in alignment.reports.iter().enumerate() {
        if is_unrelated(report, mean) {
            found.push(Diagnosis::Unrelated {
                view,
                score: report.score,
            });
        }
    }
    found.extend(displaced(alignment, field));
    found
}

fn is_unrelated(report: &ViewReport, mean: f64) -> bool {
    report.amplitude < 0.25 || report.score < 0.25 * mean
}

/// Mean angle of the axis, degrees.
fn mean_axis(alignment: &Alignment) -> Option<f64> {
    let sum: glam::DVec2 = alignment
        .geometries
        .iter()
        .map(|g| glam::DVec2::from_angle(g.tilt_axis_angle.0))
        .sum();
    (sum.length() > 0.0).then(|| sum.to_angle() / DEGREE)
}

/// Differences of axes count modulo 180°: which end is up is another question.
fn axis_fault(given: f64, found: f64) -> Option<Diagnosis> {
    let apart = |a: f64, b: f64| {
        let d = (a - b).rem_euclid(180.0);
        d.min(180.0 - d)
    };
    if apart(given, found) < 4.0 {
        None
    } else if apart(-given, found) < 3.0 {
        Some(Diagnosis::Mirrored { given, found })
    } else {
        Some(Diagnosis::WrongAxis { given, found })
    }
}

/// Views far from the line between their neighbours in tilt.
fn displaced(alignment: &Alignment, field: f64) -> Vec<Diagnosis> {
    let geometry = &alignment.geometries;
    let mut order: Vec<usize> = (0..geometry.len()).collect();
    order.sort_by(|&a, &b| {
        geometry[a]
            .tilt_angle
            .0
            .total_cmp(&geometry[b].tilt_angle.0)
    });
    let mut found = Vec::new();
    for (place, &view) in order.iter().enumerate() {
        let near: Vec<f64> = order[place.saturating_sub(4)..(place + 5).min(order.len())]
            .iter()
            .filter(|&&other| other != view)
            .map(|&other| (geometry[other].shift - geometry[view].shift).length())
            .collect();
        let mut sorted = near;
        sorted.sort_by(f64::total_cmp);
        let part = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0) / field;
        if part > 0.15 {
            found.push(Diagnosis::Displaced { view, part });
        }
    }
    found
}
