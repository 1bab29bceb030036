//! Maps against `relion_postprocess` (Debian's RELION 3.1) on half maps made here: FSC curves, B factor, sharpened map, local
//! resolution.
//!
//! RELION draws its random phases from the C library's `rand()`. Post-processing makes the same stream, so that the curves of
//! randomised phases can be compared number by number and not only on average.
#![expect(clippy::print_stdout, reason = "figures and what is skipped are said")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::Array3;
use rand::RngExt;
use thon_compute::{Quiet, seed_stream};
use thon_formats::star;
use thon_images::mrc::write_volume;
use thon_maps::local_resolution::{LocalOptions, local_resolution};
use thon_maps::post_process::{
    BFactorChoice, PostProcessOptions, TransferCurve, post_process, shell_filter,
};
use thon_model::{Map, Mask};
use thon_signal::fft::Fft3;
use thon_signal::mask::{box_centre, sphere};
use thon_signal::shells::RandomPhases;
use thon_simulate::phantom::Phantom;
use thon_tests::read_map;
use thon_units::{Angstrom, PixelSize, SquareAngstrom};

const EDGE: usize = 64;
const VOXEL: f64 = 5.0;

fn relion_is_installed() -> bool {
    let found = Command::new("relion_postprocess")
        .arg("--version")
        .output()
        .is_ok();
    if !found {
        println!("skipped: relion_postprocess is not installed");
    }
    found
}

/// A blurred ribosome with white noise, three times as strong to +x as to −x.
fn half_maps() -> [Map; 2] {
    let phantom = Phantom::ribosome_70s().volume(EDGE, PixelSize(VOXEL)).data;
    let plan = Fft3::plan([EDGE; 3]);
    let mut spectrum = plan.forward(&phantom);
    shell_filter(&mut spectrum, [EDGE; 3], |f, _| {
        (-250.0 * (f / VOXEL).powi(2) / 4.0).exp()
    });
    let signal = plan.inverse(&spectrum);
    let scale = signal.iter().map(|v| v * v).sum::<f32>().sqrt() / (signal.len() as f32).sqrt();
    [1, 2].map(|half| {
        let mut rng = seed_stream(7, "half", half);
        let mut data = signal.clone();
        for ((_, _, x), value) in data.indexed_iter_mut() {
            let level = if x < EDGE / 2 { 0.4 } else { 1.2 };
            let noise = (0..12).map(|_| rng.random_range(-0.5f32..0.5)).sum::<f32>();
            *value += level * scale * noise;
        }
        Map::new(data, PixelSize(VOXEL))
    })
}

fn write(directory: &Path, name: &str, map: &Map) -> PathBuf {
    let path = directory.join(name);
    let values: Vec<f32> = map.data.iter().copied().collect();
    write_volume(&path, &values, map.dims(), Some(VOXEL)).unwrap();
    path
}

/// Runs `relion_postprocess` on both halves; CPU seconds that it took.
fn relion(directory: &Path, halves: &[Map; 2], arguments: &str) -> f64 {
    write(directory, "run_half1_class001_unfil.mrc", &halves[0]);
    write(directory, "run_half2_class001_unfil.mrc", &halves[1]);
    let command = format!(
        "time relion_postprocess --i run_half1_class001_unfil.mrc --angpix {VOXEL} --o relion {arguments} > log 2>&1"
    );
    let output = Command::new("bash")
        .current_dir(directory)
        .env("TIMEFORMAT", "%U %S")
        .args(["-c", &command])
        .output()
        .unwrap();
    let times = String::from_utf8(output.stderr).unwrap();
    let line = times.lines().last().unwrap_or_default();
    line.split_whitespace()
        .filter_map(|t| t.parse::<f64>().ok())
        .sum()
}

