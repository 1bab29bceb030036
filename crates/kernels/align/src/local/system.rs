//! Linear least squares around a rigid solution: views, points (eliminated), specimen motion and image fields together.
//!
//! Unknowns per view: two shifts, axis angle, magnification, tilt (where the rigid alignment solved them, with its
//! spreads as priors), the terms of the image field; then the terms of the motion, one vector per monomial and course.

use glam::{DMat2, DMat3, DVec2, DVec3};
use thon_compute::cholesky::Cholesky;
use thon_geometry::{
    Deformation, IMAGE_TERMS, Point, SPECIMEN_TERMS, TiltGeometry, image_monomials,
    specimen_monomials,
};
use thon_units::Radians;

use super::{LocalInput, LocalModel, width};
use crate::AlignError;
use crate::adjust::{Solution, Track};

/// Standard deviation of a term of the motion before the measurements, Å at half the field of view.
const MOTION_WIDTH: f64 = 60.0;
/// Standard deviation of a shift, Å: wide, so that only the common translation is held.
const SHIFT_WIDTH: f64 = 1e4;

/// One linear problem: the model, what it is linearised around, and where its unknowns lie.
pub(super) struct Terms<'a> {
    input: &'a LocalInput<'a>,
    solution: &'a Solution,
    model: LocalModel,
    /// Standard deviations of axis angle, magnification and tilt of a view; `None` when fixed.
    own: [Option<f64>; 3],
    /// Courses of the motion at each view, their means over the views with a geometry taken off.
    courses: Vec<[f64; 2]>,
}

/// Values of the unknowns.
pub(super) struct Fitted<'a> {
    terms: &'a Terms<'a>,
    unknowns: Vec<f64>,
}

/// One observation's row pair: derivatives by unknowns and by the point, residual, weight.
pub(super) struct Row {
    pub(super) by_unknown: Vec<(usize, DVec2)>,
    pub(super) by_point: [DVec2; 3],
    pub(super) residual: DVec2,
    pub(super) weight: f64,
}

/// Courses at each view, mean 0 over the views that have a geometry.
fn courses(input: &LocalInput<'_>, solution: &Solution, model: LocalModel) -> Vec<[f64; 2]> {
    let whole = input.doses.iter().copied().fold(0.0, f64::max);
    let Some(motion) = model.motion.filter(|_| whole > 0.0) else {
        return vec![[0.0; 2]; input.doses.len()];
    };
    let all: Vec<[f64; 2]> = input
        .doses
        .iter()
        .map(|dose| motion.course.at(dose / whole))
        .collect();
    let seen = || {
        all.iter()
            .zip(&solution.geometry)
            .filter(|(_, g)| g.is_some())
    };
    let count = seen().count().max(1) as f64;
    let mean = [0, 1].map(|k| seen().map(|(f, _)| f[k]).sum::<f64>() / count);
    all.iter()
        .map(|f| [f[0] - mean[0], f[1] - mean[1]])
        .collect()
}

/// Monomials of the image or specimen polynomial with at most this degree in x and y.
fn flat_terms(degree: usize) -> usize {
    match degree {
        0 => 0,
        1 => 2,
        2 => 5,
        _ => IMAGE_TERMS,
    }
}

impl<'a> Terms<'a> {
    pub(super) fn of(input: &'a LocalInput<'a>, solution: &'a Solution, model: LocalModel) -> Self {
        let [tilt, rotation, magnification, ..] = solution.spreads;
        let options = input.options;
        Self {
            input,
            solution,
            model,
            own: [
                width(&options.rotation, rotation, 0.02),
                width(&options.magnification, magnification, 0.01),
                width(&options.tilt, tilt, 0.02),
            ],
            courses: courses(input, solution, model),
        }
    }

    /// Which monomials of the specimen the motion uses.
    fn motion_terms(&self) -> Vec<usize> {
        let Some(motion) = self.model.motion else {
            return Vec::new();
        };
        let layers = if motion.layered {
            9..SPECIMEN_TERMS
        } else {
            0..0
        };
        (0..flat_terms(motion.degree)).chain(layers).collect()
    }

    fn field_terms(&self) -> usize {
        self.model.field.map_or(0, |field| flat_terms(field.degree))
    }

    /// Unknowns of one view.
    fn per_view(&self) -> usize {
        5 + 2 * self.field_terms()
    }

    fn courses(&self) -> usize {
        self.model.motion.map_or(0, |motion| motion.course.count())
    }

