//! The point group of a map, and the map and its particles turned into the standard orientation of that group.
//!
//! Kernel: `thon_symmetry::find_symmetry`. A map is compared with itself turned about every axis; `relion_align_symmetry`
//! aligns to a group that is given, this also names the group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::check as cancelled;
use thon_contract::kinds::{Column, Curves, CurvesKind, MapKind, ParticlesKind, PictureKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, ItemRecord, Job, JobError, Methods, Output,
    PROCESS_MEMORY,
};
use thon_geometry::glam::DMat3;
use thon_geometry::{Point, Pose, Rotation, Symmetry};
use thon_model::Map;
use thon_signal::resample::{Interpolation, rotate3};
use thon_symmetry::{GroupFit, SymmetryFitError, SymmetryOptions, SymmetryReport, find_symmetry};
use thon_units::Angstrom;

use crate::maps::{box_findings, box_of, load_usable, records, voxels};
use crate::pictures;

/// Search for symmetry.
pub(crate) struct FindSymmetry;

/// Find the point group of a map and turn the map, and its particles, into its standard orientation.
///
/// Every group is fitted; the table holds, for each, the correlation of the map with itself over the group's rotations.
/// Proposed is the largest group whose weakest rotation holds nearly as well as the best rotation of all. A map refined in
/// C1 is what to search: with symmetry imposed, that symmetry is found.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Diameter of the particle; empty for three quarters of the box.
    pub particle_diameter: Option<Angstrom>,
    /// Finest detail that is compared: where the half maps still correlate well (FSC above 0.5).
    pub resolution: Angstrom,
    /// Largest fold of cyclic and dihedral groups.
    #[schemars(range(min = 2, max = 60))]
    pub largest_fold: u16,
    /// Share of the best rotation's correlation that the weakest rotation of a group must reach.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-level" = "expert"))]
    pub least_share: f64,
    /// Correlation that the weakest rotation of a group must reach in any case.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-level" = "expert"))]
    pub least_correlation: f64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            particle_diameter: None,
            resolution: Angstrom(40.0),
            largest_fold: 12,
            least_share: 0.7,
            least_correlation: 0.6,
        }
    }
}

/// Inputs of the search.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The map, a cube.
    map: Artifact<MapKind>,
    /// Particles whose poses refer to the map; they are turned with it.
    particles: Option<Artifact<ParticlesKind>>,
}

/// Outputs of the search.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The map in the standard orientation of its group, its axes through the centre voxel.
    map: Output<MapKind>,
    /// The particles, in the frame of the turned map.
    particles: Output<ParticlesKind>,
    /// For every group, how well it holds.
    groups: Output<CurvesKind>,
    /// Slices and surface of the turned map.
    picture: Output<PictureKind>,
}

