//! Points recorded at known depths: what is corrected equals what a lens without sign changes would have recorded.

use std::f64::consts::TAU;

use glam::{DVec2, DVec3};
use rand::RngExt;
use thon_compute::{Quiet, seed_stream};
use thon_geometry::{Point, TiltGeometry};
use thon_signal::fft::{Complex32, Fft2, signed_index};
use thon_units::{Degrees, Kilovolt, Radians};

use super::super::tests::series;
use super::super::{
    Background, FallOff, ImagesInMemory, RadialFilter, VolumeInMemory, reconstruct_wbp,
};
use super::*;

/// Images of points, each with the transfer of its own depth: as recorded, and with its size in the place of the transfer.
fn record(
    points: &[DVec3],
    geometry: &TiltGeometry,
    contrast: &Contrast,
    view: usize,
    size: [usize; 2],
    pixel: f64,
) -> [Vec<f32>; 2] {
    let [ny, nx] = size;
    let fft = Fft2::plan(size);
    let half = nx / 2 + 1;
    let mut spectra = [(); 2].map(|()| vec![Complex32::default(); ny * half]);
    for point in points {
        let seen = geometry.project(Point::from_vector(*point));
        let place = seen.position / pixel + DVec2::new((nx / 2) as f64, (ny / 2) as f64);
        let ctf = contrast.ctfs[view];
        let model = CtfModel::at_depth(&contrast.optics, &ctf, contrast.hand, Angstrom(seen.depth));
        for iy in 0..ny {
            let ky = signed_index(iy, ny) as f64 / ny as f64;
            for ix in 0..half {
                let kx = ix as f64 / nx as f64;
                let c = model.value(kx / pixel, ky / pixel) as f32;
                let phase = -TAU * (kx * place.x + ky * place.y);
                let wave = Complex32::new(phase.cos() as f32, phase.sin() as f32);
                spectra[0][iy * half + ix] += wave * c;
                spectra[1][iy * half + ix] += wave * -c.abs();
            }
        }
    }
    spectra.map(|mut spectrum| {
        let mut image = vec![0.0; ny * nx];
        fft.inverse_into(&mut spectrum, &mut image);
        image
    })
}

/// Correlation of two images over periods from 30 to 8 Å.
fn correlation(a: &[f32], b: &[f32], size: [usize; 2], pixel: f64) -> f64 {
    let fft = Fft2::plan(size);
    let half = size[1] / 2 + 1;
    let spectrum = |image: &[f32]| {
        let mut spectrum = vec![Complex32::default(); size[0] * half];
        fft.forward_into(image, &mut spectrum);
        spectrum
    };
    let (a, b) = (spectrum(a), spectrum(b));
    let mut sums = [0.0_f64; 3];
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        let ky = signed_index(i / half, size[0]) as f64 / (size[0] as f64 * pixel);
        let k = ky.hypot((i % half) as f64 / (size[1] as f64 * pixel));
        if (1.0 / 30.0..1.0 / 8.0).contains(&k) {
            sums[0] += f64::from((a * b.conj()).re);
            sums[1] += f64::from(a.norm_sqr());
            sums[2] += f64::from(b.norm_sqr());
        }
    }
    sums[0] / (sums[1] * sums[2]).sqrt()
}

fn contrast(views: usize, ctf: Ctf, optics: Optics) -> Contrast {
    Contrast {
        optics,
        ctfs: vec![ctf; views],
        hand: HandSign::Minus,
        correction: CtfCorrection::PhaseFlip,
        step: None,
    }
}

