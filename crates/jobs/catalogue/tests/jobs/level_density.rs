//! Pre-tilted lamellae without markers: the inclination and thickness of the ice, from the density of a coarse tomogram.

use serde_json::json;
use thon_contract::SlotRecord;
use thon_contract::kinds::CurvesKind;
use thon_geometry::glam::{DQuat, DVec3};

use crate::project::Project;

/// Angles in degrees, thickness in Å.
struct Lamella {
    seed: u64,
    about_y: f64,
    about_x: f64,
    thickness: f64,
    particles: usize,
}

impl Lamella {
    fn options(&self) -> serde_json::Value {
        json!({
            "image_width": 320, "image_height": 320, "pixel_size": 12.0, "tilt_step": 3.0, "particles": self.particles,
            "particle_distance": 260.0, "ice_thickness": self.thickness, "ice_y_tilt": self.about_y, "ice_x_tilt": self.about_x,
            "mean_free_path": 3500.0, "dose_per_tilt": 3.0,
        })
    }

    /// Slopes of the ice in the specimen: what levelling must find.
    fn slopes(&self) -> [f64; 2] {
        let normal = DQuat::from_rotation_y(self.about_y.to_radians())
            * DQuat::from_rotation_x(self.about_x.to_radians())
            * DVec3::Z;
        [-normal.x / normal.z, -normal.y / normal.z]
    }
}

fn fact(project: &Project, slot: &SlotRecord, name: &str) -> f64 {
    let curves = project.load::<CurvesKind>(slot).remove(0);
    *curves
        .facts
        .get(name)
        .unwrap_or_else(|| panic!("no {name}: {:?}", curves.facts))
}

/// Differences to the truth: pre-tilt and pitch in degrees, thickness as a share; and the stated deviations of the two angles.
fn errors(lamella: &Lamella) -> ([f64; 3], [f64; 2]) {
    let project = Project::new();
    let simulated = project.run(
        "acquire.simulate-tilt-series",
        json!({ "series": 1, "box_size": 16, "seed": lamella.seed, "options": lamella.options() }),
        &[],
    );
    let series = &simulated.outputs["tilt_series"];
    let made = project.run(
        "tomogram.reconstruct-wbp",
        json!({ "voxel_size": 36.0, "thickness": 4500.0, "halves": "tilts" }),
        &[("tilt_series", series)],
    );
    let inputs = [
        ("tilt_series", series),
        ("tomograms", &made.outputs["tomograms"]),
    ];
    let levelled = project.run("tilt_series.level-density", json!({}), &inputs);
    let surfaces = &levelled.outputs["surfaces"];
    let [slope_x, slope_y] = lamella.slopes();
    let pitch = -(slope_y / (1.0 + slope_x * slope_x).sqrt()).atan();
    let thickness = fact(&project, surfaces, "distance of the surfaces (Å)");
    let found = [
        fact(&project, surfaces, "pre-tilt (°)") - slope_x.atan().to_degrees(),
        fact(&project, surfaces, "pitch (°)") - pitch.to_degrees(),
        thickness / lamella.thickness - 1.0,
    ];
    let stated = ["pre-tilt", "pitch"].map(|angle| {
        fact(
            &project,
            surfaces,
            &format!("uncertainty of the {angle} (°)"),
        )
    });
    println!(
        "alignment: lamella of {} ribosomes, seed {}: pre-tilt {:+.2}° (stated {:.2}°), pitch {:+.2}° ({:.2}°) from the truth, thickness {thickness:.0} of {:.0} Å | – | bound 1.5°, 1.5°, 20 %",
        lamella.particles,
        lamella.seed,
        found[0],
        stated[0],
        found[1],
        stated[1],
        lamella.thickness
    );
    (found, stated)
}

fn check(lamella: &Lamella) {
    let ([tilt, pitch, thickness], _) = errors(lamella);
    assert!(
        tilt.abs() < 1.5 && pitch.abs() < 1.5 && thickness.abs() < 0.2,
        "{tilt} {pitch} {thickness}"
    );
}

#[test]
fn a_lamella_is_levelled_by_its_density() {
    check(&Lamella {
        seed: 1,
        about_y: 10.0,
        about_x: -2.0,
        thickness: 1500.0,
        particles: 250,
    });
}

#[test]
#[ignore = "minutes: four more seeds"]
fn four_more_lamellae_and_a_flat_one_are_levelled() {
    for (seed, about_y, about_x, thickness) in [
        (2, -12.0, 3.0, 1300.0),
        (3, 8.0, 0.0, 1800.0),
        (4, -9.0, -4.0, 1500.0),
        (5, 0.0, 0.0, 1500.0),
    ] {
        check(&Lamella {
            seed,
            about_y,
            about_x,
            thickness,
            particles: 250,
        });
    }
}

#[test]
#[ignore = "a minute: 30 ribosomes in the whole field"]
fn too_few_molecules_are_told_by_the_stated_uncertainty() {
    let ([tilt, pitch, _], stated) = errors(&Lamella {
        seed: 1,
        about_y: 10.0,
        about_x: -2.0,
        thickness: 1500.0,
        particles: 30,
    });
    assert!(tilt.abs() < 3.0 * stated[0], "{tilt}° against {stated:?}");
    assert!(pitch.abs() < 3.0 * stated[1], "{pitch}° against {stated:?}");
}
