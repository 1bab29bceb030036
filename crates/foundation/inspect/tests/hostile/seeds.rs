//! Seeds per parser: small files made by our own writers or by hand, and small real ones when present.
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use thon_images::Samples;
use thon_images::em::{self, EmSpec};
use thon_images::mrc::MrcHeader;
use thon_images::npy;
use thon_inspect::{Kind, inspect};

use crate::corpus;
use crate::parsers::Parser;
use crate::text_seeds::TEXTS;

/// Largest real file taken as a seed.
const LARGEST: u64 = 6 << 10;
/// Most real files per kind.
const MOST: usize = 12;

/// The kinds with a parser of their own, each with its seeds.
pub(crate) fn all() -> BTreeMap<Kind, Vec<Vec<u8>>> {
    let mut seeds: BTreeMap<Kind, Vec<Vec<u8>>> = BTreeMap::new();
    for (kind, bytes) in made() {
        seeds.entry(kind).or_default().push(bytes);
    }
    let folder = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../../shared/data"
    ));
    let mut real = Vec::new();
    collect(&folder, &mut real);
    real.sort();
    for path in real {
        let Ok(description) = inspect(&path) else {
            continue;
        };
        let list = seeds.entry(description.kind).or_default();
        if list.len() < MOST {
            list.extend(std::fs::read(&path).ok());
        }
    }
    seeds
}

/// Every parser with its seeds; the stored hostile files among them.
pub(crate) fn of_parsers() -> Vec<(Parser, Vec<Vec<u8>>)> {
    let kinds = all()
        .into_iter()
        .map(|(kind, seeds)| (Parser::of(kind), seeds));
    let mut list: Vec<(Parser, Vec<Vec<u8>>)> = kinds
        .chain(Parser::direct().map(|parser| (parser, Vec::new())))
        .collect();
    for case in corpus::cases() {
        if let Some((_, seeds)) = list
            .iter_mut()
            .find(|(parser, _)| parser.name == case.parser)
        {
            seeds.push(case.bytes);
        }
    }
    list
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.metadata() {
            Ok(data) if data.is_dir() => collect(&path, files),
            Ok(data) if data.len() > 0 && data.len() <= LARGEST => files.push(path),
            _ => {}
        }
    }
}

/// Files made by our own writers or by hand, at least one per parser.
pub(crate) fn made() -> Vec<(Kind, Vec<u8>)> {
    let mut list: Vec<(Kind, Vec<u8>)> = TEXTS
        .into_iter()
        .map(|(kind, text)| (kind, text.into()))
        .collect();
    list.extend([0, 1, 2, 4, 6, 12, 101].map(|mode| (Kind::Mrc, mrc(mode))));
    list.push((Kind::Em, em()));
    list.push((Kind::Npy, plain_npy()));
    list.push((Kind::CryosparcTable, table_npy()));
    list.extend([
        (Kind::Tiff, tiff(false)),
        (Kind::Tiff, tiff(true)),
        (Kind::Spider, spider()),
        (Kind::ImodModel, imod()),
    ]);
    list.push((Kind::Eer, eer()));
    list.push((Kind::DigitalMicrograph, dm3()));
    list.push((Kind::TarArchive, tar()));
    list.push((Kind::ZipArchive, npz()));
    for inner in [mrc(2), TEXTS[0].1.into(), tar()] {
        list.push((Kind::Compressed, gzip(&inner)));
    }
    list
}

/// A header whose fields are right for the data that follow.
pub(crate) fn mrc(mode: i32) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    let mut put = |at: usize, value: i32| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    for (index, value) in [6, 4, 3, mode, 0, 0, 0, 6, 4, 3].into_iter().enumerate() {
        put(4 * index, value);
    }
    for (at, value) in [
        (40, 12.0_f32),
        (44, 8.0),
        (48, 6.0),
        (52, 90.0),
        (56, 90.0),
        (60, 90.0),
        (80, 5.0),
        (84, 1.0),
    ] {
        put(at, value.to_bits() as i32);
    }
    for (at, value) in [
        (64, 1),
        (68, 2),
        (72, 3),
        (108, 20140),
        (208, 0x2050_414d),
        (212, 0x4444),
        (220, 1),
    ] {
        put(at, value);
    }
    let extended = if mode == 1 { 3 * 12 } else { 0 };
    put(92, extended);
    put(128, 0x000c | (0x0027 << 16));
    let header = MrcHeader::parse(&bytes).ok();
    let data = header
        .and_then(|header| header.file_bytes())
        .map_or(512, |bytes| bytes as usize - 1024);
    bytes.extend((0..data).map(|index| (index * 7 % 61) as u8));
    bytes
}

pub(crate) fn em() -> Vec<u8> {
    let mut bytes = Vec::new();
    let samples = Samples::F32((0..60).map(|index| index as f32).collect());
    em::write(&mut bytes, &EmSpec::new([1, 3, 20]), &samples).expect("a vector takes it");
    bytes
}

pub(crate) fn plain_npy() -> Vec<u8> {
    let mut bytes = Vec::new();
    npy::write_npy(&mut bytes, &[2, 3, 4], &Samples::F32(vec![1.5; 24]))
        .expect("a vector takes it");
    bytes
}

pub(crate) fn npz() -> Vec<u8> {
    let arrays = [
        ("pose", &[2_usize, 3][..], &Samples::F32(vec![1.0; 6])),
        ("uid", &[2][..], &Samples::U64(vec![1, 2])),
    ];
    let mut bytes = Cursor::new(Vec::new());
    npy::write_npz(&mut bytes, &arrays, true).expect("a vector takes it");
    bytes.into_inner()
}

