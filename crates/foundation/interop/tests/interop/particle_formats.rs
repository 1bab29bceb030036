//! Every particle format: a rotation without symmetry stands in the file as the format's own numbers, and comes back.

use std::collections::BTreeMap;
use std::path::Path;

use glam::{DMat3, DVec3};
use thon_geometry::{Grid, Point, Pose, Rotation};
use thon_interop::LossKind;
use thon_interop::particles::{Frames, ParticleFormat, detect, read_several, write_any};
use thon_model::{Carried, CarriedColumn, Half, ParticleSet};
use thon_units::PixelSize;

/// RELION 30, 40, 50 and −10, 120, 75 as matrices (rows).
const GOLDEN: [[[f64; 3]; 3]; 2] = [
    [
        [0.043412, 0.909616, -0.413176],
        [-0.829598, 0.263258, 0.492404],
        [0.556670, 0.321394, 0.766044],
    ],
    [
        [0.040288, 0.973723, -0.224144],
        [0.520569, 0.171021, 0.836516],
        [0.852869, -0.150384, -0.500000],
    ],
];

/// Two tomograms of odd and even sizes, off the origin of the specimen; three particles.
fn example() -> (ParticleSet, Frames) {
    let mut grids = BTreeMap::new();
    let mut first = Grid::new([101, 400, 301], PixelSize(7.5));
    first.centre = Point::new(10.0, -20.0, 5.0);
    grids.insert("TS_01".to_owned(), first);
    grids.insert(
        "TS_02".to_owned(),
        Grid::new([200, 411, 512], PixelSize(7.5)),
    );
    let turn =
        |at: usize| Rotation::from_matrix(DMat3::from_cols_array_2d(&GOLDEN[at]).transpose());
    let poses = vec![
        Pose::new(
            turn(0),
            first.point_at_index(DVec3::new(12.25, 100.5, 30.75)),
        ),
        Pose::new(
            turn(1),
            grids["TS_02"].point_at_index(DVec3::new(1.0, 2.0, 3.0)),
        ),
        Pose::new(
            turn(1),
            first.point_at_index(DVec3::new(299.125, 0.5, 99.375)),
        ),
    ];
    let set = ParticleSet {
        names: ["a", "b", "c"].map(str::to_owned).to_vec(),
        tilt_series_names: vec!["TS_01".into(), "TS_02".into()],
        tilt_series: vec![0, 1, 0],
        poses,
        oriented: true,
        halves: vec![Half::One, Half::Two, Half::Two],
        classes: vec![3, 1, 2],
        carried: Carried {
            source: "test".into(),
            columns: vec![CarriedColumn {
                label: "score".into(),
                values: ["0.5", "0.25", "0.125"].map(str::to_owned).to_vec(),
            }],
        },
        ..ParticleSet::default()
    };
    (
        set,
        Frames {
            grids,
            ..Frames::default()
        },
    )
}

/// Numbers after a word or mark in the text of a file.
fn numbers(text: &str) -> Vec<f64> {
    let cells = text.split(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)));
    cells.filter_map(|cell| cell.parse().ok()).collect()
}

fn near(found: &[f64], wanted: &[f64]) -> bool {
    found
        .windows(wanted.len())
        .any(|window| window.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 2e-4))
}

fn first_file(format: ParticleFormat, folder: &Path) -> String {
    let (set, frames) = example();
    let written = write_any(&set, format, &frames, folder, "set").unwrap();
    std::fs::read_to_string(&written.files[0]).unwrap()
}

