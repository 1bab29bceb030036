//! Whether the gradient of defocus is what the alignment says: its size, its direction, and that of each view by itself.
//!
//! A wrong pixel size p' = f·p turns rings of defocus d into rings of f² d, while the gradient expected grows by f only: the
//! gradient seen is f times the expected one. A wrong tilt axis, or mirrored images, turn its direction; tilt angles given to the
//! wrong images make single views contradict theirs.

use thon_geometry::glam::DVec2;

use crate::hand::PlaneSearch;
use crate::plane::Plane;
use crate::view_fit::compass;

/// Factors that are tried for the size of the gradient.
const SCALES: [f64; 13] = [
    0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.45, 1.7, 2.0, 2.5,
];
/// Directions that are tried.
const TURNS: usize = 18;
/// How far a view may move from the course, Å.
const WINDOW: f64 = 1_500.0;

/// The gradient of a series as it is seen.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientTest {
    /// Size of the gradient over the expected one.
    pub scale: f64,
    /// Angle from the expected direction, radians counter-clockwise, within ±90°.
    pub turn: f64,
    /// Log-likelihood gained by this size and direction.
    pub gain: f64,
    /// For each view, in the order given: log-likelihood its own gradient gains over the expected one, and the angle between both
    /// slopes, radians.
    pub per_view: Vec<[f64; 2]>,
}

/// Looks for the gradient that suits the series best, and each view by itself.
pub(crate) fn test_gradient(
    search: &PlaneSearch<'_>,
    course: &[f64],
    plane: &Plane,
    hand: f64,
) -> GradientTest {
    let with = |scale: f64, turn: f64| Plane {
        scale,
        turn,
        ..*plane
    };
    let value = |[scale, turn]: [f64; 2]| {
        if !(0.3..3.0).contains(&scale) || turn.abs() > 1.6 {
            return f64::NEG_INFINITY;
        }
        search
            .near(course, &with(scale, turn), hand)
            .iter()
            .sum::<f64>()
    };
    let expected = value([1.0, 0.0]);
    let mut best = ([1.0, 0.0], expected);
    let turns = (1..TURNS).map(|i| [1.0, std::f64::consts::PI * (i as f64 / TURNS as f64 - 0.5)]);
    for start in SCALES.iter().map(|s| [*s, 0.0]).chain(turns) {
        let found = value(start);
        if found > best.1 {
            best = (start, found);
        }
    }
    let (place, most) = compass(best.0, 0.06, 0.004, &value);
    let per_view = (0..search.works.len())
        .map(|i| own_gradient(search, i, course[i], plane, hand))
        .collect();
    GradientTest {
        scale: place[0],
        turn: place[1],
        gain: most - expected,
        per_view,
    }
}

/// Gain of a view's own gradient, and how far its slope is from the expected one.
fn own_gradient(
    search: &PlaneSearch<'_>,
    index: usize,
    defocus: f64,
    plane: &Plane,
    hand: f64,
) -> [f64; 2] {
    let (work, table) = (&search.works[index], &search.tables[index]);
    let range = search
        .setting
        .axis
        .range(defocus - WINDOW, defocus + WINDOW);
    let geometry = &work.view.geometry;
    let expected = plane.gradient(geometry) * hand;
    let value = |[x, y]: [f64; 2]| {
        let gradient = DVec2::new(x, y);
        if gradient.length() > 3.5 {
            return f64::NEG_INFINITY;
        }
        let heights: Vec<f64> = work
            .view
            .spectra
            .positions
            .iter()
            .map(|p| gradient.dot(*p - geometry.shift))
            .collect();
        table
            .scan(&heights, range.clone())
            .into_iter()
            .fold(0.0, f64::max)
    };
    let at = value([expected.x, expected.y]);
    let mut best = ([expected.x, expected.y], at);
    for start in [expected, -expected, DVec2::ZERO] {
        let found = compass([start.x, start.y], 0.2, 0.02, &value);
        if found.1 > best.1 {
            best = found;
        }
    }
    let normal = |g: DVec2| DVec2::new(g.x, g.y).extend(1.0).normalize();
    let own = DVec2::new(best.0[0], best.0[1]);
    let angle = normal(own).dot(normal(expected)).clamp(-1.0, 1.0).acos();
    [best.1 - at, angle]
}
