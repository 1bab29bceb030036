//! Template matching: local correlation of a tomogram with a template in every orientation.
//!
//! At every voxel the highest of all orientations is kept, with its index; equal scores keep the lower index. The same is done with
//! the template's mirror image and, where that is too much like it, with a twisted template: decoys that the scores are
//! judged by (`crate::significance`). Cost: see `benches/benches/template_matching.rs`.

mod band;
mod decoy;
mod engine;
mod layout;
mod prefilter;
mod template;
mod tile;

pub(crate) use decoy::Decoy;
pub(crate) use prefilter::{RadialGain, prefilter};
pub(crate) use template::{Ball, TurningTemplate};

use ndarray::{Array3, s};
use rayon::prelude::*;
use rustfft::num_complex::Complex32;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::{Counter, Progress};
use thon_ctf::ExposureModel;
use thon_model::Map;
use thon_signal::fft::next_fast_even_length;
use thon_signal::resample::crop_or_pad3;
use thon_units::{Angstrom, PixelSize};

use crate::transfer::{ContrastState, SeenBy, transfer_volume};
use crate::{Orientations, PickError};
use engine::{Best, Engine, Scratch};
use layout::{Layout, Tile};

/// Templates turned at a time, so that they are turned by all threads.
const BATCH: usize = 32;

/// How a tomogram is compared with a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MatchOptions {
    /// Diameter of the spherical mask around the template; the particle's own, a little more.
    #[schemars(range(min = 1.0))]
    pub mask_diameter: Angstrom,
    /// Width of the mask's soft rim, beyond its diameter.
    #[schemars(range(min = 0.0))]
    pub mask_edge: Angstrom,
    /// What was done to the contrast transfer of the tomogram; told from its tilt series, or nothing, when empty.
    pub contrast: Option<ContrastState>,
    /// How the signal falls with exposure.
    #[schemars(extend("x-level" = "expert"))]
    pub exposure: ExposureModel,
    /// Whether the tomogram's spectrum is made white.
    pub whiten: bool,
    /// Period of the finest detail compared; that of the voxels when empty.
    pub low_pass: Option<Angstrom>,
    /// Period of the coarsest detail compared; everything when empty.
    pub high_pass: Option<Angstrom>,
    /// Whether the mirrored template and, where that is too much like the template, a twisted one are searched too: two or three
    /// times the work, and scores get error rates.
    pub significance: bool,
    /// Seed of the twisted template.
    #[schemars(extend("x-level" = "expert"))]
    pub seed: u64,
    /// Memory for buffers, MiB; a tomogram that does not fit is cut into overlapping tiles.
    #[schemars(range(min = 64), extend("x-level" = "expert"))]
    pub memory: usize,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self {
            mask_diameter: Angstrom(300.0),
            mask_edge: Angstrom(30.0),
            contrast: None,
            exposure: ExposureModel::default(),
            whiten: true,
            low_pass: None,
            high_pass: Some(Angstrom(600.0)),
            significance: true,
            seed: 1,
            memory: 1024,
        }
    }
}

/// The best scores of one template, `[z, y, x]` of the tomogram.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreMap {
    /// Local correlation coefficient of the best orientation, in [−1, 1]; 0 where the tomogram is flat.
    pub score: Array3<f32>,
    /// Index of that orientation.
    pub orientation: Array3<u32>,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Matches {
    /// Of the template.
    pub template: ScoreMap,
    /// Of the mirrored template; absent without `significance`.
    pub mirrored: Option<ScoreMap>,
    /// Of a twisted template; present where the mirrored one is too much like the template to be its decoy.
    pub twisted: Option<ScoreMap>,
}

impl Matches {
    /// What the template is judged by.
    pub fn decoy(&self) -> Option<&ScoreMap> {
        self.twisted.as_ref().or(self.mirrored.as_ref())
    }
}

/// One search: everything but the tomogram.
pub(crate) struct Search {
    pub ball: Ball,
    pub gain: RadialGain,
    /// Template, then mirrored and twisted ones; template and the decoy alone where that was given.
    pub templates: Vec<TurningTemplate>,
    /// What the template is judged by; absent without `significance`.
    pub decoy: Option<Decoy>,
}

impl MatchOptions {
    pub(crate) fn ball(&self, voxel_size: PixelSize) -> Ball {
        Ball {
            radius: 0.5 * self.mask_diameter.0 / voxel_size.0,
            edge: self.mask_edge.0 / voxel_size.0,
        }
    }

    /// Bytes that [`match_template`] holds at its height, tomogram and results included.
    pub fn bytes(&self, dims: [usize; 3]) -> u64 {
        let voxels = dims.iter().product::<usize>() as u64;
        let kept = if self.significance { 3 } else { 1 };
        let filter = 12 * voxels;
        4 * voxels + filter.max(8 * kept * voxels + ((self.memory as u64) << 20)) + (64 << 20)
    }

