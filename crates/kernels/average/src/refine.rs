//! Gold-standard refinement: two independent halves, marched from a low-passed reference to the limit of the data
//! (Scheres & Chen 2012; Bharat & Scheres 2016).
//!
//! [`start`] makes the first [`State`], [`crate::iterate`] (or blocks and [`crate::reduce`]) the following ones until
//! `state.head.status` says converged; then [`last`] prepares the final iteration, whose blocks [`finish`] turns into
//! maps. [`run`] does all of it. Work of an iteration per particle, K points of the search's half ball, R rotations, T
//! shifts, S samples up to the band: search 4·K·R·T + 2·K·R flops; polishing about 250·S per evaluation, some ten
//! evaluations while poses are unknown and three once they are; sums 60·S per pose.

use serde::{Deserialize, Serialize};
use thon_compute::{Progress, seed_stream};
use thon_geometry::random_rotation;
use thon_likelihood::{ParticleSource, Placement, Posterior};

use crate::directions::AngularDistribution;
use crate::halves::{draw_halves, numbers};
use crate::input::{Input, prepared_reference};
use crate::iterate::{
    BlockResult, FinishedMaps, Joined, expect_block, finish_maps, first_band, iterate, join,
    largest_band, solvent_mask, to_grey_scale, wanted, whole_band,
};
use crate::noise::Weighting;
use crate::options::{RefineOptions, StartingPoses};
use crate::report::{IterationReport, Search};
use crate::state::{Head, Status, Task};
use crate::{AverageError, State};

/// Share of the empty class before it is known.
const FIRST_EMPTY: f64 = 0.02;

/// The result of a refinement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refined {
    /// Half maps `[n, n, n]`, neither filtered nor masked.
    pub half_maps: [Vec<f32>; 2],
    /// Map of all particles, filtered by the FSC, not masked.
    pub map: Vec<f32>,
    /// Correlation of the half maps by shell.
    pub fsc: Vec<f64>,
    /// Resolution at FSC 0.143, Å.
    pub resolution: f64,
    /// What is known of each particle.
    pub posteriors: Vec<Posterior>,
    /// Half of each particle, 0 or 1.
    pub halves: Vec<u8>,
    /// From where particles are seen.
    pub directions: AngularDistribution,
    /// One report per iteration.
    pub reports: Vec<IterationReport>,
    /// The helix that the maps were given, as refined.
    pub helix: Option<crate::helix::Helix>,
}

/// Fails with what is wrong with particles, maps, poses or options, without reading a particle.
///
/// # Errors
/// Named after what is wrong: [`AverageError::TooFewParticles`], [`AverageError::MapSize`], [`AverageError::NotFinite`],
/// [`AverageError::Flat`], [`AverageError::BlackMask`], [`AverageError::MaskRange`], [`AverageError::Count`],
/// [`AverageError::Option`].
pub fn check(
    source: &dyn ParticleSource,
    input: &Input<'_>,
    options: &RefineOptions,
) -> Result<(), AverageError> {
    if source.len() < 2 {
        return Err(AverageError::TooFewParticles {
            found: source.len(),
            needed: 2,
            method: "a refinement in two halves",
        });
    }
    input.check(source, options.poses.start)?;
    if input.references.len() > 1 {
        return Err(AverageError::Count {
            what: "references of a refinement",
            expected: 1,
            found: input.references.len(),
        });
    }
    if options.poses.local_sigma.is_some() && input.starts.is_empty() {
        return Err(AverageError::option(
            "local sigma",
            "given",
            "starting poses to search around",
        ));
    }
    options.check(source.box_size(), source.voxel_size())
}

