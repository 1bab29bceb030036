//! Every real MRC file agrees with the dimensions and statistics that the manifest states (from mrcfile).

use thon_images::mrc::{ExtendedHeader, Mrc, MrcFile, MrcMode, Statistics};
use thon_images::{ByteOrder, ImageError};

use crate::shared_data::{agrees, facts, shared};

#[test]
fn every_file_agrees_with_the_manifest() {
    let all = facts("MRC mode");
    for fact in &all {
        let mrc = MrcFile::open(&fact.path).unwrap_or_else(|e| panic!("{}: {e}", fact.file));
        let header = mrc.header();
        let mut dims = vec![header.nx, header.ny, header.nz];
        let stated = fact.dims().unwrap();
        dims.truncate(stated.len());
        assert_eq!(dims, stated, "{}", fact.file);
        assert_eq!(
            f64::from(header.mode.code()),
            fact.number("mode").unwrap(),
            "{}",
            fact.file
        );
        let voxel = fact.number("voxel").unwrap();
        let found = header.voxel_size()[0].unwrap_or(0.0);
        assert!(
            (found - voxel).abs() < 6e-4,
            "{}: voxel {found} {voxel}",
            fact.file
        );
        let data = mrc.read_all().unwrap();
        let statistics = Statistics::of(&data);
        // mrcfile reads mode 0 always as signed; this one file is of unsigned bytes, as its own header says.
        let unsigned = header.mode == MrcMode::Uint8;
        assert_eq!(
            unsigned,
            fact.file.ends_with("serialem_int8_subvolume_TF30.mrc")
        );
        let shift = if unsigned { 256.0 } else { 0.0 };
        for (word, found) in [
            ("min", statistics.min - shift),
            ("max", statistics.max - shift),
            ("mean", statistics.mean - shift),
            ("sd", statistics.rms()),
        ] {
            let stated = fact.number(word).unwrap();
            // Means near zero of large values are sums of rounding errors in the reference reader.
            let close = (found - stated).abs() < 1e-6 * statistics.rms();
            assert!(
                agrees(found, stated) || close,
                "{}: {word} {found} {stated}",
                fact.file
            );
        }
    }
    println!("{} MRC files agree", all.len());
    assert!(all.is_empty() || all.len() >= 80);
}

#[test]
fn short_files_say_how_many_sections_are_complete() {
    for (file, promised, complete) in [
        ("11_images/DE_detector_gain_256.mrc", 32766, 1),
        ("11_images/DE_detector_dark_256.mrc", 32766, 1),
        ("02_imod/headerTest.st", 1, 0),
    ] {
        let Some(path) = shared(file) else { return };
        let error = MrcFile::open(&path).unwrap_err();
        assert!(
            matches!(error, ImageError::TooShort { promised: p, complete: c, .. } if (p, c) == (promised, complete)),
            "{error}"
        );
        let mrc = MrcFile::open_tolerant(&path).unwrap();
        assert_eq!(mrc.available_sections(), complete);
        assert_eq!(MrcFile::read_header(&path).unwrap(), *mrc.header());
        assert!(mrc.read_section(complete).is_err());
        if complete == 1 {
            assert_eq!(mrc.read_section(0).unwrap().len(), 256 * 256);
            // The cell is written as integers by mistake: unknown, not 1e-45 Å.
            assert_eq!(mrc.header().voxel_size()[0], None);
        }
    }
}

#[test]
fn serial_em_tilt_angles_and_stage() {
    let Some(path) = shared("11_images/polara_raw_24px/test_002_mode1.st") else {
        return;
    };
    let extended = MrcFile::open(path).unwrap().extended_header().unwrap();
    assert!(matches!(extended, ExtendedHeader::SerialEm { .. }));
    let angles: Vec<f64> = extended
        .sections()
        .iter()
        .filter_map(|s| s.tilt_angle)
        .collect();
    assert_eq!(angles.len(), 41);
    for (i, angle) in angles.iter().enumerate() {
        assert!(
            (angle - (-60.0 + 3.0 * i as f64)).abs() < 0.5,
            "{i}: {angle}"
        );
    }
    assert!(
        extended
            .sections()
            .iter()
            .all(|s| s.stage_position.is_some())
    );
}

#[test]
fn fei2_record() {
    let Some(path) = shared("09_maps/FEI2_extended_header_HAADFscan.mrc") else {
        return;
    };
    let mrc = MrcFile::open(path).unwrap();
    let extended = mrc.extended_header().unwrap();
    assert!(matches!(extended, ExtendedHeader::Fei { version: 2, .. }));
    let section = &extended.sections()[0];
    println!("{section:?}");
    let pixel = section.pixel_size.unwrap();
    assert!(
        (pixel - mrc.header().pixel_size().unwrap()).abs() < 1e-3 * pixel,
        "{section:?}"
    );
}

#[test]
fn permuted_axes_come_out_in_order() {
    let Some(path) = shared("09_maps/EMD-3001.map") else {
        return;
    };
    let mrc = MrcFile::open(path).unwrap();
    assert_eq!(mrc.header().axes.0, [2, 0, 1]);
    assert_eq!(mrc.header().byte_order, ByteOrder::Little);
    let (data, shape) = mrc.read_all_xyz().unwrap();
    assert_eq!(shape, [73, 25, 43]);
    let file = mrc.read_all().unwrap();
    // columns run along Z, rows along X, sections along Y
    let [x, y, z] = [30, 11, 57];
    assert_eq!(data[(z * 25 + y) * 43 + x], file[(y * 43 + x) * 73 + z]);
}

#[test]
fn compressed_and_mapped_files_equal_plain_ones() {
    let Some(plain) = shared("09_maps/EMD-3197.map") else {
        return;
    };
    let packed = shared("09_maps/emd_3197.map.gz").unwrap();
    let expected = MrcFile::open(&plain).unwrap().read_all().unwrap();
    assert_eq!(
        MrcFile::open(&packed).unwrap().read_all().unwrap(),
        expected
    );
    assert_eq!(
        MrcFile::open_mapped(&plain).unwrap().read_all().unwrap(),
        expected
    );
    let bytes = std::fs::read(&plain).unwrap();
    assert_eq!(Mrc::parse(&bytes).unwrap().read_all().unwrap(), expected);
    let limited = MrcFile::open_with_limit(&packed, 30_000);
    assert!(matches!(limited, Err(ImageError::TooLarge { .. })));
}
