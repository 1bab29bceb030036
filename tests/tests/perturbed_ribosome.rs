//! Real particles (EMPIAR-10499, 40 ribosomes, Warp's 2D series, mirrored to their own hand), their orientations turned by
//! 15° and their positions moved by 2 pixels at random: refinement brings them back, as far as the particles can tell.
//!
//! The reference is the average of the perturbed poses and nothing else (three passes, each from the map of the last);
//! the map of the given poses at 60 Å; or, independent of them, that of an atomic model at 60 Å.
//!
//! Judged by the FSC of the map with the map from the given poses (both inside a soft sphere), against what the noise of
//! the latter allows: √(2F/(1+F)) of its halves' F. And by the distance of poses from the given ones, by the halves' own
//! FSC, and by what knows neither: the fit of an atomic model.
//! A common motion of all particles against the reference is no error and is taken off before poses are compared.
#![expect(clippy::print_stdout, reason = "figures for docs/validation.md")]
#![expect(clippy::unwrap_used, reason = "what the tests share is in functions")]

use std::path::{Path, PathBuf};

use glam::{DQuat, DVec3};
use ndarray::Array3;
use rand_distr::{Distribution, StandardNormal};
use serde_json::{Value, json};
use thon_compute::{Quiet, seed_stream};
use thon_contract::kinds::ParticlesKind;
use thon_contract::{Context, DirectoryWorkspace, Item, ItemRecord, SlotRecord};
use thon_engine::{Engine, Source};
use thon_geometry::Rotation;
use thon_images::mrc::write_volume;
use thon_maps::post_process::fsc_of_maps;
use thon_model::{Map, ParticleSet};
use thon_project::{Durable, JobNumber, Project};
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};
use thon_signal::mask::{box_centre, sphere};
use thon_tests::atomic_maps::map_of_model;
use thon_tests::hand::{Comparison, measure_hand};
use thon_tests::pictures::{column_of, fsc_plot, slices_and_surface};
use thon_tests::{engine, output, output_file, read_map, run, shared_data};
use thon_units::PixelSize;

const BOX: usize = 32;
const VOXEL: f64 = 12.0;
/// Shell of 38 Å, where the halves of the given poses reach FSC 0.143.
const FINEST: usize = 10;
const TURN: f64 = 15.0;
const MOVE: f64 = 2.0 * VOXEL;
/// Deviation of a turn about each of three axes, degrees, when the whole turn is of 15°.
const SIGMA: f64 = TURN / 1.732_050_807_568_877_2;
/// Of the soft sphere, Å: as wide as the ribosome is, so that what lies beside it in the cell is left out. (It is crowded: with
/// 320 Å the neighbours and their noise decide, and nothing returns from the perturbed average.)
const DIAMETER: f64 = 220.0;
/// Refinements of the perturbed set, each from the map of the last; the prior stays about the perturbed poses.
const PASSES: usize = 3;
const MEMORY: u64 = 1 << 31;
const COMPARISON: Comparison = Comparison {
    periods: [150.0, 28.0],
    radius: 160.0,
};
const EVIDENCE: &str = "the map fits 70S ribosomes mirrored and not as it is (real_ribosome.rs)";

fn inside(data: &Array3<f32>) -> Map {
    let ball = sphere([BOX; 3], box_centre([BOX; 3]), 13.0, 3.0);
    Map::new(data * &ball, PixelSize(VOXEL))
}

fn fsc(a: &Map, b: &Map) -> Vec<f64> {
    fsc_of_maps(&inside(&a.data), &inside(&b.data)).unwrap().fsc
}

/// Largest period (Å) from which on the curve is below a level.
fn resolution(fsc: &[f64], level: f64) -> f64 {
    let shell = (1..=BOX / 2).take_while(|s| fsc[*s] >= level).count();
    BOX as f64 * VOXEL / shell.max(1) as f64
}

/// Imported and mirrored: tilt series and particles.
fn ribosomes(engine: &Engine<'_>, data: &Path) -> [(&'static str, Source); 2] {
    let file = data.join(
        "10_particles/empiar10499_warp_2d_series/\
         warptools_test_4-tomos_10-ptcls_box-32_angpix-12_optimisation_set.star",
    );
    let given = json!({ "file": file });
    let series = run(engine, "import.relion-tilt-series", given.clone(), &[]);
    let series = ("tilt_series", output(series, "tilt_series"));
    let particles = run(
        engine,
        "import.relion-particles",
        given,
        std::slice::from_ref(&series),
    );
    let inputs = [series, ("particles", output(particles, "particles"))];
    let choice = json!({ "evidence": EVIDENCE, "defocus_hand": "keep" });
    let mirrored = run(engine, "tilt_series.mirror", choice, &inputs);
    ["tilt_series", "particles"].map(|slot| (slot, output(mirrored, slot)))
}

