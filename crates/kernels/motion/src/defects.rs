//! Defective pixels of the detector: given, or found; and what stands in for them.
//!
//! Found are pixels of the summed movie that stand out from their neighbourhood by six deviations, where the deviation is the
//! larger of the neighbourhood's own and that of counted electrons, pixels that stay empty where that is as improbable, and
//! pixels without gain. A defect is replaced, frame by frame, by the value of a good pixel nearby chosen by chance, so that
//! the noise stays what it was (RELION does so).

use rayon::prelude::*;
use thon_compute::columns::with_buffer;

use crate::error::MotionError;
use crate::vectors::vectorised;

/// Edge of the blocks that a neighbourhood is described by, pixels.
const BLOCK: usize = 32;
/// Deviations from which on a pixel is defective.
const DEVIATIONS: f32 = 6.0;
/// Farthest stand-in, pixels along each axis.
const REACH: isize = 6;

/// A rectangle of defective pixels, as in MotionCor2's defect files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefectArea {
    /// First column.
    pub x: usize,
    /// First row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// Which pixels of a detector are defective, `[ny, nx]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefectMap {
    size: [usize; 2],
    bad: Vec<bool>,
}

impl DefectMap {
    /// A detector without defects.
    pub fn none(size: [usize; 2]) -> Self {
        Self {
            size,
            bad: vec![false; size[0] * size[1]],
        }
    }

    /// Size of the detector, `[ny, nx]`.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Adds rectangles.
    ///
    /// # Errors
    /// A rectangle that leaves the detector.
    pub fn add_areas(&mut self, areas: &[DefectArea]) -> Result<(), MotionError> {
        let [ny, nx] = self.size;
        for (index, area) in areas.iter().enumerate() {
            let rows = area.y..area.y.saturating_add(area.height);
            let columns = area.x..area.x.saturating_add(area.width);
            if rows.end > ny || columns.end > nx {
                return Err(MotionError::Defect {
                    index: index + 1,
                    rows,
                    columns,
                    ny,
                    nx,
                });
            }
            for y in rows {
                self.bad[y * nx + area.x..y * nx + area.x + area.width].fill(true);
            }
        }
        Ok(())
    }

    /// Adds every pixel where `map`, `[ny, nx]`, is not zero.
    ///
    /// # Panics
    /// When the map does not have ny · nx elements.
    pub fn add_map(&mut self, map: &[f32]) {
        assert_eq!(map.len(), self.bad.len(), "defect map against the detector");
        for (bad, value) in self.bad.iter_mut().zip(map) {
            *bad |= *value != 0.0;
        }
    }

    /// Adds the pixels whose gain factor is zero.
    pub fn add_blind(&mut self, factors: &[f32]) {
        for (bad, factor) in self.bad.iter_mut().zip(factors) {
            *bad |= *factor == 0.0;
        }
    }

    /// Number of defective pixels.
    pub fn count(&self) -> usize {
        self.bad.iter().filter(|b| **b).count()
    }

    /// Whether a pixel is defective.
    pub fn is_bad(&self, y: usize, x: usize) -> bool {
        self.bad[y * self.size[1] + x]
    }

    /// Finds defects in the sum of a movie's frames, `[ny, nx]`, corrected by `factors`, and adds them; returns how many.
    pub fn find(&mut self, sum: &[f32], factors: Option<&[f32]>) -> usize {
        let nx = self.size[1];
        self.find_by_rows(factors, |first, rows| {
            rows.copy_from_slice(&sum[first * nx..first * nx + rows.len()]);
        })
    }

    /// The same of a sum whose rows from `first` on are written by `sum(first, rows)`.
    pub(crate) fn find_by_rows(
        &mut self,
        factors: Option<&[f32]>,
        sum: impl Fn(usize, &mut [f32]) + Sync,
    ) -> usize {
        let [ny, nx] = self.size;
        let bad = &self.bad;
        let found: Vec<Vec<usize>> = (0..ny.div_ceil(BLOCK))
            .into_par_iter()
            .map(|row| {
                let top = row * BLOCK;
                let height = BLOCK.min(ny - top);
                with_buffer(height * nx, |rows: &mut [f32]| {
                    sum(top, rows);
                    if let Some(factors) = factors {
                        let factors = &factors[top * nx..top * nx + rows.len()];
                        rows.iter_mut().zip(factors).for_each(|(v, f)| *v *= f);
                    }
                    let mut found = Vec::new();
                    for left in (0..nx).step_by(BLOCK) {
                        let block = Block {
                            left,
                            width: BLOCK.min(nx - left),
                            nx,
                        };
                        let bad = &bad[top * nx..(top + height) * nx];
                        block.outliers(rows, bad, &mut |at| found.push(top * nx + at));
                    }
                    found
                })
            })
            .collect();
        let mut count = 0;
        for index in found.into_iter().flatten() {
            self.bad[index] = true;
            count += 1;
        }
        count
    }

