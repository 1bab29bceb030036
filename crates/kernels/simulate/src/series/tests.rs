//! What is put in can be measured in the images.

use super::*;
use crate::phantom::Gaussian;
use crate::{Hand, ShotNoise};
use thon_compute::Quiet;
use thon_ctf::CtfModel;
use thon_geometry::Pose;
use thon_geometry::Rotation;
use thon_geometry::glam::DMat2;
use thon_signal::fft::{Fft2, frequency};
use thon_units::{Angstrom, Degrees, Dose, PixelSize, Radians, SpatialFrequency};

/// One compact blob, as bright as a heavy cluster.
fn blob(sigma: f64, weight: f64) -> Phantom {
    let gaussian = Gaussian {
        position: Point::new(0.0, 0.0, 0.0),
        weight,
        sigma: Angstrom(sigma),
    };
    Phantom::from_gaussians([gaussian]).unwrap()
}

fn clean() -> SimulationOptions {
    SimulationOptions {
        image_width: 160,
        image_height: 128,
        pixel_size: PixelSize(4.0),
        tilt_step: Degrees(20.0),
        particles: 1,
        ice_noise: 0.0,
        dose_damage: false,
        shot_noise: ShotNoise::None,
        ..SimulationOptions::default()
    }
}

/// Contrast I/I₀ − 1 of image `tilt`.
fn contrast(simulation: &Simulation, tilt: usize) -> Array2<f64> {
    let electrons = simulation.expected_electrons(tilt);
    let image = simulation.record(tilt).sum();
    image.mapv(|v| f64::from(v) / electrons - 1.0)
}

/// Centre (x, y) of |contrast|² within 12 pixels of `near`.
fn centroid(image: &Array2<f64>, near: DVec2) -> DVec2 {
    let (mut sum, mut at) = (0.0, DVec2::ZERO);
    for ((y, x), value) in image.indexed_iter() {
        let pixel = DVec2::new(x as f64, y as f64);
        if pixel.distance(near) < 12.0 {
            sum += value * value;
            at += pixel * (value * value);
        }
    }
    at / sum
}

#[test]
fn particles_appear_where_the_geometry_projects_them() {
    let options = SimulationOptions {
        tilt_axis_angle: Degrees(33.0),
        x_tilt: Degrees(4.0),
        tilt_angle_sigma: Degrees(0.5),
        tilt_axis_sigma: Degrees(1.0),
        magnification_sigma: 0.02,
        defocus: Angstrom(2000.0),
        defocus_sigma: Angstrom(0.0),
        astigmatism: Angstrom(0.0),
        ..clean()
    };
    let mut worst = 0.0_f64;
    for seed in 0..3 {
        let simulation = Simulation::prepare("TS", &options, &blob(8.0, 3000.0), seed).unwrap();
        let point = simulation.particles.poses[0].position;
        assert!(point.xyz.length() > 10.0);
        for (tilt, image) in simulation.tilt_series.images.iter().enumerate() {
            let geometry = image.geometry.unwrap();
            let expected = geometry.project_to_pixel(point, options.pixel_size, [128, 160]);
            let found = centroid(&contrast(&simulation, tilt), expected);
            worst = worst.max(found.distance(expected));
        }
    }
    assert!(worst < 0.05, "{worst} px");
}

#[test]
fn beads_appear_where_the_geometry_projects_them() {
    let options = SimulationOptions {
        particles: 0,
        beads: 1,
        bead_radius: Angstrom(25.0),
        defocus: Angstrom(2000.0),
        defocus_sigma: Angstrom(0.0),
        astigmatism: Angstrom(0.0),
        bead_potential: 1.0,
        ice_thickness: Angstrom(200.0),
        ..clean()
    };
    let simulation = Simulation::prepare("TS", &options, &blob(8.0, 1.0), 4).unwrap();
    for (tilt, image) in simulation.tilt_series.images.iter().enumerate() {
        let geometry = image.geometry.unwrap();
        let expected =
            geometry.project_to_pixel(simulation.beads[0], options.pixel_size, [128, 160]);
        let found = centroid(&contrast(&simulation, tilt), expected);
        assert!(found.distance(expected) < 0.05, "{found} {expected}");
    }
}

#[test]
fn the_tilt_axis_stays_where_it_is() {
    // Matter on the y axis of the specimen moves along the image's axis direction only.
    let options = SimulationOptions {
        shift_sigma: Angstrom(0.0),
        tilt_axis_angle: Degrees(30.0),
        ..clean()
    };
    let mut simulation = Simulation::prepare("TS", &options, &blob(8.0, 3000.0), 1).unwrap();
    simulation.particles.poses[0] = Pose::new(Rotation::identity(), Point::new(0.0, 100.0, 0.0));
    for tilt in 0..simulation.tilt_series.images.len() {
        let expected =
            DVec2::new(80.0, 64.0) + DVec2::from_angle(Degrees(120.0).radians().0) * 25.0;
        let found = centroid(&contrast(&simulation, tilt), expected);
        assert!(found.distance(expected) < 0.05, "{tilt}: {found}");
    }
}

