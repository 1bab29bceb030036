//! Directional FSC of two half maps, and how evenly the poses of their particles fill Fourier space.
//!
//! Kernels: `thon_maps::directional`, `thon_maps::orientations`. Citations: Tan et al. 2017; Baldwin & Lyumkis 2020.

use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{
    Column, Curves, CurvesKind, MapKind, MaskKind, ParticlesKind, PictureKind, TiltSeriesKind,
};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, ItemRecord, Job, JobError, Methods, Output,
};
use thon_geometry::Symmetry;
use thon_geometry::glam::DVec3;
use thon_maps::directional::{DirectionalCorrelation, DirectionalOptions, directional_fsc};
use thon_maps::orientations::{OrientationSampling, orientation_sampling};
use thon_model::Map;
use thon_units::Degrees;

use super::boxes::{box_findings, load_mask, load_usable, records, voxels};
use super::view_directions::view_directions;
use crate::pictures;

/// Directional FSC.
pub(crate) struct DirectionalFsc;

/// Tell whether a map is resolved alike in all directions, and whether its views are spread evenly.
///
/// The FSC of the half maps in cones, the directional resolution and its sphericity. With particles, the sampling of Fourier space
/// by their views: of their tilt series when given, else of a tilt range.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Cones and thresholds.
    pub options: DirectionalOptions,
    /// Point group of the particle, RELION's names; for the sampling by views.
    pub symmetry: String,
    /// Tilts run from minus to plus this about y when no tilt series is given.
    #[schemars(range(min = 0, max = 90))]
    pub tilt_range: Degrees,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            options: DirectionalOptions::default(),
            symmetry: "C1".into(),
            tilt_range: Degrees(60.0),
        }
    }
}

/// Inputs of directional FSC.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// First half map.
    half_map_1: Artifact<MapKind>,
    /// Second half map.
    half_map_2: Artifact<MapKind>,
    /// Soft mask around the particle.
    mask: Option<Artifact<MaskKind>>,
    /// Particles with poses, for the sampling by views.
    particles: Option<Artifact<ParticlesKind>>,
    /// Their aligned tilt series.
    tilt_series: Option<Artifact<TiltSeriesKind>>,
}

/// Outputs of directional FSC.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Mean, spread and the axes' curves.
    fsc: Output<CurvesKind>,
    /// The three-dimensional FSC, frequency 0 at the centre voxel.
    fsc_volume: Output<MapKind>,
    /// Curves; resolution, views and sampling by direction.
    pictures: Output<PictureKind>,
}

