//! Surfaces of painted shapes whose area and curvatures are known.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use ndarray::Array3;
use thon_compute::Quiet;
use thon_denoise::VoxelsInMemory;

use super::*;
use crate::sheets_of_labels;

const THICKNESS: f64 = 4.0;

/// Labels of what lies within half the thickness of a shape of a signed distance.
fn painted(edge: usize, distance: impl Fn(Vec3) -> f32) -> Array3<f32> {
    Array3::from_shape_fn((edge, edge, edge), |(z, y, x)| {
        let at = Vec3::new(x as f32, y as f32, z as f32);
        f32::from(u8::from(distance(at).abs() <= 0.5 * THICKNESS as f32))
    })
}

fn surface_of(labels: Array3<f32>) -> (Surface, Vec<f32>) {
    let source = VoxelsInMemory {
        dims: labels.dim().into(),
        voxels: labels.into_raw_vec_and_offset().0,
    };
    let mut sheets = sheets_of_labels(&source, None, THICKNESS, 100.0, 64, &Quiet).unwrap();
    sheets.orient();
    let options = SurfaceOptions {
        edge: 1.5,
        curvature_radius: 7.0,
        smoothing: 0.5 * THICKNESS,
    };
    let surface = triangulate(&sheets, &options, &Quiet).unwrap();
    let thickness = thickness_of_labels(&surface, &source, None, 20.0, 64, &Quiet).unwrap();
    (surface, thickness)
}

/// V − E + F, and how many edges have one triangle only; panics where an edge has more than two.
fn topology(surface: &Surface) -> (i64, usize) {
    let mut edges: BTreeMap<(u32, u32), (i32, i32)> = BTreeMap::new();
    for [a, b, c] in &surface.triangles {
        for (from, to) in [(a, b), (b, c), (c, a)] {
            let edge = edges.entry((*from.min(to), *from.max(to))).or_default();
            edge.0 += 1;
            edge.1 += if from < to { 1 } else { -1 };
        }
    }
    assert!(edges.values().all(|(count, _)| *count <= 2));
    // Neighbours run along their common edge in opposite directions: all face one side.
    assert!(
        edges
            .values()
            .all(|(count, turn)| *count == 1 || *turn == 0)
    );
    let open = edges.values().filter(|(count, _)| *count == 1).count();
    let [v, e, f] = [
        surface.positions.len(),
        edges.len(),
        surface.triangles.len(),
    ];
    (v as i64 - e as i64 + f as i64, open)
}

fn middle_of(values: impl Iterator<Item = f32>) -> f64 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    f64::from(values[values.len() / 2])
}

/// Root of the mean square difference of values from what they should be, over `scale`.
fn scatter(pairs: impl Iterator<Item = (f32, f64)>, scale: f64) -> f64 {
    let squares: Vec<f64> = pairs.map(|(a, b)| (f64::from(a) - b).powi(2)).collect();
    (squares.iter().sum::<f64>() / squares.len() as f64).sqrt() / scale
}

/// ∫K dA.
fn total_gauss(surface: &Surface) -> f64 {
    let each = surface.gauss_curvatures.iter().zip(&surface.areas);
    each.map(|(k, a)| f64::from(*k) * f64::from(*a)).sum()
}

#[test]
fn a_sphere_is_closed_and_equally_curved() {
    let (centre, radius) = (Vec3::splat(32.3), 20.0_f32);
    let (surface, thickness) = surface_of(painted(65, |p| p.distance(centre) - radius));
    let r = f64::from(radius);
    assert_eq!(topology(&surface), (2, 0));
    let area = surface.area() / (4.0 * PI * r * r);
    let mean = scatter(
        surface.mean_curvatures.iter().map(|h| (*h, 1.0 / r)),
        1.0 / r,
    );
    let gauss = total_gauss(&surface) / (4.0 * PI);
    let normals = surface.positions.iter().zip(&surface.normals);
    let worst = normals
        .map(|(p, n)| n.dot((*p - centre).normalize()))
        .fold(1.0, f32::min);
    let thick = middle_of(thickness.into_iter());
    println!(
        "sphere: area {area:.4}, H within {mean:.3}, ∫K/4π {gauss:.3}, normals {:.2}°, thickness {thick:.2}",
        worst.acos().to_degrees()
    );
    assert!((area - 1.0).abs() < 0.02 && (gauss - 1.0).abs() < 0.03 && mean < 0.08);
    assert!(worst > 0.995 && (thick - THICKNESS).abs() < 0.4);
}

