//! Refinement of simulated particles: poses, maps, reproducibility.

use glam::{DMat3, DQuat, DVec3};
use thon_average::{RefineOptions, State, Status, iterate, refine};
use thon_compute::Quiet;
use thon_likelihood::simulated::{Scheme, SimulatedParticles, phantom};
use thon_likelihood::{Placement, angle_between};

fn scheme(particles: usize, signal_to_noise: f64) -> Scheme {
    Scheme {
        particles,
        box_size: 32,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise,
        largest_shift: 2.0,
        seed: 3,
    }
}

/// Angular error (degrees) and shift error (voxels) of each particle after removal of the rotation and shift that all
/// have in common.
fn errors(found: &[Placement], truth: &[Placement]) -> (Vec<f64>, Vec<f64>) {
    let relative: Vec<DQuat> = found
        .iter()
        .zip(truth)
        .map(|(f, t)| t.rotation.conjugate() * f.rotation)
        .collect();
    let nearest = |to: DQuat, q: DQuat| if to.dot(q) < 0.0 { -q } else { q };
    // The rotation that most agree with, then the mean of those near it.
    let support = |c: &DQuat| relative.iter().filter(|r| angle_between(**r, *c) < 0.1).count();
    let mut frame = *relative.iter().max_by_key(|c| support(c)).unwrap();
    for _ in 0..5 {
        let near = relative.iter().filter(|r| angle_between(**r, frame) < 0.1);
        let sum = near.fold(DQuat::from_xyzw(0.0, 0.0, 0.0, 0.0), |s, r| s + nearest(frame, *r));
        frame = sum.normalize();
    }
    let angles: Vec<f64> = relative
        .iter()
        .map(|r| angle_between(*r, frame).to_degrees())
        .collect();
    // A shift of the reference frame is turned with each particle: least squares over those that are right.
    let right: Vec<usize> = (0..found.len()).filter(|i| angles[*i] < 10.0).collect();
    let mean = right
        .iter()
        .map(|&i| found[i].rotation.conjugate() * (found[i].shift - truth[i].shift))
        .sum::<DVec3>()
        / right.len() as f64;
    let shifts = found
        .iter()
        .zip(truth)
        .map(|(f, t)| (f.shift - t.shift - f.rotation * mean).length())
        .collect();
    (angles, shifts)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

#[test]
fn experiment() {
    let snr: f64 = std::env::var("SNR").map_or(0.3, |v| v.parse().unwrap());
    let count: usize = std::env::var("COUNT").map_or(60, |v| v.parse().unwrap());
    let n: usize = std::env::var("BOX").map_or(32, |v| v.parse().unwrap());
    let mut s = scheme(count, snr);
    s.box_size = n;
    s.voxel_size = 320.0 / n as f64;
    s.largest_shift = 2.0 * n as f64 / 32.0;
    let map = phantom(n, 1);
    let particles = SimulatedParticles::new(std::slice::from_ref(&map), s);
    let mut options = RefineOptions::default();
    options.target.mask_data = false;
    options.poses.offset_range = thon_units::Angstrom(25.0);
    let input = thon_average::Input {
        references: &[&map],
        ..Default::default()
    };
    let time = std::time::Instant::now();
    let mut state = refine::start(&particles, &input, &options, &Quiet).unwrap();
    println!("start {:?}", time.elapsed());
    while state.head.status == Status::Running {
        let time = std::time::Instant::now();
        state = iterate(&particles, &state, &Quiet).unwrap();
        let (angles, shifts) = errors(&state.placements(), &particles.truth);
        let r = state.head.reports.last().unwrap();
        println!("{:?} {:?} band {:.1} res {:.1} dang {:.2} dsh {:.2} jumps {:.2} modes {:.2} unc {:.2} {:.2} off {:.1} LL {:.0} | err {:.2} deg {:.3} vox, >10: {}", time.elapsed(), r.search, r.band, r.resolution, r.angle_change, r.shift_change, r.jumps, r.effective_modes, r.angle_uncertainty, r.shift_uncertainty, r.offset_sigma, r.log_likelihood, median(&angles), median(&shifts), angles.iter().filter(|a| **a > 10.0).count());
    }
    let _ = (DMat3::IDENTITY, State::from_bytes(&state.to_bytes()).unwrap() == state);
}
