//! A first map from particles alone: random orientations, stochastic expectation–maximisation, symmetry found afterwards,
//! the hand by the particles' own evidence.
//!
//! Kernels: `thon_initial_model`, `thon_symmetry`. The map is on the grey scale of the data and of their box.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{
    Column, Curves, CurvesKind, MapKind, ParticlesKind, PictureKind, TiltSeriesKind,
};
use thon_contract::{Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output};
use thon_geometry::Symmetry;
use thon_initial_model::{
    InitialModel, InitialModelError, InitialModelOptions, check, find_initial_model,
};
use thon_likelihood::ParticleSource;
use thon_model::Map;
use thon_units::PixelSize;

use super::findings::set_findings;
use super::given_maps::map;
use super::source::{Prepared, Sizes, Views, box_of_set, bytes_held, load};
use crate::pictures;
use crate::symmetry::symmetrised_in_standard_orientation;

/// First map.
pub(crate) struct InitialModelJob;

/// Make a first map of particles without any reference.
///
/// Works at low resolution, from several random starts. The hand is decided by comparing map and mirror image particle by
/// particle; `significance` in the facts says how clearly. Symmetry is not used on the way: the group that is asked for is
/// found in the map, which is then turned to its axes and averaged over it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The particle and the search.
    pub options: InitialModelOptions,
    /// Point group that the map is aligned to and averaged over in the end, RELION's names.
    pub symmetry: String,
    /// Tilt images of particles.
    pub views: Views,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            options: InitialModelOptions::default(),
            symmetry: "C1".into(),
            views: Views::default(),
        }
    }
}

/// Inputs of a first map.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The particles; their orientations are not used.
    particles: Artifact<ParticlesKind>,
    /// Tilt series of the particles; not needed for subtomograms.
    tilt_series: Option<Artifact<TiltSeriesKind>>,
}

/// Outputs of a first map.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// One map per class.
    map: Output<MapKind>,
    /// How the starts climbed, and what the particles say about the hand.
    climb: Output<CurvesKind>,
    /// Slices and surface of each map.
    pictures: Output<PictureKind>,
}

impl Job for InitialModelJob {
    const ID: &'static str = "particles.initial-model";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match findings(params, inputs, context) {
            Ok(findings) => findings,
            Err(e) => vec![Finding::error("inputs", e.to_string())],
        }
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let loaded = load(inputs.tilt_series.as_ref(), &inputs.particles, context);
        let Ok((series, set)) = loaded else {
            return Cost::default();
        };
        let Ok((n, voxel)) = box_of_set(&params.views, &series, &set) else {
            return Cost::default();
        };
        let held = bytes_held(&set, &series, n);
        cost_of(&params.options, set.len(), n, voxel.0, held)
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (series, set) = load(inputs.tilt_series.as_ref(), &inputs.particles, context)?;
        let prepared = Prepared::new(&params.views, &series, &set, context)?;
        let source = prepared.source.as_ref();
        let found = first_maps(source, &params.options, context)?;
        let (n, voxel) = (source.box_size(), source.voxel_size());
        let (mut maps, mut drawn) = (Vec::new(), Vec::new());
        for (class, values) in found.maps.iter().enumerate() {
            let made = in_symmetry(map(values, n, PixelSize(voxel))?, params, context)?;
            let name = if found.maps.len() > 1 {
                format!("map_{:03}", class + 1)
            } else {
                "map".into()
            };
            let picture = pictures::map_of_share(&made, 0.06).to_png();
            drawn.push(context.store::<PictureKind>(&name, &picture)?);
            maps.push(context.store::<MapKind>(&name, &made)?);
        }
        Ok(Outputs {
            map: Output::of(maps),
            climb: Output::of(vec![context.store::<CurvesKind>("climb", &table(&found))?]),
            pictures: Output::of(drawn),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "A first map was made from {} random starts by stochastic expectation–maximisation; its hand was \
                 decided by the likelihood of the particles.",
                params.options.starts
            ),
            citations: vec![Citation::new("Punjani et al. 2017", "10.1038/nmeth.4169")],
        }
    }
}

