//! The projections of RELION, IMOD and AreTomo as their own sources define them, from the numbers of their files.

use std::path::Path;

use glam::{DMat4, DVec2, DVec3};
use thon_formats::imod::{tilt_angles, transforms};
use thon_formats::star;

/// A projected point: pixel index in the raw image and depth in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub pixel: DVec2,
    pub depth: f64,
}

/// RELION's 4×4 projection matrices of one tilt-series table, from angles or from the matrix columns.
pub fn relion_matrices(
    table: &Path,
    block: &str,
    image: [usize; 2],
    volume: [usize; 3],
    pixel: f64,
) -> Vec<DMat4> {
    let file = star::read(table).unwrap();
    let table = file.table(block).unwrap();
    let cell = |row: usize, label: &str| table.get(row, label).unwrap().parse::<f64>().unwrap();
    let whole = |n: usize| f64::from(u32::try_from(n).unwrap() / 2);
    (0..table.rows())
        .map(|row| {
            if table.has("rlnTomoProjX") {
                let line = |label: &str| {
                    let text = table
                        .get(row, label)
                        .unwrap()
                        .trim_matches(['[', ']'])
                        .to_owned();
                    let v: Vec<f64> = text.split(',').map(|t| t.trim().parse().unwrap()).collect();
                    glam::DVec4::new(v[0], v[1], v[2], v[3])
                };
                let [x, y, z, w] =
                    ["X", "Y", "Z", "W"].map(|axis| line(&format!("rlnTomoProj{axis}")));
                return DMat4::from_cols(x, y, z, w).transpose();
            }
            let angle = |label: &str| cell(row, label).to_radians();
            let shift = |label: &str| cell(row, label) / pixel;
            DMat4::from_translation(DVec3::new(whole(image[1]), whole(image[0]), 0.0))
                * DMat4::from_translation(DVec3::new(
                    shift("rlnTomoXShiftAngst"),
                    shift("rlnTomoYShiftAngst"),
                    0.0,
                ))
                * DMat4::from_rotation_z(angle("rlnTomoZRot"))
                * DMat4::from_rotation_y(angle("rlnTomoYTilt"))
                * DMat4::from_rotation_x(angle("rlnTomoXTilt"))
                * DMat4::from_translation(-DVec3::new(
                    whole(volume[2]),
                    whole(volume[1]),
                    whole(volume[0]),
                ))
        })
        .collect()
}

/// Image of a voxel index (first voxel 0) of the bin-1 volume.
pub fn relion(matrix: DMat4, voxel: DVec3) -> Seen {
    let image = matrix * voxel.extend(1.0);
    Seen {
        pixel: DVec2::new(image.x, image.y),
        depth: image.z,
    }
}

/// RELION's defocus of a point, from that of the image: hand · Å · (depth − depth of n/2).
pub fn relion_defocus(
    matrix: DMat4,
    voxel: DVec3,
    volume: [usize; 3],
    (defocus, hand): (f64, f64),
    pixel: f64,
) -> f64 {
    let centre = DVec3::new(volume[2] as f64, volume[1] as f64, volume[0] as f64) / 2.0;
    defocus + hand * pixel * (relion(matrix, voxel).depth - relion(matrix, centre).depth)
}

/// The files of an eTomo data set.
pub struct Imod {
    pub transforms: Vec<transforms::LinearTransform>,
    pub angles: Vec<f64>,
    pub x_tilts: Vec<f64>,
    pub raw: [usize; 2],
    /// Size of the unbinned volume after `trimvol -rx`, `[z, y, x]`.
    pub volume: [usize; 3],
    /// OFFSET (angle, x), SHIFT (x, z), XAXISTILT, SUBSETSTART and FULLIMAGE of `tilt.com`, raw pixels.
    pub offset: [f64; 2],
    pub shift: [f64; 2],
    pub x_axis_tilt: f64,
    pub subset: [f64; 2],
    pub full: [f64; 2],
}

