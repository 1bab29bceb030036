//! From frames to motion: first trajectory, tiles, joint fit, and local motion where tiles left out of the fit ask for it.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use thon_compute::progress::{Progress, check};
use thon_geometry::glam::DVec2;

use crate::coarse::first_trajectory;
use crate::corrected::{BinnedFrames, CorrectedFrames, Reduction};
use crate::error::MotionError;
use crate::fit::{Problem, Trajectory, expected_curvature};
use crate::local::{HeldOut, LocalModel, LocalMotion, normalised, time_functions};
use crate::objective::Weights;
use crate::power::SignalPower;
use crate::smooth::roughness;
use crate::tiles::Tiles;

/// Whether motion may differ over the field of view.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum LocalChoice {
    /// One motion for the whole field.
    Never,
    /// Where tiles that were left out of the fit are explained better by it.
    #[default]
    WhenHeldOutGains,
}

/// How motion is searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EstimateOptions {
    /// Size of a movie pixel, Å.
    pub pixel_size: f64,
    /// Whether motion may differ over the field.
    pub local: LocalChoice,
    /// Finest detail that is looked at, Å.
    pub resolution: f64,
    /// Frames added up before the search; 0 for as many as leave at most 16 groups.
    pub group: usize,
}

/// Longest edge of the frames that the first trajectory is found in.
const COARSE_EDGE: usize = 256;
/// Edge of the tiles, binned pixels.
const EDGE: usize = 256;
/// Binned pixels of a frame, about: beyond it the frames are binned by one more.
const PIXELS: usize = 6_000_000;
/// Coarsest detail that is looked at, Å.
const COARSEST: f64 = 300.0;
/// A tile may say at most this many times what the middle one says.
const TRUST: f64 = 2.5;
/// Gain over standard error from which a local model is believed.
const CONVINCING: f64 = 1.0;
/// Gain of the logarithm of the likelihood from which it is: odds of 20 to 1.
const ODDS: f64 = 3.0;
/// Local coefficients to be expected, Å.
const LOCAL_SIGMA: f64 = 4.0;
/// A signal shared by frames is there from this many deviations on.
const SIGNAL: f64 = 5.0;

/// The motion of one movie.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    /// Size of the movie, `[ny, nx]`.
    pub size: [usize; 2],
    /// Which frames it is about: those with electrons.
    pub frames: Vec<usize>,
    /// Displacement of what is seen in each of them relative to their mean, pixels (x, y): to undo it, a frame is moved by the
    /// negative.
    pub shifts: Vec<DVec2>,
    /// Local motion, when it was found to be there.
    pub local: Option<LocalMotion>,
    /// Expected error of a displacement (both axes together, root mean square), pixels.
    pub uncertainty: f64,
    /// How surely frames share a signal, in standard deviations; below 5 nothing was aligned.
    pub signal: f64,
    /// The local models on tiles left out of their fits.
    pub held_out: Vec<HeldOut>,
    /// RMS of what smoothing changed, pixels: the frame-to-frame jitter that the data do not support.
    pub jitter: f64,
}

impl Motion {
    /// No motion in a movie of `frames`.
    pub fn none(size: [usize; 2], frames: Vec<usize>) -> Self {
        Self {
            size,
            shifts: vec![DVec2::ZERO; frames.len()],
            frames,
            local: None,
            uncertainty: f64::INFINITY,
            signal: 0.0,
            held_out: Vec::new(),
            jitter: 0.0,
        }
    }

    /// Displacement at pixel (x, y) in the frame at `position` of [`Self::frames`], pixels.
    pub fn at(&self, position: usize, pixel: DVec2) -> DVec2 {
        let local = self.local.as_ref();
        let more = local.map_or(DVec2::ZERO, |l| {
            l.at(position, normalised(pixel, self.size))
        });
        self.shifts[position] + more
    }
}

/// Binning and number of frames in a group that `frames` frames of `[ny, nx]` are reduced to.
fn reduced([ny, nx]: [usize; 2], frames: usize, options: &EstimateOptions) -> (usize, usize) {
    let finest = |bin: usize| 2.2 * bin as f64 * options.pixel_size;
    let mut bin = 1;
    while (ny / bin) * (nx / bin) > PIXELS
        || (finest(bin + 1) < options.resolution && nx.min(ny) / (bin + 1) >= EDGE)
    {
        bin += 1;
    }
    let group = if options.group > 0 {
        options.group
    } else {
        frames.div_ceil(16)
    };
    (bin, group.min(frames.div_ceil(2)).max(1))
}

