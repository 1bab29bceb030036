//! Pose of one row of a RELION particle table, and the cells that a changed pose rewrites.
//!
//! R = A(sub-tomogram) · A(particle); position = coordinate − A(sub-tomogram) · origin. Boxes on disk were cut at the
//! coordinate, volumes along A(sub-tomogram); a particle that moves in its box has another origin.

use glam::DVec3;
use thon_geometry::{Grid, Particle, Point, Pose, Rotation, Specimen};
use thon_model::{Carried, RepresentationKind};

use crate::InteropError;
use crate::centre;
use crate::columns::{Cells, set_number};
use crate::euler::RelionAngles;

const CENTRED: [&str; 3] = [
    "rlnCenteredCoordinateXAngst",
    "rlnCenteredCoordinateYAngst",
    "rlnCenteredCoordinateZAngst",
];
const PIXELS: [&str; 3] = ["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"];
const ORIGIN: [&str; 3] = ["rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst"];
const OLD_ORIGIN: [&str; 3] = ["rlnOriginX", "rlnOriginY", "rlnOriginZ"];
const ANGLES: [&str; 3] = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"];
const SUB_ANGLES: [&str; 3] = [
    "rlnTomoSubtomogramRot",
    "rlnTomoSubtomogramTilt",
    "rlnTomoSubtomogramPsi",
];

/// Rotation within the digits of a STAR file, radians.
const SAME_ROTATION: f64 = 1e-9;
/// Position within the digits of a STAR file, Å.
const SAME_POSITION: f64 = 1e-7;

/// How the coordinates of a table are to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Coordinates {
    /// Columns of Å from the centre (RELION 5) rather than of pixels from the first voxel.
    pub centred: bool,
    /// Size of the pixels that pixel coordinates count; `None` for those of the particle's grid.
    pub pixel_size: Option<f64>,
    /// Size of the pixels that `rlnOriginX` (RELION ≤ 3.0) counts.
    pub image_pixel_size: f64,
}

impl Coordinates {
    /// No columns: everything lies at the origin but for its own shift.
    pub(super) fn none(image_pixel_size: f64) -> Self {
        Self {
            centred: true,
            pixel_size: None,
            image_pixel_size,
        }
    }

    /// The columns that are there; `None` when there are none.
    pub(super) fn of(
        cells: Cells<'_>,
        image_pixel_size: f64,
        pixel_size: Option<f64>,
    ) -> Option<Self> {
        let all = |labels: [&str; 3]| labels.iter().all(|label| cells.has(label));
        let centred = all(CENTRED);
        (centred || all(PIXELS)).then_some(Self {
            centred,
            pixel_size,
            image_pixel_size,
        })
    }
}

/// True when the table says how particles are turned.
pub(super) fn oriented(cells: Cells<'_>) -> bool {
    ANGLES
        .iter()
        .chain(&SUB_ANGLES)
        .any(|label| cells.has(label))
}

fn triple(
    cells: Cells<'_>,
    labels: [&str; 3],
    row: usize,
) -> Result<Option<[f64; 3]>, InteropError> {
    let mut values = [0.0; 3];
    let mut any = false;
    for (value, label) in values.iter_mut().zip(labels) {
        if let Some(number) = cells.number(label, row)? {
            *value = number;
            any = true;
        }
    }
    Ok(any.then_some(values))
}

fn rotation(
    cells: Cells<'_>,
    labels: [&str; 3],
    row: usize,
) -> Result<Rotation<Particle, Specimen>, InteropError> {
    let angles = triple(cells, labels, row)?;
    Ok(angles.map_or(Rotation::identity(), |[rot, tilt, psi]| {
        RelionAngles::new(rot, tilt, psi).rotation()
    }))
}

/// Where the coordinate columns point, Å in the specimen.
fn coordinate(
    cells: Cells<'_>,
    row: usize,
    how: Coordinates,
    grid: &Grid,
) -> Result<DVec3, InteropError> {
    let labels = if how.centred { CENTRED } else { PIXELS };
    let values = triple(cells, labels, row)?.map_or(DVec3::ZERO, DVec3::from_array);
    let voxel = grid.voxel_size.0;
    if how.centred {
        return Ok(values + grid.centre.xyz + centre::from_floor_of_half(grid.dims) * voxel);
    }
    let size = how.pixel_size.unwrap_or(voxel);
    Ok(grid.centre.xyz + values * size - grid.centre_index() * voxel)
}

/// Shift of a row in Å, before the sub-tomogram rotation.
fn origin(cells: Cells<'_>, row: usize, how: Coordinates) -> Result<DVec3, InteropError> {
    if let Some(values) = triple(cells, ORIGIN, row)? {
        return Ok(DVec3::from_array(values));
    }
    let old = triple(cells, OLD_ORIGIN, row)?;
    Ok(old.map_or(DVec3::ZERO, |values| {
        DVec3::from_array(values) * how.image_pixel_size
    }))
}

/// Pose of a row.
pub(super) fn pose(
    cells: Cells<'_>,
    row: usize,
    how: Coordinates,
    grid: &Grid,
) -> Result<Pose, InteropError> {
    pose_from(cells, row, how, coordinate(cells, row, how, grid)?)
}