pub(crate) fn table_npy() -> Vec<u8> {
    let header = "{'descr': [('uid', '<u8'), ('blob/psize_A', '<f4'), ('blob/path', '|S8'), ('pose', '<f4', (3,))], \
                  'fortran_order': False, 'shape': (4,), }\n";
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend((0..4 * 32).map(|index| index as u8));
    bytes
}

/// A grey image of 8 × 4 bytes and a second page; classic or BigTIFF, little-endian.
pub(crate) fn tiff(big: bool) -> Vec<u8> {
    let spec = thon_images::tiff::TiffSpec {
        width: 8,
        height: 4,
        sample: thon_images::tiff::TiffSample::U8,
        compression: thon_images::tiff::TiffCompression::Deflate,
        pixel_size: Some(1.5),
        description: Some("seed".to_owned()),
        big,
    };
    let mut writer = thon_images::tiff::TiffWriter::create(Cursor::new(Vec::new()), spec)
        .expect("a vector takes it");
    let page: Vec<f32> = (0..32).map(|index| index as f32).collect();
    writer.write_page(&page).expect("a vector takes it");
    writer.write_page(&page).expect("a vector takes it");
    writer.finish().expect("a vector takes it").0.into_inner()
}

/// One frame of an EER movie by hand: 16 × 16 pixels, compression 65001.
pub(crate) fn eer() -> Vec<u8> {
    let data: Vec<u8> = (0..24).map(|index| (index * 37 % 251) as u8).collect();
    eer_frame(16, 16, 24, &data)
}

/// An EER frame of this size whose strip says it has `strip` bytes.
pub(crate) fn eer_frame(columns: u32, rows: u32, strip: u32, data: &[u8]) -> Vec<u8> {
    let entries = [
        (256, 4, 1, columns),
        (257, 4, 1, rows),
        (258, 3, 1, 1),
        (259, 3, 1, 65001),
        (273, 4, 1, 8 + 2 + 12 * 7 + 4),
        (278, 4, 1, rows),
        (279, 4, 1, strip),
    ];
    directory(&entries, 0, data)
}

/// A classic little-endian TIFF with one directory (tag, type, count, value), a pointer to the next one, and
/// data behind it.
pub(crate) fn directory(entries: &[(u16, u16, u32, u32)], next: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(next.to_le_bytes());
    bytes.extend(data);
    bytes
}

/// A DM3 file by hand: ImageList with one image of 4 × 4 floats.
pub(crate) fn dm3() -> Vec<u8> {
    let name = |kind: u8, name: &str| {
        let mut bytes = vec![kind];
        bytes.extend((name.len() as u16).to_be_bytes());
        bytes.extend(name.bytes());
        bytes
    };
    let group = |tags: &[Vec<u8>]| {
        let mut bytes = vec![0, 0];
        bytes.extend((tags.len() as u32).to_be_bytes());
        bytes.extend(tags.concat());
        bytes
    };
    let number = |title: &str, value: u32| {
        let mut bytes = name(21, title);
        bytes.extend(b"%%%%\0\0\0\x01\0\0\0\x05");
        bytes.extend(value.to_le_bytes());
        bytes
    };
    let mut data = name(21, "Data");
    data.extend(b"%%%%\0\0\0\x03\0\0\0\x14\0\0\0\x06\0\0\0\x10");
    data.extend((0..16).flat_map(|index| (index as f32).to_le_bytes()));
    let wrapped = |title: &str, tags: &[Vec<u8>]| [name(20, title), group(tags)].concat();
    let dimensions = wrapped("Dimensions", &[number("", 4), number("", 4)]);
    let image_data = wrapped(
        "ImageData",
        &[
            data,
            number("DataType", 2),
            dimensions,
            number("PixelDepth", 4),
        ],
    );
    let list = wrapped("ImageList", &[wrapped("", &[image_data])]);
    let root = group(&[list]);
    let mut bytes = 3_u32.to_be_bytes().to_vec();
    bytes.extend((root.len() as u32).to_be_bytes());
    bytes.extend(1_u32.to_be_bytes());
    bytes.extend(root);
    bytes.extend([0; 8]);
    bytes
}

pub(crate) fn spider() -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    for (word, value) in [
        (1, 1.0_f32),
        (2, 4.0),
        (5, 1.0),
        (12, 8.0),
        (13, 32.0),
        (22, 1024.0),
        (23, 32.0),
    ] {
        bytes[4 * word - 4..4 * word].copy_from_slice(&value.to_le_bytes());
    }
    bytes.extend((0..32).flat_map(|index| (index as f32).to_le_bytes()));
    bytes
}

pub(crate) fn imod() -> Vec<u8> {
    use thon_formats::imod::model::{Contour, Model, Object, write};
    let mut model = Model::new([64, 64, 16]);
    let mut object = Object::new("gold");
    object
        .contours
        .push(Contour::new(vec![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    model.objects.push(object);
    write(&model)
}

pub(crate) fn tar() -> Vec<u8> {
    let mut bytes = vec![0; 512];
    bytes[..5].copy_from_slice(b"a.txt");
    bytes[124..136].copy_from_slice(b"00000000010\0");
    bytes[156] = b'0';
    bytes[257..262].copy_from_slice(b"ustar");
    bytes.extend(b"12345678");
    bytes.resize(1024 + 1024, 0);
    bytes
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder
        .write_all(bytes)
        .and_then(|()| encoder.finish())
        .expect("a vector takes it")
}
