//! The way of the demo: simulated microscope files, imported, aligned by adopting the truth, out to every program.

use serde_json::json;
use thon_contract::SlotRecord;
use thon_contract::kinds::{ParticlesKind, TiltSeriesKind};

use crate::project::Project;

#[test]
fn the_truth_is_adopted_for_series_imported_from_the_microscope() {
    let project = Project::new();
    let simulated = project.run(
        "acquire.simulate-tilt-series",
        json!({ "series": 2, "box_size": 16, "options": {
            "image_width": 96, "image_height": 80, "pixel_size": 12.0, "tilt_step": 30.0, "particles": 2,
            "ice_thickness": 600.0, "frames": 2,
        } }),
        &[],
    );
    let place = simulated.place.display().to_string();
    let imported = project.run(
        "import.mdoc",
        json!({ "mdocs": [format!("{place}/*.mdoc")], "movies": format!("{place}/frames") }),
        &[],
    );
    let (raw, truth) = (
        &imported.outputs["tilt_series"],
        &simulated.outputs["tilt_series"],
    );
    let [series, true_series] = [raw, truth].map(|slot| project.load::<TiltSeriesKind>(slot));
    for (one, truth) in series.iter().zip(&true_series) {
        assert_eq!(one.image_size, truth.image_size);
        for (a, b) in one.images.iter().zip(&truth.images) {
            assert_eq!(
                (&a.image, &a.movie, a.acquisition_index),
                (&b.image, &b.movie, b.acquisition_index)
            );
            assert!((a.dose_before.0 - b.dose_before.0).abs() < 1e-9);
        }
    }
    let particles = format!("{place}/truth_particles.star");
    let aligned = adopt_each(&project, raw, &format!("{place}/truth_tilt_series.star"));
    let mut largest = 0.0_f64;
    for (one, truth) in project
        .load::<TiltSeriesKind>(&aligned)
        .iter()
        .zip(&true_series)
    {
        assert_eq!(one.volume_size, truth.volume_size);
        assert_eq!(
            one.defocus_hand.as_ref().unwrap().sign,
            truth.defocus_hand.as_ref().unwrap().sign
        );
        for (a, b) in one.images.iter().zip(&truth.images) {
            let (g, h) = (a.geometry.unwrap(), b.geometry.unwrap());
            let point = thon_geometry::Point::new(300.0, -200.0, 150.0);
            largest = largest.max((g.project(point).position - h.project(point).position).length());
            assert!(
                (a.ctf.unwrap().defocus_u - b.ctf.unwrap().defocus_u)
                    .abs()
                    .0
                    < 1e-6
            );
        }
    }
    println!("adopted truth: largest distance of projections {largest:.1e} Å");
    assert!(largest < 1e-6);
    let set = project.run(
        "import.relion-particles",
        json!({ "file": particles }),
        &[("tilt_series", &aligned)],
    );
    let set = project
        .load::<ParticlesKind>(&set.outputs["particles"])
        .remove(0);
    let truth = project
        .load::<ParticlesKind>(&simulated.outputs["particles"])
        .remove(0);
    assert_eq!(set.len(), 4);
    for (a, b) in set.poses.iter().zip(&truth.poses) {
        assert!(a.position.distance(b.position) < 1e-6 && a.rotation.angle_to(b.rotation).0 < 1e-8);
    }
}

/// The job mapped over the set, as the engine does.
fn adopt_each(project: &Project, raw: &SlotRecord, path: &str) -> SlotRecord {
    let mut aligned = SlotRecord {
        kind: raw.kind.clone(),
        items: Vec::new(),
    };
    for item in &raw.items {
        let one = SlotRecord {
            kind: raw.kind.clone(),
            items: vec![item.clone()],
        };
        let adopt = json!({ "format": "relion", "path": path });
        let adopted = project.run("tilt_series.adopt", adopt, &[("tilt_series", &one)]);
        aligned
            .items
            .extend(adopted.outputs["tilt_series"].items.iter().cloned());
    }
    aligned
}
