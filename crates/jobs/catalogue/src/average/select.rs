//! Subsets of particle sets: by class, half, a column of the table, or the names in another set.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::ParticlesKind;
use thon_contract::{
    Artifact, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_model::{Half, ParticleSet};

/// Selection.
pub(crate) struct SelectParticles;

/// Keep the particles of some classes, of one half, beyond a threshold, or named in another set.
///
/// All conditions must be met. Particles chosen among two-dimensional classes come back to their volumes by name: give the chosen
/// ones as `named_in`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Classes to keep, from 1; all when empty.
    #[schemars(extend("x-picks" = "classes"))]
    pub classes: Vec<u32>,
    /// Half to keep, 1 or 2; both when empty.
    #[schemars(range(min = 1, max = 2))]
    pub half: Option<u32>,
    /// Column of the table that is compared with the limits below.
    pub column: Option<String>,
    /// Smallest value of the column to keep.
    pub at_least: Option<f64>,
    /// Largest value of the column to keep.
    pub at_most: Option<f64>,
    /// Keep the others instead.
    pub invert: bool,
}

/// Inputs of a selection.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles.
    particles: Artifact<ParticlesKind>,
    /// A set whose names tell which particles to keep.
    named_in: Option<Artifact<ParticlesKind>>,
}

/// Outputs of a selection.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles that were kept, in their order.
    particles: Output<ParticlesKind>,
}

impl Job for SelectParticles {
    const ID: &'static str = "particles.select";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let sets = match load(inputs, context) {
            Ok(sets) => sets,
            Err(e) => return vec![Finding::error("particles", e.to_string())],
        };
        match rows(params, &sets.0, sets.1.as_ref()) {
            Err((place, message)) => vec![Finding::error(place, message)],
            Ok(rows) if rows.is_empty() => {
                vec![Finding::error(
                    "particles",
                    "no particle meets the conditions",
                )]
            }
            Ok(_) => Vec::new(),
        }
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let particles = load(inputs, context).map_or(0, |(set, _)| set.len()) as u64;
        Cost {
            memory: PROCESS_MEMORY + 8192 * particles,
            disk: 512 * particles,
            cpu_seconds: 0.1 + particles as f64 * 1e-5,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (set, names) = load(inputs, context)?;
        thon_compute::check(context.progress())?;
        let rows = rows(params, &set, names.as_ref())
            .map_err(|(place, message)| JobError::data(format!("{place}: {message}")))?;
        let kept = set.select(&rows);
        context.metric("particles kept", kept.len() as f64);
        context.metric("particles left out", (set.len() - kept.len()) as f64);
        let record = context.store::<ParticlesKind>("particles", &kept)?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "A subset of the particles was kept.".into(),
            citations: Vec::new(),
        }
    }
}

fn load(
    inputs: &Inputs,
    context: &Context,
) -> Result<(ParticleSet, Option<ParticleSet>), JobError> {
    let set = context.load(inputs.particles.single()?)?;
    let names = inputs.named_in.as_ref();
    let names = names
        .map(|names| context.load(names.single()?))
        .transpose()?;
    Ok((set, names))
}

