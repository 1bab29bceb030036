//! Real particles (EMPIAR-10499, 40 ribosomes in 37 tilts each, Warp's 2D series): through the jobs to a map, its
//! half-map FSC, the same map by `relion_reconstruct`, and its hand, measured against atomic models.
//!
//! The files' own geometry gives the mirror image of a ribosome. The test states that fact rather than hiding it: no
//! sign is turned on the way in, since nothing in the files says that one is wrong. The measurement itself is tested
//! on maps of known hand, in both hands.
#![expect(clippy::print_stdout, reason = "figures for docs/validation.md")]
#![expect(clippy::unwrap_used, reason = "what the tests share is in functions")]

use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::Array3;
use serde_json::json;
use thon_interop::relion::{
    ParticleImport, TiltSeriesImport, read_optimisation_set, read_particles, read_tilt_series,
    tomogram_grids,
};
use thon_maps::post_process::fsc_of_maps;
use thon_model::{HandSign, Map};
use thon_project::{Durable, JobNumber, Project};
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};
use thon_signal::mask::{box_centre, sphere};
use thon_signal::resample::{mirror3, rescale3};
use thon_tests::atomic_maps::{chirality, map_of_model};
use thon_tests::defocus_hand::measure_defocus_hand;
use thon_tests::hand::{Comparison, HandTest, measure_hand};
use thon_tests::pictures::{column_of, fsc_plot, slices_and_surface};
use thon_tests::{curves, engine, output, output_file, read_map, run, shared_data};
use thon_units::PixelSize;

const MODELS: [&str; 2] = ["70S_tteftu_with_tRNA.pdb.gz", "70S_state_grp0.pdb.gz"];
/// Structure that both the map and a mirrored ribosome do not share lies in these periods, Å.
const CHIRAL: [f64; 2] = [100.0, 30.0];
const COMPARISON: Comparison = Comparison {
    periods: [150.0, 28.0],
    radius: 160.0,
};

struct Averaged {
    project: Project,
    average: JobNumber,
    post: JobNumber,
    exported: JobNumber,
}

fn series_of(data: &Path) -> PathBuf {
    data.join(
        "10_particles/empiar10499_warp_2d_series/\
         warptools_test_4-tomos_10-ptcls_box-32_angpix-12_optimisation_set.star",
    )
}

fn average(data: &Path, directory: &Path) -> Averaged {
    let project = Project::create(&Durable::default(), &directory.join("project")).unwrap();
    let engine = engine(&project);
    let file = json!({ "file": series_of(data) });
    let series = run(&engine, "import.relion-tilt-series", file.clone(), &[]);
    let series = ("tilt_series", output(series, "tilt_series"));
    let particles = run(
        &engine,
        "import.relion-particles",
        file,
        std::slice::from_ref(&series),
    );
    let inputs = [series, ("particles", output(particles, "particles"))];
    let average = run(
        &engine,
        "particles.reconstruct",
        json!({ "box_size": 32 }),
        &inputs,
    );
    let exported = run(
        &engine,
        "export.relion-projections",
        json!({ "box_size": 32 }),
        &inputs,
    );
    let halves = ["half_map_1", "half_map_2"].map(|half| (half, output(average, half)));
    let post = run(&engine, "maps.post-process", json!({}), &halves);
    Averaged {
        project,
        average,
        post,
        exported,
    }
}

impl Averaged {
    fn map(&self, slot: &str) -> Map {
        read_map(&output_file(&self.project, self.average, slot, 0))
    }
}

/// A map of 12 Å voxels inside a soft sphere that holds a ribosome.
fn inside(data: Array3<f32>) -> Map {
    let (nz, ny, nx) = data.dim();
    let ball = sphere([nz, ny, nx], box_centre([nz, ny, nx]), 13.0, 3.0);
    Map::new(data * ball, PixelSize(12.0))
}

fn report(name: &str, measured: &HandTest, edge: f64) -> [f64; 2] {
    let fits = [&measured.as_is, &measured.mirrored];
    let fsc = fits.map(|fit| fit.mean_fsc(CHIRAL, edge));
    println!(
        "{name}: correlation as it is {:.3}, mirrored {:.3}; mean FSC 100-30 Å {:.3}, {:.3}",
        measured.as_is.correlation, measured.mirrored.correlation, fsc[0], fsc[1]
    );
    fsc
}

#[test]
fn real_particles_average_to_a_ribosome_in_the_hand_of_their_geometry() {
    let Some(data) = shared_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let averaged = average(&data, directory.path());
    let map = averaged.map("map");
    assert_eq!(map.dims(), [32; 3]);
    assert!((map.voxel_size.0 - 12.0).abs() < 1e-6);
    let facts = curves(&averaged.project, averaged.post, "fsc").facts;
    println!(
        "post-processing resolution (Å): {:.1}",
        facts["resolution (Å)"]
    );
    assert!(facts["resolution (Å)"] < 45.0);
    let halves = ["half_map_1", "half_map_2"].map(|half| inside(averaged.map(half).data));
    let halves = fsc_of_maps(&halves[0], &halves[1]).unwrap();
    println!(
        "half maps FSC inside the sphere, shells of 384 Å: {:.3?}",
        &halves.fsc[1..=16]
    );

    let edge = 32.0 * 12.0;
    for name in MODELS {
        let path = data.join("12_models").join(name);
        let [left, right] = chirality(&thon_atoms::read(&path).unwrap());
        println!("{name}: L amino acids {left}, D {right}");
        assert!(left > 5000 && right == 0);
        let model = map_of_model(&path, 32, PixelSize(12.0));
        let slots: &[&str] = match name {
            "70S_tteftu_with_tRNA.pdb.gz" => &["map", "half_map_1", "half_map_2"],
            _ => &["map"],
        };
        for &slot in slots {
            let measured = measure_hand(&averaged.map(slot), &model, COMPARISON);
            let [as_is, mirrored] = report(&format!("{slot} against {name}"), &measured, edge);
            let correlations = [measured.as_is.correlation, measured.mirrored.correlation];
            assert!(
                correlations[1] - correlations[0] > 0.1,
                "{slot}: {correlations:?}"
            );
            assert!(mirrored - as_is > 0.1, "{slot}: {as_is} against {mirrored}");
            if slots.len() == 3 && slot == "map" {
                // A ribosome it is: low frequencies agree in both hands, chiral ones with the mirror image.
                assert!(measured.mirrored.fsc[2] > 0.9 && mirrored > 0.35);
                write_pictures(&map, &model, &measured, &halves.fsc);
            }
        }
    }
}

