//! Truth recovered from simulated projections; bytes, kept states, bad input.

use thon_compute::{Cancelled, Progress, Quiet};
use thon_likelihood::SourceError;
use thon_simulate::Phantom;
use thon_units::{Angstrom, PixelSize};

use super::simulated::{Kind, Scheme, SimulatedImages};
use super::*;

pub(super) fn scheme() -> Scheme {
    Scheme {
        box_size: 32,
        pixel_size: 15.0,
        signal_to_noise: 0.5,
        radius: 140.0,
        gold_radius: 50.0,
        largest_shift: 20.0,
        one_view: false,
        seed: 3,
    }
}

fn ribosome(scheme: &Scheme) -> Vec<f32> {
    let map = Phantom::ribosome_70s().volume(scheme.box_size, PixelSize(scheme.pixel_size));
    map.data.iter().copied().collect()
}

pub(super) fn options(classes: usize) -> ClassOptions {
    ClassOptions {
        classes,
        diameter: Some(Angstrom(300.0)),
        resolution: Angstrom(35.0),
        ..ClassOptions::default()
    }
}

/// Ribosomes, gold and noise.
pub(super) fn mixture(
    scheme: Scheme,
    particles: usize,
    gold: usize,
    noise: usize,
) -> SimulatedImages {
    let mut kinds = vec![Kind::Particle(0); particles];
    kinds.extend(vec![Kind::Gold; gold]);
    kinds.extend(vec![Kind::Noise; noise]);
    SimulatedImages::new(&[ribosome(&scheme)], kinds, scheme)
}

/// Part of the images that are of the kind that most of their class are of.
pub(super) fn purity(state: &State, kinds: &[Kind]) -> f64 {
    let count = |class: usize, kind: Kind| {
        let of = |(a, k): &(&Assignment, &Kind)| a.class as usize == class && **k == kind;
        state.assignments.iter().zip(kinds).filter(of).count()
    };
    let most = |class| {
        [Kind::Particle(0), Kind::Gold, Kind::Noise]
            .map(|k| count(class, k))
            .into_iter()
            .max()
    };
    let pure: usize = (0..state.averages.len()).filter_map(most).sum();
    pure as f64 / kinds.len() as f64
}

#[test]
fn particles_gold_and_junk_part() {
    let images = mixture(scheme(), 120, 30, 50);
    let state = classify(&images, options(8), &Quiet).unwrap();
    let pure = purity(&state, &images.kinds);
    assert!(pure >= 0.95, "{pure}");
    let used = state.averages.iter().filter(|a| a.images > 5.0).count();
    assert!(used >= 4, "{used}");
}