/// Highest frequency that frames are aligned by, cycles per pixel of `pixel` Å.
fn highest(pixel: f64, options: &EstimateOptions) -> f64 {
    (pixel / options.resolution).min(0.45)
}

/// Bytes that the estimate needs beside the frames: one binned frame, and the coefficients of all tiles.
pub(crate) fn memory(size: [usize; 2], frames: usize, options: &EstimateOptions) -> u64 {
    let (bin, group) = reduced(size, frames, options);
    let pixels = (size[0] / bin * (size[1] / bin)) as f64;
    let high = highest(options.pixel_size * bin as f64, options);
    // Half of the disc |k| ≤ high, real and imaginary parts, and its power.
    let coefficients = 0.5 * std::f64::consts::PI * high * high * 1.05;
    let groups = frames.div_ceil(group) as f64;
    (pixels * (4.0 + coefficients * 4.0 * (2.0 * groups + 1.0))) as u64
}

/// Estimates the motion of a movie.
pub(crate) fn estimate(
    frames: &CorrectedFrames<'_>,
    options: &EstimateOptions,
    progress: &dyn Progress,
) -> Result<Motion, MotionError> {
    let [ny, nx] = frames.size();
    let usable = frames.usable().to_vec();
    if usable.len() < 2 {
        return Ok(Motion::none([ny, nx], usable));
    }
    let (bin, group) = reduced([ny, nx], usable.len(), options);
    let groups: Vec<Range<usize>> = (0..usable.len().div_ceil(group))
        .map(|g| g * group..((g + 1) * group).min(usable.len()))
        .collect();
    let reduce = |bin| Reduction {
        bin,
        groups: groups.clone(),
    };
    let coarse = reduce(ny.max(nx).div_ceil(COARSE_EDGE).max(1));
    let first = first_trajectory(&BinnedFrames::read(frames, &coarse)?);
    check(progress)?;
    let per_pixel = coarse.bin as f64 / bin as f64;
    let first: Vec<DVec2> = first.into_iter().map(|d| d * per_pixel).collect();
    let pixel = options.pixel_size * bin as f64;
    let size = [ny / bin, nx / bin];
    let edge = EDGE.min(size[0].min(size[1]) / 2 * 2);
    let range = [pixel / COARSEST, highest(pixel, options)];
    let tiles = Tiles::cut(frames, &reduce(bin), edge, &first, range)?;
    let last = usable.len() as f64;
    let times: Vec<f64> = groups
        .iter()
        .map(|g| 0.5 * (g.start + g.end) as f64 / last)
        .collect();
    let search = Search {
        tiles,
        size,
        times,
        pixel,
        local: options.local,
    };
    let found = search.run(first, progress)?;
    Ok(found.into_motion([ny, nx], usable, bin as f64, &groups))
}

struct Search {
    tiles: Tiles,
    size: [usize; 2],
    times: Vec<f64>,
    /// Å.
    pixel: f64,
    local: LocalChoice,
}

/// What a search found, in binned pixels, per group.
struct Found {
    trajectory: Trajectory,
    times: Vec<f64>,
    uncertainty: f64,
    signal: f64,
    held_out: Vec<HeldOut>,
    jitter: f64,
}

/// The weights of one round.
struct Round {
    weights: Weights,
    curvature: f64,
    trust: Vec<f64>,
    signal: f64,
}

