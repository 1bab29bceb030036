//! What the lens does: sign, integral, Thon rings, the side that comes up, the background.

use super::*;

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
