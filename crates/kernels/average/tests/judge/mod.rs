//! How far poses are from the truth, after removal of the rotation and shift of the frame that all have in common.

use glam::{DQuat, DVec3};
use thon_likelihood::{Placement, angle_between};

/// Angular error (degrees) and shift error (voxels) of each particle.
pub fn errors(found: &[Placement], truth: &[Placement]) -> (Vec<f64>, Vec<f64>) {
    let relative: Vec<DQuat> = found
        .iter()
        .zip(truth)
        .map(|(f, t)| t.rotation.conjugate() * f.rotation)
        .collect();
    // The rotation that most agree with, then the mean of those near it.
    let near = |a: DQuat, b: DQuat| angle_between(a, b) < 0.15;
    let support = |c: &DQuat| relative.iter().filter(|r| near(**r, *c)).count();
    let mut frame = *relative.iter().max_by_key(|c| support(c)).unwrap();
    for _ in 0..5 {
        let members = relative.iter().filter(|r| near(**r, frame));
        let sum = members.fold(DQuat::from_xyzw(0.0, 0.0, 0.0, 0.0), |s, r| {
            s + if frame.dot(*r) < 0.0 { -*r } else { *r }
        });
        frame = sum.normalize();
    }
    let angles: Vec<f64> = relative
        .iter()
        .map(|r| angle_between(*r, frame).to_degrees())
        .collect();
    // A shift of the frame is turned with each particle.
    let right: Vec<usize> = (0..found.len()).filter(|i| angles[*i] < 10.0).collect();
    let mean = right
        .iter()
        .map(|&i| found[i].rotation.conjugate() * (found[i].shift - truth[i].shift))
        .sum::<DVec3>()
        / right.len() as f64;
    let shifts = found
        .iter()
        .zip(truth)
        .map(|(f, t)| (f.shift - t.shift - f.rotation * mean).length())
        .collect();
    (angles, shifts)
}

/// The value in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
