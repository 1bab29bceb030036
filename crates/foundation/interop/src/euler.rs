//! Euler angles and rotation vectors of the field's packages, to and from [`Rotation<Particle, Specimen>`].
//!
//! Every function gives the rotation that carries the reference into the specimen (active, column vectors).
//! With right-handed Rx, Ry, Rz and the angles as stored:
//!
//! ```text
//!   RELION, Warp                     R = Rz(−psi) Ry(−tilt) Rz(−rot)
//!   AV3/TOM motl, STOPGAP, PEET      R = Rz(psi) Rx(theta) Rz(phi)
//!   Dynamo                           R = Rz(−tdrot) Rx(−tilt) Rz(−narot)
//!   EMAN2 "eman"                     R = Rz(−phi) Rx(−alt) Rz(−az)
//!   cryoSPARC                        R = exp(rotation vector)
//! ```
//!
//! Angles come back in (−180°, 180°], the middle one in [0°, 180°]. Where the middle angle is 0° or 180°
//! only a sum or difference of the other two is defined: all of it goes into the last (psi, tdrot, phi).
//! RELION: Heymann, Chagoyen, Belnap, J. Struct. Biol. 151, 196 (2005).

use glam::{DMat3, DQuat, DVec3};
use thon_geometry::{Particle, Rotation, Specimen};
use thon_units::Degrees;

/// Sine of the middle angle below which the outer angles cannot be told apart.
const GIMBAL: f64 = 1e-8;

/// RELION's rot, tilt, psi.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RelionAngles {
    /// `rlnAngleRot`.
    pub rot: Degrees,
    /// `rlnAngleTilt`.
    pub tilt: Degrees,
    /// `rlnAnglePsi`.
    pub psi: Degrees,
}

/// AV3/TOM motl angles, also of STOPGAP, novaSTA and PEET (EulerZ(1), EulerZ(3), EulerX(2)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MotlAngles {
    /// First rotation about z.
    pub phi: Degrees,
    /// Last rotation about z.
    pub psi: Degrees,
    /// Rotation about x.
    pub theta: Degrees,
}

/// Dynamo's table columns 7, 8, 9.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DynamoAngles {
    /// Column 7.
    pub tdrot: Degrees,
    /// Column 8.
    pub tilt: Degrees,
    /// Column 9.
    pub narot: Degrees,
}

/// EMAN2 angles of a `Transform` of type "eman", as an orientation (not the inverse stored in `xform.align3d`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmanAngles {
    /// Azimuth.
    pub az: Degrees,
    /// Altitude.
    pub alt: Degrees,
    /// In-plane angle.
    pub phi: Degrees,
}

/// cryoSPARC's pose: rotation axis times angle, radians.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RotationVector(pub DVec3);

type Pose = Rotation<Particle, Specimen>;

/// A rotation about z by an angle in degrees.
fn about_z(angle: f64) -> DMat3 {
    DMat3::from_rotation_z(angle.to_radians())
}

/// A rotation about x by an angle in degrees.
fn about_x(angle: f64) -> DMat3 {
    DMat3::from_rotation_x(angle.to_radians())
}

/// A rotation about y by an angle in degrees.
fn about_y(angle: f64) -> DMat3 {
    DMat3::from_rotation_y(angle.to_radians())
}

/// The same angle in (−180, 180].
fn wrapped(angle: f64) -> Degrees {
    let rest = angle.rem_euclid(360.0);
    Degrees(if rest > 180.0 { rest - 360.0 } else { rest })
}

/// (a, b, c) in degrees with R = Rz(c) Rx(b) Rz(a) and b in [0, 180].
fn zxz(rotation: Pose) -> (f64, f64, f64) {
    let m = rotation.matrix();
    let (row, column) = (m.row(2), m.z_axis);
    let sine = row.x.hypot(row.y);
    let b = sine.atan2(row.z).to_degrees();
    if sine < GIMBAL {
        return (0.0, b, m.x_axis.y.atan2(m.x_axis.x).to_degrees());
    }
    let a = row.x.atan2(row.y).to_degrees();
    let c = column.x.atan2(-column.y).to_degrees();
    (a, b, c)
}

