//! Sheets: points that follow each other, told apart and measured.
//!
//! Two points belong together when they lie within two voxels of each other and their normals within 45°. A sheet is kept when at
//! least one of its points reaches the high threshold (hysteresis) and its area the smallest one asked for.

use serde::{Deserialize, Serialize};
use thon_geometry::glam::Vec3;

use crate::neighbours::Cells;
use crate::ridge::SheetPoint;

/// How far apart neighbours on a sheet may lie, voxels.
pub(crate) const STEP: f32 = 2.0;
/// Least |n·n'| of neighbours on a sheet.
const AGREEMENT: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// One connected sheet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sheet {
    /// Label, from 1, the largest sheet first.
    pub label: u16,
    /// Area, voxel².
    pub area: f64,
    /// Mean saliency of its points.
    pub saliency: f64,
    /// Lowest and highest place, voxels (x, y, z).
    pub bounds: [[f32; 3]; 2],
}

/// Points with the label of the sheet they belong to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sheets {
    /// Points, sheet after sheet.
    pub points: Vec<SheetPoint>,
    /// Label of each point.
    pub labels: Vec<u16>,
    /// The sheets by label.
    pub sheets: Vec<Sheet>,
    /// Sheets left out for their area.
    pub too_small: usize,
    /// Sheets left out because there are more than labels (65,535).
    pub beyond_labels: usize,
}

/// Joins points into sheets. `high` is the strength that one point of a sheet must reach, `least_area` in voxel².
pub(crate) fn group(points: &[SheetPoint], high: f32, least_area: f64) -> Sheets {
    let positions: Vec<Vec3> = points.iter().map(|p| p.position).collect();
    let cells = Cells::new(&positions, STEP);
    let mut parents: Vec<u32> = (0..points.len() as u32).collect();
    for (i, point) in points.iter().enumerate() {
        for j in cells.near(point.position, STEP) {
            if j < i
                && points[j].position.distance_squared(point.position) <= STEP * STEP
                && points[j].normal.dot(point.normal).abs() >= AGREEMENT
            {
                join(&mut parents, i as u32, j as u32);
            }
        }
    }
    let mut members: std::collections::BTreeMap<u32, Vec<usize>> =
        std::collections::BTreeMap::new();
    for i in 0..points.len() {
        members
            .entry(root(&mut parents, i as u32))
            .or_default()
            .push(i);
    }
    let area = |list: &[usize]| list.iter().map(|&i| points[i].area()).sum::<f64>();
    let strong = |list: &Vec<usize>| list.iter().any(|&i| points[i].strength >= high);
    let all: Vec<(f64, Vec<usize>)> = members
        .into_values()
        .filter(strong)
        .map(|l| (area(&l), l))
        .collect();
    let found = all.len();
    let mut kept: Vec<_> = all.into_iter().filter(|(a, _)| *a >= least_area).collect();
    kept.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1[0].cmp(&b.1[0])));
    let mut sheets = Sheets {
        too_small: found - kept.len(),
        beyond_labels: kept.len().saturating_sub(usize::from(u16::MAX)),
        ..Sheets::default()
    };
    kept.truncate(usize::from(u16::MAX));
    for (index, (area, list)) in kept.into_iter().enumerate() {
        let label = index as u16 + 1;
        let chosen: Vec<SheetPoint> = list.iter().map(|&i| points[i]).collect();
        sheets.sheets.push(describe(label, area, &chosen));
        sheets
            .labels
            .extend(std::iter::repeat_n(label, chosen.len()));
        sheets.points.extend(chosen);
    }
    sheets
}

fn describe(label: u16, area: f64, points: &[SheetPoint]) -> Sheet {
    let low = points.iter().map(|p| p.position).fold(Vec3::MAX, Vec3::min);
    let high = points.iter().map(|p| p.position).fold(Vec3::MIN, Vec3::max);
    let total: f64 = points.iter().map(|p| f64::from(p.strength)).sum();
    Sheet {
        label,
        area,
        saliency: total / points.len() as f64,
        bounds: [low.to_array(), high.to_array()],
    }
}

fn root(parents: &mut [u32], mut i: u32) -> u32 {
    while parents[i as usize] != i {
        let above = parents[parents[i as usize] as usize];
        parents[i as usize] = above;
        i = above;
    }
    i
}

/// The lower root becomes that of both.
fn join(parents: &mut [u32], a: u32, b: u32) {
    let (a, b) = (root(parents, a), root(parents, b));
    parents[a.max(b) as usize] = a.min(b);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sphere_points;

    #[test]
    fn spheres_are_told_apart_and_weak_or_small_ones_left_out() {
        let big = sphere_points(Vec3::splat(40.0), 20.0, 5000, 0.0);
        let near = sphere_points(Vec3::new(75.0, 40.0, 40.0), 11.0, 1500, 0.0);
        let small = sphere_points(Vec3::new(40.0, 80.0, 40.0), 3.0, 110, 0.0);
        let mut weak = sphere_points(Vec3::new(40.0, 40.0, 90.0), 12.0, 1800, 0.0);
        for p in &mut weak {
            p.strength = 0.5;
        }
        let points = [near, big, small, weak].concat();
        let sheets = group(&points, 0.9, 200.0);
        assert_eq!(sheets.sheets.len(), 2);
        assert_eq!(sheets.too_small, 1);
        assert!(sheets.sheets[0].area > sheets.sheets[1].area);
        assert_eq!(sheets.labels.iter().filter(|l| **l == 1).count(), 5000);
        assert_eq!(sheets.labels.iter().filter(|l| **l == 2).count(), 1500);
        assert!((sheets.sheets[0].bounds[1][0] - 60.0).abs() < 0.5);
        assert_eq!(group(&[], 0.0, 0.0), Sheets::default());
    }
}
