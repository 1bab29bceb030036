//! Membranes in tomograms, as voxels and as surfaces.
//!
//! * [`find_membranes`]: sheets of a tomogram by ridges and tensor voting; no training, parameters in Å.
//! * [`paint`], [`sheets_of_labels`]: from sheets to labelled voxels, and back from anybody's labels.
//! * [`triangulate`], [`thickness_of_labels`]: triangles with normals, area, curvature and thickness.
//! * [`Sheets::orient`], [`sample`], [`stand_on`]: normals to one side, and places on sheets a distance apart.
//!
//! Volumes are `[z, y, x]` and stream in bands of rows; places are in voxels (x, y, z), voxel centres at integers.

mod band;
mod error;
mod field;
mod labels;
mod membrane;
mod neighbours;
mod orient;
mod ridge;
mod sample;
mod sheets;
mod surface;
mod symmetric;
#[cfg(test)]
mod testing;
mod vote;

pub use error::SegmentError;
pub use labels::{paint, sheets_of_labels};
pub use membrane::{Contrast, MembraneOptions, MembraneReport, find_membranes};
pub use ridge::SheetPoint;
pub use sample::{sample, stand_on};
pub use sheets::{Sheet, Sheets};
pub use surface::{Surface, SurfaceOptions, thickness_of_labels, triangulate};
