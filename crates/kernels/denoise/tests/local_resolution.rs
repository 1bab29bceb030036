//! Local resolution of a tomogram against a truth made for it: two sides that end at different frequencies, in weak and strong noise.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use ndarray::Array3;
use rand::RngExt;
use thon_compute::{Quiet, seed_stream};
use thon_denoise::*;
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};
use thon_units::{Angstrom, PixelSize};

const DIMS: [usize; 3] = [48, 64, 128];
const COUNT: usize = 48 * 64 * 128;

/// White noise of deviation 1.
fn white(name: &str, index: u64) -> Vec<f32> {
    let mut stream = seed_stream(12, name, index);
    (0..COUNT)
        .map(|_| {
            let a: f64 = stream.random_range(1e-12..1.0);
            let b: f64 = stream.random_range(0.0..1.0);
            ((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
        })
        .collect()
}

/// Structure up to `cutoff` (cycles per voxel) of deviation 1.
fn structure(cutoff: f64, index: u64) -> Vec<f32> {
    let array = Array3::from_shape_vec(DIMS, white("structure", index)).unwrap();
    let filter = RadialFilter::LowPass {
        cutoff,
        edge: Edge::RaisedCosine(0.01),
    };
    let filtered = apply_filters3(&array, 1.0, &[filter]);
    let square = filtered.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    let scale = (filtered.len() as f64 / square).sqrt() as f32;
    filtered.iter().map(|v| v * scale).collect()
}

fn options() -> LocalResolutionOptions {
    LocalResolutionOptions {
        coarsest: Angstrom(200.0),
        frequencies: 32,
        ..LocalResolutionOptions::default()
    }
}

/// Median resolution (Å) of the left and of the right side for structure in noise of `deviation` in each half.
fn measured(clean: &[f32], deviation: f32) -> [f32; 2] {
    let half = |index: u64| VoxelsInMemory {
        dims: DIMS,
        voxels: clean
            .iter()
            .zip(white("noise", index))
            .map(|(clean, noise)| clean + deviation * noise)
            .collect(),
    };
    let mut sink = VoxelsInMemory::zeros(DIMS);
    let voxel = PixelSize(10.0);
    let report = local_resolution(
        &half(5),
        &half(6),
        voxel,
        &options(),
        2000,
        &Quiet,
        &mut sink,
    )
    .unwrap();
    assert_eq!(report.voxels.iter().sum::<u64>(), COUNT as u64);
    let median = |columns: std::ops::Range<usize>| {
        let mut values: Vec<f32> = (0..48 * 64)
            .flat_map(|row| sink.voxels[row * 128..][columns.clone()].to_vec())
            .collect();
        values.sort_by(f32::total_cmp);
        values[values.len() / 2]
    };
    [median(12..44), median(84..116)]
}

#[test]
fn two_sides_are_told_apart_in_any_noise() {
    // Left detail to 4 voxels, right to 10; power 15 and 239 per frequency against half the square of the noise's deviation.
    let (fine, coarse) = (structure(1.0 / 4.0, 0), structure(1.0 / 10.0, 1));
    let clean: Vec<f32> = (0..COUNT)
        .map(|i| if i % 128 < 64 { fine[i] } else { coarse[i] })
        .collect();
    for deviation in [0.01, 0.1, 0.8, 3.0] {
        let [left, right] = measured(&clean, deviation);
        println!(
            "local resolution, noise {deviation}: {left:.1} (truth 40) and {right:.1} (truth 100) A"
        );
        assert!(
            (left / 40.0 - 1.0).abs() < 0.15,
            "{left} in noise {deviation}"
        );
        assert!(
            (right / 100.0 - 1.0).abs() < 0.15,
            "{right} in noise {deviation}"
        );
    }
    // Six times less signal than noise on the left, three times more on the right.
    let [left, right] = measured(&clean, 13.0);
    println!("local resolution, noise 13: {left:.1} (truth none) and {right:.1} (truth 100) A");
    assert!(
        left > 100.0 && (right / 100.0 - 1.0).abs() < 0.25,
        "{left} and {right}"
    );
}

#[test]
fn the_same_structure_resolves_less_where_it_is_weak() {
    // Power falls with the fourth power of frequency; on the right it is a hundred times weaker.
    let mut all = vec![0.0_f32; COUNT];
    for step in 0..16 {
        let (from, to) = (
            0.05 + 0.025 * f64::from(step),
            0.075 + 0.025 * f64::from(step),
        );
        let array = Array3::from_shape_vec(DIMS, white("shells", step as u64)).unwrap();
        let low = |cutoff: f64| {
            let edge = Edge::RaisedCosine(0.005);
            apply_filters3(&array, 1.0, &[RadialFilter::LowPass { cutoff, edge }])
        };
        let amplitude = (0.0625 / from).powi(2) as f32;
        for ((sum, outer), inner) in all.iter_mut().zip(&low(to)).zip(&low(from)) {
            *sum += amplitude * (outer - inner);
        }
    }
    let clean: Vec<f32> = (0..COUNT)
        .map(|i| if i % 128 < 64 { all[i] } else { 0.1 * all[i] })
        .collect();
    // White noise of power 0.5 d² against (0.0625/k)⁴: equal at 0.0625 (2/d²)^¼ on the left, √10 lower on the right.
    let deviation = 0.06_f32;
    let [left, right] = measured(&clean, deviation);
    let equal = 10.0 / (0.0625 * (2.0 / f64::from(deviation).powi(2)).powf(0.25));
    let truth = [equal as f32, (equal * 10.0_f64.sqrt()) as f32];
    println!(
        "local resolution, falling power: {left:.1} and {right:.1}, power equal to noise at {truth:.1?} A"
    );
    // A voxel needs less than equal power to stand out of the noise; how much less is the same on both sides.
    for (found, equal) in [left, right].into_iter().zip(truth) {
        assert!(
            found < equal && found > 0.62 * equal,
            "{found}, equal at {equal}"
        );
    }
    assert!(
        (right / left / 10.0_f32.sqrt() - 1.0).abs() < 0.15,
        "{right} over {left}"
    );
}
