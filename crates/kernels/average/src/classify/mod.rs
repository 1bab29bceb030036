//! Classification in three dimensions: K maps of one set of particles (Scheres 2010; Bharat & Scheres 2016).
//!
//! With alignment it is the iteration of [`crate::iterate`] with K references: from one map with particles given to random
//! classes in the first iteration, or from K different maps. At fixed poses every particle is turned into the frame of
//! the reference once and classes are found there by annealed, restarted expectation-maximisation; one iteration then
//! makes the maps. Junk that shows something needs a class of its own; particles that show nothing go to the empty class, one
//! more hypothesis whose map is 0. With alignment its evidence stands against that of all poses of the classes, so that
//! what a search always finds in noise does not count.

mod aligned;
mod class_posteriors;
mod expectation_maximisation;
mod fixed;
mod products;

use serde::{Deserialize, Serialize};
use thon_compute::Progress;
use thon_likelihood::{Mode, ParticleSource, Placement, Posterior};

pub use expectation_maximisation::EmResult;
pub use fixed::classification_band;

use crate::directions::AngularDistribution;
use crate::input::{Input, prepared_reference};
use crate::iterate::{first_band, iterate, largest_band, solvent_mask, to_grey_scale, wanted};
use crate::noise::Weighting;
use crate::options::{Alignment, ClassifyOptions};
use crate::refine::new_head;
use crate::report::{IterationReport, Search};
use crate::state::{Status, Task};
use crate::{AverageError, State};

/// Classes with less posterior are left out of a particle's modes.
const LEAST: f64 = 1e-3;

/// The result of a classification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Classified {
    /// Map of each class `[n, n, n]`, regularised and masked.
    pub maps: Vec<Vec<f32>>,
    /// Share of each class; after those with maps that of the empty class, if there is one.
    pub shares: Vec<f64>,
    /// Posterior of each class, `[particle][class]`, the empty one last.
    pub class_posteriors: Vec<Vec<f64>>,
    /// What is known of each particle.
    pub posteriors: Vec<Posterior>,
    /// From where the particles of each class are seen.
    pub directions: Vec<AngularDistribution>,
    /// One report per iteration.
    pub reports: Vec<IterationReport>,
}

/// Fails with what is wrong, without reading a particle.
///
/// # Errors
/// As [`crate::refine::check`].
pub fn check(
    source: &dyn ParticleSource,
    input: &Input<'_>,
    options: &ClassifyOptions,
) -> Result<(), AverageError> {
    if source.len() < options.classes.max(2) {
        return Err(AverageError::TooFewParticles {
            found: source.len(),
            needed: options.classes.max(2),
            method: "a classification",
        });
    }
    options.check(source.box_size(), source.voxel_size())?;
    if options.alignment == Alignment::Fixed {
        input.check(source, crate::options::StartingPoses::Given)?;
    } else {
        input.check(source, crate::options::StartingPoses::Search)?;
        if options.alignment == Alignment::Local && input.starts.is_empty() {
            return Err(AverageError::option(
                "alignment",
                "local",
                "starting poses to improve",
            ));
        }
    }
    let given = input.references.len();
    if given > 1 && given != options.classes {
        return Err(AverageError::Count {
            what: "references",
            expected: options.classes,
            found: given,
        });
    }
    Ok(())
}

/// The state before the first iteration. At fixed poses, classes are found here.
///
/// # Errors
/// As [`check`]; what reading particles meets; [`AverageError::Cancelled`].
pub fn start(
    source: &dyn ParticleSource,
    input: &Input<'_>,
    options: &ClassifyOptions,
    progress: &dyn Progress,
) -> Result<State, AverageError> {
    check(source, input, options)?;
    if options.alignment == Alignment::Fixed {
        return start_fixed(source, input, options, progress);
    }
    let (n, voxel) = (source.box_size(), source.voxel_size());
    let search = match options.alignment {
        Alignment::Local => Search::Local,
        _ => Search::Global,
    };
    let mask = mask_of(input, options, source);
    let low_pass = options.initial_low_pass.0;
    let prepared = |map: &&[f32]| prepared_reference(map, &mask, n, voxel, low_pass);
    let several = input.references.len() > 1;
    let mut state = empty_state(source, input, options, options.classes, search, progress)?;
    state.references = input.references.iter().map(prepared).collect();
    state.head.random_classes = !several && options.classes > 1;
    state.head.band = first_band(n, voxel, low_pass).min(largest_band(&state.head));
    if !options.absolute_grey_scale {
        state.references = to_grey_scale(source, &state, progress)?;
    }
    if !several {
        state.references = vec![state.references[0].clone(); options.classes];
    }
    Ok(state)
}

fn mask_of(input: &Input<'_>, options: &ClassifyOptions, source: &dyn ParticleSource) -> Vec<f32> {
    let soft = || solvent_mask(&options.target, source.box_size(), source.voxel_size());
    input.mask.map_or_else(soft, <[f32]>::to_vec)
}

