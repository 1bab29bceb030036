//! Truth recovered from simulated projections; bytes, kept states, bad input.

use thon_compute::{Cancelled, Progress, Quiet};
use thon_likelihood::SourceError;
use thon_simulate::Phantom;
use thon_units::{Angstrom, PixelSize};

use super::simulated::{Kind, Scheme, SimulatedImages};
use super::*;

fn scheme() -> Scheme {
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

fn options(classes: usize) -> ClassOptions {
    ClassOptions {
        classes,
        diameter: Some(Angstrom(300.0)),
        resolution: Angstrom(35.0),
        ..ClassOptions::default()
    }
}

/// Ribosomes, gold and noise.
fn mixture(scheme: Scheme, particles: usize, gold: usize, noise: usize) -> SimulatedImages {
    let mut kinds = vec![Kind::Particle(0); particles];
    kinds.extend(vec![Kind::Gold; gold]);
    kinds.extend(vec![Kind::Noise; noise]);
    SimulatedImages::new(&[ribosome(&scheme)], kinds, scheme)
}

/// Part of the images that are of the kind that most of their class are of.
fn purity(state: &State, kinds: &[Kind]) -> f64 {
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

/// Sections of an MRC stack of 32-bit floats.
struct Stack {
    n: usize,
    pixel_size: f64,
    values: Vec<f32>,
}

impl Stack {
    fn read(path: &str) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let word = |i: usize| <[u8; 4]>::try_from(&bytes[4 * i..4 * i + 4]).unwrap();
        let n = i32::from_le_bytes(word(0)) as usize;
        let values = bytes[1024..]
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        Self {
            n,
            pixel_size: f64::from(f32::from_le_bytes(word(10))) / n as f64,
            values,
        }
    }
}

impl ImageSource for Stack {
    fn len(&self) -> usize {
        self.values.len() / (self.n * self.n)
    }
    fn box_size(&self) -> usize {
        self.n
    }
    fn pixel_size(&self) -> f64 {
        self.pixel_size
    }
    fn image(&self, index: usize) -> Result<Vec<f32>, SourceError> {
        Ok(self.values[index * self.n * self.n..][..self.n * self.n].to_vec())
    }
}

/// Classes of `box64/proj2d.mrcs` in the folder that THON_RELION_DATA names, or of a simulated mixture; the averages are drawn
/// beside each other into the file that THON_PICTURE names.
#[test]
#[ignore = "for looking at"]
fn picture() {
    use thon_picture::{Contrast, Picture, gray, row_of};
    let number =
        |name: &str, default: f64| std::env::var(name).map_or(default, |v| v.parse().unwrap());
    let mut scheme = scheme();
    (scheme.box_size, scheme.pixel_size) = (64, 7.5);
    scheme.signal_to_noise = number("SNR", 0.5);
    let images = mixture(scheme, 200, 40, 60);
    let data = std::env::var("THON_RELION_DATA")
        .map(|folder| Stack::read(&format!("{folder}/box64/proj2d.mrcs")));
    let source: &dyn ImageSource = data.as_ref().map_or(&images, |d| d);
    let options = ClassOptions {
        diameter: Some(Angstrom(320.0)),
        resolution: Angstrom(number("RESOLUTION", 30.0)),
        seed: number("SEED", 1.0) as u64,
        ..options(number("CLASSES", 10.0) as usize)
    };
    let mut classification = Classification::start(source, options, &Quiet).unwrap();
    while !classification.is_done() {
        let start = std::time::Instant::now();
        let c = *classification.advance(&Quiet).unwrap();
        eprintln!(
            "{:2} band {:2} changed {:3} turn {:5.1}° moved {:.2} pose {:.3} ln L {:.0} restarted {}: {:.3} s",
            c.iteration,
            c.band,
            c.changed_class,
            c.turn.to_degrees(),
            c.displacement,
            c.pose_probability,
            c.log_likelihood,
            c.restarted,
            start.elapsed().as_secs_f64()
        );
    }
    let state = classification.state();
    if data.is_err() {
        eprintln!("purity {}", purity(state, &images.kinds));
    }
    let mut sorted: Vec<&ClassAverage> = state.averages.iter().collect();
    sorted.sort_by(|a, b| b.images.total_cmp(&a.images));
    let draw = |a: &&ClassAverage| {
        eprintln!("{:.1} images, shell {}", a.images, a.resolved_shell);
        let n = source.box_size();
        let image = ndarray::ArrayView2::from_shape((n, n), &a.image).unwrap();
        gray(&image, Contrast::Percentile(0.002), n)
    };
    let rows: Vec<Picture> = sorted
        .chunks(10)
        .map(|row| row_of(&row.iter().map(draw).collect::<Vec<_>>(), 4, [255; 3]))
        .collect();
    let height: usize = rows.iter().map(|r| r.height + 4).sum();
    let mut all = Picture::filled(rows[0].width, height, [255; 3]);
    let mut top = 0;
    for row in &rows {
        all.paste(row, 0, top);
        top += row.height + 4;
    }
    if let Ok(path) = std::env::var("THON_PICTURE") {
        std::fs::write(path, all.to_png()).unwrap();
    }
}
