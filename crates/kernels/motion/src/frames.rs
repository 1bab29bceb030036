//! Where frames come from, and a compact copy of them.
//!
//! A movie is passed over several times (defects, drift, sums). Counted frames hold small whole numbers, so they are kept in
//! a byte per pixel; what does not fit is read again from its source.

use rayon::prelude::*;
use thon_compute::progress::{Progress, check};

use crate::error::{MotionError, SourceError};
use crate::vectors::vectorised;

/// Frames of one movie, read one at a time; counts before any correction.
pub trait FrameSource: Sync {
    /// Size of a frame, `[ny, nx]`.
    fn size(&self) -> [usize; 2];
    /// Number of frames.
    fn frames(&self) -> usize;
    /// Reads one frame into `pixels`, `[ny, nx]`.
    ///
    /// # Errors
    /// Whatever the reader says.
    fn read(&self, frame: usize, pixels: &mut [f32]) -> Result<(), SourceError>;
    /// Counts of one frame, `[ny, nx]`, when they are stored as whole numbers from 0 to 255; otherwise `None`, and
    /// [`Self::read`] gives them.
    ///
    /// # Errors
    /// Whatever the reader says.
    fn counts(&self, _frame: usize) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(None)
    }
}

/// Frames that are in memory, `[ny, nx]` each.
#[derive(Clone, Debug)]
pub struct FramesInMemory {
    /// Size of a frame, `[ny, nx]`.
    pub size: [usize; 2],
    /// The frames, one after the other.
    pub frames: Vec<Vec<f32>>,
}

impl FrameSource for FramesInMemory {
    fn size(&self) -> [usize; 2] {
        self.size
    }

    fn frames(&self) -> usize {
        self.frames.len()
    }

    fn read(&self, frame: usize, pixels: &mut [f32]) -> Result<(), SourceError> {
        let values = self.frames.get(frame).ok_or("there is no such frame")?;
        if values.len() != pixels.len() {
            return Err(format!("{} pixels instead of {}", values.len(), pixels.len()).into());
        }
        pixels.copy_from_slice(values);
        Ok(())
    }
}

/// Pixels that one task converts.
pub(crate) const TASK: usize = 1 << 15;

/// One pass over a movie: frames kept as bytes where that loses nothing, and what is wrong with each.
pub(crate) struct FrameStore<'a> {
    source: &'a dyn FrameSource,
    bytes: Vec<Option<Vec<u8>>>,
    /// Mean count of each frame.
    pub means: Vec<f64>,
    /// Frames with electrons, in order.
    pub usable: Vec<usize>,
}

