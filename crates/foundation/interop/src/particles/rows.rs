//! The table between a format and the model: places in the measure of the format, rotations, and what few formats share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use glam::DVec3;
use thon_geometry::{Grid, Particle, Point, Pose, Rotation, Specimen};
use thon_model::{Carried, CarriedColumn, Half, ParticleSet};

use super::{Frames, Measure, ParticleFormat};
use crate::{Imported, InteropError};

/// Labels under which packages keep the score of a particle.
pub(super) const SCORES: [&str; 4] = ["score", "rlnAutopickFigureOfMerit", "rlnLCCmax", "ptmScore"];

/// Reference → specimen.
pub(super) type Turn = Rotation<Particle, Specimen>;

/// Particles as a file holds them. Columns that the file lacks are empty.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    /// Names of tomograms.
    pub tomograms: Vec<String>,
    /// Tomogram of each particle.
    pub tomogram: Vec<u32>,
    /// Places, in the measure of the format.
    pub places: Vec<DVec3>,
    /// Orientations.
    pub rotations: Vec<Turn>,
    /// Names.
    pub names: Vec<String>,
    /// Half sets.
    pub halves: Vec<Half>,
    /// Classes.
    pub classes: Vec<u32>,
    /// Scores.
    pub scores: Vec<f64>,
    /// Columns that only this format has.
    pub carried: Carried,
    /// Voxel size that the file states, Å; of each tomogram in writing.
    pub voxel_size: Option<f64>,
    /// Sizes of tomograms `[z, y, x]` in writing, 0 when unknown, and their voxel sizes, Å.
    pub volumes: Vec<([usize; 3], f64)>,
    /// What a person should know.
    pub remarks: Vec<String>,
}

/// The last part of a path, with nothing in it that a file name should not have.
pub fn file_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).find(|part| !part.is_empty());
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '_'
        }
    };
    last.unwrap_or("tomogram").chars().map(safe).collect()
}

/// The column of scores among carried ones.
pub(super) fn score_column(carried: &Carried) -> Option<&[String]> {
    SCORES.iter().find_map(|label| carried.column(label))
}

impl Rows {
    /// Index of a tomogram, added when it is new.
    pub(super) fn index_of(&mut self, name: &str) -> u32 {
        let known = self.tomograms.iter().position(|known| known == name);
        known.unwrap_or_else(|| {
            self.tomograms.push(name.to_owned());
            self.tomograms.len() - 1
        }) as u32
    }

    /// Adds a particle with only a place.
    pub(super) fn add(&mut self, tomogram: &str, place: DVec3) {
        let index = self.index_of(tomogram);
        self.tomogram.push(index);
        self.places.push(place);
    }

    /// Number of particles.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Name of a particle's tomogram.
    pub(super) fn tomogram_name(&self, row: usize) -> &str {
        &self.tomograms[self.tomogram[row] as usize]
    }

    /// Rows of each tomogram, in the order of the tomograms; with a name for its file that no other has.
    pub(super) fn by_tomogram(&self) -> Vec<(String, u32, Vec<usize>)> {
        let mut taken = BTreeSet::new();
        let group = |(index, name): (usize, &String)| {
            let base = file_name(name);
            let mut called = base.clone();
            let mut copy = 2;
            while !taken.insert(called.clone()) {
                called = format!("{base}_{copy}");
                copy += 1;
            }
            let of = |row: &usize| self.tomogram[*row] as usize == index;
            (called, index as u32, (0..self.len()).filter(of).collect())
        };
        self.tomograms.iter().enumerate().map(group).collect()
    }

    /// The rotation of a particle; none where there are none.
    pub(super) fn turn(&self, row: usize) -> Turn {
        self.rotations
            .get(row)
            .copied()
            .unwrap_or(Rotation::identity())
    }

    /// Adds a carried column.
    pub(super) fn carry(&mut self, label: &str, values: Vec<String>) {
        self.carried.columns.push(CarriedColumn {
            label: label.to_owned(),
            values,
        });
    }

