//! `export.imod`, `export.aretomo`, `export.post-process`: out and in again.

use std::collections::BTreeMap;

use serde_json::json;
use thon_contract::kinds::{Column, Curves, FilesKind, TiltSeriesKind};
use thon_contract::{ItemRecord, SlotRecord};
use thon_formats::star;
use thon_geometry::Point;
use thon_interop::emdb::read_fsc_xml;
use thon_model::TiltSeries;

use crate::project::Project;
use crate::shared_data::shared;

/// Largest distance of projected points of two series, pixels.
fn largest_distance(a: &TiltSeries, b: &TiltSeries) -> f64 {
    let points = [
        [0.0, 0.0, 0.0],
        [700.0, -300.0, 200.0],
        [-900.0, 1100.0, -350.0],
    ]
    .map(|[x, y, z]: [f64; 3]| Point::new(x, y, z));
    let mut largest = 0.0_f64;
    for (x, y) in a.images.iter().zip(&b.images).filter(|(x, _)| x.is_used()) {
        for point in points {
            let [p, q] = [x, y].map(|image| image.geometry.unwrap().project(point).position);
            largest = largest.max((p - q).length() / a.pixel_size.0);
        }
    }
    largest
}

/// The eTomo directory of the shared data: in, out to IMOD, in again, out to AreTomo, in again.
#[test]
fn a_real_alignment_keeps_its_projections_through_imod_and_aretomo() {
    let Some(directory) = shared("02_imod/etomo_TS_001") else {
        return;
    };
    let project = Project::new();
    let first = project.run(
        "import.etomo",
        json!({ "directories": [directory.to_str().unwrap()] }),
        &[],
    );
    let slot = &first.outputs["tilt_series"];
    let series = project.load::<TiltSeriesKind>(slot).remove(0);
    assert_eq!(series.name, "TS_001");
    let imod = project.run("export.imod", json!({}), &[("tilt_series", slot)]);
    let files = project.load::<FilesKind>(&imod.outputs["files"]).remove(0);
    assert!(
        files
            .files
            .iter()
            .any(|file| file.ends_with("TS_001/TS_001.xf")),
        "{files:?}"
    );
    let back = json!({
        "directories": [imod.place.join("TS_001")], "pixel_size": series.pixel_size,
        "image_size": [series.image_size[1], series.image_size[0]],
    });
    let back = project.run("import.etomo", back, &[]);
    let again = project
        .load::<TiltSeriesKind>(&back.outputs["tilt_series"])
        .remove(0);
    let by_imod = largest_distance(&series, &again);
    let aretomo = project.run("export.aretomo", json!({}), &[("tilt_series", slot)]);
    let back = json!({ "alignments": [aretomo.place.join("TS_001/TS_001.aln")], "pixel_size": series.pixel_size });
    let back = project.run("import.aretomo", back, &[]);
    let again = project
        .load::<TiltSeriesKind>(&back.outputs["tilt_series"])
        .remove(0);
    let used = again.used().count();
    assert_eq!(used, series.used().count());
    let told = project
        .load::<FilesKind>(&aretomo.outputs["files"])
        .remove(0)
        .losses;
    let by_aretomo = largest_distance(&series, &again);
    println!(
        "etomo_TS_001: {} images; IMOD and back {by_imod:.2e} px, AreTomo and back {by_aretomo:.4} px, {told:?}",
        series.images.len()
    );
    assert!(by_imod <= 0.01);
    let lossless = !told
        .iter()
        .any(|loss| loss.contains("affine deformation") || loss.contains("x tilt"));
    assert!(by_aretomo <= 0.01 || !lossless, "{by_aretomo}");
}

