//! Simulated movies with known global and local motion (`THON_RECON_DATA`): errors against truth, and CPU time.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that reports figures"
)]

use std::path::{Path, PathBuf};

use npyz::npz::NpzArchive;
use thon_compute::Quiet;
use thon_geometry::glam::DVec2;
use thon_images::Samples;
use thon_images::mrc::Mrc;
use thon_motion::{
    CorrectOptions, CorrectedMovie, DefectMap, Detector, EstimateOptions, FrameSource, LocalChoice,
    Motion, SourceError, SumOptions, correct_movie,
};

struct Stack(Mrc<'static>);

impl FrameSource for Stack {
    fn size(&self) -> [usize; 2] {
        let [_, ny, nx] = self.0.shape();
        [ny, nx]
    }

    fn frames(&self) -> usize {
        self.0.shape()[0]
    }

    fn read(&self, frame: usize, pixels: &mut [f32]) -> Result<(), SourceError> {
        Ok(self.0.read_section_into(frame, pixels)?)
    }

    fn counts(&self, frame: usize) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(match self.0.read_section_samples(frame)? {
            Samples::U8(counts) => Some(counts),
            Samples::I8(values) => {
                let counted = values.iter().all(|v| *v >= 0);
                counted.then(|| values.into_iter().map(i8::cast_unsigned).collect())
            }
            _ => None,
        })
    }
}

/// True displacements: global `[frame]`, and local coefficients of x, y, xy, x² − ⅓, y² − ⅓ with their course in time.
struct Truth {
    global: Vec<DVec2>,
    course: Vec<f64>,
    local: [[f64; 5]; 2],
}

impl Truth {
    fn read(path: &Path) -> Self {
        let mut archive = NpzArchive::open(path).unwrap();
        let mut list = |name: &str| -> Vec<f64> {
            archive.by_name(name).unwrap().unwrap().into_vec().unwrap()
        };
        let (gx, gy, course, c) = (list("gx"), list("gy"), list("lt"), list("c"));
        let pixel = list("apix")[0];
        let scale = 4.0 / pixel;
        let row = |axis: usize| std::array::from_fn(|b| c[axis * 5 + b] * scale);
        Self {
            global: gx
                .iter()
                .zip(&gy)
                .map(|(x, y)| DVec2::new(*x, *y))
                .collect(),
            course,
            local: [row(0), row(1)],
        }
    }

    fn at(&self, frame: usize, u: DVec2) -> DVec2 {
        let basis = [
            u.x,
            u.y,
            u.x * u.y,
            u.x * u.x - 1.0 / 3.0,
            u.y * u.y - 1.0 / 3.0,
        ];
        let field =
            |axis: usize| -> f64 { self.local[axis].iter().zip(basis).map(|(c, b)| c * b).sum() };
        self.global[frame] + DVec2::new(field(0), field(1)) * self.course[frame]
    }
}

