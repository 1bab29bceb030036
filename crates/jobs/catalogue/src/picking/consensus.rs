//! What several particle sets agree on.
//!
//! Kernel: `thon_pick::agreements`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, ParticlesKind};
use thon_contract::{Artifact, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_geometry::glam::DQuat;
use thon_model::ParticleSet;
use thon_pick::{Agreement, agreements};
use thon_units::{Angstrom, Degrees};

use super::places::{agreement_findings, places, rotations, set_findings, sets_cost};

/// Most sets that are compared.
const MOST_SETS: usize = 16;

/// Consensus.
pub(crate) struct Consensus;

/// Keep the particles that several sets agree on.
///
/// Particles of different sets are the same when they are nearer than the radius (and, when an angle is given, turned by less than it).
/// Those in enough sets are kept, as the first set that holds them has them; the others are listed. Counts are given for every
/// combination of sets, and precision and recall of every set against what is kept and against the first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Distance below which particles are the same.
    pub radius: Angstrom,
    /// Angle below which orientations are the same; orientations do not matter when empty.
    pub angle: Option<Degrees>,
    /// Point group under which orientations are the same.
    pub symmetry: String,
    /// Number of sets that must hold a particle; all of them when empty. 1 joins all sets.
    #[schemars(range(min = 1))]
    pub sets: Option<usize>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            radius: Angstrom(100.0),
            angle: None,
            symmetry: "C1".into(),
            sets: None,
        }
    }
}

/// Inputs of the consensus.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The first set.
    particles: Artifact<ParticlesKind>,
    /// The second set.
    second: Artifact<ParticlesKind>,
    /// A third set.
    third: Option<Artifact<ParticlesKind>>,
    /// A fourth set.
    fourth: Option<Artifact<ParticlesKind>>,
}

/// Outputs of the consensus.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// What enough sets agree on.
    particles: Output<ParticlesKind>,
    /// Precision and recall of each set, and how many particles each combination of sets holds.
    agreement: Output<CurvesKind>,
}

impl Inputs {
    fn slots(&self) -> Vec<(&'static str, &Artifact<ParticlesKind>)> {
        let given = [
            ("particles", Some(&self.particles)),
            ("second", Some(&self.second)),
            ("third", self.third.as_ref()),
            ("fourth", self.fourth.as_ref()),
        ];
        given
            .into_iter()
            .filter_map(|(name, set)| Some((name, set?)))
            .collect()
    }
}

