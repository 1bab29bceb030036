//! Particles left out by score, neighbours, other particles, or the value of a volume at their place.
//!
//! Kernels: `thon_pick::neighbours`, `thon_pick::nearest_of`. Volumes lie in the specimen frame with their centre voxel on its origin.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{ParticlesKind, TomogramKind};
use thon_contract::{Artifact, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_geometry::glam::DVec3;
use thon_model::{ParticleSet, Tomogram};
use thon_pick::{Place, nearest_of, neighbours};
use thon_units::{Angstrom, Degrees};

use super::places::{places, set_findings, sets_cost};
use super::search_record::volume;
use crate::tomogram::volume_findings;

/// Filter.
pub(crate) struct FilterParticles;

/// Leave out particles by a column, by their neighbours, or by the value of a volume at their place.
///
/// Every particle that goes is listed with its reason. The volumes may be masks, segmentations, local resolutions: one for each tilt
/// series, in its specimen frame.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Limits of a column of the table, such as `score`.
    pub column: Option<ColumnLimits>,
    /// Limits of the number of neighbours.
    pub neighbours: Option<NeighbourLimits>,
    /// Limits against the nearest of other particles: points of a membrane, beads, another species.
    pub others: Option<OtherLimits>,
    /// Smallest value of the volume at a particle's place.
    pub volume_at_least: Option<f64>,
    /// Largest value of the volume at a particle's place.
    pub volume_at_most: Option<f64>,
}

/// Limits of a column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ColumnLimits {
    /// Name of the column.
    pub name: String,
    /// Smallest value kept.
    pub at_least: Option<f64>,
    /// Largest value kept.
    pub at_most: Option<f64>,
}

/// Limits of neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NeighbourLimits {
    /// Distance within which another particle is a neighbour.
    pub radius: Angstrom,
    /// Fewest neighbours kept.
    pub at_least: usize,
    /// Most neighbours kept; any number when empty.
    pub at_most: Option<usize>,
    /// Smallest distance to the nearest neighbour.
    pub nearest: Angstrom,
}

impl Default for NeighbourLimits {
    fn default() -> Self {
        Self {
            radius: Angstrom(500.0),
            at_least: 0,
            at_most: None,
            nearest: Angstrom(0.0),
        }
    }
}

/// Limits against other particles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OtherLimits {
    /// Smallest distance to the nearest of them: what is left is a difference of sets.
    pub at_least: Angstrom,
    /// Largest distance to the nearest of them; what is left is an intersection of sets. Any when empty.
    pub at_most: Option<Angstrom>,
    /// Largest angle between the z axes of a particle and the nearest of them, as between a particle and the normal of a membrane.
    pub angle: Option<Degrees>,
    /// Take z axes that point the opposite way as the same.
    pub either_way: bool,
}

impl Default for OtherLimits {
    fn default() -> Self {
        Self {
            at_least: Angstrom(0.0),
            at_most: None,
            angle: None,
            either_way: false,
        }
    }
}

/// Inputs of the filter.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles.
    particles: Artifact<ParticlesKind>,
    /// Particles that these are compared with: samples of membranes, beads, another species.
    others: Option<Artifact<ParticlesKind>>,
    /// Volumes that are looked up at the particles' places.
    volumes: Option<Artifact<TomogramKind>>,
}

/// Outputs of the filter.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles that were kept, in their order.
    particles: Output<ParticlesKind>,
}

