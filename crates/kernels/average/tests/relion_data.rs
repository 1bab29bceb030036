//! Refinement and classification of subtomograms in RELION's layout with known poses.
//!
//! Wants `THON_RELION_DATA`: a data set of the bench, with `box64/gt.star` and `box64/ref.mrc`; `THON_RELION_BOX` and
//! `THON_RELION_STRIDE` choose box and every how many particles,
//! `THON_RELION_STAR` another particle file, `THON_RANDOM_START` a seed to start from random orientations with.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and shows its figures"
)]

mod judge;

use std::path::{Path, PathBuf};
use std::time::Instant;

use judge::{errors, median};
use thon_average::{
    Alignment, ClassifyOptions, Input, RefineOptions, StartingPoses, Status, classify, iterate,
    refine,
};
use thon_compute::Quiet;
use thon_extract::{StoredParticle, VolumeReader, VolumeSource};
use thon_images::mrc::Mrc;
use thon_images::npy::NpzFile;
use thon_interop::relion::{ParticleImport, read_particles};
use thon_likelihood::{Placement, SourceError};
use thon_model::ParticleSet;
use thon_units::Angstrom;

struct Files {
    set: ParticleSet,
    rows: Vec<usize>,
}

impl VolumeReader for Files {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn read(&self, index: usize) -> Result<StoredParticle, SourceError> {
        let images = self.set.images.as_ref().ok_or("no images")?;
        let transfer = Mrc::open(&images.ctf_paths[self.rows[index]])?;
        Ok(StoredParticle {
            volume: Mrc::open(&images.paths[self.rows[index]])?.read_all()?,
            transfer: Some((transfer.read_all()?, transfer.shape())),
            premultiplied: images.ctf_premultiplied,
        })
    }

    fn place(&self, index: usize) -> String {
        self.set.names[self.rows[index]].clone()
    }
}

