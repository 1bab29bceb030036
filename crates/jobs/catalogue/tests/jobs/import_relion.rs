//! `import.relion-tilt-series` and `import.relion-particles` on the project of EMPIAR-10164 and on Warp's export.

use serde_json::json;
use thon_contract::kinds::{ParticlesKind, TiltSeriesKind, TomogramKind};

use crate::project::Project;
use crate::shared_data::shared;

const PROJECT: &str = "04_relion5_project_empiar10164";
const WARP: &str =
    "10_particles/empiar10499_warp_2d_series/warptools_test_4-tomos_10-ptcls_box-32_angpix-12";

#[test]
fn the_relion_5_project_comes_in_with_series_and_particles() {
    let Some(relion) = shared(PROJECT) else {
        return;
    };
    let project = Project::new();
    let file = |name: &str| relion.join(name).to_str().unwrap().to_owned();
    let series = project.run(
        "import.relion-tilt-series",
        json!({ "file": file("CtfRefine/job027/tomograms.star"), "image_size": [3838, 3710] }),
        &[],
    );
    let slot = &series.outputs["tilt_series"];
    let loaded = project.load::<TiltSeriesKind>(slot);
    assert_eq!(loaded.len(), 5);
    assert_eq!(loaded[0].image_size, [3710, 3838]);
    let images: usize = loaded.iter().map(|one| one.images.len()).sum();
    let aligned = series.metric("aligned images").unwrap();
    assert_eq!(aligned, images as f64);
    let particles = project.run(
        "import.relion-particles",
        json!({ "file": file("Refine3D/job023/run_data.star") }),
        &[("tilt_series", slot)],
    );
    let set = &project.load::<ParticlesKind>(&particles.outputs["particles"])[0];
    println!(
        "RELION 5 project: {} tilt series, {images} images, {} particles",
        loaded.len(),
        set.len()
    );
    assert!(set.len() > 100 && set.oriented);
    assert_eq!(set.tilt_series_names.len(), 5);
    // An optimisation set names both.
    let both = file("CtfRefine/job027/optimisation_set.star");
    let again = project.run("import.relion-tilt-series", json!({ "file": both }), &[]);
    assert_eq!(again.outputs["tilt_series"].items.len(), 5);
}

#[test]
fn the_optimisation_set_of_warp_brings_its_tilt_series() {
    let Some(set_file) = shared(&format!("{WARP}_optimisation_set.star")) else {
        return;
    };
    let project = Project::new();
    let params = json!({ "file": set_file.to_str().unwrap(), "allow_unknown_tomograms": true });
    let particles = project.run("import.relion-particles", params.clone(), &[]);
    let set = &project.load::<ParticlesKind>(&particles.outputs["particles"])[0];
    let series = project.run(
        "import.relion-tilt-series",
        json!({ "file": set_file.to_str().unwrap() }),
        &[],
    );
    let series = project.load::<TiltSeriesKind>(&series.outputs["tilt_series"]);
    let images = set.images.as_ref().unwrap();
    let there = images.paths.iter().filter(|path| path.is_file()).count();
    println!(
        "Warp's set: {} particles ({there} stacks there), {} tilt series",
        set.len(),
        series.len()
    );
    assert_eq!((set.len(), there, series.len()), (40, 40, 4));
    assert!(
        set.tilt_series_names
            .iter()
            .all(|name| series.iter().any(|one| one.name == *name))
    );
}

/// A small RELION project inside the thon project: everything stays relative.
#[test]
fn relative_paths_stay_relative_and_every_table_is_external() {
    let project = Project::new();
    project.write(
        "relion/tilt_series.star",
        "data_global\n\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesStarFile\n_rlnVoltage\n_rlnSphericalAberration\n\
         _rlnAmplitudeContrast\n_rlnMicrographOriginalPixelSize\n_rlnTomoHand\n\
         TS_1 tilt_series/TS_1.star 300 2.7 0.1 1.5 -1\n",
    );
    project.write(
        "relion/tilt_series/TS_1.star",
        "data_TS_1\n\nloop_\n_rlnMicrographName\n_rlnTomoNominalStageTiltAngle\n_rlnMicrographPreExposure\n\
         MotionCorr/a.mrc -3 3\nMotionCorr/b.mrc 0 0\n",
    );
    project.write(
        "relion/particles.star",
        "data_particles\n\nloop_\n_rlnTomoName\n_rlnCenteredCoordinateXAngst\n_rlnCenteredCoordinateYAngst\n\
         _rlnCenteredCoordinateZAngst\nTS_1 1 2 3\nTS_2 4 5 6\n",
    );
    let params = json!({ "file": "relion/tilt_series.star", "image_size": [100, 80] });
    let outcome = project.run("import.relion-tilt-series", params.clone(), &[]);
    let slot = &outcome.outputs["tilt_series"];
    let series = &project.load::<TiltSeriesKind>(slot)[0];
    let paths: Vec<_> = series
        .images
        .iter()
        .map(|image| image.image.clone().unwrap().path)
        .collect();
    assert_eq!(
        paths,
        ["relion/MotionCorr/a.mrc", "relion/MotionCorr/b.mrc"].map(std::path::PathBuf::from)
    );
    assert_eq!(
        series.defocus_hand.as_ref().unwrap().evidence,
        "rlnTomoHand in relion/tilt_series.star"
    );
    let job = crate::project::job("import.relion-tilt-series");
    let params = job.complete_params(&params).unwrap();
    let workspace = thon_contract::DirectoryWorkspace {
        root: project.path().into(),
    };
    let context = thon_contract::Context::new(&workspace, &thon_compute::Quiet, 0);
    let external = job.external_files(&params, &context).unwrap();
    assert_eq!(
        external,
        ["relion/tilt_series/TS_1.star", "relion/tilt_series.star"].map(std::path::PathBuf::from)
    );
    let particles = project.run(
        "import.relion-particles",
        json!({ "file": "relion/particles.star" }),
        &[("tilt_series", slot)],
    );
    let set = &project.load::<ParticlesKind>(&particles.outputs["particles"])[0];
    assert_eq!(set.poses[1].position.xyz.to_array(), [4.0, 5.0, 6.0]);
}

