//! Point symmetry: the sums of all particles in all the orientations that look alike.

use glam::{DMat3, DQuat, DVec3};
use rayon::prelude::*;

use super::ExpectedSums;
use super::sums::{Element, LARGEST};
use crate::ReconstructError;
use crate::half_space::HalfSpace;

impl ExpectedSums {
    /// Replaces the value at each k by the sum over all rotations S of the values at S k, as if every particle had been
    /// inserted in all the orientations that the symmetry allows. `rotations` is the whole group, the identity among them
    /// (empty or the identity alone: nothing changes). Values between elements are interpolated and counted in whole quanta.
    ///
    /// # Errors
    /// [`ReconstructError::Overflow`] when the sums could grow beyond 2⁶² quanta.
    pub fn symmetrise(&mut self, rotations: &[DQuat]) -> Result<(), ReconstructError> {
        if rotations.len() < 2 {
            return Ok(());
        }
        // Twice: the origin plane counts for both mates.
        let filled = self.largest() * 2.0 * rotations.len() as f64;
        if filled >= LARGEST as f64 {
            return Err(ReconstructError::Overflow {
                filled: self.largest(),
                added: filled,
            });
        }
        let space = self.space();
        let operators: Vec<DMat3> = rotations.iter().map(|r| DMat3::from_quat(*r)).collect();
        complete(space, &mut self.elements);
        let old = std::mem::take(&mut self.elements);
        let mut new = vec![Element::default(); old.len()];
        new.par_chunks_mut(space.plane())
            .enumerate()
            .for_each(|(z, plane)| symmetrise_plane(space, &operators, &old, z, plane));
        self.elements = new;
        self.filled = filled;
        Ok(())
    }
}

/// All elements of one z from the completed sums. Elements with x = 0 get half, as their mates get the other half.
fn symmetrise_plane(
    space: HalfSpace,
    operators: &[DMat3],
    old: &[Element],
    z: usize,
    plane: &mut [Element],
) {
    let extent = space.extent as f64;
    for (i, element) in plane.iter_mut().enumerate() {
        let (x, y) = (i % space.width(), i / space.width());
        let k = DVec3::new(x as f64, y as f64 - extent, z as f64 - extent);
        if k.length() >= extent {
            continue;
        }
        let mut sum = [0.0; 3];
        for operator in operators {
            let cell = space.cell(*operator * k);
            let sign = if cell.mirrored { -1.0 } else { 1.0 };
            let [ix, iy, iz] = cell.index;
            let first = (iz * space.height() + iy) * space.width() + ix;
            for (corner, share) in space.corners().into_iter().zip(cell.weights()) {
                let [re, im, weight] = old[first + corner].map(|v| v as f64);
                let share = f64::from(share);
                sum[0] += share * re;
                sum[1] += share * sign * im;
                sum[2] += share * weight;
            }
        }
        let part = if x == 0 { 0.5 } else { 1.0 };
        for (value, sum) in element.iter_mut().zip(sum) {
            *value = (sum * part).round() as i64;
        }
    }
}

/// Elements with x = 0 hold the share of samples from x ≥ 0: gives both mates the sum of the two.
fn complete(space: HalfSpace, elements: &mut [Element]) {
    let extent = space.extent as isize;
    for z in 0..=extent {
        for y in -extent..=extent {
            if z == 0 && y < 0 {
                continue;
            }
            let (here, mate) = (space.index(0, y, z), space.index(0, -y, -z));
            let ([a, b, c], [d, e, f]) = (elements[here], elements[mate]);
            elements[here] = [a + d, b - e, c + f];
            elements[mate] = [a + d, e - b, c + f];
        }
    }
}