fn particles_of(project: &Project, job: JobNumber) -> ParticleSet {
    let outputs = project.result(job).unwrap().outputs;
    let mut outputs: std::collections::BTreeMap<String, SlotRecord> =
        serde_json::from_value(outputs).unwrap();
    let item: ItemRecord = outputs.remove("particles").unwrap().items.remove(0);
    let workspace = DirectoryWorkspace {
        root: project.root().into(),
    };
    let context = Context::new(&workspace, &Quiet, MEMORY);
    context.load(&Item::<ParticlesKind>::new(item)).unwrap()
}

/// Every particle turned by 15° about a random axis and moved by 2 pixels in a random direction.
fn perturbed(set: &ParticleSet) -> ParticleSet {
    let mut set = set.clone();
    for (i, pose) in set.poses.iter_mut().enumerate() {
        let mut random = seed_stream(1, "perturbation", i as u64);
        let mut direction = || {
            let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
            DVec3::new(normal(), normal(), normal()).normalize()
        };
        let turn = DQuat::from_axis_angle(direction(), TURN.to_radians());
        pose.rotation = Rotation::from_quaternion(turn * pose.rotation.quaternion());
        pose.position = pose.position.translated(direction() * MOVE);
    }
    set
}

fn stored(set: &ParticleSet, root: PathBuf) -> Source {
    let workspace = DirectoryWorkspace { root };
    let context = Context::new(&workspace, &Quiet, MEMORY);
    let item = context.store::<ParticlesKind>("perturbed", set).unwrap();
    Source::Files(vec![workspace.root.join(&item.files[0])])
}

