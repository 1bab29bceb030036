//! How particles stand to their neighbours.
//!
//! Kernels: `thon_pick::relations`, `pair_correlation`, `lattice_sites`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, ParticlesKind};
use thon_contract::{Artifact, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_model::{CarriedColumn, ParticleSet};
use thon_pick::{LatticeSite, Neighbour, histogram, lattice_sites, pair_correlation, relations};
use thon_units::Angstrom;

use super::places::{agreement_findings, places, rotations, set_findings, sets_cost};

/// Neighbours.
pub(crate) struct Neighbours;

/// Measure distances and relative orientations of neighbouring particles, and the lattice they form.
///
/// Every particle carries the distance to its nearest neighbour as `nearest` (−1 when there is none), the angle between the two as
/// `nearest_angle`, and the number of `neighbours`, for `particles.filter`. Sites where neighbours gather in the particles' own frames are
/// given with their offsets.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Distance within which another particle is a neighbour.
    pub radius: Angstrom,
    /// Most neighbours of a particle.
    #[schemars(range(min = 1, max = 1000))]
    pub most: usize,
    /// Point group under which orientations are the same.
    pub symmetry: String,
    /// Radius within which offsets are one site of a lattice; a twentieth of the radius when empty.
    pub site: Option<Angstrom>,
    /// Share of the particles that must have a neighbour at a site.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub share: f64,
    /// Points of each curve.
    #[schemars(range(min = 2, max = 1000))]
    pub bins: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            radius: Angstrom(500.0),
            most: 32,
            symmetry: "C1".into(),
            site: None,
            share: 0.25,
            bins: 50,
        }
    }
}

/// Inputs of the measurement.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the measurement.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles with what was measured.
    particles: Output<ParticlesKind>,
    /// Distances, angles, pair correlation; sites of the lattice.
    curves: Output<CurvesKind>,
}

impl Job for Neighbours {
    const ID: &'static str = "particles.neighbours";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = agreement_findings(params.radius, None, &params.symmetry);
        findings.extend(set_findings("particles", &inputs.particles, context));
        if let Some(site) = params.site
            && !(site.0 > 0.0 && site.0 <= params.radius.0)
        {
            findings.push(Finding::error(
                "site",
                "expected more than 0 Å and at most the radius",
            ));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let mut cost = sets_cost(&[&inputs.particles], context);
        cost.memory += (cost.disk >> 9) * params.most as u64 * 64;
        cost.disk += 1 << 17;
        cost.cpu_seconds *= 2.0;
        cost
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let mut set = context.load(inputs.particles.single()?)?;
        let symmetry = rotations(&params.symmetry)?;
        let mut all: Vec<Neighbour> = Vec::new();
        let mut pairs = vec![0.0; params.bins];
        for name in &set.tilt_series_names {
            thon_compute::check(context.progress())?;
            let rows = set.rows_of(name);
            let places = places(&set, &rows);
            for mut one in relations(&places, params.radius.0, params.most, &symmetry) {
                (one.of, one.other) = (rows[one.of], rows[one.other]);
                all.push(one);
            }
            let share = rows.len() as f64 / set.len() as f64;
            let correlation = pair_correlation(&places, params.radius.0, params.bins);
            for (sum, value) in pairs.iter_mut().zip(correlation) {
                *sum += share * value;
            }
        }
        let size = params.site.map_or(params.radius.0 / 20.0, |site| site.0);
        let sites = if set.oriented {
            lattice_sites(&all, set.len(), size, params.share)
        } else {
            Vec::new()
        };
        carry(&mut set, &all);
        let curves = curves(params, &all, pairs, &sites, set.len());
        for (name, value) in &curves.facts {
            context.metric(name, *value);
        }
        Ok(Outputs {
            particles: Output::of(vec![context.store::<ParticlesKind>("particles", &set)?]),
            curves: Output::of(vec![context.store::<CurvesKind>("neighbours", &curves)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Neighbours of particles within {} were analysed in thon.",
                params.radius
            ),
            citations: Vec::new(),
        }
    }
}

/// Adds the columns; neighbours come nearest first.
fn carry(set: &mut ParticleSet, all: &[Neighbour]) {
    let mut nearest: Vec<Option<&Neighbour>> = vec![None; set.len()];
    let mut counts = vec![0usize; set.len()];
    for one in all {
        nearest[one.of].get_or_insert(one);
        counts[one.of] += 1;
    }
    let distance = |one: Option<&Neighbour>| one.map_or(-1.0, |one| one.distance);
    let angle =
        |one: Option<&Neighbour>| one.and_then(|one| one.angle).map_or(-1.0, f64::to_degrees);
    let columns = [
        (
            "nearest",
            nearest
                .iter()
                .map(|one| format!("{:.3}", distance(*one)))
                .collect(),
        ),
        (
            "nearest_angle",
            nearest
                .iter()
                .map(|one| format!("{:.3}", angle(*one)))
                .collect(),
        ),
        ("neighbours", counts.iter().map(usize::to_string).collect()),
    ];
    for (label, values) in columns {
        set.carried.columns.retain(|column| column.label != label);
        set.carried.columns.push(CarriedColumn {
            label: label.into(),
            values,
        });
    }
}

fn curves(
    params: &Params,
    all: &[Neighbour],
    pairs: Vec<f64>,
    sites: &[LatticeSite],
    particles: usize,
) -> Curves {
    let bins = params.bins;
    let middle = |most: f64| (0..bins).map(move |bin| most * (bin as f64 + 0.5) / bins as f64);
    let mut first: BTreeMap<usize, f64> = BTreeMap::new();
    for one in all {
        first.entry(one.of).or_insert(one.distance);
    }
    let angles = all.iter().filter_map(|one| one.angle).map(f64::to_degrees);
    let mut facts = BTreeMap::new();
    let count = first.len().max(1) as f64;
    facts.insert("particles with a neighbour".into(), first.len() as f64);
    facts.insert(
        "mean distance of the nearest (Å)".into(),
        first.values().sum::<f64>() / count,
    );
    for (number, site) in (1..=12).zip(sites) {
        let [x, y, z] = site.offset.to_array();
        for (axis, value) in [("x", x), ("y", y), ("z", z)] {
            facts.insert(format!("site {number:02} {axis} (Å)"), value);
        }
        facts.insert(format!("site {number:02} spread (Å)"), site.spread);
        let share = site.count as f64 / particles as f64;
        facts.insert(format!("site {number:02} share of particles"), share);
    }
    let nearest = histogram(first.values().copied(), params.radius.0, bins);
    let distances = histogram(all.iter().map(|one| one.distance), params.radius.0, bins);
    Curves {
        title: "neighbours of particles".into(),
        columns: vec![
            Column::new("distance", "Å", middle(params.radius.0)),
            Column::new("nearest neighbours", "", nearest),
            Column::new("neighbours", "", distances),
            Column::new("pair correlation", "", pairs),
            Column::new("angle", "°", middle(180.0)),
            Column::new(
                "neighbours at the angle",
                "",
                histogram(angles, 180.0, bins),
            ),
        ],
        facts,
    }
}
