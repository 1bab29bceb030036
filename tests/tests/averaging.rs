//! Refinement, classification and averages of the data sets with truth that RELION 3.1 was measured on, by the program as
//! users run it: errors of poses, stated uncertainties, purity of classes, CPU time, memory.
//!
//! `THON_RELION_DATA` names the folder of the sets; docs/validation.md says how they are made. CPU times belong to the
//! machine and are printed; what does not depend on it is asserted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use thon_maps::post_process::fsc_of_maps;
use thon_model::Map;
use thon_signal::mask::{box_centre, sphere};
use thon_tests::program::{Spent, program, thon};
use thon_tests::relion_truth::{
    Errors, confusion, data_set, errors, median, percentile, poses, purity, rms, strided, truth_of,
};
use thon_tests::{read_curves, read_map};

const DIAMETER: [&str; 2] = ["--options-target-diameter", "320"];

/// A set, the program, and room for results.
struct Bench {
    program: PathBuf,
    set: PathBuf,
    room: tempfile::TempDir,
}

impl Bench {
    fn new(set: &str) -> Option<Self> {
        let set = data_set(set)?;
        Some(Self {
            program: program()?,
            set,
            room: tempfile::tempdir().unwrap(),
        })
    }

    fn output(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    fn run(&self, job: &str, particles: &Path, output: &str, more: &[&str]) -> Spent {
        let output = self.output(output);
        let mut arguments = vec!["run", job, "--particles", particles.to_str().unwrap()];
        arguments.extend(["--output", output.to_str().unwrap()]);
        arguments.extend(more);
        thon(&self.program, &self.set, &arguments)
    }

    fn refine(&self, edge: usize, particles: &Path, output: &str, more: &[&str]) -> Spent {
        let reference = format!("box{edge}/ref.mrc");
        let given = [&["--reference", reference.as_str()], &DIAMETER[..], more].concat();
        self.run("particles.refine", particles, output, &given)
    }

    fn errors(&self, edge: usize, output: &str) -> Errors {
        let truth = poses(&self.set.join(format!("box{edge}/gt.star")));
        errors(&poses(&self.output(output).join("run_data.star")), &truth)
    }

    fn resolution(&self, output: &str) -> f64 {
        read_curves(&self.output(output).join("fsc.curves.json")).facts["resolution (Å)"]
    }

    /// Correlation of a map with the true one inside a soft sphere.
    fn fsc_with_truth(&self, edge: usize, map: &Path) -> Vec<f64> {
        let ball = sphere([edge; 3], box_centre([edge; 3]), edge as f64 / 3.0, 3.0);
        let inside = |map: Map| Map::new(map.data * &ball, map.voxel_size);
        let truth = read_map(&self.set.join(format!("box{edge}/gt_class0.mrc")));
        fsc_of_maps(&inside(read_map(map)), &inside(truth))
            .unwrap()
            .fsc
    }
}

fn told(errors: &Errors) -> String {
    let (a, s) = (&errors.angles, &errors.shifts);
    format!(
        "angle median {:.2}° rms {:.2}° p90 {:.2}°, shift median {:.2} Å",
        median(a),
        rms(a),
        percentile(a, 0.9),
        median(s)
    )
}

fn cost(spent: &Spent) -> String {
    format!("{:.1} CPU s, {:.0} MB", spent.cpu, spent.memory)
}

#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn global_expectation() {
    let Some(bench) = Bench::new("homo") else {
        return;
    };
    for edge in [32, 64, 96] {
        let spent = [24, 120].map(|count| {
            let particles = strided(&bench.set, edge, "particles.star", count, bench.room.path());
            let once = ["--options-maximum-iterations", "1"];
            bench.refine(edge, &particles, &format!("{edge}_{count}"), &once)
        });
        let each = (spent[1].cpu - spent[0].cpu) / 96.0;
        println!(
            "averaging: global expectation, box {edge}: {:.1} ms per particle (24 particles and all else {:.2} CPU s)",
            1e3 * each,
            spent[0].cpu
        );
        assert!(each > 0.0);
    }
}

#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn refinement_from_60_angstroms() {
    let Some(bench) = Bench::new("homo") else {
        return;
    };
    let spent = bench.refine(64, Path::new("box64/particles.star"), "all", &[]);
    let (errors, resolution) = (bench.errors(64, "all"), bench.resolution("all"));
    println!(
        "averaging: 300 particles, box 64: {}, FSC 0.143 at {resolution:.1} Å; {}",
        told(&errors),
        cost(&spent)
    );
    assert!(median(&errors.angles) <= 0.30 && median(&errors.shifts) <= 0.40);
    assert!(resolution <= 17.8);
}