impl Job for FilterParticles {
    const ID: &'static str = "particles.filter";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = set_findings("particles", &inputs.particles, context);
        if let Some(limits) = &params.neighbours
            && !(limits.radius.0 > 0.0
                && limits.radius.0.is_finite()
                && limits.nearest.0 <= limits.radius.0)
        {
            let message = "expected a radius above 0 Å, and no smaller than `nearest`";
            findings.push(Finding::error("neighbours", message));
        }
        if let Some(limits) = &params.column
            && let Ok(set) = inputs
                .particles
                .single()
                .and_then(|item| context.load(item))
            && let Err(e) = numbers(&set, &limits.name)
        {
            findings.push(Finding::error("column", e.to_string()));
        }
        findings.extend(other_findings(params, inputs, context));
        if asks_volume(params) && inputs.volumes.is_none() {
            findings.push(Finding::error(
                "volumes",
                "limits of a volume are asked for, but none is given",
            ));
        }
        for item in inputs.volumes.iter().flat_map(Artifact::items) {
            match context.load(item) {
                Err(e) => findings.push(Finding::error("volumes", e.to_string())),
                Ok(volume) => findings.extend(volume_findings(&volume, false, context)),
            }
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let mut cost = sets_cost(&[&inputs.particles], context);
        if asks_volume(params) {
            let items = inputs.volumes.iter().flat_map(Artifact::items);
            let voxels = items
                .filter_map(|item| context.load(item).ok())
                .map(|t| t.grid.len() as u64);
            cost.memory += 8 * voxels.max().unwrap_or(0);
        }
        cost
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let set = context.load(inputs.particles.single()?)?;
        let mut reasons: Vec<Option<String>> = vec![None; set.len()];
        if let Some(limits) = &params.column {
            let between = Between(limits.at_least, limits.at_most);
            for (row, value) in numbers(&set, &limits.name)?.into_iter().enumerate() {
                reasons[row] = between.reason(&limits.name, value);
            }
        }
        if asks_volume(params) {
            by_volume(params, inputs, &set, &mut reasons, context)?;
        }
        if let (Some(limits), Some(others)) = (&params.others, &inputs.others) {
            let others = context.load(others.single()?)?;
            by_others(limits, &others, &set, &mut reasons);
        }
        if let Some(limits) = &params.neighbours {
            by_neighbours(limits, &set, &mut reasons);
        }
        thon_compute::check(context.progress())?;
        let mut kept = Vec::new();
        for (row, reason) in reasons.into_iter().enumerate() {
            match reason {
                Some(reason) => context.reject(&set.names[row], reason),
                None => kept.push(row),
            }
        }
        if kept.is_empty() {
            return Err(JobError::Data {
                message: "no particle meets the conditions".into(),
                hint: "widen the limits".into(),
            });
        }
        context.metric("particles kept", kept.len() as f64);
        context.metric("particles left out", (set.len() - kept.len()) as f64);
        let record = context.store::<ParticlesKind>("particles", &set.select(&kept))?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Particles were filtered by score, neighbours and place.".into(),
            citations: Vec::new(),
        }
    }
}

/// A closed range, open where there is no limit.
struct Between(Option<f64>, Option<f64>);

impl Between {
    fn reason(&self, what: &str, value: f64) -> Option<String> {
        if value.is_nan() {
            return Some(format!("{what} is not known"));
        }
        if let Some(least) = self.0.filter(|least| value < *least) {
            return Some(format!("{what} {value:.4} is below {least}"));
        }
        let most = self.1.filter(|most| value > *most)?;
        Some(format!("{what} {value:.4} is above {most}"))
    }
}

fn asks_volume(params: &Params) -> bool {
    params.volume_at_least.is_some() || params.volume_at_most.is_some()
}

fn by_volume(
    params: &Params,
    inputs: &Inputs,
    set: &ParticleSet,
    reasons: &mut [Option<String>],
    context: &Context,
) -> Result<(), JobError> {
    let between = Between(params.volume_at_least, params.volume_at_most);
    let volumes = inputs.volumes.iter().flat_map(Artifact::items);
    let volumes: Vec<Tomogram> = volumes
        .map(|item| context.load(item))
        .collect::<Result<_, _>>()?;
    for name in &set.tilt_series_names {
        thon_compute::check(context.progress())?;
        let rows = set.rows_of(name);
        let Some(known) = volumes.iter().find(|v| v.tilt_series == *name) else {
            for row in rows {
                reasons[row].get_or_insert_with(|| format!("no volume of {name}"));
            }
            continue;
        };
        let values = volume(&known.path, known.grid.dims, context)?;
        for row in rows {
            let [x, y, z] = known
                .grid
                .index_of(set.poses[row].position)
                .to_array()
                .map(f64::round);
            let inside = [z, y, x].iter().all(|i| *i >= 0.0);
            let value = values
                .get([z as usize, y as usize, x as usize])
                .filter(|_| inside);
            let reason = match value {
                None => Some("outside the volume".to_owned()),
                Some(value) => between.reason("the volume there", f64::from(*value)),
            };
            if reasons[row].is_none() {
                reasons[row] = reason;
            }
        }
    }
    Ok(())
}