#[test]
fn a_real_aln_goes_out_as_it_came_in() {
    let Some(folder) = shared("03_aretomo/aretomo3_small") else {
        return;
    };
    let project = Project::new();
    let lines: Vec<String> = std::fs::read_to_string(folder.join("test.aln"))
        .unwrap()
        .lines()
        .map(Into::into)
        .collect();
    let first = json!({ "alignments": [folder.join("test.aln")], "pixel_size": 1.19 });
    // An excerpt: its table of defocus has a row less.
    let findings = project.refusal("import.aretomo", first, &[]);
    assert!(
        findings[0]
            .message
            .contains("test_CTF.txt: expected 4 rows"),
        "{findings:?}"
    );
    let Some(whole) = shared("03_aretomo/example_v1_3_0.aln") else {
        return;
    };
    let outcome = project.run(
        "import.aretomo",
        json!({ "alignments": [whole], "pixel_size": 1.19 }),
        &[],
    );
    let slot = &outcome.outputs["tilt_series"];
    let series = project.load::<TiltSeriesKind>(slot).remove(0);
    let out = project.run("export.aretomo", json!({}), &[("tilt_series", slot)]);
    let name = &series.name;
    let back =
        json!({ "alignments": [out.place.join(format!("{name}/{name}.aln"))], "pixel_size": 1.19 });
    let back = project.run("import.aretomo", back, &[]);
    let again = project
        .load::<TiltSeriesKind>(&back.outputs["tilt_series"])
        .remove(0);
    for (a, b) in series.images.iter().zip(&again.images) {
        assert_eq!(
            (a.geometry, &a.exclusion, a.nominal_tilt_angle),
            (b.geometry, &b.exclusion, b.nominal_tilt_angle)
        );
    }
    println!(
        "{name}.aln: {} images, {} used; {} lines in the excerpt",
        series.images.len(),
        series.used().count(),
        lines.len()
    );
    let unaligned = SlotRecord {
        kind: "tilt-series".into(),
        items: vec![item(
            &project,
            "raw",
            ".tilt_series.json",
            &TiltSeries {
                images: series
                    .images
                    .iter()
                    .cloned()
                    .map(|mut image| {
                        image.geometry = None;
                        image
                    })
                    .collect(),
                ..series.clone()
            },
        )],
    };
    let findings = project.refusal("export.aretomo", json!({}), &[("tilt_series", &unaligned)]);
    assert!(
        findings[0].message.contains("have no geometry"),
        "{findings:?}"
    );
}

fn item<T: serde::Serialize>(project: &Project, name: &str, end: &str, value: &T) -> ItemRecord {
    let file = format!("{name}{end}");
    project.write(&file, &serde_json::to_string(value).unwrap());
    ItemRecord {
        name: name.into(),
        files: vec![file.into()],
        digest: String::new(),
    }
}

fn curves(
    project: &Project,
    name: &str,
    columns: &[(&str, Vec<f64>)],
    facts: &[(&str, f64)],
) -> SlotRecord {
    let value = Curves {
        title: name.into(),
        columns: columns
            .iter()
            .map(|(label, values)| Column::new(label, "", values.iter().copied()))
            .collect(),
        facts: facts
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect::<BTreeMap<_, _>>(),
    };
    SlotRecord {
        kind: "curves".into(),
        items: vec![item(project, name, ".curves.json", &value)],
    }
}

