//! Where a map is too thin to have a surface: cells between voxels, and bricks of cells with the distance to the next full
//! one, so that a ray passes over what is empty in few steps.

use std::ops::Range;

use glam::DVec3;
use ndarray::Array3;

/// Cells along an edge of a brick.
const EDGE: usize = 4;

/// Which cells between eight voxels reach a threshold at a corner, and how far others are from them. Positions are in voxels
/// (x, y, z) from the centre voxel.
pub(crate) struct Bricks {
    /// The centre voxel (x, y, z).
    centre: DVec3,
    /// Cells along z, y, x.
    cells: [usize; 3],
    /// By the voxel of their lowest corner, `[z, y, x]`.
    reach: Vec<bool>,
    counts: [usize; 3],
    /// Steps (of neighbours by face, edge or corner) to the nearest brick with a cell that reaches, `[z, y, x]`.
    away: Vec<u8>,
    /// Whether the nothing outside of the map reaches.
    outside: bool,
}

impl Bricks {
    pub(crate) fn new(map: &Array3<f32>, threshold: f32) -> Self {
        let (nz, ny, nx) = map.dim();
        let [cz, cy, cx] = [nz, ny, nx].map(|n| n.max(1) - 1);
        let mut reach = vec![false; cz * cy * cx];
        let map = map.as_standard_layout();
        let values = map.as_slice().unwrap_or_default();
        let row = |z: usize, y: usize| &values[(z * ny + y) * nx..][..nx];
        let mut column = vec![false; nx];
        for (i, line) in reach.chunks_exact_mut(cx.max(1)).enumerate() {
            let (z, y) = (i / cy, i % cy);
            let rows = [row(z, y), row(z, y + 1), row(z + 1, y), row(z + 1, y + 1)];
            for (x, reaches) in column.iter_mut().enumerate() {
                *reaches = rows.iter().any(|row| row[x] >= threshold);
            }
            for (x, reaches) in line.iter_mut().enumerate() {
                *reaches = column[x] | column[x + 1];
            }
        }
        let cells = [cz, cy, cx];
        let bricks = cells.map(|n| n.div_ceil(EDGE));
        let away = distances(bricks, &full_bricks(cells, bricks, &reach));
        let middle = |n: usize| (n / 2) as f64;
        Self {
            centre: DVec3::new(middle(nx), middle(ny), middle(nz)),
            cells,
            reach,
            counts: bricks,
            away,
            outside: 0.0 >= threshold,
        }
    }

    /// The cell `[z, y, x]` of a position inside; the nearest of those outside.
    #[inline]
    fn cell(&self, position: DVec3) -> [usize; 3] {
        let at = (position + self.centre).as_ivec3();
        let [cz, cy, cx] = self.cells;
        let within = |v: i32, n: usize| (v.max(0) as usize).min(n.max(1) - 1);
        [within(at.z, cz), within(at.y, cy), within(at.x, cx)]
    }

    /// Whether the density may reach the threshold at a position inside.
    #[inline]
    pub(crate) fn reaches(&self, position: DVec3) -> bool {
        let ([z, y, x], [_, cy, cx]) = (self.cell(position), self.cells);
        self.outside || self.reach.get((z * cy + y) * cx + x) == Some(&true)
    }

    /// How far around a position inside no cell reaches, voxels.
    #[inline]
    pub(crate) fn empty_around(&self, position: DVec3) -> f64 {
        let ([z, y, x], [_, by, bx]) = (self.cell(position), self.counts);
        let away = self.away.get((z / EDGE * by + y / EDGE) * bx + x / EDGE);
        match away {
            Some(away) if !self.outside => EDGE as f64 * f64::from(away.saturating_sub(1)),
            _ => 0.0,
        }
    }

    /// Of `steps` steps along a ray those that may reach: the ones inside the map, all where the nothing outside does.
    pub(crate) fn steps_inside(&self, first: DVec3, along: DVec3, steps: usize) -> Range<usize> {
        if self.outside {
            return 0..steps;
        }
        let [mut enter, mut leave] = [0.0_f64, steps as f64];
        let [cz, cy, cx] = self.cells;
        for (axis, cells) in [cx, cy, cz].into_iter().enumerate() {
            let at = first[axis] + self.centre[axis];
            if along[axis].abs() < 1e-9 {
                if !(0.0..=cells as f64).contains(&at) {
                    return 0..0;
                }
                continue;
            }
            let [a, b] = [0.0, cells as f64].map(|edge| (edge - at) / along[axis]);
            enter = enter.max(a.min(b));
            leave = leave.min(a.max(b));
        }
        if enter > leave {
            return 0..0;
        }
        // One more at either end, for roundings: nothing is dense outside.
        let begin = enter.floor() as usize;
        begin..((leave.ceil().max(0.0) as usize) + 1).min(steps)
    }
}