#[test]
fn a_cylinder_is_open_and_curved_one_way() {
    let radius = 12.0_f32;
    let across = |p: Vec3| (p.y - 32.2).hypot(p.z - 31.9) - radius;
    let (surface, thickness) = surface_of(painted(65, across));
    let r = f64::from(radius);
    let (characteristic, open) = topology(&surface);
    assert!(characteristic == 0 && open > 50, "{characteristic} {open}");
    let low = surface
        .positions
        .iter()
        .map(|p| p.x)
        .fold(f32::MAX, f32::min);
    let high = surface
        .positions
        .iter()
        .map(|p| p.x)
        .fold(f32::MIN, f32::max);
    let area = surface.area() / (2.0 * PI * r * f64::from(high - low));
    let inner =
        |v: &usize| surface.positions[*v].x > low + 6.0 && surface.positions[*v].x < high - 6.0;
    let vertices: Vec<usize> = (0..surface.positions.len()).filter(inner).collect();
    let mean = scatter(
        vertices
            .iter()
            .map(|&v| (surface.mean_curvatures[v], 0.5 / r)),
        0.5 / r,
    );
    let gauss = scatter(
        vertices.iter().map(|&v| (surface.gauss_curvatures[v], 0.0)),
        1.0 / (r * r),
    );
    let thick = middle_of(vertices.iter().map(|&v| thickness[v]));
    println!(
        "cylinder: area {area:.4}, H within {mean:.3}, K within {gauss:.3}/r², thickness {thick:.2}"
    );
    assert!((area - 1.0).abs() < 0.03 && mean < 0.08 && gauss < 0.08);
    assert!((thick - THICKNESS).abs() < 0.4);
}

#[test]
fn a_torus_is_curved_either_way() {
    let (ring, tube) = (22.0_f32, 10.0_f32);
    let centre = Vec3::new(40.2, 39.7, 40.4);
    let round = |p: Vec3| {
        let d = p - centre;
        (d.x.hypot(d.y) - ring).hypot(d.z) - tube
    };
    let (surface, _) = surface_of(painted(81, round));
    assert_eq!(topology(&surface), (0, 0));
    let (big, small) = (f64::from(ring), f64::from(tube));
    let area = surface.area() / (4.0 * PI * PI * big * small);
    let curvatures = |v: usize| {
        let d = surface.positions[v] - centre;
        let from_axis = f64::from(d.x.hypot(d.y));
        let around = (from_axis - big) / (small * from_axis);
        [0.5 * (1.0 / small + around), around / small]
    };
    let count = surface.positions.len();
    let mean = scatter(
        (0..count).map(|v| (surface.mean_curvatures[v], curvatures(v)[0])),
        0.5 / small,
    );
    let gauss = scatter(
        (0..count).map(|v| (surface.gauss_curvatures[v], curvatures(v)[1])),
        1.0 / (small * small),
    );
    let total = total_gauss(&surface) / (4.0 * PI);
    println!(
        "torus: area {area:.4}, H within {mean:.3}/2r, K within {gauss:.3}/r², ∫K/4π {total:.3}"
    );
    assert!((area - 1.0).abs() < 0.02 && mean < 0.15 && gauss < 0.15 && total.abs() < 0.1);
}

#[test]
fn what_is_no_edge_is_refused() {
    let options = SurfaceOptions {
        edge: 0.0,
        curvature_radius: 5.0,
        smoothing: 0.0,
    };
    let error = triangulate(&Sheets::default(), &options, &Quiet).unwrap_err();
    assert!(error.to_string().contains("edge"), "{error}");
    let options = SurfaceOptions {
        edge: 2.0,
        ..options
    };
    let nothing = triangulate(&Sheets::default(), &options, &Quiet).unwrap();
    assert_eq!(nothing, Surface::default());
}