impl Job for DirectionalFsc {
    const ID: &'static str = "maps.directional-fsc";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut boxes = vec![
            ("half_map_1", records(&inputs.half_map_1)),
            ("half_map_2", records(&inputs.half_map_2)),
        ];
        boxes.extend(inputs.mask.iter().map(|mask| ("mask", records(mask))));
        let mut findings = box_findings(&boxes, context);
        if let Err(e) = params.symmetry.parse::<Symmetry>() {
            findings.push(Finding::error("symmetry", e.to_string()));
        }
        if !(5.0..=60.0).contains(&params.options.cone.0) {
            findings.push(Finding::error("options.cone", "expected 5 to 60°"));
        }
        if inputs.tilt_series.is_some() && inputs.particles.is_none() {
            let message = "tilt series say nothing without particles";
            findings.push(Finding::warning("tilt_series", message));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let voxels = voxels(&inputs.half_map_1, context);
        Cost {
            memory: (128 << 20) + 40 * voxels,
            disk: (1 << 18) + 4 * voxels,
            cpu_seconds: 0.05 + voxels as f64 * 2e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let first = load_usable("half_map_1", inputs.half_map_1.single()?, context)?;
        let second = load_usable("half_map_2", inputs.half_map_2.single()?, context)?;
        let mask = match &inputs.mask {
            Some(mask) => Some(load_mask(mask, context)?),
            None => None,
        };
        thon_compute::check(context.progress())?;
        let found = directional_fsc([&first, &second], mask.as_ref(), &params.options)
            .map_err(|e| JobError::data(e.to_string()))?;
        thon_compute::check(context.progress())?;
        let sampling = sampling(params, inputs, context)?;
        thon_compute::check(context.progress())?;
        let curves = curves(&found, sampling.as_ref());
        for (name, value) in &curves.facts {
            context.metric(name, *value);
        }
        warn(&found, sampling.as_ref(), context);
        let volume = Map::new(found.volume(), first.voxel_size);
        Ok(Outputs {
            pictures: Output::of(draw(&found, sampling.as_ref(), &curves, context)?),
            fsc: Output::of(vec![
                context.store::<CurvesKind>("directional_fsc", &curves)?,
            ]),
            fsc_volume: Output::of(vec![context.store::<MapKind>("directional_fsc", &volume)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Directional resolution was estimated by Fourier shell correlation in cones of {} half angle.",
                params.options.cone
            ),
            citations: vec![
                Citation::new("Tan et al. 2017", "10.1038/nmeth.4347"),
                Citation::new("Baldwin & Lyumkis 2020", "10.1016/j.pbiomolbio.2019.09.002"),
            ],
        }
    }
}

fn sampling(
    params: &Params,
    inputs: &Inputs,
    context: &Context,
) -> Result<Option<OrientationSampling>, JobError> {
    let Some(particles) = &inputs.particles else {
        return Ok(None);
    };
    let particles = context.load(particles.single()?)?;
    if !particles.oriented {
        context.warn("the particles have no orientations yet: nothing is said of their views");
        return Ok(None);
    }
    let mut series = Vec::new();
    for item in inputs.tilt_series.iter().flat_map(Artifact::items) {
        series.push(context.load(item)?);
    }
    let symmetry: Symmetry = params
        .symmetry
        .parse()
        .map_err(|e: thon_geometry::SymmetryError| JobError::data(e.to_string()))?;
    let views = view_directions(&particles, &series, params.tilt_range)?;
    Ok(orientation_sampling(views, &symmetry.rotations()))
}

fn curves(found: &DirectionalCorrelation, sampling: Option<&OrientationSampling>) -> Curves {
    let spread = found.spread();
    let axis = |label, direction| Column::new(label, "", found.along(direction).iter().copied());
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| spread.iter().map(f).collect::<Vec<_>>();
    let [(best, _), (worst, _)] = found.extremes();
    let mut facts: std::collections::BTreeMap<String, f64> = [
        ("sphericity".to_owned(), found.sphericity),
        ("best directional resolution (Å)".to_owned(), best.0),
        ("worst directional resolution (Å)".to_owned(), worst.0),
    ]
    .into();
    if let Some(sampling) = sampling {
        facts.insert(
            "sampling compensation factor".into(),
            sampling.compensation_factor,
        );
        facts.insert("directions without views".into(), sampling.unsampled);
    }
    Curves {
        title: format!("Directional FSC: {:.1} to {:.1} Å", best.0, worst.0),
        columns: vec![
            Column::new("frequency", "1/Å", found.frequency.iter().copied()),
            Column::new("mean", "", mean(&|s| s.0)),
            Column::new("mean + deviation", "", mean(&|s| s.0 + s.1)),
            Column::new("mean - deviation", "", mean(&|s| s.0 - s.1)),
            axis("along x", DVec3::X),
            axis("along y", DVec3::Y),
            axis("along z", DVec3::Z),
        ],
        facts,
    }
}

fn warn(found: &DirectionalCorrelation, sampling: Option<&OrientationSampling>, context: &Context) {
    let [(best, _), (worst, direction)] = found.extremes();
    if worst.0 > 1.5 * best.0 || found.sphericity < 0.9 {
        context.warn(format!(
            "the map is resolved unevenly: {:.1} Å along ({:.2}, {:.2}, {:.2}), {:.1} Å at best",
            worst.0, direction.x, direction.y, direction.z, best.0
        ));
    }
    if let Some(sampling) = sampling
        && sampling.unsampled > 0.0
    {
        context.warn(format!(
            "{:.1} % of all directions of Fourier space have no view: preferred orientations, or a missing wedge that no \
             particle turns into view",
            100.0 * sampling.unsampled
        ));
    }
}

fn draw(
    found: &DirectionalCorrelation,
    sampling: Option<&OrientationSampling>,
    curves: &Curves,
    context: &Context,
) -> Result<Vec<ItemRecord>, JobError> {
    let frequency: Vec<f64> = found.resolution.iter().map(|r| 1.0 / r.0).collect();
    let mut drawn = vec![
        ("directional_fsc", pictures::correlation(curves)),
        (
            "resolution_by_direction",
            sky(&found.directions, &frequency),
        ),
    ];
    if let Some(sampling) = sampling {
        drawn.push(("views", sky(&sampling.directions, &sampling.views)));
        drawn.push(("sampling", sky(&sampling.directions, &sampling.sampling)));
    }
    drawn
        .into_iter()
        .map(|(name, picture)| context.store::<PictureKind>(name, &picture.to_png()))
        .collect()
}

/// Values by direction on the half sphere: azimuth to the right (0 to 360°), from the equator (bottom) to the pole z (top), by the
/// sine of the latitude, so that areas are true.
fn sky(directions: &[DVec3], values: &[f64]) -> thon_picture::Picture {
    let (rows, columns) = (40, 120);
    let image = Array2::from_shape_fn((rows, columns), |(row, column)| {
        let z = (row as f64 + 0.5) / rows as f64;
        let phi = std::f64::consts::TAU * (column as f64 + 0.5) / columns as f64;
        let r = (1.0 - z * z).sqrt();
        let at = DVec3::new(r * phi.cos(), r * phi.sin(), z);
        let near = directions
            .iter()
            .zip(values)
            .max_by(|a, b| a.0.dot(at).abs().total_cmp(&b.0.dot(at).abs()));
        near.map_or(0.0, |(_, value)| *value as f32)
    });
    pictures::image(&image.view())
}
