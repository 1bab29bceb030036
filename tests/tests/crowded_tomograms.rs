//! Template matching in simulated crowded tomograms: ribosomes, proteasomes and gold beads in ice, images of 7.5 Å pixels with the
//! contrast transfer, dose damage and counting noise of a real series, reconstructed by this house's own back-projection at 15 Å.
//!
//! `THON_PICK_SEEDS` sets how many tomograms, or the first and the last (3-6); figures are printed. Atomic models lie in `../shared/data/12_models`.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is wrong"
)]
#![expect(clippy::print_stdout, reason = "figures for docs/validation.md")]

use glam::{DQuat, DVec3};
use ndarray::Array3;
use rand::RngExt;
use thon_compute::{Quiet, seed_stream};
use thon_geometry::{Grid, Symmetry};
use thon_model::Map;
use thon_pick::{
    CoarseOptions, ContrastState, Limits, MatchOptions, Orientations, Pick, Target, Threshold,
    angle_between, match_coarse_to_fine, match_template, pick_peaks, significance, test_hand,
};
use thon_signal::resample::mirror3;
use thon_tests::crowd::{Contents, Crowd, Species, VOXEL, crowd};
use thon_units::{Angstrom, Degrees, PixelSize};

fn options(species: &Species) -> MatchOptions {
    MatchOptions {
        mask_diameter: Angstrom(species.diameter),
        mask_edge: Angstrom(30.0),
        contrast: Some(ContrastState::AsRecorded),
        memory: 512,
        ..MatchOptions::default()
    }
}

fn template(species: &Species) -> Map {
    species.phantom.volume(48, VOXEL)
}

/// True positives, root mean square errors of position (Å) and median of orientation (°) of picks against truth.
fn compare(found: &[(DVec3, DQuat)], species: &Species, grid: &Grid) -> (usize, f64, f64) {
    let mut used = vec![false; species.poses.len()];
    let (mut squares, mut angles) = (Vec::new(), Vec::new());
    let symmetry = species.symmetry.rotations();
    for (position, rotation) in found {
        let at = grid.point_at_index(*position);
        let nearest = (0..used.len()).min_by(|&a, &b| {
            let distance = |i: usize| species.poses[i].position.distance(at);
            distance(a).total_cmp(&distance(b))
        });
        let Some(nearest) = nearest else { continue };
        let distance = species.poses[nearest].position.distance(at);
        if distance < 0.35 * species.diameter && !used[nearest] {
            used[nearest] = true;
            squares.push(distance * distance);
            angles.push(
                angle_between(
                    species.poses[nearest].rotation.quaternion(),
                    *rotation,
                    &symmetry,
                )
                .to_degrees(),
            );
        }
    }
    angles.sort_by(f64::total_cmp);
    let count = squares.len().max(1) as f64;
    let median = angles.get(angles.len() / 2).copied().unwrap_or(f64::NAN);
    (
        squares.len(),
        (squares.iter().sum::<f64>() / count).sqrt(),
        median,
    )
}

fn f1(positive: usize, found: usize, truth: usize) -> f64 {
    2.0 * positive as f64 / (found + truth).max(1) as f64
}

/// False positives expected at the thresholds that are counted.
const EXPECTED: [usize; 4] = [3, 10, 30, 100];

/// What was found, of all tomograms together.
#[derive(Default)]
struct Judged {
    tomograms: usize,
    truth: usize,
    /// At the automatic threshold, 5 % false discoveries asked: picks, and those that are right.
    picks: usize,
    right: usize,
    /// Highest F1 at any threshold, the lowest of all tomograms.
    best: f64,
    /// Tomograms whose hand is told.
    hands: usize,
    /// False positives found at the thresholds of [`EXPECTED`].
    found: [usize; 4],
}

impl Judged {
    fn f1(&self) -> f64 {
        f1(self.right, self.picks, self.truth)
    }

    /// Adds a tomogram: true particles, picks, right picks; its best F1; whether the hand is told.
    fn add(&mut self, [truth, picks, right]: [usize; 3], best: f64, hand: bool) {
        self.best = if self.tomograms == 0 {
            best
        } else {
            self.best.min(best)
        };
        self.tomograms += 1;
        self.truth += truth;
        self.picks += picks;
        self.right += right;
        self.hands += usize::from(hand);
    }

    /// Tells the figures of a species; stops where they are not within bounds.
    fn conclude(&self, name: &str, least: f64) {
        println!(
            "{name}, {} tomograms: F1 {:.3} ({} of {} picks right, {} true), best F1 at least {:.3}, hands {}",
            self.tomograms,
            self.f1(),
            self.right,
            self.picks,
            self.truth,
            self.best,
            self.hands
        );
        for (expected, found) in EXPECTED.iter().zip(self.found) {
            let expected = (expected * self.tomograms) as f64;
            let ratio = found as f64 / expected;
            println!("{name}: {expected} false positives expected, {found} found: {ratio:.2}");
            // Counts of both the expected and the found scatter.
            let scatter = 2.0 * (2.0 * expected).sqrt() / expected;
            assert!(
                ratio < 1.5 + scatter && ratio > 1.0 / 1.5 - scatter,
                "{name}"
            );
        }
        assert!(self.f1() >= least, "{name}");
    }
}