type Fault = (&'static str, String);

/// The rows to keep, or which parameter asks for what the set does not have.
fn rows(
    params: &Params,
    set: &ParticleSet,
    named_in: Option<&ParticleSet>,
) -> Result<Vec<usize>, Fault> {
    if !params.classes.is_empty() && set.classes.is_empty() {
        return Err(("classes", "the particles are not classified".into()));
    }
    if params.half.is_some() && set.halves.is_empty() {
        return Err(("half", "the particles are not split into halves".into()));
    }
    let limited = params.at_least.is_some() || params.at_most.is_some();
    if limited != params.column.is_some() {
        return Err(("column", "expected a column together with a limit".into()));
    }
    let values = params
        .column
        .as_deref()
        .map(|label| numbers(set, label))
        .transpose()?;
    let wanted = params
        .half
        .map(|half| if half == 1 { Half::One } else { Half::Two });
    let names: Option<BTreeSet<&str>> =
        named_in.map(|other| other.names.iter().map(String::as_str).collect());
    let meets = |&row: &usize| {
        let class = params.classes.is_empty() || params.classes.contains(&set.classes[row]);
        let half = wanted.is_none_or(|half| set.halves[row] == half);
        let value = values.as_ref().is_none_or(|values| {
            params.at_least.is_none_or(|least| values[row] >= least)
                && params.at_most.is_none_or(|most| values[row] <= most)
        });
        let name = names
            .as_ref()
            .is_none_or(|names| names.contains(set.names[row].as_str()));
        (class && half && value && name) != params.invert
    };
    Ok((0..set.len()).filter(meets).collect())
}

/// A column as numbers.
fn numbers(set: &ParticleSet, label: &str) -> Result<Vec<f64>, Fault> {
    let label = label.trim_start_matches('_');
    let Some(column) = set.carried.column(label) else {
        let known: Vec<&str> = set
            .carried
            .columns
            .iter()
            .map(|c| c.label.as_str())
            .collect();
        let message = format!("no column {label}; there are: {}", known.join(", "));
        return Err(("column", message));
    };
    let number = |(row, text): (usize, &String)| {
        text.parse::<f64>().map_err(|_| {
            (
                "column",
                format!(
                    "{label}, row {}: expected a number, found \"{text}\"",
                    row + 1
                ),
            )
        })
    };
    column.iter().enumerate().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_model::{Carried, CarriedColumn};

    fn set() -> ParticleSet {
        ParticleSet {
            names: ["a", "b", "c", "d"].map(String::from).to_vec(),
            tilt_series: vec![0; 4],
            classes: vec![1, 2, 1, 3],
            halves: vec![Half::One, Half::Two, Half::Two, Half::One],
            carried: Carried {
                source: "relion-5".into(),
                columns: vec![CarriedColumn {
                    label: "rlnScore".into(),
                    values: ["0.1", "0.9", "0.7", "-3"].map(String::from).to_vec(),
                }],
            },
            ..ParticleSet::default()
        }
    }

    #[test]
    fn conditions_are_joined() {
        let of = |params: Params| rows(&params, &set(), None);
        let classes = Params {
            classes: vec![1, 3],
            ..Params::default()
        };
        assert_eq!(of(classes.clone()).unwrap(), [0, 2, 3]);
        assert_eq!(
            of(Params {
                invert: true,
                ..classes.clone()
            })
            .unwrap(),
            [1]
        );
        assert_eq!(
            of(Params {
                half: Some(2),
                ..classes
            })
            .unwrap(),
            [2]
        );
        let score = Params {
            column: Some("_rlnScore".into()),
            at_least: Some(0.1),
            at_most: Some(0.8),
            ..Params::default()
        };
        assert_eq!(of(score).unwrap(), [0, 2]);
        let named = ParticleSet {
            names: vec!["d".into(), "b".into()],
            ..ParticleSet::default()
        };
        assert_eq!(
            rows(&Params::default(), &set(), Some(&named)).unwrap(),
            [1, 3]
        );
    }

    #[test]
    fn what_the_set_lacks_is_named() {
        let fault = |params: Params, set: &ParticleSet| rows(&params, set, None).unwrap_err();
        let bare = ParticleSet {
            classes: vec![],
            halves: vec![],
            ..set()
        };
        assert_eq!(
            fault(
                Params {
                    classes: vec![1],
                    ..Params::default()
                },
                &bare
            )
            .0,
            "classes"
        );
        assert_eq!(
            fault(
                Params {
                    half: Some(1),
                    ..Params::default()
                },
                &bare
            )
            .0,
            "half"
        );
        let lone = Params {
            at_least: Some(1.0),
            ..Params::default()
        };
        assert_eq!(fault(lone, &set()).0, "column");
        let other = Params {
            column: Some("rlnNone".into()),
            at_least: Some(1.0),
            ..Params::default()
        };
        assert!(fault(other, &set()).1.contains("there are: rlnScore"));
    }
}
