//! Bead alignment of the simulated series with truth (`shared/bench/recon/gen_ts.py`), scored as its `eval_align.py` does:
//! reprojection error of 300 specimen points after one rigid motion. Reads the folder `THON_RECON_DATA`; ignored without.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test file with helper functions"
)]

use std::path::{Path, PathBuf};

use glam::{DMat3, DVec2, DVec3};
use ndarray::Array2;
use thon_align::{BeadOptions, Images, Solution, align_beads};
use thon_compute::cholesky::Cholesky;
use thon_geometry::TiltGeometry;
use thon_units::Degrees;

struct Stack {
    size: [usize; 2],
    sections: Vec<Array2<f32>>,
}

impl Images for Stack {
    fn size(&self) -> [usize; 2] {
        self.size
    }

    fn load(&self, view: usize) -> Result<Array2<f32>, String> {
        Ok(self.sections[view].clone())
    }
}

fn stack(path: &Path) -> Stack {
    let bytes = std::fs::read(path).unwrap();
    let word = |k: usize| i32::from_le_bytes(bytes[4 * k..4 * k + 4].try_into().unwrap());
    let [nx, ny, nz] = [0, 1, 2].map(|k| usize::try_from(word(k)).unwrap());
    assert_eq!(word(3), 1, "the generator writes 16-bit integers");
    let data = &bytes[1024 + usize::try_from(word(23)).unwrap()..];
    let section = |z: usize| {
        let at = |(y, x): (usize, usize)| {
            let k = 2 * ((z * ny + y) * nx + x);
            f32::from(i16::from_le_bytes([data[k], data[k + 1]]))
        };
        Array2::from_shape_fn((ny, nx), at)
    };
    Stack {
        size: [ny, nx],
        sections: (0..nz).map(section).collect(),
    }
}

struct Truth {
    n: f64,
    pixel: f64,
    thickness: f64,
    tilts: Vec<f64>,
    axes: Vec<f64>,
    magnifications: Vec<f64>,
    shifts: Vec<DVec2>,
}

fn truth(path: &Path) -> Truth {
    let text = std::fs::read_to_string(path).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = |key: &str| -> Vec<f64> {
        json[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect()
    };
    let shift = |v: &serde_json::Value| DVec2::new(v[0].as_f64().unwrap(), v[1].as_f64().unwrap());
    Truth {
        n: json["n"].as_f64().unwrap(),
        pixel: json["apix"].as_f64().unwrap(),
        thickness: json["thick"].as_f64().unwrap(),
        tilts: list("tilt_true"),
        axes: list("rot"),
        magnifications: list("mag"),
        shifts: json["shift"]
            .as_array()
            .unwrap()
            .iter()
            .map(shift)
            .collect(),
    }
}

/// A linear congruence is enough for test points.
fn points(truth: &Truth) -> Vec<DVec3> {
    let mut state = 12345_u64;
    let mut uniform = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
    };
    let field = 0.4 * truth.n * truth.pixel;
    let point = |_| {
        DVec3::new(
            field * uniform(),
            field * uniform(),
            0.5 * truth.thickness * uniform(),
        )
    };
    (0..300).map(point).collect()
}

/// Root mean square and worst view of the reprojection error, Å, and mean error of the axis, degrees.
pub struct Score {
    rms: f64,
    worst_view: f64,
    axis: f64,
}