#[test]
fn relion_reconstruct_gives_the_same_map_of_the_real_particles() {
    let Some(data) = shared_data() else { return };
    if Command::new("relion_reconstruct")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: relion_reconstruct is not installed");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let averaged = average(&data, directory.path());
    let stack = output_file(&averaged.project, averaged.exported, "files", 0);
    let theirs = directory.path().join("relion.mrc");
    let relion = Command::new("relion_reconstruct")
        .current_dir(stack.parent().unwrap())
        .args(["--i", "particles.star", "--ctf", "--pad", "2", "--o"])
        .arg(&theirs)
        .output()
        .unwrap();
    assert!(
        relion.status.success(),
        "{}",
        String::from_utf8_lossy(&relion.stderr)
    );
    let (ours, theirs) = (averaged.map("map").data, read_map(&theirs).data);
    let mirrored = fsc_of_maps(&inside(mirror3(&ours)), &inside(theirs.clone()))
        .unwrap()
        .fsc;
    let fsc = fsc_of_maps(&inside(ours), &inside(theirs)).unwrap().fsc;
    let lowest = fsc[1..=8].iter().copied().fold(1.0, f64::min);
    println!("relion_reconstruct on real particles, lowest FSC to Nyquist/2: {lowest:.4}");
    assert!(lowest > 0.98, "{fsc:?}");
    assert!(mirrored[6..=8].iter().all(|&f| f < 0.7), "{mirrored:?}");
}

#[test]
fn the_images_were_multiplied_with_the_other_defocus_hand_than_the_table_says() {
    let Some(data) = shared_data() else { return };
    let set = read_optimisation_set(&series_of(&data)).unwrap();
    let read = read_tilt_series(&set.tomograms.unwrap(), &TiltSeriesImport::default());
    let series = read.unwrap().value;
    let options = ParticleImport {
        grids: tomogram_grids(&series),
        ..ParticleImport::default()
    };
    let particles = read_particles(&set.particles.unwrap(), &options)
        .unwrap()
        .value;
    for one in &series {
        assert_eq!(one.defocus_hand.as_ref().unwrap().sign, HandSign::Minus);
    }
    let found = measure_defocus_hand(&series, &particles);
    println!(
        "defocus hand: the table says -1; for +1 speak {} of {} tilt images, log likelihood ratio {:.0}",
        found.plus, found.images, found.log_likelihood_ratio
    );
    assert!(found.plus * 10 > found.images * 9 && found.log_likelihood_ratio > 1000.0);
}

#[test]
fn maps_of_known_hand_are_told_in_both_hands() {
    let Some(data) = shared_data() else { return };
    let reference = map_of_model(&data.join("12_models").join(MODELS[0]), 32, PixelSize(12.0));
    let path = data.join("09_maps/70S_4v4r_5A_polnet.mrc");
    let fine = read_map(&path);
    let known = rescale3(&fine.data, fine.voxel_size.0, 12.0, [32; 3], 0.0);
    let measure = |data| measure_hand(&Map::new(data, PixelSize(12.0)), &reference, COMPARISON);
    let right = measure(known.clone());
    report("map of the atomic model 4v4r", &right, 384.0);
    let wrong = measure(mirror3(&known));
    report("the same, mirrored on purpose", &wrong, 384.0);
    assert!(right.as_is.correlation - right.mirrored.correlation > 0.2);
    assert!(wrong.mirrored.correlation - wrong.as_is.correlation > 0.2);
}

/// The three central slices and the surface, to 36 Å, of the map (mirrored, so that both are in one hand) above those of the
/// fitted model, and the FSC curves; kept in the target folder, the copies in docs/pictures are refreshed by
/// `cargo xtask validate`.
fn write_pictures(map: &Map, model: &Map, measured: &HandTest, halves: &[f64]) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let name = "ribosome_empiar10499";
    assert_eq!(map.dims(), model.dims());
    let smooth = RadialFilter::LowPass {
        cutoff: 1.0 / 36.0,
        edge: Edge::RaisedCosine(0.005),
    };
    let rows = [mirror3(&map.data), measured.mirrored.reference.clone()].map(|data| {
        let seen = apply_filters3(&inside(data).data, 12.0, std::slice::from_ref(&smooth));
        slices_and_surface(&seen)
    });
    let picture = column_of(&rows, 8);
    std::fs::write(folder.join(format!("{name}.png")), picture.to_png()).unwrap();
    let curves = [
        ("half maps", halves),
        ("model, map mirrored", &measured.mirrored.fsc),
        ("model, map as it is", &measured.as_is.fsc),
    ];
    let plot = fsc_plot("EMPIAR-10499, 40 ribosomes", &curves, 384.0);
    std::fs::write(folder.join(format!("{name}_fsc.png")), plot.to_png()).unwrap();
    println!("pictures: {}", folder.display());
}
