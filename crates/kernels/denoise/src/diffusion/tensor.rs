//! From the structure tensor to the diffusion tensor, voxel by voxel without branches.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use super::DiffusionKind;
use crate::stencil::exp_negative;

/// C of the edge function for m = 8: flux grows with the gradient up to K and falls beyond.
const EDGE: f32 = 3.31488;
/// Diffusion across threads.
const LEAST: f32 = 0.001;

/// The law by which D follows from J.
#[derive(Clone, Copy, Debug)]
pub(super) struct Law {
    kind: DiffusionKind,
    /// 1 / K².
    inverse: f32,
}

impl Law {
    pub(super) fn new(kind: DiffusionKind, k: f64) -> Self {
        Self {
            kind,
            inverse: (1.0 / (k * k).max(1e-30)) as f32,
        }
    }

    /// g of the header where tr J is `trace`.
    #[inline(always)]
    fn edge(self, trace: f32) -> f32 {
        let ratio = 1.0 / (trace * self.inverse).max(1e-4);
        let fourth = ratio * ratio * ratio * ratio;
        1.0 - exp_negative(-EDGE * fourth * fourth)
    }
}

/// A symmetric matrix: xx, yy, zz, xy, xz, yz.
type Matrix = [f32; 6];

#[inline(always)]
fn trace(m: Matrix) -> f32 {
    m[0] + m[1] + m[2]
}

/// The square of a matrix over its trace.
#[inline(always)]
fn squared([xx, yy, zz, xy, xz, yz]: Matrix) -> Matrix {
    let square = [
        xx * xx + xy * xy + xz * xz,
        xy * xy + yy * yy + yz * yz,
        xz * xz + yz * yz + zz * zz,
        xx * xy + xy * yy + xz * yz,
        xx * xz + xy * yz + xz * zz,
        xy * xz + yy * yz + yz * zz,
    ];
    let scale = 1.0 / trace(square).max(1e-30);
    square.map(|v| v * scale)
}

/// The matrix of cofactors.
#[inline(always)]
fn adjugate([xx, yy, zz, xy, xz, yz]: Matrix) -> Matrix {
    [
        yy * zz - yz * yz,
        xx * zz - xz * xz,
        xx * yy - xy * xy,
        xz * yz - xy * zz,
        xy * yz - xz * yy,
        xy * xz - xx * yz,
    ]
}

/// The projector on the eigenvector of the largest eigenvalue of a positive matrix: sixteenth power, trace 1.
#[inline(always)]
fn dominant(m: Matrix) -> Matrix {
    let scale = 1.0 / trace(m).max(1e-30);
    squared(squared(squared(squared(m.map(|v| v * scale)))))
}

#[inline(always)]
fn product(a: Matrix, b: Matrix) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + 2.0 * (a[3] * b[3] + a[4] * b[4] + a[5] * b[5])
}

/// D of one voxel; `g` is the edge function there.
#[inline(always)]
fn diffusion(j: Matrix, g: f32, law: Law) -> Matrix {
    let sum = trace(j);
    let scale = 1.0 / sum.max(1e-30);
    // A little of the identity decides where two directions are alike.
    let mut relative = j.map(|v| v * scale);
    for value in &mut relative[..3] {
        *value += 1e-4;
    }
    let least = dominant(adjugate(relative));
    let coherence = |spread: f32| {
        let spread = (spread * law.inverse).max(1e-6);
        (1.0 - LEAST) * exp_negative(-1.0 / (spread * spread))
    };
    let (across, along) = match law.kind {
        DiffusionKind::EdgeEnhancing => (g, 1.0 - g),
        DiffusionKind::CoherenceEnhancing => {
            let most = product(dominant(relative), j);
            (LEAST, coherence(most - product(least, j)))
        }
        DiffusionKind::Hybrid => {
            let (most, low) = (product(dominant(relative), j), product(least, j));
            let middle = sum - most - low;
            let sheet = most - middle > middle - low;
            if sheet {
                (g, 1.0 - g)
            } else {
                (LEAST, coherence(most - low))
            }
        }
    };
    let mut d = least.map(|v| v * along);
    for value in &mut d[..3] {
        *value += across;
    }
    d
}

/// 1 − exp(−3.31488 (K/s)¹⁶) of every voxel of a row.
#[inline(always)]
fn edges(out: &mut [f32], [xx, yy, zz]: [&[f32]; 3], law: Law) {
    for (((out, xx), yy), zz) in out.iter_mut().zip(xx).zip(yy).zip(zz) {
        *out = law.edge(xx + yy + zz);
    }
}

