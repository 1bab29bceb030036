//! What all particles of an iteration share: references, the grid of the search, bands, quanta.

use glam::DQuat;
use thon_compute::seed_stream;
use thon_geometry::random_rotation;
use thon_likelihood::{
    Dictionary, Placement, PolishOptions, PosteriorOptions, Prior, Reference,
    RepresentativeOptions, RotationPrior, SearchGrid, coarse_band,
};
use thon_reconstruct::{ExpectedSums, Quanta};

use super::own_share::OwnShares;
use super::schedule::{SHARP, largest_band, sums_band};
use crate::report::Search;
use crate::state::Head;
use crate::{AverageError, State};

/// Spread of phases at the band's edge, radians, beyond which a map is averaged over a posterior instead of taken at its maximum:
/// maxima lie where the noise agrees with the reference, and a map of them repeats that with too large an amplitude.
const BLUR: f64 = 0.25;

/// An iteration, ready to compare particles.
pub(super) struct Prepared<'a> {
    pub(super) state: &'a State,
    /// One per map; none before there are references.
    pub(super) references: Vec<Reference>,
    /// Of the last iteration: the halves' maps of before they were joined.
    pub(super) apart: Vec<Reference>,
    /// Grid of the global search.
    pub(super) grid: Option<SearchGrid>,
    /// Largest shell poses are compared at.
    pub(super) band: usize,
    /// Largest shell that is summed.
    pub(super) sums_band: usize,
    pub(super) posterior: PosteriorOptions,
    /// Both halves are compared with the same maps.
    pub(super) shared: bool,
    /// What the particles find of themselves in the maps.
    pub(super) own: Option<OwnShares<'a>>,
    quanta: Quanta,
}

impl<'a> Prepared<'a> {
    pub(super) fn new(state: &'a State) -> Result<Self, AverageError> {
        let head = &state.head;
        let n = head.box_size;
        let references = references(state)?;
        let apart = if head.last {
            let maps = state.apart.iter();
            maps.map(|map| Ok(Reference::new(map, n)?))
                .collect::<Result<_, AverageError>>()?
        } else {
            Vec::new()
        };
        let limit = largest_band(head);
        let band = head.band.min(limit);
        let target = head.task.target();
        let diameter = 2.0 * target.radius(n, head.voxel_size);
        let order = head.task.poses().search_order;
        let spacing = std::f64::consts::FRAC_PI_3 / f64::from(1_u32 << order);
        let low = coarse_band(spacing, diameter, n).min(band);
        let grid = (head.search == Search::Global).then(|| {
            let step = 0.25 * n as f64 / low as f64;
            let whole = head.task.poses().offset_range.0 / head.voxel_size;
            let range = if settled(head) {
                step.min(whole)
            } else {
                whole
            };
            let turn = perturbation(head.task.poses().seed, head.iteration as u64);
            SearchGrid::global(order, target.symmetry, turn, range, step, low)
        });
        let powers = state.weighting.noise.shells.iter().flatten().copied();
        let (one, two) = state.references.split_at(references.len() / 2);
        let shared = head.task.halves() == 2 && one == two;
        Ok(Self {
            state,
            shared,
            own: OwnShares::new(state, representation(head, band)),
            references,
            apart,
            grid,
            band,
            sums_band: sums_band(head),
            posterior: PosteriorOptions {
                modes: head.task.poses().modes,
                polished_modes: head.task.poses().modes.max(2),
                polish: PolishOptions {
                    tolerance: if head.last { 0.02 } else { 0.1 },
                    // Pose and map improve in turns: two steps are enough for a turn.
                    evaluations: if head.search == Search::Local && !head.last && settled(head) {
                        3
                    } else {
                        20
                    },
                    ..PolishOptions::default()
                },
                ..PosteriorOptions::bands(low, band)
            },
            quanta: Quanta::from_noise(powers)?,
        })
    }