    /// A carried number of this format, if the set came from it.
    pub(super) fn kept(&self, label: &str, row: usize) -> Option<f64> {
        self.carried.value(label, row)?.parse().ok()
    }

    /// The rows of a set in the measure of a format.
    pub(super) fn of(
        set: &ParticleSet,
        format: ParticleFormat,
        frames: &Frames,
    ) -> Result<Self, InteropError> {
        if let Some(why) = super::cannot_hold(set, format) {
            return Err(InteropError::contradiction(
                format.name(),
                "places it can hold",
                why,
            ));
        }
        let grids = grids(&set.tilt_series_names, frames, None, format.name())?;
        let place = |row: usize| {
            let grid = &grids[set.tilt_series[row] as usize];
            let point = set.poses[row].position;
            match format.measure() {
                Measure::Voxels => grid.index_of(point),
                Measure::VoxelsFromCentre => (point.xyz - grid.centre.xyz) / grid.voxel_size.0,
                Measure::AngstromFromFirst => grid.index_of(point) * grid.voxel_size.0,
                Measure::AngstromFromCentre => point.xyz - grid.centre.xyz,
            }
        };
        let scores = score_column(&set.carried).unwrap_or_default();
        let own = set.carried.source == format.source();
        Ok(Self {
            tomograms: set.tilt_series_names.clone(),
            tomogram: set.tilt_series.clone(),
            places: (0..set.len()).map(place).collect(),
            rotations: if set.oriented {
                set.poses.iter().map(|pose| pose.rotation).collect()
            } else {
                Vec::new()
            },
            names: set.names.clone(),
            halves: set.halves.clone(),
            classes: set.classes.clone(),
            scores: scores
                .iter()
                .map(|text| text.parse().unwrap_or(0.0))
                .collect(),
            carried: if own {
                set.carried.clone()
            } else {
                Carried::default()
            },
            voxel_size: grids.first().map(|grid| grid.voxel_size.0),
            volumes: grids
                .iter()
                .map(|grid| (grid.dims, grid.voxel_size.0))
                .collect(),
            remarks: Vec::new(),
        })
    }

    /// The set that these rows of a file are.
    pub(super) fn into_set(
        mut self,
        format: ParticleFormat,
        file: &str,
        frames: &Frames,
    ) -> Result<Imported<ParticleSet>, InteropError> {
        let grids = match (format.measure(), &self.voxel_size) {
            (Measure::AngstromFromFirst | Measure::AngstromFromCentre, None) => {
                grids(&self.tomograms, frames, Some(1.0), file)?
            }
            (_, stated) => grids(&self.tomograms, frames, *stated, file)?,
        };
        let mut imported = Imported::new(ParticleSet::default());
        let from_first = matches!(
            format.measure(),
            Measure::Voxels | Measure::AngstromFromFirst
        );
        let unknown = grids.iter().filter(|grid| grid.is_empty()).count();
        if from_first && unknown > 0 {
            self.remarks.push(format!(
                "{file}: the size of {unknown} tomograms is unknown, positions are measured from their first voxel"
            ));
        }
        let position = |row: usize| {
            let grid = &grids[self.tomogram[row] as usize];
            let voxel = grid.voxel_size.0;
            let place = self.places[row];
            match format.measure() {
                Measure::Voxels => grid.point_at_index(place),
                Measure::VoxelsFromCentre => {
                    Point::from_vector(grid.centre.xyz + place * self.voxel_size.unwrap_or(voxel))
                }
                Measure::AngstromFromFirst => grid.point_at_index(place / voxel),
                Measure::AngstromFromCentre => Point::from_vector(grid.centre.xyz + place),
            }
        };
        let poses = (0..self.len())
            .map(|row| Pose::new(self.turn(row), position(row)))
            .collect();
        let names = if self.names.is_empty() {
            self.made_names()
        } else {
            unique(self.names)
        };
        let mut carried = self.carried;
        format.source().clone_into(&mut carried.source);
        if !self.scores.is_empty() {
            let values = self.scores.iter().map(f64::to_string).collect();
            carried.columns.insert(
                0,
                CarriedColumn {
                    label: SCORES[0].into(),
                    values,
                },
            );
        }
        imported.value = ParticleSet {
            names,
            oriented: !self.rotations.is_empty(),
            tilt_series_names: self.tomograms,
            tilt_series: self.tomogram,
            poses,
            halves: self.halves,
            classes: self.classes,
            carried,
            ..ParticleSet::default()
        };
        imported.remarks = self.remarks;
        Ok(imported)
    }

