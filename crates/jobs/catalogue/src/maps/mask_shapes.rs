//! Masks that are not made from densities: solid shapes, and the atoms of a model.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::{Context, Finding, JobError};
use thon_geometry::glam::DVec3;
use thon_maps::masks::around_points;
use thon_model::{Map, Mask};
use thon_signal::mask::{box_centre, cuboid, cylinder, sphere};
use thon_units::{Angstrom, PixelSize};

use super::create_mask::Shape;

/// A sphere, cylinder or box.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Solid {
    /// Radius of the sphere or cylinder.
    pub radius: Angstrom,
    /// Height of the cylinder.
    pub height: Angstrom,
    /// Edges of the box.
    pub edges: Triple,
    /// Centre of the shape, from the centre voxel.
    pub centre: Triple,
    /// Width of the soft edge outside the shape.
    pub soft_edge: Angstrom,
}

/// Three lengths.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Triple {
    /// Along x.
    pub x: Angstrom,
    /// Along y.
    pub y: Angstrom,
    /// Along z.
    pub z: Angstrom,
}

impl Triple {
    fn voxels(self, voxel_size: PixelSize) -> [f64; 3] {
        [self.x, self.y, self.z].map(|length| length.0 / voxel_size.0)
    }
}

impl Default for Solid {
    fn default() -> Self {
        let edge = Angstrom(200.0);
        Self {
            radius: Angstrom(100.0),
            height: Angstrom(200.0),
            edges: Triple {
                x: edge,
                y: edge,
                z: edge,
            },
            centre: Triple::default(),
            soft_edge: Angstrom(20.0),
        }
    }
}

impl Solid {
    /// Lengths that make no sense.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let lengths = [
            ("solid.radius", self.radius),
            ("solid.height", self.height),
            ("solid.edges.x", self.edges.x),
            ("solid.edges.y", self.edges.y),
            ("solid.edges.z", self.edges.z),
            ("solid.soft_edge", self.soft_edge),
        ];
        lengths
            .into_iter()
            .filter(|(_, length)| !(0.0..=1e6).contains(&length.0))
            .map(|(place, length)| {
                Finding::error(place, format!("expected 0 to 1000000 Å, found {length}"))
            })
            .collect()
    }
}

/// The mask of a solid shape; of a box when `shape` is none of the others.
pub(super) fn solid_mask(
    shape: Shape,
    solid: &Solid,
    dims: [usize; 3],
    voxel_size: PixelSize,
) -> Mask {
    let voxels = |length: Angstrom| length.0 / voxel_size.0;
    let offset = solid.centre.voxels(voxel_size);
    let middle = box_centre(dims);
    let centre = [0, 1, 2].map(|axis| middle[axis] + offset[axis]);
    let (radius, edge) = (voxels(solid.radius), voxels(solid.soft_edge));
    let data = match shape {
        Shape::Sphere => sphere(dims, centre, radius, edge),
        Shape::Cylinder => cylinder(dims, centre, radius, voxels(solid.height), edge),
        Shape::Box | Shape::Map | Shape::Model => {
            cuboid(dims, centre, solid.edges.voxels(voxel_size), edge)
        }
    };
    Mask(Map::new(data, voxel_size))
}

/// A mask around the atoms of a model.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ModelMask {
    /// PDB or mmCIF file.
    #[schemars(extend("x-path" = true))]
    pub file: Option<PathBuf>,
    /// Put the model's centre of mass at the centre voxel; otherwise its coordinates count from the first voxel, as in a
    /// map whose header says origin 0.
    pub centred: bool,
    /// Radius of the ball around each atom.
    pub radius: Angstrom,
    /// Extension in all directions.
    pub extend: Angstrom,
    /// Width of the soft edge outside that.
    pub soft_edge: Angstrom,
}

impl Default for ModelMask {
    fn default() -> Self {
        Self {
            file: None,
            centred: true,
            radius: Angstrom(6.0),
            extend: Angstrom(4.0),
            soft_edge: Angstrom(20.0),
        }
    }
}

impl ModelMask {
    /// What is wrong with the model's file and lengths.
    pub(super) fn findings(&self, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        match &self.file {
            None => findings.push(Finding::error("model.file", "expected a PDB or mmCIF file")),
            Some(file) => {
                if let Err(e) = thon_atoms::read(&context.resolve(file)) {
                    findings.push(Finding::error("model.file", e.to_string()));
                }
            }
        }
        for (place, length) in [
            ("model.radius", self.radius),
            ("model.extend", self.extend),
            ("model.soft_edge", self.soft_edge),
        ] {
            if !(0.0..=1000.0).contains(&length.0) {
                findings.push(Finding::error(
                    place,
                    format!("expected 0 to 1000 Å, found {length}"),
                ));
            }
        }
        findings
    }
}

/// The mask around the atoms of the model.
pub(super) fn model_mask(
    options: &ModelMask,
    dims: [usize; 3],
    voxel_size: PixelSize,
    context: &Context,
) -> Result<Mask, JobError> {
    let file = options
        .file
        .as_ref()
        .ok_or_else(|| JobError::data("there is no model"))?;
    let path = context.resolve(file);
    let model = thon_atoms::read(&path).map_err(|e| JobError::file(&path, e))?;
    let [x, y, z] = box_centre(dims);
    let zero = if options.centred {
        model
            .centre_of_mass()
            .ok_or_else(|| JobError::file(&path, "the atoms have no mass"))?
    } else {
        DVec3::new(x, y, z) * voxel_size.0
    };
    let points: Vec<DVec3> = model
        .atoms
        .iter()
        .map(|atom| atom.position - zero)
        .collect();
    Ok(around_points(
        dims,
        voxel_size,
        &points,
        options.radius,
        options.extend,
        options.soft_edge,
    ))
}
