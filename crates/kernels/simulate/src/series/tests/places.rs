//! Where things appear: particles, beads, the tilt axis.

use super::*;

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