#[test]
fn matter_is_dark_under_focus() {
    let simulation = Simulation::prepare("TS", &clean(), &Phantom::ribosome_70s(), 1);
    // The ribosome fills the small field; place it in the middle and look at the untilted image.
    let options = SimulationOptions {
        image_width: 256,
        image_height: 256,
        ..clean()
    };
    let simulation = simulation
        .or_else(|_| Simulation::prepare("TS", &options, &Phantom::ribosome_70s(), 1))
        .unwrap();
    let tilt = simulation.tilt_series.images.len() / 2;
    let image = contrast(&simulation, tilt);
    let geometry = simulation.tilt_series.images[tilt].geometry.unwrap();
    let [ny, nx] = simulation.tilt_series.image_size;
    let centre = geometry.project_to_pixel(
        simulation.particles.poses[0].position,
        PixelSize(4.0),
        [ny, nx],
    );
    let (mut sum, mut count) = (0.0, 0.0);
    for ((y, x), value) in image.indexed_iter() {
        if DVec2::new(x as f64, y as f64).distance(centre) < 20.0 {
            sum += value;
            count += 1.0;
        }
    }
    assert!(sum / count < -0.02, "{}", sum / count);
}

#[test]
fn the_integral_is_the_ctf_at_zero_frequency() {
    // Σ contrast · p² = −2σₑ·A·weight, A the amplitude contrast.
    let weight = 50_000.0;
    let mut simulation = Simulation::prepare("TS", &clean(), &blob(6.0, weight), 1).unwrap();
    simulation.particles.poses[0] = Pose::new(Rotation::identity(), Point::new(0.0, 0.0, 0.0));
    let sum = contrast(&simulation, 3).sum() * 16.0;
    let expected = -2.0 * simulation.options.interaction_constant() * 0.07 * weight;
    assert!((sum / expected - 1.0).abs() < 0.01, "{sum} {expected}");
}

/// Rotationally averaged |F|² over the index radius, N bins.
fn spectrum(image: &Array2<f64>, bins: usize) -> Vec<f64> {
    let (ny, nx) = image.dim();
    let transform = Fft2::plan([ny, nx]).forward(&image.mapv(|v| v as f32));
    let mut sums = vec![(0.0, 0.0); bins + 2];
    for ((y, x), value) in transform.indexed_iter() {
        let radius = frequency(y, ny).hypot(x as f64 / nx as f64);
        let bin = (radius * 2.0 * bins as f64).round() as usize;
        if bin < sums.len() && (x, y) != (0, 0) {
            sums[bin].0 += f64::from(value.norm_sqr());
            sums[bin].1 += 1.0;
        }
    }
    sums.into_iter()
        .map(|(s, n)| s / f64::max(n, 1.0))
        .collect()
}

fn ice_only() -> SimulationOptions {
    SimulationOptions {
        image_width: 512,
        image_height: 512,
        particles: 0,
        ice_noise: 200.0,
        ice_depth_step: Angstrom(100.0),
        tilt_min: Degrees(0.0),
        tilt_max: Degrees(0.0),
        astigmatism: Angstrom(0.0),
        ice_thickness: Angstrom(300.0),
        ..clean()
    }
}

#[test]
fn thon_rings_vanish_at_the_predicted_zeros() {
    let simulation = Simulation::prepare("TS", &ice_only(), &blob(8.0, 1.0), 1).unwrap();
    let bins = 256;
    let rings = spectrum(&contrast(&simulation, 0), bins);
    let ctf = simulation.tilt_series.images[0].ctf.unwrap();
    let model = CtfModel::new(&simulation.options.optics(), &ctf);
    let zeros = model.zeros(Radians(0.0), SpatialFrequency(0.08));
    assert!(zeros.len() >= 3);
    let at = |k: f64| rings[(k * 4.0 * 2.0 * bins as f64).round() as usize];
    for pair in zeros.windows(2) {
        let between = at(0.5 * (pair[0].0 + pair[1].0));
        assert!(
            at(pair[0].0) < 0.08 * between,
            "{}",
            at(pair[0].0) / between
        );
    }
}

