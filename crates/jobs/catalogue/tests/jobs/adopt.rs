//! `tilt_series.adopt`: alignments of IMOD, AreTomo and RELION for series imported from mdoc.

use std::fmt::Write as _;

use serde_json::json;
use thon_contract::SlotRecord;
use thon_contract::kinds::TiltSeriesKind;
use thon_model::TiltSeries;

use crate::microscope_files::{TILTS, write_series};
use crate::project::Project;

fn imported() -> (Project, SlotRecord) {
    let project = Project::new();
    write_series(project.path(), "TS_01");
    let outcome = project.run("import.mdoc", json!({ "mdocs": ["*.mdoc"] }), &[]);
    let slot = outcome.outputs["tilt_series"].clone();
    (project, slot)
}

fn one(project: &Project, slot: &SlotRecord) -> TiltSeries {
    project.load::<TiltSeriesKind>(slot).remove(0)
}

/// An `.aln` of four images; the first is dark.
fn aln(offset: f64) -> String {
    let mut text = format!(
        "# AreTomo Alignment / Priims bprmMn\n# RawSize = 12 8 5\n# NumPatches = 0\n# DarkFrame =     0    1  -30.00\n\
         # AlphaOffset = {offset:.2}\n# BetaOffset = 0.00\n# SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT\n"
    );
    for (index, tilt) in TILTS.iter().enumerate().skip(1) {
        let shift = index as f64;
        writeln!(
            text,
            "{} 84.5 1.0 {shift} -2.5 1 1 1 0 {:.2}",
            index + 1,
            tilt + offset
        )
        .unwrap();
    }
    text
}

