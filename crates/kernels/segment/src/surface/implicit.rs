//! Signed distance from a sheet of oriented points (moving least squares; Alexa & Adamson 2004, Symp. Point-Based Graphics, p. 149).
//!
//! With weights w = exp(−|x − p|²/2σ²) of the points p near x that face the same side, n̄ = Σwn/|Σwn| and
//! f(x) = Σ w (x − p)·½(n + n̄)/Σw. On a sphere (x − p)·n and (x − p)·n̄ are off by the same amount to either side, so that f does not shrink
//! it.

use thon_geometry::glam::Vec3;

use crate::neighbours::Cells;
use crate::ridge::SheetPoint;

/// σ of the weights, voxels: points lie about one voxel apart.
const SIGMA: f32 = 1.3;
/// Beyond so many voxels points have no weight.
const CUT: f32 = 3.0 * SIGMA;

/// Points of one sheet in cells.
pub(super) struct Implicit<'a> {
    points: &'a [SheetPoint],
    cells: Cells,
    bounds: [Vec3; 2],
}

/// What the sheet is at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    /// Signed distance, voxels; positive where the normals point to.
    pub distance: f32,
    /// Unit normal of the sheet there.
    pub normal: Vec3,
    /// How far away the nearest point lies.
    pub nearest: f32,
}

impl<'a> Implicit<'a> {
    pub fn new(points: &'a [SheetPoint]) -> Self {
        let positions: Vec<Vec3> = points.iter().map(|p| p.position).collect();
        let low = positions.iter().copied().fold(Vec3::MAX, Vec3::min);
        let high = positions.iter().copied().fold(Vec3::MIN, Vec3::max);
        Self {
            points,
            cells: Cells::new(&positions, 2.0),
            bounds: [low, high],
        }
    }

    /// Lowest and highest place of the points.
    pub fn bounds(&self) -> [Vec3; 2] {
        self.bounds
    }

    /// Points that may lie within `reach` of a place.
    fn near(&self, place: Vec3, reach: f32) -> impl Iterator<Item = &SheetPoint> + '_ {
        self.cells.near(place, reach).map(|i| &self.points[i])
    }

    /// Points that may lie within `reach` of a line along x at `y` and `z`.
    pub fn beside(&self, y: f32, z: f32, reach: f32) -> impl Iterator<Item = &SheetPoint> + '_ {
        let [low, high] = self.bounds;
        let runs = self.cells.runs_within(
            Vec3::new(low.x, y - reach, z - reach),
            Vec3::new(high.x, y + reach, z + reach),
        );
        runs.flat_map(|run| &self.cells.order()[run])
            .map(|&i| &self.points[i as usize])
    }

    /// The sheet as seen from a place; `None` where no point has a weight.
    pub fn at(&self, place: Vec3) -> Option<Value> {
        let mut nearest = (f32::INFINITY, Vec3::ZERO);
        for point in self.near(place, CUT) {
            let square = point.position.distance_squared(place);
            if square < nearest.0 {
                nearest = (square, point.normal);
            }
        }
        if nearest.0 > CUT * CUT {
            return None;
        }
        let (mut weight, mut normal) = (0.0_f32, Vec3::ZERO);
        let (mut own, mut offset) = (0.0_f32, Vec3::ZERO);
        for point in self.near(place, CUT) {
            let away = place - point.position;
            let square = away.length_squared();
            if square > CUT * CUT || point.normal.dot(nearest.1) <= 0.0 {
                continue;
            }
            let w = (-0.5 * square / (SIGMA * SIGMA)).exp();
            weight += w;
            normal += w * point.normal;
            own += w * away.dot(point.normal);
            offset += w * away;
        }
        let normal = normal.try_normalize()?;
        Some(Value {
            distance: 0.5 * (own + offset.dot(normal)) / weight,
            normal,
            nearest: nearest.0.sqrt(),
        })
    }
}