fn search(crowd: &Crowd, species: &Species, step: Degrees, name: &str, all: &mut Judged) {
    let grid = Orientations::even(step.radians(), species.symmetry);
    let matches = match_template(
        crowd.tomogram.clone(),
        &template(species),
        &crowd.images,
        &grid,
        VOXEL,
        &options(species),
        &Quiet,
    )
    .unwrap();
    let diameter = species.diameter / VOXEL.0;
    let [distance, margin] = [0.8 * diameter, 3.0];
    let judged = significance(&matches, diameter, distance, margin).unwrap();
    let hand = test_hand(&matches, distance, margin, 60).unwrap();
    let limits = Limits {
        distance,
        margin,
        most: 10_000,
        ..Limits::default()
    };
    let posed = |picks: &[Pick]| -> Vec<(DVec3, DQuat)> {
        picks
            .iter()
            .map(|p| {
                (
                    p.position,
                    grid.rotations()[matches.template.orientation[p.voxel] as usize],
                )
            })
            .collect()
    };
    let picks = pick_peaks(
        &judged.z,
        Some(&judged.false_positives),
        Threshold::FalseDiscoveryRate(0.05),
        &limits,
    )
    .kept;
    let truth = species.poses.len();
    let (positive, position, angle) = compare(&posed(&picks), species, &crowd.grid);
    let found = f1(positive, picks.len(), truth);
    println!(
        "{name}: {} orientations, {truth} true, {} picks, {positive} right: F1 {found:.3}, position {position:.1} A, angle {angle:.1} deg; hand {} of {} for the template, p {:.1e}",
        grid.len(),
        picks.len(),
        hand.template_higher,
        hand.places,
        hand.probability
    );
    let best = (1..2 * truth).map(|n| {
        let picks = pick_peaks(&judged.z, None, Threshold::Count(n), &limits).kept;
        f1(
            compare(&posed(&picks), species, &crowd.grid).0,
            picks.len(),
            truth,
        )
    });
    let best = best.fold(0.0, f64::max);
    println!("{name}: best F1 at any threshold {best:.3}");
    for (expected, total) in EXPECTED.iter().zip(&mut all.found) {
        let picks = pick_peaks(
            &judged.z,
            Some(&judged.false_positives),
            Threshold::FalsePositives(*expected as f64),
            &limits,
        )
        .kept;
        let (positive, ..) = compare(&posed(&picks), species, &crowd.grid);
        println!(
            "{name}: {expected} false positives expected, {} found",
            picks.len() - positive
        );
        *total += picks.len() - positive;
    }
    all.add([truth, picks.len(), positive], best, hand.is_template());
}

/// `THON_PICK_SEEDS`: how many tomograms, or the first and the last as in 3-6.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let text = std::env::var("THON_PICK_SEEDS").unwrap_or_else(|_| "1".into());
    let (first, last) = text.split_once('-').unwrap_or(("1", &text));
    first.parse().unwrap()..=last.parse().unwrap()
}

#[test]
#[ignore = "minutes of simulation and search"]
fn crowded_tomograms() {
    let [mut ribosomes, mut proteasomes] = [Judged::default(), Judged::default()];
    for seed in seeds() {
        let crowd = crowd(&Contents::LARGE, seed);
        match &crowd.proteasome {
            Some(species) => search(&crowd, species, Degrees(15.0), "20S", &mut proteasomes),
            None => println!("skipped: shared data absent"),
        }
        search(
            &crowd,
            &crowd.ribosome,
            Degrees(20.0),
            "70S",
            &mut ribosomes,
        );
    }
    if proteasomes.tomograms > 0 {
        proteasomes.conclude("20S", 0.8);
    }
    ribosomes.conclude("70S", 0.9);
    assert_eq!(ribosomes.hands, ribosomes.tomograms);
}

