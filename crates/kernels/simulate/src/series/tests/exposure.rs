//! What electrons and detector do: damage, drift, gain.

use super::*;

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
fn the_specimen_bends_as_the_truth_says() {
    let options = SimulationOptions {
        frames: 3,
        drift: Angstrom(10.0),
        drift_settling: 0.3,
        local_motion: Angstrom(12.0),
        defocus: Angstrom(2000.0),
        astigmatism: Angstrom(0.0),
        shift_sigma: Angstrom(0.0),
        tilt_axis_angle: Degrees(0.0),
        tilt_min: Degrees(0.0),
        tilt_max: Degrees(0.0),
        ..clean()
    };
    let mut simulation = Simulation::prepare("TS", &options, &blob(8.0, 3000.0), 1).unwrap();
    let motion = simulation.motion[0].clone();
    assert!(
        (motion.shifts[1] - motion.shifts[0]).length()
            > (motion.shifts[2] - motion.shifts[1]).length() * 1.5
    );
    // The root mean square over the field is what was asked for, from the beginning to the end of the course.
    let places = (0..1600).map(|i| DVec2::new(f64::from(i % 40), f64::from(i / 40)) / 20.0 - 0.975);
    let bends = places.map(|place| (motion.at(2, place) - motion.shifts[2]).length_squared());
    let spread = (bends.sum::<f64>() / 1600.0).sqrt() / motion.course[2].abs();
    assert!((spread - 12.0).abs() < 0.1, "{spread} Å");
    let electrons = simulation.expected_electrons(0) / 3.0;
    let mut largest = 0.0_f64;
    for corner in [DVec2::new(-0.6, -0.6), DVec2::new(0.6, 0.5)] {
        let at = corner * DVec2::new(80.0, 64.0) * 4.0;
        simulation.particles.poses[0] =
            Pose::new(Rotation::identity(), Point::new(at.x, at.y, 0.0));
        let recording = simulation.record(0);
        for (frame, image) in recording.frames.iter().enumerate() {
            let moved = motion.at(frame, corner);
            let near = (at + moved) / 4.0 + DVec2::new(80.0, 64.0);
            let found = centroid(&image.mapv(|v| f64::from(v) / electrons - 1.0), near);
            assert!(found.distance(near) < 0.15, "{frame}: {found} {near}");
            largest = largest.max((moved - motion.shifts[frame]).length() / 4.0);
        }
    }
    // Well beyond the tolerance of the places above.
    assert!(largest > 0.5, "nothing bends: {largest}");
}

#[test]
fn defects_count_what_they_like() {
    let options = SimulationOptions {
        frames: 2,
        defects: 6,
        particles: 0,
        ..clean()
    };
    let simulation = Simulation::prepare("TS", &options, &blob(8.0, 1.0), 1).unwrap();
    let image = simulation.record(3).sum();
    let ordinary = simulation.expected_electrons(3) as f32;
    assert_eq!(simulation.defects.len(), 6);
    for defect in &simulation.defects {
        let value = image[[defect.y, defect.x]];
        assert!(if defect.hot {
            value > 9.0 * ordinary
        } else {
            value == 0.0
        });
    }
}
