//! Defocus of a particle from that of its image: exact in sign, hand and axis, and no more wrong than its height (B5).

use std::f64::consts::PI;

use thon_ctf::CtfModel;
use thon_geometry::glam::DVec2;
use thon_geometry::{Point, TiltGeometry};
use thon_model::{Ctf, HandSign, Optics};
use thon_units::{Angstrom, Degrees};

/// Underfocus (Å) of the CTF that a point sees, read back from its phase.
fn underfocus(geometry: &TiltGeometry, hand: HandSign, point: [f64; 3]) -> f64 {
    let optics = Optics::default();
    let depth = geometry
        .project(Point::new(point[0], point[1], point[2]))
        .depth;
    let image = Ctf::round(Angstrom(28_000.0));
    let seen = CtfModel::at_depth(&optics, &image, hand, Angstrom(depth));
    let k = 0.1;
    let difference = seen.phase(k, 0.0).0 - CtfModel::new(&optics, &image).phase(k, 0.0).0;
    28_000.0 + difference / (PI * optics.voltage.electron_wavelength().0 * k * k)
}

fn geometry(tilt: f64, shift: DVec2) -> TiltGeometry {
    TiltGeometry {
        tilt_axis_angle: Degrees(84.1).radians(),
        x_tilt: Degrees(1.5).radians(),
        shift,
        ..TiltGeometry::tilted(Degrees(tilt).radians())
    }
}

#[test]
fn sign_hand_and_axis_are_exact() {
    let point = [700.0, -350.0, 220.0];
    for tilt in [-60.0, -33.0, 0.0, 12.0, 57.0] {
        let (sine, cosine) = f64::to_radians(tilt).sin_cos();
        let (x_sine, x_cosine) = f64::to_radians(1.5).sin_cos();
        // Third row of Rz(axis) · Ry(tilt) · Rx(x tilt).
        let depth = -point[0] * sine + (point[1] * x_sine + point[2] * x_cosine) * cosine;
        for hand in [HandSign::Plus, HandSign::Minus] {
            let expected = 28_000.0 + hand.value() * depth;
            // An image that is shifted, or whose axis lies off its centre, shows the same depth.
            for shift in [DVec2::ZERO, DVec2::new(900.0, -400.0)] {
                let found = underfocus(&geometry(tilt, shift), hand, point);
                assert!(
                    (found - expected).abs() < 1e-3,
                    "{tilt}: {found} {expected}"
                );
            }
        }
        let origin = underfocus(&geometry(tilt, DVec2::ZERO), HandSign::Plus, [0.0; 3]);
        assert!((origin - 28_000.0).abs() < 1e-3);
    }
}

#[test]
fn a_wrong_height_counts_no_more_than_itself() {
    for tilt in [-60.0, -20.0, 0.0, 45.0] {
        let place = geometry(tilt, DVec2::ZERO);
        for hand in [HandSign::Plus, HandSign::Minus] {
            let right = underfocus(&place, hand, [500.0, 300.0, 100.0]);
            let wrong = underfocus(&place, hand, [500.0, 300.0, 120.0]);
            assert!((wrong - right).abs() <= 30.0);
        }
    }
}
