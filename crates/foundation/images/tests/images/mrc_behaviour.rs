//! Headers as real programs write them: byte orders, byte signs, 4-bit data, missing stamps, damaged fields.

use std::io::Write;

use thon_images::mrc::{ExtendedHeader, Mrc, MrcFile, MrcKind, MrcMode, MrcSpec, MrcWriter};
use thon_images::{ByteOrder, ImageError, Samples};

fn put(bytes: &mut [u8], at: usize, value: i32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// A bare header without any stamp, followed by `data`.
fn file(dims: [i32; 3], mode: i32, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    for (i, n) in dims.iter().enumerate() {
        put(&mut bytes, 4 * i, *n);
        put(&mut bytes, 28 + 4 * i, *n);
    }
    put(&mut bytes, 12, mode);
    bytes.extend_from_slice(data);
    bytes
}

/// The same numbers in the other byte order (all header words used here have four bytes, samples two).
fn swapped(bytes: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = bytes[..1024]
        .chunks(4)
        .flat_map(|w| w.iter().rev().copied())
        .collect();
    out.extend(
        bytes[1024..]
            .chunks(2)
            .flat_map(|w| w.iter().rev().copied()),
    );
    out
}

#[test]
fn both_byte_orders_with_and_without_stamp() {
    let data: Vec<u8> = [1i16, -2, 300, -400, 5, 6]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let little = file([3, 2, 1], 1, &data);
    let big = swapped(&little);
    let mut stamped = big.clone();
    stamped[212] = 0x11;
    let mut wrongly_stamped = big.clone();
    wrongly_stamped[212] = 0x44;
    for (bytes, order) in [
        (&little, ByteOrder::Little),
        (&big, ByteOrder::Big),
        (&stamped, ByteOrder::Big),
        (&wrongly_stamped, ByteOrder::Big),
    ] {
        let mrc = Mrc::parse(bytes).unwrap();
        assert_eq!(mrc.header().byte_order, order);
        assert!(!mrc.header().notes.is_empty());
        assert_eq!(
            mrc.read_all().unwrap(),
            [1.0, -2.0, 300.0, -400.0, 5.0, 6.0]
        );
    }
}

#[test]
fn sign_of_bytes() {
    let bytes = file([2, 1, 1], 0, &[200, 100]);
    let signed = |bytes: &[u8]| Mrc::parse(bytes).unwrap().read_all().unwrap()[0] < 0.0;
    assert!(signed(&bytes));
    let mut by_range = bytes.clone();
    put(&mut by_range, 80, 200.0f32.to_bits() as i32);
    assert!(!signed(&by_range));
    let mut by_version = by_range.clone();
    put(&mut by_version, 108, 20140);
    assert!(signed(&by_version));
    let mut by_flag = by_version.clone();
    put(&mut by_flag, 152, 1_146_047_817);
    assert!(!signed(&by_flag));
    put(&mut by_flag, 156, 1);
    assert!(signed(&by_flag));
}

#[test]
fn four_bit_data_of_odd_width() {
    let bytes = file([3, 2, 1], 101, &[0x21, 0x03, 0x54, 0x06]);
    let mrc = Mrc::parse(&bytes).unwrap().complete().unwrap();
    assert_eq!(mrc.read_all().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(mrc.read_window(0, 1, 1, 1, 2).unwrap(), [5.0, 6.0]);
    assert_eq!(
        mrc.read_section_samples(0).unwrap(),
        Samples::U8(vec![1, 2, 3, 4, 5, 6])
    );
    let mut half_width = file([2, 1, 1], 0, &[0x21, 0x43]);
    put(&mut half_width, 152, 1_146_047_817);
    put(&mut half_width, 156, 16);
    let mrc = Mrc::parse(&half_width).unwrap();
    assert_eq!(mrc.shape(), [1, 1, 4]);
    assert_eq!(mrc.read_all().unwrap(), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn complex_data() {
    let data: Vec<u8> = [1i16, 2, -3, 4]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let bytes = file([2, 1, 1], 3, &data);
    let mrc = Mrc::parse(&bytes).unwrap();
    assert_eq!(
        mrc.read_section_complex(0).unwrap(),
        [[1.0, 2.0], [-3.0, 4.0]]
    );
    assert_eq!(
        mrc.read_section_samples(0).unwrap(),
        Samples::ComplexI16(vec![[1, 2], [-3, 4]])
    );
    assert!(matches!(
        mrc.read_section(0),
        Err(ImageError::Unsupported { .. })
    ));
    let floats: Vec<u8> = [0.5f32, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let bytes = file([1, 1, 1], 4, &floats);
    assert_eq!(
        Mrc::parse(&bytes).unwrap().read_section_complex(0).unwrap(),
        [[0.5, 2.0]]
    );
}

#[test]
fn kinds_and_unknown_voxel_size() {
    let mut bytes = file([1, 1, 6], 0, &[0; 6]);
    let kind = |bytes: &[u8]| Mrc::parse(bytes).unwrap().header().kind();
    assert_eq!(kind(&bytes), MrcKind::ImageStack);
    assert_eq!(Mrc::parse(&bytes).unwrap().header().pixel_size(), None);
    put(&mut bytes, 88, 1);
    assert_eq!(kind(&bytes), MrcKind::Volume);
    put(&mut bytes, 88, 401);
    put(&mut bytes, 36, 3);
    assert_eq!(
        kind(&bytes),
        MrcKind::VolumeStack {
            sections_per_volume: 3
        }
    );
    put(&mut bytes, 36, 4);
    assert_eq!(
        kind(&bytes),
        MrcKind::VolumeStack {
            sections_per_volume: 6
        }
    );
}

#[test]
fn imod_origin_has_the_opposite_sign() {
    let mut bytes = file([1, 1, 1], 0, &[0]);
    put(&mut bytes, 196, 5.0f32.to_bits() as i32);
    let origin = |bytes: &[u8]| Mrc::parse(bytes).unwrap().header().origin()[0];
    assert_eq!(origin(&bytes), 5.0);
    put(&mut bytes, 152, 1_146_047_817);
    assert_eq!(origin(&bytes), -5.0);
    put(&mut bytes, 156, 4);
    assert_eq!(origin(&bytes), 5.0);
}

#[test]
fn agard_and_old_fei_extended_headers() {
    let mut extended = Vec::new();
    for section in 0..2 {
        extended.extend_from_slice(&(7i32 + section).to_le_bytes());
        extended.extend(
            [3.5f32 * section as f32, 1.0]
                .iter()
                .flat_map(|v| v.to_le_bytes()),
        );
    }
    let mut bytes = file([1, 1, 2], 0, &extended);
    bytes.extend([0, 0]);
    put(&mut bytes, 92, 24);
    put(&mut bytes, 128, 1 | 2 << 16);
    bytes[104..108].copy_from_slice(b"AGAR");
    let mrc = Mrc::parse(&bytes).unwrap().complete().unwrap();
    let ExtendedHeader::Agard {
        sections, integers, ..
    } = mrc.extended_header().unwrap()
    else {
        panic!("not Agard");
    };
    assert_eq!(sections[1].tilt_angle, Some(3.5));
    assert_eq!(integers, [[7], [8]]);

    let mut floats = [0.0f32; 32];
    (floats[0], floats[7], floats[11]) = (-12.0, -3e-6, 2.5e-10);
    let mut bytes = file(
        [1, 1, 1],
        0,
        &floats
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<_>>(),
    );
    bytes.push(0);
    put(&mut bytes, 92, 128);
    put(&mut bytes, 128, 32 << 16);
    let extended = Mrc::parse(&bytes).unwrap().extended_header().unwrap();
    let section = &extended.sections()[0];
    assert_eq!(section.tilt_angle, Some(-12.0));
    assert!((section.defocus.unwrap() - 30000.0).abs() < 1e-2);
    assert!((section.pixel_size.unwrap() - 2.5).abs() < 1e-6);
}

#[test]
fn not_an_mrc_file() {
    for bytes in [vec![], vec![0; 1023], vec![0; 4096], vec![b'x'; 4096]] {
        assert!(matches!(
            Mrc::parse(&bytes),
            Err(ImageError::NotThisFormat { .. })
        ));
    }
    let huge = file([1 << 24, 1 << 24, 1 << 24], 4, &[0; 64]);
    let mrc = Mrc::parse(&huge).unwrap();
    assert_eq!(mrc.available_sections(), 0);
    assert!(mrc.read_all().is_err());
    assert!(mrc.read_window(0, 0, 0, 1 << 24, 1 << 24).is_err());
    assert!(Mrc::parse(&file([1, 1, 1], 16, &[0; 3])).is_err());
}

#[test]
fn files_on_disk_plain_and_compressed() {
    let folder = tempfile::tempdir().unwrap();
    let data: Vec<f32> = (0..60).map(|i| i as f32 * 0.5 - 3.0).collect();
    let plain = folder.path().join("a.mrc");
    thon_images::mrc::write_volume(&plain, &data, [3, 4, 5], Some(2.5)).unwrap();
    let bytes = std::fs::read(&plain).unwrap();
    let gz = folder.path().join("a.mrc.gz");
    let mut encoder = flate2::write::GzEncoder::new(
        std::fs::File::create(&gz).unwrap(),
        flate2::Compression::fast(),
    );
    encoder.write_all(&bytes).unwrap();
    encoder.finish().unwrap();
    let bz2 = folder.path().join("a.map.bz2");
    let mut encoder = bzip2::write::BzEncoder::new(
        std::fs::File::create(&bz2).unwrap(),
        bzip2::Compression::fast(),
    );
    encoder.write_all(&bytes).unwrap();
    encoder.finish().unwrap();
    for path in [&plain, &gz, &bz2] {
        let mrc = MrcFile::open(path).unwrap();
        assert_eq!(mrc.read_all().unwrap(), data);
        assert_eq!(mrc.header().mode, MrcMode::Float32);
        assert_eq!(mrc.header().voxel_size(), [Some(2.5); 3]);
    }
    assert_eq!(
        MrcFile::open_mapped(&plain).unwrap().as_f32(),
        Some(data.as_slice())
    );
    assert_eq!(MrcFile::open(&plain).unwrap().as_f32(), None);
    // A damaged byte is noticed by the sum at the end; a file cut short still gives its complete sections.
    let packed = std::fs::read(&gz).unwrap();
    let mut damaged = packed.clone();
    let checksum = packed.len() - 6;
    damaged[checksum] ^= 1;
    std::fs::write(&gz, &damaged).unwrap();
    assert!(MrcFile::open(&gz).is_err());
    std::fs::write(&gz, &packed[..packed.len() - 30]).unwrap();
    assert!(matches!(
        MrcFile::open(&gz),
        Err(ImageError::TooShort { promised: 3, .. })
    ));
    let partial = MrcFile::open_tolerant(&gz).unwrap();
    assert!(partial.available_sections() < 3);
    let stream = MrcFile::from_reader(bytes.as_slice(), 1 << 20).unwrap();
    assert_eq!(stream.read_all().unwrap(), data);
    assert!(matches!(
        MrcFile::from_reader(bytes.as_slice(), 1000),
        Err(ImageError::TooLarge { .. })
    ));
    assert!(matches!(
        MrcFile::open(folder.path()),
        Err(ImageError::File { .. })
    ));
    let spec = MrcSpec::stack([1, 1, 1], None);
    assert!(MrcWriter::create_file(folder.path().join("no/such/folder.mrc"), &spec).is_err());
}

#[test]
fn narrow_windows_are_those_of_the_whole_section() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("volume.mrc");
    let data: Vec<u8> = (0..3 * 4 * 80_i16).flat_map(i16::to_le_bytes).collect();
    let bytes = file([80, 4, 3], 1, &data);
    std::fs::write(&path, &bytes).unwrap();
    for mrc in [Mrc::open(&path).unwrap(), Mrc::parse(&bytes).unwrap()] {
        for (z, y0, x0, ny, nx) in [(0, 0, 0, 4, 1), (2, 1, 75, 3, 5), (1, 3, 79, 1, 1)] {
            let section = mrc.read_section(z).unwrap();
            let expected: Vec<f32> = (y0..y0 + ny)
                .flat_map(|y| section[80 * y + x0..][..nx].to_vec())
                .collect();
            assert_eq!(mrc.read_window(z, y0, x0, ny, nx).unwrap(), expected);
        }
        assert!(mrc.read_window(0, 0, 76, 4, 5).is_err());
        assert!(mrc.read_window(3, 0, 0, 4, 1).is_err());
    }
}
