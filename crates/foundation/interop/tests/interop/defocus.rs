//! Defocus files of IMOD and AreTomo: units, astigmatism, phase, hand, ranges of views.

use std::path::Path;

use thon_interop::aretomo::{AretomoImport, read_aretomo, write_aretomo};
use thon_interop::imod::{EtomoImport, read_directory};
use thon_model::{Ctf, HandSign, Optics, TiltSeries};
use thon_units::{Angstrom, PixelSize};

use crate::shared_data::shared;

/// The series of `cets_TS_03` with one of its defocus files.
fn with_defocus(name: &str) -> Option<TiltSeries> {
    let folder = shared("02_imod/cets_TS_03")?;
    let dir = tempfile::tempdir().unwrap();
    for (from, to) in [
        ("TS_03.xf", "TS_03.xf"),
        ("TS_03.tlt", "TS_03.tlt"),
        (name, "TS_03.defocus"),
    ] {
        std::fs::copy(folder.join(from), dir.path().join(to)).unwrap();
    }
    Some(read(dir.path()))
}

fn read(dir: &Path) -> TiltSeries {
    let options = EtomoImport {
        pixel_size: Some(PixelSize(2.0)),
        image_size: Some([3838, 3710]),
        ..EtomoImport::default()
    };
    read_directory(dir, &options).unwrap().value
}

/// The first image's defocus, taken from the origin back to IMOD's rotation centre.
fn first(series: &TiltSeries) -> (f64, f64, f64, f64) {
    let image = &series.images[0];
    let ctf = image.ctf.unwrap();
    // Without a volume size the volume is taken as even: the centre lies half a pixel below the origin.
    let half = glam::DVec3::splat(0.5) * series.pixel_size.0;
    let change = -image.geometry.unwrap().rotation().apply(half).z;
    (
        ctf.defocus_u.0 - change,
        ctf.defocus_v.0 - change,
        ctf.defocus_angle.degrees().0,
        ctf.phase_shift.degrees().0,
    )
}

fn close(a: (f64, f64, f64, f64), b: (f64, f64, f64, f64)) -> bool {
    [a.0 - b.0, a.1 - b.1, a.2 - b.2, a.3 - b.3]
        .iter()
        .all(|x| x.abs() < 1e-6)
}

#[test]
fn every_version_of_imods_defocus_is_understood() {
    for (name, expected) in [
        (
            "TS_03_plain_estimation.defocus",
            (13600.0, 13600.0, 0.0, 0.0),
        ),
        (
            "TS_03_only_astigmatism.defocus",
            (16516.0, 12067.0, 31.76, 0.0),
        ),
        (
            "TS_03_only_phase_shift.defocus",
            (13236.0, 13236.0, 0.0, 10.19),
        ),
        (
            "TS_03_astigmatism_and_phase_shift.defocus",
            (14839.0, 10687.0, 32.44, 26.49),
        ),
        (
            "TS_03_astigmatism_phase_shift_and_cutoff_freq.defocus",
            (13314.0, 9175.0, 32.43, 29.08),
        ),
    ] {
        let Some(series) = with_defocus(name) else {
            return;
        };
        assert!(
            close(first(&series), expected),
            "{name} {:?}",
            first(&series)
        );
        assert_eq!(series.defocus_hand.as_ref().unwrap().sign, HandSign::Minus);
        assert!(series.images.iter().all(|image| image.ctf.is_some()));
    }
}

#[test]
fn views_between_rows_are_interpolated() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write("s.xf", &"1 0 0 1 0 0\n".repeat(5));
    write("s.tlt", "0\n0\n0\n0\n0\n");
    write("s.defocus", "1 1 0 0 1000 2\n3 5 0 0 2000\n");
    let series = read(dir.path());
    // At 0° the origin of an even volume lies half a pixel (1 Å) above the centre, and IMOD's hand is −1.
    let nm: Vec<f64> = series
        .images
        .iter()
        .map(|image| (image.ctf.unwrap().defocus_u.0 + 1.0) / 10.0)
        .collect();
    for (found, expected) in nm.iter().zip([
        1000.0,
        1000.0 + 1000.0 / 3.0,
        1000.0 + 2000.0 / 3.0,
        2000.0,
        2000.0,
    ]) {
        assert!((found - expected).abs() < 1e-9, "{nm:?}");
    }
}

#[test]
fn an_aretomo_defocus_goes_round() {
    let Some(path) = shared("03_aretomo/aretomo3_Position_5_4.aln") else {
        return;
    };
    let mut options = AretomoImport {
        pixel_size: PixelSize(1.5),
        stack: None,
        ctf: None,
        volume_size: None,
        optics: Optics::default(),
    };
    let mut series = read_aretomo(&path, &options).unwrap().value;
    for (index, image) in series.images.iter_mut().enumerate() {
        let mut ctf = Ctf::round(Angstrom(20000.0 + 10.0 * index as f64));
        ctf.defocus_v = Angstrom(19500.0);
        ctf.defocus_angle = thon_units::Degrees(33.25).radians();
        ctf.phase_shift = thon_units::Radians(0.5);
        image.ctf = Some(ctf);
    }
    series.defocus_hand = Some(thon_model::DefocusHand {
        sign: HandSign::Plus,
        evidence: "test".to_owned(),
    });
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.aln");
    write_aretomo(&series, &copy).unwrap();
    options.ctf = Some(dir.path().join("copy_CTF.txt"));
    let again = read_aretomo(&copy, &options).unwrap().value;
    assert_eq!(again.defocus_hand.unwrap().sign, HandSign::Plus);
    for (a, b) in series.images.iter().zip(&again.images) {
        let (a, b) = (a.ctf.unwrap(), b.ctf.unwrap());
        assert_eq!(
            (a.defocus_u, a.defocus_v, a.phase_shift),
            (b.defocus_u, b.defocus_v, b.phase_shift)
        );
        assert!((a.defocus_angle - b.defocus_angle).0.abs() < 1e-12);
    }
    std::fs::copy(
        shared("03_aretomo/aretomo3_small/test_CTF.txt").unwrap(),
        dir.path().join("other.txt"),
    )
    .unwrap();
    options.ctf = Some(dir.path().join("other.txt"));
    let error = read_aretomo(&copy, &options).unwrap_err().to_string();
    assert!(
        error.contains("31 rows (all images)") && error.contains("found 3"),
        "{error}"
    );
}
