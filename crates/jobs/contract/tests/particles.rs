//! Particle sets come back from disk bit by bit, and damage is noticed.

use thon_compute::Quiet;
use thon_contract::kinds::{ParticleColumns, ParticlesKind};
use thon_contract::{Context, DirectoryWorkspace, Item};
use thon_geometry::glam::DQuat;
use thon_geometry::{Point, Pose, Rotation};
use thon_model::{
    Carried, CarriedColumn, Ctf, Half, ParticleImages, ParticleSet, RepresentationKind,
};
use thon_units::{Angstrom, PixelSize, Radians, SquareAngstrom};

fn set(n: usize) -> ParticleSet {
    let pose = |i: usize| {
        let q = DQuat::from_xyzw(0.1 * i as f64, 0.3, -0.2, 0.7);
        Pose::new(
            Rotation::from_quaternion(q),
            Point::new(i as f64, -1.0 / 3.0, 1e-300),
        )
    };
    ParticleSet {
        names: (0..n).map(|i| format!("TS_1/{i} é")).collect(),
        tilt_series_names: vec!["TS_1".into(), "TS_2".into()],
        tilt_series: (0..n as u32).map(|i| i % 2).collect(),
        poses: (0..n).map(pose).collect(),
        oriented: true,
        halves: (0..n)
            .map(|i| if i % 3 == 0 { Half::Two } else { Half::One })
            .collect(),
        images: Some(ParticleImages {
            kind: RepresentationKind::TiltStack,
            box_size: 32,
            pixel_size: PixelSize(12.0),
            ctf_premultiplied: true,
            paths: (0..n).map(|i| format!("p{i}.mrcs").into()).collect(),
            sections: (0..n as u32).rev().collect(),
            ctf_paths: vec![],
            ctfs: (0..n).map(|i| ctf(i as f64)).collect(),
            visible: (0..n).map(|i| vec![true, i % 2 == 0, false]).collect(),
            boxes: (0..n).map(|i| pose(i + 3)).collect(),
        }),
        carried: Carried {
            source: "relion-5".into(),
            columns: vec![CarriedColumn {
                label: "rlnX".into(),
                values: (0..n)
                    .map(|i| {
                        if i == 1 {
                            String::new()
                        } else {
                            format!("{i}.50")
                        }
                    })
                    .collect(),
            }],
        },
        ..ParticleSet::default()
    }
}

/// A CTF of its own.
fn ctf(i: f64) -> Ctf {
    Ctf {
        defocus_v: Angstrom(2e4 - i),
        defocus_angle: Radians(0.1 * i),
        b_factor: SquareAngstrom(i),
        ..Ctf::round(Angstrom(2e4 + i))
    }
}

#[test]
fn a_set_comes_back_bit_by_bit() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = DirectoryWorkspace {
        root: directory.path().into(),
    };
    let context = Context::new(&workspace, &Quiet, 1 << 30);
    for n in [0, 1, 100] {
        let name = format!("set{n}");
        let written = set(n);
        let record = context.store::<ParticlesKind>(&name, &written).unwrap();
        assert_eq!(record.files.len(), 2);
        assert_eq!(
            context.load(&Item::<ParticlesKind>::new(record)).unwrap(),
            written
        );
    }
}

#[test]
fn columns_that_do_not_fit_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = DirectoryWorkspace {
        root: directory.path().into(),
    };
    let context = Context::new(&workspace, &Quiet, 1 << 30);
    let mut damaged = set(5);
    damaged.tilt_series[3] = 9;
    let record = context.store::<ParticlesKind>("damaged", &damaged).unwrap();
    let error = context
        .load(&Item::<ParticlesKind>::new(record))
        .unwrap_err()
        .to_string();
    assert!(error.contains("do not fit each other"), "{error}");
    let whole = context.store::<ParticlesKind>("cut", &set(5)).unwrap();
    let npz = directory.path().join("cut.particles.npz");
    let bytes = std::fs::read(&npz).unwrap();
    std::fs::write(&npz, &bytes[..bytes.len() / 2]).unwrap();
    assert!(context.load(&Item::<ParticlesKind>::new(whole)).is_err());
}

#[test]
fn columns_read_by_ranges_are_those_of_the_set() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = DirectoryWorkspace {
        root: directory.path().into(),
    };
    let context = Context::new(&workspace, &Quiet, 1 << 30);
    let written = set(50);
    let record = context.store::<ParticlesKind>("set", &written).unwrap();
    let path = directory.path().join(&record.files[0]);
    let columns = ParticleColumns::open(&path).unwrap();
    assert_eq!((columns.len(), columns.has_halves()), (50, true));
    assert!(!columns.has_classes());
    for rows in [0..50, 0..0, 50..50, 1..2, 17..31, 49..50] {
        assert_eq!(
            columns.names(rows.clone()).unwrap(),
            written.names[rows.clone()]
        );
        let carried = columns.carried(0, rows.clone()).unwrap();
        assert_eq!(carried, written.carried.columns[0].values[rows.clone()]);
        assert_eq!(
            columns.tilt_series(rows.clone()).unwrap(),
            written.tilt_series[rows.clone()]
        );
        let positions = columns.positions(rows.clone()).unwrap();
        let rotations = columns.rotations(rows.clone()).unwrap();
        let halves = columns.halves(rows.clone()).unwrap();
        for (k, row) in rows.clone().enumerate() {
            assert_eq!(positions[k], written.poses[row].position.xyz);
            assert_eq!(rotations[k], written.poses[row].rotation.quaternion());
            assert_eq!(halves[k] == 1, written.halves[row] == Half::One);
        }
        assert!(columns.classes(rows).unwrap().is_empty());
    }
    assert!(columns.names(49..51).is_err());
    assert!(columns.positions(51..51).is_err());
    // A file that ends early is refused when it is opened, not when it is read.
    let npz = path.with_extension("npz");
    let bytes = std::fs::read(&npz).unwrap();
    std::fs::write(&npz, &bytes[..bytes.len() / 2]).unwrap();
    assert!(ParticleColumns::open(&path).is_err());
}