    fn check(&self, template: &Map, voxel_size: PixelSize) -> Result<(), PickError> {
        let ball = self.ball(voxel_size);
        if !(ball.radius >= 1.5 && ball.radius <= 200.0) {
            let expected = format!("3 to 400 voxels of {voxel_size}");
            return Err(PickError::parameter(
                "mask_diameter",
                &self.mask_diameter,
                expected,
            ));
        }
        if !(ball.edge >= 0.0 && ball.edge <= 4.0 * ball.radius) {
            return Err(PickError::parameter(
                "mask_edge",
                &self.mask_edge,
                "0 to twice the mask's diameter",
            ));
        }
        if (template.voxel_size.0 / voxel_size.0 - 1.0).abs() > 1e-3 {
            let expected = format!("that of the tomogram, {voxel_size}");
            return Err(PickError::parameter(
                "template's voxel size",
                &template.voxel_size,
                expected,
            ));
        }
        for (field, period) in [("low_pass", self.low_pass), ("high_pass", self.high_pass)] {
            if let Some(period) = period
                && !(period.0.is_finite() && period.0 > voxel_size.0)
            {
                return Err(PickError::parameter(
                    field,
                    &period,
                    "a period above one voxel",
                ));
            }
        }
        finite("template", &template.data)
    }
}

pub(crate) fn finite(what: &'static str, volume: &Array3<f32>) -> Result<(), PickError> {
    let count = volume.iter().filter(|v| !v.is_finite()).count();
    if count > 0 {
        return Err(PickError::NotFinite { what, count });
    }
    let flat = volume
        .first()
        .is_none_or(|first| volume.iter().all(|v| v == first));
    if flat {
        return Err(PickError::Flat { what, hint: "" });
    }
    Ok(())
}

/// Filters the tomogram in place and makes the templates ready for it; without a `decoy` one is chosen.
pub(crate) fn ready(
    tomogram: &mut Array3<f32>,
    template: &Map,
    images: &[SeenBy],
    voxel_size: PixelSize,
    decoy: Option<Decoy>,
    options: &MatchOptions,
) -> Result<Search, PickError> {
    options.check(template, voxel_size)?;
    finite("tomogram", tomogram)?;
    let frequency =
        |period: Option<Angstrom>, none: f64| period.map_or(none, |p| voxel_size.0 / p.0);
    let gain = prefilter(
        tomogram,
        frequency(options.high_pass, 0.0),
        frequency(options.low_pass, 0.5),
        options.whiten,
    );
    let ball = options.ball(voxel_size);
    let n = next_fast_even_length((2 * ball.reach() + 2).max((3.0 * ball.radius).ceil() as usize));
    let mut weights = transfer_volume(
        images,
        options.contrast.unwrap_or_default(),
        options.exposure,
        n,
        voxel_size,
    );
    for ((z, y, x), value) in weights.indexed_iter_mut() {
        let f = [z, y, x].map(|i| thon_signal::fft::frequency(i, n));
        let radius = (f[0] * f[0] + f[1] * f[1] + f[2] * f[2]).sqrt();
        *value *= gain.at(radius) as f32;
    }
    let map = crop_or_pad3(&template.data, [n; 3], 0.0);
    let given = decoy.is_some();
    let made = |map: &Array3<f32>| TurningTemplate::new(map, weights.clone(), ball);
    let mut templates = vec![made(&map)?];
    let decoy = (options.significance).then(|| {
        let make = |decoy: Decoy| made(&decoy.map(&map, ball.radius));
        decoy.map_or_else(|| Decoy::choose(&templates[0], make, options.seed), Ok)
    });
    let decoy = decoy.transpose()?;
    let kinds = match decoy {
        _ if given => decoy.into_iter().collect(),
        None => Vec::new(),
        Some(Decoy::Mirrored) => vec![Decoy::Mirrored],
        Some(twisted) => vec![Decoy::Mirrored, twisted],
    };
    for kind in kinds {
        templates.push(made(&kind.map(&map, ball.radius))?);
    }
    let contrast = templates[0].normalised(glam::DQuat::IDENTITY);
    if contrast.iter().all(|v| *v == 0.0) {
        return Err(PickError::Flat {
            what: "template seen through the tilt series",
            hint: "\nhint: is its band pass empty, or its density spread evenly over the mask?",
        });
    }
    Ok(Search {
        ball,
        gain,
        templates,
        decoy,
    })
}

