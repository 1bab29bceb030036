//! Particles that were picked twice.
//!
//! Kernel: `thon_pick::duplicates`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::ParticlesKind;
use thon_contract::{Artifact, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_model::ParticleSet;
use thon_pick::duplicates;
use thon_units::{Angstrom, Degrees};

use super::places::{agreement_findings, places, rotations, set_findings, sets_cost};

/// Removal of duplicates.
pub(crate) struct RemoveDuplicates;

/// Keep one particle of those that lie on top of each other.
///
/// Of particles nearer than the radius (and, when an angle is given, turned by less than it) the one with the highest value of a column
/// is kept, or the first. The others are listed with the particle they repeat.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Distance below which particles are the same.
    pub radius: Angstrom,
    /// Angle below which orientations are the same; orientations do not matter when empty.
    pub angle: Option<Degrees>,
    /// Point group under which orientations are the same.
    pub symmetry: String,
    /// Column whose highest value is kept, as `score`; the order of the set decides when empty.
    pub column: Option<String>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            radius: Angstrom(100.0),
            angle: None,
            symmetry: "C1".into(),
            column: None,
        }
    }
}

/// Inputs of the removal.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the removal.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles without their duplicates, in their order.
    particles: Output<ParticlesKind>,
}

impl Job for RemoveDuplicates {
    const ID: &'static str = "particles.remove-duplicates";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = agreement_findings(params.radius, params.angle, &params.symmetry);
        findings.extend(set_findings("particles", &inputs.particles, context));
        if let Some(label) = &params.column
            && let Ok(set) = inputs
                .particles
                .single()
                .and_then(|item| context.load(item))
            && let Err(e) = order(&set, Some(label))
        {
            findings.push(Finding::error("column", e.to_string()));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        sets_cost(&[&inputs.particles], context)
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let set = context.load(inputs.particles.single()?)?;
        let symmetry = rotations(&params.symmetry)?;
        let ranked = order(&set, params.column.as_deref())?;
        let mut keep = vec![true; set.len()];
        for name in &set.tilt_series_names {
            thon_compute::check(context.progress())?;
            let rows = set.rows_of(name);
            let index_of = |row: usize| rows.binary_search(&row).ok();
            let best_first: Vec<usize> = ranked.iter().filter_map(|&row| index_of(row)).collect();
            let angle = params.angle.map(Degrees::radians);
            let repeated = duplicates(
                &places(&set, &rows),
                &best_first,
                params.radius.0,
                angle,
                &symmetry,
            );
            for (&row, of) in rows.iter().zip(repeated) {
                if let Some(of) = of {
                    keep[row] = false;
                    context.reject(&set.names[row], format!("repeats {}", set.names[rows[of]]));
                }
            }
        }
        let kept: Vec<usize> = (0..set.len()).filter(|&row| keep[row]).collect();
        context.metric("particles kept", kept.len() as f64);
        context.metric("duplicates", (set.len() - kept.len()) as f64);
        let record = context.store::<ParticlesKind>("particles", &set.select(&kept))?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Of particles within {} of each other one was kept.",
                params.radius
            ),
            citations: Vec::new(),
        }
    }
}

/// Rows from the best to the worst.
fn order(set: &ParticleSet, column: Option<&str>) -> Result<Vec<usize>, JobError> {
    let mut rows: Vec<usize> = (0..set.len()).collect();
    if let Some(label) = column {
        let values = super::filter::numbers(set, label)?;
        rows.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    }
    Ok(rows)
}
