//! Places on the smooth sheet through drawn points: a quadratic surface over the plane that fits them best, within their convex hull.

use glam::{DMat3, DVec2, DVec3};
use thon_compute::cholesky::Cholesky;

use crate::shapes::{about_normal, thinned, wrong};
use crate::tube::frame_along;
use crate::{PickError, Place};

/// Candidates across a spacing.
const FINE: f64 = 5.0;
/// Most candidates along an edge.
const MOST: f64 = 20_000.0;

/// Places `spacing` apart on the sheet through `points`; normals point to `above`, or up.
pub(crate) fn places(
    points: &[DVec3],
    above: Option<DVec3>,
    spacing: f64,
    seed: u64,
) -> Result<Vec<Place>, PickError> {
    if points.len() < 6 || points.iter().any(|point| !point.is_finite()) {
        return Err(wrong(
            "points",
            &points.len(),
            "six or more points on a surface",
        ));
    }
    let centre = points.iter().sum::<DVec3>() / points.len() as f64;
    let up = normal_of(points, centre);
    let frame = frame_along(up);
    let local: Vec<DVec3> = points
        .iter()
        .map(|p| frame.conjugate() * (*p - centre))
        .collect();
    let heights = quadratic(&local)?;
    let hull = hull(local.iter().map(|p| p.truncate()).collect());
    let low = hull.iter().fold(DVec2::INFINITY, |low, p| low.min(*p));
    let high = hull
        .iter()
        .fold(DVec2::NEG_INFINITY, |high, p| high.max(*p));
    let step = spacing / FINE;
    let count = ((high - low) / step).ceil();
    if count.max_element() > MOST {
        return Err(wrong(
            "spacing",
            &spacing,
            "a spacing that is not so small beside the surface",
        ));
    }
    let side = above.map_or(up.z >= 0.0, |above| {
        let p = frame.conjugate() * (above - centre);
        p.z > height(&heights, p.truncate())
    });
    let sign = if side { 1.0 } else { -1.0 };
    let mut candidates = Vec::new();
    for j in 0..=count.y as usize {
        for i in 0..=count.x as usize {
            let p = low + DVec2::new(i as f64, j as f64) * step;
            if !inside(&hull, p) {
                continue;
            }
            let [_, b, c, d, e, f] = heights;
            let slope = DVec2::new(b + 2.0 * d * p.x + e * p.y, c + e * p.x + 2.0 * f * p.y);
            let normal = frame * (DVec3::new(-slope.x, -slope.y, 1.0) * sign);
            candidates.push(Place {
                position: centre + frame * p.extend(height(&heights, p)),
                rotation: Some(about_normal(normal, seed, candidates.len() as u64)),
            });
        }
    }
    Ok(thinned(&candidates, spacing, seed))
}

fn height([a, b, c, d, e, f]: &[f64; 6], p: DVec2) -> f64 {
    a + b * p.x + c * p.y + d * p.x * p.x + e * p.x * p.y + f * p.y * p.y
}

/// Direction in which points spread least, pointing up: by inverse iteration on their covariance.
pub(crate) fn normal_of(points: &[DVec3], centre: DVec3) -> DVec3 {
    let mut spread = DMat3::ZERO;
    for point in points {
        let d = *point - centre;
        spread += DMat3::from_cols(d * d.x, d * d.y, d * d.z);
    }
    let scale = spread.x_axis.x + spread.y_axis.y + spread.z_axis.z;
    let inverse = (spread + DMat3::IDENTITY * (scale * 1e-9).max(f64::MIN_POSITIVE)).inverse();
    let mut normal = DVec3::new(0.31, 0.47, 0.83);
    for _ in 0..60 {
        normal = (inverse * normal).normalize_or(DVec3::Z);
    }
    if normal.z < 0.0 { -normal } else { normal }
}

/// Least squares of z over 1, x, y, x², xy, y².
fn quadratic(points: &[DVec3]) -> Result<[f64; 6], PickError> {
    let reach = points
        .iter()
        .map(|p| p.truncate().length())
        .fold(1.0, f64::max);
    let (mut matrix, mut right) = (vec![0.0; 36], vec![0.0; 6]);
    for point in points {
        let (x, y) = (point.x / reach, point.y / reach);
        let terms = [1.0, x, y, x * x, x * y, y * y];
        for i in 0..6 {
            right[i] += terms[i] * point.z;
            for j in 0..6 {
                matrix[6 * i + j] += terms[i] * terms[j];
            }
        }
    }
    for i in 0..6 {
        matrix[7 * i] += 1e-9 * points.len() as f64;
    }
    let expected = "points that do not all lie on a line";
    let factor = Cholesky::new(6, matrix).map_err(|_| wrong("points", &points.len(), expected))?;
    let scaled = factor.solve(&right);
    let powers = [0, 1, 1, 2, 2, 2];
    let mut heights = [0.0; 6];
    for (at, power) in powers.into_iter().enumerate() {
        heights[at] = scaled[at] / reach.powi(power);
    }
    Ok(heights)
}

/// Convex hull, counter-clockwise (Andrew 1979).
fn hull(mut points: Vec<DVec2>) -> Vec<DVec2> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    let half = |points: &mut dyn Iterator<Item = DVec2>| {
        let mut chain: Vec<DVec2> = Vec::new();
        for p in points {
            while let [.., a, b] = chain[..] {
                if (b - a).perp_dot(p - a) > 0.0 {
                    break;
                }
                chain.pop();
            }
            chain.push(p);
        }
        chain.pop();
        chain
    };
    let mut all = half(&mut points.iter().copied());
    all.extend(half(&mut points.iter().rev().copied()));
    all
}

fn inside(hull: &[DVec2], p: DVec2) -> bool {
    (0..hull.len()).all(|at| {
        let (a, b) = (hull[at], hull[(at + 1) % hull.len()]);
        (b - a).perp_dot(p - a) >= 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bowl_is_found_again_from_scattered_points() {
        let bowl = |x: f64, y: f64| DVec3::new(x, 40.0 + y, 2e-3 * (x * x + 0.5 * y * y) - 100.0);
        let mut points = Vec::new();
        for i in -3..=3 {
            for j in -3..=3 {
                points.push(bowl(
                    60.0 * f64::from(i) + f64::from(j),
                    50.0 * f64::from(j),
                ));
            }
        }
        let found = places(&points, Some(DVec3::new(0.0, 40.0, -900.0)), 40.0, 5).unwrap();
        assert!(found.len() > 50, "{}", found.len());
        for place in &found {
            let p = place.position;
            let wanted = bowl(p.x, p.y - 40.0).z;
            assert!((p.z - wanted).abs() < 1.5, "{p} {wanted}");
            let normal = DVec3::new(4e-3 * p.x, 2e-3 * (p.y - 40.0), -1.0).normalize();
            assert!((place.rotation.unwrap() * DVec3::Z).dot(normal) > 0.999);
        }
        assert!(places(&points[..5], None, 40.0, 5).is_err());
        let line: Vec<DVec3> = (0..9).map(|k| DVec3::X * f64::from(k)).collect();
        assert!(places(&line, None, 1.0, 5).is_ok_and(|found| found.len() < 40));
    }
}