/// Uncorrected counts of one frame, `[ny · nx]`.
#[derive(Clone, Copy)]
pub(crate) enum Counts<'a> {
    /// As they were kept.
    Bytes(&'a [u8]),
    /// As they were read.
    Floats(&'a [f32]),
}

impl<'a> FrameStore<'a> {
    /// Reads every frame once. `keep` limits the bytes of the copy.
    pub fn read(
        source: &'a dyn FrameSource,
        keep: usize,
        progress: &dyn Progress,
    ) -> Result<Self, MotionError> {
        let [ny, nx] = source.size();
        let (count, pixels) = (source.frames(), ny * nx);
        if count == 0 || ny < 64 || nx < 64 {
            return Err(MotionError::Size {
                frames: count,
                ny,
                nx,
            });
        }
        let mut store = Self {
            source,
            bytes: Vec::with_capacity(count),
            means: Vec::with_capacity(count),
            usable: Vec::new(),
        };
        let mut frame = Vec::new();
        let mut kept = 0;
        let mut flat = Vec::with_capacity(count);
        for index in 0..count {
            check(progress)?;
            let room = kept + pixels <= keep;
            let (look, bytes) = store.look(index, room, &mut frame)?;
            if look.not_finite > 0 {
                return Err(MotionError::NotFinite {
                    frame: index,
                    pixels: look.not_finite,
                });
            }
            kept += bytes.as_ref().map_or(0, Vec::len);
            store.means.push(look.sum / pixels as f64);
            flat.push(look.lowest == look.highest);
            store.bytes.push(bytes);
        }
        store.choose(&flat)?;
        Ok(store)
    }

    /// Reads one frame and, where there is room and nothing is lost by it, makes bytes of it.
    fn look(
        &self,
        index: usize,
        room: bool,
        frame: &mut Vec<f32>,
    ) -> Result<(Look, Option<Vec<u8>>), MotionError> {
        let pixels = self.source.size().iter().product();
        let failed = |reason| MotionError::Read {
            frame: index,
            reason,
        };
        if room && let Some(bytes) = self.source.counts(index).map_err(failed)? {
            if bytes.len() != pixels {
                let reason = format!("{} pixels instead of {pixels}", bytes.len());
                return Err(failed(reason.into()));
            }
            return Ok((Look::of_bytes(&bytes), Some(bytes)));
        }
        frame.resize(pixels, 0.0);
        self.source.read(index, frame).map_err(failed)?;
        let look = Look::of(frame);
        let fits = look.whole && look.lowest >= 0.0 && look.highest <= 255.0;
        let bytes = (fits && room).then(|| {
            let mut bytes = vec![0_u8; pixels];
            (bytes.par_chunks_mut(TASK), frame.par_chunks(TASK))
                .into_par_iter()
                .for_each(|(to, from)| to.iter_mut().zip(from).for_each(|(b, v)| *b = *v as u8));
            bytes
        });
        Ok((look, bytes))
    }

    /// Frames that hold electrons: not flat, and at least a tenth of the median.
    fn choose(&mut self, flat: &[bool]) -> Result<(), MotionError> {
        let mut sorted = self.means.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        let means = &self.means;
        self.usable = (0..flat.len())
            .filter(|&i| !flat[i] && means[i] >= 0.1 * median)
            .collect();
        if self.usable.is_empty() {
            return Err(MotionError::Black { frames: flat.len() });
        }
        Ok(())
    }

    /// Size of a frame, `[ny, nx]`.
    pub fn size(&self) -> [usize; 2] {
        self.source.size()
    }

    /// Hands usable frames to `work` by their positions in [`Self::usable`], as many at a time as lie in memory: all that
    /// were kept as bytes and follow one another, others one by one.
    pub fn each(
        &self,
        mut work: impl FnMut(&[(usize, Counts<'_>)]) -> Result<(), MotionError>,
    ) -> Result<(), MotionError> {
        let mut batch = Vec::new();
        let mut frame = Vec::new();
        for (position, &index) in self.usable.iter().enumerate() {
            if let Some(bytes) = &self.bytes[index] {
                batch.push((position, Counts::Bytes(bytes)));
                continue;
            }
            if !batch.is_empty() {
                work(&batch)?;
                batch.clear();
            }
            frame.resize(self.size().iter().product(), 0.0);
            let read = self.source.read(index, &mut frame);
            read.map_err(|reason| MotionError::Read {
                frame: index,
                reason,
            })?;
            work(&[(position, Counts::Floats(&frame))])?;
        }
        if batch.is_empty() {
            Ok(())
        } else {
            work(&batch)
        }
    }
}

/// What one look at a frame tells.
struct Look {
    sum: f64,
    lowest: f32,
    highest: f32,
    whole: bool,
    not_finite: usize,
}

impl Look {
    fn of(frame: &[f32]) -> Self {
        Self::joined(frame.par_chunks(TASK).map(Self::of_chunk).collect())
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        Self::joined(bytes.par_chunks(TASK).map(Self::of_few_bytes).collect())
    }

    fn of_few_bytes(bytes: &[u8]) -> Self {
        vectorised(
            #[inline(always)]
            || {
                let (mut sum, mut low, mut high) = (0_u32, u8::MAX, u8::MIN);
                for byte in bytes {
                    sum = sum.wrapping_add(u32::from(*byte));
                    low = low.min(*byte);
                    high = high.max(*byte);
                }
                Self {
                    sum: f64::from(sum),
                    lowest: f32::from(low),
                    highest: f32::from(high),
                    whole: true,
                    not_finite: 0,
                }
            },
        )
    }

    fn joined(parts: Vec<Self>) -> Self {
        let first = Self {
            sum: 0.0,
            lowest: f32::INFINITY,
            highest: f32::NEG_INFINITY,
            whole: true,
            not_finite: 0,
        };
        parts.into_iter().fold(first, |a, b| Self {
            sum: a.sum + b.sum,
            lowest: a.lowest.min(b.lowest),
            highest: a.highest.max(b.highest),
            whole: a.whole && b.whole,
            not_finite: a.not_finite + b.not_finite,
        })
    }

    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    fn of_chunk(values: &[f32]) -> Self {
        vectorised(
            #[inline(always)]
            || {
                const LANES: usize = 16;
                let mut sums = [0.0_f32; LANES];
                let mut lows = [f32::INFINITY; LANES];
                let mut highs = [f32::NEG_INFINITY; LANES];
                let mut fractions = [0.0_f32; LANES];
                let mut bad = [0_u32; LANES];
                let mut total = 0.0;
                for block in values.chunks(LANES * 128) {
                    for row in block.chunks(LANES) {
                        for (lane, &value) in row.iter().enumerate() {
                            sums[lane] += value;
                            lows[lane] = lows[lane].min(value);
                            highs[lane] = highs[lane].max(value);
                            // Whole numbers up to 2²² come back unchanged from the rounding of adding 1.5·2²³.
                            let rounded = (value + 12_582_912.0) - 12_582_912.0;
                            fractions[lane] += (value - rounded).abs();
                            bad[lane] += u32::from(!value.is_finite());
                        }
                    }
                    total += sums.iter().map(|s| f64::from(*s)).sum::<f64>();
                    sums = [0.0; LANES];
                }
                Self {
                    sum: total,
                    lowest: lows.into_iter().fold(f32::INFINITY, f32::min),
                    highest: highs.into_iter().fold(f32::NEG_INFINITY, f32::max),
                    whole: fractions.iter().all(|f| *f == 0.0),
                    not_finite: bad.iter().sum::<u32>() as usize,
                }
            },
        )
    }
}
