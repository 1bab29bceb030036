//! `import.relion-2016`, `import.etomo`, `import.aretomo`, `import.map` on small files.

use std::path::{Path, PathBuf};

use serde_json::json;
use thon_contract::kinds::{MapKind, MaskKind, ParticlesKind, TiltSeriesKind, TomogramKind};
use thon_images::mrc::write_volume;

use crate::microscope_files::{TILTS, lines, write_stack};
use crate::project::Project;

/// A tomogram of 12 × 8 × 6 voxels with everything beside it.
fn layout_2016(project: &Project, name: &str) -> PathBuf {
    let folder = PathBuf::from("tomograms").join(name);
    let full = project.path().join(&folder);
    write_stack(&full.join(format!("{name}.mrcs")), TILTS.len());
    let voxels: Vec<f32> = (0..6 * 8 * 12).map(|i| (i % 17) as f32).collect();
    write_volume(
        full.join(format!("{name}.mrc")),
        &voxels,
        [6, 8, 12],
        Some(1.7),
    )
    .unwrap();
    std::fs::write(full.join(format!("{name}.tlt")), lines(&TILTS)).unwrap();
    let order = [2, 3, 1, 4, 0]
        .iter()
        .enumerate()
        .fold(String::new(), |text, (rank, &index)| {
            format!("{text}{}, {}\n", TILTS[index], rank * 3)
        });
    std::fs::write(full.join(format!("{name}.order")), order).unwrap();
    std::fs::write(full.join(format!("{name}.coords")), "6 4 3\n1 2 3\n").unwrap();
    folder
}

