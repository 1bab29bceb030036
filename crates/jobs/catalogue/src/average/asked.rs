//! What a refinement or classification is asked to start from, and what keeps it from starting.

use thon_average::{AverageError, Input, StartingPoses};
use thon_contract::kinds::{FilesKind, MapKind, MaskKind, ParticlesKind, TiltSeriesKind};
use thon_contract::{Artifact, Context, Finding, JobError};

use super::findings::set_findings;
use super::given_maps::{GivenMaps, size_findings};
use super::placements;
use super::source::{Sizes, Views, box_of_set, halves, load};

/// Slots and parameters that both jobs have.
pub(super) struct Asked<'a> {
    pub(super) views: &'a Views,
    pub(super) particles: &'a Artifact<ParticlesKind>,
    pub(super) tilt_series: Option<&'a Artifact<TiltSeriesKind>>,
    /// Name of the slot of starting maps, and what fills it.
    pub(super) maps: (&'static str, Option<&'a Artifact<MapKind>>),
    pub(super) mask: Option<&'a Artifact<MaskKind>>,
    pub(super) iterations: Option<&'a Artifact<FilesKind>>,
    pub(super) restart_from: Option<usize>,
}

impl Asked<'_> {
    /// All findings; `check` says what the options make of sizes, maps and poses that are fine by themselves.
    pub(super) fn findings(
        &self,
        context: &Context,
        check: impl FnOnce(&Sizes, &Input<'_>) -> Result<(), AverageError>,
    ) -> Result<Vec<Finding>, JobError> {
        let (series, set) = load(self.tilt_series, self.particles, context)?;
        let mut findings = set_findings(self.views, &series, &set, context);
        let sizes = box_of_set(self.views, &series, &set);
        let (Ok((n, voxel_size)), false) = (sizes, set.is_empty()) else {
            return Ok(findings);
        };
        let (slot, references) = self.maps;
        findings.extend(size_findings(slot, references, n, voxel_size, context));
        findings.extend(size_findings("mask", self.mask, n, voxel_size, context));
        if self.restart_from.is_some() && self.iterations.is_none() {
            let message = "an iteration to go on from, but no iterations are given";
            findings.push(Finding::error("restart_from", message));
        }
        if findings.iter().any(Finding::is_error) {
            return Ok(findings);
        }
        let sizes = Sizes {
            particles: set.len(),
            box_size: n,
            voxel_size: voxel_size.0,
        };
        let maps = GivenMaps::load(references, self.mask, context)?;
        let starts = if set.oriented {
            placements::placements(&set, voxel_size.0)
        } else {
            Vec::new()
        };
        let (references, given) = (maps.references(), halves(&set));
        let input = Input {
            references: &references,
            mask: maps.mask.as_deref(),
            starts: &starts,
            halves: given.as_deref(),
        };
        if let Err(e) = check(&sizes, &input) {
            findings.push(Finding::error("options", e.to_string()));
        }
        Ok(findings)
    }
}

/// Where poses start, for a check before the references are known: they come with the iterations, or from a first map.
pub(super) fn start_of_check(start: StartingPoses, input: &Input<'_>) -> StartingPoses {
    if input.references.is_empty() && start == StartingPoses::Search {
        StartingPoses::Random
    } else {
        start
    }
}