fn score(truth: &Truth, geometry: &[Option<TiltGeometry>]) -> Score {
    let points = points(truth);
    // The generator's centre is (n − 1)/2, ours n/2: half a pixel.
    let half = DVec2::splat(-0.5 * truth.pixel);
    let view = |i: usize| {
        let matrix = DMat3::from_rotation_z(truth.axes[i].to_radians())
            * DMat3::from_rotation_y(truth.tilts[i].to_radians())
            * truth.magnifications[i];
        (matrix, truth.shifts[i] * truth.pixel + half)
    };
    let real: Vec<_> = (0..truth.tilts.len()).map(view).collect();
    let mut motion = [0.0; 6];
    let moved = |q: &[f64; 6], p: DVec3| {
        DMat3::from_rotation_z(q[2])
            * DMat3::from_rotation_y(q[1])
            * DMat3::from_rotation_x(q[0])
            * p
            + DVec3::new(q[3], q[4], q[5])
    };
    let errors = |q: &[f64; 6]| -> Vec<Vec<DVec2>> {
        geometry
            .iter()
            .enumerate()
            .filter_map(|(i, g)| {
                let g = (*g)?;
                let (matrix, shift) = real[i];
                let own = g.matrix();
                let miss = |p: &DVec3| {
                    (own * moved(q, *p)).truncate() + g.shift - (matrix * *p).truncate() - shift
                };
                Some(points.iter().map(miss).collect())
            })
            .collect()
    };
    for _ in 0..20 {
        let flat = |q: &[f64; 6]| -> Vec<f64> {
            errors(q)
                .into_iter()
                .flatten()
                .flat_map(|e| [e.x, e.y])
                .collect()
        };
        let now = flat(&motion);
        let columns: Vec<Vec<f64>> = (0..6)
            .map(|k| {
                let h = if k < 3 { 1e-5 } else { 1e-1 };
                let (mut plus, mut minus) = (motion, motion);
                plus[k] += h;
                minus[k] -= h;
                flat(&plus)
                    .iter()
                    .zip(flat(&minus))
                    .map(|(a, b)| (a - b) / (2.0 * h))
                    .collect()
            })
            .collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let normal = (0..36)
            .map(|k| dot(&columns[k / 6], &columns[k % 6]))
            .collect();
        let right: Vec<f64> = columns.iter().map(|column| -dot(column, &now)).collect();
        let step = Cholesky::new(6, normal).unwrap().solve(&right);
        for (value, step) in motion.iter_mut().zip(step) {
            *value += step;
        }
    }
    let errors = errors(&motion);
    let square = |view: &Vec<DVec2>| {
        view.iter().map(|e| e.length_squared()).sum::<f64>() / view.len() as f64
    };
    let views: Vec<f64> = errors.iter().map(square).collect();
    let axes: Vec<f64> = geometry
        .iter()
        .enumerate()
        .filter_map(|(i, g)| g.map(|g| wrapped(g.tilt_axis_angle.0.to_degrees() - truth.axes[i])))
        .collect();
    Score {
        rms: (views.iter().sum::<f64>() / views.len() as f64).sqrt(),
        worst_view: views.iter().copied().fold(0.0, f64::max).sqrt(),
        axis: axes.iter().sum::<f64>() / axes.len() as f64,
    }
}

fn wrapped(degrees: f64) -> f64 {
    (degrees + 180.0).rem_euclid(360.0) - 180.0
}

fn start(folder: &Path, axis: f64) -> Vec<TiltGeometry> {
    let text = std::fs::read_to_string(folder.join("ts.rawtlt")).unwrap();
    let view = |line: &str| TiltGeometry {
        tilt_axis_angle: Degrees(axis).radians(),
        ..TiltGeometry::tilted(Degrees(line.trim().parse().unwrap()).radians())
    };
    text.lines().map(view).collect()
}

fn run(name: &str) -> (Score, Solution) {
    let root = PathBuf::from(std::env::var("THON_RECON_DATA").unwrap());
    let folder = root.join(name);
    let truth = truth(&folder.join("truth.json"));
    let stack = stack(&folder.join("ts.mrc"));
    let start = start(&folder, 84.1);
    let used = vec![true; start.len()];
    let options = BeadOptions {
        diameter: Some(100.0),
        ..BeadOptions::default()
    };
    let clock = std::time::Instant::now();
    let result = align_beads(
        &stack,
        &start,
        &used,
        truth.pixel,
        &options,
        &thon_compute::Quiet,
    )
    .unwrap();
    for diagnosis in &result.diagnoses {
        println!("{name}: {diagnosis}");
    }
    let counts: Vec<usize> = result.candidates.iter().map(Vec::len).collect();
    println!(
        "{name}: candidates {counts:?}, measured diameter {:?} Å, {:.1} s",
        result.measured_diameter,
        clock.elapsed().as_secs_f64()
    );
    let solution = result.solution.unwrap();
    let score = score(&truth, &solution.geometry);
    println!(
        "{name}: {} beads, residual {:.2} Å (weighted {:.2}), spreads {:?}; reprojection {:.4} nm, worst view {:.4} nm, axis {:+.4}°",
        result.tracks.len(),
        solution.mean_residual,
        solution.weighted_mean_residual,
        solution.spreads,
        score.rms / 10.0,
        score.worst_view / 10.0,
        score.axis
    );
    let peer = if name.starts_with("ts512") {
        0.136
    } else {
        0.111
    };
    println!(
        "alignment: {name}, beads: {:.3} nm, worst view {:.3} nm, axis {:+.3}° | IMOD {peer} nm | bound 0.15, worst 0.45, axis 0.05; stretch 0.08",
        score.rms / 10.0,
        score.worst_view / 10.0,
        score.axis
    );
    (score, solution)
}

#[test]
#[ignore = "needs THON_RECON_DATA"]
fn beads_of_five_small_series() {
    for seed in 1..=5 {
        let (score, _) = run(&format!("ts512_s{seed}"));
        assert!(score.rms <= 1.5 && score.worst_view <= 4.5 && score.axis.abs() <= 0.05);
    }
}

#[test]
#[ignore = "needs THON_RECON_DATA"]
fn beads_of_five_large_series() {
    for name in ["ts1k_s7", "ts1k_s1", "ts1k_s2", "ts1k_s3", "ts1k_s4"] {
        let (score, _) = run(name);
        assert!(score.rms <= 1.5 && score.worst_view <= 4.5 && score.axis.abs() <= 0.05);
    }
}