    fn size(&self) -> usize {
        self.views() * self.per_view() + 3 * self.motion_terms().len() * self.courses()
    }

    fn views(&self) -> usize {
        self.input.start.len()
    }

    /// 1/variance of every unknown before the measurements; fixed ones get a very large number.
    fn precision(&self) -> Vec<f64> {
        const FIXED: f64 = 1e18;
        let mut precision = Vec::with_capacity(self.size());
        let of = |width: f64| 1.0 / (width * width);
        for _ in 0..self.views() {
            precision.extend([of(SHIFT_WIDTH); 2]);
            precision.extend(self.own.map(|width| width.map_or(FIXED, of)));
            let field = self.model.field.map_or(0.0, |field| of(field.width));
            precision.extend(vec![field; 2 * self.field_terms()]);
        }
        precision.resize(self.size(), of(MOTION_WIDTH));
        precision
    }

    /// The rows of one track; empty for points that the rigid alignment did not use.
    pub(super) fn rows(&self, track: usize) -> Vec<Row> {
        let Some(place) = self.solution.points[track] else {
            return Vec::new();
        };
        let terms = self.motion_terms();
        let monomials = specimen_monomials(place / self.input.half_field);
        let observations = self.input.tracks[track].points.iter().enumerate();
        observations
            .filter_map(|(k, observation)| {
                let geometry = self.solution.geometry[observation.view]?;
                let robust = self.solution.weights[track][k];
                let noise = self.solution.views[observation.view].noise.max(1e-9);
                let weight = observation.weight * robust / (noise * noise);
                (weight > 0.0).then(|| {
                    let seen = geometry.project(Point::from_vector(place)).position;
                    let mut row = self.view_part(observation.view, &geometry, place, seen);
                    let matrix = geometry.matrix();
                    let by_point =
                        [matrix.x_axis, matrix.y_axis, matrix.z_axis].map(DVec3::truncate);
                    self.motion_part(&mut row, observation.view, &by_point, (&terms, &monomials));
                    Row {
                        by_unknown: row,
                        by_point,
                        residual: observation.position - seen,
                        weight,
                    }
                })
            })
            .collect()
    }

    fn view_part(
        &self,
        view: usize,
        geometry: &TiltGeometry,
        place: DVec3,
        seen: DVec2,
    ) -> Vec<(usize, DVec2)> {
        let first = view * self.per_view();
        let mut row = vec![(first, DVec2::X), (first + 1, DVec2::Y)];
        let slope = |change: &dyn Fn(&mut TiltGeometry, f64)| {
            let h = 1e-5;
            let at = |by: f64| {
                let mut changed = *geometry;
                change(&mut changed, by);
                changed.project(Point::from_vector(place)).position
            };
            (at(h) - at(-h)) / (2.0 * h)
        };
        let slopes = [
            slope(&|g, by| g.tilt_axis_angle = Radians(g.tilt_axis_angle.0 + by)),
            slope(&|g, by| g.affine *= DMat2::from_diagonal(DVec2::splat(1.0 + by))),
            slope(&|g, by| g.tilt_angle = Radians(g.tilt_angle.0 + by)),
        ];
        for (k, slope) in slopes.into_iter().enumerate() {
            if self.own[k].is_some() {
                row.push((first + 2 + k, slope));
            }
        }
        let monomials = image_monomials(seen / self.input.half_field);
        for (k, m) in monomials.into_iter().take(self.field_terms()).enumerate() {
            row.push((first + 5 + 2 * k, DVec2::X * m));
            row.push((first + 6 + 2 * k, DVec2::Y * m));
        }
        row
    }

    fn motion_part(
        &self,
        row: &mut Vec<(usize, DVec2)>,
        view: usize,
        by_point: &[DVec2; 3],
        (terms, monomials): (&[usize], &[f64; SPECIMEN_TERMS]),
    ) {
        let first = self.views() * self.per_view();
        let courses = self.courses[view];
        for (course, f) in courses.into_iter().take(self.courses()).enumerate() {
            for (k, &term) in terms.iter().enumerate() {
                let unknown = first + 3 * (course * terms.len() + k);
                for (axis, column) in by_point.iter().enumerate() {
                    row.push((unknown + axis, *column * (monomials[term] * f)));
                }
            }
        }
    }
}

