//! Triangulated surfaces of sheets: vertices with normals, area, curvature and thickness.
//!
//! The points of an oriented sheet define a signed distance beside it ([`implicit`]); its zero set is triangulated on a grid
//! ([`nets`]) and ends where the points end, so that open membranes stay open. Curvatures follow from how the normals turn
//! ([`curvature`]), the thickness from how far the labels reach along the normal ([`thickness`]). Lengths are in voxels, places
//! (x, y, z) with voxel centres at integers.

mod cell;
mod curvature;
mod implicit;
mod nets;
mod thickness;

pub use thickness::thickness_of_labels;

use thon_compute::{Progress, check};
use thon_geometry::glam::Vec3;

use crate::SegmentError;
use crate::ridge::SheetPoint;
use crate::sheets::Sheets;

/// A triangulated surface; one element per vertex in everything but `triangles`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surface {
    /// Places, voxels (x, y, z).
    pub positions: Vec<Vec3>,
    /// Unit normals, to the side that the sheet was oriented to.
    pub normals: Vec<Vec3>,
    /// Labels of the sheets.
    pub labels: Vec<u16>,
    /// A third of the area of the triangles around, voxel².
    pub areas: Vec<f32>,
    /// Half the sum of the principal curvatures, 1/voxel; positive where the surface bulges along its normal.
    pub mean_curvatures: Vec<f32>,
    /// Product of the principal curvatures, 1/voxel².
    pub gauss_curvatures: Vec<f32>,
    /// Vertices of the triangles, counter-clockwise seen from where the normals point to.
    pub triangles: Vec<[u32; 3]>,
}

/// How a surface is made; lengths in voxels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurfaceOptions {
    /// Edge of the grid's cells: about the edge of the triangles.
    pub edge: f64,
    /// Radius over which curvatures are taken.
    pub curvature_radius: f64,
    /// σ of the Gaussian that the density was smoothed by before its ridges were taken. A ridge lies σ² times the mean curvature
    /// inside a curved sheet; vertices are moved back by as much.
    pub smoothing: f64,
}

impl Surface {
    /// Area of all triangles, voxel².
    pub fn area(&self) -> f64 {
        self.areas.iter().map(|a| f64::from(*a)).sum()
    }

    /// Adds another surface behind this one.
    fn append(&mut self, mut other: Self) {
        let first = self.positions.len() as u32;
        self.positions.append(&mut other.positions);
        self.normals.append(&mut other.normals);
        self.labels.append(&mut other.labels);
        self.areas.append(&mut other.areas);
        self.mean_curvatures.append(&mut other.mean_curvatures);
        self.gauss_curvatures.append(&mut other.gauss_curvatures);
        let moved = other.triangles.iter().map(|t| t.map(|v| v + first));
        self.triangles.extend(moved);
    }

    /// Moves vertices back to where they lay before smoothing by σ, and curvatures with them.
    fn unbend(&mut self, sigma: f32) {
        for vertex in 0..self.positions.len() {
            let shift = sigma * sigma * self.mean_curvatures[vertex];
            self.positions[vertex] += shift * self.normals[vertex];
            // Of a parallel surface at a distance d: 1 + 2Hd + Kd² times the area, H + Kd and K over that.
            let gauss = self.gauss_curvatures[vertex];
            let mean = self.mean_curvatures[vertex];
            let wider = (1.0 + 2.0 * mean * shift + gauss * shift * shift).max(0.5);
            self.mean_curvatures[vertex] = (mean + gauss * shift) / wider;
            self.gauss_curvatures[vertex] = gauss / wider;
        }
    }

    /// Areas of the vertices from the triangles.
    fn measure(&mut self) {
        let mut areas = vec![0.0_f32; self.positions.len()];
        for triangle in &self.triangles {
            let [a, b, c] = triangle.map(|v| self.positions[v as usize]);
            let third = (b - a).cross(c - a).length() / 6.0;
            for vertex in triangle {
                areas[*vertex as usize] += third;
            }
        }
        self.areas = areas;
    }
}

/// Triangulates oriented sheets ([`Sheets::orient`]), each by itself.
///
/// # Errors
/// [`SegmentError::Parameter`]: an edge outside ½ to 20 voxels, a radius below the edge; [`SegmentError::Cancelled`].
pub fn triangulate(
    sheets: &Sheets,
    options: &SurfaceOptions,
    progress: &dyn Progress,
) -> Result<Surface, SegmentError> {
    SegmentError::check("edge", options.edge, 0.5..=20.0, "voxels")?;
    SegmentError::check(
        "curvature radius",
        options.curvature_radius,
        options.edge..=200.0,
        "voxels",
    )?;
    let mut whole = Surface::default();
    let mut first = 0;
    while first < sheets.points.len() {
        check(progress)?;
        let label = sheets.labels[first];
        let same = sheets.labels[first..].iter().take_while(|l| **l == label);
        let points: &[SheetPoint] = &sheets.points[first..first + same.count()];
        let mut surface = nets::triangulate(points, options.edge as f32);
        surface.labels = vec![label; surface.positions.len()];
        curvature::fill(&mut surface, options.curvature_radius as f32);
        surface.unbend(options.smoothing as f32);
        surface.measure();
        whole.append(surface);
        first += points.len();
    }
    Ok(whole)
}

#[cfg(test)]
mod tests;
