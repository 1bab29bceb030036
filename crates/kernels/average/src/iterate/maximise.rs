//! The maximisation step: from sums to references, through symmetry, correlation of halves, prior, mask and helix.

use ndarray::Array3;
use thon_likelihood::Representative;
use thon_reconstruct::{
    ExpectedSums, Regulariser, WeightedPlacement, data_over_prior, gold_standard_tau2,
};
use thon_signal::fft::Fft3;
use thon_signal::mask::{box_centre, sphere};
use thon_signal::shells::{MaskCorrection, corrected_fsc, fsc, joined_fsc, shell_power};

use crate::helix::{Helix, HelixFit};
use crate::options::{FscMeasure, RefineOptions, TargetOptions};
use crate::state::{Head, Task};
use crate::{AverageError, State};

/// Where the FSC says nothing any more.
pub(super) const FSC_LIMIT: f64 = 0.143;

/// A representative as the sums take it.
pub(super) fn weighted(representative: &Representative) -> WeightedPlacement {
    WeightedPlacement {
        rotation: representative.placement.rotation,
        shift: representative.placement.shift,
        weight: representative.weight as f32,
    }
}

/// What the M-step made.
pub(super) struct Maximised {
    /// As [`State::references`].
    pub(super) references: Vec<Vec<f32>>,
    /// As [`State::apart`].
    pub(super) apart: Vec<Vec<f32>>,
    /// Last shell that the halves' maps share.
    pub(super) shared_shell: usize,
    /// Of the halves; empty for classes.
    pub(super) fsc: Vec<f64>,
    /// Last shell that the data determine.
    pub(super) resolution_shell: usize,
    /// Last shell with something to align to.
    pub(super) useful_shell: usize,
    /// Information of the data and of the prior of each map by shell; empty for classes.
    pub(super) information: Vec<Vec<f64>>,
    /// Share of the data in that information.
    pub(super) data_share: Vec<Vec<f64>>,
    /// Helix, as refined.
    pub(super) helix: Option<Helix>,
    /// What the half maps were found to have.
    pub(super) helix_fit: Option<HelixFit>,
}

/// The mask of references: the one given, or the soft sphere.
pub(crate) fn solvent_mask(target: &TargetOptions, box_size: usize, voxel_size: f64) -> Vec<f32> {
    let dims = [box_size; 3];
    let radius = target.radius(box_size, voxel_size);
    sphere(dims, box_centre(dims), radius, target.edge)
        .into_raw_vec_and_offset()
        .0
}

fn cube(map: &[f32], n: usize) -> Array3<f32> {
    Array3::from_shape_vec((n, n, n), map.to_vec()).expect("a map of the box")
}

/// References from sums.
pub(super) fn maximise(
    state: &State,
    mut sums: Vec<ExpectedSums>,
) -> Result<Maximised, AverageError> {
    let head = &state.head;
    let target = head.task.target();
    let operators = target.symmetry.rotations();
    for (map, sums) in sums.iter_mut().enumerate() {
        if sums.placements() > 0 {
            sums.symmetrise(&operators)?;
        } else if matches!(head.task, Task::Refine(_)) {
            return Err(AverageError::NothingSummed {
                what: format!("half {}", map + 1),
            });
        }
    }
    let mask = state
        .mask
        .clone()
        .unwrap_or_else(|| solvent_mask(target, head.box_size, head.voxel_size));
    let Solved {
        references,
        mut apart,
        apart_curve,
        shared_shell,
        curve,
        resolution_shell,
        mut information,
        data_share,
    } = match &head.task {
        Task::Refine(options) => of_halves(head, options, &mask, sums)?,
        Task::Classify(options) => of_classes(state, options.regularisation, &mask, &sums)?,
    };
    let (helix, helix_fit) = refined_helix(head, &apart, &apart_curve);
    if shared_shell == 0 {
        apart.clear();
    }
    // Imposing a helix fills what a mask had emptied; particles that are masked are to be compared with what is masked alike.
    let of_helix = |maps| {
        let maps = helical(head, helix, helix_fit, maps).into_iter();
        maps.map(|map| masked(map, &mask)).collect::<Vec<_>>()
    };
    let (references, apart) = match helix {
        Some(_) => (of_helix(references), of_helix(apart)),
        None => (references, apart),
    };
    if let Some(helix) = &helix {
        // Each copy holds the particle once among as many as lie in the central part.
        let copies = helix.copies(head.box_size, head.voxel_size);
        information.iter_mut().flatten().for_each(|h| *h *= copies);
    }
    Ok(Maximised {
        information,
        data_share,
        references,
        apart,
        shared_shell,
        useful_shell: reach(&curve).max(resolution_shell),
        fsc: curve,
        resolution_shell,
        helix,
        helix_fit,
    })
}