    /// Indices of the defective pixels, each with the good ones that may stand in for it.
    pub(crate) fn stand_ins(&self) -> StandIns {
        let indices: Vec<usize> = (0..self.bad.len()).filter(|i| self.bad[*i]).collect();
        let candidates = indices
            .par_iter()
            .map(|index| self.neighbours(*index))
            .collect();
        StandIns {
            indices,
            candidates,
        }
    }

    /// Good pixels in the smallest square about a pixel that holds at least four; none inside a large dead area.
    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    fn neighbours(&self, index: usize) -> Vec<u32> {
        let [ny, nx] = self.size;
        let (y, x) = ((index / nx) as isize, (index % nx) as isize);
        for reach in 1..=REACH {
            let mut good = Vec::new();
            for ny_ in (y - reach).max(0)..=(y + reach).min(ny as isize - 1) {
                for nx_ in (x - reach).max(0)..=(x + reach).min(nx as isize - 1) {
                    let at = ny_ as usize * nx + nx_ as usize;
                    if !self.bad[at] {
                        good.push(at as u32);
                    }
                }
            }
            if good.len() >= 4 {
                return good;
            }
        }
        Vec::new()
    }
}

/// One square of a band of the detector.
struct Block {
    left: usize,
    width: usize,
    nx: usize,
}

/// Numbers added side by side.
const LANES: usize = 16;

impl Block {
    /// Hands `found` the index of every outlier in the band `rows`, of which `bad` are known.
    fn outliers(&self, rows: &[f32], bad: &[bool], found: &mut dyn FnMut(usize)) {
        // Outliers are taken out of the mean and the deviation, most of them in the first of three rounds.
        let (mut low, mut high, mut mean) = (f32::NEG_INFINITY, f32::INFINITY, 0.0_f32);
        let known = self.lines(bad).any(|line| line.iter().any(|b| *b));
        let mut all = 0.0;
        for round in 0..3 {
            let (count, total, squares) = if known {
                self.moments(rows, Some(bad), low, high)
            } else {
                self.moments(rows, None, low, high)
            };
            if count < 16.0 {
                return;
            }
            if round == 0 {
                all = count;
            } else if count >= all {
                break;
            }
            mean = (total / count) as f32;
            let own = (squares / count - (total / count).powi(2)).max(0.0).sqrt() as f32;
            let deviation = own.max(mean.max(0.0).sqrt());
            // Few counts have a longer tail above than a normal distribution.
            (low, high) = (
                mean - DEVIATIONS * deviation,
                mean + DEVIATIONS * deviation + 6.0,
            );
        }
        // exp(−24) is the probability of an empty pixel at a mean of 24: six deviations and more.
        let lowest = if mean > 24.0 { low.max(0.0) } else { low };
        for (y, (line, bad)) in self.lines(rows).zip(self.lines(bad)).enumerate() {
            if line.iter().all(|v| *v > lowest && *v < high) {
                continue;
            }
            for (x, (v, bad)) in line.iter().zip(bad).enumerate() {
                if !bad && (*v >= high || *v <= lowest) {
                    found(y * self.nx + self.left + x);
                }
            }
        }
    }

