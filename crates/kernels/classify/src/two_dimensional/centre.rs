//! The middle of a class average: its mass is brought to the centre of the box, and its images say so.
//!
//! The middle is that of the mass above a part of the highest density, as RELION's `--center_classes` takes that of all positive
//! density. An average that is moved by −c lies in every image of the class where it lay before: its shift grows by c turned
//! to the image.

use num_complex::Complex32;

use super::HalfDisc;
use super::found::Assignment;

/// Density, as a part of the highest, from which on it is mass.
const MASS: f32 = 0.2;
/// Fewest shells with signal for an average to have a middle.
const LEAST_SHELLS: usize = 3;

/// Displacement of the mass of an average from pixel ⌊n/2⌋, pixels (x, y); none without enough signal.
pub(super) fn middle(
    image: &[f32],
    mask: &[f32],
    n: usize,
    resolved_shell: usize,
    reach: f64,
) -> Option<[f64; 2]> {
    let inside = || image.iter().zip(mask).map(|(v, m)| v * m);
    let highest = inside().fold(0.0_f32, f32::max);
    if resolved_shell < LEAST_SHELLS || highest <= 0.0 {
        return None;
    }
    let centre = (n / 2) as f64;
    let mut sums = [0.0; 3];
    for (i, value) in inside().enumerate() {
        let mass = f64::from(value - MASS * highest).max(0.0);
        sums[0] += mass;
        sums[1] += mass * ((i % n) as f64 - centre);
        sums[2] += mass * ((i / n) as f64 - centre);
    }
    let [x, y] = [sums[1] / sums[0], sums[2] / sums[0]];
    // No further in one round than images are looked for.
    let part = (reach / x.hypot(y)).min(1.0);
    Some([x * part, y * part])
}

/// Moves what a transform shows by −c pixels.
pub(super) fn move_back(values: &mut [Complex32], disc: &HalfDisc, n: usize, [x, y]: [f64; 2]) {
    for (value, [qx, qy]) in values.iter_mut().zip(&disc.points) {
        let turns = (f64::from(*qx) * x + f64::from(*qy) * y) / n as f64;
        let (sine, cosine) = (std::f64::consts::TAU * turns).sin_cos();
        *value *= Complex32::new(cosine as f32, sine as f32);
    }
}

/// The shifts of images whose class averages were moved by −c, c by class.
pub(super) fn follow(assignments: &mut [Assignment], moved: &[[f64; 2]]) {
    for one in assignments {
        let [x, y] = moved[one.class as usize];
        let (sine, cosine) = one.angle.sin_cos();
        one.shift[0] += cosine * x - sine * y;
        one.shift[1] += sine * x + cosine * y;
    }
}