/// References, the halves' maps before they were joined with their correlation and the last shell shared, the correlation of halves (none for
/// classes), the last shell determined, and the maps' information.
struct Solved {
    references: Vec<Vec<f32>>,
    apart: Vec<Vec<f32>>,
    apart_curve: Vec<f64>,
    shared_shell: usize,
    curve: Vec<f64>,
    resolution_shell: usize,
    information: Vec<Vec<f64>>,
    data_share: Vec<Vec<f64>>,
}

fn of_halves(
    head: &Head,
    options: &RefineOptions,
    mask: &[f32],
    mut sums: Vec<ExpectedSums>,
) -> Result<Solved, AverageError> {
    let edge = head.box_size as f64 * head.voxel_size;
    let joined = if options.join_halves.0 > 0.0 {
        (edge / options.join_halves.0).round() as usize
    } else {
        0
    };
    let [first, second] = sums.as_mut_slice() else {
        unreachable!("a refinement has two maps");
    };
    let measured = |first: &ExpectedSums, second: &ExpectedSums| {
        let [one, two] = [first, second].map(|sums| sums.solve(&Regulariser::none()));
        let (one, two) = (one?, two?);
        let (n, seed) = (head.box_size, options.poses.seed);
        let curve = half_correlation(&one, &two, mask, n, options.fsc, seed);
        Ok::<_, AverageError>((curve, [one, two]))
    };
    // What the halves share is known as well as by all particles, not better.
    let (apart_curve, apart) = measured(first, second)?;
    let mut curve = apart_curve.clone();
    if joined > 0 {
        ExpectedSums::join_below(first, second, joined + 1)?;
        (curve, _) = measured(first, second)?;
        for (value, fsc) in curve.iter_mut().zip(&apart_curve).take(joined + 1) {
            *value = joined_fsc(*fsc);
        }
    }
    let mut references = Vec::with_capacity(sums.len());
    let mut information = Vec::with_capacity(sums.len());
    let mut data_share = Vec::with_capacity(sums.len());
    for sums in &sums {
        let weights = sums.shell_weights();
        let tau2 = gold_standard_tau2(&curve, &weights, options.regularisation);
        let regulariser = Regulariser::tau2(tau2);
        references.push(masked(sums.solve(&regulariser)?, mask));
        // Shells that halves share are left alone: without what it finds of itself there, a set whose whole resolution is
        // shared wanders from where its start put it.
        let of_shell = |(shell, weight): (usize, &f64)| {
            if joined > 0 && shell <= joined {
                UNSHARED
            } else {
                weight + prior_information(&regulariser, shell)
            }
        };
        information.push(weights.iter().enumerate().map(of_shell).collect());
        let share = |(shell, weight): (usize, &f64)| {
            let prior = prior_information(&regulariser, shell);
            if *weight > 0.0 {
                weight / (weight + prior)
            } else {
                0.0
            }
        };
        data_share.push(weights.iter().enumerate().map(share).collect());
    }
    Ok(Solved {
        references,
        apart: apart.map(|map| masked(map, mask)).into(),
        apart_curve,
        shared_shell: joined,
        resolution_shell: last_above(&curve),
        curve,
        information,
        data_share,
    })
}

/// Information beside which a particle's own is nothing.
const UNSHARED: f64 = 1e30;

