//! Defocus, astigmatism and hand of the simulated series of `bench/recon` (generator `gen_ts.py`) against their truth.
//!
//! `THON_RECON_DATA=FOLDER cargo test -p thon-ctf-fit --test recon -- --ignored --nocapture`; front-half.md, section D.
#![expect(clippy::unwrap_used, reason = "test helpers may panic")]
#![expect(clippy::print_stdout, reason = "the figures are the point")]

use std::path::{Path, PathBuf};

use serde_json::Value;
use thon_compute::Quiet;
use thon_ctf_fit::{FitOptions, SeriesFit, SeriesView, TileMode, Tiler, fit_series};
use thon_geometry::TiltGeometry;
use thon_geometry::glam::{DMat2, DVec2};
use thon_model::{HandSign, Optics};
use thon_units::Degrees;

/// CPU seconds of this process so far, user and system (in ticks of 10 ms); 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    fields
        .skip(11)
        .take(2)
        .filter_map(|v| v.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

struct Series {
    name: String,
    size: usize,
    pixel_size: f64,
    images: Vec<Vec<f32>>,
    truth: Value,
}

fn series(folder: &Path) -> Series {
    let truth: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("truth.json")).unwrap()).unwrap();
    let bytes = std::fs::read(folder.join("ts.mrc")).unwrap();
    let size = truth["n"].as_u64().unwrap() as usize;
    let pixels: Vec<f32> = bytes[1024..]
        .chunks_exact(2)
        .map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])))
        .collect();
    Series {
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        size,
        pixel_size: truth["apix"].as_f64().unwrap(),
        images: pixels
            .chunks_exact(size * size)
            .map(<[f32]>::to_vec)
            .collect(),
        truth,
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

/// True geometry, or what the microscope says.
fn geometries(series: &Series, aligned: bool) -> Vec<TiltGeometry> {
    let truth = &series.truth;
    let (nominal, tilts) = (numbers(&truth["tilts"]), numbers(&truth["tilt_true"]));
    let (axes, magnifications) = (numbers(&truth["rot"]), numbers(&truth["mag"]));
    (0..tilts.len())
        .map(|i| {
            let shift = numbers(&truth["shift"][i]);
            // The generator's centre is (n − 1)/2.
            let shift = DVec2::new(shift[0] - 0.5, shift[1] - 0.5) * series.pixel_size;
            if aligned {
                TiltGeometry {
                    tilt_axis_angle: Degrees(axes[i]).radians(),
                    affine: DMat2::IDENTITY * magnifications[i],
                    shift,
                    ..TiltGeometry::tilted(Degrees(tilts[i]).radians())
                }
            } else {
                TiltGeometry {
                    tilt_axis_angle: Degrees(84.1).radians(),
                    ..TiltGeometry::tilted(Degrees(nominal[i]).radians())
                }
            }
        })
        .collect()
}

fn estimate(series: &Series, aligned: bool, options: &FitOptions) -> (SeriesFit, f64, f64) {
    let start = cpu_seconds();
    let band = options.resolution.map(|r| 1.0 / r);
    let tiler = Tiler::new(256, series.pixel_size, band, 12);
    let dose = numbers(&series.truth["dose_before"]);
    let geometries = geometries(series, aligned);
    let views: Vec<SeriesView> = series
        .images
        .iter()
        .enumerate()
        .map(|(i, image)| SeriesView {
            spectra: tiler.spectra(&mut image.clone(), [series.size; 2]).unwrap(),
            geometry: geometries[i],
            rank: dose[i].round() as usize,
        })
        .collect();
    let spectra = cpu_seconds() - start;
    let fit = fit_series(&views, tiler.grid(), &Optics::default(), options, &Quiet).unwrap();
    (fit, spectra, cpu_seconds() - start)
}

#[derive(Debug)]
struct Figures {
    medians: [f64; 3],
    within: f64,
    bias: f64,
    astigmatism: f64,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn figures(series: &Series, fit: &SeriesFit) -> Figures {
    let truth = numbers(&series.truth["defocus"]);
    let tilts = numbers(&series.truth["tilts"]);
    let angle = 2.0 * series.truth["astig_angle"].as_f64().unwrap().to_radians();
    let half = 0.5 * series.truth["astig"].as_f64().unwrap();
    let right = [half * angle.cos(), half * angle.sin()];
    let errors: Vec<f64> = fit
        .views
        .iter()
        .zip(&truth)
        .map(|(view, truth)| view.as_ref().map_or(1e5, |v| v.defocus - truth))
        .collect();
    let bin = |low: f64| {
        let values = errors
            .iter()
            .zip(&tilts)
            .filter(|(_, t)| t.abs() >= low && t.abs() < low + 20.1);
        median(values.map(|(e, _)| e.abs()).collect())
    };
    let astigmatism = fit.views.iter().flatten().map(|v| {
        // The vector (u − v)(cos 2α, sin 2α).
        2.0 * (v.astigmatism[0] - right[0]).hypot(v.astigmatism[1] - right[1])
    });
    Figures {
        medians: [bin(0.0), bin(20.0), bin(40.0)],
        within: errors.iter().filter(|e| e.abs() < 500.0).count() as f64 / errors.len() as f64,
        bias: median(errors.clone()),
        astigmatism: median(astigmatism.collect()),
    }
}

fn folder() -> Option<PathBuf> {
    std::env::var_os("THON_RECON_DATA").map(PathBuf::from)
}

fn report(series: &Series, aligned: bool, options: &FitOptions) -> (Figures, SeriesFit) {
    let (fit, spectra, all) = estimate(series, aligned, options);
    let figures = figures(series, &fit);
    let count = series.images.len() as f64;
    println!(
        "{} {:?} aligned {aligned}: median {:.0}/{:.0}/{:.0} Å, within 500 Å {:.3}, bias {:.0}, astigmatism {:.0}, hand {:?} margin {:.0} p {:.1e}, gradient × {:.2} {:+.0}° gain {:.0}, plane {:.1}°/{:.1}°, B {:.0}, thickness {:?}, {:.3} + {:.3} CPU s per view",
        series.name,
        options.mode,
        figures.medians[0],
        figures.medians[1],
        figures.medians[2],
        figures.within,
        figures.bias,
        figures.astigmatism,
        fit.hand.sign,
        fit.hand.margin,
        fit.hand.p_value,
        fit.gradient.scale,
        fit.gradient.turn.to_degrees(),
        fit.gradient.gain,
        fit.plane.tilt_offset.to_degrees(),
        fit.plane.x_tilt_offset.to_degrees(),
        fit.b_factor,
        fit.thickness,
        spectra / count,
        (all - spectra) / count,
    );
    if std::env::var_os("THON_VERBOSE").is_some() {
        let truth = numbers(&series.truth["defocus"]);
        let tilts = numbers(&series.truth["tilts"]);
        for (i, view) in fit.views.iter().enumerate() {
            let Some(v) = view else { continue };
            println!(
                "  {:5.0}° error {:6.0} alone {:6.0} ± {:4.0} expected {:6.0} ± {:4.0} LL {:6.0} score {:.2} to {:.1} Å strength {:.3} astig {:.0} {:.0}",
                tilts[i],
                v.defocus - truth[i],
                v.defocus_alone - truth[i],
                v.defocus_deviation,
                v.expected[0] - truth[i],
                v.expected[1],
                v.quality.log_likelihood,
                v.quality.score,
                v.quality.resolution,
                v.quality.strength,
                v.astigmatism[0],
                v.astigmatism[1],
            );
        }
    }
    (figures, fit)
}

fn run(names: &[&str], options: &FitOptions, bound: [f64; 3]) {
    let Some(folder) = folder() else {
        println!("skipped: THON_RECON_DATA is not set");
        return;
    };
    let mut missed = Vec::new();
    for name in names {
        let path = folder.join(name);
        if !path.join("truth.json").exists() {
            println!("skipped: {name} is absent");
            continue;
        }
        let series = series(&path);
        for aligned in [true, false] {
            let (figures, fit) = report(&series, aligned, options);
            let right = figures.medians.iter().zip(bound).all(|(f, b)| *f <= b)
                && figures.within >= 0.97
                && figures.bias.abs() <= 50.0
                && figures.astigmatism <= 100.0;
            if aligned && !right {
                missed.push(format!("{name}: {figures:?}"));
            }
            if fit.hand.sign != HandSign::Minus || !fit.hand.is_certain() {
                missed.push(format!("{name}: {:?}", fit.hand));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
#[ignore = "needs THON_RECON_DATA"]
fn series_of_1024_pixels() {
    let options = FitOptions {
        resolution: [30.0, 6.0],
        ..FitOptions::default()
    };
    run(
        &["ts1k_s1", "ts1k_s2", "ts1k_s3", "ts1k_s4", "ts1k_s7"],
        &options,
        [150.0, 150.0, 250.0],
    );
}

#[test]
#[ignore = "needs THON_RECON_DATA"]
fn series_of_512_pixels() {
    let options = FitOptions {
        resolution: [30.0, 11.2],
        ..FitOptions::default()
    };
    let names = [
        "ts512_s1",
        "ts512_s2",
        "ts512_s3",
        "ts512_s4",
        "ts512_s5",
        "ts512_nobeads_s1",
        "ts512_nobeads_s2",
    ];
    run(&names, &options, [300.0, 300.0, 500.0]);
}

#[test]
#[ignore = "needs THON_RECON_DATA"]
fn stretched_sums_of_1024_pixels() {
    let options = FitOptions {
        resolution: [30.0, 6.0],
        mode: TileMode::StretchSum,
        ..FitOptions::default()
    };
    run(&["ts1k_s7"], &options, [150.0, 150.0, 250.0]);
}