impl Job for FindSymmetry {
    const ID: &'static str = "symmetry.find";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let maps = records(&inputs.map);
        let mut findings = box_findings(&[("map", maps.clone())], context);
        findings.extend(maps.first().and_then(|map| not_a_cube(map, context)));
        if !(params.resolution.0 > 0.0 && params.resolution.0.is_finite()) {
            findings.push(Finding::error("resolution", "expected a length above 0 Å"));
        }
        if params
            .particle_diameter
            .is_some_and(|d| d.0.is_nan() || d.0 <= 0.0)
        {
            findings.push(Finding::error(
                "particle_diameter",
                "expected a length above 0 Å",
            ));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let voxels = voxels(&inputs.map, context);
        let boxed = (records(&inputs.map).first()).and_then(|item| box_of(item, context).ok());
        let (n, voxel) = boxed.map_or((0, 1.0), |([n, ..], voxel)| (n, voxel));
        let points = 2.1 * (band(params, n, voxel) as f64).powi(3);
        // Every fold is scanned, every group fitted; the polyhedral groups have 96 rotations.
        let fold = f64::from(params.largest_fold);
        let rotations =
            200.0 + 700.0 * (fold + 2.0) + 1000.0 * (2.0 * fold + 1.0) + 1.5 * fold * fold;
        Cost {
            memory: PROCESS_MEMORY + 120 * voxels,
            disk: (1 << 18) + 4 * voxels,
            cpu_seconds: 0.1 + rotations * points * 1.2e-7 + voxels as f64 * 1e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let map = load_usable("map", inputs.map.single()?, context)?;
        let options = options(params, &map);
        let report = find_symmetry(&map.data, &options, context.progress()).map_err(stopped)?;
        cancelled(context.progress())?;
        tell(&report, context);
        let fit = report.proposed_fit();
        let turned = fit.map_or_else(|| map.clone(), |fit| in_standard_orientation(&map, fit));
        let mut particles = Vec::new();
        for item in inputs.particles.iter().flat_map(Artifact::items) {
            let mut set = context.load(item)?;
            if let Some(fit) = fit {
                for pose in &mut set.poses {
                    *pose = moved(pose, fit, map.voxel_size.0);
                }
            }
            particles.push(context.store::<ParticlesKind>(item.name(), &set)?);
        }
        let picture = pictures::map_of_share(&turned, 0.06).to_png();
        Ok(Outputs {
            map: Output::of(vec![context.store::<MapKind>("map", &turned)?]),
            particles: Output::of(particles),
            groups: Output::of(vec![
                context.store::<CurvesKind>("groups", &table(&report))?,
            ]),
            picture: Output::of(vec![context.store::<PictureKind>("map", &picture)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text:
                "The point group was found by comparing the map with itself turned about all axes."
                    .into(),
            citations: vec![Citation::new(
                "Bharat & Scheres 2016",
                "10.1038/nprot.2016.124",
            )],
        }
    }
}

fn options(params: &Params, map: &Map) -> SymmetryOptions {
    let (n, voxel) = (map.data.dim().0, map.voxel_size.0);
    let diameter = (params.particle_diameter).map_or(0.75 * n as f64, |d| d.0 / voxel);
    SymmetryOptions {
        radius: diameter / 2.0,
        band: band(params, n, voxel),
        largest_fold: params.largest_fold,
        least_share: params.least_share,
        least_correlation: params.least_correlation,
    }
}

/// The shell of the finest detail compared, within a box of n voxels.
fn band(params: &Params, n: usize, voxel: f64) -> usize {
    let band = (n as f64 * voxel / params.resolution.0).round() as usize;
    band.clamp(2, (n / 2).saturating_sub(1).max(2))
}

fn stopped(error: SymmetryFitError) -> JobError {
    match error {
        SymmetryFitError::Cancelled(_) => JobError::Cancelled,
        other => JobError::data(other.to_string()),
    }
}

fn tell(report: &SymmetryReport, context: &Context) {
    context.metric(
        "order of the proposed group",
        report.proposed.order() as f64,
    );
    match report.proposed_fit() {
        None => context.warn("no symmetry: the best rotation holds no better than chance allows"),
        Some(fit) => {
            context.metric(format!("correlation over {}, mean", fit.group), fit.mean);
            context.metric(
                format!("correlation over {}, weakest", fit.group),
                fit.weakest,
            );
        }
    }
}

/// The map seen from the frame of its group: out(r) = map(O r + c).
fn in_standard_orientation(map: &Map, fit: &GroupFit) -> Map {
    let back = DMat3::from_quat(fit.orientation.conjugate());
    let shift = -(back * fit.centre);
    let turned = rotate3(&map.data, back, shift.to_array(), Interpolation::Cubic, 0.0);
    Map::new(turned, map.voxel_size)
}

/// The map turned to the axes of a group that it is said to have, and averaged over the group.
pub(crate) fn symmetrised_in_standard_orientation(
    map: &Map,
    group: Symmetry,
    particle_diameter: f64,
    resolution: f64,
    context: &Context,
) -> Result<Map, JobError> {
    let fold = match group {
        Symmetry::Cyclic(n) | Symmetry::Dihedral(n) => n.max(2),
        _ => 5,
    };
    let params = Params {
        particle_diameter: Some(Angstrom(particle_diameter)),
        resolution: Angstrom(resolution),
        largest_fold: fold,
        ..Params::default()
    };
    let options = options(&params, map);
    let report = find_symmetry(&map.data, &options, context.progress()).map_err(stopped)?;
    let fit = report.fits.iter().find(|fit| {
        fit.group == group
            || matches!(
                (fit.group, group),
                (Symmetry::Icosahedral(_), Symmetry::Icosahedral(_))
            )
    });
    let fit = fit.ok_or_else(|| JobError::data(format!("{group} was not tried")))?;
    context.metric(format!("correlation over {group}, weakest"), fit.weakest);
    if fit.weakest < options.least_correlation {
        context.warn(format!(
            "the map hardly has {group} symmetry: its rotations hold with {:.2}; {} is proposed",
            fit.weakest, report.proposed
        ));
    }
    let turned = in_standard_orientation(map, fit);
    let mut sum = turned.data.clone();
    // The fit is to one orientation of the icosahedron (I2): average over the group in that orientation.
    let elements = fit.group.rotations();
    for element in &elements[1..] {
        let rotation = DMat3::from_quat(*element);
        sum += &rotate3(&turned.data, rotation, [0.0; 3], Interpolation::Cubic, 0.0);
    }
    sum /= elements.len() as f32;
    Ok(Map::new(sum, map.voxel_size))
}

/// The pose that shows the turned map as the old pose shows the old one: R·O at p + R·c.
fn moved(pose: &Pose, fit: &GroupFit, voxel_size: f64) -> Pose {
    Pose::new(
        Rotation::from_quaternion(pose.rotation.quaternion() * fit.orientation),
        pose.place(Point::from_vector(fit.centre * voxel_size)),
    )
}

fn table(report: &SymmetryReport) -> Curves {
    let column =
        |label: &str, of: fn(&GroupFit) -> f64| Column::new(label, "", report.fits.iter().map(of));
    let mut facts = std::collections::BTreeMap::new();
    facts.insert(
        format!("order of {}, proposed", report.proposed),
        report.proposed.order() as f64,
    );
    facts.insert("correlation at random rotations".into(), report.random_mean);
    facts.insert("its deviation".into(), report.random_deviation);
    for fit in &report.fits {
        facts.insert(format!("weakest rotation of {}", fit.group), fit.weakest);
    }
    Curves {
        title: "Correlation of the map with itself under the rotations of each group".into(),
        columns: vec![
            column("order", |fit| fit.group.order() as f64),
            column("mean", |fit| fit.mean),
            column("weakest", |fit| fit.weakest),
        ],
        facts,
    }
}

fn not_a_cube(map: &ItemRecord, context: &Context) -> Option<Finding> {
    let ([z, y, x], _) = box_of(map, context).ok()?;
    let message = format!("expected a cube, found {x} × {y} × {z} voxels");
    (x != y || y != z).then(|| Finding::error("map", message))
}
