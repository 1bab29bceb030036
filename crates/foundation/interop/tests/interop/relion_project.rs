//! The complete RELION 5 project of EMPIAR-10164 and other real RELION sets: imported and exported again, every
//! value, column and block must be the same; changed values must change their own cells only.

use std::path::{Path, PathBuf};

use thon_formats::star::{self, StarFile};
use thon_geometry::{Point, Rotation};
use thon_interop::relion::{
    Generation, ParticleExport, ParticleImport, TiltSeriesExport, TiltSeriesImport,
    read_optimisation_set, read_particles, read_tilt_series, tomogram_grids,
    write_optimisation_set, write_particles, write_tilt_series,
};
use thon_model::{HandSign, TiltSeries};
use thon_units::Radians;

use crate::shared_data::{files_below, shared};

const PROJECT: &str = "04_relion5_project_empiar10164";

/// Number of cells of two STAR files that must be equal in blocks, columns, order and every value.
pub fn assert_equal(a: &Path, b: &Path) -> usize {
    let (first, second): (StarFile, StarFile) = (star::read(a).unwrap(), star::read(b).unwrap());
    let names = |file: &StarFile| {
        file.blocks
            .iter()
            .map(|block| block.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&first), names(&second), "{}", a.display());
    let mut cells = 0;
    for (one, two) in first.blocks.iter().zip(&second.blocks) {
        assert_eq!(one.tables.len(), two.tables.len(), "{}", a.display());
        for (x, y) in one.tables.iter().zip(&two.tables) {
            let labels: Vec<&str> = x.labels().collect();
            assert_eq!(labels, y.labels().collect::<Vec<_>>(), "{}", a.display());
            assert_eq!(x.rows(), y.rows(), "{}", a.display());
            for (c, d) in x.columns().zip(y.columns()) {
                assert!(
                    c.strings().eq(d.strings()),
                    "{}: {}",
                    a.display(),
                    c.label()
                );
                cells += x.rows();
            }
        }
    }
    cells
}

/// Files with a table of tilt series: those with `data_global` and a name column.
fn tilt_series_sets(project: &Path) -> Vec<PathBuf> {
    let is_set = |path: &PathBuf| {
        let file = star::read(path).unwrap();
        file.find("global").is_some_and(|block| {
            block
                .tables
                .first()
                .is_some_and(|table| table.has("rlnTomoName"))
        })
    };
    files_below(project, ".star")
        .into_iter()
        .filter(is_set)
        .collect()
}

fn series_of(path: &Path) -> Vec<TiltSeries> {
    read_tilt_series(path, &TiltSeriesImport::default())
        .unwrap()
        .value
}

#[test]
fn every_tilt_series_set_of_the_project_comes_back_equal_in_every_value() {
    let Some(project) = shared(PROJECT) else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let sets = tilt_series_sets(&project);
    assert!(sets.len() >= 9, "{sets:?}");
    let (mut files, mut cells) = (0, 0);
    for path in &sets {
        let read = read_tilt_series(path, &TiltSeriesImport::default()).unwrap();
        assert!(read.losses.is_empty(), "{}", read.losses);
        let file = path.strip_prefix(&project).unwrap().to_owned();
        let to = TiltSeriesExport {
            root: out.path().to_owned(),
            file: file.clone(),
            generation: Generation::Five,
            source_root: Some(project.clone()),
        };
        let losses = write_tilt_series(&read.value, &to).unwrap();
        assert!(losses.is_empty(), "{losses}");
        cells += assert_equal(path, &out.path().join(&file));
        files += 1;
        for series in &read.value {
            let token = series
                .carried_global
                .value("rlnTomoTiltSeriesStarFile", 0)
                .unwrap();
            cells += assert_equal(&project.join(token), &out.path().join(token));
            files += 1;
        }
    }
    println!(
        "tilt series: {} sets, {files} files, {cells} values equal",
        sets.len()
    );
}

