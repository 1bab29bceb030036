//! All that an iteration leaves to the next: what a run goes on from after it was stopped.

use serde::{Deserialize, Serialize};
use thon_likelihood::{Placement, Posterior};

use crate::AverageError;
use crate::bytes::{Reader, Writer};
use crate::columns::{
    placements_from, placements_to, read_noise, read_posteriors, write_posteriors,
};
use crate::noise::Weighting;
use crate::options::{ClassifyOptions, PoseOptions, RefineOptions, TargetOptions};
use crate::report::{IterationReport, Search};

const MAGIC: [u8; 8] = *b"thonAVG3";

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
    /// The half maps `[n, n, n]` as they were before halves shared their lowest shells, unregularised, masked: what tells the noise
    /// of those shells. Empty when halves share nothing.
    pub apart: Vec<Vec<f32>>,
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
    /// Information of each map's data and of its prior by shell, per component of the box; none where maps do not come from
    /// the particles.
    #[serde(default)]
    pub information: Vec<Vec<f64>>,
    /// Share of the data in that information, by map and shell.
    #[serde(default)]
    pub data_share: Vec<Vec<f64>>,
    /// Last shell that the halves' maps share; 0: none.
    #[serde(default)]
    pub shared_shell: usize,
    /// Largest shell of the iteration that made the maps.
    #[serde(default)]
    pub summed_band: usize,
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
        writer.f32s(&self.apart.concat());
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
        let apart = reader.f32s()?;
        let mask = reader.f32s()?;
        let scales = reader.f64s()?;
        let noise = read_noise(&mut reader)?;
        reader.finish()?;
        let voxels = head.box_size.checked_pow(3).unwrap_or(0).max(1);
        let state = Self {
            references: references.chunks(voxels).map(<[f32]>::to_vec).collect(),
            apart: apart.chunks(voxels).map(<[f32]>::to_vec).collect(),
            mask: (!mask.is_empty()).then_some(mask),
            weighting: Weighting { noise, scales },
            head,
            halves,
            starts,
            posteriors,
        };
        state.check_lengths(references.len(), apart.len())?;
        Ok(state)
    }

    fn check_lengths(
        &self,
        reference_values: usize,
        apart_values: usize,
    ) -> Result<(), AverageError> {
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
            (
                "half maps apart",
                apart_values,
                if apart_values == 0 { 0 } else { voxels * 2 },
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