fn empty_state(
    source: &dyn ParticleSource,
    input: &Input<'_>,
    options: &ClassifyOptions,
    classes: usize,
    search: Search,
    progress: &dyn Progress,
) -> Result<State, AverageError> {
    let head = new_head(source, Task::Classify(options.clone()), classes, search);
    let size = (source.box_size(), source.voxel_size());
    let whole = wanted(&options.target, size, largest_band(&head), None);
    Ok(State {
        head,
        halves: vec![0; source.len()],
        starts: input.starts.to_vec(),
        posteriors: Vec::new(),
        references: Vec::new(),
        apart: Vec::new(),
        mask: input.mask.map(<[f32]>::to_vec),
        weighting: Weighting::first(source, &whole, progress)?,
    })
}

/// The noise from what the average of all particles leaves, then the classes.
fn start_fixed(
    source: &dyn ParticleSource,
    input: &Input<'_>,
    options: &ClassifyOptions,
    progress: &dyn Progress,
) -> Result<State, AverageError> {
    let n = source.box_size();
    let mut state = empty_state(source, input, options, 1, Search::Fixed, progress)?;
    state.head.band = classification_band(options, n, source.voxel_size(), source.len());
    if options.refine_noise {
        let band = state.head.band;
        for _ in 0..2 {
            state = iterate(source, &state, progress)?;
            state.head.band = band;
        }
    }
    let band = state.head.band;
    let mask = mask_of(input, options, source);
    let set = fixed::align_all(
        source,
        &options.target,
        input.starts,
        &state.weighting,
        band,
        Some(&mask),
        progress,
    )?;
    let several = input.references.len() > 1;
    let maps: Vec<Vec<f32>> = input.references.iter().map(|map| map.to_vec()).collect();
    let references = several.then_some(maps.as_slice());
    let found = fixed::find_classes(&set, options, references, n, progress)?;
    drop(set);
    let mut head = new_head(
        source,
        Task::Classify(options.clone()),
        options.classes,
        Search::Fixed,
    );
    head.band = band;
    head.class_shares.clone_from(&found.shares);
    Ok(State {
        posteriors: fixed_posteriors(input.starts, &found),
        head,
        references: Vec::new(),
        ..state
    })
}

/// One mode per class with a share worth the name, all at the given pose.
fn fixed_posteriors(starts: &[Placement], found: &EmResult) -> Vec<Posterior> {
    let rows = found.posteriors.chunks(found.shares.len());
    starts
        .iter()
        .zip(rows)
        .map(|(placement, row)| {
            let kept: Vec<(usize, f64)> = row
                .iter()
                .copied()
                .enumerate()
                .filter(|(_, weight)| *weight >= LEAST)
                .collect();
            let total: f64 = kept.iter().map(|(_, weight)| weight).sum();
            let mut modes: Vec<Mode> = kept
                .iter()
                .map(|&(class, weight)| Mode {
                    placement: *placement,
                    class: class as u32,
                    log_posterior: weight.ln(),
                    covariance: [[0.0; 6]; 6],
                    weight: weight / total,
                })
                .collect();
            modes.sort_by(|a, b| b.weight.total_cmp(&a.weight));
            Posterior { modes }
        })
        .collect()
}

/// The classes of a state after its last iteration.
///
/// # Errors
/// [`AverageError::Option`] for the state of a refinement.
pub fn finish(state: &State) -> Result<Classified, AverageError> {
    if !matches!(state.head.task, Task::Classify(_)) {
        return Err(AverageError::option(
            "state",
            "of a refinement",
            "of a classification",
        ));
    }
    let classes = state.head.class_shares.len();
    let class_posteriors = state
        .posteriors
        .iter()
        .map(|posterior| {
            let mut row = vec![0.0; classes];
            for mode in &posterior.modes {
                row[mode.class as usize] += mode.weight;
            }
            row
        })
        .collect();
    let directions = (0..classes)
        .map(|class| {
            let best = state.posteriors.iter().map(Posterior::best);
            let ours = best.filter(|mode| mode.class as usize == class);
            AngularDistribution::of(ours.map(|mode| mode.placement.rotation))
        })
        .collect();
    Ok(Classified {
        maps: state.references.clone(),
        shares: state.head.class_shares.clone(),
        class_posteriors,
        posteriors: state.posteriors.clone(),
        directions,
        reports: state.head.reports.clone(),
    })
}

/// A whole classification in one process.
///
/// # Errors
/// As [`start`], [`iterate`] and [`finish`].
pub fn run(
    source: &dyn ParticleSource,
    input: &Input<'_>,
    options: &ClassifyOptions,
    progress: &dyn Progress,
) -> Result<Classified, AverageError> {
    let mut state = start(source, input, options, progress)?;
    while state.head.status == Status::Running {
        state = iterate(source, &state, progress)?;
    }
    finish(&state)
}