#[test]
fn every_particle_set_of_the_project_comes_back_equal_in_every_value() {
    let Some(project) = shared(PROJECT) else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let series = series_of(&project.join("CtfRefine/job027/tomograms.star"));
    let grids = tomogram_grids(&series);
    let (mut files, mut cells, mut rows) = (0, 0, 0);
    for path in files_below(&project, ".star") {
        let file = star::read(&path).unwrap();
        if file.find("particles").is_none() {
            continue;
        }
        let options = ParticleImport {
            grids: grids.clone(),
            root: Some(project.clone()),
            ..ParticleImport::default()
        };
        let read = read_particles(&path, &options).unwrap();
        assert!(read.losses.is_empty(), "{}", read.losses);
        let name = path.strip_prefix(&project).unwrap().to_owned();
        let to = ParticleExport {
            root: out.path().to_owned(),
            file: name.clone(),
            source_root: Some(project.clone()),
        };
        let losses = write_particles(&read.value, &series, &to).unwrap();
        assert!(losses.is_empty(), "{losses}");
        cells += assert_equal(&path, &out.path().join(&name));
        files += 1;
        rows += read.value.len();
    }
    assert!(files >= 3, "{files}");
    println!("particles: {files} files, {rows} particles, {cells} values equal");
}

#[test]
fn every_optimisation_set_of_the_project_comes_back_equal() {
    let Some(project) = shared(PROJECT) else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let sets = files_below(&project, "optimisation_set.star");
    assert!(sets.len() >= 5);
    for path in &sets {
        let set = read_optimisation_set(path).unwrap();
        assert!(set.tomograms.is_some());
        assert_eq!(
            set.root.canonicalize().unwrap(),
            project.canonicalize().unwrap(),
            "{}",
            path.display()
        );
        let copy = out.path().join("set.star");
        write_optimisation_set(&set, &copy).unwrap();
        assert_equal(path, &copy);
    }
    println!("optimisation sets: {} files equal", sets.len());
}

#[test]
fn the_project_means_what_relion_says() {
    let Some(project) = shared(PROJECT) else {
        return;
    };
    let series = series_of(&project.join("CtfRefine/job027/tomograms.star"));
    assert_eq!(series.len(), 5);
    let one = &series[0];
    assert_eq!(
        (one.name.as_str(), one.pixel_size.0, one.volume_size),
        ("TS_01", 1.35, Some([2000, 4000, 4000]))
    );
    assert_eq!(one.defocus_hand.as_ref().unwrap().sign, HandSign::Minus);
    assert_eq!(one.images.len(), 40);
    let first = &one.images[0];
    let geometry = first.geometry.unwrap();
    assert!((geometry.tilt_angle.degrees().0 + 57.0).abs() < 1e-9);
    assert!((geometry.tilt_axis_angle.degrees().0 - 85.032958).abs() < 1e-9);
    assert_eq!(geometry.shift.to_array(), [34.845611, 108.499417]);
    assert_eq!(
        (first.dose_before.0, first.acquisition_index),
        (114.0, Some(38))
    );
    let ctf = first.ctf.unwrap();
    assert_eq!((ctf.defocus_u.0, ctf.scale), (39242.406055, 0.310983));
    assert!((first.nominal_tilt_angle.degrees().0 + 56.9985).abs() < 1e-9);
}