#[test]
fn averages_come_to_the_middle_and_shifts_follow() {
    let mut scheme = scheme();
    (
        scheme.one_view,
        scheme.largest_shift,
        scheme.signal_to_noise,
    ) = (true, 15.0, 2.0);
    // A ribosome three voxels off the middle of its map along x, and one along −y.
    let n = scheme.box_size;
    let (map, mut moved) = (ribosome(&scheme), vec![0.0; n * n * n]);
    for (i, value) in map.iter().enumerate() {
        let (x, y, z) = (i % n, i / n % n, i / n / n);
        moved[(z * n + (y + n - 1) % n) * n + (x + 3) % n] = *value;
    }
    let images = SimulatedImages::new(&[moved], vec![Kind::Particle(0); 60], scheme);
    let run = |centre: bool| {
        let options = ClassOptions {
            centre,
            diameter: Some(Angstrom(400.0)),
            ..options(1)
        };
        classify(&images, options, &Quiet).unwrap()
    };
    let off = |state: &State| {
        let mask = vec![1.0; n * n];
        let [x, y] = centre::middle(&state.averages[0].image, &mask, n, 9, 9.0).unwrap();
        x.hypot(y)
    };
    let (plain, centred) = (run(false), run(true));
    assert!(
        off(&plain) > 2.0 && off(&centred) < 0.3,
        "{} {}",
        off(&plain),
        off(&centred)
    );
    // Where the particle's middle lies in each image: its shift, and (3, −1) turned to the image.
    let mut errors: Vec<f64> = (0..60)
        .map(|i| {
            let (s, c) = images.angles[i].sin_cos();
            let [x, y] = images.shifts[i];
            let truth = [x + 3.0 * c + s, y + 3.0 * s - c];
            let found = centred.assignments[i].shift;
            (found[0] - truth[0]).hypot(found[1] - truth[1])
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    // The middle of the ribosome's mass is not quite the origin of its map.
    assert!(
        errors[30] < 1.2 && errors[57] < 2.0,
        "{} {}",
        errors[30],
        errors[57]
    );
}

#[test]
fn one_view_gives_its_average_back_with_poses() {
    let mut scheme = scheme();
    (
        scheme.one_view,
        scheme.largest_shift,
        scheme.signal_to_noise,
    ) = (true, 30.0, 2.0);
    let images = SimulatedImages::new(&[ribosome(&scheme)], vec![Kind::Particle(0); 60], scheme);
    let mut classification = Classification::start(&images, options(1), &Quiet).unwrap();
    while !classification.is_done() {
        classification.advance(&Quiet).unwrap();
    }
    let state = classification.state();
    // Angles are right up to one turn that all share, shifts up to one displacement of the average.
    let turns: Vec<f64> = (state.assignments.iter().zip(&images.angles))
        .map(|(a, t)| a.angle - t)
        .collect();
    let sine: f64 = turns.iter().map(|t| t.sin()).sum();
    let cosine: f64 = turns.iter().map(|t| t.cos()).sum();
    let common = sine.atan2(cosine);
    let error = |t: &f64| {
        let d = (t - common).rem_euclid(std::f64::consts::TAU);
        d.min(std::f64::consts::TAU - d).to_degrees()
    };
    let mut errors: Vec<f64> = turns.iter().map(error).collect();
    errors.sort_by(f64::total_cmp);
    assert!(
        errors[30] < 2.5 && errors[54] < 6.0,
        "{} {}",
        errors[30],
        errors[54]
    );
    // In the frame of the average its displacement is the same for all.
    let back = |(a, t): (&Assignment, &[f64; 2])| {
        let (s, c) = a.angle.sin_cos();
        let [x, y] = [a.shift[0] - t[0], a.shift[1] - t[1]];
        [c * x + s * y, c * y - s * x]
    };
    let moved: Vec<[f64; 2]> = state
        .assignments
        .iter()
        .zip(&images.shifts)
        .map(back)
        .collect();
    let mean = [0, 1].map(|i| moved.iter().map(|m| m[i]).sum::<f64>() / 60.0);
    let mut distances: Vec<f64> = moved
        .iter()
        .map(|m| (m[0] - mean[0]).hypot(m[1] - mean[1]))
        .collect();
    distances.sort_by(f64::total_cmp);
    assert!(distances[30] < 0.5, "{}", distances[30]);
    assert!(classification.resolution(&state.averages[0]).unwrap() < 50.0);
}

#[test]
fn threads_and_a_kept_state_change_no_byte() {
    let images = mixture(scheme(), 24, 4, 4);
    let options = ClassOptions {
        iterations: 4,
        ..options(3)
    };
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| classify(&images, options.clone(), &Quiet).unwrap())
    };
    let whole = run(1);
    assert_eq!(whole, run(3));
    let mut first = Classification::start(&images, options.clone(), &Quiet).unwrap();
    first.advance(&Quiet).unwrap();
    first.advance(&Quiet).unwrap();
    let kept = serde_json::to_string(first.state()).unwrap();
    let kept: State = serde_json::from_str(&kept).unwrap();
    let mut second = Classification::resume(&images, options.clone(), kept).unwrap();
    while !second.is_done() {
        second.advance(&Quiet).unwrap();
    }
    assert_eq!(*second.state(), whole);
    let other = mixture(scheme(), 20, 4, 4);
    let refused = Classification::resume(&other, options, whole)
        .err()
        .unwrap();
    assert!(refused.to_string().contains("assignments"), "{refused}");
}

/// Images with one pixel changed.
struct Changed<'a>(&'a SimulatedImages, usize, f32);

impl ImageSource for Changed<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn box_size(&self) -> usize {
        self.0.box_size()
    }
    fn pixel_size(&self) -> f64 {
        self.0.pixel_size()
    }
    fn image(&self, index: usize) -> Result<Vec<f32>, SourceError> {
        if self.2 == 0.0 {
            return Ok(vec![0.0; 32 * 32]);
        }
        let mut image = self.0.image(index)?;
        if index == self.1 {
            image[5] = self.2;
        }
        Ok(image)
    }
}