fn largest(a: &[f64], b: &[f64]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

#[test]
fn with_the_same_random_phases_relion_finds_the_same() {
    if !relion_is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let halves = half_maps();
    let ball = sphere([EDGE; 3], box_centre([EDGE; 3]), 26.0, 4.0);
    let mask = Mask(Map::new(ball, PixelSize(VOXEL)));
    write(directory.path(), "mask.mrc", &mask.0);
    // A negative low-pass is RELION's word for the resolution at FSC 0.143.
    let arguments = "--mask mask.mrc --auto_bfac --autob_lowres 25 --low_pass -1 --random_seed 5";
    relion(directory.path(), &halves, arguments);
    let file = star::read(&directory.path().join("relion.star")).unwrap();
    let column = |block: &str, label: &str| {
        file.table(block)
            .unwrap()
            .column(label)
            .unwrap()
            .to_f64()
            .unwrap()
    };
    let general = |label: &str| column("general", label)[0];
    let mut options = PostProcessOptions::default();
    options.b_factor.fit_from = Angstrom(25.0);
    options.seed = 5;
    let pair = [&halves[0], &halves[1]];
    let ours = post_process(pair, &mask, None, &options).unwrap();
    let c = &ours.correlation;
    let mut differences = Vec::new();
    for (label, curve) in [
        ("UnmaskedMaps", &c.unmasked.fsc),
        ("MaskedMaps", &c.masked.fsc),
        ("Corrected", &c.corrected.fsc),
        ("ParticleMaskFraction", &ours.particle_fraction),
    ] {
        let theirs = column("fsc", &format!("rlnFourierShellCorrelation{label}"));
        differences.push((label, largest(curve, &theirs)));
    }
    let label = "rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps";
    differences.push((
        "PhaseRandomized",
        largest(&c.randomised.fsc, &column("fsc", label)),
    ));
    let amplitudes = column("guinier", "rlnLogAmplitudesOriginal");
    let guinier = largest(&ours.guinier[0].log_amplitude[1..], &amplitudes[1..]);
    let b_factor = general("rlnBfactorUsedForSharpening");
    let resolution = general("rlnFinalResolution");
    println!(
        "relion_postprocess, largest differences: {differences:.1?}; ln amplitude {guinier:.1e}; resolution {:.3} against \
         {resolution:.3} Å; B {:.2} against {b_factor:.2} Å²",
        ours.resolution.0, ours.b_factor.0
    );
    for (label, difference) in &differences {
        println!("relion_postprocess {label}: {difference:.1e}");
        assert!(*difference < 1e-4, "{label}: {difference}");
    }
    assert!(guinier < 1e-4);
    assert!((ours.resolution.0 - resolution).abs() < 1e-3);
    assert!((ours.b_factor.0 / b_factor - 1.0).abs() < 1e-3);
    let map = read_map(&directory.path().join("relion.mrc"));
    let scale = map.data.iter().map(|v| v * v).sum::<f32>().sqrt();
    let difference = (&map.data - &ours.map.data)
        .iter()
        .map(|v| v * v)
        .sum::<f32>()
        .sqrt();
    println!(
        "relion_postprocess, sharpened map: {:.1e} of it differs",
        difference / scale
    );
    assert!(difference / scale < 1e-3);
}

#[test]
fn a_transfer_function_a_given_b_factor_and_a_low_pass_make_the_same_map() {
    if !relion_is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let halves = half_maps();
    let ball = sphere([EDGE; 3], box_centre([EDGE; 3]), 26.0, 4.0);
    let mask = Mask(Map::new(ball, PixelSize(VOXEL)));
    write(directory.path(), "mask.mrc", &mask.0);
    // Evenly spaced, as RELION wants its tables.
    let points: Vec<(f64, f64)> = (0..=100)
        .map(|i| {
            (
                f64::from(i) * 0.005,
                1.0 / (1.0 + (f64::from(i) * 0.015).powi(2)),
            )
        })
        .collect();
    let rows: Vec<String> = points.iter().map(|(k, m)| format!("{k} {m}\n")).collect();
    let rows = rows.concat();
    let table = format!("data_\n\nloop_\n_rlnResolutionInversePixel #1\n_rlnMtfValue #2\n{rows}\n");
    std::fs::write(directory.path().join("mtf.star"), table).unwrap();
    // Pixels of the detector are half as long as the map's voxels.
    let arguments = "--mask mask.mrc --mtf mtf.star --mtf_angpix 2.5 --skip_fsc_weighting --adhoc_bfac -150 --low_pass 14";
    relion(directory.path(), &halves, arguments);
    let theirs = read_map(&directory.path().join("relion.mrc"));
    let transfer = TransferCurve::new(points, 2.0).unwrap();
    let options = PostProcessOptions {
        b_factor: BFactorChoice {
            given: Some(SquareAngstrom(-150.0)),
            ..BFactorChoice::default()
        },
        fsc_weighting: false,
        low_pass: Some(Angstrom(14.0)),
        ..PostProcessOptions::default()
    };
    let pair = [&halves[0], &halves[1]];
    let ours = post_process(pair, &mask, Some(&transfer), &options).unwrap();
    let norm = |data: &Array3<f32>| data.iter().map(|v| v * v).sum::<f32>().sqrt();
    let difference = norm(&(&theirs.data - &ours.map.data)) / norm(&theirs.data);
    println!(
        "relion_postprocess, MTF, given B factor and low-pass: {difference:.1e} of the map differs"
    );
    assert!(difference < 1e-3);
}

#[test]
fn our_own_random_phases_give_the_same_within_their_scatter() {
    if !relion_is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let halves = half_maps();
    let ball = sphere([EDGE; 3], box_centre([EDGE; 3]), 26.0, 4.0);
    let mask = Mask(Map::new(ball, PixelSize(VOXEL)));
    write(directory.path(), "mask.mrc", &mask.0);
    // A negative low-pass is RELION's word for the resolution at FSC 0.143.
    let arguments = "--mask mask.mrc --auto_bfac --autob_lowres 25 --low_pass -1 --random_seed 5";
    relion(directory.path(), &halves, arguments);
    let file = star::read(&directory.path().join("relion.star")).unwrap();
    let general = |label: &str| {
        let table = file.table("general").unwrap();
        table.column(label).unwrap().to_f64().unwrap()[0]
    };
    let mut options = PostProcessOptions::default();
    options.b_factor.fit_from = Angstrom(25.0);
    (options.phases, options.randomisations) = (RandomPhases::Own, 4);
    let pair = [&halves[0], &halves[1]];
    let ours = post_process(pair, &mask, None, &options).unwrap();
    let (b_factor, resolution) = (
        general("rlnBfactorUsedForSharpening"),
        general("rlnFinalResolution"),
    );
    println!(
        "relion_postprocess, own phases: resolution {:.2} against {resolution:.2} Å; B {:.1} against {b_factor:.1} Å²",
        ours.resolution.0, ours.b_factor.0
    );
    let shell = |r: f64| (EDGE as f64 * VOXEL / r).round();
    assert!((shell(ours.resolution.0) - shell(resolution)).abs() <= 1.0);
    assert!((ours.b_factor.0 / b_factor - 1.0).abs() < 0.05);
}

#[test]
#[ignore = "half a minute of relion_postprocess --locres"]
fn local_resolution_agrees_with_relion_at_a_fraction_of_its_cost() {
    if !relion_is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let halves = half_maps();
    let theirs = relion(directory.path(), &halves, "--locres --adhoc_bfac -100");
    let options = LocalOptions {
        b_factor: SquareAngstrom(-100.0),
        monotone: false,
        ..LocalOptions::default()
    };
    let start = cpu_seconds();
    let ours = local_resolution([&halves[0], &halves[1]], None, None, &options, &Quiet).unwrap();
    let spent = cpu_seconds() - start;
    let resolution = read_map(&directory.path().join("relion_locres.mrc"));
    let filtered = read_map(&directory.path().join("relion_locres_filtered.mrc"));
    let ball = sphere([EDGE; 3], box_centre([EDGE; 3]), 22.0, 0.0);
    let inside = |map: &Map| -> Vec<f64> {
        let values = map.data.iter().zip(&ball).filter(|(_, m)| **m > 0.0);
        values.map(|(v, _)| f64::from(*v)).collect()
    };
    let shells = |map: &Map| -> Vec<f64> {
        let length = EDGE as f64 * VOXEL;
        inside(map).into_iter().map(|r| length / r).collect()
    };
    let (a, b) = (shells(&ours.resolution), shells(&resolution));
    let count = a.len() as f64;
    let mean = a.iter().zip(&b).map(|(a, b)| a - b).sum::<f64>() / count;
    let size = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f64>() / count;
    let (f, g) = (inside(&ours.filtered), inside(&filtered));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let correlation = dot(&f, &g) / (dot(&f, &f) * dot(&g, &g)).sqrt();
    println!(
        "local resolution beside RELION's: {} windows, mean difference {mean:.2} shells, mean of sizes {size:.2}; filtered maps \
         correlate {correlation:.4}; {spent:.1} against {theirs:.1} CPU s: {:.0} times faster",
        ours.windows.len(),
        theirs / spent
    );
    assert!(mean.abs() < 1.0 && size < 2.5);
    assert!(correlation > 0.99);
    assert!(theirs > 10.0 * spent);
}

/// CPU seconds of this process so far.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
    [11, 12]
        .iter()
        .map(|&i| fields[i].parse::<f64>().unwrap())
        .sum::<f64>()
        / 100.0
}