impl Search {
    fn run(&self, first: Vec<DVec2>, progress: &dyn Progress) -> Result<Found, MotionError> {
        let everyone = |_: usize| true;
        let mut trajectory = Trajectory::global(first);
        let mut trust = vec![1.0; self.tiles.list.len()];
        let mut round = self.round(&trajectory, trust.clone());
        // Each round sees finer detail, since it starts from a better alignment.
        for number in 0..3 {
            check(progress)?;
            if round.signal < SIGNAL {
                return Ok(self.without_signal(&round));
            }
            trajectory = self.problem(&round, 0.0).fit(trajectory, &everyone);
            if number == 0 {
                trust = self.trust(&round, &trajectory);
            }
            round = self.round(&trajectory, trust.clone());
        }
        let information =
            round.curvature * round.trust.iter().sum::<f64>() * self.tiles.frames as f64;
        let variance = 1.0 / (information * self.tiles.independence);
        let stiffness = roughness(&trajectory.shifts, variance)
            .map_or(0.0, |q2| 1.0 / (q2 * self.tiles.independence));
        let free = trajectory;
        let mut best = self.problem(&round, stiffness).fit(free.clone(), &everyone);
        let jitter = root_mean_square(&free.shifts, &best.shifts);
        let mut held_out = Vec::new();
        if self.local == LocalChoice::WhenHeldOutGains && self.tiles.list.len() >= 8 {
            held_out = self.held_out(&round, stiffness, &best, progress)?;
            if let Some(model) = chosen(&held_out) {
                best = self.with_local(&mut round, stiffness, &best, model);
            }
        }
        Ok(Found {
            trajectory: best,
            times: self.times.clone(),
            uncertainty: (2.0 * variance).sqrt(),
            signal: round.signal,
            held_out,
            jitter,
        })
    }

    fn without_signal(&self, round: &Round) -> Found {
        Found {
            trajectory: Trajectory::global(vec![DVec2::ZERO; self.tiles.frames]),
            times: self.times.clone(),
            uncertainty: f64::INFINITY,
            signal: round.signal,
            held_out: Vec::new(),
            jitter: 0.0,
        }
    }

    fn problem<'a>(&'a self, round: &'a Round, stiffness: f64) -> Problem<'a> {
        Problem {
            tiles: &self.tiles,
            weights: &round.weights,
            curvature: round.curvature,
            trust: &round.trust,
            size: self.size,
            times: &self.times,
            local_sigma: LOCAL_SIGMA / self.pixel,
            stiffness,
        }
    }

    /// Measures the signal at a trajectory and makes weights of it.
    fn round(&self, trajectory: &Trajectory, trust: Vec<f64>) -> Round {
        let empty = Round {
            weights: Weights {
                values: Vec::new(),
                limit: 0,
            },
            curvature: 0.0,
            trust,
            signal: 0.0,
        };
        let displacements = self.problem(&empty, 0.0).all_displacements(trajectory);
        let power = SignalPower::measure(&self.tiles, &displacements, &empty.trust);
        let weights = power.weights(&self.tiles);
        let curvature = expected_curvature(&self.tiles, &power, &weights);
        Round {
            weights,
            curvature,
            signal: power.z,
            ..empty
        }
    }

    /// Tiles of strong contrast (gold, edges) are held to what the others say.
    fn trust(&self, round: &Round, trajectory: &Trajectory) -> Vec<f64> {
        let said = self.problem(round, 0.0).said(trajectory);
        let mut sorted = said.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted[sorted.len() / 2].max(2.0 * round.curvature);
        said.into_iter()
            .map(|s| (TRUST * middle / s.max(1e-30)).clamp(0.0, 1.0))
            .collect()
    }

    /// Fits every local model to one colour of the checkerboard of tiles, and compares it with global motion on the other.
    fn held_out(
        &self,
        round: &Round,
        stiffness: f64,
        global: &Trajectory,
        progress: &dyn Progress,
    ) -> Result<Vec<HeldOut>, MotionError> {
        let problem = self.problem(round, stiffness);
        let colour = |tile: usize| self.tiles.list[tile].place.iter().sum::<usize>() % 2;
        let values = |trajectory: &Trajectory, fold: usize| -> Vec<f64> {
            let terms = problem.terms(trajectory, &|tile| colour(tile) != fold);
            terms
                .iter()
                .map(|(tile, t)| round.trust[*tile] * t.value)
                .collect()
        };
        let globals = [0, 1].map(|fold| problem.fit(global.clone(), &|tile| colour(tile) == fold));
        let plain = [0, 1].map(|fold| values(&globals[fold], fold));
        let mut results = Vec::new();
        let mut starts = globals.clone();
        for model in LocalModel::ALL {
            check(progress)?;
            // What a second function of time explains builds on what one explains.
            if model == LocalModel::QuadraticTwoSpeeds && chosen(&results).is_none() {
                break;
            }
            let mut gains = Vec::new();
            for fold in 0..2 {
                let start = with_model(&starts[fold], model);
                let fitted = problem.fit(start, &|tile| colour(tile) == fold);
                gains.extend(
                    values(&fitted, fold)
                        .iter()
                        .zip(&plain[fold])
                        .map(|(a, b)| a - b),
                );
                starts[fold] = fitted;
            }
            results.push(summary(model, &gains, self.tiles.independence));
        }
        Ok(results)
    }