/// The state before the first iteration.
///
/// # Errors
/// As [`check`]; what reading particles meets; [`AverageError::Cancelled`].
pub fn start(
    source: &dyn ParticleSource,
    input: &Input<'_>,
    options: &RefineOptions,
    progress: &dyn Progress,
) -> Result<State, AverageError> {
    check(source, input, options)?;
    let (n, voxel) = (source.box_size(), source.voxel_size());
    let seed = options.poses.seed;
    let mask = input
        .mask
        .map_or_else(|| solvent_mask(&options.target, n, voxel), <[f32]>::to_vec);
    let random = options.poses.start == StartingPoses::Random;
    let starts = if random {
        (0..source.len()).map(|i| random_pose(seed, i)).collect()
    } else {
        input.starts.to_vec()
    };
    let low_pass = options.initial_low_pass.0;
    let references = match input.references.first() {
        Some(map) if !random => {
            let map = prepared_reference(map, &mask, n, voxel, low_pass);
            vec![map.clone(), map]
        }
        _ => Vec::new(),
    };
    let search = match options.poses.start {
        _ if references.is_empty() => Search::Fixed,
        // With an idea of how far they may be off, the whole neighbourhood is searched.
        StartingPoses::Given if options.poses.local_sigma.is_none() => Search::Local,
        _ => Search::Global,
    };
    let mut head = new_head(source, Task::Refine(options.clone()), 1, search);
    head.band = first_band(n, voxel, low_pass).min(largest_band(&head));
    let whole = wanted(&options.target, (n, voxel), whole_band(&head), None);
    let mut state = State {
        head,
        halves: input
            .halves
            .map_or_else(|| numbers(&draw_halves(source.len(), seed)), <[u8]>::to_vec),
        starts,
        posteriors: Vec::new(),
        references,
        apart: Vec::new(),
        mask: input.mask.map(<[f32]>::to_vec),
        weighting: Weighting::first(source, &whole, progress)?,
    };
    if !options.absolute_grey_scale && !state.references.is_empty() {
        state.references = to_grey_scale(source, &state, progress)?;
    }
    Ok(state)
}

/// A head before the first iteration.
pub(crate) fn new_head(
    source: &dyn ParticleSource,
    task: Task,
    classes: usize,
    search: Search,
) -> Head {
    let offset_sigma = task.poses().offset_sigma.0 / source.voxel_size();
    let helix = task.target().helix;
    let mut class_shares = vec![1.0 / classes as f64; classes];
    if task.empty_class() && classes > 1 {
        class_shares.push(FIRST_EMPTY);
    }
    Head {
        task,
        iteration: 0,
        particles: source.len(),
        box_size: source.box_size(),
        voxel_size: source.voxel_size(),
        classes,
        band: 1,
        search,
        offset_sigma,
        class_shares,
        resolution_shell: 0,
        best_shell: 0,
        random_classes: false,
        last: false,
        stalled_resolution: 0,
        stalled_poses: 0,
        smallest_change: None,
        status: Status::Running,
        helix,
        information: Vec::new(),
        data_share: Vec::new(),
        shared_shell: 0,
        summed_band: 0,
        reports: Vec::new(),
    }
}

fn random_pose(seed: u64, index: usize) -> Placement {
    let mut random = seed_stream(seed, "poses/random", index as u64);
    Placement {
        rotation: random_rotation(&mut random),
        ..Placement::default()
    }
}

/// The state of the last iteration: the whole band, unmasked data in the sums.
pub fn last(state: &State) -> State {
    let mut state = state.clone();
    state.head.last = true;
    state.head.band = largest_band(&state.head);
    if state.head.search == Search::Global {
        // What the global search could find is among the modes.
        state.head.search = Search::Local;
    }
    state
}

/// Maps from the blocks of the last iteration; `state` is that of [`last`].
///
/// # Errors
/// [`AverageError::Blocks`] when blocks do not cover every particle once, and what the reconstruction refuses.
pub fn finish(state: &State, blocks: Vec<BlockResult>) -> Result<Refined, AverageError> {
    let Task::Refine(options) = &state.head.task else {
        return Err(AverageError::option(
            "state",
            "of a classification",
            "of a refinement",
        ));
    };
    let Joined {
        posteriors, sums, ..
    } = join(state, blocks)?;
    let FinishedMaps {
        halves,
        merged,
        fsc,
        resolution_shell,
        helix,
    } = finish_maps(state, options, sums)?;
    let edge = state.head.box_size as f64 * state.head.voxel_size;
    Ok(Refined {
        half_maps: halves,
        map: merged,
        fsc,
        resolution: edge / resolution_shell.max(1) as f64,
        directions: AngularDistribution::of(posteriors.iter().map(|p| p.best().placement.rotation)),
        posteriors,
        halves: state.halves.clone(),
        reports: state.head.reports.clone(),
        helix,
    })
}

/// A whole refinement in one process.
///
/// # Errors
/// As [`start`], [`iterate`] and [`finish`].
pub fn run(
    source: &dyn ParticleSource,
    input: &Input<'_>,
    options: &RefineOptions,
    progress: &dyn Progress,
) -> Result<Refined, AverageError> {
    let mut state = start(source, input, options, progress)?;
    while state.head.status == Status::Running {
        state = iterate(source, &state, progress)?;
    }
    let state = last(&state);
    let block = expect_block(source, &state, 0..source.len(), progress)?;
    finish(&state, vec![block])
}
