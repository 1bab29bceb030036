//! Mean and Gauss curvature from how the normals turn along the surface (shape operator, Weingarten's equations).
//!
//! In the tangent plane of a vertex the tangential part of the neighbours' normals is a straight line in their tangential places,
//! n_t = n₀ + S·t; S is fitted by least squares with weights exp(−2|t|²/radius²), made symmetric, and has the principal curvatures as
//! eigenvalues. On spheres and cylinders the line is exact at any radius.

use rayon::prelude::*;
use thon_geometry::glam::{Mat2, Vec2, Vec3};

use super::Surface;
use crate::neighbours::Cells;

/// Least n·n' of neighbours.
const AGREEMENT: f32 = 0.2;

pub(super) fn fill(surface: &mut Surface, radius: f32) {
    let cells = Cells::new(&surface.positions, 0.5 * radius);
    let (positions, normals) = (&surface.positions, &surface.normals);
    let both: Vec<[f32; 2]> = (0..positions.len())
        .into_par_iter()
        .map(|vertex| {
            let shape = shape_operator(vertex, positions, normals, &cells, radius);
            [0.5 * (shape.x_axis.x + shape.y_axis.y), shape.determinant()]
        })
        .collect();
    surface.mean_curvatures = both.iter().map(|b| b[0]).collect();
    surface.gauss_curvatures = both.iter().map(|b| b[1]).collect();
}

fn shape_operator(
    vertex: usize,
    positions: &[Vec3],
    normals: &[Vec3],
    cells: &Cells,
    radius: f32,
) -> Mat2 {
    let (here, up) = (positions[vertex], normals[vertex]);
    let (along, across) = up.any_orthonormal_pair();
    let flat = |v: Vec3| Vec2::new(v.dot(along), v.dot(across));
    let outer = |a: Vec2, b: Vec2| Mat2::from_cols(a * b.x, a * b.y);
    let (mut weight, mut place, mut turn) = (0.0, Vec2::ZERO, Vec2::ZERO);
    let (mut places, mut turns) = (Mat2::ZERO, Mat2::ZERO);
    for i in cells.near(here, radius) {
        let away = positions[i] - here;
        if away.length_squared() > radius * radius || normals[i].dot(up) < AGREEMENT {
            continue;
        }
        let (t, n) = (flat(away), flat(normals[i]));
        let w = (-2.0 * t.length_squared() / (radius * radius)).exp();
        weight += w;
        place += w * t;
        turn += w * n;
        places += w * outer(t, t);
        turns += w * outer(n, t);
    }
    let places = places - outer(place, place) * (1.0 / weight);
    let turns = turns - outer(turn, place) * (1.0 / weight);
    // Fewer neighbours than a plane needs: flat.
    if places.determinant() <= 1e-6 * (places.x_axis.x + places.y_axis.y).powi(2) {
        return Mat2::ZERO;
    }
    let shape = turns * places.inverse();
    (shape + shape.transpose()) * 0.5
}
