//! The columns of a spectrum that hold anything: those (kx, ky) within the band limit.
//!
//! Columns run along kz. They are numbered kx by kx, and within one kx by ky = 0, 1, …, then the negative ones, so that those of one kx
//! lie together.

/// The columns of one kx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Index of kx on its axis.
    pub kx: usize,
    /// Number of its first column.
    pub first: usize,
    /// How many columns it has.
    pub count: usize,
    /// How many of them have ky ≥ 0.
    pub positive: usize,
}

/// All columns within a band limit.
#[derive(Clone, Debug)]
pub(crate) struct Band {
    /// By kx: 0, 1, …, then the negative ones.
    pub runs: Vec<Run>,
    /// Number of all columns.
    pub columns: usize,
    ny: usize,
}

/// (count of all, count of those ≥ 0) of the indices whose frequency is at most `limit` cycles per voxel.
fn indices(length: usize, limit: f64) -> (usize, usize) {
    let highest = (limit * length as f64 + 1e-9).floor() as usize;
    if 2 * highest + 1 >= length {
        (length, length.div_ceil(2))
    } else {
        (2 * highest + 1, highest + 1)
    }
}

impl Band {
    /// Columns of transforms of `[ny, nx]` with kx² + ky² ≤ `limit`², cycles per voxel.
    pub fn new(ny: usize, nx: usize, limit: f64) -> Self {
        let (count, positive) = indices(nx, limit);
        let (mut runs, mut columns) = (Vec::with_capacity(count), 0);
        for rank in 0..count {
            let (kx, signed) = if rank < positive {
                (rank, rank as f64)
            } else {
                (nx - count + rank, (count - rank) as f64)
            };
            let across = signed / nx as f64;
            let left = (limit * limit - across * across).max(0.0).sqrt();
            let (count, positive) = indices(ny, left);
            runs.push(Run {
                kx,
                first: columns,
                count,
                positive,
            });
            columns += count;
        }
        Self { runs, columns, ny }
    }

    /// Index of ky of a column of a run.
    pub fn ky(&self, run: &Run, rank: usize) -> usize {
        if rank < run.positive {
            rank
        } else {
            self.ny - run.count + rank
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_signal::fft::frequency;

    #[test]
    fn the_band_is_a_disc() {
        for (ny, nx, limit) in [(20, 24, 0.5), (21, 15, 0.3), (8, 9, 0.8)] {
            let band = Band::new(ny, nx, limit);
            let mut held = vec![false; ny * nx];
            for run in &band.runs {
                for rank in 0..run.count {
                    let at = band.ky(run, rank) * nx + run.kx;
                    assert!(!held[at]);
                    held[at] = true;
                }
            }
            for y in 0..ny {
                for x in 0..nx {
                    let inside = frequency(y, ny).hypot(frequency(x, nx)) <= limit + 1e-9;
                    assert_eq!(held[y * nx + x], inside, "{y} {x} of {ny} {nx}");
                }
            }
            assert_eq!(held.iter().filter(|h| **h).count(), band.columns);
        }
    }
}
