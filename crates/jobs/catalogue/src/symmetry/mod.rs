//! Jobs on the symmetry of particles: found in a map, expanded in a particle set, used to go from particles to their parts.

mod expand;
mod find;
mod parts;

pub(crate) use expand::ExpandSymmetry;
pub(crate) use find::{FindSymmetry, symmetrised_in_standard_orientation};
pub(crate) use parts::ParticleParts;
