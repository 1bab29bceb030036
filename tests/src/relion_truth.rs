//! Data sets with truth for RELION's programs, and poses compared with the truth.
//!
//! `THON_RELION_DATA` names the folder of the sets (`homo`, `low01`, …), each with `boxN/particles.star` (no poses),
//! `boxN/gt.star` (true poses and classes), `boxN/ref.mrc` and `boxN/gt_class0.mrc`; paths in the tables begin at the set.
//! Angles in degrees, shifts in Å. A common motion of all particles is no error and is taken off.

use std::path::{Path, PathBuf};

use glam::{DQuat, DVec3};
use thon_formats::star;
use thon_interop::euler::RelionAngles;

/// A set of the data folder; none, with a line, where the folder or the set is absent.
pub fn data_set(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("THON_RELION_DATA") else {
        println!("skipped: THON_RELION_DATA names no folder");
        return None;
    };
    let set = PathBuf::from(folder).join(name);
    if set.is_dir() {
        return Some(set);
    }
    println!("skipped: no set {name}");
    None
}

/// Every k-th particle of a table of a set, `count` in all, as a table in `folder` with absolute paths.
pub fn strided(set: &Path, edge: usize, table: &str, count: usize, folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(set.join(format!("box{edge}/{table}"))).expect("a table");
    let lines: Vec<&str> = text.lines().collect();
    let labels = lines.iter().rposition(|line| line.starts_with("_rln"));
    let (head, rows) = lines.split_at(labels.expect("labels") + 1);
    let rows: Vec<&str> = rows
        .iter()
        .copied()
        .filter(|l| !l.trim().is_empty())
        .collect();
    let root = std::path::absolute(set).expect("a path");
    let absolute = format!(" {}/box{edge}/", root.display());
    let chosen = rows.iter().step_by((rows.len() / count).max(1)).take(count);
    let chosen = chosen.map(|row| row.replace(&format!(" box{edge}/"), &absolute));
    let head = head.iter().map(|line| (*line).to_owned());
    let text: Vec<String> = head.chain(chosen).collect();
    let path = folder.join(format!("{edge}_{count}_{table}"));
    std::fs::write(&path, text.join("\n") + "\n").expect("a table is written");
    path
}

/// Poses of a table of particles.
#[derive(Clone, Debug, Default)]
pub struct Poses {
    /// Numbers of the particles: the names of their files.
    pub numbers: Vec<usize>,
    /// Reference → data.
    pub rotations: Vec<DQuat>,
    /// Shifts, Å.
    pub shifts: Vec<DVec3>,
    /// Classes, if the table has them.
    pub classes: Vec<i64>,
    /// Stated deviations (rms over three axes times √3) of angles and shifts, if the table has them.
    pub stated: Option<[Vec<f64>; 2]>,
}

/// Reads the poses of a RELION table.
///
/// # Panics
/// When the table lacks them.
pub fn poses(path: &Path) -> Poses {
    let file = star::read(path).expect("a table");
    let table = file.table("particles").expect("particles");
    let numbers = |label: &str| table.column(label).and_then(|c| c.to_f64());
    let column = |label: &str| numbers(label).expect("numbers");
    let [rot, tilt, psi] = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"].map(column);
    let [x, y, z] = ["rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst"].map(column);
    let images = table.column("rlnImageName").expect("names").strings();
    let number = |name: &str| Path::new(name).file_stem()?.to_str()?.parse().ok();
    let rows = 0..table.rows();
    let stated = ["thonAngleUncertainty", "thonShiftUncertaintyAngst"].map(numbers);
    let [angles, shifts] = stated;
    Poses {
        numbers: images.map(|name| number(name).expect("a number")).collect(),
        rotations: (rows.clone())
            .map(|i| {
                RelionAngles::new(rot[i], tilt[i], psi[i])
                    .rotation()
                    .matrix()
            })
            .map(|m| DQuat::from_mat3(&m))
            .collect(),
        shifts: rows.map(|i| -DVec3::new(x[i], y[i], z[i])).collect(),
        classes: table
            .column("rlnClassNumber")
            .and_then(|c| c.to_i64())
            .unwrap_or_default(),
        stated: angles.ok().zip(shifts.ok()).map(|(a, s)| [a, s]),
    }
}

/// Distances from the truth.
#[derive(Clone, Debug)]
pub struct Errors {
    /// Degrees.
    pub angles: Vec<f64>,
    /// Å.
    pub shifts: Vec<f64>,
}