#[test]
fn the_background_has_the_density_the_bound_uses() {
    for options in [
        ice_only(),
        SimulationOptions {
            shot_noise: ShotNoise::Poisson,
            ice_noise: 40.0,
            ..ice_only()
        },
        SimulationOptions {
            shot_noise: ShotNoise::Poisson,
            ice_noise: 100.0,
            mtf_at_nyquist: 0.4,
            tilt_min: Degrees(20.0),
            tilt_max: Degrees(20.0),
            ..ice_only()
        },
    ] {
        let simulation = Simulation::prepare("TS", &options, &blob(8.0, 1.0), 1).unwrap();
        let bins = 256;
        let found = spectrum(&contrast(&simulation, 0), bins);
        let pixels = 512.0 * 512.0;
        let (mut measured, mut predicted) = (0.0, 0.0);
        for (bin, found) in found.iter().enumerate().take(bins).skip(100) {
            let k = bin as f64 / (2.0 * bins as f64 * 4.0);
            measured += found / pixels * 16.0; // |F|²/N · p² is a density in Å²
            predicted += simulation.image_transfer(0, 0.0, k, 0.0).noise;
        }
        let ratio = measured / predicted;
        assert!((0.97..1.03).contains(&ratio), "{ratio}");
    }
}

#[test]
fn the_side_that_comes_up_follows_the_hand() {
    // Two views of one particle far from the axis: its rings must be those of defocus ± depth.
    for (hand, sign) in [(Hand::Plus, 1.0), (Hand::Minus, -1.0)] {
        let options = SimulationOptions {
            image_width: 512,
            image_height: 512,
            defocus_hand: hand,
            tilt_min: Degrees(50.0),
            tilt_max: Degrees(50.0),
            astigmatism: Angstrom(0.0),
            shift_sigma: Angstrom(0.0),
            tilt_axis_angle: Degrees(0.0),
            defocus: Angstrom(8000.0),
            ..clean()
        };
        let mut simulation = Simulation::prepare("TS", &options, &blob(3.0, 2000.0), 1).unwrap();
        let point = Point::new(900.0, 0.0, 0.0);
        simulation.particles.poses[0] = Pose::new(Rotation::identity(), point);
        let image = &simulation.tilt_series.images[0];
        let depth = image.geometry.unwrap().project(point).depth;
        assert!((depth + 900.0 * 50f64.to_radians().sin()).abs() < 1e-6);
        let rings = spectrum(&contrast(&simulation, 0), 256);
        let error = |defocus: f64| {
            let ctf = thon_model::Ctf::round(Angstrom(defocus));
            let model = CtfModel::new(&options.optics(), &ctf);
            (20..200)
                .map(|bin| {
                    let k = bin as f64 / (512.0 * 4.0);
                    let form = (-4.0 * (std::f64::consts::PI * 3.0 * k).powi(2)).exp();
                    let scale = 2.0 * options.interaction_constant() * 2000.0 / 16.0;
                    let expected = (scale * model.value(k, 0.0)).powi(2) * form;
                    (rings[bin] - expected).powi(2)
                })
                .sum::<f64>()
        };
        let centre = image.ctf.unwrap().defocus_u.0;
        let (right, wrong) = (error(centre + sign * depth), error(centre - sign * depth));
        assert!(right < 0.02 * wrong, "{hand:?}: {right} {wrong}");
    }
}

#[test]
fn exposure_takes_the_fine_detail() {
    let options = SimulationOptions {
        tilt_min: Degrees(0.0),
        tilt_max: Degrees(3.0),
        tilt_step: Degrees(3.0),
        dose_per_tilt: Dose(30.0),
        defocus_sigma: Angstrom(0.0),
        dose_damage: true,
        ..clean()
    };
    let mut simulation = Simulation::prepare("TS", &options, &blob(2.0, 5000.0), 1).unwrap();
    let pose = Pose::new(Rotation::identity(), Point::new(0.0, 0.0, 0.0));
    simulation.particles.poses[0] = pose;
    let [fresh, damaged] = [0, 1].map(|tilt| spectrum(&contrast(&simulation, tilt), 40));
    let weight = |k: f64, before: f64| {
        thon_ctf::ExposureModel::GrantGrigorieff.attenuation(
            SpatialFrequency(k),
            Dose(before),
            Dose(30.0),
            options.voltage,
        )
    };
    for bin in [8, 16, 24, 32] {
        let k = f64::from(bin) / (80.0 * 4.0);
        let expected = (weight(k, 30.0) / weight(k, 0.0)).powi(2);
        let found = damaged[bin as usize] / fresh[bin as usize];
        assert!(
            (found / expected - 1.0).abs() < 0.03,
            "{k}: {found} {expected}"
        );
    }
}

