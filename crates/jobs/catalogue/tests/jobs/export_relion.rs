//! The RELION 5 project of EMPIAR-10164 through a thon project and out again: equal in every value.

use std::path::Path;

use serde_json::json;
use thon_contract::SlotRecord;
use thon_contract::kinds::{FilesKind, ParticlesKind, TiltSeriesKind};
use thon_formats::star;

use crate::microscope_files::write_series;
use crate::project::{Outcome, Project};
use crate::shared_data::shared;

/// Number of equal cells of two STAR files with the same blocks, columns and rows.
fn equal_cells(a: &Path, b: &Path) -> usize {
    let (first, second) = (star::read(a).unwrap(), star::read(b).unwrap());
    assert_eq!(first.blocks.len(), second.blocks.len(), "{}", a.display());
    let mut cells = 0;
    for (x, y) in first.blocks.iter().zip(&second.blocks) {
        assert_eq!(x.name(), y.name());
        let (x, y) = (&x.tables[0], &y.tables[0]);
        assert_eq!(
            x.labels().collect::<Vec<_>>(),
            y.labels().collect::<Vec<_>>()
        );
        for (c, d) in x.columns().zip(y.columns()) {
            assert!(
                c.strings().eq(d.strings()),
                "{}: {}",
                a.display(),
                c.label()
            );
            cells += x.rows();
        }
    }
    cells
}

fn listing(project: &Project, outcome: &Outcome) -> thon_contract::kinds::FileListing {
    project
        .load::<FilesKind>(&outcome.outputs["files"])
        .remove(0)
}

#[test]
fn the_relion_5_project_goes_out_as_it_came_in() {
    let Some(relion) = shared("04_relion5_project_empiar10164") else {
        return;
    };
    let project = Project::new();
    let file = |name: &str| relion.join(name).to_str().unwrap().to_owned();
    let (mut cells, mut rows, mut images) = (0, 0, 0);
    let sets = [
        (
            "CtfRefine/job027/tomograms.star",
            Some("Refine3D/job023/run_data.star"),
        ),
        ("AlignTiltSeries/job005/aligned_tilt_series.star", None),
        ("CtfFind/job003/tilt_series_ctf.star", None),
    ];
    for (table, particles) in sets {
        let series = project.run(
            "import.relion-tilt-series",
            json!({ "file": file(table) }),
            &[],
        );
        let series = &series.outputs["tilt_series"];
        let set = particles.map(|name| {
            let set = project.run(
                "import.relion-particles",
                json!({ "file": file(name) }),
                &[("tilt_series", series)],
            );
            set.outputs["particles"].clone()
        });
        let mut inputs = vec![("tilt_series", series)];
        inputs.extend(set.as_ref().map(|set| ("particles", set)));
        let out = project.run("export.relion", json!({}), &inputs);
        let root = project.path().join(&out.place).join("relion");
        let losses = listing(&project, &out).losses;
        assert!(
            losses.iter().all(|loss| loss.contains("defocus hand")),
            "{losses:?}"
        );
        cells += equal_cells(&relion.join(table), &root.join("tilt_series.star"));
        for one in project.load::<TiltSeriesKind>(series) {
            let token = one
                .carried_global
                .value("rlnTomoTiltSeriesStarFile", 0)
                .unwrap();
            cells += equal_cells(&relion.join(token), &root.join(token));
            images += one.images.len();
        }
        if let Some(name) = particles {
            cells += equal_cells(&relion.join(name), &root.join("particles.star"));
            rows += project.load::<ParticlesKind>(set.as_ref().unwrap())[0].len();
            let again = json!({ "file": out.place.join("relion/optimisation_set.star") });
            let again = project.run("import.relion-particles", again, &[]);
            assert_eq!(again.metric("particles"), Some(rows as f64));
        }
    }
    println!(
        "RELION 5 project through jobs: {images} images, {rows} particles, {cells} values equal"
    );
    assert!(cells > 10_000);
}

fn imported(project: &Project) -> SlotRecord {
    write_series(project.path(), "TS_01");
    let outcome = project.run("import.mdoc", json!({ "mdocs": ["*.mdoc"] }), &[]);
    outcome.outputs["tilt_series"].clone()
}

#[test]
fn series_of_other_origin_name_their_images_absolutely_and_losses_are_told() {
    let project = Project::new();
    let series = imported(&project);
    let out = project.run("export.relion", json!({}), &[("tilt_series", &series)]);
    let listing = listing(&project, &out);
    assert_eq!(
        listing.files,
        ["relion/tilt_series/TS_01.star", "relion/tilt_series.star"].map(std::path::PathBuf::from)
    );
    assert!(
        listing
            .losses
            .iter()
            .any(|loss| loss.contains("defocus hand")),
        "{:?}",
        listing.losses
    );
    assert!(
        out.warnings()
            .iter()
            .any(|text| text.contains("foreign columns")),
        "{:?}",
        out.warnings()
    );
    let table = star::read(
        &project
            .path()
            .join(&out.place)
            .join("relion/tilt_series/TS_01.star"),
    )
    .unwrap();
    let name = table
        .table("TS_01")
        .unwrap()
        .get(1, "rlnMicrographName")
        .unwrap()
        .to_owned();
    let (section, path) = name.split_once('@').unwrap();
    assert_eq!(
        (section.parse::<usize>().unwrap(), Path::new(path)),
        (2, project.path().join("TS_01.st").as_path())
    );
    let back = json!({ "file": out.place.join("relion/tilt_series.star") });
    let back = project.run("import.relion-tilt-series", back, &[]);
    let (before, after) = (
        project.load::<TiltSeriesKind>(&series),
        project.load::<TiltSeriesKind>(&back.outputs["tilt_series"]),
    );
    for (a, b) in before[0].images.iter().zip(&after[0].images) {
        assert_eq!(
            (a.dose_before, a.acquisition_index),
            (b.dose_before, b.acquisition_index)
        );
        assert!((a.nominal_tilt_angle.0 - b.nominal_tilt_angle.0).abs() < 1e-9);
        assert_eq!(
            project.path().join(&a.image.as_ref().unwrap().path),
            project.path().join(&b.image.as_ref().unwrap().path)
        );
    }
}

#[test]
fn particles_without_their_series_are_refused() {
    let project = Project::new();
    let series = imported(&project);
    project.write(
        "particles.star",
        "data_particles\n\nloop_\n_rlnTomoName\n_rlnCenteredCoordinateXAngst\n_rlnCenteredCoordinateYAngst\n\
         _rlnCenteredCoordinateZAngst\nTS_01 1 2 3\nTS_02 4 5 6\n",
    );
    let set = project.run(
        "import.relion-particles",
        json!({ "file": "particles.star" }),
        &[],
    );
    let inputs = [
        ("tilt_series", &series),
        ("particles", &set.outputs["particles"]),
    ];
    let findings = project.refusal("export.relion", json!({}), &inputs);
    assert!(
        findings
            .iter()
            .any(|f| f.is_error() && f.message.contains("particles of TS_02")),
        "{findings:?}"
    );
}