/// What is wrong with limits against other particles.
fn other_findings(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
    let (limits, others) = match (&params.others, &inputs.others) {
        (None, _) => return Vec::new(),
        (Some(_), None) => {
            let message = "limits against other particles are asked for, but none are given";
            return vec![Finding::error("others", message)];
        }
        (Some(limits), Some(others)) => (limits, others),
    };
    let mut findings = set_findings("others", others, context);
    let most = limits.at_most.unwrap_or(limits.at_least);
    if !(limits.at_least.0 >= 0.0 && most.0 >= limits.at_least.0 && most.0.is_finite()) {
        let message = "expected distances from 0 Å on, the largest no smaller than the smallest";
        findings.push(Finding::error("others", message));
    }
    if limits.angle.is_some() && limits.at_most.is_none() {
        let message = "an angle to the nearest needs the largest distance at which it counts";
        findings.push(Finding::error("others", message));
    }
    findings
}

/// Distance to the nearest of other particles, and the angle between their z axes.
fn by_others(
    limits: &OtherLimits,
    others: &ParticleSet,
    set: &ParticleSet,
    reasons: &mut [Option<String>],
) {
    let radius = limits
        .at_most
        .map_or(limits.at_least.0, |most| most.0)
        .max(1e-6);
    for name in &set.tilt_series_names {
        let rows = set.rows_of(name);
        let near = places(others, &others.rows_of(name));
        let own = places(set, &rows);
        for ((&row, place), found) in rows.iter().zip(&own).zip(nearest_of(&own, &near, radius)) {
            let reason = match found {
                None => limits
                    .at_most
                    .map(|most| format!("none of the others within {most}")),
                Some((_, distance)) if distance < limits.at_least.0 => {
                    Some(format!("one of the others {distance:.1} Å away"))
                }
                Some((other, _)) => against(limits, place, &near[other]),
            };
            if reasons[row].is_none() {
                reasons[row] = reason;
            }
        }
    }
}

/// Why the z axes of a particle and of another do not agree.
fn against(limits: &OtherLimits, place: &Place, other: &Place) -> Option<String> {
    let most = limits.angle?;
    let (Some(a), Some(b)) = (place.rotation, other.rotation) else {
        return Some("an orientation is not known".into());
    };
    let cosine = (a * DVec3::Z).dot(b * DVec3::Z);
    let cosine = if limits.either_way {
        cosine.abs()
    } else {
        cosine
    };
    let angle = cosine.clamp(-1.0, 1.0).acos().to_degrees();
    (angle > most.0).then(|| format!("{angle:.1}° from the normal, more than {most}"))
}

/// Neighbours are counted among the particles that are still kept.
fn by_neighbours(limits: &NeighbourLimits, set: &ParticleSet, reasons: &mut [Option<String>]) {
    for name in &set.tilt_series_names {
        let rows: Vec<usize> = set
            .rows_of(name)
            .into_iter()
            .filter(|&row| reasons[row].is_none())
            .collect();
        let positions: Vec<DVec3> = rows
            .iter()
            .map(|&row| set.poses[row].position.xyz)
            .collect();
        for (&row, (nearest, count)) in rows.iter().zip(neighbours(&positions, limits.radius.0)) {
            let within = format!("within {}", limits.radius);
            reasons[row] = if count < limits.at_least {
                Some(format!(
                    "{count} neighbours {within}, fewer than {}",
                    limits.at_least
                ))
            } else if limits.at_most.is_some_and(|most| count > most) {
                Some(format!("{count} neighbours {within}, too many"))
            } else {
                let near = nearest.filter(|distance| *distance < limits.nearest.0);
                near.map(|distance| format!("a neighbour {distance:.1} Å away"))
            };
        }
    }
}

/// A carried column as numbers.
pub(super) fn numbers(set: &ParticleSet, label: &str) -> Result<Vec<f64>, JobError> {
    let Some(column) = set.carried.column(label) else {
        let known: Vec<&str> = set
            .carried
            .columns
            .iter()
            .map(|c| c.label.as_str())
            .collect();
        return Err(JobError::Data {
            message: format!("the set has no column {label}"),
            hint: format!("it has: {}", known.join(", ")),
        });
    };
    let number = |(row, text): (usize, &String)| {
        text.parse::<f64>()
            .map_err(|e| JobError::data(format!("column {label}, row {}: {text:?}: {e}", row + 1)))
    };
    column.iter().enumerate().map(number).collect()
}
