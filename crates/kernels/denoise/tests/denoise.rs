//! What each method does to a phantom of shells and threads in noise; bands, threads, bad input.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use rand::RngExt;
use thon_compute::{Quiet, seed_stream};
use thon_denoise::*;
use thon_model::{Ctf, Optics};
use thon_units::{Angstrom, PixelSize};

/// A shell three voxels thick, a ball and a thread; density 1.
fn phantom(dims: [usize; 3]) -> Vec<f32> {
    let [nz, ny, nx] = dims;
    let centre = [nz as f64 / 2.0, ny as f64 / 2.0, nx as f64 / 2.0];
    let radius = 0.35 * nz.min(ny).min(nx) as f64;
    (0..nz * ny * nx)
        .map(|i| {
            let (z, y, x) = (i / (ny * nx), i / nx % ny, i % nx);
            let d = [
                z as f64 - centre[0],
                y as f64 - centre[1],
                x as f64 - centre[2],
            ];
            let r = (d[0] * d[0] + d[1] * d[1] + d[2] * d[2]).sqrt();
            let edge = |distance: f64| 1.0 / (1.0 + (2.5 * distance).exp());
            let shell = edge((r - radius).abs() - 1.5);
            let ball = edge(r - 0.3 * radius);
            let thread = edge((d[0] + 0.45 * radius).hypot(d[2] - 0.5 * radius) - 1.5);
            shell.max(ball).max(thread) as f32
        })
        .collect()
}

