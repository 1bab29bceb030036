//! Maps from exactly projected Gaussian blobs: density, place, hand, CTF, halves, symmetry, threads.

use glam::{DMat3, DVec2, DVec3};
use thon_ctf::{CtfModel, ExposureModel};
use thon_model::{Ctf, Optics};
use thon_signal::fft::{Complex32, Fft2, half_length};
use thon_units::{Angstrom, Dose, Kilovolt, PixelSize};

use super::phantom::{correlation, density, phantom, projection, rotations, shells, views};
use super::*;

fn solved(n: usize, views: &[ParticleView]) -> Vec<f32> {
    let mut sums = PartialSums::new(n, 2).unwrap();
    sums.insert(views).unwrap();
    sums.solve(&SolveOptions::default()).unwrap()
}

#[test]
fn noise_free_views_give_the_phantom_with_its_density_and_hand() {
    for n in [32, 33] {
        let truth = density(&phantom(), n);
        let map = solved(n, &views(n, 500));
        for (shell, (fsc, amplitude)) in shells(&map, &truth, n)
            .into_iter()
            .enumerate()
            .take(12)
            .skip(1)
        {
            assert!(fsc > 0.99, "FSC {fsc} in shell {shell} of {n}");
            // The first shell still feels the gap around the origin.
            let tolerance = if shell == 1 { 0.05 } else { 0.02 };
            assert!(
                (amplitude - 1.0).abs() < tolerance,
                "amplitude {amplitude} in shell {shell} of {n}"
            );
        }
        // The mirror image (x → −x) is another object.
        let mirrored: Vec<(DVec3, f64)> = phantom()
            .into_iter()
            .map(|(c, d)| (DVec3::new(-c.x, c.y, c.z), d))
            .collect();
        assert!(correlation(&map, &truth) > 0.99);
        assert!(correlation(&map, &density(&mirrored, n)) < 0.5);
    }
}

#[test]
fn large_boxes_keep_the_lowest_frequencies() {
    let n = 24;
    let truth = density(&phantom(), n);
    let mut sums = PartialSums::new(n, 2).unwrap();
    sums.insert(&views(2 * n, 300)).unwrap();
    let map = sums.solve(&SolveOptions::default()).unwrap();
    for (shell, (fsc, amplitude)) in shells(&map, &truth, n).into_iter().enumerate().take(9) {
        assert!(fsc > 0.99, "FSC {fsc} in shell {shell}");
        // Towards the origin slices crowd, and the mean of a cell leans that way.
        let tolerance = if shell <= 1 { 0.05 } else { 0.02 };
        assert!(
            (amplitude - 1.0).abs() < tolerance,
            "amplitude {amplitude} in shell {shell}"
        );
    }
    assert!(sums.insert(&views(n / 2, 1)).is_err());
}

#[test]
fn a_point_stays_on_the_centre_voxel() {
    for n in [24, 25] {
        let point = [(DVec3::ZERO, 1.0)];
        let views: Vec<ParticleView> = rotations(300)
            .into_iter()
            .map(|rotation| ParticleView {
                image: projection(&point, n, &rotation, DVec2::new(0.3, -0.2)),
                size: n,
                projection: rotation,
                offset: DVec2::new(0.3, -0.2),
                transfer: None,
                premultiplied: false,
                weight: 2.0,
            })
            .collect();
        let map = solved(n, &views);
        let at = |z: usize, y: usize, x: usize| map[(z * n + y) * n + x];
        let (c, peak) = (n / 2, at(n / 2, n / 2, n / 2));
        assert!((peak - 1.0).abs() < 0.02, "{peak}");
        for (low, high) in [
            (at(c - 1, c, c), at(c + 1, c, c)),
            (at(c, c - 1, c), at(c, c + 1, c)),
            (at(c, c, c - 1), at(c, c, c + 1)),
        ] {
            assert!((low - high).abs() < 0.01 && low < peak, "{low} {high}");
        }
    }
}

#[test]
fn the_ctf_is_undone_premultiplied_or_not() {
    let n = 32;
    let pixel = PixelSize(5.0);
    let fft = Fft2::plan([n, n]);
    let truth = density(&phantom(), n);
    let (mut multiplied, mut recorded) = (views(n, 400), Vec::new());
    for (i, view) in multiplied.iter_mut().enumerate() {
        let defocus = Angstrom(15000.0 + 40.0 * i as f64);
        let transfer = Transfer {
            ctf: Some(CtfModel::new(&Optics::default(), &Ctf::round(defocus))),
            exposure_model: ExposureModel::GrantGrigorieff,
            dose_before: Dose((i % 40) as f64 * 3.0),
            dose_during: Dose(3.0),
            voltage: Kilovolt(300.0),
        }
        .half_spectrum(n, pixel);
        for premultiply in [false, true] {
            // The recorded image is t·S; a premultiplied one t²·S.
            let mut spectrum = vec![Complex32::default(); n * half_length(n)];
            fft.forward_into(&view.image, &mut spectrum);
            for (value, t) in spectrum.iter_mut().zip(&transfer) {
                *value *= *t;
            }
            fft.inverse_into(&mut spectrum, &mut view.image);
            view.transfer = Some(transfer.clone());
            view.premultiplied = premultiply;
            if !premultiply {
                recorded.push(view.clone());
            }
        }
    }
    for stack in [&multiplied, &recorded] {
        let map = solved(n, stack);
        for (shell, (fsc, amplitude)) in shells(&map, &truth, n)
            .into_iter()
            .enumerate()
            .take(11)
            .skip(1)
        {
            assert!(fsc > 0.985, "FSC {fsc} in shell {shell}");
            assert!(
                (amplitude - 1.0).abs() < 0.05,
                "amplitude {amplitude} in shell {shell}"
            );
        }
    }
    // Wiener: like the plain division for good data, smaller for bad.
    let mut sums = PartialSums::new(n, 2).unwrap();
    sums.insert(&recorded).unwrap();
    let wiener = |snr| {
        let options = SolveOptions {
            normalisation: Normalisation::Wiener { snr },
            ..SolveOptions::default()
        };
        let map = sums.solve(&options).unwrap();
        shells(&map, &truth, n)[6].1
    };
    assert!((wiener(1e3) - 1.0).abs() < 0.05, "{}", wiener(1e3));
    assert!(wiener(1e-3) < 0.5, "{}", wiener(1e-3));
}

