//! What a run is given besides particles and options, checked before anything runs.

use ndarray::Array3;
use thon_likelihood::{ParticleSource, Placement};
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};

use crate::AverageError;
use crate::halves::check_halves;
use crate::options::StartingPoses;

/// Maps and poses to start from. Maps are `[n, n, n]` of the particles' box and voxel size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Input<'a> {
    /// Starting references: none, one, or one per class.
    pub references: &'a [&'a [f32]],
    /// Mask of the references, 0 to 1; none: a soft sphere of the particle's diameter.
    pub mask: Option<&'a [f32]>,
    /// A pose of each particle, or none at all.
    pub starts: &'a [Placement],
    /// Half of each particle, 0 or 1; none: drawn by seed. Classification ignores it.
    pub halves: Option<&'a [u8]>,
}

impl Input<'_> {
    pub(crate) fn check(
        &self,
        source: &dyn ParticleSource,
        start: StartingPoses,
    ) -> Result<(), AverageError> {
        let n = source.box_size();
        if !(8..=1024).contains(&n) {
            return Err(AverageError::option("box", n, "8 to 1024 voxels"));
        }
        if !(source.voxel_size().is_finite() && source.voxel_size() > 0.0) {
            return Err(AverageError::option(
                "voxel size",
                source.voxel_size(),
                "above 0 Å",
            ));
        }
        for (index, map) in self.references.iter().enumerate() {
            let what = if self.references.len() == 1 {
                "the reference".to_owned()
            } else {
                format!("reference {}", index + 1)
            };
            check_map(&what, map, n)?;
            if map.iter().all(|value| *value == map[0]) {
                return Err(AverageError::Flat { what });
            }
        }
        if let Some(mask) = self.mask {
            check_mask(mask, n)?;
        }
        self.check_starts(source.len(), start)?;
        self.halves
            .map_or(Ok(()), |halves| check_halves(halves, source.len()))
    }

    fn check_starts(&self, particles: usize, start: StartingPoses) -> Result<(), AverageError> {
        if !self.starts.is_empty() && self.starts.len() != particles {
            return Err(AverageError::Count {
                what: "starting poses",
                expected: particles,
                found: self.starts.len(),
            });
        }
        for (index, placement) in self.starts.iter().enumerate() {
            let finite = placement.rotation.is_finite() && placement.shift.is_finite();
            if !(finite && placement.rotation.is_normalized()) {
                return Err(AverageError::NotFinite {
                    what: format!("the starting pose of particle {index}"),
                });
            }
        }
        match start {
            StartingPoses::Given if self.starts.is_empty() => Err(AverageError::option(
                "start",
                "given",
                "poses of all particles, or another start",
            )),
            StartingPoses::Search if self.references.is_empty() => Err(AverageError::option(
                "reference",
                "none",
                "a map to search with, given poses, or a random start",
            )),
            _ => Ok(()),
        }
    }
}

fn check_map(what: &str, map: &[f32], n: usize) -> Result<(), AverageError> {
    if map.len() != n.pow(3) {
        return Err(AverageError::MapSize {
            what: what.to_owned(),
            box_size: n,
            expected: n.pow(3),
            found: map.len(),
        });
    }
    if map.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(AverageError::NotFinite {
            what: what.to_owned(),
        })
    }
}

fn check_mask(mask: &[f32], n: usize) -> Result<(), AverageError> {
    check_map("the mask", mask, n)?;
    let smallest = mask.iter().copied().fold(f32::INFINITY, f32::min);
    let largest = mask.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if largest < 1e-3 {
        return Err(AverageError::BlackMask { largest });
    }
    if smallest < -1e-3 || largest > 1.0 + 1e-3 {
        return Err(AverageError::MaskRange { smallest, largest });
    }
    Ok(())
}

/// A map filtered to a resolution (raised cosine, two shells wide) and masked.
pub(crate) fn prepared_reference(
    map: &[f32],
    mask: &[f32],
    n: usize,
    voxel_size: f64,
    resolution: f64,
) -> Vec<f32> {
    let cube = Array3::from_shape_vec((n, n, n), map.to_vec()).expect("a checked map");
    let width = 2.0 / (n as f64 * voxel_size);
    let filter = RadialFilter::LowPass {
        cutoff: 1.0 / resolution,
        edge: Edge::RaisedCosine(width),
    };
    let filtered = apply_filters3(&cube, voxel_size, &[filter]);
    filtered.iter().zip(mask).map(|(v, m)| v * m).collect()
}
