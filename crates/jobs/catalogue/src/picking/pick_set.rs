//! Picks of several tomograms as one particle set.

use thon_geometry::glam::{DQuat, DVec3};
use thon_geometry::{Pose, Rotation};
use thon_model::{Carried, CarriedColumn, ParticleSet, Tomogram};

/// Collects picks in the specimen frame of their tilt series.
pub(crate) struct PickSet {
    set: ParticleSet,
    columns: Vec<CarriedColumn>,
}

impl PickSet {
    /// An empty set whose rows carry numbers of these names.
    pub(crate) fn new(oriented: bool, columns: &[&str]) -> Self {
        let column = |label: &&str| CarriedColumn {
            label: (*label).to_owned(),
            values: Vec::new(),
        };
        Self {
            set: ParticleSet {
                oriented,
                ..ParticleSet::default()
            },
            columns: columns.iter().map(column).collect(),
        }
    }

    /// Adds a pick at a fractional voxel `(x, y, z)` of a tomogram; gives its name.
    pub(crate) fn add(
        &mut self,
        tomogram: &Tomogram,
        voxel: DVec3,
        rotation: DQuat,
        numbers: &[f64],
    ) -> String {
        let names = &mut self.set.tilt_series_names;
        let known = names.iter().position(|name| *name == tomogram.tilt_series);
        let index = known.unwrap_or_else(|| {
            names.push(tomogram.tilt_series.clone());
            names.len() - 1
        });
        let rank = self
            .set
            .tilt_series
            .iter()
            .filter(|s| **s == index as u32)
            .count()
            + 1;
        let name = format!("{}/{rank:05}", tomogram.tilt_series);
        self.set.names.push(name.clone());
        self.set.tilt_series.push(index as u32);
        let position = tomogram.grid.point_at_index(voxel);
        self.set
            .poses
            .push(Pose::new(Rotation::from_quaternion(rotation), position));
        for (column, number) in self.columns.iter_mut().zip(numbers) {
            column.values.push(format!("{number:.6}"));
        }
        name
    }

    /// The set.
    pub(crate) fn finish(self) -> ParticleSet {
        ParticleSet {
            carried: Carried {
                source: "thon/picking".into(),
                columns: self.columns,
            },
            ..self.set
        }
    }
}
