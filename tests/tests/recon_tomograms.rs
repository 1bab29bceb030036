//! Tomograms of the simulated series of the front half against their phantom. Ignored: they want the folder that
//! `THON_RECON_DATA` names (generator `gen_ts.py`; `ts512_ideal`, `ts512_s1`, `ts1k_s7`). `cargo test -p thon-tests --test recon_tomograms -- --ignored --nocapture`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests stop at the first surprise and tell what they measured"
)]

use std::path::PathBuf;

use glam::{DMat2, DVec2};
use ndarray::Array3;
use thon_compute::Quiet;
use thon_denoise::{DiffusionOptions, Method, VoxelsInMemory, denoise};
use thon_geometry::{Grid, Point, TiltGeometry};
use thon_images::mrc::Mrc;
use thon_model::{Ctf, HandSign, Optics};
use thon_reconstruct::*;
use thon_signal::fft::{Fft3, signed_index};
use thon_units::{Angstrom, Degrees, PixelSize};

/// A simulated series and its truth.
struct Series {
    pixel: f64,
    images: ImagesInMemory,
    views: Vec<View>,
    ctfs: Vec<Ctf>,
    phantom: Array3<f32>,
    beads: Vec<[f64; 3]>,
    thickness: f64,
}

fn read(name: &str) -> Option<Series> {
    let Some(root) = std::env::var_os("THON_RECON_DATA") else {
        println!("skipped: THON_RECON_DATA is not set");
        return None;
    };
    let folder = PathBuf::from(root).join(name);
    let text = std::fs::read_to_string(folder.join("truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&text).unwrap();
    let list = |key: &str| -> Vec<f64> {
        truth[key]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect()
    };
    let pixel = truth["apix"].as_f64().unwrap();
    let (tilts, rot, mag, defocus) = (list("tilt_true"), list("rot"), list("mag"), list("defocus"));
    let astigmatism = truth["astig"].as_f64().unwrap();
    let angle = Degrees(truth["astig_angle"].as_f64().unwrap()).radians();
    let stack = Mrc::open(folder.join("ts.mrc")).unwrap();
    let [count, ny, nx] = stack.shape();
    // The generator's centre is (n − 1)/2, ours the pixel ⌊n/2⌋.
    let views = (0..count)
        .map(|image| {
            let shift = &truth["shift"][image];
            let shift = DVec2::new(shift[0].as_f64().unwrap(), shift[1].as_f64().unwrap());
            View {
                image,
                geometry: TiltGeometry {
                    tilt_axis_angle: Degrees(rot[image]).radians(),
                    affine: DMat2::IDENTITY * mag[image],
                    shift: (shift - 0.5) * pixel,
                    ..TiltGeometry::tilted(Degrees(tilts[image]).radians())
                },
            }
        })
        .collect();
    let volume = Mrc::open(folder.join("phantom.mrc")).unwrap();
    let [pz, py, px] = volume.shape();
    let beads = truth["beads"].as_array().unwrap().iter();
    Some(Series {
        pixel,
        images: ImagesInMemory {
            size: [ny, nx],
            images: (0..count).map(|z| stack.read_section(z).unwrap()).collect(),
        },
        views,
        ctfs: defocus
            .iter()
            .map(|d| Ctf {
                defocus_u: Angstrom(d + 0.5 * astigmatism),
                defocus_v: Angstrom(d - 0.5 * astigmatism),
                defocus_angle: angle,
                ..Ctf::round(Angstrom(0.0))
            })
            .collect(),
        phantom: Array3::from_shape_vec((pz, py, px), volume.read_all().unwrap()).unwrap(),
        beads: beads
            .map(|b| [0, 1, 2].map(|i| b[i].as_f64().unwrap() * pixel))
            .collect(),
        thickness: truth["thick"].as_f64().unwrap(),
    })
}

impl Series {
    /// The grid of the phantom: its middle lies between voxels.
    fn grid(&self) -> Grid {
        let voxel = 2.0 * self.pixel;
        let (nz, ny, nx) = self.phantom.dim();
        Grid {
            centre: Point::new(0.5 * voxel, 0.5 * voxel, 0.5 * voxel),
            ..Grid::new([nz, ny, nx], PixelSize(voxel))
        }
    }

    fn contrast(&self, correction: CtfCorrection, step: f64) -> Contrast {
        Contrast {
            optics: Optics::default(),
            ctfs: self.ctfs.clone(),
            hand: HandSign::Minus,
            correction,
            step: Some(Angstrom(step)),
        }
    }

    /// Where the comparison counts: away from gold and from the edges of the field.
    fn mask(&self) -> Vec<bool> {
        let grid = self.grid();
        let [nz, ny, nx] = grid.dims;
        let reach = 0.45 * self.images.size[1] as f64 * self.pixel;
        let deep = self.thickness / 2.0 + 8.0 * grid.voxel_size.0;
        (0..nz * ny * nx)
            .map(|i| {
                let p = grid.point_at([i / (ny * nx), i / nx % ny, i % nx]).xyz;
                let gold = |b: &[f64; 3]| {
                    (p.x - b[0]).powi(2) + (p.y - b[1]).powi(2) + (p.z - b[2]).powi(2) <= 1e4
                };
                p.x.abs() < reach
                    && p.y.abs() < reach
                    && p.z.abs() < deep
                    && !self.beads.iter().any(gold)
            })
            .collect()
    }

    /// FSC with the phantom by shell inside the wedge of ±60°, 24 shells to Nyquist.
    fn fsc(&self, volume: &[f32]) -> Vec<f64> {
        let mask = self.mask();
        let (nz, ny, nx) = self.phantom.dim();
        let spectrum = |values: &[f32]| {
            let count = mask.iter().filter(|m| **m).count() as f64;
            let sum: f64 = values
                .iter()
                .zip(&mask)
                .filter(|(_, m)| **m)
                .map(|(v, _)| f64::from(*v))
                .sum();
            let mean = (sum / count) as f32;
            let masked = values
                .iter()
                .zip(&mask)
                .map(|(v, m)| if *m { v - mean } else { 0.0 });
            Fft3::plan([nz, ny, nx])
                .forward(&Array3::from_shape_vec((nz, ny, nx), masked.collect()).unwrap())
        };
        let (a, b) = (spectrum(volume), spectrum(self.phantom.as_slice().unwrap()));
        let steepest = 60.0_f64.to_radians().tan();
        let mut sums = vec![[0.0_f64; 3]; 24];
        for (((z, y, x), a), b) in a.indexed_iter().zip(&b) {
            let fz = signed_index(z, nz) as f64 / nz as f64;
            let fy = signed_index(y, ny) as f64 / ny as f64;
            let fx = x as f64 / nx as f64;
            let shell = ((fz * fz + fy * fy + fx * fx).sqrt() * 48.0) as usize;
            if fz.abs() <= fx * steepest && shell < 24 {
                sums[shell][0] += f64::from((a * b.conj()).re);
                sums[shell][1] += f64::from(a.norm_sqr());
                sums[shell][2] += f64::from(b.norm_sqr());
            }
        }
        sums.iter().map(|s| s[0] / (s[1] * s[2]).sqrt()).collect()
    }

    fn wbp(&self, images: &ImagesInMemory, grid: &Grid, weighting: Weighting) -> Vec<f32> {
        let options = WbpOptions {
            filter: RadialFilter {
                weighting,
                ..RadialFilter::default()
            },
            memory: 1000,
            ..WbpOptions::default()
        };
        let mut sink = VolumeInMemory::new(grid.dims);
        let pixel = PixelSize(self.pixel);
        reconstruct_wbp(
            images,
            &self.views,
            pixel,
            grid,
            &options,
            &Quiet,
            &mut sink,
        )
        .unwrap();
        sink.voxels
    }
}

fn show(name: &str, fsc: &[f64]) -> f64 {
    let mean = fsc[1..].iter().sum::<f64>() / (fsc.len() - 1) as f64;
    let shells: Vec<String> = fsc.iter().map(|f| format!("{f:+.3}")).collect();
    println!("{name}: mean {mean:.4}  {}", shells.join(" "));
    mean
}

#[test]
#[ignore = "wants THON_RECON_DATA"]
fn an_ideal_series_gives_the_phantom_back() {
    let Some(series) = read("ts512_ideal") else {
        return;
    };
    let grid = series.grid();
    // Matter is dark in the images.
    let inverted: Vec<f32> = series
        .wbp(&series.images, &grid, Weighting::Ramp)
        .iter()
        .map(|v| -v)
        .collect();
    let fsc = series.fsc(&inverted);
    show("WBP, ideal", &fsc);
    let exact = Weighting::Exact {
        diameter: Angstrom(series.thickness),
    };
    for (name, weighting) in [
        ("exact weights", exact),
        ("Fourier inversion", Weighting::Fourier),
    ] {
        let volume = series.wbp(&series.images, &grid, weighting);
        let other = series.fsc(&volume.iter().map(|v| -v).collect::<Vec<_>>());
        show(&format!("WBP, ideal, {name}"), &other);
        for (shell, (a, b)) in other.iter().zip(&fsc).enumerate().skip(1).take(20) {
            assert!(a > &(0.95 * b), "{name}, shell {shell}: {a} against {b}");
        }
    }
    // Beyond 1/78 Å⁻¹ (thickness × tilt step) slices leave gaps, and exposure damage weights views differently.
    assert!(
        fsc[1..7].iter().all(|f| *f > 0.93) && fsc.iter().all(|f| *f > 0.4),
        "{fsc:?}"
    );
}

#[test]
#[ignore = "wants THON_RECON_DATA"]
fn the_filter_of_sirt_is_like_sirt() {
    let Some(series) = read("ts512_s1") else {
        return;
    };
    let grid = Grid::new([200, 512, 512], PixelSize(series.pixel));
    let options = IterativeOptions {
        memory: 1000,
        ..IterativeOptions::default()
    };
    let mut sink = VolumeInMemory::new(grid.dims);
    let pixel = PixelSize(series.pixel);
    let report = reconstruct_iterative(
        &series.images,
        &series.views,
        pixel,
        &grid,
        &options,
        &Quiet,
        &mut sink,
    )
    .unwrap();
    println!("SIRT residuals {:.5?}", report.residuals);
    println!(
        "SIRT residual after 10 iterations {:.5}",
        report.residuals[10]
    );
    let like = series.wbp(
        &series.images,
        &grid,
        Weighting::SirtLike { iterations: 15 },
    );
    let inner = |v: &[f32]| -> Vec<f64> {
        (0..grid.len())
            .filter(|i| (100..412).contains(&(i / 512 % 512)) && (100..412).contains(&(i % 512)))
            .map(|i| f64::from(v[i]))
            .collect()
    };
    let (a, b) = (inner(&sink.voxels), inner(&like));
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(&a), mean(&b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(&b).map(|(a, b)| f(a - ma, b - mb)).sum()
    };
    let correlation = sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt();
    println!("SIRT-15 against 15 iterations in one step: CC {correlation:.4}");
    assert!(correlation > 0.98, "{correlation}");
}

/// Correlation inside a mask.
fn correlation(a: &[f32], b: &[f32], mask: &[bool]) -> f64 {
    let pairs = || {
        let values = a.iter().zip(b).zip(mask).filter(|(_, m)| **m);
        values.map(|((a, b), _)| (f64::from(*a), f64::from(*b)))
    };
    let count = pairs().count() as f64;
    let mean = [
        pairs().map(|p| p.0).sum::<f64>(),
        pairs().map(|p| p.1).sum::<f64>(),
    ];
    let [ma, mb] = mean.map(|sum| sum / count);
    let sum = |f: &dyn Fn(f64, f64) -> f64| pairs().map(|(a, b)| f(a - ma, b - mb)).sum::<f64>();
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

#[test]
#[ignore = "wants THON_RECON_DATA"]
fn diffusion_brings_a_tomogram_nearer_to_the_phantom() {
    let Some(mut series) = read("ts512_s1") else {
        return;
    };
    let grid = series.grid();
    let contrast = series.contrast(CtfCorrection::PhaseFlip, 300.0);
    for (index, view) in series.views.iter().enumerate() {
        let (size, pixel) = (series.images.size, PixelSize(series.pixel));
        correct_image(
            &mut series.images.images[index],
            size,
            pixel,
            view,
            index,
            &contrast,
        )
        .unwrap();
    }
    let views = std::mem::take(&mut series.views);
    let mask = series.mask();
    let phantom: Vec<f32> = series.phantom.iter().map(|v| -v).collect();
    let mut halves = Vec::new();
    for half in 0..2 {
        series.views = views.iter().skip(half).step_by(2).copied().collect();
        let plain = series.wbp(&series.images, &grid, Weighting::Ramp);
        let source = VoxelsInMemory {
            dims: grid.dims,
            voxels: plain.clone(),
        };
        let mut sink = VoxelsInMemory::zeros(grid.dims);
        let method = Method::Diffusion(DiffusionOptions::default());
        denoise(&source, &method, 1024, &Quiet, &mut sink).unwrap();
        halves.push([plain, sink.voxels]);
    }
    // From the correlation of halves the ratio of signal to noise of their sum follows.
    let ratio = |which: usize| {
        let c = correlation(&halves[0][which], &halves[1][which], &mask);
        2.0 * c / (1.0 - c)
    };
    let truth = |which: usize| correlation(&halves[0][which], &phantom, &mask);
    println!(
        "diffusion, half the tilts: SNR by halves {:.3} -> {:.3}, CC with the phantom {:.3} -> {:.3}",
        ratio(0),
        ratio(1),
        truth(0),
        truth(1)
    );
    assert!(ratio(1) > ratio(0) && truth(1) > truth(0));
}

/// User and system seconds of this process.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |i: usize| fields[i].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// The tomogram of 512 × 512 × 200 voxels that novaCTF and IMOD were timed on: CPU seconds of the kernels.
#[test]
#[ignore = "wants THON_RECON_DATA"]
fn time_of_a_whole_tomogram() {
    let Some(series) = read("ts512_s1") else {
        return;
    };
    let grid = Grid::new([200, 512, 512], PixelSize(series.pixel));
    let start = cpu_seconds();
    series.wbp(&series.images, &grid, Weighting::Ramp);
    let plain = cpu_seconds() - start;
    let mut sink = VolumeInMemory::new(grid.dims);
    let options = WbpOptions {
        memory: 1024,
        ..WbpOptions::default()
    };
    let start = cpu_seconds();
    let report = reconstruct_ctf_corrected(
        &series.images,
        &series.views,
        PixelSize(series.pixel),
        &grid,
        &options,
        &series.contrast(CtfCorrection::PhaseFlip, 150.0),
        &Quiet,
        &mut sink,
    )
    .unwrap();
    let corrected = cpu_seconds() - start;
    println!(
        "512 × 512 × 200, 41 views: WBP {plain:.2} CPU s, 3D-CTF with depths 150 Å apart {corrected:.2} CPU s, {} transforms, {:.0} MB",
        report.transforms,
        report.work.buffer_bytes as f64 / 1e6
    );
}

#[test]
#[ignore = "wants THON_RECON_DATA"]
fn corrected_tomograms_keep_the_sign_of_the_phantom() {
    for name in ["ts512_s1", "ts1k_s7"] {
        let Some(series) = read(name) else { return };
        let grid = series.grid();
        let dark = |v: Vec<f32>| -> Vec<f32> { v.into_iter().map(|v| -v).collect() };
        let plain = series.fsc(&dark(series.wbp(&series.images, &grid, Weighting::Ramp)));
        show(&format!("{name} WBP"), &plain);
        let mut images = series.images.clone();
        let contrast = series.contrast(CtfCorrection::PhaseFlip, 300.0);
        for (index, view) in series.views.iter().enumerate() {
            let size = images.size;
            correct_image(
                &mut images.images[index],
                size,
                PixelSize(series.pixel),
                view,
                index,
                &contrast,
            )
            .unwrap();
        }
        let strips = series.fsc(&dark(series.wbp(&images, &grid, Weighting::Ramp)));
        let strips = show(&format!("{name} strips"), &strips);
        let mut sink = VolumeInMemory::new(grid.dims);
        let options = WbpOptions {
            memory: 1024,
            ..WbpOptions::default()
        };
        let pixel = PixelSize(series.pixel);
        reconstruct_ctf_corrected(
            &series.images,
            &series.views,
            pixel,
            &grid,
            &options,
            &contrast,
            &Quiet,
            &mut sink,
        )
        .unwrap();
        let depth = series.fsc(&dark(sink.voxels));
        let depth_mean = show(&format!("{name} 3D-CTF"), &depth);
        assert!(
            depth_mean >= strips - 0.005,
            "{depth_mean} against {strips}"
        );
    }
}
