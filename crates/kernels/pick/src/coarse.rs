//! Coarse to fine: a search of binned voxels in coarse angles, then only its candidates in the voxels and angles asked for.
//!
//! The tomogram is Fourier-cropped by `binning` and searched with all orientations of a coarse grid. The highest peaks of the template,
//! and as many of its decoy, are then compared with templates turned around the coarse orientation and shifted by whole voxels, each
//! correlation written out. Both take the same way, so that choosing the best of many lifts both alike. Where the decoy does better
//! the match is dropped, and what it finds counts as false positives.
//! With binning b and angles a times as coarse the first step is b³·a³ times shorter than a search of everything.

use glam::{DQuat, DVec3};
use ndarray::Array3;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::{Counter, Progress};
use thon_geometry::Symmetry;
use thon_model::Map;
use thon_signal::correlate::find_peaks3;
use thon_signal::resample::rescale3;
use thon_units::{Angstrom, Degrees, PixelSize, Radians};

use crate::search::{Decoy, ScoreMap, Search, TurningTemplate, ready, search_filtered};
use crate::significance::{FalsePositives, is_inside};
use crate::{MatchOptions, Orientations, PickError, SeenBy, around_identity};

/// The first, coarse step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CoarseOptions {
    /// Voxels along an edge that become one.
    #[schemars(range(min = 1, max = 8))]
    pub binning: usize,
    /// Angular step.
    pub angular_step: Degrees,
    /// Candidates that are looked at again.
    #[schemars(range(min = 1))]
    pub candidates: usize,
}

impl Default for CoarseOptions {
    fn default() -> Self {
        Self {
            binning: 2,
            angular_step: Degrees(15.0),
            candidates: 1000,
        }
    }
}

/// A candidate after the fine step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FineMatch {
    /// Fractional voxel `(x, y, z)`.
    pub position: DVec3,
    /// Rotation of the template into the specimen.
    pub rotation: DQuat,
    /// Local correlation coefficient.
    pub score: f32,
}

/// What a search from coarse to fine found, highest score first, at least `distance` apart.
#[derive(Clone, Debug, PartialEq)]
pub struct FineMatches {
    /// Of the template.
    pub template: Vec<FineMatch>,
    /// False positives of the scores; absent without `significance`.
    pub chance: Option<FalsePositives>,
}

/// The tomogram, the template and the images it is seen in.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Tomogram, `[z, y, x]`.
    pub tomogram: &'a Array3<f32>,
    /// Template of the same voxel size, its centre at voxel ⌊n/2⌋.
    pub template: &'a Map,
    /// The used images of the series.
    pub images: &'a [SeenBy],
    /// Point group of the template.
    pub symmetry: Symmetry,
    /// Voxels of both.
    pub voxel_size: PixelSize,
}

/// Searches from coarse to fine; fine angles are `angular_step` apart, matches `distance` voxels and `margin` from the faces.
///
/// # Errors
/// As [`crate::match_template`].
pub fn match_coarse_to_fine(
    target: &Target<'_>,
    angular_step: Radians,
    coarse: &CoarseOptions,
    [distance, margin]: [f64; 2],
    options: &MatchOptions,
    progress: &dyn Progress,
) -> Result<FineMatches, PickError> {
    let mut tomogram = target.tomogram.clone();
    let search = ready(
        &mut tomogram,
        target.template,
        target.images,
        target.voxel_size,
        None,
        options,
    )?;
    let (found, orientations) = coarse_search(target, search.decoy, coarse, options, progress)?;
    let task = Fine {
        tomogram: &tomogram,
        search: &search,
        step: angular_step,
        reach: Radians(0.75 * coarse.angular_step.radians().0),
        shift: coarse.binning.max(1),
        mask: search.ball.mask(),
    };
    let binning = coarse.binning as f64;
    let starts = |map: &ScoreMap| -> Vec<(DVec3, DQuat)> {
        let (nz, ny, nx) = map.score.dim();
        let peaks = find_peaks3(&map.score, f32::MIN, distance / binning, usize::MAX);
        let inside = peaks
            .iter()
            .filter(|p| is_inside(p.position, [nz, ny, nx], margin / binning));
        let start = |peak: &thon_signal::correlate::Peak| {
            let [x, y, z] = peak.position.map(|p| p.round() as usize);
            let index = [z.min(nz - 1), y.min(ny - 1), x.min(nx - 1)];
            let rotation = orientations.rotations()[map.orientation[index] as usize];
            (
                full_voxel(peak.position, [nz, ny, nx], target.tomogram, binning),
                rotation,
            )
        };
        inside.take(coarse.candidates).map(start).collect()
    };
    let refined = |kind: usize, map: &ScoreMap| {
        let matches = task.refine(kind, &starts(map), progress)?;
        Ok::<_, PickError>(apart(matches, distance))
    };
    let template = refined(0, &found[0])?;
    let Some(decoy) = found.get(1) else {
        return Ok(FineMatches {
            template,
            chance: None,
        });
    };
    // The last of the templates is the decoy: the twisted one, or the mirrored one alone.
    let decoys = refined(search.templates.len() - 1, decoy)?;
    Ok(compete(template, &decoys, distance))
}

