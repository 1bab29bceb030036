//! The specimen laid flat: one or two parallel planes through the beads (or any points), their tilts and thickness.
//!
//! z = a·x + b·y + c, with one c for each of two surfaces when two serve clearly better than one. The slopes are the
//! pre-tilt of the specimen along and across the tilt axis; [`Levelling::apply`] turns and moves it so that the surfaces
//! are level and their middle lies at z = 0. Images do not change.

use glam::{DMat3, DVec3};
use thon_geometry::{Rotation, Specimen, TiltGeometry};
use thon_units::Radians;

use crate::adjust::median;

/// Surfaces of a specimen.
#[derive(Clone, Debug, PartialEq)]
pub struct Levelling {
    /// Slope along x (across the tilt axis), dz/dx.
    pub slope_x: f64,
    /// Slope along y (along the tilt axis), dz/dy.
    pub slope_y: f64,
    /// Height of the lower and upper surface over the origin, Å; equal when there is one.
    pub heights: [f64; 2],
    /// True for each point on the upper surface; all false when there is one.
    pub upper: Vec<bool>,
    /// Root mean square distance of the points from their surface, Å.
    pub residual: f64,
}

impl Levelling {
    /// Distance of the two surfaces along their normal, Å; 0 when there is one.
    pub fn thickness(&self) -> f64 {
        (self.heights[1] - self.heights[0])
            / (1.0 + self.slope_x.powi(2) + self.slope_y.powi(2)).sqrt()
    }

    /// Pre-tilt about the tilt axis: what is to be added to tilt angles, radians.
    pub fn tilt_offset(&self) -> Radians {
        Radians(self.slope_x.atan())
    }

    /// Pitch about x, radians: the x tilt of the levelled views.
    pub fn pitch(&self) -> Radians {
        let along = self.slope_y / (1.0 + self.slope_x.powi(2)).sqrt();
        Radians(-along.atan())
    }

    /// The motion x → turn·x + by that lays the surfaces level, their middle at z = 0.
    pub fn motion(&self) -> (Rotation<Specimen, Specimen>, DVec3) {
        let turn: Rotation<Specimen, Specimen> =
            Rotation::<Specimen, Specimen>::about_x(self.pitch())
                * Rotation::about_y(self.tilt_offset());
        let middle = DVec3::new(0.0, 0.0, 0.5 * (self.heights[0] + self.heights[1]));
        (turn, DVec3::new(0.0, 0.0, -turn.apply(middle).z))
    }

    /// The geometry of a view for the levelled specimen.
    pub fn apply(&self, view: TiltGeometry) -> TiltGeometry {
        let (turn, by) = self.motion();
        view.moved(turn, by)
    }
}

/// Fits the surfaces of points (Å). `apart`: how much two surfaces must be apart to be two, Å. `None` with fewer than
/// three points or points on a line.
pub fn level(points: &[DVec3], apart: f64) -> Option<Levelling> {
    let one = planes(points, &vec![false; points.len()])?;
    let mut best = one;
    // Start with those above and below the single plane and let each point choose the nearer surface.
    let mut upper: Vec<bool> = points.iter().map(|p| p.z > best.at(p, 0)).collect();
    for _ in 0..30 {
        let count = upper.iter().filter(|u| **u).count();
        if count < 2 || points.len() - count < 2 {
            break;
        }
        let Some(two) = planes(points, &upper) else {
            break;
        };
        let nearer: Vec<bool> = points
            .iter()
            .map(|p| (p.z - two.at(p, 1)).abs() < (p.z - two.at(p, 0)).abs())
            .collect();
        if nearer == upper {
            let clear = two.heights[1] - two.heights[0] > f64::max(apart, 4.0 * two.residual);
            if clear && two.residual < 0.6 * best.residual {
                best = two;
            }
            break;
        }
        upper = nearer;
    }
    Some(best)
}

impl Levelling {
    fn at(&self, point: &DVec3, surface: usize) -> f64 {
        self.slope_x * point.x + self.slope_y * point.y + self.heights[surface]
    }
}