#[test]
fn halves_add_up_and_survive_as_bytes() {
    let views = views(20, 60);
    let mut whole = PartialSums::new(20, 2).unwrap();
    whole.insert(&views).unwrap();
    let [mut one, mut two] = [0, 1].map(|_| PartialSums::new(20, 2).unwrap());
    one.insert(&views[..30]).unwrap();
    two.insert(&views[30..]).unwrap();
    let two = PartialSums::from_bytes(20, 2, two.views(), two.as_bytes()).unwrap();
    one.add(&two).unwrap();
    assert_eq!(one.views(), whole.views());
    for lane in 0..4 {
        let largest = whole
            .elements
            .iter()
            .fold(0.0_f32, |a, e| a.max(e[lane].abs()));
        for (a, b) in one.elements.iter().zip(&whole.elements) {
            assert!((a[lane] - b[lane]).abs() <= 1e-5 * largest);
        }
    }
    assert!(PartialSums::from_bytes(20, 2, 1, &[0; 16]).is_err());
    assert!(one.add(&PartialSums::new(22, 2).unwrap()).is_err());
}

#[test]
fn threads_and_batches_change_no_byte() {
    let views = views(24, 70);
    let run = |threads: usize, batch: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut sums = PartialSums::new(24, 2).unwrap();
            let stream = views.iter().cloned().map(Ok::<_, crate::ReconstructError>);
            accumulate(&mut sums, stream, batch, 70, &thon_compute::Quiet).unwrap();
            let map = sums.solve(&SolveOptions::default()).unwrap();
            (sums, map)
        })
    };
    let one = run(1, 70);
    assert!(one == run(2, 7));
    assert!(one == run(4, 32));
}

#[test]
fn symmetry_fills_what_was_not_seen() {
    let n = 24;
    let turn = |degrees: f64| DMat3::from_rotation_z(degrees.to_radians());
    let operators: Vec<DMat3> = (0..4).map(|i| turn(90.0 * f64::from(i))).collect();
    let blobs: Vec<(DVec3, f64)> = operators
        .iter()
        .flat_map(|g| {
            [
                (*g * DVec3::new(5.0, 1.0, 2.0), 1.0),
                (*g * DVec3::new(2.0, 3.0, -4.0), 0.7),
            ]
        })
        .collect();
    // A wedge of views too narrow without symmetry.
    let views: Vec<ParticleView> = (0..60)
        .map(|i| DMat3::from_rotation_y(f64::from(i) * 0.025) * turn(f64::from(i) * 0.7))
        .map(|rotation| ParticleView {
            image: projection(&blobs, n, &rotation, DVec2::ZERO),
            size: n,
            projection: rotation,
            offset: DVec2::ZERO,
            transfer: None,
            premultiplied: false,
            weight: 1.0,
        })
        .collect();
    let mut sums = PartialSums::new(n, 2).unwrap();
    sums.insert(&views).unwrap();
    let truth = density(&blobs, n);
    let with = |symmetry: Vec<DMat3>| {
        let map = sums
            .solve(&SolveOptions {
                symmetry,
                ..SolveOptions::default()
            })
            .unwrap();
        correlation(&map, &truth)
    };
    let (alone, together) = (with(Vec::new()), with(operators));
    assert!(
        together > 0.97 && together > alone + 0.01,
        "{alone} {together}"
    );
}

#[test]
fn an_affine_view_is_straightened() {
    // Images magnified by 4 % along x: the chain's matrix undoes it, density included.
    let n = 32;
    let affine = DMat3::from_diagonal(DVec3::new(1.04, 1.0, 1.0));
    let views: Vec<ParticleView> = rotations(400)
        .into_iter()
        .map(|rotation| {
            let volume = projection(&phantom(), n, &rotation, DVec2::ZERO);
            ParticleView {
                image: stretched(&volume, n, 1.04),
                size: n,
                projection: affine * rotation,
                offset: DVec2::ZERO,
                transfer: None,
                premultiplied: false,
                weight: 1.0,
            }
        })
        .collect();
    let truth = density(&phantom(), n);
    let map = solved(n, &views);
    for (shell, (fsc, amplitude)) in shells(&map, &truth, n)
        .into_iter()
        .enumerate()
        .take(10)
        .skip(1)
    {
        assert!(fsc > 0.98, "FSC {fsc} in shell {shell}");
        assert!(
            (amplitude - 1.0).abs() < 0.04,
            "amplitude {amplitude} in shell {shell}"
        );
    }
}

/// image(x / factor, y) about the centre, by a direct Fourier sum along x.
fn stretched(image: &[f32], n: usize, factor: f64) -> Vec<f32> {
    let centre = (n / 2) as f64;
    let sinc = |x: f64| crate::half_space::sinc(x);
    (0..n * n)
        .map(|i| {
            let x = ((i % n) as f64 - centre) / factor + centre;
            let row = &image[i / n * n..][..n];
            row.iter()
                .enumerate()
                .map(|(j, v)| f64::from(*v) * sinc(x - j as f64))
                .sum::<f64>() as f32
        })
        .collect()
}
