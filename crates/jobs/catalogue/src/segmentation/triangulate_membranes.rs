//! Membranes as triangulated surfaces.
//!
//! Kernels: `thon_segment::sheets_of_labels`, `Sheets::orient`, `thon_segment::triangulate`, `thon_segment::thickness_of_labels`. Places in the
//! files are Å in the frame of the specimen.

use std::io::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{
    Column, Curves, CurvesKind, FileListing, FilesKind, PictureKind, TomogramKind,
};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_formats::triangles::{self, TriangleFile};
use thon_geometry::glam::{DQuat, DVec3};
use thon_model::Tomogram;
use thon_picture::{Colour, Triangles};
use thon_segment::{Surface, SurfaceOptions, sheets_of_labels, thickness_of_labels, triangulate};
use thon_units::Angstrom;

use super::{stopped, working};
use crate::tomogram::{VolumeRows, memory_of, volume_findings};

/// Triangulation of membranes.
pub(crate) struct TriangulateMembranes;

/// Make triangulated surfaces of membranes, with normals, area, curvature and thickness.
///
/// Labels may come from `tomogram.segment-membranes` or from any other program; labels that touch count as one membrane unless one
/// `label` is asked for. Each tomogram gives one PLY file for ChimeraX, Blender, ParaView: normals point outwards from closed membranes,
/// every vertex carries its membrane, the area around it (Å²), mean and Gauss curvature (1/Å, 1/Å²; positive where the membrane bulges along
/// its normal) and the thickness of the labels (Å).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Thickness of the labels, as painted.
    #[schemars(range(min = 1.0))]
    pub thickness: Angstrom,
    /// The only label to be looked at; all but 0 when absent.
    pub label: Option<u16>,
    /// Membranes of a smaller area are left out, Å².
    #[schemars(range(min = 0.0))]
    pub least_area: f64,
    /// Edge of the triangles; two voxels when absent.
    #[schemars(range(min = 1.0))]
    pub edge: Option<Angstrom>,
    /// Radius over which curvatures are taken.
    #[schemars(range(min = 1.0))]
    pub curvature_radius: Angstrom,
    /// Memory for buffers, MiB.
    #[schemars(range(min = 64), extend("x-level" = "expert"))]
    pub memory: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            thickness: Angstrom(50.0),
            label: None,
            least_area: 50_000.0,
            edge: None,
            curvature_radius: Angstrom(100.0),
            memory: 512,
        }
    }
}

impl Params {
    fn options(&self, voxel_size: f64) -> SurfaceOptions {
        SurfaceOptions {
            edge: self.edge.map_or(2.0, |edge| edge.0 / voxel_size),
            curvature_radius: self.curvature_radius.0 / voxel_size,
            // The labels are smoothed by half their thickness.
            smoothing: (0.5 * self.thickness.0 / voxel_size).max(1.0),
        }
    }
}

/// Inputs of the triangulation.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Volumes of labels.
    labels: Each<TomogramKind>,
}

/// Outputs of the triangulation.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// A PLY file for each tomogram.
    surfaces: Output<FilesKind>,
    /// Label, area, mean curvature and thickness of each membrane.
    membranes: Output<CurvesKind>,
    /// The surfaces from above and from the side, coloured by mean curvature.
    pictures: Output<PictureKind>,
}