/// D of a row of voxels. Each row of the result is an argument of its own: the compiler then knows that they lie apart.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "six rows that do not overlap")]
fn all(
    j: [&[f32]; 6],
    law: Law,
    edge: &[f32],
    d0: &mut [f32],
    d1: &mut [f32],
    d2: &mut [f32],
    d3: &mut [f32],
    d4: &mut [f32],
    d5: &mut [f32],
) {
    let n = edge.len();
    let [j0, j1, j2, j3, j4, j5] = j.map(|row| &row[..n]);
    let (d0, d1, d2) = (&mut d0[..n], &mut d1[..n], &mut d2[..n]);
    let (d3, d4, d5) = (&mut d3[..n], &mut d4[..n], &mut d5[..n]);
    for i in 0..n {
        let matrix = [j0[i], j1[i], j2[i], j3[i], j4[i], j5[i]];
        let [xx, yy, zz, xy, xz, yz] = diffusion(matrix, edge[i], law);
        (d0[i], d1[i], d2[i]) = (xx, yy, zz);
        (d3[i], d4[i], d5[i]) = (xy, xz, yz);
    }
}

/// D of a row from its J, six rows one after the other: xx, yy, zz, xy, xz, yz. `edge` is room for a row.
#[inline(always)]
pub(super) fn diffusion_row(j: &[f32], law: Law, edge: &mut [f32], d: [&mut [f32]; 6]) {
    let n = edge.len();
    let j: [&[f32]; 6] = std::array::from_fn(|i| &j[i * n..][..n]);
    edges(edge, [j[0], j[1], j[2]], law);
    let [d0, d1, d2, d3, d4, d5] = d;
    let of = |kind| Law { kind, ..law };
    // One loop per kind, so that each is a loop over vectors.
    match law.kind {
        DiffusionKind::EdgeEnhancing => {
            all(
                j,
                of(DiffusionKind::EdgeEnhancing),
                edge,
                d0,
                d1,
                d2,
                d3,
                d4,
                d5,
            );
        }
        DiffusionKind::CoherenceEnhancing => {
            all(
                j,
                of(DiffusionKind::CoherenceEnhancing),
                edge,
                d0,
                d1,
                d2,
                d3,
                d4,
                d5,
            );
        }
        DiffusionKind::Hybrid => {
            all(j, of(DiffusionKind::Hybrid), edge, d0, d1, d2, d3, d4, d5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::{DMat3, DQuat, DVec3};

    /// J with the given eigenvalues along turned axes, and the axis of the smallest.
    fn turned(eigenvalues: [f64; 3]) -> (Matrix, DVec3) {
        let turn = DMat3::from_quat(DQuat::from_xyzw(0.3, -0.5, 0.2, 0.7).normalize());
        let m = turn * DMat3::from_diagonal(DVec3::from_array(eigenvalues)) * turn.transpose();
        let c = |i: usize, j: usize| m.col(i)[j] as f32;
        (
            [c(0, 0), c(1, 1), c(2, 2), c(0, 1), c(0, 2), c(1, 2)],
            turn.col(2),
        )
    }

    fn of(j: Matrix, law: Law) -> Matrix {
        diffusion(j, law.edge(trace(j)), law)
    }

    fn along(d: Matrix, v: DVec3) -> f64 {
        let d = d.map(f64::from);
        d[0] * v.x * v.x
            + d[1] * v.y * v.y
            + d[2] * v.z * v.z
            + 2.0 * (d[3] * v.x * v.y + d[4] * v.x * v.z + d[5] * v.y * v.z)
    }

    #[test]
    fn edges_stop_the_flow_across_but_not_along() {
        let (j, axis) = turned([4.0, 1.5, 0.2]);
        let strong = of(j, Law::new(DiffusionKind::EdgeEnhancing, 0.5));
        assert!(
            (along(strong, axis) - 1.0).abs() < 0.01,
            "{}",
            along(strong, axis)
        );
        let across = axis.any_orthonormal_vector();
        assert!(along(strong, across) < 0.01, "{}", along(strong, across));
        let weak = of(j, Law::new(DiffusionKind::EdgeEnhancing, 10.0));
        assert!((along(weak, across) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn threads_conduct_along_themselves_and_hybrids_choose() {
        let (thread, axis) = turned([4.0, 3.9, 0.01]);
        let d = of(thread, Law::new(DiffusionKind::CoherenceEnhancing, 0.5));
        assert!(along(d, axis) > 0.9 && along(d, axis.any_orthonormal_vector()) < 0.01);
        let blob = of(
            turned([1.0, 1.0, 1.0]).0,
            Law::new(DiffusionKind::CoherenceEnhancing, 2.0),
        );
        assert!(trace(blob) < 0.01);
        let hybrid = Law::new(DiffusionKind::Hybrid, 0.5);
        let sheet = turned([4.0, 0.1, 0.05]).0;
        let edge = Law::new(DiffusionKind::EdgeEnhancing, 0.5);
        assert_eq!(of(sheet, hybrid), of(sheet, edge));
        assert_eq!(
            of(thread, hybrid),
            of(thread, Law::new(DiffusionKind::CoherenceEnhancing, 0.5))
        );
        let nothing = of([0.0; 6], edge);
        assert!(nothing.iter().all(|v| v.is_finite()));
    }
}