/// Pose of a row whose coordinate lies at `coordinate`, Å in the specimen.
pub(super) fn pose_from(
    cells: Cells<'_>,
    row: usize,
    how: Coordinates,
    coordinate: DVec3,
) -> Result<Pose, InteropError> {
    let sub = rotation(cells, SUB_ANGLES, row)?;
    let own = rotation(cells, ANGLES, row)?;
    let position = coordinate - sub.apply(origin(cells, row, how)?);
    Ok(Pose::new(
        Rotation::from_quaternion(sub.quaternion() * own.quaternion()),
        Point::from_vector(position),
    ))
}

/// Where the box of a row was cut; tilt images are never turned.
pub(super) fn box_of(
    cells: Cells<'_>,
    row: usize,
    how: Coordinates,
    grid: &Grid,
    kind: RepresentationKind,
) -> Result<Pose, InteropError> {
    let sub = match kind {
        RepresentationKind::Volume => rotation(cells, SUB_ANGLES, row)?,
        RepresentationKind::TiltStack | RepresentationKind::Projection => Rotation::identity(),
    };
    let middle = coordinate(cells, row, how, grid)?;
    Ok(Pose::new(sub, Point::from_vector(middle)))
}

/// True when two poses differ by less than the digits of a STAR file.
pub(super) fn same_pose(a: Pose, b: Pose) -> bool {
    a.rotation.angle_to(b.rotation).0 <= SAME_ROTATION
        && a.position.distance(b.position) <= SAME_POSITION
}

/// Rewrites the pose cells of a row whose pose changed: angles; the move goes into the origin columns where there
/// are any or the particle has a box, else into the coordinates. `before` is what the row means now, `None` for a new
/// table; `cut` is where the row's box was cut, Å in the specimen.
pub(super) fn patch_pose(
    carried: &mut Carried,
    rows: usize,
    row: usize,
    (before, pose): (Option<Pose>, Pose),
    how: Coordinates,
    grid: &Grid,
    cut: Option<DVec3>,
) -> Result<(), InteropError> {
    let turned = before.is_none_or(|b| b.rotation.angle_to(pose.rotation).0 > SAME_ROTATION);
    let moved = before.is_none_or(|b| b.position.distance(pose.position) > SAME_POSITION);
    if !turned && !moved {
        return Ok(());
    }
    let snapshot = carried.select(&[row]);
    let cells = Cells {
        carried: &snapshot,
        file: "particles",
    };
    let sub = rotation(cells, SUB_ANGLES, 0)?;
    if turned {
        let own = sub.quaternion().conjugate() * pose.rotation.quaternion();
        let angles = RelionAngles::of(Rotation::from_quaternion(own));
        put(
            carried,
            rows,
            row,
            ANGLES,
            [angles.rot.0, angles.tilt.0, angles.psi.0],
        );
    }
    if !moved {
        return Ok(());
    }
    let new_table = before.is_none();
    let has = |label: &str| cells.has(label) && !new_table;
    if has(ORIGIN[0]) || has(OLD_ORIGIN[0]) || cut.is_some() {
        let middle = match cut {
            Some(cut) => cut,
            None => coordinate(cells, 0, how, grid)?,
        };
        let origin = sub.inverse().apply(middle - pose.position.xyz);
        let (labels, unit) = if has(OLD_ORIGIN[0]) && !has(ORIGIN[0]) {
            (OLD_ORIGIN, how.image_pixel_size)
        } else {
            (ORIGIN, 1.0)
        };
        put(carried, rows, row, labels, (origin / unit).to_array());
        return Ok(());
    }
    put_coordinate(carried, rows, row, pose.position.xyz, how, grid);
    Ok(())
}

/// Writes the place of a row's coordinate, Å in the specimen.
pub(super) fn put_coordinate(
    carried: &mut Carried,
    rows: usize,
    row: usize,
    place: DVec3,
    how: Coordinates,
    grid: &Grid,
) {
    let voxel = grid.voxel_size.0;
    let relative = place - grid.centre.xyz;
    if how.centred {
        let values = relative - centre::from_floor_of_half(grid.dims) * voxel;
        put(carried, rows, row, CENTRED, values.to_array());
    } else {
        let size = how.pixel_size.unwrap_or(voxel);
        let values = (relative + grid.centre_index() * voxel) / size;
        put(carried, rows, row, PIXELS, values.to_array());
    }
}

/// Writes how the axes of a row's box are turned.
pub(super) fn put_box_axes(
    carried: &mut Carried,
    rows: usize,
    row: usize,
    axes: Rotation<Particle, Specimen>,
) {
    let angles = RelionAngles::of(axes);
    let values = [angles.rot.0, angles.tilt.0, angles.psi.0];
    put(carried, rows, row, SUB_ANGLES, values);
}

fn put(carried: &mut Carried, rows: usize, row: usize, labels: [&str; 3], values: [f64; 3]) {
    for (label, value) in labels.iter().zip(values) {
        set_number(carried, rows, label, row, value);
    }
}
