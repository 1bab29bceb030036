//! The lattice of a box's transform, one half of it, that slices are laid into by trilinear interpolation.

use glam::DVec3;

/// Interpolation weights below this come from rounding: they must not make a voxel of the wedge a measured one.
const LEAST: f64 = 1e-6;

/// x from 0 to ⌊n/2⌋ + 1, y and z from −(⌊n/2⌋ + 1) to ⌊n/2⌋ + 1.
pub(crate) struct HalfLattice {
    n: usize,
    /// Largest index along an axis.
    extent: i32,
}

impl HalfLattice {
    pub(crate) fn new(n: usize) -> Self {
        Self {
            n,
            extent: (n / 2) as i32 + 1,
        }
    }

    pub(crate) fn len(&self) -> usize {
        let side = 2 * self.extent as usize + 1;
        side * side * (self.extent as usize + 1)
    }

    fn index(&self, x: i32, y: i32, z: i32) -> usize {
        let side = 2 * self.extent + 1;
        (((z + self.extent) * side + y + self.extent) * (self.extent + 1) + x) as usize
    }

    /// Hands the points around a position (cycles per box) to `take`: index, weight, and whether they belong to its Friedel mate.
    #[inline]
    pub(crate) fn spread(&self, position: DVec3, mut take: impl FnMut(usize, f64, bool)) {
        let mirrored = position.x < 0.0;
        let position = if mirrored { -position } else { position };
        let base = position.floor();
        let fraction = position - base;
        let [x, y, z] = base.to_array().map(|v| v as i32);
        let limit = self.extent;
        for corner in 0..8 {
            let offset = [corner & 1, corner >> 1 & 1, corner >> 2 & 1];
            let along = |axis: usize| {
                let f = fraction[axis];
                if offset[axis] == 1 { f } else { 1.0 - f }
            };
            let weight = along(0) * along(1) * along(2);
            let at = [x + offset[0], y + offset[1], z + offset[2]];
            if weight >= LEAST && at.iter().all(|v| v.abs() <= limit) {
                take(self.index(at[0], at[1], at[2]), weight, mirrored);
            }
        }
    }

    /// The points of a half volume `[n, n, n/2 + 1]` in the order of a real transform: index of each, and of its Friedel mate
    /// where both lie in the half space.
    pub(crate) fn transform_order(&self) -> impl Iterator<Item = (usize, Option<usize>)> + '_ {
        let n = self.n;
        let width = n / 2 + 1;
        let signed = move |i: usize| {
            if 2 * i <= n {
                i as i32
            } else {
                i as i32 - n as i32
            }
        };
        (0..n * n * width).map(move |i| {
            let [x, y, z] = [
                (i % width) as i32,
                signed(i / width % n),
                signed(i / width / n),
            ];
            let mate = (x == 0 && (y != 0 || z != 0)).then(|| self.index(0, -y, -z));
            (self.index(x, y, z), mate)
        })
    }
}
