//! Particles: positions, orientations and references to the tilt series they are seen in.
//!
//! Columns, not rows: a set of a million particles is a handful of vectors, and a job writes only
//! the columns it changes. Row `i` of every column is particle `i`; rows stay in place.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thon_geometry::Pose;
use thon_units::PixelSize;

use crate::{Carried, Optics};

/// One of the two independent halves of a gold-standard refinement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Half {
    /// `rlnRandomSubset` 1.
    One,
    /// `rlnRandomSubset` 2.
    Two,
}

/// How the stored images of a particle are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepresentationKind {
    /// A stack of cut-out tilt images, one section per visible tilt.
    TiltStack,
    /// A subtomogram volume, with a 3D CTF or weight volume beside it.
    Volume,
}

/// Images of particles that exist as files; virtual particles have none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParticleImages {
    /// Arrangement of every file.
    pub kind: RepresentationKind,
    /// Edge length of the box, pixels.
    pub box_size: usize,
    /// Pixel size of the boxes.
    pub pixel_size: PixelSize,
    /// True when the images were already multiplied by their CTF.
    pub ctf_premultiplied: bool,
    /// One file per particle.
    pub paths: Vec<PathBuf>,
    /// The 3D CTF or weight volume of each particle; empty when there are none.
    pub ctf_paths: Vec<PathBuf>,
    /// For each particle, which tilts of its series are to be used, in series order; empty when all. A stack has a
    /// section for each of these, or for every tilt.
    pub visible: Vec<Vec<bool>>,
}

/// A set of particles in columns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ParticleSet {
    /// Name of each particle, unique in the set.
    pub names: Vec<String>,
    /// Names of the tilt series that the particles come from.
    pub tilt_series_names: Vec<String>,
    /// For each particle the index into `tilt_series_names`.
    pub tilt_series: Vec<u32>,
    /// Position and orientation of each particle, all shifts folded in.
    pub poses: Vec<Pose>,
    /// False when the rotations mean nothing yet (picks without orientation).
    pub oriented: bool,
    /// Half set of each particle; empty when not split.
    pub halves: Vec<Half>,
    /// Class of each particle, from 1; empty when not classified.
    pub classes: Vec<u32>,
    /// Optics of the set, when the source states it.
    pub optics: Option<Optics>,
    /// Images on disk; absent for virtual particles.
    pub images: Option<ParticleImages>,
    /// Columns of the source that the model has no word for.
    pub carried: Carried,
    /// Rows of the source's optics table.
    pub carried_optics: Carried,
    /// One row of set-wide columns of the source (RELION's `data_general`).
    #[serde(default)]
    pub carried_general: Carried,
}

/// One row of a [`ParticleSet`], borrowed.
#[derive(Clone, Copy, Debug)]
pub struct Particle<'a> {
    /// Row in the set.
    pub row: usize,
    /// Name.
    pub name: &'a str,
    /// Name of the tilt series.
    pub tilt_series: &'a str,
    /// Position and orientation.
    pub pose: Pose,
    /// Half set, if split.
    pub half: Option<Half>,
}

impl ParticleSet {
    /// Number of particles.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True when there is no particle.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// One particle; panics when `row` is out of range, as an index does.
    pub fn particle(&self, row: usize) -> Particle<'_> {
        Particle {
            row,
            name: &self.names[row],
            tilt_series: &self.tilt_series_names[self.tilt_series[row] as usize],
            pose: self.poses[row],
            half: self.halves.get(row).copied(),
        }
    }

    /// All particles in row order.
    pub fn iter(&self) -> impl Iterator<Item = Particle<'_>> {
        (0..self.len()).map(|row| self.particle(row))
    }

    /// Rows of the particles of one tilt series.
    pub fn rows_of(&self, tilt_series: &str) -> Vec<usize> {
        self.iter()
            .filter(|p| p.tilt_series == tilt_series)
            .map(|p| p.row)
            .collect()
    }
}