#[test]
fn aretomo_gives_geometry_and_dark_frames() {
    for offset in [0.0, 8.0] {
        let (project, slot) = imported();
        project.write("aretomo/TS_01.aln", &aln(offset));
        let params = json!({ "format": "aretomo", "path": "aretomo/{name}.aln" });
        let outcome = project.run("tilt_series.adopt", params, &[("tilt_series", &slot)]);
        let before = one(&project, &slot);
        let series = one(&project, &outcome.outputs["tilt_series"]);
        assert_eq!(series.used().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert!(
            series.images[0]
                .exclusion
                .as_ref()
                .unwrap()
                .reason
                .contains("dark frame")
        );
        let geometry = series.images[3].geometry.unwrap();
        assert!((geometry.tilt_angle.degrees().0 - (15.0 + offset)).abs() < 1e-9);
        assert!((geometry.tilt_axis_angle.degrees().0 - 84.5).abs() < 1e-9);
        let [x, y] = geometry.shift.to_array();
        assert!((x - 3.0 * 1.7).abs() < 1e-9 && (y + 2.5 * 1.7).abs() < 1e-9);
        assert_eq!(outcome.metric("adopted geometries"), Some(4.0));
        assert_eq!(outcome.metric("newly excluded images"), Some(1.0));
        for (a, b) in before.images.iter().zip(&series.images) {
            assert_eq!(
                (&a.image, a.dose_before, a.nominal_tilt_angle),
                (&b.image, b.dose_before, b.nominal_tilt_angle)
            );
        }
    }
}

#[test]
fn imod_gives_geometry_defocus_hand_and_exclusions() {
    let (project, slot) = imported();
    let lines = crate::microscope_files::lines;
    project.write("etomo/TS_01/TS_01.rawtlt", &lines(&TILTS));
    project.write(
        "etomo/TS_01/TS_01.tlt",
        &lines(&TILTS.map(|tilt| tilt + 1.3)),
    );
    project.write(
        "etomo/TS_01/TS_01.xf",
        &"0.0 1.0 -1.0 0.0 2.0 -1.0\n".repeat(5),
    );
    project.write(
        "etomo/TS_01/TS_01.defocus",
        &TILTS
            .iter()
            .enumerate()
            .fold(String::from("0 0 0 0 0 3\n"), |text, (i, tilt)| {
                format!("{text}{} {} {tilt} {tilt} {}\n", i + 1, i + 1, 3000 + i)
            }),
    );
    project.write(
        "etomo/TS_01/tilt.com",
        "$tilt -StandardInput\nTHICKNESS 40\nFULLIMAGE 12 8\nEXCLUDELIST 2\n",
    );
    let params = json!({ "format": "imod", "path": "etomo/{name}" });
    let outcome = project.run("tilt_series.adopt", params, &[("tilt_series", &slot)]);
    let series = one(&project, &outcome.outputs["tilt_series"]);
    assert_eq!(series.volume_size, Some([40, 8, 12]));
    assert!(
        series
            .images
            .iter()
            .all(|image| image.geometry.is_some() && image.ctf.is_some())
    );
    assert_eq!(
        series.images[1].exclusion.as_ref().unwrap().reason,
        "EXCLUDELIST of tilt.com"
    );
    let hand = series.defocus_hand.unwrap();
    assert!(
        hand.evidence.ends_with("etomo/TS_01/TS_01.defocus") && !hand.evidence.contains("/tmp"),
        "{}",
        hand.evidence
    );
    assert!((series.images[4].ctf.unwrap().defocus_u.0 - 30040.0).abs() < 60.0);
    assert_eq!(outcome.metric("adopted CTFs"), Some(5.0));
}

/// RELION leaves images out and orders by tilt; names of the files tell nothing.
#[test]
fn relion_is_matched_by_section_and_what_it_left_out_is_excluded() {
    let (project, slot) = imported();
    project.write(
        "relion/aligned.star",
        "data_global\n\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesStarFile\n_rlnVoltage\n_rlnSphericalAberration\n\
         _rlnAmplitudeContrast\n_rlnMicrographOriginalPixelSize\n_rlnTomoHand\n_rlnTomoSizeX\n_rlnTomoSizeY\n\
         _rlnTomoSizeZ\nTS_01 ts/TS_01.star 200 2.7 0.1 1.7 1 12 8 6\n",
    );
    let mut rows = String::from(
        "data_TS_01\n\nloop_\n_rlnMicrographName\n_rlnTomoNominalStageTiltAngle\n_rlnMicrographPreExposure\n\
         _rlnTomoXTilt\n_rlnTomoYTilt\n_rlnTomoZRot\n_rlnTomoXShiftAngst\n_rlnTomoYShiftAngst\n",
    );
    for index in [4, 3, 0, 2] {
        writeln!(
            rows,
            "{}@stack.mrcs {} 0 0 {} 85 {index} 0",
            index + 1,
            TILTS[index],
            TILTS[index]
        )
        .unwrap();
    }
    project.write("relion/ts/TS_01.star", &rows);
    let params = json!({ "format": "relion", "path": "relion/aligned.star" });
    let outcome = project.run("tilt_series.adopt", params, &[("tilt_series", &slot)]);
    let series = one(&project, &outcome.outputs["tilt_series"]);
    for index in [0, 2, 3, 4] {
        assert!(
            (series.images[index].geometry.unwrap().shift.x - index as f64).abs() < 1e-9,
            "{index}"
        );
    }
    assert_eq!(
        series.images[1].exclusion.as_ref().unwrap().reason,
        "left out of the alignment of TS_01"
    );
    assert_eq!(series.volume_size, Some([6, 8, 12]));
}

#[test]
fn an_alignment_of_another_series_is_refused() {
    let (project, slot) = imported();
    project.write("TS_01.aln", &aln(0.0).replace(" 30.00", " 33.00"));
    project.write(
        "relion.star",
        "data_global\n\nloop_\n_rlnTomoName\n_rlnTomoTiltSeriesStarFile\nTS_9 a.star\n",
    );
    let cases = [
        (
            json!({ "format": "aretomo", "path": "{name}.aln" }),
            "image 5: expected a tilt of 30.00°, found 33.00°",
        ),
        (
            json!({ "format": "aretomo", "path": "none/{name}.aln" }),
            "none/TS_01.aln",
        ),
        (json!({ "format": "imod", "path": "none" }), "none"),
        (
            json!({ "format": "relion" }),
            "expected a file or directory, found nothing",
        ),
    ];
    for (params, message) in cases {
        let findings = project.refusal("tilt_series.adopt", params, &[("tilt_series", &slot)]);
        assert!(
            findings.iter().any(|f| f.to_string().contains(message)),
            "{message}: {findings:?}"
        );
    }
    let tolerant = json!({ "format": "aretomo", "path": "{name}.aln", "tolerance": 5.0 });
    assert!(
        project
            .try_run(
                "tilt_series.adopt",
                tolerant,
                &[("tilt_series", &slot)],
                &thon_compute::Quiet
            )
            .is_ok()
    );
}