/// RMS error of the mean motion, and over the whole field, after the mean over frames is taken from each.
fn errors(motion: &Motion, truth: &Truth) -> [f64; 2] {
    let n = motion.shifts.len();
    let gauge = |mut d: Vec<DVec2>| {
        let mean = d.iter().sum::<DVec2>() / n as f64;
        for v in &mut d {
            *v -= mean;
        }
        d.iter().map(|v| v.length_squared()).sum::<f64>() / n as f64
    };
    let mut field = 0.0;
    let mut means = vec![DVec2::ZERO; n];
    let steps = 33;
    for y in 0..steps {
        for x in 0..steps {
            let u =
                DVec2::new(f64::from(x), f64::from(y)) / f64::from(steps - 1) * 2.0 - DVec2::ONE;
            let size = DVec2::new(motion.size[1] as f64, motion.size[0] as f64);
            let pixel = (u + DVec2::ONE) * 0.5 * size - DVec2::splat(0.5);
            let d: Vec<DVec2> = (0..n)
                .map(|i| motion.at(i, pixel) - truth.at(i, u))
                .collect();
            means
                .iter_mut()
                .zip(&d)
                .for_each(|(m, d)| *m += *d / f64::from(steps * steps));
            field += gauge(d) / f64::from(steps * steps);
        }
    }
    [gauge(means).sqrt(), field.sqrt()]
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

fn correct(path: &Path, local: LocalChoice) -> (CorrectedMovie, f64) {
    let start = cpu_seconds();
    let stack = Stack(Mrc::open(path).unwrap());
    let defects = DefectMap::none(stack.size());
    let detector = Detector {
        gain: None,
        defects: &defects,
        find_defects: true,
    };
    let options = CorrectOptions {
        motion: EstimateOptions {
            pixel_size: 1.35,
            local,
            resolution: 4.0,
            group: 0,
        },
        sums: SumOptions {
            halves: true,
            exposure: None,
            unweighted: false,
        },
        keep: 1 << 30,
    };
    let movie = correct_movie(&stack, &detector, &options, &Quiet).unwrap();
    (movie, cpu_seconds() - start)
}

fn folder() -> Option<PathBuf> {
    let found = std::env::var_os("THON_RECON_DATA").map(PathBuf::from);
    if found.is_none() {
        println!("skipped: THON_RECON_DATA is not set");
    }
    found
}

/// 38 frames of 0.4 e⁻/Å² (`gen_movie.py m2k_15e_s1.mrcs 2048 38 1.35 0.4 1`): at such doses local motion is to be followed.
#[test]
#[ignore = "needs THON_RECON_DATA; half a minute"]
fn local_motion_is_followed_where_the_dose_allows_it() {
    let Some(folder) = folder() else { return };
    for name in ["m2k_15e_s1", "m2k_15e_s2"] {
        let path = folder.join(format!("{name}.mrcs"));
        if !path.exists() {
            println!("skipped: {name} is absent");
            continue;
        }
        let truth = Truth::read(&folder.join(format!("{name}.mrcs.truth.npz")));
        let (global, _) = correct(&path, LocalChoice::Never);
        let (local, _) = correct(&path, LocalChoice::WhenHeldOutGains);
        let ([_, plain], [_, field]) = (
            errors(&global.motion, &truth),
            errors(&local.motion, &truth),
        );
        println!("{name}: field {plain:.3} px global, {field:.3} px with local motion");
        assert!(local.motion.local.is_some() && field <= 0.5 && field < plain);
    }
}

#[test]
#[ignore = "needs THON_RECON_DATA; seconds a movie"]
fn motion_of_simulated_movies_is_recovered() {
    let Some(folder) = folder() else { return };
    let names = ["m2k_s1", "m2k_s2", "m2k_s3", "m2k_s4", "m2k_s5", "m4k_s1"];
    for name in names {
        let path = folder.join(format!("{name}.mrcs"));
        let truth = Truth::read(&folder.join(format!("{name}.mrcs.truth.npz")));
        let (global, global_cpu) = correct(&path, LocalChoice::Never);
        let (local, local_cpu) = correct(&path, LocalChoice::WhenHeldOutGains);
        let [a, b] = errors(&global.motion, &truth);
        let [c, d] = errors(&local.motion, &truth);
        println!(
            "{name}: global {a:.3} px (expected {:.3}), field {b:.3} px, {global_cpu:.2} CPU s; with local ({:?}) {c:.3}, field {d:.3} px, {local_cpu:.2} CPU s; signal {:.0}",
            global.motion.uncertainty,
            local.motion.local.as_ref().map(|l| l.model),
            global.motion.signal,
        );
        println!("    {:?}", local.motion.held_out);
        let bound = if name.starts_with("m4k") { 0.25 } else { 0.30 };
        assert!(c <= bound, "{name}: {c}");
        assert!(d <= b + 1e-9, "{name}: local motion does harm");
    }
}
