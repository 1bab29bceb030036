//! A specimen that domes under the beam: followed by its beads through the jobs, reconstructed, refused where it cannot be followed.

use serde_json::json;
use thon_contract::SlotRecord;
use thon_contract::kinds::TiltSeriesKind;
use thon_geometry::{Point, Pose, Rotation, transfer};
use thon_model::TiltSeries;

use crate::project::Project;

fn series(project: &Project, slot: &SlotRecord) -> TiltSeries {
    project.load::<TiltSeriesKind>(slot).remove(0)
}

/// Root mean square distance of projections over the specimen from the truth, Å; places are free, for a motion that all views share
/// is the specimen's own shape.
fn error(found: &TiltSeries, truth: &TiltSeries) -> f64 {
    let views: Vec<_> = found
        .used()
        .map(|i| {
            (
                truth.images[i].geometry.unwrap(),
                found.images[i].geometry.unwrap(),
            )
        })
        .collect();
    let mut sum = 0.0;
    for k in 0..25 {
        let place = Point::new(
            f64::from(k % 5 - 2) * 500.0,
            f64::from(k / 5 - 2) * 500.0,
            100.0,
        );
        let pose = Pose::new(Rotation::identity(), place);
        sum += transfer(pose, &views).unwrap().residual.powi(2);
    }
    (sum / 25.0).sqrt()
}

#[test]
fn a_doming_specimen_is_followed_by_its_beads() {
    let project = Project::new();
    let simulated = project.run(
        "acquire.simulate-tilt-series",
        json!({ "series": 1, "box_size": 16, "options": {
            "image_width": 384, "image_height": 384, "pixel_size": 8.0, "tilt_step": 4.0, "particles": 2,
            "ice_thickness": 700.0, "beads": 26, "dose_per_tilt": 4.0, "doming": 150.0, "tilt_scheme": "dose-symmetric",
        } }),
        &[],
    );
    let place = simulated.place.display().to_string();
    let imported = project.run(
        "import.mdoc",
        json!({ "mdocs": [format!("{place}/*.mdoc")] }),
        &[],
    );
    let raw = &imported.outputs["tilt_series"];
    let truth = series(&project, &simulated.outputs["tilt_series"]);
    assert!(truth.images[0].geometry.unwrap().deformation.is_some());
    let align = |local: bool| {
        let params = json!({ "local": { "specimen_motion": local } });
        project.run(
            "tilt_series.align-fiducials",
            params,
            &[("tilt_series", raw)],
        )
    };
    let [rigid, local] = [false, true].map(|local| align(local).outputs["tilt_series"].clone());
    let (rigid, followed) = (series(&project, &rigid), (series(&project, &local), local));
    let (before, after) = (error(&rigid, &truth), error(&followed.0, &truth));
    println!(
        "alignment: doming specimen by jobs: {after:.2} Å, rigid {before:.2} Å | – | bound 2, half of rigid"
    );
    assert!(after < 0.5 * before && after < 2.0, "{before} {after}");
    let wbp = json!({ "voxel_size": 32.0, "thickness": 900.0 });
    project.run(
        "tomogram.reconstruct-wbp",
        wbp.clone(),
        &[("tilt_series", &followed.1)],
    );
    let refused = project.refusal(
        "tomogram.reconstruct-iterative",
        wbp,
        &[("tilt_series", &followed.1)],
    );
    assert!(
        refused
            .iter()
            .any(|finding| finding.message.contains("deformation")),
        "{refused:?}"
    );
}