/// Particles of HIV capsids sit on spheres and point outwards: their orientation is the direction from the centre.
#[test]
fn orientations_point_out_of_the_capsids() {
    let Some(project) = shared(PROJECT) else {
        return;
    };
    let series = series_of(&project.join("CtfRefine/job027/tomograms.star"));
    let spheres = star::read(&project.join("Picks/job009/annotations/TS_01_spheres.star")).unwrap();
    let spheres = spheres.table("").unwrap();
    let options = ParticleImport {
        grids: tomogram_grids(&series),
        ..ParticleImport::default()
    };
    let set = read_particles(&project.join("Refine3D/job023/run_data.star"), &options)
        .unwrap()
        .value;
    let binning = 7.407407;
    let number = |row: usize, label: &str| spheres.get(row, label).unwrap().parse::<f64>().unwrap();
    let (mut cosines, mut distances) = (Vec::new(), Vec::new());
    for row in 0..spheres.rows() {
        let pixel = ["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"]
            .map(|label| number(row, label) * binning);
        let centre =
            glam::DVec3::from_array(pixel) * 1.35 - glam::DVec3::new(2000.0, 2000.0, 1000.0) * 1.35;
        let radius = number(row, "rlnSphereRadius") * binning * 1.35;
        for particle in set.iter().filter(|p| p.tilt_series == "TS_01") {
            let outwards = particle.pose.position.xyz - centre;
            if (outwards.length() - radius).abs() < 120.0 {
                let axis = particle.pose.rotation.apply(glam::DVec3::Z);
                cosines.push(axis.dot(outwards.normalize()));
                distances.push(outwards.length() / radius);
            }
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    println!(
        "capsids of TS_01: {} particles, mean cosine of axis and outward direction {:.4}, distance/radius {:.3}",
        cosines.len(),
        mean(&cosines),
        mean(&distances)
    );
    assert!(cosines.len() > 300);
    assert!(mean(&cosines).abs() > 0.95);
}

#[test]
fn a_changed_pose_rewrites_its_own_cells_and_reads_back() {
    let Some(project) = shared(PROJECT) else {
        return;
    };
    let series = series_of(&project.join("CtfRefine/job027/tomograms.star"));
    let options = ParticleImport {
        grids: tomogram_grids(&series),
        root: Some(project.clone()),
        ..ParticleImport::default()
    };
    let path = project.join("Refine3D/job023/run_data.star");
    let mut set = read_particles(&path, &options).unwrap().value;
    let turn = Rotation::about_x(Radians(0.3));
    set.poses[3].rotation = turn * set.poses[3].rotation;
    set.poses[5].position = set.poses[5]
        .position
        .translated(glam::DVec3::new(3.3, -2.7, 1.1));
    let out = tempfile::tempdir().unwrap();
    let to = ParticleExport {
        root: out.path().to_owned(),
        file: "particles.star".into(),
        source_root: Some(project.clone()),
    };
    write_particles(&set, &series, &to).unwrap();
    let copy = out.path().join("particles.star");
    let again = read_particles(&copy, &options).unwrap().value;
    for (a, b) in set.poses.iter().zip(&again.poses) {
        assert!(a.rotation.angle_to(b.rotation).0 < 1e-9);
        assert!(a.position.distance(b.position) < 1e-7);
    }
    let (old, new) = (star::read(&path).unwrap(), star::read(&copy).unwrap());
    let (old, new) = (
        old.table("particles").unwrap(),
        new.table("particles").unwrap(),
    );
    let mut changed: Vec<(usize, &str)> = Vec::new();
    for column in old.columns() {
        let other = new.column(column.label()).unwrap();
        let rows = 0..old.rows();
        changed.extend(
            rows.filter(|&row| column.get(row) != other.get(row))
                .map(|row| (row, column.label())),
        );
    }
    changed.sort_unstable();
    let expected = [
        (3, "rlnAnglePsi"),
        (3, "rlnAngleRot"),
        (3, "rlnAngleTilt"),
        (5, "rlnOriginXAngst"),
        (5, "rlnOriginYAngst"),
        (5, "rlnOriginZAngst"),
    ];
    assert_eq!(changed, expected);
    assert_eq!(
        again.poses[0].position,
        Point::from_vector(set.poses[0].position.xyz)
    );
}

#[test]
fn an_excluded_image_is_left_out_and_said() {
    let Some(project) = shared(PROJECT) else {
        return;
    };
    let mut series = series_of(&project.join("AlignTiltSeries/job005/aligned_tilt_series.star"));
    series[1].images[4].exclusion = Some(thon_model::Exclusion {
        reason: "charging".to_owned(),
    });
    let out = tempfile::tempdir().unwrap();
    let to = TiltSeriesExport {
        root: out.path().to_owned(),
        file: "tilt_series.star".into(),
        generation: Generation::Five,
        source_root: None,
    };
    let losses = write_tilt_series(&series, &to).unwrap();
    assert_eq!(losses.count(thon_interop::LossKind::ExcludedImages), 1);
    let again = series_of(&out.path().join("tilt_series.star"));
    assert_eq!(again[1].images.len() + 1, series[1].images.len());
    assert_eq!(again[1].images[4].geometry, series[1].images[5].geometry);
}

/// A RELION 5 table that still has the matrices of RELION 4: they win over the angles, and a changed geometry
/// rewrites them.
#[test]
fn matrices_win_over_angles_in_a_relion_5_table() {
    let dir = tempfile::tempdir().unwrap();
    let global = "data_global\n\nloop_\n_rlnTomoName #1\n_rlnTomoHand #2\n_rlnTomoTiltSeriesPixelSize #3\n_rlnTomoSizeX #4\n\
        _rlnTomoSizeY #5\n_rlnTomoSizeZ #6\n_rlnTomoTiltSeriesStarFile #7\n_rlnTomoDefocusSlope #8\nA -1 2.0 400 401 100 A.star 0.5\n";
    let rows = "data_A\n\nloop_\n_rlnTomoProjX #1\n_rlnTomoProjY #2\n_rlnTomoProjZ #3\n_rlnTomoProjW #4\n\
        _rlnMicrographPreExposure #5\n_rlnTomoYTilt #6\n_rlnTomoZRot #7\n\
        [0,-1,0,353] [1,0,0,-46] [0,0,1,-50] [0,0,0,1] 0 10 10\n";
    std::fs::write(dir.path().join("set.star"), global).unwrap();
    std::fs::write(dir.path().join("A.star"), rows).unwrap();
    let options = TiltSeriesImport {
        image_size: Some([300, 301]),
        ..TiltSeriesImport::default()
    };
    let read = read_tilt_series(&dir.path().join("set.star"), &options).unwrap();
    assert_eq!(read.losses.count(thon_interop::LossKind::DefocusHand), 1);
    let mut series = read.value;
    let geometry = series[0].images[0].geometry.unwrap();
    assert!(
        (geometry.tilt_axis_angle.degrees().0 - 90.0).abs() < 1e-9
            && geometry.tilt_angle.0.abs() < 1e-12
    );
    // Voxel (200, 200, 50) falls on (153, 154), and the centre of the image is (150, 150).
    assert!(
        (geometry.shift - glam::DVec2::new(6.0, 8.0)).length() < 1e-9,
        "{}",
        geometry.shift
    );
    series[0].images[0].geometry.as_mut().unwrap().shift.x += 20.0;
    let to = TiltSeriesExport {
        root: dir.path().join("out"),
        file: "set.star".into(),
        generation: Generation::Five,
        source_root: None,
    };
    write_tilt_series(&series, &to).unwrap();
    let again = read_tilt_series(&dir.path().join("out/set.star"), &options)
        .unwrap()
        .value;
    assert!(
        (again[0].images[0].geometry.unwrap().shift - glam::DVec2::new(26.0, 8.0)).length() < 1e-9
    );
    assert_eq!(again[0].carried.value("rlnTomoYTilt", 0), Some("10"));
}

#[test]
fn names_that_relion_cannot_find_again_are_refused() {
    let Some(project) = shared(PROJECT) else {
        return;
    };
    let mut series = series_of(&project.join("AlignTiltSeries/job005/aligned_tilt_series.star"));
    let out = tempfile::tempdir().unwrap();
    let to = TiltSeriesExport {
        root: out.path().to_owned(),
        file: "tilt_series.star".into(),
        generation: Generation::Five,
        source_root: None,
    };
    for name in ["two words", "", "TS_03"] {
        series[0].name = name.to_owned();
        let error = write_tilt_series(&series, &to).unwrap_err().to_string();
        assert!(error.contains(&format!("'{name}'")), "{error}");
    }
}
