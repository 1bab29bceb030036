//! Local resolution against maps whose noise is known at every place.

use ndarray::Array3;
use thon_compute::{Progress, Quiet, seed_stream};
use thon_model::Map;
use thon_units::{Angstrom, PixelSize};

use super::*;

const N: usize = 64;
const VOXEL: f64 = 3.0;
/// B factor of the signal's amplitudes.
const B: f64 = 600.0;
/// Noise to −x and to +x.
const NOISE: [f64; 2] = [0.15, 0.8];

fn white(seed: u64) -> Array3<f32> {
    use rand::RngExt;
    let mut rng = seed_stream(seed, "test", 0);
    Array3::from_shape_simple_fn((N, N, N), || {
        (0..12).map(|_| rng.random_range(-0.5f32..0.5)).sum::<f32>()
    })
}

/// One signal falling with B, in half maps whose noise is [`NOISE`] to either side.
fn halves() -> [Map; 2] {
    let plan = Fft3::plan([N; 3]);
    let mut spectrum = plan.forward(&white(1));
    crate::post_process::shell_filter(&mut spectrum, [N; 3], |f, _| {
        (-B * (f / VOXEL).powi(2) / 4.0).exp()
    });
    let signal = plan.inverse(&spectrum);
    [2, 3].map(|seed| {
        let mut map = white(seed);
        for ((_, _, x), value) in map.indexed_iter_mut() {
            *value *= NOISE[usize::from(x >= N / 2)] as f32;
        }
        Map::new(map + &signal, PixelSize(VOXEL))
    })
}

/// Frequency where S/(S + N) with S = exp(−B k²/2), N = σ² is 0.143.
fn truth(noise: f64) -> f64 {
    (-2.0 / B * (noise * noise / 6.0).ln()).sqrt()
}

#[test]
fn local_resolution_follows_the_noise_that_was_put_in() {
    let [a, b] = halves();
    let options = LocalOptions::default();
    let found = local_resolution([&a, &b], None, None, &options, &Quiet).unwrap();
    let shell = 1.0 / (N as f64 * VOXEL);
    for (side, noise) in NOISE.into_iter().enumerate() {
        // Windows that lie on one side but for their edges.
        let inside = |w: &&WindowResolution| {
            let x = (w.centre[0] as f64 - (N / 2) as f64) * VOXEL;
            if side == 0 { x < -24.0 } else { x > 24.0 }
        };
        let errors: Vec<f64> = found
            .windows
            .iter()
            .filter(inside)
            .map(|w| (1.0 / w.resolution - truth(noise)) / shell)
            .collect();
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let size = errors.iter().map(|e| e.abs()).sum::<f64>() / errors.len() as f64;
        println!(
            "{:.2} Å: {} windows, mean error {mean:.2} shells, mean of sizes {size:.2}",
            1.0 / truth(noise),
            errors.len()
        );
        assert!(errors.len() > 25);
        assert!(mean.abs() < 1.0 && size < 3.5);
    }
}

#[test]
fn the_filtered_map_is_smooth_where_the_noise_is() {
    let [a, b] = halves();
    let found = local_resolution([&a, &b], None, None, &LocalOptions::default(), &Quiet).unwrap();
    // Power beyond 1/9 Å, between the two resolutions, to either side of the middle.
    let plan = Fft3::plan([N; 3]);
    let mut spectrum = plan.forward(&found.filtered.data);
    crate::post_process::shell_filter(&mut spectrum, [N; 3], |f, _| {
        f64::from(u8::from(f / VOXEL > 1.0 / 9.0))
    });
    let fine = plan.inverse(&spectrum);
    let power = |range: std::ops::Range<usize>| {
        fine.slice(ndarray::s![16..48, 16..48, range])
            .iter()
            .map(|v| f64::from(v * v))
            .sum::<f64>()
    };
    let (left, right) = (power(8..24), power(40..56));
    assert!(left > 5.0 * right, "{left:.3e} against {right:.3e}");
    let corner = found.resolution.data[[0, 0, 0]];
    assert_eq!((corner, found.filtered.data[[0, 0, 0]]), (50.0, 0.0));
}

