//! Tilt series from the real mdocs of several microscopes: order, dose, axis, file names, doubts.

use std::path::Path;

use thon_images::mrc::{Mrc, MrcHeader};
use thon_interop::Imported;
use thon_interop::mdoc::{MdocImport, read_mdoc};
use thon_model::TiltSeries;
use thon_units::Dose;

use crate::shared_data::{files_below, shared};

fn read(path: &str) -> Option<Imported<TiltSeries>> {
    Some(read_mdoc(&shared(&format!("01_mdoc/{path}"))?, &MdocImport::default()).unwrap())
}

fn degrees(series: &TiltSeries) -> f64 {
    series.nominal_tilt_axis_angle.unwrap().degrees().0
}

#[test]
fn serial_em_without_dose_takes_the_users() {
    let Some(path) = shared("01_mdoc/empiar10164_TS_01.mrc.mdoc") else {
        return;
    };
    let bare = read_mdoc(&path, &MdocImport::default()).unwrap();
    assert!(
        bare.remarks
            .iter()
            .any(|remark| remark.contains("no dose is stated"))
    );
    let options = MdocImport {
        dose_per_image: Some(Dose(3.0)),
        ..MdocImport::default()
    };
    let series = read_mdoc(&path, &options).unwrap().value;
    assert_eq!(
        (
            series.images.len(),
            series.pixel_size.0,
            series.name.as_str()
        ),
        (41, 5.4, "empiar10164_TS_01")
    );
    assert_eq!(series.image_size, [958, 924]);
    assert!((degrees(&series) - 85.3).abs() < 1e-9);
    for (rank, image) in series.images.iter().enumerate() {
        assert_eq!(
            (image.acquisition_index, image.dose_before.0),
            (Some(rank), 3.0 * rank as f64)
        );
    }
    let movie = series.images[40].movie.as_ref().unwrap();
    assert_eq!(
        (movie.path.to_str().unwrap(), movie.frames),
        ("TS_01_040_60.0.mrc", Some(8))
    );
    assert_eq!(series.carried.value("MagIndex", 40), Some("31"));
}

#[test]
fn prior_dose_and_time_agree() {
    let Some(read) = read("cryocat_017/017.mdoc") else {
        return;
    };
    let series = read.value;
    assert_eq!((series.images.len(), series.optics.voltage.0), (60, 300.0));
    assert!((series.images[0].dose_before.0 - 134.379).abs() < 1e-9);
    let mut order: Vec<&thon_model::TiltImage> = series.images.iter().collect();
    order.sort_by_key(|image| image.acquisition_index);
    assert!(
        order
            .windows(2)
            .all(|pair| pair[0].dose_before.0 < pair[1].dose_before.0)
    );
    assert!(
        (order[0].nominal_tilt_angle.degrees().0 - 8.0).abs() < 0.1,
        "dose-symmetric from 8°"
    );
    assert!(
        read.remarks
            .iter()
            .all(|remark| !remark.contains("differ by")),
        "{:?}",
        read.remarks
    );
}

#[test]
fn a_folder_of_frame_sets_is_one_series() {
    let Some(read) = read("cryocat_TS_019_per_frame") else {
        return;
    };
    let series = read.value;
    assert_eq!(
        (series.images.len(), series.name.as_str()),
        (61, "cryocat_TS_019_per_frame")
    );
    let first = series
        .images
        .iter()
        .find(|image| image.acquisition_index == Some(0))
        .unwrap();
    assert!(
        first.dose_before.0 < 0.1,
        "a glimpse came before the series: {}",
        first.dose_before
    );
    assert!(
        (degrees(&series) - 82.9).abs() < 1e-9,
        "RotationAngle − 90°"
    );
}

#[test]
fn tomography_5_is_told_apart() {
    let Some(read) = read("tomo5_Position_10.mdoc") else {
        return;
    };
    assert!(
        read.remarks
            .iter()
            .any(|remark| remark.contains("Tomography 5"))
    );
    let movie = read.value.images[0].movie.as_ref().unwrap();
    assert_eq!(
        movie.path.to_str().unwrap(),
        "Position_10_001_-20.00_20230324_121311_EER.eer"
    );
    assert!((read.value.images[0].exposure.unwrap().0 - 2.31).abs() < 1e-12);
}

#[test]
fn repeated_tilts_are_told_and_the_later_is_kept() {
    let Some(read) = read("stem_multitilt_test_000.mdoc") else {
        return;
    };
    assert!(
        read.remarks
            .iter()
            .any(|remark| remark.contains("are both of")),
        "{:?}",
        read.remarks
    );
    assert_eq!(
        read.value
            .images
            .iter()
            .filter(|image| image.is_used())
            .count(),
        1
    );
    assert!(read.value.images[1].is_used());
}

