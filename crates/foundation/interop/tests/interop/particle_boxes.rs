//! Particles in boxes on disk: where they stand in their boxes, there and back.

use glam::DVec3;
use thon_formats::star;
use thon_geometry::{Pose, Rotation};
use thon_interop::euler::RelionAngles;
use thon_interop::relion::{ParticleExport, ParticleImport, read_particles, write_particles};

/// Tables of two volumes, and where these stand in their boxes.
fn cases() -> [(String, [DVec3; 2]); 3] {
    let optics = "data_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnImagePixelSize #2\n_rlnImageSize #3\n_rlnImageDimensionality #4\n1 7.5 64 3\n\n";
    let labels = "data_particles\n\nloop_\n_rlnMicrographName #1\n_rlnImageName #2\n_rlnCtfImage #3\n_rlnOpticsGroup #4\n";
    let coordinates = "_rlnCoordinateX #5\n_rlnCoordinateY #6\n_rlnCoordinateZ #7\n";
    let origins = "_rlnOriginXAngst #8\n_rlnOriginYAngst #9\n_rlnOriginZAngst #10\n_rlnTomoSubtomogramTilt #11\n";
    let rows = |tail: &[&str]| {
        let row = |i: usize| format!("t.mrc sub/{i}.mrc ctf/{i}.mrc 1 {}\n", tail[i]);
        (0..2).map(row).collect::<String>()
    };
    [
        (
            format!("{optics}{labels}{}", rows(&["", ""])),
            [DVec3::ZERO; 2],
        ),
        (
            format!(
                "{optics}{labels}{coordinates}{}",
                rows(&["1 2 3", "40 50 60"])
            ),
            [DVec3::ZERO; 2],
        ),
        (
            format!(
                "{optics}{labels}{coordinates}{origins}{}",
                rows(&["1 2 3 2.5 -1 0.25 0", "40 50 60 0 0 7 30"])
            ),
            [DVec3::new(-2.5, 1.0, -0.25), DVec3::new(0.0, 0.0, -7.0)],
        ),
    ]
}

/// Volumes that name no tomogram that is here, with or without coordinates and origins: places in the box are kept, an
/// unchanged table comes back cell by cell, and a move goes into the origin.
#[test]
fn particles_move_in_their_boxes_by_their_origins() {
    let out = tempfile::tempdir().unwrap();
    let cases = cases();
    let options = ParticleImport {
        allow_unknown_tomograms: true,
        ..ParticleImport::default()
    };
    for (case, (text, displaced)) in cases.iter().enumerate() {
        let path = out.path().join("particles.star");
        std::fs::write(&path, text).unwrap();
        let mut set = read_particles(&path, &options).unwrap().value;
        for (row, expected) in displaced.iter().enumerate() {
            let placed = set.pose_in_box(row).unwrap();
            assert!(
                (placed.position.xyz - *expected).length() < 1e-9,
                "{case} {placed:?}"
            );
            assert_eq!(placed.rotation.angle_to(Rotation::identity()).0, 0.0);
        }
        let to = ParticleExport {
            root: out.path().to_owned(),
            file: "again.star".into(),
            source_root: None,
        };
        write_particles(&set, &[], &to).unwrap();
        let again = star::read(&out.path().join("again.star")).unwrap();
        let before = star::read(&path).unwrap();
        let [again, before] = [&again, &before].map(|file| file.table("particles").unwrap());
        assert!(again.labels().eq(before.labels()), "{case}");
        for label in before.labels() {
            let [a, b] = [again, before].map(|table| table.column(label).unwrap());
            assert!(a.strings().eq(b.strings()), "{case} {label}");
        }
        // Turned and shifted in the box by the refinement.
        let turn = RelionAngles::new(10.0, 50.0, -70.0).rotation();
        let shift = DVec3::new(1.5, -0.5, 4.0);
        let there = set.pose_in_box(1).unwrap().position.translated(shift);
        set.set_pose_in_box(1, Pose::new(turn, there));
        write_particles(&set, &[], &to).unwrap();
        let table = star::read(&out.path().join("again.star")).unwrap();
        let table = table.table("particles").unwrap();
        let cell = |label| table.get(1, label).unwrap().parse::<f64>().unwrap();
        let origin = DVec3::new(
            cell("rlnOriginXAngst"),
            cell("rlnOriginYAngst"),
            cell("rlnOriginZAngst"),
        );
        assert!(
            (origin + displaced[1] + shift).length() < 1e-6,
            "{case} {origin}"
        );
        let angles = [
            cell("rlnAngleRot"),
            cell("rlnAngleTilt"),
            cell("rlnAnglePsi"),
        ];
        let angles = RelionAngles::new(angles[0], angles[1], angles[2]).rotation();
        assert!(angles.angle_to(turn).0 < 1e-6, "{case}");
        let read = read_particles(&out.path().join("again.star"), &options);
        let read = read.unwrap().value;
        assert!(
            read.pose_in_box(1).unwrap().position.distance(there) < 1e-6,
            "{case}"
        );
        assert_eq!(read.pose_in_box(0), set.pose_in_box(0), "{case}");
    }
}