#[test]
fn bad_input_is_refused_by_name() {
    let images = mixture(scheme(), 8, 0, 0);
    let refused =
        |options: ClassOptions| classify(&images, options, &Quiet).unwrap_err().to_string();
    assert!(refused(options(5)).contains("8 particles: expected at least 10"));
    let with = |change: fn(&mut ClassOptions)| {
        let mut options = options(2);
        change(&mut options);
        options
    };
    assert!(refused(with(|o| o.diameter = Some(Angstrom(700.0)))).contains("diameter"));
    assert!(refused(with(|o| o.resolution = Angstrom(f64::NAN))).contains("resolution"));
    assert!(refused(with(|o| o.classes = 0)).contains("classes"));
    assert!(refused(with(|o| o.shift_range = Some(Angstrom(-1.0)))).contains("shift range"));
    let not_finite = classify(&Changed(&images, 3, f32::NAN), options(2), &Quiet).unwrap_err();
    assert!(
        not_finite
            .to_string()
            .starts_with("image 3 holds a value that is not finite"),
        "{not_finite}"
    );
    let flat = classify(&Changed(&images, 0, 0.0), options(2), &Quiet).unwrap_err();
    assert!(flat.to_string().contains("is flat"), "{flat}");
}

#[test]
fn a_cancelled_round_leaves_the_state_as_it_was() {
    struct Stop;
    impl Progress for Stop {
        fn advance(&self, _: u64, _: u64) {}
        fn cancelled(&self) -> bool {
            true
        }
    }
    let images = mixture(scheme(), 8, 0, 0);
    let mut classification = Classification::start(&images, options(2), &Quiet).unwrap();
    let before = classification.state().clone();
    let stopped = classification.advance(&Stop).unwrap_err();
    assert!(matches!(stopped, ClassifyError::Cancelled(Cancelled)));
    assert_eq!(*classification.state(), before);
}

/// Images that were seen through a transfer that changes sign at half the band.
struct Transferred(SimulatedImages);

impl ImageSource for Transferred {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn box_size(&self) -> usize {
        self.0.box_size()
    }
    fn pixel_size(&self) -> f64 {
        self.0.pixel_size()
    }
    fn image(&self, index: usize) -> Result<Vec<f32>, SourceError> {
        let image = self.0.image(index)?;
        let (plane, disc) = (plane::Plane::new(32), HalfDisc::new(15));
        let mut values = plane.transform(&image, &disc);
        let transfer = self.transfer(index, &disc).unwrap_or_default();
        values.iter_mut().zip(transfer).for_each(|(v, c)| *v *= c);
        Ok(plane.image(&values, &disc))
    }
    fn transfer(&self, index: usize, disc: &HalfDisc) -> Option<Vec<f32>> {
        let end = if index.is_multiple_of(2) { 30.0 } else { 40.0 };
        let value = |[x, y]: &[i16; 2]| (1.5 - f32::from(x * x + y * y) / end).max(-1.0);
        Some(disc.points.iter().map(value).collect())
    }
}

#[test]
fn averages_are_corrected_for_the_transfer() {
    let mut scheme = scheme();
    (scheme.one_view, scheme.signal_to_noise) = (true, 5.0);
    let kinds = vec![Kind::Particle(0); 30];
    let plain = SimulatedImages::new(&[ribosome(&scheme)], kinds.clone(), scheme);
    let seen = Transferred(SimulatedImages::new(&[ribosome(&scheme)], kinds, scheme));
    let options = ClassOptions {
        normalise: false,
        iterations: 12,
        ..options(1)
    };
    let average = |source: &dyn ImageSource| {
        classify(source, options.clone(), &Quiet).unwrap().averages[0].clone()
    };
    let (a, b) = (average(&plain), average(&seen));
    // Whatever turn and displacement each has, the powers per shell agree.
    let (plane, disc) = (plane::Plane::new(32), HalfDisc::new(9));
    let power = |image: &[f32], range: std::ops::Range<usize>| -> f32 {
        plane.transform(image, &disc)[range]
            .iter()
            .map(num_complex::Complex32::norm_sqr)
            .sum()
    };
    for (shell, range) in disc.shells().skip(1) {
        let ratio = power(&b.image, range.clone()) / power(&a.image, range);
        assert!((0.7..1.4).contains(&ratio), "shell {shell}: {ratio}");
    }
}