impl Job for Consensus {
    const ID: &'static str = "particles.consensus";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = agreement_findings(params.radius, params.angle, &params.symmetry);
        let slots = inputs.slots();
        findings.extend(
            slots
                .iter()
                .flat_map(|(name, set)| set_findings(name, set, context)),
        );
        if let Some(sets) = params.sets
            && !(1..=slots.len().min(MOST_SETS)).contains(&sets)
        {
            let message = format!("expected 1 to the {} sets given, found {sets}", slots.len());
            findings.push(Finding::error("sets", message));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let sets: Vec<_> = inputs.slots().into_iter().map(|(_, set)| set).collect();
        sets_cost(&sets, context)
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let load = |(_, set): (&str, &Artifact<ParticlesKind>)| context.load(set.single()?);
        let sets = inputs
            .slots()
            .into_iter()
            .map(load)
            .collect::<Result<Vec<ParticleSet>, _>>()?;
        let symmetry = rotations(&params.symmetry)?;
        let enough = params.sets.unwrap_or(sets.len());
        let groups = all_agreements(&sets, params, &symmetry, context)?;
        let mut joined = Joined::default();
        for group in &groups {
            let held = group.iter().flatten().count();
            let Some((number, row)) = group
                .iter()
                .enumerate()
                .find_map(|(i, row)| Some((i, (*row)?)))
            else {
                continue;
            };
            if held >= enough {
                joined.rows.push((number, row));
            } else {
                let name = &sets[number].names[row];
                context.reject(
                    format!("{name} (set {})", number + 1),
                    format!("in {held} of {} sets", sets.len()),
                );
            }
        }
        if joined.rows.is_empty() {
            return Err(JobError::Data {
                message: format!("no particle is in {enough} of the {} sets", sets.len()),
                hint: "are they of the same tilt series and alignment? widen the radius".into(),
            });
        }
        let kept = joined.set(&sets);
        context.metric("particles kept", kept.len() as f64);
        let curves = curves(&sets, &groups, enough);
        for (name, value) in &curves.facts {
            context.metric(name, *value);
        }
        Ok(Outputs {
            particles: Output::of(vec![context.store::<ParticlesKind>("particles", &kept)?]),
            agreement: Output::of(vec![context.store::<CurvesKind>("agreement", &curves)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Picks of several methods within {} of each other were taken as one particle; the consensus was kept.",
                params.radius
            ),
            citations: Vec::new(),
        }
    }
}

/// Groups of all tilt series, as rows of the sets.
fn all_agreements(
    sets: &[ParticleSet],
    params: &Params,
    symmetry: &[DQuat],
    context: &Context,
) -> Result<Vec<Agreement>, JobError> {
    let mut names: Vec<&String> = sets.iter().flat_map(|set| &set.tilt_series_names).collect();
    names.sort();
    names.dedup();
    let mut groups = Vec::new();
    for name in names {
        thon_compute::check(context.progress())?;
        let rows: Vec<Vec<usize>> = sets.iter().map(|set| set.rows_of(name)).collect();
        let places: Vec<_> = sets
            .iter()
            .zip(&rows)
            .map(|(set, rows)| places(set, rows))
            .collect();
        let found = agreements(
            &places,
            params.radius.0,
            params.angle.map(Degrees::radians),
            symmetry,
        );
        let in_sets = |group: Agreement| -> Agreement {
            group
                .into_iter()
                .zip(&rows)
                .map(|(index, rows)| index.map(|i| rows[i]))
                .collect()
        };
        groups.extend(found.into_iter().map(in_sets));
    }
    Ok(groups)
}

/// Rows of several sets that become one.
#[derive(Default)]
struct Joined {
    rows: Vec<(usize, usize)>,
}

impl Joined {
    /// Rows of the first set keep all of its columns; those of others bring name, place and orientation.
    fn set(&self, sets: &[ParticleSet]) -> ParticleSet {
        if self.rows.iter().all(|(number, _)| *number == 0) {
            let mut rows: Vec<usize> = self.rows.iter().map(|(_, row)| *row).collect();
            rows.sort_unstable();
            return sets[0].select(&rows);
        }
        let mut joined = ParticleSet {
            oriented: sets.iter().all(|set| set.oriented),
            optics: sets[0].optics,
            ..ParticleSet::default()
        };
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for &(number, row) in &self.rows {
            let particle = sets[number].particle(row);
            let again = seen.entry(particle.name.to_owned()).or_default();
            *again += 1;
            let name = if *again == 1 {
                particle.name.to_owned()
            } else {
                format!("{}_set{}", particle.name, number + 1)
            };
            let known = joined
                .tilt_series_names
                .iter()
                .position(|n| n == particle.tilt_series);
            let series = known.unwrap_or_else(|| {
                joined
                    .tilt_series_names
                    .push(particle.tilt_series.to_owned());
                joined.tilt_series_names.len() - 1
            });
            joined.names.push(name);
            joined.tilt_series.push(series as u32);
            joined.poses.push(particle.pose);
        }
        joined
    }
}

/// Precision and recall, and the counts of a Venn diagram.
fn curves(sets: &[ParticleSet], groups: &[Agreement], enough: usize) -> Curves {
    let held = |group: &&Agreement| group.iter().flatten().count() >= enough;
    let both = |number: usize, accept: &dyn Fn(&Agreement) -> bool| {
        groups
            .iter()
            .filter(|g| g[number].is_some() && accept(g))
            .count() as f64
    };
    let kept = groups.iter().filter(held).count() as f64;
    let in_kept = |g: &Agreement| held(&g);
    let in_first = |g: &Agreement| g[0].is_some();
    let numbers = || 0..sets.len();
    let size = |number: usize| sets[number].len().max(1) as f64;
    let first = size(0);
    let mut facts = BTreeMap::new();
    for group in groups {
        let members: Vec<String> = (1..)
            .zip(group)
            .filter(|(_, row)| row.is_some())
            .map(|(n, _): (usize, _)| n.to_string())
            .collect();
        *facts
            .entry(format!("in sets {} alone", members.join("+")))
            .or_insert(0.0) += 1.0;
    }
    Curves {
        title: "agreement of particle sets".into(),
        columns: vec![
            Column::new("set", "", numbers().map(|n| (n + 1) as f64)),
            Column::new("particles", "", numbers().map(|n| sets[n].len() as f64)),
            Column::new(
                "precision against what is kept",
                "",
                numbers().map(|n| both(n, &in_kept) / size(n)),
            ),
            Column::new(
                "recall of what is kept",
                "",
                numbers().map(|n| both(n, &in_kept) / kept.max(1.0)),
            ),
            Column::new(
                "precision against the first set",
                "",
                numbers().map(|n| both(n, &in_first) / size(n)),
            ),
            Column::new(
                "recall of the first set",
                "",
                numbers().map(|n| both(n, &in_first) / first),
            ),
        ],
        facts: facts.into_iter().collect(),
    }
}
