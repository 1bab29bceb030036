//! Bundle adjustment and projection matching: CPU seconds beside what their arithmetic needs.
//!
//! Floor of the adjustment: for every linear solve, the products of the rows of all observations with themselves (r² flop each for rows
//! of r unknowns, twice), the elimination of the points (u² per point) and a Cholesky factor (u³/3); it counts one solve per iteration
//! reported. Floor of matching: 90 rounds of one transform of a plane per view (5 N log₂ N flop) and one product of a
//! views × views matrix with a vector for every coefficient in the band (8 V² flop).

#![expect(clippy::print_stdout, reason = "a bench reports on standard output")]
#![expect(clippy::expect_used, reason = "a bench stops at the first surprise")]

use glam::{DVec2, DVec3};
use ndarray::Array2;
use thon_align::{Adjustment, Observation, Track, adjust};
use thon_benches::floor::Floor;
use thon_benches::{least_cpu_seconds, peak_memory_mib};
use thon_compute::Quiet;
use thon_geometry::{Point, TiltGeometry};
use thon_markerless::{AxisSearch, Level, MatchOptions, Specimen, match_projections, prepare_view};
use thon_units::{Angstrom, Degrees};

const PIXEL: f64 = 10.8;

/// Numbers from −1 to 1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

fn series(views: usize, random: &mut Random) -> Vec<TiltGeometry> {
    let view = |k: usize| TiltGeometry {
        tilt_axis_angle: Degrees(84.0).radians(),
        shift: DVec2::new(random.next(), random.next()) * 40.0,
        ..TiltGeometry::tilted(Degrees(-60.0 + 120.0 * k as f64 / (views - 1) as f64).radians())
    };
    (0..views).map(view).collect()
}

fn places(count: usize, half: DVec3, random: &mut Random) -> Vec<DVec3> {
    let place = |_| DVec3::new(random.next(), random.next(), random.next()) * half;
    (0..count).map(place).collect()
}

fn adjustment(points: usize, views: usize, floor: &Floor) {
    let mut random = Random(7);
    let truth = series(views, &mut random);
    let tracks: Vec<Track> = places(points, DVec3::new(1300.0, 1300.0, 400.0), &mut random)
        .into_iter()
        .map(|place| {
            let points = truth
                .iter()
                .enumerate()
                .map(|(view, geometry)| Observation {
                    view,
                    position: geometry.project(Point::from_vector(place)).position
                        + DVec2::new(random.next(), random.next()),
                    weight: 1.0,
                });
            Track {
                points: points.collect(),
            }
        })
        .collect();
    let start: Vec<TiltGeometry> = truth
        .iter()
        .map(|g| TiltGeometry {
            shift: DVec2::ZERO,
            tilt_axis_angle: Degrees(83.0).radians(),
            ..*g
        })
        .collect();
    let options = Adjustment::default();
    let mut iterations = 0;
    let seconds = least_cpu_seconds(3, || {
        let solution = adjust(&tracks, &start, &options).expect("it is determined");
        iterations = solution.iterations;
        iterations
    });
    let unknowns = 5.0 * views as f64;
    let rows = (points * views) as f64 * 2.0 * 2.0 * 8.0 * 8.0;
    let flop = iterations as f64
        * (rows + points as f64 * 3.0 * unknowns * unknowns + unknowns.powi(3) / 3.0);
    println!(
        "alignment: adjustment of {points} points on {views} views: {seconds:.3} CPU s, {iterations} solves; floor {:.4} s by arithmetic",
        flop / (floor.gflops * 1e9)
    );
}

/// Blobs of the specimen in every view, and noise.
fn images(truth: &[TiltGeometry], edge: usize, random: &mut Random) -> Vec<Array2<f32>> {
    let half = 0.5 * edge as f64 * PIXEL;
    let blobs = places(400, DVec3::new(1.6 * half, 0.9 * half, 500.0), random);
    truth
        .iter()
        .map(|view| {
            let mut image = Array2::from_shape_fn((edge, edge), |_| (100.0 + random.next()) as f32);
            for blob in &blobs {
                let at = view.project(Point::from_vector(*blob)).position / PIXEL
                    + DVec2::splat((edge / 2) as f64);
                let (x, y) = (at.x.round() as i64, at.y.round() as i64);
                for (dy, dx) in (-4..=4).flat_map(|dy| (-4..=4).map(move |dx| (dy, dx))) {
                    let (px, py) = (x + dx, y + dy);
                    if px >= 0 && py >= 0 && px < edge as i64 && py < edge as i64 {
                        let r2 = (DVec2::new(px as f64, py as f64) - at).length_squared();
                        image[[py as usize, px as usize]] -= (3.0 * (-r2 / 6.0).exp()) as f32;
                    }
                }
            }
            image
        })
        .collect()
}

fn matching(views: usize, edge: usize, floor: &Floor) {
    let mut random = Random(11);
    let truth = series(views, &mut random);
    let prepared: Vec<_> = images(&truth, edge, &mut random)
        .iter()
        .map(|image| prepare_view(&image.view(), PIXEL, 1, None))
        .collect();
    let start: Vec<TiltGeometry> = truth
        .iter()
        .map(|g| TiltGeometry {
            shift: DVec2::ZERO,
            tilt_axis_angle: Degrees(83.0).radians(),
            ..*g
        })
        .collect();
    let options = MatchOptions {
        specimen: Specimen::Slab {
            thickness: Angstrom(1000.0),
        },
        fit_extent: true,
        axis: AxisSearch::Range(4.0),
        level: Level::Automatic,
        shortest_period: 30.0,
        coarse: Some(0.4),
    };
    let seconds = least_cpu_seconds(1, || {
        let found = match_projections(&prepared, &start, &options, &Quiet).expect("it is aligned");
        found.geometries.len()
    });
    let pixels = (edge * edge) as f64;
    let transforms = 5.0 * pixels * pixels.log2() * views as f64;
    let coefficients = std::f64::consts::PI / 2.0 * (edge as f64 * PIXEL / 30.0).powi(2);
    let products = 8.0 * (views * views) as f64 * coefficients;
    println!(
        "alignment: projection matching of {views} views of {edge}²: {seconds:.2} CPU s; floor {:.2} s by arithmetic; peak RSS {:.0} MiB",
        90.0 * (transforms + products) / (floor.gflops * 1e9),
        peak_memory_mib()
    );
}

fn main() {
    let floor = Floor::measure();
    adjustment(24, 41, &floor);
    adjustment(100, 61, &floor);
    matching(41, 256, &floor);
}