#[test]
fn equal_windows_filter_as_one_filter_does() {
    // With the same curve everywhere the blended map must be the map filtered once.
    let options = LocalOptions::default();
    let window = Window::new(&options, VOXEL);
    let dims = [32, 30, 34];
    let map = white(5).slice(ndarray::s![..32, ..30, ..34]).to_owned();
    let windows: Vec<WindowResolution> = centres(dims, None, &window, 4)
        .into_iter()
        .map(|centre| WindowResolution {
            centre,
            resolution: 10.0,
        })
        .collect();
    let blended = BlendedFilter::new(dims, &window, &windows);
    let shells = thon_signal::shells::Shells::new(dims);
    let gain: Vec<f32> = (0..shells.count())
        .map(|s| 1.0 / (1.0 + s as f32))
        .collect();
    let plan = Fft3::plan(dims);
    let mut spectrum = plan.forward(&map);
    let weights = vec![gain.clone(); windows.len()];
    let found = blended
        .filtered(&spectrum, &windows, &weights, &Quiet)
        .unwrap();
    crate::post_process::shell_filter(&mut spectrum, dims, |_, s| {
        gain.get(s).copied().map_or(0.0, f64::from)
    });
    let expected = plan.inverse(&spectrum);
    let middle = ndarray::s![11..21, 10..20, 12..22];
    for (a, b) in found.slice(middle).iter().zip(expected.slice(middle)) {
        assert!((a - b).abs() < 1e-5, "{a} against {b}");
    }
    let resolution = blended.resolution(&windows, 50.0)[[16, 15, 17]];
    assert!((resolution - 10.0).abs() < 1e-4, "{resolution}");
}

#[test]
fn a_mask_limits_the_windows_and_bytes_do_not_depend_on_threads() {
    let [a, b] = halves();
    let mask = Array3::from_shape_fn((N, N, N), |(_, _, x)| f32::from(u8::from(x < 20)));
    let mask = Mask(Map::new(mask, PixelSize(VOXEL)));
    let options = LocalOptions {
        sampling: Angstrom(36.0),
        window_radius: Some(Angstrom(12.0)),
        window_edge: Some(Angstrom(18.0)),
        ..LocalOptions::default()
    };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| local_resolution([&a, &b], Some(&mask), None, &options, &Quiet).unwrap())
    };
    let (one, three) = (run(1), run(3));
    assert!(one.windows.iter().all(|w| w.centre[0] < 24) && !one.windows.is_empty());
    assert_eq!(one.windows, three.windows);
    assert_eq!(one.filtered, three.filtered);
    assert_eq!(one.resolution, three.resolution);
}

/// Wants nothing any more.
struct Stopped;

impl Progress for Stopped {
    fn advance(&self, _: u64, _: u64) {}
    fn cancelled(&self) -> bool {
        true
    }
}

#[test]
fn what_cannot_be_measured_is_named() {
    let [a, b] = halves();
    let error = |mask: Option<&Mask>, options: &LocalOptions, progress: &dyn Progress| {
        local_resolution([&a, &b], mask, None, options, progress).unwrap_err()
    };
    let wide = LocalOptions {
        window_edge: Some(Angstrom(200.0)),
        ..LocalOptions::default()
    };
    let text = error(None, &wide, &Quiet).to_string();
    assert!(
        text.contains("143 voxels is larger than the box of 64"),
        "{text}"
    );
    let black = Mask(Map::new(Array3::zeros((N, N, N)), PixelSize(VOXEL)));
    let options = LocalOptions::default();
    assert_eq!(
        error(Some(&black), &options, &Quiet),
        LocalError::NothingInside
    );
    assert!(matches!(
        error(None, &options, &Stopped),
        LocalError::Cancelled(_)
    ));
}

#[test]
fn finer_sampling_and_larger_boxes_take_more_operations() {
    let options = |sampling: f64| LocalOptions {
        sampling: Angstrom(sampling),
        window_radius: Some(Angstrom(15.0)),
        window_edge: Some(Angstrom(30.0)),
        ..LocalOptions::default()
    };
    let operations = |sampling, n| options(sampling).operations([n; 3], VOXEL);
    // Eight times the windows and the same transforms of the whole box; then both grow with the box.
    let ratio = operations(15.0, 128) / operations(30.0, 128);
    assert!((2.0..8.0).contains(&ratio), "{ratio}");
    let ratio = operations(30.0, 256) / operations(30.0, 128);
    assert!((8.0..20.0).contains(&ratio), "{ratio}");
    // A window that will be refused still has an answer.
    assert!(operations(1e300, 64).is_finite());
}
