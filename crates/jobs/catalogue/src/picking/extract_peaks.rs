//! Particles at the peaks of a template's scores.
//!
//! Kernel: `thon_pick::pick_peaks`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, ParticlesKind, TomogramKind};
use thon_contract::{Artifact, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_geometry::Symmetry;
use thon_geometry::glam::DVec3;
use thon_model::ParticleSet;
use thon_pick::{Limits, Orientations, Pick, Threshold, pick_peaks};
use thon_units::Angstrom;

use super::pick_set::PickSet;
use super::search_record::{SearchRecord, volume};
use crate::tomogram::volume_findings;

/// Extraction of peaks.
pub(crate) struct ExtractPeaks;

/// Make particles of the peaks of a template's scores.
///
/// The threshold is an expected number or rate of false positives, a count or a score, for each tomogram. Peaks above it near the
/// faces, outside the masks, on gold beads, or on ridges of the scores are listed with the reason.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Where picking stops.
    pub threshold: Threshold,
    /// Smallest distance between particles; 0.8 of the mask's diameter when empty.
    pub distance: Option<Angstrom>,
    /// Smallest distance from the faces of the tomogram.
    pub margin: Angstrom,
    /// How near to a gold bead a particle may be.
    pub bead_distance: Angstrom,
    /// How far a peak must rise above the opening of the scores by a cross of seven voxels; 0 for no matter.
    #[schemars(range(min = 0.0), extend("x-level" = "expert"))]
    pub rise: f32,
    /// Most particles of one tomogram.
    #[schemars(range(min = 1), extend("x-level" = "expert"))]
    pub most: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            threshold: Threshold::default(),
            distance: None,
            margin: Angstrom(50.0),
            bead_distance: Angstrom(150.0),
            rise: 0.0,
            most: 100_000,
        }
    }
}

/// Inputs of the extraction.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// What `tomogram.match-template` left.
    search: Artifact<FilesKind>,
    /// Volumes that are above ½ where particles may be, on the grids of the tomograms.
    masks: Option<Artifact<TomogramKind>>,
    /// Gold beads.
    beads: Option<Artifact<ParticlesKind>>,
}

/// Outputs of the extraction.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles of all tomograms, highest score first in each, with `score` and `false_positives`.
    particles: Output<ParticlesKind>,
}