/// Compares a tomogram `[z, y, x]` with a template (centre at voxel ⌊n/2⌋, of the same voxel size) in all `orientations`, as the tilt series' `images` would
/// show it.
///
/// Same bytes for any number of threads. `memory` decides how the tomogram is cut; scores of different cuts agree to about 1e-4.
///
/// # Errors
/// [`PickError`]: parameters out of range, voxels that are no numbers, no contrast, too little memory, cancellation.
pub fn match_template(
    mut tomogram: Array3<f32>,
    template: &Map,
    images: &[SeenBy],
    orientations: &Orientations,
    voxel_size: PixelSize,
    options: &MatchOptions,
    progress: &dyn Progress,
) -> Result<Matches, PickError> {
    let search = ready(&mut tomogram, template, images, voxel_size, None, options)?;
    let kinds: Vec<usize> = (0..search.templates.len()).collect();
    let mut found = search_filtered(
        &tomogram,
        &search,
        &kinds,
        orientations,
        options.memory,
        progress,
    )?;
    let mut next = || (!found.is_empty()).then(|| found.remove(0));
    let template = next().unwrap_or_else(|| empty([0; 3]));
    Ok(Matches {
        template,
        mirrored: next(),
        twisted: next(),
    })
}

fn empty(dims: [usize; 3]) -> ScoreMap {
    ScoreMap {
        score: Array3::zeros(dims),
        orientation: Array3::zeros(dims),
    }
}

/// Searches a filtered tomogram with some of the templates.
pub(crate) fn search_filtered(
    tomogram: &Array3<f32>,
    search: &Search,
    kinds: &[usize],
    orientations: &Orientations,
    memory: usize,
    progress: &dyn Progress,
) -> Result<Vec<ScoreMap>, PickError> {
    let (nz, ny, nx) = tomogram.dim();
    let dims = [nz, ny, nx];
    let mib = |bytes: usize| bytes.div_ceil(1 << 20);
    let layout = Layout::choose(dims, search.ball.reach(), memory << 20).map_err(|needed| {
        PickError::Memory {
            needed: mib(needed),
            allowed: memory,
        }
    })?;
    let variance = thon_compute::parallel::sum_by(tomogram.as_slice().unwrap_or(&[]), |v| {
        f64::from(*v).powi(2)
    }) / tomogram.len().max(1) as f64;
    let batches = orientations.len().div_ceil(BATCH);
    let counter = Counter::new(
        progress,
        (layout.tiles.len() * kinds.len() * batches) as u64,
    );
    let mut maps: Vec<ScoreMap> = kinds.iter().map(|_| empty(dims)).collect();
    let mut engine: Option<([usize; 3], Engine)> = None;
    let mut scratch = Scratch::default();
    for tile in &layout.tiles {
        if engine
            .as_ref()
            .is_none_or(|(length, _)| *length != tile.length)
        {
            let made = Engine::new(tile.length, search.ball.reach(), search.gain.limit());
            engine = Some((tile.length, made));
        }
        let Some((_, engine)) = &engine else { continue };
        let prepared = tile::prepare(
            tomogram,
            tile,
            engine,
            search.ball,
            search.gain.limit(),
            variance,
        );
        for (map, kind) in maps.iter_mut().zip(kinds) {
            let mut best = Best::new(tile.valid.iter().product());
            for batch in 0..batches {
                counter.check()?;
                let range = batch * BATCH..orientations.len().min((batch + 1) * BATCH);
                let pairs = pairs(
                    &search.templates[*kind],
                    &orientations.rotations()[range.clone()],
                );
                for (index, pair) in pairs.iter().enumerate() {
                    let first = range.start + 2 * index;
                    let both = first + 1 < range.end;
                    engine.update(&prepared, pair, first as u32, both, &mut scratch, &mut best);
                }
                counter.unit_done();
            }
            keep(map, tile, best);
        }
    }
    Ok(maps)
}

/// Reflected templates, two and two as real and imaginary parts.
fn pairs(template: &TurningTemplate, rotations: &[glam::DQuat]) -> Vec<Vec<Complex32>> {
    let boxes: Vec<Vec<f32>> = rotations
        .par_iter()
        .map(|rotation| template.reflected(*rotation))
        .collect();
    let join = |pair: &[Vec<f32>]| -> Vec<Complex32> {
        match pair {
            [a, b] => a
                .iter()
                .zip(b)
                .map(|(a, b)| Complex32::new(*a, *b))
                .collect(),
            [a] => a.iter().map(|a| Complex32::new(*a, 0.0)).collect(),
            _ => Vec::new(),
        }
    };
    boxes.chunks(2).map(join).collect()
}

fn keep(map: &mut ScoreMap, tile: &Tile, best: Best) {
    let [z, y, x] = [0, 1, 2].map(|axis| tile.origin[axis]..tile.origin[axis] + tile.valid[axis]);
    let shape = tile.valid;
    let score =
        Array3::from_shape_vec(shape, best.score).expect("as many as the tile is valid for");
    let orientation =
        Array3::from_shape_vec(shape, best.orientation).expect("as many as the tile is valid for");
    let window = s![z, y, x];
    map.score.slice_mut(window).assign(&score);
    map.orientation.slice_mut(window).assign(&orientation);
}

#[cfg(test)]
mod tests;