/// Makes first maps, and tells how clear their hand is.
pub(super) fn first_maps(
    source: &dyn ParticleSource,
    options: &InitialModelOptions,
    context: &Context,
) -> Result<InitialModel, JobError> {
    let found = find_initial_model(source, options, context.progress()).map_err(stopped)?;
    let hand = &found.hand;
    context.metric("hand: mean difference of ln L (nats)", hand.mean_difference);
    context.metric("hand: significance", hand.significance);
    if hand.significance.abs() < 3.0 {
        let significance = hand.significance.abs();
        context.warn(format!(
            "the particles hardly tell the hand of the first map ({significance:.1} standard errors): compare it with a model"
        ));
    }
    Ok(found)
}

/// Needs of a first map of `particles` particles in boxes of `n` voxels of `voxel` Å.
pub(super) fn cost_of(
    options: &InitialModelOptions,
    particles: usize,
    n: usize,
    voxel: f64,
    held: u64,
) -> Cost {
    let part = particles.min(options.largest_set) as f64;
    let band = (n as f64 * voxel / options.resolution.max(1.0)).clamp(4.0, n as f64 / 2.0);
    let points = 2.1 * band.powi(3);
    let subset = part.min(options.subset as f64) * options.start_iterations as f64;
    let searches =
        options.starts as f64 * (subset + part) + part * (options.iterations as f64 + 10.0);
    let voxels = (n as u64).pow(3);
    Cost {
        memory: (160 << 20) + (40.0 * part * points) as u64 + 300 * voxels + held,
        disk: (1 << 18) + options.classes as u64 * 4 * voxels,
        cpu_seconds: 1.0 + searches * options.classes as f64 * 4e-3 + part * voxels as f64 * 3e-8,
    }
}

fn findings(params: &Params, inputs: &Inputs, context: &Context) -> Result<Vec<Finding>, JobError> {
    let (series, set) = load(inputs.tilt_series.as_ref(), &inputs.particles, context)?;
    let mut findings = set_findings(&params.views, &series, &set, context);
    match params.symmetry.parse::<Symmetry>() {
        Err(e) => findings.push(Finding::error("symmetry", e.to_string())),
        Ok(Symmetry::Icosahedral(1 | 3 | 4)) => {
            let finding = Finding::error("symmetry", "first maps come in the orientation I2 (I)");
            findings.push(finding.with_hint("ask for I"));
        }
        Ok(_) => {}
    }
    let Ok((box_size, voxel_size)) = box_of_set(&params.views, &series, &set) else {
        return Ok(findings);
    };
    let sizes = Sizes {
        particles: set.len(),
        box_size,
        voxel_size: voxel_size.0,
    };
    match check(&sizes, &params.options) {
        Err(e) if !set.is_empty() => findings.push(Finding::error("options", e.to_string())),
        _ => {}
    }
    Ok(findings)
}

fn stopped(error: InitialModelError) -> JobError {
    match error {
        InitialModelError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}

/// The map turned to the axes of the group that is wanted and averaged over it.
fn in_symmetry(found: Map, params: &Params, context: &Context) -> Result<Map, JobError> {
    let group: Symmetry = (params.symmetry.parse())
        .map_err(|e: thon_geometry::SymmetryError| JobError::data(e.to_string()))?;
    if group.order() == 1 {
        return Ok(found);
    }
    let options = &params.options;
    symmetrised_in_standard_orientation(
        &found,
        group,
        options.particle_diameter,
        options.resolution,
        context,
    )
}

fn table(found: &InitialModel) -> Curves {
    let longest = found
        .starts
        .iter()
        .map(|s| s.climb.len())
        .max()
        .unwrap_or(0);
    let mut columns = vec![Column::new(
        "iteration",
        "",
        (1..=longest).map(|i| i as f64),
    )];
    for (i, start) in found.starts.iter().enumerate() {
        let values = start.climb.iter().copied();
        columns.push(Column::new(&format!("start {}", i + 1), "nats", values));
    }
    let mut facts = std::collections::BTreeMap::new();
    facts.insert("start that went on".into(), (found.chosen + 1) as f64);
    facts.insert("particles".into(), found.particles as f64);
    facts.insert(
        "hand: mean difference of ln L (nats)".into(),
        found.hand.mean_difference,
    );
    facts.insert("hand: significance".into(), found.hand.significance);
    facts.insert(
        "hand: mirror image taken".into(),
        f64::from(u8::from(found.hand.mirrored)),
    );
    for (i, start) in found.starts.iter().enumerate() {
        facts.insert(
            format!("evidence of start {} (nats)", i + 1),
            start.evidence,
        );
    }
    Curves {
        title: "Mean log-evidence of the particles, over no particle".into(),
        columns,
        facts,
    }
}
