//! Real particle sets of several generations: the Warp-exported 2D series with its tilt geometry, RELION 3.0 to 5.

use std::collections::BTreeMap;
use std::path::Path;

use glam::{DMat3, DVec3};
use thon_formats::star;
use thon_geometry::{Grid, Rotation};
use thon_interop::euler::RelionAngles;
use thon_interop::relion::{
    Generation, ParticleExport, ParticleImport, TiltSeriesExport, TiltSeriesImport,
    read_optimisation_set, read_particles, read_tilt_series, tomogram_grids, write_particles,
    write_tilt_series,
};
use thon_model::{HandSign, ParticleSet, RepresentationKind, TiltSeries};
use thon_units::PixelSize;

use crate::relion_project::assert_equal;
use crate::shared_data::shared;

const WARP: &str = "10_particles/empiar10499_warp_2d_series";
const STEM: &str = "warptools_test_4-tomos_10-ptcls_box-32_angpix-12";

fn warp_set(folder: &Path) -> (Vec<TiltSeries>, ParticleSet) {
    let set = read_optimisation_set(&folder.join(format!("{STEM}_optimisation_set.star"))).unwrap();
    let read = read_tilt_series(&set.tomograms.unwrap(), &TiltSeriesImport::default()).unwrap();
    assert!(
        read.remarks[0].contains("rotations only"),
        "{:?}",
        read.remarks
    );
    let series = read.value;
    let options = ParticleImport {
        grids: tomogram_grids(&series),
        ..ParticleImport::default()
    };
    let read = read_particles(&set.particles.unwrap(), &options).unwrap();
    assert!(read.losses.is_empty(), "{}", read.losses);
    assert_eq!(read.remarks.len(), 1, "{:?}", read.remarks);
    (series, read.value)
}

#[test]
fn the_warp_2d_series_comes_with_images_geometry_ctf_and_dose() {
    let Some(folder) = shared(WARP) else { return };
    let (series, particles) = warp_set(&folder);
    assert_eq!((series.len(), particles.len()), (4, 40));
    for one in &series {
        assert_eq!((one.images.len(), one.pixel_size.0), (37, 1.667));
        assert_eq!(one.volume_size, Some([1400, 6000, 4400]));
        assert_eq!(one.defocus_hand.as_ref().unwrap().sign, HandSign::Minus);
        for image in &one.images {
            assert!(
                image.image.is_none() && image.ctf.is_some() && image.acquisition_index.is_some()
            );
            assert!(image.exposure.unwrap().0 > 2.0 && image.geometry.unwrap().is_rigid());
        }
    }
    let images = particles.images.as_ref().unwrap();
    assert_eq!(images.kind, RepresentationKind::TiltStack);
    assert_eq!(
        (
            images.box_size,
            images.pixel_size.0,
            images.ctf_premultiplied
        ),
        (32, 12.0, true)
    );
    for (path, visible) in images.paths.iter().zip(&images.visible) {
        let header = thon_images::mrc::Mrc::read_header(path).unwrap();
        assert_eq!(header.nx, 32, "{}", path.display());
        let seen = visible.iter().filter(|flag| **flag).count();
        assert!(
            header.nz == seen || header.nz == visible.len(),
            "{} {seen}",
            header.nz
        );
    }
    let half = DVec3::new(4400.0, 6000.0, 1400.0) * 1.667 / 2.0;
    assert!(
        particles
            .poses
            .iter()
            .all(|pose| pose.position.xyz.abs().cmple(half).all())
    );
    let spread = particles
        .poses
        .iter()
        .map(|pose| pose.position.xyz.abs().max_element())
        .fold(0.0, f64::max);
    assert!(spread > 3000.0, "coordinates fill the tomogram: {spread}");
}

