//! Score maps and speed beside pytom-match-pick, run on a CPU through the shim of `../shared/bench/recon`.
//!
//! `THON_PYTOM_PYTHON` names a Python in which pytom-match-pick 0.14 is installed. The same volume, template, mask and angles go to
//! both; nothing is weighted, so that the definition of the score is all that is compared. On a GPU their template lies in a texture; the
//! shim's volume must hold a copy, or the first turned template overwrites the one that all others are turned from.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is wrong"
)]

use std::path::Path;
use std::process::Command;

use glam::DQuat;
use ndarray::Array3;
use rand::RngExt;
use thon_compute::{Quiet, seed_stream};
use thon_model::Map;
use thon_pick::{ContrastState, MatchOptions, Orientations, ScoreMap, match_template};
use thon_units::{Angstrom, PixelSize, Radians};

const DIMS: [usize; 3] = [100, 128, 120];
const BOX: usize = 31;
const RADIUS: f64 = 9.0;
const EDGE: f64 = 3.0;
const ORIENTATIONS: i32 = 40;

const SCRIPT: &str = r"
import sys, time, numpy as np
d = sys.argv[1]
import voltools as vt
_SV = vt.StaticVolume
class SV(_SV):
    def __init__(s, data, interpolation='linear', device='cpu'): super().__init__(np.array(data), 'linear' if interpolation == 'linear' else 'filt_bspline', 'cpu')
    def transform(s, *x, output=None, **k): output[...] = super().transform(*x, **k)
vt.StaticVolume = SV
from pytom_tm.matching import TemplateMatchingGPU
nz, ny, nx, n, radius, edge = [float(v) for v in sys.argv[2:8]]
nz, ny, nx, n = int(nz), int(ny), int(nx), int(n)
vol = np.fromfile(d + '/volume.f32', np.float32).reshape(nz, ny, nx).transpose(2, 1, 0).copy()
tpl = np.fromfile(d + '/template.f32', np.float32).reshape(n, n, n).transpose(2, 1, 0).copy()
angles = [tuple(a) for a in np.fromfile(d + '/angles.f64').reshape(-1, 3)]
g = np.indices(tpl.shape) - n // 2
r = np.sqrt((g**2).sum(0))
mask = np.where(r <= radius, 1.0, np.where(r >= radius + edge, 0.0, 0.5 + 0.5 * np.cos(np.pi * (r - radius) / edge))).astype(np.float32)
tm = TemplateMatchingGPU('0', 0, vol, tpl, mask, angles, list(range(len(angles))))
start = time.process_time()
scores, which, stats = tm.run()
print('%.2f' % ((time.process_time() - start) / len(angles) / vol.size * 1e9))
np.ascontiguousarray(np.asarray(scores).transpose(2, 1, 0), dtype=np.float32).tofile(d + '/scores.f32')
np.ascontiguousarray(np.asarray(which).transpose(2, 1, 0), dtype=np.float32).tofile(d + '/which.f32')
";

/// Gaussian blobs: smooth, so that both ways of turning give the same.
fn blobs(dims: [usize; 3], count: usize, seed: u64, spread: f64) -> Array3<f32> {
    let mut random = seed_stream(seed, "blobs", 0);
    let balls: Vec<[f64; 4]> = (0..count)
        .map(|_| {
            let mut place =
                |n: usize| n as f64 / 2.0 + (random.random::<f64>() - 0.5) * spread * n as f64;
            [
                place(dims[0]),
                place(dims[1]),
                place(dims[2]),
                random.random::<f64>() - 0.3,
            ]
        })
        .collect();
    let mut volume = Array3::<f32>::zeros(dims);
    for [z, y, x, height] in balls {
        let near = |at: f64, n: usize| {
            ((at - 9.0).max(0.0) as usize)..((at + 10.0).max(0.0) as usize).min(n)
        };
        for iz in near(z, dims[0]) {
            for iy in near(y, dims[1]) {
                for ix in near(x, dims[2]) {
                    let square =
                        (iz as f64 - z).powi(2) + (iy as f64 - y).powi(2) + (ix as f64 - x).powi(2);
                    volume[[iz, iy, ix]] += (height * (-square / 8.0).exp()) as f32;
                }
            }
        }
    }
    volume
}

fn write(path: &Path, values: &[f32]) {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(path, bytes).unwrap();
}