#[test]
fn every_real_mdoc_is_read_or_refused_with_a_reason() {
    let Some(folder) = shared("01_mdoc") else {
        return;
    };
    let (mut good, mut refused) = (0, 0);
    for path in files_below(&folder, ".mdoc") {
        match read_mdoc(&path, &MdocImport::default()) {
            Ok(_) => good += 1,
            Err(error) => {
                println!("{error}");
                refused += 1;
            }
        }
    }
    println!("mdocs: {good} read, {refused} refused");
    assert!(good > 70 && refused < 8);
}

const TWO: &str = "PixelSpacing = 2.0\nVoltage = 300\nImageFile = s.st\nImageSize = 4 4\n\n\
    [T = Tilt axis angle = 84.8, binning = 1 spot = 4 camera = 1]\n\n\
    [ZValue = 1]\nTiltAngle = 3.0\nExposureDose = 2.5\nSubFramePath = X:\\a\\F_B.mrc\nDateTime = 01-Jan-24  10:00:00\n\n\
    [ZValue = 0]\nTiltAngle = 0.0\nExposureDose = 2\nSubFramePath = X:\\a\\F_A.mrc\nDateTime = 01-Jan-24  10:01:00\n\n";

fn stack(path: &Path, sections: usize) {
    let header = MrcHeader {
        nx: 4,
        ny: 4,
        nz: sections,
        ..empty()
    };
    let mut bytes = header.to_bytes().to_vec();
    bytes.resize(bytes.len() + 16 * 4 * sections, 0);
    std::fs::write(path, bytes).unwrap();
    assert_eq!(Mrc::read_header(path).unwrap().nz, sections);
}

fn empty() -> MrcHeader {
    crate::layout_2016::header([1, 4, 4], 2.0)
}

#[test]
fn sections_go_by_number_and_movies_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mdoc = folder.path().join("s.st.mdoc");
    std::fs::write(&mdoc, TWO).unwrap();
    stack(&folder.path().join("s.st"), 2);
    let movies = folder.path().join("frames");
    std::fs::create_dir(&movies).unwrap();
    for name in ["f_a.mrc", "F_B.tif"] {
        std::fs::write(movies.join(name), "").unwrap();
    }
    let options = MdocImport {
        stack: Some(folder.path().join("s.st")),
        movies: Some(movies.clone()),
        ..MdocImport::default()
    };
    let series = read_mdoc(&mdoc, &options).unwrap().value;
    let first = &series.images[0];
    assert_eq!(
        (
            first.image.as_ref().unwrap().section,
            first.acquisition_index
        ),
        (1, Some(0))
    );
    assert_eq!(first.movie.as_ref().unwrap().path, movies.join("F_B.tif"));
    assert_eq!(
        series.images[1].movie.as_ref().unwrap().path,
        movies.join("f_a.mrc")
    );
    // The later image has taken the exposure of the earlier one.
    assert_eq!(
        (first.dose_before.0, series.images[1].dose_before.0),
        (0.0, 2.5)
    );
    stack(&folder.path().join("s.st"), 3);
    let error = read_mdoc(&mdoc, &options).unwrap_err().to_string();
    assert!(error.contains("section 2"), "{error}");
    std::fs::remove_file(movies.join("F_B.tif")).unwrap();
    stack(&folder.path().join("s.st"), 2);
    let read = read_mdoc(&mdoc, &options).unwrap();
    assert!(
        !read.value.images[0].is_used()
            && read.remarks.iter().any(|remark| remark.contains("F_B.mrc"))
    );
}

#[test]
fn disagreeing_doses_are_both_told() {
    let folder = tempfile::tempdir().unwrap();
    let mdoc = folder.path().join("s.mdoc");
    let text = TWO.replace(
        "TiltAngle = 3.0\n",
        "TiltAngle = 3.0\nPriorRecordDose = 0\n",
    );
    std::fs::write(
        &mdoc,
        text.replace(
            "TiltAngle = 0.0\n",
            "TiltAngle = 0.0\nPriorRecordDose = 4\n",
        ),
    )
    .unwrap();
    let read = read_mdoc(&mdoc, &MdocImport::default()).unwrap();
    assert_eq!(read.value.images[1].dose_before.0, 4.0);
    assert!(
        read.remarks
            .iter()
            .any(|remark| remark.contains("4.00") && remark.contains("2.50")),
        "{:?}",
        read.remarks
    );
}
