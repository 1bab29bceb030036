//! `import.mdoc`: small series, movies, patterns, paths, and what is refused.

use std::path::Path;

use serde_json::json;
use thon_contract::kinds::TiltSeriesKind;

use crate::microscope_files::{RANKS, TILTS, mdoc, write_series, write_stack};
use crate::project::{Project, job};
use crate::shared_data::shared;

fn with_two_series() -> Project {
    let project = Project::new();
    let folder = project.path().join("raw data");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["TS_01", "TS_02"] {
        write_series(&folder, name);
    }
    project
}

#[test]
fn a_pattern_of_mdocs_becomes_tilt_series_with_paths_relative_to_the_project() {
    let project = with_two_series();
    let params = json!({ "mdocs": ["raw data/*.mdoc"] });
    let outcome = project.run("import.mdoc", params.clone(), &[]);
    let slot = &outcome.outputs["tilt_series"];
    let names: Vec<&str> = slot.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["TS_01", "TS_02"]);
    let series = &project.load::<TiltSeriesKind>(slot)[1];
    assert_eq!(
        (
            series.pixel_size.0,
            series.image_size,
            series.optics.voltage.0
        ),
        (1.7, [8, 12], 200.0)
    );
    let axis = series.nominal_tilt_axis_angle.unwrap().degrees().0;
    assert!((axis - 85.3).abs() < 1e-9);
    for (index, image) in series.images.iter().enumerate() {
        let reference = image.image.as_ref().unwrap();
        assert_eq!(
            (reference.path.as_path(), reference.section),
            (Path::new("raw data/TS_02.st"), index)
        );
        assert!((image.nominal_tilt_angle.degrees().0 - TILTS[index]).abs() < 1e-9);
        assert_eq!(image.dose_before.0, 3.0 * RANKS[index] as f64);
        assert_eq!(image.acquisition_index, Some(RANKS[index]));
        assert!(image.movie.is_none() && image.geometry.is_none());
    }
    assert_eq!(outcome.metric("tilt images"), Some(10.0));
    let files = job("import.mdoc");
    let params = files.complete_params(&params).unwrap();
    let workspace = thon_contract::DirectoryWorkspace {
        root: project.path().into(),
    };
    let context = thon_contract::Context::new(&workspace, &thon_compute::Quiet, 0);
    let external = files.external_files(&params, &context).unwrap();
    assert_eq!(
        external,
        ["raw data/TS_01.st.mdoc", "raw data/TS_02.st.mdoc"].map(Into::<std::path::PathBuf>::into)
    );
}

#[test]
fn movies_are_matched_by_name_and_the_stack_may_lie_elsewhere() {
    let project = Project::new();
    project.write("mdoc/a.mdoc", &mdoc("a", &TILTS));
    for index in 0..TILTS.len() {
        project.write(&format!("frames/a_{index}.tif"), "");
    }
    let outcome = project.run(
        "import.mdoc",
        json!({ "mdocs": ["mdoc/a.mdoc"], "movies": "frames" }),
        &[],
    );
    let series = &project.load::<TiltSeriesKind>(&outcome.outputs["tilt_series"])[0];
    let movies: Vec<_> = series
        .images
        .iter()
        .map(|image| image.movie.clone().unwrap().path)
        .collect();
    assert_eq!(movies[3], Path::new("frames/a_3.tif"));
    assert!(series.images.iter().all(|image| image.image.is_none()));
    write_stack(&project.path().join("stacks/a.st"), TILTS.len());
    let absolute = project.path().join("stacks");
    for stacks in ["stacks", absolute.to_str().unwrap()] {
        let params = json!({
            "mdocs": ["mdoc/a.mdoc"], "stacks": stacks, "pixel_size": 3.4, "tilt_axis_angle": -5.0,
        });
        let outcome = project.run("import.mdoc", params, &[]);
        let series = &project.load::<TiltSeriesKind>(&outcome.outputs["tilt_series"])[0];
        assert_eq!(
            series.images[2].image.as_ref().unwrap().path,
            Path::new(stacks).join("a.st")
        );
        assert_eq!(series.pixel_size.0, 3.4);
        assert!((series.nominal_tilt_axis_angle.unwrap().degrees().0 + 5.0).abs() < 1e-9);
    }
}

#[test]
fn what_cannot_be_imported_is_refused_before_it_starts() {
    let project = with_two_series();
    let cases = [
        (json!({}), "expected at least one mdoc file"),
        (
            json!({ "mdocs": ["nothing/*.mdoc"] }),
            "nothing/*.mdoc: no such file, and none that matches",
        ),
        (
            json!({ "mdocs": ["raw data/*.mdoc"], "pixel_size": -1.0 }),
            "expected more than 0 Å/px, found -1",
        ),
        (
            json!({ "mdocs": ["raw data/*.mdoc"], "stacks": "elsewhere" }),
            "expected its stack in \"elsewhere\"",
        ),
    ];
    for (params, message) in cases {
        let findings = project.refusal("import.mdoc", params, &[]);
        assert!(
            findings
                .iter()
                .any(|f| f.is_error() && f.message.contains(message)),
            "{findings:?}"
        );
        assert!(
            findings.iter().any(|f| !f.hint.is_empty()) || message.contains("found -1"),
            "{findings:?}"
        );
    }
    write_stack(&project.path().join("raw data/TS_02.st"), 4);
    let findings = project.refusal("import.mdoc", json!({ "mdocs": ["raw data/*.mdoc"] }), &[]);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].message.contains("TS_02.st"), "{findings:?}");
    let twice = json!({ "mdocs": ["raw data/TS_01.st.mdoc", "copy/TS_01.mdoc"] });
    project.write("copy/TS_01.mdoc", &mdoc("TS_01", &TILTS));
    write_stack(&project.path().join("copy/TS_01.st"), 5);
    let findings = project.refusal("import.mdoc", twice, &[]);
    assert!(
        findings
            .iter()
            .any(|f| f.message.contains("two tilt series are named TS_01")),
        "{findings:?}"
    );
}

/// The real mdoc of EMPIAR-10164 with movies of the names it states.
#[test]
fn the_mdoc_of_empiar_10164_comes_in_with_its_movies() {
    let Some(file) = shared("01_mdoc/empiar10164_TS_01.mrc.mdoc") else {
        return;
    };
    let project = Project::new();
    let text = std::fs::read_to_string(&file).unwrap();
    let mut movies = 0;
    for line in text.lines().filter(|line| line.starts_with("SubFramePath")) {
        let name = line.rsplit(['\\', '/']).next().unwrap().trim();
        project.write(&format!("frames/{name}"), "");
        movies += 1;
    }
    let params =
        json!({ "mdocs": [file.to_str().unwrap()], "movies": "frames", "dose_per_image": 3.0 });
    let outcome = project.run("import.mdoc", params, &[]);
    let series = &project.load::<TiltSeriesKind>(&outcome.outputs["tilt_series"])[0];
    println!(
        "EMPIAR-10164 TS_01: {} images, {movies} movies, {} warnings",
        series.images.len(),
        outcome.warnings().len()
    );
    assert_eq!(series.images.len(), 41);
    assert_eq!(movies, 41);
    assert!(series.images.iter().all(|image| image.movie.is_some()));
    let doses: f64 = series
        .images
        .iter()
        .map(|image| image.dose_before.0)
        .fold(0.0, f64::max);
    assert!((doses - 120.0).abs() < 1.0, "{doses}");
}