/// The first row, from the numbers of the files alone.
#[test]
fn the_first_warp_particle_is_where_its_row_says() {
    let Some(folder) = shared(WARP) else { return };
    let (series, particles) = warp_set(&folder);
    let file = star::read(&folder.join(format!("{STEM}.star"))).unwrap();
    let table = file.table("particles").unwrap();
    let cell = |label: &str| table.get(0, label).unwrap().parse::<f64>().unwrap();
    let expected = DVec3::new(
        cell("rlnCoordinateX"),
        cell("rlnCoordinateY"),
        cell("rlnCoordinateZ"),
    ) * 12.0
        - DVec3::new(2200.0, 3000.0, 700.0) * 1.667;
    assert!((particles.poses[0].position.xyz - expected).length() < 1e-9);
    let angles = RelionAngles::new(
        cell("rlnAngleRot"),
        cell("rlnAngleTilt"),
        cell("rlnAnglePsi"),
    );
    assert!(particles.poses[0].rotation.angle_to(angles.rotation()).0 < 1e-12);
    // Rows of the first projection matrix, typed from the file.
    let matrix = series[0].images[0].geometry.unwrap().matrix();
    let typed = DMat3::from_cols(
        DVec3::new(0.10915412, -0.99366254, 0.026835253),
        DVec3::new(0.6719484, 0.09365405, 0.7346526),
        DVec3::new(-0.73251, -0.062158454, 0.6779126),
    )
    .transpose();
    assert!(matrix.abs_diff_eq(typed, 1e-6), "{matrix}");
    assert_eq!(series[0].images[0].geometry.unwrap().shift.length(), 0.0);
}

#[test]
fn the_warp_2d_series_comes_back_equal_in_every_value() {
    let Some(folder) = shared(WARP) else { return };
    let (series, particles) = warp_set(&folder);
    let out = tempfile::tempdir().unwrap();
    let to = TiltSeriesExport {
        root: out.path().to_owned(),
        file: "tomograms.star".into(),
        generation: Generation::Four,
        source_root: Some(folder.clone()),
    };
    let losses = write_tilt_series(&series, &to).unwrap();
    println!("{losses}");
    let a = assert_equal(
        &folder.join(format!("{STEM}_tomograms.star")),
        &out.path().join("tomograms.star"),
    );
    let to = ParticleExport {
        root: out.path().to_owned(),
        file: "particles.star".into(),
        source_root: Some(folder.clone()),
    };
    write_particles(&particles, &series, &to).unwrap();
    let b = assert_equal(
        &folder.join(format!("{STEM}.star")),
        &out.path().join("particles.star"),
    );
    println!("Warp 2D series: {} values equal", a + b);
}

/// A set without a source, written for RELION 5 and read again.
#[test]
fn new_particles_are_read_back() {
    let Some(folder) = shared(WARP) else { return };
    let (mut series, mut particles) = warp_set(&folder);
    for one in &mut series {
        one.volume_size = Some([1401, 6001, 4399]);
    }
    particles.carried = thon_model::Carried::default();
    particles.carried_optics = thon_model::Carried::default();
    particles.carried_general = thon_model::Carried::default();
    let out = tempfile::tempdir().unwrap();
    let to = ParticleExport {
        root: folder.clone(),
        file: out.path().join("particles.star"),
        source_root: None,
    };
    let losses = write_particles(&particles, &series, &to).unwrap();
    assert!(losses.is_empty(), "{losses}");
    let options = ParticleImport {
        grids: tomogram_grids(&series),
        root: Some(folder.clone()),
        ..ParticleImport::default()
    };
    let again = read_particles(&out.path().join("particles.star"), &options).unwrap();
    assert!(
        again.losses.is_empty() && again.remarks.is_empty(),
        "{:?}",
        again.remarks
    );
    let again = again.value;
    assert_eq!(
        (&again.names, &again.tilt_series, &again.images),
        (&particles.names, &particles.tilt_series, &particles.images)
    );
    for (a, b) in particles.poses.iter().zip(&again.poses) {
        assert!(a.rotation.angle_to(b.rotation).0 < 1e-9 && a.position.distance(b.position) < 1e-6);
    }
}

