//! A particle set as a source of observations: stored volumes, stored tilt images, or images cut from the tilt series.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_average::Weighting;
use thon_contract::kinds::{Curves, ParticlesKind, TiltSeriesKind};
use thon_contract::{Artifact, Context, JobError};
use thon_ctf::ExposureModel;
use thon_likelihood::{Observation, Observe, ParticleSource, Placement, SourceError};
use thon_model::{ParticleImages, ParticleSet, RepresentationKind};
use thon_units::{Dose, PixelSize};

use super::{placements, report, stack_files, tilt_boxes, volume_files};
use crate::particles::{SeriesByName, ViewSettings, voxel_size};

/// How tilt images of particles are used. Subtomograms bring their own CTF volumes and need none of this.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Views {
    /// Edge of the box that is cut from tilt series, pixels; stored particles have their own.
    #[schemars(range(min = 8, max = 1024))]
    pub box_size: usize,
    /// Correct for the contrast transfer function.
    pub ctf: bool,
    /// Loss of signal with exposure.
    pub exposure: ExposureModel,
    /// Leave out images recorded after more exposure than this.
    pub maximum_dose: Option<Dose>,
    /// Cut boxes twice as large, so that what the CTF carried out of the box comes back.
    #[schemars(extend("x-level" = "expert"))]
    pub recover_delocalised: bool,
}

impl Default for Views {
    fn default() -> Self {
        Self {
            box_size: 96,
            ctf: true,
            exposure: ExposureModel::GrantGrigorieff,
            maximum_dose: None,
            recover_delocalised: true,
        }
    }
}

/// Why projections are not refined in three dimensions.
pub(super) const PROJECTIONS: &str =
    "the particles are projections along z: expected subtomograms or tilt images";

impl Views {
    pub(super) fn settings(&self) -> ViewSettings {
        ViewSettings {
            box_size: self.box_size,
            ctf: self.ctf,
            exposure: self.exposure,
            maximum_dose: self.maximum_dose,
            recover_delocalised: self.recover_delocalised,
        }
    }
}

/// Loads a set and the tilt series that are given.
pub(super) fn load(
    tilt_series: Option<&Artifact<TiltSeriesKind>>,
    particles: &Artifact<ParticlesKind>,
    context: &Context,
) -> Result<(SeriesByName, ParticleSet), JobError> {
    let mut series = SeriesByName::new();
    for item in tilt_series.iter().flat_map(|artifact| artifact.items()) {
        let one = context.load(item)?;
        series.insert(one.name.clone(), one);
    }
    Ok((series, context.load(particles.single()?)?))
}

/// Edge and voxel size of the boxes that observations will have.
pub(super) fn box_of_set(
    views: &Views,
    series: &SeriesByName,
    set: &ParticleSet,
) -> Result<(usize, PixelSize), JobError> {
    let size = voxel_size(series, set)?;
    let n = set
        .images
        .as_ref()
        .map_or(views.box_size, |images| images.box_size);
    Ok((n, size))
}

/// Particles ready to be observed.
pub(super) struct Prepared {
    /// Observations, one per row of `set`.
    pub(super) source: Box<dyn ParticleSource>,
    /// The particles that can be observed.
    pub(super) set: ParticleSet,
    /// Where they are; empty when they have no orientations.
    pub(super) starts: Vec<Placement>,
    /// The tilt series whose noise each group of `source` is.
    groups: Vec<String>,
}

impl Prepared {
    /// Opens a set; particles that no image shows are rejected by name.
    pub(super) fn new(
        views: &Views,
        series: &SeriesByName,
        set: &ParticleSet,
        context: &Context,
    ) -> Result<Self, JobError> {
        let settings = views.settings();
        let (source, rows): (Box<dyn ParticleSource>, Option<Vec<usize>>) = match &set.images {
            Some(images) if images.kind == RepresentationKind::Volume => {
                (Box::new(volume_files::source(set, images, context)?), None)
            }
            Some(images) if images.kind == RepresentationKind::Projection => {
                return Err(JobError::data(PROJECTIONS));
            }
            Some(images) => {
                let (source, rows) = stack_files::source(series, set, images, &settings, context)?;
                (Box::new(source), Some(rows))
            }
            None => {
                let size = voxel_size(series, set)?;
                let (source, rows) = tilt_boxes::source(series, set, &settings, size, context)?;
                (Box::new(source), Some(rows))
            }
        };
        let groups = group_names(set);
        let set = rows.map_or_else(|| set.clone(), |rows| set.select(&rows));
        let starts = if set.oriented {
            placements::placements(&set, source.voxel_size())
        } else {
            Vec::new()
        };
        Ok(Self {
            source,
            set,
            starts,
            groups,
        })
    }

    /// Power of the noise of each group.
    pub(super) fn noise(&self, weighting: &Weighting) -> Curves {
        let n = self.source.box_size();
        let volumes = self.set.images.as_ref();
        let volumes = volumes.is_some_and(|images| images.kind == RepresentationKind::Volume);
        let values = if volumes { n.pow(3) } else { n.pow(2) };
        report::noise(weighting, &self.groups, n, self.source.voxel_size(), values)
    }

    /// Halves as 0 and 1, when the set is split.
    pub(super) fn halves(&self) -> Option<Vec<u8>> {
        halves(&self.set)
    }
}

/// The tilt series of each noise group: of stored stacks in the order of their first particles, else in that of the set.
fn group_names(set: &ParticleSet) -> Vec<String> {
    let stacks = set.images.as_ref();
    let stacks = stacks.is_some_and(|images| images.kind == RepresentationKind::TiltStack);
    let mut used: Vec<u32> = Vec::new();
    for index in &set.tilt_series {
        if !used.contains(index) {
            used.push(*index);
        }
    }
    if !stacks {
        used.sort_unstable();
    }
    let name = |index: &u32| set.tilt_series_names[*index as usize].clone();
    used.iter().map(name).collect()
}

/// Halves as 0 and 1, when a set is split.
pub(super) fn halves(set: &ParticleSet) -> Option<Vec<u8>> {
    let number = |half: &thon_model::Half| u8::from(*half == thon_model::Half::Two);
    (!set.halves.is_empty()).then(|| set.halves.iter().map(number).collect())
}

/// The sizes of a set, for checks that read no particle.
pub(super) struct Sizes {
    pub(super) particles: usize,
    pub(super) box_size: usize,
    pub(super) voxel_size: f64,
}

impl ParticleSource for Sizes {
    fn len(&self) -> usize {
        self.particles
    }

    fn box_size(&self) -> usize {
        self.box_size
    }

    fn voxel_size(&self) -> f64 {
        self.voxel_size
    }

    fn groups(&self) -> usize {
        1
    }

    fn observe(&self, _: usize, _: &Observe) -> Result<Observation, SourceError> {
        Err("only the sizes of the set are known yet".into())
    }
}

/// Bytes that stored or cut particles take: read again and again, or held.
pub(super) fn bytes_held(set: &ParticleSet, series: &SeriesByName, n: usize) -> u64 {
    let tilts = |index: &u32| {
        let name = &set.tilt_series_names[*index as usize];
        series.get(name).map_or(0, |one| one.images.len() as u64)
    };
    match &set.images {
        Some(ParticleImages { .. }) => 0,
        None => set
            .tilt_series
            .iter()
            .map(|index| 2 * tilts(index) * (n * n) as u64)
            .sum(),
    }
}
