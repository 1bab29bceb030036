//! One frame as it should have been recorded: gain applied, defects replaced; whole, or binned for the search of motion.

use rayon::prelude::*;

use crate::defects::{DefectMap, StandIns};
use crate::error::MotionError;
use crate::frames::{FrameStore, TASK};

/// Frames of one movie, corrected on the way.
pub(crate) struct CorrectedFrames<'a> {
    store: &'a FrameStore<'a>,
    factors: Option<&'a [f32]>,
    stand_ins: StandIns,
    /// Defective pixels.
    pub defects: usize,
}

impl<'a> CorrectedFrames<'a> {
    /// Finds the defects of this movie beside the known ones.
    pub fn new(
        store: &'a FrameStore<'a>,
        factors: Option<&'a [f32]>,
        known: &DefectMap,
        search: bool,
    ) -> Self {
        let mut map = known.clone();
        if let Some(factors) = factors {
            map.add_blind(factors);
        }
        if search {
            map.find(&store.sum, factors);
        }
        let stand_ins = map.stand_ins();
        Self {
            store,
            factors,
            defects: map.count(),
            stand_ins,
        }
    }

    /// Size of a frame, `[ny, nx]`.
    pub fn size(&self) -> [usize; 2] {
        self.store.size()
    }

    /// The frames with electrons: indices into the movie.
    pub fn usable(&self) -> &[usize] {
        &self.store.usable
    }

    /// Frame `index` of the movie, corrected.
    pub fn read(&self, index: usize, frame: &mut [f32]) -> Result<(), MotionError> {
        self.store.frame(index, frame)?;
        if let Some(factors) = self.factors {
            (frame.par_chunks_mut(TASK), factors.par_chunks(TASK))
                .into_par_iter()
                .for_each(|(values, factors)| {
                    for (value, factor) in values.iter_mut().zip(factors) {
                        *value *= factor;
                    }
                });
        }
        let mean = self.store.means[index] as f32;
        self.stand_ins.replace(frame, index as u64, mean);
        Ok(())
    }
}

/// Frames (or groups of them) on larger pixels.
pub(crate) struct BinnedFrames {
    /// `[ny, nx]` of each.
    pub size: [usize; 2],
    /// Movie pixels along an edge of a binned pixel.
    pub bin: usize,
    /// The frames, `[ny · nx]` each, mean zero.
    pub frames: Vec<Vec<f32>>,
    /// Which usable frames each is the sum of, as positions in the list of usable frames.
    pub groups: Vec<std::ops::Range<usize>>,
}

impl BinnedFrames {
    /// Reads, groups and bins a movie.
    pub fn read(
        frames: &CorrectedFrames<'_>,
        bin: usize,
        group: usize,
    ) -> Result<Self, MotionError> {
        let [ny, nx] = frames.size();
        let size = [ny / bin, nx / bin];
        let count = frames.usable().len();
        let groups: Vec<_> = (0..count.div_ceil(group))
            .map(|g| g * group..((g + 1) * group).min(count))
            .collect();
        let mut whole = vec![0.0; ny * nx];
        let mut binned = Vec::with_capacity(groups.len());
        for range in &groups {
            let mut sum = vec![0.0; size[0] * size[1]];
            for position in range.clone() {
                frames.read(frames.usable()[position], &mut whole)?;
                add_binned(&whole, nx, bin, &mut sum, size[1]);
            }
            // A last group of fewer frames would weigh less in every product.
            centre(&mut sum);
            binned.push(sum);
        }
        Ok(Self {
            size,
            bin,
            frames: binned,
            groups,
        })
    }

    /// The same on pixels `factor` times as large again.
    pub fn coarser(&self, factor: usize) -> Self {
        let size = self.size.map(|n| n / factor);
        let frames = self.frames.iter().map(|frame| {
            let mut sum = vec![0.0; size[0] * size[1]];
            add_binned(frame, self.size[1], factor, &mut sum, size[1]);
            centre(&mut sum);
            sum
        });
        Self {
            size,
            bin: self.bin * factor,
            frames: frames.collect(),
            groups: self.groups.clone(),
        }
    }
}

/// Adds squares of `bin` × `bin` pixels of rows of `nx` to `sum`, rows of `columns`.
fn add_binned(values: &[f32], nx: usize, bin: usize, sum: &mut [f32], columns: usize) {
    sum.par_chunks_mut(columns)
        .enumerate()
        .for_each(|(row, sums)| {
            pulp::Arch::new().dispatch(|| {
                for y in row * bin..(row + 1) * bin {
                    let line = &values[y * nx..y * nx + columns * bin];
                    match bin {
                        1 => sums.iter_mut().zip(line).for_each(|(s, v)| *s += v),
                        2 => sums
                            .iter_mut()
                            .zip(line.chunks_exact(2))
                            .for_each(|(s, v)| *s += v[0] + v[1]),
                        _ => sums
                            .iter_mut()
                            .zip(line.chunks_exact(bin))
                            .for_each(|(s, v)| *s += v.iter().sum::<f32>()),
                    }
                }
            });
        });
}

/// Subtracts the mean.
fn centre(values: &mut [f32]) {
    let parts: Vec<f64> = values
        .par_chunks(TASK)
        .map(|part| part.iter().map(|v| f64::from(*v)).sum())
        .collect();
    let mean = (parts.iter().sum::<f64>() / values.len().max(1) as f64) as f32;
    values.par_iter_mut().for_each(|v| *v -= mean);
}