/// Which bricks have a cell that reaches.
fn full_bricks([_, cy, cx]: [usize; 3], [bz, by, bx]: [usize; 3], reach: &[bool]) -> Vec<bool> {
    let mut full = vec![false; bz * by * bx];
    for (i, line) in reach.chunks_exact(cx.max(1)).enumerate() {
        let first = (i / cy / EDGE * by + i % cy / EDGE) * bx;
        for (brick, cells) in full[first..].iter_mut().zip(line.chunks(EDGE)) {
            *brick |= cells.contains(&true);
        }
    }
    full
}

/// Steps from each brick to the nearest full one, 255 at most: along each axis in turn, each brick may be as far as a
/// neighbour and one more.
#[expect(
    clippy::excessive_nesting,
    reason = "loops over the axes of an array, one in another"
)]
fn distances(bricks: [usize; 3], full: &[bool]) -> Vec<u8> {
    let [bz, by, bx] = bricks;
    let mut away: Vec<u8> = full
        .iter()
        .map(|full| if *full { 0 } else { 255 })
        .collect();
    let longest = bz.max(by).max(bx).min(255) as u8;
    for distance in 1..=longest {
        // All neighbours of what is `distance − 1` away.
        let mut found = false;
        for i in 0..away.len() {
            if away[i] != distance - 1 {
                continue;
            }
            let (z, y, x) = (i / bx / by, i / bx % by, i % bx);
            let around = |v: usize, n: usize| v.saturating_sub(1)..(v + 2).min(n);
            for z in around(z, bz) {
                for y in around(y, by) {
                    for x in around(x, bx) {
                        let other = &mut away[(z * by + y) * bx + x];
                        if *other > distance {
                            *other = distance;
                            found = true;
                        }
                    }
                }
            }
        }
        if !found {
            break;
        }
    }
    away
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said to be empty is empty, and distances are those to the one full cell.
    #[test]
    fn bricks_around_one_dense_voxel() {
        let mut map = Array3::<f32>::zeros((30, 27, 33));
        map[[8, 8, 8]] = 1.0;
        let bricks = Bricks::new(&map, 0.5);
        assert_eq!(bricks.reach.iter().filter(|r| **r).count(), 8);
        let middle = |[z, y, x]: [usize; 3]| {
            DVec3::new(x as f64, y as f64, z as f64) + DVec3::splat(0.5) - bricks.centre
        };
        assert!(bricks.reaches(middle([7, 8, 7])) && !bricks.reaches(middle([9, 8, 8])));
        for [z, y, x] in [[0, 0, 0], [28, 25, 31], [8, 20, 8], [12, 12, 12], [9, 8, 8]] {
            let nearest = |v: usize| {
                if v > 8 {
                    v - 8
                } else {
                    7_usize.saturating_sub(v)
                }
            };
            let distance = nearest(z).max(nearest(y)).max(nearest(x));
            let empty = bricks.empty_around(middle([z, y, x]));
            assert!(empty <= distance as f64 && empty + 8.0 > distance as f64);
        }
    }

    #[test]
    fn rays_are_followed_inside() {
        let map = Array3::<f32>::zeros((20, 20, 20));
        let bricks = Bricks::new(&map, 0.5);
        let from = DVec3::new(2.0, -3.0, 30.0);
        // The last voxel lies 9 from the centre, the first 10.
        let steps = |from, along| bricks.steps_inside(from, along, 1000);
        assert_eq!(steps(from, DVec3::NEG_Z), 21..41);
        assert!(steps(from, DVec3::Z).is_empty());
        assert!(steps(DVec3::new(40.0, 0.0, 30.0), DVec3::NEG_Z).is_empty());
        let dense = Bricks::new(&map, -1.0);
        assert_eq!(dense.steps_inside(from, DVec3::Z, 1000), 0..1000);
    }
}
