//! Which shell each element of a half spectrum belongs to.

use ndarray::{Array3, ArrayView2};
use rayon::prelude::*;
use thon_compute::parallel::sum_lists;

use crate::fft::signed_index;

/// How often a stored coefficient of a half spectrum counts in a sum over a shell.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Counting {
    /// Every coefficient of the whole spectrum once: a stored one twice where its mirror is not stored. The same curve
    /// whichever way the map lies in its box.
    #[default]
    Whole,
    /// Every stored coefficient once, as RELION counts: the plane x = 0 weighs twice as much as the rest.
    Stored,
}

/// The shells of the half spectrum of a field `[nz, ny, nx]`.
#[derive(Debug, Clone)]
pub struct Shells {
    dims: [usize; 3],
    reference: usize,
    squares: [Vec<f64>; 3],
    counting: Counting,
}

/// One element of a half spectrum as a shell sum sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    /// Shell number, at most [`Shells::last`].
    pub shell: usize,
    /// 1, or 2 where the mirrored coefficient is not stored and counts.
    pub weight: f64,
}

impl Shells {
    /// The shells of a field `[nz, ny, nx]`; an image is `[1, ny, nx]`.
    pub fn new(dims: [usize; 3]) -> Self {
        let reference = dims.into_iter().max().unwrap_or(0);
        let square = |k: f64, length: usize| (k * reference as f64 / length as f64).powi(2);
        let full = |length: usize| {
            (0..length)
                .map(|i| square(signed_index(i, length) as f64, length))
                .collect()
        };
        let half = (0..=dims[2] / 2)
            .map(|i| square(i as f64, dims[2].max(1)))
            .collect();
        Self {
            dims,
            reference,
            squares: [full(dims[0]), full(dims[1]), half],
            counting: Counting::Whole,
        }
    }

    /// The same shells with sums that count as told.
    #[must_use]
    pub fn counting(self, counting: Counting) -> Self {
        Self { counting, ..self }
    }

    /// Extents of the field.
    pub fn dims(&self) -> [usize; 3] {
        self.dims
    }

    /// The last shell, floor(n/2) of the longest axis.
    pub fn last(&self) -> usize {
        self.reference / 2
    }

    /// Number of shells: `last() + 1`.
    pub fn count(&self) -> usize {
        self.last() + 1
    }

    /// Frequency of a shell in cycles per voxel of the longest axis: shell / n.
    pub fn frequency(&self, shell: usize) -> f64 {
        shell as f64 / self.reference.max(1) as f64
    }

    /// Frequencies of all shells, cycles per voxel.
    pub fn frequencies(&self) -> Vec<f64> {
        (0..self.count())
            .map(|shell| self.frequency(shell))
            .collect()
    }

    /// Radius of element `[z, y, x]` of the half spectrum in (fractional) shells.
    pub fn radius(&self, [z, y, x]: [usize; 3]) -> f64 {
        (self.squares[0][z] + self.squares[1][y] + self.squares[2][x]).sqrt()
    }

    /// Shell of element `[z, y, x]` of the half spectrum; `None` in the corners beyond the last shell.
    pub fn shell(&self, element: [usize; 3]) -> Option<usize> {
        let shell = self.radius(element).round() as usize;
        (shell <= self.last()).then_some(shell)
    }

    pub(super) fn member(&self, element: [usize; 3]) -> Option<Member> {
        let x = element[2];
        let stored_alone = self.counting == Counting::Whole && x > 0 && 2 * x != self.dims[2];
        self.shell(element).map(|shell| Member {
            shell,
            weight: if stored_alone { 2.0 } else { 1.0 },
        })
    }

    /// Σ over every shell of `quantities` values per element: `add(plane, element, weight, sums)` adds an element's
    /// contribution to its shell's `sums`. Result: `quantities` values per shell, shell after shell.
    pub(super) fn sum<T: Sync + Send>(
        &self,
        spectrum: &Array3<T>,
        quantities: usize,
        add: impl Fn(&ArrayView2<T>, [usize; 3], f64, &mut [f64]) + Sync,
    ) -> Vec<f64> {
        self.check(spectrum.shape());
        let planes: Vec<Vec<f64>> = spectrum
            .outer_iter()
            .into_par_iter()
            .enumerate()
            .map(|(z, plane)| {
                let mut sums = vec![0.0; self.count() * quantities];
                for (y, x) in indices(plane.dim()) {
                    if let Some(Member { shell, weight }) = self.member([z, y, x]) {
                        let range = shell * quantities..(shell + 1) * quantities;
                        add(&plane, [z, y, x], weight, &mut sums[range]);
                    }
                }
                sums
            })
            .collect();
        if planes.is_empty() {
            vec![0.0; self.count() * quantities]
        } else {
            sum_lists(planes)
        }
    }

    pub(super) fn check(&self, shape: &[usize]) {
        let [nz, ny, nx] = self.dims;
        assert_eq!(
            shape,
            [nz, ny, nx / 2 + 1],
            "half spectrum against shells of {:?}",
            self.dims
        );
    }
}

fn indices((rows, columns): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}