    /// Dictionaries of a half: one per class. None unless poses are searched for everywhere, or when those of the first half
    /// serve both.
    pub(super) fn dictionaries(&self, half: usize) -> Vec<Dictionary<'_>> {
        let Some(grid) = self.grid.as_ref().filter(|_| half == 0 || !self.shared) else {
            return Vec::new();
        };
        let classes = self.of_half(half).iter().enumerate();
        classes
            .map(|(class, reference)| Dictionary::new(reference, grid, class as u32))
            .collect()
    }

    /// References of the classes of a half.
    pub(super) fn of_half(&self, half: usize) -> &[Reference] {
        if self.references.is_empty() {
            return &[];
        }
        let classes = self.state.head.classes;
        &self.references[half * classes..][..classes]
    }

    /// Empty sums of every map.
    pub(super) fn empty_sums(&self) -> Result<Vec<ExpectedSums>, AverageError> {
        (0..self.state.maps())
            .map(|_| {
                let n = self.state.head.box_size;
                Ok(ExpectedSums::new(n, 2, self.sums_band, self.quanta)?)
            })
            .collect()
    }

    /// What is believed of a particle beforehand.
    pub(super) fn prior(&self, index: usize) -> Prior {
        let head = &self.state.head;
        let start = self.state.starts.get(index).copied();
        let rotation = head.task.poses().local_sigma.zip(start);
        Prior {
            shift: start.map_or(glam::DVec3::ZERO, |start: Placement| start.shift),
            shift_deviation: head.offset_sigma,
            rotation: rotation.map(|(sigma, start)| RotationPrior {
                centre: start.rotation,
                deviation: sigma.radians().0,
            }),
            class_log_weights: head.class_shares.iter().map(|share| share.ln()).collect(),
            own: None,
        }
    }

    /// Log posterior of a particle to show nothing, and log of what a mode's evidence is to be multiplied with to compare;
    /// none without an empty class.
    pub(super) fn emptiness(&self) -> Option<(f64, f64)> {
        let head = &self.state.head;
        let share = head.class_shares.get(head.classes)?;
        // Densities of priors are 1 at their maximum: their integrals are 8π² over the group and (2π)^(3/2) σ³.
        let turns = if let Some(sigma) = head.task.poses().local_sigma {
            1.5 * (std::f64::consts::TAU * sigma.radians().0.powi(2)).ln()
        } else {
            let order = head.task.target().symmetry.order() as f64;
            (8.0 * std::f64::consts::PI.powi(2) / order).ln()
        };
        let shifts = 1.5 * (std::f64::consts::TAU * head.offset_sigma.powi(2)).ln();
        Some((share.ln(), -turns - shifts))
    }

    /// As [`Prepared::prior`], for the search: shifts are looked for around the best so far, once it is known.
    pub(super) fn search_prior(&self, index: usize) -> Prior {
        let mut prior = self.prior(index);
        if settled(&self.state.head)
            && let Some(before) = self.state.posteriors.get(index)
        {
            prior.shift = before.best().placement.shift;
        }
        prior
    }

    /// Candidates of the search that are polished.
    pub(super) fn candidates_wanted(&self) -> usize {
        let all = self.state.head.task.poses().candidates;
        if settled(&self.state.head) {
            // The modes known before are candidates, too.
            all.div_ceil(2)
        } else {
            all
        }
    }

    /// Whether the residual of a particle is taken: about 128 of each group tell the noise.
    pub(super) fn tells_noise(&self, index: usize) -> bool {
        let groups = self.state.weighting.scales.len().max(1);
        let stride = self.state.head.particles.div_ceil(128 * groups);
        index.is_multiple_of(stride.max(1))
    }

    /// How posteriors are represented in the sums.
    pub(super) fn representation(&self) -> RepresentativeOptions {
        representation(&self.state.head, self.band)
    }
}

fn representation(head: &Head, band: usize) -> RepresentativeOptions {
    let poses = head.task.poses();
    RepresentativeOptions {
        box_size: head.box_size,
        band,
        radius: head.task.target().radius(head.box_size, head.voxel_size),
        blur: BLUR,
        maximum: poses.draws.max(poses.modes),
        seed: poses.seed.wrapping_add(head.iteration as u64),
    }
}

/// The transform of every map; equal maps share one.
fn references(state: &State) -> Result<Vec<Reference>, AverageError> {
    let mut references: Vec<Reference> = Vec::with_capacity(state.references.len());
    for (i, map) in state.references.iter().enumerate() {
        let same = state.references[..i].iter().position(|other| other == map);
        references.push(match same {
            Some(same) => references[same].clone(),
            None => Reference::new(map, state.head.box_size)?,
        });
    }
    Ok(references)
}

/// After the last iteration nearly every particle had one sharp mode.
fn settled(head: &Head) -> bool {
    let last = head.reports.last();
    last.is_some_and(|report| report.search != Search::Fixed && report.effective_modes < SHARP)
}

/// A random rotation of the grid of an iteration.
fn perturbation(seed: u64, iteration: u64) -> DQuat {
    random_rotation(&mut seed_stream(seed, "search/perturbation", iteration))
}
