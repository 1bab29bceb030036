//! Alignment of an asymmetric phantom that was turned, moved and mirrored by known amounts.

use glam::DVec3;
use ndarray::Array3;
use thon_compute::Quiet;
use thon_units::PixelSize;

use super::*;

const N: usize = 40;

/// Blobs without symmetry, evaluated exactly under a rotation and shift.
fn blobs(rotation: DQuat, shift: DVec3, mirrored: bool) -> Map {
    let blobs = [
        (DVec3::new(6.0, 2.0, -1.0), 2.6, 1.0),
        (DVec3::new(-5.0, 4.0, 3.0), 2.2, 0.9),
        (DVec3::new(-1.0, -7.0, 2.0), 2.0, 1.1),
        (DVec3::new(2.0, 1.0, 8.0), 1.8, 0.8),
        (DVec3::new(0.0, 0.0, 0.0), 3.5, 0.7),
    ];
    let centre = DVec3::splat((N / 2) as f64);
    let data = Array3::from_shape_fn((N, N, N), |(z, y, x)| {
        let r = DVec3::new(x as f64, y as f64, z as f64) - centre;
        let value = |&(mut at, width, height): &(DVec3, f64, f64)| {
            if mirrored {
                at.x = -at.x;
            }
            let d = r - (rotation * at + shift);
            height * (-d.length_squared() / (2.0 * width * width)).exp()
        };
        blobs.iter().map(value).sum::<f64>() as f32
    });
    Map::new(data, PixelSize(4.0))
}

fn distance(a: &Map, b: &Map) -> f32 {
    let square = |d: &Array3<f32>| d.iter().map(|v| v * v).sum::<f32>();
    (square(&(&a.data - &b.data)) / square(&b.data)).sqrt()
}

#[test]
fn a_turned_moved_and_mirrored_map_comes_back() {
    let reference = blobs(DQuat::IDENTITY, DVec3::ZERO, false);
    for (mirrored, axis, angle) in [
        (false, DVec3::new(1.0, 2.0, -0.5), 77.0_f64),
        (true, DVec3::new(-0.3, 0.4, 1.0), 151.0),
    ] {
        let turn = DQuat::from_axis_angle(axis.normalize(), angle.to_radians());
        let map = blobs(turn, DVec3::new(1.6, -2.3, 0.7), mirrored);
        let found = align(&map, &reference, None, &AlignOptions::default(), &Quiet).unwrap();
        assert_eq!(found.mirrored, mirrored);
        // reference = R⁻¹ of the map; a mirror image x → −x turns the other way about y and z.
        let m = DMat3::from_diagonal(DVec3::new(-1.0, 1.0, 1.0));
        let matrix = DMat3::from_quat(turn);
        let expected = if mirrored { m * matrix * m } else { matrix }.transpose();
        let off = DQuat::from_mat3(&expected).angle_between(found.rotation);
        let [a, b] = found.correlation.map(Option::unwrap);
        println!(
            "off by {:.3}°; {:.4} of the map, correlations {a:.4} and {b:.4}",
            off.to_degrees(),
            distance(&found.map, &reference)
        );
        assert!(off.to_degrees() < 0.3);
        assert!(distance(&found.map, &reference) < 0.02);
        assert!((a - b).abs() > 0.01);
    }
}

#[test]
fn a_local_search_stays_near_and_bad_boxes_are_named() {
    let reference = blobs(DQuat::IDENTITY, DVec3::ZERO, false);
    let turn = DQuat::from_rotation_y(0.2);
    let map = blobs(turn, DVec3::ZERO, false);
    let near = AlignOptions {
        mirror: false,
        within: Some(Degrees(20.0)),
        ..AlignOptions::default()
    };
    let found = align(&map, &reference, None, &near, &Quiet).unwrap();
    assert!(found.rotation.angle_between(turn.conjugate()).to_degrees() < 0.3);
    assert!((found.angle().0 - 0.2).abs() < 0.005 && found.correlation[1].is_none());
    let flat = Map::new(Array3::ones((N, N, N)), PixelSize(4.0));
    let error = |a: &Map, b: &Map| align(a, b, None, &near, &Quiet).unwrap_err();
    assert_eq!(error(&map, &flat), AlignError::Flat("the reference"));
    let brick = Map::new(Array3::ones((16, 16, 18)), PixelSize(4.0));
    assert_eq!(error(&brick, &brick), AlignError::Box([16, 16, 18]));
    assert!(matches!(error(&map, &brick), AlignError::Maps(_)));
}
