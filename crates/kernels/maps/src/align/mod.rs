//! Rigid alignment of one map to another: rotation, shift and, when asked, the mirror image.
//!
//! Both maps are brought to small boxes by cropping their transforms. Every rotation of a grid (15°) is tried at 16 voxels, its best
//! shift found by cross-correlation; the best candidates are refined at 32 and then at up to 64 voxels by steps about the
//! three axes that halve, the last one by a parabola. Both hands go the whole way, and the better one wins.
//!
//! The score is the correlation of the turned map with the reference (times its mask) over both norms. Rotations are active about
//! voxel floor(n/2): aligned(r) = map(Rᵀ·(r − c − shift) + c), the mirror image x → −x taken first.

mod search;
#[cfg(test)]
mod tests;

use glam::{DMat3, DQuat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::{Cancelled, Progress};
use thon_model::{Map, Mask};
use thon_signal::resample::mirror3;
use thon_units::{Angstrom, Degrees, Radians};

use crate::post_process::{PostProcessError, check_pair};
use crate::transform::moved;
use search::{Candidate, Scorer};

/// Choices of [`align`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlignOptions {
    /// Try the mirror image too.
    pub mirror: bool,
    /// Largest rotation away from how the map lies; empty to try all.
    pub within: Option<Degrees>,
    /// Largest shift; a quarter of the box when empty.
    pub max_shift: Option<Angstrom>,
    /// Leave out what is finer than this; empty for what the working box of 64 voxels holds.
    pub low_pass: Option<Angstrom>,
    /// Candidates that are refined.
    #[schemars(range(min = 1, max = 100), extend("x-level" = "expert"))]
    pub candidates: usize,
}

impl Default for AlignOptions {
    fn default() -> Self {
        Self {
            mirror: true,
            within: None,
            max_shift: None,
            low_pass: None,
            candidates: 6,
        }
    }
}

/// Why maps cannot be aligned.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AlignError {
    /// Sizes or voxel sizes differ.
    #[error(transparent)]
    Maps(#[from] PostProcessError),
    /// A box that is not a cube, or too small.
    #[error("expected a cubic box of 16 voxels or more, found {0:?} (z, y, x)")]
    Box([usize; 3]),
    /// A map without content in the band that is compared.
    #[error("nothing can be aligned: {0} is flat at this resolution")]
    Flat(&'static str),
    /// Nobody wants it any more.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// How a map lies on a reference.
#[derive(Clone, Debug)]
pub struct Alignment {
    /// Active rotation of the (mirrored) map about its centre voxel.
    pub rotation: DQuat,
    /// Shift after the rotation, Å, `(x, y, z)`.
    pub shift: [f64; 3],
    /// True when the mirror image fits better.
    pub mirrored: bool,
    /// Correlation of the map as it is, and of its mirror image when that was tried.
    pub correlation: [Option<f64>; 2],
    /// The map, moved in one interpolation.
    pub map: Map,
}

impl Alignment {
    /// Angle of the rotation.
    pub fn angle(&self) -> Radians {
        let angle = self.rotation.to_axis_angle().1;
        Radians(angle.min(std::f64::consts::TAU - angle))
    }
}

/// Aligns `map` to `reference`, which counts inside `mask` only.
///
/// # Errors
/// When boxes differ, are not cubic or are too small, a map is flat, or on cancellation.
pub fn align(
    map: &Map,
    reference: &Map,
    mask: Option<&Mask>,
    options: &AlignOptions,
    progress: &dyn Progress,
) -> Result<Alignment, AlignError> {
    check_pair(map, reference)?;
    if let Some(mask) = mask {
        check_pair(reference, &mask.0)?;
    }
    let [n, ny, nx] = map.dims();
    if n != ny || n != nx || n < 16 {
        return Err(AlignError::Box(map.dims()));
    }
    let reference = match mask {
        Some(mask) => Map::new(&reference.data * &mask.0.data, reference.voxel_size),
        None => reference.clone(),
    };
    let mut best: Option<(Candidate, bool)> = None;
    let mut correlation = [None, None];
    for (mirrored, correlation) in [false, true].into_iter().zip(&mut correlation) {
        if mirrored && !options.mirror {
            break;
        }
        let data = if mirrored {
            mirror3(&map.data)
        } else {
            map.data.clone()
        };
        let turned = Map::new(data, map.voxel_size);
        let found = of_one_hand(&turned, &reference, options, progress)?;
        *correlation = Some(found.score);
        if best
            .as_ref()
            .is_none_or(|(other, _)| found.score > other.score)
        {
            best = Some((found, mirrored));
        }
    }
    let (found, mirrored) = best.ok_or(AlignError::Flat("the map"))?;
    let data = if mirrored {
        mirror3(&map.data)
    } else {
        map.data.clone()
    };
    let voxel_size = map.voxel_size.0;
    let matrix = DMat3::from_quat(found.rotation);
    Ok(Alignment {
        rotation: found.rotation,
        shift: found.shift.map(|s| s * voxel_size),
        mirrored,
        correlation,
        map: Map::new(moved(&data, matrix, found.shift), map.voxel_size),
    })
}

/// The best pose of a map; its shift in voxels of the map.
fn of_one_hand(
    map: &Map,
    reference: &Map,
    options: &AlignOptions,
    progress: &dyn Progress,
) -> Result<Candidate, AlignError> {
    let n = map.dims()[0];
    let scorer = |size: usize| Scorer::new(map, reference, size.min(n), options);
    let coarse = scorer(16)?;
    let mut candidates = coarse.search(options, progress)?;
    let middle = scorer(32)?;
    for candidate in &mut candidates {
        thon_compute::check(progress)?;
        *candidate = middle.refined(*candidate, &[8.0, 4.0, 2.0]);
    }
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let fine = scorer(64)?;
    thon_compute::check(progress)?;
    let first = candidates.first().ok_or(AlignError::Flat("the map"))?;
    let refined = fine.refined(*first, &[2.0, 1.0, 0.5, 0.25, 0.125]);
    let last = fine.by_parabola(refined, 0.25);
    Ok(Candidate {
        shift: last.shift.map(|s| s * n as f64 / fine.size() as f64),
        ..last
    })
}
