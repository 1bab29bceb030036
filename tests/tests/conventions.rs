//! Executes every number of CONVENTIONS.md: each entry there names its test, each test reads its numbers from there.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use glam::{DVec2, DVec3};
use thon_average::draw_halves;
use thon_ctf::CtfModel;
use thon_formats::aretomo::alignment;
use thon_formats::imod::transforms;
use thon_formats::star;
use thon_geometry::{Grid, Particle, Point, Pose, Rotation, Specimen, Symmetry, TiltGeometry};
use thon_interop::aretomo::write_aretomo;
use thon_interop::euler::{DynamoAngles, EmanAngles, MotlAngles, RelionAngles, RotationVector};
use thon_interop::imod::{EtomoExport, Placement, transform_of, write_directory};
use thon_interop::mdoc::{MdocImport, read_mdoc};
use thon_interop::relion::{Generation, TiltSeriesExport, write_tilt_series};
use thon_model::{Carried, Ctf, DefocusHand, Half, HandSign, Optics, TiltImage, TiltSeries};
use thon_signal::fft::{Complex32, Fft3, Origin, centre_phases, signed_index};
use thon_signal::shells::ShellCorrelation;
use thon_tests::documents::Numbers;
use thon_units::{Angstrom, Degrees, Dose, Kilovolt, PixelSize, Radians};

fn degrees(angle: f64) -> Radians {
    Degrees(angle).radians()
}

