//! What refinement and classification can be told. Lengths in Å, angles in degrees: options are what people write.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_geometry::Symmetry;
use thon_units::{Angstrom, Degrees};

use crate::AverageError;
use crate::helix::Helix;

/// Where poses come from before the first iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StartingPoses {
    /// Nothing is known: every orientation is searched.
    #[default]
    Search,
    /// The given poses are used as they are and improved from there.
    Given,
    /// Every particle gets a random orientation and the first reference is the average of them: a start without any
    /// reference.
    Random,
}

/// How halves are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FscMeasure {
    /// The half maps as they are.
    Unmasked,
    /// Within the soft sphere of the particle's diameter, or within the mask if one is given.
    #[default]
    Masked,
    /// Masked, with the correlation that the mask makes by itself taken off (phase randomisation).
    MaskCorrected,
}

/// What the particle is like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TargetOptions {
    /// Diameter of the particle, Å: data and references are masked by a soft sphere of it. 0: three quarters of the box. In crowded
    /// specimens no wider than the particle, or its neighbours decide.
    pub diameter: Angstrom,
    /// Point group that references are given, in their own frame.
    #[schemars(with = "String")]
    pub symmetry: Symmetry,
    /// Helical symmetry that references are given, along z.
    pub helix: Option<Helix>,
    /// Multiply the data of each particle by the soft sphere, at its current position.
    pub mask_data: bool,
    /// Width of soft edges, voxels.
    pub edge: f64,
}

impl Default for TargetOptions {
    fn default() -> Self {
        Self {
            diameter: Angstrom(0.0),
            symmetry: Symmetry::Cyclic(1),
            helix: None,
            mask_data: true,
            edge: 5.0,
        }
    }
}

/// How poses are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoseOptions {
    /// Where poses come from.
    pub start: StartingPoses,
    /// Largest shift from the picked position that is searched, Å.
    pub offset_range: Angstrom,
    /// Expected deviation of shifts from the picked position, per axis, Å; estimated anew after each iteration.
    pub offset_sigma: Angstrom,
    /// Expected deviation of rotations from the given poses about each of three axes, degrees (poses that are all 15° off: 15°/√3);
    /// none: rotations are free.
    pub local_sigma: Option<Degrees>,
    /// Order of the grid of the global search: 1: 30°, 2: 15°, 3: 7.5°.
    pub search_order: u8,
    /// Poses of the search that are polished, per particle.
    pub candidates: usize,
    /// Modes of a posterior that are kept, per particle.
    pub modes: usize,
    /// Expected standard deviation of rotation and shift over which a pose is averaged in the map, once the posterior is wider
    /// than the map's resolution: number of poses drawn from a mode.
    pub draws: usize,
    /// Seed of every random choice.
    pub seed: u64,
}

impl Default for PoseOptions {
    fn default() -> Self {
        Self {
            start: StartingPoses::Search,
            offset_range: Angstrom(25.0),
            offset_sigma: Angstrom(10.0),
            local_sigma: None,
            search_order: 2,
            candidates: 4,
            modes: 4,
            draws: 4,
            seed: 1,
        }
    }
}

/// Options of a gold-standard refinement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RefineOptions {
    /// The particle.
    pub target: TargetOptions,
    /// The search for poses.
    pub poses: PoseOptions,
    /// Resolution that the given reference is filtered to before the first iteration, Å.
    pub initial_low_pass: Angstrom,
    /// The reference is on the grey scale of the data (made from them). Otherwise its scale is fitted first.
    pub absolute_grey_scale: bool,
    /// T: how much more the data count against the prior; 1 for refinement.
    pub regularisation: f64,
    /// The halves share what lies below this resolution, so that they keep one frame, Å.
    pub join_halves: Angstrom,
    /// How halves are compared.
    pub fsc: FscMeasure,
    /// No frequency beyond this resolution is used, Å; 0: up to the limit of the box.
    pub highest_resolution: Angstrom,
    /// Iterations at most.
    pub maximum_iterations: usize,
    /// Iterations at least, even if nothing changes any more.
    #[schemars(extend("x-level" = "expert"))]
    pub minimum_iterations: usize,
}

impl Default for RefineOptions {
    fn default() -> Self {
        Self {
            target: TargetOptions::default(),
            poses: PoseOptions::default(),
            initial_low_pass: Angstrom(60.0),
            absolute_grey_scale: false,
            regularisation: 1.0,
            join_halves: Angstrom(40.0),
            fsc: FscMeasure::default(),
            highest_resolution: Angstrom(0.0),
            maximum_iterations: 20,
            minimum_iterations: 0,
        }
    }
}

/// Whether classification moves particles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Alignment {
    /// Poses stay as given; only classes are found.
    #[default]
    Fixed,
    /// Poses are improved against each class from where they are.
    Local,
    /// Every orientation is searched against each class in each iteration.
    Global,
}

/// Options of a classification in three dimensions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifyOptions {
    /// The particle.
    pub target: TargetOptions,
    /// The search for poses.
    pub poses: PoseOptions,
    /// Number of classes; with several references, theirs.
    pub classes: usize,
    /// One more class, the last, for particles that are likelier to show nothing than any of the classes.
    pub empty_class: bool,
    /// Whether poses move.
    pub alignment: Alignment,
    /// T: how much more the data count against the prior.
    pub regularisation: f64,
    /// Resolution that classes are told apart at, Å: finer frequencies are left out. 0: chosen from the noise.
    pub resolution: Angstrom,
    /// Resolution that given references are filtered to, Å.
    pub initial_low_pass: Angstrom,
    /// The references are on the grey scale of the data.
    pub absolute_grey_scale: bool,
    /// Iterations: with alignment, of the whole; at fixed poses, of each restart.
    pub iterations: usize,
    /// Random starts at fixed poses; the likeliest result is kept.
    pub restarts: usize,
    /// Estimate the noise anew after each iteration.
    pub refine_noise: bool,
    /// Largest memory for particles in the frame of the reference, bytes (fixed poses).
    pub memory: u64,
}