#[test]
fn tables_that_are_not_there_or_not_of_this_kind_are_refused() {
    let project = Project::new();
    project.write(
        "other.star",
        "data_micrographs\n\nloop_\n_rlnMicrographName\na.mrc\n",
    );
    let cases = [
        (
            "import.relion-tilt-series",
            json!({}),
            "expected a table of tilt series, found nothing",
        ),
        (
            "import.relion-tilt-series",
            json!({ "file": "none.star" }),
            "none.star",
        ),
        (
            "import.relion-tilt-series",
            json!({ "file": "other.star" }),
            "data_global",
        ),
        (
            "import.relion-particles",
            json!({ "file": "other.star" }),
            "rlnCenteredCoordinateXAngst",
        ),
    ];
    for (id, params, message) in cases {
        let findings = project.refusal(id, params, &[]);
        assert!(
            findings.iter().any(|f| f.to_string().contains(message)),
            "{message}: {findings:?}"
        );
    }
}

#[test]
fn the_tomograms_of_a_relion_5_project_come_with_their_series() {
    let project = Project::new();
    project.write(
        "relion/tomograms.star",
        "data_global\n\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesStarFile\n_rlnVoltage\n_rlnSphericalAberration\n\
         _rlnAmplitudeContrast\n_rlnMicrographOriginalPixelSize\n_rlnTomoHand\n_rlnTomoSizeX\n_rlnTomoSizeY\n\
         _rlnTomoSizeZ\n_rlnTomoTomogramBinning\n_rlnTomoReconstructedTomogram\n_rlnTomoDenoisedTomogram\n\
         TS_1 ts/TS_1.star 300 2.7 0.1 1.5 -1 16 12 8 2 Tomograms/a.mrc Denoise/a.mrc\n\
         TS_2 ts/TS_1.star 300 2.7 0.1 1.5 -1 16 12 8 2 Tomograms/b.mrc Denoise/b.mrc\n",
    );
    project.write(
        "relion/ts/TS_1.star",
        "data_TS_1\n\nloop_\n_rlnMicrographName\n_rlnTomoNominalStageTiltAngle\n_rlnMicrographPreExposure\n\
         a.mrc -3 3\n",
    );
    for folder in ["Tomograms", "Denoise"] {
        let path = project.path().join("relion").join(folder).join("a.mrc");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let voxels: Vec<f32> = (0..4 * 6 * 8).map(|i| i as f32).collect();
        thon_images::mrc::write_volume(&path, &voxels, [4, 6, 8], Some(3.0)).unwrap();
    }
    let params = json!({ "file": "relion/tomograms.star", "image_size": [16, 12] });
    let outcome = project.run("import.relion-tilt-series", params, &[]);
    let tomograms = project.load::<TomogramKind>(&outcome.outputs["tomograms"]);
    let told: Vec<(&str, &str)> = tomograms
        .iter()
        .map(|one| (one.name.as_str(), one.path.to_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            ("TS_1", "relion/Tomograms/a.mrc"),
            ("TS_1_denoised", "relion/Denoise/a.mrc")
        ]
    );
    assert_eq!(
        (tomograms[0].grid.dims, tomograms[0].grid.voxel_size.0),
        ([4, 6, 8], 3.0)
    );
    assert_eq!(tomograms[1].tilt_series, "TS_1");
    let absent = outcome
        .warnings()
        .iter()
        .filter(|text| text.contains("b.mrc is not there"))
        .count();
    assert_eq!(absent, 2, "{:?}", outcome.warnings());
}
