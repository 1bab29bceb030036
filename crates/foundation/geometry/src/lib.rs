//! Frames, rotations, poses, the projection chain of a tilt image, symmetry groups and samplings of SO(3).
//!
//! All geometry of a tilt series lives in one specimen frame in Å (see CONVENTIONS.md); every type
//! names the frames it connects, so that a chain in the wrong order does not compile:
//!
//! ```
//! use thon_geometry::{Particle, Point, Pose, Specimen, Rotation, TiltGeometry, glam::DVec3};
//! use thon_units::Degrees;
//! let pose = Pose::new(Rotation::about_z(Degrees(90.0).radians()), Point::<Specimen>::new(100.0, 0.0, 50.0));
//! let atom = Point::<Particle>::new(10.0, 0.0, 0.0);
//! let view = TiltGeometry::tilted(Degrees(60.0).radians());
//! let projected = view.project(pose.place(atom));          // Å from the image centre, and depth
//! assert!((projected.position.x - (100.0 * 0.5 + 50.0 * 3f64.sqrt() / 2.0)).abs() < 1e-9);
//! assert!((projected.position.y - 10.0).abs() < 1e-9);
//! ```

mod deformation;
mod frame;
mod grid;
pub mod healpix;
mod pose;
mod projection;
mod random;
mod sampling;
mod symmetry;
mod transfer;

pub use deformation::{
    Deformation, IMAGE_TERMS, ImageWarp, SPECIMEN_TERMS, SpecimenWarp, image_monomials,
    specimen_monomials,
};
pub use frame::{Camera, Frame, Particle, Point, Rotation, Specimen};
pub use grid::Grid;
pub use pose::Pose;
pub use projection::{Projected, TiltGeometry};
pub use random::random_rotation;
pub use sampling::{RotationGrid, RotationSample};
pub use symmetry::{Symmetry, SymmetryError};
pub use transfer::{Transferred, transfer};

pub use glam;