/// Rotation Q and shift t of the particle's frame that carry the given poses best to the found ones: R' ≈ R Q.
fn common_motion(given: &ParticleSet, found: &ParticleSet) -> (DQuat, DVec3) {
    let mut turn = DQuat::IDENTITY;
    for _ in 0..10 {
        let mut mean = DVec3::ZERO;
        for (g, f) in given.poses.iter().zip(&found.poses) {
            let mut rest =
                turn.inverse() * g.rotation.quaternion().inverse() * f.rotation.quaternion();
            if rest.w < 0.0 {
                rest = -rest;
            }
            let axis = rest.to_scaled_axis();
            // Particles that went elsewhere count less.
            mean += axis / (1.0 + (axis.length() / 0.1).powi(2)) / given.len() as f64;
        }
        turn = (turn * DQuat::from_scaled_axis(mean)).normalize();
    }
    let mut moves: [Vec<f64>; 3] = Default::default();
    for (g, f) in given.poses.iter().zip(&found.poses) {
        let in_frame = g.rotation.inverse().matrix() * (f.position.xyz - g.position.xyz);
        for (axis, value) in moves.iter_mut().zip(in_frame.to_array()) {
            axis.push(value);
        }
    }
    (turn, DVec3::from_array(moves.map(|axis| median(&axis))))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Mean correlation of a map with its noise-free self, from its halves, to 38 Å.
fn noise_free_correlation(maps: &[Map; 3]) -> f64 {
    let of_halves = fsc(&maps[1], &maps[2]);
    let of_whole = of_halves[1..=FINEST].iter().map(|f| {
        let f = f.max(0.0);
        (2.0 * f / (1.0 + f)).sqrt()
    });
    mean(&of_whole.collect::<Vec<f64>>())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Angles (degrees) and distances (Å) of poses from the given ones, without their common motion.
fn distances(given: &ParticleSet, found: &ParticleSet) -> [Vec<f64>; 2] {
    let (turn, shift) = common_motion(given, found);
    let pairs = || given.poses.iter().zip(&found.poses);
    let angles = pairs().map(|(g, f)| {
        let wanted = g.rotation.quaternion() * turn;
        2.0 * wanted
            .dot(f.rotation.quaternion())
            .abs()
            .min(1.0)
            .acos()
            .to_degrees()
    });
    let moved = pairs().map(|(g, f)| {
        let wanted = g.position.xyz + g.rotation.matrix() * shift;
        f.position.xyz.distance(wanted)
    });
    [angles.collect(), moved.collect()]
}

struct Judge {
    given: ParticleSet,
    map: Map,
    /// Mean correlation of that map with its noise-free self.
    allowed: f64,
    model: Map,
}

impl Judge {
    /// Prints the figures of one set of poses and its maps; angle, distance, the model's
    /// correlation, and the agreement with the map of the given poses.
    fn judge(&self, name: &str, set: &ParticleSet, maps: &[Map; 3]) -> [f64; 4] {
        let [angles, moved] = distances(&self.given, set);
        let far = angles.iter().filter(|angle| **angle > 10.0).count();
        let halves = fsc(&maps[1], &maps[2]);
        let with_given = fsc(&maps[0], &self.map);
        let model = measure_hand(&maps[0], &self.model, COMPARISON)
            .as_is
            .correlation;
        println!(
            "{name}: from the given poses {:.2}° and {:.1} Å (medians; {far} of 40 beyond 10°)",
            median(&angles),
            median(&moved)
        );
        println!(
            "{name}: map with that of the given poses FSC 0.5 to {:.1} Å, FSC at 64, 48, 38 Å {:.3} {:.3} {:.3}",
            resolution(&with_given, 0.5),
            with_given[6],
            with_given[8],
            with_given[10]
        );
        println!(
            "{name}: halves FSC 0.143 at {:.1} Å, mean of shells 1 to 8 {:.3}; correlation with a 70S model {model:.3}",
            resolution(&halves, 0.143),
            halves[1..=8].iter().sum::<f64>() / 8.0
        );
        let agreement = mean(&with_given[1..=FINEST]);
        println!(
            "{name}: mean FSC with the map of the given poses to 38 Å {agreement:.3}, its noise allows {:.3}",
            self.allowed
        );
        [median(&angles), median(&moved), model, agreement]
    }
}

impl Judge {
    /// The atomic model turned to where the map has it, as a file.
    fn model_beside(&self, map: &Map, path: &Path) -> Source {
        let fitted = measure_hand(map, &self.model, COMPARISON).as_is.reference;
        write_volume(path, fitted.as_slice().unwrap(), [BOX; 3], Some(VOXEL)).unwrap();
        Source::Files(vec![path.into()])
    }
}

fn maps_of(project: &Project, job: JobNumber) -> [Map; 3] {
    ["map", "half_map_1", "half_map_2"].map(|slot| read_map(&output_file(project, job, slot, 0)))
}

/// Poses are searched around what is given.
fn refinement(start: &str, seed: u64) -> Value {
    json!({
        "views": { "box_size": BOX },
        "options": {
            "target": { "diameter": DIAMETER },
            "initial_low_pass": 60.0,
            "poses": {
                "start": start, "local_sigma": SIGMA, "offset_range": 48.0, "offset_sigma": 15.0,
                "seed": seed
            }
        }
    })
}

#[test]
#[ignore = "slow: cargo xtask validate --only perturbed"]
#[expect(
    clippy::too_many_lines,
    reason = "one start after another, judged alike"
)]
fn perturbed_poses_of_real_particles_return() {
    let Some(data) = shared_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), &directory.path().join("project")).unwrap();
    let engine = engine(&project);
    let inputs = ribosomes(&engine, &data);
    let Source::Job { job: mirrored, .. } = inputs[1].1 else {
        panic!("an output of a job");
    };
    let average = |inputs: &[(&str, Source)]| {
        let params = json!({ "box_size": BOX });
        run(&engine, "particles.reconstruct", params, inputs)
    };
    let given_average = average(&inputs);
    let given = particles_of(&project, mirrored);
    let given_maps = maps_of(&project, given_average);
    let model = data.join("12_models/70S_tteftu_with_tRNA.pdb.gz");
    let judge = Judge {
        map: given_maps[0].clone(),
        allowed: noise_free_correlation(&given_maps),
        model: map_of_model(&model, BOX, PixelSize(VOXEL)),
        given: given.clone(),
    };
    let [_, _, model_given, _] = judge.judge("given poses", &given, &given_maps);

    let start = perturbed(&given);
    let file = stored(&start, directory.path().join("perturbed"));
    let inputs = [inputs[0].clone(), ("particles", file)];
    let started = average(&inputs);
    let started_maps = maps_of(&project, started);
    let [.., agreement_started] = judge.judge("perturbed poses", &start, &started_maps);

    // Maps are averages of the poses as those of the given poses are, so that they differ by poses alone.
    let refine = |particles: &Source, reference: Option<Source>, seed: u64| {
        let series = inputs[0].clone();
        let start = if reference.is_some() {
            "search"
        } else {
            "given"
        };
        let mut job = vec![series.clone(), ("particles", particles.clone())];
        job.extend(reference.map(|map| ("reference", map)));
        let job = run(&engine, "particles.refine", refinement(start, seed), &job);
        let averaged = average(&[series, ("particles", output(job, "particles"))]);
        (job, averaged)
    };
    let found = |(job, averaged): (JobNumber, JobNumber)| {
        (particles_of(&project, job), maps_of(&project, averaged))
    };
    // How far the given poses go by themselves, with two divisions into halves: what these particles tell of their poses.
    let given_map = || output(given_average, "map");
    let given_particles = output(mirrored, "particles");
    let settled = [1, 2].map(|seed| found(refine(&given_particles, Some(given_map()), seed)));
    let [angle_settled, _, model_settled, agreement_settled] =
        judge.judge("given poses, refined", &settled[0].0, &settled[0].1);
    let other = judge.judge(
        "given poses, refined, other halves",
        &settled[1].0,
        &settled[1].1,
    );
    let between = mean(&fsc(&settled[0].1[0], &settled[1].1[0])[1..=FINEST]);
    let [angles, moves] = distances(&settled[0].0, &settled[1].0);
    println!(
        "given poses, refined twice: {:.2}° and {:.1} Å from each other (medians), mean FSC of their maps {between:.3}",
        median(&angles),
        median(&moves)
    );
    let lowest_allowed = judge.allowed.min(agreement_settled).min(other[3]);

    // Nothing but the perturbed set: its average, and what that was refined to as a reference for the next.
    let perturbed = inputs[1].1.clone();
    let (mut reference, mut figures, mut alone_maps) = (None, Vec::new(), given_maps.clone());
    for pass in 1..=PASSES {
        let last = refine(&perturbed, reference, 1);
        let (set, maps) = found(last);
        let name = format!("refined from the perturbed poses alone, pass {pass}");
        figures = vec![judge.judge(&name, &set, &maps)];
        reference = Some(output(last.1, "map"));
        alone_maps = maps;
    }
    let model = judge.model_beside(&given_maps[0], &directory.path().join("model.mrc"));
    for (name, reference) in [
        ("refined from the given map at 60 Å", given_map()),
        ("refined from the atomic model at 60 Å", model),
    ] {
        let (set, maps) = found(refine(&perturbed, Some(reference), 1));
        figures.push(judge.judge(name, &set, &maps));
        let [angles, moves] = distances(&settled[0].0, &set);
        println!(
            "{name}: from the given poses, refined: {:.2}° and {:.1} Å (medians)",
            median(&angles),
            median(&moves)
        );
    }
    write_pictures(&given_maps, &started_maps, &alone_maps);
    println!(
        "poses: within the noise of the given ones is a mean FSC of at least {lowest_allowed:.3}"
    );
    assert!(
        agreement_started < lowest_allowed - 0.1,
        "{agreement_started}"
    );
    for [_, _, model, agreement] in &figures {
        assert!(
            *agreement > lowest_allowed,
            "{agreement} against {lowest_allowed}"
        );
        assert!(*model > model_given.min(model_settled) - 0.02, "{model}");
    }
    // About as far from the given poses as those turn by themselves when they are refined, and by less than a pixel.
    for [angle, moved, ..] in &figures[..2] {
        assert!(
            *angle < 1.5 * angle_settled && *moved < VOXEL,
            "{angle}°, {moved} Å"
        );
    }
}