    fn with_local(
        &self,
        round: &mut Round,
        stiffness: f64,
        start: &Trajectory,
        model: LocalModel,
    ) -> Trajectory {
        let everyone = |_: usize| true;
        let fitted = self
            .problem(round, stiffness)
            .fit(with_model(start, model), &everyone);
        // Aligned better, the frames share finer detail.
        *round = self.round(&fitted, std::mem::take(&mut round.trust));
        self.problem(round, stiffness).fit(fitted, &everyone)
    }
}

/// The accepted model of the largest gain.
fn chosen(held_out: &[HeldOut]) -> Option<LocalModel> {
    let accepted = held_out
        .iter()
        .filter(|h| h.gain > ODDS && h.z > CONVINCING);
    accepted
        .max_by(|a, b| a.gain.total_cmp(&b.gain))
        .map(|h| h.model)
}

/// The same trajectory with room for a freer model; coefficients that it had are kept.
fn with_model(trajectory: &Trajectory, model: LocalModel) -> Trajectory {
    let mut coefficients = vec![DVec2::ZERO; model.terms()];
    if let Some((_, known)) = &trajectory.local {
        for (to, from) in coefficients.iter_mut().zip(known) {
            *to = *from;
        }
    }
    Trajectory {
        shifts: trajectory.shifts.clone(),
        local: Some((model, coefficients)),
    }
}

fn summary(model: LocalModel, gains: &[f64], independence: f64) -> HeldOut {
    let count = gains.len() as f64;
    let mean = gains.iter().sum::<f64>() / count;
    let variance = gains.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    HeldOut {
        model,
        gain: mean * count * independence,
        z: mean / (variance / count).sqrt().max(1e-30),
    }
}

fn root_mean_square(a: &[DVec2], b: &[DVec2]) -> f64 {
    let sum: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| (*a - *b).length_squared())
        .sum();
    (sum / a.len().max(1) as f64).sqrt()
}

impl Found {
    /// In pixels of the movie, for every frame.
    fn into_motion(
        self,
        size: [usize; 2],
        frames: Vec<usize>,
        bin: f64,
        groups: &[std::ops::Range<usize>],
    ) -> Motion {
        let centres: Vec<f64> = groups
            .iter()
            .map(|g| 0.5 * (g.start + g.end) as f64 - 0.5)
            .collect();
        let mut shifts: Vec<DVec2> = (0..frames.len())
            .map(|frame| between(&centres, &self.trajectory.shifts, frame as f64) * bin)
            .collect();
        let mean = shifts.iter().sum::<DVec2>() / shifts.len().max(1) as f64;
        for shift in &mut shifts {
            *shift -= mean;
        }
        let grouped = time_functions(&self.times);
        let local = self
            .trajectory
            .local
            .map(|(model, coefficients)| LocalMotion {
                model,
                coefficients: coefficients.iter().map(|a| *a * bin).collect(),
                times: (0..frames.len())
                    .map(|frame| {
                        let of = |h: usize| {
                            between(
                                &centres,
                                &grouped.iter().map(|t| t[h]).collect::<Vec<_>>(),
                                frame as f64,
                            )
                        };
                        [of(0), of(1)]
                    })
                    .collect(),
            });
        Motion {
            size,
            frames,
            shifts,
            local,
            uncertainty: self.uncertainty * bin,
            signal: self.signal,
            held_out: self.held_out,
            jitter: self.jitter * bin,
        }
    }
}

/// Straight lines between the values at `centres`, continued at both ends.
fn between<T>(centres: &[f64], values: &[T], at: f64) -> T
where
    T: Copy
        + std::ops::Add<Output = T>
        + std::ops::Sub<Output = T>
        + std::ops::Mul<f64, Output = T>,
{
    if values.len() == 1 {
        return values[0];
    }
    let after = centres
        .partition_point(|c| *c < at)
        .clamp(1, centres.len() - 1);
    let t = (at - centres[after - 1]) / (centres[after] - centres[after - 1]);
    values[after - 1] + (values[after] - values[after - 1]) * t
}