impl Job for ExtractPeaks {
    const ID: &'static str = "tomogram.extract-peaks";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = length_findings(params);
        if inputs.search.items().is_empty() {
            findings.push(Finding::error("search", "there is no search"));
        }
        for item in inputs.search.items() {
            match SearchRecord::of(item, context) {
                Err(e) => findings.push(Finding::error("search", e.to_string())),
                Ok(record) => {
                    findings.extend(volume_findings(&record.scores, false, context));
                    let rated = matches!(
                        params.threshold,
                        Threshold::FalsePositives(_) | Threshold::FalseDiscoveryRate(_)
                    );
                    if rated && record.false_positives.is_none() {
                        let message = format!("{} was searched without error rates", item.name());
                        findings.push(
                            Finding::error("threshold", message)
                                .with_hint("pick a count or from a score on"),
                        );
                    }
                }
            }
        }
        for item in inputs.masks.iter().flat_map(Artifact::items) {
            match context.load(item) {
                Err(e) => findings.push(Finding::error("masks", e.to_string())),
                Ok(mask) => findings.extend(volume_findings(&mask, false, context)),
            }
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let records = inputs
            .search
            .items()
            .iter()
            .filter_map(|item| SearchRecord::of(item, context).ok());
        let voxels: Vec<u64> = records.map(|r| r.scores.grid.len() as u64).collect();
        Cost {
            memory: (64 << 20) + 20 * voxels.iter().copied().max().unwrap_or(0),
            disk: 1 << 17,
            cpu_seconds: 0.1 + voxels.iter().sum::<u64>() as f64 * 5e-8,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut set = PickSet::new(true, &["score", "false_positives"]);
        let beads = inputs
            .beads
            .as_ref()
            .map(|beads| context.load(beads.single()?))
            .transpose()?;
        let mut count = 0;
        for item in inputs.search.items() {
            thon_compute::check(context.progress())?;
            let record = SearchRecord::of(item, context)?;
            count += extract(params, &record, beads.as_ref(), inputs, &mut set, context)?;
        }
        context.metric("particles", count as f64);
        if count == 0 {
            context.warn("no peak is above the threshold");
        }
        let stored = context.store::<ParticlesKind>("particles", &set.finish())?;
        Ok(Outputs {
            particles: Output::of(vec![stored]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let text = match params.threshold {
            Threshold::FalseDiscoveryRate(rate) => {
                format!("Particles were picked at an estimated false discovery rate of {rate}.")
            }
            Threshold::FalsePositives(count) => {
                format!("Particles were picked at {count} expected false positives per tomogram.")
            }
            Threshold::Count(count) => {
                format!("The {count} highest peaks of each tomogram were picked.")
            }
            Threshold::Score(score) => {
                format!("Peaks with scores of at least {score} were picked.")
            }
        };
        Methods {
            text,
            citations: Vec::new(),
        }
    }
}

fn length_findings(params: &Params) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lengths = [
        ("margin", Some(params.margin)),
        ("bead_distance", Some(params.bead_distance)),
        ("distance", params.distance),
    ];
    for (field, length) in lengths {
        if length.is_some_and(|l| !(l.0 >= 0.0 && l.0.is_finite())) {
            findings.push(Finding::error(field, "expected a length of 0 Å or more"));
        }
    }
    let fine = match params.threshold {
        Threshold::FalsePositives(count) => count > 0.0 && count.is_finite(),
        Threshold::FalseDiscoveryRate(rate) => rate > 0.0 && rate < 1.0,
        Threshold::Count(count) => count > 0,
        Threshold::Score(score) => score.is_finite(),
    };
    if !fine {
        let message = "expected a positive number; a rate below 1";
        findings.push(Finding::error("threshold", message));
    }
    findings
}

/// Adds the particles of one tomogram; gives their number.
fn extract(
    params: &Params,
    record: &SearchRecord,
    beads: Option<&ParticleSet>,
    inputs: &Inputs,
    set: &mut PickSet,
    context: &Context,
) -> Result<usize, JobError> {
    let tomogram = &record.scores;
    let grid = tomogram.grid;
    let scores = volume(&tomogram.path, grid.dims, context)?;
    let orientations = volume(&record.orientations, grid.dims, context)?;
    let masks = inputs.masks.iter().flat_map(Artifact::items);
    let mut mask = None;
    for item in masks {
        let found = context.load(item)?;
        if found.tilt_series == tomogram.tilt_series {
            mask = Some(volume(&found.path, grid.dims, context)?);
        }
    }
    let voxels = |length: Angstrom| length.0 / grid.voxel_size.0;
    let rows = beads
        .map(|set| set.rows_of(&tomogram.tilt_series))
        .unwrap_or_default();
    let beads: Vec<DVec3> = beads
        .iter()
        .flat_map(|set| {
            rows.iter()
                .map(|&row| grid.index_of(set.poses[row].position))
        })
        .collect();
    let limits = Limits {
        distance: voxels(params.distance.unwrap_or(record.mask_diameter * 0.8)),
        margin: voxels(params.margin),
        mask: mask.as_ref(),
        beads: &beads,
        bead_distance: voxels(params.bead_distance),
        rise: params.rise,
        most: params.most,
    };
    let picks = pick_peaks(
        &scores,
        record.false_positives.as_ref(),
        params.threshold,
        &limits,
    );
    let symmetry: Symmetry = record
        .symmetry
        .parse()
        .map_err(|e: thon_geometry::SymmetryError| JobError::data(e.to_string()))?;
    let turns = Orientations::even(record.angular_step.radians(), symmetry);
    for pick in &picks.kept {
        let index = orientations[pick.voxel] as usize;
        let rotation = turns.rotations().get(index).ok_or_else(|| {
            let message = format!("orientation {index} of a grid of {}", turns.len());
            JobError::file(&record.orientations, message)
        })?;
        set.add(
            tomogram,
            pick.position,
            *rotation,
            &[f64::from(pick.score), pick.false_positives],
        );
    }
    listed(&picks.rejected, tomogram, context);
    context.metric(
        format!("{}: particles", tomogram.name),
        picks.kept.len() as f64,
    );
    context.metric(
        format!("{}: lowest score", tomogram.name),
        f64::from(picks.threshold),
    );
    Ok(picks.kept.len())
}

/// Names every peak that was left out, and counts them by reason.
fn listed(
    rejected: &[(Pick, thon_pick::Rejection)],
    tomogram: &thon_model::Tomogram,
    context: &Context,
) {
    let mut counts: BTreeMap<thon_pick::Rejection, usize> = BTreeMap::new();
    for (pick, reason) in rejected {
        *counts.entry(*reason).or_default() += 1;
        let [x, y, z] = pick.position.to_array();
        context.reject(
            format!("{} peak at voxel {x:.1}, {y:.1}, {z:.1}", tomogram.name),
            reason.to_string(),
        );
    }
    for (reason, count) in counts {
        context.metric(format!("{}: {reason}", tomogram.name), count as f64);
    }
}