    /// `TOMOGRAM/00001` and so on.
    fn made_names(&self) -> Vec<String> {
        let mut counts = vec![0; self.tomograms.len()];
        let name = |&index: &u32| {
            let count = &mut counts[index as usize];
            *count += 1;
            format!("{}/{count:05}", file_name(&self.tomograms[index as usize]))
        };
        self.tomogram.iter().map(name).collect()
    }
}

/// The same names, repeated ones with a number.
fn unique(names: Vec<String>) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let name = |name: String| {
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            name
        } else {
            format!("{name}#{count}")
        }
    };
    names.into_iter().map(name).collect()
}

/// The grids of tomograms, or an error that asks for the voxel size.
fn grids(
    tomograms: &[String],
    frames: &Frames,
    stated: Option<f64>,
    file: &str,
) -> Result<Vec<Grid>, InteropError> {
    let grid = |name: &String| {
        frames.grid_or_first_voxel(name, stated).ok_or_else(|| {
            let place = format!("{file}: tomogram {name}");
            InteropError::contradiction(place, "its voxel size", "none")
                .with_hint("give the tomograms or tilt series, or the voxel size")
        })
    };
    tomograms.iter().map(grid).collect()
}

/// Two sets as one; columns that only one of them has are dropped from the other with a remark.
pub(super) fn joined(
    mut first: Imported<ParticleSet>,
    second: Imported<ParticleSet>,
) -> Imported<ParticleSet> {
    let (a, b) = (&mut first.value, second.value);
    let before = a.len();
    let index: Vec<u32> = b
        .tilt_series_names
        .iter()
        .map(|name| {
            let known = a.tilt_series_names.iter().position(|n| n == name);
            known.unwrap_or_else(|| {
                a.tilt_series_names.push(name.clone());
                a.tilt_series_names.len() - 1
            }) as u32
        })
        .collect();
    a.tilt_series
        .extend(b.tilt_series.iter().map(|old| index[*old as usize]));
    a.poses.extend(b.poses);
    a.oriented |= b.oriented;
    let all = std::mem::take(&mut a.names)
        .into_iter()
        .chain(b.names.clone());
    a.names = unique(all.collect());
    let whole = |one: usize, other: usize| one == before && other == b.names.len();
    if whole(a.halves.len(), b.halves.len()) {
        a.halves.extend(b.halves);
    } else {
        a.halves.clear();
    }
    if whole(a.classes.len(), b.classes.len()) {
        a.classes.extend(b.classes);
    } else {
        a.classes.clear();
    }
    let columns = a.carried.columns.len();
    a.carried.columns.retain_mut(|column| {
        let more = b.carried.column(&column.label);
        column
            .values
            .extend(more.unwrap_or_default().iter().cloned());
        more.is_some()
    });
    if a.carried.columns.len() < columns {
        first
            .remarks
            .push("columns that not all files have are left out".into());
    }
    first.losses.extend(second.losses);
    first.remarks.extend(second.remarks);
    first
}

/// Name of a tomogram that a file does not name: as asked for, or as the file is called.
pub(super) fn tomogram_of(path: &Path, frames: &Frames) -> String {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    frames.tomogram.clone().unwrap_or(stem)
}