#[test]
fn files_hold_the_numbers_of_their_format() {
    // The rotation of the first particle is RELION 30, 40, 50; its voxel is (12.25, 100.5, 30.75) from 0.
    let place = [12.25, 100.5, 30.75];
    let one_based = [13.25, 101.5, 31.75];
    for (format, angles, place) in [
        (ParticleFormat::Relion3, vec![30.0, 40.0, 50.0], place),
        (ParticleFormat::Relion4, vec![30.0, 40.0, 50.0], place),
        (ParticleFormat::Warp, vec![30.0, 40.0, 50.0], place),
        (ParticleFormat::Dynamo, vec![-40.0, 40.0, 120.0], one_based),
        (
            ParticleFormat::Stopgap,
            vec![60.0, -140.0, 40.0],
            [13.0, 102.0, 32.0],
        ),
        (
            ParticleFormat::Peet,
            vec![60.0, -140.0, 40.0],
            [0.0, 0.0, 0.0],
        ),
        (
            ParticleFormat::Portal,
            vec![0.043412, 0.909616, -0.413176],
            place,
        ),
        (ParticleFormat::Pytom, vec![60.0, -140.0, 40.0], place),
        (
            ParticleFormat::Copick,
            vec![0.043412, 0.909616, -0.413176, 0.0],
            place.map(|v| v * 7.5),
        ),
        // From voxel ⌊n/2⌋ = (150, 200, 50).
        (
            ParticleFormat::Cets,
            vec![0.043412, 0.909616, -0.413176],
            [-137.75 * 7.5, -99.5 * 7.5, -19.25 * 7.5],
        ),
        // Particle to reference: the inverse of az, alt, phi = 120, 40, −40, whose altitude is positive again.
        (
            ParticleFormat::Eman2List,
            vec![-140.0, 40.0, 60.0],
            [-137.75, -99.5, -19.25],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = first_file(format, folder.path());
        // Digits in the names of attributes are no numbers.
        let found = numbers(
            &text
                .replace("Z1=", "")
                .replace("Z2=", "")
                .replace("align3d", ""),
        );
        assert!(near(&found, &angles), "{format}: {angles:?} not in {text}");
        assert!(near(&found, &place), "{format}: {place:?} not in {text}");
    }
}

#[test]
fn a_list_of_eman_maps_the_particle_to_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    // Identity turned by az 90: M = Rz(−90), so R = Rz(90); the shift (1, 0, 0) of the reference is (0, 1, 0) before it.
    let line = "0\tparticles3d/TS_02__x.hdf\t{\"coord\":[1,2,3],\"xform.align3d\":{\"type\":\"eman\",\"az\":90.0,\"alt\":0.0,\"phi\":0.0,\"tx\":1.0,\"ty\":0.0,\"tz\":0.0},\"score\":-0.5}";
    let path = folder.path().join("a.lst");
    std::fs::write(&path, format!("#LSX\n# x\n# 400\n{line}\n")).unwrap();
    let (_, frames) = example();
    let set = read_several(&[path], None, &frames).unwrap().value;
    let wanted = Rotation::about_z(thon_units::Radians(std::f64::consts::FRAC_PI_2));
    assert!(set.poses[0].rotation.angle_to(wanted).0 < 1e-9);
    assert!((set.poses[0].position.xyz - DVec3::new(1.0, 1.0, 3.0) * 7.5).length() < 1e-9);
    assert_eq!(set.tilt_series_names, ["TS_02"]);
}

#[test]
fn every_format_gives_back_what_it_holds_and_names_what_it_does_not() {
    let (set, frames) = example();
    for format in ParticleFormat::ALL {
        let folder = tempfile::tempdir().unwrap();
        let written = write_any(&set, format, &frames, folder.path(), "set");
        if format == ParticleFormat::Cryosparc {
            assert!(written.unwrap_err().to_string().contains("without depth"));
            continue;
        }
        let written = written.unwrap();
        let files: Vec<_> = written
            .files
            .iter()
            .filter(|file| file.extension().is_none_or(|e| e != "doc"))
            .cloned()
            .collect();
        let found = detect(&files[0]).unwrap();
        assert_eq!(found, format, "{}", files[0].display());
        let back = read_several(&files, None, &frames).unwrap().value;
        let holds = format.holds();
        assert_eq!(back.oriented, holds.rotations, "{format}");
        assert_eq!(
            written.losses.count(LossKind::Orientations) == 0,
            holds.rotations
        );
        assert_eq!(written.losses.count(LossKind::HalfSets) == 0, holds.halves);
        assert_eq!(back.halves == set.halves, holds.halves, "{format}");
        let by_name = |set: &ParticleSet, row: usize| {
            set.tilt_series_names[set.tilt_series[row] as usize]
                .trim_end_matches(".tomostar")
                .to_owned()
        };
        let mut rows: Vec<usize> = (0..3).collect();
        if files.len() > 1 || format == ParticleFormat::Cets {
            rows = vec![0, 2, 1];
        }
        for (at, &row) in rows.iter().enumerate() {
            assert_eq!(by_name(&back, at), by_name(&set, row), "{format}");
            let off = back.poses[at].position.distance(set.poses[row].position) / 7.5;
            assert!(off < 1e-3, "{format}: {off} px");
            if holds.rotations {
                let off = back.poses[at].rotation.angle_to(set.poses[row].rotation).0;
                assert!(off.to_degrees() < 1e-3, "{format}: {off}");
            }
        }
        if holds.classes {
            let classes: Vec<u32> = rows.iter().map(|&row| set.classes[row]).collect();
            assert_eq!(back.classes, classes, "{format}");
        }
    }
}

#[test]
fn a_file_without_a_voxel_size_asks_for_it_and_nonsense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "x,y,z\n1,2,3\n").unwrap();
    let error = read_several(std::slice::from_ref(&path), None, &Frames::default()).unwrap_err();
    assert!(error.to_string().contains("voxel size"), "{error}");
    std::fs::write(&path, "{\"type\":\"orientedPoint\",\"location\":{\"x\":1,\"y\":2,\"z\":3},\"xyz_rotation_matrix\":[[1,0,0],[0,1,0],[0,0,-1]]}").unwrap();
    let frames = Frames {
        voxel_size: Some(PixelSize(1.0)),
        ..Frames::default()
    };
    let error = read_several(&[path], None, &frames).unwrap_err();
    assert!(error.to_string().contains("rotation matrix"), "{error}");
}
