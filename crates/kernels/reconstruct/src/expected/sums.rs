//! The sums: whole numbers of quanta over half of the padded Fourier space up to a band.

use rayon::prelude::*;

use super::accumulate::{Insertion, Room};
use super::contribution::Bound;
use super::{Contribution, Quanta};
use crate::ReconstructError;
use crate::fourier_slice::check_box;
use crate::half_space::HalfSpace;

/// Real and imaginary part of Σ w·D, and Σ w·W.
pub(super) type Element = [i64; 3];

/// No element may grow beyond this.
pub(super) const LARGEST: i64 = 1 << 62;

/// Sums of one half set, one class, or a block of particles of it. Equal particles and placements give equal sums, in any
/// order and any division into blocks.
///
/// Memory is 24 bytes · (2e + 1)² · (e + 1) with e = padding · (band + ½), at most half of the padded box: for the whole band
/// of a box of 64, 96 and 128 voxels padded twice 26, 87 and 206 MB (two half sets: twice that); for half of the band 3.7,
/// 12 and 28 MB. Insertion keeps two bytes for each sample of a call, 16 MB at most; calls with a dozen particles or more
/// cost least.
#[derive(Clone, Debug)]
pub struct ExpectedSums {
    box_size: usize,
    padding: usize,
    band: usize,
    quanta: Quanta,
    pub(super) placements: u64,
    pub(super) elements: Vec<Element>,
    /// No element is larger than this, in quanta.
    pub(super) filled: f64,
    room: Room,
}

impl PartialEq for ExpectedSums {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind()
            && self.placements == other.placements
            && self.elements == other.elements
    }
}

/// What two sums must have in common to be added: box, padding, band, quanta.
type Kind = (usize, usize, usize, Quanta);

impl ExpectedSums {
    /// Empty sums for particles in boxes of `box_size` voxels, a Fourier space padded `padding` times (2 as a rule), samples
    /// of shells up to `band` (cycles per box).
    ///
    /// # Errors
    /// [`ReconstructError::Parameter`] for a box outside 2 to 4096, a padding outside 1 to 4, a band outside 1 to ⌊n/2⌋, or
    /// quanta that are not powers of two.
    pub fn new(
        box_size: usize,
        padding: usize,
        band: usize,
        quanta: Quanta,
    ) -> Result<Self, ReconstructError> {
        check_box(box_size, padding)?;
        if !(1..=box_size / 2).contains(&band) {
            return Err(ReconstructError::parameter(
                "band",
                &band,
                "1 to half of the box",
            ));
        }
        quanta.check()?;
        let length = Self::space_of(box_size, padding, band).len();
        Ok(Self {
            box_size,
            padding,
            band,
            quanta,
            placements: 0,
            elements: vec![Element::default(); length],
            filled: 0.0,
            room: Room::default(),
        })
    }

    /// The half space that holds all samples of shells up to `band` (none from Nyquist on).
    pub(super) fn space_of(box_size: usize, padding: usize, band: usize) -> HalfSpace {
        let whole = HalfSpace::new(box_size, padding).extent;
        HalfSpace {
            extent: whole.min((padding * (2 * band + 1)).div_ceil(2)),
        }
    }

    pub(super) fn space(&self) -> HalfSpace {
        Self::space_of(self.box_size, self.padding, self.band)
    }

    /// Voxels along the edge of a box.
    pub fn box_size(&self) -> usize {
        self.box_size
    }

    /// How many times the Fourier space is padded.
    pub fn padding(&self) -> usize {
        self.padding
    }

    /// Largest shell.
    pub fn band(&self) -> usize {
        self.band
    }

    /// The units of the sums.
    pub fn quanta(&self) -> Quanta {
        self.quanta
    }

    /// Number of placements inserted.
    pub fn placements(&self) -> u64 {
        self.placements
    }

    /// Adds particles. Samples beyond the band, or from Nyquist on, are left out. On an error the sums are as before.
    ///
    /// # Errors
    /// [`ReconstructError::Length`], [`ReconstructError::Contribution`] for a particle that cannot be added,
    /// [`ReconstructError::Overflow`] when the sums could grow beyond 2⁶² quanta.
    pub fn insert(&mut self, contributions: &[Contribution<'_>]) -> Result<(), ReconstructError> {
        let bounds: Vec<Bound> = contributions
            .par_iter()
            .enumerate()
            .map(|(index, contribution)| contribution.check(index, self.quanta))
            .collect::<Result<_, _>>()?;
        let bound = bounds
            .iter()
            .map(|bound| bound.products.max(bound.weights))
            .sum();
        self.make_room(bound)?;
        let insertion = Insertion {
            space: self.space(),
            padding: self.padding,
            box_size: self.box_size,
            quanta: self.quanta,
        };
        insertion.run(&mut self.elements, contributions, &mut self.room);
        let placements: usize = contributions.iter().map(|c| c.placements.len()).sum();
        self.placements += placements as u64;
        Ok(())
    }

    /// Fails unless `bound` quanta can be added to any element; counts them.
    fn make_room(&mut self, bound: f64) -> Result<(), ReconstructError> {
        if self.filled + bound >= LARGEST as f64 {
            self.filled = self.largest();
        }
        if self.filled + bound >= LARGEST as f64 {
            return Err(ReconstructError::Overflow {
                filled: self.filled,
                added: bound,
            });
        }
        self.filled += bound;
        Ok(())
    }

    /// The largest size of an element, quanta.
    pub(super) fn largest(&self) -> f64 {
        let values = self.elements.as_flattened().par_iter();
        let largest = values.map(|value| value.unsigned_abs()).max();
        largest.unwrap_or(0) as f64
    }

    fn kind(&self) -> Kind {
        (self.box_size, self.padding, self.band, self.quanta)
    }

    /// Fails unless sums are of the same box, padding, band and quanta.
    pub(super) fn check_kind(&self, other: &Self) -> Result<(), ReconstructError> {
        if self.kind() == other.kind() {
            return Ok(());
        }
        let name = |(n, padding, band, quanta): Kind| {
            format!(
                "box {n}, padding {padding}, band {band}, quanta {:e} and {:e}",
                quanta.products, quanta.weights
            )
        };
        Err(ReconstructError::DifferentSums {
            found: name(other.kind()),
            expected: name(self.kind()),
        })
    }

    /// Adds the sums of another block.
    ///
    /// # Errors
    /// [`ReconstructError::DifferentSums`] when box, padding, band or quanta differ, [`ReconstructError::Overflow`] when the
    /// sums could grow beyond 2⁶² quanta.
    pub fn add(&mut self, other: &Self) -> Result<(), ReconstructError> {
        self.check_kind(other)?;
        self.make_room(other.largest())?;
        self.elements
            .par_iter_mut()
            .zip(&other.elements)
            .for_each(|(sum, element)| {
                for (sum, value) in sum.iter_mut().zip(element) {
                    *sum += value;
                }
            });
        self.placements += other.placements;
        Ok(())
    }
}