/// Small tomograms, every other one searched with the mirrored map: as many as `THON_PICK_SEEDS`, 50 when it is absent.
#[test]
#[ignore = "minutes of simulation and search"]
fn the_wrong_hand_is_told() {
    let contents = Contents {
        image: 192,
        depth: 40,
        ice: Angstrom(480.0),
        ribosomes: 15,
        proteasomes: 0,
        beads: 1,
    };
    let seeds = std::env::var("THON_PICK_SEEDS").map_or(1..=50, |_| seeds());
    let (mut right, mut all, mut highest) = (0, 0, 0.0_f64);
    for seed in seeds {
        let crowd = crowd(&contents, seed);
        let grid = Orientations::even(Degrees(30.0).radians(), Symmetry::Cyclic(1));
        let same = seed % 2 == 0;
        let mut map = template(&crowd.ribosome);
        if !same {
            map = Map::new(mirror3(&map.data), VOXEL);
        }
        let matches = match_template(
            crowd.tomogram.clone(),
            &map,
            &crowd.images,
            &grid,
            VOXEL,
            &options(&crowd.ribosome),
            &Quiet,
        )
        .unwrap();
        let places = crowd.ribosome.poses.len();
        let hand = test_hand(&matches, 14.0, 3.0, places).unwrap();
        println!(
            "seed {seed}, {}: {hand:?}",
            if same { "true hand" } else { "mirrored" }
        );
        right += u64::from(hand.is_template() == same);
        highest = highest.max(hand.probability);
        all += 1;
    }
    println!("hand told in {right} of {all}, probability of chance at most {highest:.1e}");
    assert_eq!(right, all);
}

#[test]
#[ignore = "minutes of simulation and search"]
fn coarse_to_fine_finds_the_same() {
    let crowd = crowd(&Contents::LARGE, 1);
    let species = &crowd.ribosome;
    let target = Target {
        tomogram: &crowd.tomogram,
        template: &template(species),
        images: &crowd.images,
        symmetry: species.symmetry,
        voxel_size: VOXEL,
    };
    let coarse = CoarseOptions {
        binning: 2,
        angular_step: Degrees(20.0),
        candidates: 150,
    };
    let start = on_cpu();
    let found = match_coarse_to_fine(
        &target,
        Degrees(7.5).radians(),
        &coarse,
        [14.0, 3.0],
        &options(species),
        &Quiet,
    )
    .unwrap();
    let time = on_cpu() - start;
    let chance = found.chance.as_ref().unwrap();
    let rate = |i: usize| chance.expected(f64::from(found.template[i].score)) / (i + 1) as f64;
    let count = (0..found.template.len())
        .rev()
        .find(|&i| rate(i) <= 0.05)
        .map_or(0, |i| i + 1);
    let picks: Vec<(DVec3, DQuat)> = found.template[..count]
        .iter()
        .map(|m| (m.position, m.rotation))
        .collect();
    let (positive, position, angle) = compare(&picks, species, &crowd.grid);
    println!(
        "70S coarse to fine: {time:.1} s of one core, {count} picks, {positive} of {} right: F1 {:.3}, position {position:.1} A, angle {angle:.1} deg",
        species.poses.len(),
        f1(positive, count, species.poses.len())
    );
    for expected in [3.0, 10.0, 30.0] {
        let lowest = chance.threshold(expected) as f32;
        let above = found.template.iter().take_while(|m| m.score >= lowest);
        let above: Vec<(DVec3, DQuat)> = above.map(|m| (m.position, m.rotation)).collect();
        let wrong = above.len() - compare(&above, species, &crowd.grid).0;
        println!("70S coarse to fine: {expected} false positives expected, {wrong} found");
    }
    assert!(f1(positive, count, species.poses.len()) >= 0.9);
    assert!(position < VOXEL.0 && angle < 7.5);
}

/// Seconds that all threads of this process have computed.
fn on_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    let ticks: f64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|t| t.parse::<f64>().unwrap())
        .sum();
    ticks / 100.0
}

#[test]
#[ignore = "a measurement"]
fn time_per_voxel_and_orientation() {
    let dims = [140, 256, 256];
    let mut random = seed_stream(1, "speed", 0);
    let tomogram = Array3::from_shape_fn(dims, |_| random.random::<f32>());
    let map = Map::new(
        Array3::from_shape_fn((36, 36, 36), |_| random.random::<f32>()),
        PixelSize(13.0),
    );
    let all = Orientations::even(Degrees(30.0).radians(), Symmetry::Cyclic(1));
    for memory in [96, 192, 1024] {
        let options = MatchOptions {
            mask_diameter: Angstrom(312.0),
            mask_edge: Angstrom(26.0),
            significance: false,
            memory,
            ..MatchOptions::default()
        };
        let time = |count: usize| {
            let grid = Orientations::listed(all.rotations()[..count].to_vec(), all.step());
            let start = on_cpu();
            match_template(
                tomogram.clone(),
                &map,
                &[],
                &grid,
                PixelSize(13.0),
                &options,
                &Quiet,
            )
            .unwrap();
            on_cpu() - start
        };
        let (few, many) = (time(2), time(34));
        println!(
            "{memory} MiB: {:.2} ns of one core per voxel and orientation",
            (many - few) / 32.0 / tomogram.len() as f64 * 1e9
        );
    }
}