/// Solves for the unknowns with the tracks that `kept` names (all when `None`).
pub(super) fn fit<'a>(
    terms: &'a Terms<'a>,
    kept: Option<&[bool]>,
) -> Result<Fitted<'a>, AlignError> {
    let size = terms.size();
    let mut matrix = vec![0.0; size * size];
    let mut right = vec![0.0; size];
    for (u, precision) in terms.precision().into_iter().enumerate() {
        matrix[u * size + u] = precision;
    }
    for track in 0..terms.input.tracks.len() {
        if kept.is_none_or(|kept| kept[track]) {
            add_track(&terms.rows(track), size, &mut matrix, &mut right);
        }
    }
    let factor = Cholesky::new(size, matrix).map_err(|unknown| {
        AlignError::Undetermined(format!("a term of the local model (unknown {unknown})"))
    })?;
    Ok(Fitted {
        terms,
        unknowns: factor.solve(&right),
    })
}

/// The 3 × 3 block of a point, its inverse and its gradient.
fn point_block(rows: &[Row]) -> Option<(DMat3, DVec3)> {
    let (mut block, mut gradient) = (DMat3::ZERO, DVec3::ZERO);
    for row in rows {
        let [x, y, z] = row.by_point;
        let column = |a: DVec2| DVec3::new(a.dot(x), a.dot(y), a.dot(z)) * row.weight;
        block += DMat3::from_cols(column(x), column(y), column(z));
        gradient += column(row.residual);
    }
    let trace = block.x_axis.x + block.y_axis.y + block.z_axis.z;
    (block.determinant() > 1e-9 * trace.powi(3)).then(|| (block.inverse(), gradient))
}

/// Adds a track to the lower triangle of the normal equations, its point eliminated.
fn add_track(rows: &[Row], size: usize, matrix: &mut [f64], right: &mut [f64]) {
    let Some((inverse, gradient)) = point_block(rows) else {
        return;
    };
    let mut coupling = vec![DVec3::ZERO; size];
    for row in rows {
        for (k, &(a, by_a)) in row.by_unknown.iter().enumerate() {
            right[a] += row.weight * by_a.dot(row.residual);
            for &(b, by_b) in &row.by_unknown[..=k] {
                let (low, high) = if a > b { (b, a) } else { (a, b) };
                matrix[high * size + low] += row.weight * by_a.dot(by_b);
            }
            coupling[a] += DVec3::from(row.by_point.map(|c| c.dot(by_a))) * row.weight;
        }
    }
    let touched: Vec<usize> = (0..size).filter(|&u| coupling[u] != DVec3::ZERO).collect();
    for (k, &a) in touched.iter().enumerate() {
        let through = inverse * coupling[a];
        right[a] -= through.dot(gradient);
        for &b in &touched[..=k] {
            matrix[a * size + b] -= through.dot(coupling[b]);
        }
    }
}

impl Fitted<'_> {
    /// Residuals of a track with the fitted unknowns and its own best place, with their weights.
    pub(super) fn residuals(&self, track: usize) -> Vec<(DVec2, f64)> {
        let mut rows = self.terms.rows(track);
        for row in &mut rows {
            for &(unknown, by) in &row.by_unknown {
                row.residual -= by * self.unknowns[unknown];
            }
        }
        let Some((inverse, gradient)) = point_block(&rows) else {
            return Vec::new();
        };
        let step = inverse * gradient;
        rows.iter()
            .map(|row| {
                let [x, y, z] = row.by_point;
                let moved = x * step.x + y * step.y + z * step.z;
                (row.residual - moved, row.weight)
            })
            .collect()
    }

    /// What the model says about one view.
    pub(super) fn deformation(&self, view: usize) -> Deformation {
        let terms = self.terms;
        let mut deformation = Deformation::still(terms.input.half_field);
        let first = view * terms.per_view() + 5;
        for k in 0..terms.field_terms() {
            deformation.image.terms[k] = DVec2::new(
                self.unknowns[first + 2 * k],
                self.unknowns[first + 2 * k + 1],
            );
        }
        let used = terms.motion_terms();
        let first = terms.views() * terms.per_view();
        let courses = terms.courses[view];
        for (course, f) in courses.into_iter().take(terms.courses()).enumerate() {
            for (k, &term) in used.iter().enumerate() {
                let u = first + 3 * (course * used.len() + k);
                let vector = DVec3::from_slice(&self.unknowns[u..u + 3]);
                deformation.specimen.terms[term] += vector * f;
            }
        }
        deformation
    }
}

/// True where a track has enough observations to be left out and found again.
pub(super) fn can_be_left_out(track: &Track, placed: bool) -> bool {
    placed && track.points.iter().filter(|p| p.weight > 0.0).count() >= 5
}
