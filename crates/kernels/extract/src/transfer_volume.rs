//! What a subtomogram's 3D CTF file says at a lattice point, in each of RELION's layouts.
//!
//! * 2016 to 3.1: a full volume `[n, n, n]` with its origin at voxel n/2, or a half volume `[n, n, n/2 + 1]` in the order of a
//!   real transform. In the full volume the value of k is taken at −k, so that −n/2 serves +n/2 (RELION 3.1).
//! * 4 and 5: a half volume of Σ CTF² and one of the multiplicity, stacked along z: `[2n, n, n/2 + 1]`, for data that are
//!   multiplied by their CTF already.

use crate::ExtractError;

/// The transfer of one subtomogram.
#[derive(Clone, Copy, Debug)]
pub enum TransferVolume<'a> {
    /// 1 everywhere.
    Absent,
    /// `[n, n, n]`, origin at voxel n/2.
    Full(&'a [f32]),
    /// `[n, n, n/2 + 1]`, order of a real transform.
    Half(&'a [f32]),
    /// `[2n, n, n/2 + 1]`: Σ CTF² and multiplicity; the data are premultiplied.
    Weights(&'a [f32]),
}

impl<'a> TransferVolume<'a> {
    /// The layout that a file of this shape `[z, y, x]` has for boxes of `n` voxels.
    ///
    /// # Errors
    /// [`ExtractError::Size`] for any other shape.
    pub fn of_shape(values: &'a [f32], shape: [usize; 3], n: usize) -> Result<Self, ExtractError> {
        let half = n / 2 + 1;
        let whole = shape.iter().product::<usize>();
        ExtractError::check_length("3D CTF", values.len(), whole)?;
        match shape {
            [z, y, x] if [z, y, x] == [n, n, n] => Ok(Self::Full(values)),
            [z, y, x] if [z, y, x] == [n, n, half] => Ok(Self::Half(values)),
            [z, y, x] if [z, y, x] == [2 * n, n, half] => Ok(Self::Weights(values)),
            [z, y, x] => Err(ExtractError::Size {
                what: "3D CTF",
                expected: format!(
                    "{n} × {n} × {n}, {half} × {n} × {n} or {half} × {n} × {}",
                    2 * n
                ),
                found: format!("{x} × {y} × {z}"),
            }),
        }
    }

    /// The values that [`TransferVolume::index`] leads to.
    pub(crate) fn values(&self) -> &'a [f32] {
        match self {
            Self::Absent => &[],
            Self::Full(values) | Self::Half(values) | Self::Weights(values) => values,
        }
    }

    /// Values at points (x, y), x ≥ 0, cycles per box, of the section through the origin across z: the transfer of what the
    /// subtomogram's projection along z shows (its square for [`TransferVolume::Weights`]).
    pub fn central_section(&self, n: usize, points: &[[i16; 2]]) -> Vec<f32> {
        let at = |[x, y]: &[i16; 2]| {
            let index = self.index(n, [i32::from(*x), i32::from(*y), 0]);
            self.values().get(index).copied()
        };
        points
            .iter()
            .map(|point| at(point).unwrap_or(1.0))
            .collect()
    }

    /// Where the value of a lattice point lies, x ≥ 0.
    pub(crate) fn index(&self, n: usize, [x, y, z]: [i32; 3]) -> usize {
        let wrap = |k: i32| k.rem_euclid(n as i32) as usize;
        match self {
            Self::Absent => 0,
            Self::Full(_) => {
                let at = |k: i32| wrap((n / 2) as i32 - k);
                (at(z) * n + at(y)) * n + at(x)
            }
            Self::Half(_) | Self::Weights(_) => (wrap(z) * n + wrap(y)) * (n / 2 + 1) + x as usize,
        }
    }

    /// Whether a CTF lets anything pass.
    #[inline]
    pub(crate) fn passes(ctf: f32) -> bool {
        ctf != 0.0
    }

    /// Whether a weight counts; what is no number is kept, to be found later.
    #[inline]
    pub(crate) fn weighs(weight: f32) -> bool {
        weight > 0.0 || weight.is_nan()
    }

    /// Whether a point of this value was measured.
    pub(crate) fn measures(&self, value: f32) -> bool {
        match self {
            Self::Absent => true,
            Self::Full(_) | Self::Half(_) => Self::passes(value),
            Self::Weights(_) => Self::weighs(value),
        }
    }

    /// Which layout, for tables.
    pub(crate) fn layout(&self) -> Layout {
        match self {
            Self::Absent => Layout::Absent,
            Self::Full(_) => Layout::Full,
            Self::Half(_) | Self::Weights(_) => Layout::Half,
        }
    }
}

/// Layouts that need a table of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layout {
    Absent,
    Full,
    Half,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_tell_layouts() {
        let values = vec![0.0; 16 * 8 * 5];
        assert!(matches!(
            TransferVolume::of_shape(&values, [16, 8, 5], 8).unwrap(),
            TransferVolume::Weights(_)
        ));
        assert!(matches!(
            TransferVolume::of_shape(&values[..8 * 8 * 5], [8, 8, 5], 8).unwrap(),
            TransferVolume::Half(_)
        ));
        let error = TransferVolume::of_shape(&values[..8 * 8], [1, 8, 8], 8).unwrap_err();
        assert!(error.to_string().contains("found 8 × 8 × 1"), "{error}");
    }

    #[test]
    fn the_central_section_is_that_of_no_z_in_every_layout() {
        let n = 6;
        let value = |x: i32, y: i32, z: i32| {
            (x.abs() + 10 * (x * y).signum() * y.abs() + 100 * z.abs()) as f32
        };
        let mut full = vec![0.0; n * n * n];
        let mut half = vec![0.0; n * n * (n / 2 + 1)];
        for z in -3..3_i32 {
            for y in -3..3_i32 {
                for x in -3..3_i32 {
                    let wrap = |k: i32| (k + 3) as usize;
                    full[(wrap(z) * n + wrap(y)) * n + wrap(x)] = value(x, y, z);
                }
                for x in 0..=3_i32 {
                    let wrap = |k: i32| k.rem_euclid(6) as usize;
                    half[(wrap(z) * n + wrap(y)) * 4 + x as usize] = value(x, y, z);
                }
            }
        }
        let points = [[1, 0], [2, 1], [1, -2], [0, 2]];
        let expected: Vec<f32> = points
            .iter()
            .map(|[x, y]| value(i32::from(*x), i32::from(*y), 0))
            .collect();
        assert_eq!(
            TransferVolume::Full(&full).central_section(n, &points),
            expected
        );
        assert_eq!(
            TransferVolume::Half(&half).central_section(n, &points),
            expected
        );
        assert_eq!(TransferVolume::Absent.central_section(n, &points), [1.0; 4]);
    }

    #[test]
    fn a_full_volume_is_read_at_the_opposite_point() {
        let n = 6;
        let full = TransferVolume::Full(&[]);
        // −k of (1, 2, −1) is (−1, −2, 1), at voxel (2, 1, 4) of a box with its origin at 3.
        assert_eq!(full.index(n, [1, 2, -1]), (4 * n + 1) * n + 2);
        assert_eq!(full.index(n, [3, 0, 0]), (3 * n + 3) * n);
        assert_eq!(
            TransferVolume::Half(&[]).index(n, [1, 2, -1]),
            (5 * n + 2) * 4 + 1
        );
    }
}