impl Job for TriangulateMembranes {
    const ID: &'static str = "tomogram.triangulate-membranes";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let labels = match context.load(inputs.labels.item()) {
            Ok(labels) => labels,
            Err(e) => return vec![Finding::error("labels", e.to_string())],
        };
        let mut findings = volume_findings(&labels, false, context);
        let voxel_size = labels.grid.voxel_size.0;
        let options = params.options(voxel_size);
        let ranges = [
            ("thickness", params.thickness.0 / voxel_size, 1.0, 100.0),
            ("edge", options.edge, 0.5, 20.0),
            (
                "curvature_radius",
                options.curvature_radius,
                options.edge,
                200.0,
            ),
        ];
        for (field, voxels, low, high) in ranges {
            if !(low..=high).contains(&voxels) {
                let size = labels.grid.voxel_size;
                let message =
                    format!("expected {low} to {high} voxels of {size}, found {voxels:.2}");
                findings.push(Finding::error(field, message));
            }
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(labels) = context.load(inputs.labels.item()) else {
            return Cost::default();
        };
        let voxels = labels.grid.len();
        // Bands take half of the memory given; the surface of a cell's membranes a byte for four voxels.
        Cost {
            memory: memory_of(working(voxels, params.memory) / 2 + voxels / 4),
            disk: voxels as u64 / 24 + (1 << 20),
            cpu_seconds: 0.2 + voxels as f64 * 4.5e-8,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let labels = context.load(inputs.labels.item())?;
        let voxel_size = labels.grid.voxel_size.0;
        let (surface, thickness) = surface_of(params, &labels, context)?;
        let table = table(&surface, &thickness, voxel_size);
        for (fact, value) in &table.facts {
            context.metric(fact, *value);
        }
        context.metric("vertices", surface.positions.len() as f64);
        context.metric("triangles", surface.triangles.len() as f64);
        let pictures = [
            ("above", DQuat::IDENTITY),
            ("side", DQuat::from_rotation_x(-std::f64::consts::FRAC_PI_2)),
        ];
        let pictures = pictures.map(|(side, rotation)| {
            let picture = picture(&surface, rotation, params.curvature_radius.0 / voxel_size);
            context.store::<PictureKind>(&format!("{}_{side}", labels.name), &picture)
        });
        let file = format!("{}.ply", labels.name);
        write(&file, surface, thickness, &labels, context)?;
        let listing = FileListing {
            format: "PLY".into(),
            files: vec![file.into()],
            losses: Vec::new(),
        };
        Ok(Outputs {
            surfaces: Output::of(vec![context.store::<FilesKind>(&labels.name, &listing)?]),
            membranes: Output::of(vec![context.store::<CurvesKind>(&labels.name, &table)?]),
            pictures: Output::of(pictures.into_iter().collect::<Result<_, _>>()?),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Membranes were triangulated; curvatures were taken over {}, in thon.",
                params.curvature_radius
            ),
            citations: vec![
                Citation::new("Hoppe et al. 1992", "10.1145/133994.134011"),
                Citation::new("Gibson 1998", "10.1007/BFb0056277"),
            ],
        }
    }
}

/// The surface in voxels and the thickness at its vertices.
fn surface_of(
    params: &Params,
    labels: &Tomogram,
    context: &Context,
) -> Result<(Surface, Vec<f32>), JobError> {
    let source = VolumeRows::open(&labels.path, context)?;
    let voxel_size = labels.grid.voxel_size.0;
    let (thick, progress) = (params.thickness.0 / voxel_size, context.progress());
    let least_area = params.least_area / (voxel_size * voxel_size);
    let label = params.label;
    let mut sheets = sheets_of_labels(&source, label, thick, least_area, params.memory, progress)
        .map_err(stopped)?;
    sheets.orient();
    let surface = triangulate(&sheets, &params.options(voxel_size), progress).map_err(stopped)?;
    drop(sheets);
    if surface.triangles.is_empty() {
        return Err(JobError::Data {
            message: format!("{}: no membrane is left", labels.name),
            hint: "look at least_area and thickness".into(),
        });
    }
    let longest = (4.0 * thick).clamp(2.0, 100.0);
    let thickness = thickness_of_labels(&surface, &source, label, longest, params.memory, progress)
        .map_err(stopped)?;
    Ok((surface, thickness))
}