/// Of a match and a decoy nearer than `distance` the higher one stays (Elias & Gygi 2007).
fn compete(template: Vec<FineMatch>, decoys: &[FineMatch], distance: f64) -> FineMatches {
    let beaten = |one: &FineMatch, by: &[FineMatch]| {
        by.iter().any(|other| {
            other.score > one.score && other.position.distance(one.position) < distance
        })
    };
    let winners = decoys.iter().filter(|decoy| !beaten(decoy, &template));
    let chance = FalsePositives::of(winners.map(|decoy| decoy.score).collect());
    let stays = |one: &FineMatch| !beaten(one, decoys);
    FineMatches {
        template: template.into_iter().filter(stays).collect(),
        chance: Some(chance),
    }
}

fn coarse_search(
    target: &Target<'_>,
    decoy: Option<Decoy>,
    coarse: &CoarseOptions,
    options: &MatchOptions,
    progress: &dyn Progress,
) -> Result<(Vec<ScoreMap>, Orientations), PickError> {
    let orientations = Orientations::even(coarse.angular_step.radians(), target.symmetry);
    if !(1..=8).contains(&coarse.binning) {
        return Err(PickError::parameter("binning", &coarse.binning, "1 to 8"));
    }
    let voxel_size = PixelSize(target.voxel_size.0 * coarse.binning as f64);
    let binned = |volume: &Array3<f32>, fill: f32| {
        let (nz, ny, nx) = volume.dim();
        let to = [nz, ny, nx].map(|n| (n / coarse.binning).max(1));
        rescale3(volume, target.voxel_size.0, voxel_size.0, to, fill)
    };
    let mean = target.tomogram.mean().unwrap_or(0.0);
    let (mut tomogram, template) = if coarse.binning == 1 {
        (target.tomogram.clone(), target.template.clone())
    } else {
        let map = Map::new(binned(&target.template.data, 0.0), voxel_size);
        (binned(target.tomogram, mean), map)
    };
    let options = MatchOptions {
        low_pass: options.low_pass.filter(|p| p.0 > 2.0 * voxel_size.0),
        mask_edge: Angstrom(options.mask_edge.0.max(voxel_size.0)),
        ..options.clone()
    };
    let search = ready(
        &mut tomogram,
        &template,
        target.images,
        voxel_size,
        decoy,
        &options,
    )?;
    let kinds: &[usize] = if options.significance { &[0, 1] } else { &[0] };
    let found = search_filtered(
        &tomogram,
        &search,
        kinds,
        &orientations,
        options.memory,
        progress,
    )?;
    Ok((found, orientations))
}

/// The voxel of the whole tomogram that a voxel of the binned one lies at.
fn full_voxel(
    position: [f64; 3],
    binned: [usize; 3],
    tomogram: &Array3<f32>,
    binning: f64,
) -> DVec3 {
    let (nz, ny, nx) = tomogram.dim();
    let full = [nx, ny, nz];
    let binned = [binned[2], binned[1], binned[0]];
    let axis = |a: usize| (position[a] - (binned[a] / 2) as f64) * binning + (full[a] / 2) as f64;
    DVec3::new(axis(0), axis(1), axis(2))
}

/// The highest of those nearer than `distance` to each other.
fn apart(mut matches: Vec<FineMatch>, distance: f64) -> Vec<FineMatch> {
    matches.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<FineMatch> = Vec::new();
    for one in matches {
        if kept
            .iter()
            .all(|k| k.position.distance(one.position) >= distance)
        {
            kept.push(one);
        }
    }
    kept
}

/// The fine step.
struct Fine<'a> {
    tomogram: &'a Array3<f32>,
    search: &'a Search,
    step: Radians,
    reach: Radians,
    /// Voxels a candidate may lie beside its place.
    shift: usize,
    mask: Array3<f32>,
}