    fn lines<'a, T>(&self, band: &'a [T]) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let (left, width) = (self.left, self.width);
        band.chunks_exact(self.nx)
            .map(move |line| &line[left..left + width])
    }

    /// Number, sum and sum of squares of the values between the limits that are not `bad`.
    #[expect(
        clippy::excessive_nesting,
        reason = "loops over the axes of an array, one in another"
    )]
    fn moments(&self, rows: &[f32], bad: Option<&[bool]>, low: f32, high: f32) -> (f64, f64, f64) {
        vectorised(
            #[inline(always)]
            || {
                let (mut count, mut total, mut squares) =
                    ([0.0_f32; LANES], [0.0; LANES], [0.0; LANES]);
                let mut sums = (0.0_f64, 0.0_f64, 0.0_f64);
                for (y, line) in self.lines(rows).enumerate() {
                    let start = y * self.nx + self.left;
                    let bad = bad.map(|b| &b[start..start + self.width]);
                    for (at, piece) in line.chunks(LANES).enumerate() {
                        let mut values = [f32::INFINITY; LANES];
                        values[..piece.len()].copy_from_slice(piece);
                        if let Some(bad) = bad {
                            let bad = &bad[at * LANES..];
                            for (value, bad) in values.iter_mut().zip(bad) {
                                *value = if *bad { f32::INFINITY } else { *value };
                            }
                        }
                        for lane in 0..LANES {
                            let v = values[lane];
                            let inside = v > low && v < high;
                            let v = if inside { v } else { 0.0 };
                            count[lane] += f32::from(u8::from(inside));
                            total[lane] += v;
                            squares[lane] += v * v;
                        }
                    }
                    if y % 4 == 3 {
                        sums.1 += total.iter().map(|v| f64::from(*v)).sum::<f64>();
                        sums.2 += squares.iter().map(|v| f64::from(*v)).sum::<f64>();
                        (total, squares) = ([0.0; LANES], [0.0; LANES]);
                    }
                }
                sums.0 += count.iter().map(|v| f64::from(*v)).sum::<f64>();
                sums.1 += total.iter().map(|v| f64::from(*v)).sum::<f64>();
                sums.2 += squares.iter().map(|v| f64::from(*v)).sum::<f64>();
                sums
            },
        )
    }
}

/// Defective pixels and what may stand in for each.
pub(crate) struct StandIns {
    indices: Vec<usize>,
    candidates: Vec<Vec<u32>>,
}

impl StandIns {
    /// Replaces the defects in `pixels`, those of one corrected frame from index `start` on. `value` gives corrected pixels of
    /// the whole frame, `seed` (the frame's number) chooses among the neighbours.
    pub fn replace(
        &self,
        start: usize,
        pixels: &mut [f32],
        seed: u64,
        mean: f32,
        value: impl Fn(usize) -> f32,
    ) {
        let first = self.indices.partition_point(|index| *index < start);
        let end = start + pixels.len();
        for (index, candidates) in self.indices[first..].iter().zip(&self.candidates[first..]) {
            if *index >= end {
                break;
            }
            pixels[index - start] = if candidates.is_empty() {
                mean
            } else {
                let choice = mixed(*index as u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                value(candidates[(choice % candidates.len() as u64) as usize] as usize)
            };
        }
    }
}

/// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): neighbouring numbers become unrelated ones.
fn mixed(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;
    use thon_compute::seed_stream;

    fn counts(mean: u32) -> Vec<f32> {
        let mut random = seed_stream(1, "test/defects", 0);
        // A binomial with p = 1/16 is close to a Poisson distribution.
        let draw = |_| {
            let ones = (0..mean)
                .filter(|_| random.next_u32().trailing_zeros() >= 4)
                .count();
            let more = (0..mean * 15)
                .filter(|_| random.next_u32().trailing_zeros() >= 4)
                .count();
            (ones + more) as f32
        };
        (0..128 * 128).map(draw).collect()
    }

    #[test]
    fn hot_and_dead_pixels_are_found_and_nothing_else() {
        let mut sum = counts(40);
        for (index, value) in [(5000, 120.0), (5001, 400.0), (9000, 0.0), (16383, 95.0)] {
            sum[index] = value;
        }
        let mut map = DefectMap::none([128, 128]);
        assert_eq!(map.find(&sum, None), 4);
        assert!(map.is_bad(9000 / 128, 9000 % 128));
        let few = counts(3);
        assert_eq!(DefectMap::none([128, 128]).find(&few, None), 0);
    }

    #[test]
    fn stand_ins_are_good_neighbours() {
        let mut map = DefectMap::none([128, 128]);
        let column = DefectArea {
            x: 60,
            y: 0,
            width: 2,
            height: 128,
        };
        map.add_areas(&[column]).unwrap();
        let mut frame: Vec<f32> = (0..128 * 128)
            .map(|i| {
                if (60..62).contains(&(i % 128)) {
                    1e9
                } else {
                    (i / 128) as f32
                }
            })
            .collect();
        let seen = frame.clone();
        map.stand_ins().replace(0, &mut frame, 3, 0.0, |i| seen[i]);
        for y in 0..128 {
            let value = frame[y * 128 + 60];
            assert!((value - y as f32).abs() <= 2.0, "{y}: {value}");
        }
        let outside = DefectArea {
            x: 120,
            y: 0,
            width: 9,
            height: 1,
        };
        assert!(
            map.add_areas(&[outside])
                .unwrap_err()
                .to_string()
                .contains("another camera")
        );
    }
}
