//! Real spectra with known values: Warp's profiles of EMPIAR-10491 and a CTFFIND 3 diagnostic in two dimensions.
//!
//! Data: `shared/data/07_warp_m` and `08_ctf` beside the checkout; absent files are skipped.
#![expect(clippy::unwrap_used, reason = "test helpers may panic")]
#![expect(clippy::print_stdout, reason = "the figures are the point")]

use std::path::PathBuf;

use ndarray::Array2;
use thon_ctf_fit::{FitOptions, fit_profiles, fit_spectrum};
use thon_model::Optics;
use thon_units::{Kilovolt, Millimetre};

fn data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../shared/data"
    ))
    .join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: shared data absent");
    None
}

/// Values of `<Node … Value="…">` within the element `name`.
fn nodes(text: &str, name: &str) -> Vec<f64> {
    let start = text.find(&format!("<{name} ")).unwrap();
    let end = text[start..].find(&format!("</{name}>")).unwrap() + start;
    text[start..end]
        .split("Value=\"")
        .skip(1)
        .map(|part| part.split('"').next().unwrap().parse().unwrap())
        .collect()
}

/// Lines of a list element.
fn list(text: &str, name: &str) -> Vec<f64> {
    let start = text.find(&format!("<{name}>")).unwrap() + name.len() + 2;
    let end = text[start..].find('<').unwrap() + start;
    text[start..end]
        .lines()
        .map(|line| line.trim().parse().unwrap())
        .collect()
}

#[test]
fn profiles_of_warp_give_its_defocus() {
    let Some(path) = data("07_warp_m/empiar10491_TS_1.xml") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let defocus = nodes(&text, "GridCTF");
    let pixel_size = 0.834;
    let options = FitOptions {
        resolution: [35.0, 8.0],
        thickness: Some(0.0),
        defocus: [10_000.0, 60_000.0],
        ..FitOptions::default()
    };
    let optics = Optics {
        amplitude_contrast: 0.1,
        ..Optics::default()
    };
    let (mut frequencies, mut powers) = (Vec::new(), Vec::new());
    for part in text.split("<TiltPS1D ID=\"").skip(1) {
        let body = &part[part.find('>').unwrap() + 1..part.find('<').unwrap()];
        let pairs = body.split(';').map(|pair| pair.split_once('|').unwrap());
        let (k, power): (Vec<f64>, Vec<f64>) = pairs
            .map(|(k, v)| {
                (
                    k.parse::<f64>().unwrap() / pixel_size,
                    v.parse::<f64>().unwrap(),
                )
            })
            .unzip();
        frequencies = k;
        powers.push(power);
    }
    let modes: Vec<f64> = (0..frequencies.len())
        .map(|i| 10.0 * (i + 1) as f64)
        .collect();
    // Time: the exposure before each view.
    let doses = list(&text, "Dose");
    let mut order: Vec<usize> = (0..doses.len()).collect();
    order.sort_by(|a, b| doses[*a].total_cmp(&doses[*b]));
    let in_time: Vec<Vec<f64>> = order.iter().map(|i| powers[*i].clone()).collect();
    let fits = fit_profiles(&frequencies, &in_time, &modes, &optics, &options).unwrap();
    let errors: Vec<f64> = fits
        .iter()
        .zip(&order)
        .map(|(fit, i)| fit.as_ref().unwrap().defocus - 1e4 * defocus[*i])
        .collect();
    println!("{:?}", errors.iter().map(|e| e.round()).collect::<Vec<_>>());
    let mut sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    println!(
        "ctf Warp: median difference {:.0} Å of {} views (asked 150)",
        sizes[sizes.len() / 2],
        sizes.len()
    );
    assert!(sizes[sizes.len() / 2] <= 150.0);
}

#[test]
fn the_diagnostic_of_ctffind_gives_its_astigmatism() {
    let name = "08_ctf/xmipp_ctffind3/down1_01nov26b.001.001.001.002_ctffind_spectrum.mrc";
    let Some(path) = data(name) else {
        return;
    };
    let bytes = std::fs::read(path).unwrap();
    let values: Vec<f32> = bytes[1024..]
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    let picture = Array2::from_shape_vec((256, 256), values).unwrap();
    let optics = Optics {
        voltage: Kilovolt(200.0),
        spherical_aberration: Millimetre(2.26),
        amplitude_contrast: 0.07,
    };
    // As CTFFIND: all of its band alike.
    let options = FitOptions {
        resolution: [28.0, 4.0],
        defocus: [5_000.0, 50_000.0],
        b_factor: Some(0.0),
        thickness: Some(0.0),
        model_error: 0.0,
        ..FitOptions::default()
    };
    // The right half is the measured spectrum about column 128, the left one CTFFIND's fit about column 127.
    let halves = [
        Array2::from_shape_fn((256, 256), |(y, x)| {
            if x >= 128 {
                picture[[y, x]]
            } else {
                picture[[(256 - y) % 256, 256 - x.max(1)]]
            }
        }),
        Array2::from_shape_fn((256, 256), |(y, x)| {
            if x <= 128 {
                picture[[y, x.max(1) - 1]]
            } else {
                picture[[(256 - y) % 256, 255 - x]]
            }
        }),
    ];
    for (picture, which) in halves.iter().zip(["measured", "drawn fit"]) {
        let fit = fit_spectrum(&picture.view(), 1.4, &optics, &options).unwrap();
        let half = fit.astigmatism[0].hypot(fit.astigmatism[1]);
        let angle = 0.5 * fit.astigmatism[1].atan2(fit.astigmatism[0]).to_degrees();
        println!(
            "ctf CTFFIND, {which}: {:.0} and {:.0} Å at {angle:.1}° (stated 16186, 14047, 46)",
            fit.defocus + half,
            fit.defocus - half
        );
        assert!((fit.defocus + half - 16186.4).abs() <= 100.0);
        assert!((fit.defocus - half - 14047.1).abs() <= 100.0);
        assert!((angle - 46.0).abs() <= 3.0);
    }
}