/// Coordinates in Å from the centre and in pixels from the corner, of the same particles (RELION 5, even sizes).
#[test]
fn centred_and_corner_coordinates_are_the_same_place() {
    let Some(folder) = shared("10_particles/relion5_extract_2ptcl/input") else {
        return;
    };
    let series = read_tilt_series(
        &folder.join("tilt_series_filled.star"),
        &TiltSeriesImport::default(),
    )
    .unwrap()
    .value;
    let options = ParticleImport {
        grids: tomogram_grids(&series),
        ..ParticleImport::default()
    };
    let centred = read_particles(&folder.join("particle.star"), &options)
        .unwrap()
        .value;
    let mut file = star::read(&folder.join("particle.star")).unwrap();
    let table = &mut file.find_mut("particles").unwrap().tables[0];
    for axis in ["X", "Y", "Z"] {
        assert!(table.remove_column(&format!("rlnCenteredCoordinate{axis}Angst")));
    }
    let out = tempfile::tempdir().unwrap();
    star::write_to(&file, &out.path().join("corner.star")).unwrap();
    let corner = read_particles(&out.path().join("corner.star"), &options)
        .unwrap()
        .value;
    for (a, b) in centred.poses.iter().zip(&corner.poses) {
        assert!(a.position.distance(b.position) < 1e-4, "{a:?} {b:?}");
    }
}

/// Sets of RELION 3.0, 3.1 and 4 in pixels: positions need tomograms; with them they come back equal in every value.
#[test]
fn older_sets_come_back_equal() {
    let names = [
        "10_particles/relion31_5/relion31.star",
        "05_star_other/cryocat_relion_3.0.star",
        "05_star_other/cryocat_relion_3.1_optics2.star",
        "05_star_other/cryocat_relion_4.0.star",
        "05_star_other/relion5_particles_small.star",
        "05_star_other/portal_annotations/relion_3_star.star",
        "05_star_other/portal_annotations/relion_4_star.star",
        "05_star_other/cryocat_relion5/warp2_particles_matching.star",
    ];
    let out = tempfile::tempdir().unwrap();
    let mut read_sets = 0;
    for name in names {
        let Some(path) = shared(name) else { return };
        let mut options = ParticleImport {
            root: Some(out.path().to_owned()),
            ..ParticleImport::default()
        };
        let unknown = read_particles(&path, &options);
        options.allow_unknown_tomograms = true;
        let read = match read_particles(&path, &options) {
            Ok(read) => read,
            Err(error) => {
                println!("{name}: {error}");
                continue;
            }
        };
        if let Err(error) = unknown {
            assert!(
                error.to_string().contains("size of the tomogram"),
                "{error}"
            );
        }
        let to = ParticleExport {
            root: out.path().to_owned(),
            file: "copy.star".into(),
            source_root: Some(out.path().to_owned()),
        };
        write_particles(&read.value, &[], &to).unwrap();
        let cells = assert_equal(&path, &out.path().join("copy.star"));
        println!(
            "{name}: {} particles, {cells} values equal; {}",
            read.value.len(),
            read.losses
        );
        read_sets += 1;
    }
    assert!(read_sets >= 6, "{read_sets}");
}

/// R = A(sub-tomogram)·A(particle); the origin is turned by the sub-tomogram's rotation before it is taken off.
#[test]
fn sub_tomogram_angles_and_origins_fold_in() {
    let out = tempfile::tempdir().unwrap();
    let path = out.path().join("particles.star");
    let text = "data_particles\n\nloop_\n_rlnTomoName #1\n_rlnCenteredCoordinateXAngst #2\n_rlnCenteredCoordinateYAngst #3\n\
        _rlnCenteredCoordinateZAngst #4\n_rlnTomoSubtomogramRot #5\n_rlnTomoSubtomogramTilt #6\n_rlnTomoSubtomogramPsi #7\n\
        _rlnAngleRot #8\n_rlnAngleTilt #9\n_rlnAnglePsi #10\n_rlnOriginXAngst #11\n_rlnOriginYAngst #12\n_rlnOriginZAngst #13\n\
        A 10 20 30 30 40 50 -10 120 75 3.3 -2.7 1.1\n";
    std::fs::write(&path, text).unwrap();
    let grids = BTreeMap::from([("A".to_owned(), Grid::new([101, 200, 301], PixelSize(2.0)))]);
    let options = ParticleImport {
        grids,
        ..ParticleImport::default()
    };
    let set = read_particles(&path, &options).unwrap().value;
    let sub = RelionAngles::new(30.0, 40.0, 50.0).rotation().matrix();
    let own = RelionAngles::new(-10.0, 120.0, 75.0).rotation().matrix();
    assert!(
        set.poses[0]
            .rotation
            .angle_to(Rotation::from_matrix(sub * own))
            .0
            < 1e-12
    );
    // Odd sizes: RELION 5 measures from n/2, the model from ⌊n/2⌋; half a pixel of 2 Å in x and z.
    let expected = DVec3::new(11.0, 20.0, 31.0) - sub * DVec3::new(3.3, -2.7, 1.1);
    assert!((set.poses[0].position.xyz - expected).length() < 1e-12);
}