/// A box of 40 Å with falling curves and a Guinier line that was fitted; the weighted one ends a shell early.
fn post_processed(project: &Project) -> [SlotRecord; 2] {
    let frequency: Vec<f64> = (0..9).map(|shell| f64::from(shell) / 40.0).collect();
    let falling = |by: f64| {
        frequency
            .iter()
            .map(|f| (-by * f * 40.0).exp())
            .collect::<Vec<f64>>()
    };
    let columns = [
        ("frequency", frequency.clone()),
        ("corrected", falling(0.1)),
        ("masked", falling(0.09)),
        ("unmasked", falling(0.2)),
        ("phase randomised", falling(0.5)),
    ];
    let facts = [
        ("resolution (Å)", 7.5),
        ("randomised from shell", 4.0),
        ("box volume over particle volume", 5.0),
    ];
    let squared: Vec<f64> = frequency.iter().skip(1).map(|f| f * f).collect();
    let line = |by: f64| squared.iter().map(|f| -8.0 - by * f).collect::<Vec<f64>>();
    let mut weighted = line(20.0);
    weighted[7] = f64::NAN;
    let plot = [
        ("frequency squared", squared.clone()),
        ("original", line(10.0)),
        ("weighted", weighted),
        ("sharpened", line(1.0)),
    ];
    let fitted = [
        ("B factor (Å²)", -80.0),
        ("slope (Å²)", -20.0),
        ("intercept", -8.0),
        ("correlation of the fit", 0.99),
    ];
    [
        curves(project, "fsc", &columns, &facts),
        curves(project, "guinier", &plot, &fitted),
    ]
}

#[test]
fn curves_of_post_processing_become_a_star_table_and_an_emdb_document() {
    let project = Project::new();
    let [fsc, guinier] = post_processed(&project);
    let map = ItemRecord {
        name: "m".into(),
        files: vec!["jobs/7/m.mrc".into()],
        digest: String::new(),
    };
    let map = SlotRecord {
        kind: "map".into(),
        items: vec![map],
    };
    let inputs = [("fsc", &fsc), ("guinier", &guinier), ("map", &map)];
    let out = project.run("export.post-process", json!({}), &inputs);
    let folder = project.path().join(&out.place).join("post_process");
    let table = star::read(&folder.join("postprocess.star")).unwrap();
    let general = |label: &str| {
        table
            .table("general")
            .unwrap()
            .get(0, label)
            .unwrap()
            .to_owned()
    };
    assert_eq!(general("rlnFinalResolution"), "7.500000");
    assert_eq!(general("rlnBfactorUsedForSharpening"), "-80.00000");
    assert_eq!(general("rlnRandomiseFrom"), "10.000000");
    assert_eq!(general("rlnPostprocessedMap"), "jobs/7/m.mrc");
    assert_eq!(general("rlnFittedSlopeGuinierPlot"), "-20.00000");
    let shell = |label: &str| {
        table
            .table("fsc")
            .unwrap()
            .get(4, label)
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    assert_eq!(shell("rlnAngstromResolution"), 10.0);
    assert!((shell("rlnFourierShellCorrelationCorrected") - (-0.4_f64).exp()).abs() < 1e-6);
    let unmasked = (-0.8_f64).exp();
    let particle = shell("rlnFourierShellCorrelationParticleMaskFraction");
    assert!((particle - 5.0 * unmasked / (1.0 + 4.0 * unmasked)).abs() < 1e-6);
    let plotted = table.table("guinier").unwrap();
    assert_eq!(
        plotted.get(7, "rlnLogAmplitudesWeighted"),
        Some("-99.00000")
    );
    assert!(plotted.has("rlnLogAmplitudesSharpened") && plotted.has("rlnLogAmplitudesIntercept"));
    let document = read_fsc_xml(&folder.join("fsc.xml")).unwrap();
    assert_eq!((document.points.len(), document.points[4][0]), (9, 0.1));
}

#[test]
fn other_curves_are_refused() {
    let project = Project::new();
    let [fsc, guinier] = post_processed(&project);
    for inputs in [
        [("fsc", &guinier), ("guinier", &guinier)],
        [("fsc", &fsc), ("guinier", &fsc)],
    ] {
        let findings = project.refusal("export.post-process", json!({}), &inputs);
        assert!(findings[0].message.contains("expected"), "{findings:?}");
    }
    let inputs = [("fsc", &guinier), ("guinier", &guinier)];
    let findings = project.refusal("export.post-process", json!({}), &inputs);
    assert!(
        findings[0].message.contains("\"corrected\"") && !findings[0].hint.is_empty(),
        "{findings:?}"
    );
}