fn noisy(clean: &[f32], deviation: f64, index: u64) -> Vec<f32> {
    let mut stream = seed_stream(4, "noise", index);
    clean
        .iter()
        .map(|v| {
            let (a, b): (f64, f64) = (
                stream.random_range(1e-12..1.0),
                stream.random_range(0.0..1.0),
            );
            v + (deviation * (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
        })
        .collect()
}

fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|v| f64::from(*v)).sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter()
            .zip(b)
            .map(|(x, y)| f(f64::from(*x) - ma, f64::from(*y) - mb))
            .sum()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

fn run(
    method: &Method,
    dims: [usize; 3],
    voxels: &[f32],
    memory: usize,
) -> (Vec<f32>, DenoiseReport) {
    let source = VoxelsInMemory {
        dims,
        voxels: voxels.to_vec(),
    };
    let mut sink = VoxelsInMemory::zeros(dims);
    let report = denoise(&source, method, memory, &Quiet, &mut sink).unwrap();
    (sink.voxels, report)
}

fn kinds() -> Vec<Method> {
    let diffusion = |kind| {
        Method::Diffusion(DiffusionOptions {
            kind,
            ..DiffusionOptions::default()
        })
    };
    vec![
        diffusion(DiffusionKind::EdgeEnhancing),
        diffusion(DiffusionKind::CoherenceEnhancing),
        diffusion(DiffusionKind::Hybrid),
        Method::Beltrami(BeltramiOptions {
            iterations: 12,
            ..BeltramiOptions::default()
        }),
        Method::Bilateral(BilateralOptions::default()),
        Method::NonLocalMeans(NonLocalMeansOptions {
            search: 3,
            ..NonLocalMeansOptions::default()
        }),
        Method::Median(MedianOptions::default()),
    ]
}

#[test]
fn every_method_brings_a_noisy_phantom_nearer_to_the_truth() {
    let dims = [40, 48, 56];
    let clean = phantom(dims);
    let noisy = noisy(&clean, 0.7, 0);
    let before = correlation(&noisy, &clean);
    for method in kinds() {
        let (after, _) = run(&method, dims, &noisy, 2000);
        let gained = correlation(&after, &clean);
        println!("{before:.3} -> {gained:.3}  {method:?}");
        let least = match method {
            Method::Diffusion(o) if o.kind == DiffusionKind::CoherenceEnhancing => before + 0.005,
            Method::Diffusion(_) => before + 0.25,
            _ => before + 0.15,
        };
        assert!(
            gained > least,
            "{method:?}: {before} before, {gained} after"
        );
        let mean = |v: &[f32]| v.iter().map(|v| f64::from(*v)).sum::<f64>() / v.len() as f64;
        assert!((mean(&after) - mean(&noisy)).abs() < 0.02, "{method:?}");
    }
}

#[test]
fn diffusion_keeps_the_edges_of_a_membrane() {
    // Width at half maximum of the shell, along x through the middle, without noise.
    let dims = [64, 64, 64];
    let clean = phantom(dims);
    let width = |v: &[f32]| -> f64 {
        let row = &v[(32 * 64 + 32) * 64 + 45..(32 * 64 + 32) * 64 + 64];
        let sum: f64 = row.iter().map(|v| f64::from(*v)).sum();
        sum / f64::from(row.iter().copied().fold(0.0, f32::max))
    };
    let noisy = noisy(&clean, 0.25, 1);
    let (after, report) = run(
        &Method::Diffusion(DiffusionOptions::default()),
        dims,
        &noisy,
        2000,
    );
    assert_eq!(report.gradients.len(), 10);
    assert!(
        report.gradients.windows(2).all(|w| w[1] < w[0]),
        "{:?}",
        report.gradients
    );
    let (true_width, found) = (width(&clean), width(&after));
    println!("shell {true_width:.2} voxels, {found:.2} after");
    assert!(found < 1.15 * true_width, "{found} against {true_width}");
}

#[test]
fn bands_change_hardly_anything_and_threads_nothing() {
    let dims = [24, 90, 40];
    let noisy = noisy(&phantom(dims), 0.5, 2);
    for method in kinds() {
        let (whole, one) = run(&method, dims, &noisy, 2000);
        let (banded, many) = run(&method, dims, &noisy, 0);
        assert!(one.bands == 1 && many.bands > 5, "{many:?}");
        let worst = whole
            .iter()
            .zip(&banded)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        // Non-local means measure their noise band by band; the hybrid switches, and a hair's breadth may decide.
        let limit = match method {
            Method::NonLocalMeans(_) => 0.1,
            Method::Diffusion(o) if o.kind == DiffusionKind::Hybrid => 0.1,
            _ => 1e-3,
        };
        assert!(worst < limit, "{method:?}: {worst}");
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(3)
            .build()
            .unwrap();
        let again = pool.install(|| run(&method, dims, &noisy, 2000).0);
        assert!(whole == again, "{method:?}");
    }
}

#[test]
fn wrong_options_and_volumes_are_refused() {
    let dims = [8, 8, 8];
    let fails = |method: Method, voxels: Vec<f32>| {
        let source = VoxelsInMemory { dims, voxels };
        denoise(
            &source,
            &method,
            10,
            &Quiet,
            &mut VoxelsInMemory::zeros(dims),
        )
        .unwrap_err()
        .to_string()
    };
    let ramp: Vec<f32> = (0..512).map(|i| i as f32).collect();
    let wild = Method::Diffusion(DiffusionOptions {
        time_step: 0.5,
        ..DiffusionOptions::default()
    });
    assert!(fails(wild, ramp.clone()).contains("time_step is 0.5"));
    let median = Method::Median(MedianOptions::default());
    assert!(fails(median, vec![2.0; 512]).contains("no contrast"));
    let mut broken = ramp;
    broken[100] = f32::NAN;
    assert!(fails(median, broken).contains("1 voxels"));
}

#[test]
fn deconvolution_applies_its_gain() {
    let (dims, voxel) = ([64, 72, 80], PixelSize(10.0));
    let (optics, ctf) = (Optics::default(), Ctf::round(Angstrom(30000.0)));
    let options = DeconvolutionOptions::default();
    // Waves along x that the mirrored edges continue: cos(π m (x + ½) / n).
    for m in [4, 10, 22] {
        let k = f64::from(m) / (2.0 * 80.0 * 10.0);
        let wave = |x: usize| (std::f64::consts::PI * f64::from(m) * (x as f64 + 0.5) / 80.0).cos();
        let source = VoxelsInMemory {
            dims,
            voxels: (0..64 * 72 * 80).map(|i| wave(i % 80) as f32).collect(),
        };
        let gain = deconvolution_gain(&options, &optics, &ctf, true, voxel, k);
        for memory in [1000, 0] {
            let mut sink = VoxelsInMemory::zeros(dims);
            deconvolve(
                &source, &optics, &ctf, true, voxel, &options, memory, &Quiet, &mut sink,
            )
            .unwrap();
            let middle = &sink.voxels[(32 * 72 + 36) * 80..][..80];
            let found: f64 = (0..80).map(|x| f64::from(middle[x]) * wave(x)).sum::<f64>()
                / (0..80).map(|x| wave(x).powi(2)).sum::<f64>();
            assert!(
                (found - gain).abs() < 0.1 * gain.abs() + 0.02,
                "{found} for {gain} at {m}"
            );
        }
    }
}
