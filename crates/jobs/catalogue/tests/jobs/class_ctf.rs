//! `classification.class-2d` of images that were seen through CTFs of their own.

use std::fmt::Write as _;

use ndarray::Array2;
use serde_json::json;
use thon_contract::SlotRecord;
use thon_ctf::CtfModel;
use thon_images::mrc::{Mrc, write_stack, write_volume};
use thon_model::{Ctf, Optics};
use thon_signal::fft::Fft2;
use thon_units::{Angstrom, PixelSize};

use crate::project::Project;

const N: usize = 64;
const PIXEL: f64 = 5.0;
const COUNT: usize = 40;

/// What all images show: round, so that no turn of it looks different; its mean is 0.
fn truth() -> Array2<f32> {
    let image = Array2::from_shape_fn((N, N), |(y, x)| {
        let r = (x as f64 - 32.0).hypot(y as f64 - 32.0);
        let ring = (-(r - 14.0).powi(2) / 4.5).exp();
        ((-r * r / 72.0).exp() + 0.8 * ring) as f32
    });
    let mean = image.mean().unwrap();
    image - mean
}

fn defocus(i: usize) -> f64 {
    15_000.0 + 2_000.0 * (i % 5) as f64
}

/// An image of white particles through the CTF of a defocus, `times` times.
fn seen(image: &Array2<f32>, defocus: f64, times: i32) -> Array2<f32> {
    let plan = Fft2::plan([N, N]);
    let model = CtfModel::new(&Optics::default(), &Ctf::round(Angstrom(defocus)));
    let ctf = model.half_spectrum(N, N, PixelSize(PIXEL));
    let mut spectrum = plan.forward(image);
    for (value, c) in spectrum.iter_mut().zip(&ctf) {
        *value *= (-c).powi(times);
    }
    plan.inverse(&spectrum)
}

/// A small reproducible generator of numbers in ±0.5: the noise needs no more.
fn drawn(state: &mut u64) -> f32 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 40) as f32 / (1u32 << 24) as f32 - 0.5
}

/// Correlation of the class average of all images with the truth.
fn agreement(premultiplied: bool, correction: &str) -> f64 {
    let project = Project::new();
    let mut random = 9_u64;
    let mut pixels = Vec::new();
    for i in 0..COUNT {
        let noisy = seen(&truth(), defocus(i), 1).mapv(|v| {
            let noise: f32 = (0..12).map(|_| drawn(&mut random)).sum();
            v + 0.3 * noise
        });
        let stored = if premultiplied {
            seen(&noisy, defocus(i), 1)
        } else {
            noisy
        };
        pixels.extend(stored.iter().copied());
    }
    let stack = project.path().join("stack.mrcs");
    write_stack(&stack, &pixels, [COUNT, N, N], Some(PIXEL)).unwrap();
    let mut text = format!(
        "data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnOpticsGroupName #2\n_rlnImagePixelSize #3\n_rlnImageSize #4\n\
         _rlnImageDimensionality #5\n_rlnVoltage #6\n_rlnSphericalAberration #7\n_rlnAmplitudeContrast #8\n\
         _rlnCtfDataAreCtfPremultiplied #9\n1 one {PIXEL} {N} 2 300 2.7 0.07 {}\n\n\ndata_particles\n\nloop_\n\
         _rlnMicrographName #1\n_rlnImageName #2\n_rlnOpticsGroup #3\n_rlnDefocusU #4\n_rlnDefocusV #5\n\
         _rlnDefocusAngle #6\n",
        u8::from(premultiplied)
    );
    for i in 0..COUNT {
        let defocus = defocus(i);
        writeln!(
            text,
            "mic.mrc {:06}@stack.mrcs 1 {defocus} {defocus} 0",
            i + 1
        )
        .unwrap();
    }
    project.write("particles.star", &text);
    let path = project.path().join("particles.star");
    let params = json!({ "file": path.to_str().unwrap(), "allow_unknown_tomograms": true });
    let particles =
        &project.run("import.relion-particles", params, &[]).outputs["particles"].clone();
    judged(&project, particles, correction)
}