#[test]
fn frames_drift_and_add_up() {
    let options = SimulationOptions {
        frames: 4,
        drift: Angstrom(24.0),
        defocus: Angstrom(2000.0),
        astigmatism: Angstrom(0.0),
        tilt_min: Degrees(0.0),
        tilt_max: Degrees(0.0),
        ..clean()
    };
    let mut simulation = Simulation::prepare("TS", &options, &blob(8.0, 3000.0), 1).unwrap();
    let pose = Pose::new(Rotation::identity(), Point::new(0.0, 0.0, 0.0));
    simulation.particles.poses[0] = pose;
    let recording = simulation.record(0);
    assert_eq!(recording.frames.len(), 4);
    let geometry = simulation.tilt_series.images[0].geometry.unwrap();
    let electrons = simulation.expected_electrons(0) / 4.0;
    for (frame, shift) in recording.frames.iter().zip(&simulation.frame_shifts[0]) {
        let at = (geometry.shift + *shift) / 4.0 + DVec2::new(80.0, 64.0);
        let image = frame.mapv(|v| f64::from(v) / electrons - 1.0);
        assert!(centroid(&image, at).distance(at) < 0.05);
    }
    let drift = simulation.frame_shifts[0][3] - simulation.frame_shifts[0][0];
    assert!((drift.length() - 18.0).abs() < 1e-9);
    let mean = f64::from(recording.sum().mean().unwrap());
    assert!((mean / simulation.expected_electrons(0) - 1.0).abs() < 0.01);
}

#[test]
fn the_gain_corrects_the_counts() {
    let options = SimulationOptions {
        gain_sigma: 0.1,
        particles: 0,
        tilt_min: Degrees(0.0),
        tilt_max: Degrees(0.0),
        ..clean()
    };
    let simulation = Simulation::prepare("TS", &options, &blob(8.0, 1.0), 1).unwrap();
    let raw = simulation.record(0).sum();
    let gain = simulation.gain.as_ref().unwrap();
    let spread = |image: &Array2<f32>| image.std(0.0) / image.mean().unwrap();
    assert!(spread(&raw) > 0.08 && spread(&(&raw * gain)) < 1e-4);
}

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let options = SimulationOptions {
        image_width: 192,
        image_height: 160,
        pixel_size: PixelSize(8.0),
        tilt_step: Degrees(40.0),
        particles: 7,
        beads: 3,
        particle_distance: Angstrom(150.0),
        ..SimulationOptions::default()
    };
    let bytes = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let simulation = Simulation::prepare("TS", &options, &Phantom::ribosome_70s(), seed);
            let images = simulation.unwrap().record_all(&Quiet).unwrap();
            images
                .into_iter()
                .flatten()
                .map(f32::to_bits)
                .collect::<Vec<_>>()
        })
    };
    let one = bytes(1, 5);
    assert!(one == bytes(2, 5) && one == bytes(4, 5));
    assert!(one != bytes(2, 6));
}

#[test]
fn cancelling_stops_between_images() {
    struct Stop;
    impl Progress for Stop {
        fn advance(&self, _: u64, _: u64) {}
        fn cancelled(&self) -> bool {
            true
        }
    }
    let simulation = Simulation::prepare("TS", &clean(), &blob(8.0, 1.0), 1).unwrap();
    let error = simulation.record_all(&Stop).unwrap_err();
    assert_eq!(error, SimulateError::Cancelled(thon_compute::Cancelled));
}

#[test]
fn a_crowded_field_is_refused() {
    let options = SimulationOptions {
        particles: 500,
        ..clean()
    };
    let error = Simulation::prepare("TS", &options, &blob(30.0, 1.0), 1).unwrap_err();
    assert!(
        error.to_string().starts_with("particles: placed"),
        "{error}"
    );
}

#[test]
fn the_truth_says_how_it_was_made() {
    let options = SimulationOptions {
        mean_free_path: Angstrom(2000.0),
        ..clean()
    };
    let simulation = Simulation::prepare("TS", &options, &blob(8.0, 1.0), 1).unwrap();
    let series = &simulation.tilt_series;
    let hand = series.defocus_hand.as_ref().unwrap();
    assert_eq!(hand.evidence, "simulated");
    assert_eq!(series.images[3].dose_before, Dose(0.0));
    assert_eq!(series.images[0].acquisition_index, Some(6));
    assert_eq!(series.images[0].dose_before, Dose(18.0));
    let geometry = series.images[0].geometry.unwrap();
    assert!(geometry.affine == DMat2::IDENTITY && series.is_aligned());
    // 1000 Å of ice at 60° is a path of 2000 Å: √(exp(−1)/exp(−½)) of the amplitude.
    assert!((series.images[0].ctf.unwrap().scale - (-0.25f64).exp()).abs() < 1e-9);
    let expected = 3.0 * 16.0 * (-1.0f64).exp();
    assert!((simulation.expected_electrons(0) / expected - 1.0).abs() < 1e-9);
}