fn read(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// Their best scores, which angle gave them, and what they print.
fn theirs(
    python: &std::ffi::OsStr,
    volume: &Array3<f32>,
    template: &Array3<f32>,
    angles: &[[f64; 3]],
) -> (Vec<f32>, Vec<f32>, String) {
    let shim = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../shared/bench/recon/shim"
    );
    let directory = std::env::temp_dir().join(format!("thon-pytom-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    write(&directory.join("volume.f32"), volume.as_slice().unwrap());
    write(
        &directory.join("template.f32"),
        template.as_slice().unwrap(),
    );
    let bytes: Vec<u8> = angles
        .iter()
        .flatten()
        .flat_map(|a| a.to_le_bytes())
        .collect();
    std::fs::write(directory.join("angles.f64"), bytes).unwrap();
    let output = Command::new(python)
        .env("PYTHONPATH", shim)
        .env("OMP_NUM_THREADS", "1")
        .args(["-c", SCRIPT])
        .arg(&directory)
        .args(DIMS.map(|n| n.to_string()))
        .args([BOX.to_string(), RADIUS.to_string(), EDGE.to_string()])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = ["scores.f32", "which.f32"].map(|file| read(&directory.join(file)));
    std::fs::remove_dir_all(&directory).unwrap();
    let [scores, which] = found;
    (
        scores,
        which,
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// Two score maps away from the faces.
struct Agreement {
    /// Largest difference of scores.
    worst: f32,
    /// Correlation coefficient of the scores.
    correlation: f64,
    /// Part of the voxels with the same orientation.
    same: f64,
}

fn agreement(ours: &ScoreMap, scores: &[f32], which: &[f32]) -> Agreement {
    let inside = |i: usize, n: usize| (16..n - 16).contains(&i);
    let (mut worst, mut same, mut pairs) = (0_f32, 0, Vec::new());
    for (place, (score, orientation)) in ours.score.iter().zip(&ours.orientation).enumerate() {
        let (x, y, z) = (
            place % DIMS[2],
            place / DIMS[2] % DIMS[1],
            place / DIMS[2] / DIMS[1],
        );
        if inside(x, DIMS[2]) && inside(y, DIMS[1]) && inside(z, DIMS[0]) {
            worst = worst.max((score - scores[place]).abs());
            same += usize::from(which[place] as u32 == *orientation);
            pairs.push((f64::from(*score), f64::from(scores[place])));
        }
    }
    let count = pairs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / count;
    let (a, b) = (mean(|p| p.0), mean(|p| p.1));
    let covariance = mean(|p| p.0 * p.1) - a * b;
    let variances = (mean(|p| p.0 * p.0) - a * a) * (mean(|p| p.1 * p.1) - b * b);
    Agreement {
        worst,
        correlation: covariance / variances.sqrt(),
        same: same as f64 / count,
    }
}

/// Seconds that all threads of this process have computed.
fn on_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks.map(|t| t.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

#[test]
#[ignore = "needs pytom-match-pick"]
fn scores_equal_those_of_pytom_match_pick() {
    let Some(python) = std::env::var_os("THON_PYTOM_PYTHON") else {
        println!("skipped: THON_PYTOM_PYTHON is not set");
        return;
    };
    let volume = blobs(DIMS, 3000, 1, 1.1);
    let template = blobs([BOX; 3], 12, 2, 0.45);
    let angle = |i: i32| {
        [
            0.7 * f64::from(i),
            0.4 + 0.15 * f64::from(i % 5),
            1.1 * f64::from(i) + 0.3,
        ]
    };
    let angles: Vec<[f64; 3]> = (0..ORIENTATIONS).map(angle).collect();
    let (scores, which, text) = theirs(&python, &volume, &template, &angles);
    let voxel_size = PixelSize(10.0);
    let options = MatchOptions {
        mask_diameter: Angstrom(2.0 * RADIUS * 10.0),
        mask_edge: Angstrom(EDGE * 10.0),
        contrast: Some(ContrastState::UnusedBright),
        whiten: false,
        high_pass: None,
        significance: false,
        ..MatchOptions::default()
    };
    let map = Map::new(template, voxel_size);
    // Their angles turn about z, x and z again in the order they are written: Rz(c)·Rx(b)·Rz(a), active.
    let rotation = |[a, b, c]: &[f64; 3]| {
        DQuat::from_rotation_z(*c) * DQuat::from_rotation_x(*b) * DQuat::from_rotation_z(*a)
    };
    let rotations: Vec<DQuat> = angles.iter().map(rotation).collect();
    let search = |count: usize| {
        let grid = Orientations::listed(rotations[..count].to_vec(), Radians(0.1));
        let start = on_cpu();
        let volume = volume.clone();
        let found = match_template(volume, &map, &[], &grid, voxel_size, &options, &Quiet);
        (found.unwrap(), on_cpu() - start)
    };
    // What does not depend on the number of orientations is taken off; theirs is within their loop.
    let ((_, few), (ours, many)) = (search(4), search(angles.len()));
    let each = (many - few) / (angles.len() - 4) as f64 / volume.len() as f64 * 1e9;
    let found = agreement(&ours.template, &scores, &which);
    println!(
        "{} orientations: correlation of scores {:.6}, largest difference {:.4}, the same orientation at {:.2} % of the voxels",
        angles.len(),
        found.correlation,
        found.worst,
        100.0 * found.same
    );
    let theirs: f64 = text.lines().last().unwrap_or("").trim().parse().unwrap();
    println!(
        "ns of one core per voxel and orientation: {theirs:.1} (pytom-match-pick), {each:.1} (ours), ratio {:.1}",
        theirs / each
    );
    assert!(found.correlation > 0.999 && found.worst < 0.02 && found.same > 0.98);
}
