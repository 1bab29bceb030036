//! One movie from counts to aligned sums.

use serde::{Deserialize, Serialize};
use thon_compute::progress::Progress;

use crate::corrected::CorrectedFrames;
use crate::defects::DefectMap;
use crate::error::MotionError;
use crate::estimate::{EstimateOptions, Motion, estimate};
use crate::frames::{FrameSource, FrameStore};
use crate::sums::{SumOptions, Sums, bytes_per_pixel, sum_frames};

/// What is known of the detector.
#[derive(Clone, Copy, Debug)]
pub struct Detector<'a> {
    /// Gain factors in the frame of the movie, `[ny, nx]` (see [`crate::GainReference::factors`]); none for corrected movies.
    pub gain: Option<&'a [f32]>,
    /// Defects known beforehand.
    pub defects: &'a DefectMap,
    /// Look for further defects in the movie's own sum.
    pub find_defects: bool,
}

/// How a movie is corrected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CorrectOptions {
    /// How motion is searched.
    pub motion: EstimateOptions,
    /// What is added up.
    pub sums: SumOptions,
    /// Bytes for a copy of the frames, which spares reading them again.
    pub keep: usize,
}

/// How good a movie is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MovieQuality {
    /// Mean count of a pixel in each frame of the file, before any correction.
    pub frame_means: Vec<f64>,
    /// Frames without electrons, left out of everything.
    pub dark_frames: Vec<usize>,
    /// Defective pixels, as a fraction of all.
    pub defects: f64,
    /// Length of the path of the drift, Å.
    pub drift: f64,
    /// Its part in the first quarter of the movie, Å.
    pub early_drift: f64,
    /// RMS jitter between frames that smoothing took away, Å.
    pub jitter: f64,
    /// Expected error of a frame's displacement, Å.
    pub uncertainty: f64,
    /// Largest local displacement anywhere relative to the whole field, Å; 0 without local motion.
    pub local: f64,
}

/// A corrected movie.
#[derive(Clone, Debug, PartialEq)]
pub struct CorrectedMovie {
    /// The sums, weighted by exposure when that was asked for.
    pub sums: Sums,
    /// Plain sums beside weighted ones, when they were asked for.
    pub unweighted: Option<Sums>,
    /// The motion that was undone.
    pub motion: Motion,
    /// How good it is.
    pub quality: MovieQuality,
}

/// Corrects one movie. Memory: a byte per pixel and frame for the copy, then the coefficients of tiles of the binned frames, or
/// the sums of 4 bytes per pixel each (see [`memory`]).
///
/// # Errors
/// Frames that cannot be read, are all black or hold numbers that are none; a gain or defects of another size.
pub fn correct_movie(
    source: &dyn FrameSource,
    detector: &Detector<'_>,
    options: &CorrectOptions,
    progress: &dyn Progress,
) -> Result<CorrectedMovie, MotionError> {
    correct(source, detector, options, None, progress)
}

/// As [`correct_movie`], with a motion that was estimated before on the same movie with the same options.
///
/// # Errors
/// As [`correct_movie`]; a motion of a movie of another size or of other frames.
pub fn correct_movie_by(
    motion: Motion,
    source: &dyn FrameSource,
    detector: &Detector<'_>,
    options: &CorrectOptions,
    progress: &dyn Progress,
) -> Result<CorrectedMovie, MotionError> {
    correct(source, detector, options, Some(motion), progress)
}