impl Default for ClassifyOptions {
    fn default() -> Self {
        Self {
            target: TargetOptions::default(),
            poses: PoseOptions::default(),
            classes: 3,
            empty_class: true,
            alignment: Alignment::Fixed,
            regularisation: 4.0,
            resolution: Angstrom(0.0),
            initial_low_pass: Angstrom(60.0),
            absolute_grey_scale: false,
            iterations: 25,
            restarts: 20,
            refine_noise: true,
            memory: 1 << 30,
        }
    }
}

/// Fails unless `name` lies within a range.
fn within(
    name: &'static str,
    value: f64,
    range: std::ops::RangeInclusive<f64>,
    expected: &'static str,
) -> Result<(), AverageError> {
    if range.contains(&value) {
        Ok(())
    } else {
        Err(AverageError::option(name, value, expected))
    }
}

impl TargetOptions {
    /// Radius of the soft sphere, voxels.
    pub fn radius(&self, box_size: usize, voxel_size: f64) -> f64 {
        if self.diameter.0 > 0.0 {
            self.diameter.0 / voxel_size / 2.0
        } else {
            0.375 * box_size as f64
        }
    }

    pub(crate) fn check(&self, box_size: usize, voxel_size: f64) -> Result<(), AverageError> {
        let edge = box_size as f64 * voxel_size;
        within(
            "diameter",
            self.diameter.0,
            0.0..=edge,
            "0 (three quarters of the box) to the edge of the box, Å",
        )?;
        if self.diameter.0 > 0.0 {
            within(
                "diameter",
                self.diameter.0,
                4.0 * voxel_size..=edge,
                "at least four voxels, Å",
            )?;
        }
        within(
            "edge",
            self.edge,
            0.0..=box_size as f64 / 4.0,
            "0 to a quarter of the box, voxels",
        )?;
        self.helix
            .as_ref()
            .map_or(Ok(()), |helix| helix.check(box_size, voxel_size))
    }
}

impl PoseOptions {
    pub(crate) fn check(&self, box_size: usize, voxel_size: f64) -> Result<(), AverageError> {
        let half = box_size as f64 * voxel_size / 2.0;
        within(
            "offset range",
            self.offset_range.0,
            0.0..=half,
            "0 to half the box, Å",
        )?;
        within(
            "offset sigma",
            self.offset_sigma.0,
            1e-3..=10.0 * half,
            "above 0, Å",
        )?;
        if let Some(sigma) = self.local_sigma {
            within(
                "local sigma",
                sigma.0,
                1e-3..=180.0,
                "above 0, at most 180°",
            )?;
        }
        within(
            "search order",
            f64::from(self.search_order),
            0.0..=4.0,
            "0 to 4",
        )?;
        within("candidates", self.candidates as f64, 1.0..=64.0, "1 to 64")?;
        within("modes", self.modes as f64, 1.0..=32.0, "1 to 32")?;
        within("draws", self.draws as f64, 1.0..=64.0, "1 to 64")
    }
}

impl RefineOptions {
    /// Fails unless every option makes sense for a box of so many voxels of so many Å.
    pub fn check(&self, box_size: usize, voxel_size: f64) -> Result<(), AverageError> {
        self.target.check(box_size, voxel_size)?;
        self.poses.check(box_size, voxel_size)?;
        let low_pass = self.initial_low_pass.0;
        within(
            "initial low pass",
            low_pass,
            2.0 * voxel_size..=1e4,
            "at least two voxels, Å",
        )?;
        within(
            "regularisation",
            self.regularisation,
            1e-3..=1e3,
            "0.001 to 1000",
        )?;
        within(
            "join halves",
            self.join_halves.0,
            0.0..=1e5,
            "0 or above, Å",
        )?;
        within(
            "highest resolution",
            self.highest_resolution.0,
            0.0..=1e4,
            "0 or above, Å",
        )?;
        within(
            "maximum iterations",
            self.maximum_iterations as f64,
            1.0..=1000.0,
            "1 to 1000",
        )?;
        within(
            "minimum iterations",
            self.minimum_iterations as f64,
            0.0..=1000.0,
            "0 to 1000",
        )
    }
}

impl ClassifyOptions {
    /// Fails unless every option makes sense for a box of so many voxels of so many Å.
    pub fn check(&self, box_size: usize, voxel_size: f64) -> Result<(), AverageError> {
        self.target.check(box_size, voxel_size)?;
        self.poses.check(box_size, voxel_size)?;
        let low_pass = self.initial_low_pass.0;
        within(
            "initial low pass",
            low_pass,
            2.0 * voxel_size..=1e4,
            "at least two voxels, Å",
        )?;
        within("classes", self.classes as f64, 1.0..=64.0, "1 to 64")?;
        within(
            "regularisation",
            self.regularisation,
            1e-3..=1e3,
            "0.001 to 1000",
        )?;
        within("resolution", self.resolution.0, 0.0..=1e4, "0 or above, Å")?;
        within(
            "iterations",
            self.iterations as f64,
            1.0..=10_000.0,
            "1 to 10000",
        )?;
        within("restarts", self.restarts as f64, 1.0..=1000.0, "1 to 1000")
    }
}
