//! What holds for every import and export: same input, same bytes; a cancelled unit leaves nothing.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thon_compute::Progress;
use thon_contract::{JobError, SlotRecord};

use crate::microscope_files::write_series;
use crate::project::Project;

struct Stopped;

impl Progress for Stopped {
    fn advance(&self, _: u64, _: u64) {}
    fn cancelled(&self) -> bool {
        true
    }
}

/// All files of a unit with their bytes.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((
                    path.strip_prefix(folder).unwrap().to_owned(),
                    std::fs::read(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found
}

type Case = (&'static str, Value, Vec<(&'static str, SlotRecord)>);

/// Every import and export on one small aligned series with two particles.
fn cases(project: &Project) -> Vec<Case> {
    write_series(project.path(), "TS_01");
    let mdocs = json!({ "mdocs": ["*.mdoc"] });
    let raw = project.run("import.mdoc", mdocs.clone(), &[]).outputs["tilt_series"].clone();
    project.write("imod/TS_01.rawtlt", "-30\n-15\n0\n15\n30\n");
    project.write("imod/TS_01.tlt", "-29.5\n-14.5\n0.5\n15.5\n30.5\n");
    project.write("imod/TS_01.xf", &"0 1 -1 0 2 -1\n".repeat(5));
    let adopt = json!({ "format": "imod", "path": "imod" });
    let aligned = project
        .run("tilt_series.adopt", adopt.clone(), &[("tilt_series", &raw)])
        .outputs["tilt_series"]
        .clone();
    project.write(
        "particles.star",
        "data_particles\n\nloop_\n_rlnTomoName\n_rlnCenteredCoordinateXAngst\n_rlnCenteredCoordinateYAngst\n\
         _rlnCenteredCoordinateZAngst\n_rlnAngleRot\n_rlnAngleTilt\n_rlnAnglePsi\nTS_01 1 2 3 4 5 6\nTS_01 4 5 6 7 8 9\n",
    );
    let file = json!({ "file": "particles.star" });
    let with = |slot: &SlotRecord| vec![("tilt_series", slot.clone())];
    let particles = project
        .run(
            "import.relion-particles",
            file.clone(),
            &[("tilt_series", &aligned)],
        )
        .outputs["particles"]
        .clone();
    let both = vec![
        ("tilt_series", aligned.clone()),
        ("particles", particles.clone()),
    ];
    let relion = project.run(
        "export.relion",
        json!({}),
        &[("tilt_series", &aligned), ("particles", &particles)],
    );
    let aretomo = project.run("export.aretomo", json!({}), &[("tilt_series", &aligned)]);
    vec![
        ("import.mdoc", mdocs, vec![]),
        ("tilt_series.adopt", adopt, with(&raw)),
        (
            "import.etomo",
            json!({ "directories": ["imod"], "pixel_size": 1.7 }),
            vec![],
        ),
        (
            "import.aretomo",
            json!({ "alignments": [aretomo.place.join("TS_01/TS_01.aln")], "pixel_size": 1.7 }),
            vec![],
        ),
        (
            "import.relion-tilt-series",
            json!({ "file": relion.place.join("relion/optimisation_set.star") }),
            vec![],
        ),
        ("import.relion-particles", file, with(&aligned)),
        ("export.relion", json!({}), both),
        ("export.imod", json!({}), with(&aligned)),
        ("export.aretomo", json!({}), with(&aligned)),
    ]
}

fn slots<'a>(inputs: &'a [(&'static str, SlotRecord)]) -> Vec<(&'static str, &'a SlotRecord)> {
    inputs.iter().map(|(name, slot)| (*name, slot)).collect()
}

#[test]
fn the_same_input_gives_the_same_bytes_and_results_that_name_no_machine() {
    let project = Project::new();
    for (id, params, inputs) in cases(&project) {
        let [first, second] = [(); 2].map(|()| project.run(id, params.clone(), &slots(&inputs)));
        let [a, b] =
            [&first, &second].map(|outcome| contents(&project.path().join(&outcome.place)));
        assert!(!a.is_empty() && a == b, "{id}");
        let root = project.path().to_string_lossy().into_owned();
        // Files for other programs must name images absolutely; what thon reads again must not.
        let own = a
            .iter()
            .filter(|(file, _)| file.to_string_lossy().ends_with("tilt_series.json"));
        for (file, bytes) in own.filter(|_| id != "import.relion-tilt-series") {
            assert!(
                !String::from_utf8_lossy(bytes).contains(&root),
                "{id}: {}",
                file.display()
            );
        }
    }
}

#[test]
fn a_cancelled_unit_leaves_nothing() {
    let project = Project::new();
    for (id, params, inputs) in cases(&project) {
        let before = contents(project.path());
        let outcome = project.try_run(id, params, &slots(&inputs), &Stopped);
        assert!(
            matches!(outcome, Err(JobError::Cancelled)),
            "{id}: {outcome:?}"
        );
        assert_eq!(contents(project.path()), before, "{id}");
    }
}