#[test]
fn strips_correct_a_tilted_plane_with_and_without_astigmatism() {
    let (size, pixel) = ([320, 300], 2.7);
    let mut stream = seed_stream(8, "plane", 0);
    for (tilt, astigmatism) in [(0.0, 0.0), (30.0, 0.0), (57.0, 0.0), (-57.0, 2000.0)] {
        let geometry = TiltGeometry {
            tilt_axis_angle: Degrees(84.1).radians(),
            shift: DVec2::new(20.0, -11.0),
            ..TiltGeometry::tilted(Degrees(tilt).radians())
        };
        let mut at = |reach: f64| stream.random_range(-reach..reach);
        let reach = 280.0 / geometry.tilt_angle.0.cos();
        let points: Vec<DVec3> = (0..40)
            .map(|_| DVec3::new(at(reach), at(280.0), 0.0))
            .collect();
        let ctf = Ctf {
            defocus_u: Angstrom(30000.0 + astigmatism),
            defocus_v: Angstrom(30000.0 - astigmatism),
            defocus_angle: Radians(0.6),
            ..Ctf::round(Angstrom(0.0))
        };
        let contrast = contrast(1, ctf, Optics::default());
        let [mut image, ideal] = record(&points, &geometry, &contrast, 0, size, pixel);
        let before = correlation(&image, &ideal, size, pixel);
        let view = View { image: 0, geometry };
        correct_image(&mut image, size, PixelSize(pixel), &view, 0, &contrast).unwrap();
        let after = correlation(&image, &ideal, size, pixel);
        println!("tilt {tilt}: {before:.3} before, {after:.4} after");
        assert!(after >= 0.98, "{after} at {tilt}");
        assert!(before < 0.5, "{before}");
        if tilt.abs() > 50.0 {
            // The gradient matters: the same with the other hand is worse.
            let [mut image, _] = record(&points, &geometry, &contrast, 0, size, pixel);
            let other = Contrast {
                hand: HandSign::Plus,
                ..contrast
            };
            correct_image(&mut image, size, PixelSize(pixel), &view, 0, &other).unwrap();
            let wrong = correlation(&image, &ideal, size, pixel);
            assert!(wrong < after - 0.005, "{wrong} with the wrong hand");
        }
    }
}

/// A thick specimen in a microscope of low voltage, so that a few hundred Å make a difference.
struct Thick {
    views: Vec<View>,
    contrast: Contrast,
    grid: Grid,
    recorded: ImagesInMemory,
    ideal: ImagesInMemory,
    points: Vec<DVec3>,
}

const SMALL: [usize; 2] = [200, 120];

fn thick(x_tilt: f64) -> Thick {
    let views = series((-6..=6).map(|i| 10.0 * f64::from(i)), |_, mut g| {
        g.tilt_axis_angle = Degrees(80.0).radians();
        g.x_tilt = Degrees(x_tilt).radians();
        g
    });
    let optics = Optics {
        voltage: Kilovolt(30.0),
        spherical_aberration: thon_units::Millimetre(0.01),
        ..Optics::default()
    };
    let contrast = Contrast {
        step: Some(Angstrom(12.0)),
        ..contrast(views.len(), Ctf::round(Angstrom(800.0)), optics)
    };
    let mut stream = seed_stream(9, "thick", 0);
    let mut at = |reach: f64| stream.random_range(-reach..reach);
    let points: Vec<DVec3> = (0..20)
        .map(|_| DVec3::new(at(24.0), at(14.0), at(55.0)))
        .collect();
    let both: Vec<[Vec<f32>; 2]> = views
        .iter()
        .map(|view| record(&points, &view.geometry, &contrast, view.image, SMALL, 1.0))
        .collect();
    let images = |which: usize| ImagesInMemory {
        size: SMALL,
        images: both.iter().map(|pair| pair[which].clone()).collect(),
    };
    Thick {
        grid: Grid::new([128, 40, 64], PixelSize(1.0)),
        recorded: images(0),
        ideal: images(1),
        views,
        contrast,
        points,
    }
}

fn options(memory: usize) -> WbpOptions {
    WbpOptions {
        filter: RadialFilter {
            fall_off: FallOff::RaisedCosine,
            cutoff: 0.3,
            fall_off_width: 0.1,
            ..RadialFilter::default()
        },
        background: Background::Zero,
        memory,
    }
}

fn corrected(thick: &Thick, contrast: &Contrast, memory: usize) -> (Vec<f32>, ContrastReport) {
    let mut sink = VolumeInMemory::new(thick.grid.dims);
    let report = reconstruct_ctf_corrected(
        &thick.recorded,
        &thick.views,
        PixelSize(1.0),
        &thick.grid,
        &options(memory),
        contrast,
        &Quiet,
        &mut sink,
    )
    .unwrap();
    (sink.voxels, report)
}

