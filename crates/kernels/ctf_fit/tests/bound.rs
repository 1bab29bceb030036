//! Errors of defocus and astigmatism against the information bound (B1 to B3 of bisect-cspt.md), in series of weak rings.
//!
//! `cargo test -p thon-ctf-fit --test bound -- --ignored --nocapture`
#![expect(clippy::unwrap_used, reason = "test helpers may panic")]
#![expect(clippy::print_stdout, reason = "the figures are the point")]

use std::collections::BTreeMap;
use std::f64::consts::PI;

use thon_compute::Quiet;
use thon_ctf_fit::{FitOptions, SeriesFit, SeriesView, TileMode, Tiler, fit_series};
use thon_simulate::{Phantom, Simulation, SimulationOptions};
use thon_units::{Angstrom, Degrees, Dose, PixelSize};

/// Edge of the images, pixels of 2.4 Å.
const SIZE: usize = 2048;

/// Weak rings (1.7 % of the background, untilted) in fields of 492 nm.
fn simulated() -> SimulationOptions {
    SimulationOptions {
        image_width: SIZE,
        image_height: SIZE,
        pixel_size: PixelSize(2.4),
        tilt_min: Degrees(-60.0),
        tilt_max: Degrees(60.0),
        tilt_step: Degrees(15.0),
        tilt_axis_angle: Degrees(70.0),
        dose_per_tilt: Dose(3.0),
        defocus: Angstrom(25_000.0),
        defocus_sigma: Angstrom(300.0),
        astigmatism: Angstrom(400.0),
        ice_thickness: Angstrom(300.0),
        ice_noise: 12.0,
        ice_depth_step: Angstrom(200.0),
        b_factor: thon_units::SquareAngstrom(75.0),
        particles: 1,
        ..SimulationOptions::default()
    }
}

#[derive(Default)]
struct Errors {
    /// Å, by tilt in degrees.
    defocus: BTreeMap<i64, Vec<f64>>,
    /// Errors of |u − v|, Å, and of its direction, degrees, of views whose direction is said to be determined.
    astigmatism: Vec<[f64; 2]>,
    undetermined: usize,
}

impl Errors {
    fn add(&mut self, truth: &Simulation, fit: &SeriesFit) {
        for (image, view) in truth.tilt_series.images.iter().zip(&fit.views) {
            let (ctf, view) = (image.ctf.unwrap(), view.as_ref().unwrap());
            let tilt = image.nominal_tilt_angle.degrees().0.abs().round() as i64;
            let error = view.defocus - 0.5 * (ctf.defocus_u + ctf.defocus_v).0;
            self.defocus.entry(tilt).or_default().push(error);
            if !view.has_determined_astigmatism() {
                self.undetermined += 1;
                continue;
            }
            let [x, y] = view.astigmatism;
            let turn = 0.5 * y.atan2(x) - ctf.defocus_angle.0;
            self.astigmatism.push([
                2.0 * x.hypot(y) - (ctf.defocus_u - ctf.defocus_v).0,
                ((turn + 0.5 * PI).rem_euclid(PI) - 0.5 * PI).to_degrees(),
            ]);
        }
    }
}

#[test]
#[ignore = "simulates ninety large images, minutes"]
fn errors_against_the_bound() {
    let simulated = simulated();
    // The last one ignores tilt and series, as for single micrographs.
    let modes = [TileMode::Joint, TileMode::StretchSum, TileMode::Flat];
    let mut errors: [Errors; 3] = Default::default();
    for seed in 200..210 {
        let truth = Simulation::prepare("TS", &simulated, &Phantom::ribosome_70s(), seed).unwrap();
        let tiler = Tiler::new(256, 2.4, [1.0 / 40.0, 1.0 / 5.0], 12);
        let images = truth.record_all(&Quiet).unwrap();
        let views = images
            .into_iter()
            .zip(&truth.tilt_series.images)
            .enumerate();
        let views: Vec<SeriesView> = views
            .map(|(i, (image, of))| {
                let mut pixels: Vec<f32> = image.into_iter().collect();
                SeriesView {
                    spectra: tiler.spectra(&mut pixels, [SIZE; 2]).unwrap(),
                    geometry: of.geometry.unwrap(),
                    rank: of.acquisition_index.unwrap_or(i),
                }
            })
            .collect();
        for (mode, errors) in modes.into_iter().zip(&mut errors) {
            let options = FitOptions {
                resolution: [40.0, 5.0],
                defocus: [10_000.0, 60_000.0],
                mode,
                joint_series: mode != TileMode::Flat,
                ..FitOptions::default()
            };
            let optics = simulated.optics();
            let fit = fit_series(&views, tiler.grid(), &optics, &options, &Quiet).unwrap();
            errors.add(&truth, &fit);
        }
    }
    let mut beyond = Vec::new();
    // B1: 1.5 of the bound; B2: twice the bound.
    for ((mode, allowed), errors) in modes
        .into_iter()
        .zip([1.5, 2.0, f64::INFINITY])
        .zip(&errors)
    {
        beyond.extend(errors.beyond(mode, allowed, &simulated));
    }
    assert!(beyond.is_empty(), "{beyond:?}");
}

impl Errors {
    /// Prints the root mean squares beside their bounds; gives those beyond `allowed` of it.
    fn beyond(&self, mode: TileMode, allowed: f64, simulated: &SimulationOptions) -> Vec<String> {
        let mut beyond = Vec::new();
        for (tilt, errors) in &self.defocus {
            let bound = bound(simulated, *tilt);
            let count = errors.len() as f64;
            let rms = (errors.iter().map(|e| e * e).sum::<f64>() / count).sqrt();
            let ratio = rms / bound;
            println!(
                "ctf {mode:?} {tilt}°: rms of {count} views {rms:.0} Å, bound {bound:.0} Å, ratio {ratio:.2} ± {:.2} (asked {allowed})",
                ratio / (2.0 * count).sqrt()
            );
            if ratio > allowed {
                beyond.push(format!("{mode:?} {tilt}°: {ratio:.2}"));
            }
        }
        let most = |i: usize| {
            let of = self.astigmatism.iter().map(|e| e[i].abs());
            of.fold(0.0, f64::max)
        };
        println!(
            "ctf {mode:?} astigmatism: {} views determined, at most {:.0} Å and {:.1}° off; {} not determined",
            self.astigmatism.len(),
            most(0),
            most(1),
            self.undetermined
        );
        beyond
    }
}

/// Least deviation of the defocus of a view: the Fisher information of exponentially distributed powers whose rings have
/// 4 σ² N t I₀ exp(−B k²/2) / I₀² of the power of the counts, damped by sinc(π λ k² t) in ice of path t.
fn bound(simulated: &SimulationOptions, tilt: i64) -> f64 {
    let (sigma, area) = (
        simulated.interaction_constant(),
        (SIZE as f64 * 2.4).powi(2),
    );
    let slant = 1.0 / (tilt as f64).to_radians().cos();
    let path = simulated.ice_thickness.0 * slant;
    let electrons = 3.0 * (-path / simulated.mean_free_path.0).exp();
    let rho0 = 4.0 * sigma * sigma * simulated.ice_noise * path * electrons;
    let wavelength = 0.019_687;
    thon_ctf_fit::defocus_bound(area, wavelength, [0.025, 0.2], |g| {
        let turn = PI * wavelength * g * g * path;
        rho0 * (-37.5 * g * g).exp() * turn.sin() / turn
    })
}
