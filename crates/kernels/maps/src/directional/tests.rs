//! Directional FSC of half maps whose signal ends earlier along one axis.

use super::*;
use thon_compute::seed_stream;
use thon_signal::fft::signed_index;
use thon_signal::shells::fsc;
use thon_units::PixelSize;

const N: usize = 48;

fn white(seed: u64) -> Array3<f32> {
    use rand::RngExt;
    let mut rng = seed_stream(seed, "test", 0);
    Array3::from_shape_simple_fn((N, N, N), || {
        (0..12).map(|_| rng.random_range(-0.5f32..0.5)).sum::<f32>()
    })
}

/// Half maps of white noise under a signal of amplitude 3 out to `reach(direction)` shells.
fn halves(reach: impl Fn(DVec3) -> f64) -> [Map; 2] {
    let plan = Fft3::plan([N; 3]);
    let mut spectrum = plan.forward(&white(1));
    for ((z, y, x), value) in spectrum.indexed_iter_mut() {
        let k = DVec3::new(
            x as f64,
            signed_index(y, N) as f64,
            signed_index(z, N) as f64,
        );
        if k.length() > reach(k.normalize_or(DVec3::Z)) {
            *value *= 0.0;
        }
    }
    let signal = plan.inverse(&spectrum) * 3.0;
    [2, 3].map(|seed| Map::new(white(seed) + &signal, PixelSize(2.0)))
}

#[test]
fn an_isotropic_map_is_a_ball() {
    let [a, b] = halves(|_| 14.0);
    let found = directional_fsc([&a, &b], None, &DirectionalOptions::default()).unwrap();
    let truth = 96.0 / 14.0;
    let [best, worst] = found.extremes();
    assert!(found.sphericity > 0.98, "{}", found.sphericity);
    for (resolution, _) in [best, worst] {
        // The best and the worst of 325 cones of some 80 independent coefficients a shell.
        assert!((resolution.0 / truth - 1.0).abs() < 0.18, "{resolution}");
    }
    // The mean over directions is the FSC of the whole shell where both are steady.
    let whole = fsc(&a.data, &b.data).fsc;
    let spread = found.spread();
    for shell in 6..13 {
        assert!((spread[shell].0 - whole[shell]).abs() < 0.02);
    }
    println!("sphericity {:.4}, {best:?} to {worst:?}", found.sphericity);
}

#[test]
fn a_map_that_ends_earlier_along_z_says_so() {
    let ellipsoid =
        |d: DVec3| 1.0 / ((d.x / 18.0).powi(2) + (d.y / 18.0).powi(2) + (d.z / 8.0).powi(2)).sqrt();
    let [a, b] = halves(ellipsoid);
    let found = directional_fsc([&a, &b], None, &DirectionalOptions::default()).unwrap();
    let [best, worst] = found.extremes();
    println!("sphericity {:.4}, {best:?} to {worst:?}", found.sphericity);
    assert!(worst.1.z > 0.85, "{worst:?}");
    assert!(best.1.z.abs() < 0.5, "{best:?}");
    // A cone of 20° about z sees a little beyond 8 shells.
    assert!((96.0 / worst.0.0 - 8.8).abs() < 1.2, "{worst:?}");
    assert!((96.0 / best.0.0 - 18.0).abs() < 1.5, "{best:?}");
    // Spheroid with axes 18, 18, 8: surface 2π·18² + π·8²/e·ln((1+e)/(1−e)), e² = 1 − 64/324.
    let e = (1.0_f64 - 64.0 / 324.0).sqrt();
    let surface = std::f64::consts::PI * (2.0 * 324.0 + 64.0 / e * ((1.0 + e) / (1.0 - e)).ln());
    let volume = 4.0 / 3.0 * std::f64::consts::PI * 324.0 * 8.0;
    let truth = (36.0 * std::f64::consts::PI * volume * volume).cbrt() / surface;
    assert!((found.sphericity - truth).abs() < 0.05, "{truth}");
    let volume = found.volume();
    let c = N / 2;
    let (x, z) = (volume[[c, c, c + 14]], volume[[c + 14, c, c]]);
    assert!(x > 0.7 && z < 0.5, "{x} {z}");
    assert_eq!(volume[[c, c, c + 10]], volume[[c, c, c - 10]]);
}

#[test]
fn the_sphericity_of_a_ball_is_one() {
    let directions = mesh();
    assert_eq!(directions.len(), 1 + RINGS * TURNS);
    let ball = vec![7.0; directions.len()];
    assert!((sphericity(&directions, &ball) - 1.0).abs() < 1e-12);
    let total: f64 = directions.iter().map(|d| share(*d)).sum();
    assert!((total / TURNS as f64 - 1.0).abs() < 1e-12);
}