#[test]
fn arrays_are_z_y_x() {
    let stated = Numbers::of("CONVENTIONS.md", "arrays_are_z_y_x");
    let (dims, index) = ([5, 6, 7], [1, 2, 3]);
    let grid = Grid::new(dims, PixelSize(10.0));
    let point = grid.point_at(index).xyz;
    stated.hold("position of voxel `[1, 2, 3]`, Å", &point.to_array(), 1e-12);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("count.mrc");
    let voxels: Vec<f32> = (0..5 * 6 * 7).map(|i| i as f32).collect();
    thon_images::mrc::write_volume(&path, &voxels, dims, Some(10.0)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let [z, y, x] = index;
    let value = ndarray::Array3::from_shape_vec(dims, voxels).unwrap()[[z, y, x]];
    let place = (0..bytes.len() - 1024)
        .step_by(4)
        .find(|at| bytes[1024 + at..1024 + at + 4] == value.to_le_bytes())
        .unwrap();
    stated.hold(
        "its place in an MRC file, bytes after the header",
        &[place as f64],
        0.0,
    );
    stated.all_held();
}

#[test]
fn units_are_converted_in_one_place() {
    let stated = Numbers::of("CONVENTIONS.md", "units_are_converted_in_one_place");
    let pixels = Angstrom(27.0) / PixelSize(1.35);
    stated.hold("27 Å at 1.35 Å/px, px", &[pixels.0], 1e-12);
    stated.hold("180° in radians", &[degrees(180.0).0], 1e-6);
    let wavelength = Kilovolt(300.0).electron_wavelength();
    stated.hold("electron wavelength at 300 kV, Å", &[wavelength.0], 1e-6);
    stated.all_held();
}

#[test]
fn the_centre_is_floor_of_half() {
    let stated = Numbers::of("CONVENTIONS.md", "the_centre_is_floor_of_half");
    for n in [6, 7] {
        let grid = Grid::new([n; 3], PixelSize(1.0));
        let index = grid.index_of(Point::new(0.0, 0.0, 0.0));
        stated.hold(&format!("centre voxel of {n}"), &[index.x], 0.0);
    }
    let view = TiltGeometry::tilted(Radians(0.0));
    let volume = Placement::centred([6; 3]);
    let (line, _) = transform_of(&view, &volume, [7, 7], PixelSize(1.0)).unwrap();
    stated.hold(
        "IMOD's dx, dy of an unmoved 7 × 7 image over a 6 × 6 × 6 volume",
        &line.shift,
        1e-12,
    );
    stated.all_held();
}

#[test]
fn rotations_are_active_and_right_handed() {
    let stated = Numbers::of("CONVENTIONS.md", "rotations_are_active_and_right_handed");
    let quarter = degrees(90.0);
    let turns: [(&str, Rotation<Particle, Specimen>, DVec3); 3] = [
        (
            "90° about x carries (0, 1, 0) to",
            Rotation::about_x(quarter),
            DVec3::Y,
        ),
        (
            "90° about y carries (0, 0, 1) to",
            Rotation::about_y(quarter),
            DVec3::Z,
        ),
        (
            "90° about z carries (1, 0, 0) to",
            Rotation::about_z(quarter),
            DVec3::X,
        ),
    ];
    for (sentence, rotation, from) in turns {
        stated.hold(sentence, &rotation.apply(from).to_array(), 1e-12);
    }
    let first: Rotation<Particle, Specimen> = Rotation::about_x(quarter);
    let second: Rotation<Specimen, Specimen> = Rotation::about_z(quarter);
    let both = (second * first).apply(DVec3::Y);
    stated.hold(
        "`about_z(90°) * about_x(90°)` carries (0, 1, 0) to",
        &both.to_array(),
        1e-12,
    );
    stated.all_held();
}

#[test]
fn a_pose_places_the_reference() {
    let stated = Numbers::of("CONVENTIONS.md", "a_pose_places_the_reference");
    let pose = Pose::new(
        Rotation::about_z(degrees(90.0)),
        Point::new(100.0, 0.0, 50.0),
    );
    let placed = pose.place(Point::new(10.0, 0.0, 0.0)).xyz;
    stated.hold(
        "(10, 0, 0) Å of the reference lies at, Å",
        &placed.to_array(),
        1e-9,
    );
    stated.all_held();
}

#[test]
fn a_positive_tilt_carries_high_points_to_plus_x() {
    let stated = Numbers::of(
        "CONVENTIONS.md",
        "a_positive_tilt_carries_high_points_to_plus_x",
    );
    let view = TiltGeometry::tilted(degrees(30.0));
    let high = view.project(Point::new(0.0, 0.0, 100.0));
    stated.hold(
        "image position of (0, 0, 100) Å, Å",
        &high.position.to_array(),
        1e-4,
    );
    stated.hold("its depth, Å", &[high.depth], 1e-4);
    let right = view.project(Point::new(100.0, 0.0, 0.0));
    stated.hold("depth of (100, 0, 0) Å, Å", &[right.depth], 1e-4);
    stated.all_held();
}

#[test]
fn the_tilt_axis_angle_runs_from_y() {
    let stated = Numbers::of("CONVENTIONS.md", "the_tilt_axis_angle_runs_from_y");
    let view = TiltGeometry {
        tilt_axis_angle: degrees(85.0),
        ..TiltGeometry::tilted(degrees(40.0))
    };
    let on_axis = view.project(Point::new(0.0, 100.0, 0.0)).position;
    stated.hold(
        "image position of (0, 100, 0) Å, Å",
        &on_axis.to_array(),
        1e-4,
    );
    let title = "[T = Tilt axis angle = 85.0, binning = 1  spot = 6  camera = 0]\n\n";
    for (sentence, text) in [
        ("mdoc title `Tilt axis angle = 85.0`, °", mdoc(title, "")),
        (
            "mdoc `RotationAngle = 175`, °",
            mdoc("", "RotationAngle = 175\n"),
        ),
    ] {
        let angle = read(&text).nominal_tilt_axis_angle.unwrap();
        stated.hold(sentence, &[angle.degrees().0], 1e-9);
    }
    stated.all_held();
}

/// Three tilts, recorded in the order 0°, −3°, 3°, with 3 e⁻/Å² each.
fn mdoc(title: &str, more: &str) -> String {
    let head = format!(
        "PixelSpacing = 1.35\nVoltage = 300\nImageFile = TS.mrc\nImageSize = 100 100\nDataMode = 1\n\n{title}"
    );
    let section = |(index, (tilt, minute)): (usize, (f64, u32))| {
        format!(
            "[ZValue = {index}]\nTiltAngle = {tilt}\nExposureDose = 3\n{more}DateTime = 21-Nov-26  10:{minute:02}:00\n\n"
        )
    };
    let tilts = [(-3.0, 1), (0.0, 0), (3.0, 2)];
    tilts
        .into_iter()
        .enumerate()
        .map(section)
        .fold(head, |text, each| text + &each)
}

fn read(mdoc: &str) -> TiltSeries {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("TS.mdoc");
    std::fs::write(&path, mdoc).unwrap();
    read_mdoc(&path, &MdocImport::default()).unwrap().value
}

#[test]
fn exposure_is_counted_before_the_image() {
    let stated = Numbers::of("CONVENTIONS.md", "exposure_is_counted_before_the_image");
    let series = read(&mdoc("", ""));
    let doses: Vec<f64> = series
        .images
        .iter()
        .map(|image| image.dose_before.0)
        .collect();
    stated.hold(
        "exposure before the images at −3°, 0°, 3°, e⁻/Å²",
        &doses,
        1e-12,
    );
    stated.all_held();
}

/// One view, tilted by 30° about an axis at 85°, moved by (13.5, −6.75) Å at 1.35 Å/px.
fn one_view() -> TiltSeries {
    let mut image = TiltImage::new(degrees(30.0), Dose(6.0));
    image.geometry = Some(TiltGeometry {
        tilt_axis_angle: degrees(85.0),
        shift: DVec2::new(13.5, -6.75),
        ..TiltGeometry::tilted(degrees(30.0))
    });
    image.ctf = Some(Ctf {
        defocus_u: Angstrom(21000.0),
        defocus_v: Angstrom(19000.0),
        defocus_angle: degrees(30.0),
        ..Ctf::round(Angstrom(0.0))
    });
    TiltSeries {
        name: "TS".into(),
        pixel_size: PixelSize(1.35),
        image_size: [100, 100],
        volume_size: Some([100; 3]),
        optics: Optics::default(),
        nominal_tilt_axis_angle: None,
        defocus_hand: Some(DefocusHand {
            sign: HandSign::Minus,
            evidence: "an example".into(),
        }),
        images: vec![image],
        carried: Carried::default(),
        carried_global: Carried::default(),
    }
}

/// The value of a label in any STAR file of a directory.
fn star_value(directory: &Path, label: &str) -> f64 {
    let mut folders = vec![directory.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
        {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = star::read(&path).unwrap();
            let tables = file.blocks.iter().flat_map(|block| &block.tables);
            if let Some(column) = tables.into_iter().find_map(|table| table.find(label)) {
                return column.f64(0).unwrap();
            }
        }
    }
    panic!("no {label} was written");
}

#[test]
fn one_view_in_the_words_of_each_package() {
    let stated = Numbers::of("CONVENTIONS.md", "one_view_in_the_words_of_each_package");
    let (series, directory) = (one_view(), tempfile::tempdir().unwrap());
    let relion = directory.path().join("relion");
    let to = TiltSeriesExport {
        root: relion.clone(),
        file: "tomograms.star".into(),
        generation: Generation::Five,
        source_root: None,
    };
    write_tilt_series(std::slice::from_ref(&series), &to).unwrap();
    for (label, sentence) in [
        ("rlnTomoYTilt", "RELION 5 `rlnTomoYTilt`, °"),
        ("rlnTomoZRot", "RELION 5 `rlnTomoZRot`, °"),
        ("rlnTomoXShiftAngst", "RELION 5 `rlnTomoXShiftAngst`, Å"),
        ("rlnTomoYShiftAngst", "RELION 5 `rlnTomoYShiftAngst`, Å"),
        ("rlnDefocusU", "RELION 5 `rlnDefocusU`, Å"),
        ("rlnDefocusAngle", "RELION 5 `rlnDefocusAngle`, °"),
        (
            "rlnMicrographPreExposure",
            "RELION 5 `rlnMicrographPreExposure`, e⁻/Å²",
        ),
        ("rlnTomoHand", "RELION 5 `rlnTomoHand`"),
    ] {
        stated.hold(sentence, &[star_value(&relion, label)], 1e-6);
    }
    let aln = directory.path().join("TS.aln");
    write_aretomo(&series, &aln).unwrap();
    let row = &alignment::read(&aln).unwrap().images[0];
    stated.hold("AreTomo `ROT`, °", &[row.rotation], 1e-6);
    stated.hold("AreTomo `TX`, `TY`, px", &row.shift, 1e-6);
    stated.hold("AreTomo `TILT`, °", &[row.tilt], 1e-6);
    let imod = directory.path().join("imod");
    let to = EtomoExport {
        dir: imod.clone(),
        name: None,
    };
    write_directory(&series, &to).unwrap();
    let line = transforms::read(&imod.join("TS.xf")).unwrap()[0];
    stated.hold("IMOD `.xf`, first four", &line.matrix.concat(), 1e-6);
    stated.hold("IMOD `.xf`, dx, dy, px", &line.shift, 1e-3);
    let tilt = thon_formats::imod::tilt_angles::read_angles(&imod.join("TS.tlt")).unwrap();
    stated.hold("IMOD `.tlt`, °", &tilt, 1e-3);
    let defocus = thon_formats::imod::defocus::read(&imod.join("TS.defocus")).unwrap();
    stated.hold(
        "IMOD `.defocus`, first value, nm",
        &[defocus.rows[0].defocus],
        1e-3,
    );
    stated.all_held();
}

#[test]
fn underfocus_is_positive() {
    let stated = Numbers::of("CONVENTIONS.md", "underfocus_is_positive");
    let (optics, ctf) = (Optics::default(), one_view().images[0].ctf.unwrap());
    let model = CtfModel::new(&optics, &ctf);
    let (k, wavelength) = (0.02, optics.voltage.electron_wavelength().0);
    let defocus_along = |angle: f64| {
        let direction = DVec2::from_angle(angle.to_radians()) * k;
        let phase = model.phase(direction.x, direction.y).0 - model.phase(0.0, 0.0).0;
        let aberration = optics.spherical_aberration.angstrom().0 * (wavelength * k).powi(2) / 2.0;
        phase / (std::f64::consts::PI * wavelength * k * k) + aberration
    };
    for angle in [30.0, 75.0, 120.0] {
        stated.hold(
            &format!("defocus along {angle}°, Å"),
            &[defocus_along(angle)],
            1e-3,
        );
    }
    stated.all_held();
}

#[test]
fn matter_is_dark_under_focus() {
    let stated = Numbers::of("CONVENTIONS.md", "matter_is_dark_under_focus");
    let model = CtfModel::new(&Optics::default(), &Ctf::round(Angstrom(20000.0)));
    stated.hold("CTF at k = 0", &[model.value(0.0, 0.0)], 1e-9);
    stated.hold("CTF at 50 Å", &[model.value(0.02, 0.0)], 1e-5);
    stated.all_held();
}

#[test]
fn the_defocus_hand_is_the_sign_along_depth() {
    let stated = Numbers::of("CONVENTIONS.md", "the_defocus_hand_is_the_sign_along_depth");
    let (optics, ctf) = (Optics::default(), Ctf::round(Angstrom(20000.0)));
    for (name, hand) in [("−1", HandSign::Minus), ("+1", HandSign::Plus)] {
        let found = CtfModel::at_depth(&optics, &ctf, hand, Angstrom(500.0));
        let sentence = format!("underfocus at depth 500 Å with hand {name}, Å");
        let value = stated.value(&sentence)[0];
        assert_eq!(
            found,
            CtfModel::new(&optics, &Ctf::round(Angstrom(value))),
            "{sentence}"
        );
    }
    stated.all_held();
}

#[test]
fn euler_angles_of_each_package() {
    let stated = Numbers::of("CONVENTIONS.md", "euler_angles_of_each_package");
    let given = stated.value("RELION rot, tilt, psi, °");
    let rotation = RelionAngles::new(given[0], given[1], given[2]).rotation();
    stated.hold("carries z to", &rotation.apply(DVec3::Z).to_array(), 1e-6);
    let motl = MotlAngles::of(rotation);
    stated.hold(
        "AV3, STOPGAP, PEET phi, psi, theta, °",
        &[motl.phi.0, motl.psi.0, motl.theta.0],
        1e-9,
    );
    let dynamo = DynamoAngles::of(rotation);
    stated.hold(
        "Dynamo tdrot, tilt, narot, °",
        &[dynamo.tdrot.0, dynamo.tilt.0, dynamo.narot.0],
        1e-9,
    );
    let eman = EmanAngles::of(rotation);
    stated.hold(
        "EMAN2 az, alt, phi, °",
        &[eman.az.0, eman.alt.0, eman.phi.0],
        1e-9,
    );
    let vector = RotationVector::of(rotation).0;
    stated.hold("cryoSPARC rotation vector, rad", &vector.to_array(), 1e-6);
    stated.all_held();
}

#[test]
fn spectra_are_halved_along_x() {
    let stated = Numbers::of("CONVENTIONS.md", "spectra_are_halved_along_x");
    let plan = Fft3::plan([4, 6, 8]);
    let extents = plan.half_dims().map(|length| length as f64);
    stated.hold("half spectrum of `[4, 6, 8]`", &extents, 0.0);
    let ones = ndarray::Array3::from_elem([4, 6, 8], 1.0f32);
    let spectrum = plan.forward(&ones);
    stated.hold(
        "its first element for a volume of ones",
        &[f64::from(spectrum[[0, 0, 0]].re)],
        1e-4,
    );
    let again = plan.inverse(&spectrum);
    stated.hold(
        "forward and back, first voxel",
        &[f64::from(again[[0, 0, 0]])],
        1e-6,
    );
    let indices: Vec<f64> = (0..6).map(|i| signed_index(i, 6) as f64).collect();
    stated.hold("frequency indices of 6 elements", &indices, 0.0);
    let mut delta = ndarray::Array3::from_elem([1, 1, 6], 0.0f32);
    delta[[0, 0, 3]] = 1.0;
    let mut spectrum: ndarray::Array3<Complex32> = Fft3::plan([1, 1, 6]).forward(&delta);
    let first = f64::from(spectrum[[0, 0, 1]].re);
    stated.hold(
        "index 1 of a point at the centre voxel, phases from voxel 0",
        &[first],
        1e-6,
    );
    centre_phases(&mut spectrum, [1, 1, 6], Origin::CentreVoxel);
    let first = f64::from(spectrum[[0, 0, 1]].re);
    stated.hold("the same, phases from the centre voxel", &[first], 1e-6);
    stated.all_held();
}

#[test]
fn the_first_row_is_at_the_bottom() {
    let stated = Numbers::of("CONVENTIONS.md", "the_first_row_is_at_the_bottom");
    let image = ndarray::array![[1.0f32], [0.0], [0.0]];
    let contrast = thon_picture::Contrast::Range(0.0, 1.0);
    let picture = thon_picture::gray(&image.view(), contrast, 3);
    let row = (0..3).find(|&row| picture.get(0, row) == [255; 3]).unwrap();
    stated.hold(
        "row 0 of a 3-row image is row of the picture, from its top",
        &[row as f64],
        0.0,
    );
    stated.all_held();
}

#[test]
fn volumes_are_right_handed() {
    let stated = Numbers::of("CONVENTIONS.md", "volumes_are_right_handed");
    let grid = Grid::new([8, 8, 8], PixelSize(10.0));
    let step = |index: [usize; 3]| grid.point_at(index).xyz - grid.point_at([0, 0, 0]).xyz;
    let [x, y, z] = [step([0, 0, 1]), step([0, 1, 0]), step([1, 0, 0])];
    stated.hold(
        "(x × y) · z of the steps to the next voxel at 10 Å, Å³",
        &[x.cross(y).dot(z)],
        1e-9,
    );
    stated.all_held();
}

#[test]
fn halves_are_drawn_by_seed() {
    let stated = Numbers::of("CONVENTIONS.md", "halves_are_drawn_by_seed");
    let halves = draw_halves(101, 7);
    let first = halves.iter().filter(|half| **half == Half::One).count() as f64;
    stated.hold(
        "particles in halves 1 and 2 of 101",
        &[first, 101.0 - first],
        0.0,
    );
    stated.all_held();
}

#[test]
fn resolution_is_read_at_the_last_shell_above() {
    let stated = Numbers::of(
        "CONVENTIONS.md",
        "resolution_is_read_at_the_last_shell_above",
    );
    let curve = ShellCorrelation {
        frequency: vec![0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
        fsc: vec![1.0, 0.9, 0.6, 0.1, 0.2, 0.0],
        count: vec![1, 18, 62, 98, 210, 350],
    };
    let shell = curve.resolution(0.143, 2.0).unwrap();
    stated.hold("resolution at 0.143, Å", &[shell], 1e-9);
    let line = curve.interpolated_resolution(0.5, 2.0).unwrap();
    stated.hold("interpolated resolution at 0.5, Å", &[line], 1e-3);
    stated.all_held();
}

#[test]
fn point_groups_are_named_as_in_relion() {
    let stated = Numbers::of("CONVENTIONS.md", "point_groups_are_named_as_in_relion");
    for name in ["C7", "D7", "T", "O", "I"] {
        let group: Symmetry = name.parse().unwrap();
        stated.hold(
            &format!("rotations of {name}"),
            &[group.rotations().len() as f64],
            0.0,
        );
    }
    let preset: Symmetry = "I".parse().unwrap();
    let Symmetry::Icosahedral(orientation) = preset else {
        panic!("I is icosahedral")
    };
    stated.hold("orientation of I", &[f64::from(orientation)], 0.0);
    stated.all_held();
}
