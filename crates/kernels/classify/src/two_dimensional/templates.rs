//! Class averages turned to every fine angle, as rows of a matrix.

use num_complex::Complex32;
use rayon::prelude::*;

use super::HalfDisc;
use super::plane::{Plane, turned_back};

/// Template j of class k is row k · angles + j.
pub(crate) struct Templates {
    /// Angles per class.
    pub angles: usize,
    /// Points per template.
    pub points: usize,
    /// Real and imaginary parts of T(q), `[templates, 2 · points]`.
    pub values: Vec<f32>,
    /// |T(q)|², `[templates, points]`.
    pub squares: Vec<f32>,
}

impl Templates {
    /// Turns the padded transforms of the classes to all angles.
    pub fn new(plane: &Plane, padded: &[Vec<Complex32>], angles: &[f64], disc: &HalfDisc) -> Self {
        let points = disc.points.len();
        let count = padded.len() * angles.len();
        let mut values = vec![0.0; count * 2 * points];
        let mut squares = vec![0.0; count * points];
        values
            .par_chunks_exact_mut(2 * points)
            .zip(squares.par_chunks_exact_mut(points))
            .enumerate()
            .for_each(|(row, (values, squares))| {
                let class = &padded[row / angles.len()];
                let angle = angles[row % angles.len()];
                let turn = [angle.cos() as f32, angle.sin() as f32];
                for (q, point) in disc.points.iter().enumerate() {
                    let value = plane.gather(class, turned_back(*point, turn));
                    values[2 * q] = value.re;
                    values[2 * q + 1] = value.im;
                    squares[q] = value.norm_sqr();
                }
            });
        Self {
            angles: angles.len(),
            points,
            values,
            squares,
        }
    }

    /// Number of templates.
    pub fn count(&self) -> usize {
        self.squares.len() / self.points.max(1)
    }

    /// T(q) of one template as (re, im, re, im, …).
    pub fn row(&self, template: usize) -> &[f32] {
        &self.values[template * 2 * self.points..(template + 1) * 2 * self.points]
    }

    /// |T(q)|² of one template.
    pub fn square_row(&self, template: usize) -> &[f32] {
        &self.squares[template * self.points..(template + 1) * self.points]
    }
}