/// Correlation of the class average of subtomograms that show the truth in their middle plane, projected, with the truth.
fn projected_agreement(correction: &str) -> f64 {
    let project = Project::new();
    let write = |name: String, values: &[f32]| {
        write_volume(project.path().join(name), values, [N; 3], Some(PIXEL)).unwrap();
    };
    let mut random = 9_u64;
    let mut text = format!(
        "data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnOpticsGroupName #2\n_rlnImagePixelSize #3\n_rlnImageSize #4\n\
         _rlnImageDimensionality #5\n1 one {PIXEL} {N} 3\n\n\ndata_particles\n\nloop_\n_rlnMicrographName #1\n\
         _rlnCoordinateX #2\n_rlnCoordinateY #3\n_rlnCoordinateZ #4\n_rlnImageName #5\n_rlnCtfImage #6\n\
         _rlnOpticsGroup #7\n"
    );
    for i in 0..5 {
        // The CTF along z is that of the plane, the origin in the middle.
        let model = CtfModel::new(&Optics::default(), &Ctf::round(Angstrom(defocus(i))));
        let plane = model.half_spectrum(N, N, PixelSize(PIXEL));
        let section: Vec<f32> = (0..N * N)
            .map(|at| {
                let [x, y] = [at % N, at / N].map(|k| (k + N / 2) % N);
                let [x, y] = if x > N / 2 {
                    [N - x, (N - y) % N]
                } else {
                    [x, y]
                };
                -plane[[y, x]]
            })
            .collect();
        write(format!("ctf{i}.mrc"), &section.repeat(N));
    }
    for i in 0..15 {
        let image = seen(&truth(), defocus(i), 1);
        let mut values = vec![0.0; N.pow(3)];
        for (at, value) in image.iter().enumerate() {
            let noise: f32 = (0..12).map(|_| drawn(&mut random)).sum();
            values[N / 2 * N * N + at] = value + 0.2 * noise;
        }
        write(format!("{i}.mrc"), &values);
        writeln!(text, "tomo.mrc 10 20 30 {i}.mrc ctf{}.mrc 1", i % 5).unwrap();
    }
    project.write("particles.star", &text);
    let path = project.path().join("particles.star");
    let params = json!({ "file": path.to_str().unwrap(), "allow_unknown_tomograms": true });
    let volumes = &project.run("import.relion-particles", params, &[]).outputs["particles"].clone();
    let projected = project.run("particles.project", json!({}), &[("particles", volumes)]);
    judged(&project, &projected.outputs["particles"], correction)
}

/// Correlation of the average of one class with the truth.
fn judged(project: &Project, particles: &SlotRecord, correction: &str) -> f64 {
    let options = json!({ "options": {
        "classes": 1, "diameter": 200.0, "resolution": 14.0, "iterations": 6, "ctf": correction } });
    let found = project.run(
        "classification.class-2d",
        options,
        &[("particles", particles)],
    );
    let stack = &found.outputs["class_averages"].items[0].files[1];
    let average = Mrc::open(project.path().join(stack))
        .unwrap()
        .read_section(0)
        .unwrap();
    let inside = |i: &usize| ((i % N) as f64 - 32.0).hypot((i / N) as f64 - 32.0) < 19.0;
    let rows: Vec<usize> = (0..N * N).filter(inside).collect();
    let expected = truth();
    let expected = expected.as_slice().unwrap();
    let mean = |values: &[f32]| {
        rows.iter().map(|i| f64::from(values[*i])).sum::<f64>() / rows.len() as f64
    };
    let (a, b) = (mean(&average), mean(expected));
    let sum = |f: &dyn Fn(f64, f64) -> f64| {
        rows.iter()
            .map(|i| f(f64::from(average[*i]) - a, f64::from(expected[*i]) - b))
            .sum::<f64>()
    };
    sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()
}

#[test]
fn averages_of_images_are_corrected_for_their_ctfs() {
    let [plain, first_peak, whole, premultiplied] = [
        agreement(false, "none"),
        agreement(false, "from-first-peak"),
        agreement(false, "whole"),
        agreement(true, "whole"),
    ];
    println!(
        "agreement with the truth: {plain:.3} uncorrected, {first_peak:.3} from the first peak, {whole:.3} wholly, {premultiplied:.3} premultiplied"
    );
    assert!(plain < 0.9, "{plain}");
    // What lies before the first peak stays weak.
    assert!(first_peak < whole - 0.05, "{first_peak} {whole}");
    assert!(
        whole > 0.94 && premultiplied > 0.94,
        "{whole} {premultiplied}"
    );
}

/// The projections' sum along z is brought to a background of its own, in grey and scale.
#[test]
fn projections_of_subtomograms_keep_their_ctfs() {
    let [plain, whole] = ["none", "whole"].map(projected_agreement);
    println!(
        "projected subtomograms: agreement with the truth {plain:.3} uncorrected, {whole:.3} wholly"
    );
    assert!(plain < 0.9 && whole > 0.94, "{plain} {whole}");
}