#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn low_signal() {
    // RELION's local refinement of the same particles: angle median, rms, p90.
    for (set, relion) in [("low02", [0.81, 1.18, 1.53]), ("low01", [1.02, 1.27, 1.69])] {
        let Some(bench) = Bench::new(set) else {
            return;
        };
        for edge in [32, 64] {
            for (table, more) in [
                ("particles.star", &[][..]),
                ("local.star", &["--options-poses-start", "given"][..]),
            ] {
                let particles = strided(&bench.set, edge, table, 60, bench.room.path());
                let name = format!("{edge}{table}");
                let spent = bench.refine(edge, &particles, &name, more);
                let errors = bench.errors(edge, &name);
                let stated = poses(&bench.output(&name).join("run_data.star"))
                    .stated
                    .unwrap();
                println!(
                    "averaging: {set}, 60 particles, box {edge}, from {table}: {}; stated rms/true rms {:.2} angle, {:.2} shift; {}",
                    told(&errors),
                    rms(&stated[0]) / rms(&errors.angles),
                    rms(&stated[1]) / rms(&errors.shifts),
                    cost(&spent)
                );
                let angle = rms(&stated[0]) / rms(&errors.angles);
                let shift = rms(&stated[1]) / rms(&errors.shifts);
                assert!(
                    [angle, shift]
                        .iter()
                        .all(|ratio| (0.8..1.2).contains(ratio))
                );
                if edge == 32 && table == "local.star" {
                    let half = bench.output(&name).join("half_map_1.mrc");
                    let shells = &bench.fsc_with_truth(edge, &half)[12..=16];
                    println!(
                        "averaging: {set}, box 32, a half map with the truth, FSC of shells 12 to 16: {shells:.3?}"
                    );
                    assert!(shells[4] > 0.5);
                }
                let found = [
                    median(&errors.angles),
                    rms(&errors.angles),
                    percentile(&errors.angles, 0.9),
                ];
                assert!(
                    found
                        .iter()
                        .zip(relion)
                        .all(|(ours, theirs)| *ours <= theirs)
                );
            }
        }
    }
}

/// Sets that neither the stopping rule nor the uncertainties were made with; halves as by default, and sharing every shell.
#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn stated_uncertainty_on_fresh_seeds() {
    for (set, edge) in [
        ("s21", 32),
        ("s22", 32),
        ("s26", 32),
        ("s21", 64),
        ("s23", 64),
    ] {
        let Some(bench) = Bench::new(set) else {
            continue;
        };
        let finest = if edge == 32 { "28" } else { "18" };
        for joined in ["40", finest] {
            let particles = strided(&bench.set, edge, "local.star", 60, bench.room.path());
            let more = [
                "--options-poses-start",
                "given",
                "--options-join-halves",
                joined,
            ];
            let name = format!("{edge}_{joined}");
            bench.refine(edge, &particles, &name, &more);
            let errors = bench.errors(edge, &name);
            let table = poses(&bench.output(&name).join("run_data.star"));
            let stated = table.stated.unwrap();
            let ratios = [
                rms(&stated[0]) / rms(&errors.angles),
                rms(&stated[1]) / rms(&errors.shifts),
            ];
            println!(
                "averaging: {set}, box {edge}, halves joined to {joined} Å: {}; stated rms/true rms {:.2} angle, {:.2} shift",
                told(&errors),
                ratios[0],
                ratios[1]
            );
            assert!(ratios.iter().all(|ratio| (0.8..1.2).contains(ratio)));
        }
    }
}

#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn time_and_memory_of_many() {
    let Some(bench) = Bench::new("big") else {
        return;
    };
    let spent = [300, 1000, 3000].map(|count| {
        let particles = strided(&bench.set, 64, "particles.star", count, bench.room.path());
        let name = count.to_string();
        let spent = bench.refine(64, &particles, &name, &[]);
        println!(
            "averaging: {count} particles, box 64: {}; {}",
            told(&bench.errors(64, &name)),
            cost(&spent)
        );
        spent
    });
    assert!(spent[2].cpu < 10.0 * spent[0].cpu && spent[2].memory < 1.2 * spent[0].memory);
}

