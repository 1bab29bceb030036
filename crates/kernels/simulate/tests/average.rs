//! The average of simulated particles at their true poses against the predicted bound.
//!
//! Simulates, cuts boxes, inserts them with the true CTF, exposure and pose (`thon-reconstruct`), and compares the FSC
//! with the phantom, both under one soft mask, with [`ResolutionBound`].

#![expect(clippy::unwrap_used, reason = "a test")]

use thon_compute::Quiet;
use thon_ctf::{CtfModel, ExposureModel};
use thon_geometry::glam::DVec3;
use thon_reconstruct::{PartialSums, ParticleView, SolveOptions, Transfer, cut_box};
use thon_signal::shells::fsc;
use thon_simulate::{Phantom, ResolutionBound, Simulation, SimulationOptions};
use thon_units::{Angstrom, Degrees, PixelSize};

/// All boxes of one series with their true transfer, contrast in units of the noise.
fn views(simulation: &Simulation, box_size: usize) -> Vec<ParticleView> {
    let options = &simulation.options;
    let series = &simulation.tilt_series;
    let hand = series.defocus_hand.as_ref().unwrap().sign;
    let images = simulation.record_all(&Quiet).unwrap();
    let mut views = Vec::new();
    for (tilt, image) in images.iter().enumerate() {
        let truth = &series.images[tilt];
        let (geometry, ctf) = (truth.geometry.unwrap(), truth.ctf.unwrap());
        let electrons = simulation.expected_electrons(tilt) as f32;
        let normalised: Vec<f32> = image
            .iter()
            .map(|v| (v - electrons) / electrons.sqrt())
            .collect();
        for pose in &simulation.particles.poses {
            let centre =
                geometry.project_to_pixel(pose.position, series.pixel_size, series.image_size);
            let cut = cut_box(&normalised, series.image_size, centre, box_size).unwrap();
            let depth = Angstrom(geometry.project(pose.position).depth);
            let transfer = Transfer {
                ctf: Some(CtfModel::at_depth(&series.optics, &ctf, hand, depth)),
                exposure_model: ExposureModel::GrantGrigorieff,
                dose_before: truth.dose_before,
                dose_during: options.dose_per_tilt,
                voltage: options.voltage,
            };
            views.push(ParticleView {
                image: cut.image,
                size: box_size,
                projection: geometry.matrix() * pose.rotation.matrix(),
                offset: cut.offset,
                transfer: Some(transfer.half_spectrum(box_size, series.pixel_size)),
                premultiplied: false,
                weight: 1.0,
            });
        }
    }
    views
}

/// Falls from 1 to 0 over 40 Å outside `radius`.
fn soft_mask(size: usize, pixel: f64, radius: f64) -> ndarray::Array3<f32> {
    ndarray::Array3::from_shape_fn((size, size, size), |(z, y, x)| {
        let r = (DVec3::new(x as f64, y as f64, z as f64) - (size / 2) as f64).length() * pixel;
        let edge = ((radius + 40.0 - r) / 40.0).clamp(0.0, 1.0);
        (0.5 - 0.5 * (std::f64::consts::PI * edge).cos()) as f32
    })
}

fn options(defocus: f64) -> SimulationOptions {
    SimulationOptions {
        image_width: 320,
        image_height: 320,
        pixel_size: PixelSize(8.0),
        tilt_step: Degrees(6.0),
        particles: 25,
        defocus: Angstrom(defocus),
        ice_thickness: Angstrom(500.0),
        ..SimulationOptions::default()
    }
}

#[test]
fn an_average_at_the_true_poses_reaches_the_bound() {
    let (box_size, pixel) = (64, 8.0);
    let phantom = Phantom::ribosome_70s();
    let mut sums = PartialSums::new(box_size, 2).unwrap();
    let mut simulations = Vec::new();
    for (seed, defocus) in [(1, 25000.0), (2, 35000.0)] {
        let simulation = Simulation::prepare("TS", &options(defocus), &phantom, seed).unwrap();
        sums.insert(&views(&simulation, box_size)).unwrap();
        simulations.push(simulation);
    }
    let map = sums.solve(&SolveOptions::default()).unwrap();
    let map = ndarray::Array3::from_shape_vec((box_size, box_size, box_size), map).unwrap();
    let truth = phantom.volume(box_size, PixelSize(pixel)).data;
    let mask = soft_mask(box_size, pixel, phantom.radius().0 - 10.0);
    let volume = mask.iter().map(|m| f64::from(m * m)).sum::<f64>() * pixel.powi(3);
    let all: Vec<&Simulation> = simulations.iter().collect();
    for masked in [false, true] {
        let found = if masked {
            fsc(&(&map * &mask), &(&truth * &mask))
        } else {
            fsc(&map, &truth)
        };
        let mask_volume = masked.then_some(volume);
        let bound = ResolutionBound::of(&all, box_size, PixelSize(pixel), mask_volume);
        let resolution = found.interpolated_resolution(0.5, pixel).unwrap();
        let expected = bound.resolution(0.5).unwrap().0;
        println!("masked {masked}: {resolution:.2} Å, bound {expected:.2} Å");
        assert!((resolution / expected - 1.0).abs() < 0.06);
        for (shell, expected) in bound.fsc_with_truth().iter().enumerate().skip(3) {
            let difference = found.fsc[shell] - expected;
            assert!(
                difference.abs() < 0.06,
                "shell {shell}: {difference} of {expected}"
            );
        }
    }
}