impl Imod {
    /// Reads `.xf`, `.tlt`, `.xtilt`; the volume centred on the rotation axis.
    pub fn read(stem: &Path, raw: [usize; 2], volume: [usize; 3]) -> Self {
        let name = stem.file_name().unwrap().to_string_lossy().into_owned();
        let file = |end: &str| stem.with_file_name(format!("{name}{end}"));
        let angles = tilt_angles::read_angles(&file(".tlt")).unwrap();
        let x_tilts = match file(".xtilt") {
            path if path.exists() => tilt_angles::read_angles(&path).unwrap(),
            _ => vec![0.0; angles.len()],
        };
        let size = [volume[2] as f64, volume[1] as f64];
        Self {
            transforms: transforms::read(&file(".xf")).unwrap(),
            angles,
            x_tilts,
            raw,
            volume,
            offset: [0.0; 2],
            shift: [0.0; 2],
            x_axis_tilt: 0.0,
            subset: [0.0; 2],
            full: size,
        }
    }

    /// `tilt`'s projection of a model point (1-based pixels, slices along y, rows downwards), then the inverse of the
    /// line of the `.xf` in edge coordinates about the middles of raw and aligned images. `voxel` is the index in the
    /// volume rotated about x.
    pub fn project(&self, view: usize, voxel: DVec3) -> Seen {
        let [nz, ny, nx] = self.volume.map(|n| n as f64);
        let alpha = (self.x_tilts[view] - self.x_axis_tilt).to_radians();
        let beta = (self.angles[view] + self.offset[0]).to_radians();
        let (sin_alpha, cos_alpha) = (-alpha.sin(), alpha.cos());
        let (sin_beta, cos_beta) = (-beta.sin(), beta.cos());
        let (column, row, slice) = (voxel.x + 1.0, nz - voxel.z, voxel.y + 1.0);
        let centre_in = self.full[0] / 2.0 + 0.5 - self.subset[0];
        let centre_slice = self.full[1] / 2.0 + 0.5 - self.subset[1];
        let x_shift = self.shift[0] - (nx / 2.0 + self.subset[0] - self.full[0] / 2.0);
        let centre_out = nx / 2.0 + 0.5 + self.offset[1] + x_shift;
        let zz = row - (nz / 2.0 + 0.5 + self.shift[1]);
        let yy = slice - centre_slice;
        let x = (column - centre_out) * cos_beta
            + yy * sin_alpha * sin_beta
            + zz * cos_alpha * sin_beta
            + centre_in
            + self.offset[1];
        let y = yy * cos_alpha - zz * sin_alpha + centre_slice;
        // Edge coordinates of the aligned stack about its middle; the stack is a subset of the full image.
        let aligned = DVec2::new(
            x - 0.5 + self.subset[0] - self.full[0] / 2.0,
            y - 0.5 + self.subset[1] - self.full[1] / 2.0,
        );
        let t = &self.transforms[view];
        let [[a, b], [c, d]] = t.matrix;
        let moved = aligned - DVec2::from_array(t.shift);
        let determinant = a * d - b * c;
        let raw = DVec2::new(
            (d * moved.x - b * moved.y) / determinant,
            (a * moved.y - c * moved.x) / determinant,
        );
        let edge = raw + DVec2::new(self.raw[1] as f64, self.raw[0] as f64) / 2.0;
        let _ = ny;
        // Height above the plane through the axis, as `tilt` turns it: z towards the viewer.
        let z = -(zz * cos_alpha + yy * sin_alpha) * cos_beta + (column - centre_out) * sin_beta;
        Seen {
            pixel: edge - DVec2::splat(0.5),
            depth: z,
        }
    }
}

/// AreTomo: R(ROT) of the tilted point about n/2, then TX, TY.
pub fn aretomo(
    rotation: f64,
    shift: [f64; 2],
    tilt: f64,
    from_centre: DVec3,
    image: [usize; 2],
) -> Seen {
    let (sin, cos) = tilt.to_radians().sin_cos();
    let x = from_centre.x * cos + from_centre.z * sin;
    let (s, c) = rotation.to_radians().sin_cos();
    let turned = DVec2::new(c * x - s * from_centre.y, s * x + c * from_centre.y);
    let centre = DVec2::new((image[1] / 2) as f64, (image[0] / 2) as f64);
    Seen {
        pixel: turned + DVec2::from_array(shift) + centre,
        depth: from_centre.z * cos - from_centre.x * sin,
    }
}