#[test]
fn the_layout_of_2016_brings_series_tomogram_and_particles() {
    let project = Project::new();
    layout_2016(&project, "a");
    layout_2016(&project, "b");
    let outcome = project.run(
        "import.relion-2016",
        json!({ "tomograms": ["tomograms/*"] }),
        &[],
    );
    let series = project.load::<TiltSeriesKind>(&outcome.outputs["tilt_series"]);
    assert_eq!(
        series
            .iter()
            .map(|one| one.name.as_str())
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    let doses: Vec<f64> = series[1]
        .images
        .iter()
        .map(|image| image.dose_before.0)
        .collect();
    assert_eq!(doses, [12.0, 6.0, 0.0, 3.0, 9.0]);
    assert_eq!(
        series[1].images[0].image.as_ref().unwrap().path,
        Path::new("tomograms/b/b.mrcs")
    );
    let tomograms = project.load::<TomogramKind>(&outcome.outputs["tomograms"]);
    assert_eq!(
        (tomograms[0].path.as_path(), tomograms[0].grid.dims),
        (Path::new("tomograms/a/a.mrc"), [6, 8, 12])
    );
    let set = &project.load::<ParticlesKind>(&outcome.outputs["particles"])[0];
    assert_eq!(
        (set.len(), &set.tilt_series[..], set.oriented),
        (4, &[0, 0, 1, 1][..], false)
    );
    assert!(
        set.poses[2].position.xyz.length() < 1e-9,
        "{:?}",
        set.poses[2]
    );
}

/// The faults of the protocol's Table 1, each named before anything starts.
#[test]
fn missing_and_contradicting_files_are_named() {
    let cases: [(&str, Option<&str>, &str); 6] = [
        ("mrcs", None, "a.mrcs"),
        ("order", None, "a.order"),
        ("coords", None, "a.coords"),
        ("tlt", Some("1\n2\n"), "as many tilt angles as images"),
        ("order", Some("0, 0\n"), "as many lines as tilt angles"),
        ("mrc", None, "tomogram"),
    ];
    for (end, text, message) in cases {
        let project = Project::new();
        let folder = layout_2016(&project, "a");
        let file = project.path().join(folder).join(format!("a.{end}"));
        match text {
            None => std::fs::remove_file(file).unwrap(),
            Some(text) => std::fs::write(file, text).unwrap(),
        }
        let findings = project.refusal(
            "import.relion-2016",
            json!({ "tomograms": ["tomograms/a"] }),
            &[],
        );
        assert!(
            findings
                .iter()
                .any(|f| f.is_error() && f.message.contains(message)),
            "{end}: {findings:?}"
        );
    }
    let project = Project::new();
    let folder = layout_2016(&project, "a");
    std::fs::remove_file(project.path().join(&folder).join("a.coords")).unwrap();
    let params = json!({ "tomograms": ["tomograms/a"], "without_coordinates": true });
    assert!(
        project.run("import.relion-2016", params, &[]).outputs["particles"]
            .items
            .is_empty()
    );
}

#[test]
fn an_etomo_directory_without_a_stack_needs_a_pixel_size() {
    let project = Project::new();
    project.write("imod/TS_01.rawtlt", "-10\n0\n10\n");
    project.write("imod/TS_01.xf", &"1 0 0 1 0 0\n".repeat(3));
    let findings = project.refusal("import.etomo", json!({ "directories": ["imod"] }), &[]);
    assert!(
        findings[0].message.contains("pixel size") && !findings[0].hint.is_empty(),
        "{findings:?}"
    );
    let params = json!({ "directories": ["imod"], "pixel_size": 2.0, "image_size": [64, 48] });
    let outcome = project.run("import.etomo", params, &[]);
    let series = project
        .load::<TiltSeriesKind>(&outcome.outputs["tilt_series"])
        .remove(0);
    assert_eq!((series.image_size, series.images.len()), ([48, 64], 3));
    project.write("imod/TS_01.xf", "1 0 0 1 0 0\n");
    let params = json!({ "directories": ["imod"], "pixel_size": 2.0 });
    let findings = project.refusal("import.etomo", params, &[]);
    assert!(
        findings[0]
            .message
            .contains("as many views in the .xf as angles"),
        "{findings:?}"
    );
}

#[test]
fn an_aln_must_belong_to_its_stack() {
    let project = Project::new();
    let rows = "# AreTomo Alignment / Priims bprmMn\n# RawSize = 12 8 2\n# NumPatches = 0\n\
                # SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT\n\
                0 85 1 1 2 1 1 1 0 -3\n1 85 1 3 4 1 1 1 0 3\n";
    project.write("a.aln", rows);
    write_stack(&project.path().join("a.mrc"), 2);
    let outcome = project.run(
        "import.aretomo",
        json!({ "alignments": ["*.aln"], "volume_size": [12, 8, 6] }),
        &[],
    );
    let series = project
        .load::<TiltSeriesKind>(&outcome.outputs["tilt_series"])
        .remove(0);
    assert!((series.pixel_size.0 - 1.7).abs() < 1e-6);
    assert_eq!(series.volume_size, Some([6, 8, 12]));
    assert_eq!(
        series.images[1].image.as_ref().unwrap().path,
        Path::new("a.mrc")
    );
    project.write("a.aln", &rows.replace("12 8 2", "16 8 2"));
    let findings = project.refusal("import.aretomo", json!({ "alignments": ["a.aln"] }), &[]);
    assert!(
        findings[0]
            .message
            .contains("expected a stack of 16 × 8 × 2"),
        "{findings:?}"
    );
    std::fs::remove_file(project.path().join("a.mrc")).unwrap();
    let findings = project.refusal("import.aretomo", json!({ "alignments": ["a.aln"] }), &[]);
    assert!(findings[0].hint.contains("pixel_size"), "{findings:?}");
}

#[test]
fn maps_and_masks_are_copied_with_the_voxel_size_that_was_given() {
    let project = Project::new();
    let voxels: Vec<f32> = (0..64).map(|i| i as f32 / 64.0).collect();
    write_volume(project.path().join("v.mrc"), &voxels, [4, 4, 4], Some(1.0)).unwrap();
    let map = project.run(
        "import.map",
        json!({ "file": "v.mrc", "voxel_size": 2.5 }),
        &[],
    );
    let map = project.load::<MapKind>(&map.outputs["map"]).remove(0);
    assert_eq!((map.voxel_size.0, map.data[[1, 2, 3]]), (2.5, 27.0 / 64.0));
    let mask = project.run(
        "import.map",
        json!({ "file": "v.mrc", "holds": "mask" }),
        &[],
    );
    assert!(mask.outputs["map"].items.is_empty());
    assert_eq!(
        project.load::<MaskKind>(&mask.outputs["mask"])[0].0.dims(),
        [4, 4, 4]
    );
    let large: Vec<f32> = voxels.iter().map(|v| 3.0 * v).collect();
    write_volume(
        project.path().join("large.mrc"),
        &large,
        [4, 4, 4],
        Some(1.5),
    )
    .unwrap();
    let failed = project.try_run(
        "import.map",
        json!({ "file": "large.mrc", "holds": "mask" }),
        &[],
        &thon_compute::Quiet,
    );
    assert!(failed.unwrap_err().to_string().contains("lie outside 0…1"));
    project.write("no.mrc", "not a volume");
    for (params, message) in [
        (json!({ "file": "no.mrc" }), "no.mrc"),
        (json!({}), "expected an MRC volume, found nothing"),
        (
            json!({ "file": "v.mrc", "voxel_size": 0.0 }),
            "expected more than 0",
        ),
    ] {
        let findings = project.refusal("import.map", params, &[]);
        assert!(
            findings.iter().any(|f| f.to_string().contains(message)),
            "{findings:?}"
        );
    }
}