/// The membranes, one a row; curvature and thickness are means over the area, thickness where it is known.
fn table(surface: &Surface, thickness: &[f32], voxel_size: f64) -> Curves {
    let mut rows: std::collections::BTreeMap<u16, [f64; 4]> = std::collections::BTreeMap::new();
    for (vertex, label) in surface.labels.iter().enumerate() {
        let row = rows.entry(*label).or_default();
        let area = f64::from(surface.areas[vertex]);
        row[0] += area;
        row[1] += area * f64::from(surface.mean_curvatures[vertex]);
        if thickness[vertex].is_finite() {
            row[2] += area * f64::from(thickness[vertex]);
            row[3] += area;
        }
    }
    let square = voxel_size * voxel_size;
    let column = |label: &str, unit: &str, of: &dyn Fn(&[f64; 4]) -> f64| {
        Column::new(label, unit, rows.values().map(of))
    };
    let total: f64 = rows.values().map(|row| row[0] * square).sum();
    Curves {
        title: "membranes".into(),
        columns: vec![
            Column::new("label", "", rows.keys().map(|label| f64::from(*label))),
            column("area", "Å²", &|row| row[0] * square),
            column("mean curvature", "1/Å", &|row| {
                row[1] / row[0] / voxel_size
            }),
            column("thickness", "Å", &|row| {
                row[2] / row[3].max(1e-9) * voxel_size
            }),
        ],
        facts: [
            ("membranes".to_owned(), rows.len() as f64),
            ("area, µm²".to_owned(), total * 1e-8),
        ]
        .into(),
    }
}

/// Mean curvature from blue (hollow) over white to red (bulging).
fn picture(surface: &Surface, rotation: DQuat, radius: f64) -> Vec<u8> {
    let colour = |mean: &f32| -> Colour {
        let part = (f64::from(*mean) * 2.0 * radius).clamp(-1.0, 1.0);
        let faded = (235.0 * (1.0 - part.abs())) as u8 + 20;
        if part > 0.0 {
            [255, faded, faded]
        } else {
            [faded, faded, 255]
        }
    };
    let wide = |v: &thon_geometry::glam::Vec3| v.as_dvec3();
    let positions: Vec<DVec3> = surface.positions.iter().map(wide).collect();
    let normals: Vec<DVec3> = surface.normals.iter().map(wide).collect();
    let colours: Vec<Colour> = surface.mean_curvatures.iter().map(colour).collect();
    let view = Triangles {
        positions: &positions,
        normals: &normals,
        colours: &colours,
        triangles: &surface.triangles,
        rotation,
        size: 900,
    };
    view.draw().to_png()
}

/// Writes the surface in Å.
fn write(
    file: &str,
    surface: Surface,
    thickness: Vec<f32>,
    labels: &Tomogram,
    context: &Context,
) -> Result<(), JobError> {
    let voxel = labels.grid.voxel_size.0 as f32;
    let place = |axis: usize| -> Vec<f32> {
        let placed = surface.positions.iter();
        placed
            .map(|p| labels.grid.point_at_index(p.as_dvec3()).xyz[axis] as f32)
            .collect()
    };
    let normal = |axis: usize| {
        surface
            .normals
            .iter()
            .map(|n| n[axis])
            .collect::<Vec<f32>>()
    };
    let scaled = |values: Vec<f32>, by: f32| values.into_iter().map(|v| v * by).collect();
    let properties: [(&str, Vec<f32>); 11] = [
        ("x", place(0)),
        ("y", place(1)),
        ("z", place(2)),
        ("nx", normal(0)),
        ("ny", normal(1)),
        ("nz", normal(2)),
        (
            "membrane",
            surface.labels.iter().map(|l| f32::from(*l)).collect(),
        ),
        ("area", scaled(surface.areas, voxel * voxel)),
        (
            "mean_curvature",
            scaled(surface.mean_curvatures, 1.0 / voxel),
        ),
        (
            "gauss_curvature",
            scaled(surface.gauss_curvatures, 1.0 / (voxel * voxel)),
        ),
        ("thickness", scaled(thickness, voxel)),
    ];
    let triangle_file = TriangleFile {
        comments: vec![
            "thon: membranes; Å from the middle of the specimen, x y z of the tomogram".into(),
        ],
        properties: properties
            .map(|(name, values)| (name.to_owned(), values))
            .into(),
        triangles: surface.triangles,
    };
    let path = context.file(file)?;
    let failed = |e: &dyn std::fmt::Display| JobError::file(&path, e.to_string());
    let out = std::fs::File::create(&path).map_err(|e| failed(&e))?;
    let mut out = std::io::BufWriter::new(out);
    triangles::write(&triangle_file, file, &mut out).map_err(|e| failed(&e))?;
    out.flush().map_err(|e| failed(&e))
}