fn correct(
    source: &dyn FrameSource,
    detector: &Detector<'_>,
    options: &CorrectOptions,
    known: Option<Motion>,
    progress: &dyn Progress,
) -> Result<CorrectedMovie, MotionError> {
    check_options(source, detector, options)?;
    let store = FrameStore::read(source, options.keep, progress)?;
    let frames = CorrectedFrames::new(
        &store,
        detector.gain,
        detector.defects,
        detector.find_defects,
    )?;
    let motion = match known {
        None => estimate(&frames, &options.motion, progress)?,
        Some(motion) if motion.size == frames.size() && motion.frames == frames.usable() => motion,
        Some(motion) => {
            return Err(MotionError::Option {
                field: "motion",
                found: format!("{:?}, {} frames", motion.size, motion.frames.len()),
                expected: "the motion of this movie",
            });
        }
    };
    let (sums, unweighted) = sum_frames(&frames, &motion, &options.sums, progress)?;
    let quality = quality(&store, &frames, &motion, options.motion.pixel_size);
    Ok(CorrectedMovie {
        sums,
        unweighted,
        motion,
        quality,
    })
}

/// Bytes that [`correct_movie`] needs for a movie of `frames` frames of `[ny, nx]`, its sums included; `counted` says that the
/// frames are whole numbers from 0 to 255.
pub fn memory([ny, nx]: [usize; 2], frames: usize, counted: bool, options: &CorrectOptions) -> u64 {
    let pixels = (ny * nx) as u64;
    // One frame as numbers, where it is not kept as bytes.
    let (kept, loose) = if counted && pixels * frames as u64 <= options.keep as u64 {
        (pixels * frames as u64, 0)
    } else if counted {
        (options.keep as u64, 4 * pixels)
    } else {
        (0, 4 * pixels)
    };
    let search = crate::estimate::memory([ny, nx], frames, &options.motion);
    // The map of defects.
    let sums = pixels * bytes_per_pixel(frames, &options.sums);
    kept + loose + pixels + search.max(sums)
}

fn check_options(
    source: &dyn FrameSource,
    detector: &Detector<'_>,
    options: &CorrectOptions,
) -> Result<(), MotionError> {
    let size = source.size();
    let [rows, columns] = size;
    if detector
        .gain
        .is_some_and(|gain| gain.len() != rows * columns)
        || detector.defects.size() != size
    {
        let found = detector.defects.size();
        return Err(MotionError::GainSize {
            gain_rows: found[0],
            gain_columns: found[1],
            rows,
            columns,
            hint: "gain factors and defects must have the movie's size",
        });
    }
    let within = |field, value: f64, range: std::ops::RangeInclusive<f64>, expected| {
        if range.contains(&value) {
            Ok(())
        } else {
            Err(MotionError::Option {
                field,
                found: value.to_string(),
                expected,
            })
        }
    };
    within(
        "pixel_size",
        options.motion.pixel_size,
        0.05..=100.0,
        "0.05 to 100 Å/px",
    )?;
    within(
        "resolution",
        options.motion.resolution,
        1.0..=100.0,
        "1 to 100 Å",
    )
}

fn quality(
    store: &FrameStore<'_>,
    frames: &CorrectedFrames<'_>,
    motion: &Motion,
    pixel: f64,
) -> MovieQuality {
    let [ny, nx] = store.size();
    let steps: Vec<f64> = motion
        .shifts
        .windows(2)
        .map(|w| (w[1] - w[0]).length() * pixel)
        .collect();
    let early = steps.len().div_ceil(4);
    let mut local = 0.0_f64;
    if motion.local.is_some() {
        for position in 0..motion.frames.len() {
            for corner in 0..25 {
                let place = [corner % 5, corner / 5].map(f64::from);
                let pixel = thon_geometry::glam::DVec2::new(
                    place[0] * nx as f64 / 4.0,
                    place[1] * ny as f64 / 4.0,
                );
                local = local.max((motion.at(position, pixel) - motion.shifts[position]).length());
            }
        }
    }
    MovieQuality {
        frame_means: store.means.clone(),
        dark_frames: (0..store.means.len())
            .filter(|i| !store.usable.contains(i))
            .collect(),
        defects: frames.defects as f64 / (ny * nx) as f64,
        drift: steps.iter().sum(),
        early_drift: steps[..early].iter().sum(),
        jitter: motion.jitter * pixel,
        uncertainty: motion.uncertainty * pixel,
        local: local * pixel,
    }
}
