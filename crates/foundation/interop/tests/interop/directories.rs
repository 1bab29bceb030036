//! eTomo directories as they lie about: names found, contradictions explained, statements of the files kept.

use thon_interop::imod::{EtomoImport, read_directory};
use thon_units::PixelSize;

use crate::shared_data::shared;

fn options(name: Option<&str>) -> EtomoImport {
    EtomoImport {
        name: name.map(str::to_owned),
        pixel_size: Some(PixelSize(2.0)),
        ..EtomoImport::default()
    }
}

#[test]
fn a_dual_axis_directory_gives_its_axis() {
    let Some(folder) = shared("02_imod/BB_dual_axis_A") else {
        return;
    };
    let read = read_directory(&folder, &options(None)).unwrap();
    let series = read.value;
    assert_eq!((series.name.as_str(), series.images.len()), ("BBa", 61));
    // FULLIMAGE 512 with SUBSETSTART −19: the aligned stack has 550 pixels; THICKNESS 84.
    assert_eq!(series.volume_size, Some([84, 550, 550]));
    let excluded: Vec<usize> = (0..61).filter(|&i| !series.images[i].is_used()).collect();
    assert_eq!(excluded, [0]);
    assert_eq!(
        series.images[0].exclusion.as_ref().unwrap().reason,
        "EXCLUDELIST of tilt.com"
    );
    // XAXISTILT 1.94: the specimen was found tilted by so much, and is turned back.
    assert!((series.images[5].geometry.unwrap().x_tilt.degrees().0 + 1.94).abs() < 1e-9);
    let kinds: Vec<String> = read
        .losses
        .losses
        .iter()
        .map(|loss| loss.kind.to_string())
        .collect();
    assert_eq!(kinds, ["local alignment", "stretch along the beam"]);
}

#[test]
fn several_data_sets_ask_for_a_name() {
    let Some(folder) = shared("02_imod/empiar10064_susan") else {
        return;
    };
    let error = read_directory(&folder, &options(None))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("2 of them: mixedCTEM_tomo1, mixedCTEM_tomo2")
            && error.contains("name the data set"),
        "{error}"
    );
    assert_eq!(
        read_directory(&folder, &options(Some("mixedCTEM_tomo2")))
            .unwrap()
            .value
            .images
            .len(),
        58
    );
}

#[test]
fn views_that_do_not_match_are_explained() {
    let Some(folder) = shared("02_imod/emclarity") else {
        return;
    };
    let error = read_directory(&folder, &options(Some("riboNew05")))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("as many views in the .xf as angles, 41, found 72"),
        "{error}"
    );
    let empty = tempfile::tempdir().unwrap();
    let error = read_directory(empty.path(), &options(None))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("file not found") && error.contains("tilt angles"),
        "{error}"
    );
}

#[test]
fn the_settings_of_etomo_are_heard() {
    let Some(folder) = shared("02_imod/etomo_TS_001") else {
        return;
    };
    let series = read_directory(&folder, &EtomoImport::default())
        .unwrap()
        .value;
    assert!((series.pixel_size.0 - 6.192).abs() < 1e-9, "0.6192 nm");
    assert!(
        !series.images[39].is_used() && series.images[38].is_used(),
        "ExcludeProjections=40"
    );
    let stated = series.nominal_tilt_axis_angle.unwrap().degrees().0;
    assert_eq!(stated, 83.9);
    for image in &series.images {
        assert!((image.geometry.unwrap().tilt_axis_angle.degrees().0 - stated).abs() < 1.0);
        // Raw angles are of the stage; AngleOffset 2.85 and the fit (up to 0.4°) stand in the refined ones.
        assert!(
            (image.tilt_angle().degrees().0 - image.nominal_tilt_angle.degrees().0 - 2.85).abs()
                < 0.5
        );
    }
}
