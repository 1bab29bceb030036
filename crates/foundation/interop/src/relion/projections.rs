//! Single tilt images of particles as RELION 3.1 knows images of single particles: one stack, one row per image.
//!
//! RELION's image is white protein under a CTF that is positive at low frequencies; the model's CTF is −sin χ, so
//! whoever writes the stack inverts its contrast, except of images that were multiplied by their CTF. `rlnOrigin…Angst` moves the particle to the centre: minus its offset.

use std::path::Path;

use glam::DVec2;
use thon_formats::star::{self, Block, StarFile, Table, number};
use thon_geometry::{Camera, Particle, Rotation};
use thon_model::{Ctf, Half, Optics};
use thon_units::{PixelSize, SquareAngstrom};

use super::super::euler::RelionAngles;
use crate::InteropError;

/// One image of the stack.
#[derive(Clone, Debug)]
pub struct ProjectionRow {
    /// Name of the tilt series.
    pub tilt_series: String,
    /// Reference → image axes and depth.
    pub rotation: Rotation<Particle, Camera>,
    /// Where the particle's centre lies relative to pixel ⌊n/2⌋, (x, y) pixels.
    pub offset: DVec2,
    /// CTF at the particle's depth.
    pub ctf: Ctf,
    /// B factor of the exposure, on top of the CTF's own.
    pub exposure: SquareAngstrom,
    /// Half set.
    pub half: Option<Half>,
}

/// What all images share.
#[derive(Clone, Copy, Debug)]
pub struct ProjectionOptics {
    /// Microscope constants.
    pub optics: Optics,
    /// Pixel size of the boxes.
    pub pixel_size: PixelSize,
    /// Edge of the boxes, pixels.
    pub box_size: usize,
    /// True when the images were already multiplied by their CTF.
    pub ctf_premultiplied: bool,
}

const LABELS: [&str; 15] = [
    "rlnImageName",
    "rlnMicrographName",
    "rlnOpticsGroup",
    "rlnAngleRot",
    "rlnAngleTilt",
    "rlnAnglePsi",
    "rlnOriginXAngst",
    "rlnOriginYAngst",
    "rlnDefocusU",
    "rlnDefocusV",
    "rlnDefocusAngle",
    "rlnPhaseShift",
    "rlnCtfBfactor",
    "rlnCtfScalefactor",
    "rlnRandomSubset",
];

/// Writes the table of a stack whose sections are the rows in order; `stack` is named as it is reached from where
/// RELION will be run.
///
/// # Errors
/// When the file cannot be written.
pub fn write_projections(
    rows: &[ProjectionRow],
    shared: &ProjectionOptics,
    stack: &Path,
    path: &Path,
) -> Result<(), InteropError> {
    let mut table = Table::new_loop(LABELS);
    for (index, row) in rows.iter().enumerate() {
        table.push_row(&tokens(row, shared, index, stack))?;
    }
    let file = StarFile::new(vec![
        Block::new("optics", vec![optics_table(shared)?]),
        Block::new("particles", vec![table]),
    ]);
    star::write_to(&file, path)?;
    Ok(())
}

fn tokens(
    row: &ProjectionRow,
    shared: &ProjectionOptics,
    index: usize,
    stack: &Path,
) -> Vec<String> {
    let angles = RelionAngles::of(Rotation::from_quaternion(row.rotation.quaternion()));
    let origin = row.offset * -shared.pixel_size.0;
    let half = match row.half {
        Some(Half::One) => "1",
        Some(Half::Two) => "2",
        None => "0",
    };
    vec![
        format!("{:06}@{}", index + 1, stack.display()),
        row.tilt_series.clone(),
        "1".into(),
        number(angles.rot.0),
        number(angles.tilt.0),
        number(angles.psi.0),
        number(origin.x),
        number(origin.y),
        number(row.ctf.defocus_u.0),
        number(row.ctf.defocus_v.0),
        number(row.ctf.defocus_angle.degrees().0),
        number(row.ctf.phase_shift.degrees().0),
        number(row.ctf.b_factor.0 + row.exposure.0),
        number(row.ctf.scale),
        half.into(),
    ]
}

fn optics_table(shared: &ProjectionOptics) -> Result<Table, InteropError> {
    let pairs = [
        ("rlnOpticsGroup", "1".to_owned()),
        ("rlnOpticsGroupName", "opticsGroup1".into()),
        ("rlnVoltage", number(shared.optics.voltage.0)),
        (
            "rlnSphericalAberration",
            number(shared.optics.spherical_aberration.0),
        ),
        (
            "rlnAmplitudeContrast",
            number(shared.optics.amplitude_contrast),
        ),
        ("rlnImagePixelSize", number(shared.pixel_size.0)),
        ("rlnImageSize", shared.box_size.to_string()),
        ("rlnImageDimensionality", "2".into()),
        (
            "rlnCtfDataAreCtfPremultiplied",
            i32::from(shared.ctf_premultiplied).to_string(),
        ),
    ];
    let mut table = Table::new_loop(pairs.iter().map(|(label, _)| *label));
    let row: Vec<&str> = pairs.iter().map(|(_, value)| value.as_str()).collect();
    table.push_row(&row)?;
    Ok(table)
}
