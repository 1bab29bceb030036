//! Frames as they should have been recorded: gain applied, defects replaced, in pieces; or binned, for the search of motion.

use std::ops::Range;

use rayon::prelude::*;
use thon_compute::columns::with_buffer;

use crate::defects::{DefectMap, StandIns};
use crate::error::MotionError;
use crate::frames::{Counts, FrameStore, TASK};
use crate::vectors::vectorised;

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
    ) -> Result<Self, MotionError> {
        let mut map = known.clone();
        if let Some(factors) = factors {
            map.add_blind(factors);
        }
        if search {
            find_defects(store, factors, &mut map)?;
        }
        let stand_ins = map.stand_ins();
        Ok(Self {
            store,
            factors,
            defects: map.count(),
            stand_ins,
        })
    }

    /// Size of a frame, `[ny, nx]`.
    pub fn size(&self) -> [usize; 2] {
        self.store.size()
    }

    /// The frames with electrons: indices into the movie.
    pub fn usable(&self) -> &[usize] {
        &self.store.usable
    }

    /// Hands the usable frames to `work`, as many at a time as lie in memory.
    pub fn each(
        &self,
        mut work: impl FnMut(&[CorrectedFrame<'_>]) -> Result<(), MotionError>,
    ) -> Result<(), MotionError> {
        self.store.each(|batch| {
            let frames: Vec<_> = batch.iter().map(|(p, c)| self.frame(*p, *c)).collect();
            work(&frames)
        })
    }

    fn frame<'b>(&'b self, position: usize, counts: Counts<'b>) -> CorrectedFrame<'b> {
        let number = self.store.usable[position];
        CorrectedFrame {
            position,
            number,
            counts,
            factors: self.factors,
            stand_ins: Some(&self.stand_ins),
            mean: self.store.means[number] as f32,
        }
    }
}

/// Looks for defects in the sum of all usable frames, a band of rows at a time where the frames are in memory.
fn find_defects(
    store: &FrameStore<'_>,
    factors: Option<&[f32]>,
    map: &mut DefectMap,
) -> Result<(), MotionError> {
    let [ny, nx] = store.size();
    let mut sum: Vec<f32> = Vec::new();
    let mut done = false;
    store.each(|batch| {
        if batch.len() == store.usable.len() {
            map.find_by_rows(factors, |first, rows| {
                rows.fill(0.0);
                add_counts(batch, first * nx, rows);
            });
            done = true;
        } else {
            sum.resize(ny * nx, 0.0);
            let parts = sum.par_chunks_mut(TASK).enumerate();
            parts.for_each(|(part, sum)| add_counts(batch, part * TASK, sum));
        }
        Ok(())
    })?;
    if !done {
        map.find(&sum, factors);
    }
    Ok(())
}

/// Adds the pixels from index `start` on.
fn add_counts(batch: &[(usize, Counts<'_>)], start: usize, sum: &mut [f32]) {
    let span = start..start + sum.len();
    vectorised(
        #[inline(always)]
        || {
            for (_, counts) in batch {
                match counts {
                    Counts::Bytes(bytes) => sum
                        .iter_mut()
                        .zip(&bytes[span.clone()])
                        .for_each(|(s, v)| *s += f32::from(*v)),
                    Counts::Floats(values) => sum
                        .iter_mut()
                        .zip(&values[span.clone()])
                        .for_each(|(s, v)| *s += v),
                }
            }
        },
    );
}

/// One frame whose pixels are corrected when they are asked for.
#[derive(Clone, Copy)]
pub(crate) struct CorrectedFrame<'a> {
    /// Position in the list of usable frames.
    pub position: usize,
    /// Its number in the movie.
    pub number: usize,
    counts: Counts<'a>,
    factors: Option<&'a [f32]>,
    stand_ins: Option<&'a StandIns>,
    mean: f32,
}

impl CorrectedFrame<'_> {
    /// Its pixels from index `start` on.
    #[expect(
        clippy::inline_always,
        reason = "inlined into the function that enables the instruction set"
    )]
    #[inline(always)]
    pub fn read(&self, start: usize, pixels: &mut [f32]) {
        let span = start..start + pixels.len();
        match self.counts {
            Counts::Bytes(bytes) => {
                let counts = &bytes[span.clone()];
                pixels
                    .iter_mut()
                    .zip(counts)
                    .for_each(|(p, c)| *p = f32::from(*c));
            }
            Counts::Floats(values) => pixels.copy_from_slice(&values[span.clone()]),
        }
        if let Some(factors) = self.factors {
            let factors = &factors[span];
            pixels.iter_mut().zip(factors).for_each(|(p, f)| *p *= f);
        }
        if let Some(stand_ins) = self.stand_ins {
            stand_ins.replace(start, pixels, self.number as u64, self.mean, |index| {
                let count = match self.counts {
                    Counts::Bytes(bytes) => f32::from(bytes[index]),
                    Counts::Floats(values) => values[index],
                };
                count * self.factors.map_or(1.0, |f| f[index])
            });
        }
    }

    /// As [`Self::read`], outside a vectorised loop.
    pub fn read_part(&self, start: usize, pixels: &mut [f32]) {
        vectorised(
            #[inline(always)]
            || self.read(start, pixels),
        );
    }
}