/// 1/τ² of a shell; without signal as much as makes no difference any more (states are kept as text, which has no infinity).
fn prior_information(regulariser: &Regulariser, shell: usize) -> f64 {
    match &regulariser.tau2 {
        Some(tau2) if shell >= regulariser.first_shell => {
            (1.0 / tau2.get(shell).copied().unwrap_or(0.0)).min(UNSHARED)
        }
        _ => 0.0,
    }
}

/// Fourier shell correlation of two half maps.
pub(crate) fn half_correlation(
    one: &[f32],
    two: &[f32],
    mask: &[f32],
    n: usize,
    how: FscMeasure,
    seed: u64,
) -> Vec<f64> {
    let [a, b, mask] = [one, two, mask].map(|map| cube(map, n));
    match how {
        FscMeasure::Unmasked => fsc(&a, &b).fsc,
        FscMeasure::Masked => fsc(&(a * &mask), &(b * &mask)).fsc,
        FscMeasure::MaskCorrected => {
            let how = MaskCorrection {
                seed,
                ..MaskCorrection::default()
            };
            corrected_fsc(&a, &b, &mask, how).corrected.fsc
        }
    }
}

/// Last shell before the curve first falls below 0.143.
pub(super) fn last_above(curve: &[f64]) -> usize {
    let shells = curve.iter().enumerate().skip(1);
    shells
        .take_while(|(_, value)| **value >= FSC_LIMIT)
        .last()
        .map_or(0, |(shell, _)| shell)
}

/// Shells that a curve may stay below the limit for, and rise again: where the CTFs of all particles are near 0.
const DIP: usize = 4;

/// Last shell at or above 0.143 that no gap of more than four shells parts from the shells before.
pub(super) fn reach(curve: &[f64]) -> usize {
    let mut last = 0;
    for (shell, value) in curve.iter().enumerate().skip(1) {
        if shell > last + DIP + 1 {
            break;
        }
        if *value >= FSC_LIMIT {
            last = shell;
        }
    }
    last
}

/// Maps of classes. The power of the signal of each class is that of its unregularised map less what the noise left there.
fn of_classes(
    state: &State,
    regularisation: f64,
    mask: &[f32],
    sums: &[ExpectedSums],
) -> Result<Solved, AverageError> {
    let n = state.head.box_size;
    let mut references = Vec::with_capacity(sums.len());
    let mut resolution = 0;
    let left = mask.iter().map(|m| f64::from(m * m)).sum::<f64>() / mask.len() as f64;
    for (class, sums) in sums.iter().enumerate() {
        if sums.placements() == 0 {
            // A class that nobody chose keeps its map; its share falls.
            references.push(state.references.get(class).cloned().unwrap_or_default());
            continue;
        }
        let raw = masked(sums.solve(&Regulariser::none())?, mask);
        let spectrum = Fft3::plan([n; 3]).forward(&cube(&raw, n));
        let power = shell_power(&spectrum, [n; 3]).mean();
        let weights = sums.shell_weights();
        let tau2: Vec<f64> = power
            .iter()
            .zip(&weights)
            .map(|(power, weight)| {
                if *weight > 0.0 {
                    // A mask leaves a share of the noise; the signal lies within it.
                    (power - left / weight).max(1e-3 / weight) * regularisation / left
                } else {
                    0.0
                }
            })
            .collect();
        let data = data_over_prior(&weights, &tau2);
        let determined = (1..data.len())
            .take_while(|shell| data[*shell] >= 1.0)
            .last();
        resolution = resolution.max(determined.unwrap_or(0));
        references.push(masked(sums.solve(&Regulariser::tau2(tau2))?, mask));
    }
    let voxels = n.pow(3);
    for (class, map) in references.iter_mut().enumerate() {
        if map.len() != voxels {
            return Err(AverageError::NothingSummed {
                what: format!("class {}", class + 1),
            });
        }
    }
    Ok(Solved {
        references,
        apart: Vec::new(),
        apart_curve: Vec::new(),
        shared_shell: 0,
        curve: Vec::new(),
        resolution_shell: resolution,
        information: Vec::new(),
        data_share: Vec::new(),
    })
}