fn variable(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

struct Data {
    folder: PathBuf,
    rows: Vec<usize>,
    source: VolumeSource<Files>,
    truth: Vec<Placement>,
    reference: Vec<f32>,
}

fn data(file: &str) -> Option<Data> {
    let folder = std::env::var_os("THON_RELION_DATA").map(PathBuf::from);
    let Some(folder) = folder else {
        println!("skipped: THON_RELION_DATA is not set");
        return None;
    };
    let n = variable("THON_RELION_BOX", 64);
    let stride = variable("THON_RELION_STRIDE", 1);
    let read = |file: &Path| {
        let options = ParticleImport {
            root: Some(folder.clone()),
            allow_unknown_tomograms: true,
            ..ParticleImport::default()
        };
        read_particles(file, &options).unwrap().value
    };
    let star = std::env::var_os("THON_RELION_STAR").map(PathBuf::from);
    let set = read(&star.unwrap_or_else(|| folder.join(format!("box{n}/{file}"))));
    let voxel = 480.0 / n as f64;
    let rows: Vec<usize> = (0..set.len()).step_by(stride).collect();
    let truth = rows
        .iter()
        .map(|&i| {
            let pose = set.pose_in_box(i).unwrap();
            Placement {
                rotation: pose.rotation.quaternion(),
                shift: pose.position.xyz / voxel,
            }
        })
        .collect();
    let groups = vec![0; rows.len()];
    let reference = Mrc::open(folder.join(format!("box{n}/ref.mrc"))).unwrap();
    Some(Data {
        folder: folder.clone(),
        rows: rows.clone(),
        source: VolumeSource::new(Files { set, rows }, n, voxel, groups).unwrap(),
        truth,
        reference: reference.read_all().unwrap(),
    })
}

#[test]
#[ignore = "wants THON_RELION_DATA"]
fn refinement_from_a_low_passed_reference_finds_the_poses() {
    let Some(data) = data("gt.star") else { return };
    let mut options = RefineOptions::default();
    options.target.diameter = Angstrom(320.0);
    let input = Input {
        references: &[&data.reference],
        ..Input::default()
    };
    if std::env::var_os("THON_RANDOM_START").is_some() {
        options.poses.start = StartingPoses::Random;
        options.poses.seed = variable("THON_RANDOM_START", 1) as u64;
        options.maximum_iterations = 30;
    }
    let begun = Instant::now();
    let mut state = refine::start(&data.source, &input, &options, &Quiet).unwrap();
    println!("start: {:.1} s", begun.elapsed().as_secs_f64());
    while state.head.status == Status::Running {
        let begun = Instant::now();
        state = iterate(&data.source, &state, &Quiet).unwrap();
        let (angles, shifts) = errors(&state.placements(), &data.truth);
        let r = state.head.reports.last().unwrap();
        println!(
            "{:.1} s {:?} band {:.1} resolution {:.1} change {:.2} deg {:.2} A jumps {:.2} modes {:.2} stated {:.2} deg \
             {:.2} A offset {:.1} LL {:.0} | error median {:.2} deg {:.2} A, {} over 10 deg",
            begun.elapsed().as_secs_f64(),
            r.search,
            r.band,
            r.resolution,
            r.angle_change,
            r.shift_change,
            r.jumps,
            r.effective_modes,
            r.angle_uncertainty,
            r.shift_uncertainty,
            r.offset_sigma,
            r.log_likelihood,
            median(&angles),
            median(&shifts) * state.head.voxel_size,
            angles.iter().filter(|a| **a > 10.0).count()
        );
        println!("   FSC {}", listed(&r.fsc));
    }
    let begun = Instant::now();
    let state = refine::last(&state);
    let block =
        thon_average::expect_block(&data.source, &state, 0..data.truth.len(), &Quiet).unwrap();
    let refined = refine::finish(&state, vec![block]).unwrap();
    let found: Vec<Placement> = refined
        .posteriors
        .iter()
        .map(|p| p.best().placement)
        .collect();
    let (angles, shifts) = errors(&found, &data.truth);
    println!(
        "last: {:.1} s, resolution {:.1}, error median {:.2} deg {:.2} A",
        begun.elapsed().as_secs_f64(),
        refined.resolution,
        median(&angles),
        median(&shifts) * state.head.voxel_size
    );
    println!("   FSC {}", listed(&refined.fsc));
}

fn listed(fsc: &[f64]) -> String {
    format!("{fsc:.2?}")
}

/// What each particle is: state 0, state 1, gold, noise.
fn kinds(data: &Data) -> Vec<usize> {
    let mut truth = NpzFile::open(data.folder.join("truth.npz")).unwrap();
    let mut column = |name: &str| truth.array(name).unwrap().samples().unwrap().to_f64();
    let (class, junk) = (column("cls"), column("junk"));
    let kind = |i: &usize| match junk[*i] as i64 {
        0 => class[*i] as usize,
        other => 1 + other as usize,
    };
    data.rows.iter().map(kind).collect()
}

/// Prints the table of classes against kinds; purity of the classes that a state holds the majority of.
fn purity(classes: &[u32], kinds: &[usize]) -> f64 {
    let count = *classes.iter().max().unwrap() as usize + 1;
    let mut table = vec![[0_usize; 4]; count];
    for (class, kind) in classes.iter().zip(kinds) {
        table[*class as usize][*kind] += 1;
    }
    let (mut right, mut all) = (0, 0);
    for row in &table {
        println!("   {row:?}");
        let junk = row[2] + row[3];
        right += row[0].max(row[1]).max(junk);
        all += row.iter().sum::<usize>();
    }
    right as f64 / all as f64
}

#[test]
#[ignore = "wants THON_RELION_DATA"]
fn classes_separate_two_states_and_junk() {
    let Some(data) = data("gt.star") else { return };
    let kinds = kinds(&data);
    let mut options = RefineOptions::default();
    options.target.diameter = Angstrom(320.0);
    let input = Input {
        references: &[&data.reference],
        ..Input::default()
    };
    let begun = Instant::now();
    let refined = refine::run(&data.source, &input, &options, &Quiet).unwrap();
    let found: Vec<Placement> = refined
        .posteriors
        .iter()
        .map(|p| p.best().placement)
        .collect();
    let good: Vec<usize> = (0..found.len()).filter(|i| kinds[*i] < 2).collect();
    let pick = |all: &[Placement]| good.iter().map(|i| all[*i]).collect::<Vec<_>>();
    let (angles, _) = errors(&pick(&found), &pick(&data.truth));
    println!(
        "refined in {:.1} s: resolution {:.1}, error of particles {:.2} deg",
        begun.elapsed().as_secs_f64(),
        refined.resolution,
        median(&angles)
    );
    for (poses, name) in [(&data.truth, "true"), (&found, "refined")] {
        let begun = Instant::now();
        let mut options = ClassifyOptions::default();
        options.target.diameter = Angstrom(320.0);
        options.classes = variable("CLASSES", 3);
        let input = Input {
            starts: poses,
            ..Input::default()
        };
        let classified = classify::run(&data.source, &input, &options, &Quiet).unwrap();
        let classes: Vec<u32> = classified
            .posteriors
            .iter()
            .map(|p| p.best().class)
            .collect();
        println!(
            "fixed {name} poses, {:.1} s: shares {:.2?}, purity {:.3}",
            begun.elapsed().as_secs_f64(),
            classified.shares,
            purity(&classes, &kinds)
        );
    }
    for (alignment, name) in [(Alignment::Local, "local"), (Alignment::Global, "global")] {
        let begun = Instant::now();
        let mut options = ClassifyOptions {
            alignment,
            ..ClassifyOptions::default()
        };
        options.target.diameter = Angstrom(320.0);
        let input = Input {
            references: &[&data.reference],
            starts: &found,
            ..Input::default()
        };
        let mut state = classify::start(&data.source, &input, &options, &Quiet).unwrap();
        while state.head.status == Status::Running {
            state = iterate(&data.source, &state, &Quiet).unwrap();
            let r = state.head.reports.last().unwrap();
            println!(
                "{name} {:.1} s band {:.1} resolution {:.1} changes {:.3} modes {:.2} LL {:.0} shares {:.2?}",
                begun.elapsed().as_secs_f64(),
                r.band,
                r.resolution,
                r.class_changes,
                r.effective_modes,
                r.log_likelihood,
                r.class_shares
            );
        }
        println!("{name}: purity {:.3}", purity(&state.classes(), &kinds));
    }
}
