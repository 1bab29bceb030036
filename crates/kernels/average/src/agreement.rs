//! How far two sets of poses of the same particles are apart, once the frames of their references are brought together.
//!
//! Poses a and b carry reference points to the specimen, x ↦ A x + p. If the references differ by a rotation G and a shift v,
//! then A ≈ B·G·g with some g of the point group, and p_a ≈ p_b + B·v. G is the rotation that most particles agree on, refined
//! as the mean of those; v is the median over particles, per axis. What is left are the differences.

use glam::{DQuat, DVec3};

/// Particles whose own frame is tried as the frame of all.
const TRIED: usize = 256;
/// Angle within which particles agree on a frame, radians.
const NEAR: f64 = 0.35;

/// A pose: rotation reference → specimen, and position in Å.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlacedAt {
    /// Rotation.
    pub rotation: DQuat,
    /// Where the centre of the reference lies, Å.
    pub position: DVec3,
}

/// The differences.
#[derive(Clone, Debug, PartialEq)]
pub struct PoseAgreement {
    /// Rotation between the references, G: A ≈ B·G.
    pub frame: DQuat,
    /// Shift between the references, v, Å in the frame of b.
    pub frame_shift: DVec3,
    /// Angle left for each particle, radians.
    pub angles: Vec<f64>,
    /// Distance left for each particle, Å.
    pub distances: Vec<f64>,
}

/// Compares poses of the same particles, row by row; `group` are the rotations of the point group, the identity first.
/// None without particles.
pub fn compare_poses(a: &[PlacedAt], b: &[PlacedAt], group: &[DQuat]) -> Option<PoseAgreement> {
    let count = a.len().min(b.len());
    let (a, b) = (&a[..count], &b[..count]);
    let turns: Vec<DQuat> = (a.iter().zip(b))
        .map(|(a, b)| (b.rotation.conjugate() * a.rotation).normalize())
        .collect();
    let step = count.div_ceil(TRIED).max(1);
    let agreeing = |frame: DQuat| {
        let near = turns.iter().filter(|t| nearest(**t, frame, group).1 < NEAR);
        near.count()
    };
    let mut frame = None;
    for &candidate in turns.iter().step_by(step) {
        let agree = agreeing(candidate);
        if frame.is_none_or(|(_, most)| agree > most) {
            frame = Some((candidate, agree));
        }
    }
    let (mut frame, _) = frame?;
    for _ in 0..5 {
        frame = mean_near(&turns, frame, group);
    }
    let angles = turns.iter().map(|t| nearest(*t, frame, group).1).collect();
    let moved: Vec<DVec3> = (a.iter().zip(b))
        .map(|(a, b)| b.rotation.conjugate() * (a.position - b.position))
        .collect();
    let axis = |of: fn(&DVec3) -> f64| {
        let mut values: Vec<f64> = moved.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        f64::midpoint(values[(count - 1) / 2], values[count / 2])
    };
    let frame_shift = DVec3::new(axis(|m| m.x), axis(|m| m.y), axis(|m| m.z));
    let distances = moved.iter().map(|m| m.distance(frame_shift)).collect();
    Some(PoseAgreement {
        frame,
        frame_shift,
        angles,
        distances,
    })
}

/// The copy of a turn under the group that is nearest to a frame, and its angle to it.
fn nearest(turn: DQuat, frame: DQuat, group: &[DQuat]) -> (DQuat, f64) {
    let copies = group.iter().map(|&g| turn * g);
    copies
        .map(|copy| (copy, angle(copy, frame)))
        .min_by(|x, y| x.1.total_cmp(&y.1))
        .unwrap_or((turn, angle(turn, frame)))
}

fn angle(a: DQuat, b: DQuat) -> f64 {
    2.0 * a.dot(b).abs().min(1.0).acos()
}

/// Mean of the turns near a frame.
fn mean_near(turns: &[DQuat], frame: DQuat, group: &[DQuat]) -> DQuat {
    let mut sum = DQuat::from_xyzw(0.0, 0.0, 0.0, 0.0);
    for &turn in turns {
        let (copy, angle) = nearest(turn, frame, group);
        if angle < NEAR {
            let sign = if copy.dot(frame) < 0.0 { -1.0 } else { 1.0 };
            sum += copy * sign;
        }
    }
    if sum.length() > 0.0 {
        sum.normalize()
    } else {
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn frames_are_found_among_outliers_and_differences_are_those_put_in() {
        let mut random = thon_compute::seed_stream(3, "poses", 0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
        let frame = DQuat::from_xyzw(0.2, 0.5, -0.3, 0.7).normalize();
        let shift = DVec3::new(12.0, -3.0, 5.0);
        let group: Vec<DQuat> = "D3".parse::<thon_geometry::Symmetry>().unwrap().rotations();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for i in 0..90 {
            let rotation = DQuat::from_xyzw(normal(), normal(), normal(), normal()).normalize();
            let position = DVec3::new(normal(), normal(), normal()) * 500.0;
            b.push(PlacedAt { rotation, position });
            let off = DVec3::new(normal(), normal(), normal()) * 0.01;
            let turned = if i % 3 == 0 {
                DQuat::from_xyzw(normal(), normal(), normal(), normal()).normalize()
            } else {
                rotation * frame * DQuat::from_scaled_axis(off) * group[i % 6]
            };
            a.push(PlacedAt {
                rotation: turned,
                position: position + rotation * shift,
            });
        }
        let found = compare_poses(&a, &b, &group).unwrap();
        assert!(nearest(found.frame, frame, &group).1 < 0.005);
        assert!(found.frame_shift.distance(shift) < 1e-9);
        let kept: Vec<f64> = (0..90)
            .filter(|i| i % 3 != 0)
            .map(|i| found.angles[i])
            .collect();
        let rms = (kept.iter().map(|a| a * a).sum::<f64>() / 60.0).sqrt();
        assert!((0.012..0.022).contains(&rms), "{rms}");
        assert!(compare_poses(&[], &[], &group).is_none());
    }
}
