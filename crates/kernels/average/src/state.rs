//! All that an iteration leaves to the next: what a run goes on from after it was stopped.

use std::collections::BTreeMap;

use glam::{DQuat, DVec3};
use serde::{Deserialize, Serialize};
use thon_likelihood::{Mode, NoiseModel, Placement, Posterior};

use crate::AverageError;
use crate::bytes::{Reader, Writer};
use crate::noise::Weighting;
use crate::options::{ClassifyOptions, PoseOptions, RefineOptions, TargetOptions};
use crate::report::{IterationReport, Search};

const MAGIC: [u8; 8] = *b"thonAVG1";
/// Numbers of a mode: rotation, shift, class, log posterior, covariance, weight.
const MODE: usize = 4 + 3 + 1 + 1 + 36 + 1;

/// What is being done, with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Gold-standard refinement of one map.
    Refine(RefineOptions),
    /// Classification.
    Classify(ClassifyOptions),
}

impl Task {
    /// The particle.
    pub fn target(&self) -> &TargetOptions {
        match self {
            Self::Refine(options) => &options.target,
            Self::Classify(options) => &options.target,
        }
    }

    /// The search for poses.
    pub fn poses(&self) -> &PoseOptions {
        match self {
            Self::Refine(options) => &options.poses,
            Self::Classify(options) => &options.poses,
        }
    }

    /// Whether particles may belong to an empty class, numbered after those with maps.
    pub fn empty_class(&self) -> bool {
        matches!(self, Self::Classify(options) if options.empty_class)
    }

    /// Independent halves: 2 for refinement, else 1.
    pub fn halves(&self) -> usize {
        match self {
            Self::Refine(_) => 2,
            Self::Classify(_) => 1,
        }
    }

    /// T.
    pub fn regularisation(&self) -> f64 {
        match self {
            Self::Refine(options) => options.regularisation,
            Self::Classify(options) => options.regularisation,
        }
    }
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Another iteration is due.
    Running,
    /// Neither resolution nor poses change any more, or the last iteration allowed is done.
    Converged,
}

/// The state after an iteration (0: before the first).
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What changes slowly and is small.
    pub head: Head,
    /// Half of each particle, 0 or 1 (all 0 for classification).
    pub halves: Vec<u8>,
    /// Placements given at the start; empty when none were.
    pub starts: Vec<Placement>,
    /// What is known of each particle; empty before the first iteration.
    pub posteriors: Vec<Posterior>,
    /// The maps `[n, n, n]` particles are compared with next: classes of half 0, then those of half 1.
    pub references: Vec<Vec<f32>>,
    /// Where classes or halves may differ from solvent, `[n, n, n]`, 0 to 1; none: the soft sphere.
    pub mask: Option<Vec<f32>>,
    /// Noise and scales.
    pub weighting: Weighting,
}

/// The small part of a [`State`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// What is being done.
    pub task: Task,
    /// Iterations done.
    pub iteration: usize,
    /// Number of particles.
    pub particles: usize,
    /// Edge of the box, voxels.
    pub box_size: usize,
    /// Edge of a voxel, Å.
    pub voxel_size: f64,
    /// Number of classes.
    pub classes: usize,
    /// Largest shell of the next iteration.
    pub band: usize,
    /// Where the next iteration looks for poses.
    pub search: Search,
    /// Deviation of shifts from the picked positions, per axis, voxels.
    pub offset_sigma: f64,
    /// Share of each class; after those with maps that of the empty class, if there is one.
    pub class_shares: Vec<f64>,
    /// Last shell that the data determine.
    pub resolution_shell: usize,
    /// Best of the resolution shells so far.
    pub best_shell: usize,
    /// The next iteration gives each particle to one random class.
    pub random_classes: bool,
    /// The next iteration is the last: the whole band, unmasked data in the sums.
    pub last: bool,
    /// Iterations without a better resolution.
    pub stalled_resolution: usize,
    /// Iterations without smaller changes of poses.
    pub stalled_poses: usize,
    /// Smallest change of poses so far, voxels at the rim of the particle.
    pub smallest_change: Option<f64>,
    /// How far the run has come.
    pub status: Status,
    /// Helical symmetry as refined.
    pub helix: Option<crate::helix::Helix>,
    /// One report per iteration.
    pub reports: Vec<IterationReport>,
}

impl State {
    /// Number of maps: halves × classes.
    pub fn maps(&self) -> usize {
        self.head.task.halves() * self.head.classes
    }

    /// The best pose of each particle; those given at the start before the first iteration.
    pub fn placements(&self) -> Vec<Placement> {
        if self.posteriors.is_empty() {
            return self.starts.clone();
        }
        let best = self.posteriors.iter();
        best.map(|posterior| posterior.best().placement).collect()
    }

    /// The best pose of a particle, or the one given at the start.
    pub fn placement(&self, index: usize) -> Option<Placement> {
        let best = self.posteriors.get(index).map(|p| p.best().placement);
        best.or_else(|| self.starts.get(index).copied())
    }

    /// The best class of each particle.
    pub fn classes(&self) -> Vec<u32> {
        let best = self.posteriors.iter();
        best.map(|posterior| posterior.best().class).collect()
    }

    /// Resolution after the last iteration, Å.
    pub fn resolution(&self) -> f64 {
        let edge = self.head.box_size as f64 * self.head.voxel_size;
        edge / self.head.resolution_shell.max(1) as f64
    }