impl Fine<'_> {
    fn refine(
        &self,
        kind: usize,
        starts: &[(DVec3, DQuat)],
        progress: &dyn Progress,
    ) -> Result<Vec<FineMatch>, PickError> {
        let counter = Counter::new(progress, starts.len() as u64);
        let wide = around_identity(self.step, self.reach);
        let narrow = around_identity(Radians(0.5 * self.step.0), Radians(0.87 * self.step.0));
        let template = &self.search.templates[kind];
        starts
            .par_iter()
            .map(|(position, rotation)| {
                counter.check()?;
                let first = self.best(template, *position, *rotation, &wide, self.shift);
                let found = self.best(template, first.position.round(), first.rotation, &narrow, 1);
                counter.unit_done();
                Ok(found)
            })
            .collect()
    }

    /// The best of some rotations and all shifts up to `shift`.
    fn best(
        &self,
        template: &TurningTemplate,
        near: DVec3,
        about: DQuat,
        turns: &[DQuat],
        shift: usize,
    ) -> FineMatch {
        let window = Window::cut(self.tomogram, near, self.search.ball.reach(), shift);
        let inverse = window.inverse_deviations(&self.mask);
        let side = 2 * shift + 1;
        let mut best = (f32::NEG_INFINITY, DQuat::IDENTITY, Vec::new());
        for turn in turns {
            let rotation = (*turn * about).normalize();
            let field = template.normalised(rotation);
            let scores: Vec<f32> = window
                .products(&field)
                .iter()
                .zip(&inverse)
                .map(|(p, i)| p * i)
                .collect();
            let highest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            if highest > best.0 {
                best = (highest, rotation, scores);
            }
        }
        let scores =
            Array3::from_shape_vec([side; 3], best.2).unwrap_or_else(|_| Array3::zeros([side; 3]));
        let peak = find_peaks3(&scores, f32::MIN, 2.0 * side as f64, 1);
        let offset = peak.first().map_or([shift as f64; 3], |p| p.position);
        FineMatch {
            position: near.round() + DVec3::from_array(offset) - DVec3::splat(shift as f64),
            rotation: best.1,
            score: best.0,
        }
    }
}

/// A cube of the tomogram with room for shifts; zeros outside.
struct Window {
    values: Array3<f32>,
    size: usize,
    side: usize,
}

impl Window {
    fn cut(tomogram: &Array3<f32>, near: DVec3, reach: usize, shift: usize) -> Self {
        let half = (reach + shift) as i64;
        let [x, y, z] = near.to_array().map(|p| p.round() as i64 - half);
        let edge = 2 * (reach + shift) + 1;
        let values = Array3::from_shape_fn([edge; 3], |(c, b, a)| {
            let index = [z + c as i64, y + b as i64, x + a as i64].map(|i| i as usize);
            tomogram.get(index).copied().unwrap_or(0.0)
        });
        Self {
            values,
            size: 2 * reach + 1,
            side: 2 * shift + 1,
        }
    }

    /// Σ field·v of every shift, `[z, y, x]`.
    fn products(&self, field: &[f32]) -> Vec<f32> {
        let (size, edge) = (self.size, self.size + self.side - 1);
        let values = self.values.as_slice().unwrap_or(&[]);
        let mut sums = vec![0.0; self.side.pow(3)];
        for (index, sum) in sums.iter_mut().enumerate() {
            let (dz, dy, dx) = (
                index / self.side / self.side,
                index / self.side % self.side,
                index % self.side,
            );
            for z in 0..size {
                for y in 0..size {
                    let row = &field[(z * size + y) * size..][..size];
                    let other = &values[((z + dz) * edge + y + dy) * edge + dx..][..size];
                    *sum += dot(row, other);
                }
            }
        }
        sums
    }

    /// 1/√ΣM(v − v̄)² of every shift.
    fn inverse_deviations(&self, mask: &Array3<f32>) -> Vec<f32> {
        let weights = mask.as_slice().unwrap_or(&[]);
        let total: f32 = weights.iter().sum();
        let squares = Self {
            values: self.values.mapv(|v| v * v),
            ..*self
        };
        let (sums, squares) = (self.products(weights), squares.products(weights));
        let inverse = |(sum, square): (&f32, &f32)| {
            let value = square - sum * sum / total;
            if value > 1e-12 * square.abs().max(1e-20) {
                value.sqrt().recip()
            } else {
                0.0
            }
        };
        sums.iter().zip(&squares).map(inverse).collect()
    }
}

/// Σ a·b in eight running sums.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (heads, tails) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = heads
        .remainder()
        .iter()
        .zip(tails.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in heads.zip(tails) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    rest + sums.iter().sum::<f32>()
}
