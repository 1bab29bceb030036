//! Averages that are placed back: one for all particles, or one for each class.

use thon_contract::kinds::MapKind;
use thon_contract::{Artifact, Context, Finding, JobError};
use thon_geometry::Grid;
use thon_model::{Map, ParticleSet};
use thon_pick::{Copy, Stamp};

/// The averages of a set.
pub(crate) struct Averages {
    pub(crate) maps: Vec<Map>,
}

impl Averages {
    pub(crate) fn load(maps: &Artifact<MapKind>, context: &Context) -> Result<Self, JobError> {
        let maps = maps
            .items()
            .iter()
            .map(|item| context.load(item))
            .collect::<Result<_, _>>()?;
        Ok(Self { maps })
    }

    /// What is wrong with maps for these particles.
    pub(crate) fn findings(maps: &Artifact<MapKind>, set: &ParticleSet) -> Vec<Finding> {
        let count = maps.items().len();
        if count == 0 {
            return vec![Finding::error("maps", "there is no map")];
        }
        let most = set.classes.iter().copied().max().unwrap_or(1) as usize;
        if count > 1 && most > count {
            let message =
                format!("{count} maps for {most} classes: particles of the others are left out");
            return vec![Finding::warning("maps", message)];
        }
        Vec::new()
    }

    /// Index of the map of a row: its class, or the only one.
    pub(crate) fn of(&self, set: &ParticleSet, row: usize) -> Option<usize> {
        if self.maps.len() == 1 {
            return Some(0);
        }
        let class = set.classes.get(row).map_or(1, |class| *class as usize);
        (1..=self.maps.len()).contains(&class).then(|| class - 1)
    }

    /// The maps with their radii: half of the smallest edge, or the one asked for, Å.
    pub(crate) fn stamps(&self, radius: Option<f64>) -> Vec<Stamp<'_>> {
        let stamp = |map: &'_ Map| {
            let edge = map.dims().into_iter().min().unwrap_or(0) as f64;
            (edge / 2.0 - 1.0) * map.voxel_size.0
        };
        let one = |map| {
            let whole = stamp(map);
            Stamp {
                map: map.data.view(),
                voxel_size: map.voxel_size.0,
                radius: radius.map_or(whole, |radius| radius.min(whole)),
            }
        };
        self.maps.iter().map(one).collect()
    }

    /// A copy for each row that has a map.
    pub(crate) fn copies(&self, set: &ParticleSet, rows: &[usize]) -> Vec<Copy> {
        let copy = |&row: &usize| {
            Some(Copy {
                stamp: self.of(set, row)?,
                position: set.poses[row].position.xyz,
                rotation: set.poses[row].rotation.quaternion(),
            })
        };
        rows.iter().filter_map(copy).collect()
    }

    /// Grid of a map about its own centre.
    pub(crate) fn grid(map: &Map) -> Grid {
        Grid::new(map.dims(), map.voxel_size)
    }
}
