//! Dialects and odd spellings of mdoc on small texts.

use super::*;

const TILT: &str = "PixelSpacing = 2.1\r\nImageSize = 4096 4096\r\n\r\n[T = SerialEM: site   ]\r\n\r\n[T =     Tilt axis angle = 84.8, binning = 1  spot = 4  camera = 1 dosym = -10.0]\r\n\r\n[ZValue = 0]\r\nTiltAngle = -3.01\r\nSubFramePath = \\\\server\\x y\\TS_1_000_-3.0.tif\r\nFrameDosesAndNumber = 0.023687 3  0.035531 7\r\nDateTime = 15-May-24  16:56:54\r\nChannelName =\r\nPriorRecordDose = 1.5\r\n";

#[test]
fn serial_em_keys() {
    let mdoc = parse(TILT, "a.mdoc").unwrap();
    assert_eq!(write(&mdoc), TILT);
    assert_eq!(mdoc.pixel_spacing().unwrap(), Some(2.1));
    assert_eq!(mdoc.image_size().unwrap(), Some([4096.0, 4096.0]));
    assert_eq!(mdoc.tilt_axis_angle(), Some(84.8));
    assert_eq!(mdoc.dose_symmetric_start(), Some(-10.0));
    assert_eq!(mdoc.bidirectional_start(), None);
    let section = &mdoc.sections[0];
    assert_eq!(section.tilt_angle().unwrap(), Some(-3.01));
    assert_eq!(section.sub_frame_name(), Some("TS_1_000_-3.0.tif"));
    assert_eq!(
        section.frame_doses().unwrap()[1],
        FrameDose {
            dose: 0.035531,
            frames: 7
        }
    );
    assert_eq!(
        section.date_time().unwrap().unwrap().to_string(),
        "15-May-2024  16:56:54"
    );
    assert_eq!(section.number("ChannelName").unwrap(), None);
    assert_eq!(section.index(), Some(0));
}

#[test]
fn titles_in_many_spellings() {
    for (title, angle) in [
        (
            "[T = TiltAxisAngle = -171.35 Binning = 1 SpotSize = 5]",
            -171.35,
        ),
        ("[T =\tTilt axis angle =\t85.0,\tbinning = 1]", 85.0),
        ("[ T=Tilt axis angle=85.5]", 85.5),
        ("T = Tilt axis angle = 12, x", 12.0),
        (
            "[T = SerialEM: site\n Tilt axis angle = 7.5, binning = 2]",
            7.5,
        ),
        ("[T = Tilt axis angle = 9.5, binning = 2", 9.5),
    ] {
        let mdoc = parse(title, "t").unwrap();
        assert_eq!(mdoc.tilt_axis_angle(), Some(angle), "{title}");
        assert_eq!(parse(&write(&mdoc), "t").unwrap(), mdoc);
    }
}

#[test]
fn dates_and_differences() {
    let early = DateTime::parse("28-Feb-2024  23:59:50").unwrap();
    let late = DateTime::parse("01-Mar-24 00:00:10").unwrap();
    assert_eq!(late.seconds() - early.seconds(), 86_400 + 20);
    assert!(early < late);
    assert_eq!(
        DateTime::parse("01-Jan-1970 00:00:00").unwrap().seconds(),
        0
    );
    for bad in [
        "",
        "2024-01-01 00:00:00",
        "32-Jan-24 00:00:00",
        "01-Foo-24 00:00:00",
        "01-Jan-24 24:00:00",
        "01-Jan-024 1:1:1",
    ] {
        assert_eq!(DateTime::parse(bad), None, "{bad}");
    }
}

#[test]
fn odd_values_give_errors_that_name_the_section() {
    let mdoc = parse("[ZValue = 4]\nTiltAngle = 1,5x\nImageShift = 1\nNumSubFrames = -2\nDateTime = soon\nFrameDosesAndNumbers = 1 2 3\n", "odd.mdoc").unwrap();
    let section = &mdoc.sections[0];
    let message = section.tilt_angle().unwrap_err().to_string();
    assert_eq!(
        message,
        "odd.mdoc:1 [ZValue = 4]: expected a number for TiltAngle, found '1,5x'"
    );
    assert!(section.pair("ImageShift").is_err());
    assert!(section.sub_frames().is_err());
    assert!(section.date_time().is_err());
    assert!(section.frame_doses().is_err());
    assert!(parse("not an mdoc\n", "x").is_err());
    assert!(parse("", "x").unwrap().sections.is_empty());
}

#[test]
fn building_one() {
    let mut mdoc = Mdoc::default();
    mdoc.set("PixelSpacing", "1.5");
    mdoc.header.push(Item::Blank);
    mdoc.header
        .push(Item::title("Tilt axis angle = 85.0, binning = 1"));
    mdoc.header.push(Item::Blank);
    for index in 0..2 {
        let mut section = Section::new(
            SectionKind::ZValue,
            index,
            [("TiltAngle", format!("{}", 3 * index))],
        );
        section.set("ExposureDose", "2.5");
        mdoc.sections.push(section);
    }
    let text = write(&mdoc);
    let expected = "PixelSpacing = 1.5\n\n[T = Tilt axis angle = 85.0, binning = 1]\n\n[ZValue = 0]\nTiltAngle = 0\nExposureDose = 2.5\n\n[ZValue = 1]\nTiltAngle = 3\nExposureDose = 2.5\n\n";
    assert_eq!(text, expected);
    let back = parse(&text, "").unwrap();
    assert_eq!(back.sections[1].tilt_angle().unwrap(), Some(3.0));
    assert_eq!(back.tilt_axis_angle(), Some(85.0));
}