    /// The state as bytes; equal states have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC, &self.head);
        writer.bytes(&self.halves);
        writer.f64s(&placements_to(&self.starts));
        write_posteriors(&mut writer, &self.posteriors);
        writer.f32s(&self.references.concat());
        writer.f32s(self.mask.as_deref().unwrap_or_default());
        writer.f64s(&self.weighting.scales);
        writer.f64s(&[self.weighting.noise.shells.len() as f64]);
        writer.f64s(&self.weighting.noise.shells.concat());
        writer.f64s(&[self.weighting.noise.shapes.len() as f64]);
        for (label, shape) in &self.weighting.noise.shapes {
            writer.bytes(&label.to_le_bytes());
            writer.f32s(shape);
        }
        writer.finish()
    }

    /// The state that bytes hold.
    ///
    /// # Errors
    /// [`AverageError::Bytes`] when they are not those of a state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AverageError> {
        let (mut reader, head) = Reader::new::<Head>("state", MAGIC, bytes)?;
        let halves = reader.bytes()?.to_vec();
        let starts = placements_from(&reader.f64s()?)?;
        let posteriors = read_posteriors(&mut reader)?;
        let references = reader.f32s()?;
        let mask = reader.f32s()?;
        let scales = reader.f64s()?;
        let noise = read_noise(&mut reader)?;
        reader.finish()?;
        let voxels = head.box_size.checked_pow(3).unwrap_or(0).max(1);
        let state = Self {
            references: references.chunks(voxels).map(<[f32]>::to_vec).collect(),
            mask: (!mask.is_empty()).then_some(mask),
            weighting: Weighting { noise, scales },
            head,
            halves,
            starts,
            posteriors,
        };
        state.check_lengths(references.len())?;
        Ok(state)
    }

    fn check_lengths(&self, reference_values: usize) -> Result<(), AverageError> {
        let (count, voxels) = (self.head.particles, self.head.box_size.pow(3));
        let or_none = |found: usize| if found == 0 { 0 } else { count };
        let checks = [
            ("halves", self.halves.len(), count),
            ("starts", self.starts.len(), or_none(self.starts.len())),
            (
                "posteriors",
                self.posteriors.len(),
                or_none(self.posteriors.len()),
            ),
            (
                "references",
                reference_values,
                if reference_values == 0 {
                    0
                } else {
                    voxels * self.maps()
                },
            ),
            ("mask", self.mask.as_ref().map_or(voxels, Vec::len), voxels),
        ];
        for (what, found, expected) in checks {
            if found != expected {
                return Err(AverageError::Count {
                    what,
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }
}

fn read_noise(reader: &mut Reader<'_>) -> Result<NoiseModel, AverageError> {
    let why = || AverageError::bytes("state", "its noise is incomplete");
    let groups = reader.f64s()?.first().copied().unwrap_or(0.0) as usize;
    let flat = reader.f64s()?;
    let each = flat.len().checked_div(groups).unwrap_or(0).max(1);
    let shells: Vec<Vec<f64>> = flat.chunks(each).map(<[f64]>::to_vec).collect();
    if shells.len() != groups {
        return Err(why());
    }
    let mut shapes = BTreeMap::new();
    for _ in 0..reader.f64s()?.first().copied().unwrap_or(0.0) as usize {
        let label = reader.bytes()?.try_into().map_err(|_| why())?;
        shapes.insert(u64::from_le_bytes(label), reader.f32s()?);
    }
    Ok(NoiseModel { shells, shapes })
}

fn placements_to(placements: &[Placement]) -> Vec<f64> {
    placements
        .iter()
        .flat_map(|p| p.rotation.to_array().into_iter().chain(p.shift.to_array()))
        .collect()
}

fn placements_from(values: &[f64]) -> Result<Vec<Placement>, AverageError> {
    let (rows, rest) = values.as_chunks::<7>();
    if !rest.is_empty() {
        return Err(AverageError::bytes("state", "a placement is incomplete"));
    }
    Ok(rows.iter().map(|row| placement(row)).collect())
}

fn placement(row: &[f64]) -> Placement {
    Placement {
        rotation: DQuat::from_xyzw(row[0], row[1], row[2], row[3]),
        shift: DVec3::new(row[4], row[5], row[6]),
    }
}

/// Modes of each particle, then the modes.
pub(crate) fn write_posteriors(writer: &mut Writer, posteriors: &[Posterior]) {
    let counts: Vec<u8> = posteriors
        .iter()
        .map(|posterior| posterior.modes.len() as u8)
        .collect();
    writer.bytes(&counts);
    let mut values = Vec::new();
    for mode in posteriors.iter().flat_map(|posterior| &posterior.modes) {
        values.extend(placements_to(&[mode.placement]));
        values.extend([f64::from(mode.class), mode.log_posterior, mode.weight]);
        values.extend(mode.covariance.as_flattened());
    }
    writer.f64s(&values);
}

/// What [`write_posteriors`] wrote.
pub(crate) fn read_posteriors(reader: &mut Reader<'_>) -> Result<Vec<Posterior>, AverageError> {
    let counts = reader.bytes()?.to_vec();
    let values = reader.f64s()?;
    let total: usize = counts.iter().map(|count| usize::from(*count)).sum();
    if values.len() != total * MODE || counts.contains(&0) {
        return Err(AverageError::bytes("posteriors", "modes are missing"));
    }
    let mut rows = values.as_chunks::<MODE>().0.iter().map(|row| Mode {
        placement: placement(row),
        class: row[7] as u32,
        log_posterior: row[8],
        weight: row[9],
        covariance: std::array::from_fn(|i| std::array::from_fn(|j| row[10 + 6 * i + j])),
    });
    let posterior = |count: &u8| Posterior {
        modes: rows.by_ref().take(usize::from(*count)).collect(),
    };
    Ok(counts.iter().map(posterior).collect())
}
