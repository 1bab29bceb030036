//! Tensor voting: neighbours that lie on one smooth sheet confirm each other.
//!
//! A voter at the origin with normal n tells a receiver at d = r u that a sheet passes there whose normal is the mirror image of n
//! in the plane across u, m = n − 2 (n·u) u: the normal of the circle that leaves the voter along its sheet and reaches the receiver.
//! ```text
//!   T(receiver) = Σ s w(r) (1 − (n·u)²)ᵏ m mᵀ       w(r) = exp(−r²/2σ²), r ≤ 2σ,  k = 4
//! ```
//! With the eigenvalues μ₁ ≥ μ₂ ≥ μ₃ of T, μ₁ − μ₂ is the saliency of a sheet and its eigenvector the normal (Medioni, Lee & Tang
//! 2000, A Computational Framework for Segmentation and Grouping; for membranes Martinez-Sanchez et al. 2014, J. Struct. Biol.
//! 186:49, who vote plane by plane; here votes are three-dimensional).

use rayon::prelude::*;
use thon_compute::{Counter, Progress};
use thon_geometry::glam::Vec3;

use crate::SegmentError;
use crate::neighbours::Cells;
use crate::ridge::SheetPoint;
use crate::symmetric::{Symmetric, eigenvalues, eigenvector};

/// Points that one task serves.
const TASK: usize = 4096;

/// Least |n·n'| of a point of a sheet and what its neighbours say: 26°.
pub(crate) const AGREEMENT: f32 = 0.9;

/// Votes end at this many σ.
pub(crate) const REACH: f32 = 2.0;

/// (1 − x)⁴.
pub(crate) fn fall_off(x: f32) -> f32 {
    let a = 1.0 - x;
    let b = a * a;
    b * b
}

/// What the neighbours say of each point: its saliency as a sheet, times how well its own normal agrees (cos²), and their normal.
/// Points do not vote for themselves. σ in voxels.
///
/// # Errors
/// [`SegmentError::Cancelled`].
pub(crate) fn sparse_vote(
    points: &[SheetPoint],
    sigma: f32,
    progress: &dyn Progress,
) -> Result<Vec<SheetPoint>, SegmentError> {
    let reach = REACH * sigma;
    let positions: Vec<Vec3> = points.iter().map(|p| p.position).collect();
    let cells = Cells::new(&positions, reach / 2.0);
    // In the order of the cells, so that neighbours lie together in memory.
    let sorted: Vec<SheetPoint> = cells.order().iter().map(|&i| points[i as usize]).collect();
    let counter = Counter::new(progress, sorted.len().div_ceil(TASK) as u64);
    let voted: Vec<Vec<SheetPoint>> = (0..sorted.len().div_ceil(TASK))
        .into_par_iter()
        .map(|task| {
            counter.check()?;
            let range = task * TASK..((task + 1) * TASK).min(sorted.len());
            let result = range
                .map(|i| {
                    let runs = cells.runs(sorted[i].position, reach);
                    receive(&sorted, runs, i, sigma)
                })
                .collect();
            counter.unit_done();
            Ok::<_, SegmentError>(result)
        })
        .collect::<Result<_, _>>()?;
    let mut out = points.to_vec();
    for (&index, point) in cells.order().iter().zip(voted.into_iter().flatten()) {
        out[index as usize] = point;
    }
    Ok(out)
}

/// The points whose normal lies within 26° of what their neighbours say, with the normal that these say. They vote with the area
/// that each stands for.
///
/// # Errors
/// [`SegmentError::Cancelled`].
pub(crate) fn smooth_normals(
    points: &[SheetPoint],
    sigma: f32,
    progress: &dyn Progress,
) -> Result<Vec<SheetPoint>, SegmentError> {
    let mut voters = points.to_vec();
    for voter in &mut voters {
        voter.strength = voter.area() as f32;
    }
    let voted = sparse_vote(&voters, sigma, progress)?;
    let agreed = points.iter().zip(voted).filter_map(|(point, vote)| {
        let normal = vote.normal;
        (point.normal.dot(normal).abs() >= AGREEMENT).then_some(SheetPoint { normal, ..*point })
    });
    Ok(agreed.collect())
}

fn receive(
    points: &[SheetPoint],
    runs: impl Iterator<Item = std::ops::Range<usize>>,
    receiver: usize,
    sigma: f32,
) -> SheetPoint {
    let point = points[receiver];
    let limit = (REACH * sigma).powi(2);
    let decay = -0.5 / (sigma * sigma);
    let mut tensor: Symmetric = [0.0; 6];
    for run in runs {
        for (voter, from) in points[run.clone()].iter().enumerate() {
            let d = point.position - from.position;
            let r2 = d.length_squared();
            if r2 > limit || run.start + voter == receiver {
                continue;
            }
            let along = from.normal.dot(d);
            let squared = along * along / r2.max(1e-12);
            let mirrored = from.normal - d * (2.0 * along / r2.max(1e-12));
            let weight = from.strength * (decay * r2).exp() * fall_off(squared);
            add(&mut tensor, mirrored, weight);
        }
    }
    let (saliency, normal) = sheet_of(&tensor);
    let agreement = normal.dot(point.normal).powi(2);
    SheetPoint {
        position: point.position,
        normal,
        strength: saliency * agreement,
    }
}

/// Adds `weight` m mᵀ.
pub(crate) fn add(tensor: &mut Symmetric, m: Vec3, weight: f32) {
    let w = m * weight;
    let terms = [
        w.x * m.x,
        w.y * m.y,
        w.z * m.z,
        w.x * m.y,
        w.x * m.z,
        w.y * m.z,
    ];
    for (sum, term) in tensor.iter_mut().zip(terms) {
        *sum += term;
    }
}

/// μ₁ − μ₂ and the eigenvector of μ₁.
pub(crate) fn sheet_of(tensor: &Symmetric) -> (f32, Vec3) {
    let [_, middle, largest] = eigenvalues(tensor);
    (largest - middle, eigenvector(tensor, largest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{noise_points, sphere_points};
    use thon_compute::Quiet;

    #[test]
    fn points_of_a_sphere_confirm_each_other_and_scattered_ones_do_not() {
        let mut points = sphere_points(Vec3::splat(40.0), 25.0, 6000, 0.0);
        let on_sphere = points.len();
        points.extend(noise_points([80, 80, 80], 6000, 7));
        let voted = sparse_vote(&points, 6.0, &Quiet).unwrap();
        let mut saliency: Vec<f32> = voted[on_sphere..].iter().map(|p| p.strength).collect();
        saliency.sort_by(f32::total_cmp);
        let high = saliency[saliency.len() * 95 / 100];
        let found = voted[..on_sphere]
            .iter()
            .filter(|p| p.strength > high)
            .count();
        assert!(found > on_sphere * 99 / 100, "{found} of {on_sphere}");
        for (point, vote) in points[..on_sphere].iter().zip(&voted) {
            assert!(point.normal.dot(vote.normal).abs() > 0.99);
        }
    }

    #[test]
    fn threads_do_not_matter() {
        let points = noise_points([60, 60, 60], 9000, 3);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| sparse_vote(&points, 5.0, &Quiet).unwrap())
        };
        assert_eq!(run(1), run(4));
    }
}