fn masked(mut map: Vec<f32>, mask: &[f32]) -> Vec<f32> {
    for (value, mask) in map.iter_mut().zip(mask) {
        *value *= mask;
    }
    map
}

/// The helix of a state, refined on half maps of independent noise if asked: around the values first given, never around those
/// found since.
fn refined_helix(
    head: &Head,
    halves: &[Vec<f32>],
    curve: &[f64],
) -> (Option<Helix>, Option<HelixFit>) {
    let (Some(mut helix), Some(given)) = (head.helix, head.task.target().helix) else {
        return (head.helix, None);
    };
    let [one, two] = halves else {
        return (Some(helix), None);
    };
    if !helix.refine {
        return (Some(helix), None);
    }
    let fit = given.fit([one, two], curve, head.box_size, head.voxel_size);
    if fit.convinces() {
        (helix.rise, helix.twist) = (fit.rise, fit.twist);
    }
    (Some(helix), Some(fit))
}

/// Maps with a helix imposed, if there is one, about the axis that was found.
fn helical(
    head: &Head,
    helix: Option<Helix>,
    fit: Option<HelixFit>,
    maps: Vec<Vec<f32>>,
) -> Vec<Vec<f32>> {
    let Some(helix) = helix else {
        return maps;
    };
    let fit = fit.filter(HelixFit::convinces);
    let axis = fit.map(|fit| fit.axis).unwrap_or_default();
    let (n, voxel) = (head.box_size, head.voxel_size);
    let imposed = maps.iter().map(|map| helix.impose(map, &axis, n, voxel));
    imposed.collect()
}

/// Maps of the last iteration.
pub(crate) struct FinishedMaps {
    /// Unfiltered half maps.
    pub(crate) halves: [Vec<f32>; 2],
    /// Both halves together, regularised.
    pub(crate) merged: Vec<f32>,
    /// Of the half maps, as chosen by the options.
    pub(crate) fsc: Vec<f64>,
    /// Last shell before the FSC falls below 0.143.
    pub(crate) resolution_shell: usize,
    /// The helix imposed.
    pub(crate) helix: Option<Helix>,
}

/// Unfiltered half maps and the regularised map of both from the sums of the last iteration.
pub(crate) fn finish_maps(
    state: &State,
    options: &RefineOptions,
    mut sums: Vec<ExpectedSums>,
) -> Result<FinishedMaps, AverageError> {
    let head = &state.head;
    let operators = options.target.symmetry.rotations();
    for sums in &mut sums {
        sums.symmetrise(&operators)?;
    }
    let n = head.box_size;
    let mask = state
        .mask
        .clone()
        .unwrap_or_else(|| solvent_mask(&options.target, n, head.voxel_size));
    let one = sums[0].solve(&Regulariser::none())?;
    let two = sums[1].solve(&Regulariser::none())?;
    let (mut helix, mut fit) = (head.helix, None);
    if helix.is_some_and(|helix| helix.refine) {
        let apart = [&one, &two].map(|map| masked(map.clone(), &mask));
        let seed = options.poses.seed;
        let curve = half_correlation(&one, &two, &mask, n, options.fsc, seed);
        (helix, fit) = refined_helix(head, &apart, &curve);
    }
    let halves = helical(head, helix, fit, vec![one, two]);
    let [one, two] = <[Vec<f32>; 2]>::try_from(halves).expect("two halves");
    let curve = half_correlation(&one, &two, &mask, n, options.fsc, options.poses.seed);
    let joined: Vec<f64> = curve
        .iter()
        .map(|value| joined_fsc(value.max(0.0)))
        .collect();
    let second = sums.pop().expect("two halves");
    let mut both = sums.pop().expect("two halves");
    both.add(&second)?;
    drop(second);
    let tau2 = gold_standard_tau2(&joined, &both.shell_weights(), options.regularisation);
    let merged = both.solve(&Regulariser::tau2(tau2))?;
    let mut merged = helical(head, helix, fit, vec![merged]);
    Ok(FinishedMaps {
        halves: [one, two],
        merged: merged.pop().expect("one map"),
        resolution_shell: last_above(&curve),
        fsc: curve,
        helix,
    })
}
