//! What a block of particles contributes to an iteration.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thon_likelihood::Posterior;
use thon_reconstruct::ExpectedSums;

use super::UNIT;
use crate::AverageError;
use crate::bytes::{Reader, Writer};
use crate::columns::{read_posteriors, write_posteriors};

const MAGIC: [u8; 8] = *b"thonBLK1";

/// Figures of one particle.
#[derive(Clone, Debug, PartialEq)]
pub struct ParticleRow {
    /// Noise group.
    pub group: u32,
    /// Log-likelihood of the best pose relative to no particle, with the log of the prior.
    pub log_likelihood: f64,
    /// Σ|D − W V|² and ΣW of each shell, unmasked; empty where other particles of the group are enough.
    pub residual: Vec<[f64; 2]>,
    /// Σ Re(D̄ V)/P and Σ W|V|²/P over well determined shells.
    pub overlap: [f64; 2],
}

/// Everything that [`super::reduce`] needs of a range of particles.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockResult {
    /// Index of the first particle.
    pub first: usize,
    /// Rows of the particles.
    pub rows: Vec<ParticleRow>,
    /// New posteriors of the particles.
    pub posteriors: Vec<Posterior>,
    /// Sums of each map: classes of half 0, then those of half 1.
    pub sums: Vec<ExpectedSums>,
}

#[derive(Serialize, Deserialize)]
struct BlockHead {
    first: usize,
    particles: usize,
    shells: usize,
    maps: usize,
}

/// Ranges that cover all particles in `blocks` blocks of about equal size (fewer when there are fewer units).
///
/// ```
/// use thon_average::block_ranges;
/// assert_eq!(block_ranges(100, 2), [0..64, 64..100]);
/// assert_eq!(block_ranges(10, 4), [0..10]);
/// ```
pub fn block_ranges(particles: usize, blocks: usize) -> Vec<Range<usize>> {
    let units = particles.div_ceil(UNIT);
    let each = units.div_ceil(blocks.max(1)).max(1) * UNIT;
    (0..particles)
        .step_by(each)
        .map(|first| first..particles.min(first + each))
        .collect()
}

impl BlockResult {
    /// The particles of the block.
    pub fn range(&self) -> Range<usize> {
        self.first..self.first + self.rows.len()
    }

    /// The block as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let shells = self.rows.iter().map(|row| row.residual.len()).max();
        let head = BlockHead {
            first: self.first,
            particles: self.rows.len(),
            shells: shells.unwrap_or(0),
            maps: self.sums.len(),
        };
        let mut writer = Writer::new(MAGIC, &head);
        let mut values = Vec::with_capacity(self.rows.len() * (4 + 2 * head.shells));
        for row in &self.rows {
            values.extend([f64::from(row.group), row.log_likelihood]);
            values.extend(row.overlap);
            values.extend(row.residual.as_flattened());
            let missing = 2 * (head.shells - row.residual.len());
            values.extend(std::iter::repeat_n(0.0, missing));
        }
        writer.f64s(&values);
        write_posteriors(&mut writer, &self.posteriors);
        for sums in &self.sums {
            writer.bytes(&sums.as_bytes());
        }
        writer.finish()
    }

    /// The block that bytes hold.
    ///
    /// # Errors
    /// [`AverageError::Bytes`] or [`AverageError::Reconstruct`] when they are not those of a block.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AverageError> {
        let (mut reader, head) = Reader::new::<BlockHead>("block", MAGIC, bytes)?;
        let values = reader.f64s()?;
        let wrong = |why: &str| AverageError::bytes("block", why);
        let width = head
            .shells
            .checked_mul(2)
            .and_then(|shells| shells.checked_add(4))
            .ok_or_else(|| wrong("too many shells"))?;
        if head.particles.checked_mul(width) != Some(values.len()) {
            return Err(wrong("rows are missing"));
        }
        let rows = values.chunks(width).map(|row| ParticleRow {
            group: row[0] as u32,
            log_likelihood: row[1],
            overlap: [row[2], row[3]],
            residual: row[4..].as_chunks::<2>().0.to_vec(),
        });
        let rows: Vec<ParticleRow> = rows.collect();
        let posteriors = read_posteriors(&mut reader)?;
        if posteriors.len() != head.particles {
            return Err(wrong("posteriors are missing"));
        }
        let mut sums = Vec::new();
        for _ in 0..head.maps {
            sums.push(ExpectedSums::from_bytes(reader.bytes()?)?);
        }
        reader.finish()?;
        Ok(Self {
            first: head.first,
            rows,
            posteriors,
            sums,
        })
    }
}