/// Slices and surfaces of the three maps below each other: given, perturbed, refined; and curves.
fn write_pictures(given: &[Map; 3], start: &[Map; 3], refined: &[Map; 3]) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let smooth = RadialFilter::LowPass {
        cutoff: 1.0 / 36.0,
        edge: Edge::RaisedCosine(0.005),
    };
    let row = |maps: &[Map; 3]| {
        let seen = apply_filters3(
            &inside(&maps[0].data).data,
            VOXEL,
            std::slice::from_ref(&smooth),
        );
        slices_and_surface(&seen)
    };
    let picture = column_of(&[row(given), row(start), row(refined)], 8);
    std::fs::write(folder.join("ribosome_perturbed.png"), picture.to_png()).unwrap();
    let halves = |maps: &[Map; 3]| fsc(&maps[1], &maps[2]);
    let curves = [
        ("halves, given", halves(given)),
        ("halves, refined", halves(refined)),
        ("perturbed with given", fsc(&start[0], &given[0])),
        ("refined with given", fsc(&refined[0], &given[0])),
    ];
    let curves: Vec<(&str, &[f64])> = curves.iter().map(|(n, c)| (*n, c.as_slice())).collect();
    let plot = fsc_plot(
        "EMPIAR-10499, perturbed by 15° and 2 pixels",
        &curves,
        BOX as f64 * VOXEL,
    );
    std::fs::write(folder.join("ribosome_perturbed_fsc.png"), plot.to_png()).unwrap();
}