/// Two parallel planes (or one) through points with known surfaces; outliers weighted down.
fn planes(points: &[DVec3], upper: &[bool]) -> Option<Levelling> {
    let mut weights = vec![1.0; points.len()];
    let mut result = None;
    for _ in 0..12 {
        let mut means = [DVec3::ZERO; 2];
        let mut totals = [0.0_f64; 2];
        for ((point, up), weight) in points.iter().zip(upper).zip(&weights) {
            means[usize::from(*up)] += *point * *weight;
            totals[usize::from(*up)] += weight;
        }
        for (mean, total) in means.iter_mut().zip(totals) {
            *mean /= total.max(1e-12);
        }
        let mut normal = DMat3::ZERO;
        for ((point, up), weight) in points.iter().zip(upper).zip(&weights) {
            let d = *point - means[usize::from(*up)];
            normal += DMat3::from_cols(d * d.x, d * d.y, d * d.z) * *weight;
        }
        let (xx, xy, yy) = (normal.x_axis.x, normal.y_axis.x, normal.y_axis.y);
        let determinant = xx * yy - xy * xy;
        if points.len() < 3 || determinant <= 1e-6 * (xx + yy).powi(2) {
            return None;
        }
        let (xz, yz) = (normal.z_axis.x, normal.z_axis.y);
        let (a, b) = (
            (yy * xz - xy * yz) / determinant,
            (xx * yz - xy * xz) / determinant,
        );
        let height = |k: usize| means[k].z - a * means[k].x - b * means[k].y;
        let has_upper = totals[1] > 0.0;
        let heights = if has_upper {
            [height(0), height(1)]
        } else {
            [height(0); 2]
        };
        let mut found = Levelling {
            slope_x: a,
            slope_y: b,
            heights,
            upper: upper.to_vec(),
            residual: 0.0,
        };
        let rests: Vec<f64> = points
            .iter()
            .zip(upper)
            .map(|(p, up)| p.z - found.at(p, usize::from(*up)))
            .collect();
        let usual = (median(&rests.iter().map(|r| r.abs()).collect::<Vec<_>>()) * 1.4826).max(1e-6);
        for (weight, rest) in weights.iter_mut().zip(&rests) {
            *weight = (1.0 - (rest / (6.0 * usual)).powi(2))
                .max(0.0)
                .powi(2)
                .max(1e-4);
        }
        let sum: f64 = rests.iter().zip(&weights).map(|(r, w)| w * r * r).sum();
        found.residual = (sum / weights.iter().sum::<f64>()).sqrt();
        result = Some(found);
    }
    result.filter(|r| r.heights[1] >= r.heights[0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_geometry::Point;
    use thon_units::Degrees;

    fn beads(two: bool) -> Vec<DVec3> {
        let (a, b) = (12.0_f64.to_radians().tan(), -0.03);
        (0..30)
            .map(|k| {
                let x = f64::from(k * 37 % 30) * 100.0 - 1500.0;
                let y = f64::from(k * 17 % 30) * 100.0 - 1450.0;
                let side = if two && k % 2 == 0 { 900.0 } else { -300.0 };
                DVec3::new(x, y, a * x + b * y + side + f64::from(k * 7 % 5) * 4.0)
            })
            .collect()
    }

    #[test]
    fn two_surfaces_are_found_and_laid_level() {
        let points = beads(true);
        let found = level(&points, 200.0).unwrap();
        assert!((found.tilt_offset().degrees().0 - 12.0).abs() < 0.1);
        assert!((found.heights[1] - found.heights[0] - 1200.0).abs() < 10.0);
        let (turn, by) = found.motion();
        let flat: Vec<DVec3> = points.iter().map(|p| turn.apply(*p) + by).collect();
        let again = level(&flat, 200.0).unwrap();
        assert!(again.slope_x.abs() < 2e-3 && again.slope_y.abs() < 2e-3);
        assert!((again.heights[0] + again.heights[1]).abs() < 10.0);
        assert!((again.thickness() - found.thickness()).abs() < 5.0);
        let view = TiltGeometry::tilted(Degrees(30.0).radians());
        let (before, after) = (
            view.project(Point::from_vector(points[3])),
            found.apply(view).project(Point::from_vector(flat[3])),
        );
        assert!((before.position - after.position).length() < 1e-9);
        // Both parts of the turn become angles of the view: tilt offset and x tilt, the axis stays.
        let levelled = found.apply(view);
        assert!((levelled.tilt_angle.0 - view.tilt_angle.0 + found.tilt_offset().0).abs() < 1e-9);
        assert!((levelled.tilt_axis_angle.0).abs() < 1e-9);
    }

    #[test]
    fn one_surface_stays_one_and_a_line_is_refused() {
        let found = level(&beads(false), 200.0).unwrap();
        assert_eq!(found.thickness(), 0.0);
        let line: Vec<DVec3> = (0..9)
            .map(|k| DVec3::new(f64::from(k), 2.0 * f64::from(k), 0.0))
            .collect();
        assert!(level(&line, 200.0).is_none() && level(&line[..2], 200.0).is_none());
    }
}