/// How frames are reduced for the search of motion.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reduction {
    /// Movie pixels along an edge of a binned pixel.
    pub bin: usize,
    /// Which usable frames are added up, as positions in the list of usable frames.
    pub groups: Vec<Range<usize>>,
}

/// Frames (or groups of them) on larger pixels.
pub(crate) struct BinnedFrames {
    /// `[ny, nx]` of each.
    pub size: [usize; 2],
    /// The frames, `[ny · nx]` each, mean zero.
    pub frames: Vec<Vec<f32>>,
}

impl BinnedFrames {
    /// Reads, groups and bins a movie.
    pub fn read(frames: &CorrectedFrames<'_>, reduction: &Reduction) -> Result<Self, MotionError> {
        let mut binned = Vec::with_capacity(reduction.groups.len());
        each_binned(frames, reduction, |_, frame| {
            let mut frame = frame.to_vec();
            centre(&mut frame);
            binned.push(frame);
        })?;
        Ok(Self {
            size: frames.size().map(|n| n / reduction.bin),
            frames: binned,
        })
    }
}

/// Hands every group of frames to `work`, added up on binned pixels, `[ny/bin, nx/bin]`.
pub(crate) fn each_binned(
    frames: &CorrectedFrames<'_>,
    reduction: &Reduction,
    mut work: impl FnMut(usize, &[f32]),
) -> Result<(), MotionError> {
    let [ny, nx] = frames.size();
    let (bin, groups) = (reduction.bin, &reduction.groups);
    let mut sum = vec![0.0; (ny / bin) * (nx / bin)];
    let mut group = 0;
    frames.each(|batch| {
        for frame in batch {
            if frame.position == groups[group].start {
                sum.fill(0.0);
            }
            add_binned(frame, nx, bin, &mut sum);
            if frame.position + 1 == groups[group].end {
                work(group, &sum);
                group += 1;
            }
        }
        Ok(())
    })
}

/// Adds squares of `bin` × `bin` pixels of a frame with rows of `nx` to `sum`, rows of `nx / bin`.
fn add_binned(frame: &CorrectedFrame<'_>, nx: usize, bin: usize, sum: &mut [f32]) {
    let columns = nx / bin;
    sum.par_chunks_mut(columns)
        .enumerate()
        .for_each(|(row, sums)| {
            with_buffer(2 * columns * bin, |lines: &mut [f32]| {
                let (line, all) = lines.split_at_mut(columns * bin);
                frame.read_part(row * bin * nx, all);
                for y in row * bin + 1..(row + 1) * bin {
                    frame.read_part(y * nx, line);
                    all.iter_mut().zip(&*line).for_each(|(a, v)| *a += v);
                }
                add_line(all, bin, sums);
            });
        });
}

fn add_line(line: &[f32], bin: usize, sums: &mut [f32]) {
    match bin {
        1 => sums.iter_mut().zip(line).for_each(|(s, v)| *s += v),
        2 => sums
            .iter_mut()
            .zip(line.as_chunks::<2>().0)
            .for_each(|(s, v)| *s += v[0] + v[1]),
        _ => sums
            .iter_mut()
            .zip(line.chunks_exact(bin))
            .for_each(|(s, v)| *s += v.iter().sum::<f32>()),
    }
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