/// Other boxes, other names, no boxes: the table follows the model, and nothing is written that cannot be known.
#[test]
fn a_table_follows_what_changed_beside_the_poses() {
    let Some(project) = shared("04_relion5_project_empiar10164") else {
        return;
    };
    let options = TiltSeriesImport::default();
    let series = read_tilt_series(&project.join("CtfRefine/job027/tomograms.star"), &options)
        .unwrap()
        .value;
    let options = ParticleImport {
        grids: tomogram_grids(&series),
        root: Some(project.clone()),
        ..ParticleImport::default()
    };
    let set = read_particles(&project.join("Extract/job020/particles.star"), &options)
        .unwrap()
        .value;
    let out = tempfile::tempdir().unwrap();
    let to = ParticleExport {
        root: out.path().to_owned(),
        file: "particles.star".into(),
        source_root: Some(project.clone()),
    };
    let again = |set: &ParticleSet| {
        write_particles(set, &series, &to).unwrap();
        read_particles(&out.path().join("particles.star"), &options)
            .unwrap()
            .value
    };
    let mut boxed = set.clone();
    let images = boxed.images.as_mut().unwrap();
    (images.box_size, images.pixel_size) = (96, PixelSize(2.7));
    assert_eq!(again(&boxed).images, boxed.images);
    let mut bare = set.clone();
    bare.images = None;
    assert_eq!(again(&bare).images, None);
    let mut moved = set.clone();
    moved.poses[0].position = moved.poses[0].position.translated(DVec3::X);
    // In its box a particle moves by its origin; without one, its place must be known.
    assert_eq!(again(&moved).poses[0], moved.poses[0]);
    write_particles(&moved, &[], &to).unwrap();
    moved.images = None;
    let error = write_particles(&moved, &[], &to).unwrap_err().to_string();
    assert!(
        error.contains("its tilt series TS_01 among the given ones"),
        "{error}"
    );
    let mut renamed = set.clone();
    renamed.tilt_series_names[0] = "TS_one".to_owned();
    write_particles(&renamed, &series[1..], &to).unwrap();
    let file = star::read(&out.path().join("particles.star")).unwrap();
    assert_eq!(
        file.table("particles").unwrap().get(0, "rlnTomoName"),
        Some("TS_one")
    );
}

/// Time of a real table; a million rows must stay within minutes even in a debug build.
#[test]
fn large_tables_are_read_and_written_in_reasonable_time() {
    let Some(project) = shared("04_relion5_project_empiar10164") else {
        return;
    };
    let series = read_tilt_series(
        &project.join("CtfRefine/job027/tomograms.star"),
        &TiltSeriesImport::default(),
    );
    let series = series.unwrap().value;
    let options = ParticleImport {
        grids: tomogram_grids(&series),
        root: Some(project.clone()),
        ..ParticleImport::default()
    };
    let start = std::time::Instant::now();
    let set = read_particles(&project.join("Refine3D/job023/run_data.star"), &options)
        .unwrap()
        .value;
    let read = start.elapsed();
    let out = tempfile::tempdir().unwrap();
    let to = ParticleExport {
        root: out.path().to_owned(),
        file: "p.star".into(),
        source_root: Some(project),
    };
    write_particles(&set, &series, &to).unwrap();
    let rate = set.len() as f64 / start.elapsed().as_secs_f64();
    println!(
        "{} rows × 26 columns: read {read:?}, read and written {:?}, {rate:.0} rows/s",
        set.len(),
        start.elapsed()
    );
    assert!(rate > 2000.0, "{rate}");
}