/// The truth of each particle of `found`, by number.
pub fn truth_of(found: &Poses, truth: &Poses) -> Vec<usize> {
    let row = |number: &usize| truth.numbers.iter().position(|other| other == number);
    found
        .numbers
        .iter()
        .map(|n| row(n).expect("a true pose"))
        .collect()
}

/// Distances of found poses from the truth, less the common motion of most of them.
pub fn errors(found: &Poses, truth: &Poses) -> Errors {
    let rows = truth_of(found, truth);
    let turns: Vec<DQuat> = (found.rotations.iter().zip(&rows))
        .map(|(a, row)| (truth.rotations[*row].inverse() * *a).normalize())
        .collect();
    let far = |a: &DQuat| -> Vec<f64> {
        turns
            .iter()
            .map(|b| a.angle_between(*b).to_degrees())
            .collect()
    };
    let medians = turns.iter().map(|turn| median(&far(turn)));
    let best = medians.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
    let mut frame = turns[best.expect("particles").0];
    for _ in 0..5 {
        let limit = 1.5 * median(&far(&frame));
        let near: Vec<DVec3> = (turns.iter())
            .filter(|turn| turn.angle_between(frame).to_degrees() <= limit.max(1e-3))
            .map(|turn| shortest(frame.inverse() * *turn))
            .collect();
        let mean = near.iter().sum::<DVec3>() / near.len() as f64;
        frame = (frame * DQuat::from_scaled_axis(mean)).normalize();
    }
    let moves: Vec<DVec3> = (found.shifts.iter().zip(&rows))
        .map(|(shift, row)| *shift - truth.shifts[*row])
        .collect();
    // The shift v of the frame that the medians of Aᵀ d tell.
    let turned: Vec<DVec3> = (found.rotations.iter().zip(&moves))
        .map(|(a, d)| a.inverse() * *d)
        .collect();
    let axis = |k: usize| median(&turned.iter().map(|v| v[k]).collect::<Vec<_>>());
    let offset = DVec3::new(axis(0), axis(1), axis(2));
    Errors {
        angles: far(&frame),
        shifts: turned.iter().map(|v| v.distance(offset)).collect(),
    }
}

fn shortest(turn: DQuat) -> DVec3 {
    let turn = if turn.w < 0.0 { -turn } else { turn };
    turn.to_scaled_axis()
}

/// The middle value.
pub fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value that a share of all lies below.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Root mean square.
pub fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
}

/// How many particles of each true class are in each found class: rows are found classes 1, 2, …
pub fn confusion(found: &[i64], truth: &[i64]) -> Vec<Vec<usize>> {
    let mut kinds = truth.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let largest = found.iter().copied().max().unwrap_or(0);
    let count = |class: i64, kind: i64| {
        let both = found.iter().zip(truth);
        both.filter(|(a, b)| **a == class && **b == kind).count()
    };
    (1..=largest)
        .map(|class| kinds.iter().map(|kind| count(class, *kind)).collect())
        .collect()
}

/// Share of the particles that belong to the commonest true class of their found class.
pub fn purity(confusion: &[Vec<usize>]) -> f64 {
    let most: usize = confusion.iter().filter_map(|row| row.iter().max()).sum();
    most as f64 / confusion.iter().flatten().sum::<usize>() as f64
}

#[cfg(test)]
mod tests {
    use glam::DMat3;

    use super::*;

    #[test]
    fn a_common_motion_is_no_error_and_errors_are_found() {
        let rotation =
            |i: usize| DQuat::from_euler(glam::EulerRot::ZYZ, i as f64, 0.7, 0.3 * i as f64);
        let truth = Poses {
            numbers: (0..9).collect(),
            rotations: (0..9).map(rotation).collect(),
            shifts: (0..9).map(|i| DVec3::splat(i as f64)).collect(),
            ..Poses::default()
        };
        let (turn, offset) = (DQuat::from_rotation_x(2.0), DVec3::new(3.0, -1.0, 2.0));
        let mut found = truth.clone();
        for i in 0..9 {
            found.rotations[i] = truth.rotations[i] * turn;
            found.shifts[i] = truth.shifts[i] + DMat3::from_quat(found.rotations[i]) * offset;
        }
        found.rotations[4] *= DQuat::from_rotation_z(0.1);
        let told = errors(&found, &truth);
        assert!(told.angles[3] < 1e-5 && (told.angles[4] - 0.1_f64.to_degrees()).abs() < 1e-5);
        assert!(told.shifts[3] < 1e-9, "{told:?}");
        assert_eq!(purity(&confusion(&[1, 1, 2], &[5, 7, 7])), 2.0 / 3.0);
    }
}
