//! One side of a sheet: normals that agree with their neighbours'.
//!
//! Signs spread from point to point, over the best agreeing neighbours first (a minimum spanning tree; Hoppe et al. 1992, SIGGRAPH
//! 26:71). Of the two sides left, the one that points away from the middle of the sheet is taken: outwards, on closed membranes.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use thon_geometry::glam::Vec3;

use crate::neighbours::Cells;
use crate::sheets::{STEP, Sheets};

/// A neighbour that waits for its sign.
#[derive(PartialEq)]
struct Step {
    agreement: f32,
    from: u32,
    to: u32,
}

impl Eq for Step {}

impl Ord for Step {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_agreement = self.agreement.total_cmp(&other.agreement);
        // Ties: the lower indices first, so that the order is always the same.
        by_agreement
            .then(other.from.cmp(&self.from))
            .then(other.to.cmp(&self.to))
    }
}

impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Sheets {
    /// Turns the normals of each sheet to one side of it: outwards where it is closed or bulges.
    pub fn orient(&mut self) {
        let mut first = 0;
        while first < self.points.len() {
            let label = self.labels[first];
            let count = self.labels[first..]
                .iter()
                .take_while(|l| **l == label)
                .count();
            orient_sheet(&mut self.points[first..first + count]);
            first += count;
        }
    }
}

fn orient_sheet(points: &mut [crate::ridge::SheetPoint]) {
    let positions: Vec<Vec3> = points.iter().map(|p| p.position).collect();
    let cells = Cells::new(&positions, STEP);
    let mut seen = vec![false; points.len()];
    for start in 0..points.len() {
        if seen[start] {
            continue;
        }
        seen[start] = true;
        let mut part = vec![start];
        let mut waiting = BinaryHeap::new();
        let mut at = start;
        loop {
            for to in cells.near(positions[at], STEP) {
                if !seen[to] && positions[to].distance_squared(positions[at]) <= STEP * STEP {
                    waiting.push(Step {
                        agreement: points[at].normal.dot(points[to].normal).abs(),
                        from: at as u32,
                        to: to as u32,
                    });
                }
            }
            let next = loop {
                match waiting.pop() {
                    Some(step) if seen[step.to as usize] => {}
                    other => break other,
                }
            };
            let Some(Step { from, to, .. }) = next else {
                break;
            };
            at = to as usize;
            seen[at] = true;
            part.push(at);
            if points[at].normal.dot(points[from as usize].normal) < 0.0 {
                points[at].normal = -points[at].normal;
            }
        }
        point_outwards(points, &part);
    }
}

fn point_outwards(points: &mut [crate::ridge::SheetPoint], part: &[usize]) {
    let sum: Vec3 = part.iter().map(|&i| points[i].position).sum();
    let middle = sum / part.len() as f32;
    let outwards: f64 = part
        .iter()
        .map(|&i| f64::from((points[i].position - middle).dot(points[i].normal)))
        .sum();
    if outwards < 0.0 {
        for &i in part {
            points[i].normal = -points[i].normal;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheets::group;
    use crate::testing::sphere_points;

    #[test]
    fn normals_of_spheres_point_outwards() {
        let centres = [Vec3::splat(40.0), Vec3::new(90.0, 40.0, 40.0)];
        let mut points = sphere_points(centres[0], 20.0, 5000, 0.1);
        points.extend(sphere_points(centres[1], 12.0, 2000, 0.1));
        for (i, p) in points.iter_mut().enumerate() {
            if i * 7919 % 3 == 0 {
                p.normal = -p.normal;
            }
        }
        let mut sheets = group(&points, 0.0, 10.0);
        sheets.orient();
        for (p, label) in sheets.points.iter().zip(&sheets.labels) {
            let centre = centres[usize::from(*label) - 1];
            assert!(p.normal.dot((p.position - centre).normalize()) > 0.99);
        }
    }
}