#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn without_a_reference() {
    let Some(bench) = Bench::new("homo") else {
        return;
    };
    let particles = strided(&bench.set, 32, "particles.star", 60, bench.room.path());
    let mut right = 0;
    for seed in 1..=10 {
        let name = format!("seed{seed}");
        let number = seed.to_string();
        let options = [&DIAMETER[..], &["--options-poses-seed", &number]].concat();
        let spent = bench.run("particles.refine", &particles, &name, &options);
        let errors = bench.errors(32, &name);
        println!(
            "averaging: no reference, 60 particles, box 32, seed {seed}: {}; {}",
            told(&errors),
            cost(&spent)
        );
        // A mirrored map cannot have poses near the truth.
        right += usize::from(median(&errors.angles) < 15.0);
    }
    println!("averaging: no reference: {right} of 10 seeds right, hand included");
    assert!(right >= 9);
}

#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn two_states_and_junk() {
    let Some(bench) = Bench::new("het2") else {
        return;
    };
    let all = strided(&bench.set, 32, "particles.star", 235, bench.room.path());
    let refined = bench.refine(32, &all, "refined", &[]);
    let from = bench.output("refined").join("run_data.star");
    let classified = bench.run("particles.classify", &from, "classes", &DIAMETER);
    let found = poses(&bench.output("classes").join("run_data.star"));
    let truth = poses(&bench.set.join("box32/gt.star"));
    let classes: Vec<i64> = truth_of(&found, &truth)
        .iter()
        .map(|row| truth.classes[*row])
        .collect();
    let table = confusion(&found.classes, &classes);
    println!(
        "averaging: two 70S states and junk, K = 3 and none: purity {:.3}, classes by [junk, state 1, state 2] {table:?}; refinement {}, classification {}",
        purity(&table),
        cost(&refined),
        cost(&classified)
    );
    assert!(purity(&table) >= 0.9);
    assert!((1..=2).all(|state| table.iter().any(|row| 2 * row[state] > row.iter().sum())));
}

/// The class of each row of a table of curves.
fn classes_in(table: &Path) -> Vec<i64> {
    let table = read_curves(table);
    let classes = table.columns.iter().find(|c| c.label == "class").unwrap();
    let values = classes.values.iter();
    values.map(|v| v.unwrap_or(0.0) as i64).collect()
}

#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn two_states_by_their_principal_components() {
    let Some(bench) = Bench::new("het2") else {
        return;
    };
    let good = Path::new("box32/gt_good.star");
    let options = ["--options-classes", "2", "--options-diameter", "320"];
    let job = "classification.principal-components";
    let spent = bench.run(job, good, "components", &options);
    let found = classes_in(&bench.output("components").join("factors.curves.json"));
    let table = confusion(&found, &poses(&bench.set.join(good)).classes);
    println!(
        "averaging: two 70S states by principal components of 200 particles at their true poses, box 32: purity {:.3}; {}",
        purity(&table),
        cost(&spent)
    );
    assert!(purity(&table) >= 0.9);
}

#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn classes_of_projections() {
    let options = [
        "--options-classes",
        "20",
        "--options-resolution",
        "30",
        "--options-diameter",
        "320",
    ];
    let projections = Path::new("box64/proj2d.star");
    if let Some(bench) = Bench::new("homo") {
        let spent = bench.run("classification.class-2d", projections, "classes", &options);
        println!(
            "averaging: 300 projections, box 64, K = 20, 25 rounds: {}",
            cost(&spent)
        );
    }
    let Some(bench) = Bench::new("het2") else {
        return;
    };
    let spent = bench.run("classification.class-2d", projections, "classes", &options);
    let found = classes_in(&bench.output("classes").join("assignments.curves.json"));
    let kinds = poses(&bench.set.join("box64/gt.star")).classes;
    let junk: Vec<i64> = kinds.iter().map(|kind| i64::from(*kind < 0)).collect();
    let table = confusion(&found, &junk);
    println!(
        "averaging: projections of particles, gold and noise, K = 20: purity {:.3} of junk and particles; {}",
        purity(&table),
        cost(&spent)
    );
    assert!(purity(&table) >= 0.98);
}

#[test]
#[ignore = "needs THON_RELION_DATA and the optimised program"]
fn average_of_true_poses() {
    let Some(bench) = Bench::new("homo") else {
        return;
    };
    for edge in [32, 64, 96] {
        let name = format!("average{edge}");
        let truth = PathBuf::from(format!("box{edge}/gt.star"));
        let spent = bench.run("particles.reconstruct", &truth, &name, &[]);
        let fsc = bench.fsc_with_truth(edge, &bench.output(&name).join("map.mrc"));
        let low = &fsc[1..=edge / 4];
        let mean = low.iter().sum::<f64>() / low.len() as f64;
        println!(
            "averaging: average of 300 subtomograms and of both halves, box {edge}: mean FSC with the truth to half of Nyquist {mean:.3}; {}",
            cost(&spent)
        );
        assert!(mean > 0.9);
    }
}
