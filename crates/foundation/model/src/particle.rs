//! Particles: positions, orientations and references to the tilt series they are seen in.
//!
//! Columns, not rows: a set of a million particles is a handful of vectors, and a job writes only
//! the columns it changes. Row `i` of every column is particle `i`; rows stay in place.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thon_geometry::glam::DVec3;
use thon_geometry::{Point, Pose, Rotation};
use thon_units::PixelSize;

use crate::{Carried, Ctf, Optics};

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
    /// One image: the projection of a subtomogram along z.
    Projection,
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
    /// The file of each particle.
    pub paths: Vec<PathBuf>,
    /// For each particle the section of its file, from 0; empty when every file is of one particle alone.
    #[serde(default)]
    pub sections: Vec<u32>,
    /// The 3D CTF or weight volume of each particle; empty when there are none.
    pub ctf_paths: Vec<PathBuf>,
    /// The CTF that each projection was seen through, under the optics of the set; empty when unknown or not one image.
    #[serde(default)]
    pub ctfs: Vec<Ctf>,
    /// For each particle, which tilts of its series are to be used, in series order; empty when all. A stack has a
    /// section for each of these, or for every tilt.
    pub visible: Vec<Vec<bool>>,
    /// Where each box was cut: rotation of the box's axes into the specimen, and place of its voxel ⌊n/2⌋ there, Å.
    /// Empty when every box lies along the specimen's axes with its middle on the particle.
    #[serde(default)]
    pub boxes: Vec<Pose>,
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

    /// Keeps only the given rows, in the given order; a row may come several times. Names are kept as they are.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(column: &[T], rows: &[usize]) -> Vec<T> {
            let kept = if column.is_empty() { &[] } else { rows };
            kept.iter().map(|&row| column[row].clone()).collect()
        }
        let images = self.images.as_ref().map(|images| ParticleImages {
            paths: pick(&images.paths, rows),
            sections: pick(&images.sections, rows),
            ctf_paths: pick(&images.ctf_paths, rows),
            ctfs: pick(&images.ctfs, rows),
            visible: pick(&images.visible, rows),
            boxes: pick(&images.boxes, rows),
            ..images.clone()
        });
        Self {
            names: pick(&self.names, rows),
            tilt_series_names: self.tilt_series_names.clone(),
            tilt_series: pick(&self.tilt_series, rows),
            poses: pick(&self.poses, rows),
            oriented: self.oriented,
            halves: pick(&self.halves, rows),
            classes: pick(&self.classes, rows),
            optics: self.optics,
            images,
            carried: self.carried.select(rows),
            carried_optics: self.carried_optics.clone(),
            carried_general: self.carried_general.clone(),
        }
    }

    /// Pose of a particle in its own stored box: rotation from the reference to the axes of the box, and displacement
    /// of the particle from the box's voxel ⌊n/2⌋ along these axes, Å. `None` without stored images; panics when `row`
    /// is out of range.
    pub fn pose_in_box(&self, row: usize) -> Option<Pose> {
        let images = self.images.as_ref()?;
        let pose = self.poses[row];
        let Some(cut) = images.boxes.get(row) else {
            return Some(Pose::new(pose.rotation, Point::from_vector(DVec3::ZERO)));
        };
        let back = cut.rotation.quaternion().conjugate();
        Some(Pose::new(
            Rotation::from_quaternion(back * pose.rotation.quaternion()),
            Point::from_vector(back * (pose.position.xyz - cut.position.xyz)),
        ))
    }

    /// Turns and shifts a particle in its own stored box, as [`ParticleSet::pose_in_box`] gives it; the pose in the
    /// specimen follows. The images stay. Does nothing without stored images; panics when `row` is out of range.
    pub fn set_pose_in_box(&mut self, row: usize, placed: Pose) {
        let poses = &self.poses;
        let Some(images) = &mut self.images else {
            return;
        };
        if images.boxes.is_empty() {
            let cut = |pose: &Pose| Pose::new(Rotation::identity(), pose.position);
            images.boxes = poses.iter().map(cut).collect();
        }
        let cut = images.boxes[row];
        let turn = cut.rotation.quaternion();
        self.poses[row] = Pose::new(
            Rotation::from_quaternion(turn * placed.rotation.quaternion()),
            Point::from_vector(cut.position.xyz + turn * placed.position.xyz),
        );
    }

    /// Rows of the particles of one tilt series.
    pub fn rows_of(&self, tilt_series: &str) -> Vec<usize> {
        self.iter()
            .filter(|p| p.tilt_series == tilt_series)
            .map(|p| p.row)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_geometry::glam::DQuat;

    fn pose(x: f64, q: [f64; 4]) -> Pose {
        let turn = DQuat::from_array(q).normalize();
        Pose::new(Rotation::from_quaternion(turn), Point::new(x, 2.0 * x, -x))
    }

    #[test]
    fn a_pose_in_a_box_and_in_the_specimen_say_the_same() {
        let mut set = ParticleSet {
            names: vec!["a".into(), "b".into()],
            poses: vec![
                pose(3.0, [0.1, 0.2, 0.3, 0.9]),
                pose(5.0, [0.5, -0.2, 0.1, 0.4]),
            ],
            ..ParticleSet::default()
        };
        assert_eq!(set.pose_in_box(0), None);
        set.images = Some(ParticleImages {
            kind: RepresentationKind::Volume,
            box_size: 8,
            pixel_size: PixelSize(2.0),
            ctf_premultiplied: false,
            paths: vec!["a.mrc".into(), "b.mrc".into()],
            sections: vec![],
            ctf_paths: vec![],
            ctfs: vec![],
            visible: vec![],
            boxes: vec![],
        });
        let placed = set.pose_in_box(1).unwrap();
        assert_eq!(placed.position.xyz, DVec3::ZERO);
        assert!(placed.rotation.angle_to(set.poses[1].rotation).0 < 1e-12);
        // A shift moves the particle, not its box; the other particle stays.
        let other = set.poses[0];
        let shifted = Pose::new(placed.rotation, Point::new(1.0, -2.0, 0.5));
        set.set_pose_in_box(1, shifted);
        let moved = set.poses[1].position.xyz - pose(5.0, [0.0, 0.0, 0.0, 1.0]).position.xyz;
        assert!((moved - shifted.position.xyz).length() < 1e-12);
        assert_eq!(set.poses[0], other);
        // A box of its own axes: there and back again.
        let cut = pose(-7.0, [0.3, 0.1, -0.6, 0.2]);
        set.images.as_mut().unwrap().boxes[0] = cut;
        let wanted = pose(0.25, [0.2, 0.4, 0.1, 0.7]);
        set.set_pose_in_box(0, wanted);
        let found = set.pose_in_box(0).unwrap();
        assert!(found.rotation.angle_to(wanted.rotation).0 < 1e-12);
        assert!((found.position.xyz - wanted.position.xyz).length() < 1e-12);
        // A point of the reference, carried through the box, lies where the pose in the specimen puts it.
        let point = Point::new(1.0, 2.0, 3.0);
        let in_box = found.place(point).xyz;
        let through = cut.position.xyz + cut.rotation.apply(in_box);
        assert!((through - set.poses[0].place(point).xyz).length() < 1e-12);
    }
}
