//! Same bytes, cancellation, refusals, provenance.

use super::*;

#[test]
fn the_same_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let options = SimulationOptions {
        image_width: 192,
        image_height: 160,
        pixel_size: PixelSize(8.0),
        tilt_step: Degrees(40.0),
        particles: 7,
        beads: 3,
        particle_distance: Angstrom(150.0),
        ..SimulationOptions::default()
    };
    let bytes = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let simulation = Simulation::prepare("TS", &options, &Phantom::ribosome_70s(), seed);
            let images = simulation.unwrap().record_all(&Quiet).unwrap();
            images
                .into_iter()
                .flatten()
                .map(f32::to_bits)
                .collect::<Vec<_>>()
        })
    };
    let one = bytes(1, 5);
    assert!(one == bytes(2, 5) && one == bytes(4, 5));
    assert!(one != bytes(2, 6));
}

#[test]
fn cancelling_stops_between_images() {
    struct Stop;
    impl Progress for Stop {
        fn advance(&self, _: u64, _: u64) {}
        fn cancelled(&self) -> bool {
            true
        }
    }
    let simulation = Simulation::prepare("TS", &clean(), &blob(8.0, 1.0), 1).unwrap();
    let error = simulation.record_all(&Stop).unwrap_err();
    assert_eq!(error, SimulateError::Cancelled(thon_compute::Cancelled));
}

#[test]
fn a_crowded_field_is_refused() {
    let options = SimulationOptions {
        particles: 500,
        ..clean()
    };
    let error = Simulation::prepare("TS", &options, &blob(30.0, 1.0), 1).unwrap_err();
    assert!(
        error.to_string().starts_with("particles: placed"),
        "{error}"
    );
}

#[test]
fn the_truth_says_how_it_was_made() {
    let options = SimulationOptions {
        mean_free_path: Angstrom(2000.0),
        ..clean()
    };
    let simulation = Simulation::prepare("TS", &options, &blob(8.0, 1.0), 1).unwrap();
    let series = &simulation.tilt_series;
    let hand = series.defocus_hand.as_ref().unwrap();
    assert_eq!(hand.evidence, "simulated");
    assert_eq!(series.images[3].dose_before, Dose(0.0));
    assert_eq!(series.images[0].acquisition_index, Some(6));
    assert_eq!(series.images[0].dose_before, Dose(18.0));
    let geometry = series.images[0].geometry.unwrap();
    assert!(geometry.affine == DMat2::IDENTITY && series.is_aligned());
    // 1000 Å of ice at 60° is a path of 2000 Å: √(exp(−1)/exp(−½)) of the amplitude.
    assert!((series.images[0].ctf.unwrap().scale - (-0.25f64).exp()).abs() < 1e-9);
    let expected = 3.0 * 16.0 * (-1.0f64).exp();
    assert!((simulation.expected_electrons(0) / expected - 1.0).abs() < 1e-9);
}