fn plain(thick: &Thick, images: &ImagesInMemory) -> Vec<f32> {
    let mut sink = VolumeInMemory::new(thick.grid.dims);
    let size = PixelSize(1.0);
    let grid = &thick.grid;
    reconstruct_wbp(
        images,
        &thick.views,
        size,
        grid,
        &options(100),
        &Quiet,
        &mut sink,
    )
    .unwrap();
    sink.voxels
}

fn alike(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// The voxels within four of a point: elsewhere are streaks of other points, which every depth corrects for itself.
#[expect(
    clippy::excessive_nesting,
    reason = "loops over the axes of an array, one in another"
)]
fn near(thick: &Thick, volume: &[f32]) -> Vec<f32> {
    let [nz, ny, nx] = thick.grid.dims;
    let mut values = Vec::new();
    for point in &thick.points {
        let index = thick.grid.index_of(Point::from_vector(*point));
        for z in 0..nz {
            for y in 0..ny {
                for x in 0..nx {
                    let at = DVec3::new(x as f64, y as f64, z as f64);
                    if at.distance(index) <= 4.0 {
                        values.push(volume[(z * ny + y) * nx + x]);
                    }
                }
            }
        }
    }
    values
}

#[test]
fn every_depth_gets_its_own_transfer() {
    for x_tilt in [0.0, 6.0] {
        let thick = thick(x_tilt);
        let ideal = near(&thick, &plain(&thick, &thick.ideal));
        let like_ideal = |volume: &[f32]| alike(&near(&thick, volume), &ideal);
        let before = like_ideal(&plain(&thick, &thick.recorded));
        let after = like_ideal(&corrected(&thick, &thick.contrast, 400).0);
        // One depth for all: the plane through the middle.
        let flat = Contrast {
            step: Some(Angstrom(1e6)),
            ..thick.contrast.clone()
        };
        let flat = like_ideal(&corrected(&thick, &flat, 400).0);
        let other = Contrast {
            hand: HandSign::Plus,
            ..thick.contrast.clone()
        };
        let wrong = like_ideal(&corrected(&thick, &other, 400).0);
        println!(
            "before {before:.3}, one depth {flat:.3}, wrong hand {wrong:.3}, after {after:.4}"
        );
        assert!(after > 0.97, "{after}");
        assert!(after > flat + 0.05 && flat > wrong && after > before + 0.3);
    }
}

#[test]
fn threads_change_no_byte_and_bands_hardly_anything() {
    let thick = thick(2.0);
    let run = |threads: usize, memory: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| corrected(&thick, &thick.contrast, memory))
    };
    let (whole, report) = run(1, 400);
    assert_eq!(report.work.bands, 1);
    assert!(whole == run(3, 400).0);
    let (banded, report) = run(2, 2);
    assert!(report.work.bands > 1);
    let close = alike(&whole, &banded);
    assert!(close > 0.995, "{close}");
}

#[test]
fn transfers_that_cannot_be_used_are_refused() {
    let thick = thick(0.0);
    let fails = |change: &dyn Fn(&mut Contrast)| {
        let mut contrast = thick.contrast.clone();
        change(&mut contrast);
        let mut sink = VolumeInMemory::new(thick.grid.dims);
        reconstruct_ctf_corrected(
            &thick.recorded,
            &thick.views,
            PixelSize(1.0),
            &thick.grid,
            &options(100),
            &contrast,
            &Quiet,
            &mut sink,
        )
        .unwrap_err()
        .to_string()
    };
    assert!(fails(&|c| c.ctfs.truncate(12)).contains("contrast transfers: 12"));
    assert!(fails(&|c| c.step = Some(Angstrom(0.0))).contains("step is 0"));
    assert!(fails(&|c| c.ctfs[3].defocus_u = Angstrom(f64::NAN)).contains("defocus"));
    assert!(fails(&|c| c.correction = CtfCorrection::Wiener { snr: -1.0 }).contains("snr is -1"));
}