impl RelionAngles {
    /// From degrees.
    pub fn new(rot: f64, tilt: f64, psi: f64) -> Self {
        Self {
            rot: Degrees(rot),
            tilt: Degrees(tilt),
            psi: Degrees(psi),
        }
    }

    /// Reference → specimen.
    pub fn rotation(self) -> Pose {
        let m = about_z(-self.psi.0) * about_y(-self.tilt.0) * about_z(-self.rot.0);
        Rotation::from_matrix(m)
    }

    /// The angles of a rotation.
    pub fn of(rotation: Pose) -> Self {
        let m = rotation.matrix();
        let row = m.row(2);
        let sine = row.x.hypot(row.y);
        let tilt = Degrees(sine.atan2(row.z).to_degrees());
        if sine < GIMBAL {
            return Self {
                rot: Degrees(0.0),
                tilt,
                psi: wrapped(m.y_axis.x.atan2(m.y_axis.y).to_degrees()),
            };
        }
        Self {
            rot: wrapped(row.y.atan2(row.x).to_degrees()),
            tilt,
            psi: wrapped(m.z_axis.y.atan2(-m.z_axis.x).to_degrees()),
        }
    }
}

impl MotlAngles {
    /// From degrees, in the order of the file: phi, psi, theta.
    pub fn new(phi: f64, psi: f64, theta: f64) -> Self {
        Self {
            phi: Degrees(phi),
            psi: Degrees(psi),
            theta: Degrees(theta),
        }
    }

    /// Reference → specimen.
    pub fn rotation(self) -> Pose {
        let m = about_z(self.psi.0) * about_x(self.theta.0) * about_z(self.phi.0);
        Rotation::from_matrix(m)
    }

    /// The angles of a rotation.
    pub fn of(rotation: Pose) -> Self {
        let (a, b, c) = zxz(rotation);
        Self {
            phi: wrapped(a),
            psi: wrapped(c),
            theta: Degrees(b),
        }
    }
}

impl DynamoAngles {
    /// From degrees, in the order of the table: tdrot, tilt, narot.
    pub fn new(tdrot: f64, tilt: f64, narot: f64) -> Self {
        Self {
            tdrot: Degrees(tdrot),
            tilt: Degrees(tilt),
            narot: Degrees(narot),
        }
    }

    /// Reference → specimen.
    pub fn rotation(self) -> Pose {
        let m = about_z(-self.tdrot.0) * about_x(-self.tilt.0) * about_z(-self.narot.0);
        Rotation::from_matrix(m)
    }

    /// The angles of a rotation: Rx(−b) is Rx(b) between two half turns about z.
    pub fn of(rotation: Pose) -> Self {
        let (a, b, c) = zxz(rotation);
        Self {
            tdrot: wrapped(180.0 - c),
            tilt: Degrees(b),
            narot: wrapped(180.0 - a),
        }
    }
}

impl EmanAngles {
    /// From degrees: az, alt, phi.
    pub fn new(az: f64, alt: f64, phi: f64) -> Self {
        Self {
            az: Degrees(az),
            alt: Degrees(alt),
            phi: Degrees(phi),
        }
    }

    /// Reference → specimen.
    pub fn rotation(self) -> Pose {
        let m = about_z(-self.phi.0) * about_x(-self.alt.0) * about_z(-self.az.0);
        Rotation::from_matrix(m)
    }

    /// The angles of a rotation.
    pub fn of(rotation: Pose) -> Self {
        let DynamoAngles { tdrot, tilt, narot } = DynamoAngles::of(rotation);
        Self {
            az: narot,
            alt: tilt,
            phi: tdrot,
        }
    }
}

impl RotationVector {
    /// Reference → specimen.
    pub fn rotation(self) -> Pose {
        Rotation::from_quaternion(DQuat::from_scaled_axis(self.0))
    }

    /// The vector of a rotation, of length at most π.
    pub fn of(rotation: Pose) -> Self {
        let q = rotation.quaternion();
        let q = if q.w < 0.0 { -q } else { q };
        let sine = q.xyz().length();
        if sine == 0.0 {
            return Self(DVec3::ZERO);
        }
        Self(q.xyz() / sine * (2.0 * sine.atan2(q.w)))
    }
}
